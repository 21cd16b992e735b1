/**
 * Conversations of several people, in virtual time with the real cores: members hear one another though they are no buddies,
 * a sleeper gets the lines of all in order, whoever is no member is not heard, and nobody is needed as a host.
 */
import { expect } from 'vitest';
import { type GroupState, mergeGroups, withMembers } from '../../src/net/chat/group-state.ts';
import { hexOf } from '../../src/net/protocol/ids.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const ID = 'cd'.repeat(16);

/** What an agent does of groups: joins what it hears, tells its node. */
class Talk {
  readonly person: Person;
  group: GroupState | undefined;
  #sequences = new Map<string, number>();
  #read = 0;
  readonly #world: World;

  constructor(world: World, person: Person) {
    this.#world = world;
    this.person = person;
  }

  keep(group: GroupState): void {
    this.group = this.group ? mergeGroups(this.group, group) : group;
    this.person.does({ type: 'messenger', command: { type: 'groups', groups: [this.group] } });
  }

  /** Joins what was heard since. */
  follow(): void {
    const { events } = this.person.node;
    for (const event of events.slice(this.#read)) {
      if (event.type === 'messenger' && event.news.type === 'received' && event.news.group) this.keep(event.news.group);
    }
    this.#read = events.length;
  }

  says(text: string): string {
    const id = hexOf(this.#world.random(`line ${this.person.name} ${text}`).bytes(16));
    const { group } = this;
    for (const { name, removed } of group?.members ?? []) {
      if (removed || name === this.person.name || !group) continue;
      const sequence = (this.#sequences.get(name) ?? 0) + 1;
      this.#sequences.set(name, sequence);
      const line = { to: name, id, sequence, text, sentAtMs: this.#world.wallClock(), group };
      this.person.does({ type: 'messenger', command: { type: 'send', ...line } });
    }
    return id;
  }

  get heard(): string[] {
    return this.person.lines.map(({ from, text }) => `${from}: ${text}`);
  }
}

seeded(
  'members who are no buddies hear one another, a sleeper gets all of it in order, and strangers are not heard',
  (world) => {
    const people = new PeopleWorld(world, ['super1', 'super2', 'super3']);
    world.advance(3_000);
    const [alice, bobby] = people.buddies();
    const carol = people.person('carol1');
    carol.signUp();
    alice.befriend(carol);
    const mallory = people.person('mallory');
    mallory.signUp();
    for (const person of [alice, bobby, carol, mallory]) person.learns(people.sign(1, [person]));
    const [a, b, c] = [alice, bobby, carol].map((person) => new Talk(world, person)) as [Talk, Talk, Talk];
    const empty = { id: ID, title: 'lunch', titleVersion: 1, members: [] };
    a.keep(withMembers(empty, ['alice1', 'bobby1', 'carol1'], false) as GroupState);
    a.says('made the group lunch');
    world.until(() => [b, c].every(({ heard }) => heard.length === 1), 5_000);
    for (const talk of [b, c]) talk.follow();
    // The maker goes; those two are no buddies of each other.
    alice.kill();
    b.says('at one?');
    world.until(() => c.heard.length === 2, 10_000);
    world.until(() => [bobby, carol].every(({ core }) => core.knownDevices().length >= 2), 10_000);
    c.says('yes');
    world.until(() => b.heard.length === 2, 5_000);
    // Somebody who is in no group of theirs, but says so.
    const m = new Talk(world, mallory);
    m.keep(mergeGroups(b.group as GroupState, withMembers(empty, ['mallory'], false) as GroupState));
    m.says('me too');
    // Carol sleeps, and what is said meanwhile waits for her, also when all others are gone.
    carol.kill();
    world.advance(60_000);
    const ids = ['two?', 'three?'].map((text) => b.says(text));
    const isKept = (id: string) =>
      bobby.node.events.some(
        (e) => e.type === 'mail' && e.news.type === 'kept' && e.news.to === 'carol1' && e.news.id === id,
      );
    world.until(() => ids.every(isKept), 30_000);
    bobby.kill();
    world.advance(10_000);
    carol.start();
    carol.does({ type: 'messenger', command: { type: 'groups', groups: [c.group as GroupState] } });
    world.until(() => c.heard.length === 4, 60_000);
    expect(c.heard).toEqual(['alice1: made the group lunch', 'bobby1: at one?', 'bobby1: two?', 'bobby1: three?']);
    // She who made it hears what was said while she was away.
    alice.start();
    alice.does({ type: 'messenger', command: { type: 'groups', groups: [a.group as GroupState] } });
    world.until(() => a.heard.length === 3, 60_000);
    expect(a.heard).toEqual(['bobby1: at one?', 'bobby1: two?', 'bobby1: three?']);
  },
  { runs: 1 },
);
