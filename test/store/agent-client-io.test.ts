import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import { agentSocketPath, type ConnectOptions, connectAgent } from '../../src/store/agent-client-io.ts';
import { type AgentServer, serveAgent } from '../../src/store/agent-server-io.ts';
import type { AgentCommand, AgentEvent } from '../../src/store/port.ts';
import { INITIAL_STATE } from '../../src/store/state.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { bundleProgram } from '../support/store-child.ts';

let folder: string;
const connections: AgentConnection[] = [];
const servers: AgentServer[] = [];
const pids: number[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-client-'));
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const server of servers.splice(0)) await server.close();
  for (const pid of pids.splice(0)) endProcess(pid);
  rmSync(folder, { recursive: true, force: true });
});

async function connect(options: Partial<ConnectOptions> = {}): Promise<AgentConnection> {
  const connection = await connectAgent({ profileDir: folder, start: false, ...options });
  connections.push(connection);
  return connection;
}

/** An agent in this process, with `more` to say than hello. */
async function agent(more: (cmd: AgentCommand) => Promise<unknown> = async () => null, port = 1) {
  const server = await serveAgent({
    socketPath: agentSocketPath(folder),
    handle: async (cmd) => (cmd.type === 'hello' ? { port, version: '9.9.9', pid: process.pid } : more(cmd)),
  });
  servers.push(server);
  return server;
}

test('without an agent, and without leave to start one, the profile is not even touched', async () => {
  const nowhere = join(folder, 'nowhere');
  await expect(connect({ profileDir: nowhere })).rejects.toMatchObject({ code: 'agent-unreachable' });
  expect(existsSync(nowhere)).toBe(false);
});

test('a request resolves with its result, a refusal rejects with code and detail', async () => {
  await agent(async (cmd) => {
    if (cmd.type === 'chat.send') throw new Refusal('not-a-buddy', 'bobby1', 50);
    return { pid: 5 };
  });
  const connection = await connect();
  expect(await connection.request({ type: 'agent.status' })).toEqual({ pid: 5 });
  await expect(connection.request({ type: 'chat.send', to: 'bobby1', text: 'hi' })).rejects.toMatchObject({
    code: 'not-a-buddy',
    message: 'bobby1',
    retryAfterMs: 50,
  });
});

test.each([false, true])(
  'no event after the snapshot is missed by a listener that is put on after it, and all come in order (asked ahead: %s)',
  async (subscribes) => {
    let last = 0;
    const server = await agent(async () => {
      const snapshot = { ...INITIAL_STATE, network: `n${last}` };
      await new Promise((done) => setImmediate(done));
      for (let i = 0; i < 50; i++) server.push({ type: 'network.joined', network: `n${++last}` });
      return snapshot;
    });
    // Asked when somebody wants it, or in one breath with `hello`: nobody can tell which.
    const connection = await connect({ subscribes });
    const state = await connection.request({ type: 'subscribe' });
    await Promise.resolve();
    const heard: AgentEvent[] = [];
    connection.onEvent((event) => heard.push(event));
    await vi.waitFor(() => expect(heard).toHaveLength(50));
    expect(state.network).toBe('n0');
    expect(heard.map((event) => event.type === 'network.joined' && event.network)).toEqual(
      Array.from({ length: 50 }, (_, i) => `n${i + 1}`),
    );
  },
);

test('a listener that was taken off hears nothing more', async () => {
  const server = await agent(async () => INITIAL_STATE);
  const connection = await connect();
  const [kept, off] = [vi.fn(), vi.fn()];
  connection.onEvent(kept);
  const undo = connection.onEvent(off);
  await connection.request({ type: 'subscribe' });
  undo();
  server.push({ type: 'account.signed-out' });
  await vi.waitFor(() => expect(kept).toHaveBeenCalledTimes(1));
  expect(off).not.toHaveBeenCalled();
});

test('when the agent goes away waiting requests are rejected, and whoever asked is told once', async () => {
  const server = await agent(() => new Promise(() => {}));
  const connection = await connect();
  const closed = vi.fn();
  connection.onClose(closed);
  const waiting = expect(connection.request({ type: 'wait', forMs: 1000 })).rejects.toMatchObject({
    code: 'agent-unreachable',
  });
  await server.close();
  await waiting;
  expect(closed).toHaveBeenCalledTimes(1);
  await expect(connection.request({ type: 'status' })).rejects.toMatchObject({ code: 'agent-unreachable' });
});

