/**
 * One direction of one cable: says when a packet that is put in now comes out. Losses come alone or in bursts
 * (Gilbert's model), jitter keeps the order as a queue does, and only `reorder` lets a packet be overtaken.
 */
import type { Millis } from '../../src/net/protocol/core.ts';
import type { Chance } from './chance.ts';

export interface LinkSettings {
  /** One way, ms. */
  readonly delayMs: number;
  /** Added to each packet, evenly from 0 to this. */
  readonly jitterMs: number;
  /** Share of packets lost, 0 to 1. */
  readonly loss: number;
  /** Mean number of packets lost in a row; 1 means that each is lost on its own. */
  readonly lossBurst: number;
  /** Share of packets that come twice. */
  readonly duplicate: number;
  /** Share of packets that are held back by `reorderMs`, so that later ones overtake them. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Rate of the slowest piece of the way; Infinity when it does not matter. */
  readonly bytesPerSecond: number;
  /** What waits before that piece; beyond, the newest packet is dropped. */
  readonly queueBytes: number;
  /** Routers on the way. A packet whose TTL is used up by them is lost. */
  readonly hops: number;
}

/** A calm link across a country. */
export const CALM: LinkSettings = {
  delayMs: 20,
  jitterMs: 0,
  loss: 0,
  lossBurst: 1,
  duplicate: 0,
  reorder: 0,
  reorderMs: 30,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  queueBytes: 64_000,
  // Between two homes there are about ten. Openers of TTL 5 (realtime.md 1.4) must die on the way, as they do there.
  hops: 8,
};
/** Between two machines in one house. */
export const LOCAL: LinkSettings = { ...CALM, delayMs: 0.3, hops: 0 };
/** A poor one: everything goes wrong now and then. */
export const ROUGH: LinkSettings = { ...CALM, delayMs: 40, jitterMs: 30, loss: 0.1, duplicate: 0.02, reorder: 0.05 };

export class Link {
  settings: LinkSettings;
  readonly #chance: Chance;
  #losing = false;
  /** When the slowest piece is through with what it has. */
  #busyUntil: Millis = 0;
  /** No packet in order comes out before the one ahead of it. */
  #lastOut: Millis = 0;

  constructor(settings: LinkSettings, chance: Chance) {
    this.settings = settings;
    this.#chance = chance;
  }

  /** When a packet of this size (headers included) comes out: never, once, or twice. */
  pass(now: Millis, sizeBytes: number): Millis[] {
    const { delayMs, jitterMs, duplicate, reorder, reorderMs } = this.settings;
    const sent = this.#serialise(now, sizeBytes);
    if (sent === undefined || this.#loses()) return [];
    const at = sent + delayMs + (jitterMs > 0 ? this.#chance.fraction() * jitterMs : 0);
    if (this.#chance.hits(reorder)) return [at + reorderMs];
    this.#lastOut = Math.max(this.#lastOut, at);
    return this.#chance.hits(duplicate) ? [this.#lastOut, this.#lastOut + delayMs / 2] : [this.#lastOut];
  }

  /** The moment the last bit has left; undefined when the queue is full. */
  #serialise(now: Millis, sizeBytes: number): Millis | undefined {
    const { bytesPerSecond, queueBytes } = this.settings;
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return now;
    const waitingBytes = (Math.max(0, this.#busyUntil - now) * bytesPerSecond) / 1000;
    if (waitingBytes > 0 && waitingBytes + sizeBytes > queueBytes) return undefined;
    this.#busyUntil = Math.max(this.#busyUntil, now) + (sizeBytes / bytesPerSecond) * 1000;
    return this.#busyUntil;
  }

  /** Two states: in one all packets are lost, in the other none; the chances to change give share and burst. */
  #loses(): boolean {
    const { loss, lossBurst } = this.settings;
    if (loss <= 0) return false;
    if (lossBurst <= 1 || loss >= 1) return this.#chance.hits(loss);
    const stop = 1 / lossBurst;
    const start = (stop * loss) / (1 - loss);
    this.#losing = this.#losing ? !this.#chance.hits(stop) : this.#chance.hits(start);
    return this.#losing;
  }
}
