/** The driver: one input, drained to empty, one timer; on loopback with real sockets and real time, too. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Clock, Driver } from '../../../src/net/io/driver.ts';
import { openSockets, type Sockets } from '../../../src/net/io/sockets.ts';
import type { Core, Millis } from '../../../src/net/protocol/core.ts';
import type { NetInput, NetOutput } from '../../../src/net/protocol/traffic.ts';
import { Chance } from '../../sim/chance.ts';
import { PingCore, type PingEvent } from '../../support/ping-core.ts';

type Said = NetOutput | { readonly type: string };

/** A core that notes what it is told and says what the test put into `says`. */
class NotingCore implements Core<NetInput, string, Said> {
  readonly notes: string[] = [];
  readonly says = new Map<string, Said[][]>();
  wakesAt: Millis = Number.POSITIVE_INFINITY;
  #waiting: Said[][] = [];
  receive(now: Millis, input: NetInput): void {
    this.#note(now, input.type);
  }
  command(now: Millis, command: string): void {
    this.#note(now, command);
  }
  wake(now: Millis): void {
    this.#note(now, 'wake');
  }
  drain(): Said[] {
    return this.#waiting.shift() ?? [];
  }
  wakeAt(): Millis {
    return this.wakesAt;
  }
  #note(now: Millis, what: string): void {
    this.notes.push(`${now} ${what}`);
    if (what === 'throw') throw new Error('thrown on purpose');
    this.#waiting.push(...(this.says.get(what) ?? []));
  }
}

/** Sockets that note what they are made to do. */
function notingSockets() {
  const performed: NetOutput[] = [];
  const held: { sink?: (input: NetInput) => void } = {};
  const sockets: Sockets = {
    port: 4000,
    start: (sink) => {
      held.sink = sink;
      sink({ type: 'local-endpoints', endpoints: [] });
    },
    perform: (output) => void performed.push(output),
    rebind: async () => 4001,
    close: vi.fn(async () => {}),
    counts: () => ({}),
  };
  return { sockets, performed, arrive: (input: NetInput) => held.sink?.(input) };
}

/** A clock that the test moves. */
function handClock() {
  const clock = { at: 0, alarms: [] as { at: Millis; due: () => void }[], armed: 0 };
  const asClock: Clock = {
    now: () => clock.at,
    arm: (at, due) => {
      const alarm = { at, due };
      clock.alarms.push(alarm);
      clock.armed += 1;
      return () => clock.alarms.splice(clock.alarms.indexOf(alarm), 1);
    },
  };
  const ring = (): void => clock.alarms.shift()?.due();
  return { clock, asClock, ring };
}

function noted() {
  const [core, hand, net] = [new NotingCore(), handClock(), notingSockets()];
  const events: string[] = [];
  const faults: unknown[] = [];
  const driver = new Driver<string, { readonly type: string }>({
    core,
    sockets: net.sockets,
    clock: hand.asClock,
    onEvent: (event) => void events.push(event.type),
    onFault: (fault) => void faults.push(fault),
  });
  return { core, ...hand, ...net, events, faults, driver };
}

const PACKET: NetInput = {
  type: 'datagram',
  from: { carrier: 'udp', host: '192.0.2.1', port: 9 },
  bytes: Buffer.from('x'),
};
const SEND: NetOutput = {
  type: 'send-datagram',
  to: { carrier: 'udp', host: '192.0.2.1', port: 9 },
  bytes: Buffer.alloc(1),
};

describe('the loop', () => {
  test('drains to empty after each input, and does what was said in order', () => {
    const { core, driver, events, performed } = noted();
    core.says.set('go', [[{ type: 'one' }, SEND], [{ type: 'two' }]]);
    driver.start();
    driver.command('go');
    expect(core.notes).toEqual(['0 local-endpoints', '0 go']);
    expect(events).toEqual(['one', 'two']);
    expect(performed).toEqual([SEND]);
  });

  test('a command given from an event waits until the core has been drained', () => {
    const core = new NotingCore();
    core.says.set('first', [[{ type: 'again' }, { type: 'rest' }]]);
    const order: string[] = [];
    const driver = new Driver<string, { readonly type: string }>({
      core,
      sockets: notingSockets().sockets,
      onEvent: (event) => {
        if (event.type === 'again') driver.command('second');
        order.push(`${event.type} with ${core.notes.length} inputs`);
      },
      onFault: (fault) => order.push(String(fault)),
    });
    driver.start();
    driver.command('first');
    expect(order).toEqual(['again with 2 inputs', 'rest with 2 inputs']);
    expect(core.notes.at(-1)).toMatch(/second$/);
  });

  test('a core that throws stops the driver for good and is told once', () => {
    const { core, driver, faults, clock, arrive } = noted();
    core.wakesAt = 50;
    driver.start();
    driver.command('throw');
    driver.command('throw');
    arrive(PACKET);
    expect(faults).toEqual([new Error('thrown on purpose')]);
    expect(core.notes).toEqual(['0 local-endpoints', '0 throw']);
    expect(clock.alarms).toEqual([]);
  });

  test('a core that never falls silent is our own mistake, not an endless loop', () => {
    const { core, driver, faults } = noted();
    core.drain = () => [{ type: 'chatter' }];
    driver.start();
    expect(faults).toEqual([new Error('the core never falls silent')]);
  });

  test('an event handler that throws is our own mistake too', () => {
    const core = new NotingCore();
    core.says.set('go', [[{ type: 'bang' }]]);
    const faults: unknown[] = [];
    const driver = new Driver<string, { readonly type: string }>({
      core,
      sockets: notingSockets().sockets,
      onEvent: () => {
        throw new Error('handler');
      },
      onFault: (fault) => faults.push(fault),
    });
    driver.start();
    driver.command('go');
    expect(faults).toEqual([new Error('handler')]);
  });
});

