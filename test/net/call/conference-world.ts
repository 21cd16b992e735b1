/**
 * People with nothing but conferences: `Conferences` cores joined by seeded delays in virtual time, over links that lose
 * datagrams and may be cut. Statements go through the real encoder, in order and repeated until they arrive, as sessions
 * carry them; voice is a token each 100 ms on every leg that both ends have open.
 */

import type {
  ConferenceCommand,
  ConferenceEvent,
  ConferenceOutput,
  OwnFacts,
  RunningCall,
} from '../../../src/net/call/conference-record.ts';
import { Conferences } from '../../../src/net/call/conferences.ts';
import type { Random } from '../../../src/net/protocol/core.ts';
import { foldName } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const VOICE_MS = 100;
const FACTS: OwnFacts = { uplinkKbps: 2_000, idleCenticores: 150, reach: 4 };

export interface Talker {
  readonly name: string;
  readonly node: string;
  core: Conferences;
  facts: OwnFacts;
  readonly told: ConferenceEvent[];
  /** Wires of open legs by the key that media has for them, with the node at the other end. */
  readonly legs: Map<string, { wire: string; node: string; held: boolean }>;
  alive: boolean;
  /** Call id of the conference here. */
  call: string;
  /** A call of two, as `Calls` would know it. */
  running: RunningCall | undefined;
  answers: boolean;
  /** Folded names. */
  readonly blocks: Set<string>;
  heardAt: Map<string, number>;
  /** Whom letters would tell of our call. */
  readonly missed: string[];
}

interface Delivery {
  readonly at: number;
  readonly to: Talker;
  readonly from: Talker;
  readonly message: Message;
}

export class ConferenceWorld {
  /** The machine has been up for a while. */
  now = 5_000_000;
  readonly random: Random;
  readonly people: Talker[] = [];
  readonly #seed: number;
  readonly #delayMs: readonly [number, number];
  readonly #loss: number;
  #deliveries: Delivery[] = [];
  /** Statements that cannot get through now, in order, by pair. */
  readonly #stuck = new Map<string, { to: Talker; from: Talker; messages: Message[] }>();
  #voiceAt = this.now;
  /** Pairs that cannot reach each other; `voice` ones only by voice. */
  cut: (a: Talker, b: Talker) => boolean = () => false;
  cutVoice: (a: Talker, b: Talker) => boolean = () => false;
  /** Is told what is about to happen. */
  trace: ((what: string) => void) | undefined;
  /** Changes what is sent, for those who mean ill. */
  tamper: ((from: Talker, message: Message) => Message) | undefined;

  constructor(seed: number, options: { delayMs?: readonly [number, number]; loss?: number } = {}) {
    this.#seed = seed;
    this.random = seededRandom(seed);
    this.#delayMs = options.delayMs ?? [10, 120];
    this.#loss = options.loss ?? 0.02;
  }

  person(name: string, facts: Partial<OwnFacts> = {}): Talker {
    const node = this.random.bytes(16).toString('hex');
    const talker: Talker = {
      ...{ name, node, facts: { ...FACTS, ...facts }, told: [], legs: new Map(), alive: true, call: '' },
      ...{ running: undefined, answers: true, blocks: new Set(), missed: [], heardAt: new Map() },
      core: undefined as never,
    };
    this.people.push(talker);
    this.start(talker);
    return talker;
  }

