/**
 * Where the endpoints of a profile are (PROTOCOL.md 10.4): one small record a session of `wren ssh`, in a folder that only
 * this user may enter. HOST's `wren` writes and removes its own; the voice child and the agent read all and take the newest.
 * A path that is no such folder is a socket itself, with its token in `PATH.token`.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { isToken } from './endpoint-words.ts';
import { ENDPOINT_TEXT_LENGTH_MAX, ENDPOINTS_MAX } from './params.ts';

export interface EndpointRecord {
  /** Path of the socket. */
  readonly socket: string;
  readonly token: string;
  /** Wall clock at which the session began, ms. */
  readonly atMs: number;
  /** The process whose end is the session's; 0 where nobody knows. */
  readonly pid: number;
  /** What the laptop is called; empty where nobody knows. */
  readonly name: string;
}

const FOLDER = 'endpoints';
const RECORD_BYTES_MAX = 4096;

/** Of this profile; need not be there. */
export function endpointsFolder(profileDir: string): string {
  return path.join(profileDir, FOLDER);
}

/** Makes the folder and writes the record of one session under that id (letters and digits). Throws what the file system does. */
export function writeEndpoint(folder: string, id: string, record: EndpointRecord): void {
  openEndpointsFolder(folder);
  const file = path.join(folder, `${id}.json`);
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function openEndpointsFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** Removes the record and the socket. Never throws. */
export function forgetEndpoint(folder: string, { socket }: Pick<EndpointRecord, 'socket'>): void {
  for (const [file, record] of recordsIn(folder)) if (record.socket === socket) rmSync(file, { force: true });
  try {
    if (statSync(socket).isSocket()) rmSync(socket, { force: true });
  } catch {
    // Gone already, or not ours to remove.
  }
}

/**
 * Whether a socket is there and belongs to this user. In a shared folder the name of one that went, or that sshd never made,
 * is free for anybody who saw it; one of ours there nobody else can replace. Never throws.
 */
export function isOwnSocket(socket: string): boolean {
  // Where users have no numbers, nobody else writes where ours are.
  if (process.getuid === undefined) return true;
  try {
    const found = lstatSync(socket);
    return found.isSocket() && found.uid === process.getuid();
  } catch {
    return false;
  }
}

/** Those that may answer, newest first; none where nothing is. Never throws. */
export function endpointsAt(place: string): EndpointRecord[] {
  try {
    if (statSync(place).isDirectory()) return recordsIn(place).map(([, record]) => record);
    const token = readFileSync(`${place}.token`, 'utf8').trim();
    return isToken(token) ? [{ socket: place, token, atMs: 0, pid: 0, name: '' }] : [];
  } catch {
    return [];
  }
}

/** Records of sessions whose process lives; the others are removed. Never throws. */
export function livingEndpoints(folder: string): EndpointRecord[] {
  const records = endpointsAt(folder);
  for (const record of records) if (!lives(record.pid)) forgetEndpoint(folder, record);
  return records.filter(({ pid }) => lives(pid));
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function recordsIn(folder: string): [file: string, record: EndpointRecord][] {
  try {
    const found = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.join(folder, name))
      .map((file): [string, EndpointRecord | undefined] => [file, readRecord(file)])
      .filter((entry): entry is [string, EndpointRecord] => entry[1] !== undefined);
    return found.sort(([, a], [, b]) => b.atMs - a.atMs).slice(0, ENDPOINTS_MAX);
  } catch {
    return [];
  }
}

function readRecord(file: string): EndpointRecord | undefined {
  try {
    if (statSync(file).size > RECORD_BYTES_MAX) return undefined;
    const { socket, token, atMs, pid, name } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof socket !== 'string' || socket.length > ENDPOINT_TEXT_LENGTH_MAX || !path.isAbsolute(socket))
      return undefined;
    if (!isToken(token) || !Number.isFinite(atMs) || !Number.isSafeInteger(pid)) return undefined;
    const called = typeof name === 'string' ? name.slice(0, ENDPOINT_TEXT_LENGTH_MAX) : '';
    return { socket, token, atMs: atMs as number, pid: pid as number, name: called };
  } catch {
    return undefined;
  }
}
