/**
 * The short handshake between two nodes that have met before (PROTOCOL.md section 5, "Resumption"; the idea is the
 * pre-shared key with Diffie-Hellman of TLS 1.3, RFC 8446 2.2 and 4.2.11). Fresh X25519 keeps forward secrecy: the
 * ticket's secret alone opens nothing, and stands in for both signatures.
 *
 *   initiator                                       responder
 *     Hello (nonce, ephemeral, ticket, binder) ---->
 *                                            <----  Auth1 (nonce, ephemeral, confirm)
 *     Auth2 (confirm)                        ---->
 *
 * Pure functions over bytes, as in `handshake.ts`; which ticket is meant is for `tickets.ts`.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../protocol/core.ts';
import { bytesOf, type NodeId } from '../protocol/ids.ts';
import { decodeBody, encodeBody, type HandshakeBody } from '../wire/messages.ts';
import { handshakePacket, PacketKind, PROTOCOL_VERSION } from '../wire/packet.ts';
import {
  type Established,
  type InitiatorState,
  NONCE_BYTES,
  type Outcome,
  SUITE_RSA_X25519_AES256GCM,
} from './handshake.ts';
import { agree, ephemeralKey, expand, ROOT_BYTES, X25519_BYTES } from './keys.ts';
import { type Ticket, ticketId } from './tickets.ts';

export const MAC_BYTES = 32;
const REFUSED = { ok: false, code: 'certificate-invalid' } as const;

/** A Hello that shows a ticket. */
export interface ShownTicket {
  readonly ticket: Ticket;
  readonly helloBody: Buffer;
  readonly packet: Buffer;
}

/** The same Hello as in `state`, its cookie included, unpadded and with the ticket. */
export function showTicket(state: InitiatorState, ticket: Ticket): ShownTicket {
  const helloBody = encodeBody('Hello', {
    versions: [PROTOCOL_VERSION],
    suites: [SUITE_RSA_X25519_AES256GCM],
    senderIndex: state.localIndex,
    nonce: state.nonce,
    ephemeral: state.ephemeral.publicBytes,
    cookie: state.cookie,
    ticket: ticketId(ticket.secret),
    // Stands last, and covers what stands before.
    binder: Buffer.alloc(MAC_BYTES),
  });
  binderOf(ticket.secret, ticket.own, helloBody).copy(helloBody, helloBody.length - MAC_BYTES);
  return { ticket, helloBody, packet: handshakePacket(PacketKind.hello, 0, helloBody) };
}

/** Does whoever made this Hello have the ticket's secret? */
export function isBound(helloBody: Buffer, hello: HandshakeBody<'Hello'>, ticket: Ticket): boolean {
  if (hello.binder.length !== MAC_BYTES || !helloBody.subarray(-MAC_BYTES).equals(hello.binder)) return false;
  return timingSafeEqual(binderOf(ticket.secret, ticket.peer.nodeId, helloBody), hello.binder);
}

/** The responder's memory between Auth1 and Auth2. */
export interface ResumingState {
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly ticket: Ticket;
  /** Of the exchange and of the ticket, 64 bytes. */
  readonly secret: Buffer;
  readonly t1: Buffer;
  readonly t2: Buffer;
  readonly packet: Buffer;
}

/** Answers a Hello whose ticket is good and bound. */
export function answerTicket(options: {
  random: Random;
  localIndex: number;
  helloBody: Buffer;
  hello: HandshakeBody<'Hello'>;
  ticket: Ticket;
}): Outcome<ResumingState> {
  const { random, localIndex, hello, ticket } = options;
  if (!hello.versions.includes(PROTOCOL_VERSION) || !hello.suites.includes(SUITE_RSA_X25519_AES256GCM)) {
    return { ok: false, code: 'version-unsupported' };
  }
  const ephemeral = ephemeralKey(random.bytes(X25519_BYTES));
  const shared = agree(ephemeral, hello.ephemeral);
  if (!shared) return REFUSED;
  const secret = Buffer.concat([shared, ticket.secret]);
  const nonce = random.bytes(NONCE_BYTES);
  const answer = { index: localIndex, nonce, ephemeral: ephemeral.publicBytes };
  const t1 = transcript(options.helloBody, answer, ticket.peer.nodeId, ticket.own);
  const confirm = expand(secret, t1, 'wren SK1 resumed responder', MAC_BYTES);
  const body = encodeBody('Auth1', {
    version: PROTOCOL_VERSION,
    suite: SUITE_RSA_X25519_AES256GCM,
    senderIndex: localIndex,
    nonce,
    ephemeral: ephemeral.publicBytes,
    confirm,
  });
  const packet = handshakePacket(PacketKind.auth1, hello.senderIndex, body);
  const t2 = second(t1, confirm);
  return { ok: true, value: { localIndex, remoteIndex: hello.senderIndex, ticket, secret, t1, t2, packet } };
}

