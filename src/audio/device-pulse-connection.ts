/**
 * One connection to a PulseAudio server, or to PipeWire in its place, in its native protocol: we introduce ourselves, ask and get
 * answers, and are told of events. `device-pulse.ts` opens one for each stream, look and watch; what moves sound on it is
 * `device-pulse-stream.ts`. The protocol is spoken as of version 14 (PulseAudio 0.9.12, 2008), the newest that has all we
 * need; servers of today speak all versions from 8 on.
 */
import net from 'node:net';
import { COMMAND, commandPacket, PacketSplitter, type PulsePacket } from './device-pulse-packets.ts';
import type { PulseAddress } from './device-pulse-server.ts';
import { NO_INDEX, type TagReader, type TagWriter } from './device-pulse-tags.ts';
import { AudioFailure } from './failure.ts';
import { PULSE_ANSWER_MS_MAX } from './params.ts';

const VERSION = 14;
const BUSY = 26;
const ERRORS = new Map([
  [1, 'access denied'],
  [3, 'invalid argument'],
  [5, 'no such entity'],
  [7, 'protocol error'],
  [BUSY, 'device or resource busy'],
]);

export interface PulseEvents {
  /** What nobody asked for; `values` behind command and tag. */
  onCommand(command: number, values: TagReader): void;
  /** Samples of a recording stream, a view that is valid during the call. */
  onSamples(channel: number, bytes: Buffer): void;
  /** The server is gone, once; never after `close`. */
  onEnd(cause: string): void;
}

interface Question {
  readonly resolve: (values: TagReader) => void;
  readonly reject: (failure: AudioFailure) => void;
}

export class PulseConnection {
  readonly #socket: net.Socket;
  readonly #splitter = new PacketSplitter();
  readonly #questions = new Map<number, Question>();
  #events: PulseEvents | undefined;
  #tag = 0;
  #ended = false;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('the sound server ended the connection'));
  }

  /** Resolves when the server has let us in; rejects with AudioFailure. */
  static async open(address: PulseAddress, cookie: Uint8Array): Promise<PulseConnection> {
    const connection = new PulseConnection(net.connect(address));
    try {
      await connection.ask(COMMAND.auth, (values) => values.u32(VERSION).raw(cookie));
      await connection.ask(COMMAND.setClientName, (values) => {
        values.properties({ 'application.name': 'wren', 'application.process.id': String(process.pid) });
      });
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  /** From now on these are told. */
  listen(events: PulseEvents): void {
    this.#events = events;
    if (this.#ended) queueMicrotask(() => events.onEnd('the sound server ended the connection'));
  }

  /** Bytes that the server has not taken yet. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** Resolves with what the server answers; rejects with AudioFailure on a refusal, its end, or after two seconds. */
  ask(command: number, write?: (values: TagWriter) => void): Promise<TagReader> {
    return new Promise((resolve, reject) => {
      const tag = this.#tag++;
      const timer = setTimeout(() => this.#fail(tag, 'the sound server does not answer'), PULSE_ANSWER_MS_MAX);
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          clearTimeout(timer);
          settle(value);
        };
      };
      this.#questions.set(tag, { resolve: settled(resolve), reject: settled(reject) });
      if (this.#ended) this.#fail(tag, 'the sound server has ended the connection');
      else this.send(commandPacket(command, tag, write));
    });
  }

  send(packet: Buffer): void {
    if (!this.#ended) this.#socket.write(packet);
  }

  close(): void {
    this.#events = undefined;
    this.#end('closed');
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    for (const packet of this.#splitter.push(chunk)) this.#take(packet);
    if (!this.#splitter.broken) return;
    this.#end('what answers is no sound server');
    this.#socket.destroy();
  }

  #take(packet: PulsePacket): void {
    if (packet.type === 'samples') return this.#events?.onSamples(packet.channel, packet.bytes);
    const { command, tag, values } = packet;
    if (tag === NO_INDEX) return this.#events?.onCommand(command, values);
    if (command === COMMAND.error) return this.#refused(tag, values.u32());
    if (command === COMMAND.reply) this.#questions.get(tag)?.resolve(values);
    this.#questions.delete(tag);
  }

  #refused(tag: number, error: number): void {
    const words = ERRORS.get(error) ?? `error ${error} of the sound server`;
    this.#fail(tag, words, error === BUSY ? 'audio-device-busy' : 'audio-no-device');
  }

  #fail(tag: number, words: string, code: 'audio-no-device' | 'audio-device-busy' = 'audio-no-device'): void {
    this.#questions.get(tag)?.reject(new AudioFailure(code, words));
    this.#questions.delete(tag);
  }

  #end(cause: string): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const tag of [...this.#questions.keys()]) this.#fail(tag, cause);
    this.#events?.onEnd(cause);
  }
}
