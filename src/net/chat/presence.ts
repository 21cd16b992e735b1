/**
 * Who is there: our own status, told to buddies, and theirs, as last heard. The node hands it the roster's `buddy`
 * changes and what other people say; it hands back messages and what the screen shows. Nothing is sent to, or taken
 * from, anybody who is no buddy; so a blocked person hears nothing. Presence is pushed end to end, only between
 * people who both agreed (classic-network.md 1.14: the classic client polled its contacts).
 *
 * Each side tells its status whenever a node of a buddy is seen; nobody invisible does. After a short absence of ours
 * the other end may not have noticed, would not tell again, and may still show us as we were. So a node that is seen
 * again is told in any case, and asked (`answer_wanted`); meanwhile its last word counts again.
 */
import type { Core, Millis, WallClock } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { NODES_PER_PERSON_MAX } from '../protocol/params.ts';
import { type Body, message, PRESENCE_STATUSES } from '../wire/messages.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';
import { Reach } from './reach.ts';
import type { BuddyChange } from './roster-list.ts';
import { shownName } from './roster-rules.ts';

/** What a person may choose. `invisible` looks like `offline` to everybody. */
export type OwnStatus = 'online' | 'away' | 'do-not-disturb' | 'invisible';
export type ShownStatus = 'online' | 'away' | 'do-not-disturb' | 'offline';

export interface PresenceOptions {
  readonly status: OwnStatus;
  readonly displayName: string;
  readonly wallClock: WallClock;
}

/** `set invisible` is also the last thing to do before leaving the network: everybody sees us go at once. */
export type PresenceCommand = { readonly type: 'set'; readonly status?: OwnStatus; readonly displayName?: string };

export type PresenceOutput =
  | PeerSend
  /** Whenever one of these differs. `lastSeenAtMs` is wall clock; 0 when never seen. */
  | {
      readonly type: 'presence';
      readonly name: UserName;
      readonly status: ShownStatus;
      readonly displayName: string;
      readonly lastSeenAtMs: number;
    };

interface Buddy {
  readonly name: UserName;
  displayName: string;
  lastSeenAtMs: number;
  /** As told last. */
  status: ShownStatus;
  /** Was told last that we are there: has to hear it when we turn invisible, even if we were away meanwhile. */
  showsUs: boolean;
  /** The last word of each node, kept while we are away ourselves; the least recent first. */
  readonly words: Map<NodeId, ShownStatus>;
}

export class PresenceBook implements Core<PeerInput | BuddyChange, PresenceCommand, PresenceOutput> {
  readonly #wallClock: WallClock;
  readonly #buddies = new Map<string, Buddy>();
  readonly #reach = new Reach();
  #status: OwnStatus;
  #sinceMs: number;
  #displayName: string;
  #online = false;
  #outputs: PresenceOutput[] = [];

  constructor(options: PresenceOptions) {
    this.#wallClock = options.wallClock;
    this.#status = options.status;
    this.#displayName = options.displayName;
    this.#sinceMs = options.wallClock();
  }

  /** `offline` for everybody who is no buddy. */
  statusOf(name: string): ShownStatus {
    return this.#buddies.get(foldName(name))?.status ?? 'offline';
  }

  receive(_now: Millis, input: PeerInput | BuddyChange): void {
    switch (input.type) {
      case 'buddy':
        return input.is ? this.#befriend(input) : this.#part(input.name);
      case 'online':
        return this.#attached(input.online);
      case 'peer-seen':
        return this.#seen(input.name, input.node);
      case 'peer-gone':
        return this.#gone(input.name, input.node);
      case 'message':
        if (input.message.kind === 'presence') this.#heard(input.from, input.node, input.message.body);
        return;
      case 'unreachable': // Whatever was lost is told again when they are seen; their going is `peer-gone`.
        return;
    }
  }

