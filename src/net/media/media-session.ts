/**
 * The media of one call at one end. From the voice child come voice bodies, which leave numbered and at an even pace
 * whatever becomes of the child; from the other end come voice packets, which are counted, freed of doubles and handed
 * to the child with their arrival time. Five times a second each end reports what it hears; from that the rate control
 * chooses the rung for the child. Once a second the node is told the quality. On hold both directions idle at one
 * packet in five seconds (realtime.md 3.2, 3.3).
 *
 *   child --voice--> pace, media time, sequence --send-voice--> sealed by the node
 *   node --arrived--> sequence, doubles, jitter --play--> child
 *   node <--send-datagram-- MediaReport --report--> round trip, loss on the way out --rung--> child
 *
 * It begins with its first breath: the child need not be there yet, silence of the same size and pace goes out. A little above
 * 400 lines, because both directions, the reports and the clock of a call act on each other here.
 */
import type { Core, Millis } from '../protocol/core.ts';
import type { CallId } from '../protocol/ids.ts';
import {
  HOLD_PACKET_MS,
  MEDIA_REPORT_FLOOR_MS,
  MEDIA_REPORT_MS,
  MEDIA_REPORT_NEAR_FLOOR_MS,
  MEDIA_REPORT_URGENT_AGAIN_MS,
  MEDIA_REPORT_URGENT_MS,
  QUALITY_MS,
  QUEUE_GROWS_MS,
  QUEUE_GROWTH,
  RUNG_LEARNT_MS,
  VOICE_COMPANY_MS,
  VOICE_MISSED_MS,
  VOICE_PACE_MS,
} from '../protocol/params.ts';
import type { Body, MessageOf } from '../wire/messages.ts';
import { DelayTrend } from './delay-trend.ts';
import {
  type CallPath,
  type CallQuality,
  lossOver,
  type Mark,
  marked,
  quality,
  RateMeter,
  type VoiceReport,
} from './quality.ts';
import { RateControl } from './rate-control.ts';
import { Reception } from './reception.ts';
import { ReportBook } from './report-book.ts';
import { RUNGS, type Rung } from './rungs.ts';
import { TroubleMemory } from './trouble-place.ts';
import { VoicePace } from './voice-pace.ts';
import {
  callTag,
  durationOf,
  isVoiceBodySize,
  loadOf,
  parseVoicePacket,
  sentUnitsOf,
  setHeld,
  setMediaTime,
  voicePacket,
} from './voice-packet.ts';

export type MediaInput =
  /** A body from the voice child; it becomes the session's, which writes into it. */
  | { readonly type: 'voice'; readonly body: Buffer }
  /** An opened voice packet of the other end; `elsewhere`: it came another way than the one before. */
  | { readonly type: 'arrived'; readonly bytes: Buffer; readonly elsewhere?: boolean }
  | { readonly type: 'report'; readonly report: Body<'mediaReport'> };

export type MediaCommand =
  /** On hold by anybody. */
  | { readonly type: 'hold'; readonly on: boolean }
  /** Which way voice goes: for `quality`, and for what the way may carry. */
  | { readonly type: 'path'; readonly path: CallPath }
  /** A relay has dropped packets of ours. */
  | { readonly type: 'quota' }
  /** So many bytes wait in our own end of the stream by which voice goes. */
  | { readonly type: 'backlog'; readonly bytes: number }
  /** The child's own statistics, whenever it tells them; undefined when the child is gone. */
  | { readonly type: 'voice-stats'; readonly stats: VoiceReport | undefined };

export type MediaOutput =
  /** To be sealed once and sent on every route in use. */
  | { readonly type: 'send-voice'; readonly bytes: Buffer }
  /** To the voice child; `arrivalMs` is the `now` of its arrival. The body is a view on the bytes received. */
  | { readonly type: 'play'; readonly body: Buffer; readonly arrivalMs: Millis }
  /** Unreliable, sealed, to the other end. */
  | { readonly type: 'send-datagram'; readonly message: MessageOf<'mediaReport'> }
  /** What the child's bodies are to consist of from now on; it began with 57 bytes each 20 ms. */
  | { readonly type: 'rung'; readonly rung: Rung }
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

