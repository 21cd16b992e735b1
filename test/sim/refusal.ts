/**
 * The closing question of the slides: what if everybody refused to serve, or limited it? People with the means are judged
 * by the real `Promotion`; who serves is played as a supernode for the others (`StormWorld`, one client for PEOPLE_EACH
 * people and places in proportion), and it is counted whom the network still serves.
 *
 * What was assumed of people is in the constants; where the classic network was measured that is said. Who refuses or
 * limits does so whatever else they are.
 */
import { type Exposure, Promotion } from '../../src/net/overlay/promotion.ts';
import {
  PROMOTION_UPTIME_MS,
  SUPERNODES_ENOUGH,
  SUPERNODES_IDLE_PERMILLE,
} from '../../src/net/protocol/overlay-params.ts';
import { CLIENTS_PER_SUPERNODE_MAX } from '../../src/net/protocol/params.ts';
import { Chance } from './chance.ts';
import type { Figure, Outcome } from './overlay-scenarios.ts';
import { StormWorld } from './storm-world.ts';

/** Reached from outside, by a public address or a gateway that opens a port; behind other NATs; without UDP. */
const OPEN_SHARE = 0.1;
const NO_UDP_SHARE = 0.1;
/** Machines that are busy, short of memory, or behind thin lines. */
const BUSY_SHARE = 0.1;
const FULL_SHARE = 0.1;
const THIN_SHARE = 0.05;
/** Attached for less than a supernode must be: people come and go after one to ten hours (ROS08). */
const JUST_COME_SHARE = 0.01;
/** Supernodes that an operator runs, in the curves that have any. */
export const DEDICATED = 10;
/** A limit that lets a person's own calls pass: a tenth of the clients, one relayed call. */
const LIMITED_CLIENTS = CLIENTS_PER_SUPERNODE_MAX / 10;
const LIMITED_KBPS = 80;
const RELAY_KBPS = 1_000;
/** Of all people, in a call in the busiest minutes; of calls, without a direct way (one end without UDP, or both worst NATs). */
const TALKING_SHARE = 0.015;
const RELAYED_SHARE = 0.2;
/** Both ways, through the relay and on. */
const CALL_KBPS = 80;

/** People that one played client stands for. */
const PEOPLE_EACH = 20;
const PLAYED_MS = 60_000;
export const SHARES = [0, 0.5, 0.8, 0.9, 0.95, 0.96, 0.97, 0.98, 0.99, 1] as const;

export interface RefusalSettings {
  readonly seed: number;
  readonly people: number;
  readonly shares: readonly number[];
  readonly progress: (text: string) => void;
}

interface Supply {
  readonly supernodes: number;
  readonly clientsMax: number;
  readonly relayKbps: number;
}

export interface RefusalPoint extends Supply {
  readonly curve: 'refuse' | 'refuse, dedicated' | 'limit';
  readonly share: number;
  /** Of all people, in percent: with a supernode, and with it found and finding; of relayed calls, carried. */
  readonly served: number;
  readonly relayed: number;
  /** Handshakes of each client in the minute that was played. */
  readonly handshakes: number;
}

export function playRefusal(settings: RefusalSettings): { readonly outcome: Outcome; readonly points: RefusalPoint[] } {
  const points: RefusalPoint[] = [];
  for (const share of settings.shares) {
    const own = volunteers(settings, share);
    points.push(point(settings, 'refuse', share, supplyOf(settings, own, 0)));
    points.push(point(settings, 'refuse, dedicated', share, supplyOf(settings, own, DEDICATED)));
    points.push(point(settings, 'limit', share, limitedSupply(volunteers(settings, 0), share)));
  }
  const figures: Figure[] = points.flatMap(({ curve, share, served, relayed, supernodes, handshakes }) => {
    const name = `${curve} ${Math.round(100 * share)} %`;
    return [
      { name: `${name}: people served`, value: served, unit: '%' },
      { name: `${name}: relayed calls carried`, value: relayed, unit: '%' },
      { name: `${name}: supernodes`, value: supernodes, unit: '' },
      { name: `${name}: handshakes for each client`, value: handshakes, unit: '' },
    ];
  });
  return { outcome: { figures, samples: [] }, points };
}

/** People whom `Promotion` lets serve, of all. */
export function volunteers({ seed, people }: Pick<RefusalSettings, 'seed' | 'people'>, refusing: number): number {
  const chance = new Chance(seed, 'people who may serve');
  let count = 0;
  for (let i = 0; i < people; i += 1) if (serves(chance, refusing)) count += 1;
  return count;
}

