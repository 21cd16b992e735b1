/**
 * The laptop's end of `wren ssh`: who may use microphone and speaker, and what of HOST's words reaches the voice process
 * here (PROTOCOL.md 10.4). Pure: `endpoint-near-io.ts` owns the listening socket and the voice process; connections have
 * numbers that are never used again. Bytes of any content never throw, and whoever shows no token costs little.
 *
 * One connection is `current`: the one that showed the token last. The voice process lives from its `start` to its `stop`
 * or its end, and a process that dies is followed by one that is told the same.
 */
import { asFarWord, asLifeWord, encodeWord, isForFar, type RefusedWhy, toNearVoice } from './endpoint-words.ts';
import {
  ENDPOINT_DEAD_MS,
  ENDPOINT_PING_MS,
  ENDPOINT_RESTARTS_MAX,
  ENDPOINT_RESTARTS_WITHIN_MS,
  ENDPOINT_STRANGER_BYTES_MAX,
  ENDPOINT_STRANGER_MS,
  ENDPOINT_STRANGERS_MAX,
  ENDPOINT_VERSION,
} from './params.ts';
import type { FromVoice, ToVoice } from './port.ts';
import { encodeControl, encodeVoiceUp, PortDecoder } from './port-codec.ts';

export type NearOutput =
  | { readonly type: 'send'; readonly connection: number; readonly bytes: Buffer }
  /** Voice, which is worth nothing when it is late: to be left out while much waits. */
  | { readonly type: 'send-voice'; readonly connection: number; readonly bytes: Buffer }
  /** After what was sent has gone. */
  | { readonly type: 'close'; readonly connection: number }
  /** Start a voice process; words follow. */
  | { readonly type: 'make-voice' }
  | { readonly type: 'tell-voice'; readonly message: ToVoice }
  /** A body for the speaker; a view on the chunk that came. */
  | { readonly type: 'play'; readonly body: Buffer }
  /** Finish it: microphone and speaker are let go. */
  | { readonly type: 'end-voice' }
  | { readonly type: 'enrolled' }
  /** Somebody else showed the code, or showed it again: nothing is served any more. */
  | { readonly type: 'taken' };

interface Connection {
  readonly decoder: PortDecoder;
  readonly openedAt: number;
  bytes: number;
  heardAt: number;
}

/** In the order in which a voice process is told of them. */
const REMEMBERED = ['mute', 'hold', 'start', 'filters', 'rung', 'way'] as const;

export class NearEndpoint {
  readonly #code: string;
  readonly #spec: string;
  readonly #name: string;
  #token: string | undefined;
  #taken = false;
  readonly #connections = new Map<number, Connection>();
  #current: number | undefined;
  #pingAt = Number.POSITIVE_INFINITY;
  /** What HOST last said of each. */
  readonly #said = new Map<ToVoice['type'], ToVoice>();
  #hasVoice = false;
  readonly #deaths: number[] = [];
  #out: NearOutput[] = [];

  /** `code`: of the command line at HOST. `spec`: what is opened here. `name`: what this machine is called. */
  constructor({ code, spec, name }: { readonly code: string; readonly spec: string; readonly name: string }) {
    this.#code = code;
    this.#spec = spec;
    this.#name = name;
  }

  /** HOST's agent is connected. */
  get isAttached(): boolean {
    return this.#current !== undefined;
  }

  connected(now: number, connection: number): void {
    const strangers = this.#connections.size - (this.#current === undefined ? 0 : 1);
    if (this.#taken || strangers >= ENDPOINT_STRANGERS_MAX) {
      this.#out.push({ type: 'close', connection });
      return;
    }
    this.#connections.set(connection, { decoder: new PortDecoder(), openedAt: now, bytes: 0, heardAt: now });
  }

