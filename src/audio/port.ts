/**
 * The seam between the agent and the voice child, and of `wren ssh` between laptop and HOST (PROTOCOL.md 10.4): a byte stream that carries
 * length-prefixed frames both ways. The voice child owns devices, Opus and the jitter buffer; the agent owns keys
 * and sockets. Neither side ever waits for the other.
 *
 *   frame = type (1 byte) | payload length (3 bytes, big-endian) | payload
 *     type 1  control: one JSON object, see `ToVoice` and `FromVoice`
 *     type 2  voice up (child -> agent): one voice body for talker 0, complete and ready to be sealed and sent
 *     type 3  voice down (agent -> child): arrival time (8 bytes, big-endian double, monotonic ms as
 *             `performance.timeOrigin + performance.now()` gives) | talker (1 byte, 0 in a call of two) | voice body
 *     type 4  voice up for another talker: talker (1 byte) | voice body
 *
 * A far end is a talker, and what joins us to it a leg. A call of two has one, talker 0, from `start` on. Whoever mixes
 * a conference adds others while the call runs (`leg`): each of them gets a body of its own, which carries everybody but
 * itself. No leg is special: talker 0 may go while others stay, and with one leg left a call of two goes on.
 *
 * Unknown types and unknown JSON fields are ignored, so the two ends may be of different versions; `hello.port` tells:
 * legs are known since version 2.
 */
export const VOICE_PORT_VERSION = 2;
/** Talkers are numbered from 0 to this: a mixer and seven others make a conference of eight. */
export const TALKER_MAX = 7;
/** Legs at once: seven others and, while the mix moves, the mixer that was. More codecs than this one process does not open. */
export const LEGS_MAX = 8;
export const PORT_FRAME_BYTES_MAX = 65_536;
/** Of the child. Real time before all else, where the system lets us: 20 ms ticks late by 1.3 instead of 7 ms at the 99th percent. */
export const VOICE_PRIORITY = -10;
export const PortFrame = { control: 1, voiceUp: 2, voiceDown: 3, legUp: 4 } as const;

export type CodecKind = 'native' | 'wasm';
export type BackendKind = 'portaudio' | 'pulse' | 'file' | 'none' | 'socket';

/** Files and nothing at all are what they are; everything else has a room around it. */
export function isCard(kind: BackendKind): boolean {
  return kind !== 'file' && kind !== 'none';
}

/** A microphone or a speaker that can be chosen. */
export interface SoundDevice {
  /** For `device:NAME`. */
  readonly name: string;
  /** What people call it; the name where there is no other word. */
  readonly description: string;
  /** What `default` takes. */
  readonly isDefault: boolean;
  /** It hears what a speaker plays. */
  readonly isMonitor: boolean;
  /** What the SPEC that was asked about names. */
  readonly isChosen: boolean;
}

/** Those of the backend that a call would use. */
export interface SoundDevices {
  readonly backend: BackendKind;
  readonly inputs: readonly SoundDevice[];
  readonly outputs: readonly SoundDevice[];
}

/** Names of the devices that sound goes through now; null: none on that side, or its backend does not tell. */
export interface DevicesInUse {
  readonly input: string | null;
  readonly output: string | null;
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
  /**
   * A far end comes (`on`) or goes; in the middle of a call, or before `start`. Of a talker that is there already only
   * `mix` is changed: its streams go on. One that comes again after it went begins anew, as somebody else. Ninth legs
   * are ignored.
   *
   * `mix`, 0 when not said, grows by one when the mix moves to another machine, while legs of the old one are still there:
   * legs of different mixes do not hear one another, and we hear those of the old one until the first sound of the new one
   * comes, never both. All are sent to.
   */
  | {
      readonly type: 'leg';
      readonly talker: number;
      readonly on: boolean;
      readonly mix?: number;
    }
  /**
   * What bodies consist of from the next frame on (`BodyShape`); 57 bytes each 20 ms before this was said. Of this talker,
   * 0 when not said.
   */
  | {
      readonly type: 'rung';
      readonly talker?: number;
      readonly frameMs: number;
      readonly frameBytes: number;
      readonly copies: number;
      readonly distance: number;
    }
  /**
   * Our microphone; may come before `start`, for a call that begins muted. With a talker: nobody hears that one any more,
   * who still hears all others.
   */
  | { readonly type: 'mute'; readonly on: boolean; readonly talker?: number }
  /**
   * On hold nothing is captured or played; bodies stop (the agent keeps the binding alive). With a talker: that leg alone is
   * on hold, for whatever of the two reasons; the others go on.
   */
  | { readonly type: 'hold'; readonly on: boolean; readonly talker?: number }
  /** The person at the mixer is away: of our devices nothing is captured or played, and the legs go on among themselves. */
  | { readonly type: 'away'; readonly on: boolean }
  /** From now on; before the first one nothing is done with the sound. */
  | ({ readonly type: 'filters' } & SoundSettings)
  /** Which kind of way a talker's voice (0 when not said) comes by, whenever that changes: over a TCP stream the buffer holds more. */
  | { readonly type: 'way'; readonly stream: boolean; readonly talker?: number }
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
  /** Whenever it changes. */
  | ({ readonly type: 'using' } & DevicesInUse)
  /** Something is not as asked for; the call goes on. `code` is a failure code; `detail` names the device or file. */
  | { readonly type: 'problem'; readonly code: string; readonly detail: string }
  /** Of each leg one; of talker 0 where none is named. */
  | ({ readonly type: 'stats'; readonly talker?: number } & VoiceStats)
  /**
   * Five times a second; dBFS, -96 for digital silence. `speaking`: somebody spoke into our microphone since the last one.
   * For meter and watchdog only, what is sent does not follow it. `legs`: of each far end the same, as soon as there is
   * another than talker 0.
   */
  | {
      readonly type: 'level';
      readonly inputDb: number;
      readonly outputDb: number;
      readonly speaking: boolean;
      readonly legs?: readonly LegLevel[];
    }
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
  /** Once of each leg; of talker 0 where none is named. */
  | { readonly type: 'first-sound'; readonly atMs: number; readonly talker?: number }
  /**
   * Of `socket:` only. The laptop is there (`name`: what it is called) or not; when that changes, and while it is there
   * each second: the round trip by ssh, null before it is known, and what the bodies wait here to be even, ms.
   */
  | {
      readonly type: 'endpoint';
      readonly attached: boolean;
      readonly name: string;
      readonly rttMs: number | null;
      readonly holdMs: number;
    }
  /** Recording closed; last word before exit. */
  | { readonly type: 'stopped' };

/** What a far end said since the last `level`. */
export interface LegLevel {
  readonly talker: number;
  /** Loudest 20 ms, dBFS; -96 for silence, also of one on hold. Of one that is muted here it still tells. */
  readonly db: number;
  readonly speaking: boolean;
}

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
