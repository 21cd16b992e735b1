/**
 * What strangers can do to somebody who answers handshakes, and what they cannot: amplify, forge, starve others, learn
 * who is there, or make a node show its address.
 */
import { describe, expect, it } from 'vitest';
import {
  COOKIES_PER_HANDSHAKE_MAX,
  HANDSHAKE_SOURCE_BURST,
  HANDSHAKES_PENDING_MAX,
  HANDSHAKES_PER_SECOND_MAX,
  HELLO_PACKET_BYTES,
} from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { beginInitiator, finishInitiator, type InitiatorState } from '../../../src/net/transport/handshake.ts';
import { Switchboard, type SwitchboardOutput } from '../../../src/net/transport/switchboard.ts';
import type { OwnIdentity, Welcome } from '../../../src/net/transport/trust.ts';
import { decodeBody, encodeBody } from '../../../src/net/wire/messages.ts';
import { handshakePacket, type Packet, PacketKind, readPacket } from '../../../src/net/wire/packet.ts';
import { makeAuthority } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { type Side, TwoSwitchboards } from '../../support/two-switchboards.ts';

const net = makeAuthority();
const alice = net.issue({ name: 'alice1' }, 'alice');
const bobby = net.issue({ name: 'bobby1' }, 'bobby');
const server = net.issue('login-server', 'server');

const udp = (host: string, port = 4000): Route => ({ via: 'udp', endpoint: { carrier: 'udp', host, port } });
const through = (node: string): Route => ({ via: 'forward', node });
const kindOf = (bytes: Buffer): number => (bytes[0] ?? 0) >> 4;
const packetOf = (bytes: Buffer): Packet => readPacket(bytes) as Packet;

/** Somebody who answers, alone with a stranger's packets. */
class Answerer {
  now = 1_000;
  readonly board: Switchboard;
  readonly random = seededRandom('stranger');
  #index = 1;

  constructor(own: OwnIdentity = server, welcome?: Welcome) {
    this.board = new Switchboard({
      random: seededRandom('answerer'),
      trust: net.trust(),
      ...(welcome ? { welcome } : {}),
    });
    this.board.setIdentity(own);
  }

  /** What it says to one packet. */
  gets(route: Route, bytes: Buffer): SwitchboardOutput[] {
    this.board.receive(this.now, route, packetOf(bytes));
    return this.board.drain();
  }

  /** The packets that it sends for one packet. */
  answers(route: Route, bytes: Buffer): Buffer[] {
    return this.gets(route, bytes).flatMap((output) => (output.type === 'send' ? [output.bytes] : []));
  }

