/**
 * The handshake SK1: two nodes agree on keys and prove who they are. SIGMA-I in shape (Krawczyk 2003): ephemeral
 * X25519 gives forward secrecy, certified RSA keys sign the whole transcript, AES-256-GCM hides the identities.
 *
 *   initiator                                    responder
 *     Hello  (nonce, ephemeral, padded)  ----->
 *                                        <-----  Cookie       only when busy; Hello again with it
 *                                        <-----  Auth1 (nonce, ephemeral, sealed certificate and signature)
 *     Auth2  (sealed certificate, signature) ->
 *
 *   T1 = SHA-256("wren SK1" | len(Hello body) (4) | Hello body | version (4) | suite (4) | responder index (4)
 *                | responder nonce | responder ephemeral)
 *   T2 = SHA-256(T1 | sealed of Auth1)
 *   responder signs "wren SK1 responder" | T1 | own node id
 *   initiator signs "wren SK1 initiator" | T2 | own node id | responder's node id
 *
 * Pure functions over bytes; states, resends and cookies are the switchboard's.
 */
import { constants, createCipheriv, createDecipheriv, createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, type NodeId } from '../protocol/ids.ts';
import { HELLO_PACKET_BYTES } from '../protocol/params.ts';
import { decodeBody, encodeBody, type HandshakeBody } from '../wire/messages.ts';
import { handshakePacket, PacketKind, PROTOCOL_VERSION, TAG_BYTES } from '../wire/packet.ts';
import { slimCertificate, wholeCertificate } from '../wire/slim-certificate.ts';
import { agree, type EphemeralKey, ephemeralKey, expand, ROOT_BYTES, X25519_BYTES } from './keys.ts';
import { TICKET_ID_BYTES, type Ticket } from './tickets.ts';
import { ANONYMOUS, type Expectation, fits, type OwnIdentity, type PeerIdentity, type Trust } from './trust.ts';

export const SUITE_RSA_X25519_AES256GCM = 1;
/** Beside a fresh ephemeral key 16 bytes are plenty. */
export const NONCE_BYTES = 16;
const SK1 = Buffer.from('wren SK1');
const RESPONDER = Buffer.from('wren SK1 responder');
const INITIATOR = Buffer.from('wren SK1 initiator');
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } as const;

export interface Established {
  readonly root: Buffer;
  readonly remoteIndex: number;
  readonly peer: PeerIdentity;
  /** Of the ticket for the next handshake, 32 bytes. */
  readonly resumption: Buffer;
  /** When the proof of the other end runs out, wall clock; 0 of an anonymous one. */
  readonly provenUntilMs: number;
  /** The ticket that stood in for certificates. */
  readonly shown?: Ticket;
  /** The responder's knowledge of the initiator: what it proved itself with, now or when its ticket was made. */
  readonly certificate?: Buffer | undefined;
}

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  /** `sealed`: it opened with the keys of this handshake, so it is the other end's own word and no forger's. */
  | { readonly ok: false; readonly code: FailureCode; readonly sealed?: boolean };

/** The initiator's memory between Hello and Auth2. */
export interface InitiatorState {
  readonly localIndex: number;
  readonly ephemeral: EphemeralKey;
  readonly nonce: Buffer;
  readonly wantAuthority: boolean;
  readonly padded: boolean;
  /** Of a Hello that is not padded: bytes more than it needs, so that not every stream begins with as many. */
  readonly spareBytes?: number | undefined;
  /** Empty until the responder asked for one. */
  readonly cookie: Buffer;
  /** Body of the Hello last sent: part of the transcript. */
  readonly helloBody: Buffer;
  readonly packet: Buffer;
}

/**
 * `padded`: make the Hello so large that no Cookie or Auth1 that answers an unproven address is larger than the question.
 * Forwarded handshakes and streams have no need of it.
 */
