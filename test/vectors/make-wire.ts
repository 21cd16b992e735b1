/**
 * Vectors of everything that is bytes alone: messages, envelope, streams, texts, invites, voice. What is written here
 * by hand is the meaning; the bytes come from the code under `src/`, and are compared with the committed ones ever
 * after (`vectors.test.ts`), and with a second implementation (`second-implementation.test.ts`).
 */
import { hkdfSync } from 'node:crypto';
import { encodeVoiceBody, type VoiceBody } from '../../src/audio/voice-body.ts';
import { encodeInvite, type Invite, parseInvite } from '../../src/net/login/invite.ts';
import { callTag, voicePacket } from '../../src/net/media/voice-packet.ts';
import { parseEndpoint } from '../../src/net/protocol/endpoint.ts';
import { foldName, isPersonName, isServiceName } from '../../src/net/protocol/ids.ts';
import { Mask, readDatagram } from '../../src/net/wire/mask.ts';
import { encodeBody, encodeMessage } from '../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind } from '../../src/net/wire/packet.ts';
import { StreamFramer } from '../../src/net/wire/stream-framer.ts';
import { BODIES, MESSAGES, READINGS } from './examples.ts';
import { pin } from './make-sessions.ts';
import { fromJson, kinds } from './proto-json.ts';

export interface VectorFile {
  readonly what: string;
  readonly fields: { readonly [name: string]: string };
  readonly [more: string]: unknown;
}

export function messagesFile(): VectorFile {
  const messages = kinds().map(({ number, field, name, type }) => {
    const json = MESSAGES[name];
    if (!json) throw new Error(`examples.ts has no ${name}`);
    const bytes = encodeMessage({ kind: name, body: fromJson(type, json) } as never);
    return { number, field, json: { [name]: json }, hex: hex(bytes) };
  });
  const bodies = Object.entries(BODIES).map(([type, json]) => {
    return { type, json, hex: hex(encodeBody(type as 'Hello', fromJson(type, json) as never)) };
  });
  return {
    what: 'Every message of wren.proto filled in, the bodies of handshake packets and of the invite, and bytes that a reader must cope with (PROTOCOL.md, section 8).',
    fields: {
      messages:
        'protobuf `Message`: reading `hex` gives `json`; writing `json` with fields in the order of their numbers gives `hex`',
      bodies: 'the same for the types that travel outside `Message`',
      readings: 'for readers only: reading `hex` as `Message` gives `json`, or is refused when that is null',
      number: 'field number in `Message`, for ever',
      json: 'JSON form of protobuf: lowerCamelCase, bytes in base64, enums by name, 64-bit numbers as text, defaults left out',
      hex: 'bytes, in hexadecimal digits, as everywhere in these files',
    },
    messages,
    bodies,
    readings: READINGS,
  };
}

// ------------------------------------------------------------------ envelope and streams

const HELLO = handshakePacket(PacketKind.hello, 0, Buffer.from('one of four'));
const COOKIE = handshakePacket(PacketKind.cookie, 0x0badcafe, Buffer.from('two of four'));
/** The shortest body that can travel. */
const SHORT = handshakePacket(PacketKind.auth2, 7, Buffer.from('four'));
const DATA = Buffer.from('8801001c0badcafe00000007000102030405060708090a0b0c0d0e0f10111213', 'hex');
const PIN = pin();
const MASK = new Mask(PIN);

/** Chance that is the same each time. */
const SALTS = {
  bytes: (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => 0xa0 + i)),
  fraction: () => 0,
};

function covered(...packets: readonly Buffer[]): Buffer {
  return Buffer.concat(packets.map((packet) => MASK.cover(packet, SALTS)));
}

/** Covered, with some bytes of the header other than they should be: the mask turns bits, whatever they say. */
function lying(packet: Buffer, at: number, ...values: number[]): Buffer {
  const bytes = covered(packet);
  const header = Buffer.from(packet);
  header.writeUInt16BE(bytes.length - 4, 2);
  values.forEach((value, i) => {
    bytes[at + i] = (bytes[at + i] ?? 0) ^ (header[at + i] ?? 0) ^ value;
  });
  return bytes;
}

