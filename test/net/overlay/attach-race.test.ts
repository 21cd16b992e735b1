/** One round of the race: who is tried when, how many at once, and when it is over. */
import { describe, expect, it } from 'vitest';
import { AttachRace, type AttemptId } from '../../../src/net/overlay/attach-race.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  ATTACH_ROUND_MS_MAX,
  ATTACH_STAGGER_MS,
  ATTACH_TIMEOUT_MS,
  LADDER_SERVERS,
  MISSED_AFTER_MS,
  SWEEP_AFTER_MS,
  SWEEP_BURST,
  SWEEP_IN_FLIGHT_MAX,
  SWEEP_PATIENCE_MS,
  SWEEP_STEPS_PER_SECOND,
} from '../../../src/net/protocol/params.ts';
import { TokenBucket } from '../../../src/net/protocol/token-bucket.ts';
import { type Way, type WayName, waysTo } from '../../../src/net/protocol/ways.ts';

const BEGIN = 1_000;
const server = (number: number): Endpoint =>
  parseEndpoint(`udp:198.18.${number >> 7}.${(number & 127) + 1}:4000`) as Endpoint;
const servers = (count: number): Endpoint[] => Array.from({ length: count }, (_, i) => server(i));

class Scene {
  now = BEGIN;
  readonly race: AttachRace;
  readonly begun: { readonly at: number; readonly way: Way; readonly sweeping: boolean }[] = [];
  readonly open = new Map<AttemptId, Way>();
  openMax = 0;
  #next = 1;

  constructor(count: number, worked?: WayName, bucket = new TokenBucket(SWEEP_STEPS_PER_SECOND, SWEEP_BURST)) {
    this.race = new AttachRace(this.now, servers(count), worked, bucket);
    this.step();
  }

