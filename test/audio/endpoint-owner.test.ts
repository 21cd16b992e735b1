/** Somebody else at HOST puts a socket where the one of ssh should be: nobody shows him a code, and no call goes to him. */
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EndpointLink } from '../../src/audio/endpoint-far-io.ts';
import { encodeWord } from '../../src/audio/endpoint-words.ts';
import { endpointsAt, endpointsFolder, writeEndpoint } from '../../src/audio/endpoints-file.ts';
import { enrol } from '../../src/audio/enrol-io.ts';

let folder: string;
let server: net.Server;
let socket: string;
let connections: number;

/** Answers all that it is asked as a laptop would. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'wren-owner-'));
  socket = path.join(folder, `wren-${'0'.repeat(32)}.sock`);
  connections = 0;
  server = net.createServer((one) => {
    connections++;
    one.on('error', () => undefined);
    one.once('data', () => {
      one.write(encodeWord({ type: 'enrolled', name: 'trap' }));
      one.write(encodeWord({ type: 'welcome', version: 1, name: 'trap' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});

afterEach(() => {
  vi.restoreAllMocks();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** From now on all that is there belongs to somebody else. */
function becomeAnother(): void {
  const own = process.getuid!();
  vi.spyOn(process, 'getuid').mockReturnValue(own + 1);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('a socket of another user is not enrolled at, and is not told the code', async () => {
  becomeAnother();
  expect(await enrol({ socket, code: 'c'.repeat(32) }, endpointsFolder(folder))).toBe('taken');
  expect(connections).toBe(0);
  expect(endpointsAt(endpointsFolder(folder))).toEqual([]);
});

test('a socket that sshd left open to others is closed to them before the code is shown', async () => {
  chmodSync(socket, 0o777);
  const records = endpointsFolder(folder);
  expect(await enrol({ socket, code: 'c'.repeat(32) }, records)).toHaveProperty('forget');
  const [record] = endpointsAt(records);
  expect(statSync(record?.socket ?? '').mode & 0o777).toBe(0o600);
});

test('a call does not go to a socket of another user that has the name of one that went', async () => {
  const records = endpointsFolder(folder);
  writeEndpoint(records, 'a1', { socket, token: 'a'.repeat(64), atMs: 1, pid: process.pid, name: 'laptop' });
  becomeAnother();
  const opened: string[] = [];
  const link = new EndpointLink(records, {
    now: () => performance.now(),
    onOpen: (name) => opened.push(name),
    onAway: () => undefined,
    onBody: () => undefined,
    onTold: () => undefined,
  });
  await pause(100);
  link.close();
  expect(opened).toEqual([]);
  expect(connections).toBe(0);
  expect(endpointsAt(records)).toEqual([]);
});

test('our own is taken', async () => {
  const taken = await enrol({ socket, code: 'c'.repeat(32) }, endpointsFolder(folder));
  expect(taken).toHaveProperty('forget');
  expect(endpointsAt(endpointsFolder(folder))).toMatchObject([{ name: 'trap' }]);
});

test('a session of more than a day keeps its socket in the shared folder when another one begins', async () => {
  const records = endpointsFolder(folder);
  const long = path.join(folder, `wren-${'1'.repeat(32)}.sock`);
  const left = path.join(folder, `wren-${'2'.repeat(32)}.sock`);
  const others = await Promise.all(
    [long, left].map(async (at) => {
      const one = net.createServer();
      await new Promise<void>((resolve) => one.listen(at, resolve));
      utimesSync(at, 1, 1);
      return one;
    }),
  );
  writeEndpoint(records, 'a1', { socket: long, token: 'a'.repeat(64), atMs: 1, pid: process.pid, name: 'long' });
  expect(await enrol({ socket, code: 'c'.repeat(32) }, records)).toHaveProperty('forget');
  expect([existsSync(long), existsSync(left)]).toEqual([true, false]);
  for (const one of others) one.close();
});
