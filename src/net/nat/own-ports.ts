/**
 * Ports of ours that are opened towards the other end, beside or instead of the hole that two openers have punched. The
 * path finder's fallbacks (`fallbacks.ts`) ask for them:
 *
 *   many   temporary sockets, when our NAT gives each destination another outer port: the other end, which cannot know
 *          any of them, tries ports at random and hits one soon (the birthday paradox, realtime.md 1.5)
 *   few    a fresh port, or our own again, when packets that came too early have spoilt the pair of ports that we had
 *
 * All that is sent from here are openers: probes that our NAT lets out and that die on the way, so that nobody else is
 * ever bothered. Then the other end is told (`PathPorts`), and probes in earnest. A socket at which it is heard is
 * kept until the call ends, the others are closed after WIDE_PORTS_MS or as soon as there is a path.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { bytesOf, type CallId } from '../protocol/ids.ts';
import {
  PUNCH_GAP_MS,
  WIDE_AGAIN_MS,
  WIDE_OPENERS_AT_ONCE,
  WIDE_PORTS,
  WIDE_PORTS_MS,
  WIDE_STEP_MS,
  WIDE_TTLS,
} from '../protocol/params.ts';
import type { OpenSocket, SocketId } from '../protocol/traffic.ts';
import { type MessageOf, message } from '../wire/messages.ts';
import type { SocketOrder } from './path-port.ts';
import { type Probe, TRANSACTION_BYTES } from './prober.ts';

export type OwnPortsOutput =
  | Probe
  | SocketOrder
  | { readonly type: 'tell'; readonly message: MessageOf<'pathPorts'> }
  | { readonly type: 'vouch' };

/** A try with few ports. */
export interface FewPorts {
  readonly ttl: number;
  /** A temporary socket too: our NAT is expected to give it the outer port that it has here. */
  readonly fresh: boolean;
  /** The outer port of our own socket, when that is to be opened again. */
  readonly own: number | undefined;
}

interface Opener {
  readonly at: Millis;
  readonly to: Endpoint;
  readonly ttl: number;
  readonly socket: SocketId | undefined;
}

interface Plan {
  readonly targets: readonly Endpoint[];
  /** Undefined: many. */
  readonly few: FewPorts | undefined;
  /** Undefined until the sockets are there. */
  openers: Opener[] | undefined;
  /** What the other end is told, and when; undefined once it was. */
  telling: { readonly at: Millis; readonly ports: number[] } | undefined;
}

export class OwnPorts {
  readonly #callId: CallId;
  readonly #random: Random;
  readonly #numbers: (count: number) => SocketId;
  /** Sockets that are open, or asked for, and not heard at yet; when they are closed. */
  readonly #unheard = new Set<SocketId>();
  #closeAt: Millis = Number.POSITIVE_INFINITY;
  readonly #heard = new Set<SocketId>();
  #plan: Plan | undefined;

  /** `numbers`: the first of so many fresh numbers for sockets. */
  constructor(options: { callId: CallId; random: Random; numbers: (count: number) => SocketId }) {
    this.#callId = options.callId;
    this.#random = options.random;
    this.#numbers = options.numbers;
  }

