/**
 * Sound cards through PortAudio (the optional package naudiodon 2.3): macOS, Windows, and Linux without PulseAudio or
 * PipeWire. The one owner of PortAudio. `device-choice.ts` opens what is here.
 *
 * Its .node file is loaded directly: the package's own index.js registers a crash handler that writes `crash.log` to
 * the working directory, and hides promises behind Node streams with half a second of buffer. What else was measured:
 * - one object for the microphone, one for the speaker: a duplex stream once died without a word;
 * - `closeOnError` stays off: the underrun at every start would destroy the stream;
 * - the callback blocks while the speaker's queue is empty, so two frames of silence go first;
 * - `create`, `getDevices` and `start` block the event loop, with all of ALSA's configuration for 300 ms;
 * - it prints to stdout and stderr, which is why this process has a log file there;
 * - its threads may outlive `quit`, so closing waits no longer than DEVICE_CLOSE_MS_MAX.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Capture, DeviceEvents, Playback } from './device.ts';
import { AudioFailure } from './failure.ts';
import { FrameQueue } from './frame-queue.ts';
import { load, packageFolder } from './optional-package-file.ts';
import {
  DEVICE_CLOSE_MS_MAX,
  DEVICE_SILENT_MS_MAX,
  FRAME_BYTES,
  FRAME_MS,
  FRAME_SAMPLES,
  PLAYBACK_PREFILL_FRAMES,
  SAMPLE_RATE_HZ,
} from './params.ts';
import { bytesOf } from './pcm.ts';
import type { SoundDevices } from './port.ts';
import { SpeakerTrim } from './speaker-trim.ts';

interface DeviceInfo {
  readonly id: number;
  readonly name: string;
  readonly maxInputChannels: number;
  readonly maxOutputChannels: number;
}

interface StreamOptions {
  readonly deviceId: number;
  readonly channelCount: number;
  readonly sampleFormat: number;
  readonly sampleRate: number;
  readonly framesPerBuffer: number;
  readonly maxQueue: number;
  readonly closeOnError: boolean;
}

interface NativeStream {
  start(): void;
  read(bytes: number): Promise<{ readonly buf?: Buffer; readonly finished?: boolean; readonly err?: string }>;
  write(bytes: Buffer): Promise<string | undefined>;
  quit(how: 'WAIT' | 'ABORT'): Promise<void>;
}

interface Addon {
  getDevices(): DeviceInfo[];
  getHostAPIs(): {
    readonly defaultHostAPI: number;
    readonly HostAPIs: readonly {
      readonly id: number;
      readonly defaultInput: number;
      readonly defaultOutput: number;
    }[];
  };
  create(options: { readonly inOptions: StreamOptions } | { readonly outOptions: StreamOptions }): NativeStream;
}

/** Frames that PortAudio's side may hold for the microphone; the thread blocks when they are full. */
const INPUT_QUEUE = 8;
/** Frames between us and the callback: with two the same call took 40 ms longer, with one it did not glitch more (M). */
const OUTPUT_QUEUE = 1;
/** PortAudio's own period: half a frame, 24 ms less delay than a whole one (M). */
const BUFFER_SAMPLES = FRAME_SAMPLES / 2;
/** Frames that wait for the card, beyond which new ones are given up: it hangs. */
const WRITES_MAX = 50;
/** Delay of ALSA and the card beside our own queues, a guess from the loop through PulseAudio (40 ms both ways). */
const CARD_MS = 20;

/** True when the package is installed and was built. */
export function hasPortAudio(): boolean {
  return addonFile() !== undefined;
}

function addonFile(): string | undefined {
  const folder = packageFolder('naudiodon');
  const file = folder && path.join(folder, 'build', 'Release', 'naudiodon.node');
  return file && existsSync(file) ? file : undefined;
}

function loadAddon(): Addon {
  const file = addonFile();
  if (!file) throw new AudioFailure('audio-no-device', 'PortAudio (the optional package naudiodon) is not installed');
  try {
    return load(file) as Addon;
  } catch (thrown) {
    throw new AudioFailure('audio-no-device', `PortAudio does not load: ${(thrown as Error).message}`);
  }
}

/** Opens this microphone, or the default one. Throws AudioFailure. */
export function openPortAudioCapture(device: PortAudioDevice | undefined, events: DeviceEvents): Capture {
  const addon = loadAddon();
  if (device === undefined) devicesOf(addon, 'source');
  const stream = start('microphone', () => addon.create({ inOptions: options(device?.id, INPUT_QUEUE) }));
  const queue = new FrameQueue();
  let open = true;
  const lose = (cause: string): void => {
    if (!open) return;
    open = false;
    events.onLost(new AudioFailure('audio-no-device', `microphone: ${cause}`));
  };
  // After some xruns PortAudio stops for good without an error: a card that is silent for so long is gone.
  const watch = setTimeout(() => lose('the card gives no more sound'), DEVICE_SILENT_MS_MAX);
  const listen = async (): Promise<void> => {
    while (open) {
      const { buf, finished, err } = await stream.read(FRAME_BYTES);
      if (!open) return;
      watch.refresh();
      if (finished || err !== undefined || !buf) throw new Error(err ?? 'the stream ended');
      for (let frames = queue.push(buf); frames > 0; frames--) events.onFrame();
    }
  };
  listen()
    .catch((thrown: unknown) => lose((thrown as Error).message))
    .finally(() => clearTimeout(watch));
  return {
    kind: 'portaudio',
    name: device?.name,
    paced: true,
    read: () => queue.take(),
    delayMs: FRAME_MS + CARD_MS,
    get overruns() {
      return queue.lost;
    },
    close: () => {
      open = false;
      clearTimeout(watch);
      return quit(stream);
    },
  };
}

