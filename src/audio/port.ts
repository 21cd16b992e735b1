/**
 * The seam between the agent and the voice child (later also the far end of `wren ssh`): a byte stream that carries
 * length-prefixed frames both ways. The voice child owns devices, Opus and the jitter buffer; the agent owns keys
 * and sockets. Neither side ever waits for the other.
 *
 *   frame = type (1 byte) | payload length (3 bytes, big-endian) | payload
 *     type 1  control: one JSON object, see `ToVoice` and `FromVoice`
 *     type 2  voice up (child -> agent): one voice body, complete and ready to be sealed and sent
 *     type 3  voice down (agent -> child): arrival time (8 bytes, big-endian double, monotonic ms as
 *             `performance.timeOrigin + performance.now()` gives) | talker (1 byte, 0 in a call of two) | voice body
 *
 * Unknown types and unknown JSON fields are ignored, so the two ends may be of different versions; `hello.port` tells.
 */
export const VOICE_PORT_VERSION = 1;
export const PORT_FRAME_BYTES_MAX = 65_536;
export const PortFrame = { control: 1, voiceUp: 2, voiceDown: 3 } as const;

export type CodecKind = 'native' | 'wasm';
export type BackendKind = 'portaudio' | 'pulse' | 'file' | 'none' | 'socket';

/** Files and nothing at all are what they are; everything else has a room around it. */
export function isCard(kind: BackendKind): boolean {
  return kind !== 'file' && kind !== 'none';
}

/** What takes out echo and, unless RNNoise does, noise: the system's speexdsp, our own, or nothing. */
export type FilterKind = 'speex' | 'own' | 'none';

/** `auto`: on where it makes sense, which is with a sound card; files stay as they are. */
export type SoundMode = 'on' | 'off' | 'auto';

/** `strong`: on, by RNNoise where that is installed. */
export type NoiseMode = SoundMode | 'strong';

/** What a person wants done with the sound of the microphone. */
export interface SoundSettings {
  readonly echo: SoundMode;
  readonly noise: NoiseMode;
  readonly gain: SoundMode;
  /** Nothing of the speaker reaches the microphone: no echo is taken out. */
  readonly headphones: boolean;
  /** Before everything else, -20..20 dB. */
  readonly inputGainDb: number;
}

/** What is done with it now. */
export interface SoundFilters {
  /** What takes out echo and noise; `none` when neither is taken out. */
  readonly filter: FilterKind;
  readonly echo: boolean;
  readonly noise: boolean;
  /** Present while RNNoise takes out the noise. */
  readonly noiseBy?: 'rnnoise';
  readonly gain: boolean;
  /** Measured, from the sample given to the speaker to the sample captured; null before that and without echo. */
  readonly echoDelayMs: number | null;
}

/** Agent -> voice child. */
export type ToVoice =
  /**
   * Begin: open devices as the audio SPEC of the contract says, start pacing voice bodies at once. `resumeMs`: an earlier
   * child of this call died so long after its start; IN of a `file:` spec goes on from there and OUT is appended to.
   */
  | { readonly type: 'start'; readonly spec: string; readonly call: string; readonly resumeMs?: number }
  /** What bodies consist of from the next frame on (`BodyShape`); 57 bytes each 20 ms before this was said. */
  | {
      readonly type: 'rung';
      readonly frameMs: number;
      readonly frameBytes: number;
      readonly copies: number;
      readonly distance: number;
    }
  /** May come before `start`, for a call that begins muted. */
  | { readonly type: 'mute'; readonly on: boolean }
  /** On hold nothing is captured or played; bodies stop (the agent keeps the binding alive). */
  | { readonly type: 'hold'; readonly on: boolean }
  /** From now on; before the first one nothing is done with the sound. */
  | ({ readonly type: 'filters' } & SoundSettings)
  /** Which kind of way the voice comes by, whenever that changes: over a TCP stream the buffer holds more. */
  | { readonly type: 'way'; readonly stream: boolean }
  /** Write both voices to a file from now on (`call-recorder-file.ts`); `resumeMs` as in `start`. `recording` answers. */
  | { readonly type: 'record'; readonly path: string; readonly resumeMs?: number }
  | { readonly type: 'record-end' }
  /** Finish: flush the recording, close devices, exit 0. */
  | { readonly type: 'stop' };

/** Voice child -> agent. */
export type FromVoice =
  /** `raised`: the system serves the child before others. */
  | { readonly type: 'hello'; readonly port: number; readonly pid: number; readonly raised?: boolean }
  | {
      readonly type: 'ready';
      readonly codec: CodecKind;
      readonly capture: BackendKind;
      readonly playback: BackendKind;
      /** Constant size of a voice body on the current rung, bytes. */
      readonly bodyBytes: number;
      readonly frameMs: number;
      /** Gross bit rate of the codec, bit/s. */
      readonly bitrate: number;
    }
  /** Something is not as asked for; the call goes on. `code` is a failure code; `detail` names the device or file. */
  | { readonly type: 'problem'; readonly code: string; readonly detail: string }
  | ({ readonly type: 'stats' } & VoiceStats)
  /**
   * Five times a second; dBFS, -96 for digital silence. `speaking`: somebody spoke into our microphone since the last one.
   * For meter and watchdog only, what is sent does not follow it.
   */
  | { readonly type: 'level'; readonly inputDb: number; readonly outputDb: number; readonly speaking: boolean }
  /** When it has changed. */
  | ({ readonly type: 'filters' } & SoundFilters)
  /** The recording of the call runs, or has ended: as it was asked for, or with the code of what went wrong. */
  | {
      readonly type: 'recording';
      readonly on: boolean;
      readonly path: string;
      readonly code?: string;
      readonly detail?: string;
    }
  /** The IN file of a `file:` spec has been played to its end (silence follows). */
  | { readonly type: 'input-ended' }
  | { readonly type: 'first-sound'; readonly atMs: number }
  /** Recording closed; last word before exit. */
  | { readonly type: 'stopped' };

/** Twice a second while a call runs. */
export interface VoiceStats {
  /** Delay that the jitter buffer adds now, ms. */
  readonly bufferMs: number;
  /** Share of played 20 ms frames that were concealed during the last second, percent. */
  readonly concealedPct: number;
  /** Totals since start. */
  readonly played: number;
  readonly concealed: number;
  readonly late: number;
  readonly duplicate: number;
  readonly refused: number;
  /** Estimated delay of capture and playback devices, ms. */
  readonly deviceMs: number;
  /** Microphone overruns and speaker underruns since start. */
  readonly overruns: number;
  readonly underruns: number;
  /** What the jitter buffer aims at, ms. */
  readonly targetMs: number;
  /** Share of frames that were not there when due but came later, of the last ten seconds, percent. */
  readonly latePct: number;
  /** Sound taken out or put in since start, to follow delay and clocks, ms. */
  readonly stretchedMs: number;
  /** Estimated delay from the air to the encoder, and from the jitter buffer to the air, ms; their sum is `deviceMs`. */
  readonly captureMs: number;
  readonly playbackMs: number;
}
