/** One account on several machines, in virtual time: lists, their way to buddies, and what revoking does. */
import { expect } from 'vitest';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

interface Scene {
  readonly scene: PeopleWorld;
  readonly alice: Person;
  readonly phone: Person;
  readonly bobby: Person;
}

/** Alice at two machines, which sit at different supernodes, and her buddy, who has one. */
function meet(world: World): Scene {
  const scene = new PeopleWorld(world, ['super1', 'super2']);
  const [alice, bobby] = scene.buddies();
  alice.learns(scene.sign(1, [alice]));
  bobby.learns(scene.sign(1, [bobby]));
  const phone = scene.person('alice-phone', undefined, { account: 'alice1' });
  phone.roster = alice.roster;
  phone.invited = scene.supernodeEndpoints().slice(1);
  phone.signIn();
  phone.learns(scene.sign(2, [alice, phone]));
  world.until(() => [alice, phone, bobby].every((one) => versionAt(one, 'alice1') === 2));
  world.until(() => alice.core.ownDevicesHere().length === 1 && phone.core.ownDevicesHere().length === 1);
  return { scene, alice, phone, bobby };
}

const versionAt = (at: Person, name: string) => at.core.deviceListOf(name)?.version;
const isRevoked = ({ deviceNews }: Person) =>
  deviceNews.some((news) => news.type === 'own-changed' && news.standing === 'revoked');

seeded('the device list of an account comes to its buddies and to its other devices', (world) => {
  const { alice, phone, bobby } = meet(world);
  world.until(() => [alice, phone, bobby].every((one) => versionAt(one, 'Bobby1') === 1));
  expect(bobby.core.deviceListOf('alice1')?.devices.map(({ label }) => label)).toEqual(['alice1', 'alice-phone']);
  expect(alice.core.ownDevicesHere()).toEqual([phone.nodeId]);
  expect(phone.core.ownDevicesHere()).toEqual([alice.nodeId]);
  expect(bobby.deviceNews.filter((news) => news.type === 'list-changed')).toHaveLength(2);
  phone.says(bobby, 'from the phone');
  alice.says(bobby, 'from the desk');
  world.until(() => bobby.lines.length === 2);
  // What is known is not told again.
  const before = bobby.deviceNews.length;
  bobby.kill();
  bobby.start();
  world.until(() => bobby.presence.get('alice1') === 'online');
  world.advance(10_000);
  expect(bobby.deviceNews.slice(before).filter((news) => news.type === 'list-changed')).toEqual([]);
  expect(versionAt(bobby, 'alice1')).toBe(2);
});

seeded('a revoked device hears so at once, and nobody hears it any more', (world) => {
  const { scene, alice, phone, bobby } = meet(world);
  alice.learns(scene.sign(3, [alice], [phone]));
  world.until(() => isRevoked(phone) && versionAt(bobby, 'alice1') === 3, 2_000);
  // Its program goes on as if it had not heard.
  phone.says(bobby, 'still here');
  phone.calls(bobby);
  alice.says(bobby, 'it is me');
  world.until(() => bobby.lines.length > 0);
  world.advance(30_000);
  expect(bobby.lines.map(({ text }) => text)).toEqual(['it is me']);
  expect(bobby.callLog).toEqual([]);
  bobby.calls(alice);
  world.until(() => alice.callLog.includes('ringing'));
  world.advance(5_000);
  expect(phone.callLog.filter((word) => word === 'ringing')).toEqual([]);
  expect(alice.core.ownDevicesHere()).toEqual([]);
});

seeded('a device that was away while it was revoked hears of it from a buddy', (world) => {
  const { scene, alice, phone, bobby } = meet(world);
  phone.kill();
  alice.learns(scene.sign(3, [alice], [phone]));
  world.until(() => versionAt(bobby, 'alice1') === 3);
  alice.kill();
  phone.start();
  world.until(() => isRevoked(phone), 20_000);
});
