/**
 * What is in the recordings of a conference (pure): everybody says one tone of their own all the time, so each recording is
 * looked through for every voice. Gaps are counted in tenths of a second, levels are means of whole seconds.
 */
import { stretchedToneDb, toneDb } from '../support/round-table.ts';

const RATE_HZ = 16_000;
const WINDOW_S = 0.1;
/** A tone of peak 2000 is at -24 dBFS. */
export const TONE_PEAK = 2_000;
const THERE_DB = -34;

export interface Voice {
  readonly name: string;
  readonly hz: number;
}

export interface Ears extends Voice {
  /** All that this one's speaker played. */
  readonly heard: Int16Array;
}

/** The longest time without this voice between its first and its last moment, ms; infinite when it was never there. */
export function longestGapMs(heard: Int16Array, { hz }: Voice): number {
  const size = WINDOW_S * RATE_HZ;
  const frames = Array.from(
    { length: Math.floor(heard.length / size) },
    (_, n) => toneDb(heard.subarray(n * size, (n + 1) * size), hz) > THERE_DB,
  );
  let [longest, gap] = [0, 0];
  for (const there of frames.slice(frames.indexOf(true), frames.lastIndexOf(true) + 1)) {
    gap = there ? 0 : gap + 1;
    longest = Math.max(longest, gap);
  }
  return frames.includes(true) ? longest * WINDOW_S * 1000 : Number.POSITIVE_INFINITY;
}

/** Of these seconds: how loud the faintest of the others is, dBFS, and by how much the own voice is less, dB. */
function levelsOf(
  { heard, hz }: Ears,
  others: readonly Voice[],
  from: number,
  seconds: number,
): { readonly faintestDb: number; readonly ownLessDb: number } {
  const part = heard.subarray(from * RATE_HZ, (from + seconds) * RATE_HZ);
  const faintestDb = Math.min(...others.map((one) => stretchedToneDb(part, one.hz)));
  return { faintestDb, ownLessDb: faintestDb - stretchedToneDb(part, hz) };
}

/**
 * The same where it was heard best between two moments of the recording, a quarter of a second apart: where ten programs share two
 * cores, sound has holes that are not the conference's.
 */
export function bestLevelsOf(
  ears: Ears,
  others: readonly Voice[],
  { from, to, seconds }: { readonly from: number; readonly to: number; readonly seconds: number },
): { readonly faintestDb: number; readonly ownLessDb: number } {
  const begins = Array.from({ length: Math.max(1, Math.floor((to - from - seconds) * 4)) }, (_, n) => from + n / 4);
  const all = begins.map((begin) => levelsOf(ears, others, Math.round(begin * 4) / 4, seconds));
  return all.reduce((best, one) => (one.faintestDb > best.faintestDb ? one : best));
}

export function secondsOf({ heard }: Ears): number {
  return heard.length / RATE_HZ;
}
