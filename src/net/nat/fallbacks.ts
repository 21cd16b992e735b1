/**
 * What is done when the first hole punching of a call finds no way: which ports of ours are opened besides, and whether
 * the ports that the other end opened are looked for. The path finder tells it what happens; it decides when, `own-ports.ts`
 * and `port-search.ts` do it. It asks nothing of a call that has a direct path.
 *
 *   our mapping depends on the destination (RFC 4787), theirs does not   we open many ports, they look for one
 *   nobody knows                                                         a little later both do both
 *   neither depends                                                      after a while we open a fresh port, in case the
 *                                                                        pair of ports is spoilt (realtime.md 1.6)
 *   both depend                                                          nothing helps: relayed
 *
 * While it stays relayed there is another try every minute or so, each with openers that reach further.
 *
 * The other end could name anybody's address and have us probe a thousand ports there. So we look for ports at a public
 * IPv4 host only that our own supernode says it sees the other end at, that the other end's sealed candidates name too,
 * and in a call that was answered; how often, is rationed by the node. From our own ports nothing goes that reaches
 * anybody. IPv6 has no such NATs.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isLoopbackHost, isPrivateHost, isUnicastHost } from '../protocol/endpoint.ts';
import type { CallId } from '../protocol/ids.ts';
import {
  PUNCH_FRESH_AFTER_WIDE_MS,
  PUNCH_FRESH_MS,
  PUNCH_NAMED_BURST,
  PUNCH_NAMED_PORTS_MAX,
  PUNCH_NAMED_REFILL_MS,
  PUNCH_RETRY_MS,
  PUNCH_RETRY_TTLS,
  PUNCH_TARGETS_MAX,
  WIDE_AFTER_FALL_MS,
  WIDE_PATIENCE_MS_MAX,
  WIDE_PATIENCE_MS_MIN,
  WIDE_PATIENCE_ROUND_TRIPS,
  WIDE_PORTS_MS,
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import type { OpenSocket, Route } from '../protocol/traffic.ts';
import { type Body, NAT_MAPPINGS, type NatMapping } from '../wire/messages.ts';
import { OwnPorts, type OwnPortsOutput } from './own-ports.ts';
import type { Surroundings } from './path-port.ts';
import { PortSearch } from './port-search.ts';

const NEVER = Number.POSITIVE_INFINITY;

export type FallbackOutput =
  | OwnPortsOutput
  /** The addresses that were offered are to be tried once more, as they are. */
  | { readonly type: 'probe-again' };

export class Fallbacks {
  readonly #random: Random;
  readonly #surroundings: Surroundings;
  readonly #ours: readonly Endpoint[];
  readonly #own: OwnPorts;
  readonly #search: PortSearch;
  readonly #namings = new TokenBucket(1_000 / PUNCH_NAMED_REFILL_MS, PUNCH_NAMED_BURST);
  /** Public IPv4 addresses that the other end offered, and whether it offered private ones too. */
  readonly #theirs: Endpoint[] = [];
  #theyAreInside = false;
  #weOpened = false;
  #theyOpened = false;
  #theirMapping: NatMapping = 'unknown';
  /** Where our supernode sees the other end. */
  #vouched: string | undefined;
  /** Ports that they opened and that nobody has vouched for yet. */
  #asked: { readonly ports: readonly number[]; readonly until: Millis } | undefined;
  #relayed = true;
  #wentWide = false;
  #wideAt: Millis = NEVER;
  #retryAt: Millis = NEVER;
  #tries = 0;
  #searchedAt: Millis = 0;
  #out: FallbackOutput[] = [];

  constructor(options: { wire: CallId; random: Random; ours: readonly Endpoint[]; surroundings: Surroundings }) {
    const { wire: callId, random, ours, surroundings } = options;
    this.#random = random;
    this.#ours = ours;
    this.#surroundings = surroundings;
    this.#own = new OwnPorts({ callId, random, numbers: (count) => surroundings.socketNumbers(count) });
    this.#search = new PortSearch({ callId, random });
  }

