/** Safety words between people in virtual time: the same at both ends, through new devices, and not with somebody in between. */
import { expect } from 'vitest';
import { accountKeyOf, safetyWords, signDevices } from '../../src/net/index.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Each knows with which account key the other is. */
function acquainted(one: Person, other: Person): boolean {
  const knows = (at: Person, of: Person) => at.core.deviceListOf(of.name) !== undefined;
  return knows(one, other) && knows(other, one);
}

/** The twelve words that this person would read aloud. */
function wordsAt(at: Person, other: string): string[] {
  const [own, theirs] = [at.name, other].map((name) => at.core.deviceListOf(name)?.accountKey);
  if (!own || !theirs) return [];
  return safetyWords(at.name, own, other, theirs).flatMap(({ words }) => words);
}

seeded(
  'two people read the same twelve words, and so they do from a further device',
  (world) => {
    const scene = new PeopleWorld(world, ['super1', 'super2']);
    const [alice, bobby] = scene.buddies();
    alice.learns(scene.sign(1, [alice]));
    bobby.learns(scene.sign(1, [bobby]));
    world.until(() => acquainted(alice, bobby));
    const words = wordsAt(alice, 'Bobby1');
    expect(words).toHaveLength(12);
    expect(wordsAt(bobby, 'alice1')).toEqual(words);
    const phone = scene.person('alice-phone', undefined, { account: 'alice1' });
    phone.roster = alice.roster;
    phone.invited = scene.supernodeEndpoints().slice(1);
    phone.signIn();
    phone.learns(scene.sign(2, [alice, phone]));
    world.until(() => bobby.core.deviceListOf('alice1')?.version === 2 && acquainted(phone, bobby));
    expect([wordsAt(bobby, 'alice1'), wordsAt(phone, 'Bobby1')]).toEqual([words, words]);
    expect(bobby.deviceNews.filter((news) => news.type === 'list-changed' && news.keyChanged)).toEqual([]);
  },
  { runs: 2 },
);

seeded(
  'whoever gets a certificate for a name, but not its account key, is betrayed by the words and told of at once',
  (world) => {
    const scene = new PeopleWorld(world, ['super1', 'super2']);
    const [alice, bobby] = scene.buddies();
    alice.learns(scene.sign(1, [alice]));
    bobby.learns(scene.sign(1, [bobby]));
    world.until(() => acquainted(alice, bobby));
    const words = wordsAt(alice, 'Bobby1');
    // As if the login server itself had let them in.
    const impostor = scene.person('impostor', undefined, { account: 'alice1' });
    impostor.roster = alice.roster;
    impostor.signIn();
    const forged = { name: 'alice1', version: 9, devices: [impostor.device], revoked: [] };
    impostor.learns(signDevices(forged, accountKeyOf(seededRandom('not hers').bytes(32))));
    world.until(() => bobby.deviceNews.some((news) => news.type === 'list-changed' && news.keyChanged), 30_000);
    const seen = wordsAt(bobby, 'alice1');
    expect(seen.slice(0, 6)).not.toEqual(words.slice(0, 6));
    expect(seen.slice(6)).toEqual(words.slice(6));
  },
  { runs: 2 },
);
