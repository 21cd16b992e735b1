import { describe, expect, it } from 'vitest';
import { type FallbackOutput, Fallbacks } from '../../../src/net/nat/fallbacks.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  PUNCH_NAMED_BURST,
  PUNCH_NAMED_PORTS_MAX,
  PUNCH_RETRY_MS,
  WIDE_PATIENCE_MS_MAX,
  WIDE_PATIENCE_MS_MIN,
  WIDE_PORTS,
  WIDE_PORTS_MS,
  WIDE_PROBES,
} from '../../../src/net/protocol/params.ts';
import { NAT_MAPPINGS, type NatMapping } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const THEIRS = [at('udp:203.0.113.9:4000'), at('udp:192.168.1.2:4000'), at('udp:127.0.0.1:4000')];

type Said = FallbackOutput & { readonly at: number };

/** One end, whose sockets open at once at ports that count from 50001. */
class Scene {
  readonly said: Said[] = [];
  readonly wishes: number[] = [];
  mayGoWide = true;
  rttMs: number | undefined;
  succeeded = 0;
  readonly fallbacks: Fallbacks;
  #now = 0;
  #nextSocket = 1;

  constructor(mapping: NatMapping, { reflexive = 'udp:198.51.100.7:4000', ours = 'udp:192.168.1.3:4000' } = {}) {
    this.fallbacks = new Fallbacks({
      wire: 'c0ffee00c0ffee00c0ffee00c0ffee00',
      random: seededRandom(mapping),
      ours: [at(ours)],
      surroundings: {
        self: () => ({ reflexive: parseEndpoint(reflexive), mapping }),
        rttMs: () => this.rttMs,
        socketNumbers: (count) => {
          this.#nextSocket += count;
          return this.#nextSocket - count;
        },
        mayGoWide: (now) => {
          this.wishes.push(now);
          return this.mayGoWide;
        },
        wentWide: () => {
          this.succeeded += 1;
        },
      },
    });
  }

