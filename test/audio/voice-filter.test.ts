/** Both filters over the same rooms: what realtime design asks of echo and noise, measured. */
import { afterAll, describe, expect, it } from 'vitest';
import { openOwnFilter } from '../../src/audio/filter-own.ts';
import { hasSpeexDsp, openSpeexFilter } from '../../src/audio/filter-speex.ts';
import type { FilterParts, VoiceFilter } from '../../src/audio/voice-filter.ts';
import { stoi } from '../support/likeness.ts';
import { between, caughtUp, echoOf, looped, mixed, rmsDb, whiteNoise } from '../support/room.ts';
import { otherSpeech, speech } from '../support/speech.ts';

const filters: [string, (parts: FilterParts) => VoiceFilter][] = [['own', openOwnFilter]];
if (hasSpeexDsp()) filters.push(['speex', openSpeexFilter]);
else console.log('SKIPPED speexdsp: koffi or libspeexdsp1 is not installed');
console.log(`speech of these tests: ${speech().source}`);

const SECONDS = 17;
const NEAR_FROM_S = 10;
const far = looped(speech().samples, SECONDS);
const near = new Int16Array(far.length);
near.set(otherSpeech().samples.subarray(0, (SECONDS - NEAR_FROM_S) * 16_000), NEAR_FROM_S * 16_000);

const opened: VoiceFilter[] = [];
afterAll(() => {
  for (const filter of opened) filter.close();
});

function cleaned(open: (parts: FilterParts) => VoiceFilter, parts: FilterParts, mic: Int16Array): Int16Array {
  const filter = open(parts);
  opened.push(filter);
  const out = mic.slice();
  for (let at = 0; at < out.length; at += 320) {
    filter.process(out.subarray(at, at + 320), far.subarray(at, at + 320));
  }
  return out;
}

/** How much quieter `after` is, dB, from one second to another. */
const less = (before: Int16Array, after: Int16Array, fromS: number, toS: number): number =>
  rmsDb(between(before, fromS, toS)) - rmsDb(between(after, fromS, toS));

const ROOMS = [
  { name: 'a desk', delayMs: 10, decayMs: 80, echoDb: -6, seed: 3 },
  { name: 'a loud speaker that distorts', delayMs: 25, decayMs: 80, echoDb: 0, seed: 5 },
].map((room) => ({ ...room, echo: echoOf(far, room) }));

