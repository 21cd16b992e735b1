import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_WINDOW_PACKETS } from '../../../src/net/protocol/params.ts';
import { ReplayWindow } from '../../../src/net/transport/replay-window.ts';

/** What a window is to be: everything marked, and nothing too old. */
class Model {
  readonly #marked = new Set<number>();
  #highest = -1;

  fresh(counter: number): boolean {
    return counter > this.#highest - REPLAY_WINDOW_PACKETS && !this.#marked.has(counter);
  }

  mark(counter: number): void {
    this.#marked.add(counter);
    this.#highest = Math.max(this.#highest, counter);
  }
}

/** Counters as a network brings them: mostly rising, some early, late, doubled, some far away. */
const arrivals = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -5, max: 5 }) },
    { weight: 3, arbitrary: fc.integer({ min: -REPLAY_WINDOW_PACKETS - 3, max: REPLAY_WINDOW_PACKETS + 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 34 }) },
  ),
  { maxLength: 200 },
);

describe('a replay window', () => {
  it('accepts each counter once, and none that is too old to tell, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const window = new ReplayWindow();
        const model = new Model();
        let at = 0;
        for (const step of steps) {
          at = Math.max(0, at + step);
          expect(window.fresh(at)).toBe(model.fresh(at));
          if (!model.fresh(at)) continue;
          window.mark(at);
          model.mark(at);
        }
      }),
    );
  });

  it('says yes and no at its very edges', () => {
    const window = new ReplayWindow();
    expect(window.highest).toBe(-1);
    window.mark(REPLAY_WINDOW_PACKETS);
    expect([window.fresh(0), window.fresh(1), window.fresh(REPLAY_WINDOW_PACKETS)]).toEqual([false, true, false]);
    expect(window.highest).toBe(REPLAY_WINDOW_PACKETS);
  });

  it('does not burn a counter by being asked', () => {
    const window = new ReplayWindow();
    expect([window.fresh(5), window.fresh(5)]).toEqual([true, true]);
  });
});
