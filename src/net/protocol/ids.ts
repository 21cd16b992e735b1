/**
 * The ids everybody shares, branded so that one cannot be taken for another, and the rules for user names.
 *
 * Inside the program ids of bytes travel as lower-case hex text (they are map keys); on the wire they are bytes.
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]?: B };

/** SHA-256 of the node's public key (SPKI, DER) cut to 16 bytes, as 32 hex digits. */
export type NodeId = Branded<string, 'NodeId'>;
/** 16 random bytes as 32 hex digits. */
export type CallId = Branded<string, 'CallId'>;
/** 16 random bytes as 32 hex digits. */
export type MessageId = Branded<string, 'MessageId'>;
/** A name as its owner writes it; compare with `foldName`. */
export type UserName = Branded<string, 'UserName'>;

export const ID_BYTES = 16;
export const NAME_LENGTH_MIN = 6;
export const NAME_LENGTH_MAX = 32;

const PERSON = /^[A-Za-z][A-Za-z0-9._-]{5,31}$/;
const SERVICE = /^[A-Za-z][A-Za-z0-9._-]{0,4}$/;

/** Names are compared without case: `Bobby1` and `bobby1` are one person. ASCII only, so no locale matters. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

/** True for 6 to 32 characters: a letter first, then letters, digits, `.` `_` `-`. */
export function isPersonName(name: string): boolean {
  return PERSON.test(name);
}

/** True for the shorter names that are reserved for services, such as `echo`. */
export function isServiceName(name: string): boolean {
  return SERVICE.test(name);
}

export function isName(name: string): boolean {
  return isPersonName(name) || isServiceName(name);
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function bytesOf(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

/** True when `text` is the hex form of a 16-byte id. */
export function isIdHex(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}
