/**
 * The reports of a call, both ways: ours are numbered and remembered for the round trip, theirs are checked, bounded and
 * kept. The media session makes one from what it has counted and reads one through here; arithmetic after RFC 3550.
 */
import type { Millis } from '../protocol/core.ts';
import { bytesOf, type CallId, hexOf } from '../protocol/ids.ts';
import { DELAY_GROWTH_TOLD_MAX, DELAY_TOLD_MS_MAX, MEDIA_REPORTS_KEPT } from '../protocol/params.ts';
import { type Body, type MessageOf, message } from '../wire/messages.ts';
import type { DelayTrend } from './delay-trend.ts';
import { lossOver, type Mark, marked, type VoiceReport } from './quality.ts';
import type { Feedback } from './queue-watch.ts';
import type { Reception } from './reception.ts';

type Report = Body<'mediaReport'>;

export class ReportBook {
  readonly #wire: CallId;
  /** When each of our newest reports left, by its number modulo MEDIA_REPORTS_KEPT. */
  readonly #times: Millis[] = [];
  #count = 0;
  #theirs: { readonly report: Report; readonly at: Millis } | undefined;
  #rttMs: number | null = null;
  /** What should have come and what came there. */
  #marks: Mark[] = [];
  /** Of their clock, which is told in 32 bits. */
  #theirClockMs = 0;

  constructor(wire: CallId) {
    this.#wire = wire;
  }

  /** Smoothed; null before the first. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** Share of our packets that did not arrive, percent. */
  get lossOutPct(): number {
    return lossOver(this.#marks);
  }

  /** Undefined while the other end has no voice child that could tell. */
  get theirConcealedPct(): number | undefined {
    const told = this.#toldByVoice();
    return told && told.concealedPermille / 10;
  }

  /** Delay of the other end's microphone, ms; undefined likewise. */
  get theirCaptureMs(): number | undefined {
    const told = this.#toldByVoice();
    return told && Math.min(DELAY_TOLD_MS_MAX, told.captureMs);
  }

  /** What waits in queues of our way out, as the other end sees it, ms; 0 before it has told. */
  get queueOutMs(): number {
    const report = this.#theirs?.report;
    return report && report.atMs !== 0 ? Math.min(DELAY_TOLD_MS_MAX, report.standingMs) : 0;
  }

  #toldByVoice(): Report | undefined {
    const report = this.#theirs?.report;
    return report && (report.bufferMs > 0 || report.concealedPermille > 0) ? report : undefined;
  }

  /** The next one of ours. */
  write(
    now: Millis,
    seen: { reception: Reception; trend: DelayTrend; voice: VoiceReport | undefined },
  ): MessageOf<'mediaReport'> {
    this.#count += 1;
    this.#times[this.#count % MEDIA_REPORTS_KEPT] = now;
    const { highest, received, jitterMs, gaps } = seen.reception;
    return message('mediaReport', {
      callId: bytesOf(this.#wire),
      report: this.#count,
      highest,
      received,
      jitterMsX16: Math.round(jitterMs * 16),
      echoReport: this.#theirs?.report.report ?? 0,
      heldMs: this.#theirs ? Math.round(now - this.#theirs.at) : 0,
      bufferMs: Math.round(seen.voice?.bufferMs ?? 0),
      concealedPermille: Math.round((seen.voice?.concealedPct ?? 0) * 10),
      gaps,
      standingMs: Math.round(Math.min(DELAY_TOLD_MS_MAX, seen.trend.standingMs)),
      growth: Math.round(clamp(seen.trend.growth, DELAY_GROWTH_TOLD_MAX)),
      atMs: Math.floor(now) >>> 0 || 1,
      captureMs: Math.round(seen.voice?.captureMs ?? 0),
    });
  }

  /** One of theirs; undefined when it is of another call or not newer than all before. */
  read(now: Millis, report: Report): Feedback | undefined {
    const before = this.#theirs?.report;
    if (hexOf(report.callId) !== this.#wire || report.report <= (before?.report ?? 0)) return undefined;
    this.#theirs = { report, at: now };
    const rttMs = this.#measure(now, report);
    this.#marks = marked(this.#marks, { at: now, expected: report.highest, received: report.received });
    this.#theirClockMs += Math.max(0, (report.atMs - (before?.atMs ?? report.atMs)) | 0);
    const delay = {
      standingMs: Math.min(DELAY_TOLD_MS_MAX, report.standingMs),
      growth: clamp(report.growth, DELAY_GROWTH_TOLD_MAX),
      atMs: this.#theirClockMs,
    };
    const { highest, received, gaps } = report;
    return { expected: highest, highest, received, gaps, rttMs, delay: report.atMs === 0 ? undefined : delay };
  }

  /** As with the sender report of RFC 3550 (A.4's LSR and DLSR), smoothed as in RFC 6298. */
  #measure(now: Millis, { echoReport, heldMs }: Report): number | undefined {
    if (echoReport === 0 || echoReport > this.#count || echoReport <= this.#count - MEDIA_REPORTS_KEPT)
      return undefined;
    const rttMs = now - (this.#times[echoReport % MEDIA_REPORTS_KEPT] ?? now) - heldMs;
    // `heldMs` was rounded; more below zero than that is not a measurement.
    if (rttMs < -1) return undefined;
    const sample = Math.max(0, rttMs);
    this.#rttMs = this.#rttMs === null ? sample : this.#rttMs + (sample - this.#rttMs) / 8;
    return sample;
  }
}

function clamp(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value));
}
