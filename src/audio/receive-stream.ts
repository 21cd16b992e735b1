/**
 * The way in: voice bodies from the agent become 20 ms of sound for the speaker, whatever the network did. Pure but
 * for the codec that is handed in; `voice-engine.ts` calls `receive` when a body arrives and `play` on each tick.
 *
 *   body -> parse -> jitter buffer -> decode, or conceal -> 20 ms frames
 *
 * Concealment is libopus's own, for three frames; then silence, faded so that nothing clicks.
 */
import { JitterBuffer } from './jitter-buffer.ts';
import type { OpusCodec } from './opus.ts';
import {
  CONCEAL_FRAMES_MAX,
  CONCEALED_WINDOW_FRAMES,
  FADE_SAMPLES,
  FRAME_SAMPLES,
  OPUS_DECODED_SAMPLES_MAX,
  PEAK_FALL_DB,
  QUIET_BELOW_PEAK_DB,
  QUIET_DB,
  SILENCE_DB,
} from './params.ts';
import { crossfade, fadeIn, fadeOut, levelDb, samplesIn } from './pcm.ts';
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
}

/** What sounded last, for the fade that joins it to what comes. */
type Sounding = 'speech' | 'invented' | 'silence';

export class ReceiveStream {
  readonly counts: ReceiveCounts = { played: 0, concealed: 0, late: 0, duplicate: 0, refused: 0 };
  readonly #codec: OpusCodec;
  readonly #buffer = new JitterBuffer();
  /** Decoded and not played yet: less than one frame, plus the longest packet. */
  readonly #pcm = new Int16Array(FRAME_SAMPLES + OPUS_DECODED_SAMPLES_MAX);
  #pcmCount = 0;
  readonly #decoded = new Int16Array(OPUS_DECODED_SAMPLES_MAX);
  readonly #folded = new Int16Array(OPUS_DECODED_SAMPLES_MAX);
  #foldedCount = 0;
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #sounding: Sounding = 'silence';
  #concealRun = 0;
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

  /** Level of the frame played last, dBFS. */
  get levelDb(): number {
    return this.#levelDb;
  }

  /** True when the frame played last came out of a received packet, whole. */
  get playedReal(): boolean {
    return this.#realNow;
  }

  /** Share of concealed frames in the last second, percent. */
  get concealedPct(): number {
    let sum = 0;
    for (const one of this.#window) sum += one;
    return (100 * sum) / Math.min(CONCEALED_WINDOW_FRAMES, Math.max(1, this.counts.played));
  }

  /** Bytes from the network; never throws. `arrivalMs` on the clock that `play` is called with. */
  receive(arrivalMs: number, bytes: Uint8Array): void {
    const body = parseVoiceBody(bytes);
    if (!body) {
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
    let streaming = true;
    while (this.#pcmCount < FRAME_SAMPLES) {
      if (!this.#more(nowMs)) {
        streaming = false;
        break;
      }
    }
    this.#frame.set(this.#pcm.subarray(0, FRAME_SAMPLES));
    this.#pcm.copyWithin(0, FRAME_SAMPLES, Math.max(FRAME_SAMPLES, this.#pcmCount));
    this.#pcmCount = Math.max(0, this.#pcmCount - FRAME_SAMPLES);
    this.#account(streaming);
    return this.#frame;
  }

  /** Forgets what is buffered: the stream was paused on purpose. */
  flush(): void {
    this.#buffer.flush();
    this.#pcm.fill(0);
    this.#pcmCount = 0;
    this.#foldedCount = 0;
    this.#sounding = 'silence';
    this.#concealRun = 0;
  }

  #quiet(): boolean {
    return this.#levelDb < QUIET_DB || this.#levelDb < this.#peakDb - QUIET_BELOW_PEAK_DB;
  }

  /** Adds at least one stretch of sound to what is decoded; false when there is no stream. */
  #more(nowMs: number): boolean {
    let pull = this.#buffer.pull(nowMs, this.#quiet());
    while (pull.kind === 'fold') {
      this.#fold(pull.packet, pull.durationMs);
      pull = this.#buffer.pull(nowMs, this.#quiet());
    }
    if (pull.kind === 'nothing') {
      this.#pcm.fill(0, this.#pcmCount);
      this.#sounding = 'silence';
      return false;
    }
    if (pull.kind === 'frame') {
      const samples = this.#codec.decode(pull.packet, pull.durationMs, this.#decoded);
      if (samples > 0) {
        this.#appendReal(samples);
        return true;
      }
      this.counts.refused++;
    }
    this.#appendInvented(pull.durationMs);
    return true;
  }

  #fold(packet: Uint8Array, durationMs: number): void {
    const samples = this.#codec.decode(packet, durationMs, this.#decoded);
    if (samples === 0) this.counts.refused++;
    // Of several folded in a row the first joins best to what was played.
    if (samples === 0 || this.#foldedCount > 0) return;
    this.#folded.set(this.#decoded.subarray(0, samples));
    this.#foldedCount = samples;
  }

  #appendReal(samples: number): void {
    const pcm = this.#decoded.subarray(0, samples);
    if (this.#foldedCount > 0) crossfade(this.#folded.subarray(0, this.#foldedCount), pcm);
    else if (this.#sounding === 'silence') fadeIn(pcm, FADE_SAMPLES);
    this.#foldedCount = 0;
    this.#concealRun = 0;
    this.#sounding = 'speech';
    this.#realNow = true;
    this.#append(pcm);
  }

  #appendInvented(durationMs: number): void {
    this.#inventedNow = true;
    this.#foldedCount = 0;
    this.#concealRun++;
    const samples = this.#concealRun > CONCEAL_FRAMES_MAX ? 0 : this.#codec.conceal(this.#decoded);
    if (samples === 0) {
      this.#sounding = 'silence';
      this.#append(this.#decoded.subarray(0, samplesIn(durationMs)).fill(0));
      return;
    }
    const pcm = this.#decoded.subarray(0, samples);
    if (this.#concealRun === CONCEAL_FRAMES_MAX) fadeOut(pcm, samples);
    this.#sounding = 'invented';
    this.#append(pcm);
  }

  #append(pcm: Int16Array): void {
    this.#pcm.set(pcm, this.#pcmCount);
    this.#pcmCount += pcm.length;
  }

  #account(streaming: boolean): void {
    this.#levelDb = levelDb(this.#frame);
    this.#peakDb = Math.max(this.#levelDb, this.#peakDb - PEAK_FALL_DB);
    if (!streaming) return;
    this.counts.played++;
    if (this.#inventedNow) this.counts.concealed++;
    this.#window[this.#windowAt] = this.#inventedNow ? 1 : 0;
    this.#windowAt = (this.#windowAt + 1) % CONCEALED_WINDOW_FRAMES;
  }
}