  step(): void {
    const { begin, abandon } = this.race.step(this.now, () => this.#next++);
    for (const { attempt, way, sweeping } of begin) {
      this.open.set(attempt, way);
      this.begun.push({ at: this.now - BEGIN, way, sweeping });
    }
    for (const attempt of abandon) this.open.delete(attempt);
    this.openMax = Math.max(this.openMax, this.open.size);
  }

  /** Nobody answers. Returns how long it took until the round was over, if it was. */
  passes(ms: number): number | undefined {
    const end = this.now + ms;
    for (;;) {
      if (this.race.isOver(this.now)) return this.now - BEGIN;
      if (this.race.wakeAt() > end) break;
      this.now = Math.max(this.now, this.race.wakeAt());
      this.step();
    }
    this.now = end;
    return undefined;
  }

  fails(way: Way): void {
    const [attempt] = [...this.open].find(([, one]) => one === way) ?? [];
    this.open.delete(attempt ?? -1);
    this.race.failed(this.now, attempt ?? -1);
    this.step();
  }

  get lastWay(): Way {
    return this.begun.at(-1)?.way as Way;
  }
}

describe('a small network', () => {
  it('is tried one step after the other, and swept by nobody', () => {
    const scene = new Scene(LADDER_SERVERS);
    const steps = 5 * LADDER_SERVERS;
    expect(scene.passes(60_000)).toBe(ATTACH_TIMEOUT_MS + steps * ATTACH_STAGGER_MS);
    expect(scene.begun.map(({ at }) => at)).toEqual(Array.from({ length: steps }, (_, i) => i * ATTACH_STAGGER_MS));
    expect(scene.begun.some(({ sweeping }) => sweeping)).toBe(false);
  });

  it('is given up when all have said no', () => {
    const scene = new Scene(1);
    for (let step = 0; step < 5; step++) scene.fails(scene.lastWay);
    expect(scene.race.isOver(scene.now)).toBe(true);
    expect(scene.race.tried).toEqual({ supernodes: 1, ways: ['udp', 'tcp', 'tcp443', 'tcp80', 'tls443'] });
  });

  it('of nobody is over at once', () => {
    expect(new Scene(0).race.isOver(BEGIN)).toBe(true);
  });
});

describe('a large cache', () => {
  it('has its first second for itself: the best three by UDP, and the first by TCP, before all are asked', () => {
    const scene = new Scene(200);
    scene.passes(SWEEP_AFTER_MS - 1);
    const begun = scene.begun.map(({ way }) => [way.name, way.server]);
    expect(begun).toEqual([
      ['udp', server(0)],
      ['udp', server(1)],
      ['tcp', server(0)],
      ['udp', server(2)],
    ]);
  });

  it('is asked through by UDP within 2.1 s, by TCP within 3.2 s, once each, never too many at a time', () => {
    const scene = new Scene(200);
    expect(scene.passes(60_000)).toBe(ATTACH_ROUND_MS_MAX);
    const lastOf = (name: WayName) =>
      scene.begun.findLast(({ way, sweeping }) => sweeping && way.name === name)?.at ?? 0;
    expect(lastOf('udp')).toBeLessThan(2_100);
    expect(lastOf('tcp')).toBeLessThan(3_200);
    expect(lastOf('tcp443')).toBeLessThan(4_300);
    expect(new Set(scene.begun.map(({ way }) => `${way.name} ${way.server.host}`)).size).toBe(scene.begun.length);
    expect(scene.openMax).toBeLessThanOrEqual(SWEEP_IN_FLIGHT_MAX + 6 * LADDER_SERVERS);
    expect(scene.race.tried.supernodes).toBe(200);
  });

  it('is swept by the way that worked here right after UDP', () => {
    const scene = new Scene(200, 'tcp443');
    scene.passes(60_000);
    const kinds = [...new Set(scene.begun.filter(({ sweeping }) => sweeping).map(({ way }) => way.name))];
    expect(kinds.slice(0, 2)).toEqual(['udp', 'tcp443']);
    expect(scene.begun.slice(0, 2).map(({ way }) => way.name)).toEqual(['udp', 'tcp443']);
    expect(scene.begun[1]?.at).toBe(0);
  });

  it('is swept only as far as the bucket reaches, over all rounds', () => {
    const bucket = new TokenBucket(SWEEP_STEPS_PER_SECOND, SWEEP_BURST);
    const first = new Scene(200, undefined, bucket);
    first.passes(60_000);
    const second = new Scene(200, undefined, bucket);
    second.now = first.now;
    second.passes(60_000);
    const swept = [first, second].map(({ begun }) => begun.filter(({ sweeping }) => sweeping).length);
    expect((swept[0] ?? 0) + (swept[1] ?? 0)).toBeLessThanOrEqual(SWEEP_BURST + 10);
  });

  it('lets go of whoever is swept and silent', () => {
    const scene = new Scene(3);
    scene.passes(SWEEP_AFTER_MS + SWEEP_PATIENCE_MS - 500);
    const before = scene.open.size;
    scene.passes(1_500);
    expect(scene.open.size).toBeLessThan(before);
  });
});

describe('a round', () => {
  it('turns to those who are named meanwhile at once', () => {
    const scene = new Scene(1);
    scene.passes(300);
    scene.race.add(scene.now, [server(9)]);
    scene.step();
    expect(scene.lastWay).toEqual(waysTo(server(9), false)[0]);
  });

  it('holds who missed when another won: who said no, and who had their time', () => {
    const scene = new Scene(2);
    scene.passes(ATTACH_STAGGER_MS);
    scene.fails(scene.lastWay);
    const names = () => scene.race.missed(scene.now, server(1)).map(({ name }) => name);
    expect(names()).toEqual(['tcp']);
    scene.passes(MISSED_AFTER_MS - ATTACH_STAGGER_MS);
    expect(names()).toEqual(['udp', 'tcp']);
    expect(scene.race.missed(scene.now, server(0))).toEqual([]);
  });
});
