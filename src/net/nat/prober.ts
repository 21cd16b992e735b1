/**
 * The candidates of one call and their probes: when each is due, within which budgets, and which answers count. The
 * path finder asks it what to send and hands it the answers; which path is taken is decided there.
 *
 * Hole punching (realtime.md 1.4, 1.6): an address beyond our NAT gets a few openers first, probes whose TTL ends on the
 * way. Then it is left alone until the other end says that it has sent its own, or for PUNCH_PATIENCE_MS.
 *
 * What a hostile peer can make us send is bounded here: so many addresses, so many unanswered probes to each and to
 * all of them, so many probes a second.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, isUnicastHost } from '../protocol/endpoint.ts';
import { bytesOf, type CallId, hexOf } from '../protocol/ids.ts';
import {
  CANDIDATES_LEARNED_MAX,
  CANDIDATES_OFFERED_MAX,
  PACKETS_PER_EXTRA_PROBE,
  PATH_FRESH_MS,
  PROBE_ACTIVE_MS,
  PROBE_PROMPT_MS,
  PROBE_STANDBY_MS,
  PROBE_TIMEOUT_MS,
  PROBES_BURST,
  PROBES_PENDING_MAX,
  PROBES_PER_SECOND_MAX,
  PROBES_UNANSWERED_MAX,
  PROBES_UNANSWERED_TOTAL_MAX,
  PUNCH_GAP_MS,
  PUNCH_PATIENCE_MS,
  PUNCH_PROBES,
  PUNCH_TTLS,
} from '../protocol/params.ts';
import { TokenBucket } from '../protocol/token-bucket.ts';
import { type Route, routeKey, type SocketId } from '../protocol/traffic.ts';
import { type MessageOf, message } from '../wire/messages.ts';
import { type Candidate, candidateAt, candidateKey, measure, probeOffsetMs, turn } from './candidate.ts';

export const TRANSACTION_BYTES = 8;

type UdpRoute = Extract<Route, { via: 'udp' }>;

export interface Probe {
  readonly type: 'probe';
  readonly to: Endpoint;
  readonly message: MessageOf<'pathProbe'>;
  /** Of an opener; any other goes as far as it must. */
  readonly ttl?: number;
  /** The temporary socket that it leaves by. */
  readonly socket?: SocketId;
}

/** What the path finder is doing, as far as it matters for probing. */
export interface Pursuit {
  readonly active: Candidate | undefined;
  /** The path is in doubt: everything proven is probed as if new. */
  readonly inDoubt: boolean;
}

export class Prober {
  readonly #callId: Buffer;
  readonly #random: Random;
  readonly #candidates = new Map<string, Candidate>();
  readonly #pending = new Map<string, { readonly candidate: Candidate; readonly sentAt: Millis }>();
  readonly #bucket = new TokenBucket(PROBES_PER_SECOND_MAX, PROBES_BURST);
  /** The bucket is empty until then. */
  #emptyUntil: Millis = 0;
  #unanswered = 0;
  #offered = 0;
  /** The other end has sent something to each of our addresses. */
  #theyOpened = false;

  constructor(options: { wire: CallId; random: Random }) {
    this.#callId = bytesOf(options.wire);
    this.#random = options.random;
  }

