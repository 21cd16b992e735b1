/**
 * The voice body: what the voice child makes every 20, 40 or 60 ms, the agent seals and the far voice child takes apart.
 * Pure; the agent uses it too (silence while the child is missing, the echo service).
 *
 *   byte 0      copies (2 bits) | distance (2 bits) | duration (2 bits: 10, 20, 40, 60 ms) | held (1) | muted (1)
 *   bytes 1-2   media time, big-endian, units of 10 ms, of the newest frame; wraps after 655 s
 *   then        1 + copies Opus frames of equal length, newest first; copy k is `k * distance` frames older
 *
 * The length of a frame is not sent: (length - 3) / (1 + copies). It is RED (RFC 2198) without its 4-byte headers.
 * What a body consists of is its shape: the agent chooses it (the rungs of PROTOCOL.md section 10), and while it stays
 * all bodies have one size, in speech, in silence and when muted. On the normal rung 60 bytes: one frame of 57.
 */
import {
  FRAME_MS,
  MEDIA_UNIT_MS,
  OPUS_BITRATE_MAX,
  OPUS_BITRATE_MIN,
  OPUS_FRAME_BYTES,
  VOICE_BODY_BYTES_MAX,
  VOICE_BODY_SENT_BYTES_MAX,
  VOICE_BODY_SENT_BYTES_MIN,
  VOICE_DISTANCE_MAX,
  VOICE_FRAME_BYTES_MIN,
  VOICE_FRAMES_MAX,
  VOICE_HEADER_BYTES,
} from './params.ts';

export const FRAME_DURATIONS_MS = [10, 20, 40, 60] as const;
export type FrameDurationMs = (typeof FRAME_DURATIONS_MS)[number];

export interface VoiceBody {
  /** 0..65535, units of 10 ms, of the newest frame. */
  readonly mediaTime: number;
  readonly durationMs: FrameDurationMs;
  /** 1..3: how many frames apart two neighbouring frames of this body are; 1 when there is only one. */
  readonly distance: number;
  readonly muted: boolean;
  readonly held: boolean;
  /** 1..4 frames of equal length, newest first. As parsed they are views on the bytes given. */
  readonly frames: readonly Uint8Array[];
}

/** What the bodies of one rung consist of. */
export interface BodyShape {
  /** 20, 40 or 60. */
  readonly frameMs: number;
  /** Of one frame. */
  readonly frameBytes: number;
  /** Older frames in each body, 0 to 3. */
  readonly copies: number;
  /** 1 to 3; see `VoiceBody`. */
  readonly distance: number;
}

/** The rung on which a call begins. */
export const NORMAL_SHAPE: BodyShape = { frameMs: FRAME_MS, frameBytes: OPUS_FRAME_BYTES, copies: 0, distance: 1 };

/** Length of a body of this shape, bytes. */
export function bodyBytesOf({ frameBytes, copies }: BodyShape): number {
  return VOICE_HEADER_BYTES + frameBytes * (1 + copies);
}

/** Bit rate of one frame, bit/s. */
export function bitrateOf({ frameMs, frameBytes }: BodyShape): number {
  return (frameBytes * 8 * 1000) / frameMs;
}

/** True for what the encoder can make and a body of 40 to 120 bytes can carry. */
export function isBodyShape(shape: BodyShape): boolean {
  const { frameMs, frameBytes, copies, distance } = shape;
  const bytes = bodyBytesOf(shape);
  const bitrate = bitrateOf(shape);
  return (
    (frameMs === 20 || frameMs === 40 || frameMs === 60) &&
    [frameBytes, copies, distance, bitrate].every(Number.isInteger) &&
    copies >= 0 &&
    copies < VOICE_FRAMES_MAX &&
    distance >= 1 &&
    distance <= VOICE_DISTANCE_MAX &&
    bytes >= VOICE_BODY_SENT_BYTES_MIN &&
    bytes <= VOICE_BODY_SENT_BYTES_MAX &&
    bitrate >= OPUS_BITRATE_MIN &&
    bitrate <= OPUS_BITRATE_MAX
  );
}

/** Encoded silence, the tenth frame of a run as libopus 1.3 makes it: its first byte, and what follows the padding's. */
const SILENCE = new Map([
  [20, { toc: 0x4b, sound: Buffer.from('06e379c512f7bc', 'hex') }],
  [40, { toc: 0x53, sound: Buffer.from('0371bce28b9ce026c81503594dd8', 'hex') }],
  [60, { toc: 0x5b, sound: Buffer.from('01b8dc89fe6f18d1beaa3abca1245b69249e71a838', 'hex') }],
]);
/** Of an Opus packet of "code 3": one frame, and padding follows (RFC 6716, section 3.2.5). */
const ONE_PADDED_FRAME = 0x41;

