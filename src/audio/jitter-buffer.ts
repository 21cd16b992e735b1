/**
 * The jitter buffer: encoded frames go in when the network brings them and come out in order, a little later than the
 * fastest packets and early enough for the slow ones (after NetEQ's decision logic; realtime.md 3.4). Pure;
 * `receive-stream.ts` puts voice bodies in, pulls what it needs for the next 20 ms, and asks what is wished of the
 * delay. All times are ms of one clock, that of the speaker (`playout-clock.ts`; arrivals: `arrival-clock.ts`).
 *
 *   idle --first frame--> filling --target delay reached--> playing <--nothing for 1 s, then a frame--> paused
 *
 * While playing, `head` is the media time of the frame that is to be decoded next:
 * - it is there: decode it;
 * - it is not, a later one is: it is lost; conceal and go on, or close the hole if the delay is too long anyway. Only
 *   while the delay is short of a target that allows for copies is one waited for;
 * - nothing is there: conceal and hold the head, so that the delay grows by what the network was late.
 *
 * The slack of a frame is how long before its decoding the fastest packet would have brought it; the target is a slack.
 * The delay is up to 20 ms more, as long as the rest that waits decoded when the speaker asks for 20 ms: hence a band.
 *
 * Media time jumps by more than 2 s, or packets all too late but at talking pace, mean that the sender was started
 * anew: the buffer follows it. One odd packet alone is refused.
 */
import {
  CLOSE_HOLE_ABOVE_MS,
  CONCEAL_MS,
  FRAME_MS,
  LATE_RUN_MS,
  LATE_RUN_PACKETS,
  LATE_WINDOW_FRAMES,
  MEDIA_JUMP_MS_MAX,
  MEDIA_RESUME_MS_MAX,
  MEDIA_UNIT_MS,
  PITCH_LAG_MAX,
  PITCH_LAG_MIN,
  REFILL_MS_MAX,
  REST_SLACK_MS_MIN,
  SHRINK_ANY_ABOVE_MS,
  SHRINK_FAST_ABOVE_MS,
  SHRINK_PATIENCE_MS,
  STREAM_PAUSE_MS,
  STRETCH_GAP_MS,
  TROUBLE_MS,
} from './params.ts';
import { samplesIn } from './pcm.ts';
import { TargetDelay } from './target-delay.ts';
import type { StretchMode } from './time-stretch.ts';
import { unitsOf, type VoiceBody } from './voice-body.ts';
import { type WaitingFrame, WaitingFrames } from './waiting-frames.ts';

export type PutOutcome = 'queued' | 'late' | 'duplicate' | 'refused';

/** What comes next. `packet` is valid until the next `put`. */
export type Pull =
  /** The first `skipMs` of it were concealed already. `jumps`: what lies before it was neither played nor concealed. */
  | {
      readonly kind: 'frame';
      readonly packet: Uint8Array;
      readonly durationMs: number;
      readonly skipMs: number;
      readonly jumps: boolean;
    }
  /** Invent this much: the frame is lost, or nothing is here (dry). */
  | { readonly kind: 'conceal'; readonly why: 'lost' | 'dry'; readonly durationMs: number }
  /** No stream yet, or it has paused. */
  | { readonly kind: 'nothing' };

/** What is wished of the delay now. */
export type Wish =
  | { readonly change: 'none' }
  | { readonly change: 'grow'; readonly mode: StretchMode }
  /** By `most` samples at most. */
  | { readonly change: 'shrink'; readonly mode: StretchMode; readonly most: number }
  /** Exactly so many samples are too much, and it is quiet. */
  | { readonly change: 'cut'; readonly samples: number };

type Phase = 'idle' | 'filling' | 'playing' | 'paused';

const NOTHING: Pull = { kind: 'nothing' };
const NONE: Wish = { change: 'none' };
const shrink = (mode: StretchMode, most = PITCH_LAG_MAX): Wish => ({ change: 'shrink', mode, most });