/** Opens this speaker, or the default one. Throws AudioFailure. */
export function openPortAudioPlayback(device: PortAudioDevice | undefined, events: DeviceEvents): Playback {
  const addon = loadAddon();
  if (device === undefined) devicesOf(addon, 'sink');
  const stream = start('speaker', () => {
    const created = addon.create({ outOptions: options(device?.id, OUTPUT_QUEUE) });
    for (let frame = 0; frame < PLAYBACK_PREFILL_FRAMES; frame++) void created.write(Buffer.alloc(FRAME_BYTES));
    return created;
  });
  return new PortAudioPlayback(stream, device?.name, events);
}

/** Writes one frame at a time: two in the thread pool at once may overtake one another. */
class PortAudioPlayback implements Playback {
  readonly kind = 'portaudio';
  readonly name: string | undefined;
  readonly #stream: NativeStream;
  readonly #events: DeviceEvents;
  readonly #trim = new SpeakerTrim();
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  readonly #waiting: Buffer[] = [];
  #writing = false;
  #open = true;
  #sent: Int16Array | undefined;

  constructor(stream: NativeStream, name: string | undefined, events: DeviceEvents) {
    this.name = name;
    this.#stream = stream;
    this.#events = events;
  }

  get delayMs(): number {
    return (OUTPUT_QUEUE + this.#waiting.length) * FRAME_MS + CARD_MS;
  }

  /** Not known: PortAudio prints its underruns and tells nobody. */
  readonly underruns = 0;

  write(pcm: Int16Array): void {
    this.#sent = undefined;
    if (!this.#open || this.#waiting.length >= WRITES_MAX) return;
    this.#trim.queued(this.#waiting.length * FRAME_MS);
    this.#frame.set(pcm);
    this.#sent = this.#trim.pass(this.#frame);
    if (!this.#sent) return;
    this.#waiting.push(Buffer.from(bytesOf(this.#sent)));
    if (!this.#writing) void this.#drain();
  }

  sent(): Int16Array | undefined {
    return this.#sent;
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    try {
      for (let next = this.#waiting.shift(); next && this.#open; next = this.#waiting.shift()) {
        const failed = await this.#stream.write(next);
        if (failed !== undefined) throw new Error(failed);
      }
    } catch (thrown) {
      if (this.#open) {
        this.#open = false;
        this.#events.onLost(new AudioFailure('audio-no-device', `speaker: ${(thrown as Error).message}`));
      }
    } finally {
      this.#writing = false;
    }
  }

  close(): Promise<void> {
    this.#open = false;
    return quit(this.#stream);
  }
}

/** A device of PortAudio: its number, and what people call it. */
export interface PortAudioDevice {
  readonly id: number;
  readonly name: string;
}

/**
 * The first device of that side whose name contains `wanted`, without case; undefined when there is none.
 * Blocks while PortAudio looks at every card. Throws AudioFailure when PortAudio is not there.
 */
export function findPortAudioDevice(side: 'source' | 'sink', wanted: string): PortAudioDevice | undefined {
  const folded = wanted.toLowerCase();
  return devicesOf(loadAddon(), side).find((device) => device.name.toLowerCase().includes(folded));
}

/** All devices; empty lists when PortAudio is not there. Blocks while it looks at every card. */
export function listPortAudio(): Pick<SoundDevices, 'inputs' | 'outputs'> {
  const addon = loadAddon();
  const { defaultHostAPI, HostAPIs } = addon.getHostAPIs();
  const defaults = HostAPIs.find(({ id }) => id === defaultHostAPI) ?? HostAPIs[0];
  const devices = addon.getDevices();
  const asDevice = (defaultId: number | undefined) => (device: DeviceInfo) => {
    const { name, id } = device;
    return { name, description: name, isDefault: id === defaultId, isMonitor: false, isChosen: false };
  };
  return {
    inputs: devices.filter(({ maxInputChannels }) => maxInputChannels > 0).map(asDevice(defaults?.defaultInput)),
    outputs: devices.filter(({ maxOutputChannels }) => maxOutputChannels > 0).map(asDevice(defaults?.defaultOutput)),
  };
}

/** True when PortAudio sees a microphone or a speaker. Blocks while it looks at every card. */
export function devicesExist(): boolean {
  try {
    return loadAddon().getDevices().length > 0;
  } catch {
    return false;
  }
}

function devicesOf(addon: Addon, side: 'source' | 'sink'): DeviceInfo[] {
  const devices = addon.getDevices().filter((device) => {
    return (side === 'source' ? device.maxInputChannels : device.maxOutputChannels) > 0;
  });
  if (devices.length > 0) return devices;
  throw new AudioFailure('audio-no-device', `PortAudio finds no ${side === 'source' ? 'microphone' : 'speaker'}`);
}

function options(deviceId: number | undefined, maxQueue: number): StreamOptions {
  return {
    deviceId: deviceId ?? -1,
    channelCount: 1,
    sampleFormat: 16,
    sampleRate: SAMPLE_RATE_HZ,
    framesPerBuffer: BUFFER_SAMPLES,
    maxQueue,
    closeOnError: false,
  };
}

function start(what: string, create: () => NativeStream): NativeStream {
  try {
    const stream = create();
    stream.start();
    return stream;
  } catch (thrown) {
    const message = (thrown as Error).message;
    const code = /busy|unavailable/i.test(message) ? 'audio-device-busy' : 'audio-no-device';
    throw new AudioFailure(code, `${what}: ${message}`);
  }
}

async function quit(stream: NativeStream): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DEVICE_CLOSE_MS_MAX);
  });
  await Promise.race([stream.quit('WAIT').catch(() => undefined), patience]);
  clearTimeout(timer);
}
