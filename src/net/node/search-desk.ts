/**
 * Searches of a supernode's clients, between them and the registrar: an answer waits until the account's meters have
 * granted the page (`overlay/search-tokens.ts`), which they do while the search is under way; without a page the client
 * hears how long to wait, and the answer is thrown away. An account that was refused is not searched for again before.
 *
 *   search --> registrar, and meters       granted --> the registrar's answer       refused --> Failure search-limit
 */
import { readPattern } from '../overlay/search-pattern.ts';
import type { SearchTokens } from '../overlay/search-tokens.ts';
import type { Millis } from '../protocol/core.ts';
import { foldName, type UserName } from '../protocol/ids.ts';
import { SEARCH_HELD_MS, SEARCH_METERED_MAX, SEARCHES_WAITING_MAX } from '../protocol/overlay-params.ts';
import { setRecent } from '../protocol/recent-table.ts';
import type { SessionId } from '../transport/switchboard.ts';
import { type Body, type Message, message } from '../wire/messages.ts';

interface Waiting {
  readonly session: SessionId;
  readonly requestId: number;
  readonly ticket: number;
  readonly key: string;
  readonly forgetAt: Millis;
  verdict: 'granted' | 'refused' | undefined;
  /** Of the registrar, held. */
  answer: Message | undefined;
}

export class SearchDesk {
  readonly #tokens: SearchTokens;
  /** By ticket, the oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  /** Until when an account has no page, as its meters said; the one refused longest ago stands first. */
  readonly #refusedUntil = new Map<string, Millis>();
  #ticket = 0;
  #out: { readonly session: SessionId; readonly message: Message }[] = [];

  constructor(tokens: SearchTokens) {
    this.#tokens = tokens;
  }

  /** A search of a client. True when the registrar is to carry it out. */
  admit(now: Millis, session: SessionId, account: UserName, { requestId, exact, pattern }: Body<'search'>): boolean {
    // The one of that very name; or nobody, for a pattern of stars and blanks.
    if (exact || !readPattern(pattern)) return true;
    const key = foldName(account);
    const waitMs = (this.#refusedUntil.get(key) ?? now) - now;
    if (waitMs > 0) return this.#refuse(session, requestId, waitMs);
    const open = [...this.#waiting.values()].filter((one) => one.key === key);
    if (open.length >= SEARCHES_WAITING_MAX) {
      this.#out.push({ session, message: message('failure', { requestId, code: 'busy', retryAfterMs: 1_000 }) });
      return false;
    }
    this.#ticket += 1;
    const rest = { forgetAt: now + SEARCH_HELD_MS, verdict: undefined, answer: undefined };
    this.#waiting.set(this.#ticket, { session, requestId, ticket: this.#ticket, key, ...rest });
    this.#tokens.ask(now, this.#ticket, account);
    return true;
  }

  /** What the registrar says to a client. True when it is held, or not to be said at all. */
  holds(session: SessionId, value: Message): boolean {
    if (value.kind !== 'searchResults' && value.kind !== 'failure') return false;
    for (const waiting of this.#waiting.values()) {
      if (waiting.session !== session || waiting.requestId !== value.body.requestId) continue;
      if (waiting.verdict === undefined) waiting.answer = value;
      else this.#waiting.delete(waiting.ticket);
      return waiting.verdict !== 'granted';
    }
    return false;
  }

  /** Takes the verdicts that have come. */
  settle(now: Millis): void {
    for (const { ticket, waitMs } of this.#tokens.verdicts()) {
      const waiting = this.#waiting.get(ticket);
      if (!waiting) continue;
      const { session, requestId, answer, key } = waiting;
      waiting.verdict = waitMs === 0 ? 'granted' : 'refused';
      if (answer) this.#waiting.delete(ticket);
      if (waitMs > 0) {
        setRecent(this.#refusedUntil, key, now + waitMs, SEARCH_METERED_MAX);
        this.#refuse(session, requestId, waitMs);
      } else if (answer) this.#out.push({ session, message: answer });
    }
  }

  wake(now: Millis): void {
    for (const { ticket, forgetAt } of this.#waiting.values()) {
      if (now < forgetAt) break;
      this.#waiting.delete(ticket);
    }
  }

  wakeAt(): Millis {
    const oldest = this.#waiting.values().next().value;
    return oldest?.forgetAt ?? Number.POSITIVE_INFINITY;
  }

  /** To clients, reliably. */
  drain(): { readonly session: SessionId; readonly message: Message }[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #refuse(session: SessionId, requestId: number, waitMs: Millis): false {
    const retryAfterMs = Math.ceil(waitMs);
    this.#out.push({ session, message: message('failure', { requestId, code: 'search-limit', retryAfterMs }) });
    return false;
  }
}