export function beginInitiator(
  random: Random,
  options: Pick<InitiatorState, 'localIndex' | 'wantAuthority' | 'padded' | 'spareBytes'>,
): InitiatorState {
  const ephemeral = ephemeralKey(random.bytes(X25519_BYTES));
  return helloWith({ ...options, ephemeral, nonce: random.bytes(NONCE_BYTES) }, Buffer.alloc(0));
}

/** The same Hello with the cookie that the responder asked for; the cookie becomes ours. */
export function withCookie(state: InitiatorState, cookie: Buffer): InitiatorState {
  return helloWith(state, cookie);
}

function helloWith(
  state: Pick<InitiatorState, 'localIndex' | 'ephemeral' | 'nonce' | 'wantAuthority' | 'padded' | 'spareBytes'>,
  cookie: Buffer,
): InitiatorState {
  const body: Partial<HandshakeBody<'Hello'>> = {
    versions: [PROTOCOL_VERSION],
    suites: [SUITE_RSA_X25519_AES256GCM],
    senderIndex: state.localIndex,
    nonce: state.nonce,
    ephemeral: state.ephemeral.publicBytes,
    wantAuthority: state.wantAuthority,
    cookie,
  };
  const bare = encodeBody('Hello', body);
  // 8: envelope and receiver index; 3: tag and length of the padding itself.
  const whole = Math.max(0, HELLO_PACKET_BYTES - 8 - bare.length - 3);
  const padding = Buffer.alloc(state.padded ? whole : (state.spareBytes ?? 0));
  const helloBody = encodeBody('Hello', { ...body, padding });
  return { ...state, cookie, helloBody, packet: handshakePacket(PacketKind.hello, 0, helloBody) };
}

/** A Hello that is worth answering; undefined for garbage. */
export function parseHello(body: Buffer): HandshakeBody<'Hello'> | undefined {
  const hello = decodeBody('Hello', body);
  if (!hello || hello.nonce.length !== NONCE_BYTES || hello.ephemeral.length !== X25519_BYTES) return undefined;
  if (hello.versions.length > 16 || hello.suites.length > 16 || hello.senderIndex === 0) return undefined;
  if (hello.ticket.length !== 0 && hello.ticket.length !== TICKET_ID_BYTES) return undefined;
  return hello;
}

/** The responder's memory between Auth1 and Auth2. */
export interface ResponderState {
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly secret: Buffer;
  readonly t1: Buffer;
  readonly t2: Buffer;
  readonly ownNodeId: NodeId;
  readonly packet: Buffer;
}

/** Answers a Hello: one agreement and one RSA signature. */
export function answerHello(options: {
  random: Random;
  localIndex: number;
  helloBody: Buffer;
  hello: HandshakeBody<'Hello'>;
  own: OwnIdentity;
  trust: Trust;
}): Outcome<ResponderState> {
  const { random, hello, own } = options;
  if (!hello.versions.includes(PROTOCOL_VERSION) || !hello.suites.includes(SUITE_RSA_X25519_AES256GCM)) {
    return { ok: false, code: 'version-unsupported' };
  }
  const ephemeral = ephemeralKey(random.bytes(X25519_BYTES));
  const secret = agree(ephemeral, hello.ephemeral);
  if (!secret) return { ok: false, code: 'version-unsupported' };
  const nonce = random.bytes(NONCE_BYTES);
  const answer = { index: options.localIndex, nonce, ephemeral: ephemeral.publicBytes };
  const t1 = firstTranscript(options.helloBody, answer);
  const signature = signWith(own.privateKey, Buffer.concat([RESPONDER, t1, bytesOf(own.nodeId)]));
  const authorityCertificate = hello.wantAuthority ? options.trust.authorityDer : undefined;
  const proof = encodeBody('Proof', {
    certificate: slimCertificate(own.certificateDer),
    signature,
    ...(authorityCertificate ? { authorityCertificate: slimCertificate(authorityCertificate) } : {}),
  });
  const sealed = sealProof(secret, t1, 'wren SK1 responder proof', proof);
  const body = encodeBody('Auth1', {
    version: PROTOCOL_VERSION,
    suite: SUITE_RSA_X25519_AES256GCM,
    senderIndex: options.localIndex,
    nonce,
    ephemeral: ephemeral.publicBytes,
    sealed,
  });
  return {
    ok: true,
    value: {
      localIndex: options.localIndex,
      remoteIndex: hello.senderIndex,
      secret,
      t1,
      t2: secondTranscript(t1, sealed),
      ownNodeId: own.nodeId,
      packet: handshakePacket(PacketKind.auth1, hello.senderIndex, body),
    },
  };
}

