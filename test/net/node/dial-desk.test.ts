/** The supernode's side of dial-backs: whom it dials and whom never, what it costs those who ask, and how it tells a bandwidth. */
import { expect, test } from 'vitest';
import { DialDesk, type DialDeskOutput } from '../../../src/net/node/dial-desk.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  DIAL_AGAIN_MS,
  DIAL_BACK_BURST,
  DIAL_BACK_PADDING_BYTES,
  DIAL_BACK_PARTNER_BURST,
  DIAL_STREAM_MS,
  TRAIN_BURST,
  TRAIN_MS,
  TRAIN_PACKETS,
} from '../../../src/net/protocol/overlay-params.ts';
import { Mask } from '../../../src/net/wire/mask.ts';
import { encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const PIN = Buffer.alloc(32, 7);
const HOST = '203.0.113.5';
const CLIENT = { session: 9, node: 'a0'.repeat(16), host: HOST };
const OTHERS = ['b0', 'b1', 'b2', 'b3'].map((byte) => byte.repeat(16));

class Scene {
  readonly random = seededRandom('dials');
  readonly sent: { to: string; message: Message }[] = [];
  readonly said: DialDeskOutput[] = [];
  readonly desk: DialDesk;
  now = 1_000;

  constructor(others: readonly string[] = OTHERS, ours = '198.51.100.1') {
    const hostOf = (id: string): string => (id === 'beside' ? HOST : `198.51.100.${10 + others.indexOf(id)}`);
    this.desk = new DialDesk({
      random: this.random,
      pin: PIN,
      partners: {
        alive: () => others,
        endpointsOf: (id) => [{ carrier: 'udp', host: hostOf(id), port: 4000 }],
        loadPermille: () => 120.4,
        send: (_now, to, value) => void this.sent.push({ to, message: value }),
      },
    });
    this.desk.setEndpoints([{ carrier: 'udp', host: ours, port: 4000 }]);
  }

  ask(change: { count?: number; padding?: number; port?: number; client?: typeof CLIENT } = {}): this {
    const { count = 3, padding = DIAL_BACK_PADDING_BYTES, port = 4400, client = CLIENT } = change;
    const nonces = Array.from({ length: count }, () => this.random.bytes(16));
    const body = { requestId: 7, nonces, port, padding: Buffer.alloc(padding) };
    this.desk.fromClient(this.now, client, message('dialBackAsk', body));
    return this.drain();
  }

  pass(ms: number): this {
    this.now += ms;
    this.desk.wake(this.now);
    return this.drain();
  }

  drain(): this {
    this.said.push(...this.desk.drain());
    return this;
  }

  /** Where packets and connections went. */
  get reached(): string[] {
    const text = ({ carrier, host, port }: Endpoint): string => `${carrier} ${host} ${port}`;
    return this.said.flatMap((one) =>
      one.type === 'send-datagram' || one.type === 'open-stream' ? [text(one.to)] : [],
    );
  }

  get told() {
    return this.said.flatMap((one) =>
      one.type === 'to-client' && one.message.kind === 'dialBackTold' ? [one.message.body] : [],
    );
  }
}

test('a client is dialled where it is seen, by us and by two others, with one nonce each', () => {
  const scene = new Scene().ask();
  expect(scene.reached).toEqual([`udp ${HOST} 4400`, `tcp ${HOST} 4400`]);
  expect(scene.told).toMatchObject([{ requestId: 7, dialling: 3, supernodes: 5, loadPermille: 120, host: HOST }]);
  const asked = scene.sent.map(({ message: { kind, body } }) => ({
    kind,
    ...(body as { host: string; port: number }),
  }));
  expect(asked).toMatchObject([
    { kind: 'dialBackFor', host: HOST, port: 4400 },
    { kind: 'dialBackFor', host: HOST, port: 4400 },
  ]);
  expect(new Set(scene.sent.map(({ to }) => to)).size).toBe(2);
});

test('whoever stands at the address of the client counts for none', () => {
  const scene = new Scene(['beside']).ask();
  expect([scene.told[0]?.dialling, scene.told[0]?.supernodes, scene.sent]).toEqual([1, 1, []]);
});

test('the datagram goes twice, the connection says the same nonce and is closed', () => {
  const scene = new Scene().ask();
  const opened = scene.said.find((one) => one.type === 'open-stream');
  if (opened?.type !== 'open-stream') throw new Error('no connection');
  const { stream, to: remote } = opened;
  scene.desk.receive(scene.now, { type: 'stream-open', stream, remote, incoming: false });
  scene.drain().pass(DIAL_AGAIN_MS).pass(DIAL_STREAM_MS);
  expect(scene.said.map(({ type }) => type)).toEqual([
    'to-client',
    'send-datagram',
    'open-stream',
    'write-stream',
    'send-datagram',
    'close-stream',
  ]);
  const mask = new Mask(PIN);
  const nonces = scene.said.flatMap((one) => {
    const cut = one.type === 'send-datagram' || one.type === 'write-stream' ? mask.uncover(one.bytes) : 'bad';
    return typeof cut === 'string' ? [] : [cut.packet.body.toString('hex')];
  });
  expect(new Set(nonces).size).toBe(1);
  expect(scene.desk.wakeAt()).toBe(Number.POSITIVE_INFINITY);
});

test('all that a question causes is less than the question', () => {
  const scene = new Scene().ask();
  const datagram = scene.said.find((one) => one.type === 'send-datagram');
  const bytes = datagram?.type === 'send-datagram' ? datagram.bytes.length : 0;
  const body = { requestId: 7, nonces: Array.from({ length: 3 }, () => Buffer.alloc(16)), port: 4400 };
  const asked = encodeMessage(message('dialBackAsk', { ...body, padding: Buffer.alloc(DIAL_BACK_PADDING_BYTES) }));
  // Two datagrams and the bytes on one connection, from each of three.
  expect(asked.length).toBeGreaterThanOrEqual(3 * 3 * bytes);
  expect(new Scene().ask({ padding: 100 }).reached).toEqual([]);
});

test.each([
  ['a private network, from a public supernode', { client: { ...CLIENT, host: '192.168.1.7' } }],
  ['this machine, from a public supernode', { client: { ...CLIENT, host: '127.0.0.1' } }],
  ['many at once', { client: { ...CLIENT, host: '224.0.0.1' } }],
  ['no port', { port: 0 }],
])('%s is never dialled', (_, change) => {
  const scene = new Scene().ask(change);
  expect([scene.reached, scene.told[0]?.dialling, scene.sent]).toEqual([[], 0, []]);
});

test('a supernode in a private network dials there', () => {
  const scene = new Scene(OTHERS, '192.168.1.1').ask({ client: { ...CLIENT, host: '192.168.1.7' } });
  expect(scene.told[0]?.dialling).toBe(3);
});

test('a node, and all behind one address, have an allowance', () => {
  const scene = new Scene();
  for (let i = 0; i < 3 * DIAL_BACK_BURST; i += 1) scene.ask();
  expect(scene.told).toHaveLength(DIAL_BACK_BURST);
  const crowd = new Scene();
  for (let i = 0; i < 3 * DIAL_BACK_BURST; i += 1) crowd.ask({ client: { ...CLIENT, node: `${i}`.padStart(32, '0') } });
  expect(crowd.told).toHaveLength(DIAL_BACK_BURST);
  expect(crowd.desk.dropped).toBe(2 * DIAL_BACK_BURST);
});

test('another supernode may have so many dialled, nonsense and private addresses none', () => {
  const scene = new Scene();
  const from = OTHERS[0] ?? '';
  const wish = (change: object = {}) =>
    message('dialBackFor', { nonce: scene.random.bytes(16), host: HOST, port: 4400, ...change });
  for (const bad of [{ host: '10.0.0.1' }, { host: 'example.org' }, { port: 70_000 }, { nonce: Buffer.alloc(8) }]) {
    scene.desk.fromSupernode(scene.now, from, wish(bad));
  }
  expect(scene.drain().reached).toEqual([]);
  for (let i = 0; i < 2 * DIAL_BACK_PARTNER_BURST; i += 1) {
    scene.desk.fromSupernode(scene.now, from, wish());
    scene.drain().pass(1);
  }
  const connections = scene.said.filter(({ type }) => type === 'open-stream').length;
  expect(connections).toBeLessThanOrEqual(DIAL_BACK_PARTNER_BURST + 1);
});

test('what arrived of a train is told: all at once when it is whole, else when its time is up', () => {
  const scene = new Scene();
  const probe = (train: number) => message('bandwidthProbe', { train, filling: Buffer.alloc(1_000) });
  for (let i = 0; i < TRAIN_PACKETS; i += 1) {
    scene.desk.fromClient(scene.now, CLIENT, probe(1));
    scene.now += 10;
  }
  const seen = () =>
    scene
      .drain()
      .said.flatMap((one) =>
        one.type === 'to-client' && one.message.kind === 'bandwidthSeen' ? [one.message.body] : [],
      );
  expect(seen()).toMatchObject([{ train: 1, packets: TRAIN_PACKETS, bytes: 24_000, spanMs: 230 }]);
  scene.desk.fromClient(scene.now, CLIENT, probe(2));
  scene.pass(TRAIN_MS);
  expect(seen()[1]).toMatchObject({ train: 2, packets: 1, spanMs: 0 });
  for (let train = 3; train < 20; train += 1) {
    scene.desk.fromClient(scene.now, CLIENT, probe(train));
    scene.pass(TRAIN_MS);
  }
  expect(seen().length).toBeLessThanOrEqual(TRAIN_BURST + 1);
});