  /** The other end offers these, as far as they are worth a probe. */
  offered(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      if (endpoint.host.includes(':') || isLoopbackHost(endpoint.host)) continue;
      if (isPrivateHost(endpoint.host)) this.#theyAreInside = true;
      else if (!this.#theirs.some((one) => one.host === endpoint.host && one.port === endpoint.port))
        this.#theirs.unshift(endpoint);
    }
    this.#weOpened = false;
    // The newest first: whoever has moved is there no more.
    this.#theirs.splice(PUNCH_TARGETS_MAX);
  }

  /** Our side is open to all that was offered. */
  weOpened(now: Millis): void {
    this.#weOpened = true;
    if (this.#theyOpened) this.#bothOpened(now);
  }

  /** So is theirs; `mapping` is a number of `NatMapping`. */
  theyOpened(now: Millis, mapping: number): void {
    this.#theyOpened = true;
    this.#theirMapping = NAT_MAPPINGS[mapping] ?? 'unknown';
    if (this.#weOpened) this.#bothOpened(now);
  }

  /** From now on a direct way should be found. */
  #bothOpened(now: Millis): void {
    const sure = depends(this.ourMapping) && this.#theyAreInside;
    const patienceMs = (this.#surroundings.rttMs() ?? WIDE_PATIENCE_MS_MAX) * WIDE_PATIENCE_ROUND_TRIPS;
    const boundedMs = Math.min(Math.max(patienceMs, WIDE_PATIENCE_MS_MIN), WIDE_PATIENCE_MS_MAX);
    this.#wideAt = now + (sure ? 0 : boundedMs);
    this.#retryAt = now + PUNCH_FRESH_MS;
    this.#tries = 0;
  }

  get ourMapping(): NatMapping {
    return this.#surroundings.self().mapping;
  }

  /** They stand in the open: nothing of ours can spoil a port there. */
  get theyAreOutside(): boolean {
    return !this.#theyAreInside;
  }

  /** The call has fallen to the relay, or left it. */
  standing(now: Millis, relayed: boolean): void {
    if (relayed === this.#relayed) return;
    this.#relayed = relayed;
    if (relayed) {
      this.#wideAt = now + WIDE_AFTER_FALL_MS;
      this.#retryAt = now + 2 * WIDE_AFTER_FALL_MS;
      return;
    }
    if (this.#wentWide) this.#surroundings.wentWide(now);
    this.#rest();
  }

  socketsOpen(now: Millis, sockets: readonly OpenSocket[]): void {
    this.#own.opened(now, sockets);
  }

  /** A packet of the other end came this way. */
  heard(route: Route): void {
    if (route.via === 'udp' && route.socket !== undefined) this.#own.heard(route.socket);
  }

  /** The other end has opened ports. */
  ports(now: Millis, { ports }: Body<'pathPorts'>): void {
    const proper = ports.filter((port) => port >= 1 && port <= 65_535).slice(0, PUNCH_NAMED_PORTS_MAX);
    if (proper.length < ports.length) return;
    this.#asked = { ports: proper, until: now + WIDE_PORTS_MS };
    this.#lookForPorts(now);
  }

  /** Our supernode sees the other end there. */
  vouched(now: Millis, host: string): void {
    const isPublic = isUnicastHost(host) && !host.includes(':') && !isPrivateHost(host);
    this.#vouched = isPublic ? host : undefined;
    this.#lookForPorts(now);
  }

  answered(now: Millis, from: Endpoint, transaction: Uint8Array): { to: Endpoint; rttMs: number } | undefined {
    return this.#search.answered(now, from, transaction);
  }

  /** Nothing is opened or looked for any more; sockets that were not heard at are closed. */
  #rest(): void {
    this.#wideAt = this.#retryAt = NEVER;
    this.#asked = undefined;
    this.#search.stop();
    this.#out.push(...this.#own.rest());
  }

  /** Since when ports are opened, or looked for, that nothing has come of yet; undefined when they are not. */
  get waitingSince(): Millis | undefined {
    return this.#own.waitingSince ?? (this.#search.isSearching ? this.#searchedAt : undefined);
  }

  /** The call is over. */
  stop(): void {
    this.#rest();
    this.#out.push(...this.#own.stop());
  }

  /** `quiet`: the call is on hold, and nothing new is begun. */
  due(now: Millis, quiet: boolean): FallbackOutput[] {
    if (quiet) this.#search.stop();
    else {
      if (now >= this.#wideAt) this.#goWide(now);
      if (now >= this.#retryAt) this.#tryAgain(now);
    }
    const out = [...this.#out, ...this.#own.due(now), ...this.#search.due(now)];
    this.#out = [];
    return out;
  }

  dueAt(quiet: boolean): Millis {
    if (this.#out.length > 0) return Number.NEGATIVE_INFINITY;
    const at = Math.min(this.#own.dueAt(), this.#search.dueAt());
    return quiet ? at : Math.min(at, this.#wideAt, this.#retryAt);
  }

  // ------------------------------------------------------------------ opening

  #goWide(now: Millis): boolean {
    this.#wideAt = NEVER;
    const mapping = this.ourMapping;
    const [target] = this.#theirs;
    if (mapping === 'none' || mapping === 'endpoint-independent' || depends(this.#theirMapping)) return false;
    if (!target || !this.#isInside() || !this.#surroundings.mayGoWide(now)) return false;
    this.#wentWide = true;
    this.#out.push(...this.#own.openMany(now, target));
    // Their openers went as far as the first of the few would.
    this.#tries = Math.max(this.#tries, 1);
    this.#retryAt = now + PUNCH_FRESH_AFTER_WIDE_MS;
    return true;
  }

  #tryAgain(now: Millis): void {
    this.#retryAt = now + this.#about(PUNCH_RETRY_MS);
    const tries = this.#tries++;
    if (this.theyAreOutside && tries > 0) this.#out.push({ type: 'probe-again' });
    if (this.#goWide(now)) return;
    const { mapping, reflexive } = this.#surroundings.self();
    if (depends(mapping) || depends(this.#theirMapping) || !reflexive || this.#theirs.length === 0 || !this.#isInside())
      return;
    // Whether it gives us the outer port that we have inside can only be told from our own.
    const fresh = this.#ours.some(({ port }) => port === reflexive.port);
    const ttl = PUNCH_RETRY_TTLS[tries % PUNCH_RETRY_TTLS.length] ?? PUNCH_RETRY_TTLS[0];
    // At first what has spoilt our own port is still remembered; it was left alone since.
    const own = tries === 0 ? undefined : reflexive.port;
    if (fresh || own !== undefined) this.#out.push(...this.#own.openFew(now, this.#theirs, { ttl, fresh, own }));
  }

  /** Somebody translates between us and those who see us at `reflexive`. */
  #isInside(): boolean {
    const { reflexive } = this.#surroundings.self();
    return reflexive !== undefined && !this.#ours.some(({ host }) => host === reflexive.host);
  }

  /** 20 % either way, so that the two ends and many calls do not stay in step. */
  #about(ms: number): number {
    return ms * (0.8 + 0.4 * this.#random.fraction());
  }

  // ------------------------------------------------------------------ looking for theirs

  /** Once there is both: ports that they opened, and word of whose the host is. */
  #lookForPorts(now: Millis): void {
    const host = this.#vouched;
    const asked = this.#asked;
    const known = this.#theirs.find((one) => one.host === host);
    if (host === undefined || !known || !asked || now > asked.until || !this.#relayed) return;
    this.#asked = undefined;
    if (depends(this.ourMapping)) return;
    this.#searchedAt = now;
    if (asked.ports.length > 0) {
      if (this.#namings.take(now)) this.#search.searchNamed(now, host, asked.ports);
    } else if (this.#surroundings.mayGoWide(now)) {
      this.#wentWide = true;
      this.#search.searchMany(now, host, known.port);
    }
  }
}

/** Another outer port for another destination. */
function depends(mapping: NatMapping): boolean {
  return mapping === 'address-dependent' || mapping === 'address-and-port-dependent';
}
