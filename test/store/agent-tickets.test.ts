/** Tickets in the profile: kept for the next start, as private as the key, of one account, and never in the way. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Ticket } from '../../src/net/index.ts';
import { TICKETS_STORED_MAX } from '../../src/net/protocol/params.ts';
import { AgentTickets } from '../../src/store/agent-tickets.ts';
import { readTickets, TICKETS_FILE, writeTickets } from '../../src/store/tickets-file.ts';
import { AgentScene, WALL_MS } from '../support/agent-scene.ts';

let scene: AgentScene;
let tickets: Ticket[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  scene = new AgentScene().signedIn();
  tickets = [ticket(1), ticket(2)];
  Object.assign(scene.core.node?.core ?? {}, { tickets: () => tickets });
});
afterEach(() => {
  vi.useRealTimers();
  scene.end();
});

const file = () => join(scene.folder, TICKETS_FILE);

function ticket(number: number): Ticket {
  const nodeId = number.toString(16).padStart(32, '0');
  const peer = { kind: 'person', name: `buddy-${number}`, nodeId } as const;
  return { secret: Buffer.alloc(32, number), peer, own: 'a'.repeat(32), expiresAtMs: WALL_MS, key: `node ${nodeId}` };
}

test('are written a moment after they changed, once for many, for their owner only, and read back the same', () => {
  const room = new AgentTickets(scene.core);
  for (let i = 0; i < 20; i++) room.changed();
  expect(room.load()).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(room.load()).toEqual(tickets);
});

test('that wait are written when the program ends, and not at all when the person signs out', () => {
  const room = new AgentTickets(scene.core);
  room.changed();
  room.end();
  expect(room.load()).toEqual(tickets);
  tickets = [ticket(3)];
  room.changed();
  room.forget();
  vi.advanceTimersByTime(10_000);
  room.end();
  expect(room.load()).toHaveLength(2);
  scene.core.options.profile.forgetIdentity();
  expect(room.load()).toEqual([]);
});

test('too many are cut to the newest', () => {
  writeTickets(
    scene.folder,
    Array.from({ length: TICKETS_STORED_MAX + 1 }, (_, i) => ticket(i)),
  );
  const stored = readTickets(scene.folder);
  expect([stored.length, stored[0]?.peer.name]).toEqual([TICKETS_STORED_MAX, 'buddy-1']);
});

test('that are damaged, or something else altogether, are none; the profile opens all the same', () => {
  writeTickets(scene.folder, tickets);
  const good = readFileSync(file());
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 255 }), (place, byte) => {
      const bytes = Buffer.from(good);
      bytes[place % bytes.length] = byte;
      writeFileSync(file(), bytes);
      for (const { secret, own, peer } of readTickets(scene.folder)) {
        expect([secret.length, own.length, peer.nodeId.length]).toEqual([32, 32, 32]);
      }
    }),
    { numRuns: 60 },
  );
  writeFileSync(file(), '[{"secret":"AAAA"}]');
  expect(readTickets(scene.folder)).toEqual([]);
});
