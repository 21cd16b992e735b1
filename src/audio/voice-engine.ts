/**
 * One call's sound, a tick of 20 ms at a time: microphone -> body for the agent, bodies from the agent -> speaker.
 * It has no timer, socket or process of its own: `voice-io.ts` ticks it at the pace of a device or of the clock, and
 * tests tick it in virtual time. Each tick makes exactly one voice body, whether somebody speaks, nobody does, the
 * microphone is muted, not open yet or gone; only on hold there is none.
 */
import type { Capture, Playback } from './device.ts';
import { noCapture, noPlayback } from './device-none.ts';
import type { OpusCodec } from './opus.ts';
import { LEVEL_EVERY_MS, SILENCE_DB, STATS_EVERY_MS } from './params.ts';
import { SILENCE } from './pcm.ts';
import type { FromVoice, VoiceStats } from './port.ts';
import { ReceiveStream } from './receive-stream.ts';
import { SendStream } from './send-stream.ts';

export type VoiceOutput =
  /** One voice body of 60 bytes for the agent to seal and send. */
  { readonly type: 'body'; readonly bytes: Buffer } | { readonly type: 'tell'; readonly message: FromVoice };

export class VoiceEngine {
  readonly #send: SendStream;
  readonly #receive: ReceiveStream;
  #capture: Capture = noCapture();
  #playback: Playback = noPlayback();
  #held = false;
  #heard = false;
  #outputs: VoiceOutput[] = [];
  #levelAt = Number.NEGATIVE_INFINITY;
  #statsAt = Number.NEGATIVE_INFINITY;
  #inputDb: number = SILENCE_DB;
  #outputDb: number = SILENCE_DB;
  #foreign = 0;
  /** Counts of devices that were replaced. */
  #pastOverruns = 0;
  #pastUnderruns = 0;

  constructor(codec: OpusCodec) {
    this.#send = new SendStream(codec);
    this.#receive = new ReceiveStream(codec);
  }

  get capture(): Capture {
    return this.#capture;
  }

  get playback(): Playback {
    return this.#playback;
  }

  /** From now on this is the microphone; the caller closes the one before. */
  attachCapture(capture: Capture): void {
    this.#pastOverruns += this.#capture.overruns;
    this.#capture = capture;
  }

  /** From now on this is the speaker; the caller closes the one before. */
  attachPlayback(playback: Playback): void {
    this.#pastUnderruns += this.#playback.underruns;
    this.#playback = playback;
  }

  mute(on: boolean): void {
    this.#send.mute(on);
  }

  /** On hold nothing is captured, played or sent; the recording of the speaker goes on with silence. */
  hold(on: boolean): void {
    if (on && !this.#held) this.#receive.flush();
    this.#held = on;
  }

  /**
   * A body from the agent, of any content. `arrivalMs` on the clock of `tick`. Only talker 0 exists in a call of two;
   * others are counted as refused.
   */
  receive(arrivalMs: number, talker: number, bytes: Uint8Array): void {
    if (this.#held) return;
    if (talker !== 0) this.#foreign++;
    else this.#receive.receive(arrivalMs, bytes);
  }

  /** 20 ms pass. Then `drain`. */
  tick(nowMs: number): void {
    const heard = this.#capture.read();
    if (this.#held) {
      this.#send.skip();
      this.#playback.write(SILENCE);
    } else {
      this.#outputs.push({ type: 'body', bytes: this.#send.frame(heard) });
      this.#playback.write(this.#receive.play(nowMs));
      this.#inputDb = Math.max(this.#inputDb, this.#send.levelDb);
      this.#outputDb = Math.max(this.#outputDb, this.#receive.levelDb);
      this.#firstSound(nowMs);
    }
    this.#report(nowMs);
  }

  /** A captured frame is thrown away: the device leads the clock too far. */
  dropCaptured(): void {
    this.#capture.read();
    this.#pastOverruns++;
  }

  /** So many frames pass unsent and unplayed: the machine slept, or a device blocked us while it opened. */
  skip(frames: number): void {
    for (let frame = 0; frame < frames; frame++) this.#send.skip();
  }

  /** Everything to send or tell since the last drain, in order. */
  drain(): VoiceOutput[] {
    if (this.#outputs.length === 0) return [];
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  stats(): VoiceStats {
    const { played, concealed, late, duplicate, refused } = this.#receive.counts;
    return {
      bufferMs: Math.round(this.#receive.bufferMs),
      concealedPct: this.#receive.concealedPct,
      played,
      concealed,
      late,
      duplicate,
      refused: refused + this.#foreign,
      deviceMs: Math.round(this.#capture.delayMs + this.#playback.delayMs),
      overruns: this.#pastOverruns + this.#capture.overruns,
      underruns: this.#pastUnderruns + this.#playback.underruns,
    };
  }

  #firstSound(nowMs: number): void {
    if (this.#heard || !this.#receive.playedReal) return;
    this.#heard = true;
    this.#tell({ type: 'first-sound', atMs: nowMs });
  }

  #report(nowMs: number): void {
    if (nowMs - this.#levelAt >= LEVEL_EVERY_MS) {
      this.#levelAt = nowMs;
      this.#tell({ type: 'level', inputDb: Math.round(this.#inputDb), outputDb: Math.round(this.#outputDb) });
      this.#inputDb = SILENCE_DB;
      this.#outputDb = SILENCE_DB;
    }
    if (nowMs - this.#statsAt >= STATS_EVERY_MS) {
      this.#statsAt = nowMs;
      this.#tell({ type: 'stats', ...this.stats() });
    }
  }

  #tell(message: FromVoice): void {
    this.#outputs.push({ type: 'tell', message });
  }
}
