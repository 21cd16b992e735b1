/**
 * The media of one call at one end. From the voice child come voice bodies, which leave numbered and at an even pace
 * whatever becomes of the child; from the other end come voice packets, which are counted, freed of doubles and handed
 * to the child with their arrival time. Five times a second each end reports what it hears; once a second the node is
 * told the quality. On hold both directions idle at one packet in five seconds (realtime.md 3.2, 3.3).
 *
 *   child --voice--> pace, media time, sequence --send-voice--> sealed by the node
 *   node --arrived--> sequence, doubles, jitter --play--> child
 *   node <--send-datagram-- MediaReport --report--> round trip, loss on the way out
 *
 * It begins with its first breath: the child need not be there yet, silence of the same size and pace goes out.
 */
import type { Core, Millis } from '../protocol/core.ts';
import { bytesOf, type CallId, hexOf } from '../protocol/ids.ts';
import {
  HOLD_PACKET_MS,
  MEDIA_REPORT_MS,
  MEDIA_REPORTS_KEPT,
  MEDIA_TIME_UNIT_MS,
  QUALITY_MS,
  QUALITY_WINDOW_MS,
  VOICE_PACE_MS,
} from '../protocol/params.ts';
import { type Body, type MessageOf, message } from '../wire/messages.ts';
import { type CallPath, type CallQuality, lossPct, quality, RateMeter, type VoiceReport } from './quality.ts';
import { Reception } from './reception.ts';
import { VoicePace } from './voice-pace.ts';
import {
  callTag,
  isVoiceBodySize,
  loadOf,
  mediaTimeOf,
  parseVoicePacket,
  setHeld,
  setMediaTime,
  voicePacket,
} from './voice-packet.ts';

export type MediaInput =
  /** A body from the voice child; it becomes the session's, which writes into it. */
  | { readonly type: 'voice'; readonly body: Buffer }
  /** An opened voice packet of the other end. */
  | { readonly type: 'arrived'; readonly bytes: Buffer }
  | { readonly type: 'report'; readonly report: Body<'mediaReport'> };

export type MediaCommand =
  /** On hold by anybody. */
  | { readonly type: 'hold'; readonly on: boolean }
  /** What to write into `quality`. */
  | { readonly type: 'path'; readonly path: CallPath }
  /** The child's own statistics, whenever it tells them; undefined when the child is gone. */
  | { readonly type: 'voice-stats'; readonly stats: VoiceReport | undefined };

export type MediaOutput =
  /** To be sealed once and sent on every route in use. */
  | { readonly type: 'send-voice'; readonly bytes: Buffer }
  /** To the voice child; `arrivalMs` is the `now` of its arrival. The body is a view on the bytes received. */
  | { readonly type: 'play'; readonly body: Buffer; readonly arrivalMs: Millis }
  /** Unreliable, sealed, to the other end. */
  | { readonly type: 'send-datagram'; readonly message: MessageOf<'mediaReport'> }
  | { readonly type: 'quality'; readonly quality: CallQuality }
  /** Once a second at most, while anything arrives: the call lives. */
  | { readonly type: 'alive' };

/** Bytes are those of voice packets before sealing: three of header and the voice body. */
export interface MediaTotals {
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly lostIn: number;
  readonly concealedPct: number;
}

const SLOT_UNITS = VOICE_PACE_MS / MEDIA_TIME_UNIT_MS;
/** After a stall of our own, bodies that wait in the pipe go first. */
const STALL_GRACE_MS = 5;

interface Mark {
  readonly at: Millis;
  readonly expected: number;
  readonly received: number;
}

export class MediaSession implements Core<MediaInput, MediaCommand, MediaOutput> {
  readonly #wire: CallId;
  readonly #tag: number;
  readonly #fillerBody: (mediaTime: number) => Buffer;
  #out: MediaOutput[] = [];

  readonly #pace: VoicePace;
  readonly #sentRate = new RateMeter();
  #sequence = 0;
  #sentPackets = 0;
  #sentBytes = 0;
  #newest: Buffer | undefined;
  #stalledUntil: Millis | undefined;

  readonly #reception = new Reception();
  readonly #receivedRate = new RateMeter();
  #receivedBytes = 0;
  #heardAt: Millis;
  #aliveAt: Millis;

  /** When each of our newest reports left, by its number modulo MEDIA_REPORTS_KEPT. */
  readonly #reportTimes: Millis[] = [];
  #reports = 0;
  #theirs: { readonly report: Body<'mediaReport'>; readonly at: Millis } | undefined;
  #rttMs: number | null = null;
  /** What should have come and what came: here, and (from their reports) there. */
  #marksIn: Mark[];
  #marksOut: Mark[] = [];

  #path: CallPath | null = null;
  #voice: VoiceReport | undefined;
  /** What earlier voice children of this call have played. */
  #before = { played: 0, concealed: 0 };
  #onHold = false;
  #holdPacketAt: Millis = Number.POSITIVE_INFINITY;
  #reportAt: Millis;
  #qualityAt: Millis;
  /** Packets of no sense, of another call, doubled, or a child's surplus. */
  dropped = 0;

