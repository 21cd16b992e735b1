/**
 * The voice child as a process: spawned by the agent around a call, joined to it by a socket on fd 3 that speaks
 * `audio/port.ts`. Its stdout and stderr go to a log file of the profile, for PortAudio, ALSA and PulseAudio write there
 * as they please. It is killed when it does not end by itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setPriority } from 'node:os';
import type { Duplex } from 'node:stream';
import { type ToVoice, VOICE_PRIORITY } from '../audio/port.ts';
import { asFromVoice, encodeControl, encodeVoiceDown, PortDecoder } from '../audio/port-codec.ts';
import { VOICE_TEMPO } from './call-tempo-io.ts';
import type { VoiceEnd, VoiceEvents } from './voice-end.ts';

/** A child that was told to stop has this long to close its devices and its recording. */
const STOP_MS = 3_000;
/** More than this waiting for the child means that it hangs: newer voice is worth more than older. */
const BACKLOG_BYTES_MAX = 64_000;

/** Its garbage is small and of one tick: more room for it would only be more memory. */
const VOICE_HEAP = ['--max-semi-space-size=1'];

export interface VoiceChildOptions {
  /** The child's program, `voice.cjs`. */
  readonly entry: string;
  /** Where its chatter goes. */
  readonly logPath: string;
}

export function spawnVoiceChild(options: VoiceChildOptions, events: VoiceEvents): VoiceEnd {
  const log = openSync(options.logPath, 'a', 0o600);
  const child = spawn(process.execPath, [...VOICE_HEAP, ...VOICE_TEMPO, options.entry], {
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  if (child.pid !== undefined) hurry(child.pid);
  return new VoiceChild(child, events);
}

/**
 * The child does so itself when it is there; somebody who answers at once waits for it, and on a busy machine most of all for
 * Node to begin.
 */
function hurry(pid: number): void {
  try {
    setPriority(pid, VOICE_PRIORITY);
  } catch {
    // Only some may.
  }
}

class VoiceChild implements VoiceEnd {
  readonly #child: ChildProcess;
  /** Undefined when the system had nothing left to make a process of; its `error` follows. */
  readonly #port: Duplex | undefined;
  readonly #gone: Promise<void>;
  #stopping = false;

  constructor(child: ChildProcess, events: VoiceEvents) {
    this.#child = child;
    this.#port = child.stdio?.[3] as Duplex | undefined;
    const decoder = new PortDecoder();
    this.#port?.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) {
        // A chunk is nobody else's, and each body has its own bytes of it.
        if (message.type === 'voice-up') events.onBody(message.body, message.talker);
        else if (message.type === 'control') {
          const value = asFromVoice(message.value);
          if (value) events.onMessage(value);
        }
      }
      if (decoder.broken) child.kill('SIGKILL');
    });
    this.#port?.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      let told = false;
      const end = (why: string) => {
        if (told) return;
        told = true;
        resolve();
        if (!this.#stopping) events.onDeath(why);
      };
      child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`));
      child.on('error', (error) => end(error.message));
    });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  tell(message: ToVoice): void {
    this.#write(encodeControl(message));
  }

  play(arrivalMs: number, body: Buffer, talker = 0): void {
    if ((this.#port?.writableLength ?? 0) < BACKLOG_BYTES_MAX) this.#write(encodeVoiceDown(arrivalMs, talker, body));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.tell({ type: 'stop' });
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#gone;
    clearTimeout(killer);
  }

  #write(bytes: Buffer): void {
    if (this.#port && !this.#port.destroyed && this.#port.writable) this.#port.write(bytes);
  }
}
