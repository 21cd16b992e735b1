/**
 * Finds a port that the other end has opened to us (`own-ports.ts` of that end): sends probes to ports of its host, those
 * that it named or many at random. An answer proves the port, since it is authenticated, comes from where the probe
 * went, and repeats a number that only this probe carried. `fallbacks.ts` decides whose host, and whether at all: it is
 * one that our supernode vouches to be the other end's own.
 *
 * Bounded by WIDE_PROBES for each search and WIDE_PROBES_AT_ONCE each WIDE_STEP_MS, by three for each named port.
 */
import type { Millis, Random } from '../protocol/core.ts';
import { type Endpoint, sameEndpoint } from '../protocol/endpoint.ts';
import { bytesOf, type CallId, hexOf } from '../protocol/ids.ts';
import {
  PROBE_TIMEOUT_MS,
  PUNCH_NAMED_OFFSETS_MS,
  WIDE_LATE_MS_MAX,
  WIDE_NEAR_PORTS,
  WIDE_PROBES,
  WIDE_PROBES_AT_ONCE,
  WIDE_STEP_MS,
} from '../protocol/params.ts';
import { message } from '../wire/messages.ts';
import { type Probe, TRANSACTION_BYTES } from './prober.ts';

const PORT_MIN = 1_024;
const PORTS = 65_536 - PORT_MIN;

export class PortSearch {
  readonly #callId: CallId;
  readonly #random: Random;
  /** Probes under way, by the number they carry; oldest first. */
  readonly #pending = new Map<string, { readonly to: Endpoint; readonly sentAt: Millis }>();
  /** Many: what is still to be tried, and when the next few are. */
  #many: { readonly host: string; readonly ports: number[]; nextAt: Millis } | undefined;
  /** Named: what is still to be sent, earliest first. */
  #named: { readonly at: Millis; readonly to: Endpoint }[] = [];

  constructor(options: { callId: CallId; random: Random }) {
    this.#callId = options.callId;
    this.#random = options.random;
  }

  /** Ports at random and, for NATs that count, around `known`: a port at which the other end was seen once. */
  searchMany(now: Millis, host: string, known: number | undefined): void {
    this.#many = { host, ports: searchOrder(known, this.#random), nextAt: now };
  }

  searchNamed(now: Millis, host: string, ports: readonly number[]): void {
    this.#named = PUNCH_NAMED_OFFSETS_MS.flatMap((offsetMs) =>
      ports.map((port) => ({ at: now + offsetMs, to: { carrier: 'udp' as const, host, port } })),
    );
  }

  /** Ports of theirs are being tried. */
  get isSearching(): boolean {
    return this.#many !== undefined || this.#named.length > 0;
  }

  /** Sends no more; answers that are under way still count. */
  stop(): void {
    this.#many = undefined;
    this.#named = [];
  }

  due(now: Millis): Probe[] {
    const named = this.#named.filter(({ at }) => at <= now);
    this.#named.splice(0, named.length);
    const due = named.map(({ to }) => to);
    const many = this.#many;
    if (many) many.nextAt = Math.max(many.nextAt, now - WIDE_LATE_MS_MAX);
    for (; many && now >= many.nextAt; many.nextAt += WIDE_STEP_MS) {
      for (const port of many.ports.splice(0, WIDE_PROBES_AT_ONCE)) due.push({ carrier: 'udp', host: many.host, port });
    }
    if (many?.ports.length === 0) this.#many = undefined;
    return due.map((to) => this.#probe(now, to));
  }

  dueAt(): Millis {
    const never = Number.POSITIVE_INFINITY;
    return Math.min(this.#many?.nextAt ?? never, this.#named[0]?.at ?? never);
  }

  /** The port that this answer proves, if it is one to a probe of ours, and the round trip. */
  answered(now: Millis, from: Endpoint, transaction: Uint8Array): { to: Endpoint; rttMs: number } | undefined {
    const key = hexOf(transaction);
    const pending = this.#pending.get(key);
    if (!pending || !sameEndpoint(pending.to, from)) return undefined;
    this.#pending.delete(key);
    const rttMs = now - pending.sentAt;
    return rttMs > PROBE_TIMEOUT_MS ? undefined : { to: pending.to, rttMs };
  }

  #probe(now: Millis, to: Endpoint): Probe {
    const transaction = this.#random.bytes(TRANSACTION_BYTES);
    this.#pending.set(hexOf(transaction), { to, sentAt: now });
    for (const [oldest, { sentAt }] of this.#pending) {
      if (this.#pending.size <= WIDE_PROBES && now - sentAt <= PROBE_TIMEOUT_MS) break;
      this.#pending.delete(oldest);
    }
    return { type: 'probe', to, message: message('pathProbe', { transaction, callId: bytesOf(this.#callId) }) };
  }
}

/**
 * WIDE_PROBES ports, each once: every other one of the first from nearest to `known` outwards, the rest spread over all by
 * a stride. Where ports are given at random any order is as good, so being near costs nothing.
 */
export function searchOrder(known: number | undefined, random: Random): number[] {
  const near = known === undefined ? [] : nearPorts(known);
  const isNear = new Set(near);
  const start = Math.floor(random.fraction() * PORTS);
  const stride = strideBy(random);
  const far: number[] = [];
  for (let step = 0; far.length < WIDE_PROBES - near.length; step += 1) {
    const port = PORT_MIN + ((start + step * stride) % PORTS);
    if (!isNear.has(port)) far.push(port);
  }
  const order: number[] = [];
  for (let index = 0; order.length < near.length + far.length; index += 1) {
    for (const port of [near[index], far[index]]) if (port !== undefined) order.push(port);
  }
  return order;
}

function nearPorts(known: number): number[] {
  const distances = Array.from({ length: WIDE_NEAR_PORTS }, (_, index) => index + 1);
  const ports = distances.flatMap((distance) => [known + distance, known - distance]);
  return ports.filter((port) => port >= PORT_MIN && port < PORT_MIN + PORTS);
}

/** A step that meets every port before it meets one again: 64512 is made of 2, 3 and 7. */
function strideBy(random: Random): number {
  for (;;) {
    const stride = 1 + 2 * Math.floor(random.fraction() * (PORTS / 2));
    if (stride % 3 !== 0 && stride % 7 !== 0) return stride;
  }
}
