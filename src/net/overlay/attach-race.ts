/**
 * One round of the race to a supernode: which way to which server is begun when, and which is let go. The supernode link
 * owns a round, opens sessions as it says, and tells it how they went; the first that is up ends it.
 *
 *   ladder  the ways to the first two servers, one after the other ATTACH_STAGGER_MS apart, the next at once when one
 *           fails; the way that worked on this network last beside the first UDP. All that a small network needs; in a large one
 *           four servers by UDP and the first by TCP, before all others are asked
 *   sweep   from SWEEP_AFTER_MS on, beside the ladder, the others: all by UDP, then all by the way that worked, then by
 *           TCP and so on, ever faster down to SWEEP_GAP_MS; each gets one Hello or one SYN, and is let go after
 *           SWEEP_PATIENCE_MS. 199 dead addresses of 200 cost 246 kB and two seconds (figure S6)
 *
 * What a sweep costs others and the NAT before us is bounded: so many sessions at once, and a bucket of steps that the
 * link keeps over all rounds, full at the start and refilled by one a second.
 */
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import {
  ATTACH_ROUND_MS_MAX,
  ATTACH_STAGGER_MS,
  ATTACH_TIMEOUT_MS,
  LADDER_SERVERS,
  MISSED_AFTER_MS,
  SWEEP_AFTER_MS,
  SWEEP_GAP_MS,
  SWEEP_GAP_SHRINK,
  SWEEP_GAP_START_MS,
  SWEEP_IN_FLIGHT_MAX,
  SWEEP_PATIENCE_MS,
} from '../protocol/params.ts';
import type { TokenBucket } from '../protocol/token-bucket.ts';
import { WAY_NAMES, type Way, type WayName, waysTo } from '../protocol/ways.ts';

/** A session that was asked for; counted by whoever owns the round. */
export type AttemptId = number;

interface Attempt {
  readonly way: Way;
  readonly since: Millis;
  /** Part of the sweep: let go at this time. */
  readonly until: Millis;
}

/** What a round came to, for people. */
export interface Tried {
  /** Servers that were tried, each once. */
  readonly supernodes: number;
  readonly ways: readonly WayName[];
}

export interface RaceStep {
  readonly begin: readonly { readonly attempt: AttemptId; readonly way: Way; readonly sweeping: boolean }[];
  readonly abandon: readonly AttemptId[];
}

export class AttachRace {
  readonly #ladder: Way[];
  readonly #sweep: Way[];
  /** Steps of the ladder that cost one Hello, as in the sweep. */
  #extra: ReadonlySet<Way> = new Set();
  readonly #steps: TokenBucket;
  readonly #hasProxy: boolean;
  readonly #attempts = new Map<AttemptId, Attempt>();
  /** Every way that was begun, and when. */
  readonly #begun = new Map<Way, Millis>();
  /** Ways that said no. */
  readonly #refused = new Set<Way>();
  #endsAt: Millis;
  #ladderAt: Millis;
  #sweepAt: Millis;
  #gapMs = SWEEP_GAP_START_MS;
  /** How long after the first way of the ladder the second begins. */
  #firstGapMs: Millis;

