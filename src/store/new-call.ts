/** What a call is before anything has happened in it, and whether it was missed (pure): for `agent-calls.ts`. */
import type { Totals } from './call-line.ts';
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

/** Of a call whose media began anew, because the other end went on at another device. */
export function sumOfTotals(before: Totals | undefined, after: Totals): Totals {
  if (!before) return after;
  const received = before.receivedPackets + after.receivedPackets;
  const share = received === 0 ? 0 : after.receivedPackets / received;
  return {
    sentPackets: before.sentPackets + after.sentPackets,
    receivedPackets: received,
    sentBytes: before.sentBytes + after.sentBytes,
    receivedBytes: before.receivedBytes + after.receivedBytes,
    lostIn: before.lostIn + after.lostIn,
    concealedPct: before.concealedPct * (1 - share) + after.concealedPct * share,
  };
}

/** They called, and nobody answered, here or on another device. */
export function isMissed({ direction, answeredAtMs, reason }: Call): boolean {
  return direction === 'in' && answeredAtMs === null && reason !== 'declined' && reason !== 'answered-elsewhere';
}
