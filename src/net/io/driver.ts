/**
 * Runs one core over sockets and a clock: hands in one input, drains to empty, acts on what was said, arms one
 * timer, then takes the next input. Only the driver loops. In tests `test/sim/world.ts` runs this same class over
 * simulated sockets and virtual time.
 *
 *   sockets -> receive \                       / NetOutput -> sockets.perform
 *   command ------------> core -> drain -> act
 *   timer ---> wake ---/                       \ anything else -> onEvent
 *
 * Inputs that come up while the core is drained (a command given from `onEvent`) wait for their turn. A core that
 * throws made a mistake of ours: the driver stops for good, tells `onFault`, and leaves the process to exit 5.
 */
import type { Core, Millis } from '../protocol/core.ts';
import { DRIVER_STEPS_MAX, TIMER_EARLY_MS_MAX, TIMER_MS_MAX } from '../protocol/params.ts';
import type { NetInput, NetOutput } from '../protocol/traffic.ts';
import type { Sockets } from './sockets.ts';

/** Time as a driver needs it: the system's, or a world's. */
export interface Clock {
  now(): Millis;
  /** Calls `due` once, at about `at` and never more than TIMER_EARLY_MS_MAX before. Returns the undoing. */
  arm(at: Millis, due: () => void): () => void;
}

/** Fault switches of `wren agent debug`. A blocked UDP drops datagrams both ways; `rebind` moves to a new port. */
export type NetFault = 'block-udp' | 'unblock-udp' | 'rebind';

export interface DriverOptions<Command, Event> {
  readonly core: Core<NetInput, Command, NetOutput | Event>;
  readonly sockets: Sockets;
  readonly clock?: Clock;
  /** Everything a core says that is no `NetOutput`, in order. May call `command` and `close`. */
  readonly onEvent: (event: Event) => void;
  /** Our own mistake, once; the driver has stopped. Close it and exit 5. */
  readonly onFault: (fault: unknown) => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  arm(at, due) {
    const delayMs = Math.min(Math.round(at - performance.now()), TIMER_MS_MAX);
    // Node makes 1 ms of a timer of 0: half a millisecond early is nearer than one late.
    if (delayMs <= 0) {
      const immediate = setImmediate(due);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(due, delayMs);
    return () => clearTimeout(timer);
  },
};

type Step<Command> =
  | { readonly kind: 'receive'; readonly input: NetInput }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'wake' };

interface Alarm {
  readonly at: Millis;
  readonly disarm: () => void;
}

export class Driver<Command, Event extends { readonly type: string }> {
  readonly #options: DriverOptions<Command, Event>;
  readonly #clock: Clock;
  readonly #waiting: Step<Command>[] = [];
  #stage: 'new' | 'running' | 'stopped' = 'new';
  #busy = false;
  #closing: { readonly done: Promise<void>; readonly begin: () => void } | undefined;
  #alarm: Alarm | undefined;
  /** The latest time a core was told: it never sees time run backwards. */
  #latest: Millis = Number.NEGATIVE_INFINITY;
  #udpBlocked = false;
  #datagramsBlocked = 0;

