/**
 * A small internet in virtual time. Cores run on hosts under the real driver; links delay, lose, double and
 * reorder; boxes translate and filter; streams connect, flow and break. All chance comes from one seed, so a run
 * repeats exactly: equal seeds give equal traces.
 *
 *   const world = new World({ seed: 7 });
 *   const a = world.host('A').run(new SomeCore({ random: world.random('A') }), { port: 4000 });
 *   const b = world.host('B').run(new SomeCore({ random: world.random('B') }));
 *   world.link('A', 'B', { delayMs: 40, loss: 0.1 });
 *   b.command({ type: 'greet', to: a.endpoint() });
 *   world.until(() => a.events.length > 0, 2_000);
 *
 * Time stands still between steps. Host code that does real asynchronous work (a database, a slow hash) hands it to
 * `work`, and the scene uses `untilAsync` and `advanceAsync`: virtual time waits for it.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Millis, Random, WallClock } from '../../src/net/protocol/core.ts';
import { Chance } from './chance.ts';
import { type Checker, datagramsFit } from './checkers.ts';
import { Host } from './host.ts';
import type { LinkSettings } from './link.ts';
import { type BlockRule, Box, type Member, type Middlebox, Network, type Packet, type Site } from './network.ts';
import { Timeline } from './timeline.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Put the bytes of packets into the trace too. Not for nodes whose signatures are random by nature (RSA-PSS). */
  readonly traceBytes?: boolean;
}

export interface HostOptions {
  /** By default 10.0.0.1, 10.0.0.2, ... in the order of birth. */
  readonly address?: string;
  /** Several, best first (for instance IPv4 and IPv6). */
  readonly addresses?: readonly string[];
  /** Name of the box that the host is behind; on the open internet by default. */
  readonly behind?: string;
  /** Host names that lead here, besides the host's own. */
  readonly names?: readonly string[];
}

export interface BoxOptions {
  readonly middlebox: Middlebox;
  /** Outer address; a firewall that leaves addresses alone has none. */
  readonly address?: string;
  readonly behind?: string;
}

/** Worlds begin here, so that no core takes 0 for "never". */
const BEGIN_MS = 1_000;
/** Wall-clock time at the beginning of every world: 2026-01-01 UTC. */
const BEGIN_WALL_MS = Date.UTC(2026, 0, 1);
/** Lines of the trace that a failure shows. */
const TRACE_TAIL = 40;
/** So many steps at one instant are a core that wants to be woken now, again and again. */
const STEPS_AT_ONCE_MAX = 100_000;

