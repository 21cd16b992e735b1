/**
 * Where an ordinary node may be met: at the addresses of its machine (RFC 8445: host), where a supernode sees it by UDP
 * (server reflexive), and at what its gateway passes on to it. `ordinary-node.ts` hands in what it hears of these, and
 * tells calls, silent tests and the choice of supernodes what follows. Pure.
 */
import type { NatKind } from '../nat/nat-kind.ts';
import type { Surroundings } from '../nat/path-port.ts';
import {
  type Endpoint,
  familyOf,
  isLoopbackHost,
  isUnicastHost,
  parseEndpoint,
  printEndpoint,
  sameEndpoint,
} from '../protocol/endpoint.ts';

export class OwnEndpoints {
  /** Of the machine itself; none before they were told for the first time. */
  local: readonly Endpoint[] = [];
  /** What our gateway passes on to us. */
  mapped: Endpoint | undefined;
  /** Where else supernodes see us, by a NAT whose port for us was taken. */
  spares: readonly Endpoint[] = [];
  #reflexive: Endpoint | undefined;

  /** All, as calls tell them. The reflexive one first: a machine may have more addresses than are told. */
  get candidates(): readonly string[] {
    const outer = [this.#reflexive, ...this.spares, this.mapped].filter((one) => one !== undefined);
    const hosts = this.local.filter(({ carrier }) => carrier === 'udp');
    return [...new Set([...outer, ...hosts].map(printEndpoint))];
  }

  /** A text from a supernode; by TCP it sees a port that nobody can write to. Gives where it sees us by UDP. */
  observed(text: string): Endpoint | undefined {
    const endpoint = parseEndpoint(text);
    const isMeeting = endpoint?.carrier === 'udp' && isUnicastHost(endpoint.host);
    this.#reflexive = isMeeting ? endpoint : undefined;
    return this.#reflexive;
  }

  /** By UDP from outside, as far as we know. Who is seen at an address of its own is not translated. */
  seenAs({ mapping, evidence }: NatKind): ReturnType<Surroundings['self']> {
    const reflexive = this.#reflexive;
    const isOurs = reflexive !== undefined && this.local.some((one) => sameEndpoint(one, reflexive));
    // What is the same for two ports of one address may still be another for another address.
    const isSure = mapping !== 'endpoint-independent' || evidence.mapping === 'several-addresses';
    return { reflexive, mapping: isOurs ? 'none' : isSure ? mapping : 'unknown', mapped: this.mapped };
  }

  /** Without those of a family of which this machine has no address, as far as it told. */
  within(all: readonly Endpoint[]): Endpoint[] {
    const outward = this.local.filter(({ host }) => !isLoopbackHost(host));
    const families = new Set<number>(outward.map(({ host }) => familyOf(host)));
    if (families.size === 0) return [...all];
    return all.filter(({ host }) => familyOf(host) === 0 || isLoopbackHost(host) || families.has(familyOf(host)));
  }
}
