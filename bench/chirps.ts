/**
 * Chirps in silence, and finding them again in a recording: sweeps from 400 to 2500 Hz of 60 ms, which Opus at our rate
 * gives back alike to 0.93 at least (500 to 5000 Hz in 50 ms: 0.12), at distances that never repeat, so that a recording
 * fits in one place only. Pure; samples are 16 kHz mono.
 */
import { correlation, findDelay } from '../test/support/likeness.ts';

const RATE_HZ = 16_000;
const CHIRP_MS = 60;
const LOW_HZ = 400;
const HIGH_HZ = 2500;
const PEAK = 12_000;
const FIRST_MS = 200;
const STEP_MS_MIN = 380;
const STEP_MS_MAX = 560;
/** A chirp is looked for so far around where the whole recording fits best; less than half a step. */
const AROUND_MS = 180;
/** Below, it is noise or an invented frame. */
const CORRELATION_MIN = 0.6;

export interface ChirpTrack {
  readonly samples: Int16Array;
  /** Where each begins, ms. */
  readonly startsMs: readonly number[];
}

export interface Heard {
  /** Where the chirp begins in the track, ms. */
  readonly sentMs: number;
  /** Where it was found in the recording less `sentMs`; undefined when it is not there. */
  readonly delayMs: number | undefined;
}

const CHIRP = Int16Array.from({ length: samplesIn(CHIRP_MS) }, (_, at) => {
  const time = at / RATE_HZ;
  const seconds = CHIRP_MS / 1000;
  const turns = LOW_HZ * time + ((HIGH_HZ - LOW_HZ) * time * time) / (2 * seconds);
  const window = Math.sin((Math.PI * time) / seconds) ** 2;
  return Math.round(PEAK * window * Math.sin(2 * Math.PI * turns));
});

export function chirpTrack(seconds: number): ChirpTrack {
  const samples = new Int16Array(seconds * RATE_HZ);
  const startsMs: number[] = [];
  let seed = 7;
  for (let startMs = FIRST_MS; startMs + CHIRP_MS < seconds * 1000; ) {
    samples.set(CHIRP, samplesIn(startMs));
    startsMs.push(startMs);
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    startMs += STEP_MS_MIN + Math.floor((seed / 0x7fff_ffff) * (STEP_MS_MAX - STEP_MS_MIN));
  }
  return { samples, startsMs };
}

/** Each chirp of the track in the recording: first where the whole fits, then each around there. */
export function findChirps(track: ChirpTrack, recording: Int16Array): Heard[] {
  const whole = findDelay(track.samples, recording);
  return track.startsMs.map((sentMs) => {
    const from = samplesIn(sentMs) + whole - samplesIn(AROUND_MS);
    const at = bestMatch(recording, Math.max(0, from), from + samplesIn(2 * AROUND_MS));
    return { sentMs, delayMs: at === undefined ? undefined : (at * 1000) / RATE_HZ - sentMs };
  });
}

/** The sample at which a chirp begins; undefined when nothing there is like one. */
function bestMatch(recording: Int16Array, from: number, until: number): number | undefined {
  let best = -1;
  let bestLikeness = CORRELATION_MIN;
  for (let at = from; at <= until && at + CHIRP.length <= recording.length; at++) {
    const likeness = correlation(CHIRP, recording.subarray(at, at + CHIRP.length));
    if (likeness > bestLikeness) [best, bestLikeness] = [at, likeness];
  }
  return best < 0 ? undefined : best;
}

function samplesIn(ms: number): number {
  return Math.round((ms * RATE_HZ) / 1000);
}