/** Checks an Auth1 that took the ticket, and makes Auth2. */
export function finishShown(
  state: InitiatorState,
  shown: ShownTicket,
  auth: HandshakeBody<'Auth1'>,
): Outcome<Established & { packet: Buffer }> {
  const { ticket, helloBody } = shown;
  if (auth.nonce.length !== NONCE_BYTES || auth.senderIndex === 0 || auth.confirm.length !== MAC_BYTES) return REFUSED;
  if (auth.version !== PROTOCOL_VERSION || auth.suite !== SUITE_RSA_X25519_AES256GCM) {
    return { ok: false, code: 'version-unsupported' };
  }
  const shared = agree(state.ephemeral, auth.ephemeral);
  if (!shared) return REFUSED;
  const secret = Buffer.concat([shared, ticket.secret]);
  const answer = { index: auth.senderIndex, nonce: auth.nonce, ephemeral: auth.ephemeral };
  const t1 = transcript(helloBody, answer, ticket.own, ticket.peer.nodeId);
  const confirmed = expand(secret, t1, 'wren SK1 resumed responder', MAC_BYTES);
  if (!timingSafeEqual(confirmed, auth.confirm)) return REFUSED;
  const t2 = second(t1, confirmed);
  const confirm = expand(secret, t2, 'wren SK1 resumed initiator', MAC_BYTES);
  const packet = handshakePacket(PacketKind.auth2, auth.senderIndex, encodeBody('Auth2', { confirm }));
  return { ok: true, value: { ...established(secret, t2, ticket), remoteIndex: auth.senderIndex, packet } };
}

/** Checks Auth2. */
export function finishAnswered(state: ResumingState, body: Buffer): Outcome<Established> {
  const confirm = decodeBody('Auth2', body)?.confirm;
  if (confirm?.length !== MAC_BYTES) return REFUSED;
  const expected = expand(state.secret, state.t2, 'wren SK1 resumed initiator', MAC_BYTES);
  if (!timingSafeEqual(expected, confirm)) return REFUSED;
  return { ok: true, value: { ...established(state.secret, state.t2, state.ticket), remoteIndex: state.remoteIndex } };
}

function established(secret: Buffer, t2: Buffer, ticket: Ticket): Omit<Established, 'remoteIndex'> {
  return {
    root: expand(secret, t2, 'wren SK1 root', ROOT_BYTES),
    resumption: expand(secret, t2, 'wren SK1 resumption', ROOT_BYTES),
    peer: ticket.peer,
    provenUntilMs: ticket.expiresAtMs,
    shown: ticket,
    certificate: ticket.certificate,
  };
}

/** The initiator's node id in the key: a Hello that is sent back to its maker is not bound. */
function binderOf(secret: Buffer, initiator: NodeId, helloBody: Buffer): Buffer {
  const key = expand(secret, bytesOf(initiator), 'wren SK1 binder', 32);
  return createHmac('sha256', key).update(helloBody.subarray(0, -MAC_BYTES)).digest();
}

function transcript(
  helloBody: Buffer,
  answer: { index: number; nonce: Uint8Array; ephemeral: Uint8Array },
  initiator: NodeId,
  responder: NodeId,
): Buffer {
  const numbers = Buffer.alloc(16);
  [helloBody.length, PROTOCOL_VERSION, SUITE_RSA_X25519_AES256GCM, answer.index].forEach((value, place) => {
    numbers.writeUInt32BE(value, 4 * place);
  });
  return createHash('sha256')
    .update('wren SK1 resumed')
    .update(numbers.subarray(0, 4))
    .update(helloBody)
    .update(numbers.subarray(4))
    .update(answer.nonce)
    .update(answer.ephemeral)
    .update(bytesOf(initiator))
    .update(bytesOf(responder))
    .digest();
}

function second(t1: Buffer, confirm: Uint8Array): Buffer {
  return createHash('sha256').update(t1).update(confirm).digest();
}
