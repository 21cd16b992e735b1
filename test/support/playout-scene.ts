/**
 * A sender, a network and the receiving stream in virtual time, with a codec that costs nothing: its sound is a hum of
 * 125 Hz on a slow swell that tells the media time, so what is heard tells how old it is. For long scenes; real Opus is
 * in `voice-loop.ts`.
 */
import type { OpusCodec } from '../../src/audio/opus.ts';
import { LATE_WINDOW_FRAMES } from '../../src/audio/params.ts';
import { ReceiveStream } from '../../src/audio/receive-stream.ts';
import { encodeVoiceBody, type FrameDurationMs } from '../../src/audio/voice-body.ts';

/** The swell goes up for 15 s and down for 15 s, so much in a millisecond. */
const SWELL_MS = 30_000;
const SWELL_STEP = 0.1;
/** One period of the hum, samples. */
const HUM = Float64Array.from({ length: 128 }, (_, at) => 8000 * Math.sin((2 * Math.PI * at) / 128));
/** What the sound itself moves from one sample to the next, at most. */
export const HUM_STEP_MAX = 400;
/** TOC of a frame of so many ms, SILK wide band, one frame in the packet. */
const TOC: Readonly<Record<FrameDurationMs, number>> = { 10: 0x40, 20: 0x48, 40: 0x50, 60: 0x58 };

/** A packet that a decoder would accept and that says when it begins. */
export function humPacket(mediaMs: number, durationMs: FrameDurationMs): Buffer {
  const packet = Buffer.alloc(24);
  packet[0] = TOC[durationMs];
  packet.writeUInt32BE(mediaMs, 4);
  return packet;
}

/** The sound at a media time in samples. */
function soundAt(sample: number): number {
  const ms = (sample / 16) % SWELL_MS;
  const up = Math.min(ms, SWELL_MS - ms);
  return Math.round(HUM[sample & 127]! + SWELL_STEP * (up - SWELL_MS / 4));
}

/** Decodes such packets; what it invents is the hum going on without the swell. */
export function humCodec(): OpusCodec & { readonly decoded: number[] } {
  const decoded: number[] = [];
  let last = 0;
  return {
    kind: 'wasm',
    decoded,
    encode: () => new Uint8Array(0),
    decode: (packet, durationMs, into) => {
      const mediaMs = Buffer.from(packet.buffer, packet.byteOffset, packet.length).readUInt32BE(4);
      decoded.push(mediaMs);
      for (let at = 0; at < durationMs * 16; at++) into[at] = soundAt(mediaMs * 16 + at);
      last = (mediaMs + durationMs) * 16;
      return durationMs * 16;
    },
    conceal: (into, durationMs = 20) => {
      const swell = soundAt(last) - HUM[last & 127]!;
      for (let at = 0; at < durationMs * 16; at++) into[at] = Math.round(swell + HUM[(last + at) & 127]!);
      return durationMs * 16;
    },
    close: () => undefined,
  };
}

export interface SentFrame {
  readonly mediaMs: number;
  readonly durationMs: FrameDurationMs;
  /** Copies of older frames in the same body, and how far apart. */
  readonly copies?: number;
  readonly distance?: number;
}

export interface PlayoutOptions {
  readonly seconds: number;
  /** When body n arrives after it was complete, ms; undefined: lost. `sentMs` is when it was complete. */
  readonly network: (n: number, sentMs: number) => number | undefined;
  /** Length of the frames and copies in them; 20 ms without copies unless told. */
  readonly frame?: (n: number, mediaMs: number) => Omit<SentFrame, 'mediaMs'>;
  /** The receiver's clocks run so much faster than the sender's, parts in a million. */
  readonly skewPpm?: number;
  /** When in each 20 ms of the sender's the receiver ticks. */
  readonly phaseMs?: number;
  /** How late tick n is, ms. */
  readonly tickLateMs?: (n: number) => number;
  /** When the receiver begins to tick, while packets already come, ms. */
  readonly startsAtMs?: number;
  readonly before?: (stream: ReceiveStream, tick: number) => void;
}

export interface PlayoutResult {
  readonly stream: ReceiveStream;
  readonly decoded: readonly number[];
  /** Each tick: age of the sound since its frame was complete on the fastest path, ms; NaN where it was invented. */
  readonly ageMs: readonly number[];
  /** Share of the frames that came after they were due, percent. */
  readonly latePct: number;
  /** Share of the time that was invented, percent. */
  readonly concealedPct: number;
  /** Largest difference of two neighbouring samples while sound is played. */
  readonly largestStep: number;
  readonly sent: number;
}

