import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { AGENT_CLIENTS_MAX, AGENT_COMMANDS_PENDING_MAX } from '../../src/net/protocol/params.ts';
import { type AgentServer, type AgentServerOptions, serveAgent } from '../../src/store/agent-server-io.ts';
import { AGENT_LINE_BYTES_MAX, type AgentCommand, type AgentEvent } from '../../src/store/port.ts';
import { INITIAL_STATE } from '../../src/store/state.ts';

let folder: string;
let socketPath: string;
let server: AgentServer | undefined;
const sockets: Socket[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-port-'));
  socketPath = join(folder, 'agent.sock');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function serve(options: Partial<AgentServerOptions> = {}): Promise<AgentServer> {
  server = await serveAgent({ socketPath, handle: async () => null, ...options });
  return server;
}

/** A raw program at the socket: says lines, hears lines. */
async function program() {
  const socket = connect(socketPath);
  sockets.push(socket);
  await new Promise((done) => socket.once('connect', done));
  socket.on('error', () => {});
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    socket,
    closed,
    say: (text: string) => socket.write(`${text}\n`),
    ask: (id: number, cmd: AgentCommand | { type: string }) => socket.write(`${JSON.stringify({ id, cmd })}\n`),
    async hear() {
      const { value, done } = await lines.next();
      return done ? undefined : JSON.parse(value);
    },
  };
}

const away = (n: number): AgentEvent => ({ type: 'network.joined', network: `n${n}` });

test('a command is handed on, and its result comes back under its id', async () => {
  const handle = vi.fn(async (cmd: AgentCommand) => ({ echoed: cmd }));
  await serve({ handle });
  const { ask, hear } = await program();
  ask(7, { type: 'buddy.accept', name: 'bobby1' });
  expect(await hear()).toEqual({ id: 7, ok: true, result: { echoed: { type: 'buddy.accept', name: 'bobby1' } } });
  expect(handle).toHaveBeenCalledWith({ type: 'buddy.accept', name: 'bobby1' }, expect.objectContaining({ id: 1 }));
});

