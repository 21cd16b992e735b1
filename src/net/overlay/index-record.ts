/**
 * What the Global Index holds of one node of one person (slides, "User Search": everybody who signed in during the last
 * 72 hours): name, display name, and by which supernodes the node is reached. No address. The node signs it with its
 * certified key, so whoever hands it on can leave it out, but not change it; and it ends by itself at the same moment
 * everywhere, so nothing needs to be deleted.
 *
 * Checks go from cheap to dear: sizes, dates and what we have already come before any signature.
 */
import { constants, createHash, type KeyObject, sign, verify } from 'node:crypto';
import { bytesOf, foldName, hexOf, ID_BYTES, isName, type NodeId } from '../protocol/ids.ts';
import {
  HIDDEN_TAG_BYTES,
  HIDDEN_TAGS_MAX,
  RECORD_AHEAD_MS,
  RECORD_BYTES_MAX,
  RECORD_HOMES_MAX,
  RECORD_SIGNATURE_BYTES_MAX,
} from '../protocol/overlay-params.ts';
import { INDEX_LIFETIME_HOURS } from '../protocol/paper.ts';
import { CERTIFICATE_BYTES_MAX, DISPLAY_NAME_LENGTH_MAX } from '../protocol/params.ts';
import { decodeBody, encodeBody } from '../wire/messages.ts';

export const RECORD_LIFETIME_MS = INDEX_LIFETIME_HOURS * 3_600_000;

/** What a node says of itself. */
export interface OwnRecord {
  readonly nodeId: NodeId;
  readonly displayName: string;
  /** Supernodes that it is attached to, at most two. */
  readonly homes: readonly NodeId[];
  /** Wall clock, ms. */
  readonly signedInAtMs: number;
  /** Rises with each record of one sign-in. */
  readonly sequence: number;
  /** May searches by pattern show it? */
  readonly listed: boolean;
  /** Tags of those who must not find it (`hiddenTags`); nobody when absent. */
  readonly hidden?: Buffer | undefined;
}

/** As it travels, to be handed on unchanged. */
export interface SealedRecord {
  readonly certificate: Buffer;
  readonly record: Buffer;
  readonly signature: Buffer;
}

export interface IndexRecord extends OwnRecord {
  /** As certified. */
  readonly name: string;
  /** The name folded: what it is found by. */
  readonly key: string;
  readonly sealed: SealedRecord;
}

/** Judges the certificate of a person's node, also one that ended after the record was made. */
export type PersonJudge = (certificateDer: Uint8Array) =>
  | {
      readonly ok: true;
      readonly identity: { readonly kind: string; readonly name: string; readonly nodeId: NodeId };
      readonly publicKey: KeyObject;
      /** Wall clock, ms. */
      readonly expiresAtMs: number;
    }
  | { readonly ok: false };

/** `known`: not newer than what is here, so perhaps replayed. `misplaced`: of another node than whose word it must be. */
export type RecordRefusal =
  | 'malformed'
  | 'oversized'
  | 'expired'
  | 'early'
  | 'known'
  | 'misplaced'
  | 'forged'
  /** Its account has revoked the node. */
  | 'revoked';

/** Has the account of this name, folded, revoked that node? */
export type RevokedJudge = (key: string, node: NodeId) => boolean;

/** What a record tells of the names, folded, from which this node hides: enough to ask whether a name is among them. */
export function hiddenTags(node: NodeId, keys: readonly string[]): Buffer | undefined {
  const tags = keys.slice(0, HIDDEN_TAGS_MAX).map((key) => hiddenTag(node, key));
  return tags.length === 0 ? undefined : Buffer.concat(tags.sort(Buffer.compare));
}

/** Must the person of this folded name not find the record? */
export function hidesFrom({ nodeId, hidden }: Pick<OwnRecord, 'nodeId' | 'hidden'>, key: string): boolean {
  if (!hidden || hidden.length === 0) return false;
  const tag = hiddenTag(nodeId, key);
  for (let at = 0; at < hidden.length; at += HIDDEN_TAG_BYTES) {
    if (tag.equals(hidden.subarray(at, at + HIDDEN_TAG_BYTES))) return true;
  }
  return false;
}

function hiddenTag(node: NodeId, key: string): Buffer {
  const hash = createHash('sha256').update('wren hidden').update(bytesOf(node)).update(key).digest();
  return hash.subarray(0, HIDDEN_TAG_BYTES);
}

const PREFIX = Buffer.from('wren index record');
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

export function sealRecord(own: OwnRecord, certificate: Buffer, privateKey: KeyObject): SealedRecord {
  const { nodeId, homes, ...rest } = own;
  const { hidden = Buffer.alloc(0) } = own;
  const record = encodeBody('IndexRecord', { ...rest, hidden, nodeId: bytesOf(nodeId), homes: homes.map(bytesOf) });
  const signature = sign('sha256', Buffer.concat([PREFIX, record]), { key: privateKey, ...PSS });
  return { certificate, record, signature };
}

/**
 * What a record says, in 32 bits for whoever signed it: the upper half is of all but the second home, the lower half of
 * that one. Never 0. Two that differ look alike once in 65,536 times.
 */
export function printOf(of: Pick<OwnRecord, 'displayName' | 'listed' | 'homes' | 'hidden'>): number {
  const { displayName, listed, homes, hidden } = of;
  const [first = '', second = ''] = homes;
  const rest = hidden && hidden.length > 0 ? [hidden.toString('hex')] : [];
  return (half(JSON.stringify([displayName, listed, first, ...rest])) * 65_536 + half(second)) >>> 0 || 1;
}

function half(text: string): number {
  return createHash('sha256').update(text).digest().readUInt16BE();
}

