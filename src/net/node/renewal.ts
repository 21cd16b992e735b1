/**
 * When a person's certificate is to be renewed: in good time before it ends, again when that failed, and more often once
 * it has ended. `ordinary-node.ts` asks the login server then, and tells of the new one. Pure.
 */
import type { Millis, Random, WallClock } from '../protocol/core.ts';
import {
  CERTIFICATE_LIFETIME_MS,
  CERTIFICATE_RENEW_SHARE,
  RENEW_RETRY_EXPIRED_MS,
  RENEW_RETRY_MS,
} from '../protocol/params.ts';

export class Renewal {
  readonly #random: Random;
  readonly #wallClock: WallClock;
  /** Wall clock, ms. */
  #expiresAtMs = 0;
  #at: Millis = Number.POSITIVE_INFINITY;

  constructor(random: Random, wallClock: WallClock) {
    this.#random = random;
    this.#wallClock = wallClock;
  }

  /** There is one, or a new one. `expiresAtMs`: wall clock. */
  schedule(now: Millis, expiresAtMs: number): void {
    this.#expiresAtMs = expiresAtMs;
    const leftMs = expiresAtMs - this.#wallClock();
    this.#at = now + Math.max(0, leftMs - CERTIFICATE_LIFETIME_MS * CERTIFICATE_RENEW_SHARE);
  }

  /** There is none any more. */
  stop(): void {
    this.#at = Number.POSITIVE_INFINITY;
  }

  /** True when it is to be asked for now; that it fails is reckoned with, so the next time is set. */
  due(now: Millis): boolean {
    if (now < this.#at) return false;
    const expired = this.#wallClock() >= this.#expiresAtMs;
    // 20 % either way, so that many do not stay in step.
    this.#at = now + (expired ? RENEW_RETRY_EXPIRED_MS : RENEW_RETRY_MS) * (0.8 + 0.4 * this.#random.fraction());
    return true;
  }

  wakeAt(): Millis {
    return this.#at;
  }
}
