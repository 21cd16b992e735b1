/**
 * The blocking experiments of the slides ("Blocked Logins"), each by its name, in virtual time. There the third ended
 * the classic network's logins; here a supernode carries the sealed dialogue, and every one must succeed.
 */
import { describe, expect, test } from 'vitest';
import { REMEMBER_SOON_MS } from '../../src/net/protocol/params.ts';
import type { Packet } from '../sim/network.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import { judgeFirstRecord } from '../sim/tls-record.ts';
import type { World } from '../sim/world.ts';

const SEED = 3;
const PERSON = 'alice1';

/** Nothing that a person sends reaches the login server; supernodes reach it. */
function blockLogin(world: World, people: PeopleWorld, ports: 'all' | readonly number[] = 'all'): void {
  world.block(
    ({ to }, sender) =>
      sender === PERSON && to.host === people.loginAddress && (ports === 'all' || ports.includes(to.port)),
  );
}

function signsUp(world: World, person: Person, withinMs: number): void {
  const begin = world.now;
  person.signUp();
  expect(person.online).toBe(true);
  expect(world.now - begin).toBeLessThanOrEqual(withinMs);
}

async function scene(play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, SEED, replayCommand(SEED, testPath, currentTestName.replaceAll(' > ', ' ')));
}

describe('experiment 1: the login server is blocked', () => {
  test('at its own port: another port of it is tried', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      blockLogin(world, people, [4000]);
      signsUp(world, people.person(PERSON), 1_000);
    });
  });

  test('at one of its two addresses: the other is tried (slides, "Login Server": two addresses)', async () => {
    await scene((world) => {
      world.host('login', { addresses: ['10.1.0.1', '10.2.0.1'] });
      const people = new PeopleWorld(world);
      expect(people.loginAddress).toBe('10.1.0.1');
      blockLogin(world, people);
      signsUp(world, people.person(PERSON), 1_000);
    });
  });

  test('at every port: a supernode carries the sealed dialogue', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      blockLogin(world, people);
      signsUp(world, people.person(PERSON), 2_000);
    });
  });

  test('and people sign up by the same supernode, meet, and keep their buddies when they start again', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      world.block(({ to }, sender) => /^(alice|bobby)1$/.test(sender) && to.host === people.loginAddress);
      const [alice, bobby] = people.buddies();
      alice.says(bobby, 'nobody can keep us apart');
      world.until(() => bobby.lines.length === 1);
      alice.kill();
      alice.start();
      world.until(() => alice.online);
    });
  });
});

describe('experiment 2: the alternatives are blocked as well', () => {
  test('UDP, and TCP but for port 80 of one supernode', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2']);
      const last = world.host('super2').address;
      world.block(({ to, from, carrier }, sender) => {
        if (sender !== PERSON) return false;
        return carrier === 'udp' || from.host === to.host || to.host !== last || to.port !== 80;
      });
      signsUp(world, people.person(PERSON), 6_500);
    });
  });
});

describe('where nothing but TLS to port 443 gets out', () => {
  test('and the login server is blocked, a supernode carries the dialogue inside TLS', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      blockLogin(world, people);
      signsUp(world, people.person(PERSON, '443D'), 3_500);
    });
  });

  test('a person who has been there before is back in less than half a second: the way is remembered', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      const person = people.person(PERSON, '443D');
      signsUp(world, person, 2_000);
      world.advance(2 * REMEMBER_SOON_MS);
      person.kill();
      const begin = world.now;
      person.start();
      world.until(() => person.online);
      expect(world.now - begin).toBeLessThanOrEqual(500);
    });
  });
});

describe('the addresses that everybody starts from are blocked', () => {
  test('all that the invite names: a supernode that was met before lets in, and carries the dialogue', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2']);
      const person = people.person(PERSON);
      person.invited = people.supernodeEndpoints().slice(0, 1);
      person.signUp();
      world.advance(20 * 60_000);
      person.kill();
      const named = [people.loginAddress, world.host('super1').address];
      world.block(({ to }, sender) => sender === PERSON && named.includes(to.host));
      person.start();
      world.until(() => person.online, 3_000);
      const ticket = 1_000;
      person.does({ type: 'login', ticket, request: { kind: 'buddyListGet' } });
      world.until(() => person.node.events.some((event) => event.type === 'login-reply' && event.ticket === ticket));
    });
  });
});

