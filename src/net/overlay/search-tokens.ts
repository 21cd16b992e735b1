/**
 * How much an account may search (global-index.md 4.5): pages of hits, counted across all its devices and all
 * supernodes, so that nobody reads the index out page by page. For each account there are three meters, found by its
 * name among the living supernodes; whichever supernode searches for a client asks them and takes what most say
 * (PROTOCOL.md 9.10). Both sides are here: asking, and counting for others.
 *
 *   ask --SearchTake--> three meters --SearchTaken--> verdict      silent for SEARCH_METER_MS: what we would say
 *
 * Tickets that the login server signs would bound it as well, but not while that server is away; and a count that each
 * supernode keeps by itself would be a new one at each of them.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../protocol/core.ts';
import { foldName, ID_BYTES, isName, type NodeId } from '../protocol/ids.ts';
import {
  SEARCH_METER_MS,
  SEARCH_METERED_MAX,
  SEARCH_METERS,
  SEARCH_PAGE_REFILL_MS,
  SEARCH_PAGES_BURST,
  SEARCH_TAKES_MAX,
} from '../protocol/overlay-params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { type Message, message } from '../wire/messages.ts';

/** What came of a question. `waitMs`: 0 when the page is granted, else how long until there is another. */
export interface SearchVerdict {
  readonly ticket: number;
  readonly waitMs: Millis;
}

interface Take {
  readonly ticket: number;
  /** The account's folded name. */
  readonly key: string;
  /** Meters that have not spoken. */
  readonly waitFor: Set<NodeId>;
  /** What the others said: 0 for a page, else how long to wait. */
  readonly votes: Millis[];
  readonly meters: number;
  readonly until: Millis;
}

export class SearchTokens {
  readonly #self: NodeId;
  readonly #others: () => readonly NodeId[];
  readonly #pages = new RateLimit(SEARCH_PAGES_BURST, SEARCH_PAGE_REFILL_MS, SEARCH_METERED_MAX);
  readonly #takes = new Map<number, Take>();
  #requestId = 0;
  #verdicts: SearchVerdict[] = [];
  #out: { readonly to: NodeId; readonly message: Message }[] = [];
  /** Questions of no sense. Only rises. */
  refused = 0;

  /** `others`: the supernodes that live, without ourselves. */
  constructor(options: { readonly self: NodeId; readonly others: () => readonly NodeId[] }) {
    this.#self = options.self;
    this.#others = options.others;
  }

  /** May this account see a page? `ticket` comes back with the verdict. */
  ask(now: Millis, ticket: number, account: string): void {
    const key = foldName(account);
    const meters = metersOf(key, [this.#self, ...this.#others()]);
    const waitFor = new Set(meters.filter((id) => id !== this.#self));
    const votes = waitFor.size < meters.length ? [this.#pages.take(now, key)] : [];
    const take: Take = { ticket, key, waitFor, votes, meters: meters.length, until: now + SEARCH_METER_MS };
    this.#requestId = (this.#requestId + 1) >>> 0 || 1;
    this.#takes.set(this.#requestId, take);
    const question = message('searchTake', { requestId: this.#requestId, account });
    for (const to of waitFor) this.#out.push({ to, message: question });
    this.#settle(now, this.#requestId, take);
    const [oldest] = this.#takes;
    if (this.#takes.size > SEARCH_TAKES_MAX && oldest) this.#decide(now, ...oldest);
  }

  /** A message of a certified supernode. True when it was ours. */
  receive(now: Millis, from: NodeId, value: Message): boolean {
    if (value.kind === 'searchTake') {
      const { requestId, account } = value.body;
      if (!isName(account)) this.refused += 1;
      else {
        const waitMs = this.#pages.take(now, foldName(account));
        this.#out.push({ to: from, message: message('searchTaken', { requestId, waitMs }) });
      }
      return true;
    }
    if (value.kind !== 'searchTaken') return false;
    const take = this.#takes.get(value.body.requestId);
    if (take?.waitFor.delete(from)) {
      take.votes.push(value.body.waitMs);
      this.#settle(now, value.body.requestId, take);
    }
    return true;
  }

  wake(now: Millis): void {
    for (const [id, take] of this.#takes) {
      if (now < take.until) return;
      this.#decide(now, id, take);
    }
  }

  wakeAt(): Millis {
    const oldest = this.#takes.values().next().value;
    return oldest?.until ?? Number.POSITIVE_INFINITY;
  }

  verdicts(): SearchVerdict[] {
    const verdicts = this.#verdicts;
    this.#verdicts = [];
    return verdicts;
  }

  /** Reliably, to other supernodes. */
  drain(): { readonly to: NodeId; readonly message: Message }[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** As soon as the silent ones could not change it. */
  #settle(now: Millis, id: number, take: Take): void {
    if (isDecided(take)) this.#decide(now, id, take);
  }

  #decide(now: Millis, id: number, take: Take): void {
    this.#takes.delete(id);
    const { ticket, key, waitFor, votes } = take;
    // For those who are silent we count, too.
    if (!isDecided(take)) votes.push(...Array<Millis>(waitFor.size).fill(this.#pages.take(now, key)));
    const waits = votes.filter((waitMs) => waitMs > 0);
    const granted = 2 * waits.length < votes.length;
    this.#verdicts.push({ ticket, waitMs: granted ? 0 : Math.min(...waits) });
  }
}

/** A tie refuses: a meter that has come lately has counted nothing yet. */
function isDecided({ votes, meters }: Take): boolean {
  const granted = votes.filter((waitMs) => waitMs === 0).length;
  return 2 * granted > meters || 2 * (votes.length - granted) >= meters;
}

/** Whoever of these counts for the account: the three that follow its place in the ring of ids. */
export function metersOf(key: string, ids: readonly NodeId[]): NodeId[] {
  const place = createHash('sha256')
    .update(`search meter ${key}`)
    .digest('hex')
    .slice(0, 2 * ID_BYTES);
  const meters: NodeId[] = [];
  for (const id of ids) {
    // Its place among the nearest so far; most come after all of them.
    let at = meters.length;
    for (; at > 0 && isNearer(place, id, meters[at - 1] ?? ''); at -= 1);
    if (at < SEARCH_METERS) meters.splice(at, 0, id);
    meters.length = Math.min(meters.length, SEARCH_METERS);
  }
  return meters;
}

/** Behind the place, round the ring, is `a` met before `b`? */
function isNearer(place: string, a: NodeId, b: NodeId): boolean {
  const [aBehind, bBehind] = [a >= place, b >= place];
  return aBehind === bBehind ? a < b : aBehind;
}