  openMany(now: Millis, target: Endpoint): OwnPortsOutput[] {
    const given = this.#giveUp();
    this.#plan = { targets: [target], few: undefined, openers: undefined, telling: undefined };
    return [...given, { type: 'vouch' }, this.#ask(now, WIDE_PORTS)];
  }

  openFew(now: Millis, targets: readonly Endpoint[], few: FewPorts): OwnPortsOutput[] {
    const given = this.#giveUp();
    this.#plan = { targets, few, openers: undefined, telling: undefined };
    if (few.fresh) return [...given, { type: 'vouch' }, this.#ask(now, 1)];
    this.#begin(now, this.#plan, []);
    return [...given, { type: 'vouch' }];
  }

  /** Sockets that were asked for; those of an earlier plan are closed already. */
  opened(now: Millis, sockets: readonly OpenSocket[]): void {
    const ours = sockets.filter(({ socket }) => this.#unheard.has(socket));
    if (this.#plan && !this.#plan.openers) this.#begin(now, this.#plan, ours);
  }

  /** The other end was heard at this socket. */
  heard(socket: SocketId): void {
    if (this.#unheard.delete(socket)) this.#heard.add(socket);
  }

  /** Since when ports are open at which nothing was heard yet; undefined when there are none. */
  get waitingSince(): Millis | undefined {
    return this.#unheard.size === 0 ? undefined : this.#closeAt - WIDE_PORTS_MS;
  }

  /** Nothing is opened any more; sockets that were not heard at are closed. */
  rest(): OwnPortsOutput[] {
    return this.#giveUp();
  }

  /** All sockets are closed. */
  stop(): OwnPortsOutput[] {
    for (const socket of this.#heard) this.#unheard.add(socket);
    this.#heard.clear();
    return this.#giveUp();
  }

  due(now: Millis): OwnPortsOutput[] {
    const out: OwnPortsOutput[] = [];
    const plan = this.#plan;
    for (let next = plan?.openers?.[0]; next && next.at <= now; next = plan?.openers?.[0]) {
      plan?.openers?.shift();
      out.push(this.#opener(next));
    }
    if (plan?.telling && now >= plan.telling.at) {
      const { ports } = plan.telling;
      plan.telling = undefined;
      out.push({ type: 'tell', message: message('pathPorts', { callId: bytesOf(this.#callId), ports }) });
    }
    return now >= this.#closeAt ? [...out, ...this.#giveUp()] : out;
  }

  dueAt(): Millis {
    const { openers, telling } = this.#plan ?? {};
    const never = Number.POSITIVE_INFINITY;
    return Math.min(openers?.[0]?.at ?? never, telling?.at ?? never, this.#closeAt);
  }

  #ask(now: Millis, count: number): SocketOrder {
    const first = this.#numbers(count);
    for (let socket = first; socket < first + count; socket += 1) this.#unheard.add(socket);
    this.#closeAt = now + WIDE_PORTS_MS;
    return { type: 'open-sockets', first, count };
  }

  /** The sockets are there, as many as could be had. */
  #begin(now: Millis, plan: Plan, sockets: readonly OpenSocket[]): void {
    if (plan.few) this.#beginFew(now, plan, plan.few, sockets);
    else this.#beginMany(now, plan, sockets);
  }

  #beginMany(now: Millis, plan: Plan, sockets: readonly OpenSocket[]): void {
    const [to] = plan.targets;
    if (!to || sockets.length === 0) return;
    const stepOf = (index: number): Millis => now + Math.floor(index / WIDE_OPENERS_AT_ONCE) * WIDE_STEP_MS;
    plan.openers = WIDE_TTLS.flatMap((ttl, pass) =>
      sockets.map(({ socket }, index) => ({ at: stepOf(index) + pass * WIDE_AGAIN_MS, to, ttl, socket })),
    );
    // Until the other end has heard of it more are open, and those that it tries too early are few.
    plan.telling = { at: stepOf(sockets.length / 4), ports: [] };
  }

  #beginFew(now: Millis, plan: Plan, few: FewPorts, sockets: readonly OpenSocket[]): void {
    const from = [...sockets.map(({ socket }) => socket), ...(few.own === undefined ? [] : [undefined])];
    const ports = [...sockets.map(({ port }) => port), ...(few.own === undefined ? [] : [few.own])];
    if (ports.length === 0) return;
    const { ttl } = few;
    plan.openers = [0, PUNCH_GAP_MS].flatMap((offsetMs) =>
      from.flatMap((socket) => plan.targets.map((to) => ({ at: now + offsetMs, to, ttl, socket }))),
    );
    plan.telling = { at: now + 2 * PUNCH_GAP_MS, ports };
  }

  #opener({ to, ttl, socket }: Opener): Probe {
    const transaction = this.#random.bytes(TRANSACTION_BYTES);
    const probe = message('pathProbe', { transaction, callId: bytesOf(this.#callId) });
    return { type: 'probe', to, message: probe, ttl, ...(socket === undefined ? {} : { socket }) };
  }

  #giveUp(): OwnPortsOutput[] {
    const sockets = [...this.#unheard];
    this.#unheard.clear();
    this.#closeAt = Number.POSITIVE_INFINITY;
    this.#plan = undefined;
    return sockets.length === 0 ? [] : [{ type: 'close-sockets', sockets }];
  }
}
