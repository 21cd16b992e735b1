/** The simulated internet itself: it repeats by its seed, and its faults do what their names say. */
import { expect, test } from 'vitest';
import { sameEndpoint } from '../../src/net/protocol/endpoint.ts';
import { PingCore, type PingEvent } from '../support/ping-core.ts';
import { processorMs } from '../support/processor-time.ts';
import { LOCAL, ROUGH } from './link.ts';
import type { Middlebox, Packet } from './network.ts';
import { replayCommand, runScene, seeded, seeds } from './seeded.ts';
import { World } from './world.ts';

function pinger(world: World, name: string, port = 4000) {
  return world.host(name).run(new PingCore(world.random(name)), { port });
}

function told<T extends PingEvent['type']>(events: readonly PingEvent[], type: T) {
  return events.filter((event): event is Extract<PingEvent, { type: T }> => event.type === type);
}

/** A busy scene: rough links, streams, a restart, a move, a block. */
function busyScene(seed: number): World {
  const world = new World({ seed, traceBytes: true });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  world.link('A', 'B', ROUGH);
  a.command({ type: 'ping', to: b.endpoint(), times: 100, everyMs: 20 });
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  for (let i = 0; i < 20; i += 1) a.command({ type: 'say', text: `line ${i} `.repeat(50) });
  world.advance(1_000);
  world.host('B').restart(new PingCore(world.random('B again')), { port: 4000 });
  const unblock = world.block((packet) => packet.carrier === 'udp');
  world.advance(500);
  unblock();
  world.host('A').move('10.9.9.9');
  world.advance(5_000);
  return world;
}

test('equal seeds give equal traces, other seeds others', () => {
  const first = busyScene(1);
  expect(busyScene(1).traceHash()).toBe(first.traceHash());
  expect(busyScene(2).traceHash()).not.toBe(first.traceHash());
});

test('a trace without bytes does not depend on what is in the packets', () => {
  const traced = (random: string, traceBytes: boolean): string => {
    const world = new World({ seed: 3, traceBytes });
    const a = world.host('A').run(new PingCore(world.random(random)), { port: 4000 });
    a.command({ type: 'ping', to: pinger(world, 'B').endpoint(), times: 5, everyMs: 20 });
    world.advance(1_000);
    return world.traceHash();
  };
  expect(traced('x', false)).toBe(traced('y', false));
  expect(traced('x', true)).not.toBe(traced('y', true));
});

test('chance is named: the same name gives the same bytes, another name others', () => {
  const world = new World({ seed: 3 });
  expect(world.random('A').bytes(32)).toEqual(new World({ seed: 3 }).random('A').bytes(32));
  expect(world.random('A').bytes(32)).not.toEqual(world.random('B').bytes(32));
  const fractions = Array.from({ length: 1_000 }, (() => world.random('even').fraction.bind(world.random('even')))());
  expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
  expect(fractions.reduce((sum, fraction) => sum + fraction, 0) / 1_000).toBeCloseTo(0.5, 1);
});

test('a round trip takes twice the delay of the link', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  world.link('A', 'B', { delayMs: 35 });
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  expect(world.until(() => told(a.events, 'ponged').length === 1)).toBeCloseTo(70, 6);
  expect(told(a.events, 'ponged')[0]?.rttMs).toBeCloseTo(70, 6);
});

seeded(
  'a link loses, doubles and reorders about as much as it was told to',
  (world) => {
    const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
    world.link('A', 'B', { loss: 0.2, duplicate: 0.1, reorder: 0.1, reorderMs: 50 }, 'one');
    a.command({ type: 'ping', to: b.endpoint(), times: 2_000, everyMs: 5 });
    world.advance(15_000);
    const numbers = told(b.events, 'pinged').map((event) => event.number);
    const distinct = new Set(numbers).size;
    expect(distinct / 2_000).toBeGreaterThan(0.76);
    expect(distinct / 2_000).toBeLessThan(0.84);
    expect((numbers.length - distinct) / 2_000).toBeGreaterThan(0.04);
    expect(numbers.some((number, index) => number < (numbers[index - 1] ?? 0))).toBe(true);
  },
  { runs: 3 },
);

