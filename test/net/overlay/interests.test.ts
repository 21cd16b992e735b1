/** Who at other supernodes wants to hear of whom: one of them alone does not take the room of all. */
import { expect, test } from 'vitest';
import { Interests } from '../../../src/net/overlay/interests.ts';
import { INTERESTS_OF_ONE_MAX } from '../../../src/net/protocol/overlay-params.ts';
import { nodeIdFor } from './index-scenes.ts';

const [LIAR, HONEST, ALICE] = [1, 2, 3].map(nodeIdFor) as [string, string, string];

test('a supernode that wants to hear of everybody leaves room for the others, and has room again for what it drops', () => {
  const interests = new Interests(() => []);
  for (let i = 0; i < INTERESTS_OF_ONE_MAX; i += 1) interests.add(LIAR, `name-${i}`, 'mallory', ALICE);
  expect(interests.add(LIAR, 'one-more', 'mallory', ALICE)).toBe(false);
  expect(interests.add(HONEST, 'bobby1', 'alice1', ALICE)).toBe(true);
  interests.drop(LIAR, 'name-7', ALICE);
  expect([interests.add(LIAR, 'one-more', 'mallory', ALICE), interests.size]).toEqual([true, INTERESTS_OF_ONE_MAX + 1]);
  interests.dropAll(LIAR);
  expect([interests.size, interests.add(LIAR, 'again', 'mallory', ALICE)]).toEqual([1, true]);
});
