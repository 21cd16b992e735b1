/**
 * A call whose sound is at the other end of `wren ssh` (PROTOCOL.md 10.4): joins the agent's port, the engine and the laptop.
 * `voice-io.ts` makes one for a SPEC `socket:PATH` and asks it to tick.
 *
 *   direct (a call of two)       agent <- body-queue <- laptop        agent -> laptop
 *   decoded (a mix, a recording) engine <- device-socket <- laptop    engine -> device-socket -> laptop
 *
 * Direct, nothing is decoded here, and while the laptop is away nothing is sent: the agent fills the slots with silence.
 * Decoded, the laptop is a microphone and a speaker, and the engine goes on without it.
 */
import { BodyQueue } from './body-queue.ts';
import { noCapture, noPlayback } from './device-none.ts';
import { openSocketDevices, type SocketDevices } from './device-socket.ts';
import { EndpointLink } from './endpoint-far-io.ts';
import type { SaidWords } from './endpoint-said.ts';
import type { NearVoiceWord } from './endpoint-words.ts';
import type { OpusCodec } from './opus.ts';
import { ENDPOINT_PING_MS } from './params.ts';
import type { BackendKind, FromVoice } from './port.ts';
import { parseVoiceBody } from './voice-body.ts';
import type { VoiceEngine } from './voice-engine.ts';

export interface EndpointCallHost {
  /** Monotonic ms. */
  now(): number;
  /** Undefined when no codec can be had, which is told elsewhere. */
  openCodec(): OpusCodec | undefined;
  tell(message: FromVoice): void;
  /** A body of the microphone for talker 0. */
  send(body: Buffer): void;
}

export class EndpointCall {
  readonly #engine: VoiceEngine;
  readonly #said: SaidWords;
  readonly #host: EndpointCallHost;
  readonly #link: EndpointLink;
  readonly #queue = new BodyQueue();
  #timer: NodeJS.Timeout | undefined;
  #recording = false;
  #decoded: { readonly codec: OpusCodec; readonly devices: SocketDevices } | undefined;
  #name = '';
  #told = '';
  #tellAt = 0;
  /** Of the laptop, as its voice process tells it. */
  #near = { captureMs: 0, playbackMs: 0 };

