/** One account on several machines, in virtual time: lists, their way to buddies, and what revoking does. */
import { expect } from 'vitest';
import { silenceBody, withMediaTime } from '../../src/audio/voice-body.ts';
import { SEALED_KEY_BYTES } from '../../src/net/protocol/params.ts';
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

const turnedOut = ({ deviceNews }: Person) => deviceNews.some(({ type }) => type === 'revoked');

/** The account has revoked the phone, at the login server too; nobody tells the phone but supernodes. */
function revokePhone(scene: PeopleWorld, alice: Person, phone: Person): void {
  const stored = [scene.sign(1, [alice]), scene.sign(2, [alice, phone])];
  const sealedKey = Buffer.alloc(SEALED_KEY_BYTES);
  for (const { signed, version } of stored) scene.accounts.putDeviceList('alice1', { ...signed, version, sealedKey });
  alice.puts(scene.sign(3, [alice], [phone]));
}

seeded(
  'a revoked device is turned out by its supernodes within seconds, and let in by none, also after a restart',
  (world) => {
    const { scene, alice, phone } = meet(world);
    scene.startSupernode('super3');
    world.advance(30_000);
    expect(phone.online).toBe(true);
    revokePhone(scene, alice, phone);
    world.until(() => turnedOut(phone), 3_000);
    // Its program goes on as if it had not heard, and its certificate is good: it tries everywhere.
    world.advance(45_000);
    expect(phone.online).toBe(false);
    const names = ['super1', 'super2', 'super3'];
    const hasStored = (name: string) => scene.supernodes.get(name)?.events.some(({ type }) => type === 'revocations');
    expect(names.every(hasStored)).toBe(true);
    alice.kill();
    phone.kill();
    for (const name of names) {
      scene.supernodes.get(name)?.stop();
      scene.startSupernode(name);
    }
    phone.start();
    world.advance(30_000);
    expect(phone.online).toBe(false);
    alice.start();
    world.until(() => alice.online, 20_000);
  },
  { runs: 1 },
);

seeded(
  'the other side of a partition turns a revoked device out within seconds of its end',
  (world) => {
    const { scene, alice, phone } = meet(world);
    const here = [world.host('alice1'), world.host('super1'), world.host('login')].map(({ address }) => address);
    const there = [world.host('alice-phone'), world.host('super2')].map(({ address }) => address);
    const heal = world.block(({ from, to }) => {
      const ends = [from.host, to.host];
      return ends.some((host) => here.includes(host)) && ends.some((host) => there.includes(host));
    });
    world.advance(60_000);
    revokePhone(scene, alice, phone);
    world.advance(30_000);
    expect([phone.online, turnedOut(phone)]).toEqual([true, false]);
    heal();
    // Supernodes find one another again in their own time; then it is a matter of seconds.
    world.until(() => turnedOut(phone), 90_000);
  },
  { runs: 2 },
);

seeded('a device that was away while it was revoked hears of it from a buddy', (world) => {
  const { scene, alice, phone, bobby } = meet(world);
  phone.kill();
  alice.learns(scene.sign(3, [alice], [phone]));
  world.until(() => versionAt(bobby, 'alice1') === 3);
  alice.kill();
  phone.start();
  world.until(() => isRevoked(phone), 20_000);
});

const words = ({ callLog }: Person) => callLog.filter((word) => !word.startsWith('media-'));
const DEVICES = 5;
const timeOf = (of: Person, word: string) => of.callTimes[of.callLog.indexOf(word)] ?? Number.POSITIVE_INFINITY;

