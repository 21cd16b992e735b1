/** Short handshakes: what they save, who may have one, what happens when one is refused, and what cannot be forged. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HANDSHAKES_BEFORE_COOKIE,
  HANDSHAKES_PENDING_MAX,
  HELLO_PACKET_BYTES,
  TICKET_LIFETIME_MS,
} from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { Switchboard, type SwitchboardOutput } from '../../../src/net/transport/switchboard.ts';
import { keyOfNode, type Ticket, TicketBook } from '../../../src/net/transport/tickets.ts';
import { decodeBody, encodeBody, message } from '../../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind, readPacket } from '../../../src/net/wire/packet.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { TwoSwitchboards } from '../../support/two-switchboards.ts';

const net = makeAuthority();
const alice = net.issue({ name: 'alice1' }, 'alice');
const bobby = net.issue({ name: 'bobby1' }, 'bobby');
const carol = net.issue({ name: 'carol1' }, 'carol');
const supernode = net.issue('supernode', 'supernode');
const PLACE = 'place 10.0.0.2 4000';
const EXPECT_SUPERNODE = { kind: 'supernode' } as const;
const BY_PLACE = { expect: EXPECT_SUPERNODE, place: PLACE } as const;
const kindOf = (bytes: Buffer): number => (bytes[0] ?? 0) >> 4;
const bodyOf = (bytes: Buffer): Buffer => readPacket(bytes)?.body ?? Buffer.alloc(0);
const isHandshake = (bytes: Buffer): boolean => kindOf(bytes) !== PacketKind.data;

/** Alice's program and a supernode (or Bobby's), who keep their tickets from one world to the next. */
class Acquaintance {
  wallMs = WALL_MS;
  ours = new TicketBook(() => this.wallMs);
  theirs = new TicketBook(() => this.wallMs);
  #seed = 1;