/** One Opus frame of silence, padded to so many bytes. Throws RangeError for what `isBodyShape` refuses. */
function silenceFrame(frameMs: number, bytes: number): Buffer {
  const silence = SILENCE.get(frameMs);
  const padding = bytes - 3 - (silence?.sound.length ?? bytes);
  if (!silence || padding < 0 || padding > 254) throw new RangeError(`voice body: ${frameMs} ms in ${bytes} bytes`);
  const frame = Buffer.alloc(bytes);
  frame.set([silence.toc, ONE_PADDED_FRAME, padding]);
  frame.set(silence.sound, 3);
  return frame;
}

/** A new buffer that the caller owns. Throws RangeError on frames that no body can carry: our own mistake. */
export function encodeVoiceBody(body: VoiceBody): Buffer {
  const [newest] = body.frames;
  const count = body.frames.length;
  const duration = FRAME_DURATIONS_MS.indexOf(body.durationMs);
  if (!newest || count > VOICE_FRAMES_MAX || duration < 0) throw new RangeError('voice body: frames or duration');
  if (body.distance < 1 || body.distance > 3) throw new RangeError('voice body: distance');
  const length = VOICE_HEADER_BYTES + count * newest.length;
  if (newest.length < VOICE_FRAME_BYTES_MIN || length > VOICE_BODY_BYTES_MAX)
    throw new RangeError('voice body: length');
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = ((count - 1) << 6) | (body.distance << 4) | (duration << 2) | (body.held ? 2 : 0) | (body.muted ? 1 : 0);
  bytes.writeUInt16BE(body.mediaTime & 0xffff, 1);
  let at = VOICE_HEADER_BYTES;
  for (const frame of body.frames) {
    if (frame.length !== newest.length) throw new RangeError('voice body: frames of unequal length');
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

/** Undefined when the bytes are not a body. Never throws; the frames are views on `bytes`. */
export function parseVoiceBody(bytes: Uint8Array): VoiceBody | undefined {
  if (bytes.length < VOICE_HEADER_BYTES + VOICE_FRAME_BYTES_MIN || bytes.length > VOICE_BODY_BYTES_MAX)
    return undefined;
  const head = bytes[0]!;
  const count = (head >> 6) + 1;
  const distance = (head >> 4) & 3;
  if (distance === 0) return undefined;
  const payload = bytes.length - VOICE_HEADER_BYTES;
  const length = payload / count;
  if (!Number.isInteger(length) || length < VOICE_FRAME_BYTES_MIN) return undefined;
  const frames: Uint8Array[] = [];
  for (let at = VOICE_HEADER_BYTES; at < bytes.length; at += length) frames.push(bytes.subarray(at, at + length));
  return {
    mediaTime: (bytes[1]! << 8) | bytes[2]!,
    durationMs: FRAME_DURATIONS_MS[(head >> 2) & 3]!,
    distance,
    muted: (head & 1) !== 0,
    held: (head & 2) !== 0,
    frames,
  };
}

/**
 * A valid body of this shape (of the normal rung when not said) that sounds like nothing: what the agent sends at the
 * same size and pace while its voice child is missing. `mediaTime` in units of 10 ms, taken modulo 65536. A new buffer
 * that the caller owns.
 */
export function silenceBody(mediaTime: number, shape: BodyShape = NORMAL_SHAPE): Buffer {
  const { frameMs, frameBytes, copies, distance } = shape;
  const frame = silenceFrame(frameMs, frameBytes);
  return encodeVoiceBody({
    mediaTime,
    durationMs: frameMs as FrameDurationMs,
    distance,
    muted: false,
    held: false,
    frames: Array.from({ length: 1 + copies }, () => frame),
  });
}

/**
 * The same body at another media time (units of 10 ms, modulo 65536): the agent numbers what it sends itself, so
 * that a restarted voice child goes on where the old one stopped. A new buffer; bytes too short are returned as such.
 */
export function withMediaTime(body: Uint8Array, mediaTime: number): Buffer {
  const copy = Buffer.from(body);
  if (copy.length >= VOICE_HEADER_BYTES) copy.writeUInt16BE(mediaTime & 0xffff, 1);
  return copy;
}

/** Media time of a body, units of 10 ms; undefined when it is too short to have one. */
export function mediaTimeOf(body: Uint8Array): number | undefined {
  return body.length >= VOICE_HEADER_BYTES ? (body[1]! << 8) | body[2]! : undefined;
}

/** How long the newest frame of a body lasts, ms; 20 when it is too short to say so. */
export function durationOf(body: Uint8Array): number {
  return body.length === 0 ? FRAME_MS : FRAME_DURATIONS_MS[(body[0]! >> 2) & 3]!;
}

/** Units of media time that one frame of `durationMs` takes. */
export function unitsOf(durationMs: number): number {
  return durationMs / MEDIA_UNIT_MS;
}
