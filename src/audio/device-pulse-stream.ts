/**
 * One stream of sound at a PulseAudio server: how it is asked for, and its life until it is lost or closed by us. The
 * microphone and the speaker (`device-pulse-microphone.ts`, `device-pulse-speaker.ts`) move its samples.
 */
import type { DeviceEvents } from './device.ts';
import type { PulseConnection } from './device-pulse-connection.ts';
import { COMMAND } from './device-pulse-packets.ts';
import { NO_INDEX, type TagReader, type TagWriter } from './device-pulse-tags.ts';
import { AudioFailure } from './failure.ts';
import {
  DEVICE_OPEN_MS_MAX,
  PULSE_ASK_MS,
  PULSE_CAPTURE_MS,
  PULSE_QUEUE_MS_MAX,
  PULSE_SPEAKER_MS,
  SAMPLE_RATE_HZ,
} from './params.ts';
import { bytesIn } from './pcm.ts';
import { watchStream } from './stream-watch.ts';

export interface PulseStream {
  readonly channel: number;
  /** Where the server has put it. */
  readonly name: string | undefined;
  /** What the device was made to hold, ms. */
  readonly latencyMs: number;
}

const PROPERTIES = { 'media.name': 'call', 'media.role': 'phone' };
/** Bytes after which the server begins to play, also after it ran dry: one sample. */
const AT_ONCE = 2;

/** `device`: undefined for the server's default, which the stream then follows. */
export async function createPlayback(connection: PulseConnection, device: string | undefined): Promise<PulseStream> {
  // The server would like to be asked; what it holds is ours to say, so it need not ask often. The device gets half of
  // what lies beyond two of its questions.
  const target = 2 * PULSE_ASK_MS + 2 * PULSE_SPEAKER_MS;
  const values = await connection.ask(COMMAND.createPlaybackStream, (write) => {
    write.sampleSpec(SAMPLE_RATE_HZ).monoMap().u32(NO_INDEX).string(device).u32(bytesIn(PULSE_QUEUE_MS_MAX));
    write.flags(false).u32(bytesIn(target), AT_ONCE, bytesIn(PULSE_ASK_MS), 0).fullVolume();
    fixed(write).flags(false, true).properties(PROPERTIES).flags(false, false);
  });
  const channel = values.u32();
  // Its index among all, what it asks for, and four sizes.
  values.skip(6);
  return made(channel, values);
}

/** As `createPlayback`. */
export async function createRecord(connection: PulseConnection, device: string | undefined): Promise<PulseStream> {
  const values = await connection.ask(COMMAND.createRecordStream, (write) => {
    write.sampleSpec(SAMPLE_RATE_HZ).monoMap().u32(NO_INDEX).string(device).u32(bytesIn(PULSE_QUEUE_MS_MAX));
    write.flags(false).u32(bytesIn(PULSE_CAPTURE_MS));
    fixed(write).flags(false, true).properties(PROPERTIES).u32(NO_INDEX).flags(false);
  });
  const channel = values.u32();
  values.skip(3);
  return made(channel, values);
}

/** What we leave to the server: it mixes, converts, and moves the stream as a person wishes. */
function fixed(write: TagWriter): TagWriter {
  return write.flags(false, false, false, false, false, false, false);
}

function made(channel: number, values: TagReader): PulseStream {
  values.skip(3);
  const name = values.string();
  values.flag();
  const latencyMs = values.microseconds() / 1000;
  if (values.broken) throw new AudioFailure('audio-no-device', 'the sound server answers what nobody understands');
  return { channel, name, latencyMs };
}

export interface StreamHooks {
  onSamples?(bytes: Buffer): void;
  onUnderflow?(): void;
  /** It is at another device; instead of `onMoved` of the events. */
  onMoved?(): void;
}

/** A stream from its making to its end. The connection is its own and ends with it. */
export class StreamLife {
  readonly #connection: PulseConnection;
  readonly #what: string;
  readonly #events: DeviceEvents;
  readonly #silence: { heard(): void; end(): void };
  /** Resolves at its first sound, or when that is long in coming: a suspended or slow card is open all the same. */
  readonly opened: Promise<void>;
  #open: () => void = () => undefined;
  readonly #openTimer: NodeJS.Timeout;
  #failure: AudioFailure | undefined;
  #name: string | undefined;
  #isOpen = false;
  #over = false;

  constructor(
    connection: PulseConnection,
    stream: PulseStream,
    what: { readonly side: 'microphone' | 'speaker'; readonly device: string | undefined },
    events: DeviceEvents,
    hooks: StreamHooks,
  ) {
    this.#connection = connection;
    this.#what = what.device === undefined ? what.side : `${what.side} ${what.device}`;
    this.#events = events;
    this.#name = stream.name;
    this.opened = new Promise((resolve, reject) => {
      this.#open = () => (this.#failure ? reject(this.#failure) : resolve());
    });
    // Whoever does not wait is told by the events.
    this.opened.catch(() => undefined);
    this.#openTimer = setTimeout(() => this.#nowOpen(), DEVICE_OPEN_MS_MAX);
    this.#silence = watchStream(() => this.fail('no more sign of it comes'));
    connection.listen({
      onSamples: (channel, bytes) => {
        if (channel === stream.channel) hooks.onSamples?.(bytes);
      },
      onCommand: (command, values) => {
        if (values.u32() === stream.channel) this.#command(command, values, hooks);
      },
      onEnd: (cause) => this.fail(cause),
    });
  }

  /** Where the server has it now. */
  get name(): string | undefined {
    return this.#name;
  }

  /** A sign that sound moves. */
  heard(): void {
    this.#silence.heard();
    if (!this.#isOpen) this.#nowOpen();
  }

  /** Lost, and of no use any more; told once. */
  fail(cause: string, code: AudioFailure['code'] = 'audio-no-device'): void {
    if (this.#over) return;
    const failure = new AudioFailure(code, `${this.#what}: ${cause}`);
    const wasOpen = this.#isOpen;
    if (!wasOpen) this.#failure = failure;
    this.#end();
    // One that was never open is refused to whoever opens it.
    if (wasOpen) this.#events.onLost(failure);
  }

  close(): void {
    this.#end();
  }

  #command(command: number, values: TagReader, hooks: StreamHooks): void {
    switch (command) {
      case COMMAND.playbackStreamKilled:
      case COMMAND.recordStreamKilled:
        return this.fail('the sound server ended it');
      case COMMAND.playbackStreamMoved:
      case COMMAND.recordStreamMoved: {
        values.skip();
        const name = values.string();
        if (name === undefined || name === this.#name) return;
        this.#name = name;
        if (hooks.onMoved) hooks.onMoved();
        else this.#events.onMoved?.();
        return;
      }
      case COMMAND.started:
        return this.#nowOpen();
      case COMMAND.underflow:
        hooks.onUnderflow?.();
    }
  }

  #nowOpen(): void {
    clearTimeout(this.#openTimer);
    this.#isOpen = true;
    this.#open();
  }

  #end(): void {
    this.#over = true;
    this.#nowOpen();
    this.#silence.end();
    this.#connection.close();
  }
}
