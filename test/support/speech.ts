/**
 * Speech to send through calls: spoken by flite or espeak-ng where one is installed, otherwise a signal with the
 * marks of speech that matter here (voiced and unvoiced stretches, moving formants, pauses), the same each time.
 * Whoever uses it says which it was, so that a weaker run is seen as such.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { WavReader } from '../../src/audio/wav-file.ts';
import { wavHeader } from '../../src/audio/wav-header.ts';
import { chance } from './seeded-random.ts';

const RATE_HZ = 16_000;
const TEXT =
  'The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. ' +
  'It is easy to tell the depth of a well. These days a chicken leg is a rare dish.';

export interface Speech {
  /** 16 kHz mono. */
  readonly samples: Int16Array;
  readonly source: 'flite' | 'espeak-ng' | 'synthetic';
}

const OTHER_TEXT =
  'Rice is often served in round bowls. The juice of lemons makes fine punch. The box was thrown beside the parked ' +
  'truck. Four hours of steady work faced us. A large size in stockings is hard to sell.';

let made: Speech | undefined;
let madeOther: Speech | undefined;

/** About ten seconds, made once a process. */
export function speech(): Speech {
  made ??= spoken('flite', (file) => ['-voice', 'slt', '-t', TEXT, '-o', file]) ??
    spoken('espeak-ng', (file) => ['-w', file, TEXT]) ?? { samples: syntheticSpeech(10), source: 'synthetic' };
  return made;
}

/** Another person, who says something else. */
export function otherSpeech(): Speech {
  madeOther ??= spoken('flite', (file) => ['-voice', 'rms', '-t', OTHER_TEXT, '-o', file]) ??
    spoken('espeak-ng', (file) => ['-v', 'en+m3', '-w', file, OTHER_TEXT]) ?? {
      samples: syntheticSpeech(12).reverse(),
      source: 'synthetic',
    };
  return madeOther;
}

function spoken(program: 'flite' | 'espeak-ng', args: (file: string) => string[]): Speech | undefined {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-speech-'));
  try {
    const file = path.join(folder, 'speech.wav');
    execFileSync(program, args(file), { stdio: 'ignore', timeout: 15_000 });
    return { samples: readWav(file), source: program };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Deterministic: syllables of a pulse train or noise through two gliding resonances, four a second, with pauses. */
export function syntheticSpeech(seconds: number): Int16Array {
  const samples = new Int16Array(seconds * RATE_HZ);
  let seed = 12_345;
  const noise = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return seed / 0x3fff_ffff - 1;
  };
  let phase = 0;
  const memory = [0, 0, 0, 0];
  for (let at = 0; at < samples.length; at++) {
    const time = at / RATE_HZ;
    const syllable = Math.floor(time * 4);
    const within = (time * 4) % 1;
    const loud = syllable % 6 === 5 ? 0 : Math.sin(Math.PI * within) ** 0.7;
    phase += (110 + 25 * Math.sin(time * 2.1) + 5 * (syllable % 5)) / RATE_HZ;
    const pulse = phase % 1 < 0.08 ? 1 : -0.087;
    const source = syllable % 4 === 3 ? noise() * 0.5 : pulse + noise() * 0.03;
    const first = resonance(source, 350 + 90 * (syllable % 5) + 150 * within, 90, memory, 0);
    const second = resonance(source, 1000 + 260 * ((syllable * 3) % 6) - 200 * within, 120, memory, 2);
    samples[at] = Math.round(Math.max(-1, Math.min(1, (first + 0.6 * second) * loud * 2.2)) * 14_000);
  }
  return samples;
}

function resonance(input: number, hz: number, widthHz: number, memory: number[], at: number): number {
  const radius = Math.exp((-Math.PI * widthHz) / RATE_HZ);
  const [one, two] = [memory[at]!, memory[at + 1]!];
  const output = input * (1 - radius) + 2 * radius * Math.cos((2 * Math.PI * hz) / RATE_HZ) * one - radius ** 2 * two;
  memory[at] = output;
  memory[at + 1] = one;
  return output;
}

/** A steady tone, peak 0..32767. */
export function tone(hz: number, seconds: number, peak = 8000): Int16Array {
  return Int16Array.from({ length: Math.round(seconds * RATE_HZ) }, (_, at) =>
    Math.round(peak * Math.sin((2 * Math.PI * hz * at) / RATE_HZ)),
  );
}

/** White noise, peak 0..32767. */
export function noise(length: number, peak: number, seed = 1): Int16Array {
  const random = chance(seed);
  return Int16Array.from({ length }, () => Math.round((2 * random() - 1) * peak));
}

/** Writes 16 kHz mono PCM16. */
export function writeWav(file: string, samples: Int16Array): void {
  const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  writeFileSync(file, Buffer.concat([wavHeader(bytes.length), bytes]));
}

/** All of a WAV file as 16 kHz mono. */
export function readWav(file: string): Int16Array {
  const reader = WavReader.open(file);
  const frames: number[] = [];
  for (let frame = reader.frame(); frame; frame = reader.frame()) for (const sample of frame) frames.push(sample);
  reader.close();
  return Int16Array.from(frames);
}

/** `samples` cut into frames of 320, the last one filled up with silence. */
export function framesOf(samples: Int16Array): Int16Array[] {
  const frames: Int16Array[] = [];
  for (let at = 0; at < samples.length; at += 320) {
    const frame = new Int16Array(320);
    frame.set(samples.subarray(at, at + 320));
    frames.push(frame);
  }
  return frames;
}
