/**
 * What `wren doctor-bundle` reads of the profile and the machine: ends of logs, the settings, which files there are, and all
 * names that must not be in the bundle. Keys, histories and the buddy list's messages are never read for it; the buddy
 * list is read for its names alone, also where no agent runs. Never throws: what cannot be read is left out.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { endpointsAt, endpointsFolder } from '../../src/audio/endpoint.ts';
import { LOG_FILE } from '../../src/store/log-rotation-file.ts';
import { SETTINGS_FILE } from '../../src/store/profile-folder.ts';
import type { AppState } from '../../src/store/state.ts';
import type { KnownWords, MaskedKind } from './bundle-mask.ts';

const AGENT_LOG_LINES = 200;
const COMMAND_LOG_LINES = 60;
const VOICE_LOG_LINES = 40;
/** Of the end of a log. */
const LOG_BYTES_MAX = 128 * 1024;
const LINE_LENGTH_MAX = 1_000;
/** What a hook wrote to stderr. It had a message on its stdin, and many a program quotes what it does not understand. */
const SAID = /"said":"(?:[^"\\]|\\.)*"?/;
/** Names of programs and machines that everybody has, and words of many sentences. */
const NOBODY: ReadonlySet<string> = new Set(['echo', 'localhost', 'root']);

export interface LogEnd {
  readonly file: string;
  /** Oldest first. */
  readonly lines: readonly string[];
}

/** `devicesKnown`: whether the names of sound devices can be taken out of what drivers wrote. */
export function logEnds(profileDir: string, devicesKnown: boolean): LogEnd[] {
  const agent = lastLines(join(profileDir, LOG_FILE), AGENT_LOG_LINES);
  // One that was begun a moment ago says little.
  const before = agent.length < AGENT_LOG_LINES ? lastLines(join(profileDir, `${LOG_FILE}.old`), AGENT_LOG_LINES) : [];
  const voice = lastLines(join(profileDir, 'voice.log'), VOICE_LOG_LINES);
  const withheld = `(${voice.length} lines left out: the names of sound devices in them cannot be told from other words)`;
  return [
    { file: LOG_FILE, lines: [...before, ...agent].slice(-AGENT_LOG_LINES) },
    { file: 'command.log', lines: lastLines(join(profileDir, 'command.log'), COMMAND_LOG_LINES) },
    { file: 'voice.log', lines: devicesKnown || voice.length === 0 ? voice : [withheld] },
  ];
}

function lastLines(path: string, linesMax: number): string[] {
  const lines = quietly('', () => endOf(path)).split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-linesMax)
    .map((line) => line.replace(SAID, '"said":"(left out)"').slice(0, LINE_LENGTH_MAX));
}

function endOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, LOG_BYTES_MAX));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString('utf8', 0, read);
    // The first line is half a line then.
    return size > bytes.length ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    closeSync(file);
  }
}

/** As stored; values of any kind. */
export function storedSettings(profileDir: string): Readonly<Record<string, unknown>> {
  return quietly({}, () => objectOf(readFileSync(join(profileDir, SETTINGS_FILE), 'utf8')));
}

export interface ProfileFileSize {
  readonly name: string;
  readonly bytes: number;
  /** Of the permissions, as `0600`. */
  readonly mode: string;
  readonly changedAtMs: number;
}

export function profileFiles(profileDir: string): ProfileFileSize[] {
  const names = quietly([], () => readdirSync(profileDir)).sort();
  return names.flatMap((name) =>
    quietly([], () => {
      const { size, mode, mtimeMs } = statSync(join(profileDir, name));
      return [{ name, bytes: size, mode: `0${(mode & 0o777).toString(8)}`, changedAtMs: mtimeMs }];
    }),
  );
}

