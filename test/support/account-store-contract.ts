/**
 * What every `AccountStore` must do: one suite for SQLite, for memory, and for whatever follows. An implementation's
 * test calls `accountStoreContract` with a way to open an empty store that keeps at most ten supernodes.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account, AccountStore, StoredSupernode } from '../../src/net/login/account-store.ts';
import { BUDDY_LIST_BYTES_MAX } from '../../src/net/protocol/params.ts';

export const CONTRACT_SUPERNODES_MAX = 10;
/** Beyond 32 bits, as wall-clock times are. */
const AT_MS = 1_767_225_600_123;

export function account(key: string, changes: Partial<Account> = {}): Account {
  return {
    key,
    name: key.toUpperCase(),
    displayName: `Name of ${key}`,
    passwordHash: 'scrypt$2$1$1$c2FsdHNhbHRzYWx0$ZGlnZXN0ZGlnZXN0ZGlnZXN0',
    createdAtMs: AT_MS,
    lastSignInAtMs: AT_MS + 1,
    ...changes,
  };
}

function supernode(number: number, enrolledAtMs: number): StoredSupernode {
  const nodeId = number.toString(16).padStart(32, '0');
  return { nodeId, endpoints: [`udp:192.0.2.${number}:4000`, 'tcp:[2001:db8::1]:443'], enrolledAtMs };
}

