/**
 * Two switchboards joined by an imaginary wire in virtual time: packets may be lost, doubled and disordered by a seed.
 * The smallest world in which handshakes, sessions, reliable channels and rekeying can be watched.
 */

import type { Route } from '../../src/net/protocol/traffic.ts';
import { type ConnectOptions, Switchboard, type SwitchboardOutput } from '../../src/net/transport/switchboard.ts';
import type { TicketBook } from '../../src/net/transport/tickets.ts';
import type { OwnIdentity, Trust, Welcome } from '../../src/net/transport/trust.ts';
import { readPacket } from '../../src/net/wire/packet.ts';
import { seededRandom } from './seeded-random.ts';

export interface WireOptions {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  readonly loss?: number;
  readonly duplicate?: number;
}

export type Side = 'a' | 'b';
type Happening = Exclude<SwitchboardOutput, { type: 'send' }> & { readonly side: Side; readonly at: number };
const BY_STREAM: Route = { via: 'stream', stream: 1 };
const byDatagram = (side: Side): Route => ({
  via: 'udp',
  endpoint: { carrier: 'udp', host: side === 'a' ? '10.0.0.1' : '10.0.0.2', port: 4000 },
});

export class TwoSwitchboards {
  now = 0;
  readonly a: Switchboard;
  readonly b: Switchboard;
  readonly happened: Happening[] = [];
  /** Every packet that was put on the wire, before loss. */
  readonly captured: { from: Side; bytes: Buffer }[] = [];
  readonly #inFlight: { at: number; order: number; to: Side; bytes: Buffer }[] = [];
  readonly #random;
  readonly #carrier: 'udp' | 'stream' | 'forward';
  #order = 0;
  wire: WireOptions;
  /** When set, may replace or drop (undefined) each packet. */
  tamper: ((from: Side, bytes: Buffer) => Buffer | undefined) | undefined;

  constructor(options: {
    seed?: number;
    wire?: WireOptions;
    trust: { a: Trust; b: Trust };
    identity: { a?: OwnIdentity; b?: OwnIdentity };
    /** What the wire is to them; datagrams if not said. */
    carrier?: 'udp' | 'stream' | 'forward';
    welcome?: Welcome;
    tickets?: { readonly a?: TicketBook; readonly b?: TicketBook };
  }) {
    const seed = options.seed ?? 1;
    this.#random = seededRandom(`wire ${seed}`);
    this.wire = options.wire ?? {};
    this.#carrier = options.carrier ?? 'udp';
    const ofA = options.tickets?.a ? { tickets: options.tickets.a } : {};
    const ofB = options.tickets?.b ? { tickets: options.tickets.b } : {};
    this.a = new Switchboard({ random: seededRandom(`a ${seed}`), trust: options.trust.a, ...ofA });
    const welcome = options.welcome ? { welcome: options.welcome } : {};
    this.b = new Switchboard({ random: seededRandom(`b ${seed}`), trust: options.trust.b, ...welcome, ...ofB });
    this.a.setIdentity(options.identity.a);
    this.b.setIdentity(options.identity.b);
  }

  connect(options?: ConnectOptions): number {
    const session = this.a.connect(this.now, this.routeTo('b'), options);
    this.settle();
    return session;
  }

  routeTo(side: Side): Route {
    if (this.#carrier === 'forward') return { via: 'forward', node: side };
    return this.#carrier === 'stream' ? BY_STREAM : byDatagram(side);
  }

  /** Moves what the switchboards said onto the wire and into `happened`. */
  settle(): void {
    for (const side of ['a', 'b'] as const) {
      for (const output of this[side].drain()) {
        if (output.type === 'send') this.#put(side, output.bytes);
        else this.happened.push({ ...output, side, at: this.now });
      }
    }
  }

  /** Runs the virtual clock. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let steps = 0; steps < 1_000_000; steps++) {
      this.settle();
      this.#inFlight.sort((x, y) => x.at - y.at || x.order - y.order);
      const next = this.#inFlight[0];
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, this.a.wakeAt(), this.b.wakeAt());
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (next && next.at <= this.now) {
        this.#inFlight.shift();
        this.#arrive(next.to, next.bytes);
      } else {
        this.a.wake(this.now);
        this.b.wake(this.now);
      }
    }
    this.now = end;
  }

  events<T extends Happening['type']>(side: Side, type: T): Extract<Happening, { type: T }>[] {
    return this.happened.filter((one) => one.side === side && one.type === type) as never;
  }

  /** The session as the responder numbers it. */
  sessionAt(side: Side): number {
    return this.events(side, 'established').at(-1)?.session ?? -1;
  }

  #arrive(to: Side, bytes: Buffer): void {
    const packet = readPacket(bytes);
    if (packet) this[to].receive(this.now, this.routeTo(to === 'a' ? 'b' : 'a'), packet);
  }

  #put(from: Side, original: Buffer): void {
    this.captured.push({ from, bytes: Buffer.from(original) });
    const bytes = this.tamper ? this.tamper(from, Buffer.from(original)) : original;
    if (!bytes || this.#random.fraction() < (this.wire.loss ?? 0)) return;
    const copies = this.#random.fraction() < (this.wire.duplicate ?? 0) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delay = (this.wire.delayMs ?? 10) + this.#random.fraction() * (this.wire.jitterMs ?? 0);
      this.#inFlight.push({ at: this.now + delay, order: this.#order++, to: from === 'a' ? 'b' : 'a', bytes });
    }
  }
}
