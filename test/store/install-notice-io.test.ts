/** The one request that tells of an installation: what it carries, and that no server can hold it up. */
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { INSTALL_NOTICE_MS } from '../../src/net/protocol/params.ts';
import { tellInstalled } from '../../src/store/install-notice-io.ts';

let server: Server | undefined;
afterEach(async () => {
  await new Promise((done) => (server ? server.close(done) : done(undefined)));
  server = undefined;
});

/** A server that answers every request so; what was asked is kept. */
async function serve(answer: string | undefined): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const listening = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      asked.push(bytes.toString('latin1'));
      if (answer !== undefined) socket.end(answer);
    });
  });
  server = listening;
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
  const address = listening.address();
  return { port: typeof address === 'object' && address ? address.port : 0, asked };
}

const at = (port: number) => ({ carrier: 'tcp', host: '127.0.0.1', port }) as const;

test('it carries the version and what HTTP demands, and brings back the newest', async () => {
  const { port, asked } = await serve('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n0.2.0');
  expect(await tellInstalled(at(port), '0.1.0')).toBe('0.2.0');
  expect(asked).toEqual([
    `GET /installed?version=0.1.0 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
  ]);
});

test.each([
  ['HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'],
  [`HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'9'.repeat(100_000)}`],
  ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\u001b[31m!'],
  ['no HTTP at all'],
])('an answer that is no version is no answer (%#)', async (answer) => {
  const { port } = await serve(answer);
  expect(await tellInstalled(at(port), '0.1.0')).toBe(undefined);
});

test('nobody there: no answer, at once', async () => {
  const { port } = await serve('');
  await new Promise((done) => server?.close(done));
  server = undefined;
  expect(await tellInstalled(at(port), '0.1.0')).toBe(undefined);
});

test('a server that says nothing is waited for no longer than told', async () => {
  const { port } = await serve(undefined);
  const startedAt = performance.now();
  expect(await tellInstalled(at(port), '0.1.0')).toBe(undefined);
  expect(performance.now() - startedAt).toBeLessThan(INSTALL_NOTICE_MS + 1_000);
});
