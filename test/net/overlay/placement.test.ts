/** Where keys lie: the same for everybody, moving little when members change. */
import { describe, expect, test } from 'vitest';
import { dayOf, keyHash, Placement, slotCount } from '../../../src/net/overlay/placement.ts';
import { REPLICAS } from '../../../src/net/protocol/overlay-params.ts';
import { nodeIdFor, WALL_MS } from './index-scenes.ts';

const IDS = Array.from({ length: 200 }, (_, number) => nodeIdFor(number));
const DAY_MS = 86_400_000;

function placementOf(ids: readonly string[], wallMs = WALL_MS): Placement {
  const placement = new Placement();
  placement.set(ids, wallMs);
  return placement;
}

function held(placement: Placement): string[][] {
  return Array.from({ length: placement.slots }, (_, slot) => [...placement.replicas(slot)]);
}

describe('slots', () => {
  test.each([
    [1, 1],
    [65, 8],
    [100, 8],
    [200, 16],
    [1_000, 128],
    [10_000_000, 16_384],
  ])('%i supernodes have %i', (supernodes, slots) => expect(slotCount(supernodes)).toBe(slots));

  test('of a key are found alike by whoever knows the same members, in whatever order', () => {
    const [one, other] = [placementOf(IDS), placementOf(IDS.toReversed())];
    expect(held(other)).toEqual(held(one));
    expect(one.slotOf(keyHash('u:bobby1'))).toBe(keyHash('u:bobby1') % 16);
  });

  test('have eight different replicas, or all there are', () => {
    for (const replicas of held(placementOf(IDS))) expect(new Set(replicas).size).toBe(REPLICAS);
    expect(new Set(placementOf(IDS.slice(0, 5)).replicas(0))).toEqual(new Set(IDS.slice(0, 5)));
  });

  test('stay where they are but for those of a member that goes, and come back with it', () => {
    const placement = placementOf(IDS);
    const before = held(placement);
    const gone = before[0]?.[3] as string;
    placement.set(
      IDS.filter((id) => id !== gone),
      WALL_MS,
    );
    held(placement).forEach((replicas, slot) => {
      const kept = before[slot]?.filter((id) => id !== gone) ?? [];
      expect(replicas.slice(0, kept.length)).toEqual(kept);
    });
    expect(held(placement)).toEqual(held(placementOf(IDS.filter((id) => id !== gone))));
    placement.set(IDS, WALL_MS);
    expect(held(placement)).toEqual(before);
  });

  test('move once a day, one supernode at a time', () => {
    const days = new Set(IDS.map((id) => dayOf(id, WALL_MS + DAY_MS / 2)));
    expect(days.size).toBe(2);
    const turned = IDS.filter((id) => dayOf(id, WALL_MS) !== dayOf(id, WALL_MS + DAY_MS / 100));
    expect(turned.length).toBeLessThan(10);
    const placement = placementOf(IDS);
    const before = held(placement);
    placement.set(IDS, WALL_MS + DAY_MS);
    expect(held(placement)).toEqual(held(placementOf(IDS, WALL_MS + DAY_MS)));
    const stayed = held(placement).flatMap((ids, slot) => ids.filter((id) => before[slot]?.includes(id)));
    expect(stayed.length).toBeLessThan(30);
  });
});