  /**
   * `servers`: best first. `worked`: the way that worked on this network last. `steps`: of sweeps, over all rounds.
   * `hasProxy`: whether this machine has a proxy. `hurried`: the first of them may have just died. `staggerMs`: after the
   * first way, when none is known to work.
   */
  constructor(
    now: Millis,
    servers: readonly Endpoint[],
    worked: WayName | undefined,
    steps: TokenBucket,
    { hasProxy = false, hurried = false, staggerMs = ATTACH_STAGGER_MS as Millis } = {},
  ) {
    const first = servers.slice(0, LADDER_SERVERS);
    this.#steps = steps;
    this.#hasProxy = hasProxy;
    this.#ladder = first.flatMap((server) => waysTo(server, hasProxy));
    if (servers.length > (hurried ? LADDER_SERVERS : 2 * LADDER_SERVERS)) {
      // Many are known, or some are dead: the next two by UDP before the last ways to the first, for a sweep asks all.
      const [udp, rest] = [this.#ladder.filter(isByUdp), this.#ladder.filter((way) => !isByUdp(way))];
      const more = servers
        .slice(LADDER_SERVERS, 2 * LADDER_SERVERS)
        .flatMap((server) => waysTo(server).filter(isByUdp));
      const [third, ...fourth] = more;
      this.#extra = new Set(more);
      this.#ladder = [
        ...udp,
        ...rest.splice(0, 1),
        ...(third ? [third] : []),
        ...rest.splice(0, 1),
        ...fourth,
        ...rest,
      ];
    }
    const others = servers.slice(LADDER_SERVERS).map((server) => waysTo(server, hasProxy));
    const early = new Set(this.#ladder.filter(isByUdp).map(({ server }) => server));
    this.#sweep = sweepOf(others, worked).filter((way) => !isByUdp(way) || !early.has(way.server));
    const ladderMs = ATTACH_TIMEOUT_MS + this.#ladder.length * ATTACH_STAGGER_MS;
    this.#endsAt = now + (this.#sweep.length > 0 ? ATTACH_ROUND_MS_MAX : Math.min(ladderMs, ATTACH_ROUND_MS_MAX));
    this.#ladderAt = this.#ladder.length > 0 ? now : Number.POSITIVE_INFINITY;
    this.#sweepAt = this.#sweep.length > 0 ? now + SWEEP_AFTER_MS : Number.POSITIVE_INFINITY;
    const index = this.#ladder.findIndex((way) => way.name === worked);
    // Beside UDP, not instead: UDP needs a round trip less, so that it wins wherever it works again.
    if (index > 0) this.#ladder.unshift(...this.#ladder.splice(0, 1), ...this.#ladder.splice(index - 1, 1));
    this.#firstGapMs = index > 0 ? 0 : index < 0 ? staggerMs : ATTACH_STAGGER_MS;
  }

  /** Servers that were named meanwhile stand before those that wait; the round may end later for them. */
  add(now: Millis, servers: readonly Endpoint[]): void {
    const ways = servers.flatMap((server) => waysTo(server, this.#hasProxy));
    if (ways.length === 0) return;
    this.#ladder.unshift(...ways);
    this.#ladderAt = now;
    this.#endsAt = Math.max(this.#endsAt, now + Math.min(ATTACH_TIMEOUT_MS, ATTACH_ROUND_MS_MAX));
  }

  /** What is due; `number` gives a new attempt its number. */
  step(now: Millis, number: () => AttemptId): RaceStep {
    const begin: RaceStep['begin'][number][] = [];
    const abandon = [...this.#attempts].filter(([, { until }]) => now >= until).map(([attempt]) => attempt);
    for (const attempt of abandon) this.#attempts.delete(attempt);
    const start = (way: Way, sweeping: boolean): void => {
      const attempt = number();
      const until = sweeping ? now + SWEEP_PATIENCE_MS : Number.POSITIVE_INFINITY;
      this.#attempts.set(attempt, { way, since: now, until });
      this.#begun.set(way, now);
      begin.push({ attempt, way, sweeping });
    };
    while (now >= this.#ladderAt) this.#climb(now, start);
    while (now >= this.#sweepAt) this.#sweepOn(now, start);
    for (const attempt of this.#beyondBound()) {
      this.#attempts.delete(attempt);
      abandon.push(attempt);
    }
    return { begin, abandon };
  }

  /** That attempt came to nothing. */
  failed(now: Millis, attempt: AttemptId): void {
    const failed = this.#attempts.get(attempt);
    if (!failed) return;
    this.#attempts.delete(attempt);
    this.#refused.add(failed.way);
    if (this.#ladder.length > 0 && failed.until === Number.POSITIVE_INFINITY) this.#ladderAt = now;
    else if (this.#attempts.size === 0 && this.#sweepAt !== Number.POSITIVE_INFINITY) this.#sweepAt = now;
  }

  wayOf(attempt: AttemptId): Way | undefined {
    return this.#attempts.get(attempt)?.way;
  }

  get attempts(): AttemptId[] {
    return [...this.#attempts.keys()];
  }

  /** Nobody is left to try, or time is up. */
  isOver(now: Millis): boolean {
    const idle = this.#ladderAt === Number.POSITIVE_INFINITY && this.#sweepAt === Number.POSITIVE_INFINITY;
    return now >= this.#endsAt || (idle && this.#attempts.size === 0);
  }

  wakeAt(): Millis {
    let at = Math.min(this.#ladderAt, this.#sweepAt, this.#endsAt);
    // In the order in which they began, so that the first to be let go stands first among its kind.
    for (const { until } of this.#attempts.values()) at = Math.min(at, until);
    return at;
  }

  /** Ways that said no, or had their time and did not answer, of other servers than this one. */
  missed(now: Millis, winner: Endpoint): Way[] {
    const hasMissed = (way: Way, since: Millis): boolean => this.#refused.has(way) || now - since >= MISSED_AFTER_MS;
    return [...this.#begun]
      .filter(([way, since]) => hasMissed(way, since) && !isSamePlace(way.server, winner))
      .map(([way]) => way);
  }

  get tried(): Tried {
    const ways = [...this.#begun.keys()];
    const places = new Set(ways.map(({ server }) => `${server.host} ${server.port}`));
    return { supernodes: places.size, ways: WAY_NAMES.filter((name) => ways.some((way) => way.name === name)) };
  }

  #climb(now: Millis, start: (way: Way, sweeping: boolean) => void): void {
    const way = this.#ladder.shift();
    if (way) start(way, this.#extra.has(way));
    const next = now + this.#firstGapMs;
    this.#firstGapMs = ATTACH_STAGGER_MS;
    this.#ladderAt = this.#ladder.length > 0 ? next : Number.POSITIVE_INFINITY;
  }

  #sweepOn(now: Millis, start: (way: Way, sweeping: boolean) => void): void {
    const way = this.#steps.take(now) ? this.#sweep.shift() : undefined;
    if (!way) {
      this.#sweepAt = Number.POSITIVE_INFINITY;
      return;
    }
    start(way, true);
    this.#gapMs = Math.max(SWEEP_GAP_MS, this.#gapMs * SWEEP_GAP_SHRINK);
    // A timer that came late is made good for, a machine that slept is not.
    const next = Math.max(this.#sweepAt, now - SWEEP_GAP_START_MS) + this.#gapMs;
    this.#sweepAt = this.#sweep.length > 0 ? next : Number.POSITIVE_INFINITY;
  }

  /** The oldest of the sweep make room. */
  #beyondBound(): AttemptId[] {
    const sweeping = [...this.#attempts].filter(([, { until }]) => until !== Number.POSITIVE_INFINITY);
    return sweeping.slice(0, Math.max(0, sweeping.length - SWEEP_IN_FLIGHT_MAX)).map(([attempt]) => attempt);
  }
}

export function isSamePlace(a: Endpoint, b: Endpoint): boolean {
  return a.host === b.host && a.port === b.port;
}

function isByUdp({ name }: Way): boolean {
  return name === 'udp';
}

function sweepOf(ways: readonly (readonly Way[])[], worked: WayName | undefined): Way[] {
  const names = [...new Set<WayName>(['udp', ...(worked ? [worked] : []), ...WAY_NAMES])];
  return names.flatMap((name) => ways.flatMap((ladder) => ladder.find((way) => way.name === name) ?? []));
}
