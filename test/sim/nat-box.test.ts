/**
 * The simulated NAT does what RFC 4787 calls things, and what Linux was measured to do (realtime.md 1.6): the scenes
 * "two behind routers" are that table. Bare sockets, no cores.
 */
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { NetInput } from '../../src/net/protocol/traffic.ts';
import { PingCore } from '../support/ping-core.ts';
import { Chance } from './chance.ts';
import { type Dependence, HOME_ROUTER, LINUX_LIFETIMES, type NatBehaviour, NatBox, natBox } from './nat-box.ts';
import type { Packet } from './network.ts';
import { type Place, place } from './places.ts';
import type { SimSockets } from './sim-sockets.ts';
import { World } from './world.ts';

const OUTER = '203.0.113.200';
const DEPENDENCES: readonly Dependence[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent'];

/** Bare sockets of one host, and what came. */
class Party {
  readonly sockets: SimSockets;
  readonly here: Endpoint;
  readonly heard: { readonly from: Endpoint; readonly text: string }[] = [];

  constructor(world: World, host: string, port = 5000) {
    this.sockets = world.host(host).sockets(port);
    this.here = { carrier: 'udp', host: world.host(host).address, port };
    this.sockets.start((input: NetInput) => {
      if (input.type === 'datagram') this.heard.push({ from: input.from, text: input.bytes.toString() });
    });
  }

  say(to: Endpoint, text = 'hello', ttl?: number): void {
    const bytes = Buffer.from(text);
    this.sockets.perform({ type: 'send-datagram', to, bytes, ...(ttl === undefined ? {} : { ttl }) });
  }

  get lastFrom(): Endpoint {
    return this.heard.at(-1)!.from;
  }
}

/** One inside (5000), and outside a host with two ports and one with one. */
function neighbourhood(behaviour: Partial<NatBehaviour>, seed = 1) {
  const world = new World({ seed });
  const nat = natBox(world, 'box', { address: OUTER, ...behaviour });
  world.host('inside', { address: '192.168.1.2', behind: 'box' });
  const inside = new Party(world, 'inside');
  const outside = [new Party(world, 'O'), new Party(world, 'O', 5001), new Party(world, 'other')] as const;
  return { world, nat, inside, outside };
}

/** Says something to each in turn, and tells from which outer ports it came. */
function outerPorts({ world, inside, outside }: ReturnType<typeof neighbourhood>): number[] {
  return outside.map((party) => {
    inside.say(party.here);
    world.until(() => party.heard.length > 0);
    return party.lastFrom.port;
  });
}

describe('mapping', () => {
  test.each([
    ['endpoint-independent', [true, true]],
    ['address-dependent', [true, false]],
    ['address-and-port-dependent', [false, false]],
  ] as const)('%s: another port and another host see the same outer port: %s', (mapping, same) => {
    for (const ports of [{ name: 'random' }, { name: 'preserve' }, { name: 'sequential', delta: 2 }] as const) {
      const [first, otherPort, otherHost] = outerPorts(neighbourhood({ mapping, ports }));
      expect([otherPort === first, otherHost === first], ports.name).toEqual(same);
    }
  });

  test('a sequential box counts, forwards or backwards; one that preserves keeps the first port; a random one neither', () => {
    const steps = (ports: NatBehaviour['ports']): number[] => {
      const [a = 0, b = 0, c = 0] = outerPorts(neighbourhood({ mapping: 'address-and-port-dependent', ports }, 3));
      return [b - a, c - b];
    };
    expect(steps({ name: 'sequential', delta: 3 })).toEqual([3, 3]);
    expect(steps({ name: 'sequential', delta: -1 })).toEqual([-1, -1]);
    expect(new Set(steps({ name: 'random' })).size).toBe(2);
    expect(outerPorts(neighbourhood({}))[0]).toBe(5000);
    expect(outerPorts(neighbourhood({ ports: { name: 'random' } }))[0]).not.toBe(5000);
  });

  test('random ports come from the whole range, or from the block that a carrier has given', () => {
    const portsOf = (ports: NatBehaviour['ports']): number[] =>
      Array.from({ length: 40 }, (_, seed) =>
        outerPorts(neighbourhood({ mapping: 'address-and-port-dependent', ports }, seed)),
      ).flat();
    const all = portsOf({ name: 'random' });
    expect(Math.min(...all)).toBeGreaterThanOrEqual(1_024);
    expect(Math.min(...all)).toBeLessThan(5_000);
    expect(Math.max(...all)).toBeGreaterThan(61_000);
    const block = portsOf({ name: 'random', min: 20_480, max: 20_991 });
    expect(block.every((port) => port >= 20_480 && port <= 20_991)).toBe(true);
    expect(new Set(block).size).toBeGreaterThan(80);
  });

  test('a full table begins no flow of that host, keeps those that there are, and has room again when some die', () => {
    const { world, nat, inside, outside } = neighbourhood({ flowsPerHostMax: 3 });
    world.host('neighbour', { address: '192.168.1.3', behind: 'box' });
    const neighbour = new Party(world, 'neighbour');
    const [first, , other] = outside;
    inside.say(first.here);
    for (let port = 1; port <= 5; port += 1) inside.say({ ...first.here, port });
    inside.say(other.here, 'no room');
    inside.say(first.here, 'still there');
    neighbour.say(other.here, 'mine is my own');
    world.advance(1_000);
    expect(nat.flowsOf('192.168.1.2')).toBe(3);
    expect(first.heard.map(({ text }) => text)).toEqual(['hello', 'still there']);
    expect(other.heard.map(({ text }) => text)).toEqual(['mine is my own']);
    world.advance(31_000);
    inside.say(other.here, 'room again');
    world.advance(1_000);
    expect(other.heard.at(-1)?.text).toBe('room again');
  });

  test('a port that a neighbour has is not given twice', () => {
    const { world, inside, outside } = neighbourhood({});
    world.host('neighbour', { address: '192.168.1.3', behind: 'box' });
    const neighbour = new Party(world, 'neighbour');
    inside.say(outside[0].here);
    neighbour.say(outside[0].here);
    world.advance(100);
    const [mine, theirs] = outside[0].heard.map(({ from }) => from);
    expect(theirs?.port).not.toBe(mine?.port);
    outside[0].say(theirs!, 'you');
    world.until(() => neighbour.heard.length === 1);
    expect(inside.heard).toEqual([]);
  });
});

describe('filtering', () => {
  test.each([
    ['endpoint-independent', ['O:5000', 'O:5001', 'other:5000']],
    ['address-dependent', ['O:5000', 'O:5001']],
    ['address-and-port-dependent', ['O:5000']],
  ] as const)('%s: after a word to O:5000 in come %s, whatever the mapping is', (filtering, admitted) => {
    for (const mapping of DEPENDENCES) {
      const { world, inside, outside } = neighbourhood({ mapping, filtering });
      inside.say(outside[0].here);
      world.advance(100);
      outside[0].say(outside[0].lastFrom, 'O:5000');
      outside[1].say(outside[0].lastFrom, 'O:5001');
      outside[2].say(outside[0].lastFrom, 'other:5000');
      world.advance(100);
      expect(inside.heard.map(({ text }) => text).sort(), mapping).toEqual(admitted);
    }
  });

  test('who was let in is answered by the port that it wrote to', () => {
    const { world, inside, outside } = neighbourhood({
      ...{ mapping: 'address-and-port-dependent', filtering: 'endpoint-independent', ports: { name: 'random' } },
    });
    inside.say(outside[0].here);
    world.advance(100);
    outside[2].say(outside[0].lastFrom);
    world.advance(100);
    inside.say(inside.lastFrom);
    world.advance(100);
    expect(outside[2].lastFrom).toEqual(outside[0].lastFrom);
  });

  test('nobody comes in where nobody went out', () => {
    const { world, inside, outside } = neighbourhood({ filtering: 'endpoint-independent' });
    outside[0].say({ carrier: 'udp', host: OUTER, port: 5000 });
    world.advance(100);
    expect(inside.heard).toEqual([]);
  });
});

describe('a binding of UDP', () => {
  /** Is the answer let in that comes so long after the last word? */
  function livesFor(ms: number, before: (scene: ReturnType<typeof neighbourhood>) => void, delta = {}): boolean {
    const scene = neighbourhood({ lifetimes: { ...LINUX_LIFETIMES, ...delta } });
    const { world, inside, outside } = scene;
    inside.say(outside[0].here);
    world.advance(20.1);
    before(scene);
    // 20 ms of link and 0.3 of the house.
    const count = inside.heard.length;
    world.advance(ms - 40.5);
    outside[0].say(outside[0].lastFrom);
    world.advance(30);
    return inside.heard.length > count;
  }

  test('without an answer lives for 30 s', () => {
    expect([livesFor(29_900, () => {}), livesFor(30_100, () => {})]).toEqual([true, false]);
  });

  test('with words both ways lives for 120 s, once it is older than 2 s', () => {
    const talk =
      (ms: number) =>
      ({ world, inside, outside }: ReturnType<typeof neighbourhood>): void => {
        outside[0].say(outside[0].lastFrom);
        world.advance(ms);
        inside.say(outside[0].here);
        world.advance(20.1);
      };
    expect([livesFor(119_900, talk(3_000)), livesFor(120_100, talk(3_000))]).toEqual([true, false]);
    expect([livesFor(29_900, talk(1_000)), livesFor(30_100, talk(1_000))]).toEqual([true, false]);
  });

  test('lives as long as it is told to', () => {
    const delta = { udpUnrepliedMs: 5_000 };
    expect([livesFor(4_900, () => {}, delta), livesFor(5_100, () => {}, delta)]).toEqual([true, false]);
  });

  test('that died leaves nothing, and the next has another port', () => {
    const { world, nat, inside, outside } = neighbourhood({ ports: { name: 'random' } });
    inside.say(outside[0].here);
    world.advance(31_000);
    expect(nat.flowCount(world.now)).toBe(0);
    inside.say(outside[0].here);
    world.advance(100);
    expect(new Set(outside[0].heard.map(({ from }) => from.port)).size).toBe(2);
  });

  test('does not outlive a restart of the box', () => {
    const { world, nat, inside, outside } = neighbourhood({});
    inside.say(outside[0].here);
    world.advance(100);
    nat.forget();
    outside[0].say(outside[0].lastFrom);
    world.advance(100);
    expect(inside.heard).toEqual([]);
  });
});

describe('a connection through the box', () => {
  const inside: Endpoint = { carrier: 'tcp', host: '192.168.1.2', port: 50_000 };
  const remote: Endpoint = { carrier: 'tcp', host: '10.0.0.1', port: 4000 };
  const outer: Endpoint = { carrier: 'tcp', host: OUTER, port: 50_000 };
  const out = (kind: Packet['kind']): Packet => piece(kind, inside, remote);
  const back = (kind: Packet['kind']): Packet => piece(kind, remote, outer);

  function piece(kind: Packet['kind'], from: Endpoint, to: Endpoint): Packet {
    return { carrier: 'tcp', kind, from, to, bytes: Buffer.alloc(0), sequence: 0 };
  }

  /** Goes through the pieces a millisecond apart; was the answer let in, so long after the last? */
  function admitted(pieces: readonly Packet[], afterMs: number): boolean {
    const nat = new NatBox(OUTER, HOME_ROUTER, new Chance(1, 'nat'));
    let now = 1_000;
    for (const each of pieces) {
      if (each.to === remote) nat.outward(now, each);
      else nat.inward(now, each);
      now += 1;
    }
    return nat.inward(now - 1 + afterMs, back('data')) !== undefined;
  }

  test('that nobody answers is forgotten after two minutes', () => {
    expect([119_000, 121_000].map((ms) => admitted([out('open')], ms))).toEqual([true, false]);
  });

  test('that stands is kept for days', () => {
    expect(admitted([out('open'), back('accept')], 4 * 86_400_000)).toBe(true);
  });

  test('that was closed at both ends goes after two minutes, closed at one not', () => {
    const open = [out('open'), back('accept'), out('end')];
    expect(admitted(open, 3_600_000)).toBe(true);
    expect([119_000, 121_000].map((ms) => admitted([...open, back('end')], ms))).toEqual([true, false]);
  });

  test('that was reset goes at once, and its ports can be used again', () => {
    const reset = [out('open'), back('accept'), back('reset')];
    expect([9_000, 11_000].map((ms) => admitted(reset, ms))).toEqual([true, false]);
    expect(admitted([...reset, out('open'), back('accept')], 3_600_000)).toBe(true);
  });

  test('goes on after a restart of the box, when its port is still free', () => {
    expect(admitted([out('data')], 1_000)).toBe(true);
  });

  test('cannot be begun from outside, nor by a reset from inside', () => {
    const nat = new NatBox(OUTER, HOME_ROUTER, new Chance(1, 'nat'));
    expect(nat.inward(1_000, back('open'))).toBeUndefined();
    expect(nat.outward(1_000, out('reset'))).toBeUndefined();
  });

  test('carries words in a whole world, through two boxes in a row', () => {
    const world = new World({ seed: 1 });
    place(world, 'CGN', 'A');
    const a = world.host('A').run(new PingCore(world.random('A')));
    const b = world.host('B').run(new PingCore(world.random('B')), { port: 4000 });
    a.command({ type: 'dial', to: b.endpoint('tcp') });
    a.command({ type: 'say', text: 'through two walls' });
    a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
    const heard = () => a.events.flatMap((event) => (event.type === 'heard' ? [event.text] : [])).join('');
    world.until(() => heard() === 'through two walls' && a.events.some((event) => event.type === 'ponged'));
  });
});

describe('a hairpin', () => {
  function outerMeeting(hairpin: boolean) {
    const { world, inside, outside } = neighbourhood({ hairpin });
    world.host('neighbour', { address: '192.168.1.3', behind: 'box' });
    const neighbour = new Party(world, 'neighbour', 6000);
    inside.say(outside[0].here);
    neighbour.say(outside[0].here);
    world.advance(100);
    const mine: Endpoint = { carrier: 'udp', host: OUTER, port: 5000 };
    const theirs = { ...mine, port: 6000 };
    inside.say(theirs);
    neighbour.say(mine);
    world.advance(100);
    return { heard: inside.heard, mine, theirs };
  }

  test('off: neighbours do not meet by their outer addresses', () => {
    expect(outerMeeting(false).heard).toEqual([]);
  });

  test('on: they do, and see outer addresses only', () => {
    const { heard, theirs } = outerMeeting(true);
    expect(heard.map(({ from }) => from)).toEqual([theirs]);
  });
});

describe('TTL', () => {
  /** Which boxes on the way of a packet from behind a carrier's NAT have opened, and did it arrive? */
  function opened(ttl: number | undefined): boolean[] {
    const world = new World({ seed: 1 });
    const carrier = natBox(world, 'carrier', { address: OUTER });
    const home = natBox(world, 'home', { address: '100.64.0.2', behind: 'carrier' });
    world.host('A', { address: '192.168.1.2', behind: 'home' });
    const [a, b] = [new Party(world, 'A'), new Party(world, 'B')];
    a.say(b.here, 'hello', ttl);
    world.advance(100);
    return [home.flowCount(world.now) === 1, carrier.flowCount(world.now) === 1, b.heard.length === 1];
  }

  test('a box is a router: it opens for packets that it can pass on, and an expired one has opened those before', () => {
    expect(opened(1)).toEqual([false, false, false]);
    expect(opened(2)).toEqual([true, false, false]);
    expect(opened(3)).toEqual([true, true, false]);
    expect(opened(undefined)).toEqual([true, true, true]);
  });

  test('the routers of a link count, and there is none between a machine and itself', () => {
    const world = new World({ seed: 1 });
    world.link(world.host('A').name, world.host('B').name, { hops: 4 });
    const [a, b] = [new Party(world, 'A'), new Party(world, 'B')];
    for (const ttl of [1, 4, 5, 6]) a.say(b.here, `${ttl}`, ttl);
    a.say(a.here, 'to myself', 1);
    world.advance(100);
    expect(b.heard.map(({ text }) => text)).toEqual(['5', '6']);
    expect(a.heard.map(({ text }) => text)).toEqual(['to myself']);
  });

  test('what dies before the last box leaves no mark there, what dies in it may', () => {
    // The box takes what comes unasked; A's word with TTL 6 ends exactly at it.
    const portAfter = (ttl: number): number => {
      const { world, inside, outside } = neighbourhood({ unsolicited: 'accepted' });
      world.link('O', 'box', { hops: 5 });
      outside[0].say({ carrier: 'udp', host: OUTER, port: 5000 }, 'early', ttl);
      world.advance(100);
      inside.say(outside[0].here);
      world.advance(100);
      return outside[0].lastFrom.port;
    };
    expect(portAfter(5)).toBe(5000);
    expect(portAfter(6)).not.toBe(5000);
  });
});

/** When the second of the two has begun as well, and news of it came to both. */
const AGREE_MS = 100;
const OPENERS = 3;

interface Attempt {
  readonly delayMs: number;
  /** So much later begins B. */
  readonly skewMs: number;
  /** The first packets have this TTL, until both have sent. */
  readonly openerTtl?: number;
  readonly port?: number;
}

/** Two behind routers, each knowing the outer address of the other from a third, as after an exchange of candidates. */
class Punching {
  readonly world: World;
  readonly #parties = new Map<string, Party>();

  constructor(where: Place, seed = 1) {
    this.world = new World({ seed });
    for (const name of ['A', 'B']) place(this.world, where, name);
    this.world.host('S');
  }

  /** Does each hear the other within two seconds? */
  meet({ delayMs, skewMs, openerTtl, port = 5000 }: Attempt): boolean {
    const { world } = this;
    world.link('A box', 'B box', { delayMs });
    const [a, b] = [this.#party('A', port), this.#party('B', port)];
    const [atA, atB] = [this.#outerOf(a), this.#outerOf(b)];
    const [heardA, heardB] = [a.heard.length, b.heard.length];
    this.#send(a, atB, 0, skewMs + AGREE_MS, openerTtl);
    this.#send(b, atA, skewMs, skewMs + AGREE_MS, openerTtl);
    world.advance(2_000);
    return a.heard.length > heardA && b.heard.length > heardB;
  }

  #send(from: Party, to: Endpoint, beginMs: number, agreedMs: number, openerTtl: number | undefined): void {
    if (openerTtl !== undefined)
      for (let i = 0; i < OPENERS; i += 1) this.world.later(beginMs + i * 20, () => from.say(to, 'opener', openerTtl));
    const fromMs = openerTtl === undefined ? beginMs : agreedMs;
    for (let i = 0; i < 10; i += 1) this.world.later(fromMs + i * 100, () => from.say(to));
  }

  #outerOf(party: Party): Endpoint {
    const server = this.#party('S', 3478);
    const count = server.heard.length;
    party.say(server.here);
    this.world.until(() => server.heard.length > count);
    return server.lastFrom;
  }

  #party(host: string, port: number): Party {
    const known = this.#parties.get(`${host} ${port}`) ?? new Party(this.world, host, port);
    this.#parties.set(`${host} ${port}`, known);
    return known;
  }
}

