/**
 * Which rung of the ladder a call sends on (realtime.md 3.3). The media session hands in what the other end reports, what
 * was sent and which way it goes; it asks for the rung. Never what is said: that must not show in the pace.
 *
 *   queue grows (delay trend)         down at once, to less than what comes through, until the queue is empty
 *   loss, no queue                    copies: R1, or R2 when much or in bursts is lost
 *   loss, no more gets through        a link that drops instead of queueing: down, and copies are blocked
 *   calm for 2 s                      one rung up; back at once, and blocked for longer each time, when that was too much
 *   no reports                        F after 1 s, E after 3 s; the former rung with the next report
 *
 * Pure. All that the other end says is bounded before it comes here; the worst it can do is choose our rung. Above 400
 * lines, because each rule changes the one level that the others read.
 */
import type { Millis } from '../protocol/core.ts';
import {
  CAPACITY_MIN,
  CAPACITY_SPAN_MS,
  COPIES_BLOCK_MS,
  COPIES_JUDGED_MS,
  DELAY_STANDING_PACKETS,
  QUEUE_DRAIN_MS_MAX,
  QUEUE_GROWTH,
  QUEUE_GROWTH_AGAIN,
  QUEUE_STANDS_MS,
  QUOTA_STAYS_MS,
  RATE_BLOCK_MS,
  RATE_BLOCK_MS_MAX,
  RATE_PROBE_MS,
  RATE_PROVEN_MS,
  RATE_SHARE,
  RATE_SHARE_DRAINING,
  RATE_SHARE_DRAINING_SHORT,
  RATE_UP_AGAIN_MS,
  RATE_UP_MS,
  RATE_UP_REPORTS,
  RATE_UP_REPORTS_FLOOR,
  RATE_UP_TO_TOP_MS,
  REPORT_GONE_MS,
  REPORT_GRACE_MS,
  REPORT_HELD_UP_MS,
  REPORT_HELD_UP_RTT_MS,
  REPORT_MISSING_MS,
  SHORT_FRAME_RTT_MS,
  STEP_HARM_GAIN,
  STEP_HARM_LOSS,
  STEP_JUDGED_MS,
  STEP_JUDGED_MS_MAX,
  STREAM_BACKLOG_OLD_MS,
  STREAM_QUEUE_MS_MAX,
  STREAM_QUEUE_PACKETS,
  THIN_LEFT_MS,
  THIN_MS_MAX,
  THIN_QUEUE_MS,
} from '../protocol/params.ts';
import { ArrivalRate } from './arrival-rate.ts';
import { CopyChoice } from './copy-choice.ts';
import type { CallPath } from './quality.ts';
import { type Feedback, QueueWatch, type Seen } from './queue-watch.ts';
import { bodyBytesOf, LADDER, LEVEL, RUNGS, type Rung, wireBytesPerSecond, wireOverheadBytes } from './rungs.ts';
import { SentBytes } from './sent-bytes.ts';

/** A step up that has to prove itself. */
interface Step {
  readonly at: Millis;
  readonly level: number;
  readonly from: number;
  /** Number of the first packet after it. */
  readonly number: number;
  /** What came through before, bytes a second, and the share that was lost. */
  readonly through: number;
  readonly loss: number;
  /** For copies, because loss had come: what was lost before says nothing then. */
  readonly forLoss: boolean;
}

export class RateControl {
  readonly #sent = new SentBytes();
  readonly #arrivals = new ArrivalRate(this.#sent);
  readonly #copies = new CopyChoice();
  readonly #queue = new QueueWatch();
  #path: CallPath | null = null;
  #overheadBytes = wireOverheadBytes(null);
  #level: number = LEVEL.N;
  /** What the narrowest place is known to pass, bytes a second. */
  #capacity = Number.POSITIVE_INFINITY;
  #changedAt: Millis;
  /** Number of the first packet of the present rung. */
  #changedNumber = 0;
  #upAt: Millis;
  #clean = 0;
  /** The last step up, while it may still prove too much; and while it is to be judged by what comes through. */
  #step: Step | undefined;
  #isJudged = true;
  /** Of each level: until when it is not tried, and for how long the next time. */
  readonly #blockedUntil: Millis[] = LADDER.map(() => 0);
  readonly #blockMs: number[] = [...RATE_BLOCK_MS];
  #drainingSince: Millis | undefined;
  #thinUntil: Millis = 0;
  #thinned = false;
  /** Number of the first packet that was sent without knowing how the way is, and what is sent then. */
  #blindSince = 0;
  #heldLevel: number = LEVEL.N;
  /** What waited at our own end of the stream when that was last told. */
  #backlog: { readonly at: Millis; readonly bytes: number } | undefined;
  #reportAt: Millis;
  #reportGapMs = 0;
  #paused = false;
  /** Why nothing is known of the way, and the rung is low. */
  #silence: 'none' | 'held up' | 'missing' | 'gone' = 'none';

