/** The login server's part in device lists: who may put what, and what becomes of the revoked. */
import { beforeEach, describe, expect, it } from 'vitest';
import { sealAccountKey } from '../../../src/net/login/account-key.ts';
import { type OpenedDevices, withoutCertificates } from '../../../src/net/login/device-list.ts';
import type { LoginSession } from '../../../src/net/login/login-server.ts';
import { isByAuthority, REVOCATION_LIFETIME_MS, readRevocation } from '../../../src/net/login/revocation.ts';
import { wholeCertificate } from '../../../src/net/wire/slim-certificate.ts';
import { accountKey, device, list } from '../../support/devices.ts';
import { keyPair } from '../../support/identities.ts';
import { authority, granted, LoginScene, outcomeOf, PASSWORD } from '../../support/login-scene.ts';

const key = accountKey('alice');
const sealedKey = sealAccountKey(key, 'alice1', Buffer.alloc(32, 1), Buffer.alloc(12));
const [laptop, desktop] = ['laptop', 'desktop'].map((label) => device(authority, 'alice1', label)) as [
  ReturnType<typeof device>,
  ReturnType<typeof device>,
];
const certifiedAs = (one: typeof laptop) => ({ nodeId: one.nodeId });

let scene: LoginScene;
/** In which the password was just shown. */
let entered: LoginSession;
beforeEach(() => {
  scene = new LoginScene();
  entered = scene.session();
  scene.ask(entered, 'signUp', { publicKey: keyPair('laptop').spki });
});

const put = (session: LoginSession, next: OpenedDevices, fields = {}) =>
  outcomeOf(
    scene.ask(session, 'devicesPut', {
      baseVersion: next.version - 1,
      list: next.signed as never,
      sealedKey,
      ...fields,
    }),
  );
const first = list(key, 'alice1', 1, [laptop]);
const second = list(key, 'alice1', 2, [laptop, desktop]);
const third = list(key, 'alice1', 3, [laptop], [{ nodeId: desktop.nodeId, atMs: 1 }]);

describe('a device list at the login server', () => {
  it('is stored in the session of the sign-up and given back, with the sealed key, at the next sign-in', () => {
    expect(put(entered, first)).toBe('done');
    const got = granted(scene.ask(entered, 'devicesGet'), 'devices');
    expect(Buffer.from(got.list?.list ?? '')).toEqual(first.signed.list);
    const reply = granted(scene.ask(scene.session(), 'signIn', { publicKey: keyPair('desktop').spki }), 'signedIn');
    expect(Buffer.from(reply.devices?.signature ?? '')).toEqual(first.signed.signature);
    expect(Buffer.from(reply.sealedKey)).toEqual(sealedKey);
  });

  it('is empty for an older account until it signs in', () => {
    expect(granted(scene.ask(entered, 'devicesGet'), 'devices').list).toBeUndefined();
    const reply = granted(scene.ask(scene.session(), 'signIn'), 'signedIn');
    expect([reply.devices, reply.sealedKey]).toEqual([undefined, undefined]);
  });

  it('is changed on top of the stored one only', () => {
    put(entered, first);
    expect(put(entered, first)).toBe('stale');
    expect(put(entered, third)).toBe('stale');
    expect(put(entered, second, { baseVersion: 0 })).toBe('stale');
    expect(put(entered, list(key, 'alice1', 5, [laptop]), { baseVersion: 1 })).toBe('device-forged');
    expect(put(entered, second)).toBe('done');
  });

  it('is changed by any device of the account, but goes on under its key until the password is shown', () => {
    put(entered, first);
    const session = scene.certified('alice1', certifiedAs(laptop));
    expect(put(session, second)).toBe('done');
    const others = list(accountKey('mallory'), 'alice1', 3, [laptop]);
    expect(put(session, others)).toBe('not-allowed');
    expect(put(scene.certified('mallory'), others)).not.toBe('done');
    const again = scene.session();
    scene.ask(again, 'signIn', { password: PASSWORD, publicKey: keyPair('desktop').spki });
    expect(put(again, others, { sealedKey: Buffer.alloc(3) })).toBe('request-malformed');
    expect(put(again, others)).toBe('done');
  });

  it('is refused with a device that was never certified for that name, with a list of somebody else, and with garbage', () => {
    const mallory = device(authority, 'mallory', 'mallory');
    expect(put(entered, list(key, 'alice1', 1, [laptop, mallory]))).toBe('device-forged');
    expect(put(entered, list(key, 'mallory', 1, [mallory]))).toBe('device-forged');
    expect(put(entered, first, { list: { list: first.signed.list, signature: Buffer.alloc(64) } })).toBe(
      'device-forged',
    );
    expect(put(entered, first, { list: { list: Buffer.alloc(9, 255), signature: Buffer.alloc(64) } })).toBe(
      'request-malformed',
    );
    expect(put(entered, first, { list: { list: Buffer.alloc(60_000), signature: Buffer.alloc(64) } })).toBe(
      'too-large',
    );
    expect(granted(scene.ask(entered, 'devicesGet'), 'devices').list).toBeUndefined();
  });

  it('needs no certificate that the server has: it stores them all the same, under the signature over the whole', () => {
    const publicKey = keyPair('tablet').spki;
    const session = scene.session();
    const given = granted(scene.ask(session, 'signIn', { publicKey }), 'signedIn');
    const certificate = wholeCertificate(given.certificate, publicKey) as Buffer;
    const tablet = { ...device(authority, 'alice1', 'tablet'), certificate };
    const [one, both] = [list(key, 'alice1', 1, [tablet]), list(key, 'alice1', 2, [tablet, desktop])];
    const bare = withoutCertificates(one);
    expect(bare.list.length).toBeLessThan(one.signed.list.length - 600);
    // Another session was given none, and somebody else's signature is none.
    expect(put(scene.certified('alice1', { nodeId: tablet.nodeId }), one, { list: bare })).toBe('device-forged');
    expect(put(session, one, { list: { ...bare, signature: Buffer.alloc(64) } })).toBe('device-forged');
    expect(put(session, one, { list: bare })).toBe('done');
    expect(Buffer.from(granted(scene.ask(session, 'devicesGet'), 'devices').list?.list ?? '')).toEqual(one.signed.list);
    // Nobody was certified here for the other one.
    expect(put(session, both, { list: withoutCertificates(both) })).toBe('device-forged');
    expect(put(session, both)).toBe('done');
    const three = list(key, 'alice1', 3, [tablet, desktop], [{ nodeId: laptop.nodeId, atMs: 1 }]);
    expect(
      put(scene.certified('alice1', { nodeId: desktop.nodeId }), three, { list: withoutCertificates(three) }),
    ).toBe('done');
  });

  it('never lists again who was revoked', () => {
    for (const next of [first, second, third]) expect(put(entered, next)).toBe('done');
    expect(put(entered, list(key, 'alice1', 4, [laptop, desktop]))).toBe('device-forged');
    expect(put(entered, list(key, 'alice1', 4, [laptop, desktop], third.revoked))).toBe('device-forged');
  });
});

