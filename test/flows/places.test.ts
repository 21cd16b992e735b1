/**
 * Every place against every other, in virtual time: can people sign up there, meet, write, and be heard, and which way
 * does the sound of a call go? The table is `../places.ts`; a cell that gets better fails here, and is
 * then tightened. Links are those of the figures' W100: 50 ms each way between a person and the core.
 * `WREN_GRID=1` prints the grid with all times.
 */
import { afterAll, describe, expect, test } from 'vitest';
import {
  BEHAVIOUR,
  type Behaviour,
  describePlace,
  expectedRoute,
  PLACES,
  type Place,
  routeOf,
  SIGN_IN_MS_MAX,
} from '../places.ts';
import { type Joined, joinedFarApart } from '../sim/far-apart.ts';
import { PeopleWorld, type Person } from '../sim/people-world.ts';
import { replayCommand, runScene } from '../sim/seeded.ts';
import type { World } from '../sim/world.ts';
import { keyPair } from '../support/identities.ts';

const SEED = 1;
/** Figure P4, for a relay by UDP and by TCP; by UDP it holds for direct ways too, which begin at the relay. */
const SOUND_MS_MAX = { udp: 300, tcp: 700 } as const;
/** Figure P2, media by the direct way after the answer; P3 where one of them is in SYM. */
const DIRECT_MS_MAX = 1_500;
const DIRECT_MS_MAX_SYM = 3_000;
/**
 * What a first sign-in takes where nothing is computed: three round trips of 100 ms with the login server, one more with the
 * supernode, whose other one passes while the login server works; and what finding a way takes.
 */
const SIGN_IN_BY_NETWORK_MS: Readonly<Record<'open' | Behaviour['tcp'], number>> = {
  open: 410,
  all: 660,
  '443': 760,
  'tls-on-443': 1_060,
};
/** So long a call is watched for a better way. */
const WATCH_MS = 4_000;

interface Cell {
  readonly route: string;
  /** From the answer until both hear. */
  readonly soundMs: number;
  /** From the answer until both have left the relay; undefined when they have not. */
  readonly directMs: number | undefined;
}

const NOBODY: Cell = { route: '-', soundMs: 0, directMs: undefined };

const signInMs = new Map<Place, number | 'cannot'>();
const cells = new Map<string, Cell>();

describe('somebody in this place', () => {
  test.each(PLACES)('%s signs up as the table says', async (where) => {
    await scene((world) => {
      const [took] = joinedFarApart(new PeopleWorld(world), { alice1: where }).map(({ tookMs }) => tookMs);
      signInMs.set(where, took ?? 'cannot');
      const { udp, tcp } = BEHAVIOUR[where];
      const byNetworkMs = SIGN_IN_BY_NETWORK_MS[udp ? 'open' : tcp];
      expect(took).toBeLessThanOrEqual(Math.min(SIGN_IN_MS_MAX[where], byNetworkMs));
    });
  });
});

test('a supernode that was asked in advance hears no more of somebody who is refused, until he is not', async () => {
  await scene((world) => {
    const people = new PeopleWorld(world);
    const [{ person }] = joinedFarApart(people, { bobby1: 'PUB' }) as [Joined];
    person.kill();
    person.certificate = undefined;
    person.start();
    const [here, there] = ['bobby1', 'super1'].map((name) => world.host(name).address);
    let said = 0;
    world.watch({
      packet({ from, to }) {
        if (from.host === here && to.host === there) said += 1;
      },
    });
    const publicKey = keyPair('bobby1').spki;
    const request = { kind: 'signIn', name: 'bobby1', password: 'not the right one', publicKey } as const;
    person.node.command({ type: 'login', ticket: 1_000, request });
    world.until(() => person.count('login-failed') === 1);
    // Its hello, and three questions about the NAT between.
    expect(said).toBe(4);
    world.advance(10_000);
    expect(said).toBe(4);
    const begin = world.now;
    person.signIn();
    expect(world.now - begin).toBeLessThanOrEqual(SIGN_IN_BY_NETWORK_MS.open);
  });
});

describe.each(PLACES)('somebody in %s', (caller) => {
  test.each(PLACES)('calls %s: what is written arrives, both are heard, by the way in the table', async (callee) => {
    await scene((world) => {
      const cell = callBetween(world, caller, callee);
      cells.set(`${caller} ${callee}`, cell);
      expect(cell.route).toBe(expectedRoute('simulator', caller, callee));
      const directMs = [caller, callee].includes('SYM') ? DIRECT_MS_MAX_SYM : DIRECT_MS_MAX;
      if (cell.route === 'direct' || cell.route === 'lan') expect(cell.directMs).toBeLessThanOrEqual(directMs);
      const byTcp = cell.route.includes('tcp');
      expect(cell.soundMs).toBeLessThanOrEqual(byTcp ? SOUND_MS_MAX.tcp : SOUND_MS_MAX.udp);
    });
  });
});

