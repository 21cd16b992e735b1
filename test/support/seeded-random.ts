/** Chance for tests, so that a seed repeats exactly: SHA-256 in counter mode, and a quick one for sounds and networks. */
import { createHash } from 'node:crypto';
import type { Random } from '../../src/net/protocol/core.ts';

export function seededRandom(seed: number | string): Random {
  let counter = 0;
  let rest = Buffer.alloc(0);
  const bytes = (count: number): Buffer => {
    while (rest.length < count) {
      rest = Buffer.concat([rest, createHash('sha256').update(`${seed}:${counter++}`).digest()]);
    }
    const taken = Buffer.from(rest.subarray(0, count));
    rest = rest.subarray(count);
    return taken;
  };
  return { bytes, fraction: () => bytes(6).readUIntBE(0, 6) / 2 ** 48 };
}

/** Lehmer's generator, 0 to 1; seeds from 1 on. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}
