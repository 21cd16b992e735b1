/**
 * How much delay the jitter buffer should hold, learnt from when packets arrive: NetEQ's delay manager
 * (libwebrtc `neteq/delay_manager`), in short. Pure; the jitter buffer hands it arrivals, both in ms.
 *
 * Relative delay of a packet = (arrival - media time) - the smallest such difference of the last two seconds, so the
 * clocks of sender and receiver need not agree and may drift. The worst of each half second goes into a histogram
 * that forgets; the target is its 95th percentile.
 */
import {
  BUFFER_MS_MAX,
  BUFFER_MS_MIN,
  BUFFER_START_MS,
  DELAY_BASE_WINDOW_MS,
  DELAY_BUCKET_MS,
  DELAY_FORGET,
  DELAY_INTERVAL_MS,
  DELAY_QUANTILE,
  DELAY_START_WEIGHT,
} from './params.ts';

const BUCKETS = BUFFER_MS_MAX / DELAY_BUCKET_MS;
const INTERVALS = DELAY_BASE_WINDOW_MS / DELAY_INTERVAL_MS;

export class TargetDelay {
  readonly #histogram = new Float64Array(BUCKETS);
  /** Smallest arrival - media of the interval that runs and of those that make the window, ms. */
  readonly #minima = new Float64Array(INTERVALS + 1);
  #intervalStart = 0;
  #started = false;
  #intervals = 0;
  #worst = 0;
  #targetMs: number = BUFFER_START_MS;

  /** Delay to aim at, ms, 20 to 400. */
  get targetMs(): number {
    return this.#targetMs;
  }

  /** Smallest arrival - media of the window: the zero of relative delay. `Infinity` before the first arrival. */
  get baseMs(): number {
    return this.#started ? Math.min(...this.#minima) : Number.POSITIVE_INFINITY;
  }

  /** A packet came at `arrivalMs` whose newest frame has media time `mediaMs` (unwrapped). */
  arrived(arrivalMs: number, mediaMs: number): void {
    if (!this.#started) {
      this.#started = true;
      this.#intervalStart = arrivalMs;
      this.#minima.fill(Number.POSITIVE_INFINITY);
    }
    if (arrivalMs - this.#intervalStart >= DELAY_INTERVAL_MS) this.#closeInterval(arrivalMs);
    const difference = arrivalMs - mediaMs;
    this.#minima[0] = Math.min(this.#minima[0]!, difference);
    this.#worst = Math.max(this.#worst, difference - this.baseMs);
  }

  /** Another stream begins: its clock has another zero. What was learnt about the network stays. */
  rebase(): void {
    this.#started = false;
    this.#worst = 0;
  }

  #closeInterval(arrivalMs: number): void {
    this.#learn(this.#worst);
    this.#worst = 0;
    // After a pause of many intervals the whole window is out of date, so all of it is moved out.
    const passed = Math.floor((arrivalMs - this.#intervalStart) / DELAY_INTERVAL_MS);
    this.#intervalStart += passed * DELAY_INTERVAL_MS;
    const moves = Math.min(passed, this.#minima.length);
    this.#minima.copyWithin(moves, 0);
    this.#minima.fill(Number.POSITIVE_INFINITY, 0, moves);
  }

  #learn(delayMs: number): void {
    this.#intervals++;
    const keep = DELAY_FORGET * Math.max(0, 1 - DELAY_START_WEIGHT / (this.#intervals + 1));
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(delayMs / DELAY_BUCKET_MS)));
    for (let at = 0; at < BUCKETS; at++) this.#histogram[at] = this.#histogram[at]! * keep;
    this.#histogram[bucket] = this.#histogram[bucket]! + (1 - keep);
    this.#targetMs = this.#quantileMs();
  }

  #quantileMs(): number {
    let total = 0;
    for (const share of this.#histogram) total += share;
    let sum = 0;
    for (let at = 0; at < BUCKETS; at++) {
      sum += this.#histogram[at]!;
      if (sum >= DELAY_QUANTILE * total) return Math.max(BUFFER_MS_MIN, (at + 1) * DELAY_BUCKET_MS);
    }
    return BUFFER_MS_MAX;
  }
}
