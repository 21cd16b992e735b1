/**
 * The framing of `port.ts`: bytes of the stream between agent and voice child to frames and back. Both ends use it.
 * Pure. The decoder holds at most one unfinished frame and never throws; rubbish breaks the stream, and `broken`
 * says so, because after a wrong length no later byte means anything.
 */
import { INPUT_GAIN_DB_MAX } from './params.ts';
import { type FromVoice, PORT_FRAME_BYTES_MAX, PortFrame, type SoundMode, TALKER_MAX, type ToVoice } from './port.ts';
import { isBodyShape } from './voice-body.ts';

const HEADER_BYTES = 4;
/** Arrival time and talker before the body of a voice-down frame. */
const DOWN_BYTES = 9;
const NOTHING: Buffer = Buffer.alloc(0);

export type PortMessage =
  /** Any JSON object; read it with `asToVoice` or `asFromVoice`. */
  | { readonly type: 'control'; readonly value: { readonly [field: string]: unknown } }
  /** `body` is a view on the chunk that came last: use it or copy it before returning. */
  | { readonly type: 'voice-up'; readonly talker: number; readonly body: Buffer }
  | { readonly type: 'voice-down'; readonly arrivalMs: number; readonly talker: number; readonly body: Buffer };

/** One control message as a frame that the caller owns. */
export function encodeControl(message: ToVoice | FromVoice): Buffer {
  return frame(PortFrame.control, Buffer.from(JSON.stringify(message)));
}

/** A body for this talker, 0 to 7. */
export function encodeVoiceUp(body: Uint8Array, talker = 0): Buffer {
  if (talker === 0) return frame(PortFrame.voiceUp, body);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + 1 + body.length);
  writeHeader(bytes, PortFrame.legUp, 1 + body.length);
  bytes.writeUInt8(talker & 0xff, HEADER_BYTES);
  bytes.set(body, HEADER_BYTES + 1);
  return bytes;
}

/** `arrivalMs` is `performance.timeOrigin + performance.now()` when the packet came; `talker` 0..255. */
export function encodeVoiceDown(arrivalMs: number, talker: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + DOWN_BYTES + body.length);
  writeHeader(bytes, PortFrame.voiceDown, DOWN_BYTES + body.length);
  bytes.writeDoubleBE(arrivalMs, HEADER_BYTES);
  bytes.writeUInt8(talker & 0xff, HEADER_BYTES + 8);
  bytes.set(body, HEADER_BYTES + DOWN_BYTES);
  return bytes;
}

