/** HOST asks and does not listen: the laptop keeps a bounded heap of answers, and then ends it. */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveEndpoint } from '../../src/audio/endpoint.ts';
import { encodeWord } from '../../src/audio/endpoint-words.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'wren-flood-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [CODE, TOKEN] = ['c'.repeat(32), 'a'.repeat(64)];

function connected(socketPath: string, word: Parameters<typeof encodeWord>[0]): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath, () => socket.write(encodeWord(word)));
    socket.on('error', () => undefined);
    socket.once('data', () => resolve(socket));
  });
}

test('answers to a million questions that nobody reads are not kept', async () => {
  const socketPath = path.join(folder, 's');
  const makeVoice = () => ({ tell: () => {}, play: () => {}, stop: async () => {} });
  const endpoint = await serveEndpoint({
    ...{ socketPath, code: CODE, spec: 'none', name: 'laptop', makeVoice },
    ...{ onEnrolled: () => {}, onTaken: () => {} },
  });
  (await connected(socketPath, { type: 'enrol', version: 1, code: CODE, token: TOKEN })).destroy();
  const socket = await connected(socketPath, { type: 'hello', version: 1, token: TOKEN });
  socket.pause();
  let isOver = false;
  socket.on('close', () => {
    isOver = true;
  });
  const many = Buffer.concat(Array.from({ length: 2_000 }, () => encodeWord({ type: 'ping', at: 123_456_789 })));
  for (let sent = 0; sent < 100 && !isOver; sent++) {
    await new Promise<void>((resolve) => socket.write(many, () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(isOver).toBe(true);
  await endpoint.close();
});
