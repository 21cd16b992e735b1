/**
 * One call's sound, a tick of 20 ms at a time: microphone -> body for the agent, bodies from the agent -> speaker. In a
 * conference that we mix there are several legs, and each body carries everybody but the one it is for
 * (`conversation.ts`); a call of two has one leg, whose voice passes untouched. It has no timer, socket or process of its own: `voice-io.ts` ticks it at the pace of a device or of the clock, and
 * tests tick it in virtual time. Each tick, or each second or third one on rungs with longer frames, makes exactly one
 * voice body, whether somebody speaks, nobody does, the microphone is muted, not open yet or gone; only on hold there
 * is none.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CallRecorder } from './call-recorder-file.ts';
import { type BodyFor, Conversation } from './conversation.ts';
import type { Capture, Playback } from './device.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { Gate } from './gate.ts';
import { type FilterSource, MicrophoneChain } from './microphone-chain.ts';
import type { OpusCodec } from './opus.ts';
import {
  FILTER_DELAY_MS_MAX,
  FRAME_MS,
  FRAME_SAMPLES,
  LEVEL_EVERY_MS,
  RECORDING_GAP_FRAMES_MAX,
  SILENCE_DB,
  STATS_EVERY_MS,
} from './params.ts';
import { levelDb, SILENCE } from './pcm.ts';
import { type FromVoice, isCard, type SoundFilters, type SoundSettings, type VoiceStats } from './port.ts';
import { VoiceActivity } from './voice-activity.ts';
import { type BodyShape, NORMAL_SHAPE } from './voice-body.ts';

export type VoiceOutput =
  /** One voice body for the agent to seal and send to this talker. */
  | { readonly type: 'body'; readonly bytes: Buffer; readonly talker: number }
  | { readonly type: 'tell'; readonly message: FromVoice };

const NO_FILTERS: FilterSource = { filter: () => undefined, denoiser: () => undefined };

export class VoiceEngine {
  readonly #conversation: Conversation;
  readonly #present: Gate = new Gate(true);
  readonly #microphoneRoom = new Int16Array(FRAME_SAMPLES);
  readonly #speakerRoom = new Int16Array(FRAME_SAMPLES);
  readonly #chain: MicrophoneChain;
  #capture: Capture = noCapture();
  #playback: Playback = noPlayback();
  readonly #activity = new VoiceActivity();
  #spoke = false;
  /** Frames still to be read that were captured before an unmute; undefined when none is being carried out. */
  #opensIn: number | undefined;
  #recorder: CallRecorder | undefined;
  #held = false;
  #muted = false;
  #outputs: VoiceOutput[] = [];
  #levelAt = Number.NEGATIVE_INFINITY;
  #statsAt = Number.NEGATIVE_INFINITY;
  #inputDb: number = SILENCE_DB;
  #outputDb: number = SILENCE_DB;
  /** Bodies for talkers without a leg. */
  #foreign = 0;
  /** Counts of devices that were replaced. */
  #pastOverruns = 0;
  #pastUnderruns = 0;
  /** Undefined until somebody has said what the filters shall do. */
  #filtersTold: SoundFilters | 'untold' | undefined;
  /** Device faults that the chain has heard of. */
  #knownOverruns = 0;
  #knownUnderruns = 0;

