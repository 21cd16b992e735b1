/**
 * Carries out what the login server asks of the world: scrypt through node:crypto's thread pool, and the account
 * store. `node/login-node.ts`'s driver hands effects in as `LoginServer.drain()` gives them and hands each result on
 * to `LoginServer.effectDone`. Two hashes run at a time; the others wait here, in order.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../protocol/failures.ts';
import { HASHES_RUNNING_MAX } from '../protocol/params.ts';
import type { AccountStore } from './account-store.ts';
import type { EffectKind, EffectOf, EffectResult, EffectValues, OutsideEffect } from './login-effects.ts';
import {
  DIGEST_BYTES,
  memoryBytes,
  type PasswordHash,
  parsePasswordHash,
  printPasswordHash,
  SCRYPT_COST,
  type ScryptCost,
} from './password-hash.ts';

export interface LoginEffectsOptions {
  readonly store: AccountStore;
  /** Called once for every effect performed and not cancelled, never from within `perform`. */
  readonly onDone: (id: number, result: EffectResult) => void;
  /** For the log: why an effect failed. */
  readonly onFault?: (effect: EffectKind, error: unknown) => void;
  /** Cost of new hashes; stored ones bring their own. */
  readonly cost?: ScryptCost;
  readonly hashesRunningMax?: number;
}

type HashEffect = EffectOf<'hash' | 'verify'>;

export class LoginEffects {
  readonly #options: LoginEffectsOptions;
  /** Waiting hashes in order of arrival. At most HASHES_PENDING_MAX: the server asks for no more. */
  readonly #waiting = new Map<number, HashEffect>();
  readonly #cancelled = new Set<number>();
  #running = 0;

  constructor(options: LoginEffectsOptions) {
    this.#options = options;
  }

  /** Starts an effect, or queues it. Never throws; failures are results. */
  perform(id: number, effect: OutsideEffect): void {
    if (effect.effect === 'hash' || effect.effect === 'verify') {
      this.#waiting.set(id, effect);
      this.#startHashes();
    } else {
      void this.#settle(id, effect.effect, () => performOnStore(this.#options.store, effect));
    }
  }

  /** Nobody waits for this hash any more: not computed if it has not begun, and not reported. */
  cancel(id: number): void {
    if (!this.#waiting.delete(id)) this.#cancelled.add(id);
  }

  #startHashes(): void {
    const most = this.#options.hashesRunningMax ?? HASHES_RUNNING_MAX;
    for (const [id, effect] of this.#waiting) {
      if (this.#running >= most) return;
      this.#waiting.delete(id);
      this.#running++;
      void this.#settle(id, effect.effect, () => performHash(effect, this.#options.cost ?? SCRYPT_COST)).finally(() => {
        this.#running--;
        this.#cancelled.delete(id);
        this.#startHashes();
      });
    }
  }

  async #settle(id: number, kind: EffectKind, work: () => Promise<EffectValues[EffectKind]>): Promise<void> {
    let result: EffectResult;
    try {
      result = { ok: true, value: await work() };
    } catch (error) {
      this.#options.onFault?.(kind, error);
      const diskFull = error instanceof Refusal && error.code === 'disk-full';
      result = { ok: false, code: diskFull ? 'disk-full' : 'server-fault' };
    }
    if (!this.#cancelled.has(id)) this.#options.onDone(id, result);
  }
}

async function performOnStore(
  store: AccountStore,
  effect: Exclude<OutsideEffect, HashEffect>,
): Promise<EffectValues[EffectKind]> {
  switch (effect.effect) {
    case 'store.create':
      return store.create(effect.account);
    case 'store.find':
      return store.find(effect.key);
    case 'store.touch':
      await store.touch(effect.key, effect.lastSignInAtMs);
      return undefined;
    case 'store.buddy-list':
      return store.buddyList(effect.key);
    case 'store.put-buddy-list':
      return store.putBuddyList(effect.key, effect.baseVersion, effect.xml);
    case 'store.device-list':
      return store.deviceList(effect.key);
    case 'store.put-device-list':
      return store.putDeviceList(effect.key, effect.devices);
    case 'store.put-supernode':
      await store.putSupernode(effect.entry);
      return undefined;
    case 'store.find-supernode':
      return store.findSupernode(effect.nodeId);
    case 'store.supernodes':
      return store.supernodes(effect.limit);
  }
}

async function performHash(effect: HashEffect, cost: ScryptCost): Promise<string | boolean> {
  if (effect.effect === 'hash') {
    const digest = await digestOf(effect.password, { cost, salt: effect.salt, digest: Buffer.alloc(DIGEST_BYTES) });
    return printPasswordHash({ cost, salt: effect.salt, digest });
  }
  const stored = parsePasswordHash(effect.passwordHash);
  if (!stored) throw new Error('a stored password hash is damaged');
  return timingSafeEqual(await digestOf(effect.password, stored), stored.digest);
}

/** scrypt in the thread pool, to the length of `like.digest`. */
function digestOf(password: string, like: PasswordHash): Promise<Buffer> {
  const { n, r, p } = like.cost;
  // OpenSSL counts a little more than RFC 7914; twice is ample and still a bound.
  const limits = { N: n, r, p, maxmem: 2 * memoryBytes(like.cost) };
  return new Promise((resolve, reject) => {
    scrypt(password, like.salt, like.digest.length, limits, (error, digest) => {
      if (error) reject(error);
      else resolve(digest);
    });
  });
}
