import { describe, expect, it } from 'vitest';
import { FrameQueue } from '../../src/audio/frame-queue.ts';

const bytes = (frames: number, from = 0): Buffer => {
  const all = Buffer.alloc(frames * 640);
  for (let frame = 0; frame < frames; frame++) all.fill(from + frame, frame * 640, (frame + 1) * 640);
  return all;
};

describe('captured bytes', () => {
  it('become frames whatever the chunks are', () => {
    const queue = new FrameQueue();
    const all = bytes(3);
    let frames = 0;
    for (let at = 0; at < all.length; at += 333) frames += queue.push(all.subarray(at, at + 333));
    expect(frames).toBe(3);
    expect([queue.take()![0], queue.take()![0], queue.take()![0]]).toEqual([0, 0x0101, 0x0202]);
    expect(queue.take()).toBeUndefined();
  });

  it('that nobody reads are given up, the oldest first, and counted', () => {
    const queue = new FrameQueue();
    expect(queue.push(bytes(20))).toBe(20);
    expect(queue.ready).toBe(8);
    expect(queue.lost).toBe(12);
    expect(queue.take()![0]).toBe(12 * 0x0101);
  });

  it('may lie at odd addresses', () => {
    const queue = new FrameQueue();
    queue.push(bytes(2, 7).subarray(1, 641));
    expect(queue.take()![0]).toBe(0x0707);
  });
});