  command(_now: Millis, command: PresenceCommand): void {
    const status = command.status ?? this.#status;
    const displayName = command.displayName ?? this.#displayName;
    if (status === this.#status && displayName === this.#displayName) return;
    const wasInvisible = this.#status === 'invisible';
    if (status !== this.#status) this.#sinceMs = this.#wallClock();
    this.#status = status;
    this.#displayName = displayName;
    if (wasInvisible && status === 'invisible') return;
    for (const buddy of this.#buddies.values()) if (this.#reach.has(buddy.name)) this.#tell(buddy);
  }

  /** Nothing here waits for a time. */
  wake(_now: Millis): void {}

  wakeAt(): Millis {
    return Number.POSITIVE_INFINITY;
  }

  drain(): PresenceOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #befriend(change: BuddyChange): void {
    const { name, displayName, lastSeenAtMs } = change;
    const known = this.#buddies.get(foldName(name));
    if (known !== undefined) return;
    const buddy: Buddy = { name, displayName, lastSeenAtMs, status: 'offline', showsUs: false, words: new Map() };
    this.#buddies.set(foldName(name), buddy);
    // To all their nodes, seen or not: we have just heard of each other.
    if (this.#status !== 'invisible') this.#tell(buddy, undefined, true);
  }

  #part(name: UserName): void {
    const buddy = this.#buddies.get(foldName(name));
    if (buddy === undefined) return;
    buddy.words.clear();
    this.#show(buddy);
    this.#buddies.delete(foldName(name));
  }

  /** Away from the network we see nobody; what they said last is kept for when we are back. */
  #attached(online: boolean): void {
    this.#online = online;
    if (online) return;
    this.#reach.clear();
    for (const buddy of this.#buddies.values()) this.#show(buddy);
  }

  #seen(name: UserName, node: NodeId): void {
    this.#reach.seen(name, node);
    const buddy = this.#buddies.get(foldName(name));
    if (buddy === undefined) return;
    const isBack = buddy.words.has(node);
    if (this.#status !== 'invisible' || isBack || buddy.showsUs) this.#tell(buddy, node, isBack);
    this.#show(buddy);
  }

  #gone(name: UserName, node: NodeId): void {
    this.#reach.gone(name, node);
    const buddy = this.#buddies.get(foldName(name));
    if (buddy === undefined) return;
    buddy.words.delete(node);
    this.#show(buddy);
  }

  #heard(from: UserName, node: NodeId, body: Body<'presence'>): void {
    const buddy = this.#buddies.get(foldName(from));
    // A word that comes later than the news that its node has left would keep the person online for ever. While we
    // are away ourselves a known node may still get through.
    if (buddy === undefined || !(this.#reach.nodes(from).has(node) || buddy.words.has(node))) return;
    buddy.words.delete(node);
    buddy.words.set(node, PRESENCE_STATUSES[body.status] ?? 'online');
    for (const oldest of buddy.words.keys()) if (buddy.words.size > NODES_PER_PERSON_MAX) buddy.words.delete(oldest);
    const displayName = shownName(body.displayName);
    const isRenamed = displayName !== '' && displayName !== buddy.displayName;
    if (isRenamed) buddy.displayName = displayName;
    this.#show(buddy, isRenamed);
    if (body.answerWanted) this.#tell(buddy, node);
  }

  #tell(buddy: Buddy, node?: NodeId, answerWanted = false): void {
    if (!this.#online) return;
    const status = this.#status === 'invisible' ? 'offline' : this.#status;
    buddy.showsUs = status !== 'offline';
    const body = {
      status: PRESENCE_STATUSES.indexOf(status),
      displayName: this.#displayName,
      sinceMs: this.#sinceMs,
      answerWanted,
    };
    this.#outputs.push({
      type: 'send',
      to: buddy.name,
      ...(node === undefined ? {} : { node }),
      message: message('presence', body),
    });
  }

  #show(buddy: Buddy, isRenamed = false): void {
    const status = bestStatus(buddy.words, this.#reach.nodes(buddy.name));
    if (status === buddy.status && !isRenamed) return;
    if (status !== 'offline' || buddy.status !== 'offline') buddy.lastSeenAtMs = this.#wallClock();
    buddy.status = status;
    const { name, displayName, lastSeenAtMs } = buddy;
    this.#outputs.push({ type: 'presence', name, status, displayName, lastSeenAtMs });
  }
}

/** Several devices of one person: who is at any of them can be met; who must not be disturbed is at least there. */
const BEST_FIRST = ['online', 'do-not-disturb', 'away'] as const;

function bestStatus(words: ReadonlyMap<NodeId, ShownStatus>, within: ReadonlySet<NodeId>): ShownStatus {
  const heard = [...within].map((node) => words.get(node));
  return BEST_FIRST.find((status) => heard.includes(status)) ?? 'offline';
}
