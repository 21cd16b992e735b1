/**
 * What all devices of the account are to have (PROTOCOL.md 9.15): lines of the last 72 h both ways, what was read and
 * delivered, and the buddy list. The history is the one truth: each device tells the others what it stores, in that order,
 * and each remembers how far it has the lines of each other one. So a device that was away, or is new, gets what it
 * missed once and in order, and a line that comes by several ways is there once.
 *
 *   own device here -> `syncHello`      its hello -> what it lacks, by `syncLines`, then whatever is stored here
 */
import { createHash } from 'node:crypto';
import {
  cleanText,
  type GroupState,
  type OwnDeviceNews,
  readGroup,
  type SyncMessage,
  wireGroup,
} from '../net/index.ts';
import { foldName, hexOf, isIdHex, isName, type NodeId } from '../net/protocol/ids.ts';
import { GROUP_AHEAD_MS } from '../net/protocol/mail-params.ts';
import {
  BUDDIES_FILE_BYTES_MAX,
  CHAT_TEXT_BYTES_MAX,
  SYNC_BYTES_MAX,
  SYNC_CLOCK_MS,
  SYNC_FROM_MAX,
  SYNC_LINES_MAX,
  SYNC_MS,
} from '../net/protocol/params.ts';
import type { Message } from '../net/wire/messages.ts';
import type { AgentCore } from './agent-core.ts';
import type { SyncedLine } from './history-face.ts';
import { type ChatLine, isGroup } from './state.ts';

/** Changes of the buddy list come in groups. */
const BUDDIES_DELAY_MS = 300;
/** In one message; the largest group has 6 kB. */
const SYNC_GROUPS_MAX = 32;

export interface SyncHooks {
  /** The number of unread lines of that person has changed. */
  readonly onUnread: (name: string) => void;
  /** Conversations of several people: they are known by other names elsewhere. */
  readonly groups: {
    readonly states: () => readonly GroupState[];
    readonly fromOwn: (group: GroupState) => void;
    readonly wireName: (name: string) => string | undefined;
    readonly localName: (wire: string) => string | undefined;
    readonly refresh: () => void;
  };
  /** Our buddy list as text. */
  readonly buddies: () => string;
  /** This device has said what it has; or it is gone. */
  readonly onHello: (node: NodeId) => void;
  readonly onGone: (node: NodeId) => void;
  /** What is no line. */
  readonly onBesides: (message: Extract<SyncMessage, { kind: 'syncCalls' | 'syncMarks' }>) => void;
  /** A missed call came from another device. */
  readonly onMissed: () => void;
  /** Joins this list into ours. */
  readonly mergeBuddies: (xml: Buffer) => void;
}

interface Other {
  /** Up to which row of ours it has been told; undefined before its hello. */
  position: number | undefined;
  /** Print of the list that it has, as far as we know. */
  buddies: string;
  /** Lines that it told us itself, newest last. */
  readonly from: Set<string>;
}

type SyncLines = Extract<SyncMessage, { kind: 'syncLines' }>['body'];

export class AgentSync {
  readonly #core: AgentCore;
  readonly #hooks: SyncHooks;
  readonly #others = new Map<NodeId, Other>();
  #timer: NodeJS.Timeout | undefined;
  /** Lines that made no sense. Only rises. */
  dropped = 0;

  constructor(core: AgentCore, hooks: SyncHooks) {
    this.#core = core;
    this.#hooks = hooks;
    core.onEvent((event) => {
      if (event.type === 'chat.message' && isSynced(event.line)) this.#flush();
      else if (event.type === 'chat.delivered') this.#tellAll({ delivered: this.#reads([event]) });
      else if (event.type === 'account.signed-out') this.#others.clear();
    });
  }

  fromNode(news: OwnDeviceNews): void {
    if (news.type === 'said') this.#heard(news.node, news.message);
    else if (news.type === 'gone') {
      this.#others.delete(news.node);
      this.#hooks.onGone(news.node);
    } else {
      this.#other(news.node).position = undefined;
      const position = this.#core.history.syncedTo(news.node);
      this.#send(news.node, { kind: 'syncHello', body: { position, buddies: print(this.#hooks.buddies()) } } as never);
    }
  }

  /** The person has read this conversation here. */
  read(name: string): void {
    const last = this.#core.history.readSince(0).find((one) => foldName(one.with) === foldName(name));
    if (last) this.#tellAll({ reads: this.#reads([last]) });
  }

  /** A group is another one than it was. */
  groupChanged(group: GroupState): void {
    this.#tellAll({ groups: [wireGroup(group)] as never });
  }

