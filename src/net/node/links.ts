/**
 * The links of an ordinary node, and whose each is: the supernode link's, the login client's, or a bearer's, which is a
 * supernode that only carries one login dialogue (PROTOCOL.md 9.1, "Carried"). Owners know their links by attempt
 * numbers of their own; carriers know them by link ids; here the two meet.
 *
 *   owner asks (attempt) --> connect | connectLogin --> carriers
 *   carriers 'link-up', 'link-down' --> up, down --> whom to tell
 *   carriers 'carry' <--> LoginCarry, LoginCarried in the session with the supernode
 */
import type { LoginClientOutput } from '../login/login-client.ts';
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { StreamId } from '../protocol/traffic.ts';
import type { SessionId, Switchboard } from '../transport/switchboard.ts';
import { type Body, message } from '../wire/messages.ts';
import type { StreamFace } from '../wire/stream-framer.ts';
import { CarriedStreams } from './carried-streams.ts';
import type { CarrierOutput, Carriers, LinkId } from './carriers.ts';

/** Whose link it is, and by which number its owner knows it. */
export interface LinkOwner {
  /** `bearer`: a supernode that only carries the login attempt of this number. */
  readonly owner: 'supernode' | 'login' | 'bearer';
  readonly attempt: number;
  /** One of very many: nothing is sent twice. */
  readonly once?: boolean;
}

/** Where to, and how. */
export interface Wanted {
  readonly endpoint: Endpoint;
  /** Default: prove who we are. */
  readonly anonymous?: boolean;
  /** Default: plain. */
  readonly face?: StreamFace;
  /** Through the proxy of this machine. */
  readonly proxy?: boolean;
  /** Inside genuine TLS. */
  readonly tls?: boolean;
  /** We do not know yet who we are: our proof waits for `prove`. */
  readonly inAdvance?: boolean;
}

export type LoginConnect = Extract<LoginClientOutput, { type: 'connect' }>;

export class Links {
  readonly #carriers: Carriers;
  readonly #switchboard: Switchboard;
  readonly #wantAuthority: () => boolean;
  readonly #ownerOfLink = new Map<LinkId, LinkOwner>();
  /** Logins that a supernode carries; those of them that still wait for a session with it. */
  readonly #carried = new CarriedStreams();
  readonly #awaitingBearer = new Map<number, LoginConnect>();

  /** `wantAuthority`: do we still lack the CA certificate? */
  constructor(carriers: Carriers, switchboard: Switchboard, wantAuthority: () => boolean) {
    this.#carriers = carriers;
    this.#switchboard = switchboard;
    this.#wantAuthority = wantAuthority;
  }

  connect(now: Millis, owner: LinkOwner, wanted: Wanted): void {
    const { anonymous = false, face = 'plain', proxy = false, tls = false, inAdvance = false } = wanted;
    const wantAuthority = this.#wantAuthority();
    const isLogin = owner.owner === 'login';
    // An answer with the CA certificate in it does not fit a datagram.
    const endpoint: Endpoint = wantAuthority || isLogin ? { ...wanted.endpoint, carrier: 'tcp' } : wanted.endpoint;
    const expect = { kind: isLogin ? 'login-server' : 'supernode' } as const;
    const { once = false } = owner;
    const options = { anonymous, wantAuthority, once, face, expect, proxy, tls, inAdvance };
    this.#ownerOfLink.set(this.#carriers.connect(now, endpoint, options), owner);
  }

  /** `through`: the session with our supernode; without one, a supernode is asked that need not know who we are. */
  connectLogin(now: Millis, wanted: LoginConnect, through: SessionId | undefined): void {
    const { attempt, endpoint, authenticated, face, proxy, tls } = wanted;
    if (face !== 'carried') {
      return this.connect(now, { owner: 'login', attempt }, { endpoint, anonymous: !authenticated, face, proxy, tls });
    }
    if (through !== undefined) return this.#loginThrough(now, through, wanted);
    this.#awaitingBearer.set(attempt, wanted);
    this.connect(now, { owner: 'bearer', attempt }, { endpoint, anonymous: true, proxy, tls });
  }

  /** Who is to be told that a link is up; nobody when it was a bearer's, through which the dialogue now begins. */
  up(now: Millis, link: LinkId): LinkOwner | undefined {
    const owner = this.#ownerOfLink.get(link);
    if (owner?.owner !== 'bearer') return owner;
    const wanted = this.#awaitingBearer.get(owner.attempt);
    const session = this.#carriers.sessionOf(link);
    this.#awaitingBearer.delete(owner.attempt);
    if (wanted && session !== undefined) this.#loginThrough(now, session, wanted);
    return undefined;
  }

