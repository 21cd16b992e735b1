/** The login server's rules, one scene each: what is granted, and every refusal with what it leaves unchanged. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkCertificate } from '../../../src/net/login/credential.ts';
import type { LoginSession } from '../../../src/net/login/login-server.ts';
import { isFailureCode } from '../../../src/net/protocol/failures.ts';
import {
  BUDDY_LIST_BYTES_MAX,
  CERTIFICATE_LIFETIME_MS,
  ENROL_BURST,
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
  SUPERNODE_CERTIFICATE_LIFETIME_MS,
  SUPERNODES_TOLD_MAX,
} from '../../../src/net/protocol/params.ts';
import { decodeMessage, encodeMessage, type Message, type MessageOf, message } from '../../../src/net/wire/messages.ts';
import { keyPair, WALL_MS } from '../../support/identities.ts';
import { aliceKey, authority, LoginScene, outcomeOf, PASSWORD, retryOf } from '../../support/login-scene.ts';

const supernodeKey = keyPair('supernode').spki;

function granted<K extends Message['kind']>(reply: Message | undefined, kind: K): MessageOf<K>['body'] {
  if (reply?.kind !== kind) throw new Error(`wanted ${kind}, got ${outcomeOf(reply)}`);
  return reply.body as MessageOf<K>['body'];
}

function identityIn(certificate: Uint8Array, nowMs = WALL_MS) {
  const checked = checkCertificate(certificate, { authorityDer: authority.authority.certificateDer, nowMs });
  if (!checked.ok) throw new Error(checked.why);
  return checked.identity;
}

describe('signing up', () => {
  it('makes an account and certifies the key at once', () => {
    const scene = new LoginScene();
    const reply = granted(
      scene.ask(scene.session(), 'signUp', { name: 'Alice1', displayName: 'Alice A.' }),
      'signedIn',
    );
    expect(reply).toMatchObject({
      requestId: 1,
      name: 'Alice1',
      displayName: 'Alice A.',
      expiresAtMs: WALL_MS + CERTIFICATE_LIFETIME_MS,
      buddyListVersion: 0,
      serverTimeMs: WALL_MS,
    });
    expect(identityIn(reply.certificate)).toMatchObject({
      kind: 'person',
      name: 'Alice1',
      expiresAtMs: reply.expiresAtMs,
    });
    expect(scene.accounts.find('alice1')).toMatchObject({ key: 'alice1', name: 'Alice1', createdAtMs: WALL_MS });
  });

  it.each([
    ['a name of five characters', { name: 'alice' }, 'name-malformed'],
    ['a name of 33 characters', { name: 'a'.repeat(33) }, 'name-malformed'],
    ['a name that begins with a digit', { name: '1alice' }, 'name-malformed'],
    ['a name with a space', { name: 'ali ce1' }, 'name-malformed'],
    ['a name with a letter outside ASCII', { name: 'alicé1' }, 'name-malformed'],
    ['a name that goes on after a line break', { name: 'alice1\n' }, 'name-malformed'],
    ['no name', { name: '' }, 'name-malformed'],
    ['a huge name', { name: 'a'.repeat(200_000) }, 'name-malformed'],
    ['a service name that this server does not allow', { name: 'echo' }, 'name-malformed'],
    ['a password of seven characters', { password: '7 chars' }, 'password-weak'],
    ['a password of seven characters of four bytes', { password: '🔑'.repeat(7) }, 'password-weak'],
    ['a password of 257 characters', { password: 'p'.repeat(257) }, 'password-weak'],
    ['a huge password', { password: 'p'.repeat(200_000) }, 'password-weak'],
    ['no key', { publicKey: Buffer.alloc(0) }, 'key-unfit'],
    ['a key that is garbage', { publicKey: Buffer.alloc(294, 7) }, 'key-unfit'],
    ['a name that is taken', { name: 'bobby1' }, 'name-taken'],
    ['a name that is taken in other letters', { name: 'BoBBy1' }, 'name-taken'],
  ] as const)('with %s is refused, and costs and changes nothing', (_what, fields, code) => {
    const scene = new LoginScene();
    scene.signUp('bobby1');
    const before = scene.effects.length;
    expect(scene.outcome(scene.session(), 'signUp', fields)).toBe(code);
    expect(scene.effects.slice(before).map(({ effect }) => effect)).toEqual(
      code === 'name-taken' ? ['store.find'] : [],
    );
    expect(scene.accounts.find('alice1')).toBeUndefined();
    expect(scene.accounts.find('bobby1')?.name).toBe('bobby1');
  });

  it.each([8, 256])('takes a password of %i characters, however many bytes they have', (count) => {
    const scene = new LoginScene();
    scene.signUp('alice1', '🔑'.repeat(count));
    expect(scene.outcome(scene.session(), 'signIn', { password: '🔑'.repeat(count) })).toBe('signedIn');
  });

  it('takes a service name only where it is allowed, and only that one', () => {
    const scene = new LoginScene({ allowServiceNames: ['echo'] });
    expect(scene.outcome(scene.session(), 'signUp', { name: 'Echo' })).toBe('signedIn');
    expect(scene.outcome(scene.session(), 'signUp', { name: 'time' })).toBe('name-malformed');
  });

  it.each([
    ['\u202eevil\u202c\u0007 name\u2028next', 'evil name next'],
    ['  two\t\n words  ', 'two words'],
    ['\u200b\u200d \u0000', 'alice1'],
    ['', 'alice1'],
    ['x'.repeat(100_000), 'x'.repeat(64)],
    ['👩‍🚀 é 日本', '👩‍🚀 é 日本'],
  ])('cleans the display name %j', (displayName, shown) => {
    const scene = new LoginScene();
    expect(granted(scene.ask(scene.session(), 'signUp', { displayName }), 'signedIn').displayName).toBe(shown);
    expect(scene.accounts.find('alice1')?.displayName).toBe(shown);
  });

  it('of one name by a thousand at once is won by one, whatever the order in which the hashes end', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'hash';
    let waiting = Array.from({ length: 1000 }, () => scene.session());
    const outcomes: string[] = [];
    while (waiting.length > 0) {
      for (const session of waiting) scene.ask(session, 'signUp', { displayName: `${session.id}` });
      scene.release();
      const replies = new Map(scene.replies.splice(0).map((reply) => [reply.session, outcomeOf(reply.message)]));
      outcomes.push(...[...replies.values()].filter((outcome) => outcome !== 'busy'));
      waiting = waiting.filter(({ id }) => replies.get(id) === 'busy');
    }
    expect(outcomes.filter((outcome) => outcome === 'signedIn')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'name-taken')).toHaveLength(999);
  });
});

describe('signing in', () => {
  it('certifies a new key, tells the name as first written and the version of the buddy list', () => {
    const scene = new LoginScene();
    scene.signUp('Alice1');
    scene.accounts.putBuddyList('alice1', 0, '<one/>');
    scene.wallMs += 5000;
    const reply = granted(
      scene.ask(scene.session(), 'signIn', { name: 'aLiCe1', publicKey: supernodeKey }),
      'signedIn',
    );
    expect(reply).toMatchObject({ name: 'Alice1', displayName: 'Alice', buddyListVersion: 1 });
    expect(identityIn(reply.certificate).name).toBe('Alice1');
    expect(scene.accounts.find('alice1')?.lastSignInAtMs).toBe(WALL_MS + 5000);
  });

  it.each([
    ['the wrong password', { password: 'wrong horse' }, 'password-wrong'],
    ['the right password in other letters', { password: PASSWORD.toUpperCase() }, 'password-wrong'],
    ['a password that no account can have', { password: 'short' }, 'password-wrong'],
    ['a name that is not there', { name: 'nobody' }, 'name-unknown'],
    ['a service name that is not there', { name: 'echo' }, 'name-unknown'],
    ['a name that no account can have', { name: 'no such name' }, 'name-malformed'],
    ['a key that is unfit', { publicKey: Buffer.from('key') }, 'key-unfit'],
  ] as const)('with %s is refused and changes nothing', (_what, fields, code) => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    scene.wallMs += 5000;
    const session = scene.session();
    expect(scene.outcome(session, 'signIn', fields)).toBe(code);
    expect(scene.outcome(session, 'buddyListGet')).toBe('not-allowed');
    expect(scene.accounts.find('alice1')?.lastSignInAtMs).toBe(WALL_MS);
  });

  it('costs one hash of the same price whether the name is known or not', () => {
    const scene = new LoginScene();
    scene.accounts.create({
      key: 'alice1',
      name: 'alice1',
      displayName: '',
      passwordHash: 'scrypt$32768$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      createdAtMs: 0,
      lastSignInAtMs: 0,
    });
    const costs = ['alice1', 'nobody'].map((name) => {
      scene.effects.length = 0;
      scene.ask(scene.session(), 'signIn', { name });
      return scene.effects.map((effect) =>
        effect.effect === 'verify' ? effect.passwordHash.split('$', 4).join('$') : effect.effect,
      );
    });
    expect(costs[0]).toEqual(['store.find', 'scrypt$32768$8$1']);
    expect(costs[1]).toEqual(costs[0]);
  });

  it('knows a password by its letters, not by how a system composes them', () => {
    const scene = new LoginScene();
    scene.signUp('alice1', 'pâssword'.normalize('NFD'));
    expect(scene.outcome(scene.session(), 'signIn', { password: 'pâssword'.normalize('NFC') })).toBe('signedIn');
  });

  it('leaves the certificate of before as good as it was', () => {
    const scene = new LoginScene();
    const first = granted(scene.ask(scene.session(), 'signUp'), 'signedIn');
    scene.wallMs += 1000;
    const second = granted(scene.ask(scene.session(), 'signIn', { publicKey: supernodeKey }), 'signedIn');
    expect(identityIn(first.certificate).name).toBe(identityIn(second.certificate).name);
    expect(identityIn(first.certificate).nodeId).not.toBe(identityIn(second.certificate).nodeId);
  });
});

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

describe('renewing', () => {
  it('gives a person with a certificate a new one', () => {
    const scene = new LoginScene();
    scene.signUp('Alice1');
    scene.wallMs += CERTIFICATE_LIFETIME_MS / 2;
    const reply = granted(scene.ask(scene.certified('Alice1'), 'renew', { publicKey: supernodeKey }), 'signedIn');
    expect(reply.expiresAtMs).toBe(WALL_MS + 1.5 * CERTIFICATE_LIFETIME_MS);
    expect(identityIn(reply.certificate, scene.wallMs)).toMatchObject({
      name: 'Alice1',
      expiresAtMs: reply.expiresAtMs,
    });
  });

  it('goes by the certificate’s name, in the letters of the account', () => {
    const scene = new LoginScene();
    scene.signUp('Alice1');
    expect(granted(scene.ask(scene.certified('aLICE1'), 'renew'), 'signedIn').name).toBe('Alice1');
  });

  it.each([
    ['an anonymous session', (scene: LoginScene) => scene.session(), 'not-allowed'],
    [
      'a session known to be anonymous',
      (scene: LoginScene) => scene.session(undefined, { kind: 'anonymous', name: '', nodeId: '' }),
      'not-allowed',
    ],
    [
      'a supernode, even one that is called like a person',
      (scene: LoginScene) => scene.certified('alice1', { kind: 'supernode' }),
      'not-allowed',
    ],
    [
      'a session that outlived its certificate',
      (scene: LoginScene) => scene.certified('alice1', { expiresAtMs: WALL_MS - 1 }),
      'certificate-invalid',
    ],
    ['a person whose account is gone', (scene: LoginScene) => scene.certified('ghost1'), 'name-unknown'],
  ])('is refused to %s', (_who, sessionOf, code) => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    expect(scene.outcome(sessionOf(scene), 'renew')).toBe(code);
  });

  it('is refused for an unfit key, and after signing out', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    const session = scene.certified('alice1');
    expect(scene.outcome(session, 'renew', { publicKey: Buffer.of(1) })).toBe('key-unfit');
    expect(scene.outcome(session, 'signOut')).toBe('done');
    expect(scene.outcome(session, 'renew')).toBe('not-allowed');
  });

  it('by password alone is not renewing: the session must have begun with a certificate', () => {
    const scene = new LoginScene();
    const session = scene.session();
    scene.ask(session, 'signUp');
    expect(scene.outcome(session, 'renew')).toBe('not-allowed');
  });
});

describe('the buddy list', () => {
  const put = (baseVersion: number, text: string) => ({ baseVersion, xml: Buffer.from(text) });
  const textIn = (reply: Message | undefined) => Buffer.from(granted(reply, 'buddyList').xml).toString();

  it('is kept from one session to the next, by password or by certificate', () => {
    const scene = new LoginScene();
    const first = scene.session();
    scene.ask(first, 'signUp');
    expect(scene.outcome(first, 'buddyListPut', put(0, '<bobby née="Børge"/>'))).toBe('done');
    const second = scene.session();
    expect(granted(scene.ask(second, 'signIn'), 'signedIn').buddyListVersion).toBe(1);
    expect(textIn(scene.ask(second, 'buddyListGet'))).toBe('<bobby née="Børge"/>');
    expect(textIn(scene.ask(scene.certified('ALICE1'), 'buddyListGet'))).toBe('<bobby née="Børge"/>');
  });

  it('is empty and of version 0 at first', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    expect(granted(scene.ask(scene.certified('alice1'), 'buddyListGet'), 'buddyList')).toMatchObject({ version: 0 });
    expect(textIn(scene.ask(scene.certified('alice1'), 'buddyListGet'))).toBe('');
  });

  it('that was changed elsewhere is not overwritten', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    const [home, office] = [scene.certified('alice1'), scene.certified('alice1')];
    expect(scene.outcome(home, 'buddyListPut', put(0, '<home/>'))).toBe('done');
    expect(scene.outcome(office, 'buddyListPut', put(0, '<office/>'))).toBe('stale');
    expect(textIn(scene.ask(office, 'buddyListGet'))).toBe('<home/>');
    expect(scene.outcome(office, 'buddyListPut', put(1, '<both/>'))).toBe('done');
    expect(scene.accounts.buddyList('alice1')).toEqual({ version: 2, xml: '<both/>' });
  });

  it.each([
    ['too many bytes', Buffer.alloc(BUDDY_LIST_BYTES_MAX + 1, 0x20), 'too-large'],
    ['no UTF-8', Buffer.of(0x3c, 0xff, 0x3e), 'request-malformed'],
    ['a NUL', Buffer.from('<a>\0</a>'), 'request-malformed'],
  ])('of %s is refused', (_what, xml, code) => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    expect(scene.outcome(scene.certified('alice1'), 'buddyListPut', { xml })).toBe(code);
    expect(scene.accounts.buddyList('alice1').version).toBe(0);
  });

  it('of the greatest size is kept whole', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    const session = scene.certified('alice1');
    const xml = Buffer.alloc(BUDDY_LIST_BYTES_MAX, 'ö');
    expect(scene.outcome(session, 'buddyListPut', { xml })).toBe('done');
    expect(Buffer.from(granted(scene.ask(session, 'buddyListGet'), 'buddyList').xml)).toEqual(xml);
  });

  it.each(['buddyListGet', 'buddyListPut', 'signOut'] as const)('and %s are for the signed-in only', (kind) => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    expect(scene.outcome(scene.session(), kind)).toBe('not-allowed');
    expect(scene.outcome(scene.certified('alice1', { kind: 'supernode' }), kind)).toBe('not-allowed');
    const expired = scene.certified('alice1', { expiresAtMs: WALL_MS - 1 });
    expect(scene.outcome(expired, kind)).toBe('certificate-invalid');
    expect(scene.outcome(scene.certified('alice1', { expiresAtMs: WALL_MS }), kind)).not.toMatch(/allowed|invalid/);
  });

  it('is closed to a session that has signed out, until it signs in again', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    const session = scene.certified('alice1');
    expect(scene.outcome(session, 'signOut')).toBe('done');
    expect(scene.outcome(session, 'buddyListGet')).toBe('not-allowed');
    expect(scene.outcome(session, 'signOut')).toBe('not-allowed');
    expect(scene.outcome(session, 'signIn')).toBe('signedIn');
    expect(scene.outcome(session, 'buddyListGet')).toBe('buddyList');
  });

  it('is that of the person who signed in last in the session', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    scene.signUp('bobby1');
    const session = scene.certified('alice1');
    scene.ask(session, 'signIn', { name: 'bobby1' });
    expect(scene.outcome(session, 'buddyListPut', put(0, '<of-bobby/>'))).toBe('done');
    expect(scene.accounts.buddyList('bobby1').xml).toBe('<of-bobby/>');
    expect(scene.accounts.buddyList('alice1').version).toBe(0);
  });
});

describe('a supernode', () => {
  const here = { publicKey: supernodeKey, endpoints: ['udp:203.0.113.5:4000', 'tcp:203.0.113.5:443'] };

  it('is enrolled with a certificate of its own, and told to those who ask', () => {
    const scene = new LoginScene();
    const reply = granted(scene.ask(scene.session('203.0.113.5'), 'enrolSupernode', here), 'supernodeEnrolled');
    const identity = identityIn(reply.certificate);
    expect(identity).toMatchObject({ kind: 'supernode', name: '', expiresAtMs: reply.expiresAtMs });
    expect(reply.expiresAtMs).toBe(WALL_MS + SUPERNODE_CERTIFICATE_LIFETIME_MS);
    const { entries } = granted(scene.ask(scene.session(), 'supernodesGet'), 'supernodes');
    expect(entries).toEqual([{ nodeId: Buffer.from(identity.nodeId, 'hex'), endpoints: here.endpoints }]);
  });

  it.each([
    ['no endpoint', [], 'request-malformed'],
    ['too many', Array.from({ length: 9 }, (_, n) => `udp:203.0.113.5:${4000 + n}`), 'request-malformed'],
    ['garbage', ['udp:203.0.113.5:4000', 'garbage'], 'request-malformed'],
    ['a host name', ['udp:victim.example:4000'], 'request-malformed'],
    ['the address of somebody else', ['udp:192.0.2.66:4000'], 'not-allowed'],
    ['loopback', ['udp:127.0.0.1:4000'], 'not-allowed'],
    ['any address', ['udp:0.0.0.0:4000', 'udp:[::]:4000'], 'not-allowed'],
    ['private addresses', ['udp:192.168.1.7:4000', 'udp:[fd00::1]:4000'], 'not-allowed'],
  ])('that announces %s from a public address is refused', (_what, endpoints, code) => {
    const scene = new LoginScene();
    const fields = { publicKey: supernodeKey, endpoints };
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', fields)).toBe(code);
    expect(scene.accounts.supernodes(9)).toEqual([]);
  });

  it.each([
    ['its own among others', '203.0.113.5', ['udp:203.0.113.5:1', 'udp:10.0.0.1:1'], ['udp:203.0.113.5:1']],
    ['its own as a dual-stack socket shows it', '::ffff:203.0.113.5', ['udp:203.0.113.5:1'], ['udp:203.0.113.5:1']],
    ['its own network in IPv6', '2001:db8::1', ['udp:[2001:db8:0::2]:1'], ['udp:[2001:db8:0::2]:1']],
    ['anything near by from near by', '192.168.1.7', ['udp:192.168.9.9:1', 'udp:127.0.0.1:1'], ['udp:192.168.9.9:1']],
    ['loopback from the same machine', '127.0.0.1', ['udp:127.0.0.1:1'], ['udp:127.0.0.1:1']],
  ])('announces %s', (_what, host, endpoints, kept) => {
    const scene = new LoginScene();
    const fields = { publicKey: supernodeKey, endpoints };
    expect(scene.outcome(scene.session(host), 'enrolSupernode', fields)).toBe('supernodeEnrolled');
    expect(scene.accounts.supernodes(9)[0]?.endpoints).toEqual(kept);
  });

  it('with an unfit key is refused', () => {
    const scene = new LoginScene();
    const fields = { ...here, publicKey: Buffer.of(4) };
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', fields)).toBe('key-unfit');
  });

  it('is not moved elsewhere by a stranger who knows its public key', () => {
    const scene = new LoginScene();
    const enrolled = granted(scene.ask(scene.session('203.0.113.5'), 'enrolSupernode', here), 'supernodeEnrolled');
    const elsewhere = { publicKey: supernodeKey, endpoints: ['udp:192.0.2.66:4000'] };
    expect(scene.outcome(scene.session('192.0.2.66'), 'enrolSupernode', elsewhere)).toBe('not-allowed');
    const { nodeId } = identityIn(enrolled.certificate);
    const stranger = scene.session('192.0.2.66', { kind: 'person', name: 'mallory', nodeId: 'cd'.repeat(16) });
    expect(scene.outcome(stranger, 'enrolSupernode', elsewhere)).toBe('not-allowed');
    const itself = scene.session('192.0.2.66', { kind: 'supernode', name: '', nodeId });
    expect(scene.outcome(itself, 'enrolSupernode', elsewhere)).toBe('supernodeEnrolled');
    expect(scene.accounts.supernodes(9)[0]?.endpoints).toEqual(elsewhere.endpoints);
  });

  it('may ask again for the same when our answer was lost, and anew when its time is over', () => {
    const scene = new LoginScene();
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here)).toBe('supernodeEnrolled');
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here)).toBe('supernodeEnrolled');
    scene.wallMs += SUPERNODE_CERTIFICATE_LIFETIME_MS;
    const moved = { publicKey: supernodeKey, endpoints: ['udp:192.0.2.66:4000'] };
    expect(scene.outcome(scene.session('192.0.2.66'), 'enrolSupernode', moved)).toBe('supernodeEnrolled');
  });

  it('is told no longer when its certificate has expired; others are, newest first, a bounded number', () => {
    const scene = new LoginScene();
    const enrol = (n: number) =>
      scene.accounts.putSupernode({
        nodeId: n.toString(16).padStart(32, '0'),
        endpoints: [`udp:203.0.113.${n}:1`],
        enrolledAtMs: WALL_MS + n,
      });
    for (let n = 1; n <= SUPERNODES_TOLD_MAX + 5; n++) enrol(n);
    const told = () =>
      granted(scene.ask(scene.session(), 'supernodesGet'), 'supernodes').entries.map((entry) => entry.endpoints?.[0]);
    expect(told()).toHaveLength(SUPERNODES_TOLD_MAX);
    expect(told()[0]).toBe(`udp:203.0.113.${SUPERNODES_TOLD_MAX + 5}:1`);
    scene.wallMs += SUPERNODE_CERTIFICATE_LIFETIME_MS + SUPERNODES_TOLD_MAX + 4;
    expect(told()).toEqual([`udp:203.0.113.${SUPERNODES_TOLD_MAX + 5}:1`]);
    scene.wallMs += 1;
    expect(told()).toEqual([]);
  });

  it('cannot be enrolled by the dozen from one host', () => {
    const scene = new LoginScene();
    const outcomes = Array.from({ length: ENROL_BURST + 1 }, () =>
      scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here),
    );
    expect(outcomes.indexOf('too-many-tries')).toBe(ENROL_BURST);
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
