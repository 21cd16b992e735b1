/** The driver over sockets and a clock that the test holds: one input, drained to empty, one timer. */
import { describe, expect, test, vi } from 'vitest';
import { type Clock, Driver } from '../../../src/net/io/driver.ts';
import type { Sockets } from '../../../src/net/io/sockets.ts';
import type { Core, Millis } from '../../../src/net/protocol/core.ts';
import type { NetInput, NetOutput } from '../../../src/net/protocol/traffic.ts';

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
  test('is one, and is touched only when the core names an earlier time', () => {
    const { core, driver, clock, ring } = noted();
    core.wakesAt = 50;
    driver.start();
    for (let i = 0; i < 10; i += 1) driver.command('nothing new');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([1, [50]]);
    core.wakesAt = 30;
    driver.command('sooner');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([2, [30]]);
    core.wakesAt = 60;
    driver.command('put off');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([2, [30]]);
    clock.at = 30;
    ring();
    expect(core.notes.at(-1)).toBe('0 put off');
    expect([clock.armed, clock.alarms.map((alarm) => alarm.at)]).toEqual([3, [60]]);
    core.wakesAt = Number.POSITIVE_INFINITY;
    clock.at = 60;
    ring();
    expect([core.notes.at(-1), clock.alarms]).toEqual(['0 put off', []]);
  });

  test('wakes the core, never before its time as the core sees it, and time never runs backwards', () => {
    const { core, driver, clock, ring } = noted();
    core.wakesAt = 50;
    driver.start();
    clock.at = 48.7;
    ring();
    core.wakesAt = 70;
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
