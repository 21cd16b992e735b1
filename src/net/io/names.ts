/**
 * Host names to addresses. Names stand only in invites (`udp:wren.example.org:4000`); packets that arrive carry
 * numbers. The system resolver is slow and may hang, so answers are kept for a minute, failures for two seconds,
 * and what waits for an answer is bounded: a sender that cannot wait is told so and drops its packet.
 */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Millis } from '../protocol/core.ts';
import { NAME_CACHE_MS, NAME_FAILURE_CACHE_MS, NAME_WAITERS_MAX, NAMES_MAX } from '../protocol/params.ts';

/** Asks the system; an empty list when the name is unknown or the resolver fails. */
export type Resolver = (name: string, answer: (addresses: readonly string[]) => void) => void;
type Use = (addresses: readonly string[]) => void;

type Entry =
  | { readonly state: 'asked'; readonly waiting: Use[] }
  | { readonly state: 'known'; readonly addresses: readonly string[]; readonly staleAt: Millis };

export const systemResolver: Resolver = (name, answer) => {
  lookup(name, { all: true }, (error, found) => answer(error ? [] : found.map((entry) => entry.address)));
};

export class NameBook {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => Millis;
  readonly #resolve: Resolver;

  constructor(now: () => Millis, resolve: Resolver = systemResolver) {
    this.#now = now;
    this.#resolve = resolve;
  }

  /**
   * Calls `use` with the addresses of `host`: at once when it is a number or known, later otherwise; with an empty
   * list when there are none. False when too much waits already: then `use` is never called.
   */
  find(host: string, use: Use): boolean {
    if (isIP(host) !== 0) {
      use([host]);
      return true;
    }
    const name = host.toLowerCase();
    const entry = this.#entries.get(name);
    if (entry?.state === 'known' && entry.staleAt > this.#now()) {
      use(entry.addresses);
      return true;
    }
    if (entry?.state === 'asked') {
      if (entry.waiting.length >= NAME_WAITERS_MAX) return false;
      entry.waiting.push(use);
      return true;
    }
    return this.#ask(name, use);
  }

  #ask(name: string, use: Use): boolean {
    this.#entries.delete(name);
    if (!this.#makeRoom()) return false;
    const waiting: Use[] = [use];
    this.#entries.set(name, { state: 'asked', waiting });
    this.#resolve(name, (addresses) => {
      const keptMs = addresses.length > 0 ? NAME_CACHE_MS : NAME_FAILURE_CACHE_MS;
      this.#entries.set(name, { state: 'known', addresses, staleAt: this.#now() + keptMs });
      for (const each of waiting) each(addresses);
    });
    return true;
  }

  /** Forgets the oldest answer when the book is full; false when every entry is a question under way. */
  #makeRoom(): boolean {
    if (this.#entries.size < NAMES_MAX) return true;
    for (const [name, entry] of this.#entries) {
      if (entry.state !== 'known') continue;
      this.#entries.delete(name);
      return true;
    }
    return false;
  }
}
