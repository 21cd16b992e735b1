/**
 * Sound through a PulseAudio server, or PipeWire in its place: the programs `parec` and `pacat` of pulseaudio-utils
 * move raw samples through pipes. On Linux this is 20 to 40 ms quicker than PortAudio and survives its drivers'
 * faults (measured). The one owner of PulseAudio. `device-choice.ts` asks `findPulse` and opens what is here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Capture, DeviceEvents, Playback } from './device.ts';
import { StreamProcess } from './device-pulse-stream.ts';
import { chosenOf, type PulseSide, readDefault, readDevices, tellsOfDevices } from './device-pulse-words.ts';
import { FrameQueue } from './frame-queue.ts';
import {
  DEVICE_EVENTS_GATHER_MS,
  FRAME_MS,
  FRAME_SAMPLES,
  PLAYBACK_PREFILL_FRAMES,
  PULSE_CAPTURE_MS,
  PULSE_PLAYBACK_MS,
  PULSE_PROBE_MS_MAX,
  SAMPLE_RATE_HZ,
} from './params.ts';
import { bytesOf, SILENCE } from './pcm.ts';
import type { SoundDevices } from './port.ts';
import { SpeakerTrim } from './speaker-trim.ts';
import { watchStream } from './stream-watch.ts';

type Environment = { readonly [name: string]: string | undefined };

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
export async function findPulseDevice(pulse: Pulse, side: PulseSide, wanted: string): Promise<string | undefined> {
  const text = await pactl(pulse, ['list', `${side}s`]).catch(() => '');
  return chosenOf(readDevices(text, undefined), wanted)?.name;
}

/** Rejects when the server is gone. */
export async function listPulse(pulse: Pulse): Promise<Pick<SoundDevices, 'inputs' | 'outputs'>> {
  const [info, sources, sinks] = await Promise.all([
    pactl(pulse, ['info']),
    pactl(pulse, ['list', 'sources']),
    pactl(pulse, ['list', 'sinks']),
  ]);
  return {
    inputs: readDevices(sources, readDefault(info, 'source')),
    outputs: readDevices(sinks, readDefault(info, 'sink')),
  };
}

/** The server's default. Undefined when it is gone. */
export async function defaultPulseDevice(pulse: Pulse, side: PulseSide): Promise<string | undefined> {
  return readDefault(await pactl(pulse, ['info']).catch(() => ''), side);
}

/**
 * Calls `onChange` some milliseconds after devices came, went or became the default, until `end`, and `onEnd` once when the
 * server dies before.
 */
export function watchPulse(
  pulse: Pulse,
  { onChange, onEnd }: { readonly onChange: () => void; readonly onEnd: () => void },
): { end(): void } {
  const child = spawn('pactl', ['subscribe'], { env: pulse.env, stdio: ['ignore', 'pipe', 'ignore'] });
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const end = (): void => {
    clearTimeout(timer);
    if (!ended) onEnd();
    ended = true;
  };
  child.once('error', end);
  child.once('exit', end);
  child.stdout.setEncoding('latin1');
  child.stdout.on('data', (text: string) => {
    if (ended || timer || !tellsOfDevices(text)) return;
    timer = setTimeout(() => {
      timer = undefined;
      onChange();
    }, DEVICE_EVENTS_GATHER_MS);
  });
  return {
    end: () => {
      ended = true;
      clearTimeout(timer);
      child.kill('SIGTERM');
    },
  };
}

function streamArguments(device: string | undefined, latencyMs: number): string[] {
  return [
    '--raw',
    '--verbose',
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
  const life = new StreamProcess(child, { side: 'microphone', device }, events);
  const queue = new FrameQueue();
  const silence = watchStream(() => life.fail('no more sound comes'));
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
    get name() {
      return life.name;
    },
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
  const child = spawn('pacat', ['--playback', ...streamArguments(device, PULSE_PLAYBACK_MS)], {
    env: pulse.env,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const playback = new PulsePlayback(child, device, events);
  await playback.opened;
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
  /** Its clock is told each 50 ms: one that stands still is a program that hangs. */
  readonly #silence: { heard(): void; end(): void };
  readonly #trim = new SpeakerTrim();
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #writtenMs = 0;
  #delayMs = PULSE_PLAYBACK_MS + PLAYBACK_PREFILL_FRAMES * FRAME_MS;
  #underruns = 0;
  #sent: Int16Array | undefined;

  constructor(child: ChildProcess, device: string | undefined, events: DeviceEvents) {
    this.#child = child;
    this.#life = new StreamProcess(child, { side: 'speaker', device }, events, (line) => this.#told(line));
    this.#silence = watchStream(() => this.#life.fail('it plays no more'));
    for (const end of ['exit', 'error'] as const) child.once(end, () => this.#silence.end());
    child.stdin?.on('error', () => undefined);
    for (let frame = 0; frame < PLAYBACK_PREFILL_FRAMES; frame++) this.#send(SILENCE);
  }

  get opened(): Promise<void> {
    return this.#life.opened;
  }

  get name(): string | undefined {
    return this.#life.name;
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
    this.#silence.end();
    return this.#life.close();
  }

  #send(pcm: Int16Array): void {
    const pipe = this.#child.stdin;
    if (!pipe?.writable || pipe.writableLength > PIPE_BACKLOG_BYTES_MAX) return;
    pipe.write(Buffer.from(bytesOf(pcm)));
    this.#writtenMs += (pcm.length * 1000) / SAMPLE_RATE_HZ;
  }

  #told(line: string): void {
    if (line.includes('underrun')) {
      this.#underruns++;
      this.#trim.ranDry();
    }
    const [, heardS, heldUs] = /^Time: (\d+\.\d+) sec; Latency: (\d+) usec/.exec(line) ?? [];
    if (heardS === undefined) return;
    this.#life.heard();
    this.#silence.heard();
    this.#delayMs = this.#writtenMs - Number(heardS) * 1000;
    this.#trim.queued(this.#delayMs - Number(heldUs) / 1000);
    this.#trim.level(this.#delayMs);
  }
}