  /** An address that the other end offers; the first probe is due `from` then. */
  offer(from: Millis, endpoint: Endpoint, how: { readonly withOpeners: boolean; readonly punched: boolean }): void {
    if (this.#candidates.has(candidateKey(endpoint)) || this.#offered >= CANDIDATES_OFFERED_MAX) return;
    this.#offered += 1;
    const openers = how.withOpeners ? PUNCH_TTLS.length : 0;
    this.#add(candidateAt(from, endpoint, { learned: false, openers, punched: how.punched }));
  }

  /** Everything is sent that opens our side to the addresses offered. */
  get opened(): boolean {
    return this.all().every((one) => one.openersLeft === 0);
  }

  /** The other end says so of its side: nothing of ours can spoil a port there any more. */
  theyOpened(now: Millis): void {
    this.#theyOpened = true;
    for (const candidate of this.#candidates.values())
      if (candidate.openersLeft === 0 && candidate.startedAt > now) restart(now, candidate);
  }

  all(): Candidate[] {
    return [...this.#candidates.values()];
  }

  /** A packet of the other end came from there; undefined when that is, and will be, no candidate. */
  heard(now: Millis, from: UdpRoute, active: Candidate | undefined): Candidate | undefined {
    const candidate = this.#candidates.get(routeKey(from)) ?? this.#learn(now, from, active);
    if (!candidate) return undefined;
    candidate.heardAt = now;
    candidate.heardPackets += 1;
    if (!candidate.everAnswered && candidate.heardPackets % PACKETS_PER_EXTRA_PROBE === 0) {
      candidate.probes = Math.max(0, candidate.probes - 1);
      this.#unanswered = Math.max(0, this.#unanswered - 1);
    }
    // It came through both NATs: there is nothing to open any more.
    if (candidate.openersLeft > 0 || candidate.startedAt > now) {
      candidate.openersLeft = 0;
      restart(now, candidate);
    }
    // Something opened the way to us, so ours to them may be open too: the first word of that is not waited upon.
    const promptMs = candidate.heardPackets === 1 ? 0 : PROBE_PROMPT_MS;
    if (candidate.state.name === 'trial') candidate.nextAt = Math.min(candidate.nextAt, now + promptMs);
    return candidate;
  }

  /**
   * An address that was not offered: the other end moved, or a NAT gave it a new one. When there is no room, the one on
   * trial that was silent longest makes room.
   */
  #learn(now: Millis, { endpoint, socket }: UdpRoute, active: Candidate | undefined): Candidate | undefined {
    if (endpoint.carrier !== 'udp' || !isUnicastHost(endpoint.host)) return undefined;
    const learned = this.all().filter((one) => one.learned);
    if (learned.length >= CANDIDATES_LEARNED_MAX) {
      const idle = learned.filter((one) => one.state.name === 'trial' && one !== active);
      const oldest = idle.sort((a, b) => a.heardAt - b.heardAt)[0];
      if (!oldest) return undefined;
      this.#candidates.delete(oldest.key);
    }
    return this.#add(candidateAt(now, endpoint, { learned: true, socket }));
  }

  /** Each address that never answered gets one more probe. */
  probeAgain(now: Millis): void {
    for (const candidate of this.#candidates.values()) {
      if (candidate.everAnswered) continue;
      candidate.probes = Math.min(candidate.probes, PROBES_UNANSWERED_MAX - 1);
      candidate.nextAt = now;
      turn(now, candidate);
    }
  }

  /** Everything that has ever answered is probed again as at the start. */
  restartProven(now: Millis): void {
    for (const candidate of this.#candidates.values()) if (candidate.everAnswered) restart(now, candidate);
  }

  /** When `due` will have something, if probing is allowed at all. */
  dueAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const candidate of this.#candidates.values()) at = Math.min(at, candidate.nextAt);
    return Math.max(at, this.#emptyUntil);
  }

  /** The probes to send now; what the bucket does not allow stays due. */
  due(now: Millis, pursuit: Pursuit): Probe[] {
    const probes: Probe[] = [];
    const due = this.all().filter((one) => one.nextAt <= now);
    for (const candidate of due.sort((a, b) => a.nextAt - b.nextAt)) {
      if (isNeedless(candidate, pursuit)) {
        candidate.nextAt = now + PROBE_STANDBY_MS;
        continue;
      }
      if (!this.#withinBudget(candidate)) {
        candidate.nextAt = Number.POSITIVE_INFINITY;
        turn(now, candidate);
        continue;
      }
      if (!this.#bucket.take(now)) {
        this.#emptyUntil = now + this.#bucket.waitMs(now);
        break;
      }
      if (candidate.openersLeft > 0) probes.push(this.#opener(now, candidate));
      else {
        probes.push(this.#probe(now, candidate));
        schedule(now, candidate, pursuit);
        turn(now, candidate);
      }
    }
    return probes;
  }

  /**
   * An answer came. The candidate that it proves, measured anew; undefined for an unknown transaction, for an answer
   * from elsewhere than the address that was asked (it proves nothing of that address), and for one too late.
   */
  answered(now: Millis, from: Route, transaction: Uint8Array): Candidate | undefined {
    const key = hexOf(transaction);
    const pending = this.#pending.get(key);
    if (!pending || from.via !== 'udp' || routeKey(from) !== pending.candidate.key) return undefined;
    this.#pending.delete(key);
    const rttMs = now - pending.sentAt;
    const { candidate } = pending;
    if (rttMs > PROBE_TIMEOUT_MS || this.#candidates.get(candidate.key) !== candidate) return undefined;
    return proven(now, candidate, rttMs);
  }

  /** An address was proven by a probe that is not of our schedule (`port-search.ts`). */
  proven(now: Millis, from: UdpRoute, rttMs: number, active: Candidate | undefined): Candidate | undefined {
    const candidate = this.#candidates.get(routeKey(from)) ?? this.#learn(now, from, active);
    return candidate && proven(now, candidate, rttMs);
  }

  /** A probe whose answer is not waited for. */
  untracked(): MessageOf<'pathProbe'> {
    return message('pathProbe', { transaction: this.#random.bytes(TRANSACTION_BYTES), callId: this.#callId });
  }

  #add(candidate: Candidate): Candidate {
    this.#candidates.set(candidate.key, candidate);
    return candidate;
  }

  #withinBudget(candidate: Candidate): boolean {
    if (candidate.everAnswered) return true;
    return candidate.probes < PROBES_UNANSWERED_MAX && this.#unanswered < PROBES_UNANSWERED_TOTAL_MAX;
  }

  #opener(now: Millis, candidate: Candidate): Probe {
    const ttl = PUNCH_TTLS[PUNCH_TTLS.length - candidate.openersLeft] ?? PUNCH_TTLS[0];
    candidate.openersLeft -= 1;
    candidate.nextAt = now + PUNCH_GAP_MS;
    if (candidate.openersLeft === 0) {
      restart(now, candidate);
      if (!this.#theyOpened) candidate.startedAt = candidate.nextAt = now + PUNCH_PATIENCE_MS;
    }
    return { ...this.#probe(now, candidate), ttl };
  }

  #probe(now: Millis, candidate: Candidate): Probe {
    candidate.probes += 1;
    if (!candidate.everAnswered) this.#unanswered += 1;
    const transaction = this.#random.bytes(TRANSACTION_BYTES);
    this.#pending.set(hexOf(transaction), { candidate, sentAt: now });
    for (const [oldest, { sentAt }] of this.#pending) {
      if (this.#pending.size <= PROBES_PENDING_MAX && now - sentAt <= PROBE_TIMEOUT_MS) break;
      this.#pending.delete(oldest);
    }
    const probe = message('pathProbe', { transaction, callId: this.#callId });
    const { endpoint: to, socket } = candidate;
    return { type: 'probe', to, message: probe, ...(socket === undefined ? {} : { socket }) };
  }
}

function proven(now: Millis, candidate: Candidate, rttMs: number): Candidate {
  candidate.state = measure(candidate.state, rttMs, now);
  candidate.everAnswered = true;
  turn(now, candidate);
  return candidate;
}

/** Back on trial, from the first step of the schedule. */
export function putOnTrial(now: Millis, candidate: Candidate): void {
  candidate.state = { name: 'trial' };
  restart(now, candidate);
}

function restart(now: Millis, candidate: Candidate): void {
  candidate.startedAt = now;
  candidate.step = 0;
  candidate.nextAt = now;
  turn(now, candidate);
}

/** Two in one house need nothing outside: what never answered could only be worse than the way that they have. */
export function isNeedless({ kind, everAnswered }: Candidate, { active, inDoubt }: Pursuit): boolean {
  return active?.kind === 'lan' && !inDoubt && kind === 'direct' && !everAnswered;
}

/** After a probe: the path in use is measured, a standby kept alive, everything else follows the schedule. */
function schedule(now: Millis, candidate: Candidate, { active, inDoubt }: Pursuit): void {
  const { state } = candidate;
  const isActive = candidate === active;
  if (state.name === 'valid' && !isActive && now - state.answeredAt > PATH_FRESH_MS + PROBE_STANDBY_MS)
    putOnTrial(now, candidate);
  if (candidate.state.name === 'valid' && !inDoubt) {
    candidate.nextAt = now + (isActive ? PROBE_ACTIVE_MS : PROBE_STANDBY_MS);
    return;
  }
  candidate.step += 1;
  const silent = candidate.punched && !candidate.everAnswered && candidate.step >= PUNCH_PROBES;
  if (silent) candidate.nextAt = Number.POSITIVE_INFINITY;
  else candidate.nextAt = Math.max(now, candidate.startedAt + probeOffsetMs(candidate.step));
}