describe('a revoked device', () => {
  beforeEach(() => {
    for (const next of [first, second, third]) put(entered, next);
  });

  it('is refused renewal, sign-in with its key, and whatever belongs to the account', () => {
    const session = scene.certified('alice1', certifiedAs(desktop));
    const publicKey = keyPair('desktop').spki;
    expect(scene.outcome(session, 'renew', { publicKey })).toBe('device-revoked');
    expect(scene.outcome(session, 'renew', { publicKey: keyPair('fresh').spki })).toBe('device-revoked');
    expect(scene.outcome(session, 'buddyListGet')).toBe('device-revoked');
    expect(scene.outcome(session, 'buddyListPut')).toBe('device-revoked');
    expect(scene.outcome(session, 'devicesGet')).toBe('device-revoked');
    expect(put(session, list(key, 'alice1', 4, [laptop], third.revoked))).toBe('device-revoked');
    expect(scene.outcome(scene.session(), 'signIn', { publicKey })).toBe('device-revoked');
  });

  it('is named by a word of the authority, when the list is taken and whenever it is asked for in the next days', () => {
    const untilMs = scene.wallMs + REVOCATION_LIFETIME_MS;
    const wordsOf = (message: ReturnType<typeof scene.ask>) => {
      const body = message?.kind === 'done' || message?.kind === 'devices' ? message.body : undefined;
      return (body?.revocations ?? []).map((word) => readRevocation(word));
    };
    const laptopAlone = scene.certified('alice1', certifiedAs(laptop));
    const phone = device(authority, 'alice1', 'phone');
    put(laptopAlone, list(key, 'alice1', 4, [laptop, phone], third.revoked));
    const stranger = 'cd'.repeat(16);
    const revoked = [...third.revoked, { nodeId: phone.nodeId, atMs: scene.wallMs }, { nodeId: stranger, atMs: 2 }];
    const next = list(key, 'alice1', 5, [laptop], revoked);
    const reply = scene.ask(laptopAlone, 'devicesPut', { baseVersion: 4, list: next.signed as never });
    expect(wordsOf(reply)).toMatchObject([{ name: 'alice1', nodeId: phone.nodeId, untilMs }]);
    scene.wallMs += 3_600_000;
    const again = wordsOf(scene.ask(laptopAlone, 'devicesGet'));
    expect(again).toEqual(wordsOf(reply));
    const { authorityKey } = authority.trust();
    expect(authorityKey && again.every((word) => word && isByAuthority(word.signed, authorityKey))).toBe(true);
    scene.wallMs += 72 * 3_600_000;
    expect(wordsOf(scene.ask(laptopAlone, 'devicesGet'))).toEqual([]);
  });

  it('comes back with another key and the password', () => {
    const session = scene.session();
    expect(scene.outcome(session, 'signIn', { publicKey: keyPair('fresh').spki })).toBe('signedIn');
    expect(put(session, list(key, 'alice1', 4, [laptop, device(authority, 'alice1', 'fresh')], third.revoked))).toBe(
      'done',
    );
    const renewed = scene.certified('alice1', certifiedAs(laptop));
    expect(scene.outcome(renewed, 'renew', { publicKey: keyPair('laptop').spki })).toBe('signedIn');
  });
});