/** What Auth1 has proven: all that Auth2 needs, but for who we are. */
export interface Answered {
  readonly secret: Buffer;
  readonly t2: Buffer;
  readonly remoteIndex: number;
  readonly peer: PeerIdentity;
  readonly provenUntilMs: number;
}

/** Checks Auth1 and makes Auth2. `own` undefined: stay anonymous. Whoever is not `expected` gets no proof of ours. */
export function finishInitiator(
  state: InitiatorState,
  body: Buffer,
  own: OwnIdentity | undefined,
  trust: Trust,
  expected?: Expectation,
): Outcome<Established & { packet: Buffer }> {
  const checked = checkAuth1(state, body, trust, expected);
  return checked.ok ? { ok: true, value: makeAuth2(checked.value, own) } : checked;
}

export function checkAuth1(
  state: InitiatorState,
  body: Buffer,
  trust: Trust,
  expected?: Expectation,
): Outcome<Answered> {
  const auth = decodeBody('Auth1', body);
  const malformed = { ok: false, code: 'certificate-invalid' } as const;
  if (!auth || auth.nonce.length !== NONCE_BYTES || auth.senderIndex === 0) return malformed;
  if (auth.version !== PROTOCOL_VERSION || auth.suite !== SUITE_RSA_X25519_AES256GCM) {
    return { ok: false, code: 'version-unsupported' };
  }
  const secret = agree(state.ephemeral, auth.ephemeral);
  if (!secret) return malformed;
  const t1 = firstTranscript(state.helloBody, {
    index: auth.senderIndex,
    nonce: auth.nonce,
    ephemeral: auth.ephemeral,
  });
  const opened = openProof(secret, t1, 'wren SK1 responder proof', auth.sealed);
  const proof = opened && decodeBody('Proof', opened);
  const certificate = proof && wholeCertificate(proof.certificate);
  if (!certificate) return malformed;
  const isSent = proof.authorityCertificate.length > 0;
  const judged = trust.judge(certificate, isSent ? wholeCertificate(proof.authorityCertificate) : undefined);
  if (!judged.ok) return judged;
  const { identity, publicKey, expiresAtMs: provenUntilMs } = judged;
  if (!verifyWith(publicKey, Buffer.concat([RESPONDER, t1, bytesOf(identity.nodeId)]), proof.signature))
    return malformed;
  if (!fits(identity, expected)) return { ok: false, code: 'certificate-invalid' };
  const t2 = secondTranscript(t1, auth.sealed);
  return { ok: true, value: { secret, t2, remoteIndex: auth.senderIndex, peer: identity, provenUntilMs } };
}

/** `own` undefined: anonymous. */
export function makeAuth2(answered: Answered, own: OwnIdentity | undefined): Established & { packet: Buffer } {
  const { secret, t2, remoteIndex, peer, provenUntilMs } = answered;
  const sealed = sealProof(secret, t2, 'wren SK1 initiator proof', initiatorProof(own, t2, peer.nodeId));
  const packet = handshakePacket(PacketKind.auth2, remoteIndex, encodeBody('Auth2', { sealed }));
  const keys = { root: rootOf(secret, t2), resumption: resumptionOf(secret, t2), remoteIndex };
  return { ...keys, peer, provenUntilMs, packet };
}

