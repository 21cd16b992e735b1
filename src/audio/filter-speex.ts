/**
 * Echo and noise by speexdsp (Jean-Marc Valin; the library of Mumble and many softphones) as the system has it:
 * `libspeexdsp1` of Debian, `speexdsp` of Homebrew. The one owner of koffi, which calls C without a compiler; both are
 * optional. `filter-choice.ts` opens it.
 *
 * The echo canceller is a multi-delay block filter (MDF) with a variable step, the preprocessor hides what it leaves
 * over and takes out noise. Its gain control stays off: `gain-control.ts` is ours for both filters. C checks nothing,
 * so each call gets buffers that this file made, of exactly the length that it told the library.
 */
import { load } from './optional-package-file.ts';
import {
  ECHO_SUPPRESS_DB,
  ECHO_SUPPRESS_TALKING_DB,
  ECHO_TAIL_SAMPLES,
  FRAME_SAMPLES,
  NOISE_SUPPRESS_DB,
  SAMPLE_RATE_HZ,
} from './params.ts';
import type { FilterParts, VoiceFilter } from './voice-filter.ts';

/**
 * Speex delays by one of its frames, so it gets a quarter of ours: 5 ms. With 10 it would cost 95 instead of 140 µs, take
 * 5 dB more of the echo and be 0.015 STOI plainer in double talk (measured); but 25 dB and 0.92 are plenty, and the delay
 * would be there in every word of every call.
 */
const BLOCK = FRAME_SAMPLES / 4;

/** Where the loader of each platform finds the library: its own search path, then Homebrew's folders. */
const LIBRARIES: { readonly [platform: string]: readonly string[] } = {
  linux: ['libspeexdsp.so.1'],
  freebsd: ['libspeexdsp.so.1', 'libspeexdsp.so'],
  openbsd: ['libspeexdsp.so'],
  darwin: [
    'libspeexdsp.1.dylib',
    '/opt/homebrew/lib/libspeexdsp.1.dylib',
    '/usr/local/lib/libspeexdsp.1.dylib',
    '/opt/local/lib/libspeexdsp.1.dylib',
  ],
  win32: ['libspeexdsp-1.dll', 'libspeexdsp.dll'],
};

/** Requests of speex_echo.h and speex_preprocess.h. */
const ECHO_SET_SAMPLING_RATE = 24;
const SET_DENOISE = 0;
const SET_NOISE_SUPPRESS = 18;
const SET_ECHO_SUPPRESS = 20;
const SET_ECHO_SUPPRESS_ACTIVE = 22;
const SET_ECHO_STATE = 24;

/** A pointer of C, which only koffi may look into. */
type State = object;

interface SpeexDsp {
  readonly echoInit: (frame: number, tail: number) => State | null;
  readonly echoDestroy: (state: State) => void;
  readonly echoReset: (state: State) => void;
  readonly echoControl: (state: State, request: number, value: Int32Array) => number;
  readonly echoCancel: (state: State, mic: Int16Array, far: Int16Array, out: Int16Array) => void;
  readonly preprocessInit: (frame: number, rate: number) => State | null;
  readonly preprocessDestroy: (state: State) => void;
  readonly preprocessControl: (state: State, request: number, value: Int32Array | State | null) => number;
  readonly preprocessRun: (state: State, pcm: Int16Array) => number;
}

/**
 * Opens the library for these parts: that in `file`, or the system's. Throws when koffi or the library is not there.
 */
export function openSpeexFilter(parts: FilterParts, file?: string): VoiceFilter {
  return new SpeexFilter(speexDsp(file), parts);
}

/** True when both koffi and the library are here and load. */
export function hasSpeexDsp(file?: string): boolean {
  try {
    speexDsp(file);
    return true;
  } catch {
    return false;
  }
}

const loaded = new Map<string | undefined, SpeexDsp>();

function speexDsp(file: string | undefined): SpeexDsp {
  const dsp = loaded.get(file) ?? bind(file === undefined ? (LIBRARIES[process.platform] ?? []) : [file]);
  loaded.set(file, dsp);
  return dsp;
}

