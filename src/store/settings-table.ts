/**
 * The one table of settings that a person may change by name: `wren settings`, the lines of `--plain` and the agent read it. A
 * row says what a value may be, what it is for, and which command of the agent port carries a change out; rows without one are
 * stored and told to all screens. Not here: what is private (the proxy, which has a flag) or not a person's to choose (the port).
 */
import {
  AUDIO_SPEC_LENGTH_MAX,
  HOOK_COMMAND_LENGTH_MAX,
  INPUT_GAIN_DB_MAX,
  MICROPHONE_WATCH_MINUTES_MAX,
} from '../net/protocol/params.ts';
import { commandWords } from './hook-plan.ts';
import type { AgentCommand } from './port.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings-file.ts';

export type SettingValue = string | number | boolean;

/** What is told of a setting. */
export interface SettingReport {
  /** As typed: `alert-bell`. */
  readonly key: string;
  readonly value: SettingValue;
  readonly default: SettingValue;
  /** What it may be, in words. */
  readonly choices: string;
  readonly about: string;
  /** When a change holds. */
  readonly holds: 'now' | 'at the next start of the agent';
}

type Kind =
  | { readonly type: 'switch' }
  | { readonly type: 'choice'; readonly of: readonly string[] }
  | {
      readonly type: 'number';
      readonly least: number;
      readonly most: number;
      readonly whole: boolean;
      readonly unit: string;
    }
  | { readonly type: 'text'; readonly charactersMax: number; readonly what: string }
  | { readonly type: 'command' };

interface Row {
  readonly property: keyof Settings;
  readonly kind: Kind;
  readonly about: string;
  readonly holds?: 'at the next start of the agent';
  /** Absent: the agent stores it and tells the screens. */
  readonly command?: (value: SettingValue) => AgentCommand;
}

const onOff: Kind = { type: 'switch' };
const oneOf = (...of: readonly string[]): Kind => ({ type: 'choice', of });
const COMMAND: Kind = { type: 'command' };
const AUTO = oneOf('auto', 'on', 'off');
const LATER = { holds: 'at the next start of the agent' } as const;
const by = (make: (value: never) => AgentCommand) => ({ command: make as (value: SettingValue) => AgentCommand });

const ROWS: readonly Row[] = [
  { property: 'screenMode', kind: oneOf('auto', 'full', 'plain', 'screen-reader'), about: 'what "wren" opens' },
  { property: 'alertCalls', kind: onOff, about: 'alert when somebody calls' },
  { property: 'alertMessages', kind: onOff, about: 'alert when somebody writes' },
  { property: 'alertConnection', kind: onOff, about: 'alert when the connection is lost' },
  { property: 'alertText', kind: onOff, about: 'an alert says what was written, not only by whom' },
  { property: 'alertBell', kind: onOff, about: 'alerts ring the bell of the terminal' },
  { property: 'alertOsc9', kind: AUTO, about: 'alerts as notifications of the terminal, OSC 9 (iTerm2, kitty)' },
  { property: 'alertOsc777', kind: AUTO, about: 'alerts as notifications of the terminal, OSC 777 (foot, urxvt, VTE)' },
  { property: 'alertTmux', kind: AUTO, about: 'notifications go through tmux to the terminal outside' },
  { property: 'alertCommand', kind: COMMAND, about: 'run for every alert, by the agent' },
  { property: 'hooks', kind: onOff, about: 'run programs in the folder "hooks" of the profile on events' },
  { property: 'hookCommand', kind: COMMAND, about: 'run on every event of hooks' },
  {
    ...{ property: 'presence', kind: oneOf('online', 'away', 'do-not-disturb', 'invisible'), about: 'what others see' },
    ...by((presence: Settings['presence']) => ({ type: 'presence.set', presence })),
  },
  {
    property: 'audioSpec',
    kind: {
      type: 'text',
      charactersMax: AUDIO_SPEC_LENGTH_MAX,
      what: 'default, none, device:NAME, file:IN,OUT or socket:PATH',
    },
    about: 'what sound goes through',
    ...by((spec: string) => ({ type: 'audio.set', spec })),
  },
  {
    ...{ property: 'echo', kind: AUTO, about: 'take the echo of the speaker out of the microphone' },
    ...by((echo: Settings['echo']) => ({ type: 'sound.set', echo })),
  },
  {
    ...{ property: 'noise', kind: oneOf('auto', 'on', 'off', 'strong'), about: 'turn down the noise behind the voice' },
    ...by((noise: Settings['noise']) => ({ type: 'sound.set', noise })),
  },
  {
    ...{ property: 'gain', kind: AUTO, about: 'bring the voice to one loudness' },
    ...by((gain: Settings['gain']) => ({ type: 'sound.set', gain })),
  },
  {
    ...{ property: 'headphones', kind: onOff, about: 'headphones are worn: there is no echo' },
    ...by((headphones: boolean) => ({ type: 'sound.set', headphones })),
  },
  {
    property: 'inputGainDb',
    kind: { type: 'number', least: -INPUT_GAIN_DB_MAX, most: INPUT_GAIN_DB_MAX, whole: false, unit: ' dB' },
    about: 'the microphone louder or quieter before all else',
    ...by((inputGainDb: number) => ({ type: 'sound.set', inputGainDb })),
  },
  {
    ...{ property: 'talk', kind: oneOf('open', 'push'), about: 'push: calls begin with the microphone off' },
    ...by((talk: Settings['talk']) => ({ type: 'talk.set', talk })),
  },
  {
    property: 'microphoneWatch',
    kind: oneOf('off', 'warn', 'close'),
    about: 'what becomes of a microphone left open',
    ...by((watch: Settings['microphoneWatch']) => ({ type: 'talk.set', watch })),
  },
  {
    property: 'microphoneWatchMinutes',
    kind: { type: 'number', least: 1, most: MICROPHONE_WATCH_MINUTES_MAX, whole: true, unit: ' min' },
    about: 'after how long',
    ...by((watchMinutes: number) => ({ type: 'talk.set', watchMinutes })),
  },
  {
    ...{ property: 'supernode', kind: oneOf('auto', 'always', 'never'), about: 'may this machine serve the network' },
    ...by((consent: Settings['supernode']) => ({ type: 'serving.set', consent })),
  },
  {
    ...{ property: 'historyEncryption', kind: oneOf('auto', 'off'), about: 'encrypt what was said where that can be' },
    ...by((encryption: Settings['historyEncryption']) => ({ type: 'history.encrypt', encryption })),
  },
  { property: 'portMapping', kind: onOff, about: 'ask the router to pass a port on to us', ...LATER },
  { property: 'webPorts', kind: onOff, about: 'listen at TCP 443 and 80 as well, where that is allowed', ...LATER },
  {
    ...{ property: 'pathTests', kind: onOff, about: 'buddies may test silently which way leads to us' },
    ...by((pathTests: boolean) => ({ type: 'privacy.set', pathTests })),
  },
];

