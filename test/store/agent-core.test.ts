/** What the agent's rooms share: trouble with the disk, the history of an account, and questions that get an answer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { AgentScene } from '../support/agent-scene.ts';

let scene: AgentScene;
afterEach(() => scene.end());

const line = (id: number, text: string) => ({
  id: id.toString(16).padStart(32, '0'),
  with: 'bobby1',
  text,
  sentAtMs: 1,
});

test('a full disk is told to the person once, not at every try, and stops nothing', () => {
  scene = new AgentScene();
  for (let i = 0; i < 5; i++) scene.core.trouble(new Refusal('disk-full', '/profile/buddies.xml'), 'buddies.xml');
  scene.core.trouble(new Refusal('disk-full'), 'identity.json');
  expect(scene.notices).toEqual(['disk-full buddies.xml', 'disk-full identity.json']);
  expect(scene.logged.filter((one) => one === 'agent: trouble')).toHaveLength(6);
});

test('a disk that is broken or read-only is told as such; our own mistake is thrown', () => {
  scene = new AgentScene();
  scene.core.trouble(Object.assign(new Error('read-only file system'), { code: 'EROFS' }), 'buddies.xml');
  scene.core.trouble(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_WRITE' }), 'chat history');
  expect(scene.notices).toEqual(['profile-unwritable buddies.xml', 'profile-unwritable chat history']);
  expect(() => scene.core.trouble(new TypeError('undefined is no function'), 'buddies.xml')).toThrow(TypeError);
  expect(() =>
    scene.core.trouble(Object.assign(new Error('bad'), { code: 'ERR_INVALID_ARG_TYPE' }), 'buddies.xml'),
  ).toThrow('bad');
});

test('each account has a history of its own, that comes back with it', () => {
  scene = new AgentScene().signedIn('alice1');
  scene.core.history.storeOutgoing(line(1, 'of alice'), 1);
  scene.core.closeHistory();
  scene.signedIn('Carol1');
  expect(scene.core.history.outbox()).toEqual([]);
  expect(scene.core.history.history({ with: 'bobby1', limit: 10 })).toEqual([]);
  scene.core.history.storeOutgoing(line(2, 'of carol'), 2);
  scene.core.openHistoryOf('ALICE1');
  expect(scene.core.history.outbox().map((one) => one.line.text)).toEqual(['of alice']);
  expect(existsSync(join(scene.folder, 'history-carol1.db'))).toBe(true);
});

test('nobody’s history is read while nobody is signed in', () => {
  scene = new AgentScene();
  expect(() => scene.core.history).toThrow(Refusal);
});

test('a question is answered by its ticket, refused by its ticket, and not left open when the node closes', async () => {
  scene = new AgentScene();
  const ask = () => scene.core.ask((ticket) => ({ type: 'search', ticket, pattern: 'bobby', limit: 5 }));
  const [first, second, third] = [ask(), ask(), ask()];
  expect(
    scene.core.answered({
      type: 'search-results',
      ticket: 2,
      hits: [],
      complete: true,
      more: false,
      incomplete: false,
    }),
  ).toBe(true);
  expect(scene.core.answered({ type: 'search-failed', ticket: 1, code: 'timed-out', retryAfterMs: 0 })).toBe(true);
  expect(scene.core.answered({ type: 'search-failed', ticket: 1, code: 'timed-out', retryAfterMs: 0 })).toBe(false);
  await expect(first).rejects.toMatchObject({ code: 'timed-out', retryAfterMs: 0 });
  await expect(second).resolves.toMatchObject({ hits: [] });
  const closed = scene.core.closeNode();
  await expect(third).rejects.toMatchObject({ code: 'unreachable-network' });
  await closed;
  expect(scene.told('leave')).toHaveLength(1);
  expect(() => scene.core.command({ type: 'reattach' })).toThrow(Refusal);
});

test('a command before a network was joined is refused, and leaves no question behind', () => {
  scene = new AgentScene();
  scene.core.node = undefined;
  expect(() => scene.core.ask((ticket) => ({ type: 'search', ticket, pattern: 'x', limit: 1 }))).toThrow(
    expect.objectContaining({ code: 'no-network' }),
  );
});