function bind(files: readonly string[]): SpeexDsp {
  const koffi = load('koffi') as {
    load(file: string): { func(signature: string): never };
  };
  let cause: unknown = new Error(`no speexdsp is known on ${process.platform}`);
  for (const file of files) {
    try {
      const library = koffi.load(file);
      return {
        echoInit: library.func('void *speex_echo_state_init(int frame_size, int filter_length)'),
        echoDestroy: library.func('void speex_echo_state_destroy(void *st)'),
        echoReset: library.func('void speex_echo_state_reset(void *st)'),
        echoControl: library.func('int speex_echo_ctl(void *st, int request, void *ptr)'),
        echoCancel: library.func('void speex_echo_cancellation(void *st, void *rec, void *play, void *out)'),
        preprocessInit: library.func('void *speex_preprocess_state_init(int frame_size, int sampling_rate)'),
        preprocessDestroy: library.func('void speex_preprocess_state_destroy(void *st)'),
        preprocessControl: library.func('int speex_preprocess_ctl(void *st, int request, void *ptr)'),
        preprocessRun: library.func('int speex_preprocess_run(void *st, void *x)'),
      };
    } catch (thrown) {
      cause = thrown;
    }
  }
  throw cause;
}

class SpeexFilter implements VoiceFilter {
  readonly kind = 'speex';
  readonly #dsp: SpeexDsp;
  #echo: State | undefined;
  #preprocess: State | undefined;
  /** What the library reads and writes: BLOCK samples each, made here and nowhere else. */
  readonly #mic = new Int16Array(BLOCK);
  readonly #far = new Int16Array(BLOCK);
  readonly #out = new Int16Array(BLOCK);

  constructor(dsp: SpeexDsp, parts: FilterParts) {
    this.#dsp = dsp;
    const state = dsp.preprocessInit(BLOCK, SAMPLE_RATE_HZ);
    if (!state) throw new Error('speexdsp gives no preprocessor');
    this.#preprocess = state;
    // Without "denoise" the left-over echo stays too; no noise is taken out when 0 dB of it may be.
    this.#set(SET_DENOISE, 1);
    this.#set(SET_ECHO_SUPPRESS, ECHO_SUPPRESS_DB);
    this.#set(SET_ECHO_SUPPRESS_ACTIVE, ECHO_SUPPRESS_TALKING_DB);
    this.use(parts);
  }

  use({ echo, noise }: FilterParts): void {
    const preprocess = this.#preprocess;
    if (!preprocess) return;
    this.#set(SET_NOISE_SUPPRESS, noise ? NOISE_SUPPRESS_DB : 0);
    if (echo === (this.#echo !== undefined)) return;
    if (echo) {
      this.#echo = this.#openEcho();
      this.#dsp.preprocessControl(preprocess, SET_ECHO_STATE, this.#echo);
    } else {
      this.#dsp.preprocessControl(preprocess, SET_ECHO_STATE, null);
      this.#closeEcho();
    }
  }

  process(mic: Int16Array, far: Int16Array): void {
    const preprocess = this.#preprocess;
    if (!preprocess || mic.length !== FRAME_SAMPLES || far.length !== FRAME_SAMPLES) return;
    for (let at = 0; at < FRAME_SAMPLES; at += BLOCK) {
      this.#mic.set(mic.subarray(at, at + BLOCK));
      let pcm = this.#mic;
      if (this.#echo) {
        this.#far.set(far.subarray(at, at + BLOCK));
        this.#dsp.echoCancel(this.#echo, this.#mic, this.#far, this.#out);
        pcm = this.#out;
      }
      this.#dsp.preprocessRun(preprocess, pcm);
      mic.set(pcm, at);
    }
  }

  forget(): void {
    if (this.#echo) this.#dsp.echoReset(this.#echo);
  }

  close(): void {
    // The preprocessor looks into the canceller, so it goes first.
    if (this.#preprocess) this.#dsp.preprocessDestroy(this.#preprocess);
    this.#preprocess = undefined;
    this.#closeEcho();
  }

  #openEcho(): State {
    const state = this.#dsp.echoInit(BLOCK, ECHO_TAIL_SAMPLES);
    if (!state) throw new Error('speexdsp gives no echo canceller');
    this.#dsp.echoControl(state, ECHO_SET_SAMPLING_RATE, Int32Array.of(SAMPLE_RATE_HZ));
    return state;
  }

  #closeEcho(): void {
    if (this.#echo) this.#dsp.echoDestroy(this.#echo);
    this.#echo = undefined;
  }

  #set(request: number, value: number): void {
    if (this.#preprocess) this.#dsp.preprocessControl(this.#preprocess, request, Int32Array.of(value));
  }
}
