/**
 * Which way the packets of one call go. The relay (forwarded by the supernode) carries them from the first moment;
 * meanwhile the addresses that the other end offered, and those its packets come from, are put on trial with probes
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
 * the other end says the same; nothing that could reach the other's NAT leaves before both have.
 *
 * Silence is heard at one end only, when only one direction dies. So an end that doubts the path says so by a probe
 * through the relay, and the other end, whose own ears tell it nothing, lets the relay carry media as well. An end on
 * the relay that hears nothing by any way says so too.
 *
 * There is no state for "on hold": only the patience differs, and probing rests. Nothing leads from direct to relayed
 * at once; a path is always suspected first. The probes, and the bounds on them, are in `prober.ts`.
 */
import type { Core, Millis, Random } from '../protocol/core.ts';
import { type Endpoint, printEndpoint } from '../protocol/endpoint.ts';
import { bytesOf, type CallId, hexOf } from '../protocol/ids.ts';
import {
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
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey } from '../protocol/traffic.ts';
import { type Body, type MessageOf, message } from '../wire/messages.ts';
import {
  type Candidate,
  compareRated,
  type PathKind,
  replaces,
  score,
  wantsOpeners,
  worthProbing,
} from './candidate.ts';
import { type Probe, Prober, type Pursuit, putOnTrial, TRANSACTION_BYTES } from './prober.ts';

export type PathInput =
  /** A PathProbe or PathReply of this call's peer, and the way it came. */
  | { readonly type: 'probe'; readonly from: Route; readonly probe: Body<'pathProbe'> }
  | { readonly type: 'reply'; readonly from: Route; readonly reply: Body<'pathReply'> }
  /** The other end has opened its side to the addresses that we offered. */
  | { readonly type: 'opened' }
  /** A voice packet of this call came this way, opened for the first time. Probes and replies speak for themselves. */
  | { readonly type: 'heard'; readonly route: Route };

export type PathCommand =
  | { readonly type: 'hold'; readonly on: boolean }
  /** Further texts from outside. */
  | { readonly type: 'candidates'; readonly remoteCandidates: readonly string[] }
  /** Our own addresses changed, or sending failed: doubt the path now instead of waiting for silence. */
  | { readonly type: 'doubt' };

export type PathOutput =
  /** An unreliable message, sealed end to end, by UDP to this address only. */
  | Probe
  /** The same, on the way that the probe came; or a probe through the relay, which tells our doubt. */
  | { readonly type: 'reply'; readonly to: Route; readonly message: MessageOf<'pathReply' | 'pathProbe'> }
  /** A reliable message, by signalling. */
  | { readonly type: 'tell'; readonly message: MessageOf<'pathOpened'> }
  /** From now on media goes on all of these, sealed once; the first is the path. Never empty. */
  | { readonly type: 'send-on'; readonly routes: readonly Route[] }
  /** Nothing is heard by any way, or something again. */
  | { readonly type: 'contact'; readonly lost: boolean }
  /** What the path is now, for people. */
  | { readonly type: 'path'; readonly path: PathKind; readonly route: Route };

type Standing =
  | { readonly name: 'relayed' }
  | {
      readonly name: 'direct';
      readonly candidate: Candidate;
      readonly since: Millis;
      /** Another way that carries media until then: the one left just now, or the relay while they doubt the path. */
      readonly overlap: { readonly route: Route; readonly until: Millis } | undefined;
    }
  | { readonly name: 'suspect'; readonly candidate: Candidate; readonly since: Millis; readonly suspectAt: Millis };

export class PathFinder implements Core<PathInput, PathCommand, PathOutput> {
  readonly #wire: CallId;
  readonly #relay: Route;
  readonly #ours: readonly Endpoint[];
  readonly #prober: Prober;
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
  #challenger: { readonly candidate: Candidate; readonly since: Millis } | undefined;
  /** Probes and replies of no sense, or above the limit. */
  dropped = 0;