export class JitterBuffer {
  readonly #target = new TargetDelay();
  readonly #waiting = new WaitingFrames();
  #phase: Phase = 'idle';
  #head = 0;
  #newest = 0;
  /** The first media time of the stream: in the place of copies of what was before it a sender puts anything. */
  #firstTime = 0;
  #durationMs = FRAME_MS;
  #copySpan = 0;
  #jumped = false;
  /** When the stream began, or ran dry last. */
  #troubleAt = 0;
  /** Invented since the head was due, ms. */
  #dryMs = 0;
  #stretchedAt = Number.NEGATIVE_INFINITY;
  #overSince = Number.POSITIVE_INFINITY;
  #oddTime = -1;
  #lateRun = 0;
  #lateRunSince = 0;
  #lateRunTime = 0;
  #waitedMs = 0;
  readonly #lateOnes = new Uint8Array(LATE_WINDOW_FRAMES);
  #lateSum = 0;
  #due = 0;

  /** Delay that the buffer adds now: from arrival to the speaker, of the frames decoded lately, smoothed, ms. */
  get delayMs(): number {
    return this.#waitedMs;
  }

  /** Slack that it aims at, ms. */
  get targetMs(): number {
    return this.#target.targetMs;
  }

  /** Share of the frames of the last ten seconds that were not there when they were due but came later, percent. */
  get latePct(): number {
    return (100 * this.#lateSum) / Math.max(1, Math.min(this.#due, LATE_WINDOW_FRAMES));
  }

  /** Frames waiting. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether the voice comes through a TCP stream. */
  overStream(on: boolean): void {
    this.#target.overStream(on);
  }

  /** A body has arrived. Its frames are copied. `refused` and `late` change nothing that is heard. */
  put(arrivalMs: number, body: VoiceBody): PutOutcome {
    if (!Number.isFinite(arrivalMs)) return 'refused';
    const time = this.#place(body.mediaTime);
    if (time === undefined) return 'refused';
    const { durationMs } = body;
    this.#target.arrived(arrivalMs, time * MEDIA_UNIT_MS, durationMs, this.#waiting.knows(time));
    const begun = this.#phase === 'playing' || this.#phase === 'paused';
    if (begun && time + unitsOf(durationMs) <= this.#head) return this.#tooLate(arrivalMs, time, body);
    this.#lateRun = 0;
    this.#newest = Math.max(this.#newest, time);
    const queued = this.#add(time, durationMs, arrivalMs, body.frames[0]!);
    this.#addCopies(arrivalMs, time, body);
    this.#bound();
    return queued ? 'queued' : 'duplicate';
  }

  /** The next stretch of sound, while `heldMs` are decoded and not played yet. */
  pull(nowMs: number, heldMs: number): Pull {
    if (this.#phase !== 'playing' && !this.#startPlaying(nowMs)) return NOTHING;
    this.#waiting.dropUntil(this.#head);
    const first = this.#waiting.first;
    if (!first) return this.#runDry(nowMs);
    if (first.time > this.#head) {
      const conceal = this.#overHole(first, this.#slackOverMs(nowMs));
      if (conceal) return conceal;
    }
    if (this.#refills(nowMs)) return this.#hold();
    return this.#take(nowMs, heldMs);
  }

  /** True when the frame that comes next is here. */
  get ready(): boolean {
    const first = this.#waiting.first;
    return this.#phase === 'playing' && first !== undefined && first.time <= this.#head;
  }

  /**
   * What is wished of the delay, while `heldMs` (20 or more) are decoded and not played yet. `quiet`: what is played
   * is so soft that a dent would not be heard.
   */
  wish(nowMs: number, heldMs: number, quiet: boolean): Wish {
    if (this.#phase !== 'playing' || this.#dryMs > 0) return NONE;
    const restMs = (heldMs - FRAME_MS) % FRAME_MS;
    const slackMs = this.#slackMs(nowMs) + heldMs - restMs;
    const tooLong = this.#target.isTooLong(slackMs);
    this.#overSince = tooLong ? Math.min(this.#overSince, nowMs) : Number.POSITIVE_INFINITY;
    const overMs = slackMs - this.#target.targetMs;
    if (tooLong && overMs > SHRINK_FAST_ABOVE_MS) {
      return shrink(quiet || overMs > SHRINK_ANY_ABOVE_MS ? 'any' : 'hurried');
    }
    if (nowMs - this.#stretchedAt < STRETCH_GAP_MS) return NONE;
    if (tooLong) return quiet ? shrink('any') : this.#isPatient(nowMs) ? NONE : shrink('calm');
    const rest = samplesIn(restMs);
    if (this.#target.isTooShort(slackMs)) return { change: 'grow', mode: quiet ? 'any' : 'calm' };
    if (rest < PITCH_LAG_MIN || slackMs < REST_SLACK_MS_MIN) return NONE;
    return quiet ? { change: 'cut', samples: Math.min(rest, PITCH_LAG_MAX) } : shrink('calm', rest);
  }

  /** The wish was granted. */
  stretched(nowMs: number): void {
    this.#stretchedAt = nowMs;
  }

  /** Forgets the frames and the stream; what was learnt about the network stays. */
  flush(): void {
    this.#waiting.clear();
    this.#phase = 'idle';
    this.#dryMs = 0;
    this.#oddTime = -1;
    this.#lateRun = 0;
    this.#copySpan = 0;
    this.#target.rebase();
  }

  /** By how much the slack of the head, decoded now, is more than the target. */
  #slackOverMs(nowMs: number): number {
    return this.#slackMs(nowMs) - this.#target.targetMs;
  }

  #slackMs(nowMs: number): number {
    return nowMs - this.#head * MEDIA_UNIT_MS - this.#target.baseMs(this.#durationMs);
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
    const again = this.#oddTime >= 0 && resumed > 0 && resumed * MEDIA_UNIT_MS <= MEDIA_RESUME_MS_MAX;
    if (again || this.#phase === 'paused') return this.#begin(mediaTime);
    this.#oddTime = mediaTime;
    return undefined;
  }

  /** A new stream starts here. Numbered from one wrap up, so that older times stay positive. */
  #begin(mediaTime: number): number {
    this.flush();
    this.#phase = 'filling';
    this.#newest = mediaTime + 0x1_0000;
    this.#firstTime = this.#newest;
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
      this.#target.arrived(arrivalMs, begun * MEDIA_UNIT_MS, body.durationMs, false);
      return this.#add(begun, body.durationMs, arrivalMs, body.frames[0]!) ? 'queued' : 'refused';
    }
    if (this.#waiting.knows(time)) return 'duplicate';
    this.#waiting.note(time);
    this.#markLate();
    return 'late';
  }

  #add(time: number, durationMs: number, arrivalMs: number, packet: Uint8Array): boolean {
    return this.#waiting.add(time, durationMs, arrivalMs, packet);
  }

  #addCopies(arrivalMs: number, time: number, { frames, distance, durationMs }: VoiceBody): void {
    this.#copySpan = (frames.length - 1) * distance * unitsOf(durationMs);
    for (let copy = 1; copy < frames.length; copy++) {
      const older = time - copy * distance * unitsOf(durationMs);
      if (older < this.#firstTime || this.#waiting.knows(older)) continue;
      const passed = this.#phase !== 'filling' && older + unitsOf(durationMs) <= this.#head;
      // Also one that comes too late to be played tells how long waiting for copies would take.
      this.#target.repaired(arrivalMs, older * MEDIA_UNIT_MS, durationMs);
      if (passed) this.#waiting.note(older);
      else this.#add(older, durationMs, arrivalMs, frames[copy]!);
    }
  }

  /** Too many frames, or more than the longest delay: the oldest are given up and the head goes with them. */
  #bound(): void {
    const first = this.#waiting.first?.time;
    this.#waiting.bound(this.#target.mostMs + FRAME_MS);
    const oldest = this.#waiting.first!.time;
    if (oldest === first || this.#phase !== 'playing' || oldest <= this.#head) return;
    this.#head = oldest;
    this.#jumped = true;
  }

  // --- playing

  /** A new stream begins at its target, however much has come; one that only stood still goes on with all of it. */
  #startPlaying(nowMs: number): boolean {
    const first = this.#waiting.first;
    if (this.#phase === 'idle' || !first) return false;
    this.#durationMs = first.durationMs;
    this.#head = first.time;
    if (this.#phase === 'filling') {
      const overMs = this.#slackOverMs(nowMs);
      if (overMs < 0) return false;
      const last = this.#waiting.last!;
      this.#waiting.dropUntil(Math.min(last.time, first.time + Math.floor(overMs / MEDIA_UNIT_MS)));
      this.#head = this.#waiting.first!.time;
    }
    this.#phase = 'playing';
    this.#troubleAt = nowMs;
    this.#jumped = false;
    this.#dryMs = 0;
    return true;
  }

  #runDry(nowMs: number): Pull {
    this.#troubleAt = nowMs;
    if (this.#dryMs + CONCEAL_MS < STREAM_PAUSE_MS) return this.#hold();
    this.#phase = 'paused';
    this.#target.rebase();
    return NOTHING;
  }

  #hold(): Pull {
    this.#dryMs += CONCEAL_MS;
    return { kind: 'conceal', why: 'dry', durationMs: CONCEAL_MS };
  }

  /** The head is missing and `next` is what there is. Undefined when nothing needs to be invented (any more). */
  #overHole(next: WaitingFrame, overMs: number): Pull | undefined {
    // What was concealed while nothing was there already stood for lost frames.
    const stoodFor = Math.min(unitsOf(this.#dryMs), next.time - this.#head);
    this.#head += stoodFor;
    this.#dryMs -= stoodFor * MEDIA_UNIT_MS;
    const holeMs = (next.time - this.#head) * MEDIA_UNIT_MS;
    if (holeMs === 0) return undefined;
    if (overMs > CLOSE_HOLE_ABOVE_MS) {
      this.#head += unitsOf(Math.min(holeMs, overMs - (overMs % MEDIA_UNIT_MS)));
      this.#jumped = true;
      if (this.#head === next.time) return undefined;
    }
    // A copy may still come: the delay is short of a target that allows for it.
    if (overMs < 0 && this.#newest < this.#head + this.#copySpan) return this.#hold();
    const durationMs = Math.min(CONCEAL_MS, (next.time - this.#head) * MEDIA_UNIT_MS);
    this.#head += unitsOf(durationMs);
    this.#countDue(false);
    return { kind: 'conceal', why: 'lost', durationMs };
  }

  /** In a gap, a little more of it lets the delay grow: the next frame would only be late again. */
  #refills(nowMs: number): boolean {
    if (this.#dryMs === 0 || this.#dryMs >= REFILL_MS_MAX) return false;
    return this.#slackOverMs(nowMs) < -this.#target.targetMs / 2;
  }

  #take(nowMs: number, heldMs: number): Pull {
    this.#countDue(this.#dryMs > 0);
    this.#dryMs = 0;
    const jumps = this.#jumped;
    this.#jumped = false;
    const frame = this.#waiting.take();
    const skipMs = Math.max(0, this.#head - frame.time) * MEDIA_UNIT_MS;
    this.#head = frame.time + unitsOf(frame.durationMs);
    this.#durationMs = frame.durationMs;
    const waitedMs = Math.max(0, nowMs - frame.arrivalMs) + heldMs;
    this.#waitedMs = this.#waitedMs === 0 ? waitedMs : this.#waitedMs + (waitedMs - this.#waitedMs) / 16;
    return {
      kind: 'frame',
      packet: frame.bytes.subarray(0, frame.length),
      durationMs: frame.durationMs,
      skipMs,
      jumps,
    };
  }

  /** What a stall or the guess of the start has made too long is put right at once; a target that fell can wait. */
  #isPatient(nowMs: number): boolean {
    if (nowMs - this.#troubleAt < TROUBLE_MS) return false;
    return nowMs - this.#overSince < SHRINK_PATIENCE_MS;
  }

  // --- what was late

  #countDue(late: boolean): void {
    const at = this.#due++ % LATE_WINDOW_FRAMES;
    this.#lateSum += (late ? 1 : 0) - this.#lateOnes[at]!;
    this.#lateOnes[at] = late ? 1 : 0;
  }

  /** A frame that was thought lost has come after all. */
  #markLate(): void {
    const at = (this.#due + LATE_WINDOW_FRAMES - 1) % LATE_WINDOW_FRAMES;
    this.#lateSum += 1 - this.#lateOnes[at]!;
    this.#lateOnes[at] = 1;
  }
}
