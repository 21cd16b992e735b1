/**
 * The voice child's outer half: the port to the agent and timers around one `VoiceEngine`, whose devices are in
 * `call-devices-io.ts`. Bodies flow from
 * the moment of `start`, silence first; devices open meanwhile. `bin/voice.ts` hands in the stream on fd 3.
 *
 *   waiting --start--> running --stop, end of the stream, finish()--> finished
 */
import { ArrivalClock } from './arrival-clock.ts';
import { CallDevices } from './call-devices-io.ts';
import { type CallRecorder, openCallRecorder } from './call-recorder-file.ts';
import { socketIn } from './device.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { EndpointCall } from './endpoint-call.ts';
import { SaidWords } from './endpoint-said.ts';
import { type AudioFailure, asAudioFailure } from './failure.ts';
import { filtersIn } from './filter-choice.ts';
import { loadRnnoise } from './filter-rnnoise.ts';
import { LegWords } from './leg-words.ts';
import { type OpusCodec, openOpus } from './opus.ts';
import { Pacer } from './pacer.ts';
import {
  FRAME_MS,
  PORT_BACKLOG_BYTES_MAX,
  PORT_WATCHED_FRAMES,
  PORT_WATCHED_MS,
  TIMER_EARLY_MS_MAX,
} from './params.ts';
import { type FromVoice, type SoundSettings, type ToVoice, VOICE_PORT_VERSION } from './port.ts';
import { asToVoice, encodeControl, encodeVoiceUp, PortDecoder } from './port-codec.ts';
import { PortPipe } from './port-pipe-io.ts';
import { bitrateOf, bodyBytesOf } from './voice-body.ts';
import { VoiceEngine, type VoiceOutput } from './voice-engine.ts';

/** Ticks missed while devices open are not made up for beyond this: they were silence, and a burst helps nobody. */
const OPENING_CATCH_UP_MS = 3 * FRAME_MS;

const AS_IT_COMES: SoundSettings = { echo: 'off', noise: 'off', gain: 'off', headphones: false, inputGainDb: 0 };

export interface VoiceOptions {
  /** Of a stream framed as `port.ts` says. Owned by this from now on. */
  readonly fd: number;
  /** WREN_OPUS, WREN_AUDIO_BACKEND, WREN_AUDIO_FILTER, and what PulseAudio reads. */
  readonly env: { readonly [name: string]: string | undefined };
  /** Whether the system let this process be served before others; undefined where nobody asked. */
  readonly raised?: boolean;
  /** Monotonic ms as `performance.timeOrigin + performance.now()` gives. */
  readonly now: () => number;
  /** Everything is flushed and closed; exit now. Called once. */
  readonly onFinished: () => void;
}

export interface VoiceService {
  /** Ends as `stop` does: flushes the recording, closes devices. Resolves after `onFinished`. */
  finish(): Promise<void>;
}

/** Starts to serve the port. Throws when `fd` is no stream; what goes wrong later is told to the agent as a `problem`. */
export function serveVoice(options: VoiceOptions): VoiceService {
  return new VoiceChild(options);
}

class VoiceChild implements VoiceService {
  readonly #options: VoiceOptions;
  readonly #decoder = new PortDecoder();
  readonly #clock = new ArrivalClock();
  readonly #pipe: PortPipe;
  /** Frames that came while the pipe was watched, and whether it still is. */
  #watchedFrames = 0;
  #watched = true;
  #startedAt = 0;
  #codec: OpusCodec | undefined;
  #engine: VoiceEngine | undefined;
  #pacer: Pacer;
  /** What was last said of filters: it may come before `start`. */
  #sound: SoundSettings | undefined;
  readonly #legWords = new LegWords();
  readonly #said = new SaidWords();
  /** Sound is at the other end of `wren ssh`. */
  #endpoint: { readonly place: string; readonly call: EndpointCall } | undefined;
  /** Recordings are opened and closed one after the other. */
  #recordings: Promise<void> = Promise.resolve();
  #recorder: { readonly path: string; readonly file: CallRecorder } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #devices: CallDevices | undefined;
  #finished: Promise<void> | undefined;

