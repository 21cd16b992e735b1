import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HISTORY_PAGE_BYTES_MAX } from '../../src/net/protocol/params.ts';
import { type CallLogEntry, type HistoryDb, openHistory } from '../../src/store/history-db.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { bundleProgram, runProgram } from '../support/store-child.ts';

let folder: string;
let path: string;
let history: HistoryDb;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-history-'));
  path = join(folder, 'history.db');
  history = openHistory(path);
});
afterEach(() => {
  history.close();
  rmSync(folder, { recursive: true, force: true });
});

let ids = 0;
const anId = () => (ids++).toString(16).padStart(32, '0');
const line = (text: string, who = 'bobby1', id = anId()) => ({ id, with: who, text, sentAtMs: 5 });
const texts = (query: Partial<Parameters<HistoryDb['history']>[0]> = {}) =>
  history.history({ with: 'bobby1', limit: 100, ...query }).map((found) => found.text);
const reopen = () => {
  history.close();
  history = openHistory(path);
};

test('lines both ways are kept in the order of their storing, across a restart, for the owner only', () => {
  history.storeIncoming(line('hi'), 100);
  const { line: sent } = history.storeOutgoing(line('hello'), 200);
  expect(sent).toEqual({
    ...line('hello', 'bobby1', sent.id),
    direction: 'out',
    storedAtMs: 200,
    mark: 'waiting',
  });
  reopen();
  expect(texts()).toEqual(['hi', 'hello']);
  expect(history.history({ with: 'BOBBY1', limit: 1 })).toEqual([sent]);
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
});

test('a line that comes twice is stored once, also after a restart', () => {
  const twice = line('once');
  expect(history.storeIncoming(twice, 100)).toMatchObject({ text: 'once', direction: 'in', mark: 'delivered' });
  expect(history.storeIncoming(twice, 200)).toBeUndefined();
  reopen();
  expect(history.storeIncoming({ ...twice, with: 'Bobby1', text: 'other' }, 300)).toBeUndefined();
  expect(texts()).toEqual(['once']);
});

test('nobody can hide the line of another person, or of mine, by using its id', () => {
  const { id } = history.storeOutgoing(line('mine'), 100).line;
  expect(history.storeIncoming(line('echoed id', 'bobby1', id), 200)).toBeDefined();
  expect(history.storeIncoming(line('stolen id', 'mallory', id), 300)).toBeDefined();
  expect(texts()).toEqual(['mine', 'echoed id']);
});

test('a clock that was set back does not turn the order of a conversation round', () => {
  history.storeIncoming(line('first'), 5_000);
  history.storeIncoming(line('second'), 1_000);
  history.storeIncoming(line('third'), 1_000);
  history.storeIncoming(line('elsewhere', 'carol1'), 1_000);
  expect(texts()).toEqual(['first', 'second', 'third']);
  expect(history.history({ with: 'carol1', limit: 1 })[0]?.storedAtMs).toBe(1_000);
});

test('what stands around a line is half before it and half from it on', () => {
  for (let i = 0; i < 10; i++) history.storeIncoming(line(`line ${i}`), 100 * (i + 1));
  const around = (aroundMs: number, limit: number) =>
    history
      .history({ with: 'bobby1', limit, aroundMs })
      .map(({ text }) => text.slice(5))
      .join('');
  expect([around(500, 4), around(100, 4), around(1_000, 6), around(5_000, 4)]).toEqual(['2345', '01', '6789', '89']);
});

test('pages follow one another backwards without gap or double, even for lines of one moment', () => {
  for (let i = 0; i < 10; i++) history.storeIncoming(line(`line ${i}`), 100);
  const last = history.history({ with: 'bobby1', limit: 4 });
  const middle = history.history({ with: 'bobby1', limit: 4, beforeMs: last[0]?.storedAtMs as number });
  const first = history.history({ with: 'bobby1', limit: 4, beforeMs: middle[0]?.storedAtMs as number });
  expect([...first, ...middle, ...last].map((found) => found.text)).toEqual(
    Array.from({ length: 10 }, (_, i) => `line ${i}`),
  );
});

