import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { safetyWords } from '../../src/net/index.ts';
import { AgentSafety } from '../../src/store/agent-safety.ts';
import type { SafetyMark } from '../../src/store/safety-file.ts';
import { AgentScene, WALL_MS } from '../support/agent-scene.ts';

const OURS = Buffer.alloc(32, 1);
const BOB = Buffer.alloc(32, 2);
const OTHER = Buffer.alloc(32, 3);
const FILE = 'keys-alice1.json';

let scene: AgentScene;
let changed: string[];
/** Account keys of the device lists that count now. */
let lists: Map<string, Buffer>;
beforeEach(() => {
  scene = new AgentScene().signedIn();
  changed = [];
  lists = new Map([['alice1', OURS]]);
  const about = { displayName: '', relation: 'both', presence: 'online', lastSeenAtMs: 0 } as const;
  scene.core.emit({ type: 'buddy.changed', buddy: { name: 'Bobby1', ...about, message: '', unread: 0 } });
  scene.events.length = 0;
});
afterEach(() => scene.end());

/** What is told to our other devices. */
const told: SafetyMark[] = [];
/** As at a start of the agent. */
function safetyWith(key?: Buffer): AgentSafety {
  if (key) lists.set('bobby1', key);
  const safety = new AgentSafety(scene.core, {
    keyOf: (name) => lists.get(name.toLowerCase()),
    onChanged: (name) => changed.push(name),
    onMarked: (marks) => told.push(...marks),
  });
  safety.load();
  safety.begin();
  return safety;
}
/** A list of bobby1 under this key counts from now on. */
function meet(safety: AgentSafety, key: Buffer): void {
  lists.set('bobby1', key);
  safety.met('Bobby1');
}
const notes = () => scene.core.history.history({ with: 'bobby1', limit: 9 }).map(({ kind, text }) => [kind, text]);
const locked = () => {
  throw Object.assign(new Error('full'), { code: 'ENOSPC' });
};

test('the first key of a person is believed and remembered, silently', () => {
  const safety = safetyWith();
  expect(safety.standing('bobby1')).toBeUndefined();
  expect(() => safety.report('bobby1')).toThrow(expect.objectContaining({ code: 'safety-unknown' }));
  meet(safety, BOB);
  expect([safety.standing('bobby1'), changed, scene.notices, notes()]).toEqual(['known', ['Bobby1'], [], []]);
  expect(safety.report('BOBBY1')).toEqual({
    ...{ name: 'Bobby1', safety: 'known', sinceMs: WALL_MS, key: BOB.toString('hex') },
    halves: safetyWords('alice1', OURS, 'bobby1', BOB).map((half) => ({
      ...half,
      name: half.name === 'bobby1' ? 'Bobby1' : half.name,
    })),
  });
});

test('verified is what the person said, stays over a restart and a new device, and stands in the conversation', () => {
  const safety = safetyWith(BOB);
  expect(safety.verify('bobby1', true)).toMatchObject({ safety: 'verified' });
  expect(safety.verify('bobby1', true)).toMatchObject({ safety: 'verified' });
  expect(notes()).toEqual([['verified', expect.stringContaining('they are the same')]]);
  // Another list under the same key: a device more.
  meet(safety, BOB);
  const next = safetyWith(BOB);
  expect([next.standing('bobby1'), scene.notices]).toEqual(['verified', []]);
  scene.nowMs += 1;
  expect(next.verify('bobby1', false)).toMatchObject({ safety: 'known' });
  expect(notes().map(([kind]) => kind)).toEqual(['verified', 'unverified']);
});

test('another key is said loudly once, stands in the conversation, and ends what was verified', () => {
  const safety = safetyWith(BOB);
  safety.verify('bobby1', true);
  meet(safety, OTHER);
  meet(safety, OTHER);
  expect(safety.standing('bobby1')).toBe('changed');
  expect(scene.notices).toEqual(['account-key-changed Bobby1']);
  expect(notes()).toEqual([
    ['verified', expect.anything()],
    ['key-changed', expect.stringContaining('The key of Bobby1 is another one than before')],
  ]);
  const again = safetyWith(OTHER);
  expect([again.standing('bobby1'), scene.notices.length, notes().length]).toEqual(['changed', 1, 2]);
  scene.nowMs += 1;
  expect(again.verify('bobby1', true)).toMatchObject({ safety: 'verified' });
  // And back to the first key: that is a change as well.
  meet(again, BOB);
  expect([again.standing('bobby1'), scene.notices.length]).toEqual(['changed', 2]);
});

