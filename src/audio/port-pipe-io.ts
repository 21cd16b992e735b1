/**
 * The voice child's end of the stream between it and the agent (`port.ts`), which the agent left on a descriptor.
 * `voice-io.ts` owns one, takes bytes from it and gives it frames.
 *
 * To be woken for whatever comes costs as much as to decode it, and in a call something comes fifty times a second, just as
 * often as the child ticks. So while it ticks the pipe is not watched: what came waits until the child `look`s, and arrival times
 * are in the frames. Read and written at once, by the descriptor, for Node's streams cost more than what they carry here. Where
 * a descriptor cannot be read so (Windows) it is watched always.
 */
import { readSync, writeSync } from 'node:fs';
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import process from 'node:process';
import { PORT_READ_BYTES } from './params.ts';

export interface PortPipeEvents {
  /** What came; valid until this returns. */
  onBytes(bytes: Buffer): void;
  /** The other end is gone, once or more often. */
  onEnd(): void;
}

const MAY_WAIT = process.platform !== 'win32';

export class PortPipe {
  readonly #fd: number;
  readonly #events: PortPipeEvents;
  readonly #socket: Socket;
  readonly #room = Buffer.allocUnsafeSlow(PORT_READ_BYTES);

  /** Throws when `fd` is no stream. Watched from the beginning. */
  constructor(fd: number, events: PortPipeEvents) {
    this.#fd = fd;
    this.#events = events;
    // One room for all that comes, and no queue of Node's between it and us.
    const onread = { buffer: this.#room, callback: (count: number) => this.#heard(count) };
    const options: SocketConstructorOpts & ConnectOpts = { fd, readable: true, writable: true, onread };
    this.#socket = new Socket(options);
    for (const end of ['error', 'end', 'close']) this.#socket.on(end, () => events.onEnd());
  }

  /** Whether what comes is told by itself; otherwise it waits until somebody looks. */
  watch(on: boolean): void {
    if (on) this.#socket.resume();
    else if (MAY_WAIT) this.#socket.pause();
  }

  /** Takes what waits now. */
  look(): void {
    if (!this.#socket.isPaused()) return;
    for (let more = true; more && !this.#socket.destroyed; ) {
      const count = this.#read();
      if (count === undefined) return;
      if (count === 0) return this.#events.onEnd();
      more = count === this.#room.length;
      this.#heard(count);
    }
  }

  /** Bytes that the agent has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  /** Whole frames, which belong to the pipe from here on. */
  write(bytes: Buffer): void {
    if (!this.#socket.writable) return;
    const sent = this.#socket.writableLength === 0 ? this.#send(bytes) : 0;
    if (sent < bytes.length) this.#socket.write(sent === 0 ? bytes : bytes.subarray(sent));
  }

  /** Lets what is written go out, then closes. Never rejects. */
  async end(): Promise<void> {
    if (this.#socket.writable) {
      await new Promise<void>((resolve) => {
        this.#socket.once('close', () => resolve());
        this.#socket.end(() => resolve());
      });
    }
    this.#socket.destroy();
  }

  #heard(count: number): boolean {
    this.#events.onBytes(this.#room.subarray(0, count));
    return true;
  }

  /** Undefined when nothing waits, 0 when nothing will come any more. */
  #read(): number | undefined {
    try {
      return readSync(this.#fd, this.#room);
    } catch (error) {
      return isFull(error) ? undefined : 0;
    }
  }

  /** How much of it the system takes at once; what is wrong with the pipe is told otherwise. */
  #send(bytes: Buffer): number {
    if (!MAY_WAIT) return 0;
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      return isFull(error) ? 0 : bytes.length;
    }
  }
}

/** Or empty: it would have to wait. */
function isFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN';
}
