/**
 * The asking side of the login dialogue: sign up, sign in, renew the certificate, sign out, fetch and store the buddy
 * list. It opens a session to a login server when there is something to ask (the addresses come from the invite and
 * from our supernode), tries the next address when one does not answer, and lets go when it was idle for a while.
 *
 * Request numbers rise within a session, so that a replayed request is refused; a request that was under way when the
 * session broke is asked again once on the next one, except a sign-up: that might have been done already. A server that
 * takes a request and says nothing is left as if the session had broken. Whoever signs out stops the client: what A
 * asked must never be sent in a session that proves B.
 */
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { LOGIN_REQUESTS_PER_SESSION_MAX, REQUEST_TIMEOUT_MS } from '../protocol/params.ts';
import { type Message, type MessageKind, message } from '../wire/messages.ts';

const IDLE_CLOSE_MS = 3_000;
const CONNECT_TIMEOUT_MS = 6_000;

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
  | { readonly kind: 'enrolSupernode'; readonly publicKey: Buffer; readonly endpoints: string[] }
  | { readonly kind: 'supernodesGet' };

export type LoginClientOutput =
  /** `authenticated`: prove ourselves with our certificate; false: stay anonymous. */
  | { readonly type: 'connect'; readonly attempt: number; readonly endpoint: Endpoint; readonly authenticated: boolean }
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

interface Connection {
  readonly attempt: number;
  readonly authenticated: boolean;
  readonly giveUpAt: Millis;
  up: boolean;
  nextRequestId: number;
  idleAt: Millis;
}

/** These need a session that has proven who we are. */
const AUTHENTICATED: ReadonlySet<LoginRequest['kind']> = new Set(['renew', 'signOut', 'buddyListGet', 'buddyListPut']);

export class LoginClient {
  #servers: readonly Endpoint[] = [];
  #turn = 0;
  #failedInRow = 0;
  #lastCode: FailureCode = 'unreachable-login';
  #connection: Connection | undefined;
  #nextAttempt = 1;
  #pending: Pending[] = [];
  #out: LoginClientOutput[] = [];

  /** Where login servers are, best first. */
  setServers(servers: readonly Endpoint[]): void {
    this.#servers = servers;
  }

  ask(now: Millis, ticket: number, request: LoginRequest): void {
    if (this.#servers.length === 0) {
      this.#out.push({ type: 'failed', ticket, code: 'unreachable-login', retryAfterMs: 0 });
      return;
    }
    const giveUpAt = now + REQUEST_TIMEOUT_MS + CONNECT_TIMEOUT_MS;
    this.#pending.push({ ticket, request, giveUpAt, tries: 0, requestId: 0 });
    this.#advance(now);
  }

  connected(now: Millis, attempt: number): void {
    if (this.#connection?.attempt !== attempt) return;
    this.#connection.up = true;
    this.#failedInRow = 0;
    this.#lastCode = 'unreachable-login';
    this.#advance(now);
  }

  /** Lets the server go; everything that was asked fails with this code, sent or not. */
  stop(code: FailureCode): void {
    this.#disconnect();
    for (const pending of this.#pending) this.#fail(pending, code, 0);
  }

  /** The attempt failed, or the session broke. */
  failed(now: Millis, attempt: number, code: FailureCode): void {
    if (this.#connection?.attempt !== attempt) return;
    const wasUp = this.#connection.up;
    this.#connection = undefined;
    this.#turn += 1;
    this.#lastCode = code === 'unreachable' ? 'unreachable-login' : code;
    if (!wasUp) this.#failedInRow += 1;
    for (const pending of [...this.#pending]) {
      const sent = pending.requestId !== 0;
      pending.requestId = 0;
      const again = !sent || (pending.request.kind !== 'signUp' && pending.tries < 2);
      if (!again || this.#failedInRow >= this.#servers.length) this.#fail(pending, this.#lastCode, 0);
    }
    if (this.#failedInRow >= this.#servers.length) this.#failedInRow = 0;
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
    } else {
      this.#remove(pending);
      this.#out.push({ type: 'reply', ticket: pending.ticket, message: value });
    }
    this.#advance(now);
    return true;
  }

  wake(now: Millis): void {
    const expired = this.#pending.filter((pending) => now >= pending.giveUpAt);
    for (const pending of expired) this.#fail(pending, this.#lastCode, 0);
    const connection = this.#connection;
    if (!connection) return;
    const silent = connection.up && expired.some((pending) => pending.requestId !== 0);
    if (silent || (!connection.up && now >= connection.giveUpAt)) {
      this.#out.push({ type: 'abandon', attempt: connection.attempt });
      this.failed(now, connection.attempt, 'unreachable-login');
    } else if (connection.up && this.#pending.length === 0 && now >= connection.idleAt) {
      this.#disconnect();
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending) at = Math.min(at, pending.giveUpAt);
    const connection = this.#connection;
    if (!connection) return at;
    if (!connection.up) return Math.min(at, connection.giveUpAt);
    return this.#pending.length === 0 ? Math.min(at, connection.idleAt) : at;
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
    if (connection && authenticated && !connection.authenticated) {
      if (this.#pending.some((pending) => pending.requestId !== 0)) return;
      this.#disconnect();
    }
    if (!this.#connection) return this.#connect(now, authenticated);
    if (!this.#connection.up) return;
    let room = LOGIN_REQUESTS_PER_SESSION_MAX - this.#pending.filter((pending) => pending.requestId !== 0).length;
    for (const pending of this.#pending) {
      const fits = !AUTHENTICATED.has(pending.request.kind) || this.#connection.authenticated;
      if (pending.requestId !== 0 || !fits || room <= 0) continue;
      this.#send(this.#connection, pending, now);
      room -= 1;
    }
  }

  #connect(now: Millis, authenticated: boolean): void {
    const endpoint = this.#servers[this.#turn % this.#servers.length];
    if (!endpoint) return;
    const attempt = this.#nextAttempt++;
    const giveUpAt = now + CONNECT_TIMEOUT_MS;
    const idleAt = now + IDLE_CLOSE_MS;
    this.#connection = { attempt, authenticated, giveUpAt, up: false, nextRequestId: 1, idleAt };
    this.#out.push({ type: 'connect', attempt, endpoint, authenticated });
  }

  #disconnect(): void {
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