test('a key that changed while nobody was here is noticed at the next start', () => {
  safetyWith(BOB).verify('bobby1', true);
  const next = safetyWith(OTHER);
  expect([next.standing('bobby1'), scene.notices]).toEqual(['changed', ['account-key-changed Bobby1']]);
});

test('whoever is verified is not shown as such while no list under that key counts', () => {
  safetyWith(BOB).verify('bobby1', true);
  lists.delete('bobby1');
  const next = safetyWith();
  expect(next.standing('bobby1')).toBeUndefined();
  meet(next, BOB);
  expect(next.standing('bobby1')).toBe('verified');
});

test('a machine that dies between storing a change and telling it tells it at the next start', () => {
  const safety = safetyWith(BOB);
  const { storeNote } = scene.core.history;
  scene.core.history.storeNote = locked;
  meet(safety, OTHER);
  expect([safety.standing('bobby1'), scene.notices]).toEqual([
    'changed',
    ['account-key-changed Bobby1', 'profile-unwritable chat history'],
  ]);
  expect(JSON.parse(readFileSync(join(scene.folder, FILE), 'utf8')).people).toMatchObject([{ due: true }]);
  safety.end();
  scene.core.history.storeNote = storeNote;
  safetyWith(OTHER);
  expect(notes()).toHaveLength(1);
  expect(JSON.parse(readFileSync(join(scene.folder, FILE), 'utf8')).people).toMatchObject([{ due: false }]);
});

test('a damaged file is kept aside and told; keys are met anew and nobody counts as verified', () => {
  safetyWith(BOB).verify('bobby1', true);
  writeFileSync(join(scene.folder, FILE), '{"people":[{"name":"bobby1"');
  const next = safetyWith(BOB);
  expect(next.standing('bobby1')).toBe('known');
  expect(scene.notices).toEqual([expect.stringMatching(/^profile-damaged keys-alice1\.json/)]);
  expect(existsSync(join(scene.folder, `${FILE}.damaged-1`))).toBe(true);
});

test('our own name is nobody to compare with, and without a key of ours there is nothing to compare', () => {
  const safety = safetyWith(BOB);
  lists.set('alice1', OTHER);
  safety.met('Alice1');
  expect([safety.standing('alice1'), scene.notices]).toEqual([undefined, []]);
  lists.delete('alice1');
  expect(() => safety.report('bobby1')).toThrow(expect.objectContaining({ code: 'safety-unknown' }));
});

test('counts what was said of the very key on another device, the latest word, and keeps it', () => {
  const safety = safetyWith(Buffer.alloc(32, 1));
  const key = '01'.repeat(32);
  safety.markedElsewhere({ name: 'Bobby1', key: '02'.repeat(32), verified: true, atMs: WALL_MS });
  expect(safety.standing('bobby1')).toBe('known');
  safety.markedElsewhere({ name: 'Bobby1', key, verified: true, atMs: WALL_MS });
  expect(safety.standing('bobby1')).toBe('verified');
  safety.markedElsewhere({ name: 'Bobby1', key, verified: false, atMs: WALL_MS - 1 });
  expect(safetyWith().standing('bobby1')).toBe('verified');
  told.length = 0;
  scene.nowMs = WALL_MS + 5;
  safety.verify('bobby1', false);
  expect(told).toEqual([{ name: 'Bobby1', key, verified: false, atMs: WALL_MS + 5 }]);
  expect(safety.marks()).toEqual(told);
});

test('takes no older word of another device for the latest, though the latest changed nothing here', () => {
  const safety = safetyWith(Buffer.alloc(32, 1));
  const mark = { name: 'Bobby1', key: '01'.repeat(32) };
  // One device took back at 20 what another had said at 15; we hear of the later one first.
  safety.markedElsewhere({ ...mark, verified: false, atMs: WALL_MS + 20 });
  safety.markedElsewhere({ ...mark, verified: true, atMs: WALL_MS + 15 });
  expect(safety.standing('bobby1')).toBe('known');
  expect(notes()).toEqual([]);
  expect(safetyWith().marks()).toEqual([{ ...mark, verified: false, atMs: WALL_MS + 20 }]);
});

test('is later than what another device said, also where the clock of that one is ahead', () => {
  const safety = safetyWith(Buffer.alloc(32, 1));
  const mark = { name: 'Bobby1', key: '01'.repeat(32) };
  safety.markedElsewhere({ ...mark, verified: true, atMs: WALL_MS + 60_000 });
  told.length = 0;
  safety.verify('bobby1', false);
  expect(told).toEqual([{ ...mark, verified: false, atMs: WALL_MS + 60_001 }]);
  safety.markedElsewhere({ ...mark, verified: true, atMs: WALL_MS + 60_000 });
  expect(safety.standing('bobby1')).toBe('known');
});
