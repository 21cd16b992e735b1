import { describe, expect, it } from 'vitest';
import { FarEnd } from '../../src/audio/far-end.ts';
import { echoOf, looped, mixed, whiteNoise } from '../support/room.ts';
import { otherSpeech, speech } from '../support/speech.ts';

const SECONDS = 26;
const far = looped(speech().samples, SECONDS);

interface Seen {
  /** Seconds of the first measurement, and of each time that the reference was moved. */
  readonly firstS: number | undefined;
  readonly movedS: readonly number[];
  readonly delayMs: number | undefined;
}

/** A microphone that hears `mic`, lined up with what is played; `before` may disturb frame n. */
function followed(end: FarEnd, mic: Int16Array, before: (n: number) => 'miss' | undefined = () => undefined): Seen {
  let firstS: number | undefined;
  const movedS: number[] = [];
  for (let n = 0; n * 320 < mic.length; n++) {
    const at = n * 320;
    if (before(n) === 'miss') end.miss();
    else if (end.capture(mic.subarray(at, at + 320)).moved) movedS.push(n / 50);
    end.play(far.subarray(at, at + 320));
    if (end.delayMs !== undefined) firstS ??= n / 50;
  }
  return { firstS, movedS, delayMs: end.delayMs };
}

/** The echo comes `byMs` later from `fromS` on: the speaker ran dry. */
function heldUp(echo: Float64Array, fromS: number, byMs: number): Float64Array {
  const [from, by] = [fromS * 16_000, byMs * 16];
  const out = echo.slice();
  out.fill(0, from);
  out.set(echo.subarray(from, echo.length - by), from + by);
  return out;
}

function started(deviceMs = 80): FarEnd {
  const end = new FarEnd();
  end.restart(deviceMs);
  return end;
}

describe('the far end', () => {
  it.each([25, 60, 140, 350, 480])('finds a delay of %i ms within 3 s of speech, to 3 ms', (delayMs) => {
    const echo = echoOf(far.subarray(0, 8 * 16_000), { delayMs, decayMs: 40, echoDb: -10, seed: 7 });
    const { firstS, delayMs: found } = followed(started(), mixed(echo, whiteNoise(echo.length, -65, 1)));
    expect(firstS).toBeLessThan(3);
    expect(Math.abs(found! - delayMs)).toBeLessThan(3);
  });

  it('gives the very samples that were played, less than 80 ms before their echo and never after it', () => {
    for (const delayMs of [25, 90, 300]) {
      const end = started();
      const echo = mixed(echoOf(far.subarray(0, 6 * 16_000), { delayMs, decayMs: 40, echoDb: -6, seed: 2 }));
      followed(end, echo);
      const n = echo.length / 320;
      const reference = end.capture(new Int16Array(320)).far.slice();
      let lead = -1;
      for (let shift = 0; shift < delayMs * 16; shift++) {
        const start = n * 320 - shift;
        if (far.subarray(start, start + 320).every((sample, at) => sample === reference[at]))
          lead = delayMs * 16 - shift;
      }
      expect(lead).toBeGreaterThan(0);
      expect(lead).toBeLessThanOrEqual(1280);
    }
  });

  it('follows within 11 s when the delay changes unseen, and within 3 s when the device told of it', () => {
    const room = { delayMs: 60, decayMs: 40, echoDb: -6, seed: 3 };
    const mic = mixed(heldUp(echoOf(far, room), 12, 160), whiteNoise(far.length, -65, 1));
    const unseen = followed(started(), mic);
    expect(unseen.delayMs).toBeCloseTo(220, -1);
    expect(unseen.movedS.at(-1)).toBeLessThan(24);
    const end = started();
    const told = followed(end, mic, (n) => {
      if (n === 601) end.recheck();
      return undefined;
    });
    expect(told.movedS.at(-1)).toBeLessThan(15);
  });

  it('is not moved by a clock that runs 100 ppm faster, nor by a talker at this end', () => {
    const room = { delayMs: 90, decayMs: 40, echoDb: -6, seed: 4 };
    const echo = echoOf(far, room);
    const drifting = Float64Array.from({ length: echo.length }, (_, at) => echo[Math.floor(at * 1.0001)] ?? 0);
    const talker = looped(otherSpeech().samples, SECONDS).fill(0, 0, 10 * 16_000);
    const { movedS, delayMs } = followed(started(90), mixed(drifting, talker, whiteNoise(far.length, -65, 1)));
    expect(movedS).toEqual([]);
    expect(Math.abs(delayMs! - 90)).toBeLessThan(5);
  });

  it('counts samples, not ticks: frames that the microphone lost do not shift anything', () => {
    const echo = mixed(echoOf(far, { delayMs: 90, decayMs: 40, echoDb: -6, seed: 4 }));
    const { movedS, delayMs } = followed(started(90), echo, (n) => (n > 200 && n % 100 < 2 ? 'miss' : undefined));
    expect(movedS).toEqual([]);
    expect(Math.abs(delayMs! - 90)).toBeLessThan(3);
  });

  it('finds nothing where there is no echo, and says so', () => {
    const quiet = followed(started(), mixed(looped(otherSpeech().samples, SECONDS)));
    expect(quiet).toEqual({ firstS: undefined, movedS: [], delayMs: undefined });
    expect(followed(started(), new Int16Array(SECONDS * 16_000)).delayMs).toBeUndefined();
  });

  it('forgets the delay with the device', () => {
    const end = started();
    followed(end, mixed(echoOf(far.subarray(0, 6 * 16_000), { delayMs: 60, decayMs: 40, echoDb: -6, seed: 1 })));
    expect(end.delayMs).toBeDefined();
    end.restart(40);
    expect(end.delayMs).toBeUndefined();
  });

  it('begins afresh after a microphone that was silent for seconds', () => {
    const end = started(90);
    const echo = mixed(echoOf(far, { delayMs: 90, decayMs: 40, echoDb: -6, seed: 4 }));
    followed(end, echo.subarray(0, 4 * 16_000));
    for (let n = 200; n < 400; n++) end.play(far.subarray(n * 320, n * 320 + 320));
    const movedS: number[] = [];
    for (let n = 400; n < 700; n++) {
      if (end.capture(echo.subarray(n * 320, n * 320 + 320)).moved) movedS.push(n / 50);
      end.play(far.subarray(n * 320, n * 320 + 320));
    }
    expect(movedS[0]).toBe(8);
    expect(Math.abs(end.delayMs! - 90)).toBeLessThan(3);
  });
});