/** Checks Auth2. */
export function finishResponder(state: ResponderState, body: Buffer, trust: Trust): Outcome<Established> {
  const auth = decodeBody('Auth2', body);
  const opened = auth && openProof(state.secret, state.t2, 'wren SK1 initiator proof', auth.sealed);
  if (!opened) return { ok: false, code: 'certificate-invalid' };
  const proof = decodeBody('Proof', opened);
  if (!proof) return { ok: false, code: 'certificate-invalid', sealed: true };
  const { secret, t2, remoteIndex } = state;
  const established = { root: rootOf(secret, t2), resumption: resumptionOf(secret, t2), remoteIndex };
  if (proof.certificate.length === 0) {
    return { ok: true, value: { ...established, peer: ANONYMOUS, provenUntilMs: 0 } };
  }
  const certificate = wholeCertificate(proof.certificate);
  if (!certificate) return { ok: false, code: 'certificate-invalid', sealed: true };
  const judged = trust.judge(certificate, undefined);
  if (!judged.ok) return { ...judged, sealed: true };
  const signed = Buffer.concat([INITIATOR, state.t2, bytesOf(judged.identity.nodeId), bytesOf(state.ownNodeId)]);
  if (!verifyWith(judged.publicKey, signed, proof.signature)) {
    return { ok: false, code: 'certificate-invalid', sealed: true };
  }
  const { identity: peer, expiresAtMs: provenUntilMs } = judged;
  // A copy: what may stay must not hold the whole packet.
  return { ok: true, value: { ...established, peer, provenUntilMs, certificate: Buffer.from(certificate) } };
}

function initiatorProof(own: OwnIdentity | undefined, t2: Buffer, responder: NodeId): Buffer {
  if (!own) return encodeBody('Proof', {});
  const signed = Buffer.concat([INITIATOR, t2, bytesOf(own.nodeId), bytesOf(responder)]);
  return encodeBody('Proof', {
    certificate: slimCertificate(own.certificateDer),
    signature: signWith(own.privateKey, signed),
  });
}

function firstTranscript(
  helloBody: Buffer,
  answer: { index: number; nonce: Uint8Array; ephemeral: Uint8Array },
): Buffer {
  return createHash('sha256')
    .update(SK1)
    .update(uint32(helloBody.length))
    .update(helloBody)
    .update(uint32(PROTOCOL_VERSION))
    .update(uint32(SUITE_RSA_X25519_AES256GCM))
    .update(uint32(answer.index))
    .update(answer.nonce)
    .update(answer.ephemeral)
    .digest();
}

function secondTranscript(t1: Buffer, sealed: Uint8Array): Buffer {
  return createHash('sha256').update(t1).update(sealed).digest();
}

function rootOf(secret: Buffer, t2: Buffer): Buffer {
  return expand(secret, t2, 'wren SK1 root', ROOT_BYTES);
}

function resumptionOf(secret: Buffer, t2: Buffer): Buffer {
  return expand(secret, t2, 'wren SK1 resumption', ROOT_BYTES);
}

/** Each key seals once, so the nonce is all zero. */
function sealProof(secret: Buffer, transcript: Buffer, info: string, proof: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', expand(secret, transcript, info, 32), Buffer.alloc(12));
  cipher.setAAD(transcript);
  return Buffer.concat([cipher.update(proof), cipher.final(), cipher.getAuthTag()]);
}

function openProof(secret: Buffer, transcript: Buffer, info: string, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', expand(secret, transcript, info, 32), Buffer.alloc(12));
  decipher.setAAD(transcript);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function signWith(privateKey: KeyObject, bytes: Buffer): Buffer {
  return sign('sha256', bytes, { key: privateKey, ...PSS });
}

function verifyWith(publicKey: KeyObject, bytes: Buffer, signature: Uint8Array): boolean {
  return verify('sha256', bytes, { key: publicKey, ...PSS }, signature);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