function frame(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  writeHeader(bytes, type, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function writeHeader(bytes: Buffer, type: number, length: number): void {
  if (length > PORT_FRAME_BYTES_MAX) throw new RangeError(`port: a frame of ${length} bytes`);
  bytes[0] = type;
  bytes.writeUIntBE(length, 1, 3);
}

export class PortDecoder {
  #pending: Buffer = NOTHING;
  #broken = false;
  #ignored = 0;

  /** A frame was longer than the port allows: close the stream. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Frames of unknown type or malformed content so far. */
  get ignored(): number {
    return this.#ignored;
  }

  /** The frames that `chunk` completes, in order. Views on `chunk` where it can be. */
  push(chunk: Buffer): PortMessage[] {
    if (this.#broken) return [];
    const messages: PortMessage[] = [];
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUIntBE(at + 1, 3);
      if (length > PORT_FRAME_BYTES_MAX) {
        this.#broken = true;
        this.#pending = NOTHING;
        return messages;
      }
      const start = at + HEADER_BYTES;
      if (bytes.length < start + length) break;
      const message = read(bytes[at]!, bytes, start, start + length);
      if (message) messages.push(message);
      else this.#ignored++;
      at = start + length;
    }
    // A copy, so that a few waiting bytes do not keep the whole chunk alive.
    this.#pending = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    return messages;
  }
}

/** The payload lies from `start` to before `end`. */
function read(type: number, bytes: Buffer, start: number, end: number): PortMessage | undefined {
  if (type === PortFrame.voiceUp) return { type: 'voice-up', talker: 0, body: bytes.subarray(start, end) };
  if (type === PortFrame.legUp)
    return start === end
      ? undefined
      : { type: 'voice-up', talker: bytes.readUInt8(start), body: bytes.subarray(start + 1, end) };
  if (type === PortFrame.voiceDown) {
    if (end - start < DOWN_BYTES) return undefined;
    const [arrivalMs, talker] = [bytes.readDoubleBE(start), bytes.readUInt8(start + 8)];
    return { type: 'voice-down', arrivalMs, talker, body: bytes.subarray(start + DOWN_BYTES, end) };
  }
  if (type !== PortFrame.control) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', start, end));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return { type: 'control', value: value as { readonly [field: string]: unknown } };
  } catch {
    return undefined;
  }
}

/** A command of the agent; undefined for types and fields that this version does not know. */
export function asToVoice(value: { readonly [field: string]: unknown }): ToVoice | undefined {
  const { type, spec, call, on, resumeMs } = value;
  if (type === 'start' && typeof spec === 'string' && typeof call === 'string') {
    return typeof resumeMs === 'number' && resumeMs > 0 ? { type, spec, call, resumeMs } : { type, spec, call };
  }
  if (type === 'filters') return filtersOf(value);
  if (type === 'away' && typeof on === 'boolean') return { type, on };
  if (type === 'leg' || type === 'rung' || type === 'mute' || type === 'hold' || type === 'way')
    return asLegWord(value);
  if (type === 'record' && typeof value.path === 'string') {
    const { path } = value;
    return typeof resumeMs === 'number' && resumeMs > 0 ? { type, path, resumeMs } : { type, path };
  }
  if (type === 'stop' || type === 'record-end') return { type };
  return undefined;
}

const MODES: ReadonlySet<unknown> = new Set<SoundMode>(['on', 'off', 'auto']);

function filtersOf(value: { readonly [field: string]: unknown }): ToVoice | undefined {
  const { echo, noise, gain, headphones, inputGainDb } = value;
  if (
    !MODES.has(echo) ||
    !(MODES.has(noise) || noise === 'strong') ||
    !MODES.has(gain) ||
    typeof headphones !== 'boolean'
  )
    return undefined;
  if (typeof inputGainDb !== 'number' || !(Math.abs(inputGainDb) <= INPUT_GAIN_DB_MAX)) return undefined;
  return { type: 'filters', echo, noise, gain, headphones, inputGainDb } as ToVoice;
}

/** What is said of one far end. A talker that cannot be makes the word unknown, for it must not reach another's leg. */
function asLegWord(value: { readonly [field: string]: unknown }): ToVoice | undefined {
  const { type, talker, on, mix, stream } = value;
  if (talker !== undefined && !isTalker(talker)) return undefined;
  const of = talker === undefined ? {} : { talker };
  if (type === 'rung') {
    const rung = asRung(value);
    return rung && { ...rung, ...of };
  }
  if (type === 'way') return typeof stream === 'boolean' ? { type, stream, ...of } : undefined;
  if (typeof on !== 'boolean') return undefined;
  if (type === 'mute' || type === 'hold') return { type, on, ...of };
  if (type !== 'leg' || talker === undefined) return undefined;
  return Number.isSafeInteger(mix) ? { type, talker, on, mix: mix as number } : { type, talker, on };
}

function isTalker(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= TALKER_MAX;
}

function asRung(value: { readonly [field: string]: unknown }): Extract<ToVoice, { type: 'rung' }> | undefined {
  const { frameMs, frameBytes, copies, distance } = value;
  if (typeof frameMs !== 'number' || typeof frameBytes !== 'number') return undefined;
  if (typeof copies !== 'number' || typeof distance !== 'number') return undefined;
  return isBodyShape({ frameMs, frameBytes, copies, distance })
    ? { type: 'rung', frameMs, frameBytes, copies, distance }
    : undefined;
}

const FROM_VOICE: ReadonlySet<string> = new Set<FromVoice['type']>([
  'hello',
  'ready',
  'using',
  'problem',
  'stats',
  'level',
  'filters',
  'recording',
  'input-ended',
  'first-sound',
  'endpoint',
  'stopped',
]);

/** A message of the voice child, which is our own program: the type is checked, its fields are believed. */
export function asFromVoice(value: { readonly [field: string]: unknown }): FromVoice | undefined {
  return typeof value.type === 'string' && FROM_VOICE.has(value.type) ? (value as FromVoice) : undefined;
}
