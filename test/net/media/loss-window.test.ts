import { describe, expect, it } from 'vitest';
import { LossWindow } from '../../../src/net/media/loss-window.ts';

describe('loss over a window', () => {
  it('is the share, the run and the number of what was lost in it, and no more', () => {
    const window = new LossWindow();
    expect(window.over(0, 1_000)).toEqual({ share: 0, burst: 1, lost: 0 });
    for (let n = 0; n <= 50; n++) {
      const lost = n <= 25 ? 0 : (n - 25) * 2;
      window.add(n * 200, { expected: n * 10, received: n * 10 - lost, gaps: lost / 2 });
    }
    expect(window.over(10_000, 2_000)).toEqual({ share: 0.2, burst: 2, lost: 20 });
    expect(window.over(10_000, 6_000).share).toBeCloseTo(50 / 300, 5);
  });

  it('is never below nothing, whatever late packets and odd totals do', () => {
    const window = new LossWindow();
    window.add(0, { expected: 100, received: 90, gaps: 10 });
    window.add(200, { expected: 105, received: 104, gaps: 8 });
    expect(window.over(200, 1_000)).toEqual({ share: 0, burst: 1, lost: 0 });
    window.add(400, { expected: 4_294_967_295, received: 0, gaps: 0 });
    expect(window.over(400, 1_000).share).toBe(1);
    window.add(600, { expected: 3, received: 9, gaps: 1 });
    expect(window.over(600, 1_000).share).toBe(0);
    window.clear();
    expect(window.over(600, 1_000).lost).toBe(0);
  });
});
