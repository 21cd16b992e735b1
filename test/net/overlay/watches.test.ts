/** Whom clients of a supernode have seen at others: by name, at any of them, until the last sighting is over. */
import { beforeEach, expect, test } from 'vitest';
import { Watches } from '../../../src/net/overlay/watches.ts';
import { nodeIdFor } from './index-scenes.ts';

const [HERE, THERE] = [nodeIdFor(2_001), nodeIdFor(2_002)];
const [ALICE, CAROL] = [nodeIdFor(1), nodeIdFor(3)];
const [LAPTOP, PHONE] = [nodeIdFor(21), nodeIdFor(22)];

let watches: Watches;

beforeEach(() => {
  watches = new Watches();
  watches.add({ node: ALICE, name: 'alice1' }, 'bobby1', [HERE, THERE]);
});

/** Alice is told by that supernode that Bobby comes or leaves there. */
function sees(home: string, node: string, attached = true): boolean {
  return watches.seen(home, ALICE, 'Bobby1', node, attached);
}

test('a name is seen as long as a node of it is, at any supernode', () => {
  expect(watches.seesAnywhere('bobby1')).toBe(false);
  sees(HERE, LAPTOP);
  sees(HERE, LAPTOP);
  sees(THERE, LAPTOP);
  sees(THERE, PHONE);
  sees(HERE, LAPTOP, false);
  sees(THERE, PHONE, false);
  expect(watches.seesAnywhere('bobby1')).toBe(true);
  expect([watches.seesAt(HERE, 'bobby1'), watches.seesAt(THERE, 'bobby1')]).toEqual([false, true]);
  expect(sees(THERE, LAPTOP, false)).toBe(true);
  expect(watches.seesAnywhere('bobby1')).toBe(false);
});

test('a name is not seen any more when its supernode is gone', () => {
  sees(HERE, LAPTOP);
  expect(watches.forget(HERE).map(({ node }) => node)).toEqual([LAPTOP]);
  expect(watches.seesAnywhere('bobby1')).toBe(false);
});

test('a name is not seen any more when nobody watches it', () => {
  watches.add({ node: CAROL, name: 'carol1' }, 'bobby1', [HERE]);
  sees(HERE, LAPTOP);
  watches.seen(HERE, CAROL, 'bobby1', LAPTOP, true);
  watches.remove({ node: ALICE, name: 'alice1' }, 'bobby1');
  expect(watches.seesAnywhere('bobby1')).toBe(true);
  watches.remove({ node: CAROL, name: 'carol1' }, 'bobby1');
  expect(watches.seesAnywhere('bobby1')).toBe(false);
});

test('a name that is not told again in a new session is not seen any more', () => {
  sees(HERE, LAPTOP);
  sees(HERE, PHONE);
  const number = watches.begin(HERE) ?? 0;
  sees(HERE, PHONE);
  expect(watches.settled(HERE, number).map(({ node }) => node)).toEqual([LAPTOP]);
  expect(watches.seesAnywhere('bobby1')).toBe(true);
  sees(HERE, PHONE, false);
  expect(watches.seesAnywhere('bobby1')).toBe(false);
});