  /** The program ends, or signs out: nobody is to be told any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#others.clear();
  }

  /** The list has changed here. */
  buddiesChanged(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const node of this.#others.keys()) this.#sendBuddies(node);
    }, BUDDIES_DELAY_MS).unref();
  }

  #heard(node: NodeId, message: SyncMessage): void {
    if (message.kind === 'syncCalls' || message.kind === 'syncMarks') return this.#hooks.onBesides(message);
    if (message.kind === 'syncLines') return this.#lines(node, message.body);
    if (message.kind === 'syncBuddies') {
      if (message.body.xml.length > BUDDIES_FILE_BYTES_MAX) return;
      this.#other(node).buddies = print(Buffer.from(message.body.xml).toString()).toString('hex');
      return this.#hooks.mergeBuddies(Buffer.from(message.body.xml));
    }
    const other = this.#other(node);
    other.buddies = hexOf(message.body.buddies);
    const { before, last } = this.#core.history.rowsSince(this.#core.options.wallClock() - SYNC_MS);
    // Above what we have: our file is another one than it was.
    const position = message.body.position > last ? 0 : message.body.position;
    other.position = Math.max(position, before);
    // Before any line of them, and also those in which nothing was said for long.
    const groups = this.#hooks.groups.states().map(wireGroup);
    for (let at = 0; at < groups.length; at += SYNC_GROUPS_MAX) {
      this.#tell(node, other, { groups: groups.slice(at, at + SYNC_GROUPS_MAX) as never });
    }
    this.#flushTo(node, other);
    const since = this.#core.options.wallClock() - SYNC_MS;
    const reads = this.#reads(this.#core.history.readSince(since));
    if (reads.length > 0) this.#tell(node, other, { reads });
    this.#sendBuddies(node);
    this.#hooks.onHello(node);
  }

  #flush(): void {
    for (const [node, other] of this.#others) this.#flushTo(node, other);
  }

  /** What was stored here since the last time, in order, some lines a message. */
  #flushTo(node: NodeId, other: Other): void {
    let isTold = true;
    while (other.position !== undefined) {
      const page = this.#core.history.linesAfter({ after: other.position, limit: SYNC_LINES_MAX });
      // That it has all of these is to be known there, or they would be looked through again.
      if (page.next === null) return isTold ? undefined : this.#tell(node, other, {});
      other.position = page.next;
      const lines = page.lines.filter((line) => isSynced(line) && !other.from.has(keyOf(line)));
      isTold = lines.length > 0;
      if (isTold) this.#tell(node, other, { lines: lines.flatMap((line) => this.#wireOf(line)) as never });
    }
  }

  #tellAll(what: Partial<SyncLines>): void {
    for (const [node, other] of this.#others) {
      if (other.position !== undefined) this.#tell(node, other, what);
    }
  }

  #tell(node: NodeId, other: Other, what: Partial<SyncLines>): void {
    const body = { lines: [], reads: [], delivered: [], groups: [], ...what, position: other.position ?? 0 };
    this.#send(node, { kind: 'syncLines', body } as never);
  }

  #lines(node: NodeId, body: SyncLines): void {
    const { history, options } = this.#core;
    const other = this.#other(node);
    const now = options.wallClock();
    this.#groupsHeard(body, now);
    let isOfGroup = false;
    for (const wire of body.lines.slice(0, SYNC_LINES_MAX)) {
      const line = lineOf(this.#local(wire as WireLine), now);
      if (!line) {
        this.dropped += 1;
        continue;
      }
      remember(other.from, keyOf(line));
      const stored = history.storeSynced(line);
      if (!stored) continue;
      this.#core.emit({ type: 'chat.message', line: stored });
      if (isGroup(stored.with)) isOfGroup = true;
      else if (stored.direction === 'in') this.#hooks.onUnread(stored.with);
      if (stored.kind === 'missed-call') this.#hooks.onMissed();
    }
    for (const wire of body.delivered as WireRead[]) {
      const { with: name = '', messageId } = this.#local(wire);
      const ids = history.markDeliveredElsewhere(name, [hexOf(messageId ?? NOTHING)]);
      for (const id of ids) this.#core.emit({ type: 'chat.delivered', with: name, id });
    }
    for (const wire of body.reads as WireRead[]) {
      const { with: name = '', messageId } = this.#local(wire);
      if (history.markReadTo(name, hexOf(messageId ?? NOTHING)) === 0) continue;
      if (isGroup(name)) isOfGroup = true;
      else this.#hooks.onUnread(name);
      this.#hooks.onMissed();
    }
    if (isOfGroup) this.#hooks.groups.refresh();
    if (body.position > history.syncedTo(node)) history.setSyncedTo(node, body.position);
  }

  #groupsHeard(body: SyncLines, now: number): void {
    for (const wire of (body.groups ?? []).slice(0, SYNC_GROUPS_MAX)) {
      const group = readGroup(wire as never, now);
      if (group) this.#hooks.groups.fromOwn(group);
      else this.dropped += 1;
    }
  }

  /** As this device calls the conversation; empty where there is no such group. */
  #local<T extends { readonly with?: string }>(wire: T): T {
    return { ...wire, with: this.#hooks.groups.localName(wire.with ?? '') ?? '' };
  }

  #wireOf(line: ChatLine): readonly WireLine[] {
    const name = this.#hooks.groups.wireName(line.with);
    return name === undefined ? [] : [wireOf({ ...line, with: name })];
  }

  #reads(marks: readonly { readonly with: string; readonly id: string }[]): never[] {
    return marks.flatMap((one) => {
      const name = this.#hooks.groups.wireName(one.with);
      return name === undefined ? [] : [read(name, one.id) as never];
    });
  }

  #sendBuddies(node: NodeId): void {
    const xml = this.#hooks.buddies();
    const mark = print(xml).toString('hex');
    const other = this.#other(node);
    if (other.position === undefined || other.buddies === mark || xml.length > SYNC_BYTES_MAX) return;
    other.buddies = mark;
    this.#send(node, { kind: 'syncBuddies', body: { xml: Buffer.from(xml) } } as never);
  }

  #other(node: NodeId): Other {
    const other = this.#others.get(node) ?? { position: undefined, buddies: '', from: new Set() };
    this.#others.set(node, other);
    return other;
  }

  #send(node: NodeId, message: Message): void {
    this.#core.command({ type: 'own-device', node, message });
  }
}

