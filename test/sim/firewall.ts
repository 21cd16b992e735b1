/**
 * What a company or a country puts in the way of packets: no UDP, only some TCP ports, and a look into the first
 * record of each connection, which must be TLS. It goes in series with a NAT, on the inner side:
 *
 *   inside -- Firewall.outward -- NatBox.outward --> outside --> NatBox.inward -- Firewall.inward -- inside
 *
 * What it refuses it drops without a word; a connection that does not look like TLS it resets at both ends.
 */
import type { Millis } from '../../src/net/protocol/core.ts';
import { printEndpoint } from '../../src/net/protocol/endpoint.ts';
import type { Middlebox, Packet } from './network.ts';
import { judgeFirstRecord, type Speaker } from './tls-record.ts';

export interface FirewallRules {
  readonly udp: 'passes' | 'dropped';
  readonly tcpPorts: 'all' | readonly number[];
  /** Cut connections whose first record, of either end, is not real TLS. */
  readonly tlsOnly: boolean;
  /** Drop every packet that holds one of these strings. */
  readonly forbidden?: readonly Buffer[];
}

/** The beginning of one direction of one connection, until it is judged. */
interface Opening {
  readonly pieces: Buffer[];
  nextSequence: number;
  judged: boolean;
}

const REACHED: Readonly<Record<Speaker, 'to' | 'from'>> = { client: 'to', server: 'from' };

export class Firewall implements Middlebox {
  readonly #rules: FirewallRules;
  /** By direction and endpoints as they are inside. */
  readonly #openings = new Map<string, Opening>();

  constructor(rules: FirewallRules) {
    this.#rules = rules;
  }

  outward(_now: Millis, packet: Packet): Packet | undefined {
    return this.#admits(packet, 'client') ? this.#inspect(packet, 'client') : undefined;
  }

  /** Only those inside begin connections here, so whoever answers is the server. */
  inward(_now: Millis, packet: Packet): Packet | undefined {
    return this.#admits(packet, 'server') ? this.#inspect(packet, 'server') : undefined;
  }

  #admits(packet: Packet, speaker: Speaker): boolean {
    if (this.#rules.forbidden?.some((bytes) => packet.bytes.includes(bytes))) return false;
    if (packet.carrier === 'udp') return this.#rules.udp === 'passes';
    const { tcpPorts } = this.#rules;
    return tcpPorts === 'all' || tcpPorts.includes(packet[REACHED[speaker]].port);
  }

  #inspect(packet: Packet, speaker: Speaker): Packet | undefined {
    if (!this.#rules.tlsOnly || packet.carrier === 'udp') return packet;
    const key = `${speaker} ${printEndpoint(packet.from)} ${printEndpoint(packet.to)}`;
    if (packet.kind !== 'data') {
      // A pair of endpoints that begins anew is judged anew.
      if (packet.kind === 'open' || packet.kind === 'accept') this.#openings.delete(key);
      return packet;
    }
    const opening = this.#openings.get(key) ?? { pieces: [], nextSequence: 1, judged: false };
    this.#openings.set(key, opening);
    if (opening.judged || packet.sequence < opening.nextSequence) return packet;
    // Out of order: it comes again when those before it are through.
    if (packet.sequence > opening.nextSequence) return undefined;
    opening.nextSequence += 1;
    opening.pieces.push(packet.bytes);
    const verdict = judgeFirstRecord(Buffer.concat(opening.pieces), speaker);
    opening.judged = verdict === 'tls';
    return verdict === 'other' ? { ...packet, kind: 'reset', bytes: Buffer.alloc(0), sequence: 0 } : packet;
  }
}

/** Two boxes in one, the inner one nearer to the hosts. */
export function inSeries(inner: Middlebox, outer: Middlebox): Middlebox {
  return {
    outward(now, packet) {
      const between = inner.outward(now, packet);
      return between && outer.outward(now, between);
    },
    inward(now, packet) {
      const between = outer.inward(now, packet);
      return between && inner.inward(now, between);
    },
  };
}
