/** What share of people may refuse to serve before the network no longer serves all, with few points of the curve. */
import { describe, expect, test } from 'vitest';
import { playRefusal, volunteers } from './refusal.ts';

const SETTINGS = { seed: 2, people: 4_000, progress: () => undefined };

describe('a network of people who may refuse to serve', () => {
  test('has none who serve against their will, and none who cannot', () => {
    expect(volunteers(SETTINGS, 1)).toBe(0);
    const all = volunteers(SETTINGS, 0);
    // A tenth can be reached, and a quarter of those has a busy, full or thin machine.
    expect(all / SETTINGS.people).toBeGreaterThan(0.05);
    expect(all / SETTINGS.people).toBeLessThan(0.1);
    expect(volunteers(SETTINGS, 0.5)).toBeLessThan(0.65 * all);
  });

  test('serves everybody while a few of a hundred help, and what operators run when nobody does', () => {
    const { points } = playRefusal({ ...SETTINGS, shares: [0.5, 1] });
    const at = (curve: string, share: number) => points.find((one) => one.curve === curve && one.share === share);
    expect(at('refuse', 0.5)).toMatchObject({ served: 100, relayed: 100 });
    expect(at('refuse', 1)).toMatchObject({ served: 0, supernodes: 0 });
    expect(at('refuse, dedicated', 1)).toMatchObject({ served: 100, supernodes: 10 });
    expect(at('limit', 1)).toMatchObject({ served: 100, relayed: 100 });
  });
});
