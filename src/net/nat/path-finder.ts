/**
 * Which way the packets of one call go. The relay (one of the supernodes that forward for both, `relays.ts`) carries
 * them from the first moment; meanwhile the addresses that the other end offered, and those its packets come from, are put on trial with probes
 * that the node seals end to end. An address that answers is proven, for the answer is authenticated, matches a fresh
 * transaction and comes from where the probe went. After that media itself tells whether the path lives
 * (realtime.md 0.3, 1.4): packets always flow, so silence is news.
 *
 *   relayed -> direct     an address is proven; until the other end is heard there too, both ways carry media
 *   direct  -> direct     a better one is proven
 *   direct  -> suspect    240 ms of silence on it: the relay carries media as well, everything is probed
 *   suspect -> direct     it is heard again, or another is proven
 *   suspect -> relayed    600 ms of silence: only the relay, until something is proven anew
 *
 * Addresses beyond our NAT are opened first, carefully (`prober.ts`). When that is done we say so through the relay, and
 * the other end says the same; nothing that could reach the other's NAT leaves before both have. What is tried when that
 * does not help is in `fallbacks.ts`.
 *
 * Silence is heard at one end only, when only one direction dies. So an end that doubts the path says so by a probe
 * through the relay, and the other end, whose own ears tell it nothing, lets the relay carry media as well. An end on
 * the relay that hears nothing by any way says so too, and then all relays carry media.
 *
 * There is no state for "on hold": only the patience differs, and probing rests. Nothing leads from direct to relayed
 * at once; a path is always suspected first. The probes, and the bounds on them, are in `prober.ts`.
 * Somewhat above 400 lines, because the standing of a call is one thing to read.
 */
