/** Vectors of the short handshake between two who have met before. Nothing in it is signed, so all can be made again. */
import { beginInitiator, parseHello, withCookie } from '../../src/net/transport/handshake.ts';
import { expand } from '../../src/net/transport/keys.ts';
import { answerTicket, finishAnswered, finishShown, showTicket } from '../../src/net/transport/resumption.ts';
import { type Ticket, ticketId } from '../../src/net/transport/tickets.ts';
import { decodeBody, encodeBody } from '../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind, readPacket } from '../../src/net/wire/packet.ts';
import { type CastName, identity } from './identities.ts';
import { scripted } from './make-handshake.ts';
import { DURING_MS, hex, run } from './make-sessions.ts';
import type { VectorFile } from './make-wire.ts';

const COOKIE = run(0x51, 16);

interface Run {
  readonly what: string;
  readonly initiator: CastName;
  readonly responder: CastName;
  readonly cookie: boolean;
}

const RUNS: readonly Run[] = [
  { what: 'a person comes back to a supernode', initiator: 'alice1', responder: 'supernode', cookie: false },
  {
    what: 'the same while the supernode is busy: with the cookie the ticket is shown again',
    initiator: 'alice1',
    responder: 'supernode',
    cookie: true,
  },
  { what: 'two people', initiator: 'bobby1', responder: 'alice1', cookie: false },
];

export function resumptionFile(): VectorFile {
  return {
    what: 'Tickets, and short handshakes by them (PROTOCOL.md, section 5, "Resumption").',
    fields: {
      secrets: 'how a handshake’s S and T2 lead to the secret of its ticket, and to the id',
      ticket: 'what both ends have of their last handshake: secret, id and both node ids',
      private: 'X25519 private key of this end, as drawn',
      nonce: '16 bytes, as drawn',
      hello_packets: 'whole packets as sent; of two the second, with the cookie, is the one that counts',
      cookie_packet: 'the packet that brought the cookie, or null',
      shared: 'S, the X25519 secret',
      t1: 'transcript up to the responder’s ephemeral key, with both node ids',
      t2: 'transcript with the responder’s confirm',
      next_secret: 'of the ticket for the next time',
      refused: 'what a supernode says by UDP to a ticket that it does not know, with this cookie',
    },
    secrets: [0x00, 0x40].map((first) => {
      const [shared, t2] = [run(first, 32), run(first + 0x80, 32)];
      const secret = expand(shared, t2, 'wren SK1 resumption', 32);
      return { shared: hex(shared), t2: hex(t2), secret: hex(secret), id: hex(ticketId(secret)) };
    }),
    runs: RUNS.map(record),
    refused: { cookie: hex(COOKIE), receiver_index: 0x01020304, packet: hex(cookiePacket(0x01020304, true)) },
  };
}

function record(one: Run, number: number) {
  const chance = { initiator: run(0x08 + 0x10 * number, 48), responder: run(0x88 + 0x10 * number, 48) };
  const indexes = { initiator: 0x0a0b0c0d + number, responder: 0xe1e2e3e4 + number };
  const [from, to] = [identity(one.initiator).nodeId, identity(one.responder).nodeId];
  const kept = { secret: run(0x30 + number, 32), expiresAtMs: DURING_MS, key: undefined };
  const person = { kind: 'person', name: '' } as const;
  const ours: Ticket = { ...kept, own: from, peer: { ...person, nodeId: to } };
  const theirs: Ticket = { ...kept, own: to, peer: { ...person, nodeId: from } };
  const options = { localIndex: indexes.initiator, wantAuthority: false, padded: true };
  const first = beginInitiator(scripted(chance.initiator), options);
  const state = one.cookie ? withCookie(first, COOKIE) : first;
  const shown = showTicket(state, ours);
  const hello = parseHello(shown.helloBody);
  if (!hello) throw new Error('our own Hello is garbage');
  const begun = { random: scripted(chance.responder), localIndex: indexes.responder, helloBody: shown.helloBody };
  const answered = answerTicket({ ...begun, hello, ticket: theirs });
  if (!answered.ok) throw new Error(answered.code);
  const auth1 = decodeBody('Auth1', bodyOf(answered.value.packet));
  const done = auth1 && finishShown(state, shown, auth1);
  if (!done?.ok) throw new Error('the initiator does not agree');
  const end = finishAnswered(answered.value, bodyOf(done.value.packet));
  if (!end.ok || !end.value.root.equals(done.value.root)) throw new Error('the ends do not agree');
  return {
    what: one.what,
    ticket: {
      secret: hex(ours.secret),
      id: hex(ticketId(ours.secret)),
      initiator_node_id: from,
      responder_node_id: to,
    },
    initiator: endOf(chance.initiator, indexes.initiator),
    responder: endOf(chance.responder, indexes.responder),
    cookie: one.cookie ? hex(COOKIE) : null,
    hello_packets: [...(one.cookie ? [hex(showTicket(first, ours).packet)] : []), hex(shown.packet)],
    cookie_packet: one.cookie ? hex(cookiePacket(indexes.initiator, false)) : null,
    auth1_packet: hex(answered.value.packet),
    auth2_packet: hex(done.value.packet),
    shared: hex(answered.value.secret.subarray(0, 32)),
    t1: hex(answered.value.t1),
    t2: hex(answered.value.t2),
    root: hex(done.value.root),
    next_secret: hex(done.value.resumption),
  };
}

function cookiePacket(receiverIndex: number, inFull: boolean): Buffer {
  return handshakePacket(PacketKind.cookie, receiverIndex, encodeBody('Cookie', { cookie: COOKIE, inFull }));
}

function endOf(chance: Buffer, index: number) {
  return { private: hex(chance.subarray(0, 32)), nonce: hex(chance.subarray(32)), index };
}

function bodyOf(packet: Buffer): Buffer {
  return readPacket(packet)?.body ?? Buffer.alloc(0);
}
