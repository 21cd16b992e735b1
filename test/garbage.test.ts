/**
 * Garbage into everything that listens: every decoder, and every kind of node. Nothing may throw, grow without bound,
 * or answer an address that proved nothing with more bytes than it sent. The garbage is seeded; a failure names the
 * seed and the input. WREN_GARBAGE=n makes n inputs of what is else two hundred thousand, here and in
 * `hostile.test.ts`, where the garbage comes from peers with certificates.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PinnedTrust } from '../src/net/node/trust.ts';
import type { Endpoint } from '../src/net/protocol/endpoint.ts';
import { finishInitiator, finishResponder, parseHello } from '../src/net/transport/handshake.ts';
import { ephemeralKey } from '../src/net/transport/keys.ts';
import { finishAnswered, finishShown, isBound, showTicket } from '../src/net/transport/resumption.ts';
import { Session } from '../src/net/transport/session.ts';
import type { Ticket } from '../src/net/transport/tickets.ts';
import { Mask } from '../src/net/wire/mask.ts';
import { decodeBody } from '../src/net/wire/messages.ts';
import { PacketKind, readPacket } from '../src/net/wire/packet.ts';
import { DECODERS } from './support/decoders.ts';
import { Garbage, INPUTS, SEED, stranger } from './support/garbage.ts';
import { livingNetwork, type Said, type UnderFire, usedBytes } from './support/under-fire.ts';
import { HANDSHAKE, readVectors } from './vectors/generate.ts';
import { certificateDer, identity } from './vectors/identities.ts';
import { pin } from './vectors/make-sessions.ts';
import { Initiator } from './vectors/second/handshake.ts';
import type { HandshakeFile, ResumptionFile } from './vectors/shapes.ts';

describe('a decoder', () => {
  const weights = DECODERS.reduce((sum, { weight }) => sum + weight, 0);
  const share = INPUTS / 2 / weights;

  it.each(DECODERS)('of $name takes what is good', ({ good, take }) => {
    for (const bytes of good) expect(take(bytes), bytes.toString('hex')).toBe(true);
  });

  it.each(DECODERS)('of $name survives what is not', ({ name, good, take, weight }) => {
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

describe('a node of a living network', () => {
  const { world, people, nodes, alice, bobby } = livingNetwork(SEED);
  const everybody = ['login', 'super1', 'alice1', 'bobby1'] as const;
  const rounds = Math.ceil(INPUTS / 20);
  const mask = new Mask(people.authority.pin);

  /** Under the mask in most cases, as from somebody who has the invite: it gets far beyond the header. */
  function masked(garbage: Garbage, packet: Buffer): Buffer {
    const fraction = (): number => garbage.below(1e9) / 1e9;
    const fits = packet.length >= 28 && garbage.chance(0.9);
    return fits ? mask.cover(packet, { bytes: (count) => garbage.bytes(count), fraction }) : packet;
  }

  /** A datagram that came, damaged as it travelled or before it was covered. */
  function damaged(garbage: Garbage, datagram: Buffer): Buffer {
    const cut = garbage.chance(0.7) ? mask.uncover(datagram) : 'bad';
    return typeof cut === 'string' ? garbage.damaged(datagram) : masked(garbage, garbage.damaged(cut.packet.bytes));
  }

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
      const bytes = garbage.chance(0.6)
        ? damaged(garbage, garbage.pick(heard).bytes)
        : masked(garbage, garbage.packet());
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
      const packets = Array.from({ length: glued }, () => masked(garbage, initiator.helloPacket));
      const bytes = Buffer.concat(packets).subarray(0, 1232);
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
      const bytes = garbage.chance(0.9) ? damaged(garbage, good) : good;
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
    // People take no streams at all, so there is nothing to drop.
    if (name === 'login' || name === 'super1') expect(target.dropped - before.dropped).toBeGreaterThan(rounds / 20);
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

/** A handshake costs a fifth of a millisecond: of its ten thousand bits every seventh must do, unless there is time. */
const FLIP_STEP = INPUTS > 1_000_000 ? 1 : 7;

describe('every single flipped bit', () => {
  it('of a sealed packet is refused, and costs the packet itself nothing', () => {
    const root = new Garbage(SEED).bytes(32);
    const from = new Session({ role: 'initiator', root, remoteIndex: 7 });
    const to = new Session({ role: 'responder', root, remoteIndex: 8 });
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

  it('of a recorded short handshake is refused', () => {
    const [run] = (readVectors('resumption.json') as unknown as ResumptionFile).runs;
    const hex = (text = ''): Buffer => Buffer.from(text, 'hex');
    const packets = [run?.hello_packets[0], run?.auth1_packet, run?.auth2_packet].map((one) => hex(one).subarray(8));
    const [helloBody, auth1, auth2] = packets as [Buffer, Buffer, Buffer];
    const kept = { secret: hex(run?.ticket.secret), expiresAtMs: 0, key: undefined };
    const [from, to] = [run?.ticket.initiator_node_id ?? '', run?.ticket.responder_node_id ?? ''];
    const ours: Ticket = { ...kept, own: from, peer: { kind: 'person', name: '', nodeId: to } };
    const theirs: Ticket = { ...kept, own: to, peer: { kind: 'person', name: '', nodeId: from } };
    const state = {
      ...{ localIndex: run?.initiator.index ?? 0, wantAuthority: false, padded: true, packet: helloBody, helloBody },
      ...{
        ephemeral: ephemeralKey(hex(run?.initiator.private)),
        cookie: Buffer.alloc(0),
        nonce: hex(run?.initiator.nonce),
      },
    };
    const shown = { ...showTicket(state, ours), helloBody };
    const hears = (bytes: Buffer): boolean => {
      const read = decodeBody('Auth1', bytes);
      return read !== undefined && finishShown(state, shown, read).ok;
    };
    expect(hears(auth1)).toBe(true);
    for (const { bytes, at } of flipped(auth1)) {
      if (isDeepStrictEqual(decodeBody('Auth1', bytes), decodeBody('Auth1', auth1))) continue;
      expect(hears(bytes), `bit ${at} of Auth1`).toBe(false);
    }
    for (const { bytes, at } of flipped(helloBody)) {
      const hello = parseHello(bytes);
      expect(hello !== undefined && isBound(bytes, hello, theirs), `bit ${at} of Hello`).toBe(false);
    }
    const secret = Buffer.concat([hex(run?.shared), kept.secret]);
    const [t1, t2] = [hex(run?.t1), hex(run?.t2)];
    const answered = { localIndex: 1, remoteIndex: 2, ticket: theirs, secret, t1, t2, packet: auth1 };
    expect(finishAnswered(answered, auth2).ok).toBe(true);
    for (const { bytes, at } of flipped(auth2)) {
      expect(finishAnswered(answered, bytes).ok, `bit ${at} of Auth2`).toBe(false);
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
