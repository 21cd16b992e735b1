/**
 * What a person (or the install) chose: `settings.json` in the profile, kept by the `conf` library without its
 * schema, checked here with valibot. The agent reads it once and changes it by `set`. Settings of a newer version
 * stay in the file; one bad value costs that value only; a file that is no JSON is kept aside.
 */
import { join } from 'node:path';
import Conf from 'conf';
import * as v from 'valibot';
import type { NoiseMode, SoundMode, SoundSettings } from '../audio/port.ts';
import { Refusal } from '../net/protocol/failures.ts';
import {
  AUDIO_SPEC_LENGTH_MAX,
  HOOK_COMMAND_LENGTH_MAX,
  INPUT_GAIN_DB_MAX,
  MICROPHONE_WATCH_MINUTES_MAX,
  PROXY_URL_LENGTH_MAX,
} from '../net/protocol/params.ts';
import { isDiskFull, readFileIfThere } from './atomic-file.ts';
import { keepAside, type ProfileNotice } from './damaged-file.ts';
import { parseJson } from './json-file.ts';
import { SETTINGS_FILE } from './profile-folder.ts';
import { DEFAULT_SCREEN_SETTINGS, SCREEN_MODES, type ScreenSettings } from './screen-settings.ts';
import type { PresenceStatus, PrivacySettings, TalkSettings } from './state.ts';

export interface Settings extends ScreenSettings {
  /** What I show to others when signed in; never `offline`, which is what the network says of me. */
  readonly presence: Exclude<PresenceStatus, 'offline'>;
  /** The audio SPEC of the contract. */
  readonly audioSpec: string;
  /** UDP and TCP, chosen at random at install and kept; 0 before that. */
  readonly port: number;
  /** The install notice (`agent-install-notice.ts`): `due` until the first join. */
  readonly installNotice: 'due' | 'sent' | 'off';
  /** URL of a proxy with whatever it needs, `none`, or empty: what the environment names. Never to be shown. */
  readonly proxy: string;
  /** May this machine serve as a supernode (`agent-serving.ts`)? `auto`: as was answered, or is fit. */
  readonly supernode: 'auto' | 'always' | 'never';
  /** What the person answered when `auto` asked. */
  readonly supernodeAnswer: 'none' | 'yes' | 'no';
  /** May the router be asked to pass a port on to us (`agent-port-mapping.ts`)? */
  readonly portMapping: boolean;
  /** Listen at TCP 443 and 80 as well, where that is allowed (`agent-ports.ts`)? */
  readonly webPorts: boolean;
  /** May buddies test silently which way leads to us (`wren check NAME` at their end)? */
  readonly pathTests: boolean;
  /** Echo, noise and gain of the microphone (`audio/microphone-chain.ts`). */
  readonly echo: SoundMode;
  readonly noise: NoiseMode;
  readonly gain: SoundMode;
  readonly headphones: boolean;
  /** -20..20 dB. */
  readonly inputGainDb: number;
  /** `push`: calls begin muted (`agent-microphone.ts`). */
  readonly talk: 'open' | 'push';
  /** What becomes of a microphone that is open for so many minutes without a voice or a screen here. */
  readonly microphoneWatch: 'off' | 'warn' | 'close';
  readonly microphoneWatchMinutes: number;
  /** What becomes of a call when the laptop of `wren ssh` goes away (`agent-endpoint.ts`). */
  readonly detach: 'muted' | 'held' | 'open';
  /** `auto`: histories are encrypted where the system has a secret store (`history-vault-io.ts`). */
  readonly historyEncryption: 'auto' | 'off';
  /** Program and arguments that the agent runs for every alert (`agent-hooks.ts`); empty: none. */
  readonly alertCommand: string;
  /** Run what lies in the folder `hooks` of the profile, and `hookCommand` on every event. */
  readonly hooks: boolean;
  readonly hookCommand: string;
}

export const DEFAULT_SETTINGS: Settings = {
  ...DEFAULT_SCREEN_SETTINGS,
  presence: 'online',
  audioSpec: 'default',
  port: 0,
  installNotice: 'due',
  proxy: '',
  supernode: 'auto',
  supernodeAnswer: 'none',
  portMapping: true,
  webPorts: true,
  pathTests: true,
  echo: 'auto',
  noise: 'auto',
  gain: 'auto',
  headphones: false,
  inputGainDb: 0,
  talk: 'open',
  microphoneWatch: 'warn',
  microphoneWatchMinutes: 10,
  detach: 'muted',
  historyEncryption: 'auto',
  alertCommand: '',
  hooks: true,
  hookCommand: '',
};

/** What of the settings is for the voice end. */
export function soundOf({ echo, noise, gain, headphones, inputGainDb }: Settings): SoundSettings {
  return { echo, noise, gain, headphones, inputGainDb };
}

/** What others may do without our word. */
export function privacyOf({ pathTests }: Settings): PrivacySettings {
  return { pathTests };
}

/** When the microphone is open. */
export function talkOf({ talk, microphoneWatch, microphoneWatchMinutes, detach }: Settings): Required<TalkSettings> {
  return { talk, watch: microphoneWatch, watchMinutes: microphoneWatchMinutes, detach };
}

export interface SettingsFile {
  get(): Settings;
  /** Stores at once. Throws `Refusal('disk-full')`; the old settings then stay, in memory too. */
  set(change: Partial<Settings>): void;
}

