/**
 * A room in numbers, for the tests of echo, noise and gain: a loudspeaker that distorts (tanh), the way back to the
 * microphone (a delay, then a noise that dies away exponentially), noises with a seed. Samples are 16 kHz mono.
 */
import { chance } from './seeded-random.ts';

const RATE_HZ = 16_000;

export interface Room {
  /** From the sample written to the sample captured. */
  readonly delayMs: number;
  /** Time in which the response falls by 60 dB. */
  readonly decayMs: number;
  /** Level of the echo beside that of the far end, dB. */
  readonly echoDb: number;
  readonly seed: number;
}

/** The response of the way back, delay included. */
export function roomResponse({ delayMs, decayMs, echoDb, seed }: Room): Float64Array {
  const random = chance(seed);
  const delay = Math.round((delayMs * RATE_HZ) / 1000);
  const length = Math.round((decayMs * RATE_HZ) / 1000);
  const response = new Float64Array(delay + length);
  let energy = 0;
  for (let at = 0; at < length; at++) {
    // Velvet noise: one tap in eight sounds like all of them and costs an eighth.
    const rest = random() < 1 / 8 ? (random() * 2 - 1) * 1.4 : 0;
    const tap = (at === 0 ? 1 : rest) * 10 ** ((-3 * at) / length);
    response[delay + at] = tap;
    energy += tap * tap;
  }
  const scale = 10 ** (echoDb / 20) / Math.sqrt(energy);
  return response.map((tap) => tap * scale);
}

/** What the microphone hears of `far`: through a loudspeaker that saturates, then the room. Unrounded, int16 scale. */
export function echoOf(far: Int16Array, room: Room, drive = 2): Float64Array {
  const response = roomResponse(room);
  const speaker = Float64Array.from(far, (sample) => (Math.tanh((drive * sample) / 32_768) / drive) * 32_768);
  const echo = new Float64Array(far.length);
  for (let tap = 0; tap < response.length; tap++) {
    const weight = response[tap]!;
    if (weight === 0) continue;
    for (let at = tap; at < far.length; at++) echo[at] = echo[at]! + weight * speaker[at - tap]!;
  }
  return echo;
}

/** White noise of that RMS level. */
export function whiteNoise(count: number, levelDb: number, seed: number): Float64Array {
  const random = chance(seed);
  const scale = 32_768 * 10 ** (levelDb / 20) * Math.sqrt(3);
  return Float64Array.from({ length: count }, () => (random() * 2 - 1) * scale);
}

/** The sum, rounded and clipped as a sound card does. */
export function mixed(...parts: readonly ArrayLike<number>[]): Int16Array {
  const length = Math.max(...parts.map((part) => part.length));
  return Int16Array.from({ length }, (_, at) => {
    let sum = 0;
    for (const part of parts) sum += part[at] ?? 0;
    return Math.max(-32_768, Math.min(32_767, Math.round(sum)));
  });
}

/** `heard` less the delay of at most 20 ms by which it lags behind `reference`; as long as `reference`. */
export function caughtUp(reference: Int16Array, heard: Int16Array): Int16Array {
  const correlation = (lag: number): number => {
    let sum = 0;
    for (let at = 0; at < Math.min(48_000, reference.length - 320); at++) sum += reference[at]! * heard[at + lag]!;
    return sum;
  };
  const lags = Array.from({ length: 320 }, (_, lag) => lag);
  const scores = lags.map(correlation);
  const caught = new Int16Array(reference.length);
  caught.set(heard.subarray(scores.indexOf(Math.max(...scores))));
  return caught;
}

/** `samples` again and again until they last so long. */
export function looped(samples: Int16Array, seconds: number): Int16Array {
  return Int16Array.from({ length: seconds * RATE_HZ }, (_, at) => samples[at % samples.length]!);
}

/** Samples from one second to another. */
export function between<T extends Int16Array | Float64Array>(samples: T, fromS: number, toS: number): T {
  return samples.slice(Math.round(fromS * RATE_HZ), Math.round(toS * RATE_HZ)) as T;
}

/** RMS in dBFS. */
export function rmsDb(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < samples.length; at++) sum += samples[at]! ** 2;
  return 10 * Math.log10(sum / samples.length / 32_768 ** 2 + 1e-12);
}

/** Level of the speech alone, dBFS: the mean power of the frames that are no pauses, within 25 dB of the loudest. */
export function speechDb(samples: Int16Array): number {
  const levels: number[] = [];
  for (let at = 0; at + 320 <= samples.length; at += 320) levels.push(rmsDb(samples.subarray(at, at + 320)));
  const loud = [...levels].sort((a, b) => b - a)[Math.floor(levels.length / 20)]!;
  const spoken = levels.filter((level) => level > loud - 25);
  return 10 * Math.log10(spoken.reduce((sum, level) => sum + 10 ** (level / 10), 0) / spoken.length);
}
