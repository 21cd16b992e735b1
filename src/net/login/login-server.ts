/**
 * The login server as a core: names are unique, keys are certified, buddy lists are kept; nothing else passes
 * through it. Handed requests by the node with the session they came in, hands on effects (hash, store) for the
 * driver and replies for the session. No sockets, promises or clock inside.
 *
 *   request -> refuse replays, limit by host -> rule (login-rules.ts) <-> effects -> reply
 *
 * A request is in one of these states: at an effect that hashes or dials (then it may be given up, since nothing was
 * changed), or at one of the store (then it is carried through, since the client must be told the truth). There is
 * no state for "queued": the runner of the effects has the queue.
 */
import type { Millis } from '../protocol/core.ts';
import { type FailureCode, Refusal } from '../protocol/failures.ts';
import {
  LOGIN_REQUESTS_PER_SESSION_MAX,
  REQUEST_TIMEOUT_MS,
  REQUESTS_PENDING_MAX,
  SESSIONS_MAX,
} from '../protocol/params.ts';
import { hostKey } from '../protocol/rate-limit.ts';
import { type Message, message } from '../wire/messages.ts';
import { type LoginClient, LoginDesk, type LoginServerOptions, type LoginSession } from './login-desk.ts';
import { type EffectResult, type LoginEffect, mayBeGivenUp } from './login-effects.ts';
import { type Answer, isRequest, type Request, RULES } from './login-rules.ts';

export type { LoginServerOptions, LoginSession } from './login-desk.ts';

export type LoginOutput =
  /** To be carried out; the result comes back by `effectDone` with the same id. */
  | { readonly type: 'effect'; readonly id: number; readonly effect: LoginEffect }
  /** That effect's result is of no use any more: it need not be carried out, nor reported. */
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'reply'; readonly session: LoginSession['id']; readonly message: Message };

interface Pending {
  readonly client: LoginClient;
  readonly requestId: number;
  readonly work: Generator<LoginEffect, Message, Answer>;
  /** The client gives up then. */
  readonly giveUpAt: Millis;
  effectId: number;
  mayEnd: boolean;
}

export class LoginServer {
  /** For the log and for tests; they only rise. */
  readonly counters = { requests: 0, refusals: 0, unexpected: 0, abandoned: 0 };
  readonly #desk: LoginDesk;
  /** The client heard longest ago stands first. */
  readonly #clients = new Map<LoginSession['id'], LoginClient>();
  /** By the effect that each waits for. */
  readonly #pending = new Map<number, Pending>();
  #outputs: LoginOutput[] = [];
  #effectIdNext = 1;

  constructor(options: LoginServerOptions) {
    this.#desk = new LoginDesk(options);
  }

  /**
   * A message that came in a session. Anything but a request is counted and dropped; every request is answered,
   * now or after effects, unless its session is closed first. `wallMs` is wall-clock time.
   */
  request(now: Millis, wallMs: number, input: { readonly session: LoginSession; readonly message: Message }): void {
    this.#setClock(now, wallMs);
    if (!isRequest(input.message)) {
      this.counters.unexpected++;
      return;
    }
    this.counters.requests++;
    const client = this.#clientOf(input.session);
    const { requestId } = input.message.body;
    const refusal = this.#refusalAtTheDoor(client, requestId);
    if (refusal) this.#refuse(client, requestId, refusal);
    else this.#begin(client, input.message);
  }

  /** The result of an effect; one that nobody waits for any more is ignored. */
  effectDone(now: Millis, wallMs: number, id: number, result: EffectResult): void {
    this.#setClock(now, wallMs);
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    this.#step(pending, (work) => (result.ok ? work.next(result.value) : work.throw(new Refusal(result.code))));
  }

