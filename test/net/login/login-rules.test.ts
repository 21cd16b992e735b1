import { describe, expect, it } from 'vitest';
import { checkCertificate, nodeIdOf } from '../../../src/net/login/credential.ts';
import { openRecord, signRecord } from '../../../src/net/overlay/supernode-entry.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  BUDDY_LIST_BYTES_MAX,
  CERTIFICATE_LIFETIME_MS,
  ENROL_BURST,
  NAME_ASK_BURST,
  NAME_ASK_HOST_BURST,
  NAME_ASK_REFILL_MS,
  SUPERNODE_CERTIFICATE_LIFETIME_MS,
  SUPERNODES_TOLD_CLIENTS_MAX,
  SUPERNODES_TOLD_MAX,
} from '../../../src/net/protocol/params.ts';
import type { Message } from '../../../src/net/wire/messages.ts';
import { wholeCertificate } from '../../../src/net/wire/slim-certificate.ts';
import { keyPair, WALL_MS } from '../../support/identities.ts';
import { aliceKey, authority, granted, LoginScene, outcomeOf, PASSWORD, retryOf } from '../../support/login-scene.ts';

const supernodeKey = keyPair('supernode').spki;

/** Of somebody who knows whose key was certified: it is left out. */
function identityIn(certificate: Uint8Array, { nowMs = WALL_MS, key = aliceKey } = {}) {
  const checked = checkCertificate(wholeCertificate(certificate, key) ?? Buffer.alloc(0), {
    authorityDer: authority.authority.certificateDer,
    nowMs,
  });
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
    expect(identityIn(reply.certificate, { key: supernodeKey }).name).toBe('Alice1');
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
    expect(identityIn(first.certificate).name).toBe(identityIn(second.certificate, { key: supernodeKey }).name);
    expect(identityIn(first.certificate).nodeId).not.toBe(identityIn(second.certificate, { key: supernodeKey }).nodeId);
  });
});

