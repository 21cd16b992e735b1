import { describe, expect, it } from 'vitest';
import { BodyQueue } from '../../src/audio/body-queue.ts';
import { mediaTimeOf, silenceBody } from '../../src/audio/voice-body.ts';
import { seededRandom } from '../support/seeded-random.ts';

const FRAME_MS = 20;

interface Left {
  readonly at: number;
  /** Which frame of the laptop it is. */
  readonly frame: number;
}

/** The laptop makes a frame each 20 ms; the line brings frame n at `arrivalOf(n)`, in order. Gives what left, when. */
function carried(seconds: number, delayOf: (frame: number) => number, quiet: (at: number) => boolean = () => false) {
  const queue = new BodyQueue();
  const left: Left[] = [];
  let soonest = 0;
  const arrivals = Array.from({ length: seconds * 50 }, (_, frame) => {
    soonest = Math.max(soonest, frame * FRAME_MS + delayOf(frame));
    return soonest;
  });
  let next = 0;
  for (let at = 0; at < seconds * 1000 + 1000; at++) {
    queue.quiet = quiet(at);
    while (next < arrivals.length && arrivals[next]! <= at) queue.put(at, silenceBody(2 * next++));
    if (at < queue.wakeAt()) continue;
    for (const body of queue.take(at)) left.push({ at, frame: mediaTimeOf(body)! / 2 });
  }
  return { queue, left };
}

/** Longest wait between two that leave, ms, after the first seconds. */
function longestGap(left: readonly Left[], fromMs = 0): number {
  const late = left.filter(({ at }) => at >= fromMs);
  return Math.max(...late.slice(1).map(({ at }, i) => at - late[i]!.at));
}

describe('bodies that are passed on', () => {
  it('leave each 20 ms when they come each 20 ms, one frame after they came', () => {
    const { left, queue } = carried(20, () => 40);
    expect(left).toHaveLength(1000);
    expect(longestGap(left)).toBe(FRAME_MS);
    expect(queue.delayMs).toBeLessThanOrEqual(21);
  });

  it('leave at an even pace though the line jitters by 30 ms, once the buffer has learnt that', () => {
    const random = seededRandom(7);
    const { left, queue } = carried(
      60,
      () => 20 + 30 * (random.bytes(1)[0]! / 255),
      (at) => at % 2000 < 800,
    );
    // What the agent lets a body be late by before it fills the slot.
    expect(longestGap(left, 10_000)).toBeLessThanOrEqual(50);
    expect(queue.delayMs).toBeLessThan(60);
    expect(queue.counts.late).toBe(0);
  });

  it('lose nothing in a stall of 300 ms, and give the delay back in pauses', () => {
    const stalled = (frame: number) => (frame >= 500 && frame < 515 ? 20 + (515 - frame) * FRAME_MS : 20);
    const { left, queue } = carried(30, stalled, (at) => at > 12_000 && at % 1000 < 500);
    const frames = left.map(({ frame }) => frame);
    expect(frames.filter((frame) => frame >= 490 && frame < 560)).toHaveLength(70);
    // Right after it 300 ms behind, at the end again as before.
    const behind = (frame: number) => left.find((one) => one.frame === frame)!.at - frame * FRAME_MS;
    expect(behind(530)).toBeGreaterThan(250);
    expect(behind(1480)).toBeLessThan(110);
    expect(queue.counts.late).toBe(0);
    expect(frames).toEqual([...frames].sort((a, b) => a - b));
  });

  it('are given back in speech without pauses too, a frame each fifth of a second', () => {
    const { left } = carried(30, (frame) => (frame >= 500 && frame < 515 ? 20 + (515 - frame) * FRAME_MS : 20));
    const behind = left.filter(({ at }) => at > 25_000).map(({ at, frame }) => at - frame * FRAME_MS);
    expect(Math.max(...behind)).toBeLessThan(150);
  });

  it('are dropped when they come more than 400 ms late: nobody talks over that', () => {
    const { left, queue } = carried(20, (frame) => (frame >= 500 && frame < 600 ? 20 + (600 - frame) * FRAME_MS : 20));
    expect(queue.counts.late).toBeGreaterThan(70);
    const behind = left.filter(({ frame }) => frame > 600).map(({ at, frame }) => at - frame * FRAME_MS);
    expect(Math.max(...behind)).toBeLessThan(450);
  });

  it('follow a voice process that was started again, and refuse what is no body', () => {
    const queue = new BodyQueue();
    for (let frame = 0; frame < 10; frame++) queue.put(frame * FRAME_MS, silenceBody(1000 + 2 * frame));
    queue.take(200);
    expect(queue.put(220, silenceBody(0))).toBe('queued');
    expect(queue.wakeAt()).toBeLessThan(300);
    expect(queue.put(230, Buffer.from('no'))).toBe('refused');
    expect(queue.take(300)).toHaveLength(1);
  });
});