test('closing it myself rejects what waits and tells nobody that the agent went away', async () => {
  await agent(() => new Promise(() => {}));
  const connection = await connect();
  const closed = vi.fn();
  connection.onClose(closed);
  const waiting = expect(connection.request({ type: 'status' })).rejects.toMatchObject({ code: 'agent-unreachable' });
  connection.close();
  await waiting;
  await new Promise((done) => setTimeout(done, 20));
  expect(closed).not.toHaveBeenCalled();
});

test('whoever asks ahead gets that answer once, and later ones are asked anew', async () => {
  let asked = 0;
  await agent(async () => ({ ...INITIAL_STATE, network: `n${++asked}` }));
  const connection = await connect({ subscribes: true });
  const networks = [];
  for (let n = 0; n < 2; n++) networks.push((await connection.request({ type: 'subscribe' })).network);
  expect(networks).toEqual(['n1', 'n2']);
});

test('an agent of another port version is refused, unless only to be stopped', async () => {
  await agent(async () => 'stopped', 2);
  await expect(connect()).rejects.toMatchObject({ code: 'port-version', message: 'the agent is 9.9.9' });
  expect(await (await connect({ anyVersion: true })).request({ type: 'agent.stop' })).toBe('stopped');
});

test('whatever somebody else says at the socket, it is a refusal and no crash', async () => {
  for (const words of ['', 'garbage\n', '{"id":1,"ok":true,"result":null}\n', 'x'.repeat(2_000_000)]) {
    const server = await fakeAgent((socket) => socket.end(words));
    await expect(connect()).rejects.toBeInstanceOf(Refusal);
    await new Promise((done) => server.close(done));
  }
});

test('the socket is in the profile while its path is short enough, otherwise in a folder of the user alone', async () => {
  expect(agentSocketPath(folder)).toBe(join(folder, 'agent.sock'));
  const deep = join(folder, 'x'.repeat(60), 'y'.repeat(60));
  mkdirSync(deep, { recursive: true, mode: 0o700 });
  const path = agentSocketPath(deep);
  expect(path).toMatch(new RegExp(`^/tmp/wren-${process.getuid?.()}/[0-9a-f]{16}\\.sock$`));
  servers.push(await serveAgent({ socketPath: path, handle: async () => ({ port: 1, version: '1', pid: 1 }) }));
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  expect((await connect({ profileDir: deep })).request).toBeDefined();
});

test('two spellings of one profile lead to one agent', async () => {
  symlinkSync(folder, `${folder}-link`);
  expect(agentSocketPath(`${folder}-link`)).toBe(agentSocketPath(folder));
  rmSync(`${folder}-link`);
});

// ------------------------------------------------------------------------------------------------- starting one

let program: Awaited<ReturnType<typeof bundleProgram>>;
beforeAll(async () => {
  program = await bundleProgram(`
    import { agentSocketPath } from '#store/agent-client-io.ts';
    import { serveAgent } from '#store/agent-server-io.ts';
    import { holdProfileLock } from '#store/profile-lock-db.ts';
    import { appendFileSync } from 'node:fs';
    const profile = process.argv[process.argv.indexOf('--profile') + 1]!;
    appendFileSync(profile + '/starts', process.pid + '\\n');
    console.log('agent says', JSON.stringify([process.argv.slice(4), process.env.WREN_PASSWORD ?? 'no password']));
    try { holdProfileLock(profile); } catch { process.exit(2); }
    setTimeout(async () => {
      const server = await serveAgent({
        socketPath: agentSocketPath(profile),
        handle: async (cmd) => {
          if (cmd.type === 'hello') return { port: 1, version: '1', pid: process.pid };
          // It is gone from the socket at once, and holds the profile for a while.
          if (cmd.type === 'agent.stop') setImmediate(() => server.close().then(() => setTimeout(() => process.exit(0), 700)));
          return { pid: process.pid };
        },
      });
    }, 150);
  `);
});
afterAll(() => program.remove());

