/**
 * A letter: one message for one device of a person who is not there, sealed so that whoever keeps it meanwhile can neither
 * read nor change nor readdress it (PROTOCOL.md 9.16). A fresh X25519 key meets the device's mail key, HKDF-SHA256 makes
 * one key of it, AES-256-GCM seals; inside are the sender's certificate and an RSA-PSS signature over everything that is
 * outside, too. It lies in `transport` because that is the room of key agreement and sealed bytes; chat decides what is
 * written to whom, overlay where it is kept, and `node/mail-desk.ts` introduces them. Pure: fresh bytes are handed in.
 *
 *   sealed = mail key's mark (8) | ephemeral (32) | AES-256-GCM (certificate, signature, content, zeros) | tag (16)
 */

import { constants, createCipheriv, createDecipheriv, createHash, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import { LETTER_SIZES } from '../protocol/mail-params.ts';
import { CERTIFICATE_BYTES_MAX } from '../protocol/params.ts';
import { agree, type EphemeralKey, ephemeralKey, expand, X25519_BYTES } from './keys.ts';
import type { Judgement } from './trust.ts';

/** What stands outside, and must be as the sender wrote it. */
export interface LetterHead {
  readonly recipient: NodeId;
  /** 32 hex digits. */
  readonly id: string;
  /** Wall clock of the sender, ms; rises with each of its letters. */
  readonly atMs: number;
}

export interface LetterWriter {
  readonly certificateDer: Buffer;
  readonly privateKey: KeyObject;
}

export type OpenedLetter =
  | { readonly ok: true; readonly name: string; readonly node: NodeId; readonly content: Buffer }
  /** `no-key`: sealed to a mail key that we do not have, or not any more. */
  | { readonly ok: false; readonly why: 'malformed' | 'no-key' | 'forged' };

const MARK_BYTES = 8;
const TAG_BYTES = 16;
const HEAD_BYTES = MARK_BYTES + X25519_BYTES;
const NONCE = Buffer.alloc(12);
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

/**
 * Undefined when the mail key is none, or the content is too long for any size. `seed`: 32 fresh random bytes.
 */
export function sealLetter(
  head: LetterHead,
  content: Uint8Array,
  options: { readonly mailKey: Uint8Array; readonly seed: Buffer; readonly writer: LetterWriter },
): Buffer | undefined {
  const { mailKey, seed, writer } = options;
  const ephemeral = ephemeralKey(seed);
  const secret = agree(ephemeral, mailKey);
  if (!secret) return undefined;
  const bound = binding(head, ephemeral.publicBytes, mailKey);
  const signature = sign('sha256', toSign(bound, content), { key: writer.privateKey, ...PSS });
  const inside = Buffer.concat([part(writer.certificateDer), part(signature), part(content)]);
  const size = LETTER_SIZES.find((one) => inside.length + HEAD_BYTES + TAG_BYTES <= one);
  if (size === undefined) return undefined;
  const padding = Buffer.alloc(size - HEAD_BYTES - TAG_BYTES - inside.length);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret, bound), NONCE).setAAD(bound);
  const sealed = [cipher.update(inside), cipher.update(padding), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat([markOf(mailKey), ephemeral.publicBytes, ...sealed]);
}

/** `mailKeys`: ours, the newest first, and older ones that letters may still be sealed to. Never throws. */
export function openLetter(
  head: LetterHead,
  sealed: Buffer,
  options: { readonly mailKeys: readonly EphemeralKey[]; readonly judge: (certificateDer: Uint8Array) => Judgement },
): OpenedLetter {
  if (!LETTER_SIZES.includes(sealed.length)) return refused('malformed');
  const mark = sealed.subarray(0, MARK_BYTES);
  const own = options.mailKeys.find(({ publicBytes }) => markOf(publicBytes).equals(mark));
  if (!own) return refused('no-key');
  const ephemeral = sealed.subarray(MARK_BYTES, HEAD_BYTES);
  const secret = agree(own, ephemeral);
  if (!secret) return refused('malformed');
  const bound = binding(head, ephemeral, own.publicBytes);
  const inside = unseal(sealed, keyOf(secret, bound), bound);
  const parts = inside && partsOf(inside);
  if (!parts) return refused(inside ? 'malformed' : 'forged');
  const [certificate, signature, content] = parts;
  if (certificate.length > CERTIFICATE_BYTES_MAX || signature.length > CERTIFICATE_BYTES_MAX)
    return refused('malformed');
  const judged = options.judge(certificate);
  if (!judged.ok || judged.identity.kind !== 'person') return refused('forged');
  if (!isSigned(judged.publicKey, bound, content, signature)) return refused('forged');
  const { name, nodeId: node } = judged.identity;
  return { ok: true, name, node, content: Buffer.from(content) };
}

/** By which a device sees which of its mail keys a letter needs. */
function markOf(mailKey: Uint8Array): Buffer {
  return createHash('sha256').update('wren mail key').update(mailKey).digest().subarray(0, MARK_BYTES);
}

/** Everything outside, and both public keys: what seal and signature hang on. */
function binding({ recipient, id, atMs }: LetterHead, ephemeral: Uint8Array, mailKey: Uint8Array): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Number.isSafeInteger(atMs) && atMs > 0 ? atMs : 0));
  const ids = [bytesOf(recipient).subarray(0, ID_BYTES), bytesOf(id).subarray(0, ID_BYTES)];
  const all = Buffer.concat([Buffer.from('wren letter'), ...ids, time, ephemeral, mailKey]);
  return createHash('sha256').update(all).digest();
}

function keyOf(secret: Buffer, bound: Buffer): Buffer {
  return expand(secret, bound, 'wren letter key', 32);
}

function toSign(bound: Buffer, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('wren letter signature'), bound, content]);
}

function isSigned(key: KeyObject, bound: Buffer, content: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify('sha256', toSign(bound, content), { key, ...PSS }, signature);
  } catch {
    return false;
  }
}

function unseal(sealed: Buffer, key: Buffer, bound: Buffer): Buffer | undefined {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE).setAAD(bound);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Length (4), bytes. */
function part(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function partsOf(inside: Buffer): [Buffer, Buffer, Buffer] | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (let count = 0; count < 3; count += 1) {
    if (at + 4 > inside.length) return undefined;
    const end = at + 4 + inside.readUInt32BE(at);
    if (end > inside.length) return undefined;
    parts.push(inside.subarray(at + 4, end));
    at = end;
  }
  const [certificate, signature, content] = parts;
  return certificate && signature && content ? [certificate, signature, content] : undefined;
}

function refused(why: 'malformed' | 'no-key' | 'forged'): OpenedLetter {
  return { ok: false, why };
}
