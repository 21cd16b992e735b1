/**
 * Keys of the sound settings. Each change goes to the agent at once and is shown when the agent says so; a running call
 * follows. While they are open the microphone is listened to, for the meter only.
 */
import type { AgentCommand, ListedDevice, SoundDevicesReport } from '../../store/port.ts';
import { chosenDevices, currentCall, specAfter } from '../../store/state.ts';
import { deviceCalled, SOUND_ITEMS, type SoundItem, TEST_CALL_NAME } from '../rows/sound-rows.ts';
import type { Dialog, UiState } from '../ui-state.ts';
import { lineAfter, valueAfter } from './choices.ts';
import { inCall } from './context.ts';
import { type Effect, noticed, request, type Step, step, type World } from './world.ts';

type SoundDialog = Extract<Dialog, { type: 'sound' }>;

/** The agent listens for ten seconds after each wish. */
const LISTEN_AGAIN_MS = 4_000;
const GAIN_DB_MAX = 20;
const MODES = ['auto', 'on', 'off'] as const;
const NOISE_MODES = ['auto', 'on', 'strong', 'off'] as const;

export const SOUND_HANDLERS = {
  'sound.open': ({ ui }: World): Step =>
    step(
      { ...ui, dialog: { type: 'sound', chosen: 0, devices: null, listenedAtMs: 0 } },
      request({ type: 'sound.devices' }, { for: 'devices' }),
    ),
} as const;

/** Devices have been looked for. */
export function withDevices(ui: UiState, devices: SoundDevicesReport): UiState {
  return ui.dialog?.type === 'sound' ? { ...ui, dialog: { ...ui.dialog, devices } } : ui;
}

/** The wish to hear the microphone, again and again while the settings are open. */
export function listening({ app, ui, nowMs }: World): { readonly ui: UiState; readonly effects: readonly Effect[] } {
  const { dialog } = ui;
  const isDue = dialog?.type === 'sound' && nowMs - dialog.listenedAtMs >= LISTEN_AGAIN_MS;
  if (!isDue || ui.link.type !== 'up' || inCall(app)) return { ui, effects: [] };
  return { ui: { ...ui, dialog: { ...dialog, listenedAtMs: nowMs } }, effects: [request({ type: 'sound.listen' })] };
}

export function soundMoved(ui: UiState, by: number): UiState {
  const { dialog } = ui;
  if (dialog?.type !== 'sound') return ui;
  return { ...ui, dialog: { ...dialog, chosen: lineAfter(dialog.chosen, by, SOUND_ITEMS.length) } };
}

export function soundChanged(world: World, by: 1 | -1): Step {
  const { ui } = world;
  const { dialog } = ui;
  if (dialog?.type !== 'sound') return step(ui);
  const item = SOUND_ITEMS[dialog.chosen] ?? 'input';
  if (item === 'test') return testCall(world);
  const command = commandFor(item, world, dialog, by);
  return command ? step(ui, request(command, { for: 'plain', detail: '' })) : step(ui);
}

function commandFor(
  item: Exclude<SoundItem, 'test'>,
  { app }: World,
  { devices }: SoundDialog,
  by: 1 | -1,
): AgentCommand | undefined {
  const { sound, spec } = app.audio;
  if (item === 'input' || item === 'output') {
    const listed = item === 'input' ? devices?.inputs : devices?.outputs;
    return (
      listed && { type: 'audio.set', spec: specAfter(spec, nextDevice(listed, chosenDevices(spec)[item], by), item) }
    );
  }
  if (!sound) return undefined;
  switch (item) {
    case 'echo':
    case 'gain':
      return { type: 'sound.set', [item]: valueAfter(MODES, sound[item], by) };
    case 'noise':
      return { type: 'sound.set', noise: valueAfter(NOISE_MODES, sound.noise, by) };
    case 'headphones':
      return { type: 'sound.set', headphones: !sound.headphones };
    case 'level':
      return {
        type: 'sound.set',
        inputGainDb: Math.max(-GAIN_DB_MAX, Math.min(GAIN_DB_MAX, Math.round(sound.inputGainDb) + by)),
      };
  }
}

/** The default stands before all devices, and after the last one comes the first again. */
function nextDevice(devices: readonly ListedDevice[], name: string, by: 1 | -1): string {
  const names = ['', ...devices.map((device) => device.name)];
  const now = name === '' ? '' : (deviceCalled(devices, name)?.name ?? '');
  return valueAfter(names, now, by);
}

export function testCall(world: World): Step {
  const { app, ui } = world;
  const call = currentCall(app);
  const tag = { for: 'plain', detail: TEST_CALL_NAME } as const;
  if (call?.peer === TEST_CALL_NAME) return step(ui, request({ type: 'call.hang-up', call: call.call }, tag));
  if (call) return step(noticed(world, ui, `You are in a call with ${call.peer}.`, 'warn'));
  const audio = world.audio === undefined ? {} : { audio: world.audio };
  return step(ui, request({ type: 'call.place', to: TEST_CALL_NAME, ...audio }, tag));
}
