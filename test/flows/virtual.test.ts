/**
 * The main job in virtual time: the same cores and driver as in the real program, on a simulated internet that loses,
 * doubles and disorders. Each scene runs in several seeded worlds.
 */
import { expect } from 'vitest';
import { silenceBody, withMediaTime } from '../../src/audio/voice-body.ts';
import { nothingReadable } from '../sim/checkers.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

const POOR = { delayMs: 40, jitterMs: 30, loss: 0.05, duplicate: 0.02, reorder: 0.05 } as const;

function poorLinks(world: World): void {
  for (const name of ['alice1', 'bobby1'])
    for (const other of ['super1', 'login']) {
      world.host(name);
      world.host(other);
      world.link(name, other, POOR);
    }
  world.link('alice1', 'bobby1', POOR);
}

/** Twenty milliseconds a body, as the voice child makes them. */
function talk(world: World, person: Person, ms: number): void {
  for (let t = 0; t < ms; t += 20) {
    const body = Buffer.from(withMediaTime(silenceBody(0), (t / 10) & 0xffff));
    world.later(t, () => person.call && person.does({ type: 'voice', call: person.call, body }));
  }
}

seeded('two people sign up, become buddies and chat over a poor network; nothing is readable on the wire', (world) => {
  poorLinks(world);
  world.watch(nothingReadable(['the swallow', 'correct horse']));
  const [alice, bobby] = new PeopleWorld(world).buddies();
  world.until(() => alice.presence.get('bobby1') === 'online' && bobby.presence.get('alice1') === 'online', 20_000);
  const texts = Array.from({ length: 20 }, (_, i) => `the swallow ${i}`);
  for (const text of texts) alice.says(bobby, text);
  world.until(() => alice.delivered.size === 20, 60_000);
  expect(bobby.lines.map((line) => line.text)).toEqual(texts);
});

seeded('a call rings, is answered, finds the direct way, carries voice both ways and ends for both', (world) => {
  const [alice, bobby] = new PeopleWorld(world).buddies();
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing') && alice.callLog.includes('ringing'));
  bobby.call_('answer');
  world.until(() => alice.callLog.includes('answered'));
  talk(world, alice, 10_000);
  talk(world, bobby, 10_000);
  world.advance(10_000);
  expect([alice.path, bobby.path]).toEqual(['lan', 'lan']);
  for (const person of [alice, bobby]) {
    expect(person.heard.length).toBeGreaterThan(490);
    expect(person.heard.length).toBeLessThan(510);
    const last = person.node.events.findLast((event) => event.type === 'quality');
    expect(last?.type === 'quality' && last.quality).toMatchObject({ payloadBytes: 60, lossInPct: 0, lossOutPct: 0 });
  }
  alice.call_('hang-up');
  world.until(() => alice.callLog.includes('ended hangup') && bobby.callLog.includes('ended hangup'));
});

seeded('silence of the same size and pace goes out when no voice child is there at all', (world) => {
  const [alice, bobby] = new PeopleWorld(world).buddies();
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'));
  bobby.call_('answer');
  world.until(() => alice.callLog.includes('answered'));
  world.advance(10_000);
  expect(Math.abs(bobby.heard.length - 500)).toBeLessThan(10);
  // One size on each rung: it begins on N, and with room for more it goes up by way of copies.
  const sizes = bobby.heard.map((body) => body.length);
  expect(sizes.slice(0, 150).every((size) => size === 60)).toBe(true);
  expect([...new Set(sizes)]).toEqual([60, 117, 120].slice(0, new Set(sizes).size));
});

seeded('two who call each other at once end up in one call', (world) => {
  const [alice, bobby] = new PeopleWorld(world).buddies();
  alice.calls(bobby);
  bobby.calls(alice);
  world.until(() => alice.callLog.includes('answered') && bobby.callLog.includes('answered'));
  world.advance(1_000);
  expect([...alice.callLog, ...bobby.callLog].filter((what) => what === 'answered')).toHaveLength(2);
  bobby.call_('hang-up');
  alice.call_('hang-up');
  world.until(
    () => alice.callLog.some((one) => one.startsWith('ended')) && bobby.callLog.some((one) => one.startsWith('ended')),
  );
});

