/**
 * What a supernode knows of the others, and whom it names to a client: the login server names the newest every hour
 * (`SupernodesGet`), each is taken by its signature, and a client that asks gets a few. Which few hangs on the client
 * and the day, not on how often it asks: whoever wants the whole list needs as many accounts (HARV: the classic lists
 * were harvested by 70 machines in four days). Supernodes tell one another the entries that are asked for, our own as well.
 *
 *   login server's Supernodes --> EntryReader --> kept, freshest first --> `forClient` --> Entries
 */
import { createHash } from 'node:crypto';
import type { Endpoint } from '../protocol/endpoint.ts';
import { hexOf, type NodeId } from '../protocol/ids.ts';
import { ENTRIES_KEPT_MAX, ENTRIES_WANTED_MAX } from '../protocol/overlay-params.ts';
import { HOST_CACHE_ENTRIES_MAX } from '../protocol/paper.ts';
import { ENTRIES_PER_ANSWER_MAX, SUPERNODE_ENTRY_REFRESH_MS, SUPERNODES_TOLD_MAX } from '../protocol/params.ts';
import type { Body } from '../wire/messages.ts';
import {
  type CertificateJudge,
  EntryReader,
  isCurrent,
  type SealedEntry,
  type SupernodeEntry,
} from './supernode-entry.ts';

export class EntryDesk {
  readonly #own: NodeId;
  readonly #secret: Buffer;
  readonly #reader: EntryReader;
  readonly #entries = new Map<NodeId, SupernodeEntry>();
  #ownSealed: SealedEntry | undefined;

  /** `secret`: random bytes of this run, so that nobody can work out whom others are named. */
  constructor(options: { readonly own: NodeId; readonly secret: Buffer; readonly judge: CertificateJudge }) {
    this.#own = options.own;
    this.#secret = options.secret;
    this.#reader = new EntryReader(options.judge);
  }

  setOwn(own: SealedEntry): void {
    this.#ownSealed = own;
  }

  /**
   * The login server's answer: it has looked where each supernode enrolled from, addresses near by are fine. Or another
   * supernode's, then `nearby` says whether that is near by itself. Those that are new are handed back.
   */
  learn(wallMs: number, { entries }: Pick<Body<'supernodes'>, 'entries'>, nearby = true): SupernodeEntry[] {
    const fresh: SupernodeEntry[] = [];
    for (const one of entries.slice(0, Math.max(SUPERNODES_TOLD_MAX, ENTRIES_WANTED_MAX))) {
      const { certificate, record, signature } = one;
      if (!certificate || !record || !signature) continue;
      const newestOf = (node: NodeId): number => this.#entries.get(node)?.issuedAtMs ?? 0;
      const entry = this.#reader.read(wallMs, { certificate, record, signature }, newestOf, nearby);
      if (!entry || entry.nodeId === this.#own) continue;
      this.#entries.set(entry.nodeId, entry);
      fresh.push(entry);
    }
    for (const entry of this.#freshestFirst(wallMs).slice(ENTRIES_KEPT_MAX)) this.#entries.delete(entry.nodeId);
    return fresh;
  }

  /** Where a supernode is; nowhere, when we have no entry of it. */
  endpointsOf(id: NodeId): readonly Endpoint[] {
    return this.#entries.get(id)?.endpoints ?? [];
  }

  /** For another supernode: the entries it asks for, as far as we have them. */
  named(ids: readonly Uint8Array[]): SealedEntry[] {
    const wanted = ids.slice(0, ENTRIES_WANTED_MAX).map(hexOf);
    return wanted.flatMap((id) => (id === this.#own ? this.#ownSealed : this.#entries.get(id)?.sealed) ?? []);
  }

  /** At most ENTRIES_PER_ANSWER_MAX of those that still count. */
  forClient(wallMs: number, client: NodeId): SealedEntry[] {
    const drawn = this.drawnFor(wallMs, client).slice(0, ENTRIES_PER_ANSWER_MAX);
    return drawn.map(({ sealed }) => sealed);
  }

  /** Those that still count, in an order that is this client's for the day. */
  drawnFor(wallMs: number, client: NodeId): SupernodeEntry[] {
    const day = Math.floor(wallMs / SUPERNODE_ENTRY_REFRESH_MS);
    const lot = ({ nodeId }: SupernodeEntry): string =>
      createHash('sha256').update(this.#secret).update(`${day} ${client} ${nodeId}`).digest('hex');
    return this.#freshestFirst(wallMs)
      .slice(0, HOST_CACHE_ENTRIES_MAX)
      .map((entry) => ({ entry, lot: lot(entry) }))
      .sort((a, b) => (a.lot < b.lot ? -1 : 1))
      .map(({ entry }) => entry);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Entries that were no good. Only rises. */
  get dropped(): number {
    return this.#reader.dropped;
  }

  #freshestFirst(wallMs: number): SupernodeEntry[] {
    for (const entry of this.#entries.values()) if (!isCurrent(entry, wallMs)) this.#entries.delete(entry.nodeId);
    return [...this.#entries.values()].sort((a, b) => b.issuedAtMs - a.issuedAtMs);
  }
}
