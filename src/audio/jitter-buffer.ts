/**
 * The jitter buffer: encoded frames go in when the network brings them and come out every 20 ms, in order, a little
 * later than the fastest packets and early enough for the slow ones. Pure; `receive-stream.ts` puts voice bodies in,
 * pulls, decodes. All times are ms of one clock (the caller maps arrivals to its own, see `arrival-clock.ts`).
 *
 *   idle --first frame--> filling --target delay reached--> playing --nothing for 1 s--> idle
 *
 * While playing, `head` is the media time of the frame that is due next:
 * - it is there: play it;
 * - it is not, a later one is: it is lost; conceal and go on, or close the hole if the delay is too long anyway;
 * - nothing is there: conceal and hold the head, so that the delay grows by what the network was late;
 * - the delay is over or under the target: give up a frame or put one in, in a quiet moment if it can wait.
 *
 * Media time jumps by more than 2 s, or packets all too late but at talking pace, mean that the sender was started
 * anew: the buffer follows it. One odd packet alone is refused.
 */
import {
  BUFFER_FRAMES_MAX,
  BUFFER_MS_MAX,
  CLOSE_HOLE_ABOVE_MS,
  FRAME_MS,
  GROW_BELOW_MS,
  GROW_NOW_BELOW_MS,
  LATE_RUN_MS,
  LATE_RUN_PACKETS,
  MEDIA_JUMP_MS_MAX,
  MEDIA_RESUME_MS_MAX,
  MEDIA_UNIT_MS,
  SHRINK_ABOVE_MS,
  SHRINK_FAST_ABOVE_MS,
  SHRINK_PATIENCE_MS,
  STREAM_PAUSE_MS,
  STRETCH_GAP_MS,
  VOICE_BODY_BYTES_MAX,
} from './params.ts';
import { TargetDelay } from './target-delay.ts';
import { unitsOf, type VoiceBody } from './voice-body.ts';

export type PutOutcome = 'queued' | 'late' | 'duplicate' | 'refused';

/** What to do for the next stretch of sound. `packet` is valid until the next `put`. */
export type Pull =
  | { readonly kind: 'frame'; readonly packet: Uint8Array; readonly durationMs: number }
  /** Decode this one but blend it into what the next pull gives: the delay shrinks. Pull again at once. */
  | { readonly kind: 'fold'; readonly packet: Uint8Array; readonly durationMs: number }
  /** Invent this much: the frame is lost, or nothing is here (dry), or the delay has to grow. */
  | { readonly kind: 'conceal'; readonly why: 'lost' | 'dry' | 'grow'; readonly durationMs: number }
  /** No stream yet, or it has paused. */
  | { readonly kind: 'nothing' };

interface Slot {
  /** Media time, unwrapped, units of 10 ms. */
  time: number;
  durationMs: number;
  arrivalMs: number;
  length: number;
  readonly bytes: Buffer;
}

type Phase = 'idle' | 'filling' | 'playing';

/** Media times of frames played lately, to tell a duplicate from a late one; a power of two. */
const PLAYED = 256;
const NOTHING: Pull = { kind: 'nothing' };

export class JitterBuffer {
  readonly #target = new TargetDelay();
  /** Waiting frames, oldest first. */
  readonly #queue: Slot[] = [];
  readonly #spare: Slot[] = [];
  readonly #played = new Float64Array(PLAYED).fill(-1);
  #phase: Phase = 'idle';
  #head = 0;
  #newest = 0;
  #durationMs = FRAME_MS;
  #fillingSince = 0;
  #playingSince = 0;
  #dryMs = 0;
  #stretchedAt = Number.NEGATIVE_INFINITY;
  #overSince = Number.POSITIVE_INFINITY;
  #oddTime = -1;
  #lateRun = 0;
  #lateRunSince = 0;
  #lateRunTime = 0;
  #waitedMs = 0;

  /** Delay that the buffer adds now: how long the frames played lately had waited, smoothed, ms. */
  get delayMs(): number {
    return this.#waitedMs;
  }

  /** Delay that it aims at, ms. */
  get targetMs(): number {
    return this.#target.targetMs;
  }

  /** Frames waiting. */
  get size(): number {
    return this.#queue.length;
  }

