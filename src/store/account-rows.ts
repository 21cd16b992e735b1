/**
 * Rows of the account tables as what `AccountStore` speaks of. SQLite (`account-db.ts`) and PostgreSQL (`account-postgres-db.ts`)
 * name their columns alike; only bytes stand differently in them, and are read where they lie. Pure.
 */
import type { Account, StoredBuddyList, StoredSupernode } from '../net/login/account-store.ts';

export type Row = Readonly<Record<string, unknown>>;

/** `pg` gives a BIGINT as text. */
export function accountOf(row: Row): Account {
  return {
    key: String(row.key),
    name: String(row.name),
    displayName: String(row.display_name),
    passwordHash: String(row.password_hash),
    createdAtMs: Number(row.created_at_ms),
    lastSignInAtMs: Number(row.last_sign_in_at_ms),
  };
}

/** Of an account that has stored none there is no row. */
export function buddyListOf(row: Row | undefined): StoredBuddyList {
  return row ? { version: Number(row.version), xml: String(row.xml) } : { version: 0, xml: '' };
}

/** `entry`: as it stands in the row, undefined where there is none. */
export function supernodeOf(row: Row, entry: Buffer | undefined): StoredSupernode {
  return {
    nodeId: String(row.node_id),
    endpoints: JSON.parse(String(row.endpoints)) as string[],
    enrolledAtMs: Number(row.enrolled_at_ms),
    ...(entry ? { entry } : {}),
  };
}
