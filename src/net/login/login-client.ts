/**
 * The asking side of the login dialogue. It opens a session to a login server when there is something to ask (the addresses
 * come from the invite and from our supernode), and lets go when it was idle for a while.
 *
 *   nothing asked --ask--> racing --first authenticated answer--> up --idle--> nothing asked
 *     racing: the way that worked last, then every server's own port, every server's TCP 443, TLS 443, TCP 80 (and
 *       through the proxy of this machine), then the own ports without the classic face, then through supernodes that
 *       carry the dialogue, LOGIN_STAGGER_MS apart; the next one at once when one fails
 *
 * Request numbers rise within a session, so that a replayed request is refused; a request that was under way when the
 * session broke is asked again once on the next one, except a sign-up: that might have been done already. A server that
 * takes a request and says nothing is left as if the session had broken. Whoever signs out stops the client: what A
 * asked must never be sent in a session that proves B. A little above 400 lines: race and session are one dialogue.
 */
import type { Millis } from '../protocol/core.ts';
import { type Endpoint, sameEndpoint } from '../protocol/endpoint.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import {
  LOGIN_CARRIED_WAYS_MAX,
  LOGIN_CONNECT_TIMEOUT_MS,
  LOGIN_PLAIN_WAYS_MAX,
  LOGIN_REQUESTS_PER_SESSION_MAX,
  LOGIN_STAGGER_MS,
  LOGIN_WAYS_MAX,
  REQUEST_TIMEOUT_MS,
} from '../protocol/params.ts';
import { isByProxy, isByTls, type Way, type WayName, waysTo } from '../protocol/ways.ts';
import { type Message, type MessageKind, type MessageOf, message } from '../wire/messages.ts';
import { wholeCertificate } from '../wire/slim-certificate.ts';

const IDLE_CLOSE_MS = 3_000;

/** `ticket` is the asker's number, returned with the outcome. */
export type LoginRequest =
  | {
      readonly kind: 'signUp';
      readonly name: string;
      readonly password: string;
      readonly displayName: string;
      readonly publicKey: Buffer;
    }
  | { readonly kind: 'signIn'; readonly name: string; readonly password: string; readonly publicKey: Buffer }
  | { readonly kind: 'renew'; readonly publicKey: Buffer }
  | { readonly kind: 'signOut' }
  | { readonly kind: 'buddyListGet' }
  | { readonly kind: 'buddyListPut'; readonly baseVersion: number; readonly xml: Buffer }
  | {
      readonly kind: 'enrolSupernode';
      readonly publicKey: Buffer;
      readonly endpoints: string[];
      /** What it has signed of itself. */
      readonly entry?: { readonly record: Buffer; readonly signature: Buffer };
    }
  | { readonly kind: 'devicesGet' }
  | {
      readonly kind: 'devicesPut';
      readonly baseVersion: number;
      readonly list: { readonly list: Buffer; readonly signature: Buffer };
      /** Only with a new account key. */
      readonly sealedKey: Buffer;
    }
  | { readonly kind: 'supernodesGet' }
  | { readonly kind: 'nameAsk'; readonly name: string };

export type LoginClientOutput =
  /** `authenticated`: prove ourselves with our certificate; false: stay anonymous. */
  | {
      readonly type: 'connect';
      readonly attempt: number;
      readonly endpoint: Endpoint;
      /** How it is dressed; `carried`: the endpoint is a supernode's, which carries the dialogue. */
      readonly face: LoginFace;
      readonly authenticated: boolean;
      /** Through the proxy of this machine. */
      readonly proxy: boolean;
      /** Inside genuine TLS. */
      readonly tls: boolean;
    }
  | { readonly type: 'abandon'; readonly attempt: number }
  | { readonly type: 'send'; readonly attempt: number; readonly message: Message }
  | { readonly type: 'reply'; readonly ticket: number; readonly message: Message }
  | { readonly type: 'failed'; readonly ticket: number; readonly code: FailureCode; readonly retryAfterMs: number };

interface Pending {
  readonly ticket: number;
  readonly request: LoginRequest;
  readonly giveUpAt: Millis;
  tries: number;
  /** Number under which it was sent in the present session; 0: not sent yet. */
  requestId: number;
}

