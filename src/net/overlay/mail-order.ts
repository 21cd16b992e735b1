/**
 * What only the recipient of letters may order: to be told of them, and to have them thrown away. Both are signed with
 * the key whose hash is the node id, so every holder of the mailbox sees for itself that it is the recipient who says
 * so, whichever supernode hands the word on; no certificate is needed for that. Pure; signed by the client's node,
 * checked by supernodes (`mail-room.ts`, `mail-shelf.ts`).
 */

import { constants, createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import { MAIL_KEYS_MAX } from '../protocol/mail-params.ts';
import { CERTIFICATE_BYTES_MAX } from '../protocol/params.ts';
import type { Body } from '../wire/messages.ts';

/** Node id of the sender and id of the letter, 64 hex digits: what a letter is called at its holders. */
export type LetterKey = string;
export const LETTER_KEY_BYTES = 2 * ID_BYTES;

export type CollectOrder = Pick<Body<'mailCollect'>, 'publicKey' | 'atMs' | 'signature'>;
export type DoneOrder = Body<'mailDone'>;

export interface OrderSigner {
  readonly nodeId: NodeId;
  readonly publicKeySpki: Buffer;
  readonly privateKey: KeyObject;
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;
const NOTHING = Buffer.alloc(0);

export function letterKey(sender: NodeId, id: string): LetterKey {
  return sender + id;
}

export function packKeys(keys: readonly LetterKey[]): Buffer {
  return bytesOf(keys.join(''));
}

/** Undefined when these are no keys, or too many. */
export function unpackKeys(bytes: Uint8Array): LetterKey[] | undefined {
  if (bytes.length % LETTER_KEY_BYTES !== 0 || bytes.length > MAIL_KEYS_MAX * LETTER_KEY_BYTES) return undefined;
  return hexOf(bytes).match(/.{64}/g) ?? [];
}

export function signCollect(own: OrderSigner, atMs: number): CollectOrder {
  const signature = sign('sha256', bytesToSign('collect', own.nodeId, atMs, NOTHING), { key: own.privateKey, ...PSS });
  return { publicKey: own.publicKeySpki, atMs, signature };
}

export function signDone(own: OrderSigner, atMs: number, keys: readonly LetterKey[]): DoneOrder {
  const packed = packKeys(keys);
  const signature = sign('sha256', bytesToSign('done', own.nodeId, atMs, packed), { key: own.privateKey, ...PSS });
  return { publicKey: own.publicKeySpki, atMs, keys: packed, signature };
}

/** Whose order to collect this is; undefined when it is nobody's. Its age is for the caller to judge. Never throws. */
export function readCollect(order: CollectOrder): NodeId | undefined {
  return signedBy(order.publicKey, order.signature, (node) => bytesToSign('collect', node, order.atMs, NOTHING));
}

/** Who has these letters; undefined when nobody has signed that. Never throws. */
export function readDone(order: DoneOrder): { readonly node: NodeId; readonly keys: readonly LetterKey[] } | undefined {
  const keys = unpackKeys(order.keys);
  if (!keys || keys.length === 0) return undefined;
  const node = signedBy(order.publicKey, order.signature, (id) => bytesToSign('done', id, order.atMs, order.keys));
  return node === undefined ? undefined : { node, keys };
}

function bytesToSign(word: 'collect' | 'done', node: NodeId, atMs: number, keys: Uint8Array): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(Number.isSafeInteger(atMs) && atMs > 0 ? atMs : 0));
  return Buffer.concat([Buffer.from(`wren mail ${word}`), bytesOf(node), time, keys]);
}

function signedBy(spki: Uint8Array, signature: Uint8Array, signed: (node: NodeId) => Buffer): NodeId | undefined {
  if (spki.length === 0 || spki.length > CERTIFICATE_BYTES_MAX || signature.length > CERTIFICATE_BYTES_MAX) {
    return undefined;
  }
  const node = hexOf(createHash('sha256').update(spki).digest().subarray(0, ID_BYTES));
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return verify('sha256', signed(node), { key, ...PSS }, signature) ? node : undefined;
  } catch {
    return undefined;
  }
}