  /** `begin`: a level that an earlier call on this network ended on; none is begun above N. */
  constructor(now: Millis, begin: number = LEVEL.N) {
    this.#level = Math.max(LEVEL.E, Math.min(LEVEL.N, begin));
    this.#heldLevel = this.#level;
    this.#changedAt = now;
    this.#upAt = now + RATE_UP_TO_TOP_MS;
    this.#reportAt = now + REPORT_GRACE_MS;
  }

  /** What to send from now on. */
  get rung(): Rung {
    return this.#rungOf(Math.min(this.#level, this.#silenceLevel()));
  }

  /** What the way carries, as far as is known: the level to begin a later call with. */
  get level(): number {
    return this.#level;
  }

  /** Bytes a second. */
  #costOf(level: number): number {
    return wireBytesPerSecond(this.#rungOf(level), this.#overheadBytes);
  }

  #rungOf(level: number): Rung {
    return (level >= LEVEL.N ? this.#copies.rung : undefined) ?? LADDER[level] ?? RUNGS.N;
  }

  /** False: this slot stays empty, so that a queue can run off. */
  passes(now: Millis): boolean {
    if (this.#backlogMs(now) > STREAM_QUEUE_MS_MAX) return false;
    this.#thinned = now < this.#thinUntil && !this.#thinned;
    return !this.#thinned;
  }

  sent(bodyBytes: number): void {
    this.#sent.add(bodyBytes + this.#overheadBytes);
  }

  /** Another way: what was learnt of the one before does not hold. The rung stays, and may rise soon. */
  path(now: Millis, path: CallPath | null): void {
    if (path === this.#path) return;
    this.#path = path;
    this.#backlog = undefined;
    this.#overheadBytes = wireOverheadBytes(path);
    this.#forget(now);
    this.#blockedUntil.fill(0);
    this.#blockMs.splice(0, this.#blockMs.length, ...RATE_BLOCK_MS);
    this.#queue.rttLeastMs = Number.POSITIVE_INFINITY;
    this.#capacity = Number.POSITIVE_INFINITY;
    if (this.#copies.rung && !this.#mayCopy()) this.#copies.end(now);
    if (this.#level > this.#highest()) this.#setLevel(now, this.#highest());
  }

  /** A relay dropped packets of ours because we sent too much. */
  quota(now: Millis): void {
    if (this.#path === 'direct' || this.#path === 'lan') return;
    const costs = this.#copies.rung ? LEVEL.top : this.#level;
    this.#copies.block(now, QUOTA_STAYS_MS);
    this.#block(now, costs);
    this.#setLevel(now, Math.max(LEVEL.E, costs === LEVEL.N ? LEVEL.F40 : costs - 1));
    this.#upAt = now + QUOTA_STAYS_MS;
  }

  /** So much waits in our own end of the stream: it takes less than we send, which no report can tell sooner. */
  backlog(now: Millis, bytes: number): void {
    if (!this.#isStream || this.#paused) return;
    this.#backlog = { at: now, bytes };
    const { rung } = this;
    if (bytes < STREAM_QUEUE_PACKETS * (bodyBytesOf(rung) + this.#overheadBytes)) return;
    this.#takeBack(now);
    this.#block(now, this.#level);
    this.#setLevel(now, this.#level > LEVEL.F ? LEVEL.F : LEVEL.E);
    this.#clean = 0;
    this.#upAt = Math.max(this.#upAt, now + RATE_UP_MS);
  }

  /** How long what waits takes at the floor; what was told long ago has run off. */
  #backlogMs(now: Millis): number {
    const { at, bytes } = this.#backlog ?? { at: now, bytes: 0 };
    if (now - at > STREAM_BACKLOG_OLD_MS) return 0;
    return (bytes / wireBytesPerSecond(RUNGS.E, this.#overheadBytes)) * 1000;
  }

  /** On hold nothing is measured. */
  pause(now: Millis, on: boolean): void {
    this.#paused = on;
    this.#forget(now);
    this.#reportAt = now + REPORT_GRACE_MS;
  }

  /** A queue grows on the way in. Until the report that waits in it is here, the way out is taken to be like it. */
  hampered(now: Millis, growth: number): void {
    if (this.#silence === 'none') {
      if (now - this.#reportAt < REPORT_HELD_UP_MS && this.#queue.rttExcessMs < REPORT_HELD_UP_RTT_MS) return;
      this.#silence = 'held up';
      this.#blindSince = this.#sent.count;
      this.#takeBack(now);
      this.#heldLevel = this.#level;
    }
    const through = this.#costOf(this.#level) / (1 + growth / 1000);
    if (this.#silence === 'held up')
      this.#heldLevel = Math.min(this.#heldLevel, this.#fitting(through * RATE_SHARE_DRAINING));
  }

  /** We ourselves stood still: reports may wait as well. */
  stalled(now: Millis): void {
    this.#reportAt = Math.max(this.#reportAt, now);
  }

  wake(now: Millis): void {
    if (this.#paused) return;
    // The same sums as in `wakeAt`: another order rounds otherwise, and would wake for ever.
    if (now >= this.#reportAt + REPORT_GONE_MS) this.#silence = 'gone';
    else if (now >= this.#reportAt + this.#patienceMs() && this.#silence === 'none') this.#silence = 'missing';
  }

  wakeAt(): Millis {
    if (this.#paused || this.#silence === 'gone') return Number.POSITIVE_INFINITY;
    return this.#reportAt + (this.#silence === 'none' ? this.#patienceMs() : REPORT_GONE_MS);
  }

  report(now: Millis, feedback: Feedback): void {
    if (this.#paused) return;
    this.#reportGapMs = Math.min(REPORT_MISSING_MS, Math.max(0, now - this.#reportAt));
    this.#reportAt = now;
    // What was sent before the doubt proves nothing.
    const isNews = this.#silence !== 'held up' || feedback.highest >= this.#blindSince + DELAY_STANDING_PACKETS;
    if (isNews) this.#hear(now);
    const { expected, received, gaps, highest, delay } = feedback;
    this.#arrivals.add({ at: delay?.atMs ?? now, highest, received });
    this.#copies.add(now, { expected, received, gaps });
    const seen = this.#queue.see(now, feedback);
    const congested = this.#isCongested(seen);
    if (congested) this.#goDown(now, seen);
    if (this.#drainingSince !== undefined) this.#drain(now, seen);
    this.#judgeStep(now);
    if (this.#drainingSince === undefined) this.#choose(now);
    this.#climb(now, seen, congested);
  }

  #isCongested(seen: Seen): boolean {
    if (this.#queue.isCongested(seen, this.#isJudged ? undefined : this.#step?.number)) return true;
    if (this.#drainingSince !== undefined) return false;
    if (this.#queue.stands) return true;
    this.#queue.learn(seen);
    return false;
  }

  // ------------------------------------------------------------------ down

  #goDown(now: Millis, seen: Seen): void {
    const first = this.#drainingSince === undefined;
    const cost = this.#costOf(this.#level);
    const isFresh = seen.highest >= this.#changedNumber + DELAY_STANDING_PACKETS;
    // What was sent since then comes as it is sent, not as the link can, unless its delay grows as well.
    if (!first && isFresh && seen.growth < QUEUE_GROWTH_AGAIN) return;
    const through = this.#arrivals.over(first ? 1 : CAPACITY_SPAN_MS) ?? cost;
    // As long as what arrives is of the present rung, the growth of its delay tells the same, and sooner.
    const byGrowth = first && isFresh ? cost / (1 + Math.max(0, seen.growth) / 1000) : Number.POSITIVE_INFINITY;
    this.#capacity = Math.max(CAPACITY_MIN, Math.min(through, byGrowth, first ? cost : this.#capacity));
    if (first) {
      this.#drainingSince = now;
      this.#takeBack(now);
      this.#copies.block(now, COPIES_BLOCK_MS);
    }
    const share = seen.queueMs < QUEUE_STANDS_MS ? RATE_SHARE_DRAINING_SHORT : RATE_SHARE_DRAINING;
    const level = Math.min(this.#level, this.#fitting(this.#capacity * share), this.#isStream ? LEVEL.F : LEVEL.top);
    this.#setLevel(now, level);
  }

  /** Until the queue is empty less is sent than comes through; then just as much. */
  #drain(now: Millis, seen: Seen): void {
    const since = this.#drainingSince ?? now;
    if (seen.queueMs < this.#queue.emptyMs) {
      this.#drainingSince = undefined;
      this.#thinUntil = 0;
      let level = this.#fitting(this.#capacity * RATE_SHARE);
      while (level > this.#level && now < (this.#blockedUntil[level] ?? 0)) level--;
      this.#setLevel(now, Math.max(this.#level, level));
      return;
    }
    if (now - since > QUEUE_DRAIN_MS_MAX && Math.abs(seen.growth) < QUEUE_GROWTH) {
      this.#queue.resign(seen);
      this.#drainingSince = undefined;
      return;
    }
    this.#thin(now, seen);
  }

  /** What is still under way tells the queue of now, not of when the newest arrival was sent. */
  #thin(now: Millis, seen: Seen): void {
    if (this.#level > LEVEL.E || now < this.#thinUntil) return;
    const restMs = Number.isFinite(this.#queue.rttLeastMs) ? this.#queue.rttLeastMs : 0;
    const underWayMs = (this.#sent.after(seen.highest) / this.#capacity) * 1000 - restMs;
    const queueMs = Math.max(seen.queueMs, underWayMs);
    if (queueMs < THIN_QUEUE_MS) return;
    const halfRate = this.#costOf(LEVEL.E) / 2;
    const share = this.#capacity / Math.max(1, this.#capacity - halfRate);
    this.#thinUntil = now + Math.min(THIN_MS_MAX, Math.max(0, (queueMs - THIN_LEFT_MS) * share));
  }

  /** The highest level that costs no more, bytes a second. */
  #fitting(budget: number): number {
    let level: number = LEVEL.E;
    for (let one = LEVEL.E + 1; one <= this.#highest(); one++) {
      if (wireBytesPerSecond(LADDER[one] ?? RUNGS.H, this.#overheadBytes) <= budget) level = one;
    }
    return level === LEVEL.F20 && this.#queue.rttLeastMs >= SHORT_FRAME_RTT_MS ? LEVEL.F40 : level;
  }

  // ------------------------------------------------------------------ up

  /** A step up that brings loss, or copies that bring no more bytes, are taken back: a link that drops what is too much. */
  #judgeStep(now: Millis): void {
    const step = this.#step;
    if (!step || this.#isJudged) return;
    const spanMs = step.forLoss ? COPIES_JUDGED_MS : STEP_JUDGED_MS;
    const after = this.#arrivals.since(step.number, spanMs);
    if (after !== undefined) {
      const { share } = this.#copies.loss.over(now, spanMs);
      this.#isJudged = true;
      if (share < (step.forLoss ? 1 : 1.5) * step.loss + STEP_HARM_LOSS) return;
      if (step.forLoss && after > step.through * STEP_HARM_GAIN) return;
      this.#capacity = Math.max(CAPACITY_MIN, after);
      this.#block(now, step.level);
      this.#copies.block(now, COPIES_BLOCK_MS);
      this.#setLevel(now, Math.min(step.from, step.level - 1, this.#fitting(this.#capacity * RATE_SHARE)));
      this.#step = undefined;
    } else if (now - step.at > STEP_JUDGED_MS_MAX) this.#isJudged = true;
  }

  /** Loss without a queue: copies, if they fit. */
  #choose(now: Millis): void {
    const before = this.#copies.rung;
    const top = wireBytesPerSecond(RUNGS.H, this.#overheadBytes);
    this.#copies.choose(now, this.#mayCopy() && this.#level >= LEVEL.N && this.#capacity * RATE_SHARE >= top);
    if (this.#copies.rung && !before && this.#level === LEVEL.N) this.#tryLevel(now, LEVEL.top, true);
  }

  #climb(now: Millis, seen: Seen, congested: boolean): void {
    const calm = !congested && this.#drainingSince === undefined && seen.queueMs < this.#queue.emptyMs;
    this.#clean = calm && !this.#copies.worsens(now) ? this.#clean + 1 : 0;
    if (this.#level > LEVEL.E && this.#clean > 0 && now - this.#changedAt > RATE_PROVEN_MS) {
      this.#blockMs[this.#level] = RATE_BLOCK_MS[this.#level] ?? 0;
    }
    const reports = this.#level <= LEVEL.E2 ? RATE_UP_REPORTS_FLOOR : RATE_UP_REPORTS;
    // They must be of what is sent now.
    if (seen.highest < this.#changedNumber + DELAY_STANDING_PACKETS) return;
    if (this.#clean < reports || now < this.#upAt || this.#copies.rung || this.#silence !== 'none') return;
    const next = this.#nextLevel(now);
    if (next === undefined) return;
    this.#tryLevel(now, next, false);
    this.#setLevel(now, next);
    // Copies go first where they cost the same.
    if (next === LEVEL.top) this.#copies.probe(now, RATE_PROBE_MS);
  }

  /** From 40 ms straight to N, and by 20 ms only while N is known to be too much; in a stream from 60 ms (realtime.md 3.3). */
  #nextLevel(now: Millis): number | undefined {
    const isFree = (level: number) => level <= this.#highest() && now >= (this.#blockedUntil[level] ?? 0);
    if (this.#isStream && this.#level === LEVEL.F) return isFree(LEVEL.N) ? LEVEL.N : undefined;
    if (this.#level !== LEVEL.F40) return isFree(this.#level + 1) ? this.#level + 1 : undefined;
    if (isFree(LEVEL.N)) return LEVEL.N;
    return isFree(LEVEL.F20) && this.#queue.rttLeastMs < SHORT_FRAME_RTT_MS ? LEVEL.F20 : undefined;
  }

  #tryLevel(now: Millis, level: number, forLoss: boolean): void {
    const cost = wireBytesPerSecond(LADDER[level] ?? RUNGS.H, this.#overheadBytes);
    this.#capacity = Math.max(this.#capacity, cost / RATE_SHARE);
    const through = this.#arrivals.over(STEP_JUDGED_MS) ?? 0;
    const loss = this.#copies.loss.over(now, STEP_JUDGED_MS).share;
    this.#isJudged = false;
    this.#step = { at: now, level, from: this.#level, number: this.#sent.count, through, loss, forLoss };
  }

  #setLevel(now: Millis, level: number): void {
    if (level !== this.#level) {
      this.#changedAt = now;
      this.#changedNumber = this.#sent.count;
      this.#clean = 0;
    }
    this.#level = level;
    this.#upAt = Math.max(this.#upAt, this.#changedAt + this.#waitMs());
  }

  /** A step up that has not proved itself was too much. */
  #takeBack(now: Millis): void {
    const step = this.#step;
    this.#step = undefined;
    if (!step || now - step.at > RATE_PROVEN_MS) return;
    this.#block(now, step.level);
    if (this.#level === step.level) this.#setLevel(now, step.from);
  }

  #hear(now: Millis): void {
    if (this.#silence === 'none') return;
    this.#silence = 'none';
    this.#changedNumber = this.#sent.count;
    this.#upAt = Math.max(this.#upAt, now + this.#waitMs());
  }

  #block(now: Millis, level: number): void {
    const blockMs = this.#blockMs[level] ?? 0;
    this.#blockedUntil[level] = now + blockMs;
    this.#blockMs[level] = Math.min(RATE_BLOCK_MS_MAX[level] ?? 0, 2 * blockMs);
  }

  // ------------------------------------------------------------------ bounds

  get #isStream(): boolean {
    return this.#path === 'tcp' || this.#path === 'tcp443';
  }

  /** A relay's line is somebody else's: 48 kbit/s only by our own ways. */
  #highest(): number {
    return this.#path === 'direct' || this.#path === 'lan' ? LEVEL.top : LEVEL.N;
  }

  /** In a stream nothing is lost, it only comes later. */
  #mayCopy(): boolean {
    return !this.#isStream;
  }

  #waitMs(): number {
    if (this.#level === LEVEL.N) return RATE_UP_TO_TOP_MS;
    return this.#level === LEVEL.E2 ? RATE_UP_AGAIN_MS : RATE_UP_MS;
  }

  #silenceLevel(): number {
    if (this.#silence === 'none') return LEVEL.top;
    if (this.#silence === 'held up') return this.#heldLevel;
    return this.#silence === 'missing' ? LEVEL.F : LEVEL.E;
  }

  /** Whoever reports once a second is missed later than who does so five times. */
  #patienceMs(): number {
    return Math.max(REPORT_MISSING_MS, 2.2 * this.#reportGapMs);
  }

  #forget(now: Millis): void {
    this.#arrivals.clear();
    this.#copies.clear();
    this.#step = undefined;
    this.#drainingSince = undefined;
    this.#queue.forget();
    this.#thinUntil = 0;
    this.#clean = 0;
    this.#upAt = now + this.#waitMs();
  }
}