/** A path without delay where both send "at once": two machines are never nearer than this. */
const AT_ONCE_MS = 0.1;

describe('two behind routers (measured, realtime.md 1.6)', () => {
  test.each<[Place, string, Attempt, boolean]>([
    ['PR', 'a peer 500 ms late', { delayMs: 20, skewMs: 500 }, true],
    ["PR'", 'simultaneous without delay', { delayMs: 0, skewMs: AT_ONCE_MS }, false],
    ["PR'", 'a peer 500 ms late', { delayMs: 20, skewMs: 500 }, false],
    ["PR'", '40 ms of path, synchronised', { delayMs: 40, skewMs: 0 }, true],
    ["PR'", '40 ms of path, 100 ms of skew', { delayMs: 40, skewMs: 100 }, false],
    ["PR'", '40 ms of path, 100 ms of skew, openers of TTL 2', { delayMs: 40, skewMs: 100, openerTtl: 2 }, true],
    ["PR'", 'simultaneous without delay, openers of TTL 2', { delayMs: 0, skewMs: AT_ONCE_MS, openerTtl: 2 }, true],
    ["PR'", 'a peer 500 ms late, openers of TTL 5', { delayMs: 20, skewMs: 500, openerTtl: 5 }, true],
    ['SYM', '40 ms of path, synchronised', { delayMs: 40, skewMs: 0 }, false],
  ])('%s, %s', (where, _how, attempt, meets) => {
    for (const seed of [1, 2, 3]) expect(new Punching(where, seed).meet(attempt)).toBe(meets);
  });

  test('after a failure the same ports fail again, even with the trick; fresh ones work with it', () => {
    const two = new Punching("PR'");
    const careful = { delayMs: 40, skewMs: 100, openerTtl: 2 };
    expect(two.meet({ delayMs: 40, skewMs: 100 })).toBe(false);
    expect(two.meet(careful)).toBe(false);
    expect(two.meet({ ...careful, port: 5001 })).toBe(true);
  });

  test('after a failure and 35 s of silence the same ports work with the trick, and without it fail again', () => {
    for (const [openerTtl, meets] of [
      [2, true],
      [undefined, false],
    ] as const) {
      const two = new Punching("PR'");
      expect(two.meet({ delayMs: 40, skewMs: 100 })).toBe(false);
      two.world.advance(35_000);
      expect(two.meet({ delayMs: 40, skewMs: 100, ...(openerTtl ? { openerTtl } : {}) })).toBe(meets);
    }
  });

  test('an opener that reaches the other box does the harm that it was to avoid', () => {
    const two = new Punching("PR'");
    two.world.link('A box', 'B box', { hops: 1 });
    expect(two.meet({ delayMs: 40, skewMs: 100, openerTtl: 5 })).toBe(false);
    const lab = new Punching("PR'");
    lab.world.link('A box', 'B box', { hops: 1 });
    expect(lab.meet({ delayMs: 40, skewMs: 100, openerTtl: 2 })).toBe(true);
  });
});

