/** A port kept over hours of a clock that the test holds, with gateways that are written down here. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/net/io/driver.ts';
import type { Mapped, MapWish, PortGateway } from '../../../src/net/io/port-gateway.ts';
import { type PortMapped, PortMapping } from '../../../src/net/io/port-mapping.ts';
import type { Millis } from '../../../src/net/protocol/core.ts';
import { printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { MAPPING_AGAIN_MS, MAPPING_LIFETIME_S } from '../../../src/net/protocol/params.ts';

const HOUR_MS = 3_600_000;

class HandClock implements Clock {
  at: Millis = 0;
  readonly #alarms = new Set<{ at: Millis; due: () => void }>();
  now(): Millis {
    return this.at;
  }
  arm(at: Millis, due: () => void): () => void {
    const alarm = { at, due };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }
  get armed(): number {
    return this.#alarms.size;
  }
  async pass(ms: number): Promise<void> {
    const end = this.at + ms;
    for (;;) {
      const [next] = [...this.#alarms].sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.#alarms.delete(next);
      this.at = Math.max(this.at, next.at);
      next.due();
      await settled();
    }
    this.at = end;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

class NotingGateway implements PortGateway {
  readonly wishes: MapWish[] = [];
  readonly given = new Set<string>();
  answer: Partial<Mapped> | 'refuses' | 'hangs' = {};
  async map(wish: MapWish): Promise<Mapped> {
    this.wishes.push(wish);
    if (this.answer === 'hangs') await new Promise(() => {});
    if (typeof this.answer === 'string') throw new Error(this.answer);
    this.given.add(wish.carrier);
    return { by: 'pcp', host: '203.0.113.9', port: 5000, lifetimeS: 7200, ...this.answer };
  }
  async unmap({ carrier }: Pick<MapWish, 'carrier'>): Promise<void> {
    if (this.answer === 'hangs') await new Promise(() => {});
    this.given.delete(carrier);
  }
}

function scene(gateways: readonly PortGateway[], carriers: readonly ['udp', ...'tcp'[]] = ['udp']) {
  const clock = new HandClock();
  const told: (string | undefined)[] = [];
  const onChange = (mapped: PortMapped | undefined): void => {
    told.push(mapped && `${mapped.by} ${mapped.endpoints.map(printEndpoint).join(' ')}`);
  };
  return { clock, told, mapping: new PortMapping({ port: 4000, carriers, gateways, clock, onChange }) };
}

describe('a mapped port', () => {
  it('is told once, renewed at half of its lifetime, and given back at the end', async () => {
    const gateway = new NotingGateway();
    const { clock, told, mapping } = scene([gateway]);
    await mapping.start();
    expect(told).toEqual(['pcp udp:203.0.113.9:5000']);
    expect(gateway.wishes).toEqual([{ carrier: 'udp', port: 4000, outerPort: 4000, lifetimeS: MAPPING_LIFETIME_S }]);
    await clock.pass(HOUR_MS - 1);
    expect(gateway.wishes).toHaveLength(1);
    await clock.pass(10 * HOUR_MS);
    expect(gateway.wishes).toHaveLength(11);
    expect(gateway.wishes.at(-1)?.outerPort).toBe(5000);
    expect(told).toHaveLength(1);
    await mapping.close();
    expect(gateway.given.size).toBe(0);
    expect(clock.armed).toBe(0);
    await mapping.close();
  });

  it('is renewed by the lifetime that the gateway gives, but is not hurried by a liar', async () => {
    const gateway = new NotingGateway();
    gateway.answer = { lifetimeS: 600 };
    const { clock, mapping } = scene([gateway]);
    await mapping.start();
    await clock.pass(300_000);
    expect(gateway.wishes).toHaveLength(2);
    gateway.answer = { lifetimeS: 0 };
    await clock.pass(300_000);
    const before = gateway.wishes.length;
    await clock.pass(HOUR_MS);
    expect(gateway.wishes.length - before).toBeLessThanOrEqual(61);
  });

  it('that the gateway moves is told anew; lost, it is told so, and looked for again', async () => {
    const gateway = new NotingGateway();
    const { clock, told, mapping } = scene([gateway]);
    await mapping.start();
    gateway.answer = { port: 5001 };
    await clock.pass(HOUR_MS);
    expect(told).toEqual(['pcp udp:203.0.113.9:5000', 'pcp udp:203.0.113.9:5001']);
    gateway.answer = 'refuses';
    await clock.pass(2 * HOUR_MS);
    expect(told.at(-1)).toBeUndefined();
    gateway.answer = {};
    await clock.pass(MAPPING_AGAIN_MS);
    expect(told.at(-1)).toBe('pcp udp:203.0.113.9:5000');
  });

  it('is had from the first gateway that gives one', async () => {
    const [first, second, third] = [new NotingGateway(), new NotingGateway(), new NotingGateway()];
    first.answer = 'refuses';
    second.answer = { by: 'upnp' };
    const { told, mapping } = scene([first, second, third], ['udp', 'tcp']);
    await mapping.start();
    expect(told).toEqual(['upnp udp:203.0.113.9:5000 tcp:203.0.113.9:5000']);
    expect(third.wishes).toEqual([]);
    expect(second.wishes.map(({ carrier, outerPort }) => [carrier, outerPort])).toEqual([
      ['udp', 4000],
      ['tcp', 5000],
    ]);
  });

  it.each(['10.0.0.1', '100.64.0.9', '192.168.1.1', '127.0.0.1', '0.0.0.0', '', 'router'])(
    'at %s is of no use, and is given back',
    async (host) => {
      const gateway = new NotingGateway();
      gateway.answer = { host };
      const { told, mapping } = scene([gateway]);
      await mapping.start();
      expect(told).toEqual([]);
      expect(gateway.given.size).toBe(0);
      await mapping.close();
    },
  );

  it('that comes after the end is given back', async () => {
    const gateway = new NotingGateway();
    const { told, mapping, clock } = scene([gateway]);
    const started = mapping.start();
    await mapping.close();
    await started;
    expect(told).toEqual([]);
    expect(gateway.given.size).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it('holds nobody up: neither a start nor an end waits for a gateway that hangs', async () => {
    const gateway = new NotingGateway();
    const { mapping } = scene([gateway]);
    await mapping.start();
    gateway.answer = 'hangs';
    const begin = performance.now();
    await mapping.close();
    expect(performance.now() - begin).toBeLessThan(3_000);
  });
});
