/**
 * One call's sound, a tick of 20 ms at a time: microphone -> body for the agent, bodies from the agent -> speaker.
 * It has no timer, socket or process of its own: `voice-io.ts` ticks it at the pace of a device or of the clock, and
 * tests tick it in virtual time. Each tick, or each second or third one on rungs with longer frames, makes exactly one
 * voice body, whether somebody speaks, nobody does, the microphone is muted, not open yet or gone; only on hold there
 * is none.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CallRecorder } from './call-recorder-file.ts';
import type { Capture, Playback } from './device.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { type FilterSource, MicrophoneChain } from './microphone-chain.ts';
import type { OpusCodec } from './opus.ts';
import {
  FILTER_DELAY_MS_MAX,
  FRAME_MS,
  LEVEL_EVERY_MS,
  RECORDING_GAP_FRAMES_MAX,
  SILENCE_DB,
  STATS_EVERY_MS,
} from './params.ts';
import { SILENCE } from './pcm.ts';
import { type FromVoice, isCard, type SoundFilters, type SoundSettings, type VoiceStats } from './port.ts';
import { ReceiveStream } from './receive-stream.ts';
import { SendStream } from './send-stream.ts';
import { VoiceActivity } from './voice-activity.ts';
import type { BodyShape } from './voice-body.ts';

export type VoiceOutput =
  /** One voice body for the agent to seal and send. */
  { readonly type: 'body'; readonly bytes: Buffer } | { readonly type: 'tell'; readonly message: FromVoice };

const NO_FILTERS: FilterSource = { filter: () => undefined, denoiser: () => undefined };

export class VoiceEngine {
  readonly #send: SendStream;
  readonly #receive: ReceiveStream;
  readonly #chain: MicrophoneChain;
  #capture: Capture = noCapture();
  #playback: Playback = noPlayback();
  readonly #activity = new VoiceActivity();
  #spoke = false;
  /** Frames still to be read that were captured before an unmute; undefined when none is being carried out. */
  #opensIn: number | undefined;
  #recorder: CallRecorder | undefined;
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
  /** Undefined until somebody has said what the filters shall do. */
  #filtersTold: SoundFilters | 'untold' | undefined;
  /** Device faults that the chain has heard of. */
  #knownOverruns = 0;
  #knownUnderruns = 0;

  /** `filters` is asked when echo or noise is first to be taken out; without it they never are. */
  constructor(codec: OpusCodec, filters: FilterSource = NO_FILTERS) {
    this.#send = new SendStream(codec);
    this.#receive = new ReceiveStream(codec);
    this.#chain = new MicrophoneChain(filters);
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
    this.#knownOverruns = capture.overruns;
    this.#receive.paceChanged();
    this.#tellChain();
  }

  /** From now on this is the speaker; the caller closes the one before. */
  attachPlayback(playback: Playback): void {
    this.#pastUnderruns += this.#playback.underruns;
    this.#playback = playback;
    this.#knownUnderruns = playback.underruns;
    this.#tellChain();
  }

  /** Echo, noise and gain as a person wants them, from the next tick on. */
  filter(settings: SoundSettings): void {
    this.#chain.set(settings);
    this.#filtersTold ??= 'untold';
  }

  /** From now on both voices go there as well, ours as it is sent; the caller closes the one before. */
  record(recorder: CallRecorder | undefined): void {
    this.#recorder = recorder;
  }

  /** Gives back what the filters hold. */
  close(): void {
    this.#chain.close();
  }

  /** What bodies consist of, from the next frame on. */
  get shape(): BodyShape {
    return this.#send.shape;
  }

  /** The agent has chosen another rung; what the encoder cannot make is ignored. */
  reshape(shape: BodyShape): void {
    this.#send.reshape(shape);
  }