seeded('with UDP blocked everything goes through the stream to the supernode, voice too', (world) => {
  const people = new PeopleWorld(world);
  // The login server dials what enrols, by UDP too.
  const servers = ['login', 'super1'].map((name) => world.host(name).address);
  world.block(({ carrier, from, to }) => carrier === 'udp' && ![from, to].every(({ host }) => servers.includes(host)));
  const [alice, bobby] = people.buddies();
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'));
  bobby.call_('answer');
  world.until(() => alice.callLog.includes('answered'));
  world.advance(5_000);
  expect([alice.path, bobby.path]).toEqual(['tcp', 'tcp']);
  expect(bobby.heard.length).toBeGreaterThan(230);
});

seeded(
  'the supernode dies in a call: the direct call loses nothing, and both attach again when it is back',
  (world) => {
    const people = new PeopleWorld(world);
    const [alice, bobby] = people.buddies();
    alice.calls(bobby);
    world.until(() => bobby.callLog.includes('ringing'));
    bobby.call_('answer');
    world.until(() => alice.path === 'lan' && bobby.path === 'lan');
    people.supernodes.get('super1')?.stop();
    const before = bobby.heard.length;
    world.advance(20_000);
    expect(bobby.heard.length - before).toBeGreaterThan(990);
    alice.call_('hang-up');
    world.until(() => bobby.callLog.includes('ended hangup'), 3_000);
    people.startSupernode('super1');
    world.until(() => alice.online && bobby.online, 40_000);
    alice.says(bobby, 'we are back');
    world.until(() => bobby.lines.some((line) => line.text === 'we are back'), 30_000);
  },
);

seeded('with two supernodes both people move to the other when theirs dies, and find each other there', (world) => {
  const people = new PeopleWorld(world, ['super1', 'super2']);
  const [alice, bobby] = people.buddies();
  people.supernodes.get('super1')?.stop();
  alice.says(bobby, 'still there?');
  world.until(() => alice.delivered.size === 1, 60_000);
  expect(bobby.lines.map((line) => line.text)).toEqual(['still there?']);
});

seeded('whoever is killed comes back with account and buddies, and gets what was written meanwhile, once', (world) => {
  const [alice, bobby] = new PeopleWorld(world).buddies();
  bobby.kill();
  for (const text of ['one', 'two', 'three']) alice.says(bobby, text);
  world.advance(5_000);
  alice.kill();
  alice.start();
  world.advance(3_000);
  bobby.start();
  world.until(() => bobby.lines.length === 3 && alice.delivered.size === 3, 120_000);
  world.advance(30_000);
  expect(bobby.lines.map((line) => line.text)).toEqual(['one', 'two', 'three']);
  expect(bobby.relation('alice1')).toBe('both');
});

seeded('the blocked see nothing: not online, not found, not reached', (world) => {
  const [alice, bobby] = new PeopleWorld(world).buddies();
  world.until(() => bobby.presence.get('alice1') === 'online');
  alice.does({ type: 'roster', command: { type: 'block', name: 'bobby1' } });
  world.until(() => bobby.presence.get('alice1') === 'offline', 5_000);
  bobby.says(alice, 'why?');
  bobby.calls(alice);
  bobby.does({ type: 'search', ticket: 7, pattern: 'alice', limit: 10 });
  world.advance(30_000);
  expect(alice.lines).toEqual([]);
  expect(alice.callLog).toEqual([]);
  expect(bobby.callLog.at(-1)).toMatch(/^ended (unreachable|no-answer)/);
  expect(bobby.node.events.find((event) => event.type === 'search-results')).toMatchObject({ hits: [] });
});

seeded(
  'a certificate is renewed in time, and people stay reachable past the end of the first',
  (world) => {
    const [alice, bobby] = new PeopleWorld(world).buddies();
    const first = alice.certificate?.expiresAtMs ?? 0;
    for (let day = 0; day < 4; day++) {
      world.advance(24 * 3_600_000);
      alice.says(bobby, `day ${day}`);
      world.until(() => bobby.lines.length === day + 1, 60_000);
    }
    expect(alice.certificate?.expiresAtMs).toBeGreaterThan(first + 2 * 86_400_000);
  },
  { runs: 1 },
);

seeded(
  'the login server away for a day is noticed by nobody who is signed in',
  (world) => {
    const people = new PeopleWorld(world);
    const [alice, bobby] = people.buddies();
    people.login.stop();
    world.advance(24 * 3_600_000);
    expect([alice.online, bobby.online]).toEqual([true, true]);
    alice.says(bobby, 'hello');
    world.until(() => alice.delivered.size === 1, 30_000);
  },
  { runs: 1 },
);