describe('symmetric against port-restricted', () => {
  test('256 sockets and up to 1024 probes to random ports meet nearly always (measured: 56 to 621)', () => {
    const probes = Array.from({ length: 12 }, (_, index) => birthday(index + 1)).sort((a, b) => a - b);
    expect(probes.filter((count) => count > 1024).length).toBeLessThanOrEqual(1);
    expect(probes[6]).toBeGreaterThan(60);
    expect(probes[6]).toBeLessThan(500);
  });

  /** Probes until one came through; Infinity when none did. */
  function birthday(seed: number): number {
    const world = new World({ seed });
    place(world, 'SYM', 'hard');
    place(world, 'PR', 'easy');
    const easy = new Party(world, 'easy');
    const server = new Party(world, 'S', 3478);
    easy.say(server.here);
    world.advance(100);
    const hard = Array.from({ length: 256 }, (_, index) => new Party(world, 'hard', 20_000 + index));
    for (const one of hard) one.say(server.lastFrom);
    world.advance(100);
    const chance = new Chance(seed, 'guesses');
    for (let probes = 1; probes <= 1024; probes += 1) {
      easy.say({ carrier: 'udp', host: outerHostOf(world, 'hard'), port: chance.between(1024, 65_535) });
      world.advance(21);
      if (hard.some((one) => one.heard.length > 0)) return probes;
    }
    return Number.POSITIVE_INFINITY;
  }

  function outerHostOf(world: World, name: string): string {
    return world.host(name).site.box?.addresses[0] ?? '';
  }
});
