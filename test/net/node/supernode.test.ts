/** A dedicated supernode and a login node as a whole: getting certified, staying useful, and whom they let in. */
import { describe, expect, it, test } from 'vitest';
import { LoginNode } from '../../../src/net/node/login-node.ts';
import { Supernode } from '../../../src/net/node/supernode.ts';
import { type SealedRecord, sealRecord } from '../../../src/net/overlay/index-record.ts';
import type { Core } from '../../../src/net/protocol/core.ts';
import type { NetInput } from '../../../src/net/protocol/traffic.ts';
import { Switchboard } from '../../../src/net/transport/switchboard.ts';
import { TicketBook } from '../../../src/net/transport/tickets.ts';
import type { OwnIdentity } from '../../../src/net/transport/trust.ts';
import { Mask, readDatagram } from '../../../src/net/wire/mask.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { PeopleWorld } from '../../sim/people-world.ts';
import { World } from '../../sim/world.ts';
import { keyPair, makeAuthority, WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const net = makeAuthority();
const mask = new Mask(net.pin);
const chance = seededRandom('mask');
const CLIENT = { carrier: 'udp', host: '198.51.100.7', port: 4_000 } as const;
const SERVER = { carrier: 'udp', host: '198.51.100.1', port: 4_000 } as const;

function supernode(): Supernode {
  const { privateKey, spki } = keyPair('supernode');
  const { nodeId, certificateDer: der } = net.issue('supernode', 'supernode');
  return new Supernode({
    random: seededRandom('supernode'),
    wallClock: () => WALL_MS,
    pin: net.pin,
    authorityDer: net.authority.certificateDer,
    certificate: { der, expiresAtMs: WALL_MS + 86_400_000 },
    loginServers: [{ carrier: 'tcp', host: '192.0.2.1', port: 4000 }],
    endpoints: [SERVER],
    relayKbps: 1000,
    privateKey,
    publicKeySpki: spki,
    nodeId,
  });
}

function loginNode(): LoginNode {
  return new LoginNode({
    random: seededRandom('login'),
    wallClock: () => WALL_MS,
    issuer: net.issuer,
    identity: net.issue('login-server', 'login'),
    passwordCost: { n: 16, r: 8, p: 1 },
  });
}

/** A client by datagrams at a server's core; everything arrives at once. */
class Knock {
  now = 1_000;
  readonly client: Switchboard;
  readonly got: string[] = [];
  /** Sent by the client. */
  bytes = 0;
  readonly #server: Core<NetInput, never, { readonly type: string }>;

  constructor(server: Core<NetInput, never, { readonly type: string }>, own: OwnIdentity | undefined) {
    this.#server = server;
    const tickets = new TicketBook(() => WALL_MS);
    this.client = new Switchboard({ random: seededRandom('client'), trust: net.trust(), tickets });
    this.client.setIdentity(own);
  }

  connects(): number {
    const session = this.client.connect(this.now, { via: 'udp', endpoint: SERVER }, { place: 'here' });
    this.flows();
    return session;
  }

  flows(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const output of this.client.drain()) {
        moved = true;
        if (output.type === 'send') {
          this.bytes += output.bytes.length;
          this.#server.receive(this.now, { type: 'datagram', from: CLIENT, bytes: mask.cover(output.bytes, chance) });
        } else this.got.push(output.type === 'message' ? output.message.kind : output.type);
      }
      for (const output of this.#server.drain() as { type: string; bytes?: Buffer }[]) {
        if (output.type !== 'send-datagram' || !output.bytes) continue;
        moved = true;
        for (const packet of readDatagram(output.bytes, mask).packets)
          this.client.receive(this.now, { via: 'udp', endpoint: SERVER }, packet);
      }
    }
  }
}

