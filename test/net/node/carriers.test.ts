/** Between driver and switchboard: how links come up and go down, over datagrams and streams, and what garbage does. */
import { describe, expect, it } from 'vitest';
import { type CarrierOutput, Carriers, type ConnectOptions } from '../../../src/net/node/carriers.ts';
import type { Random } from '../../../src/net/protocol/core.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import type { NetInput } from '../../../src/net/protocol/traffic.ts';
import { Switchboard, type SwitchboardOutput } from '../../../src/net/transport/switchboard.ts';
import type { OwnIdentity } from '../../../src/net/transport/trust.ts';
import { Mask } from '../../../src/net/wire/mask.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { handshakePacket, PacketKind } from '../../../src/net/wire/packet.ts';
import { makeAuthority } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const net = makeAuthority();
const server = net.issue('login-server', 'server');
const supernode = net.issue('supernode', 'supernode');

const HERE: Endpoint = { carrier: 'udp', host: '10.0.0.1', port: 4000 };
const THERE: Endpoint = { carrier: 'udp', host: '10.0.0.2', port: 4000 };
const THERE_TCP: Endpoint = { ...THERE, carrier: 'tcp' };
const TO_LOGIN: ConnectOptions = {
  anonymous: true,
  wantAuthority: false,
  face: 'classic',
  expect: { kind: 'login-server' },
};

/** A node without services: carriers and switchboard, and what they said. */
class End {
  readonly board: Switchboard;
  readonly carriers: Carriers;
  readonly said: CarrierOutput[] = [];
  readonly inside: SwitchboardOutput[] = [];

  constructor(label: string, own?: OwnIdentity, maskRandom: Random = seededRandom(`${label} mask`)) {
    this.board = new Switchboard({ random: seededRandom(label), trust: net.trust() });
    this.board.setIdentity(own);
    this.carriers = new Carriers(this.board, { pin: net.pin, random: maskRandom });
  }

  gets(now: number, input: NetInput): void {
    this.carriers.receive(now, input);
    this.settle();
  }

  settle(): void {
    for (let said = this.board.drain(); said.length > 0; said = this.board.drain()) {
      for (const output of said) {
        this.inside.push(output);
        if (output.type === 'send') this.carriers.send(output.route, output.bytes, output.ttl);
        else if (output.type === 'established') this.carriers.established(output.session, output.peer);
        else if (output.type === 'failed') this.carriers.ended(output.session, output.code);
        else if (output.type === 'closed') this.carriers.ended(output.session, 'unreachable');
      }
    }
    this.said.push(...this.carriers.drain());
  }

  /** Takes what was said of these kinds. */
  takes<T extends CarrierOutput['type']>(type: T): Extract<CarrierOutput, { type: T }>[] {
    const found = this.said.filter((output) => output.type === type);
    for (const output of found) this.said.splice(this.said.indexOf(output), 1);
    return found as Extract<CarrierOutput, { type: T }>[];
  }
}

/** A client and a server; bytes move when the scene says so. Stream 1 of the client is stream -1 of the server. */
class Scene {
  now = 1_000;
  readonly client = new End('client');
  readonly server: End;

  constructor(own: OwnIdentity = server) {
    this.server = new End('server', own);
  }

  connects(to: Endpoint, options: ConnectOptions = TO_LOGIN): number {
    const link = this.client.carriers.connect(this.now, to, options);
    this.client.settle();
    return link;
  }

  streamOpens(): void {
    const remote: Endpoint = { ...HERE, carrier: 'tcp', port: 50_000 };
    this.server.gets(this.now, { type: 'stream-open', stream: -1, remote, incoming: true });
    this.client.gets(this.now, { type: 'stream-open', stream: 1, remote: THERE_TCP, incoming: false });
  }

  /** Everything on its way arrives, until nothing is. */
  flows(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [from, to] of [
        [this.client, this.server],
        [this.server, this.client],
      ] as const) {
        for (const { bytes } of from.takes('send-datagram')) {
          to.gets(this.now, { type: 'datagram', from: from === this.client ? HERE : THERE, bytes });
          moved = true;
        }
        for (const { bytes } of from.takes('write-stream')) {
          to.gets(this.now, { type: 'stream-bytes', stream: to === this.client ? 1 : -1, bytes });
          moved = true;
        }
      }
    }
  }
}

