/**
 * Where the trouble of a call sits, as far as one end can know it, and one sentence for the person there. Pure; `quality.ts`
 * hands in what it judges by. The way out is called our uplink and the way in our downlink, as people look for faults: loss on the
 * far half of either looks the same from here. What a relay drops by its limits it tells us, so that is known.
 */
import type { Millis } from '../protocol/core.ts';
import {
  LOSS_TOLD_PCT,
  QUEUE_TOLD_MS,
  SOUND_MISSING_MS,
  TROUBLE_JITTER_MS,
  TROUBLE_MEMORY_MS,
} from '../protocol/params.ts';

export type TroublePlace = 'uplink' | 'downlink' | 'queue' | 'relay' | 'their device' | 'our device';

export interface TroubleSigns {
  /** Of the verdict. */
  readonly theyHearGaps: boolean;
  readonly weHearGaps: boolean;
  readonly silentMs: number;
  readonly lossInPct: number;
  readonly lossOutPct: number;
  readonly jitterMs: number;
  /** What waits in queues of the way out and of the way in, ms; 0 while unknown. */
  readonly queueOutMs: number;
  readonly queueInMs: number;
  /** A relay has just dropped packets of ours, by its limits. */
  readonly relayDrops: boolean;
  /** Our sound card had nothing to play, or was not read in time, during the last seconds. */
  readonly deviceFaults: boolean;
}

/** What happened lately: a relay that dropped packets of ours, a sound card that was not served in time. */
export class TroubleMemory {
  #relayDroppedAt: Millis = Number.NEGATIVE_INFINITY;
  #deviceFaultAt: Millis = Number.NEGATIVE_INFINITY;
  #faults = Number.POSITIVE_INFINITY;

  relayDropped(now: Millis): void {
    this.#relayDroppedAt = now;
  }

  /** Totals since the start of a voice child; undefined when it is gone. */
  voiceTold(now: Millis, told: { readonly overruns?: number; readonly underruns?: number } | undefined): void {
    const faults = told ? (told.overruns ?? 0) + (told.underruns ?? 0) : Number.POSITIVE_INFINITY;
    if (faults > this.#faults && told) this.#deviceFaultAt = now;
    this.#faults = faults;
  }

  signs(now: Millis, queueOutMs: number, queueInMs: number) {
    return {
      queueOutMs,
      queueInMs,
      relayDrops: now - this.#relayDroppedAt < TROUBLE_MEMORY_MS,
      deviceFaults: now - this.#deviceFaultAt < TROUBLE_MEMORY_MS,
    };
  }
}

export interface Trouble {
  readonly place: TroublePlace | null;
  /** One sentence without its full stop; empty when there is no trouble. */
  readonly trouble: string;
}

export const NO_TROUBLE: Trouble = { place: null, trouble: '' };

export function troubleOf(signs: TroubleSigns): Trouble {
  if (signs.silentMs >= SOUND_MISSING_MS)
    return told('downlink', `nothing has come from them for ${Math.round(signs.silentMs / 1000)} s`);
  // What they hear comes first: nobody else can tell us.
  if (signs.theyHearGaps) return theirGaps(signs);
  if (signs.weHearGaps) return ourGaps(signs);
  const queueMs = Math.max(signs.queueOutMs, signs.queueInMs);
  if (queueMs < QUEUE_TOLD_MS) return NO_TROUBLE;
  return told('queue', `no gaps, but a delay: ${queueWords(signs)}`);
}

function theirGaps(signs: TroubleSigns): Trouble {
  if (signs.relayDrops) return told('relay', 'they hear gaps: the relay drops what is above its limit');
  if (signs.queueOutMs >= QUEUE_TOLD_MS)
    return told('queue', `they hear gaps: ${Math.round(signs.queueOutMs)} ms wait in a queue of your uplink`);
  if (signs.lossOutPct >= LOSS_TOLD_PCT)
    return told('uplink', `they hear gaps: your uplink loses ${percent(signs.lossOutPct)}`);
  return told('their device', 'they hear gaps, though your packets arrive: their machine or their Wi-Fi is late');
}

function ourGaps(signs: TroubleSigns): Trouble {
  if (signs.queueInMs >= QUEUE_TOLD_MS)
    return told('queue', `you hear gaps: ${Math.round(signs.queueInMs)} ms wait in a queue on the way to you`);
  if (signs.lossInPct >= LOSS_TOLD_PCT)
    return told('downlink', `you hear gaps: your downlink loses ${percent(signs.lossInPct)}`);
  if (signs.jitterMs >= TROUBLE_JITTER_MS)
    return told(
      'downlink',
      `you hear gaps: packets come in bursts, ${Math.round(signs.jitterMs)} ms apart from their time`,
    );
  if (signs.deviceFaults) return told('our device', 'you hear gaps: your sound device does not keep up');
  return told('our device', 'you hear gaps, though packets arrive: this machine is late');
}

function queueWords({ queueOutMs, queueInMs }: TroubleSigns): string {
  return queueOutMs >= queueInMs
    ? `${Math.round(queueOutMs)} ms wait in a queue of your uplink`
    : `${Math.round(queueInMs)} ms wait in a queue on the way to you`;
}

function percent(value: number): string {
  return `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
}

function told(place: TroublePlace, trouble: string): Trouble {
  return { place, trouble };
}
