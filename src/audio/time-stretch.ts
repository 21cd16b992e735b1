/**
 * Makes sound shorter or longer by one pitch period, so that nobody hears it: NetEQ's accelerate and preemptive expand
 * (libwebrtc `neteq/time_stretch`; realtime.md 3.4), and its merge after a gap. Pure; works in a `SoundQueue`.
 *
 *   shrink   A B c d ...  ->  (A fading into B) c d ...      A and B are neighbouring periods
 *   grow     a | B c ...  ->  a (B fading into a) B c ...    a was played already: nothing need wait for it
 *
 * The period is where the sound is most like itself 2.5 to 15 ms later: first at 4 kHz, then to the sample. The fade
 * keeps the loudness, whether the two are alike (voice) or not (noise).
 */
import {
  MERGE_FADE_SAMPLES,
  PITCH_COARSE_STEP,
  PITCH_LAG_MAX,
  PITCH_LAG_MIN,
  PITCH_REFINE,
  PITCH_WINDOW,
  STRETCH_ALIKE,
  STRETCH_ALIKE_FAST,
} from './params.ts';
import { clipped } from './pcm.ts';
import type { SoundQueue } from './sound-queue.ts';

/**
 * How much harm a stretch may do. `calm`: only where neighbouring periods are very alike. `hurried`: where they are
 * somewhat alike, and several periods at once. `any`: also where they are not, in a pause or when it cannot wait.
 */
export type StretchMode = 'calm' | 'hurried' | 'any';

/** What two neighbouring stretches of sound have in common. */
interface Match {
  /** Samples from one to the other. */
  readonly lag: number;
  /** Normalised correlation, -1 to 1; 1 for silence. */
  readonly alike: number;
}

const COARSE_MIN = PITCH_LAG_MIN / PITCH_COARSE_STEP;
const COARSE_MAX = PITCH_LAG_MAX / PITCH_COARSE_STEP;
const COARSE_WINDOW = PITCH_WINDOW / PITCH_COARSE_STEP;
const NEED: Readonly<Record<StretchMode, number>> = { calm: STRETCH_ALIKE, hurried: STRETCH_ALIKE_FAST, any: -1 };

export class TimeStretch {
  readonly #coarse = new Float64Array(COARSE_WINDOW + COARSE_MAX);
  /** What a fade starts from, kept while it is written over. */
  readonly #from = new Int16Array(PITCH_LAG_MAX);
  readonly #prolonged = new Int16Array(MERGE_FADE_SAMPLES);

  /**
   * Takes a pitch period of `most` samples at most out of what is played next. Gives the samples taken out, 0 when no
   * place was good enough.
   */
  shrink(queue: SoundQueue, mode: StretchMode, most = PITCH_LAG_MAX): number {
    const { samples, next, count } = queue;
    const lagMax = Math.min(PITCH_LAG_MAX, count >> 1, most);
    const window = Math.min(PITCH_WINDOW, count - lagMax);
    let match = this.#match(samples, next, 1, window, lagMax);
    if (!match || match.alike < NEED[mode]) return 0;
    if (mode === 'hurried') match = several(samples, next, match, lagMax);
    return this.#cut(queue, match);
  }

  /** Takes out exactly `length` samples (at most half of what waits), for a pause, where no period matters. */
  cut(queue: SoundQueue, length: number): number {
    const { samples, next, count } = queue;
    if (length <= 0 || length > PITCH_LAG_MAX || 2 * length > count) return 0;
    return this.#cut(queue, { lag: length, alike: alikeness(samples, next, next + length, length) });
  }

  /** Plays the pitch period played last once more. Gives the samples put in, 0 when no place was good enough. */
  grow(queue: SoundQueue, mode: StretchMode): number {
    const { samples, next, count, room } = queue;
    const lagMax = Math.min(PITCH_LAG_MAX, count, room);
    const match = this.#match(samples, next, -1, Math.min(PITCH_WINDOW, count), lagMax);
    if (!match || match.alike < NEED[mode]) return 0;
    const { lag, alike } = match;
    queue.shift(0, lag);
    // The shift left the old samples where the repeated period is to be written.
    this.#fade(samples, next, next - lag, next, lag, alike);
    return lag;
  }

  /**
   * Joins `pcm` to invented sound at the end of what waits: that is prolonged by its own periods and fades into `pcm`,
   * which is changed. Decoders that go on after a loss leave a step there (NetEQ's merge, without its shift in time).
   */
  merge(queue: SoundQueue, pcm: Int16Array): void {
    const head = pcm.subarray(0, Math.min(MERGE_FADE_SAMPLES, pcm.length));
    const prolonged = this.#prolong(queue, head.length);
    fadeBetween(prolonged, head, head, correlated(prolonged, 0, head, 0, head.length));
    queue.append(pcm);
  }

