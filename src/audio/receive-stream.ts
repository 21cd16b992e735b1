/**
 * The way in: voice bodies from the agent become 20 ms of sound for the speaker, whatever the network did. Pure but
 * for the codec that is handed in; `voice-engine.ts` calls `receive` when a body arrives and `play` on each tick.
 *
 *   body -> parse -> jitter buffer -> decode, or conceal -> sound queue -> stretch -> 20 ms frames
 *
 * Concealment is libopus's own for 60 ms; then it fades into the noise of the far end's room. Real sound that comes
 * after invented sound is merged with it, sound after silence faded in: nothing clicks.
 */
import { ComfortNoise } from './comfort-noise.ts';
import { JitterBuffer, type Pull, type Wish } from './jitter-buffer.ts';
import type { OpusCodec } from './opus.ts';
import { isPlayable } from './opus-toc.ts';
import {
  CONCEAL_CODEC_MS_MAX,
  CONCEAL_MS,
  CONCEALED_WINDOW_FRAMES,
  FADE_SAMPLES,
  FRAME_SAMPLES,
  MEDIA_UNIT_MS,
  OPUS_DECODED_SAMPLES_MAX,
  PEAK_FALL_DB,
  PITCH_LAG_MAX,
  QUIET_BELOW_PEAK_DB,
  QUIET_DB,
  SAMPLE_RATE_HZ,
  SILENCE_DB,
} from './params.ts';
import { fadeIn, levelDb, samplesIn } from './pcm.ts';
import { PlayoutClock } from './playout-clock.ts';
import { SoundQueue } from './sound-queue.ts';
import { fadeBetween, TimeStretch } from './time-stretch.ts';
import { parseVoiceBody } from './voice-body.ts';

export interface ReceiveCounts {
  /** Frames of 20 ms given to the speaker since the first packet, real or invented. */
  played: number;
  /** Of these: invented, because the packet was lost or late. */
  concealed: number;
  late: number;
  duplicate: number;
  /** Bodies or packets that were not what they should be. */
  refused: number;
  /** Sound that was taken out or put in to change the delay, samples. */
  stretched: number;
}

/** What sounded last, for the join to what comes. */
type Sounding = 'speech' | 'invented' | 'silence';

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000;
/** Decoded sound from which a whole pitch period can be taken out. */
const SHRINKABLE = 2 * PITCH_LAG_MAX;

export class ReceiveStream {
  readonly counts: ReceiveCounts = { played: 0, concealed: 0, late: 0, duplicate: 0, refused: 0, stretched: 0 };
  readonly #codec: OpusCodec;
  readonly #buffer = new JitterBuffer();
  readonly #clock = new PlayoutClock();
  readonly #stretch = new TimeStretch();
  readonly #noise = new ComfortNoise();
  readonly #queue = new SoundQueue();
  readonly #decoded = new Int16Array(OPUS_DECODED_SAMPLES_MAX);
  readonly #room = new Int16Array(samplesIn(CONCEAL_MS));
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #sounding: Sounding = 'silence';
  /** How much was invented without a break, ms. */
  #concealMs = 0;
  #peakDb = SILENCE_DB;
  #levelDb = SILENCE_DB;
  /** The last frames: 1 for concealed. */
  readonly #window = new Uint8Array(CONCEALED_WINDOW_FRAMES);
  #windowAt = 0;
  #inventedNow = false;
  #realNow = false;

  constructor(codec: OpusCodec) {
    this.#codec = codec;
  }

  /** Delay that the jitter buffer adds now, ms. */
  get bufferMs(): number {
    return this.#buffer.delayMs;
  }

  /** What the jitter buffer aims at, ms. */
  get targetMs(): number {
    return this.#buffer.targetMs;
  }

  /** Share of frames that came after they were due, of the last ten seconds, percent. */
  get latePct(): number {
    return this.#buffer.latePct;
  }

  /** Sound that was taken out or put in to change the delay, ms in total. */
  get stretchedMs(): number {
    return this.counts.stretched / SAMPLES_PER_MS;
  }

  /** Level of the frame played last, dBFS. */
  get levelDb(): number {
    return this.#levelDb;
  }

  /** True when the frame played last came out of received packets. */
  get playedReal(): boolean {
    return this.#realNow;
  }