describe('the timer', () => {
  test('is one, and is touched only when the core names another time', () => {
    const { core, driver, clock } = noted();
    core.wakesAt = 50;
    driver.start();
    for (let i = 0; i < 10; i += 1) driver.command('nothing new');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([1, [50]]);
    core.wakesAt = 30;
    driver.command('sooner');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([2, [30]]);
    core.wakesAt = Number.POSITIVE_INFINITY;
    driver.command('never');
    expect(clock.alarms).toEqual([]);
  });

  test('wakes the core, never before its time as the core sees it, and time never runs backwards', () => {
    const { core, driver, clock, ring } = noted();
    core.wakesAt = 50;
    driver.start();
    clock.at = 48.7;
    core.wakesAt = 70;
    ring();
    driver.command('just after');
    clock.at = 53;
    driver.command('later');
    expect(core.notes.slice(1)).toEqual(['50 wake', '50 just after', '53 later']);
  });

  test('that rings far too early is armed again without waking the core', () => {
    const { core, driver, clock, ring } = noted();
    core.wakesAt = 3e9;
    driver.start();
    clock.at = 2e9;
    ring();
    expect(core.notes).toEqual(['0 local-endpoints']);
    expect(clock.alarms.map((alarm) => alarm.at)).toEqual([3e9]);
  });

  test('is armed again at once for a core that wants to be woken in the past', () => {
    const { core, driver, clock, ring } = noted();
    core.wakesAt = -5;
    driver.start();
    ring();
    expect(core.notes).toEqual(['0 local-endpoints', '0 wake']);
    expect(clock.alarms.length).toBe(1);
  });
});

describe('faults and endings', () => {
  test('a blocked UDP drops datagrams both ways and counts them; streams go on', () => {
    const { core, driver, arrive, performed } = noted();
    core.says.set('go', [[SEND, { type: 'close-stream', stream: 1 }]]);
    driver.start();
    void driver.disturb('block-udp');
    driver.command('go');
    arrive(PACKET);
    expect(performed).toEqual([{ type: 'close-stream', stream: 1 }]);
    expect(core.notes).toEqual(['0 local-endpoints', '0 go']);
    expect(driver.report()).toEqual({ port: 4000, dropped: { 'datagram blocked: debug': 2 } });
    void driver.disturb('unblock-udp');
    arrive(PACKET);
    expect(core.notes.at(-1)).toBe('0 datagram');
  });

  test('a close from an event finishes what is under way first', async () => {
    const core = new NotingCore();
    core.says.set('leave', [[{ type: 'left' }, SEND]]);
    const net = notingSockets();
    let closing: Promise<void> | undefined;
    const driver = new Driver<string, { readonly type: string }>({
      core,
      sockets: net.sockets,
      onEvent: () => {
        driver.command('one more');
        closing = driver.close();
      },
      onFault: (fault) => expect.fail(String(fault)),
    });
    driver.start();
    driver.command('leave');
    await closing;
    driver.command('too late');
    expect(net.performed).toEqual([SEND]);
    expect(core.notes.at(-1)).toMatch(/one more$/);
    await driver.close();
    expect(net.sockets.close).toHaveBeenCalledTimes(1);
  });
});