seeded('losses come in bursts when the link says so', (world) => {
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  world.link('A', 'B', { loss: 0.2, lossBurst: 5 }, 'one');
  a.command({ type: 'ping', to: b.endpoint(), times: 4_000, everyMs: 5 });
  world.advance(25_000);
  const came = new Set(told(b.events, 'pinged').map((event) => event.number));
  let bursts = 0;
  for (let number = 2; number <= 4_000; number += 1) if (!came.has(number) && came.has(number - 1)) bursts += 1;
  const lost = 4_000 - came.size;
  expect(lost / 4_000).toBeGreaterThan(0.14);
  expect(lost / 4_000).toBeLessThan(0.26);
  expect(lost / bursts).toBeGreaterThan(4);
});

test('a slow link lets packets wait, and drops the newest when its queue is full', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  // A ping is 47 bytes and 28 of headers: 75 a second of them fill half this link, 300 a second twice of it.
  world.link('A', 'B', { bytesPerSecond: 11_250, queueBytes: 1_500 }, 'one');
  a.command({ type: 'ping', to: b.endpoint(), times: 75, everyMs: 1000 / 75 });
  world.advance(2_000);
  expect(told(b.events, 'pinged').length).toBe(75);
  a.command({ type: 'ping', to: b.endpoint(), times: 300, everyMs: 1000 / 300 });
  world.advance(2_000);
  const came = told(b.events, 'pinged').length - 75;
  expect(came).toBeGreaterThan(150);
  expect(came).toBeLessThan(190);
});

test('a stream echoes, and is reset at this end when the other process is killed', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  a.command({ type: 'say', text: 'echo me' });
  world.until(
    () =>
      told(a.events, 'heard')
        .map((event) => event.text)
        .join('') === 'echo me',
  );
  world.host('B').stop();
  world.until(() => told(a.events, 'closed').length === 1);
  expect(told(a.events, 'closed')[0]?.why).toBe('reset');
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  world.until(() => told(a.events, 'closed').length === 2);
  expect(told(a.events, 'closed')[1]?.why).toBe('refused');
});

test('a process that ends in good order closes its streams', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  world.until(() => told(b.events, 'opened').length === 1);
  b.close();
  world.until(() => told(a.events, 'closed').length === 1);
  expect(told(a.events, 'closed')[0]?.why).toBe('ended');
});

test('a killed process that is started again at its port is found again', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  world.host('B').stop();
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  world.advance(1_000);
  const again = world.host('B').restart(new PingCore(world.random('B again')), { port: 4000 });
  a.command({ type: 'ping', to: again.endpoint(), times: 1, everyMs: 20 });
  world.until(() => told(a.events, 'ponged').length === 1);
  expect(told(b.events, 'pinged')).toEqual([]);
});

test('an unplugged machine leaves callers without an answer', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  world.host('B').unplug();
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  const tookMs = world.until(() => told(a.events, 'closed').length === 1);
  expect([told(a.events, 'closed')[0]?.why, tookMs]).toEqual(['connect-timeout', 5_000]);
  world.host('B').plug();
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  world.until(() => told(a.events, 'ponged').length === 1);
});

test('a firewall rule drops what it hits until it is lifted', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  const lift = world.block((packet, sender) => packet.carrier === 'udp' && sender === 'A');
  a.command({ type: 'ping', to: b.endpoint(), times: 3, everyMs: 20 });
  world.advance(1_000);
  expect(told(b.events, 'pinged')).toEqual([]);
  lift();
  a.command({ type: 'ping', to: b.endpoint(), times: 3, everyMs: 20 });
  world.advance(1_000);
  expect(told(b.events, 'pinged').length).toBe(3);
});

