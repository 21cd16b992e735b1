/**
 * The speaker at a PulseAudio server. We write at our own pace and keep the server's queue as short as it may be: a frame
 * is written when what waits there has shrunk to a reserve of some milliseconds, and that is asked for every few frames. A
 * queue that ran dry is filled up to the reserve again with silence, and teaches to keep more.
 */
import type { DeviceEvents, Playback } from './device.ts';
import type { PulseConnection } from './device-pulse-connection.ts';
import { COMMAND, samplesPacket } from './device-pulse-packets.ts';
import { createPlayback, type PulseStream, StreamLife } from './device-pulse-stream.ts';
import type { TagReader } from './device-pulse-tags.ts';
import {
  FRAME_SAMPLES,
  PULSE_BACKLOG_BYTES_MAX,
  PULSE_LOOK_FRAMES,
  PULSE_RESERVE_MS,
  PULSE_RESERVE_STEP_MS,
  PULSE_TOLERANCE_MS,
} from './params.ts';
import { bytesIn, bytesOf, SILENCE } from './pcm.ts';
import { SpeakerTrim } from './speaker-trim.ts';

/** Opens the speaker on a connection of its own, which it ends. Rejects with AudioFailure. */
export async function openSpeaker(
  connection: PulseConnection,
  device: string | undefined,
  events: DeviceEvents,
): Promise<Playback> {
  try {
    const playback = new PulsePlayback(connection, await createPlayback(connection, device), device, events);
    await playback.opened;
    return playback;
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
}

class PulsePlayback implements Playback {
  readonly kind = 'pulse';
  readonly #connection: PulseConnection;
  readonly #channel: number;
  readonly #life: StreamLife;
  readonly #trim = new SpeakerTrim({
    reserveMs: PULSE_RESERVE_MS,
    stepMs: PULSE_RESERVE_STEP_MS,
    toleranceMs: PULSE_TOLERANCE_MS,
  });
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  #delayMs: number;
  #underruns = 0;
  #dry = true;
  #frames = 0;
  #sent: Int16Array | undefined;

  constructor(connection: PulseConnection, stream: PulseStream, device: string | undefined, events: DeviceEvents) {
    this.#connection = connection;
    this.#channel = stream.channel;
    this.#delayMs = stream.latencyMs + PULSE_RESERVE_MS;
    this.#life = new StreamLife(connection, stream, { side: 'speaker', device }, events, {
      onUnderflow: () => this.#ranDry(),
    });
    // A little silence, to hear that the device plays.
    connection.send(samplesPacket(this.#channel, bytesOf(SILENCE)));
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
    if (this.#frames++ % PULSE_LOOK_FRAMES === 0) this.#look();
    this.#frame.set(pcm);
    this.#sent = this.#trim.pass(this.#frame);
    if (this.#sent) this.#send(this.#sent);
  }

  sent(): Int16Array | undefined {
    return this.#sent;
  }

  async close(): Promise<void> {
    this.#life.close();
  }

  #send(pcm: Int16Array): void {
    if (this.#connection.backlog > PULSE_BACKLOG_BYTES_MAX) return;
    const reserve = this.#dry ? Buffer.alloc(bytesIn(this.#trim.reserveMs)) : undefined;
    this.#dry = false;
    const bytes = bytesOf(pcm);
    this.#connection.send(samplesPacket(this.#channel, reserve ? Buffer.concat([reserve, bytes]) : bytes));
  }

  #ranDry(): void {
    this.#dry = true;
    // Nothing was written yet: it has played what it was opened with.
    if (this.#frames === 0) return;
    this.#underruns++;
    this.#trim.ranDry();
  }

  /** How much waits just before a frame is written. */
  #look(): void {
    this.#connection
      .ask(COMMAND.getPlaybackLatency, (values) => values.u32(this.#channel).time())
      .then(
        (values) => this.#looked(values),
        // A server that does not answer is found by the watch of the stream.
        () => undefined,
      );
  }

  #looked(values: TagReader): void {
    const deviceMs = values.microseconds() / 1000;
    values.skip();
    const plays = values.flag();
    values.skip(2);
    const [written, read] = [values.s64(), values.s64()];
    if (values.broken) return;
    this.#life.heard();
    if (!plays) return;
    const queueMs = Math.max(0, (written - read) / bytesIn(1));
    this.#delayMs = queueMs + deviceMs;
    this.#trim.queued(queueMs);
    this.#trim.level(queueMs + deviceMs);
  }
}
