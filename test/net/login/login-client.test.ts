/** The asking side of the login dialogue: a race of ways, one session, rising numbers, and no mixing of accounts. */
import { describe, expect, it } from 'vitest';
import { LoginClient, type LoginClientOutput, type LoginRequest } from '../../../src/net/login/login-client.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import type { FailureCode } from '../../../src/net/protocol/failures.ts';
import { LOGIN_REQUESTS_PER_SESSION_MAX, LOGIN_STAGGER_MS } from '../../../src/net/protocol/params.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';

const ONE = 'tcp:192.0.2.1:4000';
const TWO = 'tcp:192.0.2.2:4000';
const OTHER_PORTS = ['tcp:192.0.2.1:443', 'tls:192.0.2.1:443', 'tcp:192.0.2.1:80'];
const SIGN_UP: LoginRequest = {
  kind: 'signUp',
  name: 'alice1',
  password: 'correct horse',
  displayName: 'Alice',
  publicKey: Buffer.alloc(1),
};
const SIGN_IN: LoginRequest = { kind: 'signIn', name: 'alice1', password: 'correct horse', publicKey: Buffer.alloc(1) };
const LIST: LoginRequest = { kind: 'buddyListGet' };
const PUT: LoginRequest = { kind: 'buddyListPut', baseVersion: 3, xml: Buffer.from('<buddies/>') };
const RENEW: LoginRequest = { kind: 'renew', publicKey: Buffer.alloc(1) };

interface Asked {
  readonly attempt: number;
  readonly kind: string;
  readonly requestId: number;
}

class Scene {
  now = 1_000;
  readonly client = new LoginClient();
  readonly dialled: { readonly attempt: number; readonly where: string; readonly authenticated: boolean }[] = [];
  readonly faces: string[] = [];
  readonly abandoned: number[] = [];
  readonly asked: Asked[] = [];
  readonly replies: { readonly ticket: number; readonly kind: string }[] = [];
  readonly failures: { readonly ticket: number; readonly code: FailureCode; readonly retryAfterMs: number }[] = [];

  constructor(...servers: string[]) {
    const endpoints = (servers.length > 0 ? servers : [ONE]).map((text) => parseEndpoint(text) as Endpoint);
    this.client.setServers(endpoints);
  }

  asks(ticket: number, request: LoginRequest): this {
    this.client.ask(this.now, ticket, request);
    return this.settle();
  }

  get attempt(): number {
    return this.dialled.at(-1)?.attempt ?? -1;
  }

  isUp(): this {
    this.client.connected(this.now, this.attempt);
    return this.settle();
  }

  breaks(code: FailureCode = 'unreachable'): this {
    this.client.failed(this.now, this.attempt, code);
    return this.settle();
  }

  /** Every way that is left is refused. */
  breaksAll(): this {
    for (let last = -1; this.attempt !== last; ) {
      last = this.attempt;
      this.breaks();
    }
    return this;
  }

  hears(value: Message, attempt = this.attempt): boolean {
    const taken = this.client.receive(this.now, attempt, decodeMessage(encodeMessage(value)) as Message);
    this.settle();
    return taken;
  }

  /** The server answers the request that was sent last, or this one. */
  answers(kind: 'signedIn' | 'done' | 'buddyList' = 'done', requestId = this.asked.at(-1)?.requestId ?? 0): this {
    expect(this.hears(message(kind, { requestId }))).toBe(true);
    return this;
  }