  /**
   * `wire`: the id both ends know. `relay`: the way that works already. `remoteCandidates`: texts from outside.
   * `ours`: our own addresses, to sort out what cannot be reached. `punchAfterMs`: until the other end knows ours.
   */
  constructor(
    now: Millis,
    options: {
      wire: CallId;
      relay: Route;
      remoteCandidates: readonly string[];
      ours: readonly Endpoint[];
      punchAfterMs?: number;
      random: Random;
    },
  ) {
    this.#wire = options.wire;
    this.#relay = options.relay;
    this.#quietFrom = now + PATH_SETTLE_MS;
    this.#anyHeardAt = now;
    this.#ours = options.ours;
    this.#prober = new Prober({ wire: options.wire, random: options.random });
    this.#enter({ name: 'relayed' });
    this.#offered(now, options.remoteCandidates, options.punchAfterMs ?? 0);
  }

  receive(now: Millis, input: PathInput): void {
    if (input.type === 'heard') this.#heardMedia(now, input.route);
    else if (input.type === 'opened') this.#prober.theyOpened(now);
    else if (input.type === 'probe') this.#probed(now, input.from, input.probe);
    else this.#replied(now, input.from, input.reply);
  }

  command(now: Millis, command: PathCommand): void {
    if (command.type === 'doubt') return this.#suspect(now);
    if (command.type === 'candidates') return this.#offered(now, command.remoteCandidates, 0);
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
      this.#enter({ ...standing, overlap: undefined });
    if (standing.name === 'direct' && now >= this.#silentAt(standing)) this.#suspect(now);
    else if (standing.name === 'suspect' && now >= this.#silentAt(standing)) this.#fall(now, standing);
    if (now >= this.#deafAt()) this.#tellDoubt(now);
    if (now >= this.#lostAt()) this.#tellContact(true);
    if (this.#mayProbe()) this.#out.push(...this.#prober.due(now, this.#pursuit()));
    this.#tellOpened();
  }

  drain(): PathOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  wakeAt(): Millis {
    const standing = this.#standing;
    let at = Math.min(this.#deafAt(), this.#lostAt());
    if (standing.name === 'direct' && standing.overlap) at = Math.min(at, standing.overlap.until);
    if (standing.name !== 'relayed') at = Math.min(at, this.#silentAt(standing));
    return this.#mayProbe() ? Math.min(at, this.#prober.dueAt()) : at;
  }

  /** Where media goes now; the first is the path. */
  routes(): readonly Route[] {
    const standing = this.#standing;
    if (standing.name === 'relayed') return [this.#relay];
    const route = routeOf(standing.candidate);
    if (standing.name === 'suspect') return [route, this.#relay];
    return standing.overlap ? [route, standing.overlap.route] : [route];
  }

  // ------------------------------------------------------------------ what arrives

  #offered(now: Millis, texts: readonly string[], punchAfterMs: number): void {
    for (const endpoint of worthProbing(texts, this.#ours)) {
      const withOpeners = wantsOpeners(endpoint, this.#ours);
      this.#prober.offer(withOpeners ? now + punchAfterMs : now, endpoint, withOpeners);
    }
    this.#openedUntold = texts.length > 0;
    this.#tellOpened();
  }

  #tellOpened(): void {
    if (!this.#openedUntold || !this.#prober.opened) return;
    this.#openedUntold = false;
    this.#out.push({ type: 'tell', message: message('pathOpened', { callId: bytesOf(this.#wire) }) });
  }

  #heardMedia(now: Millis, route: Route): void {
    this.#anyHeardAt = now;
    this.#tellContact(false);
    const candidate = this.#heard(now, route);
    if (this.#unsettled === 0 || !candidate || candidate !== this.#pursuit().active) return;
    this.#unsettled -= 1;
    if (this.#unsettled > 0) return;
    this.#quietFrom = now;
    const standing = this.#standing;
    if (standing.name !== 'direct' || !standing.overlap) return;
    const until = Math.min(standing.overlap.until, standing.since + PATH_OVERLAP_MS);
    this.#enter({ ...standing, overlap: { ...standing.overlap, until } });
  }

  #heard(now: Millis, route: Route): Candidate | undefined {
    if (route.via !== 'udp') return undefined;
    const candidate = this.#prober.heard(now, route.endpoint, this.#pursuit().active);
    const standing = this.#standing;
    if (standing.name === 'suspect' && standing.candidate === candidate)
      this.#enter({ name: 'direct', candidate, since: standing.since, overlap: undefined });
    return candidate;
  }

  #probed(now: Millis, from: Route, probe: Body<'pathProbe'>): void {
    const ours = probe.transaction.length === TRANSACTION_BYTES && hexOf(probe.callId) === this.#wire;
    if (!ours || !this.#replies.take(now)) {
      this.dropped += 1;
      return;
    }
    this.#heard(now, from);
    const standing = this.#standing;
    if (from.via === 'forward' && standing.name === 'direct')
      this.#enter({ ...standing, overlap: { route: this.#relay, until: now + PATH_DOUBTED_MS } });
    const seen = from.via === 'udp' ? printEndpoint(from.endpoint) : '';
    const answer = message('pathReply', { transaction: probe.transaction, seen });
    this.#out.push({ type: 'reply', to: from, message: answer });
  }

  #replied(now: Millis, from: Route, reply: Body<'pathReply'>): void {
    // Through the relay only our doubt was sent; its answer is of no use.
    if (from.via !== 'udp') return;
    const candidate = this.#prober.answered(now, from, reply.transaction);
    if (!candidate) {
      this.dropped += 1;
      return;
    }
    candidate.nextAt = now + (candidate === this.#pursuit().active ? PROBE_ACTIVE_MS : PROBE_STANDBY_MS);
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
    const route = standing.name === 'direct' ? routeOf(standing.candidate) : this.#relay;
    if (standing.name === 'direct') standing.candidate.nextAt = now + PROBE_STANDBY_MS;
    this.#challenger = undefined;
    // For a while its silence means nothing: the other end may not have taken it yet, or its copies by the old way are
    // quicker and hide those that come here. Both ends stop the old way at about the same time; then silence counts.
    this.#quietFrom = now + PATH_SETTLE_MS + PATH_OVERLAP_MS;
    this.#unsettled = PATH_SETTLED_PACKETS;
    candidate.nextAt = now + PROBE_ACTIVE_MS;
    this.#enter({ name: 'direct', candidate, since: now, overlap: { route, until: now + PATH_SETTLE_MS } });
  }

  #suspect(now: Millis): void {
    const standing = this.#standing;
    if (standing.name === 'direct') {
      const { candidate, since } = standing;
      this.#enter({ name: 'suspect', candidate, since, suspectAt: now });
      this.#tellDoubt(now);
    }
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
    if (best) this.#take(now, best);
    else this.#enter({ name: 'relayed' });
    this.#tellDoubt(now);
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
    this.#out.push({ type: 'reply', to: this.#relay, message: this.#prober.untracked() });
  }

  /** The one place where the standing changes, and tells what follows for media and for people. */
  #enter(next: Standing): void {
    this.#standing = next;
    const routes = this.routes();
    const [route = this.#relay] = routes;
    const path = next.name === 'relayed' ? 'relay' : next.candidate.kind;
    const routesText = routes.map(routeKey).join();
    const pathText = `${path} ${routeKey(route)}`;
    if (routesText !== this.#routesTold) this.#out.push({ type: 'send-on', routes });
    if (pathText !== this.#pathTold) this.#out.push({ type: 'path', path, route });
    this.#routesTold = routesText;
    this.#pathTold = pathText;
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

function routeOf(candidate: Candidate): Route {
  return { via: 'udp', endpoint: candidate.endpoint };
}

function isEligible(now: Millis, candidate: Candidate): boolean {
  return candidate.state.name === 'valid' && now >= candidate.returnAt;
}

function rated({ kind, state }: Candidate): { readonly kind: 'lan' | 'direct'; readonly score: number } {
  return { kind, score: state.name === 'valid' ? score(state) : Number.POSITIVE_INFINITY };
}