/** A body of silence of this shape, which becomes the session's. Media time in units of 10 ms, 0 to 65535. */
export type FillerBody = (mediaTime: number, rung: Rung) => Buffer;

/** Reports go out on the link that the rung is fit for. */
function reportEveryMs(rung: Rung): number {
  if (rung === RUNGS.E) return MEDIA_REPORT_FLOOR_MS;
  return rung === RUNGS.E2 ? MEDIA_REPORT_NEAR_FLOOR_MS : MEDIA_REPORT_MS;
}

/** After a stall of our own, bodies that wait in the pipe go first. */
const STALL_GRACE_MS = 5;

export class MediaSession implements Core<MediaInput, MediaCommand, MediaOutput> {
  readonly #tag: number;
  readonly #fillerBody: FillerBody;
  #out: MediaOutput[] = [];

  readonly #pace: VoicePace;
  readonly #rate: RateControl;
  #rung: Rung = RUNGS.N;
  readonly #sentRate = new RateMeter();
  #sequence = 0;
  #sentPackets = 0;
  #sentBytes = 0;
  #newest: Buffer | undefined;
  #stalledUntil: Millis | undefined;
  readonly #beganAt: Millis;

  readonly #reception = new Reception();
  readonly #receivedRate = new RateMeter();
  #receivedBytes = 0;
  #heardAt: Millis;
  #aliveAt: Millis;

  readonly #trend = new DelayTrend();
  readonly #reports: ReportBook;
  /** What should have come and what came. */
  #marks: Mark[];
  /** Length of the frames that come, ms. */
  #heardFrameMs = VOICE_PACE_MS;

  #path: CallPath | null = null;
  #voice: VoiceReport | undefined;
  /** What earlier voice children of this call have played. */
  #before = { played: 0, concealed: 0 };
  readonly #trouble = new TroubleMemory();
  #onHold = false;
  #holdPacketAt: Millis = Number.POSITIVE_INFINITY;
  #reportAt: Millis;
  #reportedAt: Millis;
  #urgentAt: Millis = Number.NEGATIVE_INFINITY;
  #qualityAt: Millis;
  /** Packets of no sense, of another call, doubled, or a child's surplus. */
  dropped = 0;

  /**
   * `wire`: the id both ends know. `fillerBody` stands in for the child while it is missing. `begin`: the level that an earlier
   * call on this network ended on.
   */
  constructor(now: Millis, options: { wire: CallId; fillerBody: FillerBody; begin?: number | undefined }) {
    this.#tag = callTag(options.wire);
    this.#fillerBody = options.fillerBody;
    this.#pace = new VoicePace(now);
    this.#rate = new RateControl(now, options.begin);
    this.#follow();
    this.#reports = new ReportBook(options.wire);
    this.#beganAt = now;
    this.#heardAt = now;
    this.#aliveAt = now;
    this.#marks = [{ at: now, expected: 0, received: 0 }];
    this.#reportedAt = now;
    this.#reportAt = now + MEDIA_REPORT_MS;
    this.#qualityAt = now + QUALITY_MS;
  }

  receive(now: Millis, input: MediaInput): void {
    if (input.type === 'voice') this.#voiceBody(now, input.body);
    else if (input.type === 'arrived') this.#arrived(now, input.bytes, input.elsewhere ?? false);
    else this.#reported(now, input.report);
  }

  command(now: Millis, command: MediaCommand): void {
    if (command.type === 'hold') this.#hold(now, command.on);
    else if (command.type === 'path') {
      this.#path = command.path;
      this.#rate.path(now, command.path);
    } else if (command.type === 'quota') {
      this.#rate.quota(now);
      this.#trouble.relayDropped(now);
    } else if (command.type === 'backlog') this.#rate.backlog(now, command.bytes);
    else this.#voiceStats(now, command.stats);
    this.#follow();
  }