export class World {
  readonly seed: number;
  readonly network: Network;
  readonly #traceBytes: boolean;
  readonly #timeline = new Timeline(BEGIN_MS);
  readonly #members = new Map<string, Member>();
  readonly #names = new Map<string, string>();
  readonly #checkers: Checker[] = [];
  readonly #hash = createHash('sha256');
  readonly #tail: string[] = [];
  readonly #work: (() => Promise<void>)[] = [];
  #nextAddress = 1;
  #skippedMs = 0;
  #fault: unknown;
  #stepsAtOnce = 0;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#traceBytes = options.traceBytes ?? false;
    this.network = new Network(this.#timeline, {
      seed: options.seed,
      note: (what) => this.note(what),
      tap: (packet, sender) => this.#tap(packet, sender),
    });
    this.watch(datagramsFit());
  }

  /** Virtual milliseconds; every host has its own clock besides (`Host.now`). */
  get now(): Millis {
    return this.#timeline.now;
  }

  /** Wall-clock time in this world, for what is stored or shown. */
  get wallClock(): WallClock {
    return () => BEGIN_WALL_MS + this.now - BEGIN_MS + this.#skippedMs;
  }

  /** Sets all wall clocks on, as if everybody had slept: days in which nothing would happen cost no time then. */
  skipWall(ms: number): void {
    this.#skippedMs += ms;
  }

  /** Chance for one core, derived from the seed and the name. */
  random(name: string): Random {
    return new Chance(this.seed, `random ${name}`);
  }

  /** Makes a host, or finds it again by its name alone. */
  host(name: string, options: HostOptions = {}): Host {
    const known = this.#members.get(name);
    if (known instanceof Host) return known;
    const addresses = options.addresses ?? [options.address ?? `10.0.0.${this.#nextAddress++}`];
    const host = new Host(
      { network: this.network, resolve: (of) => this.#resolve(of), note: this.note, fault: this.#faulted },
      { name, addresses, site: this.#siteBehind(options.behind), chance: new Chance(this.seed, `host ${name}`) },
    );
    this.#join(host);
    for (const alias of [name, ...(options.names ?? [])]) this.#names.set(alias.toLowerCase(), name);
    return host;
  }

  /** Puts a NAT or firewall into the world; hosts made with `behind: name` are inside it. */
  box(name: string, options: BoxOptions): Box {
    const addresses = options.address === undefined ? [] : [options.address];
    const site = this.#siteBehind(options.behind);
    const box = new Box(this.network, { name, site, addresses, middlebox: options.middlebox });
    this.#join(box);
    return box;
  }

  /** Changes the link between two members of one site, both ways or one way. What is not named stays. */
  link(a: string, b: string, settings: Partial<LinkSettings>, ways: 'both' | 'one' = 'both'): void {
    const site = this.#member(a).site;
    const pairs: [string, string][] =
      ways === 'both'
        ? [
            [a, b],
            [b, a],
          ]
        : [[a, b]];
    for (const [from, to] of pairs) {
      const link = this.network.link(from, to, site);
      link.settings = { ...link.settings, ...settings };
    }
  }

  /** Drops every packet that the rule hits, as it leaves its host. Returns the undoing. */
  block(rule: BlockRule): () => void {
    return this.network.block(rule);
  }

  /** From now on the checker sees every packet and every step. */
  watch(checker: Checker): void {
    this.#checkers.push(checker);
  }

  /** Does something later, in virtual time. Returns the undoing. */
  later(delayMs: number, happen: () => void): () => void {
    return this.#timeline.after(delayMs, happen);
  }

  /** Real asynchronous work of host code: done one after the other, while virtual time stands still. */
  work(task: () => Promise<void>): void {
    this.#work.push(task);
  }

  /** Lets this much time pass. */
  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.#step(limit));
  }

  /** Lets time pass until `condition` holds; returns the milliseconds it took. Throws after `limitMs`. */
  until(condition: () => boolean, limitMs = 10_000): number {
    const begin = this.now;
    while (!condition()) {
      if (!this.#step(begin + limitMs) && !condition()) throw this.#tooLate(condition, limitMs);
    }
    return this.now - begin;
  }

  async advanceAsync(ms: number): Promise<void> {
    const limit = this.now + ms;
    do await this.#doWork();
    while (this.#step(limit));
  }

  async untilAsync(condition: () => boolean, limitMs = 10_000): Promise<number> {
    const begin = this.now;
    await this.#doWork();
    while (!condition()) {
      const more = this.#step(begin + limitMs);
      await this.#doWork();
      if (!more && !condition()) throw this.#tooLate(condition, limitMs);
    }
    return this.now - begin;
  }

  /** Digest of everything that happened: equal for equal seeds and scenes. */
  traceHash(): string {
    return this.#hash.copy().digest('hex');
  }

  /** The last things that happened, one a line. */
  traceTail(): string {
    return this.#tail.join('\n');
  }

  /** Adds a line to the trace. */
  readonly note = (what: string): void => {
    const line = `${this.now.toFixed(3)} ${what}`;
    this.#hash.update(`${line}\n`);
    this.#tail.push(line);
    if (this.#tail.length > TRACE_TAIL) this.#tail.shift();
  };

  #step(limit: Millis): boolean {
    if (this.#work.length > 0) throw new Error('work waits: use advanceAsync or untilAsync');
    const before = this.now;
    const more = this.#timeline.step(limit);
    this.#stepsAtOnce = this.now > before ? 0 : this.#stepsAtOnce + 1;
    if (this.#stepsAtOnce > STEPS_AT_ONCE_MAX)
      throw new Error('time stands still: a core wants to be woken in the past');
    for (const checker of this.#checkers) checker.step?.(this.now);
    if (this.#fault !== undefined) throw this.#fault;
    return more;
  }

  async #doWork(): Promise<void> {
    for (let task = this.#work.shift(); task; task = this.#work.shift()) await task();
    if (this.#fault !== undefined) throw this.#fault;
  }

  readonly #faulted = (fault: unknown): void => {
    this.#fault ??= fault;
  };

  #tap(packet: Packet, sender: string): void {
    if (this.#traceBytes) this.#hash.update(packet.bytes);
    for (const checker of this.#checkers) checker.packet?.(packet, sender);
  }

  #tooLate(condition: () => boolean, limitMs: number): Error {
    return new Error(`not within ${limitMs} ms: ${condition.toString()}`);
  }

  #resolve(name: string): string | undefined {
    if (isIP(name) !== 0) return name;
    if (name === 'localhost') return '127.0.0.1';
    const member = this.#members.get(this.#names.get(name.toLowerCase()) ?? '');
    return member instanceof Host ? member.address : undefined;
  }

  #siteBehind(box: string | undefined): Site {
    if (box === undefined) return this.network.internet;
    const member = this.#member(box);
    if (!(member instanceof Box)) throw new Error(`${box} is no box`);
    return member.inside;
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (!member) throw new Error(`nobody in this world is called ${name}`);
    return member;
  }

  #join(member: Member): void {
    if (this.#members.has(member.name)) throw new Error(`${member.name} is in this world already`);
    this.#members.set(member.name, member);
    member.site.members.push(member);
  }
}
