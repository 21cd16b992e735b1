/**
 * The real voice child for tests: `bin/voice.ts` bundled as the product bundles it, started with the port on fd 3.
 * The test plays the agent. Its stdout and stderr are gathered, as the agent's log file would.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import * as esbuild from 'esbuild';
import type { FromVoice, ToVoice } from '../../src/audio/port.ts';
import { asFromVoice, encodeControl, encodeVoiceDown, PortDecoder } from '../../src/audio/port-codec.ts';

/** Inside node_modules, so that the bundle finds the packages that are not bundled. */
const BUNDLE = path.resolve('node_modules', '.cache', 'wren-test', 'voice.cjs');
let built = false;

/** The program as a file. */
export function bundle(): string {
  if (built) return BUNDLE;
  mkdirSync(path.dirname(BUNDLE), { recursive: true });
  // Test files run at the same time: each builds for itself, the last one stays, and all are the same.
  const own = `${BUNDLE}.${process.pid}`;
  esbuild.buildSync({
    entryPoints: ['bin/voice.ts'],
    outfile: own,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['@discordjs/opus', 'naudiodon', 'opusscript'],
    logLevel: 'error',
  });
  renameSync(own, BUNDLE);
  built = true;
  return BUNDLE;
}

export const monotonicMs = (): number => performance.timeOrigin + performance.now();

export interface TimedBody {
  readonly atMs: number;
  readonly bytes: Buffer;
  readonly talker: number;
}

export class VoiceChildUnderTest {
  readonly process: ChildProcess;
  readonly told: FromVoice[] = [];
  readonly bodies: TimedBody[] = [];
  /** Called with each body as it comes. */
  onBody: (bytes: Buffer, talker: number) => void = () => undefined;
  /** What drivers and Node printed. */
  printed = '';
  readonly exited: Promise<number | null>;
  readonly #port: Duplex;
  readonly #decoder = new PortDecoder();
  readonly #waiting = new Set<() => void>();

  constructor(env: { readonly [name: string]: string } = {}) {
    this.process = spawn(process.execPath, [bundle()], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.printed += chunk.toString();
      });
    }
    this.#port = this.process.stdio[3] as Duplex;
    this.#port.on('error', () => undefined);
    this.#port.on('data', (chunk: Buffer) => this.#received(chunk));
    this.exited = new Promise((resolve) => this.process.once('close', (code) => resolve(code)));
  }

  command(message: ToVoice): void {
    this.#port.write(encodeControl(message));
  }

  /** A body from the other side, arrived now. */
  voiceDown(body: Uint8Array, arrivalMs = monotonicMs(), talker = 0): void {
    this.#port.write(encodeVoiceDown(arrivalMs, talker, body));
  }

  write(bytes: Buffer): void {
    this.#port.write(bytes);
  }

  closePort(): void {
    this.#port.destroy();
  }

  /** The first message of that type, already here or still to come. */
  async message<T extends FromVoice['type']>(type: T, withinMs = 10_000): Promise<FromVoice & { readonly type: T }> {
    const found = (): FromVoice | undefined => this.told.find((message) => message.type === type);
    await this.until(() => found() !== undefined, withinMs, `no ${type}: ${JSON.stringify(this.told)} ${this.printed}`);
    return found() as FromVoice & { readonly type: T };
  }

  async until(isTrue: () => boolean, withinMs: number, otherwise: string): Promise<void> {
    if (isTrue()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(otherwise));
      }, withinMs);
      const look = (): void => {
        if (!isTrue()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  #received(chunk: Buffer): void {
    for (const message of this.#decoder.push(chunk)) {
      if (message.type === 'voice-up') {
        const bytes = Buffer.from(message.body);
        const { talker } = message;
        this.bodies.push({ atMs: monotonicMs(), bytes, talker });
        this.onBody(bytes, talker);
      } else if (message.type === 'control') {
        const known = asFromVoice(message.value);
        if (known) this.told.push(known);
      }
    }
    for (const look of [...this.#waiting]) look();
  }
}
