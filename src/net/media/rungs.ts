/**
 * The rungs of the ladder (realtime.md 3.2): what voice bodies consist of, from the least that can be understood to
 * what fills the slides' 120 bytes. On each all packets have one size and one pace, whatever is said. `rate-control`
 * chooses; the voice child makes the bodies. Pure.
 *
 *   E    60 ms in 45 bytes, 6 kbit/s        1.8 kB/s on the wire by a direct way, 1.9 with its reports
 *   E2   60 ms in 66, 9 kbit/s              a small step from E, to try whether more fits
 *   F    60 ms in 117, F40  40 ms in 77, F20  20 ms in 37: 15 kbit/s, ever less delay
 *   N    20 ms in 57, 23 kbit/s: where a call begins
 *   R1   as N with one copy, R2  20 ms in 39 with two copies: against loss that is not of our own making
 *   H    20 ms in 117, 47 kbit/s
 *
 * A copy in R1 is a frame as N sends it, so a change between the two is complete at once.
 */
import type { CallPath } from './quality.ts';
import { VOICE_BODY_HEADER_BYTES, VOICE_PACKET_HEADER_BYTES } from './voice-packet.ts';

/** The same fields as `BodyShape` of the voice child. */
export interface Rung {
  readonly name: 'E' | 'E2' | 'F' | 'F40' | 'F20' | 'N' | 'R1' | 'R1 far' | 'R2 near' | 'R2' | 'H';
  readonly frameMs: number;
  /** Of one Opus frame. */
  readonly frameBytes: number;
  /** Older frames in each body. */
  readonly copies: number;
  /** How many frames apart neighbouring frames of a body are. */
  readonly distance: number;
}

const plain = (name: Rung['name'], frameMs: number, frameBytes: number): Rung => ({
  ...{ name, frameMs, frameBytes, copies: 0, distance: 1 },
});

export const RUNGS = {
  E: plain('E', 60, 45),
  E2: plain('E2', 60, 66),
  F: plain('F', 60, 117),
  F40: plain('F40', 40, 77),
  F20: plain('F20', 20, 37),
  N: plain('N', 20, 57),
  H: plain('H', 20, 117),
  R1: { ...plain('R1', 20, 57), copies: 1 },
  /** In bursts: whoever lost one packet has often lost the next one too. */
  R1far: { ...plain('R1 far', 20, 57), copies: 1, distance: 2 },
  R2: { ...plain('R2', 20, 39), copies: 2, distance: 2 },
  /** Against loss that comes alone: the copies are there 40 ms sooner, so the listener waits for both. */
  R2near: { ...plain('R2 near', 20, 39), copies: 2 },
} as const satisfies { readonly [name: string]: Rung };

/** From the floor up, by what they cost; on the last one stand H, R1 and R2, which cost the same. */
export const LADDER: readonly Rung[] = [RUNGS.E, RUNGS.E2, RUNGS.F, RUNGS.F40, RUNGS.F20, RUNGS.N, RUNGS.H];
export const LEVEL = { E: 0, E2: 1, F: 2, F40: 3, F20: 4, N: 5, top: 6 } as const;

/** IPv4 and UDP; IPv4 and TCP. */
const DATAGRAM_BYTES = 28;
const STREAM_BYTES = 40;
/** Header and tag of a sealed packet (PROTOCOL.md section 2). */
const SEALED_BYTES = 28;
/** A packet inside `Forward`: that is sealed too, and names its target. */
const FORWARD_BYTES = SEALED_BYTES + 26;

/** What one voice packet of ours adds on its first hop to the body in it. */
export function wireOverheadBytes(path: CallPath | null): number {
  const own = VOICE_PACKET_HEADER_BYTES + SEALED_BYTES;
  if (path === 'direct' || path === 'lan') return own + DATAGRAM_BYTES;
  return own + FORWARD_BYTES + (path === 'tcp' || path === 'tcp443' ? STREAM_BYTES : DATAGRAM_BYTES);
}

/** Length of a voice body of this rung. */
export function bodyBytesOf({ frameBytes, copies }: Rung): number {
  return VOICE_BODY_HEADER_BYTES + frameBytes * (1 + copies);
}

/** Bytes a second of voice on the wire. */
export function wireBytesPerSecond(rung: Rung, overheadBytes: number): number {
  return ((bodyBytesOf(rung) + overheadBytes) * 1000) / rung.frameMs;
}
