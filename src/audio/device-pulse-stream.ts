/**
 * One recorder or player program of PulseAudio while it lives: opened at its first sign, at which device it is by its own
 * words, lost when it ends by itself, closed by us. `device-pulse.ts` starts it and moves the samples.
 */
import type { ChildProcess } from 'node:child_process';
import type { DeviceEvents } from './device.ts';
import { deviceIn } from './device-pulse-words.ts';
import { AudioFailure, type AudioFailureCode } from './failure.ts';
import { DEVICE_CLOSE_MS_MAX, DEVICE_OPEN_MS_MAX } from './params.ts';

/** What is kept of a line that does not end. */
const LINE_LENGTH_MAX = 1000;

/** The life of one parec or pacat: opened at its first sign, lost when it ends by itself, closed by us. */
export class StreamProcess {
  /** Resolves at the first sign of sound, rejects with AudioFailure when the program ends before. */
  readonly opened: Promise<void>;
  readonly #child: ChildProcess;
  readonly #what: string;
  readonly #events: DeviceEvents;
  readonly #onLine: (line: string) => void;
  /** Where the server plays or records it now. */
  name: string | undefined;
  #settle: { readonly resolve: () => void; readonly reject: (failure: AudioFailure) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastWords = '';
  #unfinished = '';
  #closing = false;
  #hangs = false;
  readonly #ended: Promise<void>;

  /** `onLine` is given what the program says, line by line. */
  constructor(
    child: ChildProcess,
    what: { readonly side: 'microphone' | 'speaker'; readonly device: string | undefined },
    events: DeviceEvents,
    onLine: (line: string) => void = () => undefined,
  ) {
    this.#child = child;
    this.#what = what.device === undefined ? what.side : `${what.side} ${what.device}`;
    this.#events = events;
    this.#onLine = onLine;
    this.opened = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // A suspended or slow card opens without giving sound yet; that is no failure.
    this.#timer = setTimeout(() => this.heard(), DEVICE_OPEN_MS_MAX);
    child.stderr?.setEncoding('latin1');
    child.stderr?.on('data', (text: string) => this.#said(text));
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#said(`${error.message}\n`);
        this.#end();
        resolve();
      });
      child.once('exit', () => {
        this.#end();
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

  /** Lines end with a line feed, those of the clock with a carriage return. */
  #said(text: string): void {
    const lines = (this.#unfinished + text).split(/[\r\n]+/);
    this.#unfinished = (lines.pop() ?? '').slice(-LINE_LENGTH_MAX);
    for (const line of lines) {
      if (line === '') continue;
      const device = deviceIn(line);
      if (device !== undefined) this.#isAt(device);
      // Its last line is the cause if it ends.
      else if (!line.startsWith('Time:')) this.#lastWords = line.slice(0, 200);
      this.#onLine(line);
    }
  }

  #isAt(device: string): void {
    const moved = this.name !== undefined && this.name !== device;
    this.name = device;
    if (moved && !this.#closing) this.#events.onMoved?.();
  }

  /** It lives, but is of no use any more: lost, and the caller closes it. */
  fail(cause: string): void {
    if (this.#closing || this.#settle) return;
    this.#closing = true;
    this.#hangs = true;
    this.#events.onLost(new AudioFailure('audio-no-device', `${this.#what}: ${cause}`));
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    this.#child.stdin?.end();
    // One that was stopped hears no other.
    this.#child.kill(this.#hangs ? 'SIGKILL' : 'SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), DEVICE_CLOSE_MS_MAX);
    await this.#ended;
    clearTimeout(timer);
  }

  #end(): void {
    clearTimeout(this.#timer);
    if (this.#unfinished !== '') this.#said('\n');
    const failure = new AudioFailure(codeOf(this.#lastWords), `${this.#what}: ${this.#lastWords || 'it ended'}`);
    const settle = this.#settle;
    this.#settle = undefined;
    if (settle) settle.reject(failure);
    else if (!this.#closing) this.#events.onLost(failure);
  }
}

function codeOf(words: string): AudioFailureCode {
  return /busy/i.test(words) ? 'audio-device-busy' : 'audio-no-device';
}
