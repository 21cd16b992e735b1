/** The table between a call's media session and its path finder: who gets what, for several calls at once. */
import { describe, expect, it } from 'vitest';
import { silenceBody } from '../../../src/audio/voice-body.ts';
import { callTag, voicePacket } from '../../../src/net/media/voice-packet.ts';
import { CallMedia } from '../../../src/net/node/call-media.ts';
import type { CallMediaOutput } from '../../../src/net/node/call-media-port.ts';
import { printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { ENDED_CALL_MEMORY_MS, VOICE_PACE_MS } from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const id = (number: number): string => number.toString(16).padStart(32, '0');
const BOBBY = id(0xb);
const CAROL = id(0xc);
const THERE = { carrier: 'udp', host: '192.168.1.2', port: 4000 } as const;
const DIRECT: Route = { via: 'udp', endpoint: THERE };
const relay = (node: string): Route => ({ via: 'forward', node });

class Scene {
  now = 1_000;
  relayed: { path: 'relay' | 'tcp'; via: string } = { path: 'relay', via: 'udp:192.0.2.1:4000' };
  readonly media: CallMedia;
  said: CallMediaOutput[] = [];

  constructor() {
    this.media = new CallMedia({
      random: seededRandom('media'),
      fillerBody: silenceBody,
      rttMs: () => undefined,
      relayedPath: () => this.relayed,
    });
    this.media.ours = [{ carrier: 'udp', host: '192.168.1.1', port: 4000 }];
  }

  starts(call: string, node: string, wire = call): this {
    const remoteCandidates = [printEndpoint(THERE)];
    this.media.start(this.now, {
      type: 'media-start',
      call,
      wire,
      node,
      peer: 'bobby1',
      remoteCandidates,
      remoteRelays: [],
      role: 'caller',
      tellsLast: false,
    });
    return this.settle();
  }

  passes(ms: number): this {
    const end = this.now + ms;
    while (this.media.wakeAt() <= end) {
      this.now = Math.max(this.now, this.media.wakeAt());
      this.media.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  /** The other end answers every probe to its address, and is heard from there. */
  proves(node: string, wire: string): this {
    for (const probe of this.took('send-datagram')) {
      if (probe.message.kind !== 'pathProbe') continue;
      const reply = message('pathReply', { transaction: probe.message.body.transaction, seen: 'udp:192.168.1.1:4000' });
      this.media.receive(this.now, node, probe.route, reply);
    }
    for (let sequence = 0; sequence < 5; sequence++) this.hears(node, wire, sequence, DIRECT);
    return this.settle();
  }

  hears(node: string, wire: string, sequence: number, route = relay(node)): this {
    const body = Buffer.from(silenceBody(sequence));
    this.media.arrived(this.now, node, route, voicePacket(callTag(wire), sequence, body));
    return this.settle();
  }

  /** Everything of one kind that was said since the last look. */
  took<T extends CallMediaOutput['type']>(type: T): Extract<CallMediaOutput, { type: T }>[] {
    const found = this.said.filter((output) => output.type === type);
    this.said = this.said.filter((output) => output.type !== type);
    return found as Extract<CallMediaOutput, { type: T }>[];
  }

  settle(): this {
    this.said.push(...this.media.drain());
    return this;
  }
}

describe('the media of a call', () => {
  it('tell the voice end its rung when a relay drops what it should forward, and not when voice goes direct', () => {
    const scene = new Scene().starts(id(1), BOBBY).passes(100);
    scene.media.quota(scene.now);
    expect(scene.settle().took('rung')).toMatchObject([{ call: id(1), rung: { name: 'F40', frameMs: 40 } }]);
    scene.passes(1_000);
    const sizes = scene.took('send-voice').map(({ bytes }) => bytes.length - 3);
    expect([...new Set(sizes)]).toEqual([60, 80]);
    const direct = new Scene().starts(id(1), BOBBY).passes(100);
    direct.took('use-route');
    direct.proves(BOBBY, id(1));
    direct.media.quota(direct.now);
    expect(direct.settle().took('rung')).toEqual([]);
  });

  it('begin through the supernode, with silence when nobody makes sound yet', () => {
    const scene = new Scene().starts(id(1), BOBBY).passes(1_000);
    expect(scene.took('path')).toEqual([{ type: 'path', call: id(1), path: 'relay', via: 'udp:192.0.2.1:4000' }]);
    const sent = scene.took('send-voice');
    expect(Math.abs(sent.length - 1_000 / VOICE_PACE_MS)).toBeLessThanOrEqual(1);
    expect(sent.every(({ node, routes }) => node === BOBBY && routes[0]?.via === 'forward')).toBe(true);
  });

  it('say so when the way to the supernode is a stream', () => {
    const scene = new Scene();
    scene.relayed = { path: 'tcp', via: 'tcp:192.0.2.1:4000' };
    expect(scene.starts(id(1), BOBBY).took('path')[0]).toMatchObject({ path: 'tcp', via: 'tcp:192.0.2.1:4000' });
  });

  it('take the direct way once it is proven, signalling with them, the supernode as the second way', () => {
    const scene = new Scene().starts(id(1), BOBBY).passes(100);
    scene.took('use-route');
    scene.proves(BOBBY, id(1));
    expect(scene.took('path').at(-1)).toEqual({ type: 'path', call: id(1), path: 'lan' });
    expect(scene.took('use-route').at(-1)).toEqual({
      type: 'use-route',
      node: BOBBY,
      route: DIRECT,
      fallback: relay(BOBBY),
    });
    scene.took('send-voice');
    scene.passes(100);
    expect(scene.took('send-voice').at(-1)?.routes[0]).toEqual(DIRECT);
  });

  it('hand what arrives to the voice end, each packet once, with the time of its arrival', () => {
    const scene = new Scene().starts(id(1), BOBBY);
    scene.now += 7;
    scene.hears(BOBBY, id(1), 0).hears(BOBBY, id(1), 0).hears(BOBBY, id(1), 1);
    const played = scene.took('play');
    expect(played).toHaveLength(2);
    expect(played[0]).toMatchObject({ call: id(1), arrivalMs: scene.now });
  });

  it('take nothing from another node, nor of another call', () => {
    const scene = new Scene().starts(id(1), BOBBY);
    scene.hears(CAROL, id(1), 0).hears(BOBBY, id(2), 0);
    expect(scene.took('play')).toEqual([]);
  });

  it('of two calls are kept apart, also when the ends call them differently', () => {
    const scene = new Scene().starts(id(1), BOBBY, id(0x11)).starts(id(2), CAROL, id(0x12));
    scene.hears(BOBBY, id(0x11), 0).hears(CAROL, id(0x12), 0).hears(CAROL, id(0x12), 1);
    expect(scene.took('play').map(({ call }) => call)).toEqual([id(1), id(2), id(2)]);
    scene.media.voice(scene.now, id(2), Buffer.from(silenceBody(4)));
    scene.passes(100);
    expect(new Set(scene.took('send-voice').map(({ node }) => node))).toEqual(new Set([BOBBY, CAROL]));
  });

  it('tell quality once a second, and that the call lives', () => {
    const scene = new Scene().starts(id(1), BOBBY);
    for (let sequence = 0; sequence < 150; sequence++) scene.passes(20).hears(BOBBY, id(1), sequence);
    expect(scene.took('quality').length).toBeGreaterThanOrEqual(2);
    expect(scene.took('alive').every(({ call }) => call === id(1))).toBe(true);
  });

  it('rest on hold', () => {
    const scene = new Scene().starts(id(1), BOBBY).passes(500);
    scene.media.hold(scene.now, id(1), true);
    scene.settle().took('send-voice');
    scene.passes(10_000);
    expect(scene.took('send-voice').length).toBeLessThan(5);
    scene.media.hold(scene.now, id(1), false);
    scene.settle().took('send-voice');
    scene.passes(1_000);
    expect(scene.took('send-voice').length).toBeGreaterThan(40);
  });

  it('say nothing of a call that is not there', () => {
    const scene = new Scene();
    scene.media.voice(scene.now, id(9), Buffer.from(silenceBody(0)));
    scene.media.stats(scene.now, id(9), undefined);
    scene.media.hold(scene.now, id(9), true);
    scene.media.stop(scene.now, id(9));
    expect(scene.settle().said).toEqual([]);
    expect(scene.media.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the end of the media', () => {
  it('tells the totals, and keeps both ways open for the last words', () => {
    const scene = new Scene().starts(id(1), BOBBY).passes(100).proves(BOBBY, id(1)).passes(900);
    scene.said = [];
    scene.media.stop(scene.now, id(1));
    scene.settle();
    const [totals] = scene.took('media-totals');
    expect(totals).toMatchObject({ call: id(1), totals: { receivedPackets: 5 } });
    expect(totals?.totals.sentPackets).toBeGreaterThan(45);
    expect(scene.took('use-route')).toEqual([
      { type: 'use-route', node: BOBBY, route: relay(BOBBY), fallback: DIRECT },
    ]);
    scene.passes(5_000);
    expect(scene.took('send-voice')).toEqual([]);
  });

  it('is brought up again while the other end still talks, for it has not heard; but not for ever', () => {
    const scene = new Scene().starts(id(1), BOBBY, id(0x11));
    scene.media.stop(scene.now, id(1));
    scene.settle().took('alive');
    scene.hears(BOBBY, id(0x11), 0);
    expect(scene.took('alive')).toEqual([{ type: 'alive', call: id(0x11) }]);
    scene.hears(CAROL, id(0x11), 0);
    expect(scene.took('alive')).toEqual([]);
    scene.now += ENDED_CALL_MEMORY_MS;
    scene.hears(BOBBY, id(0x11), 1);
    expect(scene.took('alive')).toEqual([]);
  });

  it('comes to all at once when we leave the network', () => {
    const scene = new Scene().starts(id(1), BOBBY).starts(id(2), CAROL);
    scene.media.stopAll();
    expect(scene.media.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});