  constructor(options: DriverOptions<Command, Event>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Begins to take from the sockets; the core's first input is its local endpoints. */
  start(): void {
    this.#stage = 'running';
    this.#options.sockets.start((input) => this.#receive(input));
  }

  /** Hands a command to the core; at once, or after what is under way. Ignored once stopped. */
  command(command: Command): void {
    this.#feed({ kind: 'command', command });
  }

  /** Port, and what was dropped by sockets and fault switches, by reason. */
  report(): { readonly port: number; readonly dropped: Readonly<Record<string, number>> } {
    const { sockets } = this.#options;
    const blocked = this.#datagramsBlocked > 0 ? { 'datagram blocked: debug': this.#datagramsBlocked } : {};
    return { port: sockets.port, dropped: { ...sockets.counts(), ...blocked } };
  }

  /** Throws a fault switch; resolves when it is in effect. */
  async disturb(fault: NetFault): Promise<void> {
    if (fault === 'rebind') await this.#options.sockets.rebind();
    else this.#udpBlocked = fault === 'block-udp';
  }

  /** Finishes the steps that wait, flushes the sockets, lets go of everything. Safe to call twice, and from `onEvent`. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.done;
    let begin = (): void => {};
    const idle = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#closing = { begin, done: idle.then(() => this.#options.sockets.close()) };
    if (!this.#busy) this.#stop();
    return this.#closing.done;
  }

  #receive(input: NetInput): void {
    if (this.#udpBlocked && input.type === 'datagram') this.#datagramsBlocked += 1;
    else this.#feed({ kind: 'receive', input });
  }

  #feed(first: Step<Command>): void {
    if (this.#stage !== 'running') return;
    this.#waiting.push(first);
    if (this.#busy) return;
    this.#busy = true;
    try {
      this.#settle();
      this.#arm();
    } catch (fault) {
      this.#stop();
      this.#options.onFault(fault);
    } finally {
      this.#busy = false;
      if (this.#closing) this.#stop();
    }
  }

  /** One step at a time, each drained to empty before the next. */
  #settle(): void {
    let steps = 0;
    for (let step = this.#waiting.shift(); step; step = this.#waiting.shift()) {
      this.#take(step);
      for (let said = this.#options.core.drain(); said.length > 0; said = this.#options.core.drain()) {
        for (const output of said) this.#act(output);
        steps += 1;
        if (steps > DRIVER_STEPS_MAX) throw new Error('the core never falls silent');
      }
      steps += 1;
      if (steps > DRIVER_STEPS_MAX) throw new Error('events and commands chase one another');
    }
  }

  #take(step: Step<Command>): void {
    const { core } = this.#options;
    const now = this.#now();
    if (step.kind === 'receive') core.receive(now, step.input);
    else if (step.kind === 'command') core.command(now, step.command);
    else core.wake(now);
  }

  #act(output: NetOutput | Event): void {
    if (!isNetOutput(output)) this.#options.onEvent(output);
    else if (this.#udpBlocked && output.type === 'send-datagram') this.#datagramsBlocked += 1;
    else this.#options.sockets.perform(output);
  }

  /** One timer, touched only when the core names an earlier time. */
  #arm(): void {
    if (this.#stage !== 'running') return;
    const at = this.#options.core.wakeAt();
    if (Number.isNaN(at)) throw new Error('the core asks to be woken at no time');
    // What is put off leaves the timer where it is: in a call each packet puts something off, and a timer costs more than
    // to find now and then that nothing is due.
    if (this.#alarm && this.#alarm.at <= at) return;
    this.#alarm?.disarm();
    this.#alarm = at === Number.POSITIVE_INFINITY ? undefined : { at, disarm: this.#clock.arm(at, this.#due) };
  }

  readonly #due = (): void => {
    this.#alarm = undefined;
    const at = this.#options.core.wakeAt();
    const earlyMs = at - this.#clock.now();
    // A hair too early is due: asking again would cost a turn of the loop and come out late.
    if (earlyMs > TIMER_EARLY_MS_MAX) return this.#arm();
    if (earlyMs > 0) this.#latest = Math.max(this.#latest, at);
    this.#feed({ kind: 'wake' });
  };

  #now(): Millis {
    this.#latest = Math.max(this.#latest, this.#clock.now());
    return this.#latest;
  }

  #stop(): void {
    this.#stage = 'stopped';
    this.#waiting.length = 0;
    this.#alarm?.disarm();
    this.#alarm = undefined;
    this.#closing?.begin();
  }
}

function isNetOutput(output: { readonly type: string }): output is NetOutput {
  switch (output.type) {
    case 'send-datagram':
    case 'open-sockets':
    case 'close-sockets':
    case 'open-stream':
    case 'write-stream':
    case 'close-stream':
      return true;
    default:
      return false;
  }
}
