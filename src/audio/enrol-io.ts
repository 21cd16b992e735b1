/**
 * How HOST's `wren` takes the endpoint that its ssh session brought: shows the one-time code, leaves a token that nobody else
 * knows, and says where the voice child finds both (PROTOCOL.md 10.4). The command that runs inside ssh calls this before
 * all else; what it gives back undoes it.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { asNearWord, encodeWord, isCode } from './endpoint-words.ts';
import { forgetEndpoint, isOwnSocket, livingEndpoints, openEndpointsFolder, writeEndpoint } from './endpoints-file.ts';
import { ENDPOINT_HELLO_MS, ENDPOINT_TOKEN_DIGITS, ENDPOINT_VERSION } from './params.ts';
import { PortDecoder } from './port-codec.ts';

/** `none`: sshd forwards no sockets. `silent`: nobody answers. `taken`: somebody else was there. `refused`: wrong code or version. */
export type EnrolFailure = 'none' | 'silent' | 'taken' | 'refused';

export interface Enrolled {
  /** Removes what was written; safe at the very end of a process. Never throws. */
  forget(): void;
}

/** A path of a socket may have so many bytes (sun_path of macOS; Linux has four more). */
const SOCKET_PATH_BYTES_MAX = 103;

/** What `wren ssh` puts before the command line at HOST: `PATH:CODE`. Undefined for anything else. */
export function readSession(text: string): { readonly socket: string; readonly code: string } | undefined {
  const colon = text.lastIndexOf(':');
  const [socket, code] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  return path.isAbsolute(socket) && isCode(code) ? { socket, code } : undefined;
}

/** The session comes to nothing: its socket goes, which sshd leaves behind. Never throws. */
export function dropSession({ socket }: { readonly socket: string }): void {
  try {
    if (SESSION_SOCKET.test(path.basename(socket)) && lstatSync(socket).isSocket()) rmSync(socket);
  } catch {
    // Moved, or gone.
  }
}

/** As `wren ssh` names them. */
const SESSION_SOCKET = /^wren-[0-9a-f]{32}\.sock$/;
/** Of sessions that broke before their wren ran, so that nobody took them away. */
const LEFT_BEHIND_MS = 24 * 3_600_000;

/** `inUse`: of sessions that live; their sockets are as old as they. */
function sweep(folder: string, inUse: ReadonlySet<string>): void {
  try {
    for (const name of readdirSync(folder).filter((one) => SESSION_SOCKET.test(one))) {
      const socket = path.join(folder, name);
      if (inUse.has(socket)) continue;
      const { uid, mtimeMs } = lstatSync(socket);
      if (uid === process.getuid?.() && Date.now() - mtimeMs > LEFT_BEHIND_MS) dropSession({ socket });
    }
  } catch {
    // Somebody else is quicker, or the folder cannot be read.
  }
}

/** `folder`: that of the profile's endpoints. Rejects only with what the file system says of that folder. */
export async function enrol(
  { socket, code }: { readonly socket: string; readonly code: string },
  folder: string,
): Promise<Enrolled | EnrolFailure> {
  if (!existsSync(socket)) return 'none';
  // Who sees the command line knows path and code: he could be the laptop of one whose sshd forwards nothing.
  if (!isOwnSocket(socket)) return 'taken';
  closeToOthers(socket);
  openEndpointsFolder(folder);
  sweep(path.dirname(socket), new Set(livingEndpoints(folder).map((one) => one.socket)));
  const id = randomBytes(8).toString('hex');
  const token = randomBytes(ENDPOINT_TOKEN_DIGITS / 2).toString('hex');
  const own = moved(socket, path.join(folder, `${id}.sock`));
  const shown = await show(own, code, token);
  if (typeof shown === 'string') {
    forgetEndpoint(folder, { socket: own });
    return shown;
  }
  writeEndpoint(folder, id, { socket: own, token, atMs: Date.now(), pid: process.pid, name: shown.name });
  return { forget: () => forgetEndpoint(folder, { socket: own }) };
}

/** An sshd whose StreamLocalBindMask is loose lets everybody in, and everybody may have seen the code. Never throws. */
function closeToOthers(socket: string): void {
  try {
    chmodSync(socket, 0o600);
  } catch {
    // Where sockets have no rights of their own, the folder's count.
  }
}

/** Into the folder that nobody else may enter; where that is on another disk it stays, and the token keeps others out. */
function moved(from: string, to: string): string {
  if (Buffer.byteLength(to) > SOCKET_PATH_BYTES_MAX) return from;
  try {
    renameSync(from, to);
    return to;
  } catch {
    return from;
  }
}

function show(socketPath: string, code: string, token: string): Promise<EnrolFailure | { readonly name: string }> {
  return new Promise((resolve) => {
    const decoder = new PortDecoder();
    const socket = net.connect(socketPath);
    const end = (outcome: EnrolFailure | { readonly name: string }): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end('silent'), ENDPOINT_HELLO_MS);
    socket.once('connect', () => socket.write(encodeWord({ type: 'enrol', version: ENDPOINT_VERSION, code, token })));
    socket.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) {
        const word = message.type === 'control' ? asNearWord(message.value) : undefined;
        if (word?.type === 'enrolled') return end({ name: word.name });
        if (word?.type === 'refused') return end(word.why === 'taken' ? 'taken' : 'refused');
      }
    });
    socket.on('error', () => end('silent'));
    socket.on('close', () => end('silent'));
  });
}