test('a machine that moves is told its new address within two seconds', () => {
  const world = new World({ seed: 1 });
  const a = pinger(world, 'A');
  world.host('A').move('10.7.7.7');
  expect(world.until(() => told(a.events, 'here').length === 2)).toBeLessThanOrEqual(2_000);
  expect(told(a.events, 'here')[1]?.endpoints[0]).toEqual({ carrier: 'udp', host: '10.7.7.7', port: 4000 });
});

test('loopback leads to oneself, names lead to their host', () => {
  const world = new World({ seed: 1 });
  const a = pinger(world, 'A');
  const b = world.host('B', { names: ['wren.example.org'] }).run(new PingCore(world.random('B')), { port: 5000 });
  a.command({ type: 'ping', to: { carrier: 'udp', host: '127.0.0.1', port: 4000 }, times: 1, everyMs: 20 });
  world.advance(100);
  expect(told(a.events, 'ponged')).toEqual([{ type: 'ponged', number: 1, rttMs: 0 }]);
  a.command({ type: 'ping', to: { carrier: 'udp', host: 'Wren.example.org', port: 5000 }, times: 1, everyMs: 20 });
  world.until(() => told(b.events, 'pinged').length === 1);
});

/** The smallest NAT: one port for each inside endpoint, open to the world once made. */
class TinyNat implements Middlebox {
  readonly #outer: string;
  readonly #mappings: Packet['from'][] = [];
  constructor(outer: string) {
    this.#outer = outer;
  }
  outward(_now: number, packet: Packet): Packet {
    const known = this.#mappings.findIndex((inside) => sameEndpoint(inside, packet.from));
    const index = known >= 0 ? known : this.#mappings.push(packet.from) - 1;
    return { ...packet, from: { carrier: packet.carrier, host: this.#outer, port: 60_000 + index } };
  }
  inward(_now: number, packet: Packet): Packet | undefined {
    const inside = this.#mappings[packet.to.port - 60_000];
    return inside?.carrier === packet.carrier ? { ...packet, to: inside } : undefined;
  }
}

test('a box between two hosts translates datagrams and streams, and filters what nobody asked for', () => {
  const world = new World({ seed: 1 });
  world.box('router', { address: '203.0.113.1', middlebox: new TinyNat('203.0.113.1') });
  world.host('A', { address: '192.168.1.2', behind: 'router' });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  b.command({ type: 'ping', to: { carrier: 'udp', host: '203.0.113.1', port: 60_000 }, times: 1, everyMs: 20 });
  b.command({ type: 'ping', to: a.endpoint(), times: 1, everyMs: 20 });
  world.advance(1_000);
  expect(told(a.events, 'pinged')).toEqual([]);
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  a.command({ type: 'say', text: 'through the wall' });
  world.until(() => told(a.events, 'ponged').length === 1);
  world.until(
    () =>
      told(a.events, 'heard')
        .map((event) => event.text)
        .join('') === 'through the wall',
  );
  b.command({ type: 'ping', to: { carrier: 'udp', host: '203.0.113.1', port: 60_000 }, times: 1, everyMs: 20 });
  world.until(() => told(a.events, 'pinged').length === 1);
});

test('hosts behind one box meet over the inside, on a faster link', () => {
  const world = new World({ seed: 1 });
  world.box('router', { address: '203.0.113.1', middlebox: new TinyNat('203.0.113.1') });
  world.host('A', { address: '192.168.1.2', behind: 'router' });
  world.host('B', { address: '192.168.1.3', behind: 'router' });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  expect(world.until(() => told(a.events, 'ponged').length === 1)).toBeCloseTo(2 * LOCAL.delayMs, 6);
});

test('a firewall box without addresses of its own lets hosts keep theirs', () => {
  const world = new World({ seed: 1 });
  let open = false;
  const middlebox: Middlebox = {
    outward: (_now, packet) => {
      open = true;
      return packet;
    },
    inward: (_now, packet) => (open ? packet : undefined),
  };
  world.box('wall', { middlebox });
  world.host('A', { address: '198.51.100.7', behind: 'wall' });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  b.command({ type: 'ping', to: a.endpoint(), times: 1, everyMs: 20 });
  world.advance(1_000);
  expect(told(a.events, 'pinged')).toEqual([]);
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  world.until(() => told(a.events, 'ponged').length === 1);
});

test('fault switches work as they do in an agent', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.disturb('block-udp');
  a.command({ type: 'ping', to: b.endpoint(), times: 2, everyMs: 20 });
  world.advance(1_000);
  expect(a.report().dropped).toEqual({ 'datagram blocked: debug': 2 });
  a.disturb('unblock-udp');
  a.disturb('rebind');
  expect(a.port).not.toBe(4000);
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
  world.until(() => told(a.events, 'ponged').length === 1);
});

test('machines have clocks of their own that run equally fast', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [world.host('A'), world.host('B')];
  const apart = a.now() - b.now();
  expect(Math.abs(apart)).toBeGreaterThan(1);
  world.advance(12_345);
  expect(a.now() - b.now()).toBe(apart);
  expect(world.wallClock()).toBe(Date.UTC(2026, 0, 1) + 12_345);
});