describe('a supernode', () => {
  it('serves people', () => {
    const knock = new Knock(supernode(), net.issue({ name: 'alice1' }, 'alice'));
    const session = knock.connects();
    knock.client.send(knock.now, session, message('attach', { requestId: 1 }));
    knock.flows();
    expect(knock.got).toEqual(['established', 'attached']);
  });

  it('attaches no supernode', () => {
    const knock = new Knock(supernode(), net.issue('supernode', 'another'));
    const session = knock.connects();
    knock.client.send(knock.now, session, message('attach', { requestId: 1 }));
    knock.client.send(knock.now, session, message('forward', { target: Buffer.alloc(16), packet: Buffer.alloc(40) }));
    knock.flows();
    expect(knock.got).toEqual(['established', 'failure']);
  });

  it('has no word for somebody who is of another network', () => {
    const knock = new Knock(supernode(), makeAuthority('othernet').issue({ name: 'alice1' }, 'alice'));
    const session = knock.connects();
    knock.client.send(knock.now, session, message('keepAlive', { id: 1 }));
    knock.flows();
    expect(knock.got).toEqual(['established']);
    for (let i = 0; i < 30; i++) {
      knock.now += 1_000;
      knock.client.wake(knock.now);
      knock.flows();
    }
    expect(knock.got.at(-1)).toBe('closed');
  });

  it('does nothing for somebody who proves nothing, except to carry a dialogue with the login server', () => {
    const core = supernode();
    const knock = new Knock(core, undefined);
    const session = knock.connects();
    for (const value of [message('keepAlive', { id: 1 }), message('attach', { requestId: 1 }), message('lookup')]) {
      knock.client.send(knock.now, session, value);
    }
    knock.flows();
    expect(knock.got).toEqual(['established']);
    knock.client.send(knock.now, session, message('loginCarry', { channel: 0, packets: Buffer.from('x') }));
    knock.flows();
    expect(knock.got).toEqual(['established', 'loginCarried']);
  });

  it('survives a client that forwards to a node of a hundred thousand bytes', () => {
    const knock = new Knock(supernode(), net.issue({ name: 'alice1' }, 'alice'));
    const session = knock.connects();
    knock.client.send(knock.now, session, message('attach', { requestId: 1 }));
    knock.flows();
    const target = Buffer.alloc(100_000, 7);
    knock.client.send(knock.now, session, message('forward', { target, packet: Buffer.alloc(10) }));
    knock.client.send(knock.now, session, message('lookup', { requestId: 2, name: 'bobby1' }));
    for (let i = 0; i < 40; i++) {
      knock.now += 100;
      knock.client.wake(knock.now);
      knock.flows();
    }
    expect(knock.got).toEqual(['established', 'attached', 'whereabouts']);
  });

  test('that is not certified asks again and again, until the login server is there', () => {
    const world = new World({ seed: 1 });
    const people = new PeopleWorld(world, []);
    people.login.stop();
    people.startSupernode('super1');
    const events = people.supernodes.get('super1')?.events ?? [];
    world.advance(20_000);
    const failures = events.filter((event) => event.type === 'enrolment-failed').length;
    expect(failures).toBeGreaterThan(2);
    world.advance(300_000);
    expect(events.length - failures).toBeLessThan(12);
    people.startLogin();
    world.until(() => events.some((event) => event.type === 'certified'), 100_000);
  });

  test('that was certified serves on while the login server is away, also after a restart', () => {
    const world = new World({ seed: 1 });
    const people = new PeopleWorld(world);
    const [alice, bobby] = people.buddies();
    people.login.stop();
    people.supernodes.get('super1')?.stop();
    world.advance(5_000);
    people.startSupernode('super1');
    world.until(() => alice.online && bobby.online, 60_000);
    alice.says(bobby, 'hello');
    world.until(() => alice.delivered.size === 1, 30_000);
  });
});

