/** What a supernode learns of the others, and whom it names to whom. */
import { expect, it } from 'vitest';
import { EntryDesk } from '../../../src/net/overlay/entry-desk.ts';
import { signRecord } from '../../../src/net/overlay/supernode-entry.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { ENTRIES_PER_ANSWER_MAX, SUPERNODE_ENTRY_LIFETIME_MS } from '../../../src/net/protocol/params.ts';
import { message } from '../../../src/net/wire/messages.ts';
import { makeAuthority, WALL_MS } from '../../support/identities.ts';

const authority = makeAuthority();
const supernodes = Array.from({ length: 7 }, (_, i) =>
  authority.issue('supernode', `super${i}`, undefined, [`203.0.113.${i + 1}`]),
);
const DAY_MS = 86_400_000;

function told(issuedAtMs = WALL_MS) {
  const entries = supernodes.map((own, i) => {
    const endpoints = [parseEndpoint(`udp:203.0.113.${i + 1}:4000`) as Endpoint];
    return {
      certificate: own.certificateDer,
      ...signRecord({ nodeId: own.nodeId, endpoints, issuedAtMs }, own.privateKey),
    };
  });
  return message('supernodes', { entries }).body;
}

function desk(): EntryDesk {
  const trust = authority.trust();
  const judge = (der: Uint8Array) => trust.judge(der, undefined);
  return new EntryDesk({ own: supernodes[0]?.nodeId ?? '', secret: Buffer.alloc(32, 7), judge });
}

it('keeps what is signed, once each, and never itself', () => {
  const one = desk();
  one.learn(WALL_MS, told());
  one.learn(WALL_MS, told());
  expect(one.size).toBe(6);
  one.learn(WALL_MS, message('supernodes', { entries: [{ endpoints: ['udp:203.0.113.9:1'] }] }).body);
  expect([one.size, one.dropped]).toEqual([6, 0]);
  const [first, second] = told(WALL_MS + 1).entries;
  one.learn(WALL_MS, message('supernodes', { entries: [{ ...first, signature: second?.signature ?? null }] }).body);
  expect([one.size, one.dropped]).toEqual([6, 1]);
});

it('names a client the same few however often it asks that day, and others to others', () => {
  const one = desk();
  one.learn(WALL_MS, told());
  const first = one.forClient(WALL_MS, 'aa'.repeat(16));
  expect(first).toHaveLength(ENTRIES_PER_ANSWER_MAX);
  expect(one.forClient(WALL_MS + 1_000, 'aa'.repeat(16))).toEqual(first);
  const lists = Array.from({ length: 20 }, (_, i) => one.forClient(WALL_MS, `${i}`.padStart(32, '0')));
  const names = (list: typeof first) =>
    list
      .map(({ record }) => record.toString('hex'))
      .sort()
      .join();
  expect(new Set(lists.map(names)).size).toBeGreaterThan(3);
  const days = Array.from({ length: 5 }, (_, i) => names(one.forClient(WALL_MS + i * DAY_MS, 'aa'.repeat(16))));
  expect(new Set(days).size).toBeGreaterThan(1);
});

it('names nobody who has not been heard of for a week', () => {
  const one = desk();
  one.learn(WALL_MS, told());
  expect(one.forClient(WALL_MS + SUPERNODE_ENTRY_LIFETIME_MS, 'aa'.repeat(16))).toEqual([]);
  expect(one.size).toBe(0);
});