/** Positive when `a` is the newer word of the two. */
export function compareVersions(
  a: Pick<OwnRecord, 'signedInAtMs' | 'sequence'>,
  b: Pick<OwnRecord, 'signedInAtMs' | 'sequence'>,
): number {
  return a.signedInAtMs - b.signedInAtMs || a.sequence - b.sequence;
}

/** Order of records that stand for one person: by node id those that are as new, so that everybody says the same. */
export function newestFirst(
  a: Pick<OwnRecord, 'nodeId' | 'signedInAtMs' | 'sequence'>,
  b: Pick<OwnRecord, 'nodeId' | 'signedInAtMs' | 'sequence'>,
): number {
  return compareVersions(b, a) || (a.nodeId < b.nodeId ? -1 : 1);
}

/** Does it count at this time of the wall clock? Every replica says the same. */
export function isCurrent({ signedInAtMs }: Pick<OwnRecord, 'signedInAtMs'>, wallMs: number): boolean {
  return wallMs < signedInAtMs + RECORD_LIFETIME_MS;
}

type Wire = {
  readonly certificate?: Uint8Array | null;
  readonly record?: Uint8Array | null;
  readonly signature?: Uint8Array | null;
};

/** Reads records that others hand us, and counts what it refuses. */
export class RecordReader {
  readonly #judge: PersonJudge;
  /** By reason. */
  readonly refused: Record<RecordRefusal, number> = {
    ...{ malformed: 0, oversized: 0, expired: 0, early: 0, known: 0, misplaced: 0, forged: 0, revoked: 0 },
  };
  readonly #isRevoked: RevokedJudge;

  constructor(judge: PersonJudge, isRevoked: RevokedJudge = () => false) {
    this.#judge = judge;
    this.#isRevoked = isRevoked;
  }

  /**
   * `wallMs`: wall clock. `known`: the record of that node that we have. `owner`: the node whose word it must be, if it comes
   * of a client itself. Never throws.
   */
  read(
    wallMs: number,
    wire: Wire,
    known: (node: NodeId) => IndexRecord | undefined,
    owner?: NodeId,
  ): IndexRecord | undefined {
    if (isOversized(wire)) return this.#no('oversized');
    const sealed = copied(wire);
    const own = sealed && readOwnRecord(sealed.record);
    if (!sealed || !own) return this.#no('malformed');
    if (owner !== undefined && own.nodeId !== owner) return this.#no('misplaced');
    if (!isCurrent(own, wallMs)) return this.#no('expired');
    if (own.signedInAtMs > wallMs + RECORD_AHEAD_MS) return this.#no('early');
    const older = known(own.nodeId);
    if (older && compareVersions(own, older) <= 0) return this.#no('known');
    const judged = this.#judge(sealed.certificate);
    if (!judged.ok || judged.identity.kind !== 'person') return this.#no('forged');
    if (judged.identity.nodeId !== own.nodeId) return this.#no('misplaced');
    // It may have ended since, but not before the person signed in with it.
    if (own.signedInAtMs >= judged.expiresAtMs) return this.#no('forged');
    const { name } = judged.identity;
    if (this.#isRevoked(foldName(name), own.nodeId)) return this.#no('revoked');
    if (!isName(name) || !isSigned(sealed, judged.publicKey)) return this.#no('forged');
    // One certificate for all records of a node: it is the greater part of what is kept.
    const same = older?.sealed.certificate.equals(sealed.certificate) ? older.sealed.certificate : sealed.certificate;
    return { ...own, name, key: foldName(name), sealed: { ...sealed, certificate: same } };
  }

  /** All but those that we have: what the network is to be judged by. */
  get refusedInAll(): number {
    const { known, ...others } = this.refused;
    return Object.values(others).reduce((sum, count) => sum + count, 0);
  }

  #no(why: RecordRefusal): undefined {
    this.refused[why] += 1;
    return undefined;
  }
}

function isOversized({ certificate, record, signature }: Wire): boolean {
  if ((certificate?.length ?? 0) > CERTIFICATE_BYTES_MAX) return true;
  return (record?.length ?? 0) > RECORD_BYTES_MAX || (signature?.length ?? 0) > RECORD_SIGNATURE_BYTES_MAX;
}

/** Copies: what stays must not hold the whole message in memory. */
function copied({ certificate, record, signature }: Wire): SealedRecord | undefined {
  if (!certificate || !record || !signature) return undefined;
  if (certificate.length === 0 || signature.length === 0) return undefined;
  return { certificate: Buffer.from(certificate), record: Buffer.from(record), signature: Buffer.from(signature) };
}

function readOwnRecord(record: Uint8Array): OwnRecord | undefined {
  const body = decodeBody('IndexRecord', record);
  if (!body || body.nodeId.length !== ID_BYTES || body.homes.length > RECORD_HOMES_MAX) return undefined;
  if (body.homes.some((home) => home.length !== ID_BYTES) || body.displayName.length > DISPLAY_NAME_LENGTH_MAX) {
    return undefined;
  }
  const { displayName, signedInAtMs, sequence, listed } = body;
  const { length } = body.hidden;
  if (length > HIDDEN_TAGS_MAX * HIDDEN_TAG_BYTES || length % HIDDEN_TAG_BYTES !== 0) return undefined;
  const hidden = length === 0 ? undefined : Buffer.from(body.hidden);
  if (!Number.isSafeInteger(signedInAtMs)) return undefined;
  const own = { nodeId: hexOf(body.nodeId), homes: body.homes.map(hexOf), displayName, signedInAtMs, sequence, listed };
  return hidden ? { ...own, hidden } : own;
}

function isSigned({ record, signature }: SealedRecord, publicKey: KeyObject): boolean {
  try {
    return verify('sha256', Buffer.concat([PREFIX, record]), { key: publicKey, ...PSS }, signature);
  } catch {
    return false;
  }
}