  /** A body has arrived. Its frames are copied. `refused` and `late` change nothing that is heard. */
  put(arrivalMs: number, body: VoiceBody): PutOutcome {
    const time = this.#place(body.mediaTime);
    if (time === undefined) return 'refused';
    this.#target.arrived(arrivalMs, time * MEDIA_UNIT_MS);
    if (this.#phase === 'playing' && time < this.#head) return this.#tooLate(arrivalMs, time, body);
    this.#lateRun = 0;
    this.#newest = Math.max(this.#newest, time);
    const queued = this.#queueFrame(arrivalMs, time, body.frames[0]!, body.durationMs);
    this.#queueCopies(arrivalMs, time, body);
    return queued ? 'queued' : 'duplicate';
  }

  /** Every 20 ms of the caller's pace. `quiet`: what was played last was so soft that a dent would not be heard. */
  pull(nowMs: number, quiet: boolean): Pull {
    if (this.#phase !== 'playing' && !this.#startPlaying(nowMs)) return NOTHING;
    const head = this.#queue[0];
    if (!head) return this.#runDry();
    if (this.#mayGrow(nowMs, this.#excessMs(nowMs), quiet)) {
      this.#stretchedAt = nowMs;
      return { kind: 'conceal', why: 'grow', durationMs: this.#durationMs };
    }
    if (head.time > this.#head && !this.#passHole(head, this.#excessMs(nowMs))) {
      this.#head += unitsOf(this.#durationMs);
      return { kind: 'conceal', why: 'lost', durationMs: this.#durationMs };
    }
    this.#dryMs = 0;
    const fold = this.#mayShrink(nowMs, this.#excessMs(nowMs), quiet);
    if (fold) this.#stretchedAt = nowMs;
    return this.#take(nowMs, fold);
  }

  /** By how much playing the head now would be later than the target wants. */
  #excessMs(nowMs: number): number {
    return nowMs - this.#head * MEDIA_UNIT_MS - this.#target.baseMs - this.#target.targetMs;
  }

  /** Forgets the frames and the stream; what was learnt about the network stays. */
  flush(): void {
    while (this.#queue.length > 0) this.#spare.push(this.#queue.shift()!);
    this.#phase = 'idle';
    this.#dryMs = 0;
    this.#oddTime = -1;
    this.#lateRun = 0;
    this.#played.fill(-1);
    this.#target.rebase();
  }

  // --- arrivals

  /** Unwraps a 16-bit media time; undefined when it is too odd to be believed yet. */
  #place(mediaTime: number): number | undefined {
    if (this.#phase === 'idle') return this.#begin(mediaTime);
    const step = ((mediaTime - this.#newest) << 16) >> 16;
    if (Math.abs(step) * MEDIA_UNIT_MS <= MEDIA_JUMP_MS_MAX) {
      this.#oddTime = -1;
      return this.#newest + step;
    }
    const resumed = (mediaTime - this.#oddTime) & 0xffff;
    if (this.#oddTime >= 0 && resumed > 0 && resumed * MEDIA_UNIT_MS <= MEDIA_RESUME_MS_MAX) {
      return this.#begin(mediaTime);
    }
    this.#oddTime = mediaTime;
    return undefined;
  }

  /** A new stream starts here. Numbered from one wrap up, so that older times stay positive. */
  #begin(mediaTime: number): number {
    this.flush();
    this.#phase = 'filling';
    this.#fillingSince = Number.NaN;
    this.#newest = mediaTime + 0x1_0000;
    return this.#newest;
  }

  /** Also counts duplicates: a sender that starts again soon after its start sends the same media times again. */
  #tooLate(arrivalMs: number, time: number, body: VoiceBody): PutOutcome {
    if (this.#lateRun === 0 || time <= this.#lateRunTime) {
      this.#lateRun = 0;
      this.#lateRunSince = arrivalMs;
    }
    this.#lateRun++;
    this.#lateRunTime = time;
    if (this.#lateRun >= LATE_RUN_PACKETS && arrivalMs - this.#lateRunSince >= LATE_RUN_MS) {
      const begun = this.#begin(body.mediaTime);
      this.#target.arrived(arrivalMs, begun * MEDIA_UNIT_MS);
      return this.#queueFrame(arrivalMs, begun, body.frames[0]!, body.durationMs) ? 'queued' : 'refused';
    }
    return this.#played[time & (PLAYED - 1)] === time ? 'duplicate' : 'late';
  }

  #queueCopies(arrivalMs: number, time: number, body: VoiceBody): void {
    for (let copy = 1; copy < body.frames.length; copy++) {
      const older = time - copy * body.distance * unitsOf(body.durationMs);
      const passed = this.#phase === 'playing' ? older < this.#head : false;
      if (!passed && older >= 0) this.#queueFrame(arrivalMs, older, body.frames[copy]!, body.durationMs);
    }
  }

  /** False when a frame of that time is waiting already. */
  #queueFrame(arrivalMs: number, time: number, packet: Uint8Array, durationMs: number): boolean {
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1]!.time > time) at--;
    if (at > 0 && this.#queue[at - 1]!.time === time) return false;
    const slot = this.#spare.pop() ?? {
      time: 0,
      durationMs: 0,
      arrivalMs: 0,
      length: 0,
      bytes: Buffer.alloc(VOICE_BODY_BYTES_MAX),
    };
    slot.time = time;
    slot.durationMs = durationMs;
    slot.arrivalMs = arrivalMs;
    slot.length = packet.length;
    slot.bytes.set(packet);
    this.#queue.splice(at, 0, slot);
    this.#bound();
    return true;
  }

  /** Too many frames, or more than the longest delay: the oldest are given up and the head goes with them. */
  #bound(): void {
    const spanMax = unitsOf(BUFFER_MS_MAX + FRAME_MS);
    while (this.#queue.length > BUFFER_FRAMES_MAX || this.#queue.at(-1)!.time - this.#queue[0]!.time > spanMax) {
      this.#spare.push(this.#queue.shift()!);
      if (this.#phase === 'playing') this.#head = Math.max(this.#head, this.#queue[0]!.time);
    }
  }

  // --- playing

  #startPlaying(nowMs: number): boolean {
    const first = this.#queue[0];
    if (this.#phase === 'idle' || !first) return false;
    if (Number.isNaN(this.#fillingSince)) {
      // The arrival itself, unless the clocks disagree: then the wait is counted from here.
      this.#fillingSince = Math.min(nowMs, Math.max(nowMs - FRAME_MS, first.arrivalMs));
    }
    if (nowMs - this.#fillingSince < this.#target.targetMs) return false;
    this.#phase = 'playing';
    this.#playingSince = nowMs;
    this.#head = first.time;
    return true;
  }

  #runDry(): Pull {
    this.#dryMs += this.#durationMs;
    if (this.#dryMs < STREAM_PAUSE_MS) return { kind: 'conceal', why: 'dry', durationMs: this.#durationMs };
    this.flush();
    return NOTHING;
  }

  /** The head is missing and `next` is what there is. True when the hole needs no more concealment. */
  #passHole(next: Slot, excessMs: number): boolean {
    const holeMs = (next.time - this.#head) * MEDIA_UNIT_MS;
    // What was concealed while nothing was there already stood for the lost frames.
    if (holeMs <= this.#dryMs) {
      this.#head = next.time;
      return true;
    }
    if (excessMs <= CLOSE_HOLE_ABOVE_MS) return false;
    const closedMs = Math.min(holeMs, excessMs - (excessMs % this.#durationMs));
    this.#head += unitsOf(closedMs);
    return this.#head === next.time;
  }

  #mayGrow(nowMs: number, excessMs: number, quiet: boolean): boolean {
    if (excessMs >= -GROW_BELOW_MS || nowMs - this.#stretchedAt < STRETCH_GAP_MS) return false;
    return quiet || excessMs < -GROW_NOW_BELOW_MS;
  }

  #mayShrink(nowMs: number, excessMs: number, quiet: boolean): boolean {
    if (excessMs <= SHRINK_ABOVE_MS) this.#overSince = Number.POSITIVE_INFINITY;
    else this.#overSince = Math.min(this.#overSince, nowMs);
    const [head, next] = this.#queue;
    if (excessMs <= SHRINK_ABOVE_MS || !head || !next) return false;
    // Both frames are needed for the blend, and of one length.
    if (next.time !== head.time + unitsOf(head.durationMs) || head.durationMs !== next.durationMs) return false;
    if (excessMs > SHRINK_FAST_ABOVE_MS) return true;
    if (nowMs - this.#stretchedAt < STRETCH_GAP_MS) return false;
    // In the first moments the guess of the start is put right at once: nobody misses a dent there.
    const patienceMs = nowMs - this.#playingSince < SHRINK_PATIENCE_MS ? 0 : SHRINK_PATIENCE_MS;
    return quiet || nowMs - this.#overSince >= patienceMs;
  }

  #take(nowMs: number, fold: boolean): Pull {
    const slot = this.#queue.shift()!;
    this.#spare.push(slot);
    this.#head = slot.time + unitsOf(slot.durationMs);
    this.#durationMs = slot.durationMs;
    this.#played[slot.time & (PLAYED - 1)] = slot.time;
    if (!fold) {
      const waitedMs = Math.max(0, nowMs - slot.arrivalMs);
      this.#waitedMs = this.#waitedMs === 0 ? waitedMs : this.#waitedMs + (waitedMs - this.#waitedMs) / 16;
    }
    return {
      kind: fold ? 'fold' : 'frame',
      packet: slot.bytes.subarray(0, slot.length),
      durationMs: slot.durationMs,
    };
  }
}
