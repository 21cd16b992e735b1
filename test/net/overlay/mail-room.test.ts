/**
 * Letters to sleepers among many supernodes (figure H5, in the light model): kept while supernodes die, brought once and in
 * order, thrown away everywhere, and nobody's but the recipient's.
 */

import { expect, test } from 'vitest';
import { signCollect, signDone } from '../../../src/net/overlay/mail-order.ts';
import { placesOf } from '../../../src/net/overlay/mail-places.ts';
import { bytesOf, hexOf } from '../../../src/net/protocol/ids.ts';
import { MAIL_OF_ONE_LETTERS_MAX, MAILBOX_FROM_ONE_LETTERS_MAX } from '../../../src/net/protocol/mail-params.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { MailWorld } from '../../sim/mail-world.ts';
import { seeds } from '../../sim/seeded.ts';

const HOUR_MS = 3_600_000;
const SIZES = [1, 2, 3, 9, 13, 20, 40];

function sleepersScene(seed: number): void {
  const size = SIZES[seed % SIZES.length] as number;
  const world = new MailWorld(seed, size);
  const { chance } = world;
  const [phone, laptop] = [world.client('alice1', 'alice phone'), world.client('alice1', 'alice laptop')];
  const bobby = world.client('bobby1', 'bobby');
  world.attach(bobby);
  const lines = chance.between(2, 8);
  for (let line = 1; line <= lines; line += 1) {
    for (const { signer } of [phone, laptop]) world.write(bobby, signer.nodeId, line);
    world.advance(chance.between(0, 5_000));
  }
  world.until(() => bobby.kept.size === 2 * lines, 20_000);
  world.detach(bobby);
  // 30 % die: some now and then, the rest all at once.
  const dying = Math.floor(0.3 * size);
  const atOnce = chance.between(0, dying);
  const kill = () => world.kill(world.living()[chance.between(0, world.living().length - 1)] as never);
  const stepMs = (48 * HOUR_MS) / (dying - atOnce + 1);
  for (let count = 0; count < dying - atOnce; count += 1) {
    world.advance(stepMs);
    kill();
    if (chance.hits(0.3)) world.join();
  }
  world.advance(stepMs);
  // One that holds letters is away while they are collected, and comes back with them.
  const holders = world.living().filter(({ room }) => room.shelf.letters > 0);
  const away = holders.length > 2 ? holders[chance.between(0, holders.length - 1)] : undefined;
  if (away) world.setAway(away, true);
  for (let count = 0; count < atOnce; count += 1) kill();
  world.advance(chance.between(0, 20_000));
  for (const device of [phone, laptop]) world.attach(device);
  const expected = Array.from({ length: lines }, (_, index) => index + 1);
  world.until(() => [phone, laptop].every(({ shown }) => shown.length === lines), 2 * HOUR_MS);
  if (away) world.setAway(away, false);
  world.advance(9 * HOUR_MS);
  expect([phone.shown, laptop.shown]).toEqual([expected, expected]);
  expect([phone, laptop].map(({ signer }) => world.copiesFor(signer.nodeId))).toEqual([0, 0]);
  // Nothing comes a second time to a program that has forgotten all.
  const again = world.client('alice1', 'alice phone');
  world.attach(again);
  world.advance(10_000);
  expect(again.came).toEqual([]);
}

test('two sleepers get every line once and in order after 48 h, 30 % of the supernodes dead, and the sender gone', () => {
  for (const seed of seeds(60)) {
    try {
      sleepersScene(seed);
    } catch (failure) {
      throw new Error(`seed ${seed}: ${failure instanceof Error ? failure.message : failure}`, { cause: failure });
    }
  }
});

test('a mailbox moves with the members: who is to hold it has it, who is not to any more gives it up', () => {
  const world = new MailWorld(7, 30);
  const [alice, bobby] = [world.client('alice1', 'alice phone'), world.client('bobby1', 'bobby')];
  world.attach(bobby);
  for (let line = 1; line <= 5; line += 1) world.write(bobby, alice.signer.nodeId, line);
  world.until(() => bobby.kept.size === 5, 5_000);
  for (let count = 0; count < 30; count += 1) world.join();
  world.advance(10 * HOUR_MS);
  const members = world.living().map(({ id }) => id);
  const places = placesOf(alice.signer.nodeId, members, 12);
  const holders = world.living().filter(({ room }) => room.shelf.of(alice.signer.nodeId).length === 5);
  expect(holders.map(({ id }) => id).sort()).toEqual([...places].sort());
  expect(world.copiesFor(alice.signer.nodeId)).toBe(5 * 12);
});

test('letters are gone after 72 h', () => {
  const world = new MailWorld(3, 5);
  const [alice, bobby] = [world.client('alice1', 'alice phone'), world.client('bobby1', 'bobby')];
  world.attach(bobby);
  world.write(bobby, alice.signer.nodeId, 1);
  world.advance(71.9 * HOUR_MS);
  expect(world.copiesFor(alice.signer.nodeId)).toBe(5);
  world.advance(0.2 * HOUR_MS);
  expect(world.copiesFor(alice.signer.nodeId)).toBe(0);
});

