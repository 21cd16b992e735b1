/**
 * The plaintext of one voice packet: three bytes of ours before the voice body that the voice child made. The media
 * session writes and reads it; the switchboard seals it as it is and knows it by its first byte.
 *
 *   0        0x80 | call tag: low 7 bits of the last byte of the call id, tells two calls with one person apart
 *   1 - 2    sequence, big-endian, counts the voice packets of this direction
 *   3 ...    voice body (audio/voice-body.ts, realtime.md 3.2), opaque but for its header:
 *              0      frames - 1 (2 bits) | distance (2) | frame duration 10, 20, 40, 60 ms (2) | held (1) | muted (1)
 *              1 - 2  media time of the newest frame, big-endian, units of 10 ms
 */
import { bytesOf, type CallId } from '../protocol/ids.ts';
import { VOICE_PAYLOAD_BYTES } from '../protocol/paper.ts';
import { MEDIA_TIME_UNIT_MS } from '../protocol/params.ts';

export const VOICE_PACKET_HEADER_BYTES = 3;
export const VOICE_BODY_HEADER_BYTES = 3;
const VOICE = 0x80;
const TAG_MASK = 0x7f;
const HELD = 0x02;
const FRAME_DURATIONS_MS = [10, 20, 40, 60] as const;

/** The slides' 40 to 120 bytes, read both ways: with the body's own header inside them, and outside. */
export const VOICE_BODY_BYTES_MIN = VOICE_PAYLOAD_BYTES[0];
export const VOICE_BODY_BYTES_MAX = VOICE_PAYLOAD_BYTES[1] + VOICE_BODY_HEADER_BYTES;

export interface VoicePacket {
  /** 0 to 127. */
  readonly tag: number;
  /** 0 to 65535. */
  readonly sequence: number;
  /** A view on the bytes given. */
  readonly body: Buffer;
}

/** 0 to 127, the same at both ends of a call. */
export function callTag(call: CallId): number {
  return (bytesOf(call).at(-1) ?? 0) & TAG_MASK;
}

/** True when a body is of a size that may travel. */
export function isVoiceBodySize(bytes: number): boolean {
  return bytes >= VOICE_BODY_BYTES_MIN && bytes <= VOICE_BODY_BYTES_MAX;
}

/** A new buffer that the caller owns. Tag and sequence are cut to their widths. */
export function voicePacket(tag: number, sequence: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(VOICE_PACKET_HEADER_BYTES + body.length);
  bytes[0] = VOICE | (tag & TAG_MASK);
  bytes.writeUInt16BE(sequence & 0xffff, 1);
  bytes.set(body, VOICE_PACKET_HEADER_BYTES);
  return bytes;
}

/** Undefined for anything that is not a voice packet of a proper size. Never throws. */
export function parseVoicePacket(bytes: Buffer): VoicePacket | undefined {
  if (!isVoiceBodySize(bytes.length - VOICE_PACKET_HEADER_BYTES)) return undefined;
  const first = bytes[0] ?? 0;
  if ((first & VOICE) === 0) return undefined;
  return {
    tag: first & TAG_MASK,
    sequence: bytes.readUInt16BE(1),
    body: bytes.subarray(VOICE_PACKET_HEADER_BYTES),
  };
}

/** Media time of a body of proper size, units of 10 ms, 0 to 65535. */
export function mediaTimeOf(body: Buffer): number {
  return body.readUInt16BE(1);
}

/** Length of the newest frame of a body of proper size, ms. */
export function durationOf(body: Buffer): number {
  return FRAME_DURATIONS_MS[((body[0] ?? 0) >> 2) & 3] ?? 20;
}

/** Media time at which the newest frame of a body was complete, units of 10 ms, cut to 16 bits. */
export function sentUnitsOf(body: Buffer): number {
  return (mediaTimeOf(body) + durationOf(body) / MEDIA_TIME_UNIT_MS) & 0xffff;
}

/** Writes another media time into a body, cut to 16 bits; the buffer must be the caller's. */
export function setMediaTime(body: Buffer, mediaTime: number): void {
  body.writeUInt16BE(mediaTime & 0xffff, 1);
}

/** Marks a body as sent from a call on hold; the buffer must be the caller's. */
export function setHeld(body: Buffer): void {
  body[0] = (body[0] ?? 0) | HELD;
}

/** What the header of a body says of its load: copies of earlier frames in it, and bit rate of one frame, bit/s. */
export function loadOf(body: Buffer): { readonly copies: number; readonly bitrate: number } {
  const first = body[0] ?? 0;
  const copies = first >> 6;
  const durationMs = durationOf(body);
  const frameBytes = Math.floor((body.length - VOICE_BODY_HEADER_BYTES) / (1 + copies));
  return { copies, bitrate: Math.round((frameBytes * 8 * 1000) / durationMs) };
}
