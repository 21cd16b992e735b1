/**
 * The stage for the login server's tests: a server with accounts in memory, a clock that only the scene moves, and
 * sessions that ask. Effects are carried out at once unless a scene holds them back. One authority and one key serve
 * the whole test process, since making RSA keys is slow.
 */
import type { LoginEffect } from '../../src/net/login/login-effects.ts';
import { LoginServer, type LoginServerOptions, type LoginSession } from '../../src/net/login/login-server.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { FailureCode } from '../../src/net/protocol/failures.ts';
import {
  type Body,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageKind,
  type MessageOf,
  message,
} from '../../src/net/wire/messages.ts';
import { keyPair, makeAuthority, WALL_MS } from './identities.ts';
import { MemoryAccounts, performNow } from './memory-account-store.ts';
import { seededRandom } from './seeded-random.ts';

export const authority = makeAuthority();
export const aliceKey = keyPair('alice').spki;
export const PASSWORD = 'correct horse';

type Asked = { readonly session: LoginSession; readonly message: Message };

export class LoginScene {
  readonly accounts = new MemoryAccounts();
  readonly server: LoginServer;
  now = 1000;
  wallMs = WALL_MS;
  /** Effects for which this is true wait in `held` until they are let go. */
  hold: (effect: LoginEffect) => boolean = () => false;
  readonly held = new Map<number, LoginEffect>();
  /** Every effect that was ever asked for. */
  readonly effects: LoginEffect[] = [];
  /** Where what enrols is reached. */
  reaches: (endpoint: Endpoint) => boolean = () => true;
  readonly replies: { readonly session: LoginSession['id']; readonly message: Message }[] = [];
  #sessions = 0;
  #requestIds = new Map<LoginSession['id'], number>();

  constructor(options: Partial<LoginServerOptions> = {}) {
    this.server = new LoginServer({ issuer: authority.issuer, random: seededRandom('login'), ...options });
  }

  /** A new session; each from a host of its own unless told otherwise. */
  session(remoteHost?: string, identity?: LoginSession['identity']): LoginSession {
    const id = ++this.#sessions;
    return { id, remoteHost: remoteHost ?? `198.51.${id >> 8}.${id & 255}`, ...(identity ? { identity } : {}) };
  }

  /** A session that was set up with the person's certificate. */
  certified(name: string, changes: Partial<NonNullable<LoginSession['identity']>> = {}): LoginSession {
    return this.session(undefined, { kind: 'person', name, nodeId: 'ab'.repeat(16), ...changes });
  }

  /** Asks and returns the reply; undefined while it is held back. Fields left out are plausible. */
  ask<K extends MessageKind>(session: LoginSession, kind: K, fields: Partial<Body<K>> = {}): Message | undefined {
    const requestId = (this.#requestIds.get(session.id) ?? 0) + 1;
    this.#requestIds.set(session.id, requestId);
    return this.askExactly({ session, message: message(kind, { requestId, ...DEFAULTS[kind], ...fields } as Body<K>) });
  }

  /** With the number, and everything else, as given; over the wire and back, as it would come. */
  askExactly(asked: Asked): Message | undefined {
    const before = this.replies.length;
    const received = decodeMessage(encodeMessage(asked.message));
    if (!received) throw new Error('the message does not survive the wire');
    this.server.request(this.now, this.wallMs, { session: asked.session, message: received });
    this.settle();
    return this.replies.slice(before).find(({ session }) => session === asked.session.id)?.message;
  }

  /** What the reply comes down to: its kind, or the code of a failure. */
  outcome<K extends MessageKind>(session: LoginSession, kind: K, fields: Partial<Body<K>> = {}): string {
    return outcomeOf(this.ask(session, kind, fields));
  }

  /** Carries out what is not held, until nothing more comes. */
  settle(): void {
    for (let outputs = this.server.drain(); outputs.length > 0; outputs = this.server.drain()) {
      for (const output of outputs) {
        if (output.type === 'reply') this.replies.push(output);
        else if (output.type === 'cancel') this.held.delete(output.id);
        else this.#meet(output.id, output.effect);
      }
    }
  }

  /** Lets go of one held effect, the oldest, or all of them. */
  release(which: 'oldest' | 'all' = 'all'): void {
    for (const [id, effect] of [...this.held]) {
      this.held.delete(id);
      this.#perform(id, effect);
      this.settle();
      if (which === 'oldest') return;
    }
  }

  wake(): void {
    this.server.wake(this.now, this.wallMs);
    this.settle();
  }

  signUp(name: string, password = PASSWORD): void {
    const outcome = this.outcome(this.session(), 'signUp', { name, password });
    if (outcome !== 'signedIn') throw new Error(`sign-up of ${name}: ${outcome}`);
  }

  #meet(id: number, effect: LoginEffect): void {
    this.effects.push(effect);
    if (this.hold(effect)) this.held.set(id, effect);
    else this.#perform(id, effect);
  }

  #perform(id: number, effect: LoginEffect): void {
    const result =
      effect.effect === 'dial'
        ? ({ ok: true, value: effect.endpoints.filter(this.reaches) } as const)
        : performNow(this.accounts, effect);
    this.server.effectDone(this.now, this.wallMs, id, result);
  }
}

const DEFAULTS: { [K in MessageKind]?: Partial<Body<K>> } = {
  signUp: { name: 'alice1', password: PASSWORD, displayName: 'Alice', publicKey: aliceKey },
  signIn: { name: 'alice1', password: PASSWORD, publicKey: aliceKey },
  renew: { publicKey: aliceKey },
  buddyListPut: { baseVersion: 0, xml: Buffer.from('<buddies/>') },
  enrolSupernode: { publicKey: aliceKey, endpoints: ['udp:198.51.0.1:4000'] },
};

export function outcomeOf(reply: Message | undefined): string {
  if (reply === undefined) return 'no reply';
  return reply.kind === 'failure' ? (reply.body.code as FailureCode) : reply.kind;
}

export function retryOf(reply: Message | undefined): number {
  return reply?.kind === 'failure' ? reply.body.retryAfterMs : 0;
}

/** The body of a reply that was to be of this kind. */
export function granted<K extends Message['kind']>(reply: Message | undefined, kind: K): MessageOf<K>['body'] {
  if (reply?.kind !== kind) throw new Error(`wanted ${kind}, got ${outcomeOf(reply)}`);
  return reply.body as MessageOf<K>['body'];
}
