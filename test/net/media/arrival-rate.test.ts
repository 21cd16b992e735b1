import { describe, expect, it } from 'vitest';
import { ArrivalRate } from '../../../src/net/media/arrival-rate.ts';
import { SentBytes } from '../../../src/net/media/sent-bytes.ts';

describe('what was sent', () => {
  it('is known by number as long as it may matter', () => {
    const sent = new SentBytes();
    for (let n = 0; n < 3_000; n++) sent.add(100);
    expect(sent.count).toBe(3_000);
    expect(sent.upTo(2_999)).toBe(300_000);
    expect(sent.upTo(2_500)).toBe(250_100);
    expect(sent.after(2_989)).toBe(1_000);
    for (const odd of [-1, 3_000, 10, 4_294_967_295]) expect(sent.upTo(odd)).toBeUndefined();
    expect(sent.after(4_294_967_295)).toBe(0);
  });
});

describe('what comes through', () => {
  const scene = () => {
    const sent = new SentBytes();
    for (let n = 0; n < 500; n++) sent.add(n < 250 ? 120 : 180);
    return new ArrivalRate(sent);
  };

  it('is told by the bytes of the packets between two reports, less what was lost of them', () => {
    const rate = scene();
    expect(rate.over(200)).toBeUndefined();
    rate.add({ at: 0, highest: 99, received: 100 });
    expect(rate.over(200)).toBeUndefined();
    rate.add({ at: 1_000, highest: 149, received: 150 });
    expect(rate.over(200)).toBe(6_000);
    rate.add({ at: 2_000, highest: 199, received: 175 });
    expect(rate.over(200)).toBe(3_000);
    expect(rate.over(2_000)).toBe(4_500);
  });

  it('since a certain packet is known when enough time has gone by', () => {
    const rate = scene();
    rate.add({ at: 0, highest: 240, received: 241 });
    rate.add({ at: 200, highest: 250, received: 251 });
    rate.add({ at: 400, highest: 260, received: 261 });
    expect(rate.since(250, 300)).toBeUndefined();
    rate.add({ at: 1_200, highest: 300, received: 301 });
    expect(rate.since(250, 300)).toBe(9_000);
  });

  it('makes no sense of clocks that stand or go back, nor of numbers that were never sent', () => {
    const rate = scene();
    rate.add({ at: 500, highest: 100, received: 101 });
    rate.add({ at: 500, highest: 120, received: 121 });
    expect(rate.over(0)).toBeUndefined();
    rate.add({ at: 900, highest: 4_294_967_295, received: 0 });
    expect(rate.over(100)).toBeUndefined();
  });
});