interface WireLine {
  readonly messageId?: Uint8Array;
  readonly with?: string;
  readonly outgoing?: boolean;
  readonly text?: string;
  readonly sentAtMs?: number;
  readonly storedAtMs?: number;
  readonly waiting?: boolean;
  readonly author?: string;
  readonly missedCall?: boolean;
}
interface WireRead {
  readonly with?: string;
  readonly messageId?: Uint8Array;
}

const NOTHING = Buffer.alloc(0);

function wireOf(line: ChatLine): WireLine {
  const { id, with: name, direction, text, sentAtMs, storedAtMs, mark, author = '' } = line;
  const waiting = direction === 'out' && mark !== 'delivered';
  const messageId = Buffer.from(id, 'hex');
  return {
    messageId,
    with: name,
    outgoing: direction === 'out',
    text,
    sentAtMs,
    storedAtMs,
    waiting,
    author,
    missedCall: line.kind === 'missed-call',
  };
}

/** Undefined for what makes no sense. */
function lineOf(wire: WireLine, nowMs: number): SyncedLine | undefined {
  const [id, name, author = ''] = [hexOf(wire.messageId ?? NOTHING), wire.with ?? '', wire.author];
  const isOfGroup = isGroup(name);
  const isNamed = isOfGroup ? wire.outgoing || isName(author) : isName(name);
  const [sentAtMs, storedAtMs] = [Number(wire.sentAtMs ?? 0), Number(wire.storedAtMs ?? 0)];
  // A place of a group may be ahead of the clock already where it was stored.
  const aheadMs = SYNC_CLOCK_MS + (isOfGroup ? GROUP_AHEAD_MS : 0);
  const isNow = storedAtMs > nowMs - SYNC_MS - SYNC_CLOCK_MS && storedAtMs < nowMs + aheadMs;
  if (!isIdHex(id) || !isNamed || !isNow || Buffer.byteLength(wire.text ?? '') > CHAT_TEXT_BYTES_MAX) return undefined;
  const text = cleanText(wire.text ?? '', { bytesMax: CHAT_TEXT_BYTES_MAX, lines: 'many' });
  const direction = wire.outgoing ? 'out' : 'in';
  const kind = wire.missedCall && !wire.outgoing && !isOfGroup ? ({ kind: 'missed-call' } as const) : {};
  const waiting = wire.waiting === true;
  const line = { id, with: name, text, sentAtMs, storedAtMs, direction, waiting, ...kind } as const;
  return isOfGroup && direction === 'in' ? { ...line, author } : line;
}

function read(name: string, id: string): WireRead {
  return { with: name, messageId: Buffer.from(id, 'hex') };
}

/** What somebody wrote, and calls that were missed; what is said of keys each device says itself. */
function isSynced({ kind }: Pick<ChatLine, 'kind'>): boolean {
  return kind === undefined || kind === 'missed-call';
}

function keyOf({ id, direction }: Pick<ChatLine, 'id' | 'direction'>): string {
  return `${direction} ${id}`;
}

function remember(set: Set<string>, key: string): void {
  set.add(key);
  for (const oldest of set) {
    if (set.size <= SYNC_FROM_MAX) return;
    set.delete(oldest);
  }
}

function print(xml: string): Buffer {
  return createHash('sha256').update(xml).digest().subarray(0, 8);
}
