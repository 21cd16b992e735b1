/**
 * Where the PulseAudio server of this person is, as libpulse would find it: `PULSE_SERVER`, else the sockets of the session
 * and of the system; with the cookie that servers of other users ask for, and with the devices that the environment chooses.
 * A Unix socket tells the server who we are by itself. Nothing is started: without a socket nobody is asked.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export type Environment = { readonly [name: string]: string | undefined };

export type PulseAddress = { readonly path: string } | { readonly host: string; readonly port: number };

const PORT = 4713;
const COOKIE_BYTES = 256;
/** Of PULSE_SERVER; each that is dead may cost a timeout. */
const ADDRESSES_MAX = 4;

/** In the order in which they are to be tried; empty: there is no server. */
export function pulseAddresses(env: Environment): PulseAddress[] {
  if (env.PULSE_SERVER) {
    const words = env.PULSE_SERVER.split(/\s+/).filter((word) => word !== '');
    return words.flatMap((word) => addressOf(word) ?? []).slice(0, ADDRESSES_MAX);
  }
  if (process.platform !== 'linux') return [];
  const runtime = env.PULSE_RUNTIME_PATH ?? (env.XDG_RUNTIME_DIR && path.join(env.XDG_RUNTIME_DIR, 'pulse'));
  const user = process.getuid?.();
  const folders = [runtime, user === undefined ? undefined : `/run/user/${user}/pulse`, '/run/pulse'];
  const sockets = folders.flatMap((folder) => (folder === undefined ? [] : path.join(folder, 'native')));
  return [...new Set(sockets)].filter((socket) => existsSync(socket)).map((socket) => ({ path: socket }));
}

/** One word of PULSE_SERVER: `{machine}` in front, `unix:`, a path, or a host with `tcp:` and port or without. */
function addressOf(word: string): PulseAddress | undefined {
  const text = word.replace(/^\{[^}]*\}/, '');
  if (text.startsWith('unix:')) return { path: text.slice(5) };
  if (text.startsWith('/')) return { path: text };
  const [, bracketed, plain, port] = /^(?:tcp[46]?:)?(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port: port === undefined ? PORT : Math.min(65_535, Number(port)) };
}

/** 256 bytes; zeros when there is no file, which a server of our own user does not mind. */
export function pulseCookie(env: Environment): Buffer {
  const config = env.XDG_CONFIG_HOME ?? (env.HOME && path.join(env.HOME, '.config'));
  const files = [
    env.PULSE_COOKIE,
    config && path.join(config, 'pulse', 'cookie'),
    env.HOME && path.join(env.HOME, '.pulse-cookie'),
  ];
  for (const file of files) {
    if (!file) continue;
    try {
      const bytes = readFileSync(file);
      if (bytes.length === COOKIE_BYTES) return bytes;
    } catch {
      // The next one.
    }
  }
  return Buffer.alloc(COOKIE_BYTES);
}
