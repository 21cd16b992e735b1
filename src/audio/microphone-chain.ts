/**
 * What happens to a microphone's frame before it is sent: input gain, echo and noise taken out, automatic gain, each
 * only when it is wanted. While nothing is wanted the frame passes untouched, bit by bit, and nothing is loaded, kept or
 * counted. Pure but for the filter that it opens; `voice-engine.ts` owns one and hands it all that is captured and played.
 */
import { Amplifier } from './amplifier.ts';
import { FarEnd } from './far-end.ts';
import type { Denoiser } from './filter-rnnoise.ts';
import { GainControl } from './gain-control.ts';
import { FAR_LEVEL_FALL_DB, FRAME_SAMPLES, SILENCE_DB } from './params.ts';
import { levelDb, SILENCE } from './pcm.ts';
import { type BackendKind, isCard, type NoiseMode, type SoundFilters, type SoundSettings } from './port.ts';
import { SoundQueue } from './sound-queue.ts';
import type { FilterParts, VoiceFilter } from './voice-filter.ts';

/** What the chain must know of the devices of a call. */
export interface ChainDevices {
  readonly capture: BackendKind;
  readonly playback: BackendKind;
  /** Their own estimate of their delays together, ms. */
  readonly delayMs: number;
}

/** Where the chain gets filters from when they are first wanted. Undefined: none is there, or none may be used. */
export interface FilterSource {
  filter(parts: FilterParts): VoiceFilter | undefined;
  /** For `strong`; while it is not there the filter takes out the noise too. */
  denoiser(): Denoiser | undefined;
}

export class MicrophoneChain {
  readonly #source: FilterSource;
  #settings: SoundSettings | undefined;
  #devices: ChainDevices = { capture: 'none', playback: 'none', delayMs: 0 };
  #inputGain = 1;
  #input: Amplifier | undefined;
  #filter: VoiceFilter | undefined;
  #parts: FilterParts = { echo: false, noise: false };
  #far: FarEnd | undefined;
  #denoiser: Denoiser | undefined;
  #gain: GainControl | undefined;
  /** Level of what the speaker played, falling slowly. */
  #farDb: number = SILENCE_DB;
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  /** What the speaker was given on its way to `far`, which counts in frames. */
  readonly #toFar = new SoundQueue();
  readonly #farFrame = new Int16Array(FRAME_SAMPLES);

  constructor(source: FilterSource) {
    this.#source = source;
  }

  get report(): SoundFilters {
    return {
      filter: this.#filter?.kind ?? 'none',
      echo: this.#parts.echo,
      noise: this.#parts.noise || this.#denoiser !== undefined,
      ...(this.#denoiser ? { noiseBy: 'rnnoise' } : {}),
      gain: this.#gain !== undefined,
      echoDelayMs: this.#far?.delayMs === undefined ? null : Math.round(this.#far.delayMs),
    };
  }

  /** What a person wants, from the next frame on. */
  set(settings: SoundSettings): void {
    this.#settings = settings;
    this.#arrange();
  }

  /** Other devices: what `auto` means may change, and the way of the echo has. */
  use(devices: ChainDevices): void {
    this.#devices = devices;
    this.#arrange();
    this.#far?.restart(devices.delayMs);
    this.#filter?.forget();
  }

  /** One captured frame; gives it back, or a frame of its own that is valid until the next call. */
  process(pcm: Int16Array | undefined): Int16Array | undefined {
    if (!pcm || pcm.length !== FRAME_SAMPLES || !this.#works) return pcm;
    const frame = this.#frame;
    frame.set(pcm);
    this.#input?.apply(frame, this.#inputGain);
    const beforeDb = this.#gain ? levelDb(frame) : 0;
    this.#clean(frame);
    this.#denoiser?.process(frame);
    this.#gain?.process(frame, beforeDb, this.#farDb);
    return frame;
  }

  /** What the speaker was given, of any length; undefined: nothing, a frame was left out. */
  played(pcm: Int16Array | undefined): void {
    if (!pcm || !this.#far) return;
    this.#toFar.append(pcm);
    while (this.#toFar.count >= FRAME_SAMPLES) {
      this.#toFar.take(this.#farFrame);
      this.#far.play(this.#farFrame);
    }
  }

  /** So many captured frames were lost or thrown away. */
  missed(frames: number): void {
    for (let frame = 0; frame < frames; frame++) this.#far?.miss();
  }

  /** The speaker ran dry: the echo may come at another time now. */
  recheck(): void {
    this.#far?.recheck();
  }

  close(): void {
    this.#closeFilter();
    this.#closeDenoiser();
  }

  get #works(): boolean {
    return (this.#input ?? this.#filter ?? this.#denoiser ?? this.#gain) !== undefined;
  }

  #closeFilter(): void {
    this.#filter?.close();
    this.#filter = undefined;
  }

  #closeDenoiser(): void {
    this.#denoiser?.close();
    this.#denoiser = undefined;
  }

  #clean(frame: Int16Array): void {
    const { far, moved } = this.#far?.capture(frame) ?? { far: SILENCE, moved: false };
    if (moved) this.#filter?.forget();
    if (this.#gain) this.#farDb = this.#far ? Math.max(levelDb(far), this.#farDb - FAR_LEVEL_FALL_DB) : SILENCE_DB;
    this.#filter?.process(frame, far);
  }

  #arrange(): void {
    const { echo, noise, gain, headphones, inputGainDb } = this.#settings ?? NOTHING;
    const { capture, playback } = this.#devices;
    const wanted = (mode: NoiseMode, auto: boolean): boolean => (mode === 'auto' ? auto : mode !== 'off');
    if (noise !== 'strong') this.#closeDenoiser();
    else this.#denoiser ??= this.#source.denoiser();
    this.#arrangeFilter({
      echo: !headphones && wanted(echo, isCard(capture) && isCard(playback)),
      noise: !this.#denoiser && wanted(noise, isCard(capture)),
    });
    this.#inputGain = 10 ** (inputGainDb / 20);
    if (inputGainDb === 0) this.#input = undefined;
    else this.#input ??= new Amplifier();
    if (wanted(gain, isCard(capture))) this.#gain ??= new GainControl();
    else this.#gain = undefined;
  }

  #arrangeFilter(parts: FilterParts): void {
    if (!parts.echo && !parts.noise) this.#closeFilter();
    else if (this.#filter) this.#filter.use(parts);
    else this.#filter = this.#source.filter(parts);
    this.#parts = this.#filter ? parts : { echo: false, noise: false };
    if (!this.#parts.echo) this.#far = undefined;
    else if (!this.#far) {
      this.#far = new FarEnd();
      this.#far.restart(this.#devices.delayMs);
    }
  }
}

const NOTHING: SoundSettings = { echo: 'off', noise: 'off', gain: 'off', headphones: false, inputGainDb: 0 };
