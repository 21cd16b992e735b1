/**
 * The other end of the agent port: how a screen or a command finds the agent of its profile, starts it when nobody
 * answers, and speaks with it. Hands an `AgentConnection` to whoever asked; the agent's end is `agent-server-io.ts`.
 *
 * An agent is started like a tmux or gpg server: detached, without a terminal, its output in the profile's log. Two
 * commands may do so at once; the profile's lock lets one agent live, and both commands find that one's socket.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect as netConnect, type Socket } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../net/protocol/failures.ts';
import {
  AGENT_HELLO_MS,
  AGENT_START_AGAIN_MS,
  AGENT_START_MS,
  AGENT_START_RETRY_MS,
  SOCKET_PATH_BYTES_MAX,
} from '../net/protocol/params.ts';
import type { AgentConnection } from './agent-client.ts';
import { LineSplitter } from './line-splitter.ts';
import { LOG_FILE, rotateLog } from './log-rotation-file.ts';
import { AGENT_LINE_BYTES_MAX, AGENT_PORT_VERSION, type AgentCommand, type AgentEvent, type ResultOf } from './port.ts';
import { readAnswer } from './port-schema.ts';
import { isPrivateFolder, openPrivateFolder, refusingUnwritable } from './private-folder-file.ts';
import type { AppState } from './state.ts';

export interface ConnectOptions {
  readonly profileDir: string;
  /** Start the agent when none answers. */
  readonly start: boolean;
  /** Told once when an agent is being started, for a person who waits. */
  readonly log?: (fact: string) => void;
  /** Of the agent that may be started. */
  readonly logLevel?: string;
  /** The agent's program; default: `agent.cjs` beside the running one. */
  readonly agentEntry?: string;
  /** Ours, for the agent's log. */
  readonly version?: string;
  /** Speak to an agent of another port version too: only to ask what it is, and to stop it. */
  readonly anyVersion?: boolean;
  /**
   * For who subscribes as soon as the connection stands: the question goes out in one breath with `hello`, and the first request for it
   * gets that answer. One round trip less, in which a screen loads what it draws with.
   */
  readonly subscribes?: boolean;
}

const SOCKET_NAME = 'agent.sock';

/**
 * A connection whose `hello` has been answered. Rejects with `Refusal`: `agent-unreachable` when no agent runs (and
 * none was to be started) or it does not come up within AGENT_START_MS, naming the log; `port-version` when the
 * running one is of a version that we cannot talk to; `profile-unsafe` for a folder that is not ours alone.
 */
export async function connectAgent(options: ConnectOptions): Promise<AgentConnection> {
  const running = await connectToRunning(options);
  if (running !== undefined) return running;
  if (!options.start) throw new Refusal('agent-unreachable', `no agent runs for ${options.profileDir}`);
  options.log?.('starting the agent');
  return startAgent({ ...options, profileDir: openPrivateFolder(options.profileDir) });
}

/**
 * Where the agent of a profile listens: `agent.sock` in the profile, or, since the system bounds such paths to about
 * a hundred bytes, under /tmp in a folder that is checked to be the user's own. Not in XDG_RUNTIME_DIR: that goes
 * away with the last login session, and the agent does not; nor does the path depend on any variable, since the
 * agent may have been started from another environment.
 */
export function agentSocketPath(profileDir: string): string {
  const real = existsSync(profileDir) ? realpathSync(profileDir) : resolve(profileDir);
  const inside = join(real, SOCKET_NAME);
  if (Buffer.byteLength(inside) < SOCKET_PATH_BYTES_MAX) return inside;
  // Seldom needed, and 3 ms before a screen's first picture.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 16);
  return join('/tmp', `wren-${process.getuid?.() ?? 'user'}`, `${hash}.sock`);
}

/** `agent.cjs` beside the running program: the bundle is CommonJS, elsewhere the started file tells where that is. */
export function besideRunningProgram(name: string): string {
  const here = typeof __dirname === 'string' ? __dirname : dirname(process.argv[1] ?? '');
  return join(here, name);
}