export function accountStoreContract(name: string, open: () => Promise<AccountStore>): void {
  describe(`${name} keeps the contract of an account store:`, () => {
    let store: AccountStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    describe('accounts', () => {
      it('gives an account back as it was created', async () => {
        const made = account('alice1', { displayName: 'Ålice — 日本 👩‍🚀 \'"; DROP TABLE accounts; --' });
        expect(await store.create(made)).toBe(true);
        expect(await store.find('alice1')).toEqual(made);
      });

      it('knows nobody at first', async () => {
        expect(await store.find('nobody')).toBeUndefined();
      });

      it('refuses a second account of one key and leaves the first as it was', async () => {
        await store.create(account('alice1'));
        expect(await store.create(account('alice1', { displayName: 'Mallory', passwordHash: 'other' }))).toBe(false);
        expect(await store.find('alice1')).toEqual(account('alice1'));
      });

      it('lets exactly one of a thousand create a name at the same time', async () => {
        const tries = Array.from({ length: 1000 }, (_, n) => store.create(account('alice1', { displayName: `${n}` })));
        const winners = (await Promise.all(tries)).flatMap((won, n) => (won ? [`${n}`] : []));
        expect(winners).toHaveLength(1);
        expect((await store.find('alice1'))?.displayName).toBe(winners[0]);
      });

      it('compares keys exactly: folding them is not its business', async () => {
        await store.create(account('alice1'));
        expect(await store.find('ALICE1')).toBeUndefined();
        expect(await store.find('alice_')).toBeUndefined();
        expect(await store.find('alice%')).toBeUndefined();
      });

      it('notes the time of a sign-in and changes nothing else', async () => {
        await store.create(account('alice1'));
        await store.create(account('bobby1'));
        await store.touch('alice1', AT_MS + 5000);
        expect(await store.find('alice1')).toEqual(account('alice1', { lastSignInAtMs: AT_MS + 5000 }));
        expect(await store.find('bobby1')).toEqual(account('bobby1'));
      });

      it('makes no account by touching one that is not there', async () => {
        await store.touch('nobody', AT_MS);
        expect(await store.find('nobody')).toBeUndefined();
      });
    });

    describe('buddy lists', () => {
      beforeEach(async () => {
        await store.create(account('alice1'));
        await store.create(account('bobby1'));
      });

      it('has version 0 and no text before the first one is stored', async () => {
        expect(await store.buddyList('alice1')).toEqual({ version: 0, xml: '' });
        expect(await store.buddyList('nobody')).toEqual({ version: 0, xml: '' });
      });

      it('counts versions up by one', async () => {
        expect(await store.putBuddyList('alice1', 0, '<one/>')).toBe(1);
        expect(await store.putBuddyList('alice1', 1, '<two/>')).toBe(2);
        expect(await store.buddyList('alice1')).toEqual({ version: 2, xml: '<two/>' });
        expect(await store.buddyList('bobby1')).toEqual({ version: 0, xml: '' });
      });

      it.each([
        ['an older base', 1],
        ['a base from the future', 3],
        ['no base', 0],
        ['a nonsensical base', -1],
      ])('changes nothing for a put with %s', async (_why, baseVersion) => {
        await store.putBuddyList('alice1', 0, '<one/>');
        await store.putBuddyList('alice1', 1, '<two/>');
        expect(await store.putBuddyList('alice1', baseVersion, '<lost/>')).toBeUndefined();
        expect(await store.buddyList('alice1')).toEqual({ version: 2, xml: '<two/>' });
      });

      it('lets one of many puts on the same version win', async () => {
        for (const baseVersion of [0, 1, 2]) {
          const tries = Array.from({ length: 50 }, (_, n) =>
            store.putBuddyList('alice1', baseVersion, `<by n="${n}"/>`),
          );
          const winners = (await Promise.all(tries)).flatMap((version, n) => (version === undefined ? [] : [n]));
          expect(winners).toHaveLength(1);
          expect(await store.buddyList('alice1')).toEqual({ version: baseVersion + 1, xml: `<by n="${winners[0]}"/>` });
        }
      });

      it('stores no list for an account that is not there', async () => {
        expect(await store.putBuddyList('nobody', 0, '<one/>')).toBeUndefined();
        expect(await store.buddyList('nobody')).toEqual({ version: 0, xml: '' });
      });

      it('keeps the largest list to the last character', async () => {
        const xml = `${'ü👋\n'.repeat(BUDDY_LIST_BYTES_MAX / 8)}<end/>`;
        await store.putBuddyList('alice1', 0, xml);
        expect((await store.buddyList('alice1')).xml).toBe(xml);
      });

      it('keeps an empty text as a version of its own', async () => {
        expect(await store.putBuddyList('alice1', 0, '')).toBe(1);
        expect(await store.buddyList('alice1')).toEqual({ version: 1, xml: '' });
      });
    });

    describe('device lists', () => {
      const devices = (version: number, what = 'list') => ({
        version,
        list: Buffer.from(what),
        signature: Buffer.alloc(64, version),
        sealedKey: Buffer.from([0, 255, version]),
      });

      it('are not there before the first is stored, then in order', async () => {
        await store.create(account('alice1'));
        expect(await store.deviceList('alice1')).toBeUndefined();
        expect(await store.putDeviceList('alice1', devices(2))).toBe(false);
        expect(await store.putDeviceList('alice1', devices(1))).toBe(true);
        expect(await store.putDeviceList('alice1', devices(1, 'other'))).toBe(false);
        expect(await store.putDeviceList('alice1', devices(3))).toBe(false);
        expect(await store.putDeviceList('alice1', devices(2, 'next'))).toBe(true);
        expect(await store.deviceList('alice1')).toEqual(devices(2, 'next'));
      });

      it('of an account that is not there are not stored', async () => {
        expect(await store.putDeviceList('nobody', devices(1))).toBe(false);
        expect(await store.deviceList('nobody')).toBeUndefined();
      });

      it('put by many at once on the same version have one winner', async () => {
        await store.create(account('alice1'));
        const tries = Array.from({ length: 50 }, (_, n) => store.putDeviceList('alice1', devices(1, `by ${n}`)));
        const winners = (await Promise.all(tries)).flatMap((won, n) => (won ? [n] : []));
        expect(winners).toHaveLength(1);
        expect((await store.deviceList('alice1'))?.list.toString()).toBe(`by ${winners[0]}`);
      });
    });

    describe('supernodes', () => {
      it('tells the newest first, and no more than asked for', async () => {
        for (const [number, at] of [
          [1, 30],
          [2, 10],
          [3, 20],
        ] as const)
          await store.putSupernode(supernode(number, at));
        expect(await store.supernodes(9)).toEqual([supernode(1, 30), supernode(3, 20), supernode(2, 10)]);
        expect(await store.supernodes(2)).toEqual([supernode(1, 30), supernode(3, 20)]);
        expect(await store.supernodes(0)).toEqual([]);
      });

      it('replaces the entry of a supernode that enrols again', async () => {
        await store.putSupernode(supernode(1, 10));
        await store.putSupernode(supernode(2, 20));
        const moved = { ...supernode(1, 30), endpoints: ['tcp:198.51.100.7:80'], entry: Buffer.from('signed') };
        await store.putSupernode(moved);
        expect(await store.supernodes(9)).toEqual([moved, supernode(2, 20)]);
      });

      it('finds one by its node id', async () => {
        await store.putSupernode(supernode(1, 10));
        expect(await store.findSupernode(supernode(1, 10).nodeId)).toEqual(supernode(1, 10));
        expect(await store.findSupernode(supernode(2, 10).nodeId)).toBeUndefined();
      });

      it('forgets the oldest when there are too many', async () => {
        for (let number = 1; number <= CONTRACT_SUPERNODES_MAX + 3; number++) {
          await store.putSupernode(supernode(number, AT_MS + number));
        }
        const kept = await store.supernodes(1000);
        expect(kept).toHaveLength(CONTRACT_SUPERNODES_MAX);
        expect(kept.at(-1)).toEqual(supernode(4, AT_MS + 4));
      });
    });

    it('rejects every call once it is closed, and may be closed twice', async () => {
      await store.create(account('alice1'));
      await store.close();
      await store.close();
      await expect(store.create(account('bobby1'))).rejects.toThrow();
      await expect(store.find('alice1')).rejects.toThrow();
      await expect(store.supernodes(1)).rejects.toThrow();
    });
  });
}