describe('records at a supernode', () => {
  const own = { displayName: 'Alice', homes: [], signedInAtMs: WALL_MS, sequence: 1, listed: true };
  const alice = net.issue({ name: 'alice1' }, 'alice');
  const mallory = net.issue({ name: 'mallory' }, 'mallory');
  const good = sealRecord({ ...own, nodeId: alice.nodeId }, alice.certificateDer, alice.privateKey);
  const other = { ...own, nodeId: mallory.nodeId };

  function answerTo(entry: SealedRecord): string | undefined {
    const knock = new Knock(supernode(), alice);
    const session = knock.connects();
    knock.client.send(knock.now, session, message('attach', { requestId: 1 }));
    knock.client.send(knock.now, session, message('publish', { requestId: 2, entry }));
    knock.flows();
    return knock.got.at(-1);
  }

  it('are taken from the person who signed them', () => {
    expect(answerTo(good)).toBe('published');
  });

  it('are taken without a certificate, which the session or its ticket has brought', () => {
    const short = (sequence: number, by = alice) =>
      sealRecord({ ...own, nodeId: alice.nodeId, sequence }, Buffer.alloc(0), by.privateKey);
    const knock = new Knock(supernode(), alice);
    const bytesOf = { full: 0, resumed: 0 };
    for (const handshake of ['full', 'resumed'] as const) {
      knock.got.length = 0;
      const before = knock.bytes;
      const session = knock.connects();
      bytesOf[handshake] = knock.bytes - before;
      knock.client.send(knock.now, session, message('attach', { requestId: 1 }));
      const sequence = handshake === 'full' ? 1 : 3;
      knock.client.send(knock.now, session, message('publish', { requestId: 2, entry: short(sequence, mallory) }));
      knock.client.send(knock.now, session, message('publish', { requestId: 3, entry: short(sequence) }));
      knock.flows();
      expect(knock.got).toEqual(['established', 'attached', 'failure', 'published']);
      knock.client.close(session, 'done');
      knock.flows();
    }
    expect(bytesOf.full).toBeGreaterThan(5 * bytesOf.resumed);
  });

  it.each([
    ['signed by somebody else', sealRecord({ ...own, nodeId: alice.nodeId }, alice.certificateDer, mallory.privateKey)],
    ['of somebody else', sealRecord(other, mallory.certificateDer, mallory.privateKey)],
    ['of a node that is not the certificate’s', sealRecord(other, alice.certificateDer, alice.privateKey)],
    ['altered', { ...good, record: Buffer.concat([good.record, Buffer.of(0x28, 9)]) }],
    [
      'of 73 hours ago',
      sealRecord(
        { ...own, nodeId: alice.nodeId, signedInAtMs: WALL_MS - 73 * 3_600_000 },
        alice.certificateDer,
        alice.privateKey,
      ),
    ],
    [
      'of tomorrow',
      sealRecord(
        { ...own, nodeId: alice.nodeId, signedInAtMs: WALL_MS + 86_400_000 },
        alice.certificateDer,
        alice.privateKey,
      ),
    ],
  ])('%s are refused', (_what, entry) => {
    expect(answerTo(entry)).toBe('failure');
  });

  it('are refused and counted from a supernode that lies, which breaks nothing else', () => {
    const core = supernode();
    const knock = new Knock(core, net.issue('supernode', 'another'));
    const session = knock.connects();
    const before = core.dropped;
    const forged = sealRecord({ ...own, nodeId: alice.nodeId }, alice.certificateDer, mallory.privateKey);
    for (const value of [
      message('indexPut', { entries: [forged, { ...forged, certificate: Buffer.alloc(0) }] }),
      message('membersSync', { members: [{ nodeId: Buffer.alloc(3) }], answerWanted: true }),
      message('interests', { added: [{ name: 'x', watcher: 'alice1', watcherNode: Buffer.alloc(16) }] }),
      message('seenAt', { watcherNode: Buffer.alloc(1) }),
      message('transit', { source: Buffer.alloc(2), target: Buffer.alloc(99) }),
      message('vouchAt', { source: Buffer.alloc(16), target: Buffer.alloc(16), host: 'x' }),
      message('indexDigest', { digests: Buffer.alloc(5) }),
    ])
      knock.client.send(knock.now, session, value);
    for (let i = 0; i < 20; i++) {
      knock.now += 100;
      knock.client.wake(knock.now);
      knock.flows();
    }
    expect(core.dropped - before).toBeGreaterThanOrEqual(5);
    const person = new Knock(core, alice);
    const line = person.connects();
    person.client.send(person.now, line, message('attach', { requestId: 1 }));
    person.client.send(person.now, line, message('search', { requestId: 2, pattern: 'alice', limit: 5 }));
    person.flows();
    expect(person.got.slice(-1)).toEqual(['searchResults']);
  });
});

describe('a login server', () => {
  it('lets in who proves nothing: that is how everybody begins', () => {
    const knock = new Knock(loginNode(), undefined);
    const session = knock.connects();
    knock.client.send(knock.now, session, message('supernodesGet', { requestId: 1 }));
    knock.flows();
    expect(knock.got).toEqual(['established']);
    expect(knock.client.peerOf(session)?.kind).toBe('login-server');
  });
});