/** `classic` opens with a record of constant bytes; `plain` without, as always inside TLS. */
export type LoginFace = 'classic' | 'plain' | 'carried';

interface LoginWay {
  readonly name: WayName;
  readonly endpoint: Endpoint;
  readonly face: LoginFace;
}

/** One of several ways, on which no answer came yet. */
interface Attempt {
  readonly way: LoginWay;
  readonly giveUpAt: Millis;
}

interface Race {
  readonly authenticated: boolean;
  readonly ways: readonly LoginWay[];
  readonly attempts: Map<number, Attempt>;
  next: number;
  nextAt: Millis;
  /** What a server said is worth more than that another did not answer. */
  code: FailureCode;
}

interface Connection {
  readonly attempt: number;
  readonly authenticated: boolean;
  /** Somebody has signed up or in by it: that proves enough for what belongs to their account. */
  entered: boolean;
  nextRequestId: number;
  idleAt: Millis;
}

/** These need a session that has proven who we are; all but the first may follow in the one by which we have signed in. */
const AUTHENTICATED: ReadonlySet<LoginRequest['kind']> = new Set([
  'renew',
  'signOut',
  'buddyListGet',
  'buddyListPut',
  'devicesGet',
  'devicesPut',
  'nameAsk',
]);

export class LoginClient {
  #servers: readonly Endpoint[] = [];
  #supernodes: readonly Endpoint[] = [];
  #hasProxy = false;
  /** The way that worked last, until it fails; the one that failed last. */
  #worked: LoginWay | undefined;
  #broke: LoginWay | undefined;
  #race: Race | undefined;
  #connection: Connection | undefined;
  #nextAttempt = 1;
  #pending: Pending[] = [];
  #out: LoginClientOutput[] = [];

  /** Where login servers are, best first. */
  setServers(servers: readonly Endpoint[]): void {
    this.#servers = servers;
  }

  /** Supernodes that may carry the dialogue where no login server answers, best first. */
  setSupernodes(supernodes: readonly Endpoint[]): void {
    this.#supernodes = supernodes;
  }

  /** From the next race on: whether this machine has a proxy. */
  setHasProxy(hasProxy: boolean): void {
    this.#hasProxy = hasProxy;
  }

  /** The way that worked last; undefined before the first, and after it failed. */
  get worked(): WayName | undefined {
    return this.#worked?.name;
  }

  /** Somebody is about to be signed up or in. */
  get enters(): boolean {
    return this.#pending.some(({ request: { kind } }) => kind === 'signUp' || kind === 'signIn');
  }

  ask(now: Millis, ticket: number, request: LoginRequest): void {
    if (this.#servers.length === 0) {
      this.#out.push({ type: 'failed', ticket, code: 'unreachable-login', retryAfterMs: 0 });
      return;
    }
    const giveUpAt = now + REQUEST_TIMEOUT_MS + LOGIN_CONNECT_TIMEOUT_MS;
    this.#pending.push({ ticket, request, giveUpAt, tries: 0, requestId: 0 });
    this.#advance(now);
  }

  /** What belongs to a request that is under way, and is not answered. */
  tell(value: Message): void {
    const isAsked = this.#pending.some(({ requestId }) => requestId !== 0);
    if (this.#connection && isAsked) {
      this.#out.push({ type: 'send', attempt: this.#connection.attempt, message: value });
    }
  }

  connected(now: Millis, attempt: number): void {
    const race = this.#race;
    const won = race?.attempts.get(attempt);
    if (!race || !won) return;
    race.attempts.delete(attempt);
    this.#stopRacing();
    this.#worked = won.way;
    const { authenticated } = race;
    this.#connection = { attempt, authenticated, entered: false, nextRequestId: 1, idleAt: now + IDLE_CLOSE_MS };
    this.#advance(now);
  }

