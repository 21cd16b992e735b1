/**
 * A small seeded world for the chat cores: machines of people, with what they have stored; a supernode that tells who
 * comes and goes; sessions between two machines. Virtual time, no sockets. `Machine` joins the three cores and the
 * stored files the way that the node and the agent do.
 *
 * Two kinds of network: a `fair` one keeps what `wire/peers.ts` promises (in order, at most once; whatever is under
 * way when a session ends is lost, and its sender hears of it); a `wild` one loses, doubles and delays each message
 * on its own and says nothing.
 *
 * Over 400 lines: supernode, sessions and machines call each other, and are read best in one place.
 */
import { Messenger } from '../../../src/net/chat/messenger.ts';
import { type OwnStatus, PresenceBook, type ShownStatus } from '../../../src/net/chat/presence.ts';
import { Roster } from '../../../src/net/chat/roster.ts';
import type { RosterEntry } from '../../../src/net/chat/roster-entry.ts';
import { foldName, hexOf } from '../../../src/net/protocol/ids.ts';
import type { PeerInput, PeerSend } from '../../../src/net/wire/peers.ts';
import { travelled, WALL_MS } from './vocabulary.ts';

export interface Conditions {
  readonly network: 'fair' | 'wild';
  /** Of each message, on a wild network. */
  readonly loss: number;
  readonly doubled: number;
  readonly delayMsMax: number;
}

export const FAIR: Conditions = { network: 'fair', loss: 0, doubled: 0, delayMsMax: 200 };
export const WILD: Conditions = { network: 'wild', loss: 0.25, doubled: 0.2, delayMsMax: 3000 };

/** What survives a crash. */
export interface Disk {
  readonly entries: Map<string, RosterEntry>;
  readonly written: { readonly to: string; readonly id: string; readonly sequence: number; delivered: boolean }[];
  readonly read: { readonly from: string; readonly id: string; readonly sequence: number; readonly text: string }[];
}

export class World {
  nowMs = 0;
  conditions: Conditions;
  readonly machines: Machine[] = [];
  /** What must never happen. */
  readonly wrongs: string[] = [];
  readonly #random: () => number;
  readonly #events: { atMs: number; happen: () => void }[] = [];
  readonly #sessions = new Map<string, number>();
  readonly #clearAt = new Map<string, number>();
  #sessionCount = 0;

  constructor(seed: number, conditions: Conditions) {
    this.#random = mulberry32(seed);
    this.conditions = conditions;
  }

  add(name: string, label = 'home', skewMs = 0): Machine {
    const machine = new Machine(
      this,
      name,
      hexOf(Buffer.from(`${name}/${label}`.padEnd(16, '_').slice(0, 16))),
      skewMs,
    );
    this.machines.push(machine);
    return machine;
  }

