/**
 * The word by which supernodes turn out a device that its account has revoked (PROTOCOL.md 9.15): made by the login server
 * when it takes a list that revokes, signed with the authority's key; read by supernodes and by the device itself. Pure.
 *
 * Not signed by the account: every device holds the account key, so a stolen one could revoke the others with it. The login
 * server decides who was first, for it hears nobody who was revoked.
 */
import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { CERTIFICATE_LIFETIME_MS, CLOCK_DIFFERENCE_MS_MAX, SUPERNODE_SIGNATURE_BYTES_MAX } from '../protocol/params.ts';
import { decodeBody, encodeBody } from '../wire/messages.ts';

/** As it travels, to be handed on unchanged. */
export interface SignedRevocation {
  readonly revocation: Buffer;
  readonly signature: Buffer;
}

export interface Revocation {
  readonly name: UserName;
  readonly nodeId: NodeId;
  /** Wall clock, ms: by then no certificate of this device is good any more. */
  readonly untilMs: number;
  readonly signed: SignedRevocation;
}

export type WireRevocation = {
  readonly revocation?: Uint8Array | null;
  readonly signature?: Uint8Array | null;
};

/** A certificate may be made while the list is stored, and clocks differ. */
export const REVOCATION_LIFETIME_MS = CERTIFICATE_LIFETIME_MS + CLOCK_DIFFERENCE_MS_MAX;

const PREFIX = Buffer.from('wren revoked device');
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;
/** A name, an id, a time. */
const REVOCATION_BYTES_MAX = 128;

export function signRevocation(
  { name, nodeId, untilMs }: Omit<Revocation, 'signed'>,
  authorityKey: KeyObject,
): SignedRevocation {
  const revocation = encodeBody('Revocation', { name, nodeId: bytesOf(nodeId), untilMs });
  const signature = sign('sha256', Buffer.concat([PREFIX, revocation]), { key: authorityKey, ...PSS });
  return { revocation, signature };
}

/** What it says, whoever says so: `isByAuthority` asks that. Undefined when it makes no sense. Never throws. */
export function readRevocation({ revocation, signature }: WireRevocation): Revocation | undefined {
  if (!revocation || !signature || revocation.length > REVOCATION_BYTES_MAX) return undefined;
  if (signature.length === 0 || signature.length > SUPERNODE_SIGNATURE_BYTES_MAX) return undefined;
  const body = decodeBody('Revocation', revocation);
  if (!body || !isName(body.name) || body.nodeId.length !== ID_BYTES) return undefined;
  if (!Number.isSafeInteger(body.untilMs)) return undefined;
  const signed = { revocation: Buffer.from(revocation), signature: Buffer.from(signature) };
  return { name: body.name, nodeId: hexOf(body.nodeId), untilMs: body.untilMs, signed };
}

/** Dear: a check of a signature. */
export function isByAuthority({ revocation, signature }: SignedRevocation, authorityKey: KeyObject): boolean {
  try {
    return verify('sha256', Buffer.concat([PREFIX, revocation]), { key: authorityKey, ...PSS }, signature);
  } catch {
    return false;
  }
}

/** Does it count at this time of the wall clock? */
export function isInForce({ untilMs }: Pick<Revocation, 'untilMs'>, wallMs: number): boolean {
  return wallMs < untilMs && untilMs <= wallMs + REVOCATION_LIFETIME_MS + CLOCK_DIFFERENCE_MS_MAX;
}

/** Is it about this device of this person? */
export function isAbout(of: Pick<Revocation, 'name' | 'nodeId'>, name: UserName, nodeId: NodeId): boolean {
  return of.nodeId === nodeId && foldName(of.name) === foldName(name);
}
