/**
 * Garbage into everything that listens: every decoder, and every kind of node. Nothing may throw, grow without bound,
 * or answer an address that proved nothing with more bytes than it sent. The garbage is seeded; a failure names the
 * seed and the input. WREN_GARBAGE=n makes n inputs of what is else some two hundred thousand.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { silenceBody } from '../src/audio/voice-body.ts';
import { nodeIdOf } from '../src/net/login/credential.ts';
import type { LoginNodeEvent } from '../src/net/node/login-node.ts';
import { type Member, OrdinaryNode } from '../src/net/node/ordinary-node.ts';
import { PinnedTrust } from '../src/net/node/trust.ts';
import type { Endpoint } from '../src/net/protocol/endpoint.ts';
import { bytesOf } from '../src/net/protocol/ids.ts';
import { finishInitiator, finishResponder } from '../src/net/transport/handshake.ts';
import { ephemeralKey } from '../src/net/transport/keys.ts';
import { Session } from '../src/net/transport/session.ts';
import { decodeBody, message } from '../src/net/wire/messages.ts';
import { PacketKind, readPacket } from '../src/net/wire/packet.ts';
import { DECODERS } from './support/decoders.ts';
import { Garbage } from './support/garbage.ts';
import { HostilePeer, HostileSupernode, nonsense } from './support/hostile.ts';
import { keyPair, makeAuthority, WALL_MS } from './support/identities.ts';
import { performNow } from './support/memory-account-store.ts';
import { seededRandom } from './support/seeded-random.ts';
import { livingNetwork, type Said, UnderFire, usedBytes } from './support/under-fire.ts';
import { HANDSHAKE, readVectors } from './vectors/generate.ts';
import { certificateDer, identity } from './vectors/identities.ts';
import { pin } from './vectors/make-sessions.ts';
import { Initiator } from './vectors/second/handshake.ts';
import type { HandshakeFile } from './vectors/shapes.ts';

const INPUTS = Number(process.env.WREN_GARBAGE ?? 0) || 200_000;
const SEED = Number(process.env.WREN_SEED ?? 0) || 2026;

describe('a decoder', () => {
  const weights = DECODERS.reduce((sum, { weight }) => sum + weight, 0);
  const share = INPUTS / 2 / weights;

  it.each(DECODERS)('of $name takes what is good', ({ good, take }) => {
    for (const bytes of good) expect(take(bytes), bytes.toString('hex')).toBe(true);
  });

  it.each(DECODERS)('of $name survives what is not', { timeout: 600_000 }, ({ name, good, take, weight }) => {
    const garbage = new Garbage(SEED);
    const count = Math.ceil(share * weight);
    let accepted = 0;
    for (let i = 0; i < count; i++) {
      const bytes = garbage.chance(0.7)
        ? garbage.damaged(garbage.pick(good))
        : garbage.chance(0.5)
          ? garbage.packet()
          : garbage.bytes(garbage.length());
      try {
        if (take(bytes)) accepted += 1;
      } catch (error) {
        throw new Error(`${name}, seed ${SEED}, input ${i}: ${bytes.toString('hex')}`, { cause: error });
      }
    }
    expect(accepted).toBeLessThan(count);
  });
});

describe('a node of a living network', { timeout: 600_000 }, () => {
  const { world, people, nodes, alice, bobby } = livingNetwork(SEED);
  const everybody = ['login', 'super1', 'alice1', 'bobby1'] as const;
  const rounds = Math.ceil(INPUTS / 20);

  function node(name: string): UnderFire {
    const found = nodes.get(name);
    if (!found) throw new Error(`no node ${name}`);
    return found;
  }

  /** Garbage in bursts, honest traffic between them. Memory and counters must show that it was dropped. */
  function storm(name: string, count: number, blow: (garbage: Garbage, target: UnderFire) => void): void {
    const garbage = new Garbage(SEED);
    const target = node(name);
    const before = { used: usedBytes(), dropped: target.dropped };
    for (let i = 0; i < count; i++) {
      try {
        blow(garbage, target);
      } catch (error) {
        throw new Error(`${name}, seed ${SEED}, input ${i}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
      if (i % 500 === 499) world.advance(100);
    }
    expect(target.dropped - before.dropped, 'dropped').toBeGreaterThan(count / 4);
    expect(usedBytes() - before.used, 'bytes more in use').toBeLessThan(32_000_000);
  }

  it.each(everybody)('%s answers no stranger with more bytes than came, and does nothing else', (name) => {
    const heard = [...node('super1').datagrams, ...node(name).datagrams];
    storm(name, rounds, (garbage, target) => {
      const bytes = garbage.chance(0.6) ? garbage.damaged(garbage.pick(heard).bytes) : garbage.packet();
      const from = stranger(garbage);
      expectNoMore(target.hit({ type: 'datagram', from, bytes }), from, bytes);
    });
  });

  it.each(everybody)('%s answers a Hello from an unproven address with no more bytes than it has', (name) => {
    const hello = new Garbage(SEED + 1);
    storm(name, Math.ceil(rounds / 10), (garbage, target) => {
      const initiator = new Initiator(
        { drawn: hello.bytes(32), nonce: hello.bytes(16), index: 1 + hello.below(1e9) },
        { wantAuthority: garbage.chance(0.5), padded: garbage.chance(0.5) },
      );
      const glued = garbage.chance(0.2) ? 8 : 1;
      const bytes = Buffer.concat(Array.from({ length: glued }, () => initiator.helloPacket)).subarray(0, 1232);
      const from = stranger(garbage);
      expectNoMore(target.hit({ type: 'datagram', from, bytes }), from, bytes);
      // A storm counts what was dropped; these are well-formed, so one that must be is put in.
      target.hit({ type: 'datagram', from, bytes: garbage.bytes(20) });
    });
  });

  it.each(everybody)('%s is not moved by damaged or repeated packets in its peers’ names', (name) => {
    const target = node(name);
    const heard = [...target.datagrams, ...(target.datagrams.length === 0 ? node('super1').datagrams : [])];
    storm(name, rounds, (garbage) => {
      const { from, bytes: good } = garbage.pick(heard);
      const bytes = garbage.chance(0.9) ? garbage.damaged(good) : good;
      expectNoMore(target.hit({ type: 'datagram', from, bytes }), from, bytes);
    });
  });

  it.each(everybody)('%s cuts off streams of garbage', (name) => {
    let stream = -1_000_000;
    const target = node(name);
    const heard = [...target.streamPieces, ...node('login').streamPieces];
    const before = { used: usedBytes(), dropped: target.dropped };
    const garbage = new Garbage(SEED);
    for (let i = 0; i < rounds / 4; i++) {
      const remote = { ...stranger(garbage), carrier: 'tcp' as const };
      const said = [target.hit({ type: 'stream-open', stream: --stream, remote, incoming: true })];
      for (let pieces = 1 + garbage.below(4); pieces > 0; pieces--) {
        const good = garbage.pick(heard).bytes;
        const bytes = garbage.chance(0.5)
          ? garbage.damaged(good)
          : garbage.chance(0.5)
            ? good
            : garbage.bytes(garbage.length());
        said.push(target.hit({ type: 'stream-bytes', stream: stream - (garbage.chance(0.02) ? 7 : 0), bytes }));
      }
      if (garbage.chance(0.9)) said.push(target.hit({ type: 'stream-closed', stream, why: 'ended' }));
      for (const { datagrams, events } of said)
        expect([datagrams, events], `seed ${SEED}, stream ${i}`).toEqual([[], []]);
      if (i % 500 === 499) world.advance(100);
    }
    expect(target.dropped - before.dropped).toBeGreaterThan(rounds / 20);
    expect(usedBytes() - before.used).toBeLessThan(32_000_000);
  });

  it('goes on as if nothing had been: the call, chat, and a newcomer', () => {
    const voices = bobby.heard.length;
    world.advance(2_000);
    expect(bobby.heard.length - voices).toBeGreaterThan(95);
    expect([...alice.callLog, ...bobby.callLog].filter((what) => what.startsWith('ended'))).toEqual([]);
    alice.says(bobby, 'after the storm');
    world.until(() => bobby.lines.some(({ text }) => text === 'after the storm'), 5_000);
    const carol = people.person('carol-2');
    carol.signUp();
    alice.call_('hang-up');
    world.until(() => bobby.callLog.includes('ended hangup'), 5_000);
  });
});

function stranger(garbage: Garbage): Endpoint {
  return { carrier: 'udp', host: `198.51.100.${garbage.below(250)}`, port: 1024 + garbage.below(60_000) };
}

/** An answer, if any, goes back only, is no larger, and nothing else happens. */
function expectNoMore({ datagrams, streams, opens, events }: Said, from: Endpoint, bytes: Buffer): void {
  const told = datagrams.reduce((sum, one) => sum + one.bytes.length, 0);
  const elsewhere = datagrams.filter(({ to }) => to.host !== from.host || to.port !== from.port);
  if (told > bytes.length) throw new Error(`${told} bytes for ${bytes.toString('hex')}`);
  if (elsewhere.length + streams.length + opens.length + events.length > 0) {
    const what = JSON.stringify([elsewhere, streams, opens, events]).slice(0, 300);
    throw new Error(`${what} for ${bytes.toString('hex')}`);
  }
}

describe('a hostile peer with a certificate', { timeout: 600_000 }, () => {
  const { world, people, nodes } = livingNetwork(SEED + 1);
  const rounds = Math.ceil(INPUTS / 40);
  const mallory = people.authority.issue({ name: 'mallory1' }, 'mallory1');
  const keys = ['alice1', 'mallory1', 'super1'].map((label) => keyPair(label).spki);
  const known = [...keys, ...keys.map((spki) => bytesOf(nodeIdOf(spki))), mallory.certificateDer];

  it.each([
    ['a person', 'super1', mallory],
    ['nobody', 'super1', undefined],
    ['a person', 'login', mallory],
    ['nobody', 'login', undefined],
  ] as const)('%s at %s: nothing breaks, nothing piles up', (_who, name, identity) => {
    const target = nodes.get(name)!;
    const garbage = new Garbage(SEED, known);
    const at: Endpoint = { carrier: 'udp', host: world.host(name).address, port: 4000 };
    const answers = new Map<string, number>();
    const used = usedBytes();
    for (let left = rounds; left > 0; left -= TALK) {
      const address = stranger(garbage);
      const peer = new HostilePeer(target, {
        ...{ address, identity, trust: people.authority.trust(), now: () => world.host(name).now() },
        onEvent: (event) => carryOut(target, event),
      });
      peer.connect(at);
      expect(peer.connected).toBe(true);
      if (identity && name === 'super1') peer.say(message('attach', { requestId: 1, watch: ['alice1'] }), true);
      talk(garbage, peer, REQUESTS[name]);
      for (const [what, count] of peer.answers) answers.set(what, (answers.get(what) ?? 0) + count);
      world.advance(500);
    }
    const expected =
      name === 'login' ? LOGIN_ANSWERS : identity ? SUPERNODE_ANSWERS : ['not-allowed', 'keepAliveReply'];
    expect([...answers.keys()]).toEqual(expect.arrayContaining(expected));
    expect(usedBytes() - used).toBeLessThan(48_000_000);
  });

  /** A while of nonsense in one session. Some sessions are ruined by segments of no sense, the others stay whole. */
  function talk(garbage: Garbage, peer: HostilePeer, requests: readonly string[]): void {
    const ruinous = garbage.chance(0.3);
    for (let i = 0; i < TALK; i++) {
      if (ruinous && garbage.chance(0.3)) peer.seal(sealedNonsense(garbage));
      else {
        const only = ruinous ? undefined : requests;
        const requestId = garbage.chance(0.97) ? i + 2 : garbage.below(100);
        peer.say(nonsense(garbage, only, requestId), garbage.chance(0.8));
      }
      if (i % 50 === 49) {
        world.advance(1_000);
        peer.wake();
      }
    }
  }

  function carryOut(target: UnderFire, event: { readonly type: string }): Said | undefined {
    if (event.type !== 'effect') return undefined;
    const { id, effect } = event as Extract<LoginNodeEvent, { type: 'effect' }>;
    return target.command({ type: 'effect-done', id, result: performNow(people.accounts, effect) });
  }

  it('the network around goes on', () => {
    const carol = people.person('carol-2');
    const david = people.person('david-2');
    carol.signUp();
    david.signUp();
    carol.befriend(david);
    carol.says(david, 'still here');
    world.until(() => david.lines.length === 1, 5_000);
  });
});

describe('a person’s node at a hostile supernode', { timeout: 600_000 }, () => {
  const authority = makeAuthority();
  const alice = authority.issue({ name: 'alice1' }, 'alice1');
  const mallory = authority.issue({ name: 'mallory1' }, 'mallory1');
  const address: Endpoint = { carrier: 'udp', host: '203.0.113.9', port: 4000 };
  let now = 1_000;

  /** Attached, and with the hostile person as a buddy. */
  function attached(): { target: UnderFire; hostile: HostileSupernode } {
    const core = new OrdinaryNode({
      ...{ random: seededRandom('alice'), wallClock: () => WALL_MS, pin: authority.pin, software: 'wren test' },
      ...{ authorityDer: authority.authority.certificateDer, loginServers: [], supernodes: [address] },
      fillerBody: silenceBody,
    });
    const target = new UnderFire(core as never, () => now);
    const hostile = new HostileSupernode(target, {
      ...{ address, identity: authority.issue('supernode', 'super1'), person: mallory, now: () => now },
      trust: () => authority.trust(),
    });
    const buddy = { name: 'mallory1', displayName: '', relation: 'both', message: '', removed: false } as const;
    const member: Member = {
      ...{ ...alice, displayName: 'Alice', expiresAtMs: WALL_MS + 1e9, presence: 'online', isService: false },
      roster: [{ ...buddy, lastSeenAtMs: WALL_MS, changedAtMs: WALL_MS }],
    };
    hostile.hear(target.command({ type: 'become', member }));
    hostile.befriend();
    expect([hostile.attached, hostile.befriended]).toEqual([true, true]);
    return { target, hostile };
  }

  it('is told nonsense by it and by the people behind it: nothing breaks, nothing piles up', () => {
    const garbage = new Garbage(
      SEED,
      [alice, mallory].map(({ nodeId }) => bytesOf(nodeId)),
    );
    const happened = new Set<string>();
    const used = usedBytes();
    for (let left = INPUTS / 20; left > 0; left -= TALK) {
      const { target, hostile } = attached();
      const whole = garbage.chance(0.7);
      for (let i = 0; i < TALK; i++) {
        now += garbage.below(whole ? 100 : 2_000);
        const reliable = garbage.chance(0.8);
        if (garbage.chance(0.3))
          hostile.say(nonsense(garbage, garbage.chance(0.8) ? TOLD_BY_SUPERNODE : undefined), reliable);
        else if (whole || garbage.chance(0.7)) hostile.personSays(nonsense(garbage, TOLD_BY_PEOPLE), reliable);
        else hostile.personSeals(sealedNonsense(garbage));
        if (garbage.chance(0.1)) answerCall(garbage, target, hostile);
        if (garbage.chance(0.2)) hostile.hear(target.wake());
      }
      for (const event of hostile.events)
        happened.add(event.type === 'call' ? (event as CallNews).news.type : event.type);
    }
    const expected = ['link', 'roster', 'presence', 'messenger', 'ringing', 'answered', 'ended', 'play', 'quality'];
    expect([...happened]).toEqual(expect.arrayContaining(expected));
    expect(usedBytes() - used).toBeLessThan(48_000_000);
  });

  /** Its person picks up what rings, so that garbage gets at the media too; some of it looks like voice. */
  function answerCall(garbage: Garbage, target: UnderFire, hostile: HostileSupernode): void {
    const newest = hostile.events.findLast((event) => event.type === 'call') as CallNews | undefined;
    if (newest?.news.type !== 'ringing') return;
    const { call } = newest.news;
    hostile.hear(target.command({ type: 'calls', command: { type: 'answer', call } }));
    for (let i = 0; i < 5; i++) {
      const voice = garbage.bytes(43 + garbage.below(84));
      voice[0] = 0x80 | Number.parseInt(call.slice(-2), 16);
      hostile.personSeals(voice);
    }
  }

  it('keeps no more of a flood of people who are said to be there than its tables hold', () => {
    const garbage = new Garbage(SEED);
    const { target, hostile } = attached();
    const flood = (count: number): void => {
      for (let i = 0; i < count; i++) {
        now += 1;
        const body = { name: garbage.pick(['mallory1', `person-${i}`, 'x'.repeat(3_000)]), attached: true };
        hostile.say(message('seen', { ...body, nodeId: garbage.bytes(16) }), false);
        if (i % 100 === 99) hostile.hear(target.wake());
      }
    };
    flood(2_000);
    const used = usedBytes();
    flood(Math.max(4_000, INPUTS / 100));
    expect(usedBytes() - used).toBeLessThan(8_000_000);
  });
});

/** A handshake costs a fifth of a millisecond: of its ten thousand bits every seventh must do, unless there is time. */
const FLIP_STEP = INPUTS > 1_000_000 ? 1 : 7;

describe('every single flipped bit', { timeout: 600_000 }, () => {
  it('of a sealed packet is refused, and costs the packet itself nothing', () => {
    const root = new Garbage(SEED).bytes(32);
    const from = new Session({ role: 'initiator', root, remoteIndex: 7, now: 0 });
    const to = new Session({ role: 'responder', root, remoteIndex: 8, now: 0 });
    const plaintexts = [
      '02ba0100',
      '010000000100000000',
      `cf0001${'5a'.repeat(60)}`,
      '00',
      `000000000101${'07'.repeat(200)}`,
    ];
    for (let epoch = 0; epoch < 3; epoch++) {
      for (const plaintext of plaintexts) {
        const packet = from.seal(Buffer.from(plaintext, 'hex'));
        for (const { bytes, at } of flipped(packet)) {
          const read = readPacket(bytes);
          if (read?.kind !== PacketKind.data) continue;
          expect(to.open(0, read), `bit ${at} of ${packet.toString('hex')}`).toBeUndefined();
        }
        expect(to.open(0, readPacket(packet)!)?.toString('hex')).toBe(plaintext);
      }
      for (const end of [from, to]) end.advance(0, Buffer.alloc(32, epoch));
    }
  });

  it('of a recorded handshake is refused', () => {
    const { at_ms: atMs, runs } = readVectors(HANDSHAKE) as unknown as HandshakeFile;
    const trust = (): PinnedTrust =>
      new PinnedTrust({ pin: pin(), wallClock: () => atMs, authorityDer: certificateDer('authority') });
    for (const run of runs.slice(0, 1)) {
      const hello = Buffer.from(run.hello_packets[0] ?? '', 'hex');
      const state = {
        ...{ localIndex: run.initiator.index, wantAuthority: false, padded: true, packet: hello },
        ...{ ephemeral: ephemeralKey(Buffer.from(run.initiator.private, 'hex')), cookie: Buffer.alloc(0) },
        ...{ nonce: Buffer.from(run.initiator.nonce, 'hex'), helloBody: hello.subarray(8) },
      };
      const auth1 = Buffer.from(run.auth1_packet, 'hex');
      for (const { bytes, at } of flipped(auth1.subarray(8), FLIP_STEP)) {
        // The highest bits of a varint of five bytes say nothing: the same message in other bytes.
        if (isDeepStrictEqual(decodeBody('Auth1', bytes), decodeBody('Auth1', auth1.subarray(8)))) continue;
        expect(finishInitiator(state, bytes, undefined, trust()).ok, `bit ${at} of Auth1`).toBe(false);
      }
      for (const { bytes, at } of flipped(hello.subarray(8), 7 * FLIP_STEP)) {
        const done = finishInitiator({ ...state, helloBody: bytes }, auth1.subarray(8), undefined, trust());
        expect(done.ok, `bit ${at} of Hello`).toBe(false);
      }
      expect(finishInitiator(state, auth1.subarray(8), undefined, trust()).ok).toBe(true);
      const [t1, t2, secret] = [run.t1, run.t2, run.shared].map((hex) => Buffer.from(hex, 'hex')) as [
        Buffer,
        Buffer,
        Buffer,
      ];
      const responder = {
        ...{ localIndex: run.responder.index, remoteIndex: run.initiator.index, packet: auth1, t1, t2, secret },
        ownNodeId: identity(run.responder.identity).nodeId,
      };
      const auth2 = Buffer.from(run.auth2_packet, 'hex').subarray(8);
      for (const { bytes, at } of flipped(auth2, FLIP_STEP)) {
        expect(finishResponder(responder, bytes, trust()).ok, `bit ${at} of Auth2`).toBe(false);
      }
      expect(finishResponder(responder, auth2, trust()).ok).toBe(true);
    }
  });

  /** The bytes once for each bit (of so many), with that bit turned over. */
  function flipped(good: Buffer, step = 1): { readonly bytes: Buffer; readonly at: number }[] {
    return Array.from({ length: Math.ceil((8 * good.length) / step) }, (_, i) => {
      const at = i * step;
      const bytes = Buffer.from(good);
      bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
      return { bytes, at };
    });
  }
});

type CallNews = { readonly type: 'call'; readonly news: { readonly type: string; readonly call: string } };

const TOLD_BY_SUPERNODE = ['attached', 'keepAliveReply', 'whereabouts', 'searchResults', 'seen', 'forwarded'].concat(
  'forwardFailed',
  'failure',
);
const TOLD_BY_PEOPLE = [
  ...['presence', 'buddyRequest', 'buddyAnswer', 'chatMessage', 'chatReceipt', 'callInvite', 'callRinging'],
  ...['callAnswer', 'callEnd', 'callHold', 'callMute', 'pathProbe', 'pathReply', 'mediaReport'],
];

/** Messages in one session of a hostile peer. */
const TALK = 100;
const LOGIN_ANSWERS = ['replayed', 'name-malformed', 'key-unfit', 'password-weak', 'supernodes'];
const SUPERNODE_ANSWERS = ['attached', 'keepAliveReply', 'whereabouts', 'searchResults', 'forwardFailed'];
/** What each kind of node is there to answer. */
const REQUESTS = {
  super1: ['attach', 'keepAlive', 'lookup', 'search', 'watch', 'forward'],
  login: ['signUp', 'signIn', 'renew', 'signOut', 'buddyListGet', 'buddyListPut', 'enrolSupernode', 'supernodesGet'],
};

/** Plaintexts of every type, mostly of no sense. */
function sealedNonsense(garbage: Garbage): Buffer {
  const bytes = garbage.bytes(1 + garbage.length());
  bytes[0] = garbage.pick([0, 0, 1, 1, 2, 2, 3, 0x7f, 0x80, 0xcf, 0xff]);
  if (bytes.length >= 6 && garbage.chance(0.8)) bytes.writeUInt32BE(garbage.below(200), 1);
  return bytes.subarray(0, 1200);
}