const DATAGRAMS: readonly { readonly what: string; readonly bytes: Buffer }[] = [
  { what: 'one Hello', bytes: covered(HELLO) },
  { what: 'one data packet of epoch 2', bytes: covered(DATA) },
  { what: 'three packets in one datagram', bytes: covered(COOKIE, DATA, SHORT) },
  { what: 'eight packets, the most there may be', bytes: covered(...Array(8).fill(SHORT)) },
  { what: 'nine packets: the ninth is dropped', bytes: covered(...Array(9).fill(SHORT)) },
  { what: 'epoch and reserved bits of a handshake packet mean nothing to a reader', bytes: lying(HELLO, 0, 0x1f) },
  { what: 'nothing', bytes: Buffer.alloc(0) },
  { what: 'less than 28 bytes', bytes: covered(HELLO).subarray(0, 27) },
  { what: 'a question without a session', bytes: lying(HELLO, 0, 0x50) },
  { what: 'an unknown kind (9)', bytes: lying(HELLO, 0, 0x90) },
  { what: 'another protocol version', bytes: lying(HELLO, 1, 2) },
  { what: 'a length beyond the end of the datagram', bytes: lying(HELLO, 2, 0, 32) },
  { what: 'a length that leaves no room for the random bytes', bytes: lying(HELLO, 2, 0, 23) },
  { what: 'a data packet too short for counter and tag', bytes: lying(DATA, 2, 0, 23) },
  {
    what: 'one good packet, then garbage: the good one counts',
    bytes: Buffer.concat([covered(DATA), Buffer.from('garbage of more than 28 bytes')]),
  },
  { what: 'a packet without its mask', bytes: DATA },
];

export function envelopeFile(): VectorFile {
  const datagrams = DATAGRAMS.map(({ what, bytes }) => {
    const { packets, bad } = readDatagram(bytes, MASK);
    return { what, datagram: hex(bytes), packets: packets.map(packetJson), bad };
  });
  const masked = [
    { what: 'a Hello', packet: HELLO },
    { what: 'a Cookie', packet: COOKIE },
    { what: 'the shortest body that can travel', packet: SHORT },
    { what: 'a data packet: nothing is added, so the salt is not used', packet: DATA },
  ].map(({ what, packet }) => {
    return { what, packet: hex(packet), salt: hex(SALTS.bytes(16)), covered: hex(covered(packet)) };
  });
  const keys = Buffer.from(hkdfSync('sha256', PIN, Buffer.alloc(0), 'wren mask', 64));
  return {
    what: 'The mask, datagrams, and the packets in them (PROTOCOL.md, section 2).',
    fields: {
      pin: 'of the network: that of identities/authority.cert.pem',
      header_key: 'first half of the 64 bytes of key for the mask',
      body_key: 'second half',
      masked: 'packets one by one; `covered` is what travels',
      salt: 'the random bytes of a handshake packet; any will do',
      datagram: 'what arrives',
      packets: 'what is read from it; `kind` and `receiver_index` are numbers',
      body: 'of a handshake packet: what follows the receiver index, uncovered',
      epoch: 'of a data packet: the two bits of the key epoch',
      counter: 'of a data packet: the low 32 bits',
      bad: 'true when something was dropped, which ends the reading of this datagram',
    },
    pin: hex(PIN),
    header_key: hex(keys.subarray(0, 32)),
    body_key: hex(keys.subarray(32)),
    masked,
    datagrams,
  };
}

const OPENING = '1603010000';
const STREAMS: readonly {
  readonly what: string;
  readonly role: 'listener' | 'classic-client' | 'plain-client';
  readonly pieces: readonly string[];
}[] = [
  { what: 'plain: packets from the first byte', role: 'listener', pieces: [hex(covered(HELLO, DATA))] },
  { what: 'cut anywhere, the packets are the same', role: 'listener', pieces: cut(hex(covered(HELLO, DATA)), 5) },
  {
    what: 'the classic face, packets close behind',
    role: 'listener',
    pieces: [OPENING + hex(covered(HELLO)), hex(covered(DATA))],
  },
  { what: 'the classic face, byte by byte', role: 'listener', pieces: cut(OPENING + hex(covered(HELLO)), 1) },
  { what: 'a TLS client, where TLS is not offered', role: 'listener', pieces: ['16030100c8010000c4'] },
  { what: 'a web browser', role: 'listener', pieces: [hex(Buffer.from('GET / HTTP/1.1\r\nHost: example\r\n\r\n'))] },
  {
    what: 'a bad packet ends the stream, not only the packet',
    role: 'listener',
    pieces: [hex(Buffer.concat([covered(HELLO), lying(DATA, 0, 0x90)])), hex(covered(DATA))],
  },
  {
    what: 'a length that leaves no room for the random bytes',
    role: 'listener',
    pieces: [hex(lying(HELLO, 2, 0, 23))],
  },
  {
    what: 'the answer to our opening, then packets',
    role: 'classic-client',
    pieces: [`1703010000${hex(covered(COOKIE))}`],
  },
  { what: 'an answer to our opening that is none', role: 'classic-client', pieces: ['1503010002'] },
  { what: 'towards a supernode: plain', role: 'plain-client', pieces: [hex(covered(COOKIE))] },
];

