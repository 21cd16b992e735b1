/**
 * The supernode between two people, in virtual time: what it can do to what it carries (nothing but lose it), what it
 * tells when it carries no more, and that no stranger gets more out of any node than came in.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { silenceBody } from '../../src/audio/voice-body.ts';
import { Registrar, type RegistrarOutput } from '../../src/net/overlay/registrar.ts';
import type { Random } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { HELLO_PACKET_BYTES } from '../../src/net/protocol/params.ts';
import { MASK_SALT_BYTES, Mask } from '../../src/net/wire/mask.ts';
import { encodeBody, message } from '../../src/net/wire/messages.ts';
import { PacketKind } from '../../src/net/wire/packet.ts';
import type { Place } from '../places.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { World } from '../sim/world.ts';
import { livingNetwork } from '../support/under-fire.ts';

const FRAME_MS = 20;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Two in a call that no direct way can take over. */
function relayedCall(
  where: Place,
  relayKbps = 1000,
): { world: World; people: PeopleWorld; alice: Person; bobby: Person } {
  const world = new World({ seed: 5 });
  const people = new PeopleWorld(world, []);
  people.relayKbps = relayKbps;
  world.host('super1');
  people.startSupernode('super1');
  world.until(() => people.supernodes.get('super1')!.events.some(({ type }) => type === 'certified'), 20_000);
  const [alice, bobby] = people.buddies({ alice1: where, bobby1: where });
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'));
  bobby.call_('answer');
  world.until(() => alice.heard.length > 0 && bobby.heard.length > 0);
  return { world, people, alice, bobby };
}

/** Speaks for so long, each body another; what was said, as hex. */
function speaks(world: World, person: Person, ms: number): Set<string> {
  const said = new Set<string>();
  for (let t = 0; t < ms; t += FRAME_MS) {
    const body = silenceBody(t / 10);
    world.random(`${person.name} ${t}`).bytes(24).copy(body, 10);
    said.add(withoutHeader(body));
    world.later(t, () => person.does({ type: 'voice', call: person.call ?? '', body: Buffer.from(body) }));
  }
  return said;
}

/** Without the media time, which is the session's own. */
function withoutHeader(body: Buffer): string {
  return body.subarray(3).toString('hex');
}

/** Shows every packet that the supernode hands on; what comes back goes out instead. */
function atTheRelay(tamper: (output: RegistrarOutput, packet: Buffer) => RegistrarOutput[]): void {
  const drain = Registrar.prototype.drain;
  vi.spyOn(Registrar.prototype, 'drain').mockImplementation(function (this: Registrar) {
    return drain
      .call(this)
      .flatMap((output) =>
        output.message.kind === 'forwarded' ? tamper(output, Buffer.from(output.message.body.packet)) : [output],
      );
  });
}

function instead(output: RegistrarOutput, packet: Buffer, source?: Uint8Array): RegistrarOutput {
  if (output.message.kind !== 'forwarded') return output;
  const body = { ...output.message.body, packet, source: source ?? output.message.body.source };
  return { ...output, message: message('forwarded', body) };
}

describe.each(['SYM', 'UDPX'] as const)('a relay between two at %s', (where) => {
  test('reads nothing: neither lines nor sound nor addresses are in what it carries', () => {
    const { world, alice, bobby } = relayedCall(where);
    const carried: Buffer[] = [];
    atTheRelay((output, packet) => {
      carried.push(packet);
      return [output];
    });
    const said = speaks(world, alice, 2_000);
    alice.says(bobby, 'the swallow flies at dawn');
    world.advance(3_000);
    expect(bobby.lines.map(({ text }) => text)).toEqual(['the swallow flies at dawn']);
    expect(bobby.heard.filter((body) => said.has(withoutHeader(body))).length).toBeGreaterThan(0.95 * said.size);
    const all = Buffer.concat(carried);
    expect(all.length).toBeGreaterThan(20_000);
    const secrets = ['the swallow', 'udp:192.168.', 'alice1'].map((text) => Buffer.from(text));
    for (const secret of [...secrets, ...[...said].map((hex) => Buffer.from(hex, 'hex').subarray(7, 31))])
      expect(all.includes(secret)).toBe(false);
  });

  test('forges nothing: what it flips, repeats, makes up or gives another sender is not taken', () => {
    const { world, alice, bobby } = relayedCall(where);
    const random = world.random('the relay');
    const seen: Buffer[] = [];
    const before = [alice.heard.length, bobby.heard.length];
    atTheRelay((output, packet) => {
      seen.push(packet);
      return crimes(random, output, packet, seen);
    });
    const said = { alice: speaks(world, alice, 10_000), bobby: speaks(world, bobby, 10_000) };
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    for (const [i, text] of lines.entries()) world.later(i * 300, () => alice.says(bobby, text));
    world.until(() => alice.delivered.size === lines.length, 60_000);
    world.advance(10_000);
    expect(bobby.lines.map(({ text }) => text)).toEqual(lines);
    for (const [person, from, words] of [
      [bobby, before[1], said.alice],
      [alice, before[0], said.bobby],
    ] as const) {
      const heard = person.heard.slice(from).map(withoutHeader);
      const spoken = heard.filter((body) => words.has(body));
      // Every body once, and between them nothing but the silence that an agent fills gaps with.
      expect(new Set(spoken).size).toBe(spoken.length);
      expect(new Set(heard.filter((body) => !words.has(body))).size).toBeLessThanOrEqual(1);
      expect(spoken.length).toBeGreaterThan(300);
    }
  });
});

