/**
 * What the login server asks of the world: a hash, a word with the account store, or whether a supernode is reached. The
 * rules (`login-rules.ts`) yield these and get the answer back; `login-effects-io.ts` carries them out with a real store
 * and scrypt, a simulation carries them out at once; the node itself dials. Plain data both ways.
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import type { Account, StoredBuddyList, StoredDevices, StoredSupernode } from './account-store.ts';

export type LoginEffect =
  | { readonly effect: 'hash'; readonly password: string; readonly salt: Buffer }
  /** Does the password match? Takes as long whether it does or not. */
  | { readonly effect: 'verify'; readonly password: string; readonly passwordHash: string }
  /** Is what asks in this session reached there by UDP and by TCP? Those at which it is. `node/reach-desk.ts` dials. */
  | { readonly effect: 'dial'; readonly session: number | string; readonly endpoints: readonly Endpoint[] }
  | { readonly effect: 'store.create'; readonly account: Account }
  | { readonly effect: 'store.find'; readonly key: string }
  | { readonly effect: 'store.touch'; readonly key: string; readonly lastSignInAtMs: number }
  | { readonly effect: 'store.buddy-list'; readonly key: string }
  | {
      readonly effect: 'store.put-buddy-list';
      readonly key: string;
      readonly baseVersion: number;
      readonly xml: string;
    }
  | { readonly effect: 'store.device-list'; readonly key: string }
  | { readonly effect: 'store.put-device-list'; readonly key: string; readonly devices: StoredDevices }
  | { readonly effect: 'store.put-supernode'; readonly entry: StoredSupernode }
  | { readonly effect: 'store.find-supernode'; readonly nodeId: string }
  | { readonly effect: 'store.supernodes'; readonly limit: number };

export type EffectKind = LoginEffect['effect'];
export type EffectOf<K extends EffectKind> = Extract<LoginEffect, { effect: K }>;

/** The value with which each effect succeeds. */
export interface EffectValues {
  /** Text of `password-hash.ts`. */
  hash: string;
  verify: boolean;
  dial: readonly Endpoint[];
  'store.create': boolean;
  'store.find': Account | undefined;
  'store.touch': undefined;
  'store.buddy-list': StoredBuddyList;
  'store.put-buddy-list': number | undefined;
  'store.device-list': StoredDevices | undefined;
  'store.put-device-list': boolean;
  'store.put-supernode': undefined;
  'store.find-supernode': StoredSupernode | undefined;
  'store.supernodes': readonly StoredSupernode[];
}

export type EffectResult =
  | { readonly ok: true; readonly value: EffectValues[EffectKind] }
  /** `disk-full`, `busy` when nothing more can be dialled now, or `server-fault` for everything else. */
  | { readonly ok: false; readonly code: FailureCode };

/** What is carried out outside the node. */
export type OutsideEffect = Exclude<LoginEffect, { effect: 'dial' }>;

/** Has it changed nothing, so that it need not be waited for? */
export function mayBeGivenUp({ effect }: LoginEffect): boolean {
  return effect === 'hash' || effect === 'verify' || effect === 'dial';
}
