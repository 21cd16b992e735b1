/** Streams through real proxies on loopback: HTTP CONNECT and SOCKS5, and everything a proxy can do wrong. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chooseProxy } from '../../../src/net/io/proxy-url.ts';
import { openSockets, type SystemSockets } from '../../../src/net/io/sockets.ts';
import { PROXY_HEAD_BYTES_MAX, STREAM_CONNECT_TIMEOUT_MS } from '../../../src/net/protocol/params.ts';
import type { NetInput } from '../../../src/net/protocol/traffic.ts';
import { makeAuthority } from '../../support/identities.ts';
import { until } from '../../support/private-network.ts';
import { connectProxy, listen, type Reach, socksProxy, type TestProxy } from '../../support/proxies.ts';

const LOGIN = 'alice:p@ss:word';
const KINDS = [
  { scheme: 'http', serve: connectProxy },
  { scheme: 'socks5h', serve: socksProxy },
] as const;

let echo: Server;
let reach: Reach;
const closing: { close(): Promise<unknown> }[] = [];

/** What says back all it hears, known to the proxies as `server.example`. */
beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await once(echo.listen(0, '127.0.0.1'), 'listening');
  const { port } = echo.address() as AddressInfo;
  reach = (host, wanted) => (host === 'server.example' && wanted === 443 ? { host: '127.0.0.1', port } : undefined);
});

afterEach(async () => {
  await Promise.all(closing.splice(0).map((one) => one.close()));
  echo.close();
});

async function serve(proxy: Promise<TestProxy>): Promise<TestProxy> {
  closing.push(await proxy);
  return proxy;
}

/** Sockets that know this proxy, and what came of the stream that was asked for through it. */
async function asking(url: string, to = { host: 'server.example', port: 443 }) {
  const sockets: SystemSockets = await openSockets({ port: 0, proxy: chooseProxy(url, {}) });
  closing.push(sockets);
  const heard: NetInput[] = [];
  sockets.start((input) => heard.push(input));
  sockets.perform({ type: 'open-stream', stream: 1, to: { carrier: 'tcp', ...to }, proxy: true });
  const closed = () => heard.find((input) => input.type === 'stream-closed');
  const opened = () => heard.find((input) => input.type === 'stream-open');
  const bytes = () => Buffer.concat(heard.flatMap((input) => (input.type === 'stream-bytes' ? [input.bytes] : [])));
  return { sockets, heard, opened, closed, bytes };
}

async function endingOf(url: string, to?: { host: string; port: number }): Promise<string> {
  const { heard, closed } = await asking(url, to);
  await until(
    () => closed() !== undefined,
    10_000,
    () => JSON.stringify(heard),
  );
  expect(heard.filter((input) => input.type === 'stream-closed')).toHaveLength(1);
  return `${(closed() as { why: string }).why}`;
}