  constructor(place: string, parts: { engine: VoiceEngine; said: SaidWords; host: EndpointCallHost }) {
    this.#engine = parts.engine;
    this.#said = parts.said;
    this.#host = parts.host;
    this.#link = new EndpointLink(place, {
      now: () => this.#host.now(),
      onOpen: (name) => this.#attached(name),
      onAway: () => this.#away(),
      onBody: (body) => this.#heard(body),
      onTold: (message) => this.#nearTold(message),
    });
    this.#choose();
  }

  /** The bodies of the call are passed on as they are. */
  get isDirect(): boolean {
    return this.#decoded === undefined;
  }

  /** `said` has heard something that may change what the laptop is to do. */
  changed(): void {
    this.#choose();
    if (this.#said.held || this.#said.muted) this.#queue.clear();
    this.#tellChanged();
  }

  /** The laptop has begun already. */
  #tellChanged(): void {
    for (const word of this.#said.forNear(this.isDirect)) if (word.type !== 'start') this.#link.tell(word);
  }

  recording(on: boolean): void {
    this.#recording = on;
    this.#choose();
  }

  /** The agent thinks that there is a newer endpoint. */
  look(): void {
    this.#link.look();
  }

  /** A body of the other end, while `isDirect`. */
  play(body: Uint8Array): void {
    if (!this.#said.held) this.#link.play(body);
  }

  /** 20 ms have passed. */
  tick(nowMs: number): void {
    if (nowMs < this.#tellAt || !this.#link.isAttached) return;
    this.#tellAt = nowMs + ENDPOINT_PING_MS;
    this.#tellState(true);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#link.tell({ type: 'stop' });
    this.#link.close();
    this.#undecode();
  }

  // --- the laptop comes and goes

  #attached(name: string): void {
    this.#name = name;
    this.#queue.clear();
    for (const word of this.#said.forNear(this.isDirect)) this.#link.tell(word);
    this.#tellState(true);
  }

  #away(): void {
    this.#queue.clear();
    this.#tellState(false);
  }

  #tellState(attached: boolean): void {
    const { rttMs } = this.#link;
    const rounded = rttMs === undefined ? null : Math.round(rttMs);
    const state = { attached, name: this.#name, rttMs: rounded, holdMs: Math.round(this.#queue.delayMs) };
    const told = JSON.stringify(state);
    if (told === this.#told) return;
    this.#told = told;
    this.#host.tell({ type: 'endpoint', ...state });
  }

  // --- what the laptop says

  #heard(body: Buffer): void {
    const nowMs = this.#host.now();
    if (this.#decoded) return this.#decoded.devices.receive(nowMs, body);
    // What is on its way while somebody mutes or holds must not be heard.
    const isSilenced = this.#said.held || (this.#said.muted && !parseVoiceBody(body)?.muted);
    if (isSilenced || this.#queue.put(nowMs, body) !== 'queued') return;
    this.#arm();
  }

  #pass(): void {
    for (const body of this.#queue.take(this.#host.now())) this.#host.send(body);
    this.#arm();
  }

  /** Never at once: a backlog comes as one, and its newest body says how old the others are. */
  #arm(): void {
    clearTimeout(this.#timer);
    const waitMs = this.#queue.wakeAt() - this.#host.now();
    if (Number.isFinite(waitMs)) this.#timer = setTimeout(() => this.#pass(), Math.max(0, waitMs));
  }

  #nearTold(message: NearVoiceWord): void {
    switch (message.type) {
      case 'ready': {
        const { capture, playback, ...ready } = message;
        return this.#host.tell({ ...ready, capture: forwarded(capture), playback: forwarded(playback) });
      }
      case 'problem':
        return this.#host.tell({ ...message, detail: `${this.#name}: ${message.detail}` });
      case 'using':
      case 'filters':
        return this.#host.tell(message);
      case 'stats':
        return this.#stats(message);
      case 'level':
        this.#queue.quiet = !message.speaking;
        return this.isDirect ? this.#host.tell(message) : undefined;
      case 'first-sound':
        // Their clock is another one.
        return this.isDirect ? this.#host.tell({ ...message, atMs: this.#host.now() }) : undefined;
    }
  }

  /** The way over ssh is a part of the devices, as the agent sees them. */
  #stats(message: Extract<NearVoiceWord, { type: 'stats' }>): void {
    const halfMs = (this.#link.rttMs ?? 0) / 2;
    const captureMs = message.captureMs + halfMs + (this.isDirect ? this.#queue.delayMs : 0);
    const playbackMs = message.playbackMs + halfMs;
    this.#near = { captureMs, playbackMs: playbackMs + message.bufferMs };
    if (!this.isDirect) return;
    this.#host.tell({
      ...message,
      captureMs: Math.round(captureMs),
      playbackMs: Math.round(playbackMs),
      deviceMs: Math.round(captureMs + playbackMs),
    });
  }

  // --- direct or decoded

  #choose(): void {
    const direct = this.#said.isCallOfTwo && !this.#recording;
    if (direct === this.isDirect) return;
    if (direct) this.#undecode();
    else if (!this.#decode()) return;
    this.#queue.clear();
    // What waits in the laptop's buffer is of another stream than what comes.
    this.#link.tell({ type: 'hold', on: true });
    this.#tellChanged();
  }

  #decode(): boolean {
    const codec = this.#host.openCodec();
    if (!codec) return false;
    const devices = openSocketDevices(codec, {
      now: () => this.#host.now(),
      send: (body) => this.#link.play(body),
      captureMs: () => this.#near.captureMs,
      playbackMs: () => this.#near.playbackMs,
    });
    this.#decoded = { codec, devices };
    this.#engine.attachCapture(devices.capture);
    this.#engine.attachPlayback(devices.playback);
    return true;
  }

  #undecode(): void {
    if (!this.#decoded) return;
    this.#engine.attachCapture(noCapture());
    this.#engine.attachPlayback(noPlayback());
    this.#decoded.codec.close();
    this.#decoded = undefined;
  }
}

/** Where the laptop has nothing, there is nothing; else it is the endpoint that we have. */
function forwarded(kind: BackendKind): BackendKind {
  return kind === 'none' ? 'none' : 'socket';
}
