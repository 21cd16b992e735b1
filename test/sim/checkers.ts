/**
 * What must hold in every world, whatever happens. A checker sees each packet as it leaves its host, before anything
 * can drop it, and is asked again after every step; it throws to fail the scene, and the trace shows where.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Millis } from '../../src/net/protocol/core.ts';
import { printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { DATAGRAM_BYTES_MAX } from '../../src/net/protocol/params.ts';
import { describe, type Packet } from './network.ts';

export interface Checker {
  packet?(packet: Packet, sender: string): void;
  step?(now: Millis): void;
}

/** A table, queue or cache: how much is in it, and the bound from `params.ts`. */
export interface Fill {
  readonly what: string;
  readonly count: number;
  readonly max: number;
}

/** No datagram is larger than what never needs to be cut on its way. Every world checks this. */
export function datagramsFit(): Checker {
  return {
    packet(packet, sender) {
      if (packet.carrier === 'udp' && packet.bytes.length > DATAGRAM_BYTES_MAX) {
        throw new Error(`${sender} sends too long a datagram: ${describe(packet)}`);
      }
    },
  };
}

/** Asks after every step how full things are. */
export function boundsHold(measure: () => Iterable<Fill>): Checker {
  return {
    step() {
      for (const { what, count, max } of measure()) {
        if (count > max) throw new Error(`${what} holds ${count}, bound ${max}`);
      }
    },
  };
}

/**
 * No secret is on the wire, in datagrams or in streams, even where a stream cuts it in two. Secrets shorter than
 * four bytes would be found by chance and are refused.
 */
export function nothingReadable(secrets: readonly (string | Buffer)[]): Checker {
  const needles = secrets.map((secret) => Buffer.from(secret));
  const shortest = Math.min(...needles.map((needle) => needle.length));
  if (needles.length === 0 || shortest < 4) throw new Error('a secret must have four bytes or more');
  const keptBytes = Math.max(...needles.map((needle) => needle.length)) - 1;
  const tails = new Map<string, Buffer>();
  return {
    packet(packet, sender) {
      const way = `${printEndpoint(packet.from)} ${printEndpoint(packet.to)}`;
      const before = packet.carrier === 'tcp' ? tails.get(way) : undefined;
      const seen = before ? Buffer.concat([before, packet.bytes]) : packet.bytes;
      if (packet.carrier === 'tcp') tails.set(way, Buffer.from(seen.subarray(-keptBytes)));
      for (const needle of needles) {
        if (seen.includes(needle)) throw new Error(`${sender} sends "${needle}" in the open: ${describe(packet)}`);
      }
    },
  };
}

/**
 * Two ends think the same, except for at most `withinMs` at a stretch while news is under way. Values are compared
 * deeply.
 */
export function endsAgree<T>(what: string, left: () => T, right: () => T, withinMs: number): Checker {
  let differsSince: Millis | undefined;
  return {
    step(now) {
      if (isDeepStrictEqual(left(), right())) {
        differsSince = undefined;
        return;
      }
      differsSince ??= now;
      if (now - differsSince > withinMs) {
        throw new Error(`${what}: ends disagree for ${withinMs} ms: ${text(left())} and ${text(right())}`);
      }
    },
  };
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
