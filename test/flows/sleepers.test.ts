/**
 * Messages to sleepers, in virtual time with the real cores (figure H5): a line reaches every device of a person once and in
 * order, two days later, with 30 % of the supernodes dead and the sender gone; the sender hears of it, and missed calls
 * are told the same way. The nights in between are skipped on the wall clock.
 */
import { expect } from 'vitest';
import type { OrdinaryNodeEvent } from '../../src/net/node/ordinary-node.ts';
import { mailSeedOf, PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const HOUR_MS = 3_600_000;

function newsOf(person: Person) {
  const mail = person.node.events.filter((event): event is Extract<OrdinaryNodeEvent, { type: 'mail' }> => {
    return event.type === 'mail';
  });
  return mail.map(({ news }) => news);
}

function keptOf(person: Person): string[] {
  return newsOf(person).flatMap((news) => (news.type === 'kept' ? [news.id] : []));
}

/** Alice, and Bobby with two devices; all of them have met. */
function threeDevices(world: World, supernodes: number) {
  const names = Array.from({ length: supernodes }, (_, index) => `super${index + 1}`);
  const people = new PeopleWorld(world, names);
  world.advance(3_000);
  const [alice, phone] = people.buddies();
  const laptop = people.person('laptop', undefined, { account: 'bobby1' });
  laptop.roster = phone.roster;
  laptop.signIn();
  world.until(() => laptop.presence.get('alice1') === 'online', 10_000);
  const [hers, his] = [people.sign(1, [alice]), people.sign(1, [phone, laptop])];
  alice.learns(hers);
  for (const device of [phone, laptop]) device.learns(his);
  world.until(() => alice.core.deviceListOf('bobby1')?.devices.length === 2, 10_000);
  world.until(() => [phone, laptop].every(({ core }) => core.deviceListOf('alice1') !== undefined), 10_000);
  return { people, alice, phone, laptop };
}

seeded(
  'members of a group who never met, and are never there together, write to one another and hear that it came',
  (world) => {
    const people = new PeopleWorld(world, ['super1', 'super2', 'super3']);
    const members = ['bobby1', 'carol1'].map((name) => ({ name, removed: false, atMs: world.wallClock() }));
    const group = { id: 'ab'.repeat(16), title: 'lunch', titleAtMs: world.wallClock(), members };
    // What their agents would have of a third, who knows both.
    const joins = (person: Person) =>
      person.does({ type: 'messenger', command: { type: 'groups', groups: [group], own: person.name } });
    const carol = people.person('carol1');
    carol.signUp();
    joins(carol);
    world.advance(20_000);
    carol.kill();
    world.skipWall(24 * HOUR_MS);
    world.advance(60_000);
    const bobby = people.person('bobby1');
    bobby.signUp();
    joins(bobby);
    const [id, placeMs] = ['cd'.repeat(16), Math.floor(world.wallClock())];
    const line = { to: 'carol1', id, sequence: 1, text: 'at one?', sentAtMs: placeMs, group, placeMs };
    bobby.does({ type: 'messenger', command: { type: 'send', ...line } });
    world.until(() => keptOf(bobby).includes(id), 30_000);
    world.advance(20_000);
    bobby.kill();
    world.advance(60_000);
    carol.start();
    joins(carol);
    world.until(() => carol.lines.length === 1, 60_000);
    expect(carol.lines).toEqual([{ from: 'bobby1', text: 'at one?' }]);
    world.advance(20_000);
    carol.kill();
    bobby.start();
    joins(bobby);
    bobby.does({ type: 'messenger', command: { type: 'restore', lines: [line] } });
    world.until(() => bobby.delivered.has(id), 60_000);
  },
  { runs: 1 },
);

seeded(
  'who had another mail key while nobody met them reads what was left under the old one before, and what is left since',
  (world) => {
    const { alice, phone, laptop } = threeDevices(world, 3);
    laptop.kill();
    const [fresh, first] = [mailSeedOf('another'), mailSeedOf(phone.label)];
    const turn = () => phone.does({ type: 'mail-keys', seeds: [fresh, first], sinceMs: Math.floor(world.wallClock()) });
    phone.kill();
    alice.says(phone, 'before');
    world.until(() => keptOf(alice).length === 1, 30_000);
    alice.kill();
    // Its agent makes a new key when it comes, and forgets the old one in its time.
    phone.start();
    turn();
    world.until(() => phone.lines.length === 1, 60_000);
    world.advance(20_000);
    phone.does({ type: 'mail-keys', seeds: [fresh], sinceMs: Math.floor(world.wallClock()) });
    world.advance(20_000);
    phone.kill();
    world.skipWall(24 * HOUR_MS);
    alice.start();
    world.until(() => alice.online, 20_000);
    expect(alice.core.deviceListOf('bobby1')?.devices[0]?.mailKey).toEqual(phone.device.mailKey);
    alice.says(phone, 'since');
    world.advance(90_000);
    alice.kill();
    phone.start();
    phone.does({ type: 'mail-keys', seeds: [fresh], sinceMs: Math.floor(world.wallClock()) });
    world.until(() => phone.lines.length === 2, 60_000);
    expect(phone.lines.map(({ text }) => text)).toEqual(['before', 'since']);
  },
  { runs: 1 },
);

seeded(
  'a letter of somebody whose certificate was renewed since the program began is read',
  (world) => {
    const { alice, phone, laptop } = threeDevices(world, 1);
    for (const device of [alice, phone, laptop]) device.kill();
    world.skipWall(7 * 24 * HOUR_MS);
    alice.start();
    world.until(() => alice.count('renewed') === 1 && alice.online, 60_000);
    alice.says(phone, 'here again');
    world.until(() => keptOf(alice).length === 1, 30_000);
    alice.kill();
    phone.start();
    world.until(() => phone.lines.length === 1, 60_000);
  },
  { runs: 1 },
);

seeded(
  'both devices of a sleeper get every line, once and in order, when sender and 30 % of the supernodes are gone',
  (world) => {
    const { people, alice, phone, laptop } = threeDevices(world, 7);
    for (const device of [phone, laptop]) device.kill();
    world.advance(60_000);
    const ids = ['one', 'two', 'three', 'four'].map((text) => alice.says(phone, text));
    world.until(() => ids.every((id) => keptOf(alice).includes(id)), 30_000);
    alice.calls(phone);
    world.until(() => alice.callLog.some((word) => word.startsWith('ended')), 60_000);
    world.advance(10_000);
    alice.kill();
    world.skipWall(48 * HOUR_MS);
    for (const name of ['super2', 'super5']) people.supernodes.get(name)?.stop();
    world.advance(20_000);
    for (const device of [phone, laptop]) {
      device.start();
      world.until(() => device.lines.length === 4, 60_000);
    }
    world.advance(90_000);
    for (const device of [phone, laptop]) {
      expect(device.lines.map(({ from, text }) => `${from}: ${text}`)).toEqual([
        'alice1: one',
        'alice1: two',
        'alice1: three',
        'alice1: four',
      ]);
      const missed = newsOf(device).filter(({ type }) => type === 'missed-call');
      expect(missed).toMatchObject([{ from: 'alice1', call: alice.call }]);
      device.kill();
    }
    // They never meet, and still she hears that they have it.
    alice.start();
    world.until(() => ids.every((id) => alice.delivered.has(id)), 60_000);
  },
  { runs: 1 },
);
