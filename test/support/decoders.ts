/**
 * Everything that takes bytes or text from outside, by name, as something that may be handed garbage: it must neither
 * throw nor hang, and what it says of garbage must make sense. Beside each the good input that damage starts from.
 */
import { BodyQueue } from '../../src/audio/body-queue.ts';
import { FarEndpoint } from '../../src/audio/endpoint-far.ts';
import { NearEndpoint } from '../../src/audio/endpoint-near.ts';
import { asFarWord, asLifeWord, asNearVoice, asNearWord, encodeWord } from '../../src/audio/endpoint-words.ts';
import { packetDurationMs } from '../../src/audio/opus-toc.ts';
import { asFromVoice, asToVoice, encodeControl, encodeVoiceDown, PortDecoder } from '../../src/audio/port-codec.ts';
import { encodeVoiceBody, parseVoiceBody, silenceBody } from '../../src/audio/voice-body.ts';
import { cleanText } from '../../src/net/chat/clean-text.ts';
import { checkCertificate, matchesPin, publicKeyFit } from '../../src/net/login/credential.ts';
import { cleanDisplayName } from '../../src/net/login/display-name.ts';
import { encodeInvite, parseInvite } from '../../src/net/login/invite.ts';
import { loadOf, mediaTimeOf, parseVoicePacket, voicePacket } from '../../src/net/media/voice-packet.ts';
import { worthProbing } from '../../src/net/nat/candidate.ts';
import { parseEndpoint, printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { isName } from '../../src/net/protocol/ids.ts';
import { beginInitiator, parseHello } from '../../src/net/transport/handshake.ts';
import { ReliableChannel } from '../../src/net/transport/reliable.ts';
import { isBound, showTicket } from '../../src/net/transport/resumption.ts';
import type { Ticket } from '../../src/net/transport/tickets.ts';
import { Mask, readDatagram } from '../../src/net/wire/mask.ts';
import { decodeBody, decodeMessage, encodeBody, encodeMessage } from '../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind, readPacket } from '../../src/net/wire/packet.ts';
import { StreamFramer } from '../../src/net/wire/stream-framer.ts';
import { parseBuddies, printBuddies } from '../../src/store/buddies-file.ts';
import { LineSplitter } from '../../src/store/line-splitter.ts';
import { readAnswer, readRequest } from '../../src/store/port-schema.ts';
import { compilePattern } from '../support/pattern-oracle.ts';
import { BODIES, MESSAGES } from '../vectors/examples.ts';
import { fromJson, kinds } from '../vectors/proto-json.ts';
import { keyPair, makeAuthority, WALL_MS } from './identities.ts';
import { seededRandom } from './seeded-random.ts';

export interface Decoder {
  readonly name: string;
  /** Inputs that it accepts. */
  readonly good: readonly Buffer[];
  /** Takes the bytes; true when it accepted them. Throws when it breaks, or says something that makes no sense. */
  readonly take: (bytes: Buffer) => boolean;
  /** Share of the inputs that it gets: those that cost more than a microsecond get fewer. */
  readonly weight: number;
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const net = makeAuthority();
const person = net.issue({ name: 'alice1' }, 'alice');
const messages = kinds().map(({ name, type }) =>
  encodeMessage({ kind: name, body: fromJson(type, MESSAGES[name] ?? {}) } as never),
);
const invite = encodeInvite({
  network: 'testnet',
  authorityPin: net.pin,
  loginServers: [{ carrier: 'tcp', host: '10.0.0.1', port: 4000 }],
  supernodes: [],
});
const buddy = {
  ...({ name: 'Bobby1', displayName: 'Bobby <Tables>', relation: 'both', message: 'hi & hello' } as const),
  ...{ lastSeenAtMs: WALL_MS, changedAtMs: WALL_MS, removed: false },
};
const data = Buffer.from(`8801001c0badcafe00000007${'5a'.repeat(20)}`, 'hex');
const hello = handshakePacket(PacketKind.hello, 0, Buffer.from('hello'));
const ours = { secret: Buffer.alloc(32, 9), own: person.nodeId, expiresAtMs: WALL_MS, key: undefined };
const taken: Ticket = { ...ours, own: 'b'.repeat(32), peer: { kind: 'person', name: 'alice1', nodeId: person.nodeId } };
const shown = showTicket(beginInitiator(seededRandom('shown'), { localIndex: 7, wantAuthority: false, padded: true }), {
  ...ours,
  peer: { kind: 'supernode', name: '', nodeId: 'b'.repeat(32) },
});
const mask = new Mask(net.pin);
const covered = (packet: Buffer): Buffer => mask.cover(packet, seededRandom('mask'));
const text = (bytes: Buffer): string => bytes.toString('utf8');

function body(type: 'Hello' | 'Cookie' | 'Auth1' | 'Auth2' | 'Proof' | 'Invite'): Decoder {
  return {
    name: `body ${type}`,
    good: [encodeBody(type, fromJson(type, BODIES[type] ?? {}) as never)],
    take: (bytes) => decodeBody(type, bytes) !== undefined,
    weight: 1,
  };
}

/** The same bytes in pieces: what comes of them must not depend on where they are cut. */
function framed(bytes: Buffer, face: 'incoming' | 'classic' | 'carried'): boolean {
  const options = { incoming: face !== 'classic', mask: face === 'carried' ? undefined : mask };
  const make = (): StreamFramer => new StreamFramer(face === 'classic' ? { ...options, face } : options);
  const whole = make().push(bytes);
  const pieces = make();
  const cut = bytes.length >> 1;
  const [first, second] = [pieces.push(bytes.subarray(0, cut)), pieces.push(bytes.subarray(cut))];
  insist(second.bad === whole.bad, 'a stream is bad or not by where it is cut');
  insist(
    first.packets.length + second.packets.length === whole.packets.length,
    'a stream holds more or fewer packets by where it is cut',
  );
  return !whole.bad;
}

export const DECODERS: readonly Decoder[] = [
  { name: 'packet', good: [data, hello], take: (bytes) => readPacket(bytes) !== undefined, weight: 4 },
  {
    name: 'datagram',
    good: [Buffer.concat([covered(data), covered(hello)]), covered(data)],
    take: (bytes) => {
      const { packets } = readDatagram(bytes, mask);
      insist(packets.length <= 8, 'more than eight packets');
      return packets.length > 0;
    },
    weight: 4,
  },
  {
    name: 'stream',
    good: [
      Buffer.concat([Buffer.from('1603010000', 'hex'), covered(hello), covered(data)]),
      Buffer.concat([covered(data), covered(data)]),
    ],
    take: (bytes) => framed(bytes, 'incoming'),
    weight: 2,
  },
  {
    name: 'stream, carried',
    good: [Buffer.concat([hello, data]), Buffer.concat([data, data])],
    take: (bytes) => framed(bytes, 'carried'),
    weight: 1,
  },
  {
    name: 'stream, classic client',
    good: [Buffer.concat([Buffer.from('1703010000', 'hex'), covered(hello)])],
    take: (bytes) => framed(bytes, 'classic'),
    weight: 1,
  },
  {
    name: 'message',
    good: messages,
    take: (bytes) => {
      const message = decodeMessage(bytes);
      if (!message) return false;
      const again = encodeMessage(message);
      const third = decodeMessage(again);
      insist(third !== undefined && encodeMessage(third).equals(again), 'a message changes when it is passed on');
      return true;
    },
    weight: 12,
  },
  ...(['Hello', 'Cookie', 'Auth1', 'Auth2', 'Proof', 'Invite'] as const).map(body),
  {
    name: 'Hello',
    good: [encodeBody('Hello', fromJson('Hello', BODIES.Hello ?? {}) as never)],
    take: (bytes) => parseHello(bytes) !== undefined,
    weight: 2,
  },
  {
    name: 'Hello with a ticket',
    good: [shown.helloBody],
    take: (bytes) => {
      const read = parseHello(bytes);
      const bound = read !== undefined && isBound(bytes, read, taken);
      insist(!bound || bytes.equals(shown.helloBody), 'a forged binder');
      return bound;
    },
    weight: 0.2,
  },
  {
    name: 'certificate',
    good: [person.certificateDer],
    take: (bytes) => {
      const checked = checkCertificate(bytes, { authorityDer: net.authority.certificateDer, nowMs: WALL_MS });
      insist(!checked.ok || bytes.equals(person.certificateDer), 'a forged certificate');
      return checked.ok;
    },
    weight: 0.2,
  },
  {
    name: 'authority',
    good: [net.authority.certificateDer],
    take: (bytes) => {
      const fits = matchesPin(bytes, net.pin);
      insist(!fits || bytes.equals(net.authority.certificateDer), 'a forged authority');
      return fits;
    },
    weight: 0.1,
  },
  {
    name: 'public key',
    good: [keyPair('alice').spki],
    take: (bytes) => publicKeyFit(bytes) !== undefined,
    weight: 0.2,
  },
  {
    name: 'invite',
    good: [Buffer.from(invite)],
    take: (bytes) => {
      const parsed = parseInvite(text(bytes)) ?? parseInvite(`wren:${bytes.toString('base64url')}`);
      insist(!parsed || encodeInvite(parsed) === invite, 'a forged invite with a right checksum');
      return parsed !== undefined;
    },
    weight: 1,
  },
  {
    name: 'endpoint',
    good: ['udp:10.0.0.1:4000', 'tcp:[2001:db8::1]:443', 'udp:login.example:1'].map((one) => Buffer.from(one)),
    take: (bytes) => {
      const endpoint = parseEndpoint(text(bytes));
      if (!endpoint) return false;
      insist(parseEndpoint(printEndpoint(endpoint))?.port === endpoint.port, 'an endpoint that cannot be printed');
      return true;
    },
    weight: 2,
  },
  {
    name: 'candidates',
    good: [Buffer.from('udp:10.0.0.1:4000,udp:[2001:db8::1]:4000,udp:224.0.0.1:1')],
    take: (bytes) => worthProbing(text(bytes).split(','), []).length > 0,
    weight: 1,
  },
  {
    name: 'search pattern',
    good: ['ali', 'a*c*1', 'ALICE1'].map((one) => Buffer.from(one)),
    take: (bytes) => compilePattern(text(bytes))('alice1', text(bytes.subarray(0, 64))) > 0,
    weight: 1,
  },
  {
    name: 'text of other people',
    good: [Buffer.from('tea? \u2615 at five'), Buffer.from('\u001b[31mred\u001b[0m')],
    take: (bytes) => {
      const clean = cleanText(text(bytes), { bytesMax: 200, lines: 'one' });
      insist(Buffer.byteLength(clean) <= 200 && !/[\u0000-\u001f\u007f-\u009f]/.test(clean), 'text that is not clean');
      insist(cleanText(clean, { bytesMax: 200, lines: 'one' }) === clean, 'clean text that changes again');
      return clean !== '';
    },
    weight: 1,
  },
  {
    name: 'display name',
    good: [Buffer.from('Alice Liddell'), Buffer.from('\u202eecilA')],
    take: (bytes) => {
      const clean = cleanDisplayName(text(bytes), 'alice1');
      insist(
        [...clean].length <= 64 && !/[\u0000-\u001f\u007f-\u009f]/.test(clean),
        'a display name that is not clean',
      );
      return clean !== 'alice1';
    },
    weight: 1,
  },
  {
    name: 'voice packet',
    good: [voicePacket(7, 7, silenceBody(7))],
    take: (bytes) => {
      const packet = parseVoicePacket(bytes);
      if (!packet) return false;
      insist(mediaTimeOf(packet.body) <= 65_535 && loadOf(packet.body).bitrate >= 0, 'a load of no sense');
      return true;
    },
    weight: 2,
  },
  {
    name: 'voice body',
    good: [silenceBody(7)],
    take: (bytes) => {
      const parsed = parseVoiceBody(bytes);
      if (!parsed) return false;
      insist(encodeVoiceBody(parsed).equals(bytes), 'a voice body that is not what it was');
      return packetDurationMs(parsed.frames[0] ?? Buffer.alloc(0)) !== undefined;
    },
    weight: 2,
  },
  {
    name: 'reliable channel',
    good: [Buffer.from('000000000001ba0100', 'hex'), Buffer.from('010000000100000000', 'hex')],
    take: (bytes) => {
      const channel = new ReliableChannel();
      channel.send(Buffer.alloc(3000));
      channel.take(0);
      const got = channel.receive(1, bytes);
      insist(channel.take(1).length <= 8, 'many packets for one');
      return got.length > 0 || channel.rttMs !== undefined;
    },
    weight: 2,
  },
  {
    name: 'voice port',
    good: [encodeControl({ type: 'stop' }), encodeVoiceDown(1, 1, silenceBody(7))],
    take: (bytes) => {
      const decoder = new PortDecoder();
      const got = decoder.push(bytes);
      for (const one of got) if (one.type === 'control') asToVoice(one.value) ?? asFromVoice(one.value);
      return got.length > 0;
    },
    weight: 1,
  },
  {
    name: 'endpoint',
    good: [
      encodeWord({ type: 'hello', version: 1, token: 'a'.repeat(64) }),
      encodeWord({ type: 'welcome', version: 1, name: 'laptop' }),
      encodeWord({ type: 'ping', at: 12.5 }),
      encodeControl({ type: 'level', inputDb: -20, outputDb: -30, speaking: true }),
    ],
    take: (bytes) => {
      const near = new NearEndpoint({ code: 'c'.repeat(32), spec: 'default', name: 'laptop' });
      near.connected(0, 1);
      near.receive(1, 1, bytes);
      const far = new FarEndpoint(0, 'a'.repeat(64));
      far.receive(1, encodeWord({ type: 'welcome', version: 1, name: 'laptop' }));
      far.receive(2, bytes);
      const said = near.drain();
      insist(!said.some(({ type }) => type === 'make-voice'), 'a stranger has the microphone');
      insist(far.drain().length < 1000 && said.length < 1000, 'an endpoint that answers without bound');
      const queue = new BodyQueue();
      queue.put(0, bytes);
      const [message] = new PortDecoder().push(bytes);
      if (message?.type !== 'control') return false;
      const { value } = message;
      return (asFarWord(value) ?? asNearWord(value) ?? asLifeWord(value) ?? asNearVoice(value)) !== undefined;
    },
    weight: 0.2,
  },
  {
    name: 'buddy list',
    good: [Buffer.from(printBuddies('alice1', [buddy]).xml)],
    take: (bytes) => {
      const parsed = parseBuddies(bytes);
      insist(
        (parsed?.entries ?? []).every((one) => isName(one.name)),
        'a buddy without a proper name',
      );
      return parsed !== undefined;
    },
    weight: 0.3,
  },
  {
    name: 'agent port',
    good: [
      Buffer.from('{"id":1,"cmd":{"type":"status"}}\n'),
      Buffer.from('{"id":1,"ok":false,"code":"usage","detail":""}\n{"push":{"type":"state"}}\n'),
    ],
    take: (bytes) => {
      let understood = false;
      for (const line of new LineSplitter(10_000).push(bytes)) {
        understood = readRequest(line).kind === 'command' || understood;
        understood = readAnswer(line) !== undefined || understood;
      }
      return understood;
    },
    weight: 0.5,
  },
];
