/**
 * What is remembered of each network that this machine was on: the way to a supernode that worked, the last good
 * supernode, the class of connectivity, on which rung the last call ended, and when it was used last. Classic clients remembered one connectivity for all
 * (slides, "Analysis of subsequent logins"). A network is known by a fingerprint that `io/network-print.ts` makes; it
 * is compared here, and never sent anywhere.
 */
import { type Endpoint, parseEndpoint, printEndpoint } from '../protocol/endpoint.ts';
import { NETWORKS_REMEMBERED_MAX, RUNG_REMEMBERED_MS } from '../protocol/params.ts';
import type { WayName } from '../protocol/ways.ts';

/** As it is stored. */
export interface RememberedNetwork {
  /** Its fingerprint; empty for networks that have none. */
  readonly print: string;
  /** Wall clock, ms. */
  readonly lastUsedAtMs: number;
  readonly way?: WayName | undefined;
  readonly supernode?: string | undefined;
  /** In the words of whoever found it out (NAT discovery). */
  readonly connectivity?: string | undefined;
  /** Number of the level on which the last call ended (`media/rungs.ts`), and when. */
  readonly level?: number | undefined;
  readonly levelAtMs?: number | undefined;
}

export class NetworkMemory {
  readonly #networks = new Map<string, RememberedNetwork>();
  #print = '';

  constructor(stored: readonly RememberedNetwork[] = []) {
    for (const one of stored.slice(0, NETWORKS_REMEMBERED_MAX)) this.#networks.set(one.print, one);
  }

  /** The network that we are on now; true when it is another one than before. */
  enter(wallMs: number, print: string): boolean {
    const changed = print !== this.#print;
    this.#print = print;
    this.#change(wallMs, {});
    return changed;
  }

  get print(): string {
    return this.#print;
  }

  /** The way to a supernode that worked here last. */
  get way(): WayName | undefined {
    return this.#networks.get(this.#print)?.way;
  }

  /** The supernode that we were attached to here last. */
  get supernode(): Endpoint | undefined {
    return parseEndpoint(this.#networks.get(this.#print)?.supernode ?? '');
  }

  get connectivity(): string | undefined {
    return this.#networks.get(this.#print)?.connectivity;
  }

  worked(wallMs: number, way: WayName, supernode: Endpoint): void {
    this.#change(wallMs, { way, supernode: printEndpoint(supernode) });
  }

  setConnectivity(wallMs: number, connectivity: string): void {
    this.#change(wallMs, { connectivity });
  }

  /** How the last call here ended; undefined when that is too long ago to be believed. */
  levelAt(wallMs: number): number | undefined {
    const { level, levelAtMs = 0 } = this.#networks.get(this.#print) ?? {};
    return Math.abs(wallMs - levelAtMs) <= RUNG_REMEMBERED_MS ? level : undefined;
  }

  setLevel(wallMs: number, level: number): void {
    this.#change(wallMs, { level, levelAtMs: wallMs });
  }

  /** To be stored; the network used last stands first. */
  export(): RememberedNetwork[] {
    return [...this.#networks.values()].sort((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
  }

  #change(wallMs: number, change: Partial<RememberedNetwork>): void {
    const print = this.#print;
    this.#networks.set(print, { ...this.#networks.get(print), ...change, print, lastUsedAtMs: wallMs });
    for (const { print: old } of this.export().slice(NETWORKS_REMEMBERED_MAX)) this.#networks.delete(old);
  }
}
