/** The system's sockets on loopback: the contract of all sockets, then ports, families and endings of their own. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { openSockets, type SocketOptions, type SystemSockets } from '../../../src/net/io/sockets.ts';
import { createTlsOffer } from '../../../src/net/login/credential-issuer.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  DATAGRAM_BYTES_MAX,
  STREAM_CONNECT_TIMEOUT_MS,
  STREAMS_PER_HOST_MAX,
} from '../../../src/net/protocol/params.ts';
import type { NetInput } from '../../../src/net/protocol/traffic.ts';
import { type Party, type SocketBench, socketContract } from '../../support/socket-contract.ts';

const opened: SystemSockets[] = [];

async function party(options: SocketOptions = { port: 0 }): Promise<Party & { sockets: SystemSockets }> {
  const sockets = await openSockets(options);
  opened.push(sockets);
  const heard: NetInput[] = [];
  sockets.start((input) => heard.push(input));
  return { sockets, heard, at: (carrier) => ({ carrier, host: '127.0.0.1', port: sockets.port }) };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${condition.toString()}`);
    await sleep(2);
  }
}

/** Listens, then sleeps for ever: the kernel's queue of one fills, and later callers get no answer at all. */
const DEAF_LISTENER = `
  const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((sockets) => sockets.close()));
}

const keyPair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const tls = createTlsOffer({ keyPair, nowMs: Date.now(), serial: randomBytes(16) });
const open: SocketBench['open'] = (options) => party({ port: 0, ...(options?.offersTls ? { tls } : {}) });
const bench: SocketBench = { open, until, moment: () => sleep(50), close: closeAll };
socketContract('system', async () => bench);

describe('ports', () => {
  afterEach(closeAll);

  test('further UDP ports send and take by their number, and close with the rest', async () => {
    const a = await party({ port: 0, host: '127.0.0.1', sideUdp: 2 });
    const b = await party();
    const told = a.heard.find((input) => input.type === 'local-endpoints');
    const [other = 0, stranger = 0] = told?.type === 'local-endpoints' ? (told.sidePorts ?? []) : [];
    expect(new Set([a.sockets.port, other, stranger, 0]).size).toBe(4);
    const to = b.at('udp');
    for (const side of [undefined, 1, 2, 3]) {
      a.sockets.perform({ type: 'send-datagram', to, bytes: Buffer.from(`side ${side}`), side });
    }
    const got = () =>
      b.heard.flatMap((input) => (input.type === 'datagram' ? [[`${input.bytes}`, input.from.port]] : []));
    await until(() => got().length >= 3);
    expect(new Map(got() as [string, number][])).toEqual(
      new Map([
        ['side undefined', a.sockets.port],
        ['side 1', other],
        ['side 2', stranger],
      ]),
    );
    expect(a.sockets.counts()).toEqual({ 'datagram unsent: no such family': 1 });
    for (const port of [a.sockets.port, other]) {
      b.sockets.perform({ type: 'send-datagram', to: { ...to, port }, bytes: Buffer.from('x') });
    }
    const sides = () => a.heard.flatMap((input) => (input.type === 'datagram' ? [input.side] : []));
    await until(() => sides().length >= 2);
    expect(new Set(sides())).toEqual(new Set([undefined, 1]));
    await a.sockets.close();
    const free = createSocket('udp4').bind(other, '127.0.0.1');
    await once(free, 'listening');
    free.close();
  });

  test('streams are taken at further ports as well; one that is taken, or not allowed, is left out', async () => {
    const [free, taken] = [createServer(), createServer()];
    for (const server of [free, taken]) await once(server.listen(0), 'listening');
    const [also, mine] = [free, taken].map((server) => (server.address() as { port: number }).port) as [number, number];
    await new Promise((done) => free.close(done));
    const a = await party({ port: 0, alsoTcp: [also, mine] });
    expect(a.sockets.alsoTcp).toEqual([also]);
    for (const moved of [false, true]) {
      if (moved) await a.sockets.rebind();
      a.heard.length = 0;
      const tcp = connect(also, '127.0.0.1');
      await until(() => a.heard.some((input) => input.type === 'stream-open' && input.incoming));
      tcp.destroy();
    }
    await a.sockets.close();
    await expect(once(connect(also, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await new Promise((done) => taken.close(done));
  });

  test('UDP and TCP listen at the same number', async () => {
    const a = await party();
    const tcp = connect(a.sockets.port, '127.0.0.1');
    await once(tcp, 'connect');
    tcp.destroy();
    const udp = createSocket('udp4');
    udp.send('x', a.sockets.port, '127.0.0.1');
    await until(() => a.heard.some((input) => input.type === 'datagram'));
    udp.close();
  });

  test('a port that another program has is refused by name', async () => {
    const a = await party();
    await expect(openSockets({ port: a.sockets.port })).rejects.toMatchObject({ code: 'port-taken' });
  });

  test('a port of which only the UDP half is taken is refused and nothing stays bound', async () => {
    const udp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const { port } = udp.address();
    await expect(openSockets({ port })).rejects.toMatchObject({ code: 'port-taken' });
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    udp.close();
  });

  test('a kept port that is taken gives way to another, and says so', async () => {
    const a = await party();
    const b = await party({ port: a.sockets.port, whenTaken: 'pick' });
    expect(b.sockets.portWasTaken).toBe(true);
    expect(b.sockets.port).not.toBe(a.sockets.port);
  });

  test('a kept port that is free is kept', async () => {
    const a = await party();
    const { port } = a.sockets;
    await closeAll();
    const b = await party({ port, whenTaken: 'pick' });
    expect([b.sockets.port, b.sockets.portWasTaken]).toEqual([port, false]);
  });

  test('an address that is not of this machine is refused as wrong usage', async () => {
    await expect(openSockets({ port: 0, host: '192.0.2.254' })).rejects.toMatchObject({ code: 'usage' });
    await expect(openSockets({ port: 0, host: 'no such host' })).rejects.toMatchObject({ code: 'usage' });
  });

  test('sockets that were opened but never started can be closed', async () => {
    const sockets = await openSockets({ port: 0 });
    await sockets.close();
    const again = await openSockets({ port: sockets.port });
    opened.push(again);
    expect(again.port).toBe(sockets.port);
  });

  test('bound to one address, that is the only local endpoint', async () => {
    const a = await party({ port: 0, host: 'localhost' });
    const first = a.heard[0];
    expect(first?.type === 'local-endpoints' && first.endpoints.length).toBe(1);
  });
});

describe('two families', () => {
  afterEach(closeAll);

  test('IPv6 loopback carries datagrams and streams beside IPv4', async (context) => {
    const a = await party();
    const b = await party();
    if (!a.sockets.hasIPv6) {
      console.log('skipped: this system has no IPv6');
      context.skip('no IPv6 here');
    }
    const to: Endpoint = { carrier: 'udp', host: '::1', port: b.sockets.port };
    a.sockets.perform({ type: 'send-datagram', to, bytes: Buffer.from('six') });
    a.sockets.perform({ type: 'open-stream', stream: 1, to: { ...to, carrier: 'tcp' } });
    await until(() => b.heard.length === 3);
    expect(b.heard.find((input) => input.type === 'datagram')).toMatchObject({ from: { host: '::1' } });
    expect(b.heard.find((input) => input.type === 'stream-open')).toMatchObject({ remote: { host: '::1' } });
  });

  test('names are resolved for datagrams and for streams', async () => {
    const a = await party();
    const b = await party();
    const to: Endpoint = { carrier: 'udp', host: 'localhost', port: b.sockets.port };
    a.sockets.perform({ type: 'send-datagram', to, bytes: Buffer.from('by name') });
    a.sockets.perform({ type: 'open-stream', stream: 1, to: { ...to, carrier: 'tcp' } });
    await until(() => b.heard.length === 3);
    expect(b.heard.map((input) => input.type).sort()).toEqual(['datagram', 'local-endpoints', 'stream-open']);
  });

  test('a destination that the system refuses is counted', async () => {
    const a = await party();
    const to: Endpoint = { carrier: 'udp', host: '255.255.255.255', port: 9 };
    a.sockets.perform({ type: 'send-datagram', to, bytes: Buffer.from('x') });
    await until(() => Object.keys(a.sockets.counts()).length === 1);
    expect(Object.keys(a.sockets.counts())[0]).toMatch(/^datagram unsent: E/);
  });
});

describe('strangers', () => {
  afterEach(closeAll);

  test('a datagram longer than any of ours is dropped at the edge', async () => {
    const a = await party();
    const udp = createSocket('udp4');
    udp.send(Buffer.alloc(DATAGRAM_BYTES_MAX + 1), a.sockets.port, '127.0.0.1');
    udp.send('ok', a.sockets.port, '127.0.0.1');
    await until(() => a.heard.length === 2);
    expect(a.sockets.counts()).toEqual({ 'datagram dropped: too long': 1 });
    udp.close();
  });

  test('one caller cannot hold more streams than his share', async () => {
    const a = await party();
    const callers: Socket[] = [];
    for (let i = 0; i < STREAMS_PER_HOST_MAX + 5; i += 1)
      callers.push(connect(a.sockets.port, '127.0.0.1').on('error', () => {}));
    await until(() => a.sockets.counts()['stream not accepted: too many'] === 5);
    expect(a.heard.filter((input) => input.type === 'stream-open').length).toBe(STREAMS_PER_HOST_MAX);
    callers[0]?.destroy();
    await until(() => a.heard.some((input) => input.type === 'stream-closed'));
    callers.push(connect(a.sockets.port, '127.0.0.1'));
    await until(() => a.heard.filter((input) => input.type === 'stream-open').length === STREAMS_PER_HOST_MAX + 1);
    for (const caller of callers) caller.destroy();
  });

  test('a reset by the other side is told as one', async () => {
    const a = await party();
    const caller = connect(a.sockets.port, '127.0.0.1');
    await once(caller, 'connect');
    await until(() => a.heard.some((input) => input.type === 'stream-open'));
    caller.resetAndDestroy();
    await until(() => a.heard.some((input) => input.type === 'stream-closed'));
    expect(a.heard.at(-1)).toMatchObject({ type: 'stream-closed', why: 'reset' });
  });

  test('a connection that nobody answers is given up after five seconds', { timeout: 15_000 }, async () => {
    const deaf = spawn(process.execPath, ['-e', DEAF_LISTENER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(deaf.stdout, 'data');
    const to: Endpoint = { carrier: 'tcp', host: '127.0.0.1', port: Number(line) };
    const a = await party();
    const begin = performance.now();
    for (let stream = 1; stream <= 6; stream += 1) a.sockets.perform({ type: 'open-stream', stream, to });
    await until(() => a.heard.some((input) => input.type === 'stream-closed'));
    expect(a.heard.find((input) => input.type === 'stream-closed')).toMatchObject({ why: 'connect-timeout' });
    expect(performance.now() - begin).toBeGreaterThan(STREAM_CONNECT_TIMEOUT_MS - 10);
    deaf.kill('SIGKILL');
  });
});

test('what the system does not take is told while it waits, and once when it has gone', async () => {
  const ours = await party();
  const server = createServer().listen({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const [[reader]] = await Promise.all([
    once(server, 'connection') as Promise<[Socket]>,
    Promise.resolve(
      ours.sockets.perform({ type: 'open-stream', stream: 1, to: { carrier: 'tcp', host: '127.0.0.1', port } }),
    ),
  ]);
  await until(() => ours.heard.some(({ type }) => type === 'stream-open'));
  const told = () => ours.heard.flatMap((input) => (input.type === 'stream-backlog' ? [input.waitingBytes] : []));
  ours.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.alloc(200) });
  expect(told()).toEqual([]);
  // Nobody reads: the two ends of the system fill, then we do.
  reader.pause();
  for (let n = 0; n < 4000 && told().length === 0; n++) {
    ours.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.alloc(60_000) });
    await sleep(0);
  }
  expect(told()[0]).toBeGreaterThan(0);
  reader.resume();
  await until(() => told().at(-1) === 0);
  reader.destroy();
  server.close();
});
