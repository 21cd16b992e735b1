/**
 * Both voices of a call in a file, for whoever wants to keep it; the other end is told by the agent before this is opened.
 * The name decides: `.wav` has us on the left and them on the right, `.opus` and `.ogg` both mixed in 3 kB a second.
 * `voice-engine.ts` hands in 20 ms at a time; writing goes through the thread pool, because a disk may stall.
 */
import { randomInt } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { AudioFailure } from './failure.ts';
import { OggOpusMuxer } from './ogg-opus.ts';
import type { OpusCodec } from './opus.ts';
import { FRAME_SAMPLES, OGG_FRAME_BYTES, RECORDING_PENDING_BYTES_MAX } from './params.ts';
import { clipped } from './pcm.ts';
import { causeOf, WavRecorder } from './wav-file.ts';

export interface CallRecorder {
  /** 20 ms of each side, 320 samples; copied. */
  frame(me: Int16Array, them: Int16Array): void;
  /** Writes what is left and closes. Never rejects. */
  close(): Promise<void>;
}

export interface RecordingWish {
  readonly path: string;
  /** An earlier process of this call died so long after the recording began, ms; what it wrote stays. */
  readonly resumeMs: number;
  /** For `.opus`: an encoder of its own. */
  readonly openCodec: () => OpusCodec;
  /** Told once if writing fails later; what was written plays. */
  readonly onFailure: (failure: AudioFailure) => void;
}

/** Rejects with AudioFailure 'audio-file-unwritable' also for a file that is there already: nothing is overwritten. */
export async function openCallRecorder(wish: RecordingWish): Promise<CallRecorder> {
  const { path, resumeMs } = wish;
  const isThere = (await stat(path).catch(() => undefined)) !== undefined;
  if (isThere && resumeMs === 0) throw new AudioFailure('audio-file-unwritable', `${path}: it exists already`);
  if (/\.wav$/i.test(path)) return openStereo(wish);
  if (/\.(opus|ogg)$/i.test(path)) return OggRecorder.open(wish);
  throw new AudioFailure('audio-file-unwritable', `${path}: the name must end with .wav, .opus or .ogg`);
}

async function openStereo({ path, resumeMs, onFailure }: RecordingWish): Promise<CallRecorder> {
  const recorder = await WavRecorder.open(path, onFailure, resumeMs, 2);
  const both = new Int16Array(2 * FRAME_SAMPLES);
  return {
    frame(me, them) {
      for (let at = 0; at < FRAME_SAMPLES; at++) {
        both[2 * at] = me[at]!;
        both[2 * at + 1] = them[at]!;
      }
      recorder.frame(both);
    },
    close: () => recorder.close(),
  };
}

class OggRecorder implements CallRecorder {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #codec: OpusCodec;
  readonly #onFailure: (failure: AudioFailure) => void;
  readonly #muxer = new OggOpusMuxer(randomInt(2 ** 32));
  readonly #mixed = new Int16Array(FRAME_SAMPLES);
  #tail: Promise<void> = Promise.resolve();
  #pendingBytes = 0;
  #over = false;

  private constructor(file: FileHandle, { path, openCodec, onFailure }: RecordingWish) {
    this.#path = path;
    this.#file = file;
    this.#codec = openCodec();
    this.#onFailure = onFailure;
    this.#append(this.#muxer.head());
  }

  /** After a restart a second stream follows in the file (RFC 7845, chaining); the time between is missing. */
  static async open(wish: RecordingWish): Promise<OggRecorder> {
    try {
      return new OggRecorder(await open(wish.path, wish.resumeMs > 0 ? 'a' : 'wx'), wish);
    } catch (thrown) {
      throw new AudioFailure('audio-file-unwritable', `${wish.path}: ${causeOf(thrown)}`);
    }
  }

  frame(me: Int16Array, them: Int16Array): void {
    if (this.#over) return;
    for (let at = 0; at < FRAME_SAMPLES; at++) this.#mixed[at] = clipped(me[at]! + them[at]!);
    const page = this.#muxer.packet(this.#codec.encode(this.#mixed, OGG_FRAME_BYTES));
    if (page) this.#append(page);
  }

  async close(): Promise<void> {
    if (!this.#over) this.#append(this.#muxer.end());
    this.#over = true;
    this.#tail = this.#tail
      .then(() => this.#file.close())
      .then(
        () => this.#codec.close(),
        () => undefined,
      );
    await this.#tail;
  }

  #append(bytes: Buffer): void {
    if (this.#pendingBytes + bytes.length > RECORDING_PENDING_BYTES_MAX) {
      this.#fail(new AudioFailure('audio-file-unwritable', `${this.#path}: the disk does not keep up`));
      return;
    }
    this.#pendingBytes += bytes.length;
    this.#tail = this.#tail
      .then(() => this.#file.appendFile(bytes))
      .catch((thrown: unknown) => {
        const code = (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'audio-file-unwritable';
        this.#fail(new AudioFailure(code, `${this.#path}: ${causeOf(thrown)}`));
      })
      .finally(() => {
        this.#pendingBytes -= bytes.length;
      });
  }

  #fail(failure: AudioFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#onFailure(failure);
  }
}