async function connectStarting(options: Partial<ConnectOptions> = {}): Promise<number> {
  const connection = await connect({ start: true, agentEntry: program.path, ...options });
  const { pid } = (await connection.request({ type: 'agent.status' })) as { pid: number };
  pids.push(pid);
  return pid;
}

test('an agent is started when none answers, goes on alone, and is found again', async () => {
  const log = vi.fn();
  process.env.WREN_PASSWORD = 'correct horse';
  const pid = await connectStarting({ profileDir: join(folder, 'new'), log, logLevel: 'debug' });
  delete process.env.WREN_PASSWORD;
  expect(log).toHaveBeenCalledTimes(1);
  expect(pid).not.toBe(process.pid);
  expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(folder, 'new', 'agent.log'), 'utf8')).toContain(
    'agent says [["--log-level","debug"],"no password"]',
  );
  expect(statSync(join(folder, 'new', 'agent.log')).mode & 0o777).toBe(0o600);
  for (const connection of connections.splice(0)) connection.close();
  expect(await connectStarting({ profileDir: join(folder, 'new'), log })).toBe(pid);
  expect(log).toHaveBeenCalledTimes(1);
});

test('of several commands that start one at once all find the same agent', async () => {
  const found = await Promise.all([connectStarting(), connectStarting(), connectStarting()]);
  expect(new Set(found).size).toBe(1);
  const started = readFileSync(join(folder, 'starts'), 'utf8').trim().split('\n');
  expect(started).toContain(String(found[0]));
});

test('a killed agent is replaced by the next command, over its stale socket', async () => {
  const first = await connectStarting();
  endProcess(first);
  await vi.waitFor(() => expect(isAlive(first)).toBe(false));
  const second = await connectStarting();
  expect(second).not.toBe(first);
});

test('a command that follows upon a stop waits until the old agent is gone, and gets a new one', async () => {
  const first = await connectStarting();
  await connections[0]?.request({ type: 'agent.stop' });
  const second = await connectStarting();
  expect(second).not.toBe(first);
  expect(isAlive(first)).toBe(false);
});

test('an agent that crashes at once is told at once, with the place of its log', async () => {
  const entry = join(folder, 'broken.cjs');
  writeFileSync(entry, 'throw new Error("no such module")');
  const startedAt = performance.now();
  await expect(connect({ start: true, agentEntry: entry })).rejects.toMatchObject({
    code: 'agent-unreachable',
    message: expect.stringContaining(join(folder, 'agent.log')),
  });
  expect(performance.now() - startedAt).toBeLessThan(4000);
  expect(readFileSync(join(folder, 'agent.log'), 'utf8')).toContain('no such module');
});

test('an agent that ended for want of room could not say so: the command does, and at once', async () => {
  const disk = mountSmallDisk(256 * 1024);
  if (!disk) return;
  const entry = join(folder, 'full.cjs');
  writeFileSync(entry, 'process.exit(2)');
  const profileDir = join(disk.folder, 'profile');
  mkdirSync(profileDir, { mode: 0o700 });
  disk.fill();
  const startedAt = performance.now();
  try {
    const started = connect({ profileDir, start: true, agentEntry: entry });
    await expect(started).rejects.toMatchObject({ code: 'disk-full', message: profileDir });
    expect(performance.now() - startedAt).toBeLessThan(4000);
    expect(readdirSync(profileDir)).toEqual(['agent.log']);
  } finally {
    disk.unmount();
  }
});

test('an agent that never answers is given up after its time', async () => {
  const entry = join(folder, 'silent.cjs');
  writeFileSync(
    entry,
    `require('fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid)); setInterval(() => {}, 1000)`,
  );
  await expect(connect({ start: true, agentEntry: entry })).rejects.toMatchObject({ code: 'agent-unreachable' });
  pids.push(Number(readFileSync(join(folder, 'pid'), 'utf8')));
});

test('a program that is not there is named', async () => {
  await expect(connect({ start: true, agentEntry: join(folder, 'missing.cjs') })).rejects.toMatchObject({
    code: 'agent-unreachable',
    message: expect.stringContaining('missing.cjs'),
  });
});

function fakeAgent(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {});
    onSocket(socket);
  });
  return new Promise((done) => server.listen(agentSocketPath(folder), () => done(server)));
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