  /** Share of concealed frames in the last second, percent. */
  get concealedPct(): number {
    let sum = 0;
    for (const one of this.#window) sum += one;
    return (100 * sum) / Math.min(CONCEALED_WINDOW_FRAMES, Math.max(1, this.counts.played));
  }

  /** Whether the voice comes through a TCP stream. */
  overStream(on: boolean): void {
    this.#buffer.overStream(on);
  }

  /** Bytes from the network; never throws. `arrivalMs` on the clock that `play` is called with. */
  receive(arrivalMs: number, bytes: Uint8Array): void {
    const body = parseVoiceBody(bytes);
    if (!body?.frames.every((frame) => isPlayable(frame, body.durationMs))) {
      this.counts.refused++;
      return;
    }
    const outcome = this.#buffer.put(arrivalMs, body);
    if (outcome !== 'queued') this.counts[outcome]++;
  }

  /** The next 20 ms for the speaker; silence when there is no stream. Valid until the next call. */
  play(nowMs: number): Int16Array {
    this.#inventedNow = false;
    this.#realNow = false;
    const playMs = this.#clock.tick(nowMs);
    const streaming = this.#fill(playMs, FRAME_SAMPLES);
    if (streaming) {
      this.#grantWish(playMs);
      this.#fill(playMs, FRAME_SAMPLES);
    }
    this.#queue.take(this.#frame);
    this.#account(streaming);
    return this.#frame;
  }

  /** Ticks were left out, or come by another device's pace now: nobody can say how late the last ones were. */
  paceChanged(): void {
    this.#clock.restart();
  }

  /** Forgets what is buffered: the stream was paused on purpose. */
  flush(): void {
    this.#buffer.flush();
    this.#clock.restart();
    this.#queue.clear();
    this.#sounding = 'silence';
    this.#concealMs = 0;
  }

  // --- the delay

  #grantWish(playMs: number): void {
    const quiet = this.#levelDb < QUIET_DB || this.#levelDb < this.#peakDb - QUIET_BELOW_PEAK_DB;
    const wish = this.#buffer.wish(playMs, this.#heldMs(), quiet);
    if (wish.change === 'none' || this.#sounding !== 'speech') return;
    if (wish.change !== 'grow' && this.#buffer.ready) this.#fill(playMs, SHRINKABLE);
    const stretched = this.#stretched(wish);
    if (stretched === 0) return;
    this.counts.stretched += stretched;
    this.#buffer.stretched(playMs);
  }

  #stretched(wish: Exclude<Wish, { readonly change: 'none' }>): number {
    if (wish.change === 'grow') return this.#stretch.grow(this.#queue, wish.mode);
    // Without the next frame what is left must last for this tick.
    const spare = this.#buffer.ready ? this.#queue.count : this.#queue.count - FRAME_SAMPLES;
    if (wish.change === 'cut') return wish.samples <= spare ? this.#stretch.cut(this.#queue, wish.samples) : 0;
    return this.#stretch.shrink(this.#queue, wish.mode, Math.min(wish.most, spare));
  }

  #heldMs(): number {
    return this.#queue.count / SAMPLES_PER_MS;
  }

  // --- the sound

  /** Decodes or invents until so many samples wait; false when there is no stream. */
  #fill(playMs: number, samples: number): boolean {
    while (this.#queue.count < samples) {
      const pull = this.#buffer.pull(playMs, this.#heldMs());
      if (pull.kind === 'nothing') {
        this.#sounding = 'silence';
        return false;
      }
      if (pull.kind === 'conceal') this.#invent(pull.durationMs);
      else if (!this.#decode(pull)) {
        this.counts.refused++;
        for (let ms = pull.skipMs; ms < pull.durationMs; ms += CONCEAL_MS) {
          this.#invent(Math.min(CONCEAL_MS, pull.durationMs - ms));
        }
      }
    }
    return true;
  }

  #decode(pull: Extract<Pull, { readonly kind: 'frame' }>): boolean {
    const samples = this.#codec.decode(pull.packet, pull.durationMs, this.#decoded);
    if (samples === 0) return false;
    const pcm = this.#decoded.subarray(samplesIn(pull.skipMs), samples);
    this.#join(pcm, pull.jumps);
    this.#concealMs = 0;
    this.#sounding = 'speech';
    this.#realNow = true;
    return true;
  }

  /** Puts real sound behind what sounded before. `pcm` is changed. */
  #join(pcm: Int16Array, jumps: boolean): void {
    const near = this.#sounding === 'invented' && this.#concealMs <= CONCEAL_CODEC_MS_MAX;
    if (near || (jumps && this.#sounding === 'speech')) {
      this.#stretch.merge(this.#queue, pcm);
      return;
    }
    if (this.#sounding !== 'speech') {
      const start = pcm.subarray(0, Math.min(FADE_SAMPLES, pcm.length));
      const room = this.#room.subarray(0, start.length).fill(0);
      if (this.#sounding === 'invented') this.#noise.make(room);
      fadeBetween(room, start, start, this.#sounding === 'invented' ? 0 : 1);
    }
    this.#queue.append(pcm);
  }

  /** 10 or 20 ms that never came. */
  #invent(durationMs: number): void {
    this.#inventedNow = true;
    const pcm = this.#decoded.subarray(0, samplesIn(durationMs));
    const room = this.#room.subarray(0, pcm.length);
    this.#concealMs += durationMs;
    if (this.#concealMs >= CONCEAL_CODEC_MS_MAX || this.#sounding === 'silence') this.#noise.make(room);
    const own =
      this.#sounding !== 'silence' && this.#concealMs <= CONCEAL_CODEC_MS_MAX
        ? this.#codec.conceal(pcm, durationMs === MEDIA_UNIT_MS ? 10 : 20)
        : 0;
    if (own === 0) pcm.set(room);
    else if (this.#concealMs >= CONCEAL_CODEC_MS_MAX) fadeBetween(pcm, room, pcm, 0);
    if (this.#sounding === 'silence') fadeIn(pcm, FADE_SAMPLES);
    this.#sounding = 'invented';
    this.#queue.append(pcm);
  }

  #account(streaming: boolean): void {
    this.#levelDb = levelDb(this.#frame);
    this.#peakDb = Math.max(this.#levelDb, this.#peakDb - PEAK_FALL_DB);
    if (!streaming) return;
    this.counts.played++;
    if (this.#inventedNow) this.counts.concealed++;
    else this.#noise.learn(this.#frame);
    this.#window[this.#windowAt] = this.#inventedNow ? 1 : 0;
    this.#windowAt = (this.#windowAt + 1) % CONCEALED_WINDOW_FRAMES;
  }
}
