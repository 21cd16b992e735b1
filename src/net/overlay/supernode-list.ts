/**
 * The supernodes that a client knows, in the order in which everybody tries them, and which node answered where: one
 * supernode may stand in the list by several addresses. `supernode-pair.ts` asks it whom to take for the second.
 */
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { NodeId } from '../protocol/ids.ts';
import { placeOf } from './supernode-link.ts';

/** A supernode that we are attached to: where, and who it is. */
export interface Known {
  readonly server: Endpoint;
  readonly node: NodeId;
}

export class SupernodeList {
  endpoints: readonly Endpoint[] = [];
  readonly #nodeAt = new Map<string, NodeId>();
  readonly #avoidUntil = new Map<string, Millis>();

  /** This node answered there. */
  learn({ server, node }: Known): void {
    this.#nodeAt.set(placeOf(server), node);
  }

  /** This one stops: after all others until then. */
  avoid(until: Millis, server: Endpoint): void {
    this.#avoidUntil.set(placeOf(server), until);
  }

  /** All but this one, those that are preferred first, in the order of the list; those beside it, which may fall with it, last. */
  others(now: Millis, than: Known, preferred: readonly Endpoint[] = []): Endpoint[] {
    const burden = (one: Endpoint): number =>
      (now < (this.#avoidUntil.get(placeOf(one)) ?? 0) ? 2 : 0) +
      (networkOf(one.host) === networkOf(than.server.host) ? 1 : 0);
    const isPreferred = (one: Endpoint): boolean => preferred.some((other) => placeOf(other) === placeOf(one));
    const rest = this.endpoints.filter((one) => !isPreferred(one)).toSorted((a, b) => burden(a) - burden(b));
    return [...preferred, ...rest].filter((one) => !this.#is(one, than));
  }

  /** The place in the list, from 0; the end for what is not in it, is to be avoided, or nothing. */
  rank(now: Millis, of: Known | undefined): number {
    const avoided = of && now < (this.#avoidUntil.get(placeOf(of.server)) ?? 0);
    const index = of && !avoided ? this.endpoints.findIndex((one) => this.#is(one, of)) : -1;
    return index < 0 ? this.endpoints.length : index;
  }

  #is(endpoint: Endpoint, { server, node }: Known): boolean {
    return placeOf(endpoint) === placeOf(server) || this.#nodeAt.get(placeOf(endpoint)) === node;
  }
}

/** What is likely to fail together: an IPv4 /16, an IPv6 /32; a name stands for itself. */
function networkOf(host: string): string {
  if (host.includes(':')) return host.split(':').slice(0, 2).join(':');
  const parts = host.split('.');
  return parts.length === 4 ? parts.slice(0, 2).join('.') : host;
}