  /**
   * `codec` is for talker 0 and stays the caller's. `filters` is asked when echo or noise is first to be taken out; without it
   * they never are. `openCodec` gives one for each further leg, which the engine closes; without it, or where it gives
   * none, there are none.
   */
  constructor(
    codec: OpusCodec,
    filters: FilterSource = NO_FILTERS,
    openCodec: () => OpusCodec | undefined = () => undefined,
  ) {
    this.#conversation = new Conversation(codec, openCodec);
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
    this.#conversation.paceChanged();
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

  /** Gives back what filters and legs hold. */
  close(): void {
    this.#chain.close();
    this.#conversation.close();
  }

  /** A far end comes or goes (`leg` of the port). */
  leg(talker: number, on: boolean, mix?: number): void {
    if (on) this.#conversation.join(talker, mix);
    else this.#conversation.leave(talker);
  }

  /** What bodies for this talker consist of, from the next frame on. */
  shapeOf(talker = 0): BodyShape {
    return this.#conversation.of(talker)?.send.shape ?? NORMAL_SHAPE;
  }

  /** The agent has chosen another rung; what the encoder cannot make is ignored. */
  reshape(shape: BodyShape, talker = 0): void {
    this.#conversation.of(talker)?.send.reshape(shape);
  }

  /**
   * Mute holds from the next frame on. Its end waits until what was captured before it has been read: a microphone and its
   * filters hold back some frames, and no sound of the muted time may leave.
   */
  mute(on: boolean): void {
    this.#opensIn = undefined;
    if (on) {
      this.#muted = true;
      this.#activity.reset();
      return;
    }
    if (!this.#muted) return;
    const { kind, delayMs } = this.#capture;
    this.#opensIn = isCard(kind) ? Math.ceil((delayMs + FILTER_DELAY_MS_MAX) / FRAME_MS) : 0;
    this.#open();
  }

  /** Carries out an unmute when its time has come. */
  #open(): void {
    if (this.#opensIn === undefined || this.#opensIn > 0) return;
    this.#opensIn = undefined;
    this.#muted = false;
  }

  /** This talker is heard by nobody, and goes on hearing everybody. */
  muteLeg(talker: number, on: boolean): void {
    this.#conversation.of(talker)?.mute(on);
  }

  /** Whether this talker's voice comes through a TCP stream. */
  overStream(on: boolean, talker = 0): void {
    this.#conversation.of(talker)?.receive.overStream(on);
  }

  /** On hold nothing is captured, played or sent; the recording of the speaker goes on with silence. */
  hold(on: boolean): void {
    if (on && !this.#held) this.#conversation.flush();
    this.#held = on;
  }

  /** This leg alone: the others go on without it. */
  holdLeg(talker: number, on: boolean): void {
    this.#conversation.of(talker)?.hold(on);
  }

  /** Of our own devices nothing is captured or played while the legs go on; a recording has the legs alone. */
  away(on: boolean): void {
    this.#present.turn(!on);
  }

  /** A body from the agent, of any content. `arrivalMs` on the clock of `tick`. Talkers without a leg are counted as refused. */
  receive(arrivalMs: number, talker: number, bytes: Uint8Array): void {
    if (this.#held) return;
    const leg = this.#conversation.of(talker);
    if (leg) leg.take(arrivalMs, bytes);
    else this.#foreign++;
  }

  /** 20 ms pass. Then `drain`. */
  tick(nowMs: number): void {
    const heard = this.#capture.read();
    this.#followDevices();
    if (this.#held) {
      if (heard) this.#chain.missed(1);
      this.#conversation.skip(1);
      this.#play(SILENCE);
      this.#recorder?.frame(SILENCE, SILENCE);
    } else {
      const mine = this.#microphone(this.#chain.process(heard));
      const theirs = this.#converse(nowMs, mine);
      this.#recorder?.frame(mine, theirs);
      const played = this.#present.pass(theirs, this.#speakerRoom);
      this.#play(played);
      this.#outputDb = Math.max(this.#outputDb, levelDb(played));
      this.#firstSounds(nowMs);
    }
    this.#present.settle();
    this.#report(nowMs);
  }

  /** What of the microphone is sent. */
  #microphone(processed: Int16Array | undefined): Int16Array {
    const usable = processed?.length === FRAME_SAMPLES && !this.#muted;
    const mine = this.#present.pass(usable ? processed : SILENCE, this.#microphoneRoom);
    const mineDb = levelDb(mine);
    if (!this.#muted) this.#activity.hear(mineDb);
    this.#spoke ||= this.#activity.speaking;
    this.#inputDb = Math.max(this.#inputDb, mineDb);
    return mine;
  }

  /** Each leg hears all but itself; gives what we hear. */
  #converse(nowMs: number, mine: Int16Array): Int16Array {
    const send = (body: BodyFor) => this.#outputs.push({ type: 'body', ...body });
    const theirs = this.#conversation.tick(nowMs, mine, this.#muted, send);
    if (this.#opensIn !== undefined) this.#opensIn -= 1;
    this.#open();
    return theirs;
  }

  /** A captured frame is thrown away: the device leads the clock too far. */
  dropCaptured(): void {
    if (this.#capture.read()) this.#chain.missed(1);
    this.#pastOverruns++;
  }

  /** So many frames pass unsent and unplayed: the machine slept, or a device blocked us while it opened. */
  skip(frames: number): void {
    this.#conversation.skip(frames);
    for (let frame = Math.min(frames, RECORDING_GAP_FRAMES_MAX); frame > 0; frame--)
      this.#recorder?.frame(SILENCE, SILENCE);
    if (frames === 0) return;
    this.#conversation.paceChanged();
    this.#tellChain();
  }

  /** Everything to send or tell since the last drain, in order. */
  drain(): VoiceOutput[] {
    if (this.#outputs.length === 0) return [];
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Of one leg; RangeError where there is none. */
  stats(talker = 0): VoiceStats {
    const leg = this.#conversation.of(talker);
    if (!leg) throw new RangeError(`voice engine: talker ${talker}`);
    const { receive } = leg;
    const { played, concealed, late, duplicate, refused } = receive.counts;
    return {
      bufferMs: Math.round(receive.bufferMs),
      concealedPct: receive.concealedPct,
      played,
      concealed,
      late,
      duplicate,
      refused: refused + (talker === 0 ? this.#foreign : 0),
      deviceMs: Math.round(this.#capture.delayMs + this.#playback.delayMs),
      overruns: this.#pastOverruns + this.#capture.overruns,
      underruns: this.#pastUnderruns + this.#playback.underruns,
      targetMs: Math.round(receive.targetMs),
      latePct: receive.latePct,
      stretchedMs: Math.round(receive.stretchedMs),
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

  #firstSounds(nowMs: number): void {
    for (const leg of this.#conversation.legs)
      if (leg.takeFirstSound()) this.#tell({ type: 'first-sound', atMs: nowMs, ...named(leg.talker) });
  }

  #report(nowMs: number): void {
    if (nowMs - this.#levelAt >= LEVEL_EVERY_MS) {
      this.#levelAt = nowMs;
      const [inputDb, outputDb] = [Math.round(this.#inputDb), Math.round(this.#outputDb)];
      const legs = this.#conversation.takeLevels();
      this.#tell({ type: 'level', inputDb, outputDb, speaking: this.#spoke, ...(legs ? { legs } : {}) });
      this.#spoke = false;
      this.#inputDb = SILENCE_DB;
      this.#outputDb = SILENCE_DB;
    }
    if (nowMs - this.#statsAt >= STATS_EVERY_MS) {
      this.#statsAt = nowMs;
      for (const { talker } of this.#conversation.legs)
        this.#tell({ type: 'stats', ...this.stats(talker), ...named(talker) });
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

/** Talker 0 goes without saying. */
function named(talker: number): { readonly talker?: number } {
  return talker === 0 ? {} : { talker };
}
