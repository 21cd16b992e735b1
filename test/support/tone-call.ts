/**
 * A real voice child in a call of tones over a PulseAudio server of ours: one tone is played into every microphone, another
 * comes from the other side, and both are heard at their ends all the time. So each gap shows, with its length.
 */
import { openOpus } from '../../src/audio/opus.ts';
import type { PulseServer } from './pulse-server.ts';
import { tone } from './speech.ts';
import { monotonicMs, VoiceChildUnderTest } from './voice-child.ts';

const RAW = ['--raw', '--format=s16le', '--rate=16000', '--channels=1'];
const FRAME_MS = 20;
/** Mean amount of a sample of a tone is far above that, of silence and comfort noise far below. */
const LOUD = 800;

/** When something was heard. */
export class Ear {
  readonly #loudAt: number[] = [];

  hear(atMs: number, samples: Int16Array): void {
    let sum = 0;
    for (const sample of samples) sum += Math.abs(sample);
    if (samples.length > 0 && sum / samples.length > LOUD) this.#loudAt.push(atMs);
  }

  /** The longest time without sound from then until now, ms. */
  longestGapMs(fromMs: number, untilMs = monotonicMs()): number {
    const within = this.#loudAt.filter((at) => at >= fromMs && at <= untilMs);
    const marks = [fromMs, ...within, untilMs];
    return Math.round(Math.max(...marks.slice(1).map((at, index) => at - marks[index]!)));
  }
}

export class ToneCall {
  readonly child: VoiceChildUnderTest;
  /** What the other side hears of us; what our speakers play, all of them together. */
  readonly sent = new Ear();
  readonly played = new Ear();
  readonly #server: PulseServer;
  readonly #encoder = openOpus();
  readonly #decoder = openOpus();
  readonly #timer: NodeJS.Timeout;
  readonly #pcm = new Int16Array(1920);
  #mediaTime = 0;

  constructor(server: PulseServer, spec: string) {
    this.#server = server;
    this.child = new VoiceChildUnderTest(server.env);
    this.child.onBody = (bytes) => this.#heard(bytes);
    this.child.command({ type: 'start', spec, call: 'call-1' });
    const said = tone(700, 0.2);
    const startedAt = monotonicMs();
    let frames = 0;
    this.#timer = setInterval(() => {
      for (; startedAt + frames * FRAME_MS <= monotonicMs(); frames++) {
        const at = (frames % 10) * 320;
        const frame = this.#encoder.encode(said.subarray(at, at + 320));
        this.child.voiceDown(
          Buffer.concat([Buffer.from([0x14, (this.#mediaTime >> 8) & 0xff, this.#mediaTime & 0xff]), frame]),
        );
        this.#mediaTime += 2;
      }
    }, FRAME_MS);
  }

  #heard(bytes: Buffer): void {
    const count = this.#decoder.decode(bytes.subarray(3), FRAME_MS, this.#pcm);
    this.sent.hear(monotonicMs(), this.#pcm.subarray(0, count));
  }

  /** A tone without end into this sink, which is a microphone's. */
  static speakInto(server: PulseServer, sink: string): void {
    const player = server.stream('pacat', ['--playback', ...RAW, '--latency-msec=20', `--device=${sink}`]);
    const second = tone(440, 1);
    const bytes = Buffer.from(second.buffer, second.byteOffset, second.byteLength);
    const more = (): void => {
      while (player.stdin!.writable && player.stdin!.write(bytes));
    };
    player.stdin!.on('drain', more);
    more();
  }

  /** From now on what this sink plays is heard. */
  listenAt(sink: string): void {
    const recorder = this.#server.stream('parec', [...RAW, '--latency-msec=10', `--device=${sink}.monitor`]);
    recorder.stdout!.on('data', (chunk: Buffer) => {
      const bytes = Buffer.from(chunk.subarray(0, chunk.length & ~1));
      this.played.hear(monotonicMs(), new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1));
    });
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.child.kill('SIGKILL');
    await this.child.exited;
    this.#encoder.close();
    this.#decoder.close();
  }
}
