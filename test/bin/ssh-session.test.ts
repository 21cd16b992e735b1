/** What the far side of `wren ssh` leaves behind when its command has ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Invocation } from '../../bin/commands/invocation.ts';
import { runWithSound, withSessionSound } from '../../bin/commands/ssh-session.ts';
import { serveEndpoint } from '../../src/audio/endpoint.ts';
import { refuse, scriptedAgent } from '../support/scripted-agent.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-far-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;

test('an agent that does not know the word is asked, and no connection to it is left that holds the process', async () => {
  const agent = await scriptedAgent(folder, {
    'sound.attach': () => {
      throw refuse('request-malformed');
    },
  });
  const code = 'c'.repeat(32);
  const socketPath = join(folder, 'near.sock');
  const makeVoice = () => ({ tell: () => {}, play: () => {}, stop: async () => {} });
  const endpoint = await serveEndpoint({
    ...{ socketPath, code, spec: 'none', name: 'laptop', makeVoice },
    ...{ onEnrolled: () => {}, onTaken: () => {} },
  });
  const before = sockets();
  const invocation = { profileDir: folder, version: '0.1.0', output: { say: () => {} } } as unknown as Invocation;
  expect(await withSessionSound({ socket: socketPath, code }, invocation, async () => 3 as never)).toBe(3);
  expect(agent.asked.map(({ type }) => type)).toEqual(['sound.attach', 'sound.attach']);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(sockets()).toBeLessThanOrEqual(before);
  await endpoint.close();
  await agent.close();
});

test('what a command of --run ends with is passed on, 126 and 127 too, and a signal as a shell tells it', async () => {
  const ended = (script: string) => runWithSound(['sh', '-c', script]);
  expect([await ended('exit 127'), await ended('exit 126'), await ended('kill -TERM $$')]).toEqual([127, 126, 143]);
});