  /** Both have opened themselves; theirs is of this kind. */
  opened(theirs: NatMapping, offered = THEIRS): this {
    this.fallbacks.offered(offered);
    this.fallbacks.weOpened(this.#now);
    this.fallbacks.theyOpened(this.#now, NAT_MAPPINGS.indexOf(theirs));
    return this;
  }

  run(forMs: number, quiet = false): this {
    for (const until = this.#now + forMs; this.#now <= until; this.#now += 5) {
      for (const output of this.fallbacks.due(this.#now, quiet)) {
        this.said.push({ ...output, at: this.#now });
        if (output.type !== 'open-sockets') continue;
        const { first, count } = output;
        const sockets = Array.from({ length: count }, (_, i) => ({ socket: first + i, port: 50_000 + first + i }));
        this.fallbacks.socketsOpen(this.#now, sockets);
      }
    }
    return this;
  }

  ports(...ports: number[]): this {
    this.fallbacks.ports(this.#now, { callId: Buffer.alloc(16), ports });
    return this;
  }

  vouch(host: string): this {
    this.fallbacks.vouched(this.#now, host);
    return this;
  }

  of<T extends Said['type']>(type: T): Extract<Said, { type: T }>[] {
    return this.said.filter((one): one is Extract<Said, { type: T }> => one.type === type);
  }

  get named(): number[][] {
    return this.of('tell').map(({ message }) => [...message.body.ports]);
  }
}

describe('an end whose NAT gives each destination another port', () => {
  it('opens many ports at once, each with openers that die on the way, and says so', () => {
    const scene = new Scene('address-and-port-dependent').opened('endpoint-independent').run(2_000);
    expect(scene.of('open-sockets')).toEqual([{ type: 'open-sockets', first: 1, count: WIDE_PORTS, at: 0 }]);
    const openers = scene.of('probe');
    expect(openers).toHaveLength(2 * WIDE_PORTS);
    expect(new Set(openers.map(({ ttl }) => ttl))).toEqual(new Set([2, 5]));
    expect(new Set(openers.map(({ socket }) => socket)).size).toBe(WIDE_PORTS);
    expect(new Set(openers.map(({ to }) => to.host))).toEqual(new Set(['203.0.113.9']));
    expect(scene.of('vouch')).toHaveLength(1);
    expect(scene.named).toEqual([[]]);
    expect(scene.of('tell')[0]?.at).toBeLessThan(150);
  });

  it('closes after five seconds those at which nothing was heard, and the rest with the call', () => {
    const scene = new Scene('address-and-port-dependent').opened('endpoint-independent').run(1_000);
    scene.fallbacks.heard({ via: 'udp', endpoint: at('udp:203.0.113.9:4000'), socket: 17 });
    scene.run(WIDE_PORTS_MS - 500);
    const [closed] = scene.of('close-sockets');
    expect(closed?.at).toBeLessThanOrEqual(WIDE_PORTS_MS + 5);
    expect(closed?.sockets).toHaveLength(WIDE_PORTS - 1);
    expect(closed?.sockets).not.toContain(17);
    scene.fallbacks.stop();
    scene.run(0);
    expect(scene.of('close-sockets')[1]?.sockets).toEqual([17]);
  });

  it('closes them as soon as there is a path, and tells that they were worth it', () => {
    const scene = new Scene('address-and-port-dependent').opened('endpoint-independent').run(1_000);
    scene.fallbacks.standing(1_000, false);
    scene.run(5);
    expect(scene.of('close-sockets')[0]?.sockets).toHaveLength(WIDE_PORTS);
    expect(scene.succeeded).toBe(1);
  });

  it('opens nothing towards one of its kind, nor looks for ports there', () => {
    const scene = new Scene('address-and-port-dependent').opened('address-and-port-dependent').run(200_000);
    scene.ports().vouch('203.0.113.9').run(5_000);
    expect(scene.said).toEqual([]);
  });

  it('waits for a moment before it does so for somebody in the open, who should be reached without', () => {
    const scene = new Scene('address-and-port-dependent').opened('none', [at('udp:203.0.113.9:4000')]).run(2_000);
    expect(scene.of('open-sockets')[0]?.at).toBe(WIDE_PATIENCE_MS_MAX);
  });

  it('opens nothing while its ration is used up, and nothing on hold', () => {
    const scene = new Scene('address-and-port-dependent');
    scene.mayGoWide = false;
    scene.opened('endpoint-independent').run(5_000);
    const held = new Scene('address-and-port-dependent').opened('endpoint-independent').run(5_000, true);
    expect([...scene.said, ...held.said]).toEqual([]);
  });
});

describe('an end that does not know', () => {
  it.each([
    [undefined, WIDE_PATIENCE_MS_MAX],
    [5, WIDE_PATIENCE_MS_MIN],
    [200, 240],
    [900, WIDE_PATIENCE_MS_MAX],
  ])('waits as long as an answer takes at a round trip of %s ms, then opens many ports too', (rttMs, waitsMs) => {
    const scene = new Scene('unknown');
    scene.rttMs = rttMs;
    expect(scene.opened('unknown').run(1_000).of('open-sockets')[0]?.at).toBe(waitsMs);
  });

  it('opens none where nobody translates', () => {
    const outside = new Scene('none', { reflexive: 'udp:198.51.100.7:4000', ours: 'udp:198.51.100.7:4000' });
    expect(outside.opened('endpoint-independent').run(200_000).said).toEqual([]);
  });
});

describe('two ends with a port that is the same for all', () => {
  it('open a fresh port when punching has failed, then the own one too, further and further', () => {
    const scene = new Scene('endpoint-independent').opened('endpoint-independent').run(4 * PUNCH_RETRY_MS);
    const [first, second, third] = scene.named;
    expect(first).toEqual([50_001]);
    expect(second).toEqual([50_002, 4000]);
    expect(third).toEqual([50_003, 4000]);
    const ttls = [...new Set(scene.of('probe').map(({ ttl }) => ttl))];
    expect(ttls).toEqual([5, 8, 12]);
    expect(scene.of('tell')[0]?.at).toBeLessThan(3_000);
    const gapMs = (scene.of('tell')[2]?.at ?? 0) - (scene.of('tell')[1]?.at ?? 0);
    expect(gapMs).toBeGreaterThanOrEqual(0.8 * PUNCH_RETRY_MS);
    expect(gapMs).toBeLessThanOrEqual(1.2 * PUNCH_RETRY_MS + 10);
  });

  it('open no fresh port where the NAT gives another than they have inside: nobody could name it', () => {
    const scene = new Scene('endpoint-independent', { reflexive: 'udp:198.51.100.7:61234' });
    scene.opened('endpoint-independent').run(2 * PUNCH_RETRY_MS);
    expect(scene.of('open-sockets')).toEqual([]);
    expect(scene.named[0]).toEqual([61_234]);
  });
});

describe('an end whose other stands in the open', () => {
  it('tries the addresses offered once more every minute or so, in case a wall has come down', () => {
    const scene = new Scene('endpoint-independent').opened('none', [at('udp:203.0.113.9:4000')]).run(250_000);
    const times = scene.of('probe-again').map((one) => one.at);
    expect(times.length).toBeGreaterThanOrEqual(3);
    for (const [index, time] of times.slice(1).entries())
      expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(0.8 * PUNCH_RETRY_MS);
    expect(new Scene('endpoint-independent').opened('none').run(250_000).of('probe-again')).toEqual([]);
  });
});

describe('an end that is asked to look for ports', () => {
  const seeker = () => new Scene('endpoint-independent').opened('address-and-port-dependent');
  const probed = (scene: Scene) => scene.of('probe').filter(({ ttl }) => ttl === undefined);

  it('does so at the host that the other end named and the supernode vouches for', () => {
    const scene = seeker().ports().vouch('203.0.113.9').run(4_000);
    expect(probed(scene)).toHaveLength(WIDE_PROBES);
    expect(new Set(probed(scene).map(({ to }) => to.host))).toEqual(new Set(['203.0.113.9']));
    expect(new Set(probed(scene).map(({ to }) => to.port)).size).toBe(WIDE_PROBES);
    // Whichever word comes first.
    expect(probed(seeker().vouch('203.0.113.9').ports().run(4_000))).toHaveLength(WIDE_PROBES);
  });

  it.each([
    ['nobody vouched for', undefined],
    ['that the other end did not name', '203.0.113.10'],
    ['that is private', '192.168.1.2'],
    ['that is loopback', '127.0.0.1'],
    ['that is many machines', '224.0.0.1'],
    ['that is a name', 'example.org'],
    ['of IPv6', '2001:db8::9'],
  ])('sends nothing to a host %s', (_, host) => {
    const scene = new Scene('endpoint-independent');
    const named = host === undefined || host === 'example.org' || host === '203.0.113.10' ? [] : [`udp:${host}:4000`];
    const texts = host?.includes(':') ? [`udp:[${host}]:4000`] : named;
    scene.opened('address-and-port-dependent', [...THEIRS, ...texts.map(at)]).ports();
    if (host !== undefined) scene.vouch(host);
    scene.ports(5_000).run(5_000);
    expect(probed(scene)).toEqual([]);
  });

  it('forgets the wish when nobody vouched in time', () => {
    const scene = seeker()
      .ports()
      .run(WIDE_PORTS_MS + 100)
      .vouch('203.0.113.9')
      .run(3_000);
    expect(probed(scene)).toEqual([]);
  });

  it('sends nothing once there is a path, while the ration is used up, or behind such a NAT itself', () => {
    const direct = seeker();
    direct.fallbacks.standing(0, false);
    const rationed = seeker();
    rationed.mayGoWide = false;
    const alike = new Scene('address-dependent').opened('unknown');
    for (const scene of [direct, rationed, alike]) {
      scene.vouch('203.0.113.9').ports().run(4_000);
      expect(probed(scene)).toEqual([]);
    }
  });

  it('tries few ports that are named, few times, and drops a list that is too long or holds nonsense', () => {
    const scene = seeker().vouch('203.0.113.9');
    for (let i = 0; i < 20; i += 1) scene.ports(5_000, 5_001).run(500);
    expect(probed(scene).length).toBeLessThanOrEqual((PUNCH_NAMED_BURST + 1) * 2 * 3);
    const wrong = seeker().vouch('203.0.113.9');
    wrong.ports(...Array.from({ length: PUNCH_NAMED_PORTS_MAX + 1 }, (_, i) => 5_000 + i));
    wrong.ports(0).ports(65_536).ports(5_000, 70_000).run(1_000);
    expect(probed(wrong)).toEqual([]);
  });
});
