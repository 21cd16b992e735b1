/**
 * What a group promises, one scene for each sentence, with the agents' real rooms and histories: sleepers get what was said by
 * people whom they never met, who is removed or blocked gets nothing more, and nobody speaks, or changes who is in, without
 * being in.
 */
import { afterEach, expect, test } from 'vitest';
import { type GroupState, wireGroup } from '../../src/net/chat/group-state.ts';
import { bytesOf } from '../../src/net/protocol/ids.ts';
import { message } from '../../src/net/wire/messages.ts';
import { type GroupPerson, GroupWorld } from '../sim/group-world.ts';

const HOUR_MS = 3_600_000;
const NAMES = ['alice1', 'bobby1', 'carol1', 'david1', 'mallory'];
/** Alice knows all, and the others only her. */
const friends = (a: string): boolean => a === 'alice1';

let world: GroupWorld | undefined;
afterEach(() => world?.end());

function people(): [GroupWorld, GroupPerson, GroupPerson, GroupPerson, GroupPerson, GroupPerson] {
  world = new GroupWorld(1, NAMES, friends);
  world.loss = 0;
  return [world, ...(world.persons as [GroupPerson, GroupPerson, GroupPerson, GroupPerson, GroupPerson])];
}

const texts = (person: GroupPerson) => person.lines().map(({ author = person.name, text }) => `${author}: ${text}`);
const membersOf = (person: GroupPerson) => person.chat.groups.list()[0]?.members;

/** A line as somebody's program might make it up. */
function claim(group: GroupState, number: number, placeMs: number, text = 'let me in') {
  const messageId = bytesOf(number.toString(16).padStart(32, '0'));
  return message('chatMessage', { messageId, sequence: number, text, group: wireGroup(group) as never, placeMs });
}

test('who slept for two days hears of the group, and what people said whom they never met, all of whom are gone', () => {
  const [world, alice, bobby, carol] = people();
  world.goes(carol);
  alice.chat.groups.make('lunch', ['bobby1', 'carol1']);
  world.run(60_000);
  bobby.chat.send('#lunch', 'at one?');
  world.run(60_000);
  alice.chat.send('#lunch', 'yes');
  world.run(60_000);
  for (const person of [alice, bobby]) world.goes(person);
  world.run(48 * HOUR_MS);
  world.comes(carol);
  world.run(120_000);
  expect(texts(carol)).toEqual(['alice1: made the group lunch', 'bobby1: at one?', 'alice1: yes']);
  expect(carol.mailbox).toEqual([]);
  for (const person of [alice, bobby]) world.comes(person);
  carol.chat.send('#lunch', 'too late');
  world.run(120_000);
  for (const person of [alice, bobby]) {
    expect(texts(person)).toEqual(texts(carol));
    expect(person.lines().every(({ mark }) => mark === 'delivered')).toBe(true);
  }
});

test('who is removed is told so and hears nothing more, who leaves neither, and the others go on without the maker', () => {
  const [world, alice, bobby, carol, david] = people();
  alice.chat.groups.make('lunch', ['bobby1', 'carol1', 'david1']);
  world.run(10_000);
  // By somebody who is no buddy of theirs; and they are away.
  world.goes(david);
  bobby.chat.groups.remove('#lunch', ['david1']);
  world.run(10_000);
  alice.chat.send('#lunch', 'now we are three');
  world.run(60_000);
  world.comes(david);
  world.run(HOUR_MS);
  expect(texts(david)).toEqual(['alice1: made the group lunch', 'bobby1: removed david1']);
  expect(david.chat.groups.list()).toMatchObject([{ label: '#lunch', left: true }]);
  expect(() => david.chat.send('#lunch', 'why?')).toThrow(expect.objectContaining({ code: 'group-unknown' }));
  alice.chat.groups.leave('#lunch');
  world.run(10_000);
  carol.chat.send('#lunch', 'only two');
  world.run(10_000);
  expect(membersOf(bobby)).toEqual(['bobby1', 'carol1']);
  expect(texts(bobby).slice(-2)).toEqual(['alice1: left', 'carol1: only two']);
  expect(texts(alice).at(-1)).toBe('alice1: left');
  // All of it has arrived, also what went to who is out.
  for (const { scene } of [alice, bobby, carol]) expect(scene.core.history.groups.copies()).toEqual([]);
  // A buddy may take them in again.
  bobby.chat.groups.remove('#lunch', ['carol1']);
  world.run(10_000);
  expect(carol.isIn).toBe(false);
});