export function playOut(options: PlayoutOptions): PlayoutResult {
  const codec = humCodec();
  const stream = new ReceiveStream(codec);
  const flying = arrivals(options);
  const sent = flying.length;
  flying.sort((a, b) => a.at - b.at);
  const rate = 1 + (options.skewPpm ?? 0) / 1e6;
  const start = options.startsAtMs ?? 0;
  const ageMs: number[] = [];
  const lateShares: number[] = [];
  let next = 0;
  let last = Number.NaN;
  let largestStep = 0;
  // Nobody listens for the end.
  const until = options.seconds * 1000 * Math.min(1, rate) - start - 100;
  for (let n = 0; n * 20 < until; n++) {
    options.before?.(stream, n);
    const tickMs = start + n * 20 + (options.phaseMs ?? 7);
    const now = tickMs + (options.tickLateMs?.(n) ?? 0);
    // Arrivals are on the receiver's clock, which runs faster than the one that the sender counts its samples by.
    for (let one = flying[next]; one && one.at * rate <= now; one = flying[++next]) {
      stream.receive(one.at * rate, one.body);
    }
    const before = stream.counts.concealed;
    const pcm = stream.play(now);
    if (n % LATE_WINDOW_FRAMES === LATE_WINDOW_FRAMES - 1) lateShares.push(stream.latePct);
    if (stream.counts.played > 5) {
      for (const sample of pcm) {
        if (Math.abs(sample - last) > largestStep) largestStep = Math.abs(sample - last);
        last = sample;
      }
    }
    const real = stream.counts.played > 0 && stream.counts.concealed === before;
    ageMs.push(real ? ageOf(pcm, tickMs / rate) : Number.NaN);
  }
  const { played, concealed } = stream.counts;
  return {
    stream,
    decoded: codec.decoded,
    ageMs,
    latePct: mean(lateShares),
    concealedPct: (100 * concealed) / Math.max(1, played),
    largestStep,
    sent,
  };
}

/** Of its first sample; the 20 ms that its frame took to be complete are not the buffer's. */
function ageOf(pcm: Int16Array, nowMs: number): number {
  let sum = 0;
  for (let at = 0; at < HUM.length; at++) sum += pcm[at]!;
  // The mean of a whole period is the swell in its middle, 4 ms on.
  const up = sum / HUM.length / SWELL_STEP + SWELL_MS / 4;
  const ages = [up, SWELL_MS - up].map((ms) => (((nowMs - 20 - (ms - 4)) % SWELL_MS) + SWELL_MS) % SWELL_MS);
  const age = Math.min(...ages);
  return age < 2000 ? age : Number.NaN;
}

function arrivals(options: PlayoutOptions): { readonly at: number; readonly body: Buffer }[] {
  const flying: { readonly at: number; readonly body: Buffer }[] = [];
  const frames: SentFrame[] = [];
  for (let mediaMs = 0; mediaMs < options.seconds * 1000; ) {
    const frame: SentFrame = { mediaMs, ...(options.frame?.(frames.length, mediaMs) ?? { durationMs: 20 }) };
    frames.push(frame);
    const sentMs = mediaMs + frame.durationMs;
    const delayMs = options.network(frames.length - 1, sentMs);
    if (delayMs !== undefined) flying.push({ at: sentMs + delayMs, body: bodyOf(frames) });
    mediaMs += frame.durationMs;
  }
  return flying;
}

/** The newest frame with its copies, as far as the older ones are of its length. */
function bodyOf(frames: readonly SentFrame[]): Buffer {
  const { mediaMs, durationMs, copies = 0, distance = 1 } = frames.at(-1)!;
  const packets = [humPacket(mediaMs, durationMs)];
  for (let copy = 1; copy <= copies; copy++) {
    const older = frames.at(-1 - copy * distance);
    if (older?.mediaMs !== mediaMs - copy * distance * durationMs || older.durationMs !== durationMs) break;
    packets.push(humPacket(older.mediaMs, durationMs));
  }
  return encodeVoiceBody({
    mediaTime: (mediaMs / 10) & 0xffff,
    durationMs,
    distance,
    muted: false,
    held: false,
    frames: packets,
  });
}

export function mean(values: readonly number[]): number {
  const real = values.filter((value) => !Number.isNaN(value));
  return real.reduce((sum, value) => sum + value, 0) / Math.max(1, real.length);
}

export function quantile(values: readonly number[], share: number): number {
  const real = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return real[Math.min(real.length - 1, Math.floor(share * real.length))] ?? Number.NaN;
}
