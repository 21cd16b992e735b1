/**
 * Log-spectral distance of two recordings: how far apart their short-time spectra are, dB (Gray and Markel, "Distance
 * measures for speech processing", 1976, the L2 measure; the root is taken within a frame, the mean over frames). It goes
 * on telling codecs apart where STOI has long said 1. Samples are 16 kHz mono, aligned; pure.
 */
import { powerSpectra } from './likeness.ts';

/** 32 ms, half overlapping. */
const FRAME = 512;
const HOP = 256;
const WINDOW = Float64Array.from(
  { length: FRAME },
  (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / FRAME),
);
/** Nobody hears what is so far below the loudest bin of the reference: both are lifted to there. */
const FLOOR_DB = 60;
/** Frames of the reference that are so far below its loudest one are silence, and say nothing. */
const SILENT_BELOW_DB = 40;

/** dB, 0 for the same recording; NaN when the reference is silent or shorter than a frame. */
export function logSpectralDistance(reference: Int16Array, heard: Int16Array): number {
  const [a, b] = [powers(reference), powers(heard)];
  const energies = a.map((frame) => frame.reduce((sum, power) => sum + power, 0));
  const loudest = maximum(energies);
  const floor = maximum(a.map(maximum)) * 10 ** (-FLOOR_DB / 10);
  if (!(loudest > 0)) return Number.NaN;
  let [sum, frames] = [0, 0];
  for (const [at, frame] of a.entries()) {
    const other = b[at];
    if (!other || energies[at]! < loudest * 10 ** (-SILENT_BELOW_DB / 10)) continue;
    sum += frameDistance(frame, other, floor);
    frames++;
  }
  return sum / frames;
}

function frameDistance(a: Float64Array, b: Float64Array, floor: number): number {
  let sum = 0;
  for (let bin = 0; bin < a.length; bin++) {
    const apartDb = 10 * Math.log10(Math.max(a[bin]!, floor) / Math.max(b[bin]!, floor));
    sum += apartDb * apartDb;
  }
  return Math.sqrt(sum / a.length);
}

const powers = (pcm: Int16Array): Float64Array[] => powerSpectra(pcm, WINDOW, HOP, FRAME);

function maximum(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
}