  /** Lets the server go; everything that was asked fails with this code, sent or not. */
  stop(code: FailureCode): void {
    this.#disconnect();
    for (const pending of this.#pending) this.#fail(pending, code, 0);
  }

  /** The attempt failed, or the session broke. */
  failed(now: Millis, attempt: number, code: FailureCode): void {
    if (this.#connection?.attempt === attempt) return this.#broken(now);
    const race = this.#race;
    if (!race?.attempts.delete(attempt)) return;
    if (code !== 'unreachable') race.code = code;
    race.nextAt = now;
    this.#climb(now, race);
    if (race.attempts.size > 0 || race.next < race.ways.length) return;
    this.#race = undefined;
    for (const pending of this.#pending) this.#fail(pending, race.code, 0);
  }

  /** What was asked once is asked once more, by another way if there is one. */
  #broken(now: Millis): void {
    this.#connection = undefined;
    this.#broke = this.#worked;
    this.#worked = undefined;
    for (const pending of this.#pending) {
      const sent = pending.requestId !== 0;
      pending.requestId = 0;
      if (sent && (pending.request.kind === 'signUp' || pending.tries >= 2)) {
        this.#fail(pending, 'unreachable-login', 0);
      }
    }
    this.#advance(now);
  }

  receive(now: Millis, attempt: number, value: Message): boolean {
    if (this.#connection?.attempt !== attempt) return false;
    const requestId = 'requestId' in value.body ? value.body.requestId : 0;
    const pending = this.#pending.find((one) => one.requestId !== 0 && one.requestId === requestId);
    if (!pending) return false;
    this.#connection.idleAt = now + IDLE_CLOSE_MS;
    if (value.kind === 'failure') {
      const code = isFailureCode(value.body.code) ? value.body.code : 'server-fault';
      this.#fail(pending, code, value.body.retryAfterMs);
    } else this.#answered(this.#connection, pending, value);
    this.#advance(now);
    return true;
  }

  #answered(connection: Connection, pending: Pending, value: Message): void {
    const reply = value.kind === 'signedIn' ? withOwnKey(value, pending.request as object) : value;
    if (!reply) return this.#fail(pending, 'server-fault', 0);
    this.#remove(pending);
    connection.entered ||= reply.kind === 'signedIn';
    this.#out.push({ type: 'reply', ticket: pending.ticket, message: reply });
  }

  wake(now: Millis): void {
    const expired = this.#pending.filter((pending) => now >= pending.giveUpAt);
    for (const pending of expired) this.#fail(pending, this.#race?.code ?? 'unreachable-login', 0);
    if (this.#race && this.#pending.length > 0) this.#wakeRace(now, this.#race);
    else this.#stopRacing();
    const connection = this.#connection;
    if (!connection) return;
    if (expired.some((pending) => pending.requestId !== 0)) {
      this.#out.push({ type: 'abandon', attempt: connection.attempt });
      this.#broken(now);
    } else if (this.#pending.length === 0 && now >= connection.idleAt) {
      this.#disconnect();
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending) at = Math.min(at, pending.giveUpAt);
    if (this.#race) {
      at = Math.min(at, this.#race.nextAt);
      for (const attempt of this.#race.attempts.values()) at = Math.min(at, attempt.giveUpAt);
    }
    return this.#connection && this.#pending.length === 0 ? Math.min(at, this.#connection.idleAt) : at;
  }

  drain(): LoginClientOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Connects for, or sends, what waits. One session at a time; a change between anonymous and not makes a new one. */
  #advance(now: Millis): void {
    const next = this.#pending.find((pending) => pending.requestId === 0);
    if (!next) return;
    const authenticated = AUTHENTICATED.has(next.request.kind);
    const connection = this.#connection;
    if (connection && !serves(connection, next.request)) {
      if (this.#pending.some((pending) => pending.requestId !== 0)) return;
      this.#disconnect();
    }
    if (!this.#connection) return this.#beginRace(now, authenticated);
    let room = LOGIN_REQUESTS_PER_SESSION_MAX - this.#pending.filter(({ requestId }) => requestId !== 0).length;
    for (const pending of this.#pending) {
      if (pending.requestId !== 0 || !serves(this.#connection, pending.request) || room <= 0) continue;
      this.#send(this.#connection, pending, now);
      room -= 1;
    }
  }

  /** A race that is on goes on: what it wins serves the oldest question, and the others after it. */
  #beginRace(now: Millis, authenticated: boolean): void {
    if (this.#race) return;
    const ways = this.#ways();
    this.#race = { authenticated, ways, attempts: new Map(), next: 0, nextAt: now, code: 'unreachable-login' };
    this.#climb(now, this.#race);
  }

  /** Every server's own port first, then the others: a blocked address is more likely than a blocked port. */
  #ways(): LoginWay[] {
    const ladders = this.#servers.map((server) => waysTo({ ...server, carrier: 'tcp' }, this.#hasProxy));
    const steps = Math.max(...ladders.map(({ length }) => length));
    const round = (step: number) => ladders.flatMap((ladder) => ladder[step] ?? []);
    const classic = Array.from({ length: steps }, (_, step) => round(step)).flat();
    const carried = this.#supernodes.flatMap((supernode) => waysTo(supernode, this.#hasProxy));
    const ways = [
      ...classic.slice(0, LOGIN_WAYS_MAX).map((way) => dressed(way, isByTls(way.name) ? 'plain' : 'classic')),
      ...round(0)
        .map((way) => dressed(way, 'plain'))
        .slice(0, LOGIN_PLAIN_WAYS_MAX),
      ...carried.slice(0, LOGIN_CARRIED_WAYS_MAX).map((way) => dressed(way, 'carried')),
    ];
    const rank = (way: LoginWay): number => (isSame(way, this.#worked) ? 0 : isSame(way, this.#broke) ? 2 : 1);
    return ways.toSorted((a, b) => rank(a) - rank(b));
  }

  /** Starts the attempts that are due. */
  #climb(now: Millis, race: Race): void {
    const way = now >= race.nextAt ? race.ways[race.next] : undefined;
    if (way) {
      race.next += 1;
      race.nextAt = now + LOGIN_STAGGER_MS;
      const attempt = this.#nextAttempt++;
      race.attempts.set(attempt, { way, giveUpAt: now + LOGIN_CONNECT_TIMEOUT_MS });
      const { endpoint, face, name } = way;
      const how = { authenticated: race.authenticated, proxy: isByProxy(name), tls: isByTls(name) };
      this.#out.push({ type: 'connect', attempt, endpoint, face, ...how });
    }
    if (race.next >= race.ways.length) race.nextAt = Number.POSITIVE_INFINITY;
  }

  #wakeRace(now: Millis, race: Race): void {
    for (const [attempt, { giveUpAt }] of race.attempts) {
      if (now < giveUpAt) continue;
      this.#out.push({ type: 'abandon', attempt });
      this.failed(now, attempt, 'unreachable');
    }
    if (this.#race === race) this.#climb(now, race);
  }

  #stopRacing(): void {
    for (const attempt of this.#race?.attempts.keys() ?? []) this.#out.push({ type: 'abandon', attempt });
    this.#race = undefined;
  }

  #disconnect(): void {
    this.#stopRacing();
    if (this.#connection) this.#out.push({ type: 'abandon', attempt: this.#connection.attempt });
    this.#connection = undefined;
  }

  #send(connection: Connection, pending: Pending, now: Millis): void {
    pending.requestId = connection.nextRequestId++;
    pending.tries += 1;
    connection.idleAt = now + IDLE_CLOSE_MS;
    const { kind, ...fields } = pending.request;
    const body = { ...fields, requestId: pending.requestId };
    this.#out.push({
      type: 'send',
      attempt: connection.attempt,
      message: message(kind as MessageKind, body) as Message,
    });
  }

  #fail(pending: Pending, code: FailureCode, retryAfterMs: number): void {
    this.#remove(pending);
    this.#out.push({ type: 'failed', ticket: pending.ticket, code, retryAfterMs });
  }

  #remove(pending: Pending): void {
    this.#pending = this.#pending.filter((other) => other !== pending);
  }
}

function serves({ authenticated, entered }: Connection, { kind }: LoginRequest): boolean {
  return authenticated || !AUTHENTICATED.has(kind) || (entered && kind !== 'renew');
}

/** The certificate comes without the key that we asked it for. */
function withOwnKey({ body }: MessageOf<'signedIn'>, request: { readonly publicKey?: Buffer }): Message | undefined {
  const certificate = wholeCertificate(body.certificate, request.publicKey) as never;
  return certificate && message('signedIn', { ...body, certificate });
}

function dressed({ name, endpoint }: Way, face: LoginFace): LoginWay {
  return { name, endpoint, face };
}

function isSame(a: LoginWay, b: LoginWay | undefined): boolean {
  return b !== undefined && a.name === b.name && a.face === b.face && sameEndpoint(a.endpoint, b.endpoint);
}
