/**
 * The step of `wren check` that is about this machine's ears: what calls would use, and whether the microphone and speaker
 * that they would use are there. Drivers are asked by the agent, since it is the agent's sound. Pure but for that question.
 */
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { ListedDevice, SoundDevicesReport } from '../../src/store/port.ts';
import { type AppState, chosenDevices } from '../../src/store/state.ts';
import { type Step, step } from './check-steps.ts';
import { plain } from './layout.ts';
import { problemWords } from './status.ts';

/** Cards are looked at where calls would use one. An agent that does not know the question leaves them out. */
export async function askedSoundStep(agent: AgentConnection, state: AppState): Promise<Step> {
  if (!usesCards(state.audio.spec)) return soundStep(state);
  try {
    return soundStep(state, await agent.request({ type: 'sound.devices' }));
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'agent-unreachable') throw error;
    return soundStep(state);
  }
}

/** `devices`: what there is to choose; undefined when nobody was asked. */
export function soundStep({ audio }: AppState, devices?: SoundDevicesReport): Step {
  const { spec, codec, problem, advice } = audio;
  const backend = audio.backend === 'unknown' ? (devices?.backend ?? 'unknown') : audio.backend;
  const names = (listed: readonly ListedDevice[]): string[] => listed.map(({ name }) => name);
  const figures = {
    ...{ spec, codec, backend },
    ...(devices ? { microphones: names(microphones(devices)), speakers: names(devices.outputs) } : {}),
  };
  const way = codec === 'unknown' ? backend : `${backend}, Opus ${codec}`;
  const found = `${plain(spec)}: ${backend === 'unknown' ? 'not tried yet' : way}`;
  if (problem !== '') return step('sound', 'warn', plain(problemWords(problem), 400), plain(advice, 400), figures);
  if (backend === 'none' && spec !== 'none') {
    return step('sound', 'warn', `${found}: no device`, plain(advice, 400) || PLUG_ONE_IN, figures);
  }
  if (!devices) return step('sound', 'pass', found, '', figures);
  const { input, output } = chosenDevices(spec);
  const sides = [
    { side: 'microphone', listed: microphones(devices), chosen: input },
    { side: 'speaker', listed: devices.outputs, chosen: output },
  ];
  const absent = sides.filter(({ listed }) => listed.length === 0).map(({ side }) => `no ${side}`);
  if (absent.length > 0) return step('sound', 'warn', `${found}, ${absent.join(', ')}`, PLUG_ONE_IN, figures);
  const strayed = sides.filter(({ listed, chosen }) => chosen !== '' && !listed.some(({ isChosen }) => isChosen));
  if (strayed.length > 0) {
    const words = strayed.map(({ side, chosen }) => `the ${side} "${plain(chosen)}" is not there`).join(', ');
    return step(
      'sound',
      'warn',
      `${words}: calls use the default`,
      'wren sound devices, then wren sound use NAME',
      figures,
    );
  }
  const used = sides.map(({ side, listed }) => `${side} ${plain(usedOf(listed), 60)}`);
  return step('sound', 'pass', [found, ...used].join(', '), '', figures);
}

const PLUG_ONE_IN = 'plug one in, join the group "audio", or call with --audio none';

/** A card, as opposed to files, silence and a forwarded endpoint. */
function usesCards(spec: string): boolean {
  return spec === 'default' || spec.startsWith('device:');
}

/** What hears a speaker is no microphone, unless it was chosen as one. */
function microphones({ inputs }: SoundDevicesReport): ListedDevice[] {
  return inputs.filter(({ isMonitor, isChosen, inUse }) => !isMonitor || isChosen || inUse);
}

function usedOf(listed: readonly ListedDevice[]): string {
  const used =
    listed.find(({ inUse }) => inUse) ??
    listed.find(({ isChosen }) => isChosen) ??
    listed.find(({ isDefault }) => isDefault) ??
    listed[0];
  return used?.description ?? '';
}
