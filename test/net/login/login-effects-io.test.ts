/** The effects of the login server for real: scrypt, the store on disk, failures, and a crowd at the door. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountStore } from '../../../src/net/login/account-store.ts';
import type { EffectResult, OutsideEffect } from '../../../src/net/login/login-effects.ts';
import { LoginEffects, type LoginEffectsOptions } from '../../../src/net/login/login-effects-io.ts';
import { dummyPasswordHash, parsePasswordHash, SCRYPT_COST } from '../../../src/net/login/password-hash.ts';
import { Refusal } from '../../../src/net/protocol/failures.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { openAccountDb } from '../../../src/store/account-db.ts';
import { aliceKey, outcomeOf, PASSWORD } from '../../support/login-scene.ts';
import { CHEAP, loginServerOn } from '../../support/login-server-on.ts';
import { MemoryAccountStore } from '../../support/memory-account-store.ts';

const SALT = Buffer.alloc(16, 7);

/** One effect, carried out. */
function perform(effect: OutsideEffect, options: Partial<LoginEffectsOptions> = {}): Promise<EffectResult> {
  return new Promise((resolve) => {
    const store = new MemoryAccountStore();
    const effects = new LoginEffects({ store, cost: CHEAP, onDone: (_id, result) => resolve(result), ...options });
    effects.perform(1, effect);
  });
}

async function hashOf(password: string, options: Partial<LoginEffectsOptions> = {}): Promise<string> {
  const result = await perform({ effect: 'hash', password, salt: SALT }, options);
  return result.ok ? String(result.value) : result.code;
}

describe('a password hash', () => {
  it('carries its parameters, its salt and the scrypt of RFC 7914', async () => {
    const [scheme, n, r, p, salt, digest] = (await hashOf(PASSWORD, { cost: SCRYPT_COST })).split('$');
    expect([scheme, n, r, p]).toEqual(['scrypt', '32768', '8', '1']);
    expect(Buffer.from(salt ?? '', 'base64url')).toEqual(SALT);
    expect(Buffer.from(digest ?? '', 'base64url')).toHaveLength(32);
  });

  it('is the one of the RFC’s third test vector', async () => {
    const result = await perform(
      { effect: 'hash', password: 'pleaseletmein', salt: Buffer.from('SodiumChloride') },
      {
        cost: { n: 16_384, r: 8, p: 1 },
      },
    );
    const digest = Buffer.from(String(result.ok && result.value).split('$')[5] ?? '', 'base64url');
    // RFC 7914 section 12 asks for 64 bytes; PBKDF2's first 32 are the same.
    expect(digest.toString('hex')).toBe('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2');
  });

  it('matches its password, and no other, whatever the present cost is', async () => {
    const passwordHash = await hashOf(PASSWORD, { cost: { n: 16, r: 2, p: 3 } });
    const verify = (password: string) => perform({ effect: 'verify', password, passwordHash });
    expect(await verify(PASSWORD)).toEqual({ ok: true, value: true });
    for (const wrong of ['', `${PASSWORD} `, PASSWORD.toUpperCase(), 'Ω'.repeat(256)]) {
      expect(await verify(wrong)).toEqual({ ok: true, value: false });
    }
  });

  it('differs with the salt', async () => {
    const other = await perform({ effect: 'hash', password: PASSWORD, salt: Buffer.alloc(16, 8) });
    expect(other).not.toEqual({ ok: true, value: await hashOf(PASSWORD) });
  });

  it('of nobody matches nothing, and costs as much as one of somebody', async () => {
    const passwordHash = dummyPasswordHash(SCRYPT_COST);
    expect(parsePasswordHash(passwordHash)?.cost).toEqual(SCRYPT_COST);
    expect(await perform({ effect: 'verify', password: PASSWORD, passwordHash })).toEqual({ ok: true, value: false });
  });

  it.each([
    '',
    'plain$secret',
    'scrypt$32768$8$1$c2FsdHNhbHRzYWx0c2FsdA',
    'scrypt$32767$8$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$1$8$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$0$8$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$33554432$8$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$32768$999$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$32768$8$0$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$32768$8$99$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$32768$8$1$$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    'scrypt$32768$8$1$c2FsdHNhbHRzYWx0c2FsdA$short',
    'scrypt$1e4$8$1$c2FsdHNhbHRzYWx0c2FsdA$ZGlnZXN0ZGlnZXN0ZGlnZXN0ZGlnZXN0',
  ])('that is damaged, %j, is a server-fault and takes no memory', async (passwordHash) => {
    expect(parsePasswordHash(passwordHash)).toBeUndefined();
    const faults: unknown[] = [];
    const onFault = (effect: string) => faults.push(effect);
    expect(await perform({ effect: 'verify', password: PASSWORD, passwordHash }, { onFault })).toEqual({
      ok: false,
      code: 'server-fault',
    });
    expect(faults).toEqual(['verify']);
  });
});

