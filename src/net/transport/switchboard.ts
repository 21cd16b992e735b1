/**
 * Holds all sessions of a node: sorts arriving packets, opens them, seals what leaves, and repeats what must be
 * repeated. Above it travel typed messages by session number; below it whole packets by route. Which route a session
 * uses is decided above (`setRoute`) or, for links to supernodes and the login server, follows the newest packet; to an
 * address that has not answered a challenge little is sent (PROTOCOL.md 6, "Routes").
 * Somewhat above 400 lines, because all that may happen to a session is one thing to read.
 *
 *   packet + route --receive--> handshakes --established--> session --open--> message | voice
 *   message --send--> reliable channel --seal--> packet + route
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import {
  DATAGRAM_BYTES_MAX,
  HANDSHAKE_RETRY_MS,
  HANDSHAKE_RETRY_MS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  SESSION_IDLE_END_TO_END_MS,
  SESSION_IDLE_MS,
} from '../protocol/params.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import { type Route, routeKey, sameRoute } from '../protocol/traffic.ts';
import { type Body, decodeMessage, encodeMessage, type Message, message } from '../wire/messages.ts';
import { DATA_HEADER_BYTES, type Packet, PacketKind, readPacket, TAG_BYTES } from '../wire/packet.ts';
import { type BeginOptions, type HandshakeOutput, Handshakes } from './handshakes.ts';
import { Rekeying } from './rekeying.ts';
import { ContentType, ReliableChannel } from './reliable.ts';
import { Session } from './session.ts';
import { isTransaction, SessionRoute } from './session-route.ts';
import { SessionTable, type TableEntry } from './session-table.ts';
import type { TicketBook } from './tickets.ts';
import { type OwnIdentity, type PeerIdentity, type Trust, WELCOME_ALL, type Welcome } from './trust.ts';

/** Our index of the session: what the other end writes into its packets. */
export type SessionId = number;
export type ConnectOptions = Partial<BeginOptions>;

/** What fits one datagram, sealed. Much of what we send was made of what others sent, so this is no mistake of ours. */
const PLAINTEXT_BYTES_MAX = DATAGRAM_BYTES_MAX - DATA_HEADER_BYTES - TAG_BYTES;

interface Entry extends TableEntry {
  readonly id: SessionId;
  readonly session: Session;
  readonly reliable: ReliableChannel;
  readonly route: SessionRoute;
  /** Where a repeated segment goes instead, when the route may have died. */
  fallback: Route | undefined;
  /** Ours, repeated until the responder is heard. */
  auth2: { readonly packet: Buffer; readonly giveUpAt: Millis; resendAt: Millis; retryMs: number } | undefined;
  /** Theirs, answered again when it comes again; until the initiator is heard, who then has our answer. */
  provenBy: Buffer | undefined;
  readonly rekeying: Rekeying;
  /** Theirs, where certificates are kept and they opened the session. */
  readonly certificate: Buffer | undefined;
  /** Unheard for so long, it ends. */
  idleMs: Millis;
}

export type SwitchboardOutput =
  /** `ttl`: of a datagram that shall not get far. */
  | { readonly type: 'send'; readonly route: Route; readonly bytes: Buffer; readonly ttl?: number }
  | {
      readonly type: 'established';
      readonly session: SessionId;
      readonly peer: PeerIdentity;
      readonly route: Route;
      readonly initiated: boolean;
    }
  /** The other end of what was begun in advance is there, and waits for `prove`. */
  | { readonly type: 'answered'; readonly session: SessionId }
  | { readonly type: 'failed'; readonly session: SessionId; readonly code: FailureCode }
  | {
      readonly type: 'message';
      readonly session: SessionId;
      readonly route: Route;
      readonly message: Message;
      /** False: it came as a lone datagram, and may come twice or never. */
      readonly reliable: boolean;
    }
  | { readonly type: 'voice'; readonly session: SessionId; readonly route: Route; readonly bytes: Buffer }
  | { readonly type: 'closed'; readonly session: SessionId; readonly reason: string };

export class Switchboard {
  readonly #random: Random;
  readonly #handshakes: Handshakes;
  readonly #keepsCertificates: boolean;
  readonly #entries = new SessionTable<Entry>();
  #out: SwitchboardOutput[] = [];
  /** A lower bound of when any session needs waking: too early is harmless, and saves a walk over all at each packet. */
  #sessionsWakeAt: Millis = Number.POSITIVE_INFINITY;
  #dropped = 0;
  /** When we last heard the time: near enough to date what goes out in between. */
  #lately: Millis = 0;

