/**
 * HOST's way to the laptop while a call runs: finds the newest endpoint that answers, keeps the connection, and looks again
 * when it ends (PROTOCOL.md 10.4). What is said on it is in `endpoint-far.ts`; `endpoint-call.ts` owns one.
 *
 *   looking --welcome--> attached --end--> looking
 */
import net from 'node:net';
import { FarEndpoint } from './endpoint-far.ts';
import type { NearVoiceWord } from './endpoint-words.ts';
import { type EndpointRecord, endpointsAt, forgetEndpoint, isOwnSocket } from './endpoints-file.ts';
import {
  ENDPOINT_BACKLOG_BYTES_MAX,
  ENDPOINT_FAREWELL_MS,
  ENDPOINT_RETRY_MS,
  ENDPOINT_WORDS_BYTES_MAX,
} from './params.ts';
import type { ToVoice } from './port.ts';
import { encodeControl, encodeVoiceDown } from './port-codec.ts';

export interface EndpointLinkHost {
  /** Monotonic ms. */
  now(): number;
  /** Attached to another connection than before: it knows nothing yet. */
  onOpen(name: string): void;
  /** Nobody answers, told once until somebody does. */
  onAway(): void;
  /** A view; to be copied or used at once. */
  onBody(body: Buffer): void;
  onTold(message: NearVoiceWord): void;
}

interface Connection {
  readonly record: EndpointRecord;
  readonly socket: net.Socket;
  core: FarEndpoint | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Resolves with whether it was welcomed. */
  readonly settle: (welcomed: boolean) => void;
}

export class EndpointLink {
  readonly #host: EndpointLinkHost;
  readonly #place: string;
  #current: Connection | undefined;
  /** Being tried. */
  #trying: Connection | undefined;
  #looking = false;
  #again = false;
  #tries = 0;
  #away = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** `place`: a folder of records, or a socket. */
  constructor(place: string, host: EndpointLinkHost) {
    this.#place = place;
    this.#host = host;
    this.look();
  }

  get isAttached(): boolean {
    return this.#current !== undefined;
  }

  get rttMs(): number | undefined {
    return this.#current?.core?.rttMs;
  }

  /** Records may have changed: a newer endpoint is taken, a lost one looked for. */
  look(): void {
    clearTimeout(this.#retry);
    this.#tries = 0;
    void this.#look();
  }

  tell(message: ToVoice): void {
    this.#current?.socket.write(encodeControl(message));
  }

  /** A body for the laptop's speaker; left out while a second of them waits. */
  play(body: Uint8Array): void {
    const socket = this.#current?.socket;
    if (socket && socket.writableLength < ENDPOINT_BACKLOG_BYTES_MAX) socket.write(encodeVoiceDown(0, 0, body));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const connection of [this.#current, this.#trying]) {
      if (!connection) continue;
      clearTimeout(connection.timer);
      connection.settle(false);
      connection.socket.end();
      connection.socket.setTimeout(ENDPOINT_FAREWELL_MS, () => connection.socket.destroy());
    }
    this.#current = undefined;
    this.#trying = undefined;
  }

  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    do {
      this.#again = false;
      await this.#round();
    } while (this.#again && !this.#closed);
    this.#looking = false;
    if (this.#closed || this.#current) return;
    if (!this.#away) this.#host.onAway();
    this.#away = true;
    this.#tries = Math.min(this.#tries + 1, ENDPOINT_RETRY_MS.length - 1);
    this.#retry = setTimeout(() => void this.#look(), ENDPOINT_RETRY_MS[this.#tries]);
  }

  /** The newest that answers; the one that we have stays as long as no newer one does. */
  async #round(): Promise<void> {
    for (const record of endpointsAt(this.#place)) {
      if (this.#closed || record.socket === this.#current?.record.socket) return;
      // One that went may have been replaced by somebody else, who would hear the call and speak in it.
      if (record.pid !== 0 && !isOwnSocket(record.socket)) {
        forgetEndpoint(this.#place, record);
        continue;
      }
      const before = this.#current;
      if (await this.#try(record)) {
        if (before) this.#end(before);
        return;
      }
    }
  }

  #try(record: EndpointRecord): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = net.connect(record.socket);
      const connection: Connection = { record, socket, core: undefined, timer: undefined, settle: resolve };
      this.#trying = connection;
      socket.once('connect', () => {
        connection.core = new FarEndpoint(this.#host.now(), record.token);
        this.#step(connection);
      });
      socket.on('data', (chunk: Buffer) => {
        connection.core?.receive(this.#host.now(), chunk);
        this.#step(connection);
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // Nobody listens any more, and a name is never used twice. One that is only busy or forbidden stays.
        if (record.pid !== 0 && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT'))
          forgetEndpoint(this.#place, record);
      });
      socket.once('close', () => this.#end(connection));
    });
  }

  #step(connection: Connection): void {
    const { core, socket } = connection;
    if (!core || this.#closed) return;
    for (const output of core.drain()) {
      if (output.type === 'send') {
        if (socket.writableLength > ENDPOINT_WORDS_BYTES_MAX) return this.#end(connection);
        socket.write(output.bytes);
      } else if (output.type === 'open') this.#attached(connection, output.name);
      else if (output.type === 'close') return this.#end(connection);
      else if (connection !== this.#current) continue;
      else if (output.type === 'body') this.#host.onBody(output.body);
      else this.#host.onTold(output.message);
    }
    clearTimeout(connection.timer);
    const waitMs = core.wakeAt() - this.#host.now();
    connection.timer = setTimeout(
      () => {
        core.wake(this.#host.now());
        this.#step(connection);
      },
      Math.max(1, waitMs),
    );
  }

  #attached(connection: Connection, name: string): void {
    this.#trying = undefined;
    this.#current = connection;
    this.#away = false;
    this.#tries = 0;
    connection.settle(true);
    this.#host.onOpen(name);
  }

  #end(connection: Connection): void {
    clearTimeout(connection.timer);
    connection.socket.destroy();
    connection.settle(false);
    if (connection === this.#trying) this.#trying = undefined;
    if (connection !== this.#current) return;
    this.#current = undefined;
    if (!this.#closed) void this.#look();
  }
}