test('more lines of one place than a page holds are reached page by page', () => {
  for (let i = 0; i < 10; i++) {
    const id = i.toString(16).padStart(32, '0');
    history.storeIncoming({ ...line(`line ${i}`, '#lunch'), id, placeMs: 100 }, 100);
  }
  for (const search of [undefined, 'line']) {
    const pages: string[][] = [];
    for (let before = {}; pages.length < 9; ) {
      const page = history.history({ with: '#lunch', limit: 3, ...(search ? { search } : {}), ...before });
      const [first] = page;
      if (!first) break;
      pages.unshift(page.map((found) => found.text));
      before = { beforeMs: first.storedAtMs, beforeId: first.id };
      expect(history.newest({ limit: 3, ...before }).at(-1)?.text).toBe(
        first.text === 'line 0' ? undefined : `line ${Number(first.text.slice(5)) - 1}`,
      );
    }
    expect(pages.flat()).toEqual(Array.from({ length: 10 }, (_, i) => `line ${i}`));
  }
});

test('a page is bounded in bytes and keeps the newest lines', () => {
  for (let i = 0; i < 50; i++) history.storeIncoming(line(`${i} ${'x'.repeat(16_000)}`), i);
  const page = history.history({ with: 'bobby1', limit: 1000 });
  expect(JSON.stringify(page).length).toBeLessThanOrEqual(HISTORY_PAGE_BYTES_MAX);
  expect(page.length).toBeGreaterThan(20);
  expect(page.at(-1)?.text).toMatch(/^49 /);
});

test('search finds whole words, all of them, whatever their case and accents', () => {
  history.storeIncoming(line('Meet me at the Café tomorrow'), 1);
  history.storeOutgoing(line('the cafeteria is closed'), 2);
  history.storeIncoming(line('Встреча завтра', 'bobby1'), 3);
  history.storeIncoming(line('cafe with carol', 'carol1'), 4);
  expect(texts({ search: 'CAFE' })).toEqual(['Meet me at the Café tomorrow']);
  expect(texts({ search: 'tomorrow café' })).toEqual(['Meet me at the Café tomorrow']);
  expect(texts({ search: 'cafe closed' })).toEqual([]);
  expect(texts({ search: 'cafe*' })).toEqual(['Meet me at the Café tomorrow', 'the cafeteria is closed']);
  expect(texts({ search: 'завтра' })).toEqual(['Встреча завтра']);
  expect(texts({ search: 'cafe*', limit: 1 })).toEqual(['the cafeteria is closed']);
});

test.each([
  '',
  '   ',
  '"',
  '*',
  'AND',
  'a OR b',
  'NEAR(',
  'text:x',
  '-x',
  "'; DROP TABLE message; --",
  'x'.repeat(8000),
])('no search text is syntax: %j finds nothing and breaks nothing', (search) => {
  history.storeIncoming(line('hello'), 1);
  expect(texts({ search })).toEqual([]);
  expect(texts()).toEqual(['hello']);
});

test('unread lines are counted for each person until they are read', () => {
  history.storeIncoming(line('one', 'Bobby1'), 1);
  history.storeIncoming(line('two', 'bobby1'), 2);
  history.storeIncoming(line('three', 'carol1'), 3);
  history.storeOutgoing(line('mine', 'carol1'), 4);
  reopen();
  expect([...history.unread()]).toEqual([
    ['bobby1', 2],
    ['carol1', 1],
  ]);
  expect([history.markRead('BOBBY1'), history.markRead('bobby1')]).toEqual([2, 0]);
  expect([...history.unread()]).toEqual([['carol1', 1]]);
});

