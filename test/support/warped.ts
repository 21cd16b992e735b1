/**
 * Lays a recording on what was said though its delay changes on the way: a jitter buffer that stretches sound shifts all
 * that follows, which nobody hears, and which any measure that compares moment by moment would take for damage. Each
 * fifth of a second is moved to where it is most like; the shifts are told apart. Samples are 16 kHz mono; pure.
 */
import { correlation, findDelay } from './likeness.ts';

const RATE_PER_MS = 16;
const STEP = 200 * RATE_PER_MS;
/** What is compared around each step. */
const WINDOW = 400 * RATE_PER_MS;
/** How far neighbouring steps may be apart. */
const REACH = 30 * RATE_PER_MS;
/** From one shift to the next. */
const FADE = 5 * RATE_PER_MS;
/** Below, a window tells nothing: it is silence, or was lost as a whole. */
const LIKENESS_MIN = 0.5;
const QUIET_PEAK = 300;
/** So alike a window is only where it belongs. */
const SURE = 0.9;
/** After a stall the delay may have changed by so much at once; whatever is found there must be surely the same. */
const JUMP = 400 * RATE_PER_MS;
const JUMPED_MIN = 0.7;
/** Sound repeats itself with its pitch: a shift must be so much better than none. */
const BETTER_BY = 0.08;
/** A small peak may lie between two coarse steps. */
const COARSE = 4;

export interface Warped {
  /** As long as what was said. */
  readonly heard: Int16Array;
  /** Of each step, samples. */
  readonly delays: readonly number[];
}

/** `heard` must begin no later than `said` and hold what follows its end by the largest delay. */
export function warped(said: Int16Array, heard: Int16Array): Warped {
  let delay = Math.max(0, findDelay(said, heard));
  const delays: number[] = [];
  for (let start = 0; start < said.length; start += STEP) {
    const from = Math.max(0, Math.min(start + STEP / 2 - WINDOW / 2, said.length - WINDOW));
    delay = nearby(said.subarray(from, from + WINDOW), heard, from, delay);
    delays.push(delay);
  }
  const laid = new Int16Array(said.length);
  for (let at = 0; at < laid.length; at++) {
    const step = Math.floor(at / STEP);
    const [now, next] = [delays[step]!, delays[step + 1] ?? delays[step]!];
    const fade = Math.max(0, ((at % STEP) - (STEP - FADE)) / FADE);
    laid[at] = Math.round((heard[at + now] ?? 0) * (1 - fade) + (heard[at + next] ?? 0) * fade);
  }
  return { heard: laid, delays };
}

/** The shift within reach of the last one at which the window is most like what was heard. */
function nearby(window: Int16Array, heard: Int16Array, from: number, last: number): number {
  if (window.every((sample) => Math.abs(sample) < QUIET_PEAK)) return last;
  const likeness = (delay: number): number => {
    const there = heard.subarray(from + delay, from + delay + window.length);
    return delay < 0 || there.length < window.length ? -1 : correlation(window, there);
  };
  let [best, most] = [last, likeness(last)];
  const tryAll = (around: number, reach: number, step: number): void => {
    for (let delay = around - reach; delay <= around + reach; delay += step) {
      const alike = likeness(delay);
      if (alike > most) [best, most] = [delay, alike];
    }
  };
  const unmoved = most;
  tryAll(last, COARSE, 1);
  if (most < SURE) tryAll(likelyShift(window, heard, from, last), COARSE, 1);
  if (most < LIKENESS_MIN) {
    const jumped = jump(window, heard, from + last) + last;
    if (likeness(jumped) >= JUMPED_MIN) return jumped;
  }
  const far = Math.abs(best - last) > COARSE;
  return most >= LIKENESS_MIN && (!far || most >= unmoved + BETTER_BY) ? best : last;
}

/** Where within reach to look closer: in steps of four samples, and by each fourth sample alone. */
function likelyShift(window: Int16Array, heard: Int16Array, from: number, last: number): number {
  const said = thinned(window, 0, window.length);
  let [best, most] = [last, -1];
  for (let delay = Math.max(0, last - REACH); delay <= last + REACH; delay += COARSE) {
    const alike = correlation(said, thinned(heard, from + delay, window.length));
    if (alike > most) [best, most] = [delay, alike];
  }
  return best;
}

function thinned(pcm: Int16Array, from: number, length: number): Int16Array {
  const some = new Int16Array(length / COARSE);
  for (let at = 0; at < some.length; at++) some[at] = pcm[from + at * COARSE] ?? 0;
  return some;
}

/** By how much more or less the window is delayed than `at`, wherever that is. */
function jump(window: Int16Array, heard: Int16Array, at: number): number {
  const from = Math.max(0, at - JUMP);
  return from + findDelay(window, heard.subarray(from, at + window.length + JUMP)) - at;
}
