/** What an ordinary node says to whoever takes it for a supernode: little, seldom, and nothing of whoever is here. */
import { expect, test } from 'vitest';
import { Signpost, type SignpostOutput } from '../../../src/net/node/signpost.ts';
import { signRecord } from '../../../src/net/overlay/supernode-entry.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import { ELSEWHERE_FOLLOWED_MAX, ELSEWHERE_HOST_BURST } from '../../../src/net/protocol/overlay-params.ts';
import { Mask } from '../../../src/net/wire/mask.ts';
import { encodeBody, message } from '../../../src/net/wire/messages.ts';
import { handshakePacket, type Packet, PacketKind, readPacket } from '../../../src/net/wire/packet.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const PIN = Buffer.alloc(32, 7);
const AT: Endpoint = { carrier: 'udp', host: '198.51.100.1', port: 4000 };
const own = makeAuthority().issue('supernode', 'super1', undefined, [AT.host]);
const ENTRY = {
  certificate: own.certificateDer,
  ...signRecord({ nodeId: own.nodeId, endpoints: [AT], issuedAtMs: WALL_MS }, own.privateKey),
};
const STRANGER: Endpoint = { carrier: 'udp', host: '203.0.113.9', port: 5000 };

class Scene {
  readonly random = seededRandom('signpost');
  readonly sign = new Signpost({ random: this.random, pin: PIN });
  readonly said: SignpostOutput[] = [];
  now = 1_000;

  constructor(hasSupernode = true) {
    if (hasSupernode) this.sign.setSupernode(own.nodeId);
  }

  hello(from = STRANGER, padding = 1_100): Packet {
    const body = { versions: [1], suites: [1], nonce: this.random.bytes(16), padding: Buffer.alloc(padding) };
    const packet = readPacket(handshakePacket(PacketKind.hello, 0, encodeBody('Hello', body)));
    if (!packet) throw new Error('no Hello');
    this.sign.hello(this.now, from, packet);
    return packet;
  }

  /** Our supernode answers what it was asked. */
  answer(): this {
    this.sign.wake(this.now);
    for (const output of this.take()) {
      if (output.type !== 'to-supernode' || output.message.kind !== 'entriesGet') continue;
      expect(output.message.body.nodeIds).toEqual([bytesOf(own.nodeId)]);
      const { requestId } = output.message.body;
      this.sign.entries(this.now, message('entries', { requestId, entries: [ENTRY] }).body);
    }
    this.take();
    return this;
  }

  take(): SignpostOutput[] {
    const out = this.sign.drain();
    this.said.push(...out);
    return out;
  }

  get answers(): Buffer[] {
    return this.said.flatMap((one) => (one.type === 'send-datagram' ? [one.bytes] : []));
  }
}

test('a Hello is answered once our supernode has given its entry, with no more bytes than came', () => {
  const scene = new Scene();
  const hello = scene.hello();
  expect(scene.take()).toEqual([]);
  scene.answer();
  expect(scene.answers).toHaveLength(1);
  expect(scene.answers[0]?.length).toBeLessThanOrEqual(hello.bytes.length + 16);
  // The next one at once.
  scene.now += 60_000;
  scene.hello();
  scene.take();
  expect(scene.answers).toHaveLength(2);
});

test('a Hello that is shorter than the answer gets none, and so does every one while we have no supernode', () => {
  const scene = new Scene();
  scene.hello(STRANGER, 10);
  scene.answer();
  expect(scene.answers).toEqual([]);
  const alone = new Scene(false);
  alone.hello();
  alone.answer();
  expect([alone.answers, alone.sign.dropped]).toEqual([[], 1]);
});

test('one host is answered a few times, and asking costs our supernode one question', () => {
  const scene = new Scene();
  for (let i = 0; i < 100; i += 1) scene.hello({ ...STRANGER, port: 5_000 + i });
  scene.answer();
  expect(scene.answers).toHaveLength(ELSEWHERE_HOST_BURST);
  expect(scene.said.filter(({ type }) => type === 'to-supernode')).toHaveLength(1);
});

test('a stream is answered with the certificate too, and closed; one that says something else is closed at once', () => {
  const scene = new Scene();
  const mask = new Mask(PIN);
  const remote = { ...STRANGER, carrier: 'tcp' } as const;
  const body = { versions: [1], suites: [1], nonce: scene.random.bytes(16) };
  const covered = mask.cover(handshakePacket(PacketKind.hello, 0, encodeBody('Hello', body)), scene.random);
  scene.sign.receive(scene.now, { type: 'stream-open', stream: -1, remote, incoming: true });
  scene.sign.receive(scene.now, { type: 'stream-bytes', stream: -1, bytes: covered });
  scene.answer();
  expect(scene.said.map(({ type }) => type)).toEqual(['to-supernode', 'write-stream', 'close-stream']);
  scene.sign.receive(scene.now, { type: 'stream-open', stream: -2, remote, incoming: true });
  scene.sign.receive(scene.now, { type: 'stream-bytes', stream: -2, bytes: Buffer.alloc(64, 0x41) });
  expect(scene.take().at(-1)).toEqual({ type: 'close-stream', stream: -2 });
});

test('who is led elsewhere follows only whom it asked, to a few places', () => {
  const scene = new Scene(false);
  const led = (asked: Endpoint, from = asked): void => {
    const nonce = scene.random.bytes(16);
    scene.sign.sent(asked, handshakePacket(PacketKind.hello, 0, encodeBody('Hello', { nonce })));
    scene.sign.elsewhere(from, encodeBody('Elsewhere', { nonce, record: ENTRY.record, signature: ENTRY.signature }));
  };
  led(STRANGER, { ...STRANGER, host: '203.0.113.10' });
  scene.sign.elsewhere(STRANGER, Buffer.alloc(40, 1));
  expect(scene.take()).toEqual([]);
  for (let i = 0; i < 2 * ELSEWHERE_FOLLOWED_MAX; i += 1) led(STRANGER);
  expect(scene.take().filter(({ type }) => type === 'pointed')).toHaveLength(ELSEWHERE_FOLLOWED_MAX);
});