  fraction(): number {
    return this.#random();
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  later(delayMs: number, happen: () => void): void {
    const event = { atMs: this.nowMs + delayMs, happen };
    let at = this.#events.length;
    while (at > 0 && (this.#events[at - 1]?.atMs ?? 0) <= event.atMs) at -= 1;
    this.#events.splice(at, 0, event); // The next one is last; of equal times the older one.
  }

  run(ms: number): void {
    const until = this.nowMs + ms;
    for (let steps = 0; ; steps += 1) {
      if (steps > 200_000) throw new Error('the world never rests');
      const next = this.#events.at(-1);
      if (next === undefined || next.atMs > until) break;
      this.#events.pop();
      this.nowMs = next.atMs;
      next.happen();
    }
    this.nowMs = until;
  }

  // ------------------------------------------------------------------------------------------- the supernode

  attached(machine: Machine): void {
    machine.hear({ type: 'online', online: true });
    for (const other of this.#others(machine)) {
      if (other.isUp && sees(machine, other)) machine.hear({ type: 'peer-seen', name: other.name, node: other.node });
      if (other.isUp && sees(other, machine)) other.hear({ type: 'peer-seen', name: machine.name, node: machine.node });
    }
  }

  detached(machine: Machine): void {
    for (const other of this.#others(machine)) {
      const knew = this.#sessions.has(pairKey(machine, other)) || sees(other, machine);
      this.cut(machine, other);
      if (other.isUp && knew) other.hear({ type: 'peer-gone', name: machine.name, node: machine.node });
    }
  }

  watched(machine: Machine, before: ReadonlySet<string>): void {
    for (const other of this.#others(machine)) {
      if (before.has(foldName(other.name)) || !other.isUp || !sees(machine, other)) continue;
      machine.hear({ type: 'peer-seen', name: other.name, node: other.node });
    }
  }

  hidden(machine: Machine, before: ReadonlySet<string>): void {
    for (const other of this.#others(machine)) {
      const was = before.has(foldName(other.name));
      const is = machine.hides.has(foldName(other.name));
      if (was === is || !other.isUp) continue;
      this.cut(machine, other);
      if (is) other.hear({ type: 'peer-gone', name: machine.name, node: machine.node });
      else if (sees(other, machine)) other.hear({ type: 'peer-seen', name: machine.name, node: machine.node });
    }
  }

  // -------------------------------------------------------------------------------------------- the sessions

  /** The session of two machines ends; what is under way is lost. */
  cut(a: Machine, b: Machine): void {
    this.#sessions.delete(pairKey(a, b));
  }

  send(from: Machine, send: PeerSend): void {
    if (from.roster.isBlocked(send.to)) this.wrongs.push(`${from.name} wrote to ${send.to}, whom they block`);
    const targets = this.#others(from).filter(
      (other) => foldName(other.name) === foldName(send.to) && (send.node === undefined || other.node === send.node),
    );
    const reachable = targets.filter((other) => other.isUp && !other.hides.has(foldName(from.name)));
    if (reachable.length === 0) {
      const life = from.life;
      this.later(100, () => {
        if (from.life === life) from.hear({ type: 'unreachable', name: send.to, code: 'person-offline' });
      });
    }
    for (const target of reachable) this.#carry(from, target, send);
  }

  #carry(from: Machine, target: Machine, send: PeerSend): void {
    const session = this.#session(from, target);
    const message = travelled(send.message);
    const arrive = () => {
      if (this.#sessions.get(pairKey(from, target)) !== session) {
        if (from.isUp) from.hear({ type: 'unreachable', name: send.to, code: 'unreachable' });
        return;
      }
      target.hear({ type: 'message', from: from.name, node: from.node, message });
    };
    const { network, loss, doubled, delayMsMax } = this.conditions;
    const delayMs = 5 + this.fraction() * delayMsMax;
    if (network === 'fair') {
      const way = `${from.node} ${target.node}`;
      const atMs = Math.max(this.nowMs + delayMs, this.#clearAt.get(way) ?? 0);
      this.#clearAt.set(way, atMs + 0.01);
      return this.later(atMs - this.nowMs, arrive);
    }
    if (this.fraction() >= loss) this.later(delayMs, arrive);
    if (this.fraction() < doubled) this.later(5 + this.fraction() * delayMsMax, arrive);
  }

  /** Setting up a session is a sign of life for both. */
  #session(a: Machine, b: Machine): number {
    const known = this.#sessions.get(pairKey(a, b));
    if (known !== undefined) return known;
    this.#sessionCount += 1;
    const session = this.#sessionCount;
    this.#sessions.set(pairKey(a, b), session);
    this.later(1, () => {
      if (this.#sessions.get(pairKey(a, b)) !== session) return;
      a.hear({ type: 'peer-seen', name: b.name, node: b.node });
      b.hear({ type: 'peer-seen', name: a.name, node: a.node });
    });
    return session;
  }

  #others(machine: Machine): Machine[] {
    return this.machines.filter((other) => other !== machine);
  }
}

export class Machine {
  readonly name: string;
  readonly node: string;
  readonly disk: Disk = { entries: new Map(), written: [], read: [] };
  readonly shown = new Map<string, ShownStatus>();
  isUp = false;
  /** Rises with every start. */
  life = 0;
  status: OwnStatus = 'online';
  watches: ReadonlySet<string> = new Set();
  hides: ReadonlySet<string> = new Set();
  /** Chance that the power fails between reading a line and storing it. */
  crashChance = 0;
  roster!: Roster;
  presence!: PresenceBook;
  messenger!: Messenger;
  readonly #world: World;
  readonly #skewMs: number;
  #receivedInThisLife = new Set<string>();
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(world: World, name: string, node: string, skewMs: number) {
    this.#world = world;
    this.#skewMs = skewMs;
    this.name = name;
    this.node = node;
    this.#boot();
  }

  start(): void {
    if (this.isUp) return;
    this.#boot();
    this.isUp = true;
    this.#settle();
    this.#world.attached(this);
  }

  /** Without a word, as by kill -9. */
  crash(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.life += 1;
    this.#world.detached(this);
  }

