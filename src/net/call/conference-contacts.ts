/**
 * The nodes with which one member exchanges statements, and when each was heard: who is there, who is back after a silence,
 * who was heard all the time. `conference.ts` says who becomes one and who is none any more.
 */
import { CONFERENCE_MEMBERS_MAX, CONFERENCE_QUIET_MS } from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import type { NodeId, UserName } from '../protocol/ids.ts';
import type { Reign } from './conference-record.ts';

/** Before anything ever happened. */
export const NEVER = Number.NEGATIVE_INFINITY;

export interface Contact {
  readonly name: UserName;
  readonly node: NodeId;
  readonly since: Millis;
  heardAt: Millis;
  /** When it was heard again after a silence. */
  backAt: Millis;
  restatedAt: Millis;
  askedAt: Millis;
  /** What its newest word said of hearing the mixer, and of which term. */
  hears: { readonly reign: Reign; readonly on: boolean } | undefined;
}

export class ConferenceContacts {
  readonly #me: NodeId;
  readonly #contacts = new Map<NodeId, Contact>();

  constructor(me: NodeId) {
    this.#me = me;
  }

  of(node: NodeId): Contact | undefined {
    return this.#contacts.get(node);
  }

  /** A copy: contacts may go while it is read. */
  all(): Contact[] {
    return [...this.#contacts.values()];
  }

  /** Makes it one; where there is no room it is kept by nobody. */
  meet(now: Millis, name: UserName, node: NodeId): Contact {
    const known = this.#contacts.get(node);
    if (known) return known;
    const never = { heardAt: NEVER, backAt: NEVER, restatedAt: NEVER, askedAt: NEVER };
    const contact: Contact = { name, node, since: now, ...never, hears: undefined };
    if (this.#contacts.size < 4 * CONFERENCE_MEMBERS_MAX) this.#contacts.set(node, contact);
    return contact;
  }

  forget(node: NodeId): void {
    this.#contacts.delete(node);
  }

  /** We come back ourselves: nothing was heard of any. */
  anew(now: Millis): void {
    for (const { name, node } of this.all()) {
      this.#contacts.delete(node);
      this.meet(now, name, node);
    }
  }

  /** Voice or a word of it came. */
  heard(now: Millis, contact: Contact): void {
    if (contact.heardAt !== NEVER && now >= contact.heardAt + CONFERENCE_QUIET_MS) contact.backAt = now;
    contact.heardAt = now;
  }

  /** Heard lately; of ourselves always. */
  isAlive(now: Millis, node: NodeId): boolean {
    return node === this.#me || this.wasHeard(now, node, CONFERENCE_QUIET_MS);
  }

  wasHeard(now: Millis, node: NodeId, withinMs: number): boolean {
    return now < (this.#contacts.get(node)?.heardAt ?? NEVER) + withinMs;
  }

  /** Was silent, and is heard again for no longer than that takes to notice. */
  isJustBack(now: Millis, { backAt }: Contact): boolean {
    return now < backAt + CONFERENCE_QUIET_MS;
  }

  /** Of these the ones that were heard all the time. */
  steady(now: Millis, nodes: Iterable<NodeId>): NodeId[] {
    return [...nodes].filter((node) => {
      const contact = this.#contacts.get(node);
      return contact !== undefined && this.isAlive(now, node) && !this.isJustBack(now, contact);
    });
  }
}
