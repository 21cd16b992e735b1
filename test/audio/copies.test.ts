/** What is left of loss once copies have filled the holes: rungs R1 and R2 through the jitter buffer (figures V5, V6). */
import { afterAll, describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import { ReceiveStream } from '../../src/audio/receive-stream.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import { withMediaTime } from '../../src/audio/voice-body.ts';
import { RUNGS, type Rung } from '../../src/net/media/rungs.ts';
import { Chance } from '../sim/chance.ts';
import { CALM, Link } from '../sim/link.ts';
import { framesOf, syntheticSpeech } from '../support/speech.ts';

const encoder = openOpus();
const decoder = openOpus();
afterAll(() => {
  encoder.close();
  decoder.close();
});

const SECONDS = 90;
const WARM_FRAMES = 500;

/** Four seconds of bodies of this rung, played over and over. */
function bodiesOf(rung: Rung): Buffer[] {
  const stream = new SendStream(encoder);
  stream.reshape(rung);
  return framesOf(syntheticSpeech(4)).flatMap((frame) => stream.frame(frame) ?? []);
}

/** Share of frames that had to be invented, percent, after the first ten seconds. */
function residualPct(rung: Rung, bodies: readonly Buffer[], loss: number, lossBurst: number, seed: number): number {
  const link = new Link({ ...CALM, loss, lossBurst, jitterMs: 5 }, new Chance(seed, 'copies'));
  const stream = new ReceiveStream(decoder);
  const underWay: { at: number; body: Buffer }[] = [];
  let before = { played: 0, concealed: 0 };
  for (let n = 0; n < SECONDS * 50; n++) {
    const now = n * 20;
    const body = withMediaTime(bodies[n % bodies.length]!, n * 2);
    for (const at of link.pass(now, 180)) underWay.push({ at, body });
    while (underWay[0] && underWay[0].at <= now) stream.receive(underWay[0].at, underWay.shift()!.body);
    stream.play(now);
    if (n === WARM_FRAMES) before = { ...stream.counts };
  }
  expect(rung.copies).toBeGreaterThan(0);
  return (100 * (stream.counts.concealed - before.concealed)) / (stream.counts.played - before.played);
}

function mean(rung: Rung, loss: number, lossBurst: number): number {
  const bodies = bodiesOf(rung);
  const seeds = [1, 2, 3];
  return seeds.reduce((sum, seed) => sum + residualPct(rung, bodies, loss, lossBurst, seed), 0) / seeds.length;
}

describe('copies', () => {
  it('leave 0.4 % of 5 % random loss', () => {
    expect(mean(RUNGS.R1, 0.05, 1)).toBeLessThanOrEqual(0.4);
  });

  it('leave 1.2 % of 10 %, one or two of them', () => {
    expect(mean(RUNGS.R1, 0.1, 1)).toBeLessThanOrEqual(1.2);
    expect(mean(RUNGS.R2near, 0.1, 1)).toBeLessThanOrEqual(1.2);
  });

  it('leave 1.5 % of 20 %', () => {
    expect(mean(RUNGS.R2near, 0.2, 1)).toBeLessThanOrEqual(1.5);
  });

  it('leave 3 % of 10 % in bursts of three', () => {
    expect(mean(RUNGS.R2, 0.1, 3)).toBeLessThanOrEqual(3);
  });
});