  /**
   * Mute holds from the next frame on. Its end waits until what was captured before it has been read: a microphone and its
   * filters hold back some frames, and no sound of the muted time may leave.
   */
  mute(on: boolean): void {
    this.#opensIn = undefined;
    if (on) {
      this.#send.mute(true);
      this.#activity.reset();
      return;
    }
    if (!this.#send.muted) return;
    const { kind, delayMs } = this.#capture;
    this.#opensIn = isCard(kind) ? Math.ceil((delayMs + FILTER_DELAY_MS_MAX) / FRAME_MS) : 0;
    this.#open();
  }

  /** Carries out an unmute when its time has come. */
  #open(): void {
    if (this.#opensIn === undefined || this.#opensIn > 0) return;
    this.#opensIn = undefined;
    this.#send.mute(false);
  }

  /** Whether the voice comes through a TCP stream. */
  overStream(on: boolean): void {
    this.#receive.overStream(on);
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
    this.#followDevices();
    if (this.#held) {
      if (heard) this.#chain.missed(1);
      this.#send.skip();
      this.#play(SILENCE);
      this.#recorder?.frame(SILENCE, SILENCE);
    } else {
      const processed = this.#chain.process(heard);
      const mine = this.#send.muted ? SILENCE : processed;
      const bytes = this.#send.frame(mine);
      if (this.#opensIn !== undefined) this.#opensIn -= 1;
      this.#open();
      if (bytes) this.#outputs.push({ type: 'body', bytes });
      const theirs = this.#receive.play(nowMs);
      this.#recorder?.frame(mine ?? SILENCE, theirs);
      this.#play(theirs);
      if (!this.#send.muted) this.#activity.hear(this.#send.levelDb);
      this.#spoke ||= this.#activity.speaking;
      this.#inputDb = Math.max(this.#inputDb, this.#send.levelDb);
      this.#outputDb = Math.max(this.#outputDb, this.#receive.levelDb);
      this.#firstSound(nowMs);
    }
    this.#report(nowMs);
  }

  /** A captured frame is thrown away: the device leads the clock too far. */
  dropCaptured(): void {
    if (this.#capture.read()) this.#chain.missed(1);
    this.#pastOverruns++;
  }

  /** So many frames pass unsent and unplayed: the machine slept, or a device blocked us while it opened. */
  skip(frames: number): void {
    for (let frame = 0; frame < frames; frame++) this.#send.skip();
    for (let frame = Math.min(frames, RECORDING_GAP_FRAMES_MAX); frame > 0; frame--)
      this.#recorder?.frame(SILENCE, SILENCE);
    if (frames === 0) return;
    this.#receive.paceChanged();
    this.#tellChain();
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
      targetMs: Math.round(this.#receive.targetMs),
      latePct: this.#receive.latePct,
      stretchedMs: Math.round(this.#receive.stretchedMs),
      captureMs: Math.round(this.#capture.delayMs),
      playbackMs: Math.round(this.#playback.delayMs),
    };
  }

  #play(pcm: Int16Array): void {
    this.#playback.write(pcm);
    this.#chain.played(this.#playback.sent ? this.#playback.sent() : pcm);
  }

  #tellChain(): void {
    const [capture, playback] = [this.#capture, this.#playback];
    this.#chain.use({
      capture: capture.kind,
      playback: playback.kind,
      delayMs: capture.delayMs + playback.delayMs,
    });
  }

  #followDevices(): void {
    const { overruns } = this.#capture;
    const { underruns } = this.#playback;
    if (overruns !== this.#knownOverruns) this.#chain.missed(overruns - this.#knownOverruns);
    if (underruns !== this.#knownUnderruns) this.#chain.recheck();
    this.#knownOverruns = overruns;
    this.#knownUnderruns = underruns;
  }

  #firstSound(nowMs: number): void {
    if (this.#heard || !this.#receive.playedReal) return;
    this.#heard = true;
    this.#tell({ type: 'first-sound', atMs: nowMs });
  }

  #report(nowMs: number): void {
    if (nowMs - this.#levelAt >= LEVEL_EVERY_MS) {
      this.#levelAt = nowMs;
      const [inputDb, outputDb] = [Math.round(this.#inputDb), Math.round(this.#outputDb)];
      this.#tell({ type: 'level', inputDb, outputDb, speaking: this.#spoke });
      this.#spoke = false;
      this.#inputDb = SILENCE_DB;
      this.#outputDb = SILENCE_DB;
    }
    if (nowMs - this.#statsAt >= STATS_EVERY_MS) {
      this.#statsAt = nowMs;
      this.#tell({ type: 'stats', ...this.stats() });
      this.#reportFilters();
    }
  }

  #reportFilters(): void {
    const told = this.#filtersTold;
    if (told === undefined) return;
    const report = this.#chain.report;
    if (told !== 'untold' && isDeepStrictEqual(told, report)) return;
    this.#filtersTold = report;
    this.#tell({ type: 'filters', ...report });
  }

  #tell(message: FromVoice): void {
    this.#outputs.push({ type: 'tell', message });
  }
}
