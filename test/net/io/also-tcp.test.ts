/** TCP ports beside a node's own: what forbids one, and how a server of this machine gets one back from an agent. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type AlsoTcpWish, bindAlsoTcp } from '../../../src/net/io/also-tcp.ts';
import { openSockets, type SocketOptions, type SystemSockets } from '../../../src/net/io/sockets.ts';
import type { NetInput } from '../../../src/net/protocol/traffic.ts';
import { until } from '../../support/private-network.ts';

const opened: SystemSockets[] = [];
afterEach(() => Promise.all(opened.splice(0).map((sockets) => sockets.close())));

async function open(options: Omit<SocketOptions, 'port'>): Promise<SystemSockets> {
  const sockets = await openSockets({ port: 0, host: '127.0.0.1', ...options });
  opened.push(sockets);
  return sockets;
}

const heardOf = (heard: readonly NetInput[], wanted: NetInput['type']): Promise<void> =>
  until(
    () => heard.some(({ type }) => type === wanted),
    5_000,
    () => wanted,
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Fails as the system does where `code` says so for a port and family; tells which listeners were closed again. */
function fakeBind(code: (family: 4 | 6, port: number) => string | undefined) {
  const closed: string[] = [];
  const bind: NonNullable<AlsoTcpWish['bind']> = (family, _host, port) => {
    const failure = code(family, port);
    if (failure !== undefined) return Promise.reject(Object.assign(new Error(failure), { code: failure }));
    return Promise.resolve({ close: () => closed.push(`${family} ${port}`) } as unknown as Server);
  };
  return { bind, closed };
}

const hosts = { v4: '0.0.0.0', v6: '::' };
const bound = (bind: ReturnType<typeof fakeBind>['bind'], ports = [443, 80]) =>
  bindAlsoTcp({ hosts, ports, manners: undefined, onClaimed: () => {}, bind });

it.each([
  ['EACCES', 'not-allowed'],
  ['EPERM', 'not-allowed'],
  ['EADDRINUSE', 'taken'],
  ['ENOBUFS', 'unavailable'],
] as const)('a port that the system refuses by %s is done without, and the other had', async (code, why) => {
  const { had, missing } = await bound(fakeBind((_, port) => (port === 443 ? code : undefined)).bind);
  expect(missing).toEqual([{ port: 443, why }]);
  expect(had.map(({ port, servers }) => [port, servers.length])).toEqual([[80, 2]]);
});

it('a port that another program has for one family is left to it for both', async () => {
  const { bind, closed } = fakeBind((family) => (family === 6 ? 'EADDRINUSE' : undefined));
  const { had, missing } = await bound(bind, [443]);
  expect({ had, missing }).toEqual({ had: [], missing: [{ port: 443, why: 'taken' }] });
  expect(closed).toEqual(['4 443']);
});

it('a system without IPv6 listens by IPv4 alone', async () => {
  const { had, missing } = await bound(fakeBind((family) => (family === 6 ? 'EAFNOSUPPORT' : undefined)).bind, [80]);
  expect(had.map(({ servers }) => servers.length)).toEqual([1]);
  expect(missing).toEqual([]);
});

it('a borrowed port goes to the server that claims it, and streams that came in before stay', async (context) => {
  if (process.platform !== 'linux') {
    console.log('SKIPPED the claim of a borrowed port: only Linux has abstract sockets');
    return context.skip();
  }
  const alsoTcp = [await freePort()];
  const [port = 0] = alsoTcp;
  const told: (readonly number[])[] = [];
  const borrower = await open({ alsoTcp, alsoTcpManners: 'borrow', onAlsoTcp: (ports) => told.push(ports) });
  const heard: NetInput[] = [];
  borrower.start((input) => heard.push(input));
  const early = connect(port, '127.0.0.1');
  await heardOf(heard, 'stream-open');
  // Another agent, and a program that claims nothing, go without.
  for (const manners of ['borrow', undefined] as const) {
    const other = await open({ alsoTcp, ...(manners ? { alsoTcpManners: manners } : {}) });
    expect([other.alsoTcp, other.alsoTcpMissing]).toEqual([[], [{ port, why: 'taken' }]]);
  }
  const server = await open({ alsoTcp, alsoTcpManners: 'claim' });
  expect([server.alsoTcp, borrower.alsoTcp, told]).toEqual([alsoTcp, [], [[]]]);
  const taken: NetInput[] = [];
  server.start((input) => taken.push(input));
  const late = connect(port, '127.0.0.1');
  await heardOf(taken, 'stream-open');
  early.write('still there');
  await heardOf(heard, 'stream-bytes');
  // A server does not give way to a server.
  const second = await open({ alsoTcp, alsoTcpManners: 'claim' });
  expect([second.alsoTcp, server.alsoTcp]).toEqual([[], alsoTcp]);
  for (const socket of [early, late]) socket.destroy();
});

it('who ends gives a borrowed port back, and it can be borrowed and claimed again', async (context) => {
  if (process.platform !== 'linux') {
    console.log('SKIPPED the claim of a borrowed port: only Linux has abstract sockets');
    return context.skip();
  }
  const alsoTcp = [await freePort()];
  for (const round of ['first', 'second']) {
    const borrower = await open({ alsoTcp, alsoTcpManners: 'borrow' });
    expect([round, borrower.alsoTcp]).toEqual([round, alsoTcp]);
    await borrower.close();
  }
  const borrower = await open({ alsoTcp, alsoTcpManners: 'borrow' });
  const server = await open({ alsoTcp, alsoTcpManners: 'claim' });
  expect([server.alsoTcp, borrower.alsoTcp]).toEqual([alsoTcp, []]);
});