test('nobody but the recipient may collect or throw away, whoever asks and whatever supernode says so', () => {
  const world = new MailWorld(5, 6);
  const alice = world.client('alice1', 'alice phone');
  const [bobby, mallory] = [world.client('bobby1', 'bobby'), world.client('mallory', 'mallory')];
  for (const one of [bobby, mallory]) world.attach(one);
  const id = world.write(bobby, alice.signer.nodeId, 1);
  world.until(() => bobby.kept.size === 1, 5_000);
  const keys = [bobby.signer.nodeId + id];
  const forged = { ...signDone(mallory.signer, world.wallMs, keys), publicKey: alice.signer.publicKeySpki };
  const collect = { ...signCollect(mallory.signer, world.wallMs), publicKey: alice.signer.publicKeySpki };
  const after = Buffer.alloc(0);
  world.says(mallory, message('mailDone', forged));
  world.says(mallory, message('mailDone', signDone(mallory.signer, world.wallMs, keys)));
  world.says(mallory, message('mailCollect', { requestId: 9, after, ...collect }));
  // An order of the right person, at the wrong one's session; and one that is old.
  world.says(mallory, message('mailCollect', { requestId: 9, after, ...signCollect(alice.signer, world.wallMs) }));
  const [one, other] = world.supers;
  const order = { requestId: 0, after, ...signCollect(alice.signer, world.wallMs - 2 * HOUR_MS) };
  one?.room.fromSupernode(
    world.now,
    other?.id ?? '',
    message('mailAsk', { requestId: 1, order, keys: after } as never),
  );
  one?.room.fromSupernode(world.now, other?.id ?? '', message('mailDone', forged));
  const merge = { recipient: bytesOf(alice.signer.nodeId), keys: after, wanted: after, done: [forged] };
  one?.room.fromSupernode(world.now, other?.id ?? '', message('mailMerge', merge as never));
  expect(one?.room.drain().filter(({ message: { kind } }) => kind === 'mailList')).toEqual([]);
  world.advance(60_000);
  expect(mallory.came).toEqual([]);
  expect(world.copiesFor(alice.signer.nodeId)).toBe(6);
  world.attach(alice);
  world.advance(5_000);
  expect(alice.came).toEqual([1]);
});

test('a flood is refused and told, and drives out nothing of anybody else', () => {
  const world = new MailWorld(11, 4);
  const alice = world.client('alice1', 'alice phone');
  const [bobby, mallory] = [world.client('bobby1', 'bobby'), world.client('mallory', 'mallory')];
  for (const one of [bobby, mallory]) world.attach(one);
  world.write(bobby, alice.signer.nodeId, 1);
  for (let count = 0; count < 2_000; count += 1) {
    world.write(mallory, alice.signer.nodeId, 1_000 + count);
    world.advance(100);
  }
  world.advance(20_000);
  expect(mallory.kept.size).toBe(MAILBOX_FROM_ONE_LETTERS_MAX);
  const codes = new Set(mallory.failed.map(({ code }) => code));
  expect(codes).toEqual(new Set(['mailbox-full', 'busy']));
  world.write(bobby, alice.signer.nodeId, 2);
  world.advance(5_000);
  expect(bobby.kept.size).toBe(2);
  for (const { room } of world.supers) expect(room.shelf.letters).toBeLessThanOrEqual(MAIL_OF_ONE_LETTERS_MAX);
  world.attach(alice);
  world.advance(60_000);
  expect(alice.shown.filter((line) => line < 1_000)).toEqual([1, 2]);
  expect(alice.shown).toHaveLength(MAILBOX_FROM_ONE_LETTERS_MAX + 2);
});

test('a letter that is brought again is the same one, and after it was collected it stays gone', () => {
  const world = new MailWorld(13, 8);
  const [alice, bobby] = [world.client('alice1', 'alice phone'), world.client('bobby1', 'bobby')];
  world.attach(bobby);
  const id = hexOf(world.chance.bytes(16));
  for (let count = 0; count < 3; count += 1) world.writeAs(bobby, alice.signer.nodeId, 1, id);
  world.advance(3_000);
  expect(world.copiesFor(alice.signer.nodeId)).toBe(8);
  world.attach(alice);
  world.advance(5_000);
  world.writeAs(bobby, alice.signer.nodeId, 1, id);
  world.advance(3_000);
  expect(bobby.failed).toEqual([]);
  expect([alice.came, world.copiesFor(alice.signer.nodeId)]).toEqual([[1], 0]);
});

test('what is not stored is brought again', () => {
  const world = new MailWorld(17, 3);
  const [alice, bobby] = [world.client('alice1', 'alice phone'), world.client('bobby1', 'bobby')];
  world.attach(bobby);
  for (let line = 1; line <= 100; line += 1) world.write(bobby, alice.signer.nodeId, line);
  world.advance(3_000);
  alice.stores = false;
  world.attach(alice);
  world.advance(5_000);
  expect(alice.came).toHaveLength(100);
  world.detach(alice);
  alice.stores = true;
  world.attach(alice);
  world.advance(5_000);
  expect(alice.came).toHaveLength(200);
  expect(alice.shown).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  expect(world.copiesFor(alice.signer.nodeId)).toBe(0);
});
