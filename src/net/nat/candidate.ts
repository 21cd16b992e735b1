/**
 * Candidates of a call's path: where the other end may be met by UDP, and the pure judgements about them. Which offered
 * texts are worth a probe, when the next probe is due, what a path is called, and which of two paths is better
 * (realtime.md 1.4). `path-finder.ts` keeps the candidates and acts.
 */
import type { Millis } from '../protocol/core.ts';
import {
  type Endpoint,
  isLoopbackHost,
  isPrivateHost,
  isUnicastHost,
  parseEndpoint,
  plainHost,
  sameEndpoint,
} from '../protocol/endpoint.ts';
import {
  CANDIDATES_MAX,
  PATH_BETTER_MS,
  PATH_BETTER_SHARE,
  PROBE_RARE_MS,
  PROBE_SCHEDULE_MS,
  PROBE_STEADY_MS,
  PROBES_STEADY,
} from '../protocol/params.ts';
import { type Route, routeKey, type SocketId } from '../protocol/traffic.ts';

export type PathKind = 'lan' | 'direct' | 'relay';

export interface Measured {
  readonly rttMs: number;
  readonly jitterMs: number;
  readonly answeredAt: Millis;
}

/** `trial`: not proven now; `valid`: answered a probe from the address we probed. */
export type CandidateState = { readonly name: 'trial' } | ({ readonly name: 'valid' } & Measured);

export interface Candidate {
  readonly endpoint: Endpoint;
  readonly key: string;
  /** Of the temporary sockets the one at our end; undefined: our own port. */
  readonly socket: SocketId | undefined;
  readonly kind: 'lan' | 'direct';
  /** Offered by the other end, or learned from a packet's source. */
  readonly learned: boolean;
  /** A hole was punched through both ends' NATs: when that leads nowhere it is left alone after a while. */
  readonly punched: boolean;
  /** Probes of a low TTL that are still to be sent before any other. */
  openersLeft: number;
  state: CandidateState;
  /** Start of its schedule, and probes sent since. */
  startedAt: Millis;
  step: number;
  nextAt: Millis;
  /** It has answered once in this call; until then its probes are numbered. */
  everAnswered: boolean;
  probes: number;
  /** Newest authenticated packet from there; -Infinity before the first. */
  heardAt: Millis;
  heardPackets: number;
  /** Where they saw the newest probe that they answered come from (text from outside); empty before. */
  seen: string;
  /** How it stands in a word, and since when: for people. */
  turned: { readonly word: 'trying' | 'works' | 'failed'; readonly at: Millis };
  /** Falls in quick succession, and until when it stays away for them. */
  falls: number;
  returnAt: Millis;
}

/** `openers`: how many low probes go first; `now` is when the first probe is due. */
export function candidateAt(
  now: Millis,
  endpoint: Endpoint,
  how: { learned: boolean; openers?: number; punched?: boolean; socket?: SocketId | undefined },
): Candidate {
  const { learned, openers = 0, punched = false, socket } = how;
  return {
    endpoint,
    key: candidateKey(endpoint, socket),
    socket,
    kind: isPrivateHost(endpoint.host) ? 'lan' : 'direct',
    learned,
    punched,
    openersLeft: openers,
    state: { name: 'trial' },
    startedAt: now,
    step: 0,
    nextAt: now,
    everAnswered: false,
    probes: 0,
    heardAt: Number.NEGATIVE_INFINITY,
    heardPackets: 0,
    seen: '',
    turned: { word: 'trying', at: now },
    falls: 0,
    returnAt: now,
  };
}

/** Something about it has changed: the word for it, and since when, may be others now. */
export function turn(now: Millis, candidate: Candidate): void {
  const { state, everAnswered, nextAt, step } = candidate;
  const isTried = step < PROBE_SCHEDULE_MS.length + PROBES_STEADY && nextAt !== Number.POSITIVE_INFINITY;
  const word = state.name === 'valid' ? 'works' : everAnswered || !isTried ? 'failed' : 'trying';
  if (word !== candidate.turned.word) candidate.turned = { word, at: now };
}

export function candidateKey(endpoint: Endpoint, socket?: SocketId): string {
  return routeKey({ via: 'udp', endpoint, ...(socket === undefined ? {} : { socket }) });
}

/**
 * Of the texts that the other end offers, the endpoints worth probing, nearest first, at most CANDIDATES_MAX. Dropped
 * are other carriers, names, addresses of no single machine, our own, families that we have no address of, and
 * loopback unless we have it too. `ours` empty: nothing is known of us, and every family is tried.
 */