export function streamsFile(): VectorFile {
  const streams = STREAMS.map(({ what, role, pieces }) => {
    const face = role === 'classic-client' ? 'classic' : 'plain';
    const framer = new StreamFramer({ incoming: role === 'listener', mask: MASK, face });
    const opening = role === 'listener' ? '' : hex(StreamFramer.opening(face));
    const steps = pieces.map((piece) => {
      const { packets, reply, bad } = framer.push(Buffer.from(piece, 'hex'));
      return { receive: piece, packets: packets.map(packetJson), reply: hex(reply), bad };
    });
    return { what, role, opening, steps };
  });
  return {
    what: 'Streams, their faces, and the packets in them, under the mask of envelope.json (PROTOCOL.md, section 3).',
    fields: {
      role: 'who we are: the listener, a client of a login server (classic face), or a client of a supernode (plain face)',
      opening: 'what we write first',
      receive: 'bytes that arrive, in this order',
      packets: 'whole packets that these bytes complete, as in envelope.json',
      reply: 'what we write at once; the listener writes nothing else before its first packet',
      bad: 'true: the stream is closed, and whatever else comes is dropped',
    },
    streams,
  };
}

function packetJson(packet: ReturnType<typeof readDatagram>['packets'][number]) {
  const { kind, receiverIndex, bytes, body, epoch } = packet;
  const common = { kind, receiver_index: receiverIndex };
  return kind === PacketKind.data
    ? { ...common, epoch, counter: bytes.readUInt32BE(8) }
    : { ...common, body: hex(body) };
}

/** Hexadecimal digits in pieces of so many bytes. */
function cut(digits: string, bytes: number): string[] {
  return digits.match(new RegExp(`.{1,${2 * bytes}}`, 'g')) ?? [];
}

// ------------------------------------------------------------------ texts

const NAMES = ['Bobby1', 'a.b-c_9', 'x'.repeat(32), 'x'.repeat(33), 'bob12', 'echo', '1bobby', 'bob by', 'böbby1', ''];
const ENDPOINTS = [
  'udp:192.0.2.7:4000',
  'tcp:[2001:db8::1]:443',
  'tcp:login.example:4000',
  'udp:192.0.2.7:65536',
  'udp:192.0.2.7:0',
  'udp:2001:db8::1:443',
  'udp:[192.0.2.7]:4000',
  'sctp:192.0.2.7:4000',
  'udp:192.0.2.7',
  '',
];

export function textsFile(): VectorFile {
  return {
    what: 'Names of people and services, and endpoints as text (PROTOCOL.md, section 1).',
    fields: {
      person: 'may a person have this name?',
      service: 'is it one of the shorter names that are kept for services?',
      folded: 'the form in which names are compared',
      endpoint: 'carrier, host and port, or null when the text is no endpoint',
    },
    names: NAMES.map((name) => {
      return { name, person: isPersonName(name), service: isServiceName(name), folded: foldName(name) };
    }),
    endpoints: ENDPOINTS.map((text) => ({ text, endpoint: parseEndpoint(text) ?? null })),
  };
}

export function inviteFile(pin: Buffer): VectorFile {
  const full: Invite = {
    network: 'testnet',
    authorityPin: pin,
    loginServers: [{ carrier: 'tcp', host: 'login.example', port: 4000 }],
    supernodes: [
      { carrier: 'udp', host: '192.0.2.7', port: 4000 },
      { carrier: 'udp', host: '2001:db8::7', port: 4000 },
    ],
  };
  const text = encodeInvite(full);
  const texts: [string, string][] = [
    ['an invite', text],
    ['one without supernodes', encodeInvite({ ...full, network: 'münchen', supernodes: [] })],
    ['wrapped by a mail program, the scheme in capitals', `WREN:${text.slice(5).replace(/(.{40})/g, '$1\r\n  ')}`],
    ['cut short: protobuf alone would not notice', text.slice(0, -8)],
    ['one letter changed', text.replace(/.(.{9})$/, (last, tail) => (last[0] === 'A' ? 'B' : 'A') + tail)],
    ['no scheme', text.slice(5)],
    ['another scheme', `wrens:${text.slice(5)}`],
    ['nothing in it', 'wren:'],
  ];
  return {
    what: 'Invites (PROTOCOL.md, section 4). The pin is that of identities/authority.cert.pem.',
    fields: {
      text: 'what a person pastes',
      invite: 'what it says, or null when it is refused',
      bytes: 'the decoded text: protobuf `Invite`, whose last six bytes are the field `check`',
      check: 'first 4 bytes of SHA-256 over all that stands before that field',
    },
    invites: texts.map(([what, one]) => {
      const parsed = parseInvite(one);
      if (!parsed) return { what, text: one, invite: null };
      const bytes = Buffer.from(one.slice(5).replace(/\s+/g, ''), 'base64url');
      const { network, authorityPin, loginServers, supernodes } = parsed;
      const invite = { network, authority_pin: hex(authorityPin), login_servers: loginServers, supernodes };
      return { what, text: one, invite, bytes: hex(bytes), check: hex(bytes.subarray(-4)) };
    }),
  };
}