/** Undefined when nobody listens, or whoever does hangs up without an answer: an agent on its way out. */
async function connectToRunning(options: ConnectOptions): Promise<AgentConnection | undefined> {
  const socket = await openSocket(agentSocketPath(options.profileDir));
  if (socket === undefined) return undefined;
  try {
    return await introduce(socket, options);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'agent-unreachable') return undefined;
    throw error;
  }
}

/** Undefined when nobody listens. A planted socket in a folder of somebody else is never opened: we send passwords. */
function openSocket(path: string): Promise<Socket | undefined> {
  const folder = dirname(path);
  if (!existsSync(folder)) return Promise.resolve(undefined);
  if (basename(path) !== SOCKET_NAME && !isPrivateFolder(folder)) {
    throw new Refusal('profile-unsafe', `${folder} is not for this user alone`);
  }
  return new Promise((resolve) => {
    const socket = netConnect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}

/**
 * Starts the program and looks until an agent answers; that of another command is as good as ours. One that found the
 * profile locked and ended is started again from time to time, for the holder may have been on its way out.
 */
async function startAgent(options: ConnectOptions): Promise<AgentConnection> {
  const logPath = join(options.profileDir, LOG_FILE);
  const giveUpAtMs = performance.now() + AGENT_START_MS;
  let child = spawnAgent(logPath, options);
  let againAtMs = performance.now() + AGENT_START_AGAIN_MS;
  while (performance.now() < giveUpAtMs && child.failure === undefined) {
    await sleep(AGENT_START_RETRY_MS);
    const connection = await connectToRunning(options);
    if (connection !== undefined) return connection;
    if (child.ended) expectRoom(options.profileDir);
    if (!child.ended || performance.now() < againAtMs) continue;
    child = spawnAgent(logPath, options);
    againAtMs = performance.now() + AGENT_START_AGAIN_MS;
  }
  throw new Refusal('agent-unreachable', `${child.failure ?? 'the agent does not answer'}; see ${logPath}`);
}

/** What the agent's first files take. One that found no room for them cannot even say so in its log. */
const ROOM_BYTES = 16_384;

/** Throws `Refusal('disk-full')`, and `Refusal('folder-unwritable')` where the disk has become read-only. Leaves nothing behind. */
function expectRoom(profileDir: string): void {
  const path = join(profileDir, 'room.new');
  refusingUnwritable(profileDir, () => {
    try {
      writeFileSync(path, Buffer.alloc(ROOM_BYTES), { mode: 0o600 });
    } finally {
      rmSync(path, { force: true });
    }
  });
}

/**
 * For the C library of most Linux systems, which reads it at the start of a process: one arena for all threads, and what
 * is free goes back to the system. By itself it keeps what scrypt and the compiler of V8 have had (34 instead of 22 MiB in a call).
 */
const SMALL_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
};

interface StartedAgent {
  /** Why it cannot come up, once that is known. */
  readonly failure: string | undefined;
  readonly ended: boolean;
}

function spawnAgent(logPath: string, options: ConnectOptions): StartedAgent {
  const entry = options.agentEntry ?? besideRunningProgram('agent.cjs');
  if (!existsSync(entry)) throw new Refusal('agent-unreachable', `${entry} is not there; build the program first`);
  const level = options.logLevel === undefined ? [] : ['--log-level', options.logLevel];
  // A password in our environment was meant for this command alone, and the agent lives on for days.
  const { WREN_PASSWORD: _, ...env } = process.env;
  rotateLog(logPath);
  const output = refusingUnwritable(logPath, () => openSync(logPath, 'a', 0o600));
  const state: { failure: string | undefined; ended: boolean } = { failure: undefined, ended: false };
  try {
    const child = spawn(process.execPath, [entry, '--profile', options.profileDir, ...level], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...SMALL_MALLOC, ...env },
      cwd: options.profileDir,
    });
    child.on('error', (error) => {
      state.failure = error.message;
    });
    // Other codes mean that another agent was first: only a crash is told at once.
    child.on('exit', (code, signal) => {
      state.ended = true;
      if (code === null || CRASH_EXITS.includes(code)) state.failure = `the agent ended at once (${signal ?? code})`;
    });
    child.unref();
  } finally {
    closeSync(output);
  }
  return state;
}

/** Node's own after an uncaught error, and ours for our own fault (contract). */
const CRASH_EXITS: readonly number[] = [1, 5];