export function worthProbing(texts: readonly string[], ours: readonly Endpoint[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const text of texts.slice(0, CANDIDATES_MAX)) {
    const parsed = parseEndpoint(text);
    if (parsed?.carrier !== 'udp') continue;
    const endpoint = { ...parsed, host: plainHost(parsed.host) };
    if (isReachable(endpoint, ours)) found.set(candidateKey(endpoint), endpoint);
  }
  return [...found.values()].sort((a, b) => nearness(b) - nearness(a));
}

function isReachable(endpoint: Endpoint, ours: readonly Endpoint[]): boolean {
  if (!isUnicastHost(endpoint.host)) return false;
  if (ours.length === 0) return true;
  if (ours.some((own) => sameEndpoint(own, endpoint))) return false;
  if (isLoopbackHost(endpoint.host)) return ours.some((own) => isLoopbackHost(own.host));
  // Every machine has 127.0.0.1: that is no way to any IPv4 address.
  return ours.some((own) => !isLoopbackHost(own.host) && own.host.includes(':') === endpoint.host.includes(':'));
}

/**
 * Whether our own NAT must be opened towards this address before anything may reach it in earnest. Not when we have a
 * public address of that family ourselves: then there is a firewall at most, which only forwards or drops.
 */
export function wantsOpeners(endpoint: Endpoint, ours: readonly Endpoint[]): boolean {
  if (isPrivateHost(endpoint.host)) return false;
  const isIPv6 = endpoint.host.includes(':');
  return !ours.some(({ host }) => host.includes(':') === isIPv6 && !isPrivateHost(host));
}

function nearness(endpoint: Endpoint): number {
  return isPrivateHost(endpoint.host) ? 1 : 0;
}

/** When probe number `step` (from 0) of a schedule is due, ms after its start: at once, then steadily, then rarely. */
export function probeOffsetMs(step: number): number {
  const early = PROBE_SCHEDULE_MS[step];
  if (early !== undefined) return early;
  const after = step - PROBE_SCHEDULE_MS.length + 1;
  const last = PROBE_SCHEDULE_MS.at(-1) ?? 0;
  return last + Math.min(after, PROBES_STEADY) * PROBE_STEADY_MS + Math.max(0, after - PROBES_STEADY) * PROBE_RARE_MS;
}

/** Takes one more round trip into the measure of a path (gains of RFC 6298). */
export function measure(before: CandidateState, rttMs: number, answeredAt: Millis): CandidateState {
  if (before.name === 'trial') return { name: 'valid', rttMs, jitterMs: rttMs / 2, answeredAt };
  const jitterMs = before.jitterMs + (Math.abs(before.rttMs - rttMs) - before.jitterMs) / 4;
  return { name: 'valid', rttMs: before.rttMs + (rttMs - before.rttMs) / 8, jitterMs, answeredAt };
}

/** Lower is better: one way, and what the jitter buffer will add. */
export function score({ rttMs, jitterMs }: Pick<Measured, 'rttMs' | 'jitterMs'>): number {
  return rttMs / 2 + jitterMs;
}

interface Rated {
  readonly kind: 'lan' | 'direct';
  readonly score: number;
}

/**
 * Whether a path should replace the one in use. A nearer kind always does, `now`; one of the same kind must be
 * clearly better and stay so, `later`; anything else, `no`.
 */
export function replaces(other: Rated, used: Rated): 'now' | 'later' | 'no' {
  if (other.kind !== used.kind) return other.kind === 'lan' ? 'now' : 'no';
  const gainMs = used.score - other.score;
  return gainMs > PATH_BETTER_MS && gainMs > used.score * PATH_BETTER_SHARE ? 'later' : 'no';
}

/** Negative when `a` is to be taken before `b`, for choosing among paths of which none is in use. */
export function compareRated(a: Rated, b: Rated): number {
  return a.kind === b.kind ? a.score - b.score : a.kind === 'lan' ? -1 : 1;
}

export function routeOf({ endpoint, socket }: Candidate): Route {
  return { via: 'udp', endpoint, ...(socket === undefined ? {} : { socket }) };
}

/** Proven, and not sent away for falling too often. */
export function isEligible(now: Millis, candidate: Candidate): boolean {
  return candidate.state.name === 'valid' && now >= candidate.returnAt;
}

/** One that is not valid is worse than any. */
export function rated({ kind, state }: Candidate): Rated {
  return { kind, score: state.name === 'valid' ? score(state) : Number.POSITIVE_INFINITY };
}
