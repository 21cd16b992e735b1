/**
 * The second implementation (`second/`, written from PROTOCOL.md) and the program under `src/` talk with each other:
 * handshakes with each in either role, messages both ways by the reliable channel, voice, and a rekey.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PinnedTrust } from '../../src/net/node/trust.ts';
import { REKEY_AFTER_MS } from '../../src/net/protocol/params.ts';
import type { Route } from '../../src/net/protocol/traffic.ts';
import { type ConnectOptions, Switchboard, type SwitchboardOutput } from '../../src/net/transport/switchboard.ts';
import { TicketBook } from '../../src/net/transport/tickets.ts';
import { Mask } from '../../src/net/wire/mask.ts';
import { message } from '../../src/net/wire/messages.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type CastName, certificateDer, ISSUED_MS, identity } from './identities.ts';
import { decode, encode, type Json } from './proto-json.ts';
import { Initiator, type Own, pinOf, publicX25519, Responder, type Trust, x25519 } from './second/handshake.ts';
import { Mask as SecondMask } from './second/mask.ts';
import { ShortInitiator, ShortResponder, type Ticket } from './second/resumption.ts';
import { Receiver, SessionEnd, segmentsOf } from './second/session.ts';
import { AUTH1, AUTH2, COOKIE, DATA, HELLO, type Packet } from './second/wire.ts';

const AT_MS = ISSUED_MS + 60_000;
const authority = certificateDer('authority');
const UDP: Route = { via: 'udp', endpoint: { carrier: 'udp', host: '192.0.2.9', port: 4000 } };
const STREAM: Route = { via: 'stream', stream: 1 };

function own(name: CastName): Own {
  const pem = (what: string): Buffer => readFileSync(join(import.meta.dirname, 'identities', `${name}.${what}.pem`));
  return { certificate: new X509Certificate(pem('cert')).raw, key: createPrivateKey(pem('key')) };
}

function trust(knows = true): Trust {
  return { pin: pinOf(authority), authority: knows ? authority : undefined, atMs: AT_MS };
}

/** Each covers as it understands the page, and uncovers what the other covered. */
const ours = new Mask(pinOf(authority));
const theirs = new SecondMask(pinOf(authority));
const salts = seededRandom('salts');

/** The program's side of the wire: packets go in, packets and happenings come out. */
class Program {
  readonly switchboard: Switchboard;
  readonly happened: Exclude<SwitchboardOutput, { type: 'send' }>[] = [];
  readonly #route: Route;
  now = 1000;

  constructor(name: CastName | undefined, route: Route, knowsAuthority = true, tickets?: TicketBook) {
    const judge = new PinnedTrust({
      pin: pinOf(authority),
      wallClock: () => AT_MS,
      authorityDer: knowsAuthority ? authority : undefined,
    });
    const kept = tickets ? { tickets } : {};
    this.switchboard = new Switchboard({ random: seededRandom('interop'), trust: judge, ...kept });
    if (name) this.switchboard.setIdentity(identity(name));
    this.#route = route;
  }

