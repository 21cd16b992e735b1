/**
 * Sound as numbers: frames of 20 ms, 16 kHz, mono, 16-bit signed in the byte order of the machine (every platform
 * that Node runs on is little-endian, as WAV and Opus want it). Pure sums over samples; nobody keeps a frame.
 */
import { FRAME_SAMPLES, SAMPLE_RATE_HZ, SILENCE_DB } from './params.ts';

/** One frame of digital silence. Shared: never write to it. */
export const SILENCE: Int16Array = new Int16Array(FRAME_SAMPLES);

/** Samples that last `durationMs`. */
export function samplesIn(durationMs: number): number {
  return (durationMs * SAMPLE_RATE_HZ) / 1000;
}

/** Bytes of samples that last `durationMs`. */
export function bytesIn(durationMs: number): number {
  return samplesIn(durationMs) * 2;
}

/** RMS level in dBFS (0 is a full-scale square wave), at least -96. */
export function levelDb(pcm: Int16Array): number {
  if (pcm.length === 0) return SILENCE_DB;
  let sum = 0;
  for (const sample of pcm) sum += sample * sample;
  if (sum === 0) return SILENCE_DB;
  return Math.max(SILENCE_DB, 10 * Math.log10(sum / pcm.length / (32_768 * 32_768)));
}

/** What of a value fits 16 bits; not rounded. */
export function clipped(value: number): number {
  return Math.max(-32_768, Math.min(32_767, value));
}

/** Nearest 16-bit sample to a value in -1..1; louder is clipped. */
export function sampleOf(value: number): number {
  return clipped(Math.round(value * 32_768));
}

/** Scales the first `count` samples from silence up to full, in place. */
export function fadeIn(pcm: Int16Array, count: number): void {
  const length = Math.min(count, pcm.length);
  for (let at = 0; at < length; at++) pcm[at] = Math.round((pcm[at]! * at) / length);
}

/** Turns `into` from sounding like `from` at its start to being itself at its end, over the shorter of the two. */
export function crossfade(from: Int16Array, into: Int16Array): void {
  const length = Math.min(from.length, into.length);
  for (let at = 0; at < length; at++) {
    const share = (at + 1) / length;
    into[at] = Math.round(from[at]! * (1 - share) + into[at]! * share);
  }
}

/** The samples in `bytes` (little-endian), as a view where the address allows, else as a copy. */
export function samplesOf(bytes: Uint8Array): Int16Array {
  const count = bytes.byteLength >> 1;
  if (bytes.byteOffset % 2 === 0) return new Int16Array(bytes.buffer, bytes.byteOffset, count);
  // Not slice(): a Buffer's shares memory.
  return new Int16Array(new Uint8Array(bytes.subarray(0, count * 2)).buffer);
}

/** The bytes of `pcm`, as a view on the same memory. */
export function bytesOf(pcm: Int16Array): Buffer {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}