  /** How the sound at the end of what waits would go on for `length` samples. Valid until the next call. */
  #prolong({ samples, next, count }: SoundQueue, length: number): Int16Array {
    const end = next + count;
    const lag = this.#match(samples, end - PITCH_WINDOW, -1, PITCH_WINDOW, PITCH_LAG_MAX)?.lag ?? PITCH_LAG_MAX;
    // No two periods are quite alike: what is left of a step is spread over all of it.
    const step = samples[end - 1]! - samples[end - lag - 1]!;
    for (let at = 0; at < length; at++) {
      this.#prolonged[at] = clipped(samples[end - lag + (at % lag)]! + Math.round(step * (1 - (at + 1) / length)));
    }
    return this.#prolonged.subarray(0, length);
  }

  #cut(queue: SoundQueue, { lag, alike }: Match): number {
    const { samples, next } = queue;
    this.#fade(samples, next, next + lag, next + lag, lag, alike);
    // The faded period now lies where B was: A is taken out.
    queue.shift(lag, -lag);
    return lag;
  }

  /** Writes to `into` what begins as the samples at `from` and ends as those at `to`. */
  #fade(samples: Int16Array, from: number, to: number, into: number, length: number, alike: number): void {
    this.#from.set(samples.subarray(from, from + length));
    fadeBetween(this.#from, samples.subarray(to, to + length), samples.subarray(into, into + length), alike);
  }

  /**
   * The lag at which the `window` samples from `here` on are most like those a lag later (side 1) or earlier (side -1).
   * Undefined when there is too little sound.
   */
  #match(samples: Int16Array, here: number, side: -1 | 1, window: number, lagMax: number): Match | undefined {
    if (lagMax < PITCH_LAG_MIN || window < PITCH_LAG_MIN) return undefined;
    const coarse = this.#coarseLag(samples, here, side, window, lagMax);
    let best: Match = { lag: 0, alike: -2 };
    const last = Math.min(lagMax, coarse + PITCH_REFINE);
    for (let lag = Math.max(PITCH_LAG_MIN, coarse - PITCH_REFINE); lag <= last; lag++) {
      const alike = alikeness(samples, here, here + side * lag, lag);
      if (alike >= best.alike) best = { lag, alike };
    }
    return best;
  }

  #coarseLag(samples: Int16Array, here: number, side: -1 | 1, window: number, lagMax: number): number {
    const coarse = this.#coarse;
    const width = Math.min(COARSE_WINDOW, Math.floor(window / PITCH_COARSE_STEP));
    const most = Math.min(COARSE_MAX, Math.floor(lagMax / PITCH_COARSE_STEP));
    const start = side < 0 ? here - most * PITCH_COARSE_STEP : here;
    for (let at = 0, from = start; at < width + most; at++, from += PITCH_COARSE_STEP) {
      coarse[at] = samples[from]! + samples[from + 1]! + samples[from + 2]! + samples[from + 3]!;
    }
    const fixed = side < 0 ? most : 0;
    let energy = 0;
    const first = fixed + side * COARSE_MIN;
    for (let at = 0; at < width; at++) energy += coarse[first + at]! ** 2;
    let best = COARSE_MIN;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let lag = COARSE_MIN; lag <= most; lag++) {
      const other = fixed + side * lag;
      let sum = 0;
      for (let at = 0; at < width; at++) sum += coarse[fixed + at]! * coarse[other + at]!;
      const score = sum / Math.sqrt(energy + 1);
      if (score >= bestScore) {
        bestScore = score;
        best = lag;
      }
      if (lag === most) break;
      // The window of the next lag: one sample comes in at one end, one goes at the other.
      const comes = side < 0 ? other - 1 : other + width;
      const goes = side < 0 ? other + width - 1 : other;
      energy += coarse[comes]! ** 2 - coarse[goes]! ** 2;
    }
    return best * PITCH_COARSE_STEP;
  }
}

/** As many periods as fit, if they are no less alike than one must be. */
function several(samples: Int16Array, next: number, match: Match, lagMax: number): Match {
  const lag = Math.floor(lagMax / match.lag) * match.lag;
  if (lag === match.lag) return match;
  const alike = alikeness(samples, next, next + lag, lag);
  return alike >= STRETCH_ALIKE_FAST ? { lag, alike } : match;
}

/** Normalised correlation of two stretches of `length` samples; 1 when both are silent. */
function alikeness(samples: Int16Array, a: number, b: number, length: number): number {
  return correlated(samples, a, samples, b, length);
}

function correlated(one: Int16Array, a: number, other: Int16Array, b: number, length: number): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let at = 0; at < length; at++) {
    const x = one[a + at]!;
    const y = other[b + at]!;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 && bb === 0) return 1;
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}

/**
 * `into` becomes `from` turning into `to`, over its length; it may be the memory of `to`. Of two that are alike a plain
 * fade keeps the loudness; the less they are (`alike` from 1 to 0), the more it would sink in the middle, and is lifted.
 */
export function fadeBetween(from: Int16Array, to: Int16Array, into: Int16Array, alike: number): void {
  const shared = Math.min(1, Math.max(0, alike));
  for (let at = 0; at < into.length; at++) {
    const b = (at + 1) / (into.length + 1);
    const a = 1 - b;
    const lift = 1 / Math.sqrt(a * a + b * b + 2 * a * b * shared);
    into[at] = clipped(Math.round((from[at]! * a + to[at]! * b) * lift));
  }
}
