/**
 * The one owner of Opus (RFC 6716). Natively by the package @discordjs/opus where it is installed, otherwise by
 * opusscript, the same library compiled to WebAssembly; both make the same packets: 16 kHz mono, 20 to 60 ms, constant
 * bit rate, of exactly the size asked for. `WREN_OPUS=native|wasm` forces one of them.
 *
 * Both libraries have sharp edges, and this file is where they are covered:
 * - native encode() of any length but a legal frame ends the whole process (not an exception): lengths are checked;
 * - decode() of nothing gives 180 or 360 ms, and a packet may say any duration: only what was announced is decoded;
 * - concealment is a packet of one byte, the last TOC with its frame count cleared;
 * - opusscript 0.1.1 computes the address of its sample buffers with the wrong unit and so writes outside of what it
 *   reserved, into other codecs of the process; `repairAddresses` puts them where they belong.
 */
import { load, packageFolder, prebuiltFile } from './optional-package-file.ts';
import { concealmentToc, isPlayable } from './opus-toc.ts';
import {
  ENCODED_FRAMES_MS,
  FRAME_BYTES,
  FRAME_SAMPLES,
  OPUS_BITRATE,
  OPUS_BITRATE_MAX,
  OPUS_BITRATE_MIN,
  OPUS_COMPLEXITY,
  OPUS_COMPLEXITY_RICH,
  OPUS_DECODED_SAMPLES_MAX,
  OPUS_FRAME_BYTES,
  OPUS_RICH_BITRATE,
  SAMPLE_RATE_HZ,
  VOICE_BODY_BYTES_MAX,
  VOICE_FRAME_BYTES_MIN,
} from './params.ts';
import { bytesIn, bytesOf, samplesIn, samplesOf } from './pcm.ts';
import type { CodecKind } from './port.ts';

/** Encoder and decoder of one call. Not shared between calls: both halves remember what they heard. */
export interface OpusCodec {
  readonly kind: CodecKind;
  /**
   * `pcm` is one frame of 320, 640 or 960 samples, `bytes` (57 when not said) what it becomes, at 6 to 64 kbit/s;
   * RangeError otherwise. A new packet that the caller owns. Both may change from frame to frame.
   */
  encode(pcm: Int16Array, bytes?: number): Uint8Array;
  /**
   * Decodes a packet that must last `durationMs` (10 to 60) to the start of `into` (room for 960 samples). Gives the
   * number of samples, or 0 when the packet is not what it should be. Never throws, whatever the bytes.
   */
  decode(packet: Uint8Array, durationMs: number, into: Int16Array): number;
  /**
   * Invents `durationMs` (10 or 20; 20 unless told) that follow the last packet, however long that was; 0 when nothing
   * was decoded yet.
   */
  conceal(into: Int16Array, durationMs?: 10 | 20): number;
  /** Gives memory back. The codec must not be used afterwards. */
  close(): void;
}

/** libopus controls, in the order in which they must be set: APPLICATION only before the first frame. */
const CONTROLS = [
  [4000, 2048], // SET_APPLICATION VOIP
  [4006, 0], // SET_VBR off: each packet has one size
  [4016, 0], // SET_DTX off: silence is sent like speech
  [4012, 0], // SET_INBAND_FEC off: neither library can read it back
  [4024, 3001], // SET_SIGNAL voice
  [4004, 1103], // SET_MAX_BANDWIDTH wide band
  [4010, OPUS_COMPLEXITY], // SET_COMPLEXITY
  [4002, OPUS_BITRATE], // SET_BITRATE, as all later frames set it too
] as const;
const SET_BITRATE = 4002;
const SET_COMPLEXITY = 4010;

/** What the two libraries have in common once their differences are taken away. */
interface RawCodec {
  control(control: number, value: number): void;
  encode(pcm: Buffer): Uint8Array;
  decode(packet: Buffer): Uint8Array;
  close(): void;
}

/**
 * Opens the better of the two libraries. `forced` is the value of WREN_OPUS, if any. Throws when neither can be
 * loaded, or the forced one cannot: opusscript is a dependency, so the installation is broken then.
 */
export function openOpus(forced?: string): OpusCodec {
  if (forced === 'wasm') return new GuardedCodec('wasm', openWasm());
  if (forced === 'native') return new GuardedCodec('native', openNative());
  try {
    return new GuardedCodec('native', openNative());
  } catch {
    return new GuardedCodec('wasm', openWasm());
  }
}

/** True when the native library is installed and loads here. */
export function hasNativeOpus(): boolean {
  try {
    openNative().close();
    return true;
  } catch {
    return false;
  }
}

class GuardedCodec implements OpusCodec {
  readonly kind: CodecKind;
  readonly #raw: RawCodec;
  /** The native library reads a Buffer, all of it: one for each length, so that `pcm` may lie anywhere. */
  readonly #frames = ENCODED_FRAMES_MS.map((durationMs) => Buffer.alloc(bytesIn(durationMs)));
  #bitrate = OPUS_BITRATE;
  #complexity: number = OPUS_COMPLEXITY;
  readonly #toc = Buffer.alloc(1);
  /** The TOC of the packet that was decoded last. */
  readonly #last = Buffer.alloc(1);
  #decoded = false;

  constructor(kind: CodecKind, raw: RawCodec) {
    this.kind = kind;
    this.#raw = raw;
  }