  receive(now: number, connection: number, chunk: Buffer): void {
    const known = this.#connections.get(connection);
    if (!known) return;
    known.heardAt = now;
    known.bytes += chunk.length;
    const isStranger = connection !== this.#current;
    if (isStranger && known.bytes > ENDPOINT_STRANGER_BYTES_MAX) return this.#close(connection);
    for (const message of known.decoder.push(chunk)) {
      if (!this.#connections.has(connection)) return;
      if (message.type === 'control') this.#word(now, connection, message.value);
      else if (message.type === 'voice-down' && connection === this.#current && this.#hasVoice)
        this.#out.push({ type: 'play', body: message.body });
    }
    if (known.decoder.broken) this.#close(connection);
  }

  /** The other side has closed it, or it failed. */
  gone(connection: number): void {
    if (!this.#connections.delete(connection)) return;
    if (connection === this.#current) this.#leave();
  }

  wake(now: number): void {
    for (const [connection, known] of this.#connections)
      if (now >= this.#deadAt(connection, known)) this.#close(connection);
    if (this.#current === undefined || now < this.#pingAt) return;
    this.#pingAt = now + ENDPOINT_PING_MS;
    this.#send(this.#current, encodeWord({ type: 'ping', at: now }));
  }

  wakeAt(): number {
    let at = this.#current === undefined ? Number.POSITIVE_INFINITY : this.#pingAt;
    for (const [connection, known] of this.#connections) at = Math.min(at, this.#deadAt(connection, known));
    return at;
  }

  #deadAt(connection: number, { openedAt, heardAt }: Connection): number {
    return connection === this.#current ? heardAt + ENDPOINT_DEAD_MS : openedAt + ENDPOINT_STRANGER_MS;
  }

  drain(): NearOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  // --- the voice process

  voiceTold(message: FromVoice): void {
    if (this.#current !== undefined && isForFar(message)) this.#send(this.#current, encodeControl(message));
  }

  voiceMade(body: Uint8Array): void {
    const connection = this.#current;
    if (connection === undefined) return;
    this.#out.push({ type: 'send-voice', connection, bytes: encodeVoiceUp(body) });
  }

  /** It died; another one is told what this one was. */
  voiceDied(now: number): void {
    if (!this.#hasVoice) return;
    this.#hasVoice = false;
    while (this.#deaths.length > 0 && this.#deaths[0]! < now - ENDPOINT_RESTARTS_WITHIN_MS) this.#deaths.shift();
    this.#deaths.push(now);
    this.voiceTold({ type: 'problem', code: 'audio-voice-crashed', detail: `the sound process of ${this.#name}` });
    if (this.#deaths.length <= ENDPOINT_RESTARTS_MAX) this.#makeVoice();
  }

  // --- words

  #word(now: number, connection: number, value: { readonly [field: string]: unknown }): void {
    if (connection !== this.#current) return this.#first(now, connection, value);
    const life = asLifeWord(value);
    if (life?.type === 'ping') return this.#send(connection, encodeWord({ type: 'pong', at: life.at }));
    const word = toNearVoice(value, this.#spec);
    if (word) this.#voiceWord(word);
  }

  #first(now: number, connection: number, value: { readonly [field: string]: unknown }): void {
    const word = asFarWord(value);
    if (!word) return this.#close(connection);
    if (word.type === 'enrol') return this.#enrol(connection, word.version, word.code, word.token);
    if (word.version !== ENDPOINT_VERSION) return this.#refuse(connection, 'version');
    if (this.#token === undefined || word.token !== this.#token) return this.#refuse(connection, 'token');
    this.#replaceCurrent();
    this.#current = connection;
    this.#pingAt = now + ENDPOINT_PING_MS;
    this.#send(connection, encodeWord({ type: 'welcome', version: ENDPOINT_VERSION, name: this.#name }));
  }

  #enrol(connection: number, version: number, code: string, token: string): void {
    if (version !== ENDPOINT_VERSION) return this.#refuse(connection, 'version');
    if (this.#token !== undefined) return this.#takeAway(connection);
    if (code !== this.#code) return this.#refuse(connection, 'code');
    this.#token = token;
    this.#send(connection, encodeWord({ type: 'enrolled', name: this.#name }));
    this.#out.push({ type: 'enrolled' });
    this.#close(connection);
  }

  /** Two have enrolled, and one of them is not the person's `wren`. Which, nobody can tell. */
  #takeAway(connection: number): void {
    this.#refuse(connection, 'taken');
    this.#taken = true;
    this.#token = undefined;
    for (const other of [...this.#connections.keys()]) this.#close(other);
    this.#out.push({ type: 'taken' });
  }

  #refuse(connection: number, why: RefusedWhy): void {
    this.#send(connection, encodeWord({ type: 'refused', why }));
    this.#close(connection);
  }

  #replaceCurrent(): void {
    const before = this.#current;
    if (before === undefined) return;
    this.#send(before, encodeWord({ type: 'bye', why: 'newer' }));
    this.#close(before);
  }

  #voiceWord(word: ToVoice): void {
    if (word.type === 'stop') return this.#endVoice();
    this.#said.set(word.type, word);
    if (word.type === 'start' && !this.#hasVoice) return this.#makeVoice();
    if (this.#hasVoice && word.type !== 'start') this.#out.push({ type: 'tell-voice', message: word });
  }

  #makeVoice(): void {
    if (!this.#said.has('start')) return;
    this.#hasVoice = true;
    this.#out.push({ type: 'make-voice' });
    for (const type of REMEMBERED) {
      const message = this.#said.get(type);
      if (message) this.#out.push({ type: 'tell-voice', message });
    }
  }

  #endVoice(): void {
    this.#said.clear();
    if (this.#hasVoice) this.#out.push({ type: 'end-voice' });
    this.#hasVoice = false;
  }

  #leave(): void {
    this.#current = undefined;
    this.#pingAt = Number.POSITIVE_INFINITY;
    this.#endVoice();
  }

  #close(connection: number): void {
    if (!this.#connections.has(connection)) return;
    this.#out.push({ type: 'close', connection });
    this.gone(connection);
  }

  #send(connection: number, bytes: Buffer): void {
    this.#out.push({ type: 'send', connection, bytes });
  }
}
