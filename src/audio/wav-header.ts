/**
 * The head of a WAV file (RIFF, "Multimedia Programming Interface and Data Specifications 1.0"; the extensible form of
 * 2001): where the samples are and what they mean. Pure: bytes come through `readAt`. `wav-file.ts` does the reading.
 */
import { AudioFailure } from './failure.ts';
import {
  SAMPLE_RATE_HZ,
  WAV_CHUNKS_MAX,
  WAV_DATA_BYTES_MAX,
  WAV_HEADER_BYTES_MAX,
  WAV_RATE_HZ_MAX,
  WAV_RATE_HZ_MIN,
} from './params.ts';

export type SampleKind = 'pcm16' | 'pcm24' | 'pcm32' | 'float32';

export interface WavFormat {
  readonly kind: SampleKind;
  readonly channels: 1 | 2;
  readonly rateHz: number;
  /** Bytes of one sample of all channels. */
  readonly blockBytes: number;
}

export interface WavLayout extends WavFormat {
  /** Place of the first sample in the file. */
  readonly dataStart: number;
  /** Whole blocks only, and never more than the file has. */
  readonly dataBytes: number;
}

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_EXTENSIBLE = 0xfffe;
export const WAV_HEADER_BYTES = 44;

/**
 * Finds format and samples. `readAt(place, length)` gives up to `length` bytes (fewer at the end of the file).
 * A data chunk that claims more than the file holds, or nothing though more follows (a recording that was killed, a
 * stream from a pipe), is taken to the end of the file. Throws AudioFailure 'audio-file-unreadable' with the cause.
 */
export function readWavLayout(readAt: (place: number, length: number) => Buffer, fileBytes: number): WavLayout {
  const riff = readAt(0, 12);
  if (riff.length < 12) throw unreadable('too short to be a WAV file');
  if (riff.toString('latin1', 0, 4) !== 'RIFF' || riff.toString('latin1', 8, 12) !== 'WAVE') {
    throw unreadable('not a RIFF WAVE file');
  }
  let format: WavFormat | undefined;
  let place = 12;
  for (let chunk = 0; chunk < WAV_CHUNKS_MAX && place < WAV_HEADER_BYTES_MAX; chunk++) {
    const head = readAt(place, 8);
    if (head.length < 8) break;
    const name = head.toString('latin1', 0, 4);
    const size = head.readUInt32LE(4);
    place += 8;
    if (name === 'fmt ') format = readFormat(readAt(place, Math.min(size, 40)));
    if (name === 'data') {
      if (!format) throw unreadable('the format does not come before the samples');
      return { ...format, dataStart: place, dataBytes: dataBytes(size, fileBytes - place, format.blockBytes) };
    }
    // Chunks start at even places.
    place += size + (size % 2);
  }
  throw unreadable(format ? 'it has no samples' : 'it has no format');
}

function dataBytes(claimed: number, present: number, blockBytes: number): number {
  const bytes = claimed === 0 || claimed > present ? present : claimed;
  const whole = bytes - (bytes % blockBytes);
  if (whole <= 0) throw unreadable('it has no samples');
  return whole;
}

function readFormat(bytes: Buffer): WavFormat {
  if (bytes.length < 16) throw unreadable('its format is cut short');
  const tag = bytes.readUInt16LE(0);
  const code = tag === FORMAT_EXTENSIBLE && bytes.length >= 26 ? bytes.readUInt16LE(24) : tag;
  const channels = bytes.readUInt16LE(2);
  const rateHz = bytes.readUInt32LE(4);
  const bits = bytes.readUInt16LE(14);
  const kind = kindOf(code, bits);
  if (!kind)
    throw unreadable(`samples of kind ${code} with ${bits} bits; PCM of 16, 24, 32 bits and float can be read`);
  if (channels !== 1 && channels !== 2) throw unreadable(`${channels} channels; one or two can be read`);
  if (rateHz < WAV_RATE_HZ_MIN || rateHz > WAV_RATE_HZ_MAX) throw unreadable(`a sample rate of ${rateHz} Hz`);
  return { kind, channels, rateHz, blockBytes: (bits / 8) * channels };
}

function kindOf(code: number, bits: number): SampleKind | undefined {
  if (code === FORMAT_FLOAT) return bits === 32 ? 'float32' : undefined;
  if (code !== FORMAT_PCM) return undefined;
  if (bits === 16) return 'pcm16';
  if (bits === 24) return 'pcm24';
  return bits === 32 ? 'pcm32' : undefined;
}

function unreadable(cause: string): AudioFailure {
  return new AudioFailure('audio-file-unreadable', cause);
}

/** Samples as -1..1, channels averaged to one. `bytes` holds whole blocks. */
export function toMono(bytes: Buffer, format: WavFormat): Float32Array {
  const count = Math.floor(bytes.length / format.blockBytes);
  const width = format.blockBytes / format.channels;
  const mono = new Float32Array(count);
  for (let at = 0; at < count; at++) {
    let sum = 0;
    for (let channel = 0; channel < format.channels; channel++) {
      sum += readSample(bytes, at * format.blockBytes + channel * width, format.kind);
    }
    mono[at] = sum / format.channels;
  }
  return mono;
}

function readSample(bytes: Buffer, place: number, kind: SampleKind): number {
  if (kind === 'pcm16') return bytes.readInt16LE(place) / 2 ** 15;
  if (kind === 'pcm24') return bytes.readIntLE(place, 3) / 2 ** 23;
  if (kind === 'pcm32') return bytes.readInt32LE(place) / 2 ** 31;
  const value = bytes.readFloatLE(place);
  return Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0;
}

/** The 44 bytes before `dataBytes` of 16 kHz PCM16. */
export function wavHeader(dataBytes: number, channels: 1 | 2 = 1): Buffer {
  const length = Math.min(dataBytes, WAV_DATA_BYTES_MAX);
  const bytes = Buffer.alloc(WAV_HEADER_BYTES);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(length + WAV_HEADER_BYTES - 8, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(FORMAT_PCM, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  bytes.writeUInt32LE(SAMPLE_RATE_HZ * 2 * channels, 28);
  bytes.writeUInt16LE(2 * channels, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(length, 40);
  return bytes;
}