test('a stranger who calls is met at the supernode alone, and directly once it was answered', async () => {
  await scene((world) => {
    const people = new PeopleWorld(world);
    const [alice, bobby] = joinedFarApart(people, { alice1: 'PUB', bobby1: 'PUB' }).map(({ person }) => person);
    if (!alice || !bobby) throw new Error('nobody came');
    const homes = ['alice1', 'bobby1'].map((name) => world.host(name).address);
    let between = 0;
    world.watch({
      packet({ from, to }) {
        if (homes.includes(from.host) && homes.includes(to.host)) between += 1;
      },
    });
    for (const word of ['hang-up', 'answer'] as const) {
      const ringing = () => bobby.callLog.filter((one) => one === 'ringing').length;
      const before = ringing();
      alice.calls(bobby);
      world.until(() => ringing() > before);
      world.advance(2_000);
      expect(between).toBe(0);
      (word === 'answer' ? bobby : alice).call_(word);
      if (word === 'hang-up') world.until(() => bobby.callLog.at(-1) === 'ended cancelled');
    }
    const answeredAt = world.now;
    world.until(() => isDirect(alice) && isDirect(bobby));
    expect(world.now - answeredAt).toBeLessThan(DIRECT_MS_MAX);
  });
});

afterAll(() => {
  if (process.env.WREN_GRID === '1') console.log(printGrid());
});

async function scene(play: (world: World) => void): Promise<void> {
  const { testPath = '', currentTestName = '' } = expect.getState();
  await runScene(play, SEED, replayCommand(SEED, testPath, currentTestName.replaceAll(' > ', ' ')));
}

function callBetween(world: World, caller: Place, callee: Place): Cell {
  const both = joinedFarApart(new PeopleWorld(world), { alice1: caller, bobby1: callee });
  const [alice, bobby] = both.map(({ person }) => person);
  if (!alice || !bobby || both.some(({ tookMs }) => tookMs === 'cannot')) return NOBODY;
  alice.befriend(bobby);
  alice.says(bobby, 'there?');
  bobby.says(alice, 'here');
  world.until(() => alice.delivered.size === 1 && bobby.delivered.size === 1);
  alice.calls(bobby);
  world.until(() => bobby.callLog.includes('ringing'));
  bobby.call_('answer');
  const answeredAt = world.now;
  world.until(() => alice.heard.length > 0 && bobby.heard.length > 0);
  const soundMs = world.now - answeredAt;
  const directMs = watch(world, answeredAt + WATCH_MS, () => isDirect(alice) && isDirect(bobby));
  bothAreHeard(world, [alice, bobby]);
  const route = routeOf(alice.path, bobby.path);
  return { route, soundMs, directMs: directMs === undefined ? undefined : directMs - answeredAt };
}

function isDirect({ path }: Person): boolean {
  return path === 'direct' || path === 'lan';
}

/** When it came true, if it did until then; lets the whole time pass. */
function watch(world: World, until: number, condition: () => boolean): number | undefined {
  let at: number | undefined;
  for (; world.now < until; world.advance(5)) if (condition()) at ??= world.now;
  return at;
}

/** Fifty bodies a second each way, or nearly so where a stream brings them in clumps. */
function bothAreHeard(world: World, people: readonly Person[]): void {
  const before = people.map(({ heard }) => heard.length);
  world.advance(1_000);
  for (const [index, { heard }] of people.entries())
    expect(heard.length - (before[index] ?? 0)).toBeGreaterThanOrEqual(48);
}

function printGrid(): string {
  const signIns = PLACES.map((one) => `${whole(signInMs.get(one)).padEnd(8)}${describePlace(one)}`);
  const rows = PLACES.map((caller) => {
    const words = PLACES.map((callee) => {
      const { route, soundMs, directMs } = cells.get(`${caller} ${callee}`) ?? NOBODY;
      return route === '-' ? route : `${route} ${whole(soundMs)} ${whole(directMs)}`;
    });
    return caller.padEnd(8) + words.map((text) => text.padEnd(17)).join('');
  });
  const head = ' '.repeat(8) + PLACES.map((callee) => callee.padEnd(17)).join('');
  return ['ms to sign up', ...signIns, '', 'way, ms to sound, ms to direct', head, ...rows].join('\n');
}

function whole(ms: number | 'cannot' | undefined): string {
  return typeof ms === 'number' ? `${Math.round(ms)}` : (ms ?? '');
}