describe('renewing', () => {
  it('gives a person with a certificate a new one', () => {
    const scene = new LoginScene();
    scene.signUp('Alice1');
    scene.wallMs += CERTIFICATE_LIFETIME_MS / 2;
    const reply = granted(scene.ask(scene.certified('Alice1'), 'renew', { publicKey: supernodeKey }), 'signedIn');
    expect(reply.expiresAtMs).toBe(WALL_MS + 1.5 * CERTIFICATE_LIFETIME_MS);
    expect(identityIn(reply.certificate, { nowMs: scene.wallMs, key: supernodeKey })).toMatchObject({
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

  it('that signs where it is has its entry told with the certificate, if all of its endpoints may be announced', () => {
    const scene = new LoginScene({ openRecord });
    const { privateKey } = keyPair('supernode');
    const enrol = (host: string, texts: readonly string[], signer = privateKey, besides: string[] = []) => {
      const endpoints = texts.map((text) => parseEndpoint(text) as Endpoint);
      const entry = signRecord({ nodeId: nodeIdOf(supernodeKey), endpoints, issuedAtMs: WALL_MS }, signer);
      const fields = { publicKey: supernodeKey, endpoints: [...texts, ...besides], entry };
      const { certificate } = granted(scene.ask(scene.session(host), 'enrolSupernode', fields), 'supernodeEnrolled');
      const told = granted(scene.ask(scene.session(), 'supernodesGet'), 'supernodes').entries[0];
      return { told, entry, certificate };
    };
    const { told, entry, certificate } = enrol('203.0.113.5', here.endpoints);
    expect(told).toMatchObject({ endpoints: here.endpoints, certificate, ...entry });
    // Of both families, of which we see one.
    const both = enrol('203.0.113.5', here.endpoints, privateKey, ['udp:[2001:db8::7]:4000']);
    expect(both.told).toMatchObject({ endpoints: here.endpoints, certificate: both.certificate, ...both.entry });
    for (const bad of [
      enrol('203.0.113.5', ['udp:203.0.113.5:1', 'udp:192.0.2.66:1']),
      enrol('203.0.113.5', here.endpoints, keyPair('alice').privateKey),
    ]) {
      expect([bad.told?.record, bad.told?.certificate]).toEqual([undefined, undefined]);
    }
  });

  it.each([
    ['no endpoint', [], 'request-malformed'],
    ['too many', Array.from({ length: 9 }, (_, n) => `udp:203.0.113.5:${4000 + n}`), 'request-malformed'],
    ['garbage', ['udp:203.0.113.5:4000', 'garbage'], 'request-malformed'],
    ['a host name', ['udp:victim.example:4000'], 'request-malformed'],
    ['the address of somebody else', ['udp:192.0.2.66:4000'], 'not-allowed'],
    ['loopback', ['udp:127.0.0.1:4000'], 'not-allowed'],
    ['any address', ['udp:0.0.0.0:4000', 'udp:[::]:4000'], 'request-malformed'],
    ['a multicast address', ['udp:239.1.2.3:4000'], 'request-malformed'],
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
    ['its own network in IPv6', '2001:db8::1', ['udp:[2001:DB8:0::2]:1'], ['udp:[2001:db8::2]:1']],
    ['anything near by from near by', '192.168.1.7', ['udp:192.168.9.9:1', 'udp:127.0.0.1:1'], ['udp:192.168.9.9:1']],
    ['anything near by through a dual-stack socket', '::ffff:10.0.0.1', ['udp:10.9.9.9:1'], ['udp:10.9.9.9:1']],
    ['a LAN address from the same machine', '::1', ['udp:192.168.1.7:1'], ['udp:192.168.1.7:1']],
    ['loopback from the same machine', '127.0.0.1', ['udp:127.0.0.1:1'], ['udp:127.0.0.1:1']],
  ])('announces %s', (_what, host, endpoints, kept) => {
    const scene = new LoginScene();
    const fields = { publicKey: supernodeKey, endpoints };
    expect(scene.outcome(scene.session(host), 'enrolSupernode', fields)).toBe('supernodeEnrolled');
    expect(scene.accounts.supernodes(9)[0]?.endpoints).toEqual(kept);
  });

  it('that is reached at none of its addresses is refused, and nobody is told of it', () => {
    const scene = new LoginScene();
    scene.reaches = () => false;
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here)).toBe('not-reached');
    expect(scene.accounts.supernodes(9)).toEqual([]);
  });

  it('is dialled once at each address, and certified for those at which it was reached', () => {
    const scene = new LoginScene();
    scene.reaches = ({ host }) => host !== '192.168.9.9';
    const endpoints = ['udp:192.168.1.7:1', 'tcp:192.168.1.7:443', 'udp:192.168.9.9:1', 'udp:[fd00::7]:1'];
    const fields = { publicKey: supernodeKey, endpoints };
    const { certificate } = granted(
      scene.ask(scene.session('192.168.1.7'), 'enrolSupernode', fields),
      'supernodeEnrolled',
    );
    expect(identityIn(certificate).hosts).toEqual(['192.168.1.7', 'fd00::7']);
    const dialled = scene.effects.flatMap((effect) => (effect.effect === 'dial' ? effect.endpoints : []));
    expect(dialled.map(printEndpoint)).toEqual(['udp:192.168.1.7:1', 'udp:192.168.9.9:1', 'udp:[fd00::7]:1']);
    expect(scene.accounts.supernodes(9)[0]?.endpoints).toEqual([endpoints[0], endpoints[1], endpoints[3]]);
  });

  it('that the operator vouches for is not dialled', () => {
    const scene = new LoginScene({ vouched: ['203.0.113.5'] });
    scene.reaches = () => false;
    const fields = { publicKey: supernodeKey, endpoints: [...here.endpoints, 'udp:[2001:db8::7]:4000'] };
    const { certificate } = granted(
      scene.ask(scene.session('203.0.113.5'), 'enrolSupernode', fields),
      'supernodeEnrolled',
    );
    expect(identityIn(certificate).hosts).toEqual(['203.0.113.5']);
    expect(scene.effects.map(({ effect }) => effect)).not.toContain('dial');
  });

  it('whose session closes while it is dialled leaves nothing behind', () => {
    const scene = new LoginScene();
    scene.hold = ({ effect }) => effect === 'dial';
    const session = scene.session('203.0.113.5');
    expect(scene.ask(session, 'enrolSupernode', here)).toBeUndefined();
    scene.server.sessionClosed(scene.now, scene.wallMs, session.id);
    scene.settle();
    expect([scene.held.size, scene.accounts.supernodes(9)]).toEqual([0, []]);
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

  it('may enrol anew from where it is, when our answer was lost or its ports changed, and anywhere when its time is over', () => {
    const scene = new LoginScene();
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here)).toBe('supernodeEnrolled');
    expect(scene.outcome(scene.session('203.0.113.5'), 'enrolSupernode', here)).toBe('supernodeEnrolled');
    const otherPort = { publicKey: supernodeKey, endpoints: ['udp:203.0.113.5:9'] };
    expect(scene.outcome(scene.session('::ffff:203.0.113.5'), 'enrolSupernode', otherPort)).toBe('supernodeEnrolled');
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
    const told = (session = scene.session()) =>
      granted(scene.ask(session, 'supernodesGet'), 'supernodes').entries.map((entry) => entry.endpoints?.[0]);
    expect(told(scene.certified('', { kind: 'supernode' }))).toHaveLength(SUPERNODES_TOLD_MAX);
    expect(told()).toHaveLength(SUPERNODES_TOLD_CLIENTS_MAX);
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

describe('asking for a name', () => {
  it('tells whether there is such an account, in its own letters, and nothing else', () => {
    const scene = new LoginScene();
    for (const name of ['alice1', 'Bobby1']) scene.signUp(name);
    const session = scene.certified('alice1');
    const known = (name: string) => granted(scene.ask(session, 'nameAsk', { name }), 'nameKnown');
    expect(known('bOBBY1')).toMatchObject({ exists: true, name: 'Bobby1' });
    expect(known('nobody1')).toMatchObject({ exists: false, name: '' });
    expect(Object.keys(known('bobby1')).toSorted()).toEqual(['exists', 'name', 'requestId']);
    expect(scene.outcome(session, 'nameAsk', { name: 'bobby*' })).toBe('name-malformed');
  });

  it('is for people who have signed in', () => {
    const scene = new LoginScene();
    scene.signUp('alice1');
    expect(scene.outcome(scene.session(), 'nameAsk', { name: 'alice1' })).toBe('not-allowed');
    const supernode = scene.certified('alice1', { kind: 'supernode' });
    expect(scene.outcome(supernode, 'nameAsk', { name: 'alice1' })).toBe('not-allowed');
    const session = scene.session();
    scene.ask(session, 'signIn');
    expect(scene.outcome(session, 'nameAsk', { name: 'alice1' })).toBe('nameKnown');
  });

  it('is limited for an account, from wherever it asks, and for a host, whoever asks there', () => {
    const scene = new LoginScene();
    const ask = (account: string, host?: string) => {
      const { identity } = scene.certified(account);
      return scene.ask(scene.session(host, identity), 'nameAsk', { name: 'nobody1' });
    };
    const mine = Array.from({ length: NAME_ASK_BURST + 1 }, () => ask('alice1'));
    expect(mine.filter((reply) => outcomeOf(reply) === 'nameKnown')).toHaveLength(NAME_ASK_BURST);
    expect([outcomeOf(mine.at(-1)), retryOf(mine.at(-1))]).toEqual(['too-many-tries', NAME_ASK_REFILL_MS]);
    expect(outcomeOf(ask('carol-1'))).toBe('nameKnown');
    const theirs = Array.from({ length: NAME_ASK_HOST_BURST + 1 }, (_, n) =>
      outcomeOf(ask(`person${n}`, '203.0.113.9')),
    );
    expect(theirs.indexOf('too-many-tries')).toBe(NAME_ASK_HOST_BURST);
    expect(outcomeOf(ask('david-1', '203.0.113.10'))).toBe('nameKnown');
  });
});
