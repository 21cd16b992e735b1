/**
 * WAV files as microphone and as speaker. `WavReader` gives a file of any usual kind as 20 ms frames of 16 kHz mono;
 * `WavRecorder` writes 16 kHz PCM16, mono or stereo, as it comes and keeps the header right, so that a process killed with no
 * warning leaves a file that plays. `device-file.ts` and `call-recorder-file.ts` hand frames over at the pace of the call.
 *
 * Reading is synchronous, 250 ms of sound at once out of the page cache: 0.1 ms four times a second, and a frame is
 * always there when it is due. Writing goes through the thread pool, because a disk may stall.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { AudioFailure } from './failure.ts';
import {
  FRAME_BYTES,
  FRAME_MS,
  FRAME_SAMPLES,
  SAMPLE_RATE_HZ,
  WAV_DATA_BYTES_MAX,
  WAV_HEADER_EVERY_MS,
  WAV_PENDING_BYTES_MAX,
  WAV_READ_MS,
  WAV_WRITE_FRAMES,
} from './params.ts';
import { bytesOf, sampleOf } from './pcm.ts';
import { Resampler } from './resampler.ts';
import { readWavLayout, toMono, WAV_HEADER_BYTES, type WavLayout, wavHeader } from './wav-header.ts';

export class WavReader {
  readonly #path: string;
  readonly #fd: number;
  readonly #layout: WavLayout;
  readonly #resampler: Resampler;
  readonly #frame = new Int16Array(FRAME_SAMPLES);
  /** Read and resampled, not yet given out. */
  #ready = new Float32Array(0);
  #readyAt = 0;
  #read = 0;
  #state: 'reading' | 'drained' | 'ended' = 'reading';

  private constructor(path: string, fd: number, layout: WavLayout) {
    this.#path = path;
    this.#fd = fd;
    this.#layout = layout;
    this.#resampler = new Resampler(layout.rateHz);
  }

  /** Opens and checks a file. Throws AudioFailure 'audio-file-unreadable', which names it and the cause. */
  static open(path: string): WavReader {
    let fd: number | undefined;
    try {
      // Asked before opening: opening a pipe would wait for its other end.
      const stat = statSync(path);
      if (!stat.isFile()) throw new AudioFailure('audio-file-unreadable', 'not a regular file');
      fd = openSync(path, 'r');
      const opened = fd;
      return new WavReader(
        path,
        fd,
        readWavLayout((place, length) => readAt(opened, place, length), stat.size),
      );
    } catch (thrown) {
      if (fd !== undefined) closeSync(fd);
      throw new AudioFailure('audio-file-unreadable', `${path}: ${causeOf(thrown)}`);
    }
  }

  /** Length of the sound, ms. */
  get durationMs(): number {
    return (this.#layout.dataBytes / this.#layout.blockBytes / this.#layout.rateHz) * 1000;
  }

  /** Passes over the first part: sound that was played already. */
  skip(ms: number): void {
    for (let passed = 0; passed + FRAME_MS <= ms; passed += FRAME_MS) if (!this.frame()) return;
  }

  /** The next 20 ms, the last one filled up with silence; undefined after the end. Valid until the next call. */
  frame(): Int16Array | undefined {
    while (this.#state === 'reading' && this.#ready.length - this.#readyAt < FRAME_SAMPLES) this.#fill();
    const present = Math.min(FRAME_SAMPLES, this.#ready.length - this.#readyAt);
    if (present === 0) {
      this.#state = 'ended';
      return undefined;
    }
    this.#frame.fill(0, present);
    for (let at = 0; at < present; at++) this.#frame[at] = sampleOf(this.#ready[this.#readyAt + at]!);
    this.#readyAt += present;
    return this.#frame;
  }

  close(): void {
    if (this.#state === 'reading') closeSync(this.#fd);
    this.#state = 'ended';
    this.#ready = new Float32Array(0);
    this.#readyAt = 0;
  }

  #fill(): void {
    const { rateHz, blockBytes, dataStart, dataBytes } = this.#layout;
    const wanted = Math.min(Math.ceil((rateHz * WAV_READ_MS) / 1000) * blockBytes, dataBytes - this.#read);
    const bytes = readAt(this.#fd, dataStart + this.#read, wanted);
    this.#read += bytes.length;
    let more = this.#resampler.push(toMono(bytes, this.#layout));
    // Also when the file was cut while we read it.
    if (bytes.length < blockBytes || this.#read >= dataBytes) {
      more = joined(more, this.#resampler.end());
      closeSync(this.#fd);
      this.#state = 'drained';
    }
    this.#ready = joined(this.#ready.subarray(this.#readyAt), more);
    this.#readyAt = 0;
  }

  /** For messages. */
  get path(): string {
    return this.#path;
  }
}

function readAt(fd: number, place: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, place + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

function joined(a: Float32Array, b: Float32Array): Float32Array<ArrayBuffer> {
  const all = new Float32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** What went wrong with a file, in words; the path is added by the caller. */
export function causeOf(thrown: unknown): string {
  if (thrown instanceof AudioFailure) return thrown.message;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  const words: { readonly [code: string]: string } = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is not a folder',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no room left on the disk',
  };
  return (code !== undefined && words[code]) || (thrown instanceof Error ? thrown.message : String(thrown));
}

export class WavRecorder {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #onFailure: (failure: AudioFailure) => void;
  readonly #channels: 1 | 2;
  #gathered: Buffer;
  #gatheredBytes = 0;
  #written = 0;
  #sinceHeaderMs = 0;
  #pendingBytes = 0;
  #tail: Promise<void> = Promise.resolve();
  #failed = false;
  #closed = false;

  private constructor(path: string, file: FileHandle, channels: 1 | 2, onFailure: (failure: AudioFailure) => void) {
    this.#channels = channels;
    this.#gathered = Buffer.alloc(FRAME_BYTES * channels * WAV_WRITE_FRAMES);
    this.#path = path;
    this.#file = file;
    this.#onFailure = onFailure;
  }

  /**
   * Creates or empties the file. Rejects with AudioFailure 'audio-file-unwritable'. `onFailure` is told once if
   * writing fails later ('disk-full' or 'audio-file-unwritable'); the rest of the recording is lost then.
   * `resumeMs` above 0: an earlier process died while it recorded this; what it wrote stays, and the time until now
   * is silence (a hole in the file reads as zeros).
   */
  static async open(
    path: string,
    onFailure: (failure: AudioFailure) => void,
    resumeMs = 0,
    channels: 1 | 2 = 1,
  ): Promise<WavRecorder> {
    try {
      const before = await stat(path).catch(() => undefined);
      if (before && !before.isFile()) throw new AudioFailure('audio-file-unwritable', 'not a regular file');
      const resumed = resumeMs > 0 && before !== undefined && before.size >= WAV_HEADER_BYTES;
      const file = await open(path, resumed ? 'r+' : 'w');
      const recorder = new WavRecorder(path, file, channels, onFailure);
      if (resumed) {
        const frameBytes = FRAME_BYTES * channels;
        const frames = Math.max((before.size - WAV_HEADER_BYTES) / frameBytes, resumeMs / FRAME_MS);
        recorder.#written = Math.floor(frames) * frameBytes;
      }
      // The hole is made at once, so that the header never claims more than there is.
      if (resumed) await file.truncate(WAV_HEADER_BYTES + recorder.#written);
      await file.write(wavHeader(recorder.#written, channels), 0, WAV_HEADER_BYTES, 0);
      return recorder;
    } catch (thrown) {
      throw new AudioFailure('audio-file-unwritable', `${path}: ${causeOf(thrown)}`);
    }
  }

  /** Sound recorded so far, ms. */
  get recordedMs(): number {
    return ((this.#written + this.#gatheredBytes) / 2 / this.#channels / SAMPLE_RATE_HZ) * 1000;
  }

  /** Appends one frame of 320 samples of each channel, in turns; they are copied. */
  frame(pcm: Int16Array): void {
    if (this.#failed || this.#closed) return;
    this.#gathered.set(bytesOf(pcm), this.#gatheredBytes);
    this.#gatheredBytes += pcm.byteLength;
    this.#sinceHeaderMs += FRAME_MS;
    if (this.#gatheredBytes < this.#gathered.length) return;
    this.#writeGathered();
    if (this.#sinceHeaderMs >= WAV_HEADER_EVERY_MS) this.#writeHeader();
  }

  /** Writes what is left, makes the header right, closes. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return this.#tail;
    this.#closed = true;
    this.#writeGathered();
    this.#writeHeader();
    this.#tail = this.#tail.then(() => this.#file.close()).catch(() => undefined);
    return this.#tail;
  }

  #writeGathered(): void {
    if (this.#gatheredBytes === 0) return;
    const bytes = this.#gathered.subarray(0, this.#gatheredBytes);
    if (this.#written + bytes.length > WAV_DATA_BYTES_MAX) {
      this.#fail(new AudioFailure('audio-file-unwritable', `${this.#path}: a WAV file cannot be longer`));
      return;
    }
    this.#write(bytes, WAV_HEADER_BYTES + this.#written);
    this.#written += bytes.length;
    this.#gathered = Buffer.alloc(this.#gathered.length);
    this.#gatheredBytes = 0;
  }

  #writeHeader(): void {
    this.#sinceHeaderMs = 0;
    this.#write(wavHeader(this.#written, this.#channels), 0);
  }

  #write(bytes: Buffer, place: number): void {
    if (this.#failed) return;
    if (this.#pendingBytes + bytes.length > WAV_PENDING_BYTES_MAX) {
      this.#fail(new AudioFailure('audio-file-unwritable', `${this.#path}: the disk does not keep up`));
      return;
    }
    this.#pendingBytes += bytes.length;
    this.#tail = this.#tail
      .then(() => this.#writeAll(bytes, place))
      .catch((thrown: unknown) => {
        const code = (thrown as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'audio-file-unwritable';
        this.#fail(new AudioFailure(code, `${this.#path}: ${causeOf(thrown)}`));
      })
      .finally(() => {
        this.#pendingBytes -= bytes.length;
      });
  }

  async #writeAll(bytes: Buffer, place: number): Promise<void> {
    if (this.#failed) return;
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, place + done);
      done += bytesWritten;
    }
  }

  #fail(failure: AudioFailure): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#onFailure(failure);
  }
}
