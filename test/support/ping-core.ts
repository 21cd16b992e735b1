/**
 * The smallest core that uses everything a driver offers: it pings at a steady pace, answers pings, and sends back
 * what comes on incoming streams. It tests the driver and the simulated world, nothing else.
 */
import type { Core, Millis, Random } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { NetInput, NetOutput, StreamId } from '../../src/net/protocol/traffic.ts';

export type PingCommand =
  | { readonly type: 'ping'; readonly to: Endpoint; readonly times: number; readonly everyMs: number }
  | { readonly type: 'dial'; readonly to: Endpoint }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'break' };

export type PingEvent =
  | { readonly type: 'here'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'pinged'; readonly number: number }
  | { readonly type: 'ponged'; readonly number: number; readonly rttMs: number }
  | { readonly type: 'woken'; readonly at: Millis; readonly lateMs: number }
  | { readonly type: 'opened'; readonly incoming: boolean }
  | { readonly type: 'heard'; readonly text: string }
  | { readonly type: 'closed'; readonly why: string };

const PADDING_BYTES = 40;

export class PingCore implements Core<NetInput, PingCommand, NetOutput | PingEvent> {
  readonly #random: Random;
  #said: (NetOutput | PingEvent)[] = [];
  #pinging: { readonly to: Endpoint; readonly everyMs: number; left: number; nextAt: Millis } | undefined;
  readonly #sentAt = new Map<number, Millis>();
  #lastNumber = 0;
  #outgoing: StreamId = 0;
  readonly #incoming = new Set<StreamId>();

  constructor(random: Random) {
    this.#random = random;
  }

  receive(now: Millis, input: NetInput): void {
    if (input.type === 'datagram') this.#datagram(now, input.from, input.bytes);
    else if (input.type === 'local-endpoints') this.#said.push({ type: 'here', endpoints: input.endpoints });
    else if (input.type === 'stream-bytes') this.#bytes(input.stream, input.bytes);
    else if (input.type === 'stream-closed') this.#said.push({ type: 'closed', why: input.why });
    else if (input.type === 'stream-open') {
      if (input.incoming) this.#incoming.add(input.stream);
      this.#said.push({ type: 'opened', incoming: input.incoming });
    }
  }

  command(now: Millis, command: PingCommand): void {
    if (command.type === 'break') throw new Error('broken on purpose');
    if (command.type === 'ping') {
      this.#pinging = { to: command.to, everyMs: command.everyMs, left: command.times, nextAt: now };
      this.wake(now);
    } else if (command.type === 'dial') {
      this.#outgoing += 1;
      this.#said.push({ type: 'open-stream', stream: this.#outgoing, to: command.to });
    } else {
      this.#said.push({ type: 'write-stream', stream: this.#outgoing, bytes: Buffer.from(command.text) });
    }
  }

  wake(now: Millis): void {
    const pinging = this.#pinging;
    if (!pinging || now < pinging.nextAt) return;
    this.#said.push({ type: 'woken', at: now, lateMs: now - pinging.nextAt });
    const number = ++this.#lastNumber;
    this.#sentAt.set(number, now);
    this.#say(pinging.to, `ping ${number} `);
    pinging.left -= 1;
    pinging.nextAt += pinging.everyMs;
    if (pinging.left === 0) this.#pinging = undefined;
  }

  drain(): (NetOutput | PingEvent)[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  wakeAt(): Millis {
    return this.#pinging?.nextAt ?? Number.POSITIVE_INFINITY;
  }

  #datagram(now: Millis, from: Endpoint, bytes: Buffer): void {
    const [, word, digits] = /^(ping|pong) (\d{1,9}) /.exec(bytes.toString('latin1')) ?? [];
    const number = Number(digits);
    if (word === 'ping') {
      this.#said.push({ type: 'pinged', number });
      this.#say(from, `pong ${number} `);
    } else if (word === 'pong' && this.#sentAt.has(number)) {
      this.#said.push({ type: 'ponged', number, rttMs: now - this.#sentAt.get(number)! });
      this.#sentAt.delete(number);
    }
  }

  #bytes(stream: StreamId, bytes: Buffer): void {
    this.#said.push({ type: 'heard', text: bytes.toString('latin1') });
    if (this.#incoming.has(stream)) this.#said.push({ type: 'write-stream', stream, bytes: Buffer.from(bytes) });
  }

  #say(to: Endpoint, words: string): void {
    const bytes = Buffer.concat([Buffer.from(words, 'latin1'), this.#random.bytes(PADDING_BYTES)]);
    this.#said.push({ type: 'send-datagram', to, bytes });
  }
}
