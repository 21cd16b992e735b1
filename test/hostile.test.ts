/**
 * Peers that have keys, certificates and sessions, and say what nobody should: a person, or somebody without a name, at
 * a supernode and at a login server; a supernode, and the people behind it, at a person's node. Nothing may break or
 * pile up, and whoever is honest goes on. Seeded; WREN_GARBAGE=n says more of it (see `garbage.test.ts`).
 */
import { describe, expect, it } from 'vitest';
import { silenceBody } from '../src/audio/voice-body.ts';
import { nodeIdOf } from '../src/net/login/credential.ts';
import type { LoginNodeEvent } from '../src/net/node/login-node.ts';
import { type Member, OrdinaryNode } from '../src/net/node/ordinary-node.ts';
import type { Endpoint } from '../src/net/protocol/endpoint.ts';
import { bytesOf } from '../src/net/protocol/ids.ts';
import { message } from '../src/net/wire/messages.ts';
import { Garbage, INPUTS, SEED, stranger } from './support/garbage.ts';
import { HostilePeer, HostileSupernode, nonsense } from './support/hostile.ts';
import { keyPair, makeAuthority, WALL_MS } from './support/identities.ts';
import { performNow } from './support/memory-account-store.ts';
import { seededRandom } from './support/seeded-random.ts';
import { livingNetwork, type Said, UnderFire, usedBytes } from './support/under-fire.ts';

describe('a hostile peer with a certificate', () => {
  const { world, people, nodes, alice } = livingNetwork(SEED + 1);
  // A world keeps all that its people hear: in hours of a call that is more than any leak looked for here.
  alice.call_('hang-up');
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
        ...{
          address,
          identity,
          trust: people.authority.trust(),
          pin: people.authority.pin,
          now: () => world.host(name).now(),
        },
        onEvent: (event) => carryOut(target, event),
      });
      peer.connect(at);
      expect(peer.connected).toBe(true);
      if (identity && name === 'super1') peer.say(message('attach', { requestId: 1, watch: ['alice1'] }), true);
      talk(garbage, peer, REQUESTS[name]);
      for (const [what, count] of peer.answers) answers.set(what, (answers.get(what) ?? 0) + count);
      world.advance(500);
    }
    const expected = name === 'login' ? LOGIN_ANSWERS : identity ? SUPERNODE_ANSWERS : [];
    expect([...answers.keys()]).toEqual(expect.arrayContaining(expected));
    // A supernode has nothing to say to somebody who has no name, but what the login server says.
    if (expected.length === 0) expect([...answers.keys()].filter((kind) => kind !== 'loginCarried')).toEqual([]);
    expect(usedBytes() - used).toBeLessThan(16_000_000);
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

describe('a person’s node at a hostile supernode', () => {
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
      ...{ pin: authority.pin, trust: () => authority.trust() },
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
    for (let left = INPUTS / 40; left > 0; left -= TALK) {
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
    expect(usedBytes() - used).toBeLessThan(16_000_000);
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
        now += 10;
        const name = garbage.chance(0.8) ? 'mallory1' : garbage.pick([`person-${i}`, 'x'.repeat(3_000)]);
        hostile.say(message('seen', { name, nodeId: garbage.bytes(16), attached: true }), false);
        if (i % 100 === 99) hostile.hear(target.wake());
      }
    };
    flood(1_000);
    const used = usedBytes();
    flood(Math.max(5_000, INPUTS / 100));
    expect(usedBytes() - used).toBeLessThan(1_200_000);
  });
});

type CallNews = { readonly type: 'call'; readonly news: { readonly type: string; readonly call: string } };

const TOLD_BY_SUPERNODE = ['attached', 'keepAliveReply', 'whereabouts', 'searchResults', 'seen', 'forwarded'].concat(
  'forwardFailed',
  'failure',
  'quota',
);
const TOLD_BY_PEOPLE = [
  ...['presence', 'buddyRequest', 'buddyAnswer', 'chatMessage', 'chatReceipt', 'callInvite', 'callRinging'],
  ...['callAnswer', 'callEnd', 'callHold', 'callMute', 'callRecording', 'pathProbe', 'pathReply', 'mediaReport'],
];

/** Messages in one session of a hostile peer. */
const TALK = 100;
const LOGIN_ANSWERS = ['replayed', 'name-malformed', 'key-unfit', 'password-weak', 'supernodes'];
const SUPERNODE_ANSWERS = ['attached', 'keepAliveReply', 'whereabouts', 'searchResults', 'forwardFailed'];
/** What each kind of node is there to answer. */
const REQUESTS = {
  super1: ['attach', 'keepAlive', 'lookup', 'search', 'watch', 'forward'],
  login: [
    'signUp',
    'signIn',
    'renew',
    'signOut',
    'buddyListGet',
    'buddyListPut',
    'enrolSupernode',
    'supernodesGet',
    'nameAsk',
  ],
};

/** Plaintexts of every type, mostly of no sense. */
function sealedNonsense(garbage: Garbage): Buffer {
  const bytes = garbage.bytes(1 + garbage.length());
  bytes[0] = garbage.pick([0, 0, 1, 1, 2, 2, 3, 0x7f, 0x80, 0xcf, 0xff]);
  if (bytes.length >= 6 && garbage.chance(0.8)) bytes.writeUInt32BE(garbage.below(200), 1);
  return bytes.subarray(0, 1200);
}
