/**
 * The key of an account (Ed25519) and what else belongs to a person rather than to a node: the mail key of a device
 * (X25519), and the blob in which the private account key reaches further devices by way of the login server. Pure
 * calls of node:crypto; keys are made from bytes that are handed in. `device-list.ts` signs with them, the agent
 * keeps them in the profile and derives the sealing key from the password (scrypt takes a while, so elsewhere).
 *
 *   blob   1 (version) | nonce (12) | AES-256-GCM over the seed (32), tag (16); additional data: label | folded name
 *          under scrypt(password in NFC, salt of the name, N = 32768, r = 8, p = 1, 32 bytes)
 *
 * The login server sees passwords at sign-in, so whoever runs it could open the blob: PROTOCOL.md 9.15 says so.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
} from 'node:crypto';
import { foldName } from '../protocol/ids.ts';
import { ACCOUNT_SALT_BYTES, ACCOUNT_SEED_BYTES, SEALED_KEY_BYTES } from '../protocol/params.ts';

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex');
const LABEL = 'wren account key';
const BLOB_VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface AccountKey {
  /** The private half, 32 bytes: everything else follows from it. */
  readonly seed: Buffer;
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicBytes: Buffer;
}

/** `seed`: 32 random bytes, or those of an opened blob. */
export function accountKeyOf(seed: Buffer): AccountKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
  return { seed, privateKey, publicBytes: publicBytesOf(privateKey, SPKI_ED25519) };
}

/** To verify with; undefined when these are not 32 bytes. */
export function accountPublicKey(bytes: Uint8Array): KeyObject | undefined {
  if (bytes.length !== ACCOUNT_SEED_BYTES) return undefined;
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_ED25519, bytes]), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

export interface MailKey {
  /** 32 bytes. */
  readonly seed: Buffer;
  readonly privateKey: KeyObject;
  /** 32 bytes, as device lists tell it. */
  readonly publicBytes: Buffer;
}

/** The X25519 pair of one device; `seed`: 32 random bytes. */
export function mailKeyOf(seed: Buffer): MailKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_X25519, seed]), format: 'der', type: 'pkcs8' });
  return { seed, privateKey, publicBytes: publicBytesOf(privateKey, SPKI_X25519) };
}

/** The salt under which the password of this name gives the sealing key. No secret. */
export function sealingSalt(name: string): Buffer {
  return createHash('sha256').update(LABEL).update(foldName(name)).digest().subarray(0, ACCOUNT_SALT_BYTES);
}

/** As RFC 8265 4.2.2 prepares passwords: systems compose accents differently, the person types the same. */
export function preparedPassword(password: string): string {
  return password.normalize('NFC');
}

/** The blob for the login server. `nonce`: 12 fresh random bytes. */
export function sealAccountKey(key: AccountKey, name: string, sealingKey: Buffer, nonce: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce);
  cipher.setAAD(additionalData(name));
  const sealed = Buffer.concat([cipher.update(key.seed), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([Buffer.of(BLOB_VERSION), nonce, sealed]);
}

/** Undefined for another password, another name, and anything that was changed. Never throws. */
export function openAccountKey(blob: Uint8Array, name: string, sealingKey: Buffer): AccountKey | undefined {
  if (blob.length !== SEALED_KEY_BYTES || blob[0] !== BLOB_VERSION) return undefined;
  const bytes = Buffer.from(blob);
  const body = bytes.subarray(1 + NONCE_BYTES, bytes.length - TAG_BYTES);
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey, bytes.subarray(1, 1 + NONCE_BYTES));
    decipher.setAAD(additionalData(name));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    return accountKeyOf(Buffer.concat([decipher.update(body), decipher.final()]));
  } catch {
    return undefined;
  }
}

function additionalData(name: string): Buffer {
  return Buffer.from(`${LABEL}${foldName(name)}`);
}

function publicBytesOf(privateKey: KeyObject, prefix: Buffer): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(prefix.length);
}