describe('on loopback', () => {
  const drivers: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  });

  async function pinger(name: string) {
    const sockets = await openSockets({ port: 0 });
    const events: PingEvent[] = [];
    const driver = new Driver({
      core: new PingCore(new Chance(1, name)),
      sockets,
      onEvent: (event: PingEvent) => void events.push(event),
      onFault: (fault) => {
        throw fault;
      },
    });
    drivers.push(driver);
    driver.start();
    const at = (carrier: 'udp' | 'tcp') => ({ carrier, host: '127.0.0.1', port: sockets.port });
    const count = (type: PingEvent['type']) => events.filter((event) => event.type === type).length;
    return { driver, events, at, count };
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`never: ${condition.toString()}`);
      await sleep(2);
    }
  }

  test('a core pings another fifty times in a second, on its beat and without drift', async () => {
    const [a, b] = [await pinger('a'), await pinger('b')];
    const begin = performance.now();
    a.driver.command({ type: 'ping', to: b.at('udp'), times: 51, everyMs: 20 });
    await until(() => a.count('ponged') === 51);
    const tookMs = performance.now() - begin;
    expect(tookMs).toBeGreaterThan(998);
    expect(tookMs).toBeLessThan(1_250);
    const lates = a.events.flatMap((event) => (event.type === 'woken' ? [event.lateMs] : []));
    expect(Math.min(...lates)).toBeGreaterThanOrEqual(0);
    expect(lates.toSorted((x, y) => x - y)[25]).toBeLessThan(3);
  });

  test('streams are opened, echoed and closed', async () => {
    const [a, b] = [await pinger('a'), await pinger('b')];
    a.driver.command({ type: 'dial', to: b.at('tcp') });
    a.driver.command({ type: 'say', text: 'echo me' });
    await until(() => a.events.some((event) => event.type === 'heard' && event.text === 'echo me'));
    await b.driver.close();
    await until(() => a.count('closed') === 1);
  });

  test('a rebind moves the core to another port and tells it', async () => {
    const [a, b] = [await pinger('a'), await pinger('b')];
    const before = b.at('udp').port;
    await b.driver.disturb('rebind');
    expect(b.at('udp').port).not.toBe(before);
    expect(b.count('here')).toBe(2);
    a.driver.command({ type: 'ping', to: b.at('udp'), times: 1, everyMs: 20 });
    await until(() => a.count('ponged') === 1);
  });

  test('a closed driver leaves nothing behind that keeps the process alive', async () => {
    const active = () => process.getActiveResourcesInfo().filter((kind) => /UDP|TCP|Timeout/.test(kind)).length;
    await turn();
    const before = active();
    const a = await pinger('a');
    a.driver.command({ type: 'ping', to: a.at('udp'), times: 1_000, everyMs: 20 });
    await until(() => a.count('ponged') > 2);
    await a.driver.close();
    await sleep(50);
    expect(active()).toBeLessThanOrEqual(before);
  });

  test('a hundred drivers come and go without leaving memory behind', async () => {
    const comeAndGo = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) {
        const a = await pinger('a');
        a.driver.command({ type: 'ping', to: a.at('udp'), times: 3, everyMs: 1 });
        a.driver.command({ type: 'dial', to: a.at('tcp') });
        await until(() => a.count('ponged') === 3);
        await Promise.all(drivers.splice(0).map((driver) => driver.close()));
      }
    };
    await comeAndGo(20);
    const before = await usedBytes();
    await comeAndGo(100);
    expect((await usedBytes()) - before).toBeLessThan(2_000_000);
  });

  test('a hundred thousand random datagrams are counted and do not grow memory', { timeout: 30_000 }, async () => {
    const core = new CountingCore();
    const sockets = await openSockets({ port: 0 });
    const driver = new Driver({ core, sockets, onEvent: () => {}, onFault: (fault) => expect.fail(String(fault)) });
    drivers.push(driver);
    driver.start();
    await flood(sockets.port, 20_000);
    const before = await usedBytes();
    await flood(sockets.port, 100_000);
    const grown = (await usedBytes()) - before;
    const dropped = sockets.counts()['datagram dropped: too long'] ?? 0;
    expect(core.datagrams + dropped).toBeGreaterThan(110_000);
    expect(dropped).toBeGreaterThan(0);
    expect(grown).toBeLessThan(4_000_000);
  });
});

class CountingCore implements Core<NetInput, never, NetOutput | { readonly type: 'none' }> {
  datagrams = 0;
  receive(_now: Millis, input: NetInput): void {
    if (input.type === 'datagram') this.datagrams += 1;
  }
  command(): void {}
  wake(): void {}
  drain(): NetOutput[] {
    return [];
  }
  wakeAt(): Millis {
    return Number.POSITIVE_INFINITY;
  }
}

/** Sends garbage of 0 to 1500 bytes, as fast as the receiver in the same loop can take it. */
async function flood(port: number, count: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const chance = new Chance(1, 'garbage');
  const garbage = chance.bytes(8_192);
  for (let sent = 0; sent < count; sent += 1) {
    const begin = chance.between(0, 6_000);
    socket.send(garbage.subarray(begin, begin + chance.between(0, 1_500)), port, '127.0.0.1');
    if (sent % 100 === 99) await turn();
  }
  await sleep(50);
  socket.close();
}

async function usedBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i += 1) {
    collect();
    await sleep(10);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