  hello(options: { padded?: boolean; wantAuthority?: boolean } = {}): InitiatorState {
    const { padded = true, wantAuthority = false } = options;
    return beginInitiator(this.random, { localIndex: this.#index++, padded, wantAuthority });
  }

  /** Goes through with a handshake, with a cookie if one is asked for. True when Auth1 came. */
  reached(route: Route): boolean {
    const state = this.hello();
    const [answer] = this.answers(route, state.packet);
    if (!answer) return false;
    if (kindOf(answer) === PacketKind.auth1) return true;
    const cookie = decodeBody('Cookie', packetOf(answer).body)?.cookie ?? Buffer.alloc(0);
    const [second] = this.answers(route, withGivenCookie(state, cookie));
    return second !== undefined && kindOf(second) === PacketKind.auth1;
  }
}

function withGivenCookie(state: InitiatorState, cookie: Uint8Array): Buffer {
  const hello = decodeBody('Hello', packetOf(state.packet).body);
  if (!hello) throw new Error('no Hello');
  const padding = hello.padding.subarray(0, hello.padding.length - cookie.length - 2);
  const body = encodeBody('Hello', { ...hello, cookie, padding });
  return handshakePacket(PacketKind.hello, 0, padTo(HELLO_PACKET_BYTES - 8, body, hello, cookie));
}

/** Lengths of protobuf fields differ by a byte here and there; the datagram has to be full. */
function padTo(length: number, body: Buffer, hello: object, cookie: Uint8Array): Buffer {
  if (body.length === length) return body;
  const bare = encodeBody('Hello', { ...hello, cookie, padding: Buffer.alloc(0) });
  return encodeBody('Hello', { ...hello, cookie, padding: Buffer.alloc(length - bare.length - 3) });
}

describe('a datagram from an address that nobody has proven', () => {
  it('gets no answer when it is shorter than the longest answer', () => {
    const one = new Answerer();
    const short = one.hello({ padded: false });
    expect(one.answers(udp('10.9.9.9'), short.packet)).toEqual([]);
    expect(one.board.dropped).toBe(1);
    expect(one.answers(udp('10.9.9.9'), one.hello().packet)).toHaveLength(1);
  });

  it.each([false, true])('gets no more bytes than it brought (CA certificate wanted: %s)', (wantAuthority) => {
    const one = new Answerer();
    const hello = one.hello({ wantAuthority });
    for (let again = 0; again < 3; again++) {
      for (const answer of one.answers(udp('10.9.9.9'), hello.packet)) {
        expect(kindOf(answer)).toBe(PacketKind.auth1);
        expect(answer.length).toBeLessThanOrEqual(hello.packet.length);
      }
    }
  });

  it('may be short when it comes by a stream or through a supernode, whose way back is known', () => {
    const one = new Answerer();
    expect(one.answers({ via: 'stream', stream: -1 }, one.hello({ padded: false }).packet)).toHaveLength(1);
    expect(one.answers(through(alice.nodeId), one.hello({ padded: false }).packet)).toHaveLength(1);
  });
});

describe('a flood of handshakes', () => {
  it('must prove its address once half of the second is used up, even when each is finished at once', () => {
    const one = new Answerer();
    const kinds: number[] = [];
    for (let i = 0; i < HANDSHAKES_PER_SECOND_MAX; i++) {
      const state = one.hello();
      const [answer] = one.answers(udp('10.9.9.9'), state.packet);
      kinds.push(answer ? kindOf(answer) : 0);
      if (!answer || kindOf(answer) !== PacketKind.auth1) continue;
      const done = finishInitiator(state, packetOf(answer).body, undefined, net.trust());
      if (done.ok) one.gets(udp('10.9.9.9'), done.value.packet);
    }
    expect(kinds.filter((kind) => kind === PacketKind.auth1).length).toBeLessThanOrEqual(
      HANDSHAKES_PER_SECOND_MAX / 2 + 1,
    );
    expect(kinds.at(-1)).toBe(PacketKind.cookie);
  });

  it('from one proven address leaves signatures for everybody else', () => {
    const one = new Answerer();
    let reached = 0;
    for (let i = 0; i < 600; i++) {
      one.now += 1;
      if (one.reached(udp('10.9.9.9', 1_000 + i))) reached += 1;
    }
    expect(reached).toBeLessThan(HANDSHAKES_PER_SECOND_MAX / 2 + HANDSHAKE_SOURCE_BURST + 40);
    expect(one.reached(udp('10.1.1.1'))).toBe(true);
    expect(one.reached(udp('10.1.1.2'))).toBe(true);
  });

  it('under a forged address does not use up what is due to its true owner', () => {
    const one = new Answerer();
    for (let i = 0; i < 500; i++) one.answers(udp('10.1.1.1'), one.hello().packet);
    one.now += 1_000;
    expect(one.reached(udp('10.1.1.1'))).toBe(true);
  });

  it('that fills the table pushes out the oldest, so a newcomer still gets in', () => {
    const one = new Answerer();
    const first = one.hello({ padded: false });
    const answered = one.answers({ via: 'stream', stream: 1 }, first.packet);
    for (let i = 0; i < HANDSHAKES_PENDING_MAX + 20; i++) {
      one.now += 10;
      one.answers({ via: 'stream', stream: 100 + i }, one.hello({ padded: false }).packet);
    }
    const late = one.hello({ padded: false });
    const [auth1] = one.answers({ via: 'stream', stream: 9_999 }, late.packet);
    const done = auth1 && finishInitiator(late, packetOf(auth1).body, alice, net.trust());
    const outputs = done?.ok ? one.gets({ via: 'stream', stream: 9_999 }, done.value.packet) : [];
    expect(outputs.some((output) => output.type === 'established')).toBe(true);
    const stale = finishInitiator(first, packetOf(answered[0] as Buffer).body, alice, net.trust());
    const nothing = stale.ok ? one.gets({ via: 'stream', stream: 1 }, stale.value.packet) : [];
    expect(nothing).toEqual([]);
  });
});

describe('cookies', () => {
  const forged = (state: { localIndex: number }, byte: number): Packet =>
    packetOf(
      handshakePacket(PacketKind.cookie, state.localIndex, encodeBody('Cookie', { cookie: Buffer.alloc(16, byte) })),
    );

  /** An initiator, and how many Hellos it sends for one cookie. */
  function initiator() {
    const board = new Switchboard({ random: seededRandom('i'), trust: net.trust() });
    const localIndex = board.connect(0, udp('10.0.0.2'));
    board.drain();
    return (byte: number, from = '10.0.0.2'): number => {
      board.receive(1, udp(from), forged({ localIndex }, byte));
      return board.drain().length;
    };
  }

  it('make an initiator send its Hello again, but not for a cookie that it has', () => {
    const hellosFor = initiator();
    expect([hellosFor(1), hellosFor(1), hellosFor(1), hellosFor(2)]).toEqual([1, 0, 0, 1]);
  });

  it('make it send no more than a few, whatever a forger does', () => {
    const hellosFor = initiator();
    let sent = 0;
    for (let byte = 1; byte < 50; byte++) sent += hellosFor(byte);
    expect(sent).toBe(COOKIES_PER_HANDSHAKE_MAX);
  });

  it('count only when they come from where the Hello went', () => {
    const hellosFor = initiator();
    expect([hellosFor(1, '10.6.6.6'), hellosFor(1)]).toEqual([0, 1]);
  });

  it('are good for their address only', () => {
    const one = new Answerer();
    for (let i = 0; i < 30; i++) one.answers(udp('10.2.2.2', 1_000 + i), one.hello().packet);
    const state = one.hello();
    const [cookie] = one.answers(udp('10.9.9.9'), state.packet);
    const body = decodeBody('Cookie', packetOf(cookie as Buffer).body);
    const [elsewhere] = one.answers(udp('10.8.8.8'), withGivenCookie(state, body?.cookie ?? Buffer.alloc(0)));
    expect(kindOf(elsewhere as Buffer)).toBe(PacketKind.cookie);
    const [here] = one.answers(udp('10.9.9.9'), withGivenCookie(state, body?.cookie ?? Buffer.alloc(0)));
    expect(kindOf(here as Buffer)).toBe(PacketKind.auth1);
  });
});

describe('a handshake that began through the supernode', () => {
  /** Alice begins towards bobby; both see the other as `through` the supernode. */
  function begun() {
    const a = new Switchboard({ random: seededRandom('a'), trust: net.trust() });
    a.setIdentity(alice);
    const b = new Answerer(bobby);
    a.connect(1_000, through(bobby.nodeId));
    const hello = a.drain().find((output) => output.type === 'send');
    const [auth1] = b.answers(through(alice.nodeId), hello?.type === 'send' ? hello.bytes : Buffer.alloc(0));
    return { a, b, auth1: packetOf(auth1 as Buffer) };
  }

  it('is not finished by an answer that comes straight from an address', () => {
    const { a, auth1 } = begun();
    a.receive(1_010, udp('10.6.6.6'), auth1);
    expect(a.drain()).toEqual([]);
    a.receive(1_020, through(bobby.nodeId), auth1);
    expect(a.drain().map((output) => output.type)).toEqual(['send', 'established']);
  });

  it('is not finished by a proof that comes straight from an address, nor through somebody else', () => {
    const { a, b, auth1 } = begun();
    a.receive(1_010, through(bobby.nodeId), auth1);
    const auth2 = a.drain().find((output) => output.type === 'send');
    const bytes = auth2?.type === 'send' ? auth2.bytes : Buffer.alloc(0);
    expect(b.gets(udp('10.6.6.6'), bytes)).toEqual([]);
    expect(b.gets(through('f'.repeat(32)), bytes)).toEqual([]);
    expect(b.gets(through(alice.nodeId), bytes).map((output) => output.type)).toEqual(['send', 'established']);
  });
});

describe('identities', () => {
  const scene = (identity: { a: OwnIdentity; b: OwnIdentity }): TwoSwitchboards =>
    new TwoSwitchboards({ trust: { a: net.trust(), b: net.trust() }, identity });

  it('are shown to nobody but whom the initiator looks for', () => {
    const w = scene({ a: alice, b: bobby });
    w.connect({ expect: { kind: 'supernode' } });
    w.advance(20_000);
    expect(w.captured.filter(({ from, bytes }) => from === 'a' && kindOf(bytes) === PacketKind.auth2)).toEqual([]);
    expect(w.events('a', 'failed')[0]?.code).toBe('certificate-invalid');
    expect(w.events('b', 'established')).toEqual([]);
  });

  it('are shown to the very node that was asked for, not to another of its kind', () => {
    const w = scene({ a: alice, b: bobby });
    w.connect({ expect: { kind: 'person', nodeId: alice.nodeId } });
    w.advance(20_000);
    expect(w.events('a', 'failed')).toHaveLength(1);
    w.connect({ expect: { kind: 'person', nodeId: bobby.nodeId } });
    w.advance(1_000);
    expect(w.events('b', 'established')[0]?.peer.name).toBe('alice1');
  });

  it('are finished with as they were begun: signing in as somebody else does not sign a handshake under way', () => {
    const w = scene({ a: alice, b: server });
    w.connect();
    w.a.setIdentity(bobby);
    w.advance(1_000);
    expect(w.events('b', 'established')[0]?.peer.name).toBe('alice1');
  });

  it('of the answering end change: what was half open is forgotten', () => {
    const w = scene({ a: alice, b: server });
    w.tamper = (from, bytes) => {
      if (from === 'b' && kindOf(bytes) === PacketKind.auth1) w.b.setIdentity(bobby);
      return bytes;
    };
    w.connect();
    w.advance(300);
    expect(w.events('b', 'established')).toEqual([]);
  });
});

describe('a node that welcomes few', () => {
  const FEW: Welcome = { ways: 'forward', kinds: ['person'] };

  it('keeps quiet to everybody who knocks at its address', () => {
    const one = new Answerer(bobby, FEW);
    expect(one.answers(udp('10.9.9.9'), one.hello().packet)).toEqual([]);
    expect(one.answers({ via: 'stream', stream: -1 }, one.hello().packet)).toEqual([]);
    expect(one.answers(through(alice.nodeId), one.hello().packet)).toHaveLength(1);
  });

  it.each<[string, OwnIdentity | undefined, number]>([
    ['somebody who proves nothing', undefined, 0],
    ['a login server', server, 0],
    ['a person', alice, 1],
  ])('opens no session to %s, if unwelcome', (_who, own, sessions) => {
    const one = new Answerer(bobby, FEW);
    const state = one.hello({ padded: false });
    const [auth1] = one.answers(through(alice.nodeId), state.packet);
    const done = finishInitiator(state, packetOf(auth1 as Buffer).body, own, net.trust());
    if (done.ok) one.gets(through(alice.nodeId), done.value.packet);
    expect(one.board.sessionCount).toBe(sessions);
  });

  it('looks once at a proof that opens and is no good, and as often as it takes at one that does not open', () => {
    const late = net.issue({ name: 'alice1' }, 'alice', -1);
    const one = new Answerer();
    const state = one.hello({ padded: false });
    const route: Route = { via: 'stream', stream: -1 };
    const [auth1] = one.answers(route, state.packet);
    const body = packetOf(auth1 as Buffer).body;
    const good = finishInitiator(state, body, alice, net.trust());
    const bad = finishInitiator(state, body, late, net.trust());
    if (!good.ok || !bad.ok) throw new Error('no proof');
    const flipped = Buffer.from(good.value.packet);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    for (let i = 0; i < 5; i++) expect(one.gets(route, flipped)).toEqual([]);
    expect(one.gets(route, bad.value.packet)).toEqual([]);
    expect(one.gets(route, good.value.packet)).toEqual([]);
  });
});

describe('the proof once more', () => {
  /** A handshake whose confirmation gets lost. */
  function unconfirmed(): TwoSwitchboards {
    const w = new TwoSwitchboards({ trust: { a: net.trust(), b: net.trust() }, identity: { a: alice, b: server } });
    w.tamper = (from: Side, bytes) => (from === 'b' && kindOf(bytes) === PacketKind.data ? undefined : bytes);
    w.connect();
    w.advance(300);
    return w;
  }

  it('is answered as long as the confirmation may have been lost', () => {
    const w = unconfirmed();
    expect(w.events('b', 'established')).toHaveLength(1);
    w.captured.length = 0;
    w.advance(3_000);
    expect(w.captured.filter(({ from }) => from === 'b').length).toBeGreaterThan(0);
    w.tamper = undefined;
    w.advance(3_000);
    w.captured.length = 0;
    w.advance(3_000);
    expect(w.captured).toEqual([]);
  });

  it('is known by its bytes: anything else that names a session gets no word', () => {
    const w = unconfirmed();
    const session = w.sessionAt('b');
    w.b.receive(w.now, w.routeTo('a'), packetOf(handshakePacket(PacketKind.auth2, session, Buffer.alloc(0))));
    w.b.receive(w.now, udp('10.6.6.6'), packetOf(handshakePacket(PacketKind.auth2, session, Buffer.alloc(700, 1))));
    expect(w.b.drain()).toEqual([]);
  });
});

describe('a handshake that is begun before we know who we are', () => {
  const world = (carrier: 'udp' | 'stream', wire = { delayMs: 50 }) =>
    new TwoSwitchboards({ carrier, wire, trust: { a: net.trust(), b: net.trust() }, identity: { b: server } });
  const inAdvance = { inAdvance: true, expect: { kind: 'login-server' } } as const;

  it.each(['udp', 'stream'] as const)('waits with our proof, which then takes half a round trip (%s)', (carrier) => {
    const w = world(carrier);
    const session = w.connect(inAdvance);
    w.advance(1_000);
    expect(w.events('a', 'answered')).toMatchObject([{ session, at: 100 }]);
    expect(w.captured).toHaveLength(2);
    expect(w.events('b', 'established')).toHaveLength(0);
    w.a.setIdentity(alice);
    w.a.prove(w.now, session);
    w.advance(1_000);
    expect(w.events('a', 'established')).toMatchObject([{ session, at: 1_000, peer: { kind: 'login-server' } }]);
    expect(w.events('b', 'established')).toMatchObject([{ at: 1_050, peer: { kind: 'person', name: 'alice1' } }]);
  });

  it('goes on like any other when we know before there is an answer', () => {
    const w = world('udp');
    const session = w.connect(inAdvance);
    w.advance(20);
    w.a.setIdentity(alice);
    w.a.prove(w.now, session);
    w.advance(1_000);
    expect(w.events('a', 'answered')).toHaveLength(0);
    expect(w.events('a', 'established')).toMatchObject([{ at: 100 }]);
    expect(w.events('b', 'established')[0]?.peer).toMatchObject({ kind: 'person', name: 'alice1' });
  });

  it('is given up by both ends when we never know, and took nothing of what is sent again', () => {
    const w = world('udp');
    const session = w.connect(inAdvance);
    w.advance(20_000);
    expect(w.events('a', 'failed')).toMatchObject([{ session }]);
    expect(w.captured).toHaveLength(2);
    w.a.setIdentity(alice);
    w.a.prove(w.now, session);
    w.advance(1_000);
    expect(w.events('b', 'established')).toHaveLength(0);
    expect([w.a.wakeAt(), w.b.wakeAt()]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it('proves nothing to anybody but whom it looks for, nor to a second answer', () => {
    const w = world('stream');
    const session = w.connect({ inAdvance: true, expect: { kind: 'supernode' } });
    w.advance(1_000);
    expect(w.events('a', 'answered')).toHaveLength(0);
    expect(w.events('a', 'failed')).toMatchObject([{ session, code: 'certificate-invalid' }]);

    const doubled = world('udp', { delayMs: 50, duplicate: 1 } as never);
    const other = doubled.connect(inAdvance);
    doubled.advance(1_000);
    expect(doubled.events('a', 'answered')).toHaveLength(1);
    doubled.a.setIdentity(alice);
    doubled.a.prove(doubled.now, other);
    doubled.a.prove(doubled.now, other);
    doubled.advance(1_000);
    expect(doubled.events('a', 'established')).toHaveLength(1);
    expect(doubled.events('b', 'established')).toHaveLength(1);
  });
});