/** A third of the packets is flipped; all are followed by old ones, by others' and by nonsense. */
function crimes(random: Random, output: RegistrarOutput, packet: Buffer, seen: readonly Buffer[]): RegistrarOutput[] {
  const flipped = Buffer.from(packet);
  const bit = Math.floor(random.fraction() * flipped.length * 8);
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  const old = seen[Math.floor(random.fraction() * seen.length)] ?? packet;
  const madeUp = Buffer.concat([packet.subarray(0, 12), random.bytes(packet.length - 12)]);
  return [
    instead(output, random.fraction() < 1 / 3 ? flipped : packet),
    instead(output, old),
    instead(output, madeUp),
    instead(output, packet, random.bytes(16)),
  ];
}

test('a relay that may carry no more says so to whom it concerns, and reports what it dropped and for whom it worked', () => {
  const { world, people, alice, bobby } = relayedCall('SYM', 20);
  world.advance(30_000);
  const limits = [alice, bobby].map(({ node }) => node.events.filter((event) => event.type === 'limited'));
  for (const told of limits) {
    expect(told.length).toBeGreaterThan(5);
    expect(told.length).toBeLessThanOrEqual(31);
    for (const one of told) expect(one).toMatchObject({ cap: 'supernode', dropped: expect.any(Number) });
  }
  const supernode = people.supernodes.get('super1')!;
  supernode.command({ type: 'report' });
  const report = supernode.events.findLast((event) => event.type === 'load');
  if (report?.type !== 'load') throw new Error('no report');
  const { load } = report;
  expect(load).toMatchObject({ clients: 2, relayKbps: 20, droppedByCap: { person: 0, address: 0, streams: 0 } });
  const told = limits.flat().reduce((sum, one) => sum + (one.type === 'limited' ? one.dropped : 0), 0);
  expect(told).toBeGreaterThan(load.droppedByCap.supernode * 0.8);
  expect(load.people.map(({ person }) => person).sort()).toEqual(['alice1', 'bobby1']);
  expect(load.forwardedBytes).toBeLessThan(64_000 + 2_500 * 40);
  expect([alice, bobby].map(({ callLog }) => callLog.at(-1))).not.toContain('ended failed');
});

describe('an address that has proven nothing', () => {
  const { world, people, nodes } = livingNetwork(3);
  const mask = new Mask(people.authority.pin);
  const chance = world.random('stranger');
  /** Bytes that go to it by themselves. */
  let later = 0;
  world.watch({
    packet({ to, bytes }) {
      if (to.host === STRANGER.host) later += bytes.length;
    },
  });
  const STRANGER: Endpoint = { carrier: 'udp', host: '203.0.113.77', port: 4000 };
  const packet = (kind: number, body: Buffer, index = 0): Buffer => {
    const head = Buffer.alloc(8);
    head[0] = kind << 4;
    head[1] = 1;
    head.writeUInt16BE(4 + body.length, 2);
    head.writeUInt32BE(index, 4);
    return mask.cover(Buffer.concat([head, body]), chance);
  };
  const hello = (padding: number): Buffer =>
    packet(
      PacketKind.hello,
      encodeBody('Hello', {
        ...{ versions: [1], suites: [1], senderIndex: 77, wantAuthority: true },
        ...{ nonce: Buffer.alloc(16, 1), ephemeral: Buffer.alloc(32, 9), padding: Buffer.alloc(padding) },
      }),
    );
  /** With the field of an empty padding grown to three bytes of tag and length. */
  const BARE_HELLO_BYTES = hello(0).length - MASK_SALT_BYTES + 3;
  const indices = [0, 1, 77, 0xffff_ffff];
  const KINDS: readonly (readonly [string, readonly Buffer[]])[] = [
    ['nothing', [Buffer.alloc(0), Buffer.alloc(1)]],
    ['a Hello as long as it must be', [hello(HELLO_PACKET_BYTES - BARE_HELLO_BYTES)]],
    ['a Hello that is too short', [hello(0), hello(600)]],
    ['eight Hellos in one datagram', [Buffer.concat(Array.from({ length: 8 }, () => hello(0)))]],
    [
      'a Cookie',
      indices.map((index) => packet(PacketKind.cookie, encodeBody('Cookie', { cookie: Buffer.alloc(16) }), index)),
    ],
    ['an Auth1', indices.map((index) => packet(PacketKind.auth1, Buffer.alloc(1000, 7), index))],
    ['an Auth2', indices.map((index) => packet(PacketKind.auth2, Buffer.alloc(1000, 7), index))],
    ['a data packet', indices.map((index) => packet(PacketKind.data, Buffer.alloc(200, 7), index))],
    ['the classic face', [Buffer.from('1603010000', 'hex')]],
    ['a request of HTTP', [Buffer.from('GET /installed?version=1 HTTP/1.1\r\n\r\n')]],
  ];

  test.each(KINDS)('gets for %s no more bytes than it sent, at once or later, from any node', (_what, datagrams) => {
    for (const [name, target] of nodes) {
      let sent = 0;
      let came = 0;
      later = 0;
      for (const bytes of datagrams) {
        sent += bytes.length;
        for (const { to, bytes: answer } of target.hit({ type: 'datagram', from: STRANGER, bytes }).datagrams)
          if (to.host === STRANGER.host) came += answer.length;
      }
      world.advance(15_000);
      expect(came + later, name).toBeLessThanOrEqual(sent);
    }
  });

  test('and a Hello is answered at all: the sum above is not of nothing', () => {
    const bytes = hello(HELLO_PACKET_BYTES - BARE_HELLO_BYTES);
    expect(bytes.length).toBe(1088);
    const came = nodes.get('login')!.hit({ type: 'datagram', from: STRANGER, bytes }).datagrams;
    expect(came.length).toBe(1);
  });
});
