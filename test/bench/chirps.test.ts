/** The chirps with which mouth to ear is measured: found where they are, through the codec too, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { chirpTrack, findChirps } from '../../bench/chirps.ts';
import { openOpus } from '../../src/audio/opus.ts';
import { framesOf } from '../support/speech.ts';

const RATE_HZ = 16_000;
const track = chirpTrack(5);
const delays = (recording: Int16Array) => findChirps(track, recording).map(({ delayMs }) => delayMs);

function delayed(samples: Int16Array, delayMs: number): Int16Array {
  const recording = new Int16Array(samples.length + RATE_HZ);
  recording.set(samples, (delayMs * RATE_HZ) / 1000);
  return recording;
}

/** As the far end would play it without any network. */
function throughOpus(samples: Int16Array): Int16Array {
  const codec = openOpus('wasm');
  const played = new Int16Array(Math.ceil(samples.length / 320) * 320);
  const into = new Int16Array(960);
  framesOf(samples).forEach((frame, index) => {
    const count = codec.decode(codec.encode(frame), 20, into);
    played.set(into.subarray(0, count), index * 320);
  });
  codec.close();
  return played;
}

describe('chirps', () => {
  it('are found to the sample, every one of them', () => {
    const found = delays(delayed(track.samples, 137));
    expect(found.length).toBeGreaterThanOrEqual(9);
    expect(new Set(found)).toEqual(new Set([137]));
  });

  it('are found through Opus, 6.5 ms later: the delay of the codec itself', () => {
    expect(new Set(delays(delayed(throughOpus(track.samples), 40)))).toEqual(new Set([46.5]));
  });

  it('show a delay that changes in the middle', () => {
    const recording = delayed(track.samples, 100);
    const cut = 2.5 * RATE_HZ;
    recording.set(delayed(track.samples, 60).subarray(cut), cut);
    const found = delays(recording);
    expect([found[0], found.at(-1)]).toEqual([100, 60]);
  });

  it('that are not there are told as lost, and the others are still found', () => {
    const recording = delayed(track.samples, 80);
    const [, second = 0] = track.startsMs;
    recording.fill(0, ((second + 80) * RATE_HZ) / 1000, ((second + 160) * RATE_HZ) / 1000);
    const found = delays(recording);
    expect(found[1]).toBeUndefined();
    expect(found.filter((delayMs) => delayMs === 80)).toHaveLength(track.startsMs.length - 1);
  });
});
