/**
 * `tickets.json` of the profile: what short handshakes need (PROTOCOL.md section 5, "Resumption"), so that the next start
 * costs no certificates. As secret as the private key, and of one account: signing out takes it away. A damaged or
 * missing one costs full handshakes, nothing else; so it is told to nobody.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import type { Ticket } from '../net/index.ts';
import { isIdHex } from '../net/protocol/ids.ts';
import { TICKETS_STORED_MAX } from '../net/protocol/params.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';

export const TICKETS_FILE = 'tickets.json';

const Node = v.pipe(v.string(), v.check(isIdHex));
const Stored = v.object({
  secret: v.pipe(
    v.string(),
    v.base64(),
    v.transform((text) => Buffer.from(text, 'base64')),
    v.check((secret) => secret.length === 32),
  ),
  peer: v.object({ kind: v.picklist(['person', 'supernode']), name: v.string(), nodeId: Node }),
  own: Node,
  expiresAtMs: v.pipe(v.number(), v.integer(), v.minValue(0)),
  key: v.pipe(v.string(), v.maxLength(300)),
});

/** The oldest first. Never throws but for what the system says. */
export function readTickets(folder: string): Ticket[] {
  return readJsonFile(join(folder, TICKETS_FILE), v.array(Stored)).value ?? [];
}

/** The newest of them. Throws `Refusal('disk-full')`. */
export function writeTickets(folder: string, tickets: readonly Ticket[]): void {
  const kept = tickets.slice(-TICKETS_STORED_MAX);
  writeJsonFile(
    join(folder, TICKETS_FILE),
    kept.map((ticket) => ({ ...ticket, secret: ticket.secret.toString('base64') })),
  );
}