  wake(now: Millis): void {
    if (this.#onHold) this.#idle(now);
    else this.#fill(now);
    this.#rate.wake(now);
    this.#follow();
    if (now >= this.#reportAt) this.#report(now);
    if (now >= this.#qualityAt) this.#tellQuality(now);
  }

  drain(): MediaOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get onHold(): boolean {
    return this.#onHold;
  }

  /** What the way carries, as far as is known; undefined of a call that was too short to tell. */
  level(now: Millis): number | undefined {
    return now - this.#beganAt < RUNG_LEARNT_MS ? undefined : this.#rate.level;
  }

  wakeAt(): Millis {
    const sendAt = this.#onHold ? this.#holdPacketAt : (this.#stalledUntil ?? this.#missedAt());
    const slackMs = this.#isBeating() ? VOICE_COMPANY_MS : 0;
    return Math.min(sendAt, this.#reportAt + slackMs, this.#qualityAt + slackMs, this.#rate.wakeAt());
  }

  /** Bodies come often enough for others to wait for the next one. */
  #isBeating(): boolean {
    return this.#pace.hasChild && !this.#onHold && this.#rung.frameMs === VOICE_PACE_MS;
  }

  /** When to look after bodies that have not come. */
  #missedAt(): Millis {
    return this.#pace.fillAt + (this.#pace.hasChild ? VOICE_MISSED_MS : 0);
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
    const mediaTime = isVoiceBodySize(body.length) ? this.#pace.take(now, durationOf(body)) : undefined;
    if (mediaTime === undefined) {
      this.dropped += 1;
      return;
    }
    this.#send(now, mediaTime, body);
    if (!this.#isBeating()) return;
    if (now >= this.#reportAt - VOICE_COMPANY_MS) this.#report(now);
    if (now >= this.#qualityAt - VOICE_COMPANY_MS) this.#tellQuality(now);
  }

  /** The rate control may have changed its mind: the child and the pace follow. */
  #follow(): void {
    const { rung } = this.#rate;
    if (rung === this.#rung) return;
    this.#rung = rung;
    this.#pace.setFrame(rung.frameMs);
    this.#out.push({ type: 'rung', rung });
  }

  /** Slots that nobody filled. A late wake means that we were stalled, not the child: its bodies wait in the pipe. */
  #fill(now: Millis): void {
    if (this.#stalledUntil === undefined && now > this.#missedAt() + VOICE_PACE_MS) {
      this.#stalledUntil = now + STALL_GRACE_MS;
      this.#rate.stalled(now);
      return;
    }
    if (this.#stalledUntil !== undefined) {
      if (now < this.#stalledUntil) return;
      this.#stalledUntil = undefined;
      // What is still empty then is past; only the present is worth a packet.
      if (now >= this.#pace.fillAt) this.#sendFiller(now, this.#pace.skipTo(now));
      return;
    }
    for (let time = this.#pace.overdue(now); time !== undefined; time = this.#pace.overdue(now))
      this.#sendFiller(now, time);
  }

  #idle(now: Millis): void {
    if (now < this.#holdPacketAt) return;
    this.#holdPacketAt = now + HOLD_PACKET_MS;
    this.#sendFiller(now, this.#pace.skipTo(now));
  }

  #sendFiller(now: Millis, mediaTime: number): void {
    const body = this.#fillerBody(mediaTime & 0xffff, this.#rung);
    if (this.#onHold) setHeld(body);
    this.#send(now, mediaTime, body);
  }

  #send(now: Millis, mediaTime: number, body: Buffer): void {
    if (!this.#onHold && !this.#rate.passes(now)) return;
    this.#rate.sent(body.length);
    setMediaTime(body, mediaTime);
    const bytes = voicePacket(this.#tag, this.#sequence, body);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#sentPackets += 1;
    this.#sentBytes += bytes.length;
    this.#newest = body;
    this.#sentRate.add(now);
    this.#out.push({ type: 'send-voice', bytes });
  }

  // ------------------------------------------------------------------ in

  #arrived(now: Millis, bytes: Buffer, elsewhere: boolean): void {
    const packet = parseVoicePacket(bytes);
    // A frame leaves when its last sample was captured.
    const sentUnits = packet && sentUnitsOf(packet.body);
    if (packet?.tag !== this.#tag || !this.#reception.arrived(now, packet.sequence, sentUnits ?? 0)) {
      this.dropped += 1;
      return;
    }
    if (elsewhere) this.#trend.reset();
    this.#trend.arrived(now, sentUnits ?? 0);
    this.#heardFrameMs = durationOf(packet.body);
    this.#reportGrowth(now);
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
    this.#rate.pause(now, on);
    this.#trend.reset();
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
  #voiceStats(now: Millis, stats: VoiceReport | undefined): void {
    const last = this.#voice;
    this.#trouble.voiceTold(now, stats);
    if (last && (stats?.played ?? 0) < last.played) {
      const { played, concealed } = this.#before;
      this.#before = { played: played + last.played, concealed: concealed + last.concealed };
    }
    this.#voice = stats;
  }

  // ------------------------------------------------------------------ reports

  #report(now: Millis): void {
    this.#reportAt = now + reportEveryMs(this.#rung);
    this.#reportedAt = now;
    const seen = { reception: this.#reception, trend: this.#trend, voice: this.#voice };
    this.#out.push({ type: 'send-datagram', message: this.#reports.write(now, seen) });
  }

  /** A queue that begins to grow is worth a report out of turn: each 100 ms of it take longer to run off. */
  #reportGrowth(now: Millis): void {
    if (this.#onHold || this.#trend.standingMs < QUEUE_GROWS_MS) return;
    if (this.#trend.growth < QUEUE_GROWTH) return;
    this.#rate.hampered(now, this.#trend.growth);
    this.#follow();
    if (now < this.#urgentAt + MEDIA_REPORT_URGENT_AGAIN_MS || now < this.#reportedAt + MEDIA_REPORT_URGENT_MS) return;
    this.#urgentAt = now;
    this.#report(now);
  }

  #reported(now: Millis, report: Body<'mediaReport'>): void {
    const feedback = this.#reports.read(now, report);
    if (!feedback) {
      this.dropped += 1;
      return;
    }
    this.#tellAlive(now);
    this.#rate.report(now, feedback);
    this.#follow();
  }

  #tellQuality(now: Millis): void {
    this.#qualityAt = now + QUALITY_MS;
    const { expected, received, jitterMs } = this.#reception;
    this.#marks = marked(this.#marks, { at: now, expected, received });
    const { copies, bitrate } = this.#newest ? loadOf(this.#newest) : { copies: 0, bitrate: 0 };
    const told = quality({
      path: this.#path,
      rttMs: this.#reports.rttMs,
      jitterMs,
      lossInPct: lossOver(this.#marks),
      lossOutPct: this.#reports.lossOutPct,
      voice: this.#voice,
      theirConcealedPct: this.#reports.theirConcealedPct,
      theirCaptureMs: this.#reports.theirCaptureMs,
      sentPps: this.#sentRate.perSecond(now),
      recvPps: this.#receivedRate.perSecond(now),
      payloadBytes: this.#newest?.length ?? 0,
      ...{ bitrate, redundancy: copies, frameMs: this.#heardFrameMs },
      silentMs: now - this.#heardAt,
      onHold: this.#onHold,
      signs: this.#trouble.signs(now, this.#reports.queueOutMs, this.#trend.standingMs),
    });
    this.#out.push({ type: 'quality', quality: told });
  }
}
