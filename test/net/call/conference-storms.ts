/**
 * What happens to a conference in `conference-storm.test.ts`: seeded people come, leave, die, are removed, go on hold and
 * are cut off in any order; then it is quiet.
 */
import { ConferenceWorld, type Talker } from './conference-world.ts';

const NAMES = ['alice1', 'bobby1', 'carol1', 'david1', 'emily1', 'frank1'];

function pick<T>(world: ConferenceWorld, list: readonly T[]): T | undefined {
  return list[Math.floor(world.random.fraction() * list.length)];
}

const diedAt = new WeakMap<ConferenceWorld, number>();

/** One after another: what two seconds are promised for is one death. */
function mayDie(world: ConferenceWorld): boolean {
  const may = world.now - (diedAt.get(world) ?? 0) > 2_500;
  if (may) diedAt.set(world, world.now);
  return may;
}

/** One thing that people or machines do. */
function happens(world: ConferenceWorld): void {
  const one = pick(world, world.inside());
  const other = pick(world, world.people);
  if (!one || !other) return;
  const dice = world.random.fraction();
  world.trace?.(`${dice.toFixed(2)} ${one.name} ${other.name}`);
  if (dice < 0.25) world.add(one, other.name);
  else if (dice < 0.4) world.leave(one);
  else if (dice < 0.5 && world.inside().length > 2 && mayDie(world)) world.kill(one);
  else if (dice < 0.6) world.do(one, { type: 'remove', call: one.call, name: other.name });
  else if (dice < 0.7) world.do(one, { type: one.core.live?.isHeld ? 'resume' : 'hold', call: one.call });
  else if (dice < 0.8 && !other.alive) world.start(other);
  else if (dice < 0.9) world.do(other, { type: 'rejoin', call: other.call });
  else cutOff(world);
}

/** Two halves, or one person, for a while. */
function cutOff(world: ConferenceWorld): void {
  const left = new Set(world.people.filter(() => world.random.fraction() < 0.5));
  world.cut = (a, b) => left.has(a) !== left.has(b);
}

function calm(world: ConferenceWorld): void {
  world.cut = () => false;
  for (const one of world.inside()) if (one.core.live?.isHeld) world.do(one, { type: 'resume', call: one.call });
}

/** Those who count one another in: after a partition there may be conferences that have nobody in common. */
function settledIn(world: ConferenceWorld): boolean {
  const inside = world.inside().filter((one) => !isOrphan(world, one));
  const ids = new Set(inside.map(({ core }) => core.live?.id));
  return [...ids].every((id) => world.settled(inside.filter(({ core }) => core.live?.id === id)));
}

/** Nobody is left who knows that this one was asked: who asked has died before others heard of it. It gives up by itself. */
function isOrphan(world: ConferenceWorld, one: Talker): boolean {
  const rang = one.told.findLast((event) => event.type === 'ringing' && event.direction === 'in');
  const inviter = world.people.find(({ name }) => rang?.type === 'ringing' && name === rang.peer);
  return inviter?.alive === false && one.core.live?.present.length === 1;
}

/** How long it took until everybody agreed, ms; throws when that was more than two seconds. */
export function storm(seed: number, trace?: (what: string) => void): number {
  const world = new ConferenceWorld(seed, { delayMs: [5, 5 + (seed % 7) * 20], loss: (seed % 5) * 0.02 });
  if (trace) world.trace = (what) => trace(`${Math.round(world.now)} ${what} ${world.describe()}`);
  for (const name of NAMES) world.person(name, { reach: 1 + (seed % 5), uplinkKbps: (seed * 977) % 3_000 });
  world.found(world.people[0] as Talker, NAMES.slice(1, 2 + (seed % 4)));
  world.run(world.random.fraction() * 1_500);
  for (let i = 0; i < 6; i += 1) {
    happens(world);
    world.run(world.random.fraction() * 700);
  }
  calm(world);
  try {
    const tookMs = world.until(() => settledIn(world), 2_000);
    world.run(300);
    const settledMs = settledIn(world) ? tookMs : world.until(() => settledIn(world), 2_000 - tookMs);
    const orphans = world.inside().filter((one) => isOrphan(world, one));
    if (orphans.length > 0) world.until(() => orphans.every((one) => !one.core.live), 12_000);
    return settledMs;
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`);
  }
}
