/**
 * Speech through the whole of a call but the devices, in virtual time: A's sending stream with real Opus, two media
 * sessions that choose the rung by what they report to each other, a link each way, B's receiving stream; and what
 * B heard, beside what was said. B says nothing: its packets are of the same size and pace.
 */
import type { OpusCodec } from '../../src/audio/opus.ts';
import { ReceiveStream } from '../../src/audio/receive-stream.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import type { Rung } from '../../src/net/media/rungs.ts';
import type { Millis } from '../../src/net/protocol/core.ts';
import { stoi } from './likeness.ts';
import { logSpectralDistance } from './log-spectrum.ts';
import { framesOf } from './speech.ts';
import { bodyOf, type Sound, type TalkOptions, TwoTalkers } from './two-talkers.ts';
import { warped } from './warped.ts';

const SAMPLES_PER_MS = 16;
const STATS_EVERY_MS = 100;
/** How far after what was said it is looked for. */
const DELAY_MS_MAX = 1_500;

export interface SpokenOptions extends TalkOptions {
  /** A real encoder and a real decoder. */
  readonly codecs: readonly [OpusCodec, OpusCodec];
  /** What A says, over and over. */
  readonly said: Int16Array;
  /** A stays on this rung, whatever its session says. */
  readonly fixed?: Rung;
  /** A's microphone is off from the beginning. */
  readonly muted?: boolean;
}

/** What B played in each tick, and how its jitter buffer stood. */
export interface Tick {
  readonly at: Millis;
  readonly bufferMs: number;
  /** Share of frames that came too late in the ten seconds before, percent. */
  readonly latePct: number;
}

export class SpokenTalk extends TwoTalkers {
  readonly stream: ReceiveStream;
  readonly ticks: Tick[] = [];
  readonly #said: Int16Array;
  readonly #heard: Int16Array[] = [];
  /** When B's first frame was played. */
  #heardFrom: Millis | undefined;
  /** When A's first sample was taken in: the end of its frame less its length. */
  #saidFrom: Millis | undefined;

  constructor(options: SpokenOptions) {
    super(options);
    this.#said = options.said;
    this.stream = new ReceiveStream(options.codecs[1]);
    this.stream.overStream(options.path === 'tcp' || options.path === 'tcp443');
    this.a.sound = this.#speaker(options);
    this.b.sound = this.#listener();
  }

  #speaker({ codecs, said, fixed, muted = false }: SpokenOptions): Sound {
    const stream = new SendStream(codecs[0]);
    stream.mute(muted);
    const frames = framesOf(said.subarray(0, said.length - (said.length % 320)));
    let n = 0;
    return {
      tick: (now, rung) => {
        this.#saidFrom ??= now - 20;
        stream.reshape(fixed ?? rung);
        return stream.frame(frames[n++ % frames.length]);
      },
      receive: () => undefined,
    };
  }

  #listener(): Sound {
    let [gathered, statsAt] = [0, 0];
    let adopted: Rung | undefined;
    return {
      tick: (now, rung) => {
        this.#heardFrom ??= now;
        this.#heard.push(this.stream.play(now).slice());
        this.ticks.push({ at: now, bufferMs: this.stream.bufferMs, latePct: this.stream.latePct });
        if (now >= statsAt) {
          statsAt = now + STATS_EVERY_MS;
          const { played, concealed } = this.stream.counts;
          const { bufferMs, concealedPct } = this.stream;
          this.b.command(now, {
            type: 'voice-stats',
            stats: { bufferMs, concealedPct, played, concealed, deviceMs: 0 },
          });
        }
        if (gathered === 0) adopted = rung;
        gathered += 20;
        if (!adopted || gathered < adopted.frameMs) return undefined;
        gathered = 0;
        return bodyOf(adopted, 0);
      },
      receive: (arrivalMs, body) => this.stream.receive(arrivalMs, body),
    };
  }

  /** How alike what was said and what was heard are in this time of A's. */
  likeness(fromMs: Millis, untilMs: Millis): Heard {
    const apartMs = (this.#saidFrom ?? 0) - (this.#heardFrom ?? 0);
    const from = Math.max(0, Math.round((fromMs + apartMs) * SAMPLES_PER_MS));
    const length = (untilMs - fromMs) * SAMPLES_PER_MS;
    const said = repeated(this.#said, fromMs * SAMPLES_PER_MS, length);
    const all = joined(this.#heard).subarray(from, from + length + DELAY_MS_MAX * SAMPLES_PER_MS);
    const { heard, delays } = warped(said, all);
    const delaysMs = delays.map((delay) => delay / SAMPLES_PER_MS);
    return { stoi: stoi(said, heard), lsdDb: logSpectralDistance(said, heard), delaysMs };
  }
}

export interface Heard {
  readonly stoi: number;
  readonly lsdDb: number;
  /** From mouth to ear without devices, five a second: frame, network, jitter buffer, and 6.5 ms of the codec. */
  readonly delaysMs: readonly number[];
}

function joined(frames: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(frames.length * 320);
  for (const [at, frame] of frames.entries()) all.set(frame, at * 320);
  return all;
}

/** A stretch of what is said over and over. */
function repeated(said: Int16Array, from: number, length: number): Int16Array {
  const period = said.length - (said.length % 320);
  return Int16Array.from({ length }, (_, at) => said[(from + at) % period]!);
}