describe('a hundred sign-ins of a hundred succeed (figure S9)', () => {
  /** What is blocked -> rule of a world; the invite names the first supernode, the second was met before. */
  const blocked: Readonly<Record<string, (world: World, people: PeopleWorld) => void>> = {
    'the login server': (world, people) => blockLogin(world, people),
    'all that the invite names': (world, people) => {
      blockLogin(world, people);
      world.block(({ to }, sender) => sender === PERSON && to.host === world.host('super1').address);
    },
    '16 03 01 00': (world) => void dropSignature(world),
  };

  test.each(Object.keys(blocked))('with %s blocked', async (what) => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2']);
      const person = people.person(PERSON);
      person.invited = people.supernodeEndpoints().slice(0, 1);
      person.signUp();
      world.advance(20 * 60_000);
      blocked[what]?.(world, people);
      let signedIn = 0;
      for (let i = 0; i < 100; i++) {
        person.kill();
        person.certificate = undefined;
        // A supernode lets one host begin a new dialogue every 3 s.
        world.advance(4_000);
        person.start();
        person.signIn();
        signedIn += Number(person.online);
      }
      expect(signedIn).toBe(100);
    });
  });
});

describe('experiment 3: packets that hold 16 03 01 00 are dropped', () => {
  test('on the way of a person: the login server is asked without these bytes', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      const dropped = dropSignature(world);
      signsUp(world, people.person(PERSON), 2_000);
      expect(dropped()).toBeGreaterThan(0);
    });
  });

  test.each([
    ['by the plain face, where port 443 is closed too', 'plain', ({ to }: Packet) => to.port === 443],
    [
      'inside TLS, where nothing but TLS is let through',
      'TLS',
      ({ carrier, to }: Packet) => carrier === 'udp' || to.port !== 443,
    ],
  ] as const)('and it is asked %s', async (_what, face, blocked) => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      const dropped = dropSignature(world);
      world.block((packet, sender) => sender === PERSON && blocked(packet));
      const firstBytes = new Map<string, Buffer>();
      world.watch({
        packet({ carrier, kind, from, to, bytes }, sender) {
          const stream = `${from.port} ${to.host}`;
          if (sender !== PERSON || carrier !== 'tcp' || kind !== 'data') return;
          firstBytes.set(stream, Buffer.concat([firstBytes.get(stream) ?? Buffer.alloc(0), bytes]));
        },
      });
      signsUp(world, people.person(PERSON), 3_000);
      expect(dropped()).toBeGreaterThan(0);
      const kinds = [...firstBytes.values()].map((bytes) => judgeFirstRecord(bytes, 'client'));
      expect(kinds.includes('tls')).toBe(face === 'TLS');
    });
  });
});

/** Put together as it came: a signature torn over two packets is one all the same. Tells how many it dropped. */
function dropSignature(world: World): () => number {
  const signature = Buffer.from('16030100', 'hex');
  const flows = new Map<string, Buffer>();
  let dropped = 0;
  world.block(({ carrier, from, to, bytes }, sender) => {
    if (sender !== PERSON) return false;
    const flow = `${carrier} ${from.port} ${to.host} ${to.port}`;
    const seen = Buffer.concat([flows.get(flow) ?? Buffer.alloc(0), bytes]);
    flows.set(flow, seen);
    const hit = seen.includes(signature);
    if (hit) dropped += 1;
    return hit;
  });
  return () => dropped;
}

describe('a supernode that carries a dialogue', () => {
  test('reads neither name nor password, nor does anybody on the way', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      blockLogin(world, people);
      const seen: Buffer[] = [];
      world.watch({ packet: ({ bytes }) => void seen.push(bytes) });
      const person = people.person(PERSON);
      person.signUp('a password to look for');
      expect(seen.length).toBeGreaterThan(10);
      expect(seen.filter((bytes) => bytes.includes('a password to look for') || bytes.includes(PERSON))).toEqual([]);
    });
  });

  test('that dies under it is followed by another', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world, ['super1', 'super2']);
      blockLogin(world, people);
      const first = people.supernodes.get('super1');
      const person = people.person(PERSON);
      let killed = false;
      world.watch({
        packet({ to }, sender) {
          // The dialogue is under way when the supernode first turns to the login server.
          if (sender !== 'super1' || to.host !== people.loginAddress || killed) return;
          killed = true;
          first?.stop();
        },
      });
      person.signUp();
      expect(killed).toBe(true);
      expect(person.online).toBe(true);
    });
  });

  test('of somebody who has a certificate renews it by the session that is there', async () => {
    await scene((world) => {
      const people = new PeopleWorld(world);
      const person = people.person(PERSON);
      person.signUp();
      // The session by which it signed up is let go by then.
      world.advance(4_000);
      blockLogin(world, people);
      const ticket = 1_000;
      person.does({ type: 'login', ticket, request: { kind: 'buddyListGet' } });
      world.until(() => person.node.events.some((event) => event.type === 'login-reply' && event.ticket === ticket));
    });
  });
});