  /**
   * `wire`: the id both ends know. `fillerBody` gives a fresh body of silence of the child's size; it becomes the
   * session's. Media time in units of 10 ms, 0 to 65535.
   */
  constructor(now: Millis, options: { wire: CallId; fillerBody: (mediaTime: number) => Buffer }) {
    this.#wire = options.wire;
    this.#tag = callTag(options.wire);
    this.#fillerBody = options.fillerBody;
    this.#pace = new VoicePace(now);
    this.#heardAt = now;
    this.#aliveAt = now;
    this.#marksIn = [{ at: now, expected: 0, received: 0 }];
    this.#reportAt = now + MEDIA_REPORT_MS;
    this.#qualityAt = now + QUALITY_MS;
  }

  receive(now: Millis, input: MediaInput): void {
    if (input.type === 'voice') this.#voiceBody(now, input.body);
    else if (input.type === 'arrived') this.#arrived(now, input.bytes);
    else this.#reported(now, input.report);
  }

  command(now: Millis, command: MediaCommand): void {
    if (command.type === 'hold') this.#hold(now, command.on);
    else if (command.type === 'path') this.#path = command.path;
    else this.#voiceStats(command.stats);
  }

  wake(now: Millis): void {
    if (this.#onHold) this.#idle(now);
    else this.#fill(now);
    if (now >= this.#reportAt) this.#report(now);
    if (now >= this.#qualityAt) this.#rate(now);
  }

  drain(): MediaOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get onHold(): boolean {
    return this.#onHold;
  }

  wakeAt(): Millis {
    const sendAt = this.#onHold ? this.#holdPacketAt : (this.#stalledUntil ?? this.#pace.fillAt);
    return Math.min(sendAt, this.#reportAt, this.#qualityAt);
  }

  totals(): MediaTotals {
    const played = this.#before.played + (this.#voice?.played ?? 0);
    const concealed = this.#before.concealed + (this.#voice?.concealed ?? 0);
    return {
      sentPackets: this.#sentPackets,
      receivedPackets: this.#reception.received,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      lostIn: this.#reception.lost,
      concealedPct: played > 0 ? Math.round((concealed / played) * 1000) / 10 : 0,
    };
  }

  // ------------------------------------------------------------------ out

  #voiceBody(now: Millis, body: Buffer): void {
    if (this.#onHold) return;
    const slot = isVoiceBodySize(body.length) ? this.#pace.take(now) : undefined;
    if (slot === undefined) {
      this.dropped += 1;
      return;
    }
    this.#send(now, slot, body);
  }

  /** Slots that nobody filled. A late wake means that we were stalled, not the child: its bodies wait in the pipe. */
  #fill(now: Millis): void {
    if (this.#stalledUntil === undefined && now > this.#pace.fillAt + VOICE_PACE_MS) {
      this.#stalledUntil = now + STALL_GRACE_MS;
      return;
    }
    if (this.#stalledUntil !== undefined) {
      if (now < this.#stalledUntil) return;
      this.#stalledUntil = undefined;
      // What is still empty then is past; only the present is worth a packet.
      if (now >= this.#pace.fillAt) this.#sendFiller(now, this.#pace.skipTo(now));
      return;
    }
    for (let slot = this.#pace.overdue(now); slot !== undefined; slot = this.#pace.overdue(now))
      this.#sendFiller(now, slot);
  }

  #idle(now: Millis): void {
    if (now < this.#holdPacketAt) return;
    this.#holdPacketAt = now + HOLD_PACKET_MS;
    this.#sendFiller(now, this.#pace.skipTo(now));
  }

  #sendFiller(now: Millis, slot: number): void {
    const body = this.#fillerBody((slot * SLOT_UNITS) & 0xffff);
    if (this.#onHold) setHeld(body);
    this.#send(now, slot, body);
  }

  #send(now: Millis, slot: number, body: Buffer): void {
    setMediaTime(body, slot * SLOT_UNITS);
    const bytes = voicePacket(this.#tag, this.#sequence, body);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#sentPackets += 1;
    this.#sentBytes += bytes.length;
    this.#newest = body;
    this.#sentRate.add(now);
    this.#out.push({ type: 'send-voice', bytes });
  }

  // ------------------------------------------------------------------ in

  #arrived(now: Millis, bytes: Buffer): void {
    const packet = parseVoicePacket(bytes);
    if (packet?.tag !== this.#tag || !this.#reception.arrived(now, packet.sequence, mediaTimeOf(packet.body))) {
      this.dropped += 1;
      return;
    }
    this.#heardAt = now;
    this.#receivedBytes += bytes.length;
    this.#receivedRate.add(now);
    this.#tellAlive(now);
    if (!this.#onHold) this.#out.push({ type: 'play', body: packet.body, arrivalMs: now });
  }

  #tellAlive(now: Millis): void {
    if (now < this.#aliveAt) return;
    this.#aliveAt = now + QUALITY_MS;
    this.#out.push({ type: 'alive' });
  }

  #hold(now: Millis, on: boolean): void {
    if (this.#onHold === on) return;
    this.#onHold = on;
    this.#stalledUntil = undefined;
    this.#heardAt = now;
    if (on) {
      // The first says at once, on the media path, that what follows is sparse.
      this.#holdPacketAt = now;
      this.#reportAt = Number.POSITIVE_INFINITY;
      this.#idle(now);
      return;
    }
    this.#sendFiller(now, this.#pace.skipTo(now));
    this.#reportAt = now + MEDIA_REPORT_MS;
  }

  /** Totals of a child count from its own start; a new one counts from zero again. */
  #voiceStats(stats: VoiceReport | undefined): void {
    const last = this.#voice;
    if (last && (stats?.played ?? 0) < last.played) {
      const { played, concealed } = this.#before;
      this.#before = { played: played + last.played, concealed: concealed + last.concealed };
    }
    this.#voice = stats;
  }

  // ------------------------------------------------------------------ reports

  #report(now: Millis): void {
    this.#reportAt = now + MEDIA_REPORT_MS;
    this.#reports += 1;
    this.#reportTimes[this.#reports % MEDIA_REPORTS_KEPT] = now;
    const { highest, received, jitterMs } = this.#reception;
    const body = {
      callId: bytesOf(this.#wire),
      report: this.#reports,
      highest,
      received,
      jitterMsX16: Math.round(jitterMs * 16),
      echoReport: this.#theirs?.report.report ?? 0,
      heldMs: this.#theirs ? Math.round(now - this.#theirs.at) : 0,
      bufferMs: Math.round(this.#voice?.bufferMs ?? 0),
      concealedPermille: Math.round((this.#voice?.concealedPct ?? 0) * 10),
    };
    this.#out.push({ type: 'send-datagram', message: message('mediaReport', body) });
  }

  #reported(now: Millis, report: Body<'mediaReport'>): void {
    const newest = this.#theirs?.report.report ?? 0;
    if (hexOf(report.callId) !== this.#wire || report.report <= newest) {
      this.dropped += 1;
      return;
    }
    this.#theirs = { report, at: now };
    this.#tellAlive(now);
    this.#measureRoundTrip(now, report);
    this.#marksOut = marked(this.#marksOut, { at: now, expected: report.highest, received: report.received });
  }

  /** As with the sender report of RFC 3550 (A.4's LSR and DLSR), smoothed as in RFC 6298. */
  #measureRoundTrip(now: Millis, { echoReport, heldMs }: Body<'mediaReport'>): void {
    if (echoReport === 0 || echoReport > this.#reports || echoReport <= this.#reports - MEDIA_REPORTS_KEPT) return;
    const rttMs = now - (this.#reportTimes[echoReport % MEDIA_REPORTS_KEPT] ?? now) - heldMs;
    // `heldMs` was rounded; more below zero than that is not a measurement.
    if (rttMs < -1) return;
    this.#rttMs = this.#rttMs === null ? Math.max(0, rttMs) : this.#rttMs + (Math.max(0, rttMs) - this.#rttMs) / 8;
  }

  /** Undefined while the other end has no voice child that could tell. */
  #theirConcealedPct(): number | undefined {
    const report = this.#theirs?.report;
    return report && (report.bufferMs > 0 || report.concealedPermille > 0) ? report.concealedPermille / 10 : undefined;
  }

  #rate(now: Millis): void {
    this.#qualityAt = now + QUALITY_MS;
    const { expected, received, jitterMs } = this.#reception;
    this.#marksIn = marked(this.#marksIn, { at: now, expected, received });
    const { copies, bitrate } = this.#newest ? loadOf(this.#newest) : { copies: 0, bitrate: 0 };
    const told = quality({
      path: this.#path,
      rttMs: this.#rttMs,
      jitterMs,
      lossInPct: lossOver(this.#marksIn),
      lossOutPct: lossOver(this.#marksOut),
      voice: this.#voice,
      theirConcealedPct: this.#theirConcealedPct(),
      sentPps: this.#sentRate.perSecond(now),
      recvPps: this.#receivedRate.perSecond(now),
      payloadBytes: this.#newest?.length ?? 0,
      bitrate,
      redundancy: copies,
      silentMs: now - this.#heardAt,
      onHold: this.#onHold,
    });
    this.#out.push({ type: 'quality', quality: told });
  }
}

/** Adds a mark and lets go of those that the window has left, but for the last of them: it is the baseline. */
function marked(marks: readonly Mark[], mark: Mark): Mark[] {
  const baseline = marks.findLastIndex((one) => one.at <= mark.at - QUALITY_WINDOW_MS);
  return [...marks.slice(Math.max(0, baseline)), mark];
}

function lossOver(marks: readonly Mark[]): number {
  const [first, last] = [marks[0], marks.at(-1)];
  if (!first || !last) return 0;
  return lossPct(last.expected - first.expected, last.received - first.received);
}
