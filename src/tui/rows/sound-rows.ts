/**
 * The sound settings as rows: devices, what is done with the microphone, the test call, and meters. Every state stands there in
 * words, so that nothing is told by colour alone. `view/sound-dialog.tsx` draws them, `update/sound-commands.ts` changes what they show.
 */
import type { ListedDevice, SoundDevicesReport } from '../../store/port.ts';
import { type AppState, type Call, chosenDevices, currentCall } from '../../store/state.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import type { Glyphs, Tone } from '../theme.ts';

export const SOUND_ITEMS = ['input', 'output', 'echo', 'noise', 'gain', 'headphones', 'level', 'test'] as const;
export type SoundItem = (typeof SOUND_ITEMS)[number];

/** Whom a test call goes to: the service that says back what it hears. */
export const TEST_CALL_NAME = 'echo';

const LABELS: Readonly<Record<SoundItem, string>> = {
  input: 'Microphone',
  output: 'Speaker',
  echo: 'Echo',
  noise: 'Noise',
  gain: 'Gain',
  headphones: 'Headphones',
  level: 'Input gain',
  test: 'Test call',
};
const LABEL_COLUMNS = 13;

export interface SoundStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
}

/** One row an item; the chosen one is marked and stands in reverse. `devices` is null while they are looked for. */
export function soundRows(
  app: AppState,
  dialog: { readonly chosen: number; readonly devices: SoundDevicesReport | null },
  { columns, glyphs }: SoundStyle,
): readonly Row[] {
  return SOUND_ITEMS.map((item, index): Row => {
    const chosen = index === dialog.chosen;
    const [value, now] = wordsOf(item, app, dialog.devices);
    const left = [
      span(chosen ? `${glyphs.chosen} ` : '  ', 'accent'),
      span(LABELS[item].padEnd(LABEL_COLUMNS), 'muted'),
      span(value),
    ];
    const whole = spread(left, now === '' ? [] : [span(now, 'muted')], columns);
    return chosen ? inReverse(whole, columns) : whole;
  });
}

/** What is set, and what is so now. */
function wordsOf(item: SoundItem, app: AppState, devices: SoundDevicesReport | null): readonly [string, string] {
  const { sound, filters, spec, using } = app.audio;
  switch (item) {
    case 'input':
      return deviceWords(chosenDevices(spec).input, devices?.inputs, using?.input);
    case 'output':
      return deviceWords(chosenDevices(spec).output, devices?.outputs, using?.output);
    case 'echo':
    case 'noise':
    case 'gain': {
      const by = item === 'noise' && filters?.noiseBy === 'rnnoise' ? 'in use, by RNNoise' : 'in use';
      return [sound?.[item] ?? '', filters === undefined ? '' : filters[item] ? by : 'not in use'];
    }
    case 'headphones':
      return [sound?.headphones ? 'on: no echo is taken out' : 'off', ''];
    case 'level':
      return [`${(sound?.inputGainDb ?? 0) > 0 ? '+' : ''}${sound?.inputGainDb ?? 0} dB`, ''];
    case 'test':
      return [testWords(currentCall(app)), ''];
  }
}

function deviceWords(
  name: string,
  devices: readonly ListedDevice[] | undefined,
  using: string | null | undefined,
): readonly [string, string] {
  const called = (one: ListedDevice | undefined, otherwise: string): string => one?.description || otherwise;
  const inUse = using
    ? `in use: ${called(
        devices?.find((one) => one.name === using),
        using,
      )}`
    : '';
  if (!devices) return [name === '' ? 'default' : name, 'looking...'];
  if (name === '') {
    const standard = devices.find(({ isDefault }) => isDefault);
    return [standard ? `default: ${called(standard, standard.name)}` : 'default: none is there', ''];
  }
  const found = deviceCalled(devices, name);
  return found ? [called(found, name), inUse] : [`${name} (not there)`, inUse];
}

/** The device that a chosen name means: the whole name goes before a part of one. */
export function deviceCalled(devices: readonly ListedDevice[], name: string): ListedDevice | undefined {
  const folded = name.toLowerCase();
  return (
    devices.find((one) => one.name === name || one.description === name) ??
    devices.find((one) => `${one.name}\n${one.description}`.toLowerCase().includes(folded))
  );
}

function testWords(call: Call | undefined): string {
  if (!call) return `call ${TEST_CALL_NAME}, which says back what it hears`;
  return call.peer === TEST_CALL_NAME ? 'runs: speak, and hear yourself; Enter ends it' : 'not in another call';
}

const METER_CELLS = 20;
const METER_CELLS_MIN = 4;
/** Behind the cells: how loud, and a word. */
const METER_WORDS_COLUMNS = 15;
const METER_FLOOR_DB = -60;

/** The microphone as it is heard here and, in a call, what comes from the other side. */
export function soundMeterRows(app: AppState, style: SoundStyle): readonly Row[] {
  const call = currentCall(app);
  if (call && call.phase !== 'running') return [[span('The meter runs when the call does.', 'muted')]];
  if (call?.muted) return [[span('The microphone is muted.', 'warn')], meter('Heard', call.outputDb, '', style)];
  const heard = call ?? app.audio.meter;
  if (!heard) return [[span('The microphone is opening...', 'muted')]];
  const word = heard.inputDb <= -96 ? 'silent' : heard.speaking ? 'voice' : '';
  const rows = [meter('Level', heard.inputDb, word, style)];
  return call ? [...rows, meter('Heard', call.outputDb, '', style)] : rows;
}

function meter(label: string, db: number, word: string, { columns, glyphs }: SoundStyle): Row {
  const room = columns - 2 - LABEL_COLUMNS - METER_WORDS_COLUMNS;
  const cells = Math.max(METER_CELLS_MIN, Math.min(METER_CELLS, room));
  const share = (Math.max(METER_FLOOR_DB, Math.min(0, db)) - METER_FLOOR_DB) / -METER_FLOOR_DB;
  const on = Math.round(share * cells);
  const tone: Tone = db > -3 ? 'warn' : 'good';
  const words = db > -3 ? 'too loud' : word;
  return [
    span(`  ${label.padEnd(LABEL_COLUMNS)}`, 'muted'),
    span(glyphs.meterOn.repeat(on), tone),
    span(glyphs.meterOff.repeat(cells - on), 'muted'),
    span(` ${Math.max(-96, Math.round(db))} dB`),
    span(words === '' ? '' : ` ${words}`),
  ];
}