  connect(options: ConnectOptions): Packet[] {
    this.switchboard.connect(this.now, this.#route, options);
    return this.said();
  }

  hears(bytes: Buffer): Packet[] {
    const cut = ours.uncover(theirs.cover(bytes, randomBytes(16)));
    if (typeof cut === 'string') throw new Error('not even a packet');
    this.switchboard.receive(this.now, this.#route, cut.packet);
    return this.said();
  }

  waits(ms: number): Packet[] {
    this.now += ms;
    this.switchboard.wake(this.now);
    return this.said();
  }

  said(): Packet[] {
    const packets: Packet[] = [];
    for (const output of this.switchboard.drain()) {
      if (output.type !== 'send') this.happened.push(output);
      else {
        const cut = theirs.uncover(ours.cover(output.bytes, salts));
        if (typeof cut === 'string') throw new Error('not even a packet');
        packets.push(cut.packet);
      }
    }
    return packets;
  }

  get session(): number {
    const established = this.happened.find((one) => one.type === 'established');
    return established?.type === 'established' ? established.session : -1;
  }

  get peer(): string | undefined {
    const established = this.happened.find((one) => one.type === 'established');
    return established?.type === 'established' ? established.peer.name || established.peer.kind : undefined;
  }
}

/** The second implementation's side of a session. */
class Second {
  readonly end: SessionEnd;
  readonly receiver = new Receiver();
  readonly messages: Record<string, unknown>[] = [];
  readonly voice: Buffer[] = [];
  acknowledged = 0;
  #sequence = 0;

  constructor(end: SessionEnd) {
    this.end = end;
  }

  says(json: Json): Buffer[] {
    const segments = segmentsOf(encode('Message', json), this.#sequence);
    this.#sequence += segments.length;
    return segments.map((one) => this.end.seal(one));
  }

  /** What it answers. */
  hears(packets: readonly Packet[]): Buffer[] {
    return packets.flatMap((packet) => {
      const { plaintext = Buffer.of(255) } = this.end.open(packet) ?? {};
      if (plaintext[0] === 1) this.acknowledged = plaintext.readUInt32BE(1);
      else if ((plaintext[0] ?? 0) >= 0x80) this.voice.push(plaintext);
      else if (plaintext[0] === 0) {
        for (const one of this.receiver.receive(plaintext) ?? []) this.messages.push(decode('Message', one) ?? {});
        return [this.end.seal(this.receiver.acknowledgement())];
      }
      return [];
    });
  }
}

function drawn() {
  return { drawn: randomBytes(32), nonce: randomBytes(16), index: 1 + (randomBytes(4).readUInt32BE() % 0xffff_fffe) };
}

/** Both ways, by every kind of plaintext. */
function talk(program: Program, second: Second): void {
  const text = 'ten swallows '.repeat(300);
  const before = second.messages.length;
  for (const packet of second.says({ chatMessage: { sequence: 7, text } })) second.hears(program.hears(packet));
  const heard = program.happened.findLast((one) => one.type === 'message');
  expect(heard?.type === 'message' && heard.message).toMatchObject({
    kind: 'chatMessage',
    body: { sequence: 7, text },
  });
  program.switchboard.send(program.now, program.session, message('chatMessage', { sequence: 8, text }));
  for (let packets = program.said(); packets.length > 0; ) {
    packets = second.hears(packets).flatMap((answer) => program.hears(answer));
  }
  expect(second.messages.slice(before)).toMatchObject([{ kind: 'chatMessage', chatMessage: { sequence: 8, text } }]);
  const voice = Buffer.concat([Buffer.of(0x81), Buffer.alloc(62, 4)]);
  program.hears(second.end.seal(voice));
  expect(program.happened.findLast((one) => one.type === 'voice')).toMatchObject({ bytes: voice });
  program.switchboard.sendVoice(program.session, voice, [UDP]);
  second.hears(program.said());
  expect(second.voice.at(-1)).toEqual(voice);
}

/** The second implementation opens a session to the program. */
function opens(program: Program, options: { own?: Own; wantAuthority?: boolean; padded?: boolean }): Second {
  const { wantAuthority = false, padded = false } = options;
  const initiator = new Initiator(drawn(), { wantAuthority, padded });
  let [answer] = program.hears(initiator.helloPacket);
  if (answer?.kind === COOKIE) {
    initiator.receiveCookie(answer.bytes);
    [answer] = program.hears(initiator.helloPacket);
  }
  expect(answer?.kind).toBe(AUTH1);
  const agreed = initiator.receiveAuth1(answer?.bytes ?? Buffer.alloc(0), options.own, trust(!wantAuthority));
  expect(agreed.peer?.kind).toBe('supernode');
  const second = new Second(new SessionEnd({ isInitiator: true, root: agreed.root, peerIndex: agreed.peerIndex }));
  const confirmation = program.hears(agreed.auth2Packet);
  expect(confirmation.map(({ kind }) => kind)).toEqual([DATA]);
  second.hears(confirmation);
  return second;
}

describe('the second implementation as initiator', () => {
  it.each([
    ['with a name, by datagrams', UDP, 'alice1', false],
    ['anonymous, by datagrams', UDP, undefined, false],
    ['anonymous, by a stream, asking for the CA certificate', STREAM, undefined, true],
    ['with a name, by a stream', STREAM, 'bobby1', false],
  ] as const)('%s', (_what, route, name, wantAuthority) => {
    const program = new Program('supernode', route);
    const identity = name === undefined ? {} : { own: own(name) };
    const second = opens(program, { ...identity, wantAuthority, padded: route.via === 'udp' });
    expect(program.peer?.toLowerCase()).toBe(name ?? 'anonymous');
    talk(program, second);
  });

  it('brings the cookie when it is asked for one', () => {
    const program = new Program('supernode', UDP);
    const waiting = Array.from({ length: 40 }, () => new Initiator(drawn(), { wantAuthority: false, padded: true }));
    const answers = waiting.flatMap((one) => program.hears(one.helloPacket));
    expect(answers.some(({ kind }) => kind === COOKIE)).toBe(true);
    talk(program, opens(program, { own: own('alice1'), padded: true }));
  });

  it('rekeys, and both go on in the new epoch', () => {
    const program = new Program('supernode', UDP);
    const second = opens(program, { own: own('alice1'), padded: true });
    const key = randomBytes(32);
    const rekey = { epoch: second.end.nextEpoch, ephemeral: publicX25519(key).toString('base64') };
    const said = second.says({ rekey }).flatMap((packet) => program.hears(packet));
    for (const answer of second.hears(said)) program.hears(answer);
    const reply = second.messages.at(-1) as { kind: string; rekeyReply: { epoch: number; ephemeral: Uint8Array } };
    expect(reply.rekeyReply.epoch).toBe(1);
    second.end.rekey(x25519(key, reply.rekeyReply.ephemeral)!);
    talk(program, second);
    program.switchboard.sendDatagram(program.session, message('keepAlive', { id: 1 }));
    expect(program.said().map(({ epoch }) => epoch)).toEqual([1]);
  });
});

describe('the second implementation as responder', () => {
  it.each([
    ['to a person who knows the CA certificate, by datagrams', UDP, 'alice1', false],
    ['to somebody anonymous who has the pin alone, by a stream', STREAM, undefined, true],
  ] as const)('%s', (_what, route, name, wantAuthority) => {
    const program = new Program(name, route, !wantAuthority);
    const second = answers(program, { anonymous: name === undefined, wantAuthority });
    expect(second.peer).toBe(name);
    talk(program, second.second);
  });

  it('answers a rekey', () => {
    const program = new Program('alice1', UDP);
    const { second } = answers(program, {});
    program.hears(second.end.seal(Buffer.from('010000000000000000', 'hex')));
    // What was said is to be forgotten.
    talk(program, second);
    const asked = program.waits(REKEY_AFTER_MS);
    for (const answer of second.hears(asked)) program.hears(answer);
    const { rekey } = second.messages.at(-1) as { rekey: { epoch: number; ephemeral: Uint8Array } };
    expect(rekey.epoch).toBe(second.end.nextEpoch);
    const key = randomBytes(32);
    const rekeyReply = { epoch: rekey.epoch, ephemeral: publicX25519(key).toString('base64') };
    const reply = second.says({ rekeyReply });
    second.end.rekey(x25519(key, rekey.ephemeral)!);
    second.hears(reply.flatMap((packet) => program.hears(packet)));
    program.switchboard.sendDatagram(program.session, message('keepAlive', { id: 1 }));
    const said = program.said();
    expect(said.map(({ epoch }) => epoch)).toEqual([1]);
    second.hears(said);
    talk(program, second);
  });

  /** The program opens a session to the second implementation. */
  function answers(program: Program, options: { anonymous?: boolean; wantAuthority?: boolean }) {
    const [hello] = program.connect(options);
    expect(hello?.kind).toBe(HELLO);
    const responder = new Responder(drawn(), own('login-server'), authority, hello?.bytes ?? Buffer.alloc(0));
    const [auth2] = program.hears(responder.auth1Packet);
    expect(auth2?.kind).toBe(AUTH2);
    const agreed = responder.receiveAuth2(auth2?.bytes ?? Buffer.alloc(0), trust());
    const end = new SessionEnd({ isInitiator: false, root: agreed.root, peerIndex: agreed.peerIndex });
    return { second: new Second(end), peer: agreed.peer?.name.toLowerCase() };
  }
});

describe('the second implementation comes back with a ticket', () => {
  const idOf = (name: CastName): Buffer => Buffer.from(identity(name).nodeId, 'hex');
  const book = (): TicketBook => new TicketBook(() => AT_MS);
  const wanted = { expect: { kind: 'supernode' }, place: 'place 192.0.2.9 4000' } as const;

  /** A full handshake with a program that keeps tickets. */
  function meets(route: Route, tickets: TicketBook): Ticket {
    const program = new Program('supernode', route, true, tickets);
    const initiator = new Initiator(drawn(), { wantAuthority: false, padded: route === UDP });
    const [answer] = program.hears(initiator.helloPacket);
    const agreed = initiator.receiveAuth1(answer?.bytes ?? Buffer.alloc(0), own('alice1'), trust());
    program.hears(agreed.auth2Packet);
    return { secret: agreed.resumption, shower: idOf('alice1'), taker: idOf('supernode') };
  }

  it.each([
    ['datagrams', UDP],
    ['a stream', STREAM],
  ] as const)('by %s, twice: the ticket of the second time comes of the first', (_what, route) => {
    const tickets = book();
    let ticket = meets(route, tickets);
    for (let time = 0; time < 2; time++) {
      const program = new Program('supernode', route, true, tickets);
      const initiator = new ShortInitiator(drawn(), ticket);
      const [answer] = program.hears(initiator.helloPacket);
      const agreed = initiator.receiveAuth1(answer?.bytes ?? Buffer.alloc(0));
      const second = new Second(new SessionEnd({ isInitiator: true, root: agreed.root, peerIndex: agreed.peerIndex }));
      second.hears(program.hears(agreed.auth2Packet));
      expect(program.peer).toBe('Alice1');
      talk(program, second);
      ticket = { ...ticket, secret: agreed.nextSecret };
    }
  });

  it('that the program does not know: by datagrams it says so, by a stream it goes on in full', () => {
    const ticket = meets(UDP, book());
    const initiator = new ShortInitiator(drawn(), ticket);
    const [answer] = new Program('supernode', UDP, true, book()).hears(initiator.helloPacket);
    expect(answer?.bytes.length).toBeLessThan(initiator.helloPacket.length);
    expect(initiator.receiveCookie(answer?.bytes ?? Buffer.alloc(0))).toBe('in-full');
    const [auth1] = new Program('supernode', STREAM).hears(initiator.helloPacket);
    expect(auth1?.kind).toBe(AUTH1);
    expect(auth1?.bytes.length).toBeGreaterThan(500);
  });

  it('and takes one; without tickets it answers the same Hello in full', () => {
    const tickets = book();
    const first = new Program('alice1', STREAM, true, tickets);
    const [hello] = first.connect(wanted);
    const responder = new Responder(drawn(), own('supernode'), authority, hello?.bytes ?? Buffer.alloc(0));
    const [auth2] = first.hears(responder.auth1Packet);
    const { resumption: secret } = responder.receiveAuth2(auth2?.bytes ?? Buffer.alloc(0), trust());
    const again = new Program('alice1', STREAM, true, tickets);
    const [shown] = again.connect(wanted);
    const ticket = { secret, shower: idOf('alice1'), taker: idOf('supernode') };
    const short = new ShortResponder(drawn(), ticket, shown?.bytes ?? Buffer.alloc(0));
    const [confirmed] = again.hears(short.auth1Packet);
    const agreed = short.receiveAuth2(confirmed?.bytes ?? Buffer.alloc(0));
    talk(again, new Second(new SessionEnd({ isInitiator: false, root: agreed.root, peerIndex: agreed.peerIndex })));
    const third = new Program('alice1', STREAM, true, tickets);
    const [unknown] = third.connect(wanted);
    const full = new Responder(drawn(), own('supernode'), authority, unknown?.bytes ?? Buffer.alloc(0));
    const [proof] = third.hears(full.auth1Packet);
    expect(full.receiveAuth2(proof?.bytes ?? Buffer.alloc(0), trust()).peer?.name).toBe('Alice1');
  });
});