test('nobody but the user can open the socket', async () => {
  await serve();
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('a refusal comes back with its code, its detail and when to try again', async () => {
  await serve({
    handle: async (cmd) => {
      throw cmd.type === 'status' ? new Refusal('not-a-buddy', 'bobby1') : new Refusal('too-many-tries', '', 900);
    },
  });
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  expect(await hear()).toEqual({ id: 1, ok: false, code: 'not-a-buddy', detail: 'bobby1' });
  ask(2, { type: 'buddy.list' });
  expect(await hear()).toEqual({ id: 2, ok: false, code: 'too-many-tries', detail: '', retryAfterMs: 900 });
});

test('our own mistake is told as internal, without its words, and goes to the log', async () => {
  const trouble = vi.fn();
  const mistake = new TypeError('secret of alice1');
  await serve({
    trouble,
    handle: async () => {
      throw mistake;
    },
  });
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  expect(await hear()).toEqual({ id: 1, ok: false, code: 'internal', detail: 'status' });
  expect(trouble).toHaveBeenCalledWith('command failed', { command: 'status', client: 1 }, mistake);
});

test('a handler that throws before it is a promise, and a result that is no JSON, are mistakes like any other', async () => {
  await serve({
    handle: (cmd) => {
      if (cmd.type === 'status') throw new Error('at once');
      return Promise.resolve(1n);
    },
  });
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  ask(2, { type: 'buddy.list' });
  const replies = [await hear(), await hear()];
  expect(replies.map((reply) => [reply.id, reply.code])).toEqual([
    [1, 'internal'],
    [2, 'internal'],
  ]);
});

test('unknown commands and bad fields are refused, and the connection goes on', async () => {
  await serve({ handle: async () => 'fine' });
  const { ask, hear } = await program();
  ask(1, { type: 'call.teleport' });
  ask(2, { type: 'buddy.add' });
  ask(3, { type: 'status' });
  const replies = [await hear(), await hear(), await hear()];
  expect(replies.map((reply) => reply.code ?? reply.result)).toEqual(['port-version', 'usage', 'fine']);
});

test.each([
  ['what is no JSON', '{"id":'],
  ['what is no request', '[1,2]'],
  ['a request without a number', '{"cmd":{"type":"status"}}'],
])('%s is answered with an error and the end', async (_, text) => {
  const handle = vi.fn(async () => null);
  await serve({ handle });
  const { say, hear, closed } = await program();
  say(text);
  expect(await hear()).toMatchObject({ id: 0, ok: false, code: 'usage' });
  await closed;
  expect(handle).not.toHaveBeenCalled();
});

test('an endless line is cut off with too-large, and others are served on', async () => {
  await serve({ handle: async () => 'fine' });
  const flood = await program();
  flood.socket.write('x'.repeat(AGENT_LINE_BYTES_MAX + 10));
  expect(await flood.hear()).toMatchObject({ ok: false, code: 'too-large' });
  await flood.closed;
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  expect(await hear()).toMatchObject({ result: 'fine' });
});

test('an answer too long for one line is refused instead of sent', async () => {
  await serve({ handle: async () => 'é'.repeat(AGENT_LINE_BYTES_MAX / 2) });
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  expect(await hear()).toEqual({ id: 1, ok: false, code: 'too-large', detail: 'the answer' });
});

test('commands of one connection run at the same time', async () => {
  const release: (() => void)[] = [];
  await serve({
    handle: (cmd) =>
      cmd.type === 'wait' ? new Promise((done) => release.push(() => done('late'))) : Promise.resolve('now'),
  });
  const { ask, hear } = await program();
  ask(1, { type: 'wait', forMs: 1000 });
  ask(2, { type: 'status' });
  expect(await hear()).toEqual({ id: 2, ok: true, result: 'now' });
  release[0]?.();
  expect(await hear()).toEqual({ id: 1, ok: true, result: 'late' });
});

test('more commands at once than anybody honest has are refused as busy', async () => {
  await serve({ handle: () => new Promise(() => {}) });
  const { ask, hear } = await program();
  for (let id = 1; id <= AGENT_COMMANDS_PENDING_MAX + 1; id++) ask(id, { type: 'status' });
  expect(await hear()).toMatchObject({ id: AGENT_COMMANDS_PENDING_MAX + 1, code: 'busy' });
});

test('events go to those who subscribed, in order, and to nobody else', async () => {
  const agent = await serve({ handle: async (cmd) => (cmd.type === 'subscribe' ? INITIAL_STATE : 'other') });
  const watcher = await program();
  const other = await program();
  watcher.ask(1, { type: 'subscribe' });
  expect(await watcher.hear()).toEqual({ id: 1, ok: true, result: INITIAL_STATE });
  for (let n = 0; n < 100; n++) agent.push(away(n));
  for (let n = 0; n < 100; n++) expect(await watcher.hear()).toEqual({ push: away(n) });
  other.ask(1, { type: 'status' });
  expect(await other.hear()).toEqual({ id: 1, ok: true, result: 'other' });
});

test('a snapshot stands exactly between the events it holds and the events after it', async () => {
  let last = 0;
  const agent = await serve({
    handle: async (cmd) => {
      if (cmd.type !== 'subscribe') return null;
      const snapshot = { ...INITIAL_STATE, network: `n${last}` };
      // The agent goes on while the answer is under way.
      for (let i = 0; i < 5; i++) {
        await new Promise((done) => setImmediate(done));
        last += 1;
        agent.push(away(last));
      }
      return snapshot;
    },
  });
  const early = await program();
  early.ask(1, { type: 'subscribe' });
  const late = await program();
  late.ask(1, { type: 'subscribe' });
  for (const watcher of [early, late]) {
    const { result } = await watcher.hear();
    let expected = Number(result.network.slice(1)) + 1;
    while (expected <= 10) {
      const heard = await watcher.hear();
      expect(heard).toEqual({ push: away(expected) });
      expected += 1;
    }
  }
});

test('a subscribe that is refused brings no events', async () => {
  const agent = await serve({
    handle: async (cmd) => {
      if (cmd.type === 'subscribe') throw new Refusal('busy');
      return 'fine';
    },
  });
  const { ask, hear } = await program();
  ask(1, { type: 'subscribe' });
  expect(await hear()).toMatchObject({ code: 'busy' });
  agent.push(away(1));
  ask(2, { type: 'status' });
  expect(await hear()).toMatchObject({ id: 2, result: 'fine' });
});

test('a screen that does not read is dropped, and neither the agent nor the others wait for it', async () => {
  const gone = vi.fn();
  const trouble = vi.fn();
  const agent = await serve({ handle: async () => INITIAL_STATE, onClientGone: gone, trouble });
  const slow = await program();
  const quick = await program();
  for (const watcher of [slow, quick]) {
    watcher.ask(1, { type: 'subscribe' });
    await watcher.hear();
  }
  slow.socket.pause();
  const network = 'x'.repeat(100_000);
  for (let n = 0; n < 60; n++) {
    agent.push({ type: 'network.joined', network });
    expect((await quick.hear()).push.network).toBe(network);
  }
  await vi.waitFor(() => expect(gone).toHaveBeenCalledTimes(1));
  expect(trouble).toHaveBeenCalledWith('connection dropped', { why: 'does not read', client: 1 });
  agent.push(away(1));
  expect(await quick.hear()).toEqual({ push: away(1) });
});

test('whoever goes away is told once, also when it vanishes in mid-line', async () => {
  const gone = vi.fn();
  await serve({ handle: async () => INITIAL_STATE, onClientGone: gone });
  const screen = await program();
  screen.ask(1, { type: 'subscribe' });
  await screen.hear();
  screen.socket.destroy();
  const rude = await program();
  rude.socket.write('{"id":1');
  rude.socket.destroy();
  await vi.waitFor(() => expect(gone).toHaveBeenCalledTimes(2));
  expect(gone.mock.calls.map(([client]) => client.id).sort()).toEqual([1, 2]);
});

test('a script that ends its side after the question still gets the answer, then the end', async () => {
  await serve({ handle: () => new Promise((done) => setTimeout(() => done('late'), 30)) });
  const { ask, socket, hear, closed } = await program();
  ask(1, { type: 'status' });
  socket.end();
  expect(await hear()).toEqual({ id: 1, ok: true, result: 'late' });
  await closed;
});

test('a socket left behind by a dead agent is replaced', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(existsSync(socketPath)).toBe(true);
  await serve({ handle: async () => 'fine' });
  const { ask, hear } = await program();
  ask(1, { type: 'status' });
  expect(await hear()).toMatchObject({ result: 'fine' });
});

test('a socket at which somebody listens, and a file that is no socket, are left alone', async () => {
  const other = createServer().listen(socketPath);
  await new Promise((done) => other.once('listening', done));
  await expect(serve()).rejects.toMatchObject({ code: 'profile-locked' });
  expect(existsSync(socketPath)).toBe(true);
  await new Promise((done) => other.close(done));
  writeFileSync(socketPath, 'a file');
  await expect(serve()).rejects.toMatchObject({ code: 'profile-unsafe' });
  expect(existsSync(socketPath)).toBe(true);
});

test('the folder of the socket is made, and a shared one is refused', async () => {
  socketPath = join(folder, 'new', 'agent.sock');
  await serve();
  expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  spawnSync('chmod', ['1777', shared]);
  await expect(serveAgent({ socketPath: join(shared, 's'), handle: async () => null })).rejects.toMatchObject({
    code: 'profile-unsafe',
  });
});

test('one connection too many is told so', async () => {
  await serve();
  for (let i = 0; i < AGENT_CLIENTS_MAX; i++) await program();
  const { hear, closed } = await program();
  expect(await hear()).toMatchObject({ id: 0, code: 'busy' });
  await closed;
});

test('closing says good-bye to everybody, takes the socket away, and waits for nobody', async () => {
  const agent = await serve({ handle: () => new Promise(() => {}) });
  const idle = await program();
  const busy = await program();
  busy.ask(1, { type: 'wait', forMs: 60_000 });
  await agent.close();
  await Promise.all([idle.closed, busy.closed]);
  expect(existsSync(socketPath)).toBe(false);
});
