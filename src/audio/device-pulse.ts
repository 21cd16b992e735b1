/**
 * Sound through a PulseAudio server, or PipeWire in its place: the programs `parec` and `pacat` of pulseaudio-utils
 * move raw samples through pipes. On Linux this is 20 to 40 ms quicker than PortAudio and survives its drivers'
 * faults (measured). The one owner of PulseAudio. `device-choice.ts` asks `findPulse` and opens what is here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Capture, DeviceEvents, Playback } from './device.ts';
import { AudioFailure, type AudioFailureCode } from './failure.ts';
import { FrameQueue } from './frame-queue.ts';
import {
  DEVICE_CLOSE_MS_MAX,
  DEVICE_OPEN_MS_MAX,
  FRAME_MS,
  FRAME_SAMPLES,
  PLAYBACK_PREFILL_FRAMES,
  PULSE_CAPTURE_MS,
  PULSE_PLAYBACK_MS,
  PULSE_PROBE_MS_MAX,
  SAMPLE_RATE_HZ,
} from './params.ts';
import { bytesOf, SILENCE } from './pcm.ts';
import { SpeakerTrim } from './speaker-trim.ts';
import { watchStream } from './stream-watch.ts';

type Environment = { readonly [name: string]: string | undefined };
type Side = 'source' | 'sink';

/** A server that answers, and the programs to talk to it. */
export interface Pulse {
  readonly env: Environment;
}

/** Unread bytes towards pacat above which frames are given up: it hangs. */
const PIPE_BACKLOG_BYTES_MAX = 64_000;

/**
 * A running server, or undefined. Nothing is started: without a socket to be seen `pactl` is not even asked, because
 * libpulse would start a server of its own.
 */
export async function findPulse(env: Environment): Promise<Pulse | undefined> {
  if (process.platform !== 'linux' && !env.PULSE_SERVER) return undefined;
  if (!hasServer(env) || !['parec', 'pacat', 'pactl'].every((program) => onPath(env, program))) return undefined;
  const pulse = { env: { ...env, LC_ALL: 'C' } };
  try {
    await pactl(pulse, ['info']);
    return pulse;
  } catch {
    return undefined;
  }
}

function hasServer(env: Environment): boolean {
  if (env.PULSE_SERVER) return true;
  const runtime = env.PULSE_RUNTIME_PATH ?? (env.XDG_RUNTIME_DIR && path.join(env.XDG_RUNTIME_DIR, 'pulse'));
  const user = process.getuid?.();
  const folders = [runtime, user === undefined ? undefined : `/run/user/${user}/pulse`, '/run/pulse'];
  return folders.some((folder) => folder !== undefined && existsSync(path.join(folder, 'native')));
}

function onPath(env: Environment, program: string): boolean {
  return (env.PATH ?? '')
    .split(path.delimiter)
    .some((folder) => folder !== '' && existsSync(path.join(folder, program)));
}

function pactl(pulse: Pulse, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: pulse.env, timeout: PULSE_PROBE_MS_MAX, maxBuffer: 4_194_304 };
    execFile('pactl', args, options, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
}

/**
 * The server's name of the source or sink whose name or description contains `wanted`, without case. Undefined when
 * there is none.
 */
export async function findPulseDevice(pulse: Pulse, side: Side, wanted: string): Promise<string | undefined> {
  const text = await pactl(pulse, ['list', `${side}s`]).catch(() => '');
  const folded = wanted.toLowerCase();
  let name: string | undefined;
  for (const line of text.split('\n')) {
    const [, key, value] = /^\s*(Name|Description): (.*)$/.exec(line) ?? [];
    if (key === 'Name') name = value;
    if (value?.toLowerCase().includes(folded)) return name;
  }
  return undefined;
}

function streamArguments(device: string | undefined, latencyMs: number): string[] {
  return [
    '--raw',
    '--format=s16le',
    `--rate=${SAMPLE_RATE_HZ}`,
    '--channels=1',
    `--latency-msec=${latencyMs}`,
    '--client-name=wren',
    '--stream-name=call',
    '--property=media.role=phone',
    ...(device === undefined ? [] : [`--device=${device}`]),
  ];
}