/** Every key, in the order in which they are shown. */
export const SETTING_KEYS: readonly string[] = ROWS.map(({ property }) => keyOf(property));

/** All settings of the table as they are now. */
export function settingReports(settings: Settings): readonly SettingReport[] {
  return ROWS.map((row) => report(row, settings));
}

/** One of them; undefined for a key that there is not. `alertBell` means the same as `alert-bell`. */
export function settingReport(settings: Settings, key: string): SettingReport | undefined {
  const row = rowOf(key);
  return row && report(row, settings);
}

export type ReadSetting =
  | {
      readonly ok: true;
      readonly change: Partial<Settings>;
      /** Carries it out; absent: to be stored as it is. */
      readonly command?: AgentCommand;
    }
  | { readonly ok: false; readonly sentence: string };

/** What typing this value for this key means; `default` is what every setting begins with. Never throws. */
export function readSetting(key: string, text: string): ReadSetting {
  const row = rowOf(key);
  if (!row) return { ok: false, sentence: `there is no setting "${key.slice(0, 40)}"` };
  const trimmed = text.trim();
  const value = trimmed === 'default' ? DEFAULT_SETTINGS[row.property] : typedValue(row.kind, trimmed);
  if (value === undefined) return { ok: false, sentence: `${keyOf(row.property)} takes ${choicesOf(row.kind)}` };
  const change = { [row.property]: value };
  return { ok: true, change, ...(row.command && { command: row.command(value) }) };
}

/** A value as it is typed and shown: `on`, `6`, `auto`; empty for an empty text. */
export function settingWord(value: SettingValue): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

function report(row: Row, settings: Settings): SettingReport {
  const { property, kind, about, holds = 'now' } = row;
  const value = { value: settings[property], default: DEFAULT_SETTINGS[property] };
  return { key: keyOf(property), ...value, choices: choicesOf(kind), about, holds };
}

function rowOf(key: string): Row | undefined {
  const folded = key.replaceAll('-', '').toLowerCase();
  return ROWS.find(({ property }) => property.toLowerCase() === folded);
}

/** `alertOsc9` -> `alert-osc9`. */
function keyOf(property: string): string {
  return property.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function typedValue(kind: Kind, text: string): SettingValue | undefined {
  switch (kind.type) {
    case 'switch':
      if (/^(on|true|yes)$/i.test(text)) return true;
      return /^(off|false|no)$/i.test(text) ? false : undefined;
    case 'choice':
      return kind.of.find((word) => word === text.toLowerCase());
    case 'number': {
      const value = /^[+-]?\d{1,5}(\.\d)?$/.test(text) ? Number(text) : Number.NaN;
      const fits = value >= kind.least && value <= kind.most && (!kind.whole || Number.isInteger(value));
      return fits ? value : undefined;
    }
    case 'text':
      return isLine(text, kind.charactersMax) ? text : undefined;
    case 'command':
      // An open quote, or a program without a name.
      return isLine(text, HOOK_COMMAND_LENGTH_MAX) && (commandWords(text) ?? [''])[0] !== '' ? text : undefined;
  }
}

function isLine(text: string, charactersMax: number): boolean {
  return text.length <= charactersMax && !/[\0-\x1f\x7f]/.test(text);
}

function choicesOf(kind: Kind): string {
  switch (kind.type) {
    case 'switch':
      return 'on or off';
    case 'choice':
      return `${kind.of.slice(0, -1).join(', ')} or ${kind.of.at(-1)}`;
    case 'number':
      return `${kind.whole ? 'a whole number' : 'a number'} from ${kind.least} to ${kind.most}${kind.unit}`;
    case 'text':
      return kind.what;
    case 'command':
      return 'a program and its arguments, every quote closed';
  }
}