/** Opens or makes the settings. `notice` tells what was damaged; the rest is in use. */
export function openSettings(profileDir: string): {
  readonly settings: SettingsFile;
  readonly notice: ProfileNotice | undefined;
} {
  const path = join(profileDir, SETTINGS_FILE);
  const { stored, notice } = readStored(path);
  const conf = new Conf<Record<string, unknown>>({
    projectName: 'wren',
    projectSuffix: '',
    cwd: profileDir,
    configName: 'settings',
    configFileMode: 0o600,
    accessPropertiesByDotNotation: false,
  });
  let current = { ...DEFAULT_SETTINGS, ...known(stored) };
  const save = (next: Settings) => {
    refusingFullDisk(path, () => {
      conf.store = { ...stored, ...next };
    });
    current = next;
  };
  if (notice !== undefined) save(current);
  return { settings: { get: () => current, set: (change) => save({ ...current, ...change }) }, notice };
}

/** The proxy that a profile remembers, for whoever is about to start its agent; empty when it names none. Never throws. */
export function proxySettingOf(profileDir: string): string {
  return peek(profileDir, 'proxy');
}

/** The audio SPEC that a profile remembers, without opening it: for a machine that only lends its sound. Never throws. */
export function audioSettingOf(profileDir: string): string {
  return peek(profileDir, 'audioSpec');
}

/** One setting without opening the profile; its default where there is none, or none that makes sense. */
function peek<K extends keyof Settings>(profileDir: string, key: K): Settings[K] {
  let bytes: Buffer | undefined;
  try {
    bytes = readFileIfThere(join(profileDir, SETTINGS_FILE));
  } catch {
    return DEFAULT_SETTINGS[key];
  }
  const schema: v.GenericSchema = SCHEMAS[key];
  const stored = v.safeParse(v.object({ [key]: schema }), parseJson(bytes ?? ''));
  return stored.success ? (stored.output[key] as Settings[K]) : DEFAULT_SETTINGS[key];
}

const CommandText = v.pipe(v.string(), v.maxLength(HOOK_COMMAND_LENGTH_MAX));
const MODE = v.picklist(['on', 'off', 'auto']);
const SCHEMAS = {
  presence: v.picklist(['online', 'away', 'do-not-disturb', 'invisible']),
  audioSpec: v.pipe(v.string(), v.minLength(1), v.maxLength(AUDIO_SPEC_LENGTH_MAX)),
  port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  installNotice: v.picklist(['due', 'sent', 'off']),
  proxy: v.pipe(v.string(), v.maxLength(PROXY_URL_LENGTH_MAX)),
  supernode: v.picklist(['auto', 'always', 'never']),
  supernodeAnswer: v.picklist(['none', 'yes', 'no']),
  portMapping: v.boolean(),
  webPorts: v.boolean(),
  pathTests: v.boolean(),
  echo: MODE,
  noise: v.picklist(['on', 'off', 'auto', 'strong']),
  gain: MODE,
  headphones: v.boolean(),
  inputGainDb: v.pipe(v.number(), v.minValue(-INPUT_GAIN_DB_MAX), v.maxValue(INPUT_GAIN_DB_MAX)),
  talk: v.picklist(['open', 'push']),
  microphoneWatch: v.picklist(['off', 'warn', 'close']),
  microphoneWatchMinutes: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MICROPHONE_WATCH_MINUTES_MAX)),
  detach: v.picklist(['muted', 'held', 'open']),
  historyEncryption: v.picklist(['auto', 'off']),
  screenMode: v.picklist(SCREEN_MODES),
  alertBell: v.boolean(),
  alertOsc9: v.picklist(['auto', 'on', 'off']),
  alertOsc777: v.picklist(['auto', 'on', 'off']),
  alertTmux: v.picklist(['auto', 'on', 'off']),
  alertCalls: v.boolean(),
  alertMessages: v.boolean(),
  alertConnection: v.boolean(),
  alertText: v.boolean(),
  alertCommand: CommandText,
  hooks: v.boolean(),
  hookCommand: CommandText,
} as const satisfies { [K in keyof Settings]: v.GenericSchema<Settings[K]> };

/** `conf` throws at a damaged file or empties it; so the file is looked at before `conf` sees it. */
function readStored(path: string): {
  readonly stored: Record<string, unknown>;
  readonly notice: ProfileNotice | undefined;
} {
  const bytes = readFileIfThere(path);
  if (bytes === undefined) return { stored: {}, notice: undefined };
  const document = parseJson(bytes);
  if (Array.isArray(document) || !v.is(v.record(v.string(), v.unknown()), document)) {
    return { stored: {}, notice: keepAside(path, 'not a list of settings') };
  }
  const stored = { ...document };
  const bad = Object.entries(SCHEMAS).filter(([key, schema]) => key in stored && !v.is(schema, stored[key]));
  if (bad.length === 0) return { stored, notice: undefined };
  const notice = keepAside(path, `no good value for ${bad.map(([key]) => key).join(', ')}`);
  for (const [key] of bad) delete stored[key];
  return { stored, notice };
}

function known(stored: Record<string, unknown>): Partial<Settings> {
  return Object.fromEntries(Object.keys(SCHEMAS).flatMap((key) => (key in stored ? [[key, stored[key]]] : [])));
}

function refusingFullDisk(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw isDiskFull(error) ? new Refusal('disk-full', path) : error;
  }
}
