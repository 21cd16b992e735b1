/**
 * Where the packets of one session go (PROTOCOL.md 6, "Routes"). Sessions with servers follow the newest packet; but a new
 * address gets little until it has answered a challenge, or somebody with a good session and a forged source could have
 * a third party flooded. Sessions between people go where the node says (`set`); by themselves they follow only the
 * supernode that forwards. `switchboard.ts` tells what came, sends the challenge, and asks where to send.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { CHALLENGE_EVERY_MS, UNPROVEN_BYTES_FACTOR } from '../protocol/params.ts';
import { type Route, sameRoute } from '../protocol/traffic.ts';

const TRANSACTION_BYTES = 8;

export class SessionRoute {
  #route: Route;
  /** The last one that is surely the other end's; while `#route` is another, it is on trial. */
  #proven: Route;
  #trial: { readonly transaction: Buffer; bytesLeft: number; askAt: Millis } | undefined;
  #follows: boolean;
  readonly #random: Random;

  /** `route`: by which the handshake was finished, so that it is proven. */
  constructor(route: Route, random: Random) {
    this.#route = route;
    this.#proven = route;
    this.#follows = route.via !== 'forward';
    this.#random = random;
  }

  get route(): Route {
    return this.#route;
  }

  /** True while challenges are made and answered here; between people they belong to the calls. */
  get follows(): boolean {
    return this.#follows;
  }

  /** From now on this one; `follow`: and from then on where the newest packet comes from. */
  set(route: Route, follow: boolean): void {
    this.#route = route;
    this.#proven = route;
    this.#trial = undefined;
    this.#follows = follow;
  }

  /**
   * An authenticated packet of so many bytes came this way; `newest` when none was overtaken by it. Returns the
   * transaction of a challenge that is to be sent now.
   */
  heard(now: Millis, route: Route, bytes: number, newest: boolean): Buffer | undefined {
    if (newest) this.#follow(route);
    const trial = this.#trial;
    if (!trial || !sameRoute(this.#route, route)) return undefined;
    trial.bytesLeft += UNPROVEN_BYTES_FACTOR * bytes;
    if (now < trial.askAt) return undefined;
    trial.askAt = now + CHALLENGE_EVERY_MS;
    return trial.transaction;
  }

  /** An answer to a challenge came this way. */
  answered(route: Route, transaction: Uint8Array): void {
    if (!this.#trial?.transaction.equals(transaction) || !sameRoute(this.#route, route)) return;
    this.#proven = route;
    this.#trial = undefined;
  }

  /** Where a packet of so many bytes is to go; what a new address may not get goes to the one before. */
  take(bytes: number): Route {
    const trial = this.#trial;
    if (!trial) return this.#route;
    if (trial.bytesLeft < bytes) return this.#proven;
    trial.bytesLeft -= bytes;
    return this.#route;
  }

  #follow(route: Route): void {
    if (sameRoute(this.#route, route)) return;
    if (!this.#follows) {
      const sameNode = this.#route.via === 'forward' && route.via === 'forward' && route.node === this.#route.node;
      if (sameNode) this.#route = route;
      return;
    }
    this.#route = route;
    // A stream was opened by whoever sends in it.
    if (route.via === 'stream') this.#proven = route;
    const transaction = sameRoute(this.#proven, route) ? undefined : this.#random.bytes(TRANSACTION_BYTES);
    this.#trial = transaction && { transaction, bytesLeft: 0, askAt: 0 };
  }
}

/** Whether this can be a challenge's, so that it may be answered. */
export function isTransaction(bytes: Uint8Array): boolean {
  return bytes.length === TRANSACTION_BYTES;
}
