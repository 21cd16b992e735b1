/**
 * What a call sounds like, as numbers and one verdict, from what the media session has counted. Pure: RFC 3550 loss and
 * jitter come in, the E-model (ITU-T G.107.1 in the form of realtime.md 5.3) gives the opinion score. The score is
 * an estimate: the impairment of Opus at each bit rate and its robustness are our own figures, not the ITU's.
 */
import type { Millis } from '../protocol/core.ts';
import { GAPS_PCT, QUALITY_WINDOW_MS, SOUND_MISSING_MS, VOICE_PACE_MS } from '../protocol/params.ts';
import { NO_TROUBLE, type TroublePlace, type TroubleSigns, troubleOf } from './trouble-place.ts';

export type CallPath = 'direct' | 'lan' | 'relay' | 'tcp' | 'tcp443';
export type Verdict = 'good' | 'they hear gaps' | 'you hear gaps' | 'gaps both ways' | 'no sound arrives';

/** Field for field the contract's `quality` event. */
export interface CallQuality {
  readonly path: CallPath | null;
  readonly rttMs: number | null;
  readonly jitterMs: number;
  readonly lossInPct: number;
  readonly lossOutPct: number;
  readonly bufferMs: number;
  readonly mouthToEarMs: number | null;
  readonly sentPps: number;
  readonly recvPps: number;
  readonly payloadBytes: number;
  readonly bitrate: number;
  readonly redundancy: number;
  readonly concealedPct: number;
  readonly mos: number;
  readonly verdict: Verdict;
  /** What the jitter buffer aims at, ms. */
  readonly targetMs?: number;
  /** Frames that came too late, of the last ten seconds, percent. */
  readonly latePct?: number;
  /** Sound put in or left out since the start, to follow delay and clocks, ms. */
  readonly stretchedMs?: number;
  /** Where the trouble sits, as far as we can know; null while there is none. */
  readonly place?: TroublePlace | null;
  /** One sentence on it; empty while there is none. */
  readonly trouble?: string;
}

/** What the voice child tells of its own side; the same fields as in its `stats` message. */
export interface VoiceReport {
  readonly bufferMs: number;
  readonly concealedPct: number;
  readonly played: number;
  readonly concealed: number;
  /** Of both devices together, and of each where the child tells that. */
  readonly deviceMs: number;
  readonly captureMs?: number;
  readonly playbackMs?: number;
  /** As in `CallQuality`; absent where the child does not tell. */
  readonly targetMs?: number;
  readonly latePct?: number;
  readonly stretchedMs?: number;
  /** Microphone overruns and speaker underruns since its start. */
  readonly overruns?: number;
  readonly underruns?: number;
}

export interface QualityInput {
  readonly path: CallPath | null;
  readonly rttMs: number | null;
  readonly jitterMs: number;
  readonly lossInPct: number;
  readonly lossOutPct: number;
  /** Undefined until the voice child has told anything. */
  readonly voice: VoiceReport | undefined;
  /** What the other end conceals, percent; undefined until it has told. */
  readonly theirConcealedPct: number | undefined;
  /** Delay of the other end's microphone, ms; undefined until it has told. */
  readonly theirCaptureMs?: number | undefined;
  readonly sentPps: number;
  readonly recvPps: number;
  readonly payloadBytes: number;
  readonly bitrate: number;
  readonly redundancy: number;
  /** Length of the frames that come, ms. */
  readonly frameMs: number;
  /** Time since the newest voice packet of the other end, ms. */
  readonly silentMs: number;
  readonly onHold: boolean;
  /** What else tells where trouble sits; absent where nobody looked. */
  readonly signs?: Pick<TroubleSigns, 'queueOutMs' | 'queueInMs' | 'relayDrops' | 'deviceFaults'>;
}

