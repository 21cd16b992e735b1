/**
 * A supernode's own word on where it is: a record {node id, endpoints, time} signed with its certified key, and the
 * certificate beside it. The supernode makes the record (`signRecord`), the login server checks it at the enrolment and
 * adds the certificate, and whoever is told of it by anybody (`EntryReader`) takes it only if all of that holds, and if
 * the certificate says of each address that the supernode was reached there. So it does not matter who hands it on. Sizes, dates and age are looked at before any signature is: garbage costs nothing.
 *
 * Supernode membership builds on this record: what it needs besides becomes a field of `SupernodeRecord`, and is signed
 * with the rest, because the signature is over the bytes as they came.
 */
import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { type Endpoint, isPrivateHost, isUnicastHost, parseEndpoint, printEndpoint } from '../protocol/endpoint.ts';
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import {
  CANDIDATE_LENGTH_MAX,
  CERTIFICATE_BYTES_MAX,
  CLOCK_DIFFERENCE_MS_MAX,
  SUPERNODE_ENDPOINTS_MAX,
  SUPERNODE_ENTRY_LIFETIME_MS,
  SUPERNODE_RECORD_BYTES_MAX,
  SUPERNODE_SIGNATURE_BYTES_MAX,
} from '../protocol/params.ts';
import { decodeBody, encodeBody } from '../wire/messages.ts';

/** What a supernode says of itself. */
export interface SupernodeRecord {
  readonly nodeId: NodeId;
  /** Addresses only, one at least. */
  readonly endpoints: readonly Endpoint[];
  /** Wall clock of the supernode, ms. */
  readonly issuedAtMs: number;
}

/** As it travels, to be handed on unchanged. */
export interface SealedEntry {
  readonly certificate: Buffer;
  readonly record: Buffer;
  readonly signature: Buffer;
}

export interface SupernodeEntry extends SupernodeRecord {
  readonly sealed: SealedEntry;
}

/** `known`: we have this one, or a later one of that supernode. */
export type EntryRefusal = 'malformed' | 'expired' | 'misplaced' | 'known' | 'forged';

/** Judges a certificate as a handshake does (`PinnedTrust.judge`). */
export type CertificateJudge = (certificateDer: Uint8Array) =>
  | {
      readonly ok: true;
      readonly identity: { readonly kind: string; readonly nodeId: NodeId };
      readonly publicKey: KeyObject;
      /** Where the login server has reached it. */
      readonly hosts?: readonly string[];
    }
  | { readonly ok: false };

const PREFIX = Buffer.from('wren supernode entry');
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

export function signRecord(own: SupernodeRecord, privateKey: KeyObject): Pick<SealedEntry, 'record' | 'signature'> {
  const { nodeId, endpoints, issuedAtMs } = own;
  const body = { nodeId: bytesOf(nodeId), endpoints: endpoints.map(printEndpoint), issuedAtMs };
  const record = encodeBody('SupernodeRecord', body);
  return { record, signature: sign('sha256', Buffer.concat([PREFIX, record]), { key: privateKey, ...PSS }) };
}

/** The record, when the holder of this key signed it; undefined for everything else. Never throws. */
export function openRecord(
  { record, signature }: Pick<SealedEntry, 'record' | 'signature'>,
  publicKey: KeyObject,
): SupernodeRecord | undefined {
  const read = readRecord(record, signature);
  return read && isSigned(record, signature, publicKey) ? read : undefined;
}

/**
 * The record as it reads, whoever signed it: good for a hint on where to try, since a supernode proves itself there. Never
 * throws.
 */
export function readHint(told: {
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
}): SupernodeRecord | undefined {
  return readRecord(Buffer.from(told.record), Buffer.from(told.signature));
}