  /** The transport has no such session any more: what can be given up is, and no reply goes there. */
  sessionClosed(now: Millis, wallMs: number, id: LoginSession['id']): void {
    this.#setClock(now, wallMs);
    this.#clients.delete(id);
    for (const pending of [...this.#pending.values()]) {
      if (pending.client.session.id === id && pending.mayEnd) this.#abandon(pending);
    }
  }

  /** Gives up what is only hashed or dialled and whose clients have stopped waiting. */
  wake(now: Millis, wallMs: number): void {
    this.#setClock(now, wallMs);
    for (const pending of [...this.#pending.values()]) {
      if (!pending.mayEnd || pending.giveUpAt > now) continue;
      this.#abandon(pending);
      this.#refuse(pending.client, pending.requestId, this.#desk.busy());
    }
  }

  wakeAt(): Millis {
    let at = Number.POSITIVE_INFINITY;
    for (const { mayEnd, giveUpAt } of this.#pending.values()) if (mayEnd) at = Math.min(at, giveUpAt);
    return at;
  }

  /** Everything to do or tell since the last drain, in order. */
  drain(): LoginOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #setClock(now: Millis, wallMs: number): void {
    this.#desk.now = now;
    this.#desk.wallMs = wallMs;
  }

  /** The transport keeps at most SESSIONS_MAX sessions, so one that is forgotten here has been closed there. */
  #clientOf(session: LoginSession): LoginClient {
    const client = this.#clients.get(session.id) ?? {
      session,
      standing: { state: 'as-certified' },
      requestIdMax: 0,
      pending: 0,
    };
    client.session = session;
    this.#clients.delete(session.id);
    const oldest = this.#clients.size >= SESSIONS_MAX ? this.#clients.keys().next() : undefined;
    if (oldest && !oldest.done) this.#clients.delete(oldest.value);
    this.#clients.set(session.id, client);
    return client;
  }

  /** What is refused before any rule is looked at. A number is used up even when its request is refused. */
  #refusalAtTheDoor(client: LoginClient, requestId: number): Refusal | undefined {
    if (requestId <= client.requestIdMax) return new Refusal('replayed');
    client.requestIdMax = requestId;
    const waitMs = this.#desk.limits.request.take(this.#desk.now, hostKey(client.session.remoteHost));
    if (waitMs > 0) return new Refusal('too-many-tries', '', waitMs);
    const full = this.#pending.size >= REQUESTS_PENDING_MAX || client.pending >= LOGIN_REQUESTS_PER_SESSION_MAX;
    return full ? this.#desk.busy() : undefined;
  }

  #begin(client: LoginClient, { kind, body }: Request): void {
    const work = RULES[kind](this.#desk, client, body as never);
    const giveUpAt = this.#desk.now + REQUEST_TIMEOUT_MS;
    client.pending++;
    const pending = { client, requestId: body.requestId, work, giveUpAt, effectId: 0, mayEnd: false };
    this.#step(pending, () => work.next(undefined));
  }

  /** Lets the rule run to its next effect or to its end. Whatever is thrown but a refusal is our own mistake. */
  #step(pending: Pending, run: (work: Pending['work']) => IteratorResult<LoginEffect, Message>): void {
    let step: IteratorResult<LoginEffect, Message>;
    try {
      step = run(pending.work);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      pending.client.pending--;
      this.#refuse(pending.client, pending.requestId, error);
      return;
    }
    if (step.done) {
      pending.client.pending--;
      this.#reply(pending.client, step.value);
      return;
    }
    pending.effectId = this.#effectIdNext++;
    pending.mayEnd = mayBeGivenUp(step.value);
    this.#pending.set(pending.effectId, pending);
    this.#outputs.push({ type: 'effect', id: pending.effectId, effect: step.value });
  }

  #abandon(pending: Pending): void {
    this.counters.abandoned++;
    this.#pending.delete(pending.effectId);
    pending.client.pending--;
    pending.work.return(ABANDONED);
    this.#outputs.push({ type: 'cancel', id: pending.effectId });
  }

  #refuse(client: LoginClient, requestId: number, refusal: Refusal): void {
    this.counters.refusals++;
    const { code, retryAfterMs } = refusal;
    this.#reply(client, message('failure', { requestId, code, detail: detailOf(refusal, code), retryAfterMs }));
  }

  #reply(client: LoginClient, reply: Message): void {
    const { id } = client.session;
    if (this.#clients.get(id) === client) this.#outputs.push({ type: 'reply', session: id, message: reply });
  }
}

/** What a rule that is given up returns to nobody. */
const ABANDONED = message('done');

/** The code's own meaning need not travel. */
function detailOf(refusal: Refusal, code: FailureCode): string {
  return refusal.message === new Refusal(code).message ? '' : refusal.message;
}
