/** The authority's word that a device is revoked: what it says, and who can say it. */
import { expect, it } from 'vitest';
import {
  isAbout,
  isByAuthority,
  isInForce,
  REVOCATION_LIFETIME_MS,
  readRevocation,
  signRevocation,
} from '../../../src/net/login/revocation.ts';
import { keyPair, makeAuthority, WALL_MS } from '../../support/identities.ts';

const { issuer, trust } = makeAuthority();
const key = trust().authorityKey as NonNullable<ReturnType<typeof trust>['authorityKey']>;
const nodeId = 'ab'.repeat(16);
const word = issuer.revoke('alice1', nodeId, WALL_MS);

it('names one device of one account, and when no certificate of that one is good any more', () => {
  const read = readRevocation(word);
  expect(read).toMatchObject({ name: 'alice1', nodeId, untilMs: WALL_MS + REVOCATION_LIFETIME_MS });
  expect(read && isAbout(read, 'Alice1', nodeId)).toBe(true);
  expect(read && isAbout(read, 'bobby1', nodeId)).toBe(false);
  expect(read && isAbout(read, 'alice1', 'cd'.repeat(16))).toBe(false);
  expect(isByAuthority(word, key)).toBe(true);
});

it('cannot be made or changed by anybody but the authority', () => {
  const other = signRevocation({ name: 'alice1', nodeId, untilMs: WALL_MS }, keyPair('mallory').privateKey);
  expect(isByAuthority(other, key)).toBe(false);
  const changed = signRevocation({ name: 'bobby1', nodeId, untilMs: WALL_MS }, keyPair('mallory').privateKey);
  expect(isByAuthority({ ...word, revocation: changed.revocation }, key)).toBe(false);
  expect(isByAuthority({ ...word, signature: Buffer.alloc(0) }, key)).toBe(false);
});

it('counts until it ends, and not when it claims to last longer than any certificate', () => {
  const read = readRevocation(word);
  expect(read && isInForce(read, WALL_MS)).toBe(true);
  expect(read && isInForce(read, WALL_MS + REVOCATION_LIFETIME_MS)).toBe(false);
  expect(isInForce({ untilMs: WALL_MS + 30 * 86_400_000 }, WALL_MS)).toBe(false);
});

it('is nothing when it is garbage', () => {
  expect(readRevocation({})).toBeUndefined();
  expect(readRevocation({ ...word, revocation: Buffer.alloc(200) })).toBeUndefined();
  expect(readRevocation({ ...word, revocation: Buffer.from([255, 255]) })).toBeUndefined();
  expect(readRevocation({ ...word, signature: Buffer.alloc(2_000) })).toBeUndefined();
});