  /** `welcome`: whose handshakes are answered; everybody's if not said. `tickets`: for short handshakes. */
  constructor(options: { random: Random; trust: Trust; welcome?: Welcome; tickets?: TicketBook }) {
    this.#random = options.random;
    this.#keepsCertificates = options.tickets?.keepsCertificates ?? false;
    this.#handshakes = new Handshakes({ welcome: WELCOME_ALL, ...options, freeIndex: () => this.#freeIndex() });
  }

  /** Who we are from now on; undefined: anonymous, and answering nobody. Sessions that there are stay. */
  setIdentity(own: OwnIdentity | undefined): void {
    this.#handshakes.setOwn(own);
  }

  /** Starts a handshake; `established` or `failed` will name the returned session. */
  connect(now: Millis, route: Route, options: ConnectOptions = {}): SessionId {
    const { anonymous = false, wantAuthority = false, once = false, expect, place, inAdvance } = options;
    const id = this.#handshakes.begin(now, route, { anonymous, wantAuthority, once, expect, place, inAdvance });
    this.#settleHandshakes(now);
    return id;
  }

  /** It is known now who we are: the handshake that was begun in advance goes on. */
  prove(now: Millis, id: SessionId): void {
    this.#handshakes.prove(id);
    this.#settleHandshakes(now);
  }

  /** One packet from a route, already cut out of its datagram or stream. `source`: who pays for a handshake's work. */
  receive(now: Millis, route: Route, packet: Packet, source = sourceOf(route)): void {
    this.#lately = now;
    if (packet.kind === PacketKind.data) return this.#receiveData(now, route, packet);
    const known = packet.kind === PacketKind.auth2 ? this.#entries.get(packet.receiverIndex) : undefined;
    if (known) return this.#receiveAuth2Again(known, packet);
    this.#handshakes.receive(now, route, packet, source);
    this.#settleHandshakes(now);
  }

  /** One packet that came forwarded; garbage is counted. */
  receiveBytes(now: Millis, route: Route, bytes: Buffer): void {
    const packet = readPacket(bytes);
    if (packet) this.receive(now, route, packet);
    else this.#dropped += 1;
  }

  /** Reliable, in order. False when there is no such session or its queue is full. */
  send(now: Millis, id: SessionId, value: Message): boolean {
    const entry = this.#entries.get(id);
    if (!entry?.reliable.send(encodeMessage(value))) return false;
    entry.session.said(now, isQuiet(value));
    this.#flush(now, entry);
    return true;
  }

  /** One sealed datagram, by the session's route or another; may be lost. False when it is too long for one. */
  sendDatagram(id: SessionId, value: Message, route?: Route, ttl?: number): boolean {
    const entry = this.#entries.get(id);
    const plaintext = entry ? encodeMessage(value, 1) : undefined;
    if (!entry || !plaintext || plaintext.length > PLAINTEXT_BYTES_MAX) return false;
    plaintext[0] = ContentType.datagram;
    entry.session.said(this.#lately, isQuiet(value));
    const packet = entry.session.seal(plaintext);
    if (route === undefined) this.#emitOn(entry, packet);
    else this.#emit(route, packet, ttl);
    return true;
  }

  /** Voice packets are plaintexts of their own (`media/voice-packet.ts`), first byte 0x80 or above. */
  sendVoice(id: SessionId, plaintext: Buffer, routes: readonly Route[]): boolean {
    const entry = this.#entries.get(id);
    if (!entry || plaintext.length > PLAINTEXT_BYTES_MAX) return false;
    entry.session.said(this.#lately, false);
    const packet = entry.session.seal(plaintext);
    // The same sealed packet on every route: whichever comes second falls to the replay window.
    for (const route of routes) this.#emit(route, packet);
    return true;
  }

  /** From now on this route, with another for repeated segments; `follow`: the newest packet decides. */
  setRoute(id: SessionId, route: Route, options: { fallback?: Route; follow?: boolean } = {}): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.route.set(route, options.follow ?? false);
    entry.fallback = options.fallback;
  }

  /** A newer one has taken its place: it only opens what is still under way, and is soon forgotten. */
  retire(id: SessionId): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.idleMs = SESSION_IDLE_MS;
    this.#schedule(entry);
  }

  routeOf(id: SessionId): Route | undefined {
    return this.#entries.get(id)?.route.route;
  }

  peerOf(id: SessionId): PeerIdentity | undefined {
    return this.#entries.get(id)?.peer;
  }

  /** What the other end proved itself with, in this handshake or the one of its ticket; where the ticket book keeps it. */
  certificateOf(id: SessionId): Buffer | undefined {
    return this.#entries.get(id)?.certificate;
  }

  rttMs(id: SessionId): number | undefined {
    return this.#entries.get(id)?.reliable.rttMs;
  }

