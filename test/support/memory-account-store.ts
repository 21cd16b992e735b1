/**
 * Accounts in memory, for simulations and as the model that the real store is compared with. `MemoryAccounts` answers
 * at once, `performNow` carries out a login server's effect with it and without a promise, so virtual time stays
 * exact; `MemoryAccountStore` is the same behind the `AccountStore` interface.
 */
import type {
  Account,
  AccountStore,
  StoredBuddyList,
  StoredDevices,
  StoredSupernode,
} from '../../src/net/login/account-store.ts';
import type { EffectKind, EffectResult, EffectValues, OutsideEffect } from '../../src/net/login/login-effects.ts';
import type { FailureCode } from '../../src/net/protocol/failures.ts';
import { SUPERNODES_STORED_MAX } from '../../src/net/protocol/params.ts';

export class MemoryAccounts {
  /** While set, everything fails with it: a full or broken disk. */
  fault: FailureCode | undefined;
  readonly #accounts = new Map<string, Account>();
  readonly #lists = new Map<string, StoredBuddyList>();
  readonly #devices = new Map<string, StoredDevices>();
  readonly #supernodes = new Map<string, StoredSupernode>();
  readonly #supernodesMax: number;

  constructor(supernodesMax = SUPERNODES_STORED_MAX) {
    this.#supernodesMax = supernodesMax;
  }

  create(account: Account): boolean {
    if (this.#accounts.has(account.key)) return false;
    this.#accounts.set(account.key, { ...account });
    return true;
  }

  find(key: string): Account | undefined {
    return this.#accounts.get(key);
  }

  touch(key: string, lastSignInAtMs: number): void {
    const account = this.#accounts.get(key);
    if (account) this.#accounts.set(key, { ...account, lastSignInAtMs });
  }

  buddyList(key: string): StoredBuddyList {
    return this.#lists.get(key) ?? { version: 0, xml: '' };
  }

  putBuddyList(key: string, baseVersion: number, xml: string): number | undefined {
    if (!this.#accounts.has(key) || this.buddyList(key).version !== baseVersion) return undefined;
    this.#lists.set(key, { version: baseVersion + 1, xml });
    return baseVersion + 1;
  }

  deviceList(key: string): StoredDevices | undefined {
    return this.#devices.get(key);
  }

  putDeviceList(key: string, devices: StoredDevices): boolean {
    if (!this.#accounts.has(key) || (this.#devices.get(key)?.version ?? 0) !== devices.version - 1) return false;
    this.#devices.set(key, { ...devices });
    return true;
  }

  putSupernode(entry: StoredSupernode): void {
    this.#supernodes.set(entry.nodeId, { ...entry, endpoints: [...entry.endpoints] });
    for (const { nodeId } of this.#newestFirst().slice(this.#supernodesMax)) this.#supernodes.delete(nodeId);
  }

  findSupernode(nodeId: string): StoredSupernode | undefined {
    return this.#supernodes.get(nodeId);
  }

  supernodes(limit: number): StoredSupernode[] {
    return this.#newestFirst().slice(0, limit);
  }

  #newestFirst(): StoredSupernode[] {
    const older = (a: StoredSupernode, b: StoredSupernode) =>
      b.enrolledAtMs - a.enrolledAtMs || (a.nodeId < b.nodeId ? -1 : 1);
    return [...this.#supernodes.values()].sort(older);
  }
}

/** Carries out an effect at once. Hashes are no hashes here: `plain$` and the password. */
export function performNow(accounts: MemoryAccounts, effect: OutsideEffect): EffectResult {
  if (accounts.fault !== undefined) return { ok: false, code: accounts.fault };
  return { ok: true, value: answerOf(accounts, effect) };
}

function answerOf(accounts: MemoryAccounts, effect: OutsideEffect): EffectValues[EffectKind] {
  switch (effect.effect) {
    case 'hash':
      return `plain$${effect.password}`;
    case 'verify':
      return effect.passwordHash === `plain$${effect.password}`;
    case 'store.create':
      return accounts.create(effect.account);
    case 'store.find':
      return accounts.find(effect.key);
    case 'store.touch':
      accounts.touch(effect.key, effect.lastSignInAtMs);
      return undefined;
    case 'store.buddy-list':
      return accounts.buddyList(effect.key);
    case 'store.put-buddy-list':
      return accounts.putBuddyList(effect.key, effect.baseVersion, effect.xml);
    case 'store.device-list':
      return accounts.deviceList(effect.key);
    case 'store.put-device-list':
      return accounts.putDeviceList(effect.key, effect.devices);
    case 'store.put-supernode':
      accounts.putSupernode(effect.entry);
      return undefined;
    case 'store.find-supernode':
      return accounts.findSupernode(effect.nodeId);
    case 'store.supernodes':
      return accounts.supernodes(effect.limit);
  }
}

export class MemoryAccountStore implements AccountStore {
  readonly accounts: MemoryAccounts;
  #open = true;

  constructor(accounts = new MemoryAccounts()) {
    this.accounts = accounts;
  }

  create = async (account: Account) => this.#live().create(account);
  find = async (key: string) => this.#live().find(key);
  touch = async (key: string, lastSignInAtMs: number) => this.#live().touch(key, lastSignInAtMs);
  buddyList = async (key: string) => this.#live().buddyList(key);
  putBuddyList = async (key: string, base: number, xml: string) => this.#live().putBuddyList(key, base, xml);
  deviceList = async (key: string) => this.#live().deviceList(key);
  putDeviceList = async (key: string, devices: StoredDevices) => this.#live().putDeviceList(key, devices);
  putSupernode = async (entry: StoredSupernode) => this.#live().putSupernode(entry);
  findSupernode = async (nodeId: string) => this.#live().findSupernode(nodeId);
  supernodes = async (limit: number) => this.#live().supernodes(limit);
  close = async () => {
    this.#open = false;
  };

  #live(): MemoryAccounts {
    if (!this.#open) throw new Error('the account store is closed');
    return this.accounts;
  }
}
