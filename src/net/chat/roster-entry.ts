/**
 * One person in the buddy list as it is kept and exchanged: what `chat/roster.ts` changes, what `store` writes to
 * the XML file and to the login server, and what `store/buddy-merge.ts` joins when two copies were changed. Presence
 * and unread counts are not here: they live for one run only (`store/state.ts`, `Buddy`).
 */

/** Same words as `BuddyRelation` of `store/state.ts`; the two are checked against one another by the compiler. */
export type RosterRelation = 'both' | 'outgoing' | 'incoming' | 'declined' | 'blocked';

export interface RosterEntry {
  /** As its owner writes it; entries are the same person when `foldName` of both is the same. */
  readonly name: string;
  /** As last heard, empty when never; at most DISPLAY_NAME_LENGTH_MAX characters. */
  readonly displayName: string;
  readonly relation: RosterRelation;
  /** What came or went with the request; at most REQUEST_MESSAGE_BYTES_MAX bytes. */
  readonly message: string;
  /** Wall clock, ms; 0 when never seen. Changing it alone is no change of the entry. */
  readonly lastSeenAtMs: number;
  /**
   * Wall clock of the last change by a person or a peer, ms: the later one wins a merge. A change sets it to
   * `max(now, old value + 1)`, so that it also wins over an entry that a fast clock wrote.
   */
  readonly changedAtMs: number;
  /** A tombstone: the person was removed, and other copies of the list must learn of it. */
  readonly removed: boolean;
}
