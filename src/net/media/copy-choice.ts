/**
 * Copies of older frames in each packet, or none: chosen by how much is lost, and whether in bursts (realtime.md 3.3). The
 * rate control hands in totals and says whether copies are allowed: only while loss comes without a growing queue. Pure.
 */
import type { Millis } from '../protocol/core.ts';
import {
  COPIES_MS_MIN,
  LOSS_BURST,
  LOSS_BURST_ENDS,
  LOSS_BURST_SHARE,
  LOSS_COPIES,
  LOSS_COPIES_END,
  LOSS_COPIES_PACKETS_MIN,
  LOSS_COPIES_RECENT,
  LOSS_COPIES_WINDOW,
  LOSS_COPY,
  LOSS_COPY_ENDS,
  LOSS_COPY_RECENT,
  LOSS_LONG_MS,
  LOSS_PACKETS_MIN,
  LOSS_RECENT_MS,
  LOSS_WINDOW_MS,
} from '../protocol/params.ts';
import { type Loss, type LossTotals, LossWindow } from './loss-window.ts';
import { RUNGS, type Rung } from './rungs.ts';

export class CopyChoice {
  readonly loss = new LossWindow();
  #rung: Rung | undefined;
  #since: Millis = 0;
  #blockedUntil: Millis = 0;
  #probeUntil: Millis = 0;

  /** R1 or R2, near or far; undefined: no copies. */
  get rung(): Rung | undefined {
    return this.#rung;
  }

  add(now: Millis, totals: LossTotals): void {
    this.loss.add(now, totals);
  }

  /** Loss rises: not the time to send more. */
  worsens(now: Millis): boolean {
    const [recent, long] = [this.loss.over(now, LOSS_RECENT_MS / 2), this.loss.over(now, LOSS_WINDOW_MS)];
    return recent.share > 1.5 * long.share + LOSS_COPY_RECENT;
  }

  /** Decides anew. `allowed`: they would fit. */
  choose(now: Millis, allowed: boolean): void {
    if (!allowed || now < this.#blockedUntil) return this.end(now);
    const wanted = this.#wanted(now);
    const fewer = (wanted?.copies ?? 0) < (this.#rung?.copies ?? 0);
    const until = this.#probeUntil > 0 ? this.#probeUntil : this.#since + COPIES_MS_MIN;
    if (wanted !== this.#rung && (!fewer || now >= until)) this.#set(now, wanted);
  }

  /** R1 for a moment: as many bytes as the top rung, and less harm if they are too many. */
  probe(now: Millis, forMs: number): void {
    if (this.#rung) return;
    this.#set(now, RUNGS.R1);
    this.#probeUntil = now + forMs;
  }

  block(now: Millis, forMs: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, now + forMs);
    this.end(now);
  }

  end(now: Millis): void {
    if (this.#rung) this.#set(now, undefined);
  }

  clear(): void {
    this.loss.clear();
  }

  #wanted(now: Millis): Rung | undefined {
    const recent = this.loss.over(now, LOSS_RECENT_MS);
    const long = this.loss.over(now, LOSS_WINDOW_MS);
    const bursts = (this.#rung?.distance ?? 1) > 1 ? LOSS_BURST_ENDS : LOSS_BURST;
    const inBursts = long.burst >= bursts && long.share >= LOSS_BURST_SHARE;
    if (Math.max(recent.lost, long.lost) < LOSS_PACKETS_MIN) return undefined;
    if (inBursts) return RUNGS.R2;
    if (this.#isMuch(now, recent, long)) return RUNGS.R2near;
    const one = this.#rung ? LOSS_COPY_ENDS : LOSS_COPY;
    if (recent.share < LOSS_COPY_RECENT && long.share < one) return undefined;
    return long.burst >= bursts ? RUNGS.R1far : RUNGS.R1;
  }

  /** Too much for one copy. By chance 10 % is more for some seconds: where that is all, one stays enough. */
  #isMuch(now: Millis, recent: Loss, window: Loss): boolean {
    const long = this.loss.over(now, LOSS_LONG_MS);
    if (long.lost < LOSS_COPIES_PACKETS_MIN) return false;
    if (recent.share >= LOSS_COPIES_RECENT || window.share >= LOSS_COPIES_WINDOW) return true;
    return long.share >= (this.#rung?.copies === 2 ? LOSS_COPIES_END : LOSS_COPIES);
  }

  #set(now: Millis, rung: Rung | undefined): void {
    this.#rung = rung;
    this.#since = now;
    this.#probeUntil = 0;
  }
}
