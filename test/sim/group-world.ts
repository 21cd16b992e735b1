/**
 * Groups in a light world: of each person the agent's rooms for chat over a real history and the node's services for other
 * people, and between them a bus that loses, delays and ends when somebody goes, with letters for who is not there. Who sees
 * whom come is what the supernodes would tell: whoever watches the name. Clocks of the machines differ.
 */
import type { Posted } from '../../src/net/chat/letters.ts';
import { People } from '../../src/net/node/people.ts';
import type { Millis } from '../../src/net/protocol/core.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/net/wire/messages.ts';
import { AgentChat } from '../../src/store/agent-chat.ts';
import type { Buddy, ChatLine } from '../../src/store/state.ts';
import { AgentScene, buddy, WALL_MS } from '../support/agent-scene.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Chance } from './chance.ts';
import { Timeline } from './timeline.ts';

const HOUR_MS = 3_600_000;
const FACTS = { uplinkKbps: 0, spareCenticores: 0, reach: 'unknown' } as never;

interface Letter {
  readonly key: string;
  readonly from: GroupPerson;
  readonly message: Message;
  readonly until: Millis;
}

export class GroupPerson {
  readonly name: string;
  readonly node: string;
  readonly scene: AgentScene;
  readonly world: GroupWorld;
  readonly skewMs: number;
  chat!: AgentChat;
  people!: People;
  online = false;
  readonly blocked = new Set<string>();
  readonly seen = new Set<string>();
  /** What waits at the supernodes, in the order of its writing. */
  readonly mailbox: Letter[] = [];
  readonly posts = new Map<string, Posted>();
  readonly #open = new Map<string, string>();

  constructor(world: GroupWorld, name: string, number: number, skewMs: number) {
    this.world = world;
    this.name = name;
    this.skewMs = skewMs;
    this.node = (0xd000 + number).toString(16).padStart(32, '0');
    const random = seededRandom(`agent of ${name} ${world.seed}`);
    this.scene = new AgentScene({
      change: (options) => ({ ...options, random, wallClock: () => this.wallMs }),
    }).signedIn(name);
    this.scene.onCommand = (command) => {
      if (command.type !== 'messenger') return;
      if (command.command.type === 'stored') this.#thrownAway(command.command.from, command.command.id);
      if (command.command.type === 'send') this.world.note(this, command.command.id, command.command.to);
      this.people.command(this.now, command);
      this.settle();
    };
  }

  get now(): Millis {
    return this.world.timeline.now;
  }

  get wallMs(): number {
    return WALL_MS + this.now + this.skewMs;
  }

  /** The program starts, on what was stored. */
  start(buddies: readonly string[]): void {
    const roster = buddies.map((name) => buddy(name, { relation: this.blocked.has(name) ? 'blocked' : 'both' }));
    for (const { name, relation } of roster)
      this.scene.core.emit({ type: 'buddy.changed', buddy: shown(name, relation) });
    this.people = new People({
      ...{ name: this.name, displayName: this.name, nodeId: this.node, roster, presence: 'online' },
      ...{ random: seededRandom(`node of ${this.name} ${this.now}`), wallClock: () => this.wallMs },
      ...{ isService: false, rttMs: () => undefined, ownFacts: () => FACTS },
    });
    this.posts.clear();
    this.chat = new AgentChat(this.scene.core, () => {});
    this.chat.begin();
    this.settle();
  }

  block(name: string): void {
    this.blocked.add(name);
    this.people.command(this.now, { type: 'roster', command: { type: 'block', name } });
    this.scene.core.emit({ type: 'buddy.changed', buddy: shown(name, 'blocked') });
    this.settle();
  }

  hear(from: GroupPerson, message: Message): void {
    if (!this.online) return;
    if (!this.seen.has(from.name)) this.see(from);
    this.people.tell(this.now, { type: 'message', from: from.name, node: from.node, message });
    this.settle();
  }

  see(other: GroupPerson): void {
    this.seen.add(other.name);
    this.people.tell(this.now, { type: 'peer-seen', name: other.name, node: other.node });
    this.settle();
  }

  /** Reads what lies there; what the people want to keep lies on until it is stored. */
  collect(): void {
    if (!this.online) return;
    for (const letter of [...this.mailbox]) {
      const { from, message, key, until } = letter;
      if (until < this.now) this.#drop(key);
      else {
        const awaits = this.people.heardInLetter(this.now, from.name, from.node, message);
        if (awaits === undefined) this.#drop(key);
        else this.#open.set(`${foldName(from.name)} ${awaits}`, key);
      }
      this.settle();
    }
  }

  lines(label = '#lunch'): readonly ChatLine[] {
    return this.scene.core.history.history({ with: label, limit: 1_000 });
  }

  get group() {
    return this.chat.groups.states()[0];
  }

  get isIn(): boolean {
    return this.chat.groups.list().some(({ left }) => !left);
  }

  settle(): void {
    for (let out = this.people.drain(); out.length > 0; out = this.people.drain()) {
      for (const output of out) {
        if (output.type === 'send') this.world.carry(this, output.to, output.message);
        else if (output.type === 'messenger') this.chat.fromMessenger(output.news);
        else if (output.type === 'post') this.world.post(this, output.posted);
        else if (output.type === 'withdrawn' || output.type === 'reached')
          this.posts.delete(`${output.to} ${output.id}`);
        else if (output.type === 'collect') this.world.timeline.after(50, () => this.collect());
        else if (output.type === 'details-changed') this.world.timeline.after(50, () => this.world.look(this));
      }
    }
    this.world.arm(this);
  }

