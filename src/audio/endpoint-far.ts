/**
 * HOST's end of one connection to a forwarded endpoint: shows the token, is welcomed, keeps alive, knows the round trip,
 * and takes the frames apart (PROTOCOL.md 10.4). Pure: `endpoint-far-io.ts` owns the socket and asks `wakeAt`; bytes of any
 * content never throw.
 *
 *   opening --welcome--> open --bye, refused, silence, broken frame--> closed
 */
import { asLifeWord, asNearVoice, asNearWord, encodeWord, type NearVoiceWord } from './endpoint-words.ts';
import { ENDPOINT_DEAD_MS, ENDPOINT_HELLO_MS, ENDPOINT_PING_MS, ENDPOINT_VERSION } from './params.ts';
import { PortDecoder } from './port-codec.ts';

export type FarOutput =
  | { readonly type: 'send'; readonly bytes: Buffer }
  /** From now on frames of a call may go. */
  | { readonly type: 'open'; readonly name: string }
  /** A voice body of the laptop; a view on the chunk that came. */
  | { readonly type: 'body'; readonly body: Buffer }
  | { readonly type: 'told'; readonly message: NearVoiceWord }
  /** Nothing follows. */
  | { readonly type: 'close'; readonly why: CloseWhy };

/** `silent`: nobody answers; `newer`: another agent has our place; `token`, `version`: it does not take us; `broken`: no frames. */
export type CloseWhy = 'silent' | 'newer' | 'token' | 'version' | 'broken';

export class FarEndpoint {
  readonly #decoder = new PortDecoder();
  #phase: 'opening' | 'open' | 'closed' = 'opening';
  #heardAt: number;
  #pingAt = Number.POSITIVE_INFINITY;
  readonly #giveUpAt: number;
  #rttMs: number | undefined;
  #out: FarOutput[] = [];

  /** The socket is connected. `now`: monotonic ms. */
  constructor(now: number, token: string) {
    this.#heardAt = now;
    this.#giveUpAt = now + ENDPOINT_HELLO_MS;
    this.#send({ type: 'hello', version: ENDPOINT_VERSION, token });
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** There and back by ssh, smoothed, ms; undefined before the first answer. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  receive(now: number, chunk: Buffer): void {
    if (this.#phase === 'closed') return;
    this.#heardAt = now;
    for (const message of this.#decoder.push(chunk)) {
      if (this.#isClosed) return;
      if (message.type === 'control') this.#word(now, message.value);
      else if (message.type === 'voice-up' && this.isOpen) this.#out.push({ type: 'body', body: message.body });
    }
    if (this.#decoder.broken) this.#close('broken');
  }

  wake(now: number): void {
    if (this.#phase === 'closed') return;
    if (now >= this.#deadAt) return this.#close('silent');
    if (now < this.#pingAt) return;
    this.#pingAt = now + ENDPOINT_PING_MS;
    this.#send({ type: 'ping', at: now });
  }

  wakeAt(): number {
    return this.#isClosed ? Number.POSITIVE_INFINITY : Math.min(this.#pingAt, this.#deadAt);
  }

  drain(): FarOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  get #isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** When whoever says nothing more counts as gone. */
  get #deadAt(): number {
    return this.#phase === 'opening' ? this.#giveUpAt : this.#heardAt + ENDPOINT_DEAD_MS;
  }

  #word(now: number, value: { readonly [field: string]: unknown }): void {
    const life = asLifeWord(value);
    if (life) return this.#life(now, life.type, life.at);
    const word = asNearWord(value);
    if (word?.type === 'welcome' && this.#phase === 'opening') {
      this.#phase = 'open';
      this.#pingAt = now;
      this.#out.push({ type: 'open', name: word.name });
    } else if (word?.type === 'refused') this.#close(word.why === 'version' ? 'version' : 'token');
    else if (word?.type === 'bye') this.#close('newer');
    else if (this.isOpen) {
      const message = asNearVoice(value);
      if (message) this.#out.push({ type: 'told', message });
    }
  }

  #life(now: number, type: 'ping' | 'pong', at: number): void {
    if (!this.isOpen) return;
    if (type === 'ping') return this.#send({ type: 'pong', at });
    const rttMs = now - at;
    if (rttMs < 0 || rttMs > ENDPOINT_DEAD_MS) return;
    this.#rttMs = this.#rttMs === undefined ? rttMs : this.#rttMs + (rttMs - this.#rttMs) / 4;
  }

  #send(word: Parameters<typeof encodeWord>[0]): void {
    this.#out.push({ type: 'send', bytes: encodeWord(word) });
  }

  #close(why: CloseWhy): void {
    this.#phase = 'closed';
    this.#out.push({ type: 'close', why });
  }
}