function readRecord(record: Buffer, signature: Buffer): SupernodeRecord | undefined {
  if (record.length > SUPERNODE_RECORD_BYTES_MAX || signature.length > SUPERNODE_SIGNATURE_BYTES_MAX) return undefined;
  const body = decodeBody('SupernodeRecord', record);
  if (body?.nodeId.length !== ID_BYTES) return undefined;
  const texts = body.endpoints;
  if (texts.length === 0 || texts.length > SUPERNODE_ENDPOINTS_MAX) return undefined;
  const endpoints = texts.flatMap((text) => addressOf(text) ?? []);
  if (endpoints.length !== texts.length) return undefined;
  return { nodeId: hexOf(body.nodeId), endpoints, issuedAtMs: body.issuedAtMs };
}

function addressOf(text: string): Endpoint | undefined {
  const endpoint = text.length > CANDIDATE_LENGTH_MAX ? undefined : parseEndpoint(text);
  return endpoint && isUnicastHost(endpoint.host) ? endpoint : undefined;
}

function isSigned(record: Buffer, signature: Buffer, publicKey: KeyObject): boolean {
  try {
    return verify('sha256', Buffer.concat([PREFIX, record]), { key: publicKey, ...PSS }, signature);
  } catch {
    return false;
  }
}

/** Reads entries that others hand us, and counts what it refuses. */
export class EntryReader {
  readonly #judge: CertificateJudge;
  /** By reason. */
  readonly refused: Record<EntryRefusal, number> = { malformed: 0, expired: 0, misplaced: 0, known: 0, forged: 0 };

  constructor(judge: CertificateJudge) {
    this.#judge = judge;
  }

  /** How many were no good, for any reason but that they were known. Only rises. */
  get dropped(): number {
    const { malformed, expired, misplaced, forged } = this.refused;
    return malformed + expired + misplaced + forged;
  }

  /**
   * `wallMs`: wall clock. `newestOf`: when the record that we have of a supernode was issued; 0 when we have none.
   * `nearby`: who says this is reached at a private address itself, so that private addresses make sense.
   */
  read(
    wallMs: number,
    wire: { readonly certificate: Uint8Array; readonly record: Uint8Array; readonly signature: Uint8Array },
    newestOf: (node: NodeId) => number,
    nearby: boolean,
  ): SupernodeEntry | undefined {
    if (wire.certificate.length === 0 || wire.certificate.length > CERTIFICATE_BYTES_MAX) return this.#no('malformed');
    // Copies: what stays must not hold the whole message in memory.
    const sealed = {
      certificate: Buffer.from(wire.certificate),
      record: Buffer.from(wire.record.subarray(0, SUPERNODE_RECORD_BYTES_MAX + 1)),
      signature: Buffer.from(wire.signature.subarray(0, SUPERNODE_SIGNATURE_BYTES_MAX + 1)),
    };
    const record = readRecord(sealed.record, sealed.signature);
    if (!record) return this.#no('malformed');
    const { nodeId, endpoints, issuedAtMs } = record;
    if (!isCurrent(record, wallMs)) return this.#no('expired');
    // Somebody far away would have our whole house knocked at.
    if (!nearby && endpoints.some(({ host }) => isPrivateHost(host))) return this.#no('misplaced');
    if (issuedAtMs <= newestOf(nodeId)) return this.#no('known');
    const judged = this.#judge(sealed.certificate);
    if (!judged.ok || judged.identity.kind !== 'supernode' || judged.identity.nodeId !== nodeId)
      return this.#no('forged');
    // Whoever was certified could have a whole network knock at somebody else's door.
    // A certificate without addresses is of a login server that did not look yet; within its 30 days there are none left.
    const { hosts = [] } = judged;
    if (hosts.length > 0 && !endpoints.every(({ host }) => hosts.includes(host))) return this.#no('misplaced');
    return isSigned(sealed.record, sealed.signature, judged.publicKey) ? { ...record, sealed } : this.#no('forged');
  }

  #no(why: EntryRefusal): undefined {
    this.refused[why] += 1;
    return undefined;
  }
}

/** Neither outlived nor, by more than clocks differ, of the future: that one would outlive all that follow it. */
export function isCurrent({ issuedAtMs }: SupernodeRecord, wallMs: number): boolean {
  return issuedAtMs <= wallMs + CLOCK_DIFFERENCE_MS_MAX && wallMs < issuedAtMs + SUPERNODE_ENTRY_LIFETIME_MS;
}
