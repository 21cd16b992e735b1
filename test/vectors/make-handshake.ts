/**
 * Vectors of the handshake: recorded runs. All chance is fixed but one: RSA-PSS salts its signatures, so a run is
 * recorded once and checked in full ever after, while everything else comes out the same whenever it is made.
 */
import { createDecipheriv } from 'node:crypto';
import { PinnedTrust } from '../../src/net/node/trust.ts';
import type { Random } from '../../src/net/protocol/core.ts';
import {
  answerHello,
  beginInitiator,
  finishInitiator,
  finishResponder,
  type InitiatorState,
  parseHello,
  type ResponderState,
  withCookie,
} from '../../src/net/transport/handshake.ts';
import { expand } from '../../src/net/transport/keys.ts';
import { Session } from '../../src/net/transport/session.ts';
import { decodeBody, encodeBody, encodeMessage, message } from '../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind, readPacket } from '../../src/net/wire/packet.ts';
import { type CastName, certificateDer, identity } from './identities.ts';
import { DURING_MS, directions, hex, pin, run } from './make-sessions.ts';
import type { VectorFile } from './make-wire.ts';

interface Run {
  readonly what: string;
  readonly carrier: 'udp' | 'stream' | 'forward';
  readonly initiator: CastName | null;
  readonly responder: CastName;
  readonly wantAuthority: boolean;
  readonly cookie: boolean;
}

const RUNS: readonly Run[] = [
  {
    what: 'a person attaches to a supernode by datagrams: the Hello is padded',
    carrier: 'udp',
    initiator: 'alice1',
    responder: 'supernode',
    wantAuthority: false,
    cookie: false,
  },
  {
    what: 'the same while the supernode is busy: the Hello goes twice, the second time with the cookie',
    carrier: 'udp',
    initiator: 'bobby1',
    responder: 'supernode',
    wantAuthority: false,
    cookie: true,
  },
  {
    what: 'a new program at the login server: anonymous, knows the pin alone, asks for the CA certificate',
    carrier: 'stream',
    initiator: null,
    responder: 'login-server',
    wantAuthority: true,
    cookie: false,
  },
  {
    what: 'anonymous at the login server',
    carrier: 'stream',
    initiator: null,
    responder: 'login-server',
    wantAuthority: false,
    cookie: false,
  },
  {
    what: 'a person renews a certificate, having lost that of the CA',
    carrier: 'stream',
    initiator: 'alice1',
    responder: 'login-server',
    wantAuthority: true,
    cookie: false,
  },
  {
    what: 'two people, forwarded by a supernode',
    carrier: 'forward',
    initiator: 'alice1',
    responder: 'bobby1',
    wantAuthority: false,
    cookie: false,
  },
];

const COOKIE = run(0x51, 16);

/** Records all runs anew: signatures differ each time. */
export function handshakeFile(): VectorFile {
  return {
    what: 'Recorded runs of the handshake SK1 and the first packet each way (PROTOCOL.md, sections 5 and 6). Signatures are salted, so they can be verified but not made again; all other bytes follow from what is given.',
    fields: {
      at_ms: 'wall clock of the run, for the dates of certificates',
      identity: 'whose certificate and key in identities/ this end has; null: it stays anonymous',
      private: 'X25519 private key of this end, as drawn',
      nonce: '16 bytes, as drawn',
      index: 'the receiver index that this end wants on packets to it',
      cookie: 'what the responder asked for, or null',
      hello_packets: 'whole packets before the mask; of two the second, with the cookie, is the one that counts',
      cookie_packet: 'the packet that brought the cookie, or null',
      shared: 'S, the X25519 secret',
      t1: 'transcript up to the responder’s ephemeral key',
      responder_proof_key: 'AES-256 key of `sealed` in Auth1',
      responder_proof:
        'what is sealed there: certificate as it travels, signature over "wren SK1 responder" | T1 | node id, CA certificate or nothing',
      t2: 'transcript with the responder’s sealed proof',
      initiator_proof_key: 'AES-256 key of `sealed` in Auth2',
      initiator_proof:
        'what is sealed there, with the signature over "wren SK1 initiator" | T2 | both node ids; empty when anonymous',
      root: 'from which the keys of both directions come, each a key and a salt',
      confirmation: 'the responder’s first packet: an acknowledgement of nothing, counter 0',
      first_message: 'the initiator’s first packet, counter 0, and its plaintext',
    },
    at_ms: DURING_MS,
    runs: RUNS.map((one, i) => record(one, i)),
  };
}