/** Opus looks 5 ms ahead of the frame that is collected (realtime.md 3.6). */
const CODEC_MS = 5;
/** Equipment impairment of Opus wideband by bit rate (realtime.md 5.3, estimated). */
const IMPAIRMENT_BY_BITRATE = [
  [8_000, 28],
  [16_000, 14],
  [24_000, 8],
  [48_000, 3],
] as const;
/** Robustness against loss with concealment (realtime.md 5.3, estimated). */
const LOSS_ROBUSTNESS = 12;
/** Rating of an unimpaired wideband call, and the scale that maps it to the narrowband curve (G.107.1). */
const RATING_MAX = 129;
const RATING_SCALE = 1.29;

export function quality(input: QualityInput): CallQuality {
  const { voice, rttMs } = input;
  const bufferMs = voice?.bufferMs ?? 0;
  const localMs = input.frameMs + CODEC_MS + bufferMs + devicesMs(voice, input.theirCaptureMs);
  const mouthToEarMs = rttMs === null ? null : localMs + rttMs / 2;
  // What is heard counts: a lost packet whose frame came in a copy is not a gap.
  const gapsPct = voice?.concealedPct ?? input.lossInPct;
  const theirGapsPct = input.theirConcealedPct ?? input.lossOutPct;
  const { silentMs, onHold, lossInPct, lossOutPct, jitterMs } = input;
  return {
    path: input.path,
    rttMs: rttMs === null ? null : tenth(rttMs),
    jitterMs: tenth(input.jitterMs),
    lossInPct: tenth(input.lossInPct),
    lossOutPct: tenth(input.lossOutPct),
    bufferMs: tenth(bufferMs),
    ...playoutOf(voice),
    mouthToEarMs: mouthToEarMs === null ? null : tenth(mouthToEarMs),
    sentPps: tenth(input.sentPps),
    recvPps: tenth(input.recvPps),
    payloadBytes: input.payloadBytes,
    bitrate: input.bitrate,
    redundancy: input.redundancy,
    concealedPct: tenth(voice?.concealedPct ?? 0),
    mos:
      Math.round(opinionScore({ delayMs: mouthToEarMs ?? localMs, lossPct: gapsPct, bitrate: input.bitrate }) * 100) /
      100,
    verdict: verdictOf({
      heardGapsPct: gapsPct,
      ...{ theirGapsPct, silentMs, onHold },
    }),
    ...(onHold
      ? NO_TROUBLE
      : troubleOf({
          ...(input.signs ?? { queueOutMs: 0, queueInMs: 0, relayDrops: false, deviceFaults: false }),
          ...{ silentMs, lossInPct, lossOutPct, jitterMs },
          theyHearGaps: theirGapsPct >= GAPS_PCT,
          weHearGaps: gapsPct >= GAPS_PCT,
        })),
  };
}

/** How the jitter buffer does, where the voice child tells that. */
function playoutOf(voice: VoiceReport | undefined): Pick<CallQuality, 'targetMs' | 'latePct' | 'stretchedMs'> {
  const { targetMs, latePct, stretchedMs } = voice ?? {};
  return {
    ...(targetMs === undefined ? {} : { targetMs: tenth(targetMs) }),
    ...(latePct === undefined ? {} : { latePct: tenth(latePct) }),
    ...(stretchedMs === undefined ? {} : { stretchedMs: Math.round(stretchedMs) }),
  };
}

/** What we hear went through their microphone and our speaker. Until they tell, theirs counts as ours. */
function devicesMs(voice: VoiceReport | undefined, theirCaptureMs: number | undefined): number {
  const { captureMs, playbackMs, deviceMs = 0 } = voice ?? {};
  if (captureMs === undefined || playbackMs === undefined) return deviceMs;
  return (theirCaptureMs ?? captureMs) + playbackMs;
}