function serves(chance: Chance, refusing: number): boolean {
  // The same draws for all shares, so that the curves differ by the share alone.
  const lots = Array.from({ length: 6 }, () => chance.fraction()) as [number, number, number, number, number, number];
  const [who, where, busy, memory, line, since] = lots;
  const exposure: Exposure = where < OPEN_SHARE ? 'open' : where < OPEN_SHARE + NO_UDP_SHARE ? 'no-udp' : 'closed';
  const promotion = new Promotion();
  promotion.setConsent(0, who < refusing ? 'never' : 'yes');
  promotion.setAttached(0, true);
  promotion.setExposure(0, exposure);
  promotion.setMachine(0, {
    busyPercent: busy < BUSY_SHARE ? 90 : 20,
    freeMemoryBytes: memory < FULL_SHARE ? 100_000_000 : 4_000_000_000,
  });
  let now = since < JUST_COME_SHARE ? PROMOTION_UPTIME_MS / 2 : PROMOTION_UPTIME_MS;
  promotion.wake(now);
  for (let said = promotion.drain(); said.length > 0; said = promotion.drain()) {
    for (const output of said) {
      now += 100;
      if (output.type === 'look') promotion.setNetwork(now, { supernodes: SUPERNODES_ENOUGH, loadPermille: 1_000 });
      else if (output.type === 'open') promotion.opened(now);
      else if (output.type === 'train') promotion.measured(now, line < THIN_SHARE ? 100_000 : 5_000_000);
      else if (output.type === 'serve') return true;
      else if (output.type === 'ask') {
        promotion.told(now, output.count);
        for (let number = 0; number < output.count; number += 1) {
          promotion.dialled(now, number, 'udp');
          promotion.dialled(now, number, 'tcp');
        }
      }
    }
  }
  return false;
}

/** As many of the volunteers as are needed: by themselves they begin only where the others have much to do. */
function supplyOf({ people }: RefusalSettings, own: number, dedicated: number): Supply {
  const needed = Math.max(SUPERNODES_ENOUGH, (1_000 * people) / CLIENTS_PER_SUPERNODE_MAX / SUPERNODES_IDLE_PERMILLE);
  const supernodes = dedicated + Math.min(own, Math.max(0, Math.ceil(needed) - dedicated));
  return { supernodes, clientsMax: CLIENTS_PER_SUPERNODE_MAX, relayKbps: supernodes * RELAY_KBPS };
}

/** All who may serve do; so many of them only as far as their limit goes. Places are told in the mean. */
function limitedSupply(own: number, limited: number): Supply {
  const mean = (of: number, whole: number): number => limited * of + (1 - limited) * whole;
  const clientsMax = mean(LIMITED_CLIENTS, CLIENTS_PER_SUPERNODE_MAX);
  return { supernodes: own, clientsMax, relayKbps: own * mean(LIMITED_KBPS, RELAY_KBPS) };
}

function point(settings: RefusalSettings, curve: RefusalPoint['curve'], share: number, supply: Supply): RefusalPoint {
  const demandKbps = settings.people * (TALKING_SHARE / 2) * RELAYED_SHARE * CALL_KBPS;
  const { served, handshakes } = played(settings, supply);
  const relayed = 100 * Math.min(1, supply.relayKbps / demandKbps);
  settings.progress(
    `${curve} ${Math.round(100 * share)} %: ${supply.supernodes} supernodes serve ${served.toFixed(1)} %`,
  );
  return { ...supply, curve, share, served, relayed, handshakes };
}

/** A minute in which all come: each played supernode has a share of the places. */
function played({ seed, people }: RefusalSettings, { supernodes, clientsMax }: Supply) {
  if (supernodes === 0) return { served: 0, handshakes: 0 };
  const clients = Math.ceil(people / PEOPLE_EACH);
  // Of very many supernodes fewer are played, with as many places together.
  const count = Math.min(supernodes, Math.ceil(clients / 4));
  const places = Math.max(1, Math.round((supernodes * clientsMax) / PEOPLE_EACH / count));
  const world = new StormWorld({ seed, supernodes: count, clients, clientsMax: Math.min(places, clients) });
  for (const client of world.clients) world.after(10_000 * world.chance.fraction(), () => world.startClient(client));
  world.advance(PLAYED_MS);
  return { served: (100 * world.online()) / clients, handshakes: world.attempts / clients };
}
