/**
 * What the login server asks of the world: a hash, or a word with the account store. The rules (`login-rules.ts`)
 * yield these and get the answer back; `login-effects-io.ts` carries them out with a real store and scrypt, a
 * simulation carries them out at once. Plain data both ways.
 */
import type { FailureCode } from '../protocol/failures.ts';
import type { Account, StoredBuddyList, StoredDevices, StoredSupernode } from './account-store.ts';

export type LoginEffect =
  | { readonly effect: 'hash'; readonly password: string; readonly salt: Buffer }
  /** Does the password match? Takes as long whether it does or not. */
  | { readonly effect: 'verify'; readonly password: string; readonly passwordHash: string }
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
  /** `disk-full`, or `server-fault` for everything else. */
  | { readonly ok: false; readonly code: FailureCode };

export function isHashing(effect: LoginEffect): boolean {
  return effect.effect === 'hash' || effect.effect === 'verify';
}
