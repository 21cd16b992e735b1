/**
 * The text in which a password hash is stored: `scrypt$N$r$p$salt$digest`, salt and digest in base64url (RFC 7914
 * names the parameters). It carries its own cost, so that the cost may be raised and old accounts still verify.
 * `login-effects-io.ts` computes what stands here.
 */
import { SCRYPT_MEMORY_BYTES_MAX, SCRYPT_N, SCRYPT_P, SCRYPT_P_MAX, SCRYPT_R } from '../protocol/params.ts';

export interface ScryptCost {
  /** A power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

export interface PasswordHash {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  readonly digest: Buffer;
}

export const SCRYPT_COST: ScryptCost = { n: SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P };
export const SALT_BYTES = 16;
export const DIGEST_BYTES = 32;
const TEXT = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,2})\$([A-Za-z0-9_-]{16,86})\$([A-Za-z0-9_-]{22,86})$/;

export function printPasswordHash({ cost, salt, digest }: PasswordHash): string {
  return ['scrypt', cost.n, cost.r, cost.p, salt.toString('base64url'), digest.toString('base64url')].join('$');
}

/** Undefined for a text of another form, and for costs that are out of bounds. Never throws. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const match = TEXT.exec(text);
  if (!match) return undefined;
  const [, n, r, p, salt = '', digest = ''] = match;
  const cost: ScryptCost = { n: Number(n), r: Number(r), p: Number(p) };
  if (!isBounded(cost)) return undefined;
  return { cost, salt: Buffer.from(salt, 'base64url'), digest: Buffer.from(digest, 'base64url') };
}

/** Bytes of memory that scrypt takes (RFC 7914 section 5: the vector V and the blocks B). */
export function memoryBytes({ n, r, p }: ScryptCost): number {
  return 128 * r * (n + p + 2);
}

/**
 * A hash that no password matches, of the present cost: what a try at an unknown name is measured against, so that
 * it takes as long as a wrong password.
 */
export function dummyPasswordHash(cost: ScryptCost): string {
  return printPasswordHash({ cost, salt: Buffer.alloc(SALT_BYTES), digest: Buffer.alloc(DIGEST_BYTES) });
}

function isBounded(cost: ScryptCost): boolean {
  const { n, r, p } = cost;
  const powerOfTwo = n >= 2 && Number.isInteger(Math.log2(n));
  return powerOfTwo && r >= 1 && p >= 1 && p <= SCRYPT_P_MAX && memoryBytes(cost) <= SCRYPT_MEMORY_BYTES_MAX;
}