  constructor(options: VoiceOptions) {
    this.#options = options;
    this.#pacer = new Pacer(options.now());
    this.#pipe = new PortPipe(options.fd, {
      onBytes: (bytes) => this.#received(bytes),
      onEnd: () => void this.finish(),
    });
    const { raised } = options;
    this.#tell({
      type: 'hello',
      port: VOICE_PORT_VERSION,
      pid: process.pid,
      ...(raised === undefined ? {} : { raised }),
    });
    // Before `start` comes, so that compiling WebAssembly (100 ms) does not hold up the first bodies.
    setImmediate(() => this.#openCodec());
  }

  finish(): Promise<void> {
    this.#finished ??= this.#close();
    return this.#finished;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#recordings;
    this.#endpoint?.call.close();
    await Promise.all([this.#devices?.close(), this.#recorder?.file.close()]);
    this.#engine?.close();
    this.#codec?.close();
    this.#tell({ type: 'stopped' });
    await this.#pipe.end();
    this.#options.onFinished();
  }

  // --- the port

  #received(chunk: Buffer): void {
    const nowMs = this.#options.now();
    for (const message of this.#decoder.push(chunk)) {
      if (message.type === 'voice-down') {
        if (this.#watched) this.#watchedFrames += 1;
        const arrivalMs = this.#clock.map(nowMs, message.arrivalMs, !this.#watched);
        if (this.#endpoint?.call.isDirect) this.#endpoint.call.play(message.body);
        else this.#engine?.receive(arrivalMs, message.talker, message.body);
      } else if (message.type === 'control') {
        const command = asToVoice(message.value);
        if (command) this.#command(command);
      }
    }
    if (this.#decoder.broken) void this.finish();
  }

  #command(command: ToVoice): void {
    if (this.#finished) return;
    this.#said.take(command);
    switch (command.type) {
      case 'start':
        return this.#start(command.spec, command.resumeMs ?? 0);
      case 'leg':
      case 'rung':
      case 'away':
      case 'mute':
      case 'hold':
      case 'way':
        this.#legWords.take(command);
        return this.#endpoint?.call.changed();
      case 'filters':
        this.#sound = command;
        // Until it is there the ordinary filter does its work.
        if (command.noise === 'strong') void loadRnnoise().then(() => this.#filter());
        this.#filter();
        return this.#endpoint?.call.changed();
      case 'record':
        this.#recordings = this.#recordings.then(() => this.#record(command.path, command.resumeMs ?? 0));
        return;
      case 'record-end':
        this.#recordings = this.#recordings.then(() => this.#endRecording());
        return;
      case 'stop':
        void this.finish();
    }
  }

  // --- the recording of the call

  async #record(path: string, resumeMs: number): Promise<void> {
    await this.#endRecording();
    if (!this.#engine) return;
    try {
      const file = await openCallRecorder({
        ...{ path, resumeMs },
        openCodec: () => openOpus(this.#options.env.WREN_OPUS),
        onFailure: (failure) => {
          if (this.#recorder?.path === path) void this.#endRecording(failure);
        },
      });
      this.#recorder = { path, file };
      this.#engine.record(file);
      this.#endpoint?.call.recording(true);
      this.#tell({ type: 'recording', on: true, path });
    } catch (thrown) {
      const { code, message } = asAudioFailure(thrown, 'internal');
      this.#tell({ type: 'recording', on: false, path, code, detail: message });
    }
  }

  async #endRecording(failure?: AudioFailure): Promise<void> {
    const recorder = this.#recorder;
    if (!recorder) return;
    this.#recorder = undefined;
    this.#engine?.record(undefined);
    this.#endpoint?.call.recording(false);
    await recorder.file.close();
    const why = failure ? { code: failure.code, detail: failure.message } : {};
    this.#tell({ type: 'recording', on: false, path: recorder.path, ...why });
  }

  /** Where the microphone is at a laptop, its own voice process does that. */
  #filter(): void {
    if (this.#sound && !this.#finished) this.#engine?.filter(this.#endpoint ? AS_IT_COMES : this.#sound);
  }

  #tell(message: FromVoice): void {
    this.#pipe.write(encodeControl(message));
  }

  #problem(failure: AudioFailure): void {
    this.#tell({ type: 'problem', code: failure.code, detail: failure.message });
  }

  #carryOut(outputs: readonly VoiceOutput[]): void {
    if (this.#pipe.backlogBytes > PORT_BACKLOG_BYTES_MAX) return;
    for (const output of outputs) {
      if (this.#endpoint && output.type === 'tell' && output.message.type === 'filters') continue;
      const frame = output.type === 'body' ? encodeVoiceUp(output.bytes, output.talker) : encodeControl(output.message);
      this.#pipe.write(frame);
    }
  }

  // --- the call

  /** Undefined when neither library loads: a broken installation, told once, and the child ends. */
  #openCodec(): OpusCodec | undefined {
    if (this.#codec || this.#finished) return this.#codec;
    try {
      this.#codec = openOpus(this.#options.env.WREN_OPUS);
    } catch (thrown) {
      this.#problem(asAudioFailure(thrown, 'internal'));
      void this.finish();
    }
    return this.#codec;
  }

  /** The same library served talker 0, so that this fails only when memory does. */
  #openLegCodec(): OpusCodec | undefined {
    try {
      return openOpus(this.#options.env.WREN_OPUS);
    } catch (thrown) {
      this.#problem(asAudioFailure(thrown, 'internal'));
      return undefined;
    }
  }

  /** A second `start` (the person chose another device) changes devices and lets the stream go on. */
  #start(spec: string, resumeMs: number): void {
    const codec = this.#openCodec();
    if (!codec) return;
    if (!this.#engine) {
      this.#engine = new VoiceEngine(codec, filtersIn(this.#options.env), () => this.#openLegCodec());
      this.#filter();
      this.#legWords.begin(this.#engine);
      this.#devices = this.#devicesOf(this.#engine);
      this.#startedAt = this.#options.now();
      this.#pacer = new Pacer(this.#startedAt);
      this.#onTimer();
    }
    const place = socketIn(spec);
    if (place !== undefined) return this.#startEndpoint(place, this.#engine);
    this.#endEndpoint();
    this.#devices?.start(spec, resumeMs);
  }

  /** Our own devices rest. */
  #startEndpoint(place: string, engine: VoiceEngine): void {
    if (this.#endpoint?.place === place) return this.#endpoint.call.look();
    this.#endEndpoint();
    void this.#devices?.close();
    this.#devices = this.#devicesOf(engine);
    engine.attachCapture(noCapture());
    engine.attachPlayback(noPlayback());
    this.#pacer.paced = false;
    const call = new EndpointCall(place, {
      engine,
      said: this.#said,
      host: {
        now: () => this.#options.now(),
        openCodec: () => this.#openLegCodec(),
        tell: (message) => this.#tell(message),
        send: (body) => this.#carryOut([{ type: 'body', bytes: body, talker: 0 }]),
      },
    });
    this.#endpoint = { place, call };
    if (this.#recorder) call.recording(true);
    this.#filter();
    this.#arm();
  }

  #endEndpoint(): void {
    if (!this.#endpoint) return;
    this.#endpoint.call.close();
    this.#endpoint = undefined;
    this.#filter();
  }

  #devicesOf(engine: VoiceEngine): CallDevices {
    return new CallDevices(engine, {
      env: this.#options.env,
      now: () => this.#options.now(),
      onFrame: () => {
        if (this.#pacer.paced) this.#onFrame(engine);
      },
      onInputEnded: () => this.#tell({ type: 'input-ended' }),
      onCapture: (paced) => {
        this.#pacer.paced = paced;
        this.#arm();
      },
      // Of an endpoint the laptop tells.
      onReady: () => (this.#endpoint ? undefined : this.#tellReady(engine)),
      onUsing: (using) => (this.#endpoint ? undefined : this.#tell({ type: 'using', ...using })),
      onProblem: (failure) => (this.#endpoint ? undefined : this.#problem(failure)),
    });
  }

  #tellReady(engine: VoiceEngine): void {
    const shape = engine.shapeOf();
    this.#tell({
      type: 'ready',
      codec: this.#codec!.kind,
      capture: engine.capture.kind,
      playback: engine.playback.kind,
      bodyBytes: bodyBytesOf(shape),
      frameMs: shape.frameMs,
      bitrate: bitrateOf(shape),
    });
  }

  // --- the pace

  #onFrame(engine: VoiceEngine): void {
    const nowMs = this.#options.now();
    this.#look(nowMs);
    this.#skipSleep(engine, nowMs);
    if (this.#pacer.offer(nowMs)) this.#tick(engine, nowMs);
    else engine.dropCaptured();
    this.#arm();
  }

  #onTimer(): void {
    const engine = this.#engine;
    if (!engine || this.#finished) return;
    const nowMs = this.#options.now();
    this.#look(nowMs);
    this.#skipSleep(engine, nowMs);
    while (this.#pacer.clock(nowMs + TIMER_EARLY_MS_MAX)) this.#tick(engine, nowMs);
    this.#arm();
  }

  /** Ticks come: what the agent says can wait for the next one, but for what is passed on to a laptop at once. */
  #look(nowMs: number): void {
    const settled = nowMs - this.#startedAt >= PORT_WATCHED_MS && this.#watchedFrames >= PORT_WATCHED_FRAMES;
    const watched = !settled || this.#endpoint !== undefined;
    if (watched !== this.#watched) this.#pipe.watch(watched);
    this.#watched = watched;
    if (!watched) this.#pipe.look();
  }

  #skipSleep(engine: VoiceEngine, nowMs: number): void {
    engine.skip(this.#pacer.overslept(nowMs, this.#devices?.opening ? OPENING_CATCH_UP_MS : undefined));
  }

  #tick(engine: VoiceEngine, nowMs: number): void {
    this.#endpoint?.call.tick(nowMs);
    if (this.#endpoint?.call.isDirect) return engine.skip(1);
    engine.tick(nowMs);
    this.#carryOut(engine.drain());
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#finished) return;
    // Half a millisecond early is nearer than one late, and waking twice for one tick is dear.
    const waitMs = Math.max(0, Math.round(this.#pacer.wakeAt() - this.#options.now()));
    this.#timer = setTimeout(this.#onDue, waitMs);
  }

  readonly #onDue = (): void => {
    // After the input of this turn of the loop: frames that wait in a device's socket must not be overtaken by silence.
    if (this.#pacer.paced || this.#watched) setImmediate(() => this.#onTimer());
    else this.#onTimer();
  };
}
