/**
 * Tickets: what two nodes keep of a handshake so that the next one needs no certificate and no signature (PROTOCOL.md
 * section 5, "Resumption"). Each end has the same secret, and beside it whom the other end proved to be, until when that
 * proof is good, and whom we proved to be. Nothing of it travels; a ticket is shown by an id that both derive from the
 * secret, is good for one session, and the next comes of that session.
 *
 * A book is found through by id (somebody shows us one) and by key (we look for one to show): the node that we mean, or
 * the place where a supernode stood. Bounded: a node has its newest few, and the oldest of all make room.
 */
import type { WallClock } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { TICKET_LIFETIME_MS, TICKETS_MAX, TICKETS_PER_NODE_MAX } from '../protocol/params.ts';
import type { Established } from './handshake.ts';
import { expand } from './keys.ts';
import { type Expectation, fits, type PeerIdentity } from './trust.ts';

export const TICKET_ID_BYTES = 16;

export interface Ticket {
  /** 32 bytes that only the two ends have. */
  readonly secret: Buffer;
  /** Whom the other end has proven to be. */
  readonly peer: PeerIdentity;
  /** Whom we have proven to be. */
  readonly own: NodeId;
  /** Wall clock, ms. */
  readonly expiresAtMs: number;
  /** By which we look for it; undefined: the other end is never looked for by us. */
  readonly key: string | undefined;
  /** Of the other end, where the book keeps certificates. In memory only. */
  readonly certificate?: Buffer | undefined;
}

/** The key of a ticket for a certain node. */
export function keyOfNode(node: NodeId): string {
  return `node ${node}`;
}

/** The key of a ticket for whatever stands at an endpoint. */
export function keyOfPlace(place: { readonly host: string; readonly port: number }): string {
  return `place ${place.host} ${place.port}`;
}

export function ticketId(secret: Uint8Array): Buffer {
  return expand(secret, Buffer.alloc(0), 'wren SK1 ticket', TICKET_ID_BYTES);
}

export class TicketBook {
  readonly #wallClock: WallClock;
  /** A supernode does, for the records of its clients. */
  readonly keepsCertificates: boolean;
  /** By id, the oldest first. */
  readonly #tickets = new Map<string, Ticket>();
  readonly #byKey = new Map<string, string>();
  readonly #byNode = new Map<NodeId, string[]>();
  #changed = false;

  constructor(wallClock: WallClock, options: { readonly keepsCertificates?: boolean } = {}) {
    this.#wallClock = wallClock;
    this.keepsCertificates = options.keepsCertificates ?? false;
  }

  get size(): number {
    return this.#tickets.size;
  }

  /** Those by which we look for somebody, for the next start; the oldest first. */
  entries(): Ticket[] {
    return [...this.#tickets.values()].filter(({ key }) => key !== undefined);
  }

  /** Has anything changed since the last call? */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /**
   * After a handshake: one for the next time; the one that was shown is used up, taken or not. `own`: whom we have proven to
   * be.
   */
  succeed(keys: Established, own: NodeId | undefined, key: string | undefined, shown = keys.shown): void {
    const { resumption: secret, peer, provenUntilMs: expiresAtMs } = keys;
    if (shown) this.drop(shown);
    if (own === undefined || (peer.kind !== 'person' && peer.kind !== 'supernode')) return;
    const certificate = this.keepsCertificates ? keys.certificate : undefined;
    this.keep({ secret, peer, own, expiresAtMs, key, ...(certificate ? { certificate } : {}) });
  }

  keep(ticket: Ticket): void {
    const expiresAtMs = Math.min(ticket.expiresAtMs, this.#wallClock() + TICKET_LIFETIME_MS);
    if (!this.#isGood({ ...ticket, expiresAtMs })) return;
    const id = hexId(ticket.secret);
    const ids = this.#byNode.get(ticket.peer.nodeId) ?? [];
    this.#byNode.set(ticket.peer.nodeId, [...ids.filter((one) => one !== id), id]);
    this.#tickets.set(id, { ...ticket, expiresAtMs });
    if (ticket.key !== undefined) this.#byKey.set(ticket.key, id);
    this.#changed = true;
    const oldestOfNode = ids.length >= TICKETS_PER_NODE_MAX ? ids[0] : undefined;
    if (oldestOfNode !== undefined) this.#remove(oldestOfNode);
    const oldest = this.#tickets.size > TICKETS_MAX ? this.#tickets.keys().next().value : undefined;
    if (oldest !== undefined) this.#remove(oldest);
  }

  /** It is not shown again. */
  drop({ secret }: Ticket): void {
    this.#remove(hexId(secret));
  }

  clear(): void {
    this.#tickets.clear();
    this.#byKey.clear();
    this.#byNode.clear();
  }

  /** One to show by `own` to whom we look for. */
  find(own: NodeId, key: string, expected: Expectation | undefined): Ticket | undefined {
    const ticket = this.#good(this.#byKey.get(key), own);
    return ticket && fits(ticket.peer, expected) ? ticket : undefined;
  }

  /** The one that was shown to `own`. */
  shown(own: NodeId, id: Uint8Array): Ticket | undefined {
    return this.#good(Buffer.from(id).toString('hex'), own);
  }

  #good(id: string | undefined, own: NodeId): Ticket | undefined {
    const ticket = id === undefined ? undefined : this.#tickets.get(id);
    if (!ticket || id === undefined) return undefined;
    if (ticket.own === own && this.#isGood(ticket)) return ticket;
    this.#remove(id);
    return undefined;
  }

  /** A clock that was set back makes no ticket live longer. */
  #isGood({ expiresAtMs, secret, peer }: Ticket): boolean {
    const leftMs = expiresAtMs - this.#wallClock();
    return leftMs > 0 && leftMs <= TICKET_LIFETIME_MS && secret.length === 32 && peer.kind !== 'anonymous';
  }

  #remove(id: string): void {
    const ticket = this.#tickets.get(id);
    if (!ticket) return;
    this.#tickets.delete(id);
    this.#changed = true;
    if (ticket.key !== undefined && this.#byKey.get(ticket.key) === id) this.#byKey.delete(ticket.key);
    const left = this.#byNode.get(ticket.peer.nodeId)?.filter((one) => one !== id) ?? [];
    if (left.length > 0) this.#byNode.set(ticket.peer.nodeId, left);
    else this.#byNode.delete(ticket.peer.nodeId);
  }
}

function hexId(secret: Uint8Array): string {
  return ticketId(secret).toString('hex');
}