  encode(pcm: Int16Array, bytes: number = OPUS_FRAME_BYTES): Uint8Array {
    const frame = this.#frames.find((one) => one.length === pcm.byteLength);
    if (!frame) throw new RangeError(`opus: a frame of ${pcm.length} samples`);
    this.#tune((bytes * 8 * SAMPLE_RATE_HZ) / pcm.length);
    frame.set(bytesOf(pcm));
    const packet = this.#raw.encode(frame);
    if (packet.length !== bytes) throw new RangeError(`opus: a packet of ${packet.length} bytes`);
    return packet;
  }

  #tune(bitrate: number): void {
    if (bitrate === this.#bitrate) return;
    if (!Number.isInteger(bitrate) || bitrate < OPUS_BITRATE_MIN || bitrate > OPUS_BITRATE_MAX)
      throw new RangeError(`opus: ${bitrate} bit/s`);
    this.#raw.control(SET_BITRATE, bitrate);
    this.#bitrate = bitrate;
    const complexity = bitrate >= OPUS_RICH_BITRATE ? OPUS_COMPLEXITY_RICH : OPUS_COMPLEXITY;
    if (complexity === this.#complexity) return;
    this.#raw.control(SET_COMPLEXITY, complexity);
    this.#complexity = complexity;
  }

  decode(packet: Uint8Array, durationMs: number, into: Int16Array): number {
    if (packet.length < VOICE_FRAME_BYTES_MIN || packet.length > VOICE_BODY_BYTES_MAX) return 0;
    if (!isPlayable(packet, durationMs)) return 0;
    const samples = this.#decodeTo(Buffer.from(packet.buffer, packet.byteOffset, packet.length), durationMs, into);
    if (samples === 0) return 0;
    this.#last[0] = packet[0]!;
    this.#decoded = true;
    return samples;
  }

  conceal(into: Int16Array, durationMs: 10 | 20 = 20): number {
    if (!this.#decoded) return 0;
    this.#toc[0] = concealmentToc(this.#last, durationMs);
    return this.#decodeTo(this.#toc, durationMs, into);
  }

  close(): void {
    this.#raw.close();
  }

  #decodeTo(packet: Buffer, durationMs: number, into: Int16Array): number {
    const expected = samplesIn(durationMs);
    if (expected > OPUS_DECODED_SAMPLES_MAX || expected > into.length) return 0;
    let pcm: Int16Array;
    try {
      pcm = samplesOf(this.#raw.decode(packet));
    } catch {
      return 0;
    }
    if (pcm.length !== expected) return 0;
    into.set(pcm);
    return expected;
  }
}

interface NativeOpus {
  encode(pcm: Buffer): Buffer;
  decode(packet: Buffer): Buffer;
  applyEncoderCTL(control: number, value: number): void;
}

/** The .node file directly: the package's index.js loads an installer with 2 MiB of dependencies to find it. */
function openNative(): RawCodec {
  const folder = packageFolder('@discordjs/opus');
  const file = folder && prebuiltFile(folder, 'opus.node');
  if (!file) throw new Error('@discordjs/opus is not installed');
  const { OpusEncoder } = load(file) as { OpusEncoder: new (rate: number, channels: number) => NativeOpus };
  const codec = new OpusEncoder(SAMPLE_RATE_HZ, 1);
  for (const [control, value] of CONTROLS) codec.applyEncoderCTL(control, value);
  return {
    control: (control, value) => codec.applyEncoderCTL(control, value),
    encode: (pcm) => codec.encode(pcm),
    decode: (packet) => codec.decode(packet),
    close: () => undefined,
  };
}

interface WasmOpus {
  encode(pcm: Buffer, samples: number): Buffer;
  decode(packet: Buffer): Buffer;
  encoderCTL(control: number, value: number): void;
  delete(): void;
}

function openWasm(): RawCodec {
  const OpusScript = load('opusscript') as new (rate: number, channels: number, application: number) => WasmOpus;
  const codec = new OpusScript(SAMPLE_RATE_HZ, 1, 2048);
  repairAddresses(codec);
  for (const [control, value] of CONTROLS) codec.encoderCTL(control, value);
  // V8 compiles at the first call, for 40 to 100 ms: now, not in the middle of a call.
  codec.decode(codec.encode(Buffer.alloc(FRAME_BYTES), FRAME_SAMPLES));
  return {
    control: (control, value) => codec.encoderCTL(control, value),
    encode: (pcm) => codec.encode(pcm, pcm.length >> 1),
    decode: (packet) => codec.decode(packet),
    close: () => codec.delete(),
  };
}

/**
 * `HEAPU16.subarray(pointer)` counts in units of two bytes, so opusscript's views begin at twice the address that
 * malloc gave. Each element carries one byte, hence half as many elements fit: 1440 samples, more than the 960 that
 * we ever decode. A version that no longer has these fields, or has them right, is left alone.
 */
function repairAddresses(codec: object): void {
  const inside = codec as { [field: string]: unknown };
  for (const [view, pointer] of [
    ['inPCM', 'inPCMPointer'],
    ['outPCM', 'outPCMPointer'],
  ] as const) {
    const wrong = inside[view];
    const address = inside[pointer];
    if (!(wrong instanceof Uint16Array) || typeof address !== 'number' || wrong.byteOffset === address) continue;
    inside[view] = new Uint16Array(wrong.buffer, address, wrong.length >> 1);
  }
}