describe('a link by datagrams', () => {
  it('comes up when the other end has proven itself', () => {
    const scene = new Scene();
    const link = scene.connects(THERE);
    expect(scene.client.carriers.sessionOf(link)).toBeUndefined();
    scene.flows();
    expect(scene.client.takes('link-up')).toMatchObject([{ link, peer: { kind: 'login-server' } }]);
    expect(scene.client.carriers.sessionOf(link)).toBeGreaterThan(0);
    expect(scene.server.takes('link-up')).toEqual([]);
  });

  it('goes down when nobody answers, with the reason', () => {
    const scene = new Scene();
    const link = scene.connects(THERE);
    scene.client.board.wake(scene.now + 60_000);
    scene.client.settle();
    expect(scene.client.takes('link-down')).toEqual([{ type: 'link-down', link, code: 'unreachable' }]);
  });

  it('does not come up to somebody else than was looked for', () => {
    const scene = new Scene(supernode);
    const link = scene.connects(THERE);
    scene.flows();
    expect(scene.client.takes('link-up')).toEqual([]);
    scene.client.board.wake(scene.now + 60_000);
    scene.client.settle();
    expect(scene.client.takes('link-down')).toEqual([{ type: 'link-down', link, code: 'certificate-invalid' }]);
  });

  it('that is dropped says good-bye and is silent from then on', () => {
    const scene = new Scene();
    const link = scene.connects(THERE);
    scene.flows();
    scene.client.takes('link-up');
    scene.client.carriers.drop(link, 'not needed');
    scene.client.settle();
    scene.flows();
    expect(scene.client.said).toEqual([]);
    expect(scene.server.inside.at(-1)).toMatchObject({ type: 'closed', reason: 'not needed' });
    scene.client.carriers.drop(link, 'again');
    expect(scene.client.board.sessionCount).toBe(0);
  });

  it('that is dropped while it comes up never does', () => {
    const scene = new Scene();
    const link = scene.connects(THERE);
    scene.client.carriers.drop(link, 'not needed');
    scene.flows();
    scene.client.board.wake(scene.now + 60_000);
    scene.client.settle();
    expect(scene.client.said).toEqual([]);
  });
});

describe('a link by a stream', () => {
  it('opens the stream, shows its face, and then shakes hands', () => {
    const scene = new Scene();
    const link = scene.connects(THERE_TCP);
    expect(scene.client.takes('open-stream')).toEqual([{ type: 'open-stream', stream: 1, to: THERE_TCP }]);
    scene.streamOpens();
    expect(scene.client.said[0]).toMatchObject({ type: 'write-stream', bytes: Buffer.from('1603010000', 'hex') });
    scene.flows();
    expect(scene.client.takes('link-up')).toMatchObject([{ link }]);
  });

  it('shows no face where none is wanted', () => {
    const scene = new Scene(supernode);
    scene.connects(THERE_TCP, { ...TO_LOGIN, face: 'plain', expect: { kind: 'supernode' } });
    scene.streamOpens();
    const first = scene.client.said.find((output) => output.type === 'write-stream');
    const bytes = first?.type === 'write-stream' ? first.bytes : Buffer.alloc(0);
    expect(new Mask(net.pin).uncover(bytes)).toMatchObject({ packet: { kind: PacketKind.hello } });
    scene.flows();
    expect(scene.client.takes('link-up')).toHaveLength(1);
  });

  it('covers its first packet once more when that would look like the classic face', () => {
    const first = (random: Random): Buffer => {
      const client = new End('client', undefined, random);
      client.carriers.connect(0, THERE_TCP, { ...TO_LOGIN, face: 'plain' });
      client.gets(0, { type: 'stream-open', stream: 1, remote: THERE_TCP, incoming: false });
      return client.takes('write-stream')[0]?.bytes ?? Buffer.alloc(0);
    };
    const mask = new Mask(net.pin);
    const cut = mask.uncover(first(seededRandom('any')));
    if (typeof cut === 'string') throw new Error('no Hello');
    const salts = seededRandom('salts');
    let unlucky = salts.bytes(16);
    const given = (salt: Buffer): Random => ({ bytes: () => salt, fraction: () => 0 });
    while (mask.cover(cut.packet.bytes, given(unlucky)).readUInt16BE(0) !== 0x1603) unlucky = salts.bytes(16);
    const draws = [unlucky, salts.bytes(16)];
    const written = first({ bytes: () => draws.shift() ?? Buffer.alloc(16), fraction: () => 0 });
    expect(draws).toEqual([]);
    expect(written.readUInt16BE(0)).not.toBe(0x1603);
    expect(mask.uncover(written)).toMatchObject({ packet: { bytes: cut.packet.bytes } });
  });

  it('goes down when the stream is refused', () => {
    const scene = new Scene();
    const link = scene.connects(THERE_TCP);
    scene.client.gets(scene.now, { type: 'stream-closed', stream: 1, why: 'refused' });
    expect(scene.client.takes('link-down')).toEqual([{ type: 'link-down', link, code: 'unreachable' }]);
    expect(scene.client.takes('close-stream')).toEqual([]);
  });

  it('goes down with its stream, and the sessions of both ends with it', () => {
    const scene = new Scene();
    const link = scene.connects(THERE_TCP);
    scene.streamOpens();
    scene.flows();
    for (const [end, stream] of [
      [scene.client, 1],
      [scene.server, -1],
    ] as const)
      end.gets(scene.now, { type: 'stream-closed', stream, why: 'reset' });
    expect(scene.client.takes('link-down')).toMatchObject([{ link }]);
    expect([scene.client.board.sessionCount, scene.server.board.sessionCount]).toEqual([0, 0]);
    expect(scene.server.inside.at(-1)).toMatchObject({ type: 'closed', reason: 'route gone' });
  });

  it('that is dropped closes its stream, connected or not', () => {
    for (const connected of [true, false]) {
      const scene = new Scene();
      const link = scene.connects(THERE_TCP);
      if (connected) {
        scene.streamOpens();
        scene.flows();
      }
      scene.client.carriers.drop(link, 'not needed');
      scene.client.settle();
      expect(scene.client.takes('close-stream')).toEqual([{ type: 'close-stream', stream: 1 }]);
      scene.client.said.length = 0;
      scene.client.gets(scene.now, { type: 'stream-open', stream: 1, remote: THERE_TCP, incoming: false });
      scene.client.gets(scene.now, { type: 'stream-closed', stream: 1, why: 'ended' });
      expect(scene.client.said).toEqual([]);
    }
  });

  it('closes the stream when the other end ends the session', () => {
    const scene = new Scene();
    const link = scene.connects(THERE_TCP);
    scene.streamOpens();
    scene.flows();
    const established = scene.server.inside.find((output) => output.type === 'established');
    scene.server.board.close(established?.type === 'established' ? established.session : -1, 'enough');
    scene.server.settle();
    scene.flows();
    expect(scene.client.takes('close-stream')).toHaveLength(1);
    expect(scene.client.takes('link-down')).toMatchObject([{ link }]);
  });

  it('tells where its other end is, as long as it is there', () => {
    const scene = new Scene();
    scene.connects(THERE_TCP);
    scene.streamOpens();
    const route = { via: 'stream', stream: -1 } as const;
    expect(scene.server.carriers.remoteOf(route)).toMatchObject({ host: '10.0.0.1', port: 50_000 });
    scene.server.gets(scene.now, { type: 'stream-closed', stream: -1, why: 'ended' });
    expect(scene.server.carriers.remoteOf(route)).toBeUndefined();
    expect(scene.server.carriers.remoteOf({ via: 'udp', endpoint: HERE })).toEqual(HERE);
    expect(scene.server.carriers.remoteOf({ via: 'forward', node: 'x' })).toBeUndefined();
  });
});