describe('the runner', () => {
  it('computes a bounded number of hashes at a time, in the order in which they came', async () => {
    const done: number[] = [];
    let finished: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const effects = new LoginEffects({
      store: new MemoryAccountStore(),
      cost: { n: 4096, r: 8, p: 1 },
      hashesRunningMax: 1,
      onDone: (id) => {
        done.push(id);
        if (id === 6) finished();
      },
    });
    for (let id = 1; id <= 6; id++) effects.perform(id, { effect: 'hash', password: PASSWORD, salt: SALT });
    effects.cancel(1);
    effects.cancel(4);
    effects.perform(7, { effect: 'store.find', key: 'alice1' });
    await all;
    // 7 is no hash and waits for none; 1 was begun and 4 was not, and neither is told.
    expect(done).toEqual([7, 2, 3, 5, 6]);
  });

  it('tells a full disk from other faults of the store', async () => {
    const broken = (error: Error) => ({ find: () => Promise.reject(error) }) as unknown as AccountStore;
    const find = { effect: 'store.find', key: 'alice1' } as const;
    expect(await perform(find, { store: broken(new Refusal('disk-full')) })).toEqual({ ok: false, code: 'disk-full' });
    expect(await perform(find, { store: broken(new Error('EIO')) })).toEqual({ ok: false, code: 'server-fault' });
    const closed = new MemoryAccountStore();
    await closed.close();
    expect(await perform(find, { store: closed })).toEqual({ ok: false, code: 'server-fault' });
  });
});

describe('the login server on its database', () => {
  let folder = '';
  let store: AccountStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wren-login-'));
    store = openAccountDb(join(folder, 'accounts.db'));
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives a name that a thousand want at once to one of them, who can sign in with it', async () => {
    const { ask } = loginServerOn(store);
    const wanted = async (id: number): Promise<string> => {
      for (let requestId = 1; ; requestId++) {
        const fields = { requestId, name: 'Alice1', displayName: `${id}`, password: `password of ${id}` };
        const outcome = outcomeOf(await ask(id, message('signUp', { ...fields, publicKey: aliceKey })));
        if (outcome !== 'busy') return outcome;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, id) => wanted(id)));
    const winners = outcomes.flatMap((outcome, id) => (outcome === 'signedIn' ? [id] : []));
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'name-taken')).toHaveLength(999);
    expect((await store.find('alice1'))?.displayName).toBe(`${winners[0]}`);
    const signIn = (id: number, who: number) =>
      ask(id, message('signIn', { requestId: 1, name: 'alice1', password: `password of ${who}`, publicKey: aliceKey }));
    expect(outcomeOf(await signIn(2000, winners[0] as number))).toBe('signedIn');
    expect(outcomeOf(await signIn(2001, (winners[0] as number) + 1))).toBe('password-wrong');
  });

  it('forgets nothing when it is started anew', async () => {
    const first = loginServerOn(store);
    const mine = { publicKey: aliceKey, password: PASSWORD, displayName: 'Alice' };
    expect(outcomeOf(await first.ask(1, message('signUp', { requestId: 1, name: 'Alice1', ...mine })))).toBe(
      'signedIn',
    );
    const xml = Buffer.from('<buddies>bobby1</buddies>');
    expect(outcomeOf(await first.ask(1, message('buddyListPut', { requestId: 2, baseVersion: 0, xml })))).toBe('done');
    await store.close();
    store = openAccountDb(join(folder, 'accounts.db'));
    const second = loginServerOn(store);
    const signedIn = await second.ask(1, message('signIn', { requestId: 1, name: 'alice1', ...mine }));
    expect(signedIn.body).toMatchObject({ name: 'Alice1', buddyListVersion: 1 });
    const list = await second.ask(1, message('buddyListGet', { requestId: 2 }));
    expect(list.body).toMatchObject({ version: 1, xml });
  });
});
