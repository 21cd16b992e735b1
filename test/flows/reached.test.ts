/**
 * A supernode must be reached from outside, or it is none: the login server dials what enrols and certifies it for the
 * addresses at which it answered (PROTOCOL.md 9.2). In virtual time, with the real cores.
 */
import { expect } from 'vitest';
import { checkCertificate } from '../../src/net/login/credential.ts';
import { PeopleWorld } from '../sim/people-world.ts';
import { seeded } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';

/** What came of the last enrolment: the addresses certified, or why there are none. */
function outcome(people: PeopleWorld, name: string): readonly string[] | string | undefined {
  const { authorityDer } = people.authority.issuer;
  const nowMs = people.world.wallClock();
  for (const event of (people.supernodes.get(name)?.events ?? []).toReversed()) {
    if (event.type === 'enrolment-failed') return event.code;
    if (event.type !== 'certified') continue;
    const checked = checkCertificate(event.certificateDer, { authorityDer, nowMs });
    return checked.ok ? checked.identity.hosts : checked.why;
  }
  return undefined;
}

/** A network with one supernode; the host of another, before which a firewall drops one carrier of the login server's. */
function walled(world: World, carrier: 'udp' | 'tcp'): { people: PeopleWorld; open: () => void; address: string } {
  const people = new PeopleWorld(world, ['super1']);
  const { address } = world.host('walled', { address: '198.51.100.7' });
  // What belongs to its own connections passes: a firewall with a memory.
  const isDialled = (port: number): boolean => port === 4000;
  const open = world.block(
    ({ to, carrier: by }, sender) => sender === 'login' && by === carrier && to.host === address && isDialled(to.port),
  );
  return { people, open, address };
}

seeded('the first supernode of a network is dialled like all others, and certified for where it is', (world) => {
  const people = new PeopleWorld(world, ['super1']);
  expect(outcome(people, 'super1')).toEqual([world.host('super1').address]);
});

for (const carrier of ['udp', 'tcp'] as const) {
  seeded(
    `one that is not reached by ${carrier} is none, and becomes one by itself when the way is open`,
    (world) => {
      const { people, open, address } = walled(world, carrier);
      people.startSupernode('walled');
      world.until(() => outcome(people, 'walled') !== undefined, 10_000);
      expect(outcome(people, 'walled')).toBe('not-reached');
      expect(people.accounts.supernodes(9).flatMap(({ endpoints }) => endpoints.join())).toEqual([
        `udp:${world.host('super1').address}:4000`,
      ]);
      open();
      world.until(() => outcome(people, 'walled') !== 'not-reached', 20_000);
      expect(outcome(people, 'walled')).toEqual([address]);
    },
    { runs: 1 },
  );
}

seeded('a datagram that is lost on the way is dialled again', (world) => {
  const people = new PeopleWorld(world, ['super1']);
  let lost = 0;
  world.block(({ to, carrier }, sender) => {
    const isFirst = sender === 'login' && carrier === 'udp' && to.host === world.host('super2').address && lost === 0;
    if (isFirst) lost += 1;
    return isFirst;
  });
  people.startSupernode('super2');
  world.until(() => outcome(people, 'super2') !== undefined, 10_000);
  expect([outcome(people, 'super2'), lost]).toEqual([[world.host('super2').address], 1]);
});