describe('garbage', () => {
  it('in a stream closes it and is counted', () => {
    const scene = new Scene();
    scene.connects(THERE_TCP);
    scene.streamOpens();
    scene.server.gets(scene.now, {
      type: 'stream-bytes',
      stream: -1,
      bytes: Buffer.from('GET / HTTP/1.1\r\nHost: example\r\n'),
    });
    expect(scene.server.takes('close-stream')).toEqual([{ type: 'close-stream', stream: -1 }]);
    expect(scene.server.carriers.dropped).toBe(1);
    scene.server.gets(scene.now, { type: 'stream-bytes', stream: -1, bytes: Buffer.from('Host: x\r\n') });
    expect(scene.server.takes('close-stream')).toEqual([]);
  });

  it('in a stream of ours brings the link down', () => {
    const scene = new Scene();
    const link = scene.connects(THERE_TCP);
    scene.streamOpens();
    scene.client.gets(scene.now, {
      type: 'stream-bytes',
      stream: 1,
      bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    });
    expect(scene.client.takes('link-down')).toMatchObject([{ link }]);
  });

  it('in a datagram is counted, and costs the packets before it nothing', () => {
    const scene = new Scene();
    scene.connects(THERE);
    const [hello] = scene.client.takes('send-datagram');
    const bytes = Buffer.concat([hello?.bytes ?? Buffer.alloc(0), Buffer.from('tail')]);
    scene.server.gets(scene.now, { type: 'datagram', from: HERE, bytes });
    expect(scene.server.carriers.dropped).toBe(1);
    expect(scene.server.takes('send-datagram')).toHaveLength(1);
  });

  it('for a stream that nobody knows is nothing', () => {
    const scene = new Scene();
    scene.server.gets(scene.now, { type: 'stream-bytes', stream: -77, bytes: Buffer.from('hello') });
    scene.server.gets(scene.now, { type: 'stream-closed', stream: -77, why: 'ended' });
    expect(scene.server.said).toEqual([]);
  });

  it('is not made of a packet for a stream that is gone: it is not written', () => {
    const scene = new Scene();
    scene.connects(THERE_TCP);
    scene.streamOpens();
    scene.flows();
    const established = scene.server.inside.find((output) => output.type === 'established');
    const session = established?.type === 'established' ? established.session : -1;
    scene.server.board.setRoute(session, { via: 'stream', stream: -5 });
    scene.server.board.sendDatagram(session, message('detach'));
    scene.server.settle();
    expect(scene.server.takes('write-stream')).toEqual([]);
  });
});

describe('a packet that shall not get far', () => {
  it('goes by datagram with its TTL', () => {
    const { client } = new Scene();
    const packet = handshakePacket(PacketKind.hello, 0, Buffer.from('opener'));
    client.carriers.send({ via: 'udp', endpoint: THERE }, packet, 2);
    client.carriers.send({ via: 'udp', endpoint: THERE }, packet);
    const [low, full] = client.carriers.drain();
    expect(low).toMatchObject({ type: 'send-datagram', to: THERE, ttl: 2 });
    expect(full).toMatchObject({ type: 'send-datagram', to: THERE });
    expect(full).not.toHaveProperty('ttl');
  });
});