/** The words for a person. On hold silence is as it should be. */
export function verdictOf(heard: {
  readonly heardGapsPct: number;
  readonly theirGapsPct: number;
  readonly silentMs: number;
  readonly onHold: boolean;
}): Verdict {
  if (heard.onHold) return 'good';
  if (heard.silentMs >= SOUND_MISSING_MS) return 'no sound arrives';
  const here = heard.heardGapsPct >= GAPS_PCT;
  const there = heard.theirGapsPct >= GAPS_PCT;
  if (here && there) return 'gaps both ways';
  if (here) return 'you hear gaps';
  return there ? 'they hear gaps' : 'good';
}

/**
 * E-model: mean opinion score, 1 to 4.5. `delayMs`: mouth to ear; `lossPct`: 0 to 100, after repair; `bitrate`:
 * bit/s of one frame; `burstRatio`: 1 for random loss, more for bursts.
 */
export function opinionScore(call: {
  readonly delayMs: number;
  readonly lossPct: number;
  readonly bitrate: number;
  readonly burstRatio?: number;
}): number {
  const { delayMs, lossPct, bitrate, burstRatio = 1 } = call;
  const delayed = 0.024 * delayMs + 0.11 * Math.max(0, delayMs - 177.3);
  const equipment = impairmentOf(bitrate);
  const damaged = equipment + ((95 - equipment) * lossPct) / (lossPct / burstRatio + LOSS_ROBUSTNESS);
  const rating = Math.min(100, Math.max(0, (RATING_MAX - delayed - damaged) / RATING_SCALE));
  return Math.max(1, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating));
}

function impairmentOf(bitrate: number): number {
  let [lowRate, lowValue]: readonly [number, number] = IMPAIRMENT_BY_BITRATE[0];
  if (bitrate <= lowRate) return lowValue;
  for (const [rate, value] of IMPAIRMENT_BY_BITRATE) {
    if (bitrate <= rate) return lowValue + ((value - lowValue) * (bitrate - lowRate)) / (rate - lowRate || 1);
    [lowRate, lowValue] = [rate, value];
  }
  return lowValue;
}

/** Share of packets that did not come, percent; 0 when nothing was expected. */
export function lossPct(expected: number, received: number): number {
  return expected <= 0 ? 0 : Math.min(100, Math.max(0, (1 - received / expected) * 100));
}

/** What should have come and what came, at a moment. */
export interface Mark {
  readonly at: Millis;
  readonly expected: number;
  readonly received: number;
}

/** Adds a mark and lets go of those that the window has left, but for the last of them: it is the baseline. */
export function marked(marks: readonly Mark[], mark: Mark): Mark[] {
  const baseline = marks.findLastIndex((one) => one.at <= mark.at - QUALITY_WINDOW_MS);
  return [...marks.slice(Math.max(0, baseline)), mark];
}

/** Share of packets missing between the first and the last mark, percent. */
export function lossOver(marks: readonly Mark[]): number {
  const [first, last] = [marks[0], marks.at(-1)];
  if (!first || !last) return 0;
  return lossPct(last.expected - first.expected, last.received - first.received);
}

/**
 * Packets a second over a sliding window: (n - 1) gaps over the time they span, so that a steady pace reads exactly
 * itself. When a stream stops, the time since its last packet counts as a gap that is still growing.
 */
export class RateMeter {
  readonly #times: Millis[] = [];

  add(now: Millis): void {
    this.#times.push(now);
    this.#expire(now);
  }

  perSecond(now: Millis): number {
    this.#expire(now);
    const first = this.#times[0];
    const last = this.#times.at(-1);
    const gaps = this.#times.length - 1;
    if (first === undefined || last === undefined || gaps < 1 || last === first) return 0;
    const meanGapMs = (last - first) / gaps;
    const spanMs = now - last > 2 * meanGapMs + VOICE_PACE_MS ? now - first : last - first;
    return (gaps * 1000) / spanMs;
  }

  #expire(now: Millis): void {
    while (this.#times.length > 0 && (this.#times[0] ?? 0) < now - QUALITY_WINDOW_MS) this.#times.shift();
  }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
