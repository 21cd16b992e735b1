/**
 * The supernode's side of a carried sign-in: clients that reach no login server speak with it through our own session
 * to it, one channel for each dialogue. What passes is sealed between the two ends; here it is only counted.
 * The supernode opens the session when told to `connect`, and says when it is up or gone.
 *
 *   client LoginCarry --> bounds --> channel of ours --> LoginCarry (with the client's host) --> login server
 *   login server LoginCarried --> whose channel it is --> LoginCarried --> client
 *
 * No amplification: whoever is answered has finished a handshake, so that the address is proven; and what one host and
 * one session may use is bounded (`params.ts`, LOGIN_CARRY...).
 */
import type { Millis } from '../protocol/core.ts';
import {
  LOGIN_CARRIES_MAX,
  LOGIN_CARRIES_PER_SESSION_MAX,
  LOGIN_CARRY_BURST,
  LOGIN_CARRY_BYTES_MAX,
  LOGIN_CARRY_IDLE_MS,
  LOGIN_CARRY_REFILL_MS,
  LOGIN_CARRY_WAITING_BYTES_MAX,
} from '../protocol/params.ts';
import { hostKey, RateLimit } from '../protocol/rate-limit.ts';
import { type Body, type Message, message } from '../wire/messages.ts';

export type LoginRelayOutput =
  /** Open a session with a login server; `loginUp` or `loginGone` follows. */
  | { readonly type: 'connect' }
  /** Nobody needs it any more. */
  | { readonly type: 'disconnect' }
  | { readonly type: 'to-login'; readonly message: Message }
  | { readonly type: 'to-client'; readonly session: number; readonly message: Message };

interface Channel {
  /** Our number, towards the login server. */
  readonly id: number;
  readonly session: number;
  /** The client's number. */
  readonly theirs: number;
  readonly host: string;
  bytesIn: number;
  bytesOut: number;
  idleAt: Millis;
  /** Until the login server is reached. */
  waiting: Buffer[];
}

export class LoginRelay {
  readonly #channels = new Map<number, Channel>();
  readonly #hosts = new RateLimit(LOGIN_CARRY_BURST, LOGIN_CARRY_REFILL_MS);
  #login: 'none' | 'connecting' | 'up' = 'none';
  #nextId = 1;
  #out: LoginRelayOutput[] = [];

  /** `LoginCarry` from a client; `host`: where it comes from. */
  fromClient(now: Millis, session: number, host: string, body: Body<'loginCarry'>): void {
    const known = this.#find(session, body.channel);
    if (!known && body.end) return;
    const channel = known ?? this.#admit(now, session, host, body.channel);
    if (!channel) return this.#sayEnd(session, body.channel);
    channel.bytesIn += body.packets.length;
    channel.idleAt = now + LOGIN_CARRY_IDLE_MS;
    if (channel.bytesIn > this.#limit()) return this.#end(channel, 'both');
    if (this.#login === 'up') this.#toLogin(channel, Buffer.from(body.packets));
    else channel.waiting.push(Buffer.from(body.packets));
    if (body.end) this.#end(channel, 'login');
    else if (this.#login === 'none') this.#connect();
  }

  /** `LoginCarried` from the login server. */
  fromLogin(now: Millis, body: Body<'loginCarried'>): void {
    const channel = this.#channels.get(body.channel);
    if (!channel) return;
    channel.bytesOut += body.packets.length;
    channel.idleAt = now + LOGIN_CARRY_IDLE_MS;
    if (channel.bytesOut > LOGIN_CARRY_BYTES_MAX) return this.#end(channel, 'both');
    const { session, theirs } = channel;
    const packets = Buffer.from(body.packets);
    if (packets.length > 0) this.#toClient(session, message('loginCarried', { channel: theirs, packets }));
    if (body.end) this.#end(channel, 'client');
  }

  loginUp(): void {
    this.#login = 'up';
    for (const channel of this.#channels.values()) {
      for (const packets of channel.waiting) this.#toLogin(channel, packets);
      channel.waiting = [];
    }
  }

  /** No login server could be reached, or the session with it broke. */
  loginGone(): void {
    this.#login = 'none';
    for (const channel of this.#channels.values()) this.#end(channel, 'client');
  }

  /** The client's session is gone. */
  sessionClosed(session: number): void {
    for (const channel of this.#channels.values()) if (channel.session === session) this.#end(channel, 'login');
  }

  wake(now: Millis): void {
    for (const channel of this.#channels.values()) if (now >= channel.idleAt) this.#end(channel, 'both');
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const channel of this.#channels.values()) at = Math.min(at, channel.idleAt);
    return at;
  }

  drain(): LoginRelayOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Is there still somebody for whom the login server is sought? */
  get waits(): boolean {
    return this.#login === 'connecting';
  }

  /** Dialogues carried now. */
  get size(): number {
    return this.#channels.size;
  }

  #find(session: number, theirs: number): Channel | undefined {
    for (const channel of this.#channels.values()) {
      if (channel.session === session && channel.theirs === theirs) return channel;
    }
    return undefined;
  }

  #admit(now: Millis, session: number, host: string, theirs: number): Channel | undefined {
    const ofSession = [...this.#channels.values()].filter((channel) => channel.session === session).length;
    if (theirs === 0 || ofSession >= LOGIN_CARRIES_PER_SESSION_MAX || this.#channels.size >= LOGIN_CARRIES_MAX) {
      return undefined;
    }
    if (this.#hosts.take(now, hostKey(host)) > 0) return undefined;
    const id = this.#nextId++;
    const channel: Channel = { id, session, theirs, host, bytesIn: 0, bytesOut: 0, idleAt: now, waiting: [] };
    this.#channels.set(id, channel);
    return channel;
  }

  #limit(): number {
    return this.#login === 'up' ? LOGIN_CARRY_BYTES_MAX : LOGIN_CARRY_WAITING_BYTES_MAX;
  }

  #connect(): void {
    this.#login = 'connecting';
    this.#out.push({ type: 'connect' });
  }

  #toLogin(channel: Channel, packets: Buffer): void {
    const body = { channel: channel.id, packets, observed: channel.host };
    if (packets.length > 0) this.#out.push({ type: 'to-login', message: message('loginCarry', body) });
  }

  #toClient(session: number, value: Message): void {
    this.#out.push({ type: 'to-client', session, message: value });
  }

  #sayEnd(session: number, channel: number): void {
    this.#toClient(session, message('loginCarried', { channel, end: true }));
  }

  /** `tell`: which ends do not know yet. */
  #end(channel: Channel, tell: 'login' | 'client' | 'both'): void {
    this.#channels.delete(channel.id);
    if (tell !== 'login') this.#sayEnd(channel.session, channel.theirs);
    if (tell !== 'client' && this.#login === 'up') {
      this.#out.push({ type: 'to-login', message: message('loginCarry', { channel: channel.id, end: true }) });
    }
    if (this.#channels.size > 0 || this.#login === 'none') return;
    this.#login = 'none';
    this.#out.push({ type: 'disconnect' });
  }
}