test('who is blocked gets nothing more of us in any group, also of what waits, and is not heard there', () => {
  const [world, alice, bobby, carol] = people();
  alice.chat.groups.make('lunch', ['bobby1', 'carol1']);
  world.run(10_000);
  world.goes(bobby);
  world.run(1_000);
  alice.chat.send('#lunch', 'waits for him');
  world.run(500);
  alice.block('bobby1');
  alice.chat.send('#lunch', 'not for him');
  world.run(60_000);
  world.comes(bobby);
  world.run(HOUR_MS);
  bobby.chat.send('#lunch', 'does she hear me?');
  world.run(60_000);
  expect(texts(bobby)).toEqual(['alice1: made the group lunch', 'bobby1: does she hear me?']);
  expect(texts(carol).at(-1)).toBe('bobby1: does she hear me?');
  expect(texts(alice).at(-1)).toBe('alice1: not for him');
  expect(alice.scene.core.history.groups.copies()).toEqual([]);
  expect(alice.lines().every(({ mark }) => mark === 'delivered')).toBe(true);
});

test('nobody is heard, or changes who is in, who is not in; what is made up is refused, counted, and told once an hour', () => {
  const [world, alice, bobby, carol, , mallory] = people();
  alice.chat.groups.make('lunch', ['bobby1', 'carol1', 'mallory']);
  world.run(10_000);
  const old = alice.group as GroupState;
  alice.chat.groups.remove('#lunch', ['mallory']);
  world.run(10_000);
  const before = texts(carol);
  const now = alice.wallMs;
  const back = (atMs: number): GroupState => ({
    ...old,
    members: old.members.map((one) => (one.name === 'mallory' ? { ...one, atMs } : one)),
  });
  const forged: readonly [GroupState, number][] = [
    // An older word, with a newer place; themselves back in; everybody else out; of next year; of another title.
    [old, now + 1],
    [back(now + 5), now + 6],
    [
      {
        ...back(now + 5),
        members: back(now + 5).members.map((one) => ({ ...one, removed: one.name !== 'mallory', atMs: now + 5 })),
      },
      now + 6,
    ],
    [back(now + 365 * 24 * HOUR_MS), now],
    [{ ...old, title: 'dinner', titleAtMs: now + 7 }, now + 8],
  ];
  for (const [index, [group, placeMs]] of forged.entries()) {
    for (const target of [alice, carol]) target.hear(mallory, claim(group, 100 + index, placeMs));
  }
  // A hundred lines that pretend to be from before: as many count as may have been under way.
  for (let number = 200; number < 300; number += 1) {
    carol.hear(mallory, claim(old, number, (old.members[0]?.atMs ?? 0) + number, `late ${number}`));
  }
  // A stranger's group, and one of a buddy who is not in it.
  bobby.hear(mallory, claim({ ...old, id: 'ee'.repeat(16) }, 400, now));
  alice.hear(
    bobby,
    claim({ ...old, id: 'ef'.repeat(16), members: [{ name: 'alice1', removed: false, atMs: now }] }, 401, now),
  );
  world.run(HOUR_MS / 2);
  expect(texts(carol).filter((text) => !text.startsWith('mallory: late'))).toEqual(before);
  expect(texts(carol).filter((text) => text.startsWith('mallory: late'))).toHaveLength(32);
  // They stand where they claim to: before the removal.
  expect(texts(carol).at(-1)).toBe('alice1: removed mallory');
  for (const person of [alice, bobby, carol]) {
    expect(membersOf(person)).toEqual(['alice1', 'bobby1', 'carol1']);
    expect(person.chat.groups.list()).toHaveLength(1);
  }
  expect(alice.scene.notices).toEqual([
    'group-forged mallory spoke there and is no member: #lunch',
    'group-forged bobby1 spoke there and is no member: a group that you are not in',
  ]);
  expect(carol.scene.notices).toEqual(['group-forged mallory spoke there and is no member: #lunch']);
  expect([alice.chat.groups.refused, carol.chat.groups.refused]).toEqual([6, 5 + 100 - 32]);
});

test('who may speak cannot bring themselves back, and a line said twice is there once', () => {
  const [world, alice, bobby, carol] = people();
  alice.chat.groups.make('lunch', ['bobby1', 'carol1']);
  world.run(10_000);
  const group = alice.group as GroupState;
  const now = alice.wallMs;
  // Bobby is removed, which Carol has not heard yet; his program says that he came in later.
  world.goes(carol);
  alice.chat.groups.remove('#lunch', ['bobby1']);
  world.run(500);
  world.goes(alice);
  world.comes(carol);
  const later = {
    ...group,
    members: group.members.map((one) => (one.name === 'bobby1' ? { ...one, atMs: now + 60_000 } : one)),
  };
  for (let count = 0; count < 3; count += 1) carol.hear(bobby, claim(later, 7, now, 'still here'));
  world.comes(alice);
  world.run(HOUR_MS);
  expect(texts(carol).filter((text) => text === 'bobby1: still here')).toHaveLength(1);
  expect(membersOf(carol)).toEqual(['alice1', 'carol1']);
});
