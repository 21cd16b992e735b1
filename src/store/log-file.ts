/**
 * The agent's log: JSON lines in a file of the profile, through pino, never on a screen. A line says where, what and
 * why (`area`, `msg`, fields). It is written to be sent to strangers when something is wrong, so names and addresses
 * are made unreadable but stay comparable within one log, and secrets never reach it.
 *
 * People's names cannot be found in running text: hand them over as fields of the names in PEOPLE. Addresses, invites
 * and PEM blocks are found anywhere, also in errors.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { destination, type LevelWithSilent, pino } from 'pino';
import { foldName } from '../net/protocol/ids.ts';
import { LOG_FILE_BYTES_MAX, LOG_TEXT_LENGTH_MAX } from '../net/protocol/params.ts';
import { LOG_FILE, logBytes, rotateLog } from './log-rotation-file.ts';
import { refusingUnwritable } from './private-folder-file.ts';

/** While a disk is full so much is kept for later; what is beyond is lost. */
const UNWRITTEN_BYTES_MAX = 65_536;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Never throws and never fails: a full disk costs lines, nothing else. `area` is a room or file of the program. */
export interface Log {
  error(area: string, fact: string, fields?: LogFields, error?: unknown): void;
  warn(area: string, fact: string, fields?: LogFields, error?: unknown): void;
  info(area: string, fact: string, fields?: LogFields): void;
  debug(area: string, fact: string, fields?: LogFields): void;
  /** From now on; absent where nothing is kept. */
  setLevel?(level: LogLevel): void;
  close(): void;
}

/**
 * Opens or makes `agent.log` in the folder (mode 0600); a line is with the system when its call returns. Throws
 * `Refusal('folder-unwritable')` or `Refusal('disk-full')` when the file cannot be opened.
 */
export function openLog(profileDir: string, level: LogLevel = 'info'): Log {
  const path = join(profileDir, LOG_FILE);
  rotateLog(path);
  const file = refusingUnwritable(path, () =>
    destination({ dest: path, sync: true, append: true, mode: 0o600, maxLength: UNWRITTEN_BYTES_MAX }),
  );
  file.on('error', () => {});
  let bytes = logBytes(path);
  const sink = {
    write(line: string): void {
      bytes += line.length;
      quietly(() => file.write(line));
      if (bytes < LOG_FILE_BYTES_MAX) return;
      rotateLog(path);
      quietly(() => file.reopen());
      bytes = 0;
    },
  };
  const writer = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  const redact = redactor(randomBytes(16));
  const write = (at: LevelWithSilent, area: string, fact: string, fields: LogFields = {}, error?: unknown) => {
    if (!writer.isLevelEnabled(at)) return;
    const thrown = error === undefined ? {} : { error: redact.text(printError(error)) };
    quietly(() => writer[at]({ area, ...redact.fields(fields), ...thrown }, redact.text(fact)));
  };
  return {
    error: (...line) => write('error', ...line),
    warn: (...line) => write('warn', ...line),
    info: (...line) => write('info', ...line),
    debug: (...line) => write('debug', ...line),
    setLevel: (to) => {
      writer.level = to;
    },
    close: () => quietly(() => file.end()),
  };
}

/** Fields that hold a person's name. */
const PEOPLE = new Set(['name', 'peer', 'from', 'to', 'with', 'account', 'owner', 'buddy', 'displayName']);
/** Fields that hold a bare host: an address or a name. */
const HOSTS = new Set(['host', 'hostname']);
/** Fields that must not be there at all; whatever they hold is left out. */
const SECRETS = /pass(word|phrase)|secret|token|cookie|private|pem|invite|(^|[a-z])key$/i;

const PEM = /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(-----END [A-Z0-9 ]+-----|$)/g;
const INVITE = /\bwren:[A-Za-z0-9_-]{8,}/gi;
const IPV4 = /\b(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}\b/g;
/** At least two groups and two colons: what looks like one, times of day (12:30:00) excepted. */
const IPV6 = /(?<![\w:.])(?!\d{1,2}:\d{2}:\d{2}(?![\w:]))((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?:%\w+)?(?![\w:])/gi;
/** A home of `/` (a bare container) is no secret, and would be found in every path. */
const HOME = homedir().length > 1 ? homedir() : '\0';
const HOST_NAME = /\b((?:udp|tcp):)([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+)(?=:\d)/g;

export interface Redactor {
  /** Addresses shortened to their network, invites and keys gone, cut to LOG_TEXT_LENGTH_MAX. */
  text(text: string): string;
  fields(fields: LogFields): Record<string, string | number | boolean | null>;
}

/** `salt` makes hashes of names comparable within one log and useless with another. */
export function redactor(salt: Buffer): Redactor {
  const hashed = (text: string) => createHmac('sha256', salt).update(text).digest('hex').slice(0, 6);
  const text = (raw: string) =>
    raw
      .slice(0, 4 * LOG_TEXT_LENGTH_MAX)
      .replace(PEM, '[key]')
      .replace(INVITE, '[invite]')
      .replaceAll(HOME, '~')
      .replace(HOST_NAME, (_, carrier: string, host: string) => `${carrier}[host ${hashed(host)}]`)
      .replace(IPV4, '$1.x.x')
      .replace(IPV6, (_, address: string) => `${address.split(':').slice(0, 2).join(':')}:x`)
      .slice(0, LOG_TEXT_LENGTH_MAX);
  const field = (key: string, value: string | number | boolean | null) => {
    if (SECRETS.test(key)) return '[secret]';
    if (typeof value !== 'string') return value;
    if (HOSTS.has(key) && isIP(value) === 0) return `[host ${hashed(value)}]`;
    return PEOPLE.has(key) && value !== '' ? `${value.slice(0, 1)}~${hashed(foldName(value))}` : text(value);
  };
  return {
    text,
    fields: (fields) =>
      Object.fromEntries(
        Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, field(key, value)]])),
      ),
  };
}

function printError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The log must never be the reason why something else fails. */
function quietly(write: () => void): void {
  try {
    write();
  } catch {
    // A full disk, a folder that was taken away: there is nowhere left to say so.
  }
}