function record(one: Run, number: number) {
  const chance = { initiator: run(0x10 * number, 48), responder: run(0x80 + 0x10 * number, 48) };
  const indexes = { initiator: 0x01020304 + number, responder: 0xf1f2f3f4 + number };
  const trust = (knowsAuthority: boolean) =>
    new PinnedTrust({
      pin: pin(),
      wallClock: () => DURING_MS,
      authorityDer: knowsAuthority ? certificateDer('authority') : undefined,
    });
  const first = beginInitiator(scripted(chance.initiator), {
    localIndex: indexes.initiator,
    wantAuthority: one.wantAuthority,
    padded: one.carrier === 'udp',
  });
  const begun = one.cookie ? withCookie(first, COOKIE) : first;
  const responder = must(answered(one, begun, chance.responder, indexes.responder, trust(true)));
  const own = one.initiator === null ? undefined : identity(one.initiator);
  const done = finishInitiator(begun, bodyOf(responder.packet), own, trust(!one.wantAuthority));
  if (!done.ok) throw new Error(done.code);
  const end = finishResponder(responder, bodyOf(done.value.packet), trust(true));
  if (!end.ok || !end.value.root.equals(done.value.root)) throw new Error('the ends do not agree');
  const cookieBody = encodeBody('Cookie', { cookie: COOKIE });
  const { root } = end.value;
  return {
    what: one.what,
    carrier: one.carrier,
    want_authority: one.wantAuthority,
    initiator: {
      identity: one.initiator,
      private: hex(chance.initiator.subarray(0, 32)),
      nonce: hex(chance.initiator.subarray(32)),
      index: indexes.initiator,
    },
    responder: {
      identity: one.responder,
      private: hex(chance.responder.subarray(0, 32)),
      nonce: hex(chance.responder.subarray(32)),
      index: indexes.responder,
    },
    cookie: one.cookie ? hex(COOKIE) : null,
    hello_packets: (one.cookie ? [first, begun] : [begun]).map((state) => hex(state.packet)),
    cookie_packet: one.cookie ? hex(handshakePacket(PacketKind.cookie, indexes.initiator, cookieBody)) : null,
    auth1_packet: hex(responder.packet),
    auth2_packet: hex(done.value.packet),
    shared: hex(responder.secret),
    t1: hex(responder.t1),
    ...proof('responder', responder.secret, responder.t1, decodeBody('Auth1', bodyOf(responder.packet))?.sealed),
    t2: hex(responder.t2),
    ...proof('initiator', responder.secret, responder.t2, decodeBody('Auth2', bodyOf(done.value.packet))?.sealed),
    root: hex(root),
    ...directions(root),
    ...firstPackets(root, indexes),
  };
}

function answered(one: Run, begun: InitiatorState, chance: Buffer, localIndex: number, trust: PinnedTrust) {
  const helloBody = begun.helloBody;
  const hello = parseHello(helloBody);
  if (!hello) throw new Error('our own Hello is garbage');
  return answerHello({ random: scripted(chance), localIndex, helloBody, hello, own: identity(one.responder), trust });
}

/** The key of a sealed proof and what is in it. */
function proof(of: 'responder' | 'initiator', secret: Buffer, transcript: Buffer, sealed: Uint8Array | undefined) {
  const key = expand(secret, transcript, `wren SK1 ${of} proof`, 32);
  const bytes = Buffer.from(sealed ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAAD(transcript);
  decipher.setAuthTag(bytes.subarray(-16));
  const opened = decodeBody('Proof', Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]));
  return {
    [`${of}_proof_key`]: hex(key),
    [`${of}_proof`]: {
      certificate: hex(opened?.certificate),
      signature: hex(opened?.signature),
      authority_certificate: hex(opened?.authorityCertificate),
    },
  };
}

function bodyOf(packet: Buffer): Buffer {
  return readPacket(packet)?.body ?? Buffer.alloc(0);
}

function firstPackets(root: Buffer, indexes: { initiator: number; responder: number }) {
  const toInitiator = new Session({ role: 'responder', root, remoteIndex: indexes.initiator });
  const toResponder = new Session({ role: 'initiator', root, remoteIndex: indexes.responder });
  const confirmation = Buffer.from('010000000000000000', 'hex');
  const plaintext = Buffer.concat([Buffer.from('02', 'hex'), encodeMessage(message('keepAlive', { id: 1 }))]);
  return {
    confirmation: { plaintext: hex(confirmation), packet: hex(toInitiator.seal(confirmation)) },
    first_message: { plaintext: hex(plaintext), packet: hex(toResponder.seal(plaintext)) },
  };
}

function must(outcome: ReturnType<typeof answerHello>): ResponderState {
  if (!outcome.ok) throw new Error(outcome.code);
  return outcome.value;
}

/** Chance that was decided before. */
export function scripted(bytes: Buffer): Random {
  let at = 0;
  return {
    bytes(count) {
      if (at + count > bytes.length) throw new Error('more chance was asked for than the vector has');
      at += count;
      return Buffer.from(bytes.subarray(at - count, at));
    },
    fraction: () => 0,
  };
}