  /** Who is to be told that a link is down; a bearer that did not come up fails the login that waited for it. */
  down(now: Millis, link: LinkId): LinkOwner | undefined {
    const owner = this.#ownerOfLink.get(link);
    this.#ownerOfLink.delete(link);
    this.endOrphans(now);
    if (!owner) return undefined;
    if (owner.owner === 'login') this.abandon('bearer', owner.attempt);
    if (owner.owner !== 'bearer') return owner;
    const { attempt } = owner;
    return this.#awaitingBearer.delete(attempt) ? { owner: 'login', attempt } : undefined;
  }

  abandon(owner: LinkOwner['owner'], attempt: number): void {
    const link = this.#linkOf(owner, attempt);
    if (link === undefined) return;
    this.#ownerOfLink.delete(link);
    this.#carriers.drop(link, 'not needed');
  }

  /** It is known now who we are. */
  prove(now: Millis, owner: LinkOwner['owner'], attempt: number): void {
    const link = this.#linkOf(owner, attempt);
    if (link !== undefined) this.#carriers.prove(now, link);
  }

  /** Whose handshake it is, of those begun in advance. */
  answered(session: SessionId): LinkOwner | undefined {
    const link = this.#carriers.linkOf(session);
    return link === undefined ? undefined : this.#ownerOfLink.get(link);
  }

  /** All that was begun for one attempt of the login client. */
  abandonLogin(attempt: number): void {
    this.#awaitingBearer.delete(attempt);
    this.abandon('login', attempt);
    this.abandon('bearer', attempt);
  }

  /** The session of an owner's link that is up; of any attempt when none is named. */
  sessionOf(owner: LinkOwner['owner'], attempt?: number): SessionId | undefined {
    for (const [link, one] of this.#ownerOfLink) {
      if (one.owner !== owner || (attempt !== undefined && one.attempt !== attempt)) continue;
      const session = this.#carriers.sessionOf(link);
      if (session !== undefined) return session;
    }
    return undefined;
  }

  ownerOf(session: SessionId): LinkOwner | undefined {
    for (const [link, owner] of this.#ownerOfLink) if (this.#carriers.sessionOf(link) === session) return owner;
    return undefined;
  }

  /** Bytes of a carried stream, on their way out. */
  carry(now: Millis, { stream, bytes, end }: Extract<CarrierOutput, { type: 'carry' }>): void {
    const of = this.#carried.channelOf(stream);
    if (!of) return;
    if (end) this.#carried.delete(stream);
    const value = message('loginCarry', { channel: of.channel, packets: bytes, end });
    if (!this.#switchboard.send(now, of.session, value)) this.#endCarried(now, stream);
  }

  /** Bytes of a carried stream that came. */
  carried(now: Millis, session: SessionId, body: Body<'loginCarried'>): void {
    const stream = this.#carried.streamOf(session, body.channel);
    if (stream === undefined) return;
    if (body.end) this.#carried.delete(stream);
    this.#carriers.receiveCarried(now, stream, Buffer.from(body.packets), body.end);
  }

  /** What a session carried ends with it. */
  endOrphans(now: Millis): void {
    for (const [stream, { session }] of this.#carried.list()) {
      if (!this.#switchboard.peerOf(session)) this.#endCarried(now, stream);
    }
  }

  #loginThrough(now: Millis, session: SessionId, { attempt, endpoint, authenticated }: LoginConnect): void {
    const expect = { kind: 'login-server' } as const;
    const wantAuthority = this.#wantAuthority();
    const options = { anonymous: !authenticated, wantAuthority, face: 'plain', expect } as const;
    const { link, stream } = this.#carriers.connectCarried(now, endpoint, options);
    this.#carried.add(stream, { session, channel: stream });
    this.#ownerOfLink.set(link, { owner: 'login', attempt });
  }

  #endCarried(now: Millis, stream: StreamId): void {
    this.#carried.delete(stream);
    this.#carriers.receiveCarried(now, stream, Buffer.alloc(0), true);
  }

  #linkOf(owner: LinkOwner['owner'], attempt: number): LinkId | undefined {
    for (const [link, one] of this.#ownerOfLink) if (one.owner === owner && one.attempt === attempt) return link;
    return undefined;
  }
}