/** Opens the microphone (`device` by the server's name, undefined for its default). Rejects with AudioFailure. */
export async function openPulseCapture(
  pulse: Pulse,
  device: string | undefined,
  events: DeviceEvents,
): Promise<Capture> {
  const child = spawn('parec', streamArguments(device, PULSE_CAPTURE_MS), {
    env: pulse.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const life = new StreamProcess(child, 'microphone', device, events);
  const queue = new FrameQueue();
  const silence = watchStream(() => life.fail('no more sound comes', events));
  child.once('exit', () => silence.end());
  // One that cannot be started has no exit.
  child.once('error', () => silence.end());
  child.stdout.on('data', (chunk: Buffer) => {
    life.heard();
    silence.heard();
    for (let frames = queue.push(chunk); frames > 0; frames--) events.onFrame();
  });
  await life.opened;
  return {
    kind: 'pulse',
    paced: true,
    read: () => queue.take(),
    // What the server gathers, and on average half a frame until ours is full.
    delayMs: PULSE_CAPTURE_MS + FRAME_MS / 2,
    get overruns() {
      return queue.lost;
    },
    close: () => {
      silence.end();
      return life.close();
    },
  };
}

/** Opens the speaker (`device` by the server's name, undefined for its default). Rejects with AudioFailure. */
export async function openPulsePlayback(
  pulse: Pulse,
  device: string | undefined,
  events: DeviceEvents,
): Promise<Playback> {
  const child = spawn('pacat', ['--playback', '--verbose', ...streamArguments(device, PULSE_PLAYBACK_MS)], {
    env: pulse.env,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const life = new StreamProcess(child, 'speaker', device, events);
  const playback = new PulsePlayback(child, life);
  await life.opened;
  return playback;
}

/**
 * pacat reads its pipe only when the server has room. Its verbose lines tell how much has been heard and how much the
 * server and the card hold ("Time: 3.380 sec; Latency: 18000 usec."); what we wrote less both waits in the pipe.
 */
class PulsePlayback implements Playback {
  readonly kind = 'pulse';
  readonly #child: ChildProcess;
  readonly #life: StreamProcess;
  readonly #trim = new SpeakerTrim();
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #writtenMs = 0;
  #delayMs = PULSE_PLAYBACK_MS + PLAYBACK_PREFILL_FRAMES * FRAME_MS;
  #underruns = 0;
  #sent: Int16Array | undefined;

  constructor(child: ChildProcess, life: StreamProcess) {
    this.#child = child;
    this.#life = life;
    child.stderr?.setEncoding('latin1');
    child.stderr?.on('data', (text: string) => this.#told(text));
    child.stdin?.on('error', () => undefined);
    for (let frame = 0; frame < PLAYBACK_PREFILL_FRAMES; frame++) this.#send(SILENCE);
  }

  get delayMs(): number {
    return Math.max(0, Math.round(this.#delayMs));
  }

  get underruns(): number {
    return this.#underruns;
  }

  write(pcm: Int16Array): void {
    this.#frame.set(pcm);
    this.#sent = this.#trim.pass(this.#frame);
    if (this.#sent) this.#send(this.#sent);
  }

  sent(): Int16Array | undefined {
    return this.#sent;
  }

  close(): Promise<void> {
    return this.#life.close();
  }

  #send(pcm: Int16Array): void {
    const pipe = this.#child.stdin;
    if (!pipe?.writable || pipe.writableLength > PIPE_BACKLOG_BYTES_MAX) return;
    pipe.write(Buffer.from(bytesOf(pcm)));
    this.#writtenMs += (pcm.length * 1000) / SAMPLE_RATE_HZ;
  }

  #told(text: string): void {
    this.#life.said(text);
    for (let count = text.split('underrun').length - 1; count > 0; count--) {
      this.#underruns++;
      this.#trim.ranDry();
    }
    const at = text.lastIndexOf('Time: ');
    const [, heardS, heldUs] = /^Time: (\d+\.\d+) sec; Latency: (\d+) usec/.exec(text.slice(at)) ?? [];
    if (at < 0 || heardS === undefined) return;
    this.#life.heard();
    this.#delayMs = this.#writtenMs - Number(heardS) * 1000;
    this.#trim.queued(this.#delayMs - Number(heldUs) / 1000);
    this.#trim.level(this.#delayMs);
  }
}

/** The life of one parec or pacat: opened at its first sign, lost when it ends by itself, closed by us. */
class StreamProcess {
  /** Resolves at the first sign of sound, rejects with AudioFailure when the program ends before. */
  readonly opened: Promise<void>;
  readonly #child: ChildProcess;
  readonly #what: string;
  #settle: { readonly resolve: () => void; readonly reject: (failure: AudioFailure) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastWords = '';
  #closing = false;
  readonly #ended: Promise<void>;

  constructor(child: ChildProcess, side: 'microphone' | 'speaker', device: string | undefined, events: DeviceEvents) {
    this.#child = child;
    this.#what = device === undefined ? side : `${side} ${device}`;
    this.opened = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // A suspended or slow card opens without giving sound yet; that is no failure.
    this.#timer = setTimeout(() => this.heard(), DEVICE_OPEN_MS_MAX);
    if (side === 'microphone') child.stderr?.on('data', (text: Buffer) => this.said(text.toString('latin1')));
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.said(error.message);
        this.#end(events);
        resolve();
      });
      child.once('exit', () => {
        this.#end(events);
        resolve();
      });
    });
  }

  /** The program gave a sign of life. */
  heard(): void {
    clearTimeout(this.#timer);
    this.#settle?.resolve();
    this.#settle = undefined;
  }

  /** The program wrote to stderr: its last line is the cause if it ends. */
  said(text: string): void {
    const line = text
      .trim()
      .split(/[\r\n]+/)
      .at(-1);
    if (line && !line.startsWith('Time:')) this.#lastWords = line.slice(0, 200);
  }

  /** It lives, but is of no use any more: lost, and the caller closes it. */
  fail(cause: string, events: DeviceEvents): void {
    if (this.#closing || this.#settle) return;
    this.#closing = true;
    events.onLost(new AudioFailure('audio-no-device', `${this.#what}: ${cause}`));
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    this.#child.stdin?.end();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), DEVICE_CLOSE_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
  }

  #end(events: DeviceEvents): void {
    clearTimeout(this.#timer);
    const failure = new AudioFailure(codeOf(this.#lastWords), `${this.#what}: ${this.#lastWords || 'it ended'}`);
    const settle = this.#settle;
    this.#settle = undefined;
    if (settle) settle.reject(failure);
    else if (!this.#closing) events.onLost(failure);
  }
}

function codeOf(words: string): AudioFailureCode {
  return /busy/i.test(words) ? 'audio-device-busy' : 'audio-no-device';
}
