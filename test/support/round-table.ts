/**
 * A conference in virtual time: one voice engine that mixes (seat 0) and one for each other seat, each with a recorded
 * voice as its microphone and a speaker that is kept. Seat 1 is talker 0 of the mixer, seat 2 talker 1 and so on: the first
 * call was a call of two. Each seat ticks at its own moment within the 20 ms. Nobody but the mixer is joined to anybody.
 */
import type { OpusCodec } from '../../src/audio/opus.ts';
import type { FromVoice } from '../../src/audio/port.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import { keptPlayback, recordedCapture } from './voice-loop.ts';

const RATE_HZ = 16_000;

export interface TableOptions {
  /** One for each engine and leg; the caller closes them. */
  readonly codec: () => OpusCodec;
  /** What each seat says; seat 0 mixes. */
  readonly voices: readonly Int16Array[];
  /** Delay of a body, ms; undefined: lost. `seat` is that of the far end, `up` towards the mixer. 5 ms when not said. */
  readonly network?: (seat: number, up: boolean, n: number) => number | undefined;
}

interface Flying {
  readonly atMs: number;
  readonly seat: number;
  readonly up: boolean;
  readonly bytes: Buffer;
}

export interface SentBody {
  readonly atMs: number;
  readonly bytes: Buffer;
}

export class RoundTable {
  readonly seats: readonly VoiceEngine[];
  /** What the mixer made for each seat. */
  readonly bodies: readonly SentBody[][];
  readonly told: readonly FromVoice[][];
  readonly #speakers: ReturnType<typeof keptPlayback>[];
  readonly #network: NonNullable<TableOptions['network']>;
  readonly #sent = new Map<string, number>();
  #flying: Flying[] = [];
  #tick = 0;

  constructor({ codec, voices, network }: TableOptions) {
    this.#network = network ?? (() => 5);
    this.#speakers = voices.map(() => keptPlayback());
    this.bodies = voices.map(() => []);
    this.told = voices.map(() => []);
    this.seats = voices.map((voice, seat) => {
      const engine = new VoiceEngine(codec(), undefined, seat === 0 ? codec : undefined);
      engine.attachCapture(recordedCapture(voice));
      engine.attachPlayback(this.#speakers[seat]!);
      return engine;
    });
  }

  get mixer(): VoiceEngine {
    return this.seats[0]!;
  }

  /** All seats from the first to this one are joined to the mixer. */
  join(last: number): void {
    for (let seat = 2; seat <= last; seat++) this.mixer.leg(seat - 1, true);
  }

  /** So many seconds pass; `before` each tick of the mixer, which it gets the number of. */
  run(seconds: number, before: (tick: number) => void = () => undefined): void {
    const phaseMs = 20 / this.seats.length;
    for (const end = this.#tick + seconds * 50; this.#tick < end; this.#tick++) {
      before(this.#tick);
      for (const seat of this.seats.keys()) this.#turn(seat, this.#tick * 20 + seat * phaseMs);
    }
  }

  /** What this seat's speaker played between two times, s. */
  heard(seat: number, from = 0, until = Number.POSITIVE_INFINITY): Int16Array {
    return this.#speakers[seat]!.samples().subarray(from * RATE_HZ, until * RATE_HZ);
  }

  /** A body of any content from this seat to the mixer, as if the network brought it now. */
  inject(seat: number, bytes: Buffer): void {
    this.mixer.receive(this.#tick * 20, seat - 1, bytes);
  }

  #turn(seat: number, nowMs: number): void {
    const engine = this.seats[seat]!;
    const isFor = (one: Flying): boolean => (seat === 0 ? one.up : !one.up && one.seat === seat) && one.atMs <= nowMs;
    const arrived = this.#flying.filter(isFor).sort((one, other) => one.atMs - other.atMs);
    this.#flying = this.#flying.filter((one) => !isFor(one));
    for (const { atMs, seat: from, bytes } of arrived) engine.receive(atMs, seat === 0 ? from - 1 : 0, bytes);
    engine.tick(nowMs);
    for (const output of engine.drain()) {
      if (output.type === 'tell') this.told[seat]!.push(output.message);
      else this.#send(nowMs, seat === 0 ? output.talker + 1 : seat, seat !== 0, output.bytes);
    }
  }

  #send(nowMs: number, seat: number, up: boolean, bytes: Buffer): void {
    if (!up) this.bodies[seat]?.push({ atMs: nowMs, bytes });
    const key = `${seat}${up}`;
    const n = this.#sent.get(key) ?? 0;
    this.#sent.set(key, n + 1);
    const delayMs = this.#network(seat, up, n);
    if (delayMs !== undefined) this.#flying.push({ atMs: nowMs + delayMs, seat, up, bytes });
  }
}

/** Level of one frequency in a recording, dBFS of its sine: Goertzel over all of it, with a Hann window. */
export function toneDb(pcm: Int16Array, hz: number): number {
  let [re, im, weight] = [0, 0, 0];
  for (let at = 0; at < pcm.length; at++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / pcm.length);
    const angle = (2 * Math.PI * hz * at) / RATE_HZ;
    re += window * pcm[at]! * Math.cos(angle);
    im += window * pcm[at]! * Math.sin(angle);
    weight += window;
  }
  return 20 * Math.log10(Math.max(1e-9, (2 * Math.hypot(re, im)) / weight) / 32_768);
}

/** The same of a recording whose delay changed now and then, on a machine that was busy: the mean power of its seconds. */
export function stretchedToneDb(pcm: Int16Array, hz: number): number {
  const seconds = Array.from({ length: Math.floor(pcm.length / RATE_HZ) }, (_, n) =>
    toneDb(pcm.subarray(n * RATE_HZ, (n + 1) * RATE_HZ), hz),
  );
  return 10 * Math.log10(seconds.reduce((sum, db) => sum + 10 ** (db / 10), 0) / seconds.length);
}
