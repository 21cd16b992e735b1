/**
 * All chance of a simulated world. Each user has a stream of its own, named and derived from the one seed, so that
 * a core which draws once more does not shift what the links do.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../src/net/protocol/core.ts';

export class Chance implements Random {
  readonly #state: Uint32Array;

  constructor(seed: number, name: string) {
    const digest = createHash('sha256').update(`${seed}/${name}`).digest();
    this.#state = Uint32Array.of(digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), 1);
    for (let i = 0; i < 12; i += 1) this.#next();
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i += 1) bytes[i] = this.#next() & 0xff;
    return bytes;
  }

  fraction(): number {
    return ((this.#next() >>> 5) * 0x4000000 + (this.#next() >>> 6)) / 2 ** 53;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True in `share` of all cases. Draws nothing for 0, so that a link without a fault costs no chance. */
  hits(share: number): boolean {
    return share > 0 && this.fraction() < share;
  }

  /** sfc32, from the PractRand suite: small, fast, passes BigCrush. */
  #next(): number {
    const s = this.#state;
    const [a, b, c, counter] = [s[0]!, s[1]!, s[2]!, s[3]!];
    const out = (a + b + counter) >>> 0;
    s[3] = counter + 1;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + out;
    return out;
  }
}
