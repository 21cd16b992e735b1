/**
 * The agent's end of the agent port (`port.ts`): a Unix socket that only its user can open, and the JSON lines of
 * every screen and command at it. Checked commands go to `handle`; results and refusals go back; `push` sends an
 * event to everybody who subscribed. The agent never waits for anybody: who does not read is dropped.
 *
 * Order: replies go out when they are ready, in any order; events go out in the order in which they were pushed. A
 * `subscribe` is special: events pushed between the call of `handle` and its reply are kept back and follow the
 * reply, so when `handle` takes the snapshot before its first `await`, the client sees every change exactly once.
 */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { FAILURES, type FailureCode, Refusal } from '../net/protocol/failures.ts';
import { AGENT_BACKLOG_BYTES_MAX, AGENT_CLIENTS_MAX, AGENT_COMMANDS_PENDING_MAX } from '../net/protocol/params.ts';
import { LineSplitter } from './line-splitter.ts';
import { AGENT_LINE_BYTES_MAX, type AgentCommand, type AgentEvent, type AgentReply } from './port.ts';
import { readRequest } from './port-schema.ts';
import { openPrivateFolder } from './private-folder-file.ts';

/** One connection, as long as it lasts; compare by identity. */
export interface AgentClient {
  /** Counts up from 1. */
  readonly id: number;
  /** True once it asked for events, that is: a screen or a script that watches. */
  readonly subscribed: boolean;
}

/** What somebody who must know may read about the port itself, for the log. */
export type PortTrouble = (fact: string, fields: Readonly<Record<string, string | number>>, error?: unknown) => void;

export interface AgentServerOptions {
  /** From `agentSocketPath`; its folder is made private. */
  readonly socketPath: string;
  /**
   * Carries out one command; the value becomes the `result`. A `Refusal` is told by its code; any other error is our
   * own mistake, told as `internal` and to `trouble`. Commands of one client may run at the same time.
   */
  readonly handle: (cmd: AgentCommand, client: AgentClient) => Promise<unknown>;
  readonly onClientGone?: (client: AgentClient) => void;
  readonly trouble?: PortTrouble;
}

export interface AgentServer {
  /** To every subscriber, in order. Never blocks. */
  push(event: AgentEvent): void;
  /** How many screens and commands have subscribed. */
  readonly followers: number;
  /** Says good-bye to everybody and takes the socket away. */
  close(): Promise<void>;
}

/**
 * Resolves when commands can connect. A socket file that nobody listens at is replaced. Rejects with
 * `Refusal('profile-locked')` when somebody does, `Refusal('profile-unsafe')` for an unsafe folder.
 */
export async function serveAgent(options: AgentServerOptions): Promise<AgentServer> {
  openPrivateFolder(dirname(options.socketPath));
  await clearStaleSocket(options.socketPath);
  const clients = new Set<Connection>();
  let clientCount = 0;
  // Half-open: a script may end its side after the question and still gets the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (clients.size >= AGENT_CLIENTS_MAX) {
      socket.on('error', () => {});
      const word = lineOf({ id: 0, ok: false, code: 'busy', detail: 'too many connections' });
      socket.end(word, () => socket.destroy());
      return;
    }
    clientCount += 1;
    const client: Connection = new Connection(clientCount, socket, options, () => {
      clients.delete(client);
      options.onClientGone?.(client);
    });
    clients.add(client);
  });
  await listen(server, options.socketPath);
  server.on('error', (error) => options.trouble?.('accepting failed', {}, error));
  chmodSync(options.socketPath, 0o600);
  return {
    get followers() {
      return [...clients].filter((client) => client.subscribed).length;
    },
    push(event) {
      const subscribers = [...clients].filter((client) => client.subscribed);
      if (subscribers.length === 0) return;
      const line = lineOf({ push: event });
      for (const client of subscribers) client.pushLine(line);
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.finish();
      return closed;
    },
  };
}

class Connection implements AgentClient {
  readonly id: number;
  subscribed = false;
  readonly #socket: Socket;
  readonly #options: AgentServerOptions;
  readonly #lines = new LineSplitter(AGENT_LINE_BYTES_MAX);
  /** Events that wait for the reply to a `subscribe`; undefined when none does. */
  #keptBack: string[] | undefined;
  #keptBackBytes = 0;
  #subscribing = 0;
  #pending = 0;
  #inputEnded = false;

