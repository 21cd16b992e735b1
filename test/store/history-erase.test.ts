import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HISTORY_ERASED_KEPT_MS } from '../../src/net/protocol/params.ts';
import { type HistoryDb, openHistory } from '../../src/store/history-db.ts';

let folder: string;
let history: HistoryDb;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-erase-'));
  history = openHistory(join(folder, 'history.db'));
});
afterEach(() => {
  history.close();
  rmSync(folder, { recursive: true, force: true });
});

let ids = 0;
const line = (text: string, who = 'bobby1', id = (ids++).toString(16).padStart(32, '0')) => ({
  ...{ id, with: who, text, sentAtMs: 5 },
});
const texts = () => history.newest({ limit: 100 }).map(({ text }) => text);
/** Files in which the word can be read. */
const readable = (word: string) =>
  readdirSync(folder).filter((name) =>
    readFileSync(join(folder, name)).toString('latin1').toLowerCase().includes(word),
  );
const call = (id: string, peer: string, startedAtMs: number, endedAtMs: number | null = startedAtMs) => ({
  ...{ call: id, peer, direction: 'in' as const, startedAtMs, answeredAtMs: null, endedAtMs },
  ...{ reason: endedAtMs === null ? null : ('cancelled' as const), path: null },
});

test('what is erased of one person is gone from the file, words and all, and nothing else is', () => {
  history.storeIncoming(line('rhubarb from bobby'), 1);
  history.storeIncoming(line('custard from carol', 'carol1'), 2);
  history.logCall(call('a', 'Bobby1', 3));
  history.logCall(call('b', 'carol1', 4));
  expect(history.erase({ with: 'BOBBY1' }, 10)).toEqual({ lines: 1, calls: 1, waiting: 0 });
  expect([texts(), history.calls({ limit: 9 }).map((one) => one.call)]).toEqual([['custard from carol'], ['b']]);
  expect([readable('rhubarb'), readable('custard').length]).toEqual([[], 1]);
  expect(history.newest({ limit: 9, search: 'rhubarb' })).toEqual([]);
  expect(history.newest({ limit: 9, search: 'custard' })).toHaveLength(1);
  expect([...history.unread()]).toEqual([['carol1', 1]]);
});

test('many lines are erased as one is, and what is left can still be searched, and erased', () => {
  for (let i = 0; i < 300; i++) history.storeIncoming(line(`rhubarb ${i}`, i % 100 === 0 ? 'carol1' : 'bobby1'), i);
  expect(history.erase({ with: 'bobby1' }, 1_000).lines).toBe(297);
  expect(history.newest({ limit: 9, search: 'rhubarb' }).map(({ text }) => text)).toEqual([
    ...['rhubarb 0', 'rhubarb 100', 'rhubarb 200'],
  ]);
  expect(history.newest({ limit: 9, search: '150' })).toEqual([]);
  history.storeIncoming(line('custard'), 1_001);
  // One of several: word by word.
  for (let i = 0; i < 200; i++) history.storeIncoming(line(`filling ${i}`, 'dave12'), 2_000 + i);
  expect(history.erase({ with: 'carol1', beforeMs: 1 }, 3_000).lines).toBe(1);
  expect(history.newest({ limit: 9, search: 'rhubarb' })).toHaveLength(2);
  expect(history.newest({ limit: 9, search: 'custard' })).toHaveLength(1);
});

test('only what is older than the date is erased, and a call that goes on stays', () => {
  for (const at of [100, 200, 300]) history.storeIncoming(line(`at ${at}`), at);
  history.logCall(call('old', 'bobby1', 100));
  history.logCall(call('running', 'bobby1', 150, null));
  expect(history.erase({ beforeMs: 300 }, 400)).toEqual({ lines: 2, calls: 1, waiting: 0 });
  expect([texts(), history.calls({ limit: 9 }).map((one) => one.call)]).toEqual([['at 300'], ['running']]);
});

test('a message that still waits to be delivered stays, is counted, and is erased after that', () => {
  const { line: waiting } = history.storeOutgoing(line('waits'), 1);
  history.storeIncoming(line('goes'), 2);
  expect(history.erase({}, 10)).toEqual({ lines: 1, calls: 0, waiting: 1 });
  expect(texts()).toEqual(['waits']);
  history.markDelivered('bobby1', [waiting.id]);
  expect(history.erase({}, 10)).toEqual({ lines: 1, calls: 0, waiting: 0 });
  expect(history.storeOutgoing(line('next'), 11).sequence).toBe(2);
});

test('an erased line that is sent once more does not come back, for as long as anybody may send it', () => {
  const said = line('once');
  history.storeIncoming(said, 1);
  history.erase({}, 1_000);
  expect(history.storeIncoming(said, 2_000)).toBeUndefined();
  expect(texts()).toEqual([]);
  history.erase({}, 1_001 + HISTORY_ERASED_KEPT_MS);
  expect(history.storeIncoming(said, 2_000)).toBeDefined();
});

test('all lines can be read page by page in the order of their storing, of everybody or of one', () => {
  for (let i = 0; i < 25; i++) history.storeIncoming(line(`${i}`, i % 2 === 0 ? 'bobby1' : 'carol1'), 100 - i);
  const read = (query: { with?: string }) => {
    const found: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = history.linesAfter({ after, limit: 4, ...query });
      found.push(...page.lines.map(({ text }) => text));
      after = page.next;
    }
    return found;
  };
  const all = Array.from({ length: 25 }, (_, i) => `${i}`);
  expect(read({})).toEqual(all);
  expect(read({ with: 'Carol1' })).toEqual(all.filter((_, i) => i % 2 === 1));
});

test("a note is part of the conversation, in order, found by search, and is nobody's unread line", () => {
  history.storeIncoming(line('before'), 1);
  history.markRead('bobby1');
  const note = {
    id: 'f'.repeat(32),
    with: 'bobby1',
    kind: 'key-changed' as const,
    text: 'The key of bobby1 is another',
  };
  expect(history.storeNote(note, 2)).toMatchObject({ kind: 'key-changed', text: note.text, mark: 'delivered' });
  expect(history.storeNote(note, 3)).toMatchObject({ storedAtMs: 2 });
  history.storeIncoming(line('after'), 3);
  expect(history.history({ with: 'bobby1', limit: 9 }).map(({ kind, text }) => [kind, text])).toEqual([
    [undefined, 'before'],
    ['key-changed', note.text],
    [undefined, 'after'],
  ]);
  expect(history.newest({ limit: 9, search: 'another key' })).toHaveLength(1);
  expect([...history.unread()]).toEqual([['bobby1', 1]]);
});