  /** The supernode is out of reach for a moment; sessions and everything in memory stay. */
  blink(): void {
    if (!this.isUp) return;
    this.hear({ type: 'online', online: false });
    const life = this.life;
    this.#world.later(1000, () => {
      if (this.isUp && this.life === life) this.#world.attached(this);
    });
  }

  hear(input: PeerInput): void {
    if (!this.isUp) return;
    if (input.type === 'message' && this.roster.isBlocked(input.from)) return;
    const now = this.#world.nowMs;
    this.roster.receive(now, input);
    this.#settle();
    this.presence.receive(now, input);
    this.messenger.receive(now, input);
    this.#settle();
  }

  wish(type: 'add' | 'accept' | 'decline' | 'remove' | 'block' | 'unblock', name: string): void {
    if (!this.isUp) return;
    this.roster.command(this.#world.nowMs, { type, name, message: `${type} by ${this.name}` });
    this.#settle();
  }

  /** The list as merged with that of another machine of the same person. */
  replace(entries: readonly RosterEntry[]): void {
    if (!this.isUp) return;
    this.roster.command(this.#world.nowMs, { type: 'replace', entries });
    this.#settle();
  }

  setStatus(status: OwnStatus): void {
    this.status = status;
    this.presence.command(this.#world.nowMs, { type: 'set', status });
    this.#settle();
  }

  /** Stored first, then sent; a line to nobody's buddy is not written at all. */
  write(to: string): boolean {
    if (!this.isUp || this.messenger.admits(to, 'x') !== undefined) return false;
    const sequence = this.disk.written.filter((line) => line.to === to).length + 1;
    const id = hexOf(Buffer.from(`${this.node.slice(0, 16)}${to}${sequence}`.slice(-16).padStart(16, '.')));
    this.disk.written.push({ to, id, sequence, delivered: false });
    const text = `${sequence} from ${this.name}`;
    this.messenger.command(this.#world.nowMs, { type: 'send', to, id, sequence, text, sentAtMs: 1 });
    this.#settle();
    return true;
  }

  relation(name: string): string {
    return this.roster.relationOf(name) ?? 'none';
  }

  #boot(): void {
    this.life += 1;
    const wallClock = () => Math.floor(WALL_MS + this.#skewMs + this.#world.nowMs);
    const { name, status } = this;
    this.roster = new Roster({ name, displayName: name, entries: [...this.disk.entries.values()], wallClock });
    this.presence = new PresenceBook({ status, displayName: name, wallClock });
    this.messenger = new Messenger();
    const waiting = this.disk.written.filter((line) => !line.delivered);
    const lines = waiting.map((line) => ({ ...line, text: `${line.sequence} from ${name}`, sentAtMs: 1 }));
    this.messenger.command(this.#world.nowMs, { type: 'restore', lines });
    this.shown.clear();
    this.#receivedInThisLife = new Set();
    this.watches = new Set();
    this.hides = new Set();
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #settle(): void {
    const now = this.#world.nowMs;
    for (let turns = 0; turns < 1000; turns += 1) {
      const outputs = [...this.roster.drain(), ...this.presence.drain(), ...this.messenger.drain()];
      if (outputs.length === 0) return this.#arm();
      for (const output of outputs) {
        if (!this.isUp) return;
        this.#act(now, output);
      }
    }
    throw new Error('the cores never come to rest');
  }

  #act(now: number, output: ReturnType<(Roster | PresenceBook | Messenger)['drain']>[number]): void {
    switch (output.type) {
      case 'send':
        return this.#world.send(this, output);
      case 'buddy':
        this.presence.receive(now, output);
        return this.messenger.receive(now, output);
      case 'changed':
      case 'removed':
        this.disk.entries.set(foldName(output.entry.name), output.entry);
        return;
      case 'watch': {
        const before = this.watches;
        this.watches = new Set(output.names.map(foldName));
        return this.#soon(() => this.#world.watched(this, before));
      }
      case 'hidden': {
        const before = this.hides;
        this.hides = new Set(output.names.map(foldName));
        return this.#soon(() => this.#world.hidden(this, before));
      }
      case 'presence': {
        const { name, displayName, lastSeenAtMs: atMs } = output;
        this.shown.set(foldName(name), output.status);
        return this.roster.command(now, { type: 'seen', name, displayName, atMs });
      }
      case 'received':
        return this.#read(now, output);
      case 'delivered': {
        const line = this.disk.written.find((one) => one.id === output.id);
        if (line !== undefined) line.delivered = true;
        return;
      }
      default:
        return;
    }
  }

  #read(now: number, line: { from: string; id: string; sequence: number; text: string }): void {
    if (this.#world.fraction() < this.crashChance) {
      this.crash();
      return this.#world.later(5000, () => this.start());
    }
    if (this.#receivedInThisLife.has(line.id)) this.#world.wrongs.push(`${this.name} was handed ${line.text} twice`);
    this.#receivedInThisLife.add(line.id);
    const { from, id, sequence, text } = line;
    if (!this.disk.read.some((known) => known.id === id)) this.disk.read.push({ from, id, sequence, text });
    this.messenger.command(now, { type: 'stored', from, id });
  }

  /** Other machines hear of it after this one has come to rest. */
  #soon(happen: () => void): void {
    const life = this.life;
    this.#world.later(0, () => {
      if (this.isUp && this.life === life) happen();
    });
  }

  #arm(): void {
    const at = Math.min(this.roster.wakeAt(), this.presence.wakeAt(), this.messenger.wakeAt());
    if (at >= this.#timerAt || at === Number.POSITIVE_INFINITY) return;
    this.#timerAt = at;
    const life = this.life;
    this.#world.later(Math.max(0, at - this.#world.nowMs), () => {
      if (!this.isUp || this.life !== life) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.messenger.wake(this.#world.nowMs);
      this.#settle();
    });
  }
}

function sees(machine: Machine, other: Machine): boolean {
  return machine.watches.has(foldName(other.name)) && !other.hides.has(foldName(machine.name));
}

function pairKey(a: Machine, b: Machine): string {
  return [a.node, b.node].sort().join(' ');
}

/** Mulberry32 by T. Ettinger: 32 bits of state are plenty for a scene. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
