/** The login server around its rules: limits, replays, load, a failing store, and whatever else comes. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoginSession } from '../../../src/net/login/login-server.ts';
import { isFailureCode } from '../../../src/net/protocol/failures.ts';
import {
  HASHES_PENDING_MAX,
  LOGIN_REQUEST_BURST,
  LOGIN_REQUEST_REFILL_MS,
  LOGIN_REQUESTS_PER_SESSION_MAX,
  REQUEST_TIMEOUT_MS,
  REQUESTS_PENDING_MAX,
  SIGN_IN_BURST,
  SIGN_IN_HOST_BURST,
  SIGN_IN_REFILL_MS,
  SIGN_UP_BURST,
  SIGN_UP_REFILL_MS,
} from '../../../src/net/protocol/params.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { aliceKey, LoginScene, outcomeOf, PASSWORD, retryOf } from '../../support/login-scene.ts';

describe('tries are limited:', () => {
  const wrong = { password: 'wrong horse' };

  it('ten wrong passwords for a name from anywhere, then one each half minute', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    for (let n = 0; n < SIGN_IN_BURST; n++)
      expect(scene.outcome(scene.session(), 'signIn', wrong)).toBe('password-wrong');
    const refused = scene.ask(scene.session(), 'signIn');
    expect(outcomeOf(refused)).toBe('too-many-tries');
    expect(retryOf(refused)).toBe(SIGN_IN_REFILL_MS);
    scene.now += SIGN_IN_REFILL_MS - 1;
    expect(retryOf(scene.ask(scene.session(), 'signIn'))).toBe(1);
    scene.now += 1;
    expect(scene.outcome(scene.session(), 'signIn')).toBe('signedIn');
  });

  it('a name that is not there has the same limit', () => {
    const scene = new LoginScene();
    const outcomes = Array.from({ length: SIGN_IN_BURST + 1 }, () =>
      scene.outcome(scene.session(), 'signIn', { name: 'nobody' }),
    );
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(['name-unknown']));
    expect(outcomes.at(-1)).toBe('too-many-tries');
  });

  it('guesses side by side count like guesses one by one', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    scene.hold = ({ effect }) => effect === 'verify';
    const outcomes = Array.from({ length: SIGN_IN_BURST + 5 }, () => scene.outcome(scene.session(), 'signIn', wrong));
    expect(outcomes.filter((outcome) => outcome === 'too-many-tries')).toHaveLength(5);
  });

  it('who knows the password may come often', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    for (let n = 0; n < 3 * SIGN_IN_BURST; n++) expect(scene.outcome(scene.session(), 'signIn')).toBe('signedIn');
  });

  it('a host may not try one name after the other', () => {
    const scene = new LoginScene();
    const outcomes = Array.from({ length: SIGN_IN_HOST_BURST + 1 }, (_, n) =>
      scene.outcome(scene.session('203.0.113.9'), 'signIn', { name: `nobody${n}` }),
    );
    expect(outcomes.slice(0, -1)).not.toContain('too-many-tries');
    expect(outcomes.at(-1)).toBe('too-many-tries');
    expect(scene.outcome(scene.session('203.0.113.10'), 'signIn', { name: 'nobody' })).toBe('name-unknown');
  });

  it('twenty sign-ups from a host, then one each ten seconds', () => {
    const scene = new LoginScene();
    const signUp = (n: number) => scene.ask(scene.session('2001:db8:1:2::7'), 'signUp', { name: `person${n}` });
    for (let n = 0; n < SIGN_UP_BURST; n++) expect(outcomeOf(signUp(n))).toBe('signedIn');
    const refused = signUp(99);
    expect(outcomeOf(refused)).toBe('too-many-tries');
    expect(retryOf(refused)).toBe(SIGN_UP_REFILL_MS);
    const neighbour = scene.session('2001:db8:1:2:ffff::1');
    expect(scene.outcome(neighbour, 'signUp', { name: 'person99' })).toBe('too-many-tries');
    expect(scene.outcome(scene.session('2001:db8:1:3::7'), 'signUp', { name: 'person99' })).toBe('signedIn');
    scene.now += SIGN_UP_REFILL_MS;
    expect(outcomeOf(signUp(100))).toBe('signedIn');
  });

  it('a flood of anything from one host', () => {
    const scene = new LoginScene();
    const session = scene.session();
    const outcomes = Array.from({ length: LOGIN_REQUEST_BURST + 1 }, () => scene.outcome(session, 'supernodesGet'));
    expect(outcomes.slice(0, -1)).not.toContain('too-many-tries');
    expect(outcomes.at(-1)).toBe('too-many-tries');
    scene.now += LOGIN_REQUEST_REFILL_MS;
    expect(scene.outcome(session, 'supernodesGet')).toBe('supernodes');
  });
});

describe('a request number', () => {
  it('that was used in the session is refused, and the request is not done again', () => {
    const scene = new LoginScene();
    const session = scene.session();
    const signUp = message('signUp', { requestId: 7, name: 'alice1', password: PASSWORD, publicKey: aliceKey });
    expect(outcomeOf(scene.askExactly({ session, message: signUp }))).toBe('signedIn');
    const effects = scene.effects.length;
    const replay = scene.askExactly({ session, message: signUp });
    expect(replay?.body).toMatchObject({ requestId: 7, code: 'replayed' });
    expect(scene.effects).toHaveLength(effects);
  });

  it.each([0, 1, 6, 7])('of %i after 7 is refused', (requestId) => {
    const scene = new LoginScene();
    const session = scene.session();
    scene.askExactly({ session, message: message('supernodesGet', { requestId: 7 }) });
    const reply = scene.askExactly({ session, message: message('supernodesGet', { requestId }) });
    expect(outcomeOf(reply)).toBe('replayed');
  });

  it('is used up by a refused request too, may skip, and is each session’s own', () => {
    const scene = new LoginScene();
    const [one, other] = [scene.session(), scene.session()];
    const get = (session: LoginSession, requestId: number) =>
      outcomeOf(scene.askExactly({ session, message: message('buddyListGet', { requestId }) }));
    expect(get(one, 5)).toBe('not-allowed');
    expect(get(one, 5)).toBe('replayed');
    expect(get(one, 4_000_000_000)).toBe('not-allowed');
    expect(get(other, 5)).toBe('not-allowed');
  });
});

describe('under load', () => {
  it('no more hashes are asked for than may wait; the rest is told to come back, and has tried nothing', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'hash' || effect === 'verify';
    for (let n = 0; n < HASHES_PENDING_MAX; n++) {
      const outcome = scene.outcome(scene.session(), n % 2 ? 'signUp' : 'signIn', { name: `person${n}` });
      expect(outcome).toBe('no reply');
    }
    const host = '203.0.113.9';
    for (let n = 0; n < SIGN_UP_BURST; n++) {
      const shed = scene.ask(scene.session(host), 'signUp', { name: 'latecomer' });
      expect(outcomeOf(shed)).toBe('busy');
      expect(retryOf(shed)).toBeGreaterThanOrEqual(2000);
      expect(retryOf(shed)).toBeLessThan(6000);
    }
    expect(scene.held.size).toBe(HASHES_PENDING_MAX);
    scene.release('oldest');
    expect(scene.outcome(scene.session(host), 'signUp', { name: 'latecomer' })).toBe('no reply');
    scene.release();
    expect(scene.accounts.find('latecomer')).toBeDefined();
    expect(scene.replies.filter((reply) => outcomeOf(reply.message) === 'signedIn')).toHaveLength(
      HASHES_PENDING_MAX / 2 + 1,
    );
  });

  it('what needs no hash goes on', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    scene.hold = ({ effect }) => effect === 'hash';
    for (let n = 0; n < HASHES_PENDING_MAX; n++) scene.ask(scene.session(), 'signUp', { name: `person${n}` });
    expect(scene.outcome(scene.certified('alice1'), 'renew')).toBe('signedIn');
    expect(scene.outcome(scene.certified('alice1'), 'buddyListPut')).toBe('done');
  });

  it('a hash that nobody waits for any more is given up, and its place is free', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'hash';
    expect(scene.server.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    for (let n = 0; n < HASHES_PENDING_MAX; n++) scene.ask(scene.session(), 'signUp', { name: `person${n}` });
    expect(scene.server.wakeAt()).toBe(scene.now + REQUEST_TIMEOUT_MS);
    scene.now += REQUEST_TIMEOUT_MS - 1;
    scene.wake();
    expect(scene.replies).toEqual([]);
    scene.now += 1;
    scene.wake();
    expect(scene.replies.map((reply) => outcomeOf(reply.message))).toEqual(Array(HASHES_PENDING_MAX).fill('busy'));
    expect(scene.held.size).toBe(0);
    expect(scene.server.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    scene.hold = () => false;
    scene.signUp('person0');
  });

  it('a store that is slow is waited for, because the client must be told the truth', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'store.create';
    const session = scene.session();
    expect(scene.outcome(session, 'signUp')).toBe('no reply');
    expect(scene.server.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    scene.now += 10 * REQUEST_TIMEOUT_MS;
    scene.wake();
    scene.release();
    expect(scene.replies.map((reply) => outcomeOf(reply.message))).toEqual(['signedIn']);
  });

  it('a session that is closed gets no reply, its hash is given up, its store call is carried through', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'hash' || effect === 'store.create';
    const [hashing, storing] = [scene.session(), scene.session()];
    scene.ask(storing, 'signUp', { name: 'storing' });
    scene.release();
    scene.ask(hashing, 'signUp', { name: 'hashing' });
    for (const { id } of [hashing, storing]) scene.server.sessionClosed(scene.now, scene.wallMs, id);
    scene.settle();
    expect([...scene.held.values()].map(({ effect }) => effect)).toEqual(['store.create']);
    scene.release();
    expect(scene.replies).toEqual([]);
    expect(scene.accounts.find('storing')).toBeDefined();
    expect(scene.accounts.find('hashing')).toBeUndefined();
  });

  it('one session, and all together, have a bounded number of requests under way', () => {
    const scene = new LoginScene();
    scene.hold = () => true;
    const session = scene.session();
    for (let n = 0; n < LOGIN_REQUESTS_PER_SESSION_MAX; n++) {
      expect(scene.outcome(session, 'supernodesGet')).toBe('no reply');
    }
    expect(scene.outcome(session, 'supernodesGet')).toBe('busy');
    for (let n = LOGIN_REQUESTS_PER_SESSION_MAX; n < REQUESTS_PENDING_MAX; n++)
      scene.ask(scene.session(), 'supernodesGet');
    expect(scene.held.size).toBe(REQUESTS_PENDING_MAX);
    expect(scene.outcome(scene.session(), 'supernodesGet')).toBe('busy');
    scene.release();
    expect(scene.outcome(session, 'supernodesGet')).toBe('no reply');
  });
});

describe('when the store fails', () => {
  it.each([
    ['server-fault', 'server-fault'],
    ['disk-full', 'disk-full'],
  ] as const)('with %s every request says so, and goes well when it is over', (fault, code) => {
    const scene = new LoginScene();
    scene.signUp('bobby1');
    const requests = [
      [scene.session(), 'signUp'],
      [scene.session(), 'signIn', { name: 'bobby1' }],
      [scene.certified('bobby1'), 'renew'],
      [scene.certified('bobby1'), 'buddyListGet'],
      [scene.certified('bobby1'), 'buddyListPut'],
      [scene.session('198.51.0.1'), 'enrolSupernode'],
      [scene.session(), 'supernodesGet'],
    ] as const;
    scene.accounts.fault = fault;
    for (const [session, kind, fields] of requests) expect(scene.outcome(session, kind, fields)).toBe(code);
    scene.accounts.fault = undefined;
    for (const [session, kind, fields] of requests)
      expect(isFailureCode(scene.outcome(session, kind, fields))).toBe(false);
  });

  it.each(['hash', 'store.find', 'store.create'] as const)(
    'at %s of a sign-up there is no account and the name stays free',
    (step) => {
      const scene = new LoginScene();
      scene.hold = ({ effect }) => effect === step;
      const session = scene.session();
      scene.ask(session, 'signUp');
      scene.accounts.fault = 'disk-full';
      scene.release();
      expect(scene.replies.map((reply) => outcomeOf(reply.message))).toEqual(['disk-full']);
      scene.accounts.fault = undefined;
      scene.hold = () => false;
      expect(scene.outcome(session, 'buddyListGet')).toBe('not-allowed');
      scene.signUp('alice1');
    },
  );

  it('a right password costs no try', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    scene.accounts.fault = 'server-fault';
    for (let n = 0; n < 2 * SIGN_IN_BURST; n++) scene.ask(scene.session(), 'signIn');
    scene.accounts.fault = undefined;
    expect(scene.outcome(scene.session(), 'signIn')).toBe('signedIn');
  });

  it('a certificate that cannot be signed any more is a server-fault, and makes no account', () => {
    const scene = new LoginScene();
    scene.wallMs += 11 * 365 * 86_400_000;
    expect(scene.outcome(scene.session(), 'signUp')).toBe('server-fault');
    expect(scene.accounts.find('alice1')).toBeUndefined();
  });
});

describe('whatever else comes', () => {
  it('is counted and dropped, when it is no request', () => {
    const scene = new LoginScene();
    const session = scene.session();
    for (const kind of ['done', 'signedIn', 'failure', 'attach', 'chatMessage', 'callInvite', 'close'] as const) {
      expect(scene.askExactly({ session, message: message(kind) })).toBeUndefined();
    }
    expect(scene.server.counters).toMatchObject({ unexpected: 7, requests: 0 });
  });

  it('is answered by one reply with its number, and throws nothing', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('alice1', 'bobby1', PASSWORD, ''));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(aliceKey));
    const request = fc.record({
      kind: fc.constantFrom(
        ...(['signUp', 'signIn', 'renew', 'signOut', 'buddyListGet', 'buddyListPut'] as const),
        ...(['enrolSupernode', 'supernodesGet'] as const),
      ),
      body: fc.record({
        requestId: fc.integer({ min: 0, max: 20 }),
        name: text,
        password: text,
        displayName: text,
        publicKey: bytes,
        xml: bytes,
        baseVersion: fc.nat(3),
        endpoints: fc.array(fc.oneof(text, fc.constant('udp:198.51.100.1:9')), { maxLength: 10 }),
      }),
      from: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 12 }), (requests) => {
        const scene = new LoginScene();
        const sessions = [scene.session(), scene.session(), scene.certified('alice1'), scene.session('::1')];
        for (const { kind, body, from } of requests) {
          const replies = scene.replies.length;
          scene.askExactly({ session: sessions[from] as LoginSession, message: message(kind, body as never) });
          expect(scene.replies).toHaveLength(replies + 1);
          const reply = scene.replies.at(-1)?.message;
          expect(reply?.body).toMatchObject({ requestId: body.requestId });
          if (reply?.kind === 'failure') expect(isFailureCode(reply.body.code)).toBe(true);
          expect(decodeMessage(encodeMessage(reply as Message))?.kind).toBe(reply?.kind);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is answered alike by the same story twice: nothing comes from chance or clock', () => {
    const told = [1, 2].map(() => {
      const scene = new LoginScene();
      const session = scene.session();
      scene.ask(session, 'signUp');
      scene.ask(session, 'buddyListPut');
      scene.ask(scene.session(), 'signIn');
      const bytes = Buffer.concat(scene.replies.map((reply) => encodeMessage(reply.message)));
      return createHash('sha256').update(bytes).digest('hex');
    });
    expect(told[0]).toBe(told[1]);
  });
});
