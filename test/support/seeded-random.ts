/** Chance for tests: SHA-256 in counter mode, so a seed repeats exactly. */
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
