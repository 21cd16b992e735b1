/** Where people are: whom the index is asked for, when, how often; and what is known of them without asking. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type FinderIndex, HomeFinder } from '../../../src/net/overlay/home-finder.ts';
import type { IndexRecord } from '../../../src/net/overlay/index-record.ts';
import { SlotWatchers } from '../../../src/net/overlay/slot-watchers.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import {
  HOMES_AGAIN_MIN_MS,
  HOMES_AGAIN_MS,
  HOMES_ASKED_AT_ONCE,
  HOMES_LOST_MS,
  SLOT_WATCH_MS,
  SLOT_WATCHES_MAX,
} from '../../../src/net/protocol/overlay-params.ts';
import { HOUR_MS, nodeIdFor, recordOf, WALL_MS } from './index-scenes.ts';

const [HOME, OTHER] = [nodeIdFor(1_001), nodeIdFor(1_002)];

/** An index that answers when it is told to. */
class SlowIndex implements FinderIndex {
  holdsAll = false;
  here: IndexRecord[] = [];
  readonly asked: { readonly name: string; readonly watch: boolean; readonly ticket: number }[] = [];

  recordOf(node: NodeId): IndexRecord | undefined {
    return this.here.find(({ nodeId }) => nodeId === node);
  }

  recordsOf(key: string): readonly IndexRecord[] {
    return this.here.filter((one) => one.key === key);
  }

  find(_now: number, name: string, _asOfMs: number, watch = false): number {
    const ticket = this.asked.length + 1;
    this.asked.push({ name, watch, ticket });
    return ticket;
  }

  get names(): string[] {
    return this.asked.map(({ name }) => name);
  }
}

let index: SlowIndex;
let watched: Set<string>;
let seen: Set<string>;
let wallMs: number;
let finder: HomeFinder;

beforeEach(() => {
  index = new SlowIndex();
  watched = new Set();
  seen = new Set();
  wallMs = WALL_MS;
  finder = new HomeFinder({
    index,
    wallClock: () => wallMs,
    watched: () => watched,
    isWatched: (key) => watched.has(key),
    isSeen: (key) => seen.has(key),
  });
});

const bobbyAt = (home: NodeId, sequence = 1): IndexRecord => recordOf('bobby1', 1, { homes: [home], sequence });

describe('whoever is looked up', () => {
  test('is asked for, and his homes are known then, for 72 hours', () => {
    finder.lookup(0, 7, 'bobby1', 'alice1');
    expect(index.asked).toEqual([{ name: 'bobby1', watch: false, ticket: 1 }]);
    expect(finder.found(1, [bobbyAt(HOME)], true)).toBe(true);
    expect(finder.drain()).toEqual([
      { type: 'looked-up', ticket: 7, name: 'bobby1', viewer: 'alice1', complete: true },
    ]);
    expect(finder.homesOf('bobby1')).toEqual([HOME]);
    expect(finder.recordOf(nodeIdFor(1))).toMatchObject({ name: 'bobby1' });
    wallMs += 72 * HOUR_MS;
    expect(finder.homesOf('bobby1')).toEqual([]);
    expect(finder.found(1, [], true)).toBe(false);
  });

  test('is where his newest record says, whoever told it', () => {
    index.here = [bobbyAt(HOME, 2)];
    finder.learn(bobbyAt(OTHER, 1));
    expect(finder.homesOf('bobby1')).toEqual([HOME]);
    finder.learn(bobbyAt(OTHER, 3));
    expect(finder.homesOf('bobby1')).toEqual([OTHER]);
    expect(finder.recordOf(nodeIdFor(1))?.sequence).toBe(3);
    expect(finder.drain()).toEqual([
      { type: 'homes', key: 'bobby1' },
      { type: 'homes', key: 'bobby1' },
    ]);
  });
});

describe('whoever is watched', () => {
  test('is asked for with news wanted, some at once and the others when these are answered', () => {
    for (let i = 0; i < HOMES_ASKED_AT_ONCE + 5; i += 1) {
      watched.add(`person-${i}`);
      finder.want(`person-${i}`);
    }
    finder.want('nobody-watches');
    finder.wake(0);
    expect(index.asked).toHaveLength(HOMES_ASKED_AT_ONCE);
    expect(index.asked.every(({ watch }) => watch)).toBe(true);
    finder.found(1, [], true);
    expect(finder.wakeAt()).toBe(0);
    finder.wake(1);
    expect(index.asked).toHaveLength(HOMES_ASKED_AT_ONCE + 1);
    for (let ticket = 2; ticket < 12; ticket += 1) finder.found(ticket, [], true);
    finder.wake(2);
    expect(index.names).not.toContain('nobody-watches');
  });

  test('and not seen is asked for again, by turns, each once a minute at most', () => {
    for (const name of ['alice1', 'bobby1', 'carol1']) watched.add(name);
    seen.add('carol1');
    for (let at = 0; at < 2 * HOMES_AGAIN_MIN_MS; at += HOMES_AGAIN_MS) {
      finder.wake(at);
      for (const { ticket } of index.asked.slice(-3)) finder.found(ticket, [], true);
    }
    const count = (name: string): number => index.names.filter((one) => one === name).length;
    // All are asked for once when slots are new here.
    expect(count('carol1')).toBe(1);
    for (const name of ['alice1', 'bobby1']) expect([2, 3]).toContain(count(name));
  });

  test('and lost is asked for soon after', () => {
    finder.wake(0);
    watched.add('bobby1');
    finder.lost(1_000, 'bobby1');
    finder.wake(1_000 + HOMES_LOST_MS - 1);
    const before = index.asked.length;
    finder.wake(1_000 + HOMES_LOST_MS);
    expect(index.asked.length - before).toBeLessThanOrEqual(1);
    expect(index.names).toContain('bobby1');
  });

  test('and lost again and again keeps nobody else waiting', () => {
    finder.wake(0);
    for (const name of ['restless', 'bobby1']) {
      watched.add(name);
      // Not by turns: it is asked for because it was lost.
      seen.add(name);
    }
    finder.lost(0, 'restless');
    finder.lost(1, 'bobby1');
    finder.lost(HOMES_LOST_MS - 1, 'restless');
    finder.wake(1 + HOMES_LOST_MS);
    expect(index.names).toEqual(['bobby1']);
  });

  test('is not asked for where a full copy is, and all are when it goes', () => {
    index.holdsAll = true;
    watched.add('bobby1');
    finder.want('bobby1');
    finder.lost(0, 'bobby1');
    finder.wake(0);
    expect(index.asked).toEqual([]);
    expect(finder.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    index.holdsAll = false;
    expect(finder.wakeAt()).toBe(0);
    finder.wake(1);
    expect(index.names).toEqual(['bobby1']);
  });
});

test('a replica keeps who watches a name for two hours, and so many', () => {
  const watchers = new SlotWatchers();
  watchers.add(0, 'bobby1', HOME);
  watchers.add(1_000, 'bobby1', OTHER);
  expect(watchers.of(1_000, 'bobby1')).toEqual([HOME, OTHER]);
  expect(watchers.of(SLOT_WATCH_MS, 'bobby1')).toEqual([OTHER]);
  expect(watchers.of(2 * SLOT_WATCH_MS, 'bobby1')).toEqual([]);
  for (let i = 0; i < SLOT_WATCHES_MAX + 1; i += 1) watchers.add(0, `person-${i}`, HOME);
  expect(watchers.of(1, 'person-0')).toEqual([]);
  expect(watchers.of(1, `person-${SLOT_WATCHES_MAX}`)).toEqual([HOME]);
});