describe.each(filters)('the %s filter', (_kind, open) => {
  it.each(ROOMS)('takes 15 dB of the echo of $name, and more, after 5 s', ({ echo }) => {
    const mic = mixed(echo, whiteNoise(far.length, -70, 1));
    const out = cleaned(open, { echo: true, noise: false }, mic);
    expect(less(mic, out, 5, 10)).toBeGreaterThan(15);
    expect(less(mic, out, 10, SECONDS)).toBeGreaterThan(18);
  });

  it.each(ROOMS)('lets whoever talks at this end through while the other end talks too: $name', ({ echo }) => {
    const mic = mixed(echo, near, whiteNoise(far.length, -70, 1));
    const out = cleaned(open, { echo: true, noise: true }, mic);
    const spoken = between(near, NEAR_FROM_S + 0.5, SECONDS);
    const before = stoi(spoken, between(mic, NEAR_FROM_S + 0.5, SECONDS));
    const after = stoi(spoken, caughtUp(spoken, between(out, NEAR_FROM_S + 0.5, SECONDS)));
    expect(before).toBeLessThan(0.86);
    expect(after).toBeGreaterThan(0.9);
  });

  it('takes out the new echo within 3 s when somebody moves the microphone', () => {
    const echo = ROOMS[0]!.echo.slice();
    echo.set(ROOMS[1]!.echo.subarray(9 * 16_000), 9 * 16_000);
    const mic = mixed(echo, whiteNoise(far.length, -65, 1));
    const out = cleaned(open, { echo: true, noise: false }, mic);
    expect(less(mic, out, 6, 9)).toBeGreaterThan(15);
    expect(less(mic, out, 12, SECONDS)).toBeGreaterThan(15);
  });

  it('turns noise down by 8 dB and more, and keeps the speech', () => {
    const mic = mixed(near, whiteNoise(far.length, -45, 7));
    const out = cleaned(open, { echo: false, noise: true }, mic);
    expect(less(mic, out, 2, NEAR_FROM_S)).toBeGreaterThan(8);
    expect(less(mic, out, 2, NEAR_FROM_S)).toBeLessThan(16);
    const spoken = between(near, NEAR_FROM_S, SECONDS);
    const after = stoi(spoken, caughtUp(spoken, between(out, NEAR_FROM_S, SECONDS)));
    expect(after).toBeGreaterThan(stoi(spoken, between(mic, NEAR_FROM_S, SECONDS)) - 0.01);
    expect(Math.abs(less(near, out, NEAR_FROM_S, SECONDS))).toBeLessThan(1.5);
  });

  it('leaves noise alone when only the echo is its business', () => {
    const mic = mixed(whiteNoise(6 * 16_000, -45, 7));
    const out = cleaned(open, { echo: true, noise: false }, mic);
    expect(Math.abs(less(mic, out, 2, 6))).toBeLessThan(1.5);
  });

  it('switches its parts while it runs', () => {
    const filter = open({ echo: false, noise: true });
    opened.push(filter);
    const { echo } = ROOMS[0]!;
    const mic = mixed(echo, whiteNoise(far.length, -60, 2));
    const out = mic.slice();
    for (let at = 0; at < out.length; at += 320) {
      if (at === 2 * 16_000) filter.use({ echo: true, noise: true });
      if (at === 9 * 16_000) filter.use({ echo: true, noise: false });
      if (at === 14 * 16_000) filter.use({ echo: false, noise: false });
      filter.process(out.subarray(at, at + 320), far.subarray(at, at + 320));
    }
    expect(less(mic, out, 0.5, 2)).toBeLessThan(8);
    expect(less(mic, out, 6, 9)).toBeGreaterThan(13);
    expect(less(mic, out, 9.5, 14)).toBeGreaterThan(13);
    expect(less(mic, out, 14.5, SECONDS)).toBeLessThan(3);
  });

  it('leaves frames of another length alone, before any native call, and goes on', () => {
    const filter = open({ echo: true, noise: true });
    opened.push(filter);
    for (const length of [0, 1, 160, 319, 321, 640]) {
      const mic = new Int16Array(length).fill(1000);
      filter.process(mic, new Int16Array(320));
      expect(mic.every((sample) => sample === 1000)).toBe(true);
      const frame = new Int16Array(320).fill(1000);
      filter.process(frame, new Int16Array(length));
      expect(frame.every((sample) => sample === 1000)).toBe(true);
    }
    for (let turn = 0; turn < 20; turn++) filter.process(new Int16Array(320).fill(500), far.subarray(0, 320));
  });

  it('stays finite through full scale, silence and a far end that jumps', () => {
    const filter = open({ echo: true, noise: true });
    opened.push(filter);
    const square = Int16Array.from({ length: 320 }, (_, at) => (at % 40 < 20 ? 32_767 : -32_768));
    for (let turn = 0; turn < 200; turn++) {
      const mic = turn % 3 === 0 ? new Int16Array(320) : square.slice();
      filter.process(mic, turn % 7 < 3 ? square : new Int16Array(320));
      if (turn === 100) filter.forget();
    }
    const quiet = new Int16Array(320);
    for (let turn = 0; turn < 100; turn++) {
      quiet.fill(0);
      filter.process(quiet, new Int16Array(320));
    }
    expect(rmsDb(quiet)).toBeLessThan(-80);
  });

  it('does nothing more after it is closed, twice', () => {
    const filter = open({ echo: true, noise: true });
    filter.close();
    filter.close();
    if (filter.kind === 'speex') {
      const frame = new Int16Array(320).fill(7);
      filter.use({ echo: false, noise: false });
      filter.process(frame, new Int16Array(320));
      filter.forget();
      expect(frame.every((sample) => sample === 7)).toBe(true);
    }
    expect(() => filter.forget()).not.toThrow();
  });
});