test('a core that throws fails the scene', () => {
  const world = new World({ seed: 1 });
  const a = pinger(world, 'A');
  a.command({ type: 'break' });
  expect(() => world.advance(1)).toThrow('broken on purpose');
});

test('a core that wants to be woken in the past for ever fails the scene instead of hanging it', () => {
  const world = new World({ seed: 1 });
  const core = new PingCore(world.random('A'));
  core.wakeAt = () => 0;
  world.host('A').run(core);
  expect(() => world.advance(100)).toThrow('time stands still');
});

test('what never comes is said with the condition', () => {
  const world = new World({ seed: 1 });
  const never = () => world.now < 0;
  expect(() => world.until(never, 100)).toThrow('not within 100 ms: () => world.now < 0');
  expect(world.now).toBe(1_100);
});

test('virtual time stands still while real work is under way', async () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.command({ type: 'ping', to: b.endpoint(), times: 10, everyMs: 20 });
  let workedAt = 0;
  world.later(50, () =>
    world.work(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      workedAt = world.now;
    }),
  );
  expect(() => world.advance(100)).toThrow('work waits');
  await world.untilAsync(() => told(a.events, 'ponged').length === 10);
  expect(workedAt).toBe(1_050);
  await world.advanceAsync(100);
});

test('an hour of two hosts that ping every second takes no time worth speaking of', () => {
  const world = new World({ seed: 1 });
  const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
  a.command({ type: 'ping', to: b.endpoint(), times: 3_600, everyMs: 1_000 });
  const spentMs = processorMs(() => world.advance(3_600_000));
  expect(told(a.events, 'ponged').length).toBe(3_600);
  expect(spentMs).toBeLessThan(6_000);
});

test('a failing scene says its seed, the end of its trace and the command that runs it again', async () => {
  const scene = (world: World): void => {
    const [a, b] = [pinger(world, 'A'), pinger(world, 'B')];
    a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 20 });
    world.advance(50);
    throw new Error('no luck');
  };
  const failing = runScene(scene, 7, 'this command');
  await expect(failing).rejects.toThrow(/^no luck\n\nseed 7 at 1050 ms; again: this command\n.*A tells ponged$/s);
});

test('the command that runs a scene again names seed, file and test', () => {
  expect(replayCommand(7, `${process.cwd()}/test/sim/x.test.ts`, 'one (of two) "a"')).toBe(
    'WREN_SEED=7 npx vitest run test/sim/x.test.ts -t "one \\(of two\\) .a."',
  );
  expect(seeds(3, {})).toEqual([1, 2, 3]);
  expect(seeds(3, { WREN_SEED: '9' })).toEqual([9]);
  expect(seeds(3, { WREN_RUNS: '2' })).toEqual([1, 2]);
});
