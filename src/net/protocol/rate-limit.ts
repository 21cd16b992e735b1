/**
 * How often a name may be tried or a host may ask: a token bucket for each key, in virtual time, in a table of
 * bounded size. The login server asks, and whoever answers handshakes; the answer is yes, or how long to wait.
 *
 * A bucket is kept as one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T
 * I.371): a token moves that time on by one refill, and none is left when it lies a whole burst ahead.
 */
import type { Millis } from './core.ts';
import { plainHost } from './endpoint.ts';
import { RATE_ENTRIES_MAX } from './params.ts';

export class RateLimit {
  readonly #burst: number;
  readonly #refillMs: number;
  readonly #entriesMax: number;
  /** Key to the time at which its bucket is full; the key used longest ago stands first. */
  readonly #fullAt = new Map<string, Millis>();

  /** `burst` tokens at once, then one every `refillMs`. Beyond `entriesMax` keys the one used longest ago is forgotten. */
  constructor(burst: number, refillMs: number, entriesMax = RATE_ENTRIES_MAX) {
    this.#burst = burst;
    this.#refillMs = refillMs;
    this.#entriesMax = entriesMax;
  }

  /** Takes a token: 0. When there is none: how long until there will be one, ms; nothing is taken then. */
  take(now: Millis, key: string): number {
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + this.#refillMs;
    const waitMs = fullAt - now - this.#burst * this.#refillMs;
    if (waitMs > 0) return Math.ceil(waitMs);
    this.#keep(key, fullAt);
    return 0;
  }

  /** Returns a token that was taken for nothing. */
  giveBack(now: Millis, key: string): void {
    const fullAt = (this.#fullAt.get(key) ?? now) - this.#refillMs;
    if (fullAt > now) this.#fullAt.set(key, fullAt);
    else this.#fullAt.delete(key);
  }

  /** Keys remembered. */
  get size(): number {
    return this.#fullAt.size;
  }

  #keep(key: string, fullAt: Millis): void {
    this.#fullAt.delete(key);
    const oldest = this.#fullAt.size >= this.#entriesMax ? this.#fullAt.keys().next() : undefined;
    if (oldest && !oldest.done) this.#fullAt.delete(oldest.value);
    this.#fullAt.set(key, fullAt);
  }
}

/**
 * What counts as one host: an IPv4 address, but the whole /64 of an IPv6 address, because one subscriber has that
 * many addresses to itself.
 */
export function hostKey(address: string): string {
  const host = plainHost(address);
  if (!host.includes(':')) return host;
  const [head = '', tail] = host.split('%', 1)[0]?.toLowerCase().split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const groups = tail === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - width(tail))).fill('0')];
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  return `${[...groups, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Groups of the part after `::`; a dotted IPv4 tail stands for two. */
function width(tail: string): number {
  return tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
}
