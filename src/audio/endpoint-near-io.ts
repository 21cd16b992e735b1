/**
 * The laptop's end of `wren ssh` in the real world: the socket that ssh forwards to, and the voice process beside it.
 * `endpoint-near.ts` decides; the command `wren ssh` hands in how a voice process is made and closes this when ssh is gone.
 */
import { rmSync } from 'node:fs';
import net from 'node:net';
import { NearEndpoint, type NearOutput } from './endpoint-near.ts';
import { ENDPOINT_BACKLOG_BYTES_MAX, ENDPOINT_WORDS_BYTES_MAX } from './params.ts';
import type { FromVoice, ToVoice } from './port.ts';

/** As the agent has it (`store/voice-end.ts`). */
interface VoiceProcess {
  tell(message: ToVoice): void;
  play(arrivalMs: number, body: Buffer): void;
  stop(): Promise<void>;
}

interface VoiceEvents {
  readonly onBody: (body: Buffer, talker: number) => void;
  readonly onMessage: (message: FromVoice) => void;
  readonly onDeath: (why: string) => void;
}

export interface EndpointOptions {
  /** Where to listen, in a folder that only this user may enter. */
  readonly socketPath: string;
  /** 32 hex digits; of the command line at HOST. */
  readonly code: string;
  /** What is opened for a call. */
  readonly spec: string;
  /** What this machine is called. */
  readonly name: string;
  readonly makeVoice: (events: VoiceEvents) => VoiceProcess;
  /** HOST's `wren` has taken the endpoint. */
  readonly onEnrolled: () => void;
  /** Somebody else at HOST has been there: nothing is served any more. */
  readonly onTaken: () => void;
}

export interface Endpoint {
  /** Lets go of devices, connections and the socket. */
  close(): Promise<void>;
}

/** Resolves when it listens; rejects with what the system says. */
export async function serveEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const endpoint = new EndpointServer(options);
  await endpoint.listening;
  return endpoint;
}

const monotonicMs = (): number => performance.timeOrigin + performance.now();

class EndpointServer implements Endpoint {
  readonly #options: EndpointOptions;
  readonly #core: NearEndpoint;
  readonly #server: net.Server;
  readonly #sockets = new Map<number, net.Socket>();
  #numbers = 0;
  #voice: VoiceProcess | undefined;
  /** Those that still let go of their devices. */
  readonly #ending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly listening: Promise<void>;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#core = new NearEndpoint(options);
    this.#server = net.createServer((socket) => this.#connected(socket));
    this.listening = new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(options.socketPath, resolve);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#server.close();
    for (const socket of this.#sockets.values()) socket.destroy();
    this.#endVoice();
    await Promise.all(this.#ending);
    rmSync(this.#options.socketPath, { force: true });
  }

  #connected(socket: net.Socket): void {
    const connection = ++this.#numbers;
    this.#sockets.set(connection, socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#core.receive(monotonicMs(), connection, chunk);
      this.#step();
    });
    socket.on('close', () => {
      this.#sockets.delete(connection);
      this.#core.gone(connection);
      this.#step();
    });
    this.#core.connected(monotonicMs(), connection);
    this.#step();
  }

  #step(): void {
    if (this.#closed) return;
    for (const output of this.#core.drain()) this.#carryOut(output);
    clearTimeout(this.#timer);
    const waitMs = this.#core.wakeAt() - monotonicMs();
    if (!Number.isFinite(waitMs)) return;
    this.#timer = setTimeout(
      () => {
        this.#core.wake(monotonicMs());
        this.#step();
      },
      Math.max(1, waitMs),
    );
  }

  #carryOut(output: NearOutput): void {
    switch (output.type) {
      case 'send': {
        const socket = this.#sockets.get(output.connection);
        if (socket && socket.writableLength > ENDPOINT_WORDS_BYTES_MAX) socket.destroy();
        else socket?.write(output.bytes);
        return;
      }
      case 'send-voice': {
        const socket = this.#sockets.get(output.connection);
        if (socket && socket.writableLength < ENDPOINT_BACKLOG_BYTES_MAX) socket.write(output.bytes);
        return;
      }
      case 'close':
        this.#sockets.get(output.connection)?.destroySoon();
        return;
      case 'make-voice':
        return this.#makeVoice();
      case 'tell-voice':
        return this.#voice?.tell(output.message);
      case 'play':
        // As it comes here, so that the jitter buffer sees the network and ssh at once.
        return this.#voice?.play(monotonicMs(), output.body);
      case 'end-voice':
        return this.#endVoice();
      case 'enrolled':
        return this.#options.onEnrolled();
      case 'taken':
        return this.#options.onTaken();
    }
  }

  #makeVoice(): void {
    this.#endVoice();
    const isCurrent = (): boolean => this.#voice === voice;
    const voice: VoiceProcess = this.#options.makeVoice({
      onBody: (body) => {
        if (!isCurrent()) return;
        this.#core.voiceMade(body);
        this.#step();
      },
      onMessage: (message) => {
        if (!isCurrent()) return;
        this.#core.voiceTold(message);
        this.#step();
      },
      onDeath: () => {
        if (!isCurrent()) return;
        this.#voice = undefined;
        this.#core.voiceDied(monotonicMs());
        this.#step();
      },
    });
    this.#voice = voice;
  }

  #endVoice(): void {
    const voice = this.#voice;
    this.#voice = undefined;
    if (!voice) return;
    const ended = voice.stop().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}
