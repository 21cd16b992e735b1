/**
 * The private mail keys of this machine (PROTOCOL.md 9.16): the one that others are told, and those that it replaced, for
 * letters that lie already. Pure; `agent-devices.ts` keeps them in `devices.json`, tells the node, and signs the list with the
 * newest. What is destroyed here is gone: nobody can read letters that were sealed to it any more, whoever recorded them.
 *
 *   current --(MAIL_KEY_ROTATE_MS)--> old, until the list with the new one is stored --> old, MAIL_KEY_KEPT_MS --> destroyed
 */
import { MAIL_KEY_KEPT_MS, MAIL_KEY_ROTATE_MS, MAIL_KEYS_OLD_MAX } from '../net/protocol/mail-params.ts';
import { CLOCK_DIFFERENCE_MS_MAX } from '../net/protocol/params.ts';

export interface OldMailKey {
  /** X25519 private key, 32 bytes. */
  readonly seed: Buffer;
  /** Wall clock, ms; null: the login server does not have the list with the new key yet. */
  readonly untilMs: number | null;
}

export interface OwnMailKeys {
  readonly seed: Buffer;
  /** Since when it is the one that others are told; wall clock, ms. */
  readonly sinceMs: number;
  /** The newest first. */
  readonly old: readonly OldMailKey[];
}

/** Also when the clock was set back far: nobody knows then how old it is. */
export function isToRotate({ sinceMs }: OwnMailKeys, wallMs: number): boolean {
  return wallMs >= sinceMs + MAIL_KEY_ROTATE_MS || sinceMs > wallMs + CLOCK_DIFFERENCE_MS_MAX;
}

/** `seed`: 32 fresh random bytes. */
export function rotated(keys: OwnMailKeys, seed: Buffer, wallMs: number): OwnMailKeys {
  const old = [{ seed: keys.seed, untilMs: null }, ...keys.old].slice(0, MAIL_KEYS_OLD_MAX);
  // Later than the last one, or those who know that one would not take it.
  return {
    seed,
    sinceMs: Math.max(wallMs, keys.sinceMs > wallMs + CLOCK_DIFFERENCE_MS_MAX ? 0 : keys.sinceMs + 1),
    old,
  };
}

/** The list with the current key is stored: whoever writes from now on can know it. */
export function told(keys: OwnMailKeys, wallMs: number): OwnMailKeys {
  if (keys.old.every(({ untilMs }) => untilMs !== null)) return keys;
  return {
    ...keys,
    old: keys.old.map(({ seed, untilMs }) => ({ seed, untilMs: untilMs ?? wallMs + MAIL_KEY_KEPT_MS })),
  };
}

/** Without those that nobody can need any more; the very same when there are none. */
export function withoutDead(keys: OwnMailKeys, wallMs: number): OwnMailKeys {
  // A clock that was set back must not make them live longer.
  const lives = ({ untilMs }: OldMailKey) =>
    untilMs === null || (untilMs > wallMs && untilMs <= wallMs + MAIL_KEY_KEPT_MS + CLOCK_DIFFERENCE_MS_MAX);
  return keys.old.every(lives) ? keys : { ...keys, old: keys.old.filter(lives) };
}

/** When something is to be done here next, wall clock, ms. */
export function nextChangeAtMs({ sinceMs, old }: OwnMailKeys): number {
  return Math.min(sinceMs + MAIL_KEY_ROTATE_MS, ...old.map(({ untilMs }) => untilMs ?? Number.POSITIVE_INFINITY));
}