  passes(ms: number): this {
    const end = this.now + ms;
    while (this.client.wakeAt() <= end) {
      this.now = Math.max(this.now, this.client.wakeAt());
      this.client.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  settle(): this {
    for (const output of this.client.drain()) this.#note(output);
    return this;
  }

  #note(output: LoginClientOutput): void {
    if (output.type === 'connect') {
      const { attempt, authenticated } = output;
      this.faces.push(output.face);
      const where = printEndpoint(output.endpoint);
      this.dialled.push({ attempt, where: output.tls ? where.replace('tcp:', 'tls:') : where, authenticated });
    } else if (output.type === 'abandon') this.abandoned.push(output.attempt);
    else if (output.type === 'send') {
      const { body, kind } = output.message;
      this.asked.push({ attempt: output.attempt, kind, requestId: 'requestId' in body ? body.requestId : 0 });
    } else if (output.type === 'reply') this.replies.push({ ticket: output.ticket, kind: output.message.kind });
    else this.failures.push({ ticket: output.ticket, code: output.code, retryAfterMs: output.retryAfterMs });
  }
}

describe('a question', () => {
  it('opens a session, is asked once it is up, and its answer goes to whoever asked', () => {
    const scene = new Scene().asks(7, SIGN_UP);
    expect(scene.dialled).toEqual([{ attempt: 1, where: ONE, authenticated: false }]);
    expect(scene.asked).toEqual([]);
    scene.isUp().answers('signedIn');
    expect(scene.asked).toEqual([{ attempt: 1, kind: 'signUp', requestId: 1 }]);
    expect(scene.replies).toEqual([{ ticket: 7, kind: 'signedIn' }]);
  });

  it('that is refused tells the code and when to come back; a code that we do not know is the server’s fault', () => {
    const scene = new Scene().asks(7, SIGN_IN).isUp();
    scene.hears(message('failure', { requestId: 1, code: 'too-many-tries', retryAfterMs: 900 }));
    scene.asks(8, SIGN_IN);
    scene.hears(message('failure', { requestId: 2, code: 'from the future' }));
    expect(scene.failures).toEqual([
      { ticket: 7, code: 'too-many-tries', retryAfterMs: 900 },
      { ticket: 8, code: 'server-fault', retryAfterMs: 0 },
    ]);
  });

  it('fails at once when no login server is known', () => {
    const client = new LoginClient();
    client.ask(0, 7, SIGN_IN);
    expect(client.drain()).toEqual([{ type: 'failed', ticket: 7, code: 'unreachable-login', retryAfterMs: 0 }]);
    expect(client.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not answered by what answers nothing', () => {
    const scene = new Scene().asks(7, SIGN_IN).isUp();
    expect(scene.hears(message('done', { requestId: 99 }))).toBe(false);
    expect(scene.hears(message('done', { requestId: 0 }))).toBe(false);
    expect(scene.hears(message('detach'))).toBe(false);
    expect(scene.hears(message('done', { requestId: 1 }), 42)).toBe(false);
    expect(scene.replies).toEqual([]);
  });
});

describe('the session', () => {
  it('is one for all questions, whose numbers rise', () => {
    const scene = new Scene().asks(1, LIST).asks(2, PUT).isUp().asks(3, RENEW);
    expect(scene.dialled).toHaveLength(1);
    expect(scene.asked.map(({ kind, requestId }) => `${requestId} ${kind}`)).toEqual([
      '1 buddyListGet',
      '2 buddyListPut',
      '3 renew',
    ]);
    scene.answers('done', 2).answers('signedIn', 3).answers('buddyList', 1);
    expect(scene.replies.map(({ ticket }) => ticket)).toEqual([2, 3, 1]);
  });

  it('is let go when nothing was asked for a while, and opened again when there is something', () => {
    const scene = new Scene().asks(1, LIST).isUp().answers('buddyList').passes(10_000);
    expect(scene.abandoned).toEqual([1]);
    scene.asks(2, LIST).isUp();
    expect(scene.asked.at(-1)).toEqual({ attempt: 2, kind: 'buddyListGet', requestId: 1 });
  });

  it('that proved nothing gives way to one that proves who we are, once its answers have come', () => {
    const scene = new Scene().asks(1, { kind: 'supernodesGet' }).isUp().asks(2, LIST);
    expect(scene.dialled).toHaveLength(1);
    scene.answers('done');
    expect(scene.abandoned).toEqual([1]);
    expect(scene.dialled.at(-1)).toMatchObject({ attempt: 2, authenticated: true });
    scene.isUp();
    expect(scene.asked.at(-1)).toMatchObject({ attempt: 2, kind: 'buddyListGet', requestId: 1 });
  });

  it('by which we have signed in serves what belongs to the account as well, but renews no certificate', () => {
    const scene = new Scene().asks(1, SIGN_IN).isUp().asks(2, LIST);
    scene.answers('signedIn');
    expect(scene.asked.at(-1)).toEqual({ attempt: 1, kind: 'buddyListGet', requestId: 2 });
    scene.answers('buddyList').asks(3, { kind: 'renew', publicKey: Buffer.alloc(1) });
    expect(scene.dialled.at(-1)).toMatchObject({ attempt: 2, authenticated: true });
  });

  it('that proves who we are serves questions that need no proof as well', () => {
    const scene = new Scene().asks(1, LIST).isUp().asks(2, { kind: 'supernodesGet' });
    expect(scene.dialled).toHaveLength(1);
    expect(scene.asked).toHaveLength(2);
  });

  it('carries no more questions at a time than a server takes', () => {
    const scene = new Scene();
    for (let ticket = 1; ticket <= LOGIN_REQUESTS_PER_SESSION_MAX + 2; ticket++) scene.asks(ticket, LIST);
    scene.isUp();
    expect(scene.asked).toHaveLength(LOGIN_REQUESTS_PER_SESSION_MAX);
    scene.answers('buddyList', 1);
    expect(scene.asked).toHaveLength(LOGIN_REQUESTS_PER_SESSION_MAX + 1);
  });
});

describe('a server that fails', () => {
  it('is followed by the next one', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_IN).breaks();
    expect(scene.dialled.map(({ where }) => where)).toEqual([ONE, TWO]);
    scene.isUp().answers('signedIn');
    expect(scene.replies).toHaveLength(1);
  });

  it('at one port is asked at the others, once every server was tried at its own', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_IN).breaks().breaks().breaks();
    expect(scene.dialled.map(({ where }) => where)).toEqual([ONE, TWO, OTHER_PORTS[0], 'tcp:192.0.2.2:443']);
  });

  it('to answer soon is overtaken by another way; the first answer is taken, and the rest let go', () => {
    const scene = new Scene().asks(1, SIGN_IN).passes(3 * LOGIN_STAGGER_MS);
    expect(scene.dialled.map(({ where }) => where)).toEqual([ONE, ...OTHER_PORTS]);
    scene.client.connected(scene.now, 2);
    scene.settle();
    expect(scene.abandoned.toSorted()).toEqual([1, 3, 4]);
    expect(scene.asked).toMatchObject([{ attempt: 2, kind: 'signIn' }]);
  });

  it('to let the classic face through is asked without it', () => {
    const scene = new Scene().asks(1, SIGN_IN).breaks().breaks().breaks().breaks();
    expect(scene.dialled.map(({ where }) => where)).toEqual([ONE, ...OTHER_PORTS, ONE]);
    expect(scene.faces).toEqual(['classic', 'classic', 'plain', 'classic', 'plain']);
  });

  it('in every way is asked through the supernodes that we know', () => {
    const scene = new Scene();
    scene.client.setSupernodes([parseEndpoint('udp:192.0.2.9:4000') as Endpoint]);
    scene.asks(1, SIGN_IN);
    for (let i = 0; i < 6; i++) scene.breaks();
    expect(scene.dialled.slice(5).map(({ where }) => where)).toEqual(['udp:192.0.2.9:4000', 'tcp:192.0.2.9:4000']);
    expect(scene.faces.slice(4)).toEqual(['plain', 'carried', 'carried']);
  });

  it('at its own port but not at 443 is asked there first the next time', () => {
    const scene = new Scene().asks(1, SIGN_IN).breaks().isUp().answers('signedIn').passes(10_000);
    scene.asks(2, SIGN_IN);
    expect(scene.dialled.at(-1)?.where).toBe(OTHER_PORTS[0]);
  });

  it('and all others with it mean that nobody answers, with the reason that a server gave, if one did', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_IN).breaks().breaks('authority-mismatch').breaksAll();
    expect(scene.failures).toEqual([{ ticket: 1, code: 'authority-mismatch', retryAfterMs: 0 }]);
    scene.asks(2, SIGN_IN).breaksAll();
    expect(scene.failures.at(-1)).toEqual({ ticket: 2, code: 'unreachable-login', retryAfterMs: 0 });
  });

  it('by saying nothing to our dialling is given up', () => {
    const scene = new Scene().asks(1, SIGN_IN).passes(20_000);
    expect(scene.abandoned).toEqual([1, 2, 3, 4, 5]);
    expect(scene.failures).toMatchObject([{ ticket: 1, code: 'unreachable-login' }]);
    expect(scene.client.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('by taking questions and saying nothing is left for another', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_IN).isUp().passes(30_000);
    expect(scene.failures).toMatchObject([{ ticket: 1, code: 'unreachable-login' }]);
    expect(scene.abandoned).toEqual([1]);
    scene.asks(2, SIGN_IN);
    expect(scene.dialled.at(-1)).toMatchObject({ where: TWO });
  });

  it('in the middle is asked again once, and no more', () => {
    const scene = new Scene().asks(1, LIST).isUp().breaks();
    expect(scene.dialled).toHaveLength(2);
    scene.isUp();
    expect(scene.asked).toHaveLength(2);
    scene.breaks();
    expect(scene.failures).toMatchObject([{ ticket: 1, code: 'unreachable-login' }]);
  });

  it('in the middle of a sign-up is not asked again: it may have been done', () => {
    const scene = new Scene().asks(1, SIGN_UP).isUp().breaks();
    expect(scene.failures).toMatchObject([{ ticket: 1, code: 'unreachable-login' }]);
    expect(scene.dialled).toHaveLength(1);
  });

  it('before a sign-up was sent does it no harm', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_UP).breaks().isUp();
    expect(scene.asked).toMatchObject([{ kind: 'signUp' }]);
  });

  it('leaves no reason behind for the next one that is merely slow', () => {
    const scene = new Scene(ONE, TWO).asks(1, SIGN_IN).breaks('authority-mismatch').isUp();
    scene.passes(30_000);
    expect(scene.failures).toMatchObject([{ ticket: 1, code: 'unreachable-login' }]);
  });
});

describe('signing out', () => {
  it('fails everything that was asked, lets the server go, and sends nothing later in another’s name', () => {
    const scene = new Scene().asks(1, PUT).asks(2, LIST);
    scene.client.stop('not-signed-in');
    scene.settle();
    expect(scene.failures).toEqual([
      { ticket: 1, code: 'not-signed-in', retryAfterMs: 0 },
      { ticket: 2, code: 'not-signed-in', retryAfterMs: 0 },
    ]);
    expect(scene.abandoned).toEqual([1]);
    scene.isUp();
    expect(scene.asked).toEqual([]);
    scene.asks(3, SIGN_IN).isUp();
    expect(scene.asked).toEqual([{ attempt: 2, kind: 'signIn', requestId: 1 }]);
  });

  it('leaves nothing to wake for', () => {
    const scene = new Scene().asks(1, LIST).isUp();
    scene.client.stop('not-signed-in');
    expect(scene.client.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});
