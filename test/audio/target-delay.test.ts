import { describe, expect, it } from 'vitest';
import { TargetDelay } from '../../src/audio/target-delay.ts';

function fed(seconds: number, delayOf: (n: number) => number, target = new TargetDelay(), from = 0): TargetDelay {
  for (let n = from; n < from + seconds * 50; n++) target.arrived(n * 20 + delayOf(n), n * 20);
  return target;
}

describe('the target delay', () => {
  it('starts at 60 ms and falls to its least on an even network', () => {
    expect(new TargetDelay().targetMs).toBe(60);
    expect(fed(2, () => 35).targetMs).toBe(20);
  });

  it('covers the jitter that it sees', () => {
    const jittery = fed(20, (n) => 10 + ((n * 37) % 90));
    expect(jittery.targetMs).toBeGreaterThanOrEqual(85);
    expect(jittery.targetMs).toBeLessThanOrEqual(95);
  });

  it('is not moved for good by one spike, but by spikes that keep coming', () => {
    const once = fed(30, (n) => (n === 200 ? 200 : 5));
    expect(once.targetMs).toBe(20);
    const often = fed(30, (n) => (n % 150 === 0 ? 200 : 5));
    expect(often.targetMs).toBeGreaterThan(190);
  });

  it('stays within 400 ms whatever comes', () => {
    const wild = fed(10, (n) => (n % 25) * 1e6);
    expect(wild.targetMs).toBe(400);
  });

  it('follows clocks that drift apart, and a network that becomes slower for good', () => {
    expect(fed(60, (n) => 10 + n * 0.01).targetMs).toBe(20);
    const slower = fed(10, (n) => (n < 250 ? 5 : 105));
    fed(20, () => 105, slower, 500);
    expect(slower.baseMs).toBe(105);
  });

  it('forgets its zero, not its experience, when another stream begins', () => {
    const target = fed(20, (n) => (n % 10) * 10);
    const learnt = target.targetMs;
    target.rebase();
    expect(target.baseMs).toBe(Number.POSITIVE_INFINITY);
    target.arrived(50_000, 7);
    expect(target.baseMs).toBe(49_993);
    expect(target.targetMs).toBe(learnt);
  });
});