  /** A program that knows nothing of before. */
  start(talker: Talker): void {
    talker.alive = true;
    talker.legs.clear();
    talker.core = new Conferences({
      me: { name: talker.name, node: talker.node },
      random: seededRandom(this.#seed * 31 + this.people.indexOf(talker) + Math.floor(this.now)),
      rttMs: () => 60,
      ownFacts: () => talker.facts,
      isBusy: () => talker.running !== undefined,
      isBlocked: (name) => talker.blocks.has(foldName(name)),
      running: (call) =>
        talker.running && (talker.running.call === call || talker.running.wire === call) ? talker.running : undefined,
    });
    talker.core.command(this.now, { type: 'candidates', endpoints: ['udp:192.0.2.1:1'], relays: [] });
    this.#settle(talker);
  }

  /** They talk, in a call of two. */
  talking(a: Talker, b: Talker): void {
    const wire = this.random.bytes(16).toString('hex');
    const of = { wire, answeredAt: this.now, muted: false, recording: false } as const;
    a.running = { ...of, call: wire, node: b.node, peer: b.name, direction: 'out' };
    b.running = { ...of, call: `${wire.slice(0, 30)}ff`, node: a.node, peer: a.name, direction: 'in' };
    for (const one of [a, b]) {
      const { call, node } = one.running as RunningCall;
      one.legs.set(call, { wire, node, held: false });
      one.call = call;
    }
  }

  do(talker: Talker, command: ConferenceCommand): void {
    talker.core.command(this.now, command);
    this.#settle(talker);
  }

  /** Calls these at once; they answer if they are of that mind. */
  found(talker: Talker, names: readonly string[]): void {
    talker.call = this.random.bytes(16).toString('hex');
    this.do(talker, { type: 'found', call: talker.call, names });
  }

  add(talker: Talker, ...names: string[]): void {
    this.do(talker, { type: 'add', call: talker.call, names });
  }

  leave(talker: Talker): void {
    this.do(talker, { type: 'hang-up', call: talker.call });
  }

  kill(talker: Talker): void {
    talker.alive = false;
  }

  /** Says something out of order, for those who mean ill. */
  inject(from: Talker, to: Talker, message: Message): void {
    this.#post(from, to, message);
  }

  run(forMs: number): void {
    const until = this.now + forMs;
    for (;;) {
      const at = Math.min(this.#deliveries[0]?.at ?? Infinity, this.#voiceAt, ...this.people.map((one) => wakeOf(one)));
      if (at > until) break;
      this.now = Math.max(this.now, at);
      if (this.now >= this.#voiceAt) this.#voices();
      const due = this.#deliveries[0];
      if (due && due.at <= this.now) {
        this.#deliveries.shift();
        this.#deliver(due);
      } else for (const one of this.people) if (wakeOf(one) <= this.now) this.#wake(one);
    }
    this.now = until;
  }

  /** Runs until it holds; the time that took. */
  until(holds: () => boolean, forMs: number): number {
    const since = this.now;
    while (!holds()) {
      if (this.now - since > forMs) throw new Error(`not within ${forMs} ms: ${this.describe()}`);
      this.run(20);
    }
    return this.now - since;
  }

  inside(): Talker[] {
    return this.people.filter(({ alive, core }) => alive && core.live);
  }

  /** Everybody who is in sees the same people and the same mixer, is heard by it and hears it. */
  settled(those: readonly Talker[] = this.inside()): boolean {
    // Whoever is left alone hears nobody, and waits whether somebody comes back.
    if (those.length === 1) return true;
    const nodes = those
      .map(({ node }) => node)
      .sort()
      .join();
    const mixer = those[0]?.core.live?.reign;
    return those.every((one) => {
      const live = one.core.live;
      if (!live || !mixer) return false;
      const same = live.reign.mixer === mixer.mixer && live.reign.term === mixer.term;
      return same && alivePresent(one, those).join() === nodes && this.hears(one, mixer.mixer);
    });
  }

  /** Voice goes both ways between this one and the mixer. */
  hears(one: Talker, mixer: string): boolean {
    if (one.node === mixer) return true;
    return this.now - (one.heardAt.get(mixer) ?? -1e9) < 500;
  }

  describe(): string {
    return this.people
      .map((one) => {
        const live = one.core.live;
        if (!one.alive || !live) return `${one.name}:${one.alive ? 'out' : 'dead'}`;
        const of = live.present.map((node) => this.people.find((other) => other.node === node)?.name[0]).join('');
        const mixer = this.people.find((other) => other.node === live.reign.mixer)?.name;
        return `${one.name}:[${of}] ${live.reign.term}/${mixer}`;
      })
      .join('  ');
  }

  roster(one: Talker) {
    const told = one.told.findLast((event) => event.type === 'roster');
    return told?.type === 'roster' ? told.roster : undefined;
  }

  #wake(one: Talker): void {
    one.core.wake(this.now);
    this.#settle(one);
  }

  #deliver({ to, from, message }: Delivery): void {
    if (!to.alive) return;
    if (this.cut(from, to) && !isDatagram(message)) return this.#hold(from, to, message);
    if (this.cut(from, to)) return;
    to.core.receive(this.now, { type: 'message', from: from.name, node: from.node, message });
    this.#settle(to);
  }

  /** What is reliable waits and is said as soon as there is a way. */
  #hold(from: Talker, to: Talker, message: Message): void {
    const key = `${from.node}${to.node}`;
    const stuck = this.#stuck.get(key) ?? { to, from, messages: [] };
    stuck.messages.push(message);
    this.#stuck.set(key, stuck);
  }