seeded(
  'a call rings at five devices that sit at three supernodes, the first to pick up wins, and of two one does',
  (world) => {
    const scene = new PeopleWorld(world, ['super1', 'super2', 'super3']);
    const [alice, bobby] = scene.buddies();
    const devices = [alice];
    alice.learns(scene.sign(1, devices));
    for (let n = 1; n < DEVICES; n++) {
      const other = scene.person(`alice-${n}`, undefined, { account: 'alice1' });
      other.roster = alice.roster;
      other.invited = scene.supernodeEndpoints().slice(n % 3, (n % 3) + 1);
      for (const supernode of ['super1', 'super2', 'super3'])
        world.link(`alice-${n}`, supernode, { delayMs: 10 + 10 * n, jitterMs: 10 });
      other.signIn();
      devices.push(other);
      other.learns(scene.sign(n + 1, devices));
      world.advance(1_000);
    }
    world.until(() => devices.every((device) => device.core.ownDevicesHere().length === DEVICES - 1), 30_000);
    world.until(() => bobby.core.deviceListOf('alice1') !== undefined);
    // What five sign-ins cost of what supernodes forward for one person is theirs again.
    world.advance(8_000);
    // The first to pick up.
    bobby.calls(alice);
    world.until(() => devices.every((device) => device.callLog.includes('ringing')));
    const rings = devices.map((device) => timeOf(device, 'ringing'));
    expect(Math.max(...rings) - Math.min(...rings)).toBeLessThanOrEqual(200);
    const answered = world.now;
    devices[2]?.call_('answer');
    world.until(() => devices.filter((device) => device.callLog.includes('ended answered-elsewhere')).length === 4);
    expect(world.now - answered).toBeLessThanOrEqual(300);
    bobby.call_('hang-up');
    world.until(() => devices[2]?.callLog.includes('ended hangup') ?? false);
    // Two in the same instant, over a network that loses.
    for (let n = 1; n < DEVICES; n++)
      for (const supernode of ['super1', 'super2', 'super3'])
        world.link(`alice-${n}`, supernode, { delayMs: 30, loss: 0.05 });
    for (const one of [...devices, bobby]) one.callLog.length = 0;
    bobby.calls(alice);
    world.until(() => devices.every((device) => device.callLog.includes('ringing')));
    devices[1]?.call_('answer');
    devices[3]?.call_('answer');
    world.advance(6_000);
    const talking = devices.filter((device) => !device.callLog.some((word) => word.startsWith('ended')));
    expect(talking.map(words)).toEqual([['ringing', 'answered']]);
    expect(words(bobby)).toEqual(['dialling', 'ringing', 'answered']);
  },
);

/** Twenty milliseconds a body, as the voice child makes them. */
function talk(world: World, person: Person, ms: number): void {
  for (let t = 0; t < ms; t += 20) {
    const body = Buffer.from(withMediaTime(silenceBody(0), (t / 10) & 0xffff));
    world.later(t, () => person.call && person.does({ type: 'voice', call: person.call, body }));
  }
}

seeded(
  'a running call is pulled to another device: the far end keeps it, sound goes on, the old device ends',
  (world) => {
    const { alice, phone, bobby } = meet(world);
    world.until(() => versionAt(bobby, 'alice1') === 2 && versionAt(phone, 'bobby1') === 1);
    bobby.calls(alice);
    world.until(() => alice.callLog.includes('ringing') && phone.callLog.includes('ringing'));
    alice.call_('answer');
    world.until(() => bobby.callLog.includes('answered') && phone.callLog.includes('ended answered-elsewhere'));
    talk(world, bobby, 8_000);
    talk(world, alice, 2_000);
    world.advance(2_000);
    const wire = phone.elsewhere[0]?.call ?? '';
    expect(phone.elsewhere).toMatchObject([{ peer: 'bobby1', node: alice.nodeId, role: 'callee' }]);
    const [before, from] = [bobby.call, world.now];
    phone.does({ type: 'calls', command: { type: 'pull', call: wire } });
    world.until(() => phone.callLog.includes('answered') && alice.callLog.includes('ended moved'));
    expect(world.now - from).toBeLessThanOrEqual(1_000);
    phone.call = wire;
    talk(world, phone, 4_000);
    const heard = [bobby, phone].map((one) => one.heard.length);
    world.advance(4_000);
    expect(words(bobby)).toEqual(['dialling', 'ringing', 'answered', 'moved']);
    expect(bobby.call).toBe(before);
    expect(bobby.heard.length - (heard[0] ?? 0)).toBeGreaterThan(180);
    expect(phone.heard.length - (heard[1] ?? 0)).toBeGreaterThan(180);
    // The phone hands it back to the desk, which asked for nothing.
    const handed = world.now;
    phone.does({ type: 'calls', command: { type: 'hand-over', call: wire, node: alice.nodeId } });
    world.until(() => phone.callLog.includes('ended moved') && words(alice).at(-1) === 'answered');
    expect(world.now - handed).toBeLessThanOrEqual(1_500);
    expect(words(phone).at(-1)).toBe('handed-over');
    alice.call = wire;
    talk(world, bobby, 3_000);
    talk(world, alice, 3_000);
    const again = [bobby, alice].map((one) => one.heard.length);
    world.advance(3_000);
    expect(bobby.heard.length - (again[0] ?? 0)).toBeGreaterThan(130);
    expect(alice.heard.length - (again[1] ?? 0)).toBeGreaterThan(130);
    bobby.call_('hang-up');
    world.until(() => alice.callLog.includes('ended hangup'));
    world.until(() => phone.elsewhere.length + alice.elsewhere.length === 0);
  },
  { runs: 2 },
);
