/**
 * The reference of the echo canceller: what the speaker was given, sample by sample, lined up with the microphone.
 * Counts decide, not clocks: far-end sample n is heard in microphone sample n + delay whatever our queues do, and the
 * delay changes only when a device ran dry, lost sound or was replaced. It is measured by correlation as soon as
 * somebody has spoken for a second, and again every ten; before that the devices' own estimate stands. Pure;
 * `microphone-chain.ts` owns one.
 */
import { DelayFinder } from './delay-finder.ts';
import {
  ECHO_AGREE_SAMPLES,
  ECHO_CHECK_EVERY_FRAMES,
  ECHO_DELAY_MS_MAX,
  ECHO_FIRST_TRIES,
  ECHO_GUESS_LEAD_MS,
  ECHO_LEAD_SAMPLES,
  ECHO_LEAD_SAMPLES_MAX,
  ECHO_LEAD_SAMPLES_MIN,
  ECHO_TRY_EVERY_FRAMES,
  FRAME_SAMPLES,
} from './params.ts';
import { samplesIn } from './pcm.ts';

/** Far-end samples that are kept: the longest delay, and what the two sides may be apart. */
const KEPT = samplesIn(2 * ECHO_DELAY_MS_MAX) + FRAME_SAMPLES;

export class FarEnd {
  readonly #finder = new DelayFinder();
  readonly #kept = new Int16Array(KEPT);
  readonly #aligned = new Int16Array(FRAME_SAMPLES);
  /** Samples of each side so far. */
  #played = 0;
  #captured = 0;
  /** By how much they differed when the finder began to count. */
  #apart = 0;
  /** The reference leads the echo by what this is less than the true delay. */
  #shift = 0;
  #deviceMs = 0;
  #measured: number | undefined;
  /** The last measurement, not believed yet. */
  #candidate: number | undefined;
  #framesToCheck = ECHO_TRY_EVERY_FRAMES;
  #tries = 0;

  /** From the sample given to the speaker to the sample captured, ms; undefined before it was measured. */
  get delayMs(): number | undefined {
    return this.#measured === undefined ? undefined : this.#measured / samplesIn(1);
  }

  /** 320 samples that the speaker was given just now. */
  play(pcm: Int16Array): void {
    const start = this.#played % KEPT;
    const first = Math.min(FRAME_SAMPLES, KEPT - start);
    this.#kept.set(pcm.subarray(0, first), start);
    if (first < FRAME_SAMPLES) this.#kept.set(pcm.subarray(first), 0);
    this.#played += FRAME_SAMPLES;
    this.#finder.played(pcm);
  }

  /**
   * 320 samples of the microphone come: gives what was played meanwhile, valid until the next call, and whether it is
   * lined up anew.
   */
  capture(pcm: Int16Array): { readonly far: Int16Array; readonly moved: boolean } {
    const lost = this.#lost();
    this.#finder.captured(pcm);
    this.#captured += FRAME_SAMPLES;
    const moved = this.#check() || lost;
    const from = this.#captured - FRAME_SAMPLES - this.#shift;
    for (let at = 0; at < FRAME_SAMPLES; at++) {
      const index = from + at;
      const known = index >= 0 && index < this.#played && index >= this.#played - KEPT;
      this.#aligned[at] = known ? this.#kept[index % KEPT]! : 0;
    }
    return { far: this.#aligned, moved };
  }

  /** A frame of the microphone was lost, or nobody wanted it. */
  miss(): void {
    this.#captured += FRAME_SAMPLES;
    this.#finder.missed();
  }

  /** A device is another one, or sound was held up: both sides count afresh. `deviceMs`: what the devices estimate. */
  restart(deviceMs: number): void {
    this.#deviceMs = deviceMs;
    this.#captured = this.#played;
    this.#shift = Math.max(FRAME_SAMPLES, samplesIn(deviceMs - ECHO_GUESS_LEAD_MS));
    this.#measured = undefined;
    this.recheck();
  }

  /** The speaker ran dry or the microphone lost sound: the delay may be another. */
  recheck(): void {
    // What was heard before would speak for the old delay.
    this.#finder.restart();
    this.#apart = this.#captured - this.#played;
    this.#candidate = undefined;
    this.#tries = 0;
    this.#framesToCheck = ECHO_TRY_EVERY_FRAMES;
  }

  /** A microphone that was silent for seconds is so far behind that nothing fits any more: true, and from the start. */
  #lost(): boolean {
    const behind = this.#played - (this.#captured - this.#shift);
    if (behind >= -samplesIn(ECHO_DELAY_MS_MAX) && behind <= KEPT) return false;
    this.restart(this.#deviceMs);
    return true;
  }

  /** True when the reference was moved. */
  #check(): boolean {
    if (--this.#framesToCheck > 0) return false;
    if (!this.#finder.ready) {
      this.#framesToCheck = ECHO_TRY_EVERY_FRAMES;
      return false;
    }
    const counted = this.#finder.find();
    const found = counted === undefined ? undefined : counted + this.#apart;
    const before = this.#candidate ?? this.#measured;
    const agrees = found !== undefined && before !== undefined && Math.abs(found - before) < ECHO_AGREE_SAMPLES;
    this.#candidate = found;
    // Nothing to be found (headphones, a quiet speaker): not again and again.
    const wait = agrees || (found === undefined && ++this.#tries >= ECHO_FIRST_TRIES);
    this.#framesToCheck = wait ? ECHO_CHECK_EVERY_FRAMES : ECHO_TRY_EVERY_FRAMES;
    if (!agrees) return false;
    this.#measured = found;
    // Two crystals drift apart for as long as the call lasts: the finder counts from here on.
    this.recheck();
    this.#framesToCheck = ECHO_CHECK_EVERY_FRAMES;
    return this.#lineUp(found);
  }

  /** The echo must begin after the reference, and soon. */
  #lineUp(delay: number): boolean {
    const lead = delay - this.#shift;
    if (lead >= ECHO_LEAD_SAMPLES_MIN && lead <= ECHO_LEAD_SAMPLES_MAX) return false;
    // What is given to the speaker now cannot be in the microphone yet, whatever the correlation says.
    this.#shift = Math.max(FRAME_SAMPLES, delay - ECHO_LEAD_SAMPLES);
    return true;
  }
}