  #drop(key: string): void {
    const at = this.mailbox.findIndex((one) => one.key === key);
    if (at >= 0) this.mailbox.splice(at, 1);
  }

  #thrownAway(from: string, id: string): void {
    const key = this.#open.get(`${foldName(from)} ${id}`);
    if (key !== undefined) this.#drop(key);
  }
}

export class GroupWorld {
  readonly seed: number;
  readonly timeline = new Timeline(0);
  readonly chance: Chance;
  readonly persons: GroupPerson[];
  /** By line: who wrote it, and who was to get it. */
  readonly said = new Map<string, { author: string; to: string[] }>();
  readonly #buddies: (name: string) => readonly string[];
  readonly #wakes = new Map<string, () => void>();
  loss = 0.2;

  /** `friends`: who is a buddy of whom, by name; both ways. */
  constructor(seed: number, names: readonly string[], friends: (a: string, b: string) => boolean) {
    this.seed = seed;
    this.chance = new Chance(seed, 'groups');
    this.#buddies = (name) => names.filter((other) => other !== name && (friends(name, other) || friends(other, name)));
    this.persons = names.map((name, at) => new GroupPerson(this, name, at, this.chance.between(-1_200_000, 1_200_000)));
    for (const person of this.persons) person.start(this.#buddies(person.name));
    for (const person of this.persons) this.comes(person);
  }

  comes(person: GroupPerson): void {
    if (person.online) return;
    person.online = true;
    person.people.tell(this.timeline.now, { type: 'online', online: true });
    person.settle();
    this.look(person);
    for (const other of this.persons) if (other.online && other.people.watched.includes(person.name)) other.see(person);
    for (const afterMs of [2_000, 62_000]) this.timeline.after(afterMs, () => person.collect());
    for (const posted of [...person.posts.values()]) this.#letterLater(person, posted);
  }

  goes(person: GroupPerson): void {
    if (!person.online) return;
    person.online = false;
    person.seen.clear();
    person.people.tell(this.timeline.now, { type: 'online', online: false });
    person.settle();
    for (const other of this.persons) {
      if (!other.seen.delete(person.name)) continue;
      other.people.tell(this.timeline.now, { type: 'peer-gone', name: person.name, node: person.node });
      other.settle();
    }
  }

  restarts(person: GroupPerson): void {
    this.goes(person);
    person.start(this.#buddies(person.name));
    this.comes(person);
  }

  /** The supernode tells of whoever is watched and here. */
  look(person: GroupPerson): void {
    if (!person.online) return;
    for (const other of this.persons) {
      if (!other.online || other === person || person.seen.has(other.name)) continue;
      if (person.people.watched.includes(other.name)) person.see(other);
    }
  }

  carry(from: GroupPerson, to: string, message: Message): void {
    const target = this.#person(to);
    if (!from.online || !target || this.chance.hits(this.loss)) return;
    // As it travels.
    const bytes = encodeMessage(message);
    this.timeline.after(this.chance.between(20, 400), () => {
      const read = decodeMessage(bytes);
      if (!target.online) {
        from.people.tell(this.timeline.now, { type: 'unreachable', name: to, code: 'person-offline' });
        from.settle();
      } else if (read && from.online) target.hear(from, read);
    });
  }

  post(from: GroupPerson, posted: Posted): void {
    from.posts.set(`${posted.to} ${posted.id}`, posted);
    this.#letterLater(from, posted);
  }

  note(author: GroupPerson, id: string, to: string): void {
    const said = this.said.get(id) ?? { author: author.name, to: [] };
    this.said.set(id, said);
    said.to.push(to);
  }

  arm(person: GroupPerson): void {
    const at = person.people.wakeAt();
    this.#wakes.get(person.name)?.();
    if (!Number.isFinite(at)) return;
    const undo = this.timeline.at(at, () => {
      person.people.wake(this.timeline.now);
      person.settle();
    });
    this.#wakes.set(person.name, undo);
  }

  run(ms: number): void {
    const end = this.timeline.now + ms;
    while (this.timeline.step(end));
  }

  end(): void {
    for (const { scene } of this.persons) scene.end();
  }

  #person(name: string): GroupPerson | undefined {
    return this.persons.find((one) => foldName(one.name) === foldName(name));
  }

  #letterLater(from: GroupPerson, posted: Posted): void {
    const { to, id, message, isNote = false } = posted;
    const target = this.#person(to);
    if (!target) return;
    this.timeline.after(target.online ? 20_000 : 1_500, () => {
      if (!from.online || !from.posts.has(`${to} ${id}`) || (isNote && target.online)) return;
      const key = `${from.name} ${to} ${id}`;
      const until = this.timeline.now + 72 * HOUR_MS;
      if (!target.mailbox.some((one) => one.key === key)) target.mailbox.push({ key, from, message, until });
      if (isNote) from.posts.delete(`${to} ${id}`);
      else from.chat.fromMail({ type: 'kept', to, id, untilMs: from.wallMs + 72 * HOUR_MS });
    });
  }
}

function shown(name: string, relation: Buddy['relation']): Buddy {
  return { name, displayName: name, relation, presence: 'offline', lastSeenAtMs: 0, message: '', unread: 0 };
}
