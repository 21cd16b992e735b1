/**
 * Key agreement and derivation: X25519 (RFC 7748), HKDF-SHA256 (RFC 5869), AES-256-GCM keys for the two directions
 * of a session. Private keys are made from bytes that are handed in, so that a simulated world repeats exactly.
 */
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex');
export const X25519_BYTES = 32;
export const ROOT_BYTES = 32;

export interface EphemeralKey {
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicBytes: Buffer;
}

/** `seed`: 32 fresh random bytes. */
export function ephemeralKey(seed: Buffer): EphemeralKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_X25519, seed]), format: 'der', type: 'pkcs8' });
  const publicBytes = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(SPKI_X25519.length);
  return { privateKey, publicBytes };
}

/** The shared secret, 32 bytes; undefined when the other key is no point of use (wrong length, low order). */
export function agree(own: EphemeralKey, otherPublic: Uint8Array): Buffer | undefined {
  if (otherPublic.length !== X25519_BYTES) return undefined;
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI_X25519, otherPublic]), format: 'der', type: 'spki' });
    const secret = diffieHellman({ privateKey: own.privateKey, publicKey });
    return secret.every((byte) => byte === 0) ? undefined : secret;
  } catch {
    return undefined;
  }
}

export function expand(secret: Uint8Array, salt: Uint8Array, info: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, bytes));
}

export interface DirectionKeys {
  /** AES-256 key. */
  readonly key: KeyObject;
  /** 4 bytes before the 64-bit counter make the 12-byte nonce. */
  readonly salt: Buffer;
}

export type Role = 'initiator' | 'responder';
export interface EpochKeys {
  readonly send: DirectionKeys;
  readonly receive: DirectionKeys;
}

/** Both directions of one epoch from its root. */
export function epochKeys(root: Buffer, role: Role): EpochKeys {
  const toResponder = direction(root, 'wren initiator to responder');
  const toInitiator = direction(root, 'wren responder to initiator');
  return role === 'initiator'
    ? { send: toResponder, receive: toInitiator }
    : { send: toInitiator, receive: toResponder };
}

/** Root of the next epoch: old root and a fresh exchange, so neither alone is enough. */
export function nextRoot(root: Buffer, shared: Buffer): Buffer {
  return expand(shared, root, 'wren rekey', ROOT_BYTES);
}

function direction(root: Buffer, info: string): DirectionKeys {
  const bytes = expand(root, Buffer.alloc(0), info, 36);
  return { key: createSecretKey(bytes.subarray(0, 32)), salt: Buffer.from(bytes.subarray(32)) };
}
