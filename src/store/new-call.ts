/** What a call is before anything has happened in it, and whether it was missed (pure): for `agent-calls.ts`. */
import type { Call } from './state.ts';

export function newCall(call: string, peer: string, direction: Call['direction'], startedAtMs: number): Call {
  return {
    call,
    peer,
    direction,
    phase: 'dialling',
    startedAtMs,
    answeredAtMs: null,
    path: null,
    via: null,
    muted: false,
    heldBy: 'nobody',
    quality: null,
    inputDb: -96,
    outputDb: -96,
    reason: null,
  };
}

/** Of a call that ended before a packet went. */
export const NO_TOTALS = {
  sentPackets: 0,
  receivedPackets: 0,
  sentBytes: 0,
  receivedBytes: 0,
  lostIn: 0,
  concealedPct: 0,
};

/** They called, and nobody answered, here or on another device. */
export function isMissed({ direction, answeredAtMs, reason }: Call): boolean {
  return direction === 'in' && answeredAtMs === null && reason !== 'declined' && reason !== 'answered-elsewhere';
}
