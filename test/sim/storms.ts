/**
 * The two great outages of the classic network as scenes, with the cores of our clients and supernodes.
 *
 *   16 to 18 August 2007: machines all over the world restarted after a patch; a flood of sign-ins met a network that had
 *   lost its supernodes, and what should have healed it did not: two days (OUT07)
 *   22 to 23 December 2010: one version crashed, with it 25 to 30 % of the supernodes; the others got a hundred times
 *   their load and switched themselves off, one by one: a day (OUT10)
 */
import type { Figure, Outcome, Sample } from './overlay-scenarios.ts';
import { type StormSupernode, StormWorld } from './storm-world.ts';

export const STORMS = ['outage-2007', 'outage-2010'] as const;
export type Storm = (typeof STORMS)[number];

export interface StormSettings {
  readonly seed: number;
  readonly supernodes: number;
  readonly clients: number;
  readonly progress: (text: string) => void;
}

/** Places for clients, of all supernodes together: a third may go, and leases of those who came back elsewhere last 40 s. */
const PLACES = 3;
/** Programs and machines that start again: the slowest. */
const RESTART_MS = 10_000;
const DEAD_SHARE = 0.3;
/** In 2010 about half of the people ran the version, and two of five of those crashed. */
const CRASHED_CLIENTS = 0.2;
/** Machines that restart are back as supernodes after one to two minutes, having forgotten everything. */
const BACK_AFTER_MS = 60_000;
/** Figure N4: 95 % online after so long. */
const ONLINE_MS = 20_000;
const WATCHED_MS = 180_000;

export function playStorm(storm: Storm, settings: StormSettings): Outcome {
  const { seed, supernodes, clients, progress } = settings;
  const clientsMax = Math.ceil((PLACES * clients) / supernodes);
  const world = new StormWorld({ seed, supernodes, clients, clientsMax });
  for (const client of world.clients)
    world.after(RESTART_MS * world.chance.fraction(), () => world.startClient(client));
  world.advance(60_000);
  progress(`${world.online()} of ${clients} online before`);
  const before = world.supernodes.map((one) => one.registrar.load(world.now).clients);
  const [began, tried, sentOn] = [world.now, world.attempts, world.redirects];

  const dead = world.supernodes.filter((_, i) => i < Math.round(DEAD_SHARE * supernodes));
  for (const one of dead) world.kill(one);
  const crashed = storm === 'outage-2007' ? clients : Math.round(CRASHED_CLIENTS * clients);
  for (const client of world.clients.slice(0, crashed)) {
    world.stopClient(client);
    world.after(RESTART_MS * world.chance.fraction(), () => world.startClient(client));
  }
  if (storm === 'outage-2007') {
    for (const one of dead) world.after(BACK_AFTER_MS * (1 + world.chance.fraction()), () => world.restart(one));
  }
  const watched = watch(world, began, progress);
  const alive = world.supernodes.filter((one) => !dead.includes(one));
  const fairMs = (2 * clients * WORK_OF_ATTACH_MS) / alive.length / (ONLINE_MS / 1_000);
  const most = Math.max(...alive.map((one) => one.registrar.load(world.now).clients));
  const mean = before.reduce((sum, one) => sum + one, 0) / supernodes;
  const figures: Figure[] = [
    { name: '95 % of the clients are online after', value: watched.after(0.95) / 1_000, unit: 's' },
    { name: 'all clients are online after', value: watched.after(1) / 1_000, unit: 's' },
    { name: 'online three minutes later', value: (100 * world.online()) / clients, unit: '%' },
    { name: 'handshakes begun for each client', value: (world.attempts - tried) / clients, unit: '' },
    { name: 'clients sent on to another supernode', value: (100 * (world.redirects - sentOn)) / clients, unit: '%' },
    { name: 'busiest supernode in its busiest second', value: busiest(alive, began), unit: 'ms' },
    { name: 'the same against an even pace of 20 s', value: busiest(alive, began) / fairMs, unit: 'x' },
    { name: 'most clients at one supernode, against the mean before', value: most / mean, unit: 'x' },
    { name: 'living supernodes that somebody held for dead', value: world.falseDeaths, unit: '' },
  ];
  return { figures, samples: watched.samples };
}

/** A handshake and an Attach; each client has two supernodes. */
const WORK_OF_ATTACH_MS = 3;

function watch(world: StormWorld, began: number, progress: (text: string) => void) {
  const online: { readonly atMs: number; readonly share: number }[] = [];
  const samples: Sample[] = [];
  while (world.now - began < WATCHED_MS) {
    world.advance(500);
    const share = world.online() / world.clients.length;
    online.push({ atMs: world.now - began, share });
    samples.push({ atMs: world.now, messages: world.attempts, bytes: 0, online: 100 * share });
    if (online.length % 40 === 0)
      progress(`${Math.round((world.now - began) / 1_000)} s: ${(100 * share).toFixed(1)} % online`);
  }
  // Of those that go again some moments later, only the last coming counts.
  const after = (share: number): number => {
    const last = online.findLast((one) => one.share < share);
    const next = online[last ? online.indexOf(last) + 1 : 0];
    return next?.atMs ?? Number.POSITIVE_INFINITY;
  };
  return { after, samples };
}

function busiest(supernodes: readonly StormSupernode[], since: number): number {
  const seconds = supernodes.flatMap(({ work }) => [...work].filter(([second]) => second >= since / 1_000));
  return Math.max(...seconds.map(([, ms]) => ms));
}