  /** When something authenticated last came; undefined for no such session. */
  heardAt(id: SessionId): Millis | undefined {
    return this.#entries.get(id)?.heardAt;
  }

  /** Tells every other end, and forgets all sessions and handshakes without an event. */
  closeAll(reason: string): void {
    this.#handshakes.abandonAll();
    for (const { id } of [...this.#entries.values()]) this.close(id, reason);
  }

  /** Tells the other end, once, and forgets the session (or the handshake) without an event. */
  close(id: SessionId, reason: string): void {
    this.sendDatagram(id, message('close', { reason }));
    this.forget(id);
  }

  /** Forgets without telling: the other end is gone. */
  forget(id: SessionId): void {
    this.#handshakes.abandon(id);
    this.#entries.delete(id);
  }

  /** A stream has closed: sessions that had no other route end. */
  routeGone(route: Route): void {
    for (const entry of this.#entries.values()) if (sameRoute(entry.route.route, route)) this.#end(entry, 'route gone');
  }

  /** Packets that no session could open, that made no sense, or that a bound forbade. */
  get dropped(): number {
    return this.#dropped + this.#handshakes.dropped;
  }

  get sessionCount(): number {
    return this.#entries.size;
  }

  wake(now: Millis): void {
    this.#lately = now;
    this.#handshakes.wake(now);
    this.#settleHandshakes(now);
    if (now < this.#sessionsWakeAt) return;
    this.#sessionsWakeAt = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      this.#repeatAuth2(now, entry);
      entry.rekeying.wake(now);
      this.#flush(now, entry);
      if (now >= entry.heardAt + entry.idleMs) this.#end(entry, 'idle');
    }
  }

  wakeAt(): Millis {
    return Math.min(this.#handshakes.wakeAt(), this.#sessionsWakeAt);
  }

  drain(): SwitchboardOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #receiveData(now: Millis, route: Route, packet: Packet): void {
    const entry = this.#entries.get(packet.receiverIndex);
    const plaintext = entry?.session.open(now, packet);
    if (!entry || !plaintext || plaintext.length === 0) {
      this.#dropped += 1;
      return;
    }
    entry.heardAt = now;
    entry.auth2 = undefined;
    entry.provenBy = undefined;
    // A packet that was overtaken says where the other end was, not where it is.
    const transaction = entry.route.heard(now, route, packet.bytes.length, entry.session.openedNewest);
    if (transaction) this.sendDatagram(entry.id, message('pathProbe', { transaction }));
    this.#dispatch(now, entry, route, plaintext);
    if (this.#entries.has(entry.id)) this.#flush(now, entry);
  }

  /** Our confirmation was lost. It goes where the session goes, whoever asks, and is smaller than Auth2. */
  #receiveAuth2Again(entry: Entry, packet: Packet): void {
    if (entry.provenBy?.equals(packet.bytes)) this.#confirm(entry);
    else this.#dropped += 1;
  }

  #dispatch(now: Millis, entry: Entry, route: Route, plaintext: Buffer): void {
    const type = plaintext[0] ?? 0;
    if (type >= ContentType.voice) {
      entry.session.said(now, false);
      this.#out.push({ type: 'voice', session: entry.id, route, bytes: plaintext });
    } else if (type === ContentType.segment || type === ContentType.ack) {
      for (const bytes of entry.reliable.receive(now, plaintext)) {
        // One of them may have ended the session.
        if (this.#entries.has(entry.id)) this.#deliver(now, entry, route, bytes, true);
      }
    } else if (type === ContentType.datagram) {
      this.#deliver(now, entry, route, plaintext.subarray(1), false);
    } else {
      this.#dropped += 1;
    }
  }

  #deliver(now: Millis, entry: Entry, route: Route, bytes: Buffer, reliable: boolean): void {
    const value = decodeMessage(bytes);
    if (!value) this.#dropped += 1;
    else if (value.kind === 'rekey') {
      if (reliable) entry.rekeying.answer(now, value.body, () => this.#flush(now, entry));
    } else if (value.kind === 'rekeyReply') entry.rekeying.finish(now, value.body);
    else if (entry.route.follows && value.kind === 'pathProbe') this.#answerChallenge(entry, route, value.body);
    else if (entry.route.follows && value.kind === 'pathReply') entry.route.answered(route, value.body.transaction);
    else if (value.kind === 'close') this.#end(entry, value.body.reason.slice(0, 64));
    else {
      entry.session.said(now, isQuiet(value));
      this.#out.push({ type: 'message', session: entry.id, route, message: value, reliable });
    }
  }

  /** The way it came, and by no more bytes. */
  #answerChallenge(entry: Entry, route: Route, { transaction }: Body<'pathProbe'>): void {
    if (isTransaction(transaction)) this.sendDatagram(entry.id, message('pathReply', { transaction }), route);
  }

  #flush(now: Millis, entry: Entry): void {
    for (const { plaintext, again } of entry.reliable.take(now)) {
      const packet = entry.session.seal(plaintext);
      this.#emitOn(entry, packet);
      if (again && entry.fallback) this.#emit(entry.fallback, packet);
    }
    if (entry.reliable.broken) this.#end(entry, 'unresponsive');
    else this.#schedule(entry);
  }

  #schedule(entry: Entry): void {
    let at = Math.min(entry.reliable.wakeAt(), entry.heardAt + entry.idleMs);
    if (entry.auth2) at = Math.min(at, entry.auth2.resendAt);
    at = Math.min(at, entry.rekeying.wakeAt());
    this.#sessionsWakeAt = Math.min(this.#sessionsWakeAt, at);
  }