describe.each(KINDS)('a proxy by $scheme', ({ scheme, serve: make }) => {
  test('carries a stream both ways, and is told the name of the other end', async () => {
    const proxy = await serve(make({ reach }));
    const { sockets, heard, opened, bytes } = await asking(`${scheme}://127.0.0.1:${proxy.port}`);
    sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.from('early ') });
    await until(
      () => opened() !== undefined,
      5_000,
      () => JSON.stringify(heard),
    );
    expect(opened()).toMatchObject({ stream: 1, incoming: false, remote: { host: 'server.example', port: 443 } });
    sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.alloc(100_000, 'x') });
    await until(
      () => bytes().length === 100_006,
      5_000,
      () => `${bytes().length}`,
    );
    expect(bytes().subarray(0, 8).toString()).toBe('early xx');
    expect(proxy.asked).toEqual(['server.example:443']);
    expect(heard.at(-1)?.type).toBe('stream-bytes');
  });

  test('brings what the other end says first, in the same breath as the proxy', async () => {
    const talker = createServer((socket) => socket.on('error', () => {}).write('hello from afar'));
    await once(talker.listen(0, '127.0.0.1'), 'listening');
    closing.push({ close: async () => talker.close() });
    const { port } = talker.address() as AddressInfo;
    const proxy = await serve(make({ reach: () => ({ host: '127.0.0.1', port }) }));
    const { heard, bytes } = await asking(`${scheme}://127.0.0.1:${proxy.port}`);
    await until(
      () => bytes().length > 14,
      5_000,
      () => JSON.stringify(heard),
    );
    expect(bytes().toString()).toBe('hello from afar');
    expect(heard.map(({ type }) => type).slice(1, 3)).toEqual(['stream-open', 'stream-bytes']);
  });

  test('is shown user and password, and says when they are wrong or missing', async () => {
    const proxy = await serve(make({ reach, login: LOGIN }));
    const at = `127.0.0.1:${proxy.port}`;
    expect(await endingOf(`${scheme}://${at}`)).toBe('proxy-password');
    expect(await endingOf(`${scheme}://alice:wrong@${at}`)).toBe('proxy-password');
    const { heard, opened } = await asking(`${scheme}://alice:p%40ss%3Aword@${at}`);
    await until(
      () => opened() !== undefined,
      5_000,
      () => JSON.stringify(heard),
    );
  });

  test('may refuse, or find nobody', async () => {
    const nowhere = createServer();
    await once(nowhere.listen(0, '127.0.0.1'), 'listening');
    const { port } = nowhere.address() as AddressInfo;
    await new Promise((done) => nowhere.close(done));
    const to = (host: string) => (host === 'gone.example' ? { host: '127.0.0.1', port } : undefined);
    const proxy = await serve(make({ reach: to }));
    const url = `${scheme}://127.0.0.1:${proxy.port}`;
    expect(await endingOf(url, { host: 'other.example', port: 22 })).toBe('proxy-refused');
    expect(await endingOf(url, { host: 'gone.example', port: 443 })).toBe('proxy-no-answer');
  });

  test('that is not there, or hangs up, or talks nonsense, is told as such', async () => {
    const hangUp = await serve(listen([], (client) => client.end()));
    const nonsense = await serve(listen([], (client) => client.end('SSH-2.0-OpenSSH_9.6\r\n')));
    const endless = await serve(listen([], flood));
    expect(await endingOf(`${scheme}://127.0.0.1:${hangUp.port}`)).toBe('proxy-unreachable');
    expect(await endingOf(`${scheme}://127.0.0.1:${nonsense.port}`)).toBe('proxy-garbage');
    expect(await endingOf(`${scheme}://127.0.0.1:${endless.port}`)).toBe('proxy-garbage');
    await hangUp.close();
    expect(await endingOf(`${scheme}://127.0.0.1:${hangUp.port}`)).toBe('proxy-unreachable');
  });

  test('that says nothing is given up in time, and counted', { timeout: 12_000 }, async () => {
    const silent = await serve(listen([], (client) => client.resume()));
    const startedAt = performance.now();
    const { sockets, closed } = await asking(`${scheme}://127.0.0.1:${silent.port}`);
    await until(
      () => closed() !== undefined,
      10_000,
      () => 'never closed',
    );
    expect(closed()).toMatchObject({ why: 'proxy-timeout' });
    expect(performance.now() - startedAt).toBeGreaterThan(STREAM_CONNECT_TIMEOUT_MS - 50);
    expect(sockets.counts()['stream unopened: proxy-timeout']).toBe(1);
  });

  test('is left without a word when the core closes the stream first', async () => {
    const proxy = await serve(make({ reach }));
    const { sockets, heard } = await asking(`${scheme}://127.0.0.1:${proxy.port}`);
    sockets.perform({ type: 'close-stream', stream: 1 });
    await new Promise((done) => setTimeout(done, 100));
    expect(heard.filter(({ type }) => type !== 'local-endpoints')).toEqual([]);
  });
});

/** A head that never ends: lines upon lines for HTTP, which SOCKS takes for nonsense at once. */
function flood(client: Socket): void {
  client.write('HTTP/1.1 200 OK\r\n');
  let sent = 0;
  const more = (): void => {
    if (client.destroyed || sent > 4 * PROXY_HEAD_BYTES_MAX) return;
    const line = `X-Filler: ${'x'.repeat(1000)}\r\n`;
    sent += line.length;
    client.write(line);
    setImmediate(more);
  };
  more();
}

describe('without a proxy for it', () => {
  test('a stream that wants one fails at once: for this machine there never is one', async () => {
    expect(await endingOf('')).toBe('proxy-none');
    const proxy = await serve(connectProxy({ reach: () => undefined }));
    expect(await endingOf(`http://127.0.0.1:${proxy.port}`, { host: '127.0.0.1', port: 443 })).toBe('proxy-none');
    expect(proxy.asked).toEqual([]);
  });
});

describe('an https proxy', () => {
  test('whose certificate this machine does not trust is shown neither password nor wish', async () => {
    const { authority } = makeAuthority();
    const cert = `-----BEGIN CERTIFICATE-----\n${authority.certificateDer.toString('base64')}\n-----END CERTIFICATE-----`;
    const heard: Buffer[] = [];
    const server = createTlsServer({ key: authority.privateKeyPem, cert }, (socket) =>
      socket.on('error', () => {}).on('data', (bytes: Buffer) => heard.push(bytes)),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    closing.push({ close: async () => server.close() });
    const { port } = server.address() as AddressInfo;
    expect(await endingOf(`https://alice:secret@127.0.0.1:${port}`)).toBe('proxy-untrusted');
    expect(heard).toEqual([]);
  });
});
