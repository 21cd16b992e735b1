/**
 * What one supernode knows of all others: each with its standing, the ring of those that live and can be reached, by
 * id, ourselves among them, and a digest of who lives, equal where the same ones do. Many tables in one process (the
 * simulator) may begin with one common view: what is different here is kept here, the rest is shared.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { isHere, type Member } from './member.ts';
import { placeIn } from './ordered-texts.ts';

export type Standing = Member & {
  /** We know where it is. */
  hasEntry: boolean;
  /** When its status changed last. */
  since: Millis;
};

const DIGEST_BYTES = 8;

/** All members of a network that know all, for tables to begin with. Never changed. */
export interface MemberView {
  readonly members: ReadonlyMap<NodeId, Readonly<Standing>>;
  /** Of all of them. */
  readonly ring: readonly NodeId[];
  readonly digest: Buffer;
}

export function viewOf(ids: readonly NodeId[], now: Millis): MemberView {
  const digest = Buffer.alloc(DIGEST_BYTES);
  const members = new Map<NodeId, Readonly<Standing>>();
  for (const id of ids) {
    const news = { id, status: 'alive', incarnation: 1, loadPermille: 0, entryIssuedAtMs: 1 } as const;
    members.set(id, { ...news, hasEntry: true, since: now });
    stamp(digest, id);
  }
  return { members, ring: [...ids].sort(), digest };
}

export class MemberTable {
  readonly #self: NodeId;
  #shared: MemberView['members'] = new Map();
  /** New here, or different from what is shared. */
  readonly #own = new Map<NodeId, Standing>();
  /** Of those that are shared. */
  readonly #forgotten = new Set<NodeId>();
  readonly #absent = new Set<NodeId>();
  #size = 0;
  #ring: readonly NodeId[];
  #ringIsShared = false;
  #others: readonly NodeId[] | undefined;
  #digest = Buffer.alloc(DIGEST_BYTES);

  constructor(self: NodeId) {
    this.#self = self;
    this.#ring = [self];
    stamp(this.#digest, self);
  }

  /** Begins anew with what others know as well; ourselves must be in it. */
  adopt({ members, ring, digest }: MemberView): void {
    this.#own.clear();
    this.#forgotten.clear();
    this.#absent.clear();
    this.#shared = members;
    this.#size = members.size - 1;
    this.#ring = ring;
    this.#ringIsShared = true;
    this.#others = undefined;
    this.#digest = Buffer.from(digest);
  }

  /** Without ourselves. */
  get size(): number {
    return this.#size;
  }

  /** By id, ourselves among them. */
  get ring(): readonly NodeId[] {
    return this.#ring;
  }

  /** The ring without ourselves. */
  others(): readonly NodeId[] {
    this.#others ??= this.#ring.filter((id) => id !== this.#self);
    return this.#others;
  }

  /** Those that are dead or have left. */
  absent(): Iterable<Readonly<Standing>> {
    return [...this.#absent].flatMap((id) => this.get(id) ?? []);
  }

  /** Of those that live. A copy. */
  get digest(): Buffer {
    return Buffer.from(this.#digest);
  }

  get(id: NodeId): Readonly<Standing> | undefined {
    if (id === this.#self) return undefined;
    return this.#own.get(id) ?? (this.#forgotten.has(id) ? undefined : this.#shared.get(id));
  }

  *values(): Generator<Readonly<Standing>, void> {
    for (const [id, one] of this.#shared) {
      if (id !== this.#self && !this.#forgotten.has(id) && !this.#own.has(id)) yield one;
    }
    yield* this.#own.values();
  }

  /** A new one, or one that has changed. True when the ring has changed with it. */
  set(one: Standing): boolean {
    const old = this.get(one.id);
    if (!old) this.#size += 1;
    if ((old !== undefined && isHere(old)) !== isHere(one)) stamp(this.#digest, one.id);
    this.#own.set(one.id, one);
    this.#forgotten.delete(one.id);
    if (isHere(one)) this.#absent.delete(one.id);
    else this.#absent.add(one.id);
    return one.hasEntry && this.#place(one.id, isHere(one));
  }

  /** Of one that is absent. */
  delete(id: NodeId): void {
    if (!this.get(id)) return;
    this.#size -= 1;
    this.#own.delete(id);
    this.#absent.delete(id);
    if (this.#shared.has(id)) this.#forgotten.add(id);
  }

  #place(id: NodeId, lives: boolean): boolean {
    const at = placeIn(this.#ring, id);
    const stands = this.#ring[at] === id;
    if (stands === lives) return false;
    const ring = this.#ringIsShared ? [...this.#ring] : (this.#ring as NodeId[]);
    if (stands) ring.splice(at, 1);
    else ring.splice(at, 0, id);
    this.#ring = ring;
    this.#ringIsShared = false;
    this.#others = undefined;
    return true;
  }
}

function stamp(digest: Buffer, id: NodeId): void {
  const hash = createHash('sha256').update(`member ${id}`).digest();
  for (let i = 0; i < DIGEST_BYTES; i += 1) digest[i]! ^= hash[i]!;
}
