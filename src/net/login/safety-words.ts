/**
 * Safety words (PROTOCOL.md 9.19): what two people read to one another to be sure that nobody stands between them. Half of
 * the words belong to each account key, so whoever wants to forge them has to hit the half of a given key; one text over
 * both keys could be matched from both ends at once. The hash is repeated as in Signal's safety numbers (Signal's
 * NumericFingerprintGenerator), which makes every try of a forger dearer. The words are those of BIP-39, English: no two
 * begin with the same four letters.
 */
import { createHash } from 'node:crypto';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { foldName } from '../protocol/ids.ts';

export const SAFETY_ITERATIONS = 5_200;
/** Of one person: 66 bits. */
export const SAFETY_WORDS_EACH = 6;
/** Groups of five digits, of one person: 99 bits. */
export const SAFETY_GROUPS_EACH = 6;

const LABEL = 'wren safety words';
const WORD_BITS = 11;
/** The digits come from bytes that the words leave alone. */
const DIGITS_AT = 16;
const DIGIT_BYTES = 5;

export interface SafetyHalf {
  readonly name: string;
  readonly words: readonly string[];
  /** Of five digits each. */
  readonly digits: readonly string[];
}

/** The same two halves on both sides, ordered by folded name. Keys: Ed25519, 32 bytes each. Takes some 20 ms. */
export function safetyWords(
  myName: string,
  myKey: Uint8Array,
  theirName: string,
  theirKey: Uint8Array,
): readonly [SafetyHalf, SafetyHalf] {
  const mine = safetyHalf(myName, myKey);
  const theirs = safetyHalf(theirName, theirKey);
  return foldName(myName) <= foldName(theirName) ? [mine, theirs] : [theirs, mine];
}

/** What belongs to one person. */
export function safetyHalf(name: string, key: Uint8Array): SafetyHalf {
  const hash = stretched(foldName(name), key);
  const words = Array.from({ length: SAFETY_WORDS_EACH }, (_, i) => wordlist[bitsAt(hash, i * WORD_BITS)] ?? '');
  const digits = Array.from({ length: SAFETY_GROUPS_EACH }, (_, i) => {
    const value = hash.readUIntBE(DIGITS_AT + i * DIGIT_BYTES, DIGIT_BYTES);
    return String(value % 100_000).padStart(5, '0');
  });
  return { name, words, digits };
}

/** H(label | key | name), then 5200 times H(before | key). */
function stretched(name: string, key: Uint8Array): Buffer {
  let hash = createHash('sha512').update(LABEL).update(key).update(name).digest();
  for (let i = 0; i < SAFETY_ITERATIONS; i++) hash = createHash('sha512').update(hash).update(key).digest();
  return hash;
}

/** Eleven bits, the first bit of the hash being bit 0. */
function bitsAt(hash: Buffer, bit: number): number {
  const at = Math.floor(bit / 8);
  const three = hash.readUIntBE(at, 3);
  return (three >> (24 - WORD_BITS - (bit % 8))) & (2 ** WORD_BITS - 1);
}