  constructor(id: number, socket: Socket, options: AgentServerOptions, onGone: () => void) {
    this.id = id;
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => {
      this.#inputEnded = true;
      this.#finishWhenAnswered();
    });
    // The other end died with bytes on the way; `close` follows and is all that matters.
    socket.on('error', () => {});
    socket.on('close', onGone);
  }

  pushLine(line: string): void {
    if (this.#keptBack === undefined) return this.#write(line);
    this.#keptBack.push(line);
    this.#keptBackBytes += line.length;
    if (this.#keptBackBytes > AGENT_BACKLOG_BYTES_MAX) this.#drop('asked for events and never got its snapshot');
  }

  /** What was written still goes out, within reason. */
  finish(): void {
    this.#socket.end();
    // Half-open, the socket would last as long as the other end likes.
    setTimeout(() => this.#socket.destroy(), GOOD_BYE_MS).unref();
  }

  #receive(chunk: Buffer): void {
    for (const line of this.#lines.push(chunk)) {
      const request = readRequest(line);
      if (request.kind === 'garbage') return this.#drop('sent what is no request', { id: 0, code: 'usage' });
      if (request.kind === 'refused') this.#refuse(request.id, request.code, request.detail);
      else if (this.#pending >= AGENT_COMMANDS_PENDING_MAX) this.#refuse(request.id, 'busy', 'too many at once');
      else void this.#carryOut(request.id, request.cmd);
    }
    if (this.#lines.overflowed) this.#drop('sent an endless line', { id: 0, code: 'too-large' });
  }

  async #carryOut(id: number, cmd: AgentCommand): Promise<void> {
    this.#pending += 1;
    if (cmd.type === 'subscribe') await this.#subscribe(id, cmd);
    else await this.#run(id, cmd);
    this.#pending -= 1;
    this.#finishWhenAnswered();
  }

  async #subscribe(id: number, cmd: AgentCommand): Promise<void> {
    const before = this.subscribed;
    this.subscribed = true;
    this.#subscribing += 1;
    this.#keptBack ??= [];
    const done = await this.#run(id, cmd);
    if (!done) this.subscribed = before;
    this.#subscribing -= 1;
    if (this.#subscribing === 0) this.#releaseEvents();
  }

  /** True when the command was carried out. Answers in any case, and never rejects. */
  async #run(id: number, cmd: AgentCommand): Promise<boolean> {
    try {
      const result = await this.#options.handle(cmd, this);
      this.#answer({ id, ok: true, result: result ?? null });
      return true;
    } catch (error) {
      this.#answer(this.#refusalOf(id, cmd, error));
      return false;
    }
  }

  #refusalOf(id: number, cmd: AgentCommand, error: unknown): AgentReply {
    if (error instanceof Refusal) {
      const detail = error.message === FAILURES[error.code] ? '' : error.message;
      const retry = error.retryAfterMs > 0 ? { retryAfterMs: error.retryAfterMs } : {};
      return { id, ok: false, code: error.code, detail, ...retry };
    }
    this.#options.trouble?.('command failed', { command: cmd.type, client: this.id }, error);
    return { id, ok: false, code: 'internal', detail: cmd.type };
  }

  #refuse(id: number, code: FailureCode, detail: string): void {
    this.#answer({ id, ok: false, code, detail });
  }

  #answer(reply: AgentReply): void {
    const line = lineOf(reply);
    // The other end would have to take such a line for an attack and hang up.
    if (line.length <= AGENT_LINE_BYTES_MAX && Buffer.byteLength(line) <= AGENT_LINE_BYTES_MAX) this.#write(line);
    else this.#write(lineOf({ id: reply.id, ok: false, code: 'too-large', detail: 'the answer' }));
  }

  #releaseEvents(): void {
    const lines = this.#keptBack ?? [];
    this.#keptBack = undefined;
    this.#keptBackBytes = 0;
    if (this.subscribed) for (const line of lines) this.#write(line);
  }

  #write(line: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(line);
    if (this.#socket.writableLength > AGENT_BACKLOG_BYTES_MAX) this.#drop('does not read');
  }

  /** Hangs up on somebody who cannot be served, with a last word when it can still be heard. */
  #drop(why: string, word?: { readonly id: number; readonly code: FailureCode }): void {
    this.#options.trouble?.('connection dropped', { why, client: this.id });
    this.#socket.removeAllListeners('data');
    if (word === undefined) {
      this.#socket.destroy();
      return;
    }
    this.#refuse(word.id, word.code, why);
    this.#socket.resume();
    this.finish();
  }

  #finishWhenAnswered(): void {
    // Half-open and gone look the same from here, so a screen that ends its side is taken for gone.
    if (this.#inputEnded && (this.#pending === 0 || this.subscribed)) this.#socket.end();
  }
}

/** A last word that nobody fetches is given up after this long. */
const GOOD_BYE_MS = 500;

function lineOf(value: AgentReply | { readonly push: AgentEvent }): string {
  return `${JSON.stringify(value)}\n`;
}

/** The lock of the profile has been taken by now, so a socket that is still there is most likely a dead agent's. */
async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Refusal('profile-unsafe', `${path} is no socket`);
  if (await somebodyListens(path)) throw new Refusal('profile-locked', path);
  rmSync(path, { force: true });
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = netConnect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
