import { describe, expect, it } from 'vitest';
import {
  type CallQuality,
  lossPct,
  opinionScore,
  type QualityInput,
  quality,
  RateMeter,
  verdictOf,
} from '../../../src/net/media/quality.ts';
import type { Quality } from '../../../src/store/state.ts';

const FINE: QualityInput = {
  path: 'direct',
  rttMs: 40,
  jitterMs: 1.234,
  lossInPct: 0,
  lossOutPct: 0,
  voice: { bufferMs: 40, concealedPct: 0, played: 1_000, concealed: 0, deviceMs: 30 },
  theirConcealedPct: 0,
  sentPps: 50,
  recvPps: 49.98,
  payloadBytes: 60,
  bitrate: 22_800,
  redundancy: 0,
  frameMs: 20,
  silentMs: 12,
  onHold: false,
};

describe('quality', () => {
  it('has exactly the fields of the contract', () => {
    const net: CallQuality = quality(FINE);
    const store: Quality = net;
    const back: CallQuality = store;
    expect(back).toEqual({
      path: 'direct',
      rttMs: 40,
      jitterMs: 1.2,
      lossInPct: 0,
      lossOutPct: 0,
      bufferMs: 40,
      mouthToEarMs: 115,
      sentPps: 50,
      recvPps: 50,
      payloadBytes: 60,
      bitrate: 22_800,
      redundancy: 0,
      concealedPct: 0,
      mos: expect.any(Number),
      verdict: 'good',
      place: null,
      trouble: '',
    });
  });

  it('does not guess a mouth-to-ear delay before a round trip is known', () => {
    expect(quality({ ...FINE, rttMs: null }).mouthToEarMs).toBeNull();
  });

  it('counts the microphone of the other end, once that is known, and our own speaker', () => {
    const voice = { ...FINE.voice!, deviceMs: 50, captureMs: 40, playbackMs: 10 };
    expect(quality({ ...FINE, voice }).mouthToEarMs).toBe(25 + 40 + 20 + 50);
    expect(quality({ ...FINE, voice, theirCaptureMs: 15 }).mouthToEarMs).toBe(25 + 40 + 20 + 25);
    // A recording has no delay at all.
    expect(quality({ ...FINE, voice, theirCaptureMs: 0 }).mouthToEarMs).toBe(25 + 40 + 20 + 10);
  });

  it('judges by what is heard: losses that copies have mended are no gaps', () => {
    expect(quality({ ...FINE, lossInPct: 10 })).toMatchObject({
      lossInPct: 10,
      verdict: 'good',
      mos: quality(FINE).mos,
    });
    expect(quality({ ...FINE, lossInPct: 10, voice: undefined }).verdict).toBe('you hear gaps');
  });
});

describe('the verdict', () => {
  it.each([
    [0, 0, 20, false, 'good'],
    [1.9, 1.9, 20, false, 'good'],
    [2, 0, 20, false, 'you hear gaps'],
    [0, 2, 20, false, 'they hear gaps'],
    [5, 5, 20, false, 'gaps both ways'],
    [0, 0, 999, false, 'good'],
    [0, 0, 1_000, false, 'no sound arrives'],
    [100, 100, 60_000, false, 'no sound arrives'],
    [100, 100, 4_000, true, 'good'],
  ] as const)(
    'of gaps %f percent here, %f there, %i ms of silence, on hold %s, is: %s',
    (here, there, silentMs, onHold, word) => {
      expect(verdictOf({ heardGapsPct: here, theirGapsPct: there, silentMs, onHold })).toBe(word);
    },
  );
});

describe('the opinion score', () => {
  it.each([
    [100, 0, 48_000, 4.454],
    [100, 0, 24_000, 4.384],
    [250, 0, 24_000, 4.13],
    [400, 0, 24_000, 3.471],
    [100, 5, 24_000, 3.694],
    [100, 20, 24_000, 2.564],
    [100, 0, 8_000, 3.882],
    [100, 0, 20_000, 4.329],
    [2000, 100, 8_000, 1],
  ])(
    'of %i ms, %i percent loss and %i bit/s is %f, as the formula gives by hand',
    (delayMs, lossPct, bitrate, score) => {
      expect(opinionScore({ delayMs, lossPct, bitrate })).toBeCloseTo(score, 2);
    },
  );

  it('only falls with delay and loss, and only rises with bit rate', () => {
    const falling = (scores: number[]) => scores.every((score, i) => i === 0 || score <= (scores[i - 1] ?? 0));
    const steps = Array.from({ length: 60 }, (_, i) => i);
    expect(falling(steps.map((i) => opinionScore({ delayMs: i * 20, lossPct: 1, bitrate: 24_000 })))).toBe(true);
    expect(falling(steps.map((i) => opinionScore({ delayMs: 100, lossPct: i, bitrate: 24_000 })))).toBe(true);
    expect(falling(steps.map((i) => opinionScore({ delayMs: 100, lossPct: 1, bitrate: (60 - i) * 1_000 })))).toBe(true);
  });

  it('is worse for bursts', () => {
    const random = opinionScore({ delayMs: 100, lossPct: 5, bitrate: 24_000 });
    expect(opinionScore({ delayMs: 100, lossPct: 5, bitrate: 24_000, burstRatio: 2 })).toBeLessThan(random);
  });
});

describe('loss', () => {
  it.each([
    [100, 90, 10],
    [0, 0, 0],
    [-5, 0, 0],
    [100, 104, 0],
    [100, 0, 100],
  ])('of %i expected and %i come is %i percent', (expected, received, pct) => {
    expect(lossPct(expected, received)).toBeCloseTo(pct);
  });
});

describe('the rate meter', () => {
  it('reads a steady pace as itself from the second packet on, at any moment', () => {
    const meter = new RateMeter();
    for (let n = 0; n < 500; n += 1) {
      meter.add(n * 20);
      if (n > 0) expect(meter.perSecond(n * 20 + (n % 20))).toBeCloseTo(50, 9);
    }
  });

  it('reads 50 within 2 % through the jitter of timers', () => {
    const meter = new RateMeter();
    for (let n = 0; n < 1_000; n += 1) {
      const at = n * 20 + ((n * 7) % 13);
      meter.add(at);
      if (n > 60) expect(Math.abs(meter.perSecond(at) - 50)).toBeLessThan(1);
    }
  });

  it('falls as soon as the stream stops, and is zero when the window has passed', () => {
    const meter = new RateMeter();
    for (let n = 0; n <= 100; n += 1) meter.add(n * 20);
    expect(meter.perSecond(2_500)).toBeLessThan(40);
    expect(meter.perSecond(4_100)).toBe(0);
  });

  it('is zero for nothing and for one packet', () => {
    const meter = new RateMeter();
    expect(meter.perSecond(0)).toBe(0);
    meter.add(0);
    expect(meter.perSecond(10)).toBe(0);
  });
});