test('the outbox holds what has no receipt, with sequences that never repeat in a conversation', () => {
  const first = history.storeOutgoing(line('a1'), 1);
  const second = history.storeOutgoing(line('a2'), 2);
  const other = history.storeOutgoing(line('b1', 'carol1'), 3);
  expect([first.sequence, second.sequence, other.sequence]).toEqual([1, 2, 1]);
  expect(history.markDelivered('Bobby1', [first.line.id, first.line.id, other.line.id, 'unknown'])).toEqual([
    first.line.id,
  ]);
  expect(history.markDelivered('bobby1', [first.line.id])).toEqual([]);
  reopen();
  expect(history.outbox().map(({ line: { text }, sequence }) => [text, sequence])).toEqual([
    ['a2', 2],
    ['b1', 1],
  ]);
  history.markDelivered('bobby1', [second.line.id]);
  expect(history.storeOutgoing(line('a3'), 4).sequence).toBe(3);
  expect(history.history({ with: 'bobby1', limit: 9 }).map((found) => found.mark)).toEqual([
    'delivered',
    'delivered',
    'waiting',
  ]);
});

test('an outgoing id cannot be used twice, and the try costs no sequence', () => {
  const { line: sent } = history.storeOutgoing(line('once'), 1);
  expect(() => history.storeOutgoing(line('again', 'bobby1', sent.id), 2)).toThrow(/used before/);
  expect(history.storeOutgoing(line('next'), 3).sequence).toBe(2);
});

test('a full outbox refuses one line more and takes it when there is room', () => {
  history.close();
  history = openHistory(path, { outboxMessagesMax: 3 });
  const sent = [1, 2, 3].map((at) => history.storeOutgoing(line('x', `person${at}`), at).line);
  expect(() => history.storeOutgoing(line('too much'), 1)).toThrow(expect.objectContaining({ code: 'outbox-full' }));
  history.markDelivered('person1', [sent[0]?.id as string]);
  expect(history.storeOutgoing(line('fits'), 1).sequence).toBe(1);
});

const call = (id: string, change: Partial<CallLogEntry> = {}): CallLogEntry => ({
  call: id,
  peer: 'bobby1',
  direction: 'in',
  startedAtMs: 100,
  answeredAtMs: null,
  endedAtMs: 200,
  reason: 'cancelled',
  path: null,
  ...change,
});

test('calls are logged newest first, and a call is missed when nobody here took or refused it', () => {
  history.logCall(call('missed', { startedAtMs: 1 }));
  history.logCall(call('declined', { startedAtMs: 2, reason: 'declined' }));
  history.logCall(call('elsewhere', { startedAtMs: 3, reason: 'answered-elsewhere' }));
  history.logCall(call('spoken', { startedAtMs: 4, answeredAtMs: 5, reason: 'hangup', path: 'direct' }));
  history.logCall(call('out', { startedAtMs: 5, direction: 'out', peer: 'Carol1', reason: 'no-answer' }));
  expect(history.calls({ limit: 9 }).map(({ call: id, missed }) => [id, missed])).toEqual([
    ['out', false],
    ['spoken', false],
    ['elsewhere', false],
    ['declined', false],
    ['missed', true],
  ]);
  expect(history.calls({ limit: 9, with: 'CAROL1' })).toEqual([
    { ...call('out', { startedAtMs: 5, direction: 'out', peer: 'Carol1', reason: 'no-answer' }), missed: false },
  ]);
  expect(history.calls({ limit: 1, beforeMs: 4 })[0]?.call).toBe('elsewhere');
  expect([history.missedCalls(0), history.missedCalls(1)]).toEqual([1, 0]);
});

test('a call that a crash cut off is logged as failed at the next start', () => {
  history.logCall(call('cut', { answeredAtMs: 150, endedAtMs: null, reason: null }));
  expect(history.missedCalls(0)).toBe(0);
  reopen();
  expect(history.calls({ limit: 1 })).toMatchObject([{ reason: 'failed', endedAtMs: 150, missed: false }]);
});

