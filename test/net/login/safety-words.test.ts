import { createHash } from 'node:crypto';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { safetyHalf, safetyWords } from '../../../src/net/login/safety-words.ts';

const ALICE = Buffer.alloc(32, 1);
const BOB = Buffer.alloc(32, 2);

test('both people see the same words and digits, however the names are written', () => {
  const words = safetyWords('alice1', ALICE, 'Bobby1', BOB);
  expect(safetyWords('bobby1', BOB, 'ALICE1', ALICE).map(({ words: own, digits }) => ({ own, digits }))).toEqual(
    words.map(({ words: own, digits }) => ({ own, digits })),
  );
  for (const half of words) {
    expect(half.words).toHaveLength(6);
    expect(half.digits).toHaveLength(6);
    for (const word of half.words) expect(wordlist).toContain(word);
    for (const group of half.digits) expect(group).toMatch(/^\d{5}$/);
  }
});

test('these words are for ever: other programs must find the same', () => {
  expect(safetyHalf('alice1', ALICE)).toMatchInlineSnapshot(`
    {
      "digits": [
        "52074",
        "55156",
        "60372",
        "59512",
        "67216",
        "24812",
      ],
      "name": "alice1",
      "words": [
        "embark",
        "actor",
        "cause",
        "misery",
        "library",
        "spoon",
      ],
    }
  `);
});

test('the words are the first 66 bits of the hash, written down once more by hand', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      let hash = createHash('sha512').update('wren safety words').update(key).update('carol1').digest();
      for (let i = 0; i < 5_200; i++) hash = createHash('sha512').update(hash).update(key).digest();
      const bits = [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      const words = [0, 1, 2, 3, 4, 5].map((i) => wordlist[Number.parseInt(bits.slice(11 * i, 11 * i + 11), 2)]);
      const digits = [0, 1, 2, 3, 4, 5].map((i) => {
        const value = BigInt(`0b${bits.slice(128 + 40 * i, 168 + 40 * i)}`) % 100_000n;
        return value.toString().padStart(5, '0');
      });
      expect(safetyHalf('Carol1', key)).toEqual({ name: 'Carol1', words, digits });
    }),
    { numRuns: 12 },
  );
});

test('another key or another name changes that half alone', () => {
  const [alice, bob] = safetyWords('alice1', ALICE, 'bobby1', BOB);
  const forged = safetyWords('alice1', ALICE, 'bobby1', Buffer.alloc(32, 3));
  expect(forged[0]).toEqual(alice);
  expect(forged[1].words).not.toEqual(bob.words);
  expect(safetyHalf('bobby2', BOB).words).not.toEqual(bob.words);
});