import type { Core, Millis, Random } from '../protocol/core.ts';
import { type Endpoint, printEndpoint } from '../protocol/endpoint.ts';
import { bytesOf, type CallId, hexOf, type NodeId } from '../protocol/ids.ts';
import {
  CANDIDATE_LENGTH_MAX,
  CONTACT_LOST_MS,
  PATH_BETTER_FOR_MS,
  PATH_DEAD_MS,
  PATH_DEAD_ON_HOLD_MS,
  PATH_DOUBTED_MS,
  PATH_GOOD_MS,
  PATH_OVERLAP_MS,
  PATH_REPLIES_BURST,
  PATH_REPLIES_PER_SECOND_MAX,
  PATH_RETURN_MS,
  PATH_RETURN_MS_MAX,
  PATH_SETTLE_MS,
  PATH_SETTLED_PACKETS,
  PATH_SUSPECT_MS,
  PATH_SUSPECT_ON_HOLD_MS,
  PROBE_ACTIVE_MS,
  PROBE_STANDBY_MS,
  RELAY_DOUBT_MS,
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';
import { type Body, message, NAT_MAPPINGS } from '../wire/messages.ts';
import {
  type Candidate,
  compareRated,
  isEligible,
  rated,
  replaces,
  routeOf,
  wantsOpeners,
  worthProbing,
} from './candidate.ts';
import { Fallbacks } from './fallbacks.ts';
import { NO_SURROUNDINGS, type PathCommand, type PathInput, type PathOutput, type Surroundings } from './path-port.ts';
import { inOrder, type Way, wayOf } from './path-ways.ts';
import { isNeedless, Prober, type Pursuit, putOnTrial, TRANSACTION_BYTES } from './prober.ts';
import { type RelayLists, Relays } from './relays.ts';

export type { PathCommand, PathInput, PathOutput } from './path-port.ts';

type Standing =
  | { readonly name: 'relayed' }
  | {
      readonly name: 'direct';
      readonly candidate: Candidate;
      readonly since: Millis;
      /** What carries media as well until then: the way left just now, or the relay while they doubt the path. */
      readonly overlap: { readonly by: Candidate | 'relay'; readonly until: Millis } | undefined;
    }
  | { readonly name: 'suspect'; readonly candidate: Candidate; readonly since: Millis; readonly suspectAt: Millis };

export class PathFinder implements Core<PathInput, PathCommand, PathOutput> {
  readonly #wire: CallId;
  readonly #relays: Relays;
  readonly #ours: readonly Endpoint[];
  readonly #prober: Prober;
  readonly #fallbacks: Fallbacks;
  readonly #surroundings: Surroundings;
  /** They offered something, and have not heard yet that our side is open to it. */
  #openedUntold = false;
  readonly #replies = new TokenBucket(PATH_REPLIES_PER_SECOND_MAX, PATH_REPLIES_BURST);
  #out: PathOutput[] = [];
  #standing: Standing = { name: 'relayed' };
  #routesTold = '';
  #pathTold = '';
  #onHold = false;
  /** Silence counts from here at the earliest; packets until the other end has surely taken the path too. */
  #quietFrom: Millis;
  #unsettled = 0;
  /** Newest media by any way, and when we last told that there is none. */
  #anyHeardAt: Millis;
  #lost = false;
  #doubtToldAt: Millis = Number.NEGATIVE_INFINITY;
  /** Of each relay whether it carries media, and since when that is so. */
  #relayTurns = new Map<string, { readonly carries: boolean; readonly at: Millis }>();
  #challenger: { readonly candidate: Candidate; readonly since: Millis } | undefined;
  /** Probes and replies of no sense, or above the limit. */
  dropped = 0;

  /**
   * `wire`: the id both ends know. `node`: the other end's, reached by relay. `remoteCandidates`: texts from outside.
   * `ours`: our own addresses, to sort out what cannot be reached. `punchAfterMs`: until the other end knows ours.
   * `surroundings`: without them nothing is tried but the addresses offered.
   */
  constructor(
    now: Millis,
    options: {
      wire: CallId;
      node: NodeId;
      relays?: RelayLists;
      remoteCandidates: readonly string[];
      ours: readonly Endpoint[];
      punchAfterMs?: number;
      surroundings?: Surroundings;
      random: Random;
    },
  ) {
    this.#wire = options.wire;
    this.#relays = new Relays(options.node, options.relays ?? { ours: [], theirs: [] });
    this.#quietFrom = now + PATH_SETTLE_MS;
    this.#anyHeardAt = now;
    this.#ours = options.ours;
    this.#prober = new Prober({ wire: options.wire, random: options.random });
    this.#surroundings = options.surroundings ?? NO_SURROUNDINGS;
    this.#fallbacks = new Fallbacks({ surroundings: NO_SURROUNDINGS, ...options });
    this.#enter(now, { name: 'relayed' });
    this.#offered(now, options.remoteCandidates, options.punchAfterMs ?? 0);
  }

  receive(now: Millis, input: PathInput): void {
    if (input.type === 'heard') this.#heardMedia(now, input.route);
    else if (input.type === 'opened') this.#theyOpened(now, input.opened.mapping);
    else if (input.type === 'ports') this.#fallbacks.ports(now, input.ports);
    else if (input.type === 'vouched') this.#fallbacks.vouched(now, input.host);
    else if (input.type === 'sockets-open') this.#fallbacks.socketsOpen(now, input.sockets);
    else if (input.type === 'probe') this.#probed(now, input.from, input.probe);
    else this.#replied(now, input.from, input.reply);
  }

  command(now: Millis, command: PathCommand): void {
    if (command.type === 'doubt') return this.#suspect(now);
    if (command.type === 'relays') {
      this.#relays.know(command.relays);
      return this.#enter(now, this.#standing);
    }
    if (command.type === 'candidates') return this.#offered(now, command.remoteCandidates, 0);
    if (command.type === 'stop') {
      this.#fallbacks.stop();
      return this.#fallBack(now, true);
    }
    if (command.on === this.#onHold) return;
    this.#onHold = command.on;
    this.#quietFrom = now + PATH_SETTLE_MS;
    if (command.on) return this.#tellContact(false);
    this.#anyHeardAt = now;
    this.#prober.restartProven(now);
  }

  wake(now: Millis): void {
    const standing = this.#standing;
    if (standing.name === 'direct' && standing.overlap && now >= standing.overlap.until)
      this.#enter(now, { ...standing, overlap: undefined });
    if (standing.name === 'direct' && now >= this.#silentAt(standing)) this.#suspect(now);
    else if (standing.name === 'suspect' && now >= this.#silentAt(standing)) this.#fall(now, standing);
    if (now >= this.#relays.wakeAt()) this.#chooseRelay(now);
    if (now >= this.#deafAt()) this.#deaf(now);
    if (now >= this.#lostAt()) this.#tellContact(true);
    if (this.#mayProbe()) this.#out.push(...this.#prober.due(now, this.#pursuit()));
    this.#tellOpened(now);
    this.#fallBack(now, !this.#mayProbe());
  }

  #fallBack(now: Millis, quiet: boolean): void {
    for (const output of this.#fallbacks.due(now, quiet)) {
      if (output.type === 'probe-again') this.#prober.probeAgain(now);
      else this.#out.push(output);
    }
  }

  drain(): PathOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  wakeAt(): Millis {
    const standing = this.#standing;
    let at = Math.min(this.#deafAt(), this.#lostAt(), this.#relays.wakeAt());
    if (standing.name === 'direct' && standing.overlap) at = Math.min(at, standing.overlap.until);
    if (standing.name !== 'relayed') at = Math.min(at, this.#silentAt(standing));
    const mayProbe = this.#mayProbe();
    at = Math.min(at, this.#fallbacks.dueAt(!mayProbe));
    return mayProbe ? Math.min(at, this.#prober.dueAt()) : at;
  }

  /** Where media goes now; the first is the path. */
  routes(): readonly Route[] {
    const standing = this.#standing;
    if (standing.name === 'relayed') return this.#relays.routes();
    const route = routeOf(standing.candidate);
    if (standing.name === 'suspect') return [route, ...this.#relays.routes()];
    const by = standing.overlap?.by;
    return by === 'relay' ? [route, ...this.#relays.routes()] : by ? [route, routeOf(by)] : [route];
  }

  /** The relays that there are, the one in use (or next to be) first. */
  relays(): readonly Route[] {
    return this.#relays.all();
  }

  /** Every way that is known, and how it stands (`path-ways.ts`). */
  ways(now: Millis): Way[] {
    const standing = this.#standing;
    const { active, inDoubt } = this.#pursuit();
    const { mapped } = this.#surroundings.self();
    const shown = mapped && printEndpoint(mapped);
    const since = standing.name === 'relayed' ? now : standing.since;
    const ways = this.#prober.all().map((candidate) => {
      const inUseSince = candidate === active ? since : undefined;
      return wayOf(now, candidate, {
        ...{ inUseSince, mapped: shown },
        isNeedless: isNeedless(candidate, { active, inDoubt }),
      });
    });
    const waitingSince = this.#fallbacks.waitingSince;
    if (waitingSince !== undefined)
      ways.push({ kind: 'ports', state: 'trying', rttMs: null, forMs: Math.max(0, now - waitingSince) });
    return inOrder([...ways, ...this.#relays.all().map((route) => this.#relayWay(now, route))]);
  }

  #relayWay(now: Millis, route: Route): Way {
    const { carries = false, at = now } = this.#relayTurns.get(routeKey(route)) ?? {};
    const through = route.via === 'forward' && route.through !== undefined ? { through: route.through } : {};
    // The round trip of signalling is that of the way that media goes.
    const rttMs = carries && this.#standing.name === 'relayed' ? (this.#surroundings.rttMs() ?? null) : null;
    return { kind: 'relay', ...through, state: carries ? 'in-use' : 'spare', rttMs, forMs: now - at };
  }

  // ------------------------------------------------------------------ what arrives

  #offered(now: Millis, texts: readonly string[], punchAfterMs: number): void {
    const worth = worthProbing(texts, this.#ours);
    this.#fallbacks.offered(worth);
    for (const endpoint of worth) {
      const withOpeners = wantsOpeners(endpoint, this.#ours);
      const punched = withOpeners && !this.#fallbacks.theyAreOutside;
      this.#prober.offer(withOpeners ? now + punchAfterMs : now, endpoint, { withOpeners, punched });
    }
    this.#openedUntold = texts.length > 0;
    this.#tellOpened(now);
  }

  #tellOpened(now: Millis): void {
    if (!this.#openedUntold || !this.#prober.opened) return;
    this.#openedUntold = false;
    const mapping = NAT_MAPPINGS.indexOf(this.#fallbacks.ourMapping);
    this.#out.push({ type: 'tell', message: message('pathOpened', { callId: bytesOf(this.#wire), mapping }) });
    this.#fallbacks.weOpened(now);
  }

  #theyOpened(now: Millis, mapping: number): void {
    this.#fallbacks.theyOpened(now, mapping);
    this.#prober.theyOpened(now);
  }

  #heardMedia(now: Millis, route: Route): void {
    this.#anyHeardAt = now;
    this.#relays.heard(now, route);
    this.#tellContact(false);
    const candidate = this.#heard(now, route);
    if (this.#unsettled === 0 || !candidate || candidate !== this.#pursuit().active) return;
    this.#unsettled -= 1;
    if (this.#unsettled > 0) return;
    this.#quietFrom = now;
    const standing = this.#standing;
    if (standing.name !== 'direct' || !standing.overlap) return;
    const until = Math.min(standing.overlap.until, standing.since + PATH_OVERLAP_MS);
    this.#enter(now, { ...standing, overlap: { ...standing.overlap, until } });
  }

  #heard(now: Millis, route: Route): Candidate | undefined {
    if (route.via !== 'udp') return undefined;
    this.#fallbacks.heard(route);
    const candidate = this.#prober.heard(now, route, this.#pursuit().active);
    const standing = this.#standing;
    if (standing.name === 'suspect' && standing.candidate === candidate)
      this.#enter(now, { name: 'direct', candidate, since: standing.since, overlap: undefined });
    return candidate;
  }

  #probed(now: Millis, from: Route, probe: Body<'pathProbe'>): void {
    const ours = probe.transaction.length === TRANSACTION_BYTES && hexOf(probe.callId) === this.#wire;
    if (!ours || !this.#replies.take(now)) {
      this.dropped += 1;
      return;
    }
    this.#heard(now, from);
    if (from.via === 'forward') this.#doubted(now);
    const seen = from.via === 'udp' ? printEndpoint(from.endpoint) : '';
    const answer = message('pathReply', { transaction: probe.transaction, seen });
    this.#out.push({ type: 'reply', to: from, message: answer });
  }

  /** They do not hear us: the relays carry media as well, until they say so no more. */
  #doubted(now: Millis): void {
    const until = now + PATH_DOUBTED_MS;
    this.#relays.doubt(until);
    const standing = this.#standing;
    this.#enter(now, standing.name === 'direct' ? { ...standing, overlap: { by: 'relay', until } } : standing);
  }

  #replied(now: Millis, from: Route, reply: Body<'pathReply'>): void {
    // Through the relay only our doubt was sent; its answer is of no use.
    if (from.via !== 'udp') return;
    const { active } = this.#pursuit();
    const found = this.#fallbacks.answered(now, from.endpoint, reply.transaction);
    const candidate = found
      ? this.#prober.proven(now, from, found.rttMs, active)
      : this.#prober.answered(now, from, reply.transaction);
    if (!candidate) {
      this.dropped += 1;
      return;
    }
    candidate.nextAt = now + (candidate === active ? PROBE_ACTIVE_MS : PROBE_STANDBY_MS);
    candidate.seen = reply.seen.slice(0, CANDIDATE_LENGTH_MAX);
    this.#heard(now, from);
    this.#consider(now, candidate);
  }

  // ------------------------------------------------------------------ choosing

  /** A candidate has just been measured: is it to be taken? */
  #consider(now: Millis, candidate: Candidate): void {
    if (candidate === this.#pursuit().active || !isEligible(now, candidate)) return;
    const standing = this.#standing;
    if (standing.name !== 'direct') return this.#take(now, candidate);
    const verdict = replaces(rated(candidate), rated(standing.candidate));
    const challenged = this.#challenger?.candidate === candidate;
    if (verdict === 'now') return this.#take(now, candidate);
    if (verdict === 'no') {
      if (challenged) this.#challenger = undefined;
      return;
    }
    if (!challenged) this.#challenger = { candidate, since: now };
    else if (now - (this.#challenger?.since ?? now) >= PATH_BETTER_FOR_MS) this.#take(now, candidate);
  }

  #take(now: Millis, candidate: Candidate): void {
    const standing = this.#standing;
    const by = standing.name === 'direct' ? standing.candidate : 'relay';
    if (standing.name === 'direct') standing.candidate.nextAt = now + PROBE_STANDBY_MS;
    this.#challenger = undefined;
    // For a while its silence means nothing: the other end may not have taken it yet, or its copies by the old way are
    // quicker and hide those that come here. Both ends stop the old way at about the same time; then silence counts.
    this.#quietFrom = now + PATH_SETTLE_MS + PATH_OVERLAP_MS;
    this.#unsettled = PATH_SETTLED_PACKETS;
    candidate.nextAt = now + PROBE_ACTIVE_MS;
    this.#enter(now, { name: 'direct', candidate, since: now, overlap: { by, until: now + PATH_SETTLE_MS } });
  }

  #suspect(now: Millis): void {
    const standing = this.#standing;
    this.#relays.doubt(now + PATH_DEAD_MS);
    if (standing.name === 'direct') {
      const { candidate, since } = standing;
      this.#enter(now, { name: 'suspect', candidate, since, suspectAt: now });
      this.#tellDoubt(now);
    } else this.#enter(now, standing);
    this.#prober.restartProven(now);
  }

  #fall(now: Millis, { candidate, since, suspectAt }: Extract<Standing, { name: 'suspect' }>): void {
    putOnTrial(now, candidate);
    candidate.falls = now - since < PATH_GOOD_MS ? candidate.falls + 1 : 1;
    const stayMs = candidate.falls < 2 ? 0 : PATH_RETURN_MS * 2 ** (candidate.falls - 2);
    candidate.returnAt = now + Math.min(stayMs, PATH_RETURN_MS_MAX);
    // A standby that answered while this one was silent is better than the relay.
    const standbys = this.#prober
      .all()
      .filter((one) => one.state.name === 'valid' && one.state.answeredAt >= suspectAt && isEligible(now, one));
    const [best] = standbys.sort((a, b) => compareRated(rated(a), rated(b)));
    this.#relays.doubt(now + RELAY_DOUBT_MS);
    if (best) this.#take(now, best);
    else this.#enter(now, { name: 'relayed' });
    this.#tellDoubt(now);
  }

  /** Nothing by any way while we are relayed. */
  #deaf(now: Millis): void {
    this.#relays.doubt(now + RELAY_DOUBT_MS);
    this.#enter(now, this.#standing);
    this.#tellDoubt(now);
    this.#out.push({ type: 'relay-silent' });
  }

  #chooseRelay(now: Millis): void {
    if (this.#relays.wake(now)) this.#out.push({ type: 'relay-silent' });
    this.#enter(now, this.#standing);
  }

  #tellContact(lost: boolean): void {
    if (lost !== this.#lost) this.#out.push({ type: 'contact', lost });
    this.#lost = lost;
  }

  #lostAt(): Millis {
    return this.#lost || this.#onHold ? Number.POSITIVE_INFINITY : this.#anyHeardAt + CONTACT_LOST_MS;
  }

  #tellDoubt(now: Millis): void {
    this.#doubtToldAt = now;
    for (const to of this.#relays.routes()) this.#out.push({ type: 'reply', to, message: this.#prober.untracked() });
  }

  /** The one place where the standing changes, and tells what follows for media and for people. */
  #enter(now: Millis, next: Standing): void {
    this.#standing = next;
    this.#fallbacks.standing(now, next.name === 'relayed');
    const routes = this.routes();
    const [route = this.#relays.chosen] = routes;
    const path = next.name === 'relayed' ? 'relay' : next.candidate.kind;
    const routesText = routes.map(routeKey).join();
    const pathText = `${path} ${routeKey(route)}`;
    if (routesText !== this.#routesTold) this.#out.push({ type: 'send-on', routes });
    if (pathText !== this.#pathTold) this.#out.push({ type: 'path', path, route });
    this.#routesTold = routesText;
    this.#pathTold = pathText;
    this.#relayTurns = new Map(
      this.#relays.all().map((relay) => {
        const key = routeKey(relay);
        const carries = routes.some((one) => routeKey(one) === key);
        const before = this.#relayTurns.get(key);
        return [key, before?.carries === carries ? before : { carries, at: now }];
      }),
    );
  }

  #pursuit(): Pursuit {
    const standing = this.#standing;
    const active = standing.name === 'relayed' ? undefined : standing.candidate;
    return { active, inDoubt: standing.name === 'suspect' };
  }

  /** When the path in use will have been silent for too long. */
  #silentAt(standing: Exclude<Standing, { name: 'relayed' }>): Millis {
    const suspected = standing.name === 'suspect';
    const heldMs = suspected ? PATH_DEAD_ON_HOLD_MS : PATH_SUSPECT_ON_HOLD_MS;
    const limitMs = this.#onHold ? heldMs : suspected ? PATH_DEAD_MS : PATH_SUSPECT_MS;
    const { heardAt } = standing.candidate;
    const silentAt = Math.max(heardAt, this.#quietFrom) + limitMs;
    // Doubt that did not come from silence gets the time in between as well.
    if (suspected) return Math.max(silentAt, standing.suspectAt + PATH_DEAD_MS - PATH_SUSPECT_MS);
    if (this.#unsettled === 0 || this.#onHold) return silentAt;
    // Not to be heard by any way is bad news even of a path that they may not have taken yet.
    return Math.min(silentAt, Math.max(heardAt, this.#anyHeardAt, standing.since) + limitMs);
  }

  /** When an end on the relay must say (again) that it hears nothing by any way. */
  #deafAt(): Millis {
    if (this.#standing.name !== 'relayed' || this.#onHold) return Number.POSITIVE_INFINITY;
    const silentAt = Math.max(this.#anyHeardAt, this.#quietFrom) + PATH_SUSPECT_MS;
    return Math.max(silentAt, this.#doubtToldAt + PATH_DOUBTED_MS / 2);
  }

  /** On hold one filler packet in five seconds is all that may flow, unless the path is in doubt. */
  #mayProbe(): boolean {
    return !this.#onHold || this.#standing.name === 'suspect';
  }
}
