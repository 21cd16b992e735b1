import { describe, expect, it } from 'vitest';
import { PlayoutClock } from '../../src/audio/playout-clock.ts';

/** Ticks `count` times; `lateMs` is how late tick n comes. Gives how far each told time is behind the ideal one. */
function errors(count: number, lateMs: (n: number) => number, clock = new PlayoutClock()): number[] {
  return Array.from({ length: count }, (_, n) => clock.tick(1000 + n * 20 + lateMs(n)) - (1000 + n * 20));
}

describe('the clock of the speaker', () => {
  it('does not see ticks that come late and are made up for', () => {
    expect(errors(200, (n) => (n % 10 === 5 ? 18 : n % 10 === 6 ? 3 : 0)).every((error) => error === 0)).toBe(true);
  });

  it('follows a drift of a thousandth', () => {
    const drifting = errors(3000, (n) => n * 0.02);
    for (const [n, error] of drifting.entries()) expect(Math.abs(error - n * 0.02)).toBeLessThanOrEqual(2.1);
  });

  it('believes a speaker that stood still after one to two seconds, or at once when it was long', () => {
    const paused = errors(300, (n) => (n < 100 ? 0 : 90));
    expect(paused[110]).toBe(0);
    expect(paused[201]).toBe(90);
    expect(errors(120, (n) => (n < 100 ? 0 : 60_000))[100]).toBe(60_000);
  });

  it('takes the next tick as it comes when it is told that the pace is another', () => {
    const clock = new PlayoutClock();
    errors(100, () => 0, clock);
    clock.restart();
    expect(clock.tick(3300)).toBe(3300);
    expect(clock.tick(3320)).toBe(3320);
  });

  it('believes at once that it ran ahead', () => {
    expect(errors(120, (n) => (n < 100 ? 50 : 0))[100]).toBe(0);
  });
});