// ------------------------------------------------------------------ voice

const CALL_ID = '404142434445464748494a4b4c4d4ecf';

/** Any bytes will do: the layout does not look into Opus. */
function frame(bytes: number, first: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (first + i) & 0xff));
}

const VOICE: readonly { readonly what: string; readonly sequence: number; readonly body: VoiceBody }[] = [
  {
    what: 'the normal rung: one frame of 57 bytes, 20 ms',
    sequence: 0,
    body: { mediaTime: 2, durationMs: 20, distance: 1, muted: false, held: false, frames: [frame(57, 0x48)] },
  },
  {
    what: 'muted; sequence and media time just before they wrap',
    sequence: 65_535,
    body: { mediaTime: 65_534, durationMs: 20, distance: 1, muted: true, held: false, frames: [frame(57, 0x10)] },
  },
  {
    what: 'on hold, and muted',
    sequence: 258,
    body: { mediaTime: 516, durationMs: 20, distance: 1, muted: true, held: true, frames: [frame(57, 0x20)] },
  },
  {
    what: 'two frames, the second two frames older than the first',
    sequence: 1000,
    body: {
      mediaTime: 2000,
      durationMs: 20,
      distance: 2,
      muted: false,
      held: false,
      frames: [frame(57, 1), frame(57, 99)],
    },
  },
  {
    what: 'four frames of 10 ms in the largest body that may travel (123 bytes)',
    sequence: 1001,
    body: {
      mediaTime: 3000,
      durationMs: 10,
      distance: 3,
      muted: false,
      held: false,
      frames: [frame(30, 1), frame(30, 2), frame(30, 3), frame(30, 4)],
    },
  },
  {
    what: 'one frame of 60 ms in the smallest body (40 bytes)',
    sequence: 1002,
    body: { mediaTime: 3006, durationMs: 60, distance: 1, muted: false, held: false, frames: [frame(37, 7)] },
  },
];

export function voiceFile(): VectorFile {
  const packets = VOICE.map(({ what, sequence, body }) => {
    const bytes = encodeVoiceBody(body);
    return {
      what,
      sequence,
      media_time: body.mediaTime,
      duration_ms: body.durationMs,
      distance: body.distance,
      muted: body.muted,
      held: body.held,
      frames: body.frames.map((one) => hex(Buffer.from(one))),
      plaintext: hex(voicePacket(callTag(CALL_ID), sequence, bytes)),
    };
  });
  const good = packets[0]?.plaintext ?? '';
  const refused = [
    { what: 'a body of 39 bytes', plaintext: good.slice(0, 2 * 42) },
    { what: 'a body of 124 bytes', plaintext: good + '00'.repeat(64) },
    {
      what: 'four frames are said to be in 57 bytes, which cannot be cut so',
      plaintext: `${good.slice(0, 6)}d4${good.slice(8)}`,
    },
    { what: 'a distance of 0', plaintext: `${good.slice(0, 6)}04${good.slice(8)}` },
  ];
  return {
    what: 'Plaintexts of voice packets, before they are sealed (PROTOCOL.md, section 10).',
    fields: {
      call_id: 'of the call that all of them belong to',
      tag: 'low 7 bits of the last byte of the call id',
      sequence: 'counts voice packets of one direction, modulo 65536',
      media_time: 'of the newest frame, units of 10 ms, modulo 65536',
      distance: 'how many frames apart two neighbouring frames of the body are',
      frames: 'newest first, all of one length',
      plaintext: 'what is sealed',
      refused: 'plaintexts that a receiver drops: too short, too long, or not cut into equal frames',
    },
    call_id: CALL_ID,
    tag: callTag(CALL_ID),
    packets,
    refused,
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
