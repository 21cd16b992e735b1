/** Letters sealed for one device: only it can open them, and only as they were written. */

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bytesOf, hexOf } from '../../../src/net/protocol/ids.ts';
import { LETTER_SIZES } from '../../../src/net/protocol/mail-params.ts';
import { ephemeralKey } from '../../../src/net/transport/keys.ts';
import { type LetterHead, openLetter, sealLetter } from '../../../src/net/transport/letter.ts';
import { makeAuthority } from '../../support/identities.ts';

const network = makeAuthority();
const alice = network.issue({ name: 'alice1' }, 'alice');
const bobby = network.issue({ name: 'bobby1' }, 'bobby');
const supernode = network.issue('supernode', 'super');
const trust = network.trust();
const judge = (der: Uint8Array) => trust.judge(der, undefined);

const own = ephemeralKey(Buffer.alloc(32, 7));
const older = ephemeralKey(Buffer.alloc(32, 8));
const head: LetterHead = { recipient: bobby.nodeId, id: hexOf(Buffer.alloc(16, 1)), atMs: 1_767_225_600_000 };
const content = Buffer.from('a message');
const writer = { certificateDer: alice.certificateDer, privateKey: alice.privateKey };

function seal(to = own.publicBytes, what: Uint8Array = content, who = writer): Buffer {
  return sealLetter(head, what, { mailKey: to, seed: randomBytes(32), writer: who }) as Buffer;
}

function open(sealed: Buffer, of: LetterHead = head, mailKeys = [own, older]) {
  return openLetter(of, sealed, { mailKeys, judge });
}

describe('a letter', () => {
  it('is opened by the device that it is for, also with the key that it had before', () => {
    const said = { ok: true, name: 'alice1', node: alice.nodeId, content };
    expect(open(seal())).toEqual(said);
    expect(open(seal(older.publicBytes))).toEqual(said);
  });

  it('has one of few sizes, whatever is in it, and the longest text fits', () => {
    const sizes = [1, 100, 800, 2_000, 7_000, 16_384 + 100].map((bytes) => seal(undefined, Buffer.alloc(bytes)).length);
    for (const size of sizes) expect(LETTER_SIZES).toContain(size);
    expect(new Set(sizes).size).toBe(4);
    expect(sealLetter(head, Buffer.alloc(30_000), { mailKey: own.publicBytes, seed: randomBytes(32), writer })).toBe(
      undefined,
    );
  });

  it('is nothing to anybody else, nor to a key that was forgotten', () => {
    expect(open(seal(), head, [older])).toEqual({ ok: false, why: 'no-key' });
    // Even if its mark is copied.
    const sealed = seal();
    const stolen = Buffer.concat([seal(older.publicBytes).subarray(0, 8), sealed.subarray(8)]);
    expect(open(stolen)).toEqual({ ok: false, why: 'forged' });
  });

  it('cannot be readdressed, renumbered or dated anew', () => {
    const sealed = seal();
    for (const other of [
      { ...head, recipient: alice.nodeId },
      { ...head, id: hexOf(Buffer.alloc(16, 2)) },
      { ...head, atMs: head.atMs + 1 },
    ]) {
      expect(open(sealed, other)).toEqual({ ok: false, why: 'forged' });
    }
  });

  it('with one bit changed is refused, wherever it is', () => {
    const sealed = seal();
    for (let bit = 0; bit < sealed.length * 8; bit += 37) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(open(changed).ok, `bit ${bit}`).toBe(false);
    }
  });

  it('in the name of somebody else is refused', () => {
    const liar = { certificateDer: alice.certificateDer, privateKey: bobby.privateKey };
    expect(open(seal(undefined, content, liar))).toEqual({ ok: false, why: 'forged' });
    const server = { certificateDer: supernode.certificateDer, privateKey: supernode.privateKey };
    expect(open(seal(undefined, content, server))).toEqual({ ok: false, why: 'forged' });
    const stranger = makeAuthority().issue({ name: 'alice1' }, 'alice');
    expect(open(seal(undefined, content, stranger))).toEqual({ ok: false, why: 'forged' });
  });

  it('to no key at all is not written, and garbage is not read', () => {
    for (const mailKey of [Buffer.alloc(32), Buffer.alloc(31), Buffer.alloc(0)]) {
      expect(sealLetter(head, content, { mailKey, seed: randomBytes(32), writer })).toBe(undefined);
    }
    for (const size of [0, 1, 56, 2_047, ...LETTER_SIZES]) expect(open(randomBytes(size)).ok).toBe(false);
    const toUs = Buffer.concat([seal().subarray(0, 8), randomBytes(2_040)]);
    expect(open(toUs).ok).toBe(false);
    expect(open(seal(), { ...head, id: '', atMs: Number.NaN }).ok).toBe(false);
    expect(bytesOf(head.id)).toHaveLength(16);
  });
});
