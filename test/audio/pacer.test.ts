import { describe, expect, it } from 'vitest';
import { Pacer } from '../../src/audio/pacer.ts';

/** Frames of a device at `times`; the clock is asked whenever it wants to be. Gives the times of all ticks. */
function ticks(times: readonly number[], until: number): { readonly at: number[]; readonly dropped: number } {
  const pacer = new Pacer(0);
  pacer.paced = true;
  const at: number[] = [];
  let dropped = 0;
  const waiting = [...times];
  for (let now = 0; now < until; now += 1) {
    while (waiting[0] !== undefined && waiting[0] <= now) {
      waiting.shift();
      if (pacer.offer(now)) at.push(now);
      else dropped++;
    }
    while (pacer.clock(now)) at.push(now);
  }
  return { at, dropped };
}

const every = (ms: number, count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n * ms);

describe('the pace by the clock', () => {
  it('is 20 ms times n after the start, however late the timer is', () => {
    const pacer = new Pacer(100);
    let count = 0;
    for (let now = 100; now < 60_100; now += 7.3) while (pacer.clock(now)) count++;
    expect(count).toBe(3000);
    expect(pacer.wakeAt()).toBe(60_100);
  });

  it('makes up for a late turn but not for a night of sleep', () => {
    const pacer = new Pacer(0);
    expect(pacer.overslept(400)).toBe(0);
    let count = 0;
    while (pacer.clock(400)) count++;
    expect(count).toBe(21);
    expect(pacer.overslept(100_000)).toBe(4979);
    expect(pacer.clock(100_000)).toBe(true);
    expect(pacer.clock(100_000)).toBe(false);
  });

  it('gives up at once what was missed while devices opened', () => {
    const pacer = new Pacer(0);
    expect(pacer.overslept(300, 60)).toBe(15);
    expect(pacer.clock(300)).toBe(true);
  });
});

describe('the pace by a device', () => {
  it('is one tick a frame while the device keeps time', () => {
    const { at, dropped } = ticks(every(20, 500, 3), 10_000);
    expect(at).toEqual(every(20, 500, 3));
    expect(dropped).toBe(0);
  });

  it('follows a crystal a thousandth off without a gap or a drop', () => {
    for (const pace of [20.02, 19.98]) {
      const { at, dropped } = ticks(every(pace, 3000), 59_900);
      expect(dropped).toBe(0);
      expect(Math.abs(at.length - 59_900 / pace)).toBeLessThan(2);
    }
  });

  it('goes on by the clock within 80 ms when the device stops', () => {
    const { at } = ticks(every(20, 100), 10_000);
    expect(at.length).toBeGreaterThanOrEqual(495);
    expect(at.length).toBeLessThanOrEqual(500);
    const gaps = at.slice(1).map((time, n) => time - at[n]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(81);
  });

  it('drops what a device brings in excess: a backlog, or far too high a rate', () => {
    const backlog = ticks([...every(20, 50), ...every(0, 30, 1000), ...every(20, 100, 1000)], 3000);
    expect(backlog.dropped).toBeGreaterThanOrEqual(26);
    expect(Math.abs(backlog.at.length - 150)).toBeLessThanOrEqual(4);
    const fast = ticks(every(10, 1000), 10_000);
    expect(fast.at.length).toBeLessThan(520);
  });
});
