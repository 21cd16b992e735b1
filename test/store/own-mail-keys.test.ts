/** Mail keys of this machine: when there is a new one, and how long the old ones live. */
import { expect, test } from 'vitest';
import { MAIL_KEY_KEPT_MS, MAIL_KEY_ROTATE_MS, MAIL_KEYS_OLD_MAX } from '../../src/net/protocol/mail-params.ts';
import {
  isToRotate,
  nextChangeAtMs,
  type OwnMailKeys,
  rotated,
  told,
  withoutDead,
} from '../../src/store/own-mail-keys.ts';

const WALL_MS = Date.UTC(2026, 0, 1);
const seed = (number: number) => Buffer.alloc(32, number);
const first: OwnMailKeys = { seed: seed(1), sinceMs: WALL_MS, old: [] };
const seeds = ({ seed: own, old }: OwnMailKeys) => [own, ...old.map((one) => one.seed)].map(([byte]) => byte);

test('a key is replaced after some days, and its private half lives as long as letters to it can lie', () => {
  const dueMs = WALL_MS + MAIL_KEY_ROTATE_MS;
  expect([isToRotate(first, dueMs - 1), isToRotate(first, dueMs)]).toEqual([false, true]);
  expect(nextChangeAtMs(first)).toBe(dueMs);
  const second = rotated(first, seed(2), dueMs);
  expect([second.sinceMs, seeds(second)]).toEqual([dueMs, [2, 1]]);
  // While nobody can know the new one, the old one stays.
  expect(withoutDead(second, dueMs + 100 * MAIL_KEY_KEPT_MS)).toBe(second);
  const storedMs = dueMs + 5_000;
  const known = told(second, storedMs);
  expect(told(known, storedMs + 99)).toBe(known);
  expect(nextChangeAtMs(known)).toBe(Math.min(dueMs + MAIL_KEY_ROTATE_MS, storedMs + MAIL_KEY_KEPT_MS));
  expect(seeds(withoutDead(known, storedMs + MAIL_KEY_KEPT_MS - 1))).toEqual([2, 1]);
  expect(seeds(withoutDead(known, storedMs + MAIL_KEY_KEPT_MS))).toEqual([2]);
});

test('a clock that was set back makes no key live longer, and no new one look older than the last', () => {
  const known = told(rotated(first, seed(2), WALL_MS + MAIL_KEY_ROTATE_MS), WALL_MS + MAIL_KEY_ROTATE_MS);
  expect(seeds(withoutDead(known, WALL_MS - 30 * 86_400_000))).toEqual([2]);
  expect(isToRotate(known, WALL_MS - 30 * 86_400_000)).toBe(true);
  expect(rotated(known, seed(3), known.sinceMs - 1_000).sinceMs).toBe(known.sinceMs + 1);
});

test('of keys that nobody was told of only a few are kept', () => {
  let keys = first;
  for (let number = 2; number < 40; number += 1) keys = rotated(keys, seed(number), WALL_MS + number);
  expect(keys.old).toHaveLength(MAIL_KEYS_OLD_MAX);
  expect(keys.old[0]?.seed).toEqual(seed(38));
});
