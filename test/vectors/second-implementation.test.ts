/**
 * PROTOCOL.md, wren.proto and the vectors are enough to write another wren: this runs one that was written from them
 * (`second/`) through all vectors. Neither it nor this file imports anything from `src/`.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode, encode, fromJson, kinds, toJson, typeOf } from './proto-json.ts';
import {
  type End,
  Failed,
  gcmOpen,
  gcmSeal,
  hkdf,
  Initiator,
  judge,
  type Own,
  pinOf,
  publicX25519,
  Responder,
  slim,
  type Trust,
  whole,
  x25519,
} from './second/handshake.ts';
import { Mask, readDatagram } from './second/mask.ts';
import { ShortInitiator, ShortResponder, type Ticket, ticketIdOf, ticketSecret } from './second/resumption.ts';
import { keysOf, nextRoot, Receiver, SessionEnd, segmentsOf } from './second/session.ts';
import { StreamEnd } from './second/streams.ts';
import {
  firstPacket,
  foldName,
  isPersonName,
  isServiceName,
  type Packet,
  parseEndpoint,
  parseInvite,
  readVoice,
  sha256,
  tagOf,
} from './second/wire.ts';
import type {
  CertificatesFile,
  DataFile,
  EnvelopeFile,
  HandshakeFile,
  HandshakeRun,
  InviteFile,
  KeysFile,
  MessagesFile,
  PacketShape,
  ReliableFile,
  ResumptionFile,
  ResumptionRun,
  StreamsFile,
  TextsFile,
  VoiceFile,
} from './shapes.ts';

const here = import.meta.dirname;
const read = <T>(name: string): T => JSON.parse(readFileSync(join(here, name), 'utf8')) as T;
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hex = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString('hex');
const pem = (name: string): Buffer => readFileSync(join(here, 'identities', name));
const der = (name: string): Buffer => new X509Certificate(pem(name)).raw;

it('the second implementation imports nothing from src', () => {
  const files = ['second-implementation.test.ts', 'proto-json.ts', 'shapes.ts'];
  for (const file of [...files, ...readdirSync(join(here, 'second')).map((name) => `second/${name}`)]) {
    const imports = [...readFileSync(join(here, file), 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1]);
    expect(
      imports.filter((one) => one?.includes('src/')),
      file,
    ).toEqual([]);
  }
});

describe('texts and messages', () => {
  it('names and endpoints', () => {
    const texts = read<TextsFile>('texts.json');
    for (const { name, person, service, folded } of texts.names) {
      expect([isPersonName(name), isServiceName(name), foldName(name)], name).toEqual([person, service, folded]);
    }
    for (const { text, endpoint } of texts.endpoints) expect(parseEndpoint(text) ?? null, text).toEqual(endpoint);
  });

  it('messages, written and read', () => {
    const file = read<MessagesFile>('messages.json');
    for (const one of file.messages) {
      expect(hex(encode('Message', one.json)), one.field).toBe(one.hex);
      expect(toJson('Message', decode('Message', bytes(one.hex)) ?? {}), one.field).toEqual(one.json);
      expect(kinds().find(({ number }) => number === one.number)?.field).toBe(one.field);
    }
    for (const one of file.bodies) {
      expect(hex(encode(one.type, one.json)), one.type).toBe(one.hex);
      expect(toJson(one.type, decode(one.type, bytes(one.hex)) ?? {}), one.type).toEqual(one.json);
    }
    for (const { what, hex: text, json } of file.readings) {
      const message = decode('Message', bytes(text)) as { kind?: string } | undefined;
      // In the JSON form only what differs from its default is there.
      const normal = message?.kind === undefined ? null : toJson('Message', fromJson('Message', json ?? {}));
      expect(normal, what).toEqual(json);
      if (json !== null && message) {
        const again = typeOf('Message').toObject(message as never, { bytes: String, enums: String, longs: String });
        expect(Object.keys(again), what).toEqual(Object.keys(json));
      }
    }
  });

  it('invites', () => {
    for (const { what, text, invite } of read<InviteFile>('invite.json').invites) {
      const parsed = parseInvite(text);
      const told = parsed && {
        network: parsed.network,
        authority_pin: hex(parsed.pin),
        login_servers: parsed.loginServers,
        supernodes: parsed.supernodes,
      };
      expect(told ?? null, what).toEqual(invite);
    }
  });
});

function shapeOf(one: Packet): PacketShape {
  const common = { kind: one.kind, receiver_index: one.index };
  return one.kind === 8
    ? { ...common, epoch: one.epoch, counter: one.bytes.readUInt32BE(8) }
    : { ...common, body: hex(one.body) };
}

describe('packets', () => {
  const pin = pinOf(der('authority.cert.pem'));
  const mask = new Mask(pin);

  it('the mask', () => {
    const file = read<EnvelopeFile>('envelope.json');
    expect([hex(pin), hex(mask.headerKey), hex(mask.bodyKey)]).toEqual([file.pin, file.header_key, file.body_key]);
    for (const { what, packet, salt, covered } of file.masked) {
      expect(hex(mask.cover(bytes(packet), bytes(salt))), what).toBe(covered);
      expect(mask.uncover(bytes(covered)), what).toMatchObject({ packet: { bytes: bytes(packet) } });
    }
  });

  it('datagrams', () => {
    for (const { what, datagram, packets, bad } of read<EnvelopeFile>('envelope.json').datagrams) {
      const got = readDatagram(bytes(datagram), mask);
      expect({ packets: got.packets.map(shapeOf), bad: got.bad }, what).toEqual({ packets, bad });
    }
  });

  it('streams', () => {
    for (const { what, role, opening, steps } of read<StreamsFile>('streams.json').streams) {
      const end = new StreamEnd(role, mask);
      expect(hex(end.opening), what).toBe(opening);
      for (const step of steps) {
        const { packets, reply, bad } = end.receive(bytes(step.receive));
        const got = { receive: step.receive, packets: packets.map(shapeOf), reply: hex(reply), bad };
        expect(got, what).toEqual(step);
      }
    }
  });

  it('voice', () => {
    const file = read<VoiceFile>('voice.json');
    expect(tagOf(bytes(file.call_id))).toBe(file.tag);
    for (const { what, plaintext, ...one } of file.packets) {
      const { mediaTime, durationMs, frames, tag, ...rest } = readVoice(bytes(plaintext))!;
      expect(tag).toBe(file.tag);
      const got = { ...rest, media_time: mediaTime, duration_ms: durationMs, frames: frames.map(hex) };
      expect(got, what).toEqual(one);
    }
    for (const { what, plaintext } of file.refused) expect(readVoice(bytes(plaintext)), what).toBeUndefined();
  });
});

describe('keys', () => {
  it('X25519 and HKDF', () => {
    const keys = read<KeysFile>('keys.json');
    for (const one of keys.x25519) {
      expect(hex(publicX25519(bytes(one.private)))).toBe(one.public);
      expect(hex(x25519(bytes(one.private), bytes(one.other_public)))).toBe(one.shared);
    }
    for (const one of keys.refused) expect(x25519(bytes(one.private), bytes(one.other_public))).toBeUndefined();
    for (const one of keys.rekey) expect(hex(nextRoot(bytes(one.root), bytes(one.shared)))).toBe(one.next_root);
    for (const one of [...keys.epoch, ...keys.rekey]) {
      const root = 'next_root' in one ? String(one.next_root) : one.root;
      const { toResponder, toInitiator } = keysOf(bytes(root));
      expect([hex(toResponder.key), hex(toResponder.salt)]).toEqual(Object.values(one.initiator_to_responder));
      expect([hex(toInitiator.key), hex(toInitiator.salt)]).toEqual(Object.values(one.responder_to_initiator));
    }
  });

  it('certificates', () => {
    const file = read<CertificatesFile>('certificates.json');
    expect(hex(pinOf(der(file.authority)))).toBe(file.pin);
    for (const one of file.judged) {
      const judged = judge(der(one.certificate), der(file.authority), one.at_ms);
      const { kind, name, nodeId, expiresAtMs } = judged ?? {};
      const told = judged && { kind, name, node_id: hex(nodeId), expires_at_ms: expiresAtMs };
      expect(told ?? null, one.what).toEqual(one.identity);
      const { publicKey } = new X509Certificate(pem(one.certificate));
      expect([hex(slim(der(one.certificate))), hex(slim(der(one.certificate), true))]).toEqual([
        one.slim,
        one.slim_without_key,
      ]);
      expect(whole(bytes(one.slim))).toEqual(der(one.certificate));
      expect(whole(bytes(one.slim_without_key), publicKey)).toEqual(der(one.certificate));
    }
  });
});

describe('the handshake', () => {
  const { at_ms: atMs, runs } = read<HandshakeFile>('handshake.json');
  const own = (name: string): Own => ({
    certificate: der(`${name}.cert.pem`),
    key: createPrivateKey(pem(`${name}.key.pem`)),
  });
  const authority = der('authority.cert.pem');
  const trust = (knows: boolean): Trust => ({ pin: pinOf(authority), authority: knows ? authority : undefined, atMs });
  const endOf = (one: HandshakeRun['initiator'] | HandshakeRun['responder']) => ({
    drawn: bytes(one.private),
    nonce: bytes(one.nonce),
    index: one.index,
  });
  const initiatorOf = (run: HandshakeRun): Initiator => {
    const padded = run.carrier === 'udp';
    const initiator = new Initiator(endOf(run.initiator), { wantAuthority: run.want_authority, padded });
    expect(hex(initiator.helloPacket)).toBe(run.hello_packets[0]);
    if (run.cookie_packet === null) return initiator;
    initiator.receiveCookie(bytes(run.cookie_packet));
    expect(hex(initiator.helloPacket)).toBe(run.hello_packets[1]);
    return initiator;
  };

  it.each(runs)('$what: as initiator, up to the root and the first packets', (run) => {
    const initiator = initiatorOf(run);
    const judgeOf = trust(!run.want_authority);
    const identity = run.initiator.identity === null ? undefined : own(run.initiator.identity);
    const agreed = initiator.receiveAuth1(bytes(run.auth1_packet), identity, judgeOf);
    expect(hex(agreed.root)).toBe(run.root);
    expect(agreed.peerIndex).toBe(run.responder.index);
    expect(agreed.peer?.nodeId).toEqual(judge(own(run.responder.identity).certificate, authority, atMs)?.nodeId);
    expect(judgeOf.authority).toEqual(authority);
    expect(agreed.auth2Packet.length).toBe(run.auth2_packet.length / 2);
    const end = new SessionEnd({ isInitiator: true, root: agreed.root, peerIndex: agreed.peerIndex });
    expect(hex(end.open(packetOf(run.confirmation.packet))?.plaintext)).toBe(run.confirmation.plaintext);
    expect(hex(end.seal(bytes(run.first_message.plaintext)))).toBe(run.first_message.packet);
  });

  it.each(runs)('$what: every value in between', (run) => {
    const shared = x25519(bytes(run.initiator.private), publicX25519(bytes(run.responder.private)))!;
    expect(hex(shared)).toBe(run.shared);
    for (const [of, transcript, which] of [
      ['responder', run.t1, 'Auth1'],
      ['initiator', run.t2, 'Auth2'],
    ] as const) {
      const key = hkdf(shared, bytes(transcript), `wren SK1 ${of} proof`, 32);
      expect(hex(key)).toBe(run[`${of}_proof_key`]);
      const body = packetOf(which === 'Auth1' ? run.auth1_packet : run.auth2_packet).body;
      const { sealed } = decode(which, body) as unknown as { sealed: Uint8Array };
      const opened = gcmOpen(key, Buffer.alloc(12), bytes(transcript), Buffer.from(sealed))!;
      // Sealed again it is the same: nothing but the signature was left to chance.
      expect(hex(gcmSeal(key, Buffer.alloc(12), bytes(transcript), opened))).toBe(hex(sealed));
      const { certificate, signature, authority_certificate } = run[`${of}_proof`];
      const base64 = (text: string): string => bytes(text).toString('base64');
      const json = {
        certificate: base64(certificate),
        signature: base64(signature),
        authorityCertificate: base64(authority_certificate),
      };
      expect(hex(opened)).toBe(hex(encode('Proof', json)));
      if (which === 'Auth1') expect(hex(sha256(bytes(run.t1), sealed))).toBe(run.t2);
    }
  });

  it.each(runs)('$what: as responder, against our own initiator', (run) => {
    const initiator = initiatorOf(run);
    const responder = new Responder(
      endOf(run.responder),
      own(run.responder.identity),
      authority,
      initiator.helloPacket,
    );
    const identity = run.initiator.identity === null ? undefined : own(run.initiator.identity);
    const theirs = initiator.receiveAuth1(responder.auth1Packet, identity, trust(!run.want_authority));
    const ours = responder.receiveAuth2(theirs.auth2Packet, trust(true));
    expect(ours.root).toEqual(theirs.root);
    expect(ours.peer?.name).toBe(identity && judge(identity.certificate, authority, atMs)?.name);
  });

  it.each(runs)('$what: nothing that was altered is accepted', (run) => {
    const packet = bytes(run.auth1_packet);
    for (let at = 8; at < packet.length; at += 97) {
      const altered = Buffer.from(packet);
      altered[at] = (altered[at] ?? 0) ^ 0x10;
      expect(() => initiatorOf(run).receiveAuth1(altered, undefined, trust(true)), `byte ${at}`).toThrow(Failed);
    }
  });

  function packetOf(text: string): Packet {
    const one = firstPacket(bytes(text));
    if (one === 'bad' || one === 'need') throw new Error('no packet');
    return one;
  }
});

describe('the short handshake', () => {
  const { secrets, runs, refused } = read<ResumptionFile>('resumption.json');
  const ticketOf = ({ ticket }: ResumptionRun): Ticket => ({
    secret: bytes(ticket.secret),
    shower: bytes(ticket.initiator_node_id),
    taker: bytes(ticket.responder_node_id),
  });
  const drawnOf = (end: ResumptionRun['initiator']): End => ({
    drawn: bytes(end.private),
    nonce: bytes(end.nonce),
    index: end.index,
  });

  it.each(secrets)('the secret and the id of a ticket: $id', ({ shared, t2, secret, id }) => {
    expect(hex(ticketSecret(bytes(shared), bytes(t2)))).toBe(secret);
    expect(hex(ticketIdOf(bytes(secret)))).toBe(id);
  });

  it.each(runs)('$what: byte for byte, in either role', (run) => {
    const initiator = new ShortInitiator(drawnOf(run.initiator), ticketOf(run));
    expect(hex(initiator.helloPacket)).toBe(run.hello_packets[0]);
    if (run.cookie_packet !== null) expect(initiator.receiveCookie(bytes(run.cookie_packet))).toBe('again');
    expect(hex(initiator.helloPacket)).toBe(run.hello_packets.at(-1));
    const responder = new ShortResponder(drawnOf(run.responder), ticketOf(run), initiator.helloPacket);
    expect(hex(responder.auth1Packet)).toBe(run.auth1_packet);
    const ours = initiator.receiveAuth1(responder.auth1Packet);
    expect(hex(ours.auth2Packet)).toBe(run.auth2_packet);
    const theirs = responder.receiveAuth2(ours.auth2Packet);
    for (const { root, nextSecret } of [ours, theirs]) {
      expect([hex(root), hex(nextSecret)]).toEqual([run.root, run.next_secret]);
    }
  });

  it('is told from a busy supernode’s cookie when the ticket is not known', () => {
    const run = runs[0] as ResumptionRun;
    const end = { ...drawnOf(run.initiator), index: refused.receiver_index };
    expect(new ShortInitiator(end, ticketOf(run)).receiveCookie(bytes(refused.packet))).toBe('in-full');
  });
});

describe('sessions', () => {
  it('data packets, before and after a rekey, with counters beyond 2^32', () => {
    const file = read<DataFile>('data.json');
    const root = bytes(file.root);
    const ends = {
      initiator: new SessionEnd({ isInitiator: true, root, peerIndex: file.index.responder }),
      responder: new SessionEnd({ isInitiator: false, root, peerIndex: file.index.initiator }),
    };
    const arrive = (steps: DataFile['before_rekey']): void => {
      for (const { what, to, packet, plaintext, epoch, counter } of steps) {
        const opened = ends[to].open(firstPacket(bytes(packet)) as Packet);
        expect(opened ? hex(opened.plaintext) : null, what).toBe(plaintext);
        if (opened) expect([opened.epoch, opened.counter], what).toEqual([epoch, counter]);
      }
    };
    arrive(file.before_rekey);
    const shared = x25519(bytes(file.rekey.initiator_private), publicX25519(bytes(file.rekey.responder_private)))!;
    expect(hex(shared)).toBe(file.rekey.shared);
    for (const end of Object.values(ends)) end.rekey(shared);
    arrive(file.after_rekey);
  });

  it('the reliable channel', () => {
    const file = read<ReliableFile>('reliable.json');
    let sequence = 0;
    for (const { message, segments } of file.messages) {
      expect(segmentsOf(bytes(message), sequence).map(hex)).toEqual(segments);
      sequence += segments.length;
    }
    const receiver = new Receiver();
    const got = file.messages.flatMap(({ segments }) => segments.flatMap((one) => receiver.receive(bytes(one))));
    expect(got.map(hex)).toEqual(file.messages.map(({ message }) => message));
    for (const { got: sequences, plaintext } of file.acknowledgements) {
      const one = new Receiver();
      for (const number of sequences) one.receive(segmentsOf(Buffer.alloc(1), number)[0]!);
      expect(hex(one.acknowledgement()), `after ${sequences}`).toBe(plaintext);
    }
    for (const { what, plaintext } of file.refused) {
      expect(new Receiver().receive(bytes(plaintext)), what).toBeUndefined();
    }
  });
});
