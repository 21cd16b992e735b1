/**
 * One machine of a simulated world: its addresses, its ports, its own clock, and the cores that run on it, each
 * under the real `Driver` (`src/net/io/driver.ts`) over simulated sockets.
 */
import { type Clock, Driver, type NetFault } from '../../src/net/io/driver.ts';
import type { Core, Millis } from '../../src/net/protocol/core.ts';
import { type Endpoint, isLoopbackHost } from '../../src/net/protocol/endpoint.ts';
import { PORT_PICK_MAX, PORT_PICK_MIN } from '../../src/net/protocol/params.ts';
import type { NetInput, NetOutput } from '../../src/net/protocol/traffic.ts';
import type { Chance } from './chance.ts';
import type { Fate, Member, Network, Packet, Site } from './network.ts';
import { type SimSocketOptions, SimSockets, type SocketHost } from './sim-sockets.ts';

/** What a host may ask of its world. */
export interface HostWorld {
  readonly network: Network;
  resolve(name: string): string | undefined;
  note(what: string): void;
  fault(fault: unknown): void;
}

export interface RunOptions<Event> extends SimSocketOptions {
  /** 0 or nothing: a free one. */
  readonly port?: number;
  /** Where the proxy of this machine listens. */
  readonly proxy?: Endpoint | undefined;
  /** Called for each event, after it was put into `events`. May give commands. */
  readonly onEvent?: (event: Event) => void;
}

export type NodeCore<Command, Event> = Core<NetInput, Command, NetOutput | Event>;

/** One running core: what `RunningNode` is to the agent. */
export class Running<Command, Event extends { readonly type: string }> {
  /** Everything told so far, in order. */
  readonly events: Event[] = [];
  readonly host: Host;
  readonly #sockets: SimSockets;
  readonly #driver: Driver<Command, Event>;

  constructor(host: Host, sockets: SimSockets, driver: Driver<Command, Event>) {
    this.host = host;
    this.#sockets = sockets;
    this.#driver = driver;
  }

  get port(): number {
    return this.#sockets.port;
  }

  /** Where others find it. */
  endpoint(carrier: 'udp' | 'tcp' = 'udp'): Endpoint {
    return { carrier, host: this.host.address, port: this.port };
  }

  command(command: Command): void {
    this.#driver.command(command);
  }

  disturb(fault: NetFault): void {
    void this.#driver.disturb(fault);
  }

  report(): ReturnType<Driver<Command, Event>['report']> {
    return this.#driver.report();
  }

