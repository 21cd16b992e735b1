import { describe, expect, it } from 'vitest';
import { Amplifier } from '../../src/audio/amplifier.ts';
import { GainControl } from '../../src/audio/gain-control.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { between, looped, mixed, rmsDb, speechDb, whiteNoise } from '../support/room.ts';
import { framesOf, otherSpeech, speech, tone } from '../support/speech.ts';

const LIMIT = Math.ceil(32_768 * 10 ** (-1 / 20));

/** `samples` so loud that their speech is at `levelDb`. */
function at(level: number, samples: Int16Array): Float64Array {
  const factor = 10 ** ((level - speechDb(samples)) / 20);
  return Float64Array.from(samples, (sample) => sample * factor);
}

function controlled(samples: Int16Array): Int16Array {
  const control = new GainControl();
  const out = samples.slice();
  for (let start = 0; start < out.length; start += 320) {
    const frame = out.subarray(start, start + 320);
    control.process(frame, levelDb(frame), -96);
  }
  return out;
}

const peakOf = (samples: Int16Array): number => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

describe('automatic gain', () => {
  const talkers = [speech().samples, otherSpeech().samples];

  it.each([-40, -30, -20, -12, -6])('brings a talker at %i dBFS to -20 within 3 s, without clipping', (level) => {
    for (const talker of talkers) {
      const out = controlled(mixed(at(level, looped(talker, 9)), whiteNoise(9 * 16_000, -75, 1)));
      expect(Math.abs(speechDb(between(out, 3, 9)) + 20)).toBeLessThan(3);
      expect(peakOf(out)).toBeLessThanOrEqual(LIMIT);
    }
  });

  it('leaves noise in which nobody speaks as it is, and does not pump it up in pauses', () => {
    const noise = mixed(whiteNoise(8 * 16_000, -50, 2));
    expect(rmsDb(between(controlled(noise), 4, 8))).toBeCloseTo(rmsDb(between(noise, 4, 8)), 0);
    const talk = mixed(at(-40, looped(talkers[0]!, 6)), whiteNoise(12 * 16_000, -65, 3));
    const out = controlled(talk);
    expect(rmsDb(between(out, 7, 12)) + 65).toBeLessThan(22);
    expect(rmsDb(between(out, 7, 8))).toBeCloseTo(rmsDb(between(out, 11, 12)), 0);
  });

  it('does not take for speech what the filters before took most of', () => {
    const control = new GainControl();
    for (const frame of framesOf(mixed(at(-45, talkers[0]!)))) control.process(frame, levelDb(frame) + 20, -96);
    expect(control.gainDb).toBe(0);
  });

  it('learns nothing from what the far end may be the cause of, and from what is louder it does', () => {
    const [hushed, heard] = [new GainControl(), new GainControl()];
    for (const frame of framesOf(mixed(at(-35, talkers[0]!)))) {
      hushed.process(frame.slice(), levelDb(frame), levelDb(frame));
      heard.process(frame, levelDb(frame), levelDb(frame) - 10);
    }
    expect(hushed.gainDb).toBe(0);
    expect(heard.gainDb).toBeGreaterThan(10);
  });
});

describe('the amplifier', () => {
  it('makes louder by just what it is told, after the first frame', () => {
    const frames = framesOf(tone(440, 1, 1000));
    const amplifier = new Amplifier();
    for (const frame of frames) amplifier.apply(frame, 4);
    expect(levelDb(frames.at(-1)!)).toBeCloseTo(levelDb(tone(440, 0.02, 4000)), 1);
  });

  it('lets nothing over -1 dBFS, whatever comes: a loud tone, a click, the lowest sample there is', () => {
    const click = new Int16Array(640);
    click[0] = -32_768;
    click[350] = 32_767;
    for (const sound of [tone(300, 0.5, 32_767), click, new Int16Array(320).fill(-32_768)]) {
      const amplifier = new Amplifier();
      for (const frame of framesOf(sound)) {
        amplifier.apply(frame, 10);
        expect(peakOf(frame)).toBeLessThanOrEqual(LIMIT);
      }
    }
  });

  it('goes back to its gain after a peak, without a jump', () => {
    const amplifier = new Amplifier();
    const frames = framesOf(tone(440, 2, 2000));
    frames[5]!.fill(30_000, 100, 110);
    const gains = frames.map((frame) => {
      amplifier.apply(frame, 4);
      return amplifier.gain;
    });
    expect(gains[5]).toBeLessThan(1.5);
    expect(gains.at(-1)).toBeCloseTo(4, 3);
    for (let at = 7; at < gains.length; at++) expect(gains[at]! / gains[at - 1]!).toBeLessThan(1.13);
  });
});