  #settleHandshakes(now: Millis): void {
    for (const output of this.#handshakes.drain()) {
      if (output.type === 'send') this.#emit(output.route, output.bytes);
      else if (output.type === 'answered') this.#out.push({ type: 'answered', session: output.localIndex });
      else if (output.type === 'failed')
        this.#out.push({ type: 'failed', session: output.localIndex, code: output.code });
      else this.#establish(now, output);
    }
  }

  #establish(now: Millis, done: Extract<HandshakeOutput, { type: 'established' }>): void {
    const { keys, route, initiated, localIndex } = done;
    const role = initiated ? 'initiator' : 'responder';
    const session = new Session({ role, root: keys.root, remoteIndex: keys.remoteIndex });
    const reliable = new ReliableChannel();
    const entry: Entry = {
      id: localIndex,
      peer: keys.peer,
      session,
      reliable,
      rekeying: new Rekeying(this.#random, session, reliable),
      certificate: this.#keepsCertificates ? keys.certificate : undefined,
      route: new SessionRoute(route, this.#random),
      fallback: undefined,
      heardAt: now,
      auth2: initiated
        ? {
            packet: done.auth2,
            giveUpAt: now + 2 * HANDSHAKE_TIMEOUT_MS,
            resendAt: now + HANDSHAKE_RETRY_MS,
            retryMs: HANDSHAKE_RETRY_MS,
          }
        : undefined,
      provenBy: initiated ? undefined : done.auth2,
      idleMs: route.via === 'forward' ? SESSION_IDLE_END_TO_END_MS : SESSION_IDLE_MS,
    };
    const loser = this.#entries.add(entry);
    if (loser) this.#out.push({ type: 'closed', session: loser.id, reason: 'evicted' });
    if (initiated) this.#emit(route, done.auth2);
    else this.#confirm(entry);
    this.#schedule(entry);
    this.#out.push({ type: 'established', session: localIndex, peer: keys.peer, route, initiated });
  }

  /** The responder's first packet: an acknowledgement of nothing, which tells the initiator to stop repeating Auth2. */
  #confirm(entry: Entry): void {
    const plaintext = Buffer.alloc(9);
    plaintext[0] = ContentType.ack;
    this.#emitOn(entry, entry.session.seal(plaintext));
  }

  #repeatAuth2(now: Millis, entry: Entry): void {
    if (!entry.auth2 || now < entry.auth2.resendAt) return;
    entry.auth2.retryMs = Math.min(HANDSHAKE_RETRY_MS_MAX, entry.auth2.retryMs * 2);
    entry.auth2.resendAt = now + entry.auth2.retryMs;
    if (now >= entry.auth2.giveUpAt) this.#end(entry, 'unresponsive');
    else this.#emitOn(entry, entry.auth2.packet);
  }

  #end(entry: Entry, reason: string): void {
    if (this.#entries.delete(entry.id)) this.#out.push({ type: 'closed', session: entry.id, reason });
  }

  #freeIndex(): number {
    for (;;) {
      const index = this.#random.bytes(4).readUInt32BE();
      if (index !== 0 && !this.#entries.has(index) && !this.#handshakes.has(index)) return index;
    }
  }

  #emitOn(entry: Entry, packet: Buffer): void {
    this.#emit(entry.route.take(packet.length), packet);
  }

  #emit(route: Route, bytes: Buffer, ttl?: number): void {
    this.#out.push({ type: 'send', route, bytes, ...(ttl === undefined ? {} : { ttl }) });
  }
}

/** Says no more than that somebody is there. */
function isQuiet({ kind }: Message): boolean {
  return kind === 'keepAlive' || kind === 'keepAliveReply' || kind === 'presence';
}

/** When the carriers know no better: an address, a stream, or the node that our supernode names. */
function sourceOf(route: Route): string {
  return route.via === 'udp' ? hostKey(route.endpoint.host) : routeKey(route);
}