async function introduce(socket: Socket, options: ConnectOptions): Promise<AgentConnection> {
  const connection = new Connection(socket);
  const silent = setTimeout(() => connection.close(), AGENT_HELLO_MS);
  try {
    const version = options.version ?? '';
    const hello = connection.request({ type: 'hello', port: AGENT_PORT_VERSION, version });
    if (options.subscribes) connection.subscribe();
    const agent = await hello;
    if (agent?.port === AGENT_PORT_VERSION || options.anyVersion) return connection;
    throw new Refusal('port-version', `the agent is ${agent?.version ?? 'of another kind'}`);
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearTimeout(silent);
  }
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (refusal: Refusal) => void;
  readonly subscribing: boolean;
}

class Connection implements AgentConnection {
  readonly #socket: Socket;
  readonly #splitter = new LineSplitter(AGENT_LINE_BYTES_MAX);
  readonly #waiting = new Map<number, Waiting>();
  readonly #eventListeners = new Set<(event: AgentEvent) => void>();
  readonly #closeListeners = new Set<() => void>();
  #lines: string[] = [];
  #paused = false;
  #closed = false;
  #lastId = 0;
  /** Asked for before anybody wanted it. */
  #snapshot: Promise<AppState> | undefined;
  /** Why the agent hung up, when it said so. */
  #lastWord: Refusal | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#lines.push(...this.#splitter.push(chunk));
      this.#readLines();
      if (this.#splitter.overflowed) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#onClosed());
  }

  /** Asks for the state ahead of whoever will. */
  subscribe(): void {
    const snapshot = this.request({ type: 'subscribe' });
    // Whoever gets it hears of a failure; a connection that fails at `hello` has nobody.
    snapshot.catch(() => {});
    this.#snapshot = snapshot;
  }

  request<C extends AgentCommand>(command: C): Promise<ResultOf<C['type']>> {
    const snapshot = this.#snapshot;
    if (snapshot !== undefined && command.type === 'subscribe') {
      this.#snapshot = undefined;
      return snapshot as Promise<ResultOf<C['type']>>;
    }
    if (this.#closed) return Promise.reject(this.#lastWord ?? new Refusal('agent-unreachable'));
    const id = ++this.#lastId;
    const answered = new Promise<ResultOf<C['type']>>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, subscribing: command.type === 'subscribe' });
    });
    this.#socket.write(`${JSON.stringify({ id, cmd: command })}\n`);
    return answered;
  }

  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onClose(listener: () => void): () => void {
    this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
    this.#rejectAll();
  }

  /**
   * After the answer to `subscribe` the next lines wait for one turn of the event loop, so that whoever awaits it has
   * its snapshot in place, and its listener on, before the first event is told.
   */
  #readLines(): void {
    while (!this.#paused && !this.#closed) {
      const line = this.#lines.shift();
      if (line === undefined) return;
      if (this.#readLine(line)) this.#pauseForOneTurn();
    }
  }

  /** True when it was the answer to a `subscribe`. */
  #readLine(line: string): boolean {
    const answer = readAnswer(line);
    if (answer === undefined) return false;
    if ('push' in answer) {
      for (const listener of [...this.#eventListeners]) listener(answer.push);
      return false;
    }
    const { reply } = answer;
    if (reply.id === 0 && !reply.ok) this.#lastWord = new Refusal(reply.code, reply.detail);
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting?.resolve(reply.result as never);
    else waiting?.reject(new Refusal(reply.code, reply.detail, reply.retryAfterMs));
    return waiting?.subscribing === true;
  }

  #pauseForOneTurn(): void {
    this.#paused = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#paused = false;
      this.#readLines();
      if (!this.#paused) this.#socket.resume();
    });
  }

  #onClosed(): void {
    if (this.#closed) return;
    // What came before the end is still true: a reply and the agent's exit may arrive together.
    this.#paused = false;
    this.#readLines();
    this.#closed = true;
    this.#rejectAll();
    for (const listener of [...this.#closeListeners]) listener();
  }

  #rejectAll(): void {
    for (const { reject } of this.#waiting.values()) reject(this.#lastWord ?? new Refusal('agent-unreachable'));
    this.#waiting.clear();
  }
}