/** All names that are known here. `soundDevices`: as drivers call them; people name their headsets after themselves. */
export function knownWords(
  profileDir: string,
  state: AppState | undefined,
  soundDevices: readonly string[],
): KnownWords {
  const found: { kind: MaskedKind; word: string }[] = [];
  const add = (kind: MaskedKind, ...words: readonly unknown[]): void => {
    for (const word of words) {
      if (typeof word === 'string' && word !== '' && !NOBODY.has(word.toLowerCase())) found.push({ kind, word });
    }
  };
  // Before the names that may be parts of it.
  add('folder', profileDir, homedir().length > 1 ? homedir() : '');
  add('person', ...namesInProfile(profileDir));
  if (state) addStateWords(state, add);
  const network = quietly({}, () => objectOf(readFileSync(join(profileDir, 'network.json'), 'utf8')));
  add('network', network.network);
  add('host', ...hostsOf([...listOf(network.loginServers), ...listOf(network.supernodes)]), ownHost());
  // Of `wren ssh`; people name their laptops after themselves.
  add('host', ...endpointsAt(endpointsFolder(profileDir)).map(({ name }) => name));
  add('sound device', ...soundDevices, ...chosenNames(storedSettings(profileDir).audioSpec));
  const username = quietly('', () => userInfo().username);
  add('person', username);
  return found;
}

type Add = (kind: MaskedKind, ...words: readonly unknown[]) => void;

function addStateWords(state: AppState, add: Add): void {
  add('person', state.account?.name, state.account?.displayName);
  for (const { name, displayName } of state.buddies) add('person', name, displayName);
  for (const { peer, conference } of state.calls) {
    add('person', ...peer.split(/[ ,]+/), ...(conference?.people.map(({ name }) => name) ?? []));
  }
  for (const { peer, device } of state.callsElsewhere ?? []) {
    add('person', peer);
    add('device', device);
  }
  for (const { peer } of state.missedCalls ?? []) add('person', peer);
  for (const { label } of state.devices?.list ?? []) add('device', label);
  add('network', state.network);
  const { using, spec, endpoint } = state.audio;
  add('host', endpoint?.name);
  add('sound device', using?.input, using?.output, ...chosenNames(spec));
  add('host', ...hostsOf([state.supernode?.endpoint, state.supernode?.proxy, state.standby, state.serving?.endpoint]));
}

function chosenNames(spec: unknown): string[] {
  return typeof spec === 'string' && spec.startsWith('device:') ? spec.slice(7).split('|') : [];
}

/** Whose files they are, and who stands in them; read with no parser, so that a damaged list gives its names too. */
function namesInProfile(profileDir: string): string[] {
  const files = quietly([], () => readdirSync(profileDir));
  const owners = files.flatMap(
    (file) => /^(?:history|people|keys|buddies)-(.+?)\.(?:db|json|xml)/.exec(file)?.[1] ?? [],
  );
  const texts = files
    .filter((file) => /^(identity|devices|people-.*|keys-.*)\.json$|^buddies.*\.xml$/.test(file))
    .map((file) => quietly('', () => readFileSync(join(profileDir, file), 'utf8')));
  const quoted = texts.flatMap((text) => [
    ...text.matchAll(/"(?:name|displayName|label)":\s*"((?:[^"\\]|\\.)+)"|\b(?:name|owner|display)="([^"]+)"/g),
  ]);
  return [...new Set([...owners, ...quoted.flatMap(([, json, xml]) => (json ? fromJson(json) : fromXml(xml ?? '')))])];
}

/** As it is written, which is how a log has it, and as it is read. */
function fromJson(text: string): string[] {
  return [text, quietly(text, () => String(JSON.parse(`"${text}"`)))];
}

const ENTITIES = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

function fromXml(text: string): string[] {
  return [text, text.replace(/&(\w+);/g, (entity, name: string) => ENTITIES.get(name) ?? entity)];
}

/** Hosts of endpoints that are names; addresses are found by their look. */
function hostsOf(endpoints: readonly unknown[]): string[] {
  return endpoints.flatMap((endpoint) => {
    const host = typeof endpoint === 'string' ? /^(?:(?:udp|tcp):)?([^:/[\]]+):\d+$/.exec(endpoint)?.[1] : undefined;
    return host === undefined || /^[\d.]+$/.test(host) ? [] : [host];
  });
}

function ownHost(): string {
  return quietly('', () => hostname());
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function quietly<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
