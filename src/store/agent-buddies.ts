/**
 * The buddy list as the agent keeps it: in `buddies.xml` of the profile, on the login server, and in the state with
 * presence and unread counts. The roster core (`net/chat/roster.ts`) decides; here its changes are stored at once and sent
 * to the login server a little later, and when both copies changed they are merged without loss.
 */
import type { OrdinaryNodeEvent, RosterCommand, RosterEntry } from '../net/index.ts';
import { type FailureCode, Refusal } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import { BUDDY_LIST_BYTES_MAX, BUDDY_LIST_SYNC_MS } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { BUDDIES_FILE, parseBuddies, printBuddies, readBuddiesFile, writeBuddiesFile } from './buddies-file.ts';
import { mergeBuddies, trimBuddies } from './buddy-merge.ts';
import { type Buddy, buddyNamed, type PresenceStatus } from './state.ts';

/** Changes come in groups; the login server need not hear of each. */
const SYNC_DELAY_MS = 1_500;
const SYNC_RETRY_MS = 60_000;
/** A disk that is full or broken is tried again this often. */
const STORE_RETRY_MS = 5_000;

type RosterNews = Extract<OrdinaryNodeEvent, { type: 'roster' }>['news'];
type PresenceNews = Extract<OrdinaryNodeEvent, { type: 'presence' }>['news'];

export class AgentBuddies {
  readonly #core: AgentCore;
  readonly #presence = new Map<string, PresenceStatus>();
  readonly #refusals: { code: FailureCode; retryAfterMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #storeTimer: NodeJS.Timeout | undefined;
  #syncing = false;
  /** Of the newest change that the login server was or will be told. */
  #changedAtMs = 0;
  #again = false;
  /** Of the newest change in the list as it was stored. */
  #storedChangedAtMs = 0;

  constructor(core: AgentCore) {
    this.#core = core;
  }

  /** The stored list of an account, for the node that is about to become it. */
  load(name: string): readonly RosterEntry[] {
    const { profile } = this.#core.options;
    const { entries, notice } = readBuddiesFile(profile.folder, name);
    if (notice) this.#core.notice('profile-damaged', notice.detail);
    this.#presence.clear();
    this.#changedAtMs = 0;
    this.#storedChangedAtMs = newestChange(entries);
    const unread = this.#core.history.unread();
    for (const entry of entries) if (!entry.removed) this.#show(entry, unread);
    return entries;
  }

  /** The list has changed, here or by another copy. */
  onChanged: () => void = () => {};