  world(carrier: 'udp' | 'stream' | 'forward' = 'udp', { own = alice, other = supernode } = {}): TwoSwitchboards {
    const trust = { a: net.trust(), b: net.trust() };
    const tickets = { a: this.ours, b: this.theirs };
    return new TwoSwitchboards({ seed: this.#seed++, trust, identity: { a: own, b: other }, carrier, tickets });
  }

  /** One meeting, after which both have a ticket. */
  meet(carrier: 'udp' | 'stream' | 'forward' = 'udp', who: { own?: typeof alice; other?: typeof alice } = {}): this {
    const w = this.world(carrier, who);
    w.connect(carrier === 'forward' ? byNode(who.other ?? bobby) : BY_PLACE);
    w.advance(1_000);
    expect(w.events('b', 'established')).toHaveLength(1);
    return this;
  }

  /** The ticket that we would show. */
  get ticket(): Ticket {
    const [ticket] = this.ours.entries();
    if (!ticket) throw new Error('there is none');
    return ticket;
  }
}

function byNode({ nodeId }: { readonly nodeId: string }) {
  return { expect: { kind: 'person', nodeId } } as const;
}

function handshakeBytes(w: TwoSwitchboards): number {
  return w.captured.filter(({ bytes }) => isHandshake(bytes)).reduce((sum, { bytes }) => sum + bytes.length, 0);
}

describe('who has met before', () => {
  it.each(['udp', 'stream'] as const)(
    'needs no certificate any more, by %s: 0.3 kB instead of 2 and more',
    (carrier) => {
      const known = new Acquaintance().meet(carrier);
      const w = known.world(carrier);
      const session = w.connect(BY_PLACE);
      w.advance(1_000);
      expect(w.captured.filter(({ bytes }) => isHandshake(bytes)).map(({ bytes }) => kindOf(bytes))).toEqual([1, 3, 4]);
      expect(handshakeBytes(w)).toBeLessThan(300);
      expect(w.a.peerOf(session)).toMatchObject({ kind: 'supernode', nodeId: supernode.nodeId });
      expect(w.b.peerOf(w.sessionAt('b'))).toEqual({ kind: 'person', name: 'alice1', nodeId: alice.nodeId });
      w.a.send(w.now, session, message('keepAlive', { id: 1 }));
      w.b.send(w.now, w.sessionAt('b'), message('keepAliveReply', { id: 1 }));
      w.advance(500);
      expect([w.events('b', 'message').length, w.events('a', 'message').length]).toEqual([1, 1]);
    },
  );

  it('need not be whoever began last time, between two people', () => {
    const known = new Acquaintance().meet('forward', { own: alice, other: bobby });
    [known.ours, known.theirs] = [known.theirs, known.ours];
    const w = known.world('forward', { own: bobby, other: alice });
    w.connect(byNode(alice));
    w.advance(1_000);
    expect(handshakeBytes(w)).toBeLessThan(300);
    expect(w.b.peerOf(w.sessionAt('b'))?.name).toBe('bobby1');
  });

  it('shows another id each time, and has different keys', () => {
    const known = new Acquaintance().meet();
    const ids = new Set<string>();
    for (let time = 0; time < 4; time++) {
      const w = known.world();
      w.connect(BY_PLACE);
      w.advance(1_000);
      const hello = decodeBody('Hello', bodyOf(w.captured[0]?.bytes ?? Buffer.alloc(0)));
      expect(hello?.ticket).toHaveLength(16);
      ids.add(Buffer.from(hello?.ticket ?? []).toString('hex'));
      expect([known.ours.size, known.theirs.size]).toEqual([1, 1]);
    }
    expect(ids.size).toBe(4);
  });

  it('is through although packets are lost', () => {
    for (let seed = 0; seed < 12; seed++) {
      const known = new Acquaintance().meet();
      const w = known.world();
      w.wire = { loss: 0.3, jitterMs: 50 };
      w.connect(BY_PLACE);
      w.advance(12_000);
      expect(w.events('a', 'established'), `seed ${seed}`).toHaveLength(1);
    }
  });

  it('never has to prove anything to a login server by it: those keep no tickets', () => {
    const server = net.issue('login-server', 'server');
    const known = new Acquaintance();
    const w = known.world('stream', { other: server });
    w.connect({ expect: { kind: 'login-server' }, place: PLACE });
    w.advance(1_000);
    expect(known.ours.size).toBe(0);
  });

  it('is shown no ticket by somebody anonymous, nor for another place, nor when somebody else is expected', () => {
    const known = new Acquaintance().meet();
    for (const options of [
      { ...BY_PLACE, anonymous: true },
      { ...BY_PLACE, place: 'place 10.0.0.9 4000' },
      { expect: { kind: 'login-server' }, place: PLACE } as const,
      { ...BY_PLACE, wantAuthority: true },
    ]) {
      const w = known.world();
      w.connect(options);
      expect(decodeBody('Hello', bodyOf(w.captured[0]?.bytes ?? Buffer.alloc(0)))?.ticket).toHaveLength(0);
    }
  });
});

describe('a ticket that is no good', () => {
  it('costs a round trip more by datagrams: the other end asks for the Hello in full, in fewer bytes than it got', () => {
    const known = new Acquaintance().meet();
    known.theirs.clear();
    const w = known.world();
    w.connect(BY_PLACE);
    w.advance(100);
    const handshake = w.captured.filter(({ bytes }) => isHandshake(bytes)).map(({ bytes }) => bytes);
    expect(handshake.map(kindOf)).toEqual([1, 2, 1, 3, 4]);
    const [shown, cookie, full] = handshake as [Buffer, Buffer, Buffer];
    expect(cookie.length).toBeLessThan(shown.length);
    expect(full.length).toBe(HELLO_PACKET_BYTES);
    expect(decodeBody('Hello', bodyOf(full))?.ticket).toHaveLength(0);
    expect(w.events('a', 'established')).toHaveLength(1);
  });

  it.each(['stream', 'forward'] as const)('costs nothing but its own bytes by %s: the same Hello serves', (carrier) => {
    const other = carrier === 'forward' ? bobby : supernode;
    const known = new Acquaintance().meet(carrier, { other });
    known.theirs.clear();
    const w = known.world(carrier, { other });
    w.connect(carrier === 'forward' ? byNode(bobby) : BY_PLACE);
    w.advance(1_000);
    const kinds = w.captured.filter(({ bytes }) => isHandshake(bytes)).map(({ bytes }) => kindOf(bytes));
    expect(kinds).toEqual([1, 3, 4]);
    expect(w.events('a', 'established')).toHaveLength(1);
    expect([known.ours.size, known.theirs.size]).toEqual([1, 1]);
  });

  it('is got over although the other end knows nothing of tickets, and drops what is short', () => {
    const known = new Acquaintance().meet();
    const w = known.world();
    w.tamper = (from, bytes) =>
      from === 'a' && kindOf(bytes) === PacketKind.hello && bytes.length < HELLO_PACKET_BYTES ? undefined : bytes;
    w.connect(BY_PLACE);
    w.advance(1_000);
    expect(w.events('a', 'established')).toHaveLength(1);
  });

  it('is one after 72 hours, or when the proof of the other end has run out', () => {
    const known = new Acquaintance().meet();
    known.wallMs += TICKET_LIFETIME_MS - 1;
    expect(known.ours.find(alice.nodeId, PLACE, undefined)).toBeDefined();
    known.wallMs += 1;
    expect(known.ours.find(alice.nodeId, PLACE, undefined)).toBeUndefined();
    const brief = net.issue({ name: 'alice1' }, 'alice', 3_600_000);
    const soon = new Acquaintance().meet('udp', { own: brief });
    soon.wallMs += 3_600_001;
    const w = soon.world('udp', { own: net.issue({ name: 'alice1' }, 'alice') });
    w.connect(BY_PLACE);
    w.advance(1_000);
    expect(w.captured.map(({ bytes }) => kindOf(bytes)).slice(0, 5)).toEqual([1, 2, 1, 3, 4]);
  });

  it('hands its end on: ever new sessions do not make one proof last longer', () => {
    const known = new Acquaintance().meet();
    const { expiresAtMs } = known.ticket;
    known.wallMs += TICKET_LIFETIME_MS / 2;
    known.meet();
    expect(known.ticket.expiresAtMs).toBe(expiresAtMs);
  });

  it('is one for whoever is somebody else by now, at either end', () => {
    const known = new Acquaintance().meet();
    const w = known.world('udp', { own: bobby });
    w.connect(BY_PLACE);
    expect(w.captured[0]?.bytes).toHaveLength(HELLO_PACKET_BYTES);
    const replaced = new Acquaintance().meet();
    const v = replaced.world('udp', { other: net.issue('supernode', 'another') });
    v.connect(BY_PLACE);
    v.advance(1_000);
    expect(v.captured.map(({ bytes }) => kindOf(bytes)).slice(0, 3)).toEqual([1, 2, 1]);
    expect(v.events('a', 'established')).toHaveLength(1);
  });
});

describe('what cannot be forged', () => {
  it('an answer to one Hello fits no other, even when it is made with the ticket in hand', () => {
    const known = new Acquaintance().meet();
    const thief = { ...known.ticket };
    const w = known.world();
    w.connect(BY_PLACE);
    const recorded = w.captured.map(({ bytes }) => bytes);
    const evil = new Switchboard({ random: seededRandom('thief'), trust: net.trust(), tickets: bookOf(thief, true) });
    evil.setIdentity(supernode);
    const [answer] = sentBy(evil, recorded[0] as Buffer);
    expect(decodeBody('Auth1', bodyOf(answer as Buffer))?.confirm).toHaveLength(32);
    const again = known.world();
    again.connect(BY_PLACE);
    again.tamper = (from, bytes) => (from === 'b' && kindOf(bytes) === PacketKind.auth1 ? answer : bytes);
    again.advance(300);
    expect(again.events('a', 'established')).toEqual([]);
  });

  it('no value of the three packets can be changed, whatever bit is turned over', () => {
    const bodies = [
      [PacketKind.hello, 'Hello'],
      [PacketKind.auth1, 'Auth1'],
      [PacketKind.auth2, 'Auth2'],
    ] as const;
    for (const [kind, name] of bodies) {
      fc.assert(
        fc.property(fc.nat(), fc.nat({ max: 7 }), (place, bit) => {
          const known = new Acquaintance().meet('stream');
          const w = known.world('stream');
          let meansTheSame = false;
          w.tamper = (_from, bytes) => {
            if (kindOf(bytes) !== kind) return bytes;
            const before = decodeBody(name, bodyOf(bytes));
            const at = 8 + (place % (bytes.length - 8));
            bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
            // A varint can be written in more ways than one: bits above the 32nd, which every reader drops.
            meansTheSame ||= isDeepStrictEqual(decodeBody(name, bodyOf(bytes)), before);
            return bytes;
          };
          w.connect(BY_PLACE);
          w.advance(2_000);
          if (meansTheSame) return;
          const [ours, theirs] = [w.events('a', 'established').length, w.events('b', 'established').length];
          // An Auth2 that was changed leaves the initiator with a session that nobody answers.
          expect(theirs).toBe(0);
          if (kind !== PacketKind.auth2) expect(ours).toBe(0);
        }),
        { numRuns: 40, examples: kind === PacketKind.auth1 ? [[1_945_892_937, 4]] : [] },
      );
    }
  });

  it('a ticket that is stripped or swapped on the way ends the handshake; nothing weaker comes of it', () => {
    for (const change of [
      (hello: Hello): Hello => ({ ...hello, ticket: Buffer.alloc(0), binder: Buffer.alloc(0) }),
      (hello: Hello): Hello => ({ ...hello, ticket: Buffer.alloc(16, 7) }),
      (hello: Hello): Hello => ({ ...hello, binder: Buffer.alloc(32, 7) }),
    ]) {
      const known = new Acquaintance().meet('stream');
      const w = known.world('stream');
      w.tamper = (_from, bytes) => {
        const hello = kindOf(bytes) === PacketKind.hello ? decodeBody('Hello', bodyOf(bytes)) : undefined;
        return hello ? handshakePacket(PacketKind.hello, 0, encodeBody('Hello', change(hello))) : bytes;
      };
      w.connect(BY_PLACE);
      w.advance(2_000);
      expect([...w.events('a', 'established'), ...w.events('b', 'established')]).toEqual([]);
    }
  });

  it('a ticket of one is no ticket of another: it is looked up, bound and confirmed with both node ids', () => {
    const known = new Acquaintance().meet('forward', { own: alice, other: bobby });
    const stolen = known.ticket;
    // Carol has the secret, and shows it in her own name.
    known.ours = bookOf({ ...stolen, own: carol.nodeId });
    const w = known.world('forward', { own: carol, other: bobby });
    w.connect(byNode(bobby));
    w.advance(1_000);
    expect(w.events('b', 'established').map(({ peer }) => peer.name)).toEqual(['carol1']);
  });

  it('a Hello that is thrown back to its maker is not bound', () => {
    const known = new Acquaintance().meet('forward', { own: alice, other: bobby });
    const board = new Switchboard({ random: seededRandom('mirror'), trust: net.trust(), tickets: known.ours });
    board.setIdentity(alice);
    board.connect(0, { via: 'forward', node: bobby.nodeId }, byNode(bobby));
    const [hello] = sends(board.drain());
    const [answer] = sentBy(board, hello as Buffer, { via: 'forward', node: bobby.nodeId });
    expect(decodeBody('Auth1', bodyOf(answer as Buffer))?.confirm).toHaveLength(0);
  });

  it('an id without its secret gets what any short question gets, and uses nothing up', () => {
    const known = new Acquaintance().meet();
    const board = responder(known);
    const w = known.world();
    w.connect(BY_PLACE);
    const hello = decodeBody('Hello', bodyOf(w.captured[0]?.bytes ?? Buffer.alloc(0))) as Hello;
    const forged = handshakePacket(PacketKind.hello, 0, encodeBody('Hello', { ...hello, nonce: Buffer.alloc(16) }));
    expect(sentBy(board, forged).map(kindOf)).toEqual([PacketKind.cookie]);
    expect(known.theirs.size).toBe(1);
  });
});

describe('a Hello that is played again', () => {
  it('after its session is there finds no ticket', () => {
    const known = new Acquaintance().meet();
    const w = known.world();
    w.connect(BY_PLACE);
    w.advance(1_000);
    const board = responder(known);
    expect(sentBy(board, w.captured[0]?.bytes ?? Buffer.alloc(0)).map(kindOf)).toEqual([PacketKind.cookie]);
  });

  it('from a thousand addresses makes no more state than any other, and each gets fewer bytes than it sent', () => {
    const known = new Acquaintance().meet();
    const w = known.world();
    w.connect(BY_PLACE);
    const hello = w.captured[0]?.bytes ?? Buffer.alloc(0);
    const board = responder(known);
    const kinds: number[] = [];
    for (let i = 0; i < 1_000; i++) {
      const answers = sentBy(board, hello, udp(`10.1.${i >> 8}.${i & 255}`));
      for (const answer of answers) expect(answer.length).toBeLessThanOrEqual(hello.length);
      kinds.push(...answers.map(kindOf));
    }
    expect(kinds.filter((kind) => kind === PacketKind.auth1)).toHaveLength(HANDSHAKES_BEFORE_COOKIE);
    expect(HANDSHAKES_BEFORE_COOKIE).toBeLessThan(HANDSHAKES_PENDING_MAX);
  });

  it('while the other end is busy goes again with the cookie, and with its ticket still', () => {
    const known = new Acquaintance().meet();
    const board = responder(known);
    for (let i = 0; i < HANDSHAKES_BEFORE_COOKIE; i++) {
      const stranger = new Switchboard({ random: seededRandom(`stranger ${i}`), trust: net.trust() });
      stranger.connect(0, udp('10.0.0.2'), {});
      sentBy(board, sends(stranger.drain())[0] as Buffer, udp(`10.9.0.${i}`));
    }
    const us = new Switchboard({ random: seededRandom('us'), trust: net.trust(), tickets: known.ours });
    us.setIdentity(alice);
    us.connect(0, udp('10.0.0.2'), BY_PLACE);
    let packets = sends(us.drain());
    const seen: number[] = [];
    for (let turn = 0; turn < 6 && packets.length > 0; turn++) {
      seen.push(...packets.map(kindOf));
      packets = packets.flatMap((packet) =>
        turn % 2 === 0 ? sentBy(board, packet, udp('10.0.0.1')) : sentBy(us, packet, udp('10.0.0.2')),
      );
    }
    expect(seen.slice(0, 5)).toEqual([1, 2, 1, 3, 4]);
    expect(known.theirs.size).toBe(1);
  });
});

type Hello = NonNullable<ReturnType<typeof decodeBody<'Hello'>>>;

function udp(host: string): Route {
  return { via: 'udp', endpoint: { carrier: 'udp', host, port: 4000 } };
}

function responder(known: Acquaintance): Switchboard {
  const board = new Switchboard({ random: seededRandom('responder'), trust: net.trust(), tickets: known.theirs });
  board.setIdentity(supernode);
  return board;
}

/** A book with this one ticket; `turned`: as the other end has it. */
function bookOf(ticket: Ticket, turned = false): TicketBook {
  const book = new TicketBook(() => WALL_MS);
  const peer = { kind: 'person', name: 'alice1', nodeId: ticket.own } as const;
  book.keep(turned ? { ...ticket, own: ticket.peer.nodeId, peer, key: keyOfNode(ticket.own) } : ticket);
  return book;
}

function sends(outputs: readonly SwitchboardOutput[]): Buffer[] {
  return outputs.flatMap((output) => (output.type === 'send' ? [output.bytes] : []));
}

function sentBy(board: Switchboard, packet: Buffer, route: Route = udp('10.0.0.1')): Buffer[] {
  board.receiveBytes(0, route, packet);
  return sends(board.drain());
}