test.each([
  ['is no database at all', (file: string) => writeFileSync(file, 'x'.repeat(20_000))],
  ['has a page of zeros', (file: string) => overwrite(file, 4096, Buffer.alloc(8192))],
  ['was cut short', (file: string) => truncateSync(file, 40_000)],
])('a file that %s is moved aside with a notice, and a fresh one takes its place', (_, damage) => {
  for (let i = 0; i < 300; i++) history.storeIncoming(line(`line ${i} ${'word '.repeat(20)}`), i);
  history.close();
  damage(path);
  history = openHistory(path);
  expect(history.takeNotices()).toEqual([
    { code: 'profile-damaged', detail: 'history.db: the history cannot be read; kept as history.db.damaged-1' },
  ]);
  expect(history.takeNotices()).toEqual([]);
  expect(texts()).toEqual([]);
  expect(history.storeOutgoing(line('new life'), 1).sequence).toBe(1);
  expect(readdirSync(folder)).toContain('history.db.damaged-1');
});

test('damage that is met later costs the file and nothing that comes after', () => {
  // More than SQLite keeps in memory, so that the damage is read.
  for (let i = 0; i < 300; i++) history.storeIncoming(line(`${i} ${'x'.repeat(16_000)}`), i);
  reopen();
  overwrite(path, 4096, Buffer.alloc(statSync(path).size - 4096, 0x55));
  expect(texts({ limit: 1000 })).toEqual([]);
  expect(history.takeNotices()).toHaveLength(1);
  expect(history.storeIncoming(line('survivor'), 1)).toMatchObject({ text: 'survivor' });
  reopen();
  expect(texts()).toEqual(['survivor']);
  expect(history.takeNotices()).toEqual([]);
});

test('a full disk refuses with disk-full, nothing is half-written, and it goes on when there is room', (context) => {
  const disk = mountSmallDisk(1_000_000);
  if (disk === undefined) return context.skip();
  const onDisk = openHistory(join(disk.folder, 'history.db'));
  try {
    onDisk.storeOutgoing(line('before'), 1);
    disk.fill();
    const flood = () => {
      for (let i = 0; i < 100; i++) onDisk.storeOutgoing(line('x'.repeat(16_000)), 2);
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'disk-full' }));
    const stored = onDisk.outbox().length;
    expect(stored).toBeGreaterThan(0);
    expect(() => onDisk.storeIncoming(line('y'.repeat(16_000)), 3)).toThrow(
      expect.objectContaining({ code: 'disk-full' }),
    );
    rmSync(join(disk.folder, 'ballast'));
    expect(onDisk.storeOutgoing(line('after'), 4).sequence).toBe(stored + 1);
  } finally {
    onDisk.close();
    disk.unmount();
  }
});

test('every line that was acknowledged before a kill is there after it', async () => {
  const program = await bundleProgram(`
    import { openHistory } from '#store/history-db.ts';
    const history = openHistory(process.argv[2]!);
    for (let i = 0; ; i++) {
      const id = i.toString(16).padStart(32, '0');
      const { sequence } = history.storeOutgoing({ id, with: 'carol1', text: 'line ' + i, sentAtMs: i }, i);
      require('node:fs').writeSync(1, sequence + '\\n');
    }
  `);
  try {
    let acknowledged = 0;
    for (let round = 0; round < 3; round++) {
      const file = join(folder, `killed-${round}.db`);
      const child = runProgram(program.path, [file]);
      for (let i = 0; i < 40 + round * 13; i++) acknowledged = Number(await child.line());
      await child.kill();
      const after = openHistory(file);
      expect(after.takeNotices()).toEqual([]);
      const kept = after.outbox();
      expect(kept.length).toBeGreaterThanOrEqual(acknowledged);
      expect(kept.map(({ sequence }) => sequence)).toEqual(kept.map((_, i) => i + 1));
      expect(after.storeOutgoing(line('next', 'carol1', 'f'.repeat(32)), 1e6).sequence).toBe(kept.length + 1);
      after.close();
    }
  } finally {
    program.remove();
  }
});

function overwrite(file: string, at: number, bytes: Buffer): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}