  #voices(): void {
    this.#voiceAt = this.now + VOICE_MS;
    for (const [key, { from, to, messages }] of [...this.#stuck]) {
      if (this.cut(from, to)) continue;
      this.#stuck.delete(key);
      for (const message of messages) this.#post(from, to, message);
    }
    for (const one of this.people) {
      if (!one.alive) continue;
      for (const [key, leg] of one.legs) {
        const other = this.people.find(({ node }) => node === leg.node);
        const theirs = other && [...other.legs.values()].find((their) => their.wire === leg.wire);
        if (!other?.alive || !theirs || this.cut(one, other) || this.cutVoice(one, other)) continue;
        if (theirs.held || leg.held) continue;
        one.heardAt.set(other.node, this.now);
        one.core.voiceHeard(this.now, key);
        this.#settle(one);
      }
    }
  }

  #settle(one: Talker): void {
    for (let out = one.core.drain(); out.length > 0; out = one.core.drain())
      for (const said of out) this.#carry(one, said);
  }

  #carry(one: Talker, said: ConferenceOutput): void {
    switch (said.type) {
      case 'send': {
        const to = this.people.filter(
          ({ name, node }) => foldName(name) === foldName(said.to) && (said.node ?? node) === node,
        );
        for (const other of to) this.#post(one, other, this.tamper?.(one, said.message) ?? said.message);
        if (to.length === 0) one.core.receive(this.now, { type: 'unreachable', name: said.to, code: 'person-offline' });
        return;
      }
      case 'datagram': {
        const to = this.people.find(({ node }) => node === said.node);
        if (to && this.random.fraction() >= this.#loss) this.#post(one, to, said.message);
        return;
      }
      case 'media-start':
        if (one.legs.has(said.call)) throw new Error('a leg twice');
        one.legs.set(said.call, { wire: said.wire, node: said.node, held: false });
        return;
      case 'media-stop':
        one.legs.delete(said.call);
        return;
      case 'media-hold': {
        const leg = one.legs.get(said.call);
        if (leg) leg.held = said.on;
        return;
      }
      case 'media-candidates':
        return;
      case 'absorb':
        one.running = undefined;
        return;
      case 'missed':
        one.missed.push(said.peer);
        return;
      default:
        one.told.push(said);
        if (said.type === 'ringing' && said.direction === 'in' && one.answers) {
          one.call = said.call;
          one.core.command(this.now, { type: 'answer', call: said.call });
        }
    }
  }

  #post(from: Talker, to: Talker, value: Message): void {
    if (!from.alive) return;
    const message = decodeMessage(encodeMessage(value));
    if (!message) throw new Error('a message did not survive its own encoding');
    const [least, most] = this.#delayMs;
    let at = this.now + least + this.random.fraction() * (most - least);
    for (const other of this.#deliveries)
      if (other.from === from && other.to === to) at = Math.max(at, other.at + 0.001);
    const after = this.#deliveries.findIndex((other) => other.at > at);
    this.#deliveries.splice(after === -1 ? this.#deliveries.length : after, 0, { at, to, from, message });
  }
}

function wakeOf(one: Talker): number {
  return one.alive ? one.core.wakeAt() : Number.POSITIVE_INFINITY;
}

function isDatagram({ kind }: Message): boolean {
  return kind === 'conferenceBeat' || kind === 'conferenceSpeaking';
}

/** Whom this one counts in, without those who are dead or cut off and only not yet given up. */
function alivePresent(one: Talker, those: readonly Talker[]): string[] {
  return (one.core.live?.present ?? []).filter((node) => those.some((other) => other.node === node));
}

/** What was told, in short. */
export function story(one: Talker): string[] {
  return one.told.flatMap((event) => {
    if (event.type === 'ringing') return [`ringing ${event.direction} ${event.peer}`];
    if (event.type === 'answered') return [`answered ${event.peer}`];
    if (event.type === 'person-ended') return [`${event.peer} ${event.reason}`];
    if (event.type === 'ended') return [`ended ${event.reason}`];
    return event.type === 'warning' ? [`warning ${event.name}`] : [];
  });
}
