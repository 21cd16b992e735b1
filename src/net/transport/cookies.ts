/**
 * Cookies: proof that whoever sent a Hello receives at the address it came from (PROTOCOL.md section 5). Nothing is
 * remembered of those that were given; a secret that changes makes them, and knows them again.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Millis, Random } from '../protocol/core.ts';
import { COOKIE_SECRET_MS } from '../protocol/params.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';
import type { HandshakeBody } from '../wire/messages.ts';

export const COOKIE_BYTES = 16;

export class Cookies {
  readonly #random: Random;
  #secrets: [Buffer, Buffer];
  #rotateAt: Millis = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#secrets = [random.bytes(32), random.bytes(32)];
  }

  make(now: Millis, route: Route, hello: HandshakeBody<'Hello'>): Buffer {
    if (now >= this.#rotateAt) {
      this.#secrets = [this.#random.bytes(32), this.#secrets[0]];
      this.#rotateAt = now + COOKIE_SECRET_MS;
    }
    return this.#by(this.#secrets[0], route, hello);
  }

  /** Is the cookie in this Hello one of ours, for this very Hello from there? */
  areGood(now: Millis, route: Route, hello: HandshakeBody<'Hello'>): boolean {
    if (hello.cookie.length !== COOKIE_BYTES) return false;
    const newest = this.make(now, route, hello);
    return [newest, this.#by(this.#secrets[1], route, hello)].some((one) => timingSafeEqual(one, hello.cookie));
  }

  #by(secret: Buffer, route: Route, hello: HandshakeBody<'Hello'>): Buffer {
    const mac = createHmac('sha256', secret).update(routeKey(route)).update(hello.nonce).update(hello.ephemeral);
    return mac.digest().subarray(0, COOKIE_BYTES);
  }
}