  /** As others of our devices get it. */
  text(): string {
    const name = this.#core.state.account?.name;
    const entries = this.#core.node?.core.rosterEntries();
    if (name === undefined || !entries) return '';
    // When somebody was seen each device knows for itself.
    const told = trimBuddies(entries, this.#core.options.wallClock()).map((one) => ({ ...one, lastSeenAtMs: 0 }));
    return printBuddies(name, told, BUDDY_LIST_BYTES_MAX).xml;
  }

  /** Of another device of ours. */
  merge(xml: Buffer): void {
    const owner = this.#core.state.account?.name;
    const theirs = parseBuddies(xml);
    const ours = this.#core.node?.core.rosterEntries();
    if (owner === undefined || !ours || theirs?.owner !== foldName(owner)) return;
    const merged = trimBuddies(mergeBuddies(ours, theirs.entries), this.#core.options.wallClock());
    if (printBuddies(owner, ours).xml === printBuddies(owner, merged).xml) return;
    this.#core.command({ type: 'roster', command: { type: 'replace', entries: merged } });
  }

  /** Signed in: compare with the login server's copy at once, unless that was done not long ago and nothing changed. */
  begin(): void {
    const { profile, wallClock } = this.#core.options;
    const synced = profile.identity()?.buddyListSynced;
    const agoMs = synced ? wallClock() - synced.atMs : Number.POSITIVE_INFINITY;
    if (!synced || agoMs < 0 || agoMs >= BUDDY_LIST_SYNC_MS || this.#storedChangedAtMs > synced.changedAtMs) {
      return this.#schedule(0);
    }
    this.#changedAtMs = synced.changedAtMs;
    this.#schedule(BUDDY_LIST_SYNC_MS - agoMs);
  }

  /** Nothing more is sent; what could not be stored until now is tried a last time. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#storeTimer) this.#store();
    clearTimeout(this.#storeTimer);
    this.#storeTimer = undefined;
  }

  /** Carries out a command of the person; throws the roster's refusal. */
  command(command: RosterCommand): void {
    this.#core.signedIn();
    this.#refusals.length = 0;
    this.#core.command({ type: 'roster', command });
    const refusal = this.#refusals.shift();
    if (refusal) throw new Refusal(refusal.code, '', refusal.retryAfterMs);
  }

  fromRoster(news: RosterNews): void {
    if (news.type === 'refused') {
      this.#refusals.push(news);
      return;
    }
    this.#store();
    this.onChanged();
    if (news.type === 'removed') this.#core.emit({ type: 'buddy.removed', name: news.name });
    else this.#show(news.entry, this.#core.history.unread());
    const changedAtMs = news.entry.changedAtMs;
    // When only the last-seen time or a display name moved, the login server need not hear of it.
    if (changedAtMs > this.#changedAtMs) this.#schedule(SYNC_DELAY_MS);
    this.#changedAtMs = Math.max(this.#changedAtMs, changedAtMs);
  }

  fromPresence(news: PresenceNews): void {
    this.#presence.set(foldName(news.name), news.status);
    this.refresh(news.name);
  }

  /** Something that the list shows of a person has changed: unread lines, presence. */
  refresh(name: string): void {
    const known = buddyNamed(this.#core.state, name);
    const entry = this.#core.node?.core.rosterEntries().find((one) => foldName(one.name) === foldName(name));
    if (entry && !entry.removed) this.#show(entry, this.#core.history.unread());
    else if (known) this.#core.emit({ type: 'buddy.removed', name: known.name });
  }

  #show(entry: RosterEntry, unread: ReadonlyMap<string, number>): void {
    const key = foldName(entry.name);
    const isBuddy = entry.relation === 'both';
    const safety = isBuddy ? this.#core.safetyOf(entry.name) : undefined;
    const buddy: Buddy = {
      name: entry.name,
      displayName: entry.displayName,
      relation: entry.relation,
      presence: isBuddy ? (this.#presence.get(key) ?? 'offline') : 'offline',
      lastSeenAtMs: entry.lastSeenAtMs,
      message: entry.message,
      unread: unread.get(key) ?? 0,
      ...(safety === undefined ? {} : { safety }),
    };
    this.#core.emit({ type: 'buddy.changed', buddy });
  }

  /** A full disk costs the file, not the list: it is here, and written as soon as there is room. */
  #store(): void {
    const { profile, wallClock } = this.#core.options;
    clearTimeout(this.#storeTimer);
    this.#storeTimer = undefined;
    const name = this.#core.state.account?.name;
    const entries = this.#core.node?.core.rosterEntries();
    if (name === undefined || !entries) return;
    try {
      writeBuddiesFile(profile.folder, name, trimBuddies(entries, wallClock()));
    } catch (error) {
      this.#core.trouble(error, BUDDIES_FILE);
      this.#storeTimer = setTimeout(() => this.#store(), STORE_RETRY_MS);
      this.#storeTimer.unref();
    }
  }

  #schedule(afterMs: number): void {
    if (this.#syncing) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sync(), afterMs);
    this.#timer.unref();
  }

  /** Fetch, merge, put; a copy that changed meanwhile (`stale`) is fetched again. */
  async #sync(): Promise<void> {
    if (this.#syncing || !this.#core.state.account) return;
    this.#syncing = true;
    this.#again = false;
    let retryMs = 0;
    try {
      for (let tries = 0; tries < 3; tries++) if (await this.#syncOnce()) break;
    } catch (error) {
      retryMs = SYNC_RETRY_MS;
      const code = error instanceof Refusal ? error.code : 'internal';
      this.#core.options.log.warn('buddies', 'list not synchronised', { code }, error);
    } finally {
      this.#syncing = false;
    }
    this.#schedule(retryMs > 0 ? retryMs : this.#again ? SYNC_DELAY_MS : BUDDY_LIST_SYNC_MS);
  }

  /** True when both copies are one. */
  async #syncOnce(): Promise<boolean> {
    const owner = this.#core.signedIn();
    const event = await this.#core.ask((ticket) => ({ type: 'login', ticket, request: { kind: 'buddyListGet' } }));
    // Somebody else may have signed in meanwhile, whose list this is not.
    if (this.#core.state.account?.name !== owner) return true;
    if (event.type !== 'login-reply' || event.message.kind !== 'buddyList') return true;
    const { version, xml } = event.message.body;
    const theirs = xml.length === 0 ? [] : parseBuddies(Buffer.from(xml))?.entries;
    const ours = this.#core.joined().core.rosterEntries();
    const merged = trimBuddies(mergeBuddies(ours, theirs ?? []), this.#core.options.wallClock());
    const text = printBuddies(owner, merged, BUDDY_LIST_BYTES_MAX).xml;
    // What we learn from the server need not be told it.
    this.#changedAtMs = Math.max(this.#changedAtMs, newestChange(merged));
    if (printBuddies(owner, ours).xml !== printBuddies(owner, merged).xml) {
      this.#core.command({ type: 'roster', command: { type: 'replace', entries: merged } });
    }
    const changedAtMs = newestChange(merged);
    if (theirs && text === printBuddies(owner, theirs, BUDDY_LIST_BYTES_MAX).xml) {
      this.#synced(version, changedAtMs);
      return true;
    }
    try {
      const request = { kind: 'buddyListPut', baseVersion: version, xml: Buffer.from(text) } as const;
      await this.#core.ask((ticket) => ({ type: 'login', ticket, request }));
      this.#synced(version + 1, changedAtMs);
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'stale') return false;
      throw error;
    }
  }

  /** The next start then need not ask. */
  #synced(version: number, changedAtMs: number): void {
    const { profile, wallClock } = this.#core.options;
    const identity = profile.identity();
    if (!identity) return;
    try {
      profile.setIdentity({ ...identity, buddyListSynced: { version, atMs: wallClock(), changedAtMs } });
    } catch (error) {
      this.#core.trouble(error, 'identity.json');
    }
  }
}

function newestChange(entries: readonly RosterEntry[]): number {
  return entries.reduce((newest, { changedAtMs }) => Math.max(newest, changedAtMs), 0);
}
