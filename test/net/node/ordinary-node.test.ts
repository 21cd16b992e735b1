/** One person's node as a whole, in virtual time: coming and going, changing the account, and who may make it work. */
import { describe, expect, it, test } from 'vitest';
import { silenceBody } from '../../../src/audio/voice-body.ts';
import { OrdinaryNode, type OrdinaryNodeEvent } from '../../../src/net/node/ordinary-node.ts';
import { SUPERNODES_ASK_MS, SUPERNODES_ASK_MS_MAX } from '../../../src/net/protocol/params.ts';
import type { NetOutput } from '../../../src/net/protocol/traffic.ts';
import { beginInitiator } from '../../../src/net/transport/handshake.ts';
import { Mask } from '../../../src/net/wire/mask.ts';
import { PeopleWorld, type Person } from '../../sim/people-world.ts';
import { World } from '../../sim/world.ts';
import { keyPair, makeAuthority, WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const net = makeAuthority();
const alice = net.issue({ name: 'alice1' }, 'alice');

function network(supernodes?: readonly string[]): { world: World; people: PeopleWorld } {
  const world = new World({ seed: 1 });
  return { world, people: new PeopleWorld(world, supernodes) };
}

function linkStates(person: Person): string[] {
  return person.node.events.flatMap((event) => (event.type === 'link' ? [event.state] : []));
}

let tickets = 1_000;

/** A sign-in by hand; returns the virtual time until its answer. */
function asks(person: Person, request: { kind: 'signIn'; name: string }): number {
  const { world } = person.world;
  const from = world.now;
  const ticket = ++tickets;
  const publicKey = keyPair(request.name).spki;
  person.does({ type: 'login', ticket, request: { ...request, password: 'correct horse battery', publicKey } });
  world.until(
    () =>
      person.node.events.some(
        (event) => (event.type === 'login-reply' || event.type === 'login-failed') && event.ticket === ticket,
      ),
    30_000,
  );
  expect(person.node.events.some((event) => event.type === 'login-reply' && event.ticket === ticket)).toBe(true);
  return world.now - from;
}

describe('signing out', () => {
  test('in a call ends the call for both, at once', () => {
    const { world, people } = network();
    const [anna, bobby] = people.buddies();
    anna.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'));
    bobby.call_('answer');
    world.until(() => anna.callLog.includes('answered'));
    world.advance(2_000);
    anna.does({ type: 'leave' });
    expect(anna.callLog.at(-1)).toBe('ended hangup');
    world.advance(1_000);
    expect(bobby.callLog.at(-1)).toBe('ended hangup');
  });

  test('shows everybody that we are gone, and leaves nothing running', () => {
    const { world, people } = network();
    const [anna, bobby] = people.buddies();
    world.until(() => bobby.presence.get('alice1') === 'online');
    anna.does({ type: 'leave' });
    world.advance(2_000);
    expect(bobby.presence.get('alice1')).toBe('offline');
    expect(linkStates(anna).at(-1)).toBe('offline');
    world.advance(60_000);
    expect(anna.core.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    expect(anna.core.admitsChat('bobby1', 'hello')).toBe('not-signed-in');
  });

  test('and signing in again is answered at once: nothing waits for a session that is no more', () => {
    const { people } = network();
    const [anna] = people.buddies();
    asks(anna, { kind: 'signIn', name: 'alice1' });
    anna.does({ type: 'leave' });
    expect(asks(anna, { kind: 'signIn', name: 'alice1' })).toBeLessThan(2_000);
  });

  test('fails what was asked of the login server, and a search that was under way', () => {
    const { people } = network();
    const [anna] = people.buddies();
    people.login.stop();
    anna.does({ type: 'login', ticket: 21, request: { kind: 'buddyListGet' } });
    anna.does({ type: 'search', ticket: 22, pattern: 'bobby', limit: 5 });
    anna.does({ type: 'leave' });
    const failures = anna.node.events.filter(
      (event) => event.type === 'login-failed' || event.type === 'search-failed',
    );
    expect(failures).toMatchObject([
      { type: 'search-failed', ticket: 22, code: 'not-signed-in' },
      { type: 'login-failed', ticket: 21, code: 'not-signed-in' },
    ]);
  });

  test('forgets what waited to be said: the next account does not say it', () => {
    const { world, people } = network();
    const [anna, bobby] = people.buddies();
    const carol = people.person('carol1');
    carol.signUp();
    carol.befriend(bobby);
    bobby.kill();
    anna.says(bobby, 'are you there?');
    // Their session is given up, but the supernode still thinks that Bobby is here.
    world.advance(15_000);
    anna.says(bobby, 'a secret of alice');
    anna.does({ type: 'leave' });
    carol.kill();
    // Carol signs in on Alice's machine: the same program goes on as somebody else.
    const { privateKey } = keyPair('carol1');
    const { certificate } = carol;
    if (!certificate) throw new Error('carol never signed up');
    const { der: certificateDer, expiresAtMs } = certificate;
    const identity = { name: 'carol1', displayName: 'carol1', nodeId: '', privateKey, certificateDer, expiresAtMs };
    const nodeId = carolNode(carol);
    anna.does({
      type: 'become',
      member: { ...identity, nodeId, roster: carol.roster, presence: 'online', isService: false },
    });
    bobby.start();
    world.advance(60_000);
    expect(bobby.online).toBe(true);
    // What the network keeps is Anna's word, and comes as hers.
    expect(bobby.lines.filter(({ from }) => from !== 'alice1')).toEqual([]);
  });
});

function carolNode(carol: Person): string {
  const seen = carol.world.supernodes.size;
  expect(seen).toBe(1);
  return net.issue({ name: 'carol1' }, 'carol1').nodeId;
}

describe('finding a supernode', () => {
  test('goes on until there is one, though the invite names none and nobody has enrolled yet', () => {
    const { world, people } = network([]);
    const anna = people.person('alice1');
    anna.node.command({
      type: 'login',
      ticket: 1,
      request: {
        kind: 'signUp',
        name: 'alice1',
        password: 'correct horse battery',
        displayName: 'Alice',
        publicKey: keyPair('alice1').spki,
      },
    });
    world.advance(3 * SUPERNODES_ASK_MS);
    expect(anna.online).toBe(false);
    people.startSupernode('super1');
    world.until(() => anna.online, 2 * SUPERNODES_ASK_MS_MAX);
  });

  test('goes on when the login server was away as well', () => {
    const { world, people } = network();
    const [anna] = people.buddies();
    people.supernodes.get('super1')?.stop();
    people.login.stop();
    world.advance(120_000);
    expect(anna.online).toBe(false);
    people.startLogin();
    people.startSupernode('super2');
    world.until(() => anna.online, 150_000);
  });

  test('after the certificate has ended: it is renewed first, and then we are in without a pause', () => {
    const { world, people } = network();
    const anna = people.person('alice1');
    anna.signUp();
    anna.kill();
    world.advance(5 * 86_400_000);
    anna.start();
    world.until(() => anna.online, 10_000);
    expect(anna.count('renewed')).toBe(1);
  });
});

describe('a search', () => {
  it('brings names, and display names that a terminal may show', () => {
    const { world, people } = network();
    const [anna, bobby] = people.buddies();
    const { privateKey } = keyPair('bobby1');
    const { der: certificateDer, expiresAtMs } = bobby.certificate ?? { der: Buffer.alloc(0), expiresAtMs: 0 };
    const member = { name: 'bobby1', privateKey, certificateDer, expiresAtMs, roster: bobby.roster };
    bobby.does({
      type: 'become',
      member: {
        ...member,
        nodeId: net.issue({ name: 'bobby1' }, 'bobby1').nodeId,
        displayName: '\u001b[31mBob\u202e\u0007by\n',
        presence: 'online',
        isService: false,
      },
    });
    world.advance(5_000);
    anna.does({ type: 'search', ticket: 5, pattern: 'bobby1', limit: 5 });
    world.advance(1_000);
    const found = anna.node.events.find((event) => event.type === 'search-results');
    expect(found).toMatchObject({ hits: [{ name: 'bobby1', displayName: 'Bobby' }] });
  });
});

describe('a stranger at our port', () => {
  function node(): OrdinaryNode {
    const core = new OrdinaryNode({
      random: seededRandom('node'),
      wallClock: () => WALL_MS,
      pin: net.pin,
      authorityDer: net.authority.certificateDer,
      loginServers: [],
      supernodes: [{ carrier: 'udp', host: '192.0.2.1', port: 4000 }],
      software: 'wren test',
      fillerBody: silenceBody,
    });
    const member = {
      ...alice,
      displayName: 'Alice',
      expiresAtMs: WALL_MS + 3 * 86_400_000,
      roster: [],
      presence: 'online',
      isService: false,
    } as const;
    core.command(0, { type: 'become', member });
    core.drain();
    return core;
  }
  const sends = (said: (NetOutput | OrdinaryNodeEvent)[]): string[] => said.map((output) => output.type);

  it('gets no answer to a datagram: not whether anybody is here, nor who', () => {
    const core = node();
    const hello = beginInitiator(seededRandom('stranger'), { localIndex: 1, wantAuthority: false, padded: true });
    const from = { carrier: 'udp', host: '203.0.113.9', port: 1 } as const;
    core.receive(10, { type: 'datagram', from, bytes: new Mask(net.pin).cover(hello.packet, seededRandom('mask')) });
    expect(sends(core.drain())).toEqual([]);
  });

  it('is turned away with a stream', () => {
    const core = node();
    const remote = { carrier: 'tcp', host: '203.0.113.9', port: 1 } as const;
    core.receive(10, { type: 'stream-open', stream: -1, remote, incoming: true });
    expect(core.drain()).toEqual([{ type: 'close-stream', stream: -1 }]);
    core.receive(11, { type: 'stream-bytes', stream: -1, bytes: Buffer.from('hello') });
    expect(core.drain()).toEqual([]);
  });
});

describe('how we are seen from outside', () => {
  test.each([
    ['PUB', 'public'],
    ['PR', 'behind-nat'],
    ['CGN', 'behind-nat'],
    ['UDPX', 'behind-nat'],
  ] as const)('is told with the attachment: %s is %s', (where, nat) => {
    const { people } = network();
    const anna = people.person('alice1', where);
    anna.signUp();
    const online = anna.node.events.findLast((event) => event.type === 'link');
    expect(online).toMatchObject({ state: 'online', nat });
    expect(online?.observed?.host).not.toMatch(/^(192\.168|127)\./);
  });
});