  /** The process is killed: nothing is flushed, the kernel resets its streams. */
  stop(): void {
    this.#sockets.kill();
    void this.#driver.close();
    this.host.release(this.#sockets);
  }

  /** The process ends in good order: streams are closed, not reset. */
  close(): void {
    void this.#driver.close();
    void this.#sockets.close();
    this.host.release(this.#sockets);
  }
}

/** Outgoing connections take local ports from here up, one after the other (IANA's range for it). */
const OUTGOING_PORT_MIN = 49_152;
/** Linux's range for ports that nobody asked for by number (ip_local_port_range). */
const SYSTEM_PORT_MIN = 32_768;
const SYSTEM_PORT_MAX = 60_999;
/** How late the poll of a real machine may find a new address. */
const ADDRESS_POLL_MS = 2_000;

export class Host implements Member, SocketHost {
  readonly name: string;
  readonly site: Site;
  readonly chance: Chance;
  readonly #world: HostWorld;
  #addresses: readonly string[];
  readonly #sockets = new Set<SimSockets>();
  /** Closed ones still drain their streams; arrivals are offered to them last. */
  readonly #released = new Set<SimSockets>();
  readonly #running = new Set<{ stop(): void }>();
  readonly #clockOrigin: Millis;
  #nextOutgoingPort = OUTGOING_PORT_MIN;
  #unplugged = false;
  /** When it fell asleep; its monotonic clock stands still until it wakes. */
  #asleepSince: Millis | undefined;
  #sleptMs = 0;
  /** What came due meanwhile. */
  #overslept: (() => void)[] = [];

  constructor(world: HostWorld, options: { name: string; site: Site; addresses: readonly string[]; chance: Chance }) {
    this.#world = world;
    this.name = options.name;
    this.site = options.site;
    this.chance = options.chance;
    this.#addresses = options.addresses;
    // Each machine has a clock of its own, so a core that sends its clock to another is found out.
    this.#clockOrigin = Math.floor(this.chance.fraction() * 1e7);
  }

  get address(): string {
    return this.#addresses[0]!;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get timeline() {
    return this.#world.network.timeline;
  }

  /** The monotonic clock of this machine. */
  now(): Millis {
    return (this.#asleepSince ?? this.timeline.now) - this.#sleptMs + this.#clockOrigin;
  }

  /** Starts a core on a port of this host. */
  run<Command, Event extends { readonly type: string }>(
    core: NodeCore<Command, Event>,
    options: RunOptions<Event> = {},
  ): Running<Command, Event> {
    const sockets = this.sockets(options.port, options);
    sockets.proxy = options.proxy;
    const driver: Driver<Command, Event> = new Driver<Command, Event>({
      core,
      sockets,
      clock: this.clock(),
      onEvent: (event) => {
        this.#world.note(`${this.name} tells ${event.type}`);
        running.events.push(event);
        options.onEvent?.(event);
      },
      onFault: (fault) => this.#world.fault(fault),
    });
    const running = new Running<Command, Event>(this, sockets, driver);
    this.#running.add(running);
    driver.start();
    return running;
  }

  /** Bare sockets without a core, for tests of the sockets themselves. */
  sockets(port = 0, options: SimSocketOptions = {}): SimSockets {
    const taken = [...this.#sockets].some((other) => other.port === port);
    if (taken) throw new Error(`${this.name}: port ${port} is taken`);
    const sockets = new SimSockets(this, port === 0 ? this.freePort() : port, options);
    this.#sockets.add(sockets);
    return sockets;
  }

  /** Kills everything that runs here; the machine stays, and resets what comes for the dead. */
  stop(): void {
    for (const running of this.#running) running.stop();
    this.#running.clear();
  }

  /** Kills everything and starts another core, usually at the port of the one before. */
  restart<Command, Event extends { readonly type: string }>(
    core: NodeCore<Command, Event>,
    options: RunOptions<Event> = {},
  ): Running<Command, Event> {
    this.stop();
    return this.run(core, options);
  }

  /** Pulls the cable: nothing goes in or out. */
  unplug(): void {
    this.#unplugged = true;
  }

  plug(): void {
    this.#unplugged = false;
  }

  /** The lid is shut: nothing comes in, nothing runs. Its programs learn of it within two seconds after it has woken. */
  sleep(): void {
    this.unplug();
    this.#asleepSince = this.timeline.now;
  }

  awake(): void {
    this.plug();
    this.#sleptMs += this.timeline.now - (this.#asleepSince ?? this.timeline.now);
    this.#asleepSince = undefined;
    for (const due of this.#overslept.splice(0)) due();
    for (const sockets of this.#sockets) {
      this.timeline.after(this.chance.fraction() * ADDRESS_POLL_MS, () => sockets.tellSlept());
    }
  }

  /** Gives the machine other addresses; its cores learn of it within two seconds, its streams are dead. */
  move(...addresses: string[]): void {
    this.#addresses = addresses;
    for (const sockets of this.#sockets) {
      sockets.breakStreams();
      this.timeline.after(this.chance.fraction() * ADDRESS_POLL_MS, () => sockets.tellEndpoints());
    }
  }

  owns(address: string): boolean {
    return this.#addresses.includes(address);
  }

  arrive(packet: Packet, fate: Fate): void {
    if (this.#unplugged) return fate.lost?.('unplugged');
    const taker = [...this.#sockets, ...this.#released].find((sockets) => sockets.wants(packet));
    if (!taker && packet.carrier === 'udp') return fate.lost?.('nobody listens');
    fate.arrived?.();
    if (taker) return taker.take(packet);
    if (packet.kind === 'reset') return;
    // A kernel answers for ports where nobody listens and connections that nobody knows.
    const { to: from, from: to } = packet;
    this.send({ carrier: 'tcp', kind: 'reset', from, to, bytes: Buffer.alloc(0), sequence: 0 });
  }

  send(packet: Packet, fate?: Fate): void {
    if (this.#unplugged) return fate?.lost?.('unplugged');
    this.#world.network.send(packet, this, fate);
  }

  resolve(name: string): string | undefined {
    return this.#world.resolve(name);
  }

  addressFor(to: Endpoint): string | undefined {
    if (isLoopbackHost(to.host)) return to.host;
    return this.#addresses.find((address) => address.includes(':') === to.host.includes(':'));
  }

  localFor(to: Endpoint): Endpoint | undefined {
    const host = this.addressFor(to);
    return host === undefined ? undefined : { carrier: 'tcp', host, port: this.#nextOutgoingPort++ };
  }

  freePort(): number {
    for (;;) {
      const port = this.chance.between(PORT_PICK_MIN, PORT_PICK_MAX);
      if (!this.#isUsed(port)) return port;
    }
  }

  freeOutgoingPort(): number {
    for (;;) {
      const port = this.chance.between(SYSTEM_PORT_MIN, SYSTEM_PORT_MAX);
      if (!this.#isUsed(port)) return port;
    }
  }

  /** UDP ports that anything here listens at. */
  get openPorts(): number {
    let count = 0;
    for (const sockets of this.#sockets) count += sockets.openPorts;
    return count;
  }

  #isUsed(port: number): boolean {
    return [...this.#sockets].some((sockets) => sockets.uses(port));
  }

  moved(sockets: SimSockets, before: number): void {
    this.#world.note(`${this.name} rebinds ${before} to ${sockets.port}`);
  }

  /** Frees the port of sockets that were closed or killed. */
  release(sockets: SimSockets): void {
    this.#sockets.delete(sockets);
    this.#released.add(sockets);
  }

  /** For a driver that was started elsewhere, over `sockets`. */
  clock(): Clock {
    return {
      now: () => this.now(),
      arm: (at, due) =>
        this.timeline.at(at - this.#clockOrigin + this.#sleptMs, () => {
          if (this.#asleepSince === undefined) due();
          else this.#overslept.push(due);
        }),
    };
  }
}
