/**
 * What a client asks its supernode while it is attached: where a person is, and who fits a pattern. The other half of
 * this dialogue is `registrar.ts`. The node hands in questions and the supernode's answers, and is handed messages to
 * send and what became of each question; one that is not answered in time has failed.
 */
import type { Millis } from '../protocol/core.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { hexOf, isIdHex, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  NODES_PER_PERSON_MAX,
  REQUEST_TIMEOUT_MS,
  REQUESTS_PENDING_MAX,
  SEARCH_HITS_MAX,
  SEARCH_TOTAL_MAX,
} from '../protocol/params.ts';
import { type Body, type Message, message } from '../wire/messages.ts';

/** Somebody who fits a pattern. The name is a name; the display name is as a stranger wrote it. */
export interface FoundPerson {
  readonly name: string;
  readonly displayName: string;
}

export interface SearchResults<Hit extends FoundPerson = FoundPerson> {
  readonly type: 'search-results';
  readonly ticket: number;
  readonly hits: readonly Hit[];
  /** These are all that there are. */
  readonly complete: boolean;
  /** There are more than were asked for, or could be had. */
  readonly more: boolean;
  /** Not everybody who could know of others has answered. */
  readonly incomplete: boolean;
  /** It ends early because we have searched too much: for that alone it is `incomplete`. */
  readonly limited?: boolean;
}

export interface SearchFailed {
  readonly type: 'search-failed';
  readonly ticket: number;
  readonly code: FailureCode;
  /** 0 when trying again makes no sense. */
  readonly retryAfterMs: number;
  /** Over the limit, and nobody could say whether there is a person of that very name. */
  readonly incomplete?: boolean;
}

export type QuestionOutput =
  /** Reliably. */
  | { readonly type: 'send'; readonly message: Message }
  /** Nobody of that name is there, or nobody could tell: no nodes. */
  | { readonly type: 'found'; readonly name: UserName; readonly nodes: readonly NodeId[] }
  /** What the index has of this person; not `complete`: somebody who could know more did not answer. */
  | {
      readonly type: 'records';
      readonly name: UserName;
      readonly records: Body<'whereabouts'>['records'];
      readonly complete: boolean;
    }
  | SearchResults
  | SearchFailed;

type Question =
  | { readonly about: 'person'; readonly name: UserName; readonly giveUpAt: Millis }
  | { readonly about: 'records'; readonly name: UserName; readonly giveUpAt: Millis }
  | {
      readonly about: 'pattern';
      readonly ticket: number;
      readonly giveUpAt: Millis;
      readonly pattern: string;
      readonly limit: number;
      /** Of the pages before. */
      readonly hits: readonly FoundPerson[];
      readonly incomplete: boolean;
      /** The person of that very name is asked for alone, since we may not search now for so long. */
      readonly limitedMs?: number;
    };

export class SupernodeQuestions {
  readonly #open = new Map<number, Question & { readonly asked: Message }>();
  #requestId = 0;
  #out: QuestionOutput[] = [];

  lookup(now: Millis, name: UserName): void {
    const question = { about: 'person', name, giveUpAt: now + REQUEST_TIMEOUT_MS } as const;
    this.#ask(question, (requestId) => message('lookup', { requestId, name }));
  }

  /** Where letters to this person may be sealed for. */
  records(now: Millis, name: UserName): void {
    const question = { about: 'records', name, giveUpAt: now + REQUEST_TIMEOUT_MS } as const;
    this.#ask(question, (requestId) => message('lookup', { requestId, name, mailKeys: true }));
  }

  /**
   * `ticket` comes back with the outcome. More than a page is asked for page by page, all as of the time of the first.
   * Beyond REQUESTS_PENDING_MAX open questions it fails at once.
   */
  search(now: Millis, ticket: number, pattern: string, limit: number): void {
    if (this.#open.size >= REQUESTS_PENDING_MAX) {
      this.#out.push({ type: 'search-failed', ticket, code: 'busy', retryAfterMs: 0 });
      return;
    }
    const whole = Math.min(limit, SEARCH_TOTAL_MAX);
    this.#page(now, { ticket, pattern, limit: whole, hits: [], incomplete: false }, { after: '', asOfMs: 0 });
  }

  #page(
    now: Millis,
    search: Omit<Extract<Question, { about: 'pattern' }>, 'about' | 'giveUpAt'>,
    from: { readonly after: string; readonly asOfMs: number },
  ): void {
    const limit = Math.min(SEARCH_HITS_MAX, search.limit - search.hits.length);
    const question = { about: 'pattern', ...search, giveUpAt: now + REQUEST_TIMEOUT_MS } as const;
    const { pattern } = search;
    this.#ask(question, (requestId) => message('search', { requestId, pattern, limit, ...from }));
  }

  #found(now: Millis, question: Extract<Question, { about: 'pattern' }>, body: Body<'searchResults'>): void {
    const { ticket, limit, pattern, limitedMs } = question;
    const named = body.hits.slice(0, SEARCH_HITS_MAX).filter((hit) => isName(hit.name ?? ''));
    const page = named.map((hit) => ({ name: hit.name ?? '', displayName: hit.displayName ?? '' }));
    const hits = [...question.hits, ...page].slice(0, limit);
    const incomplete = question.incomplete || body.incomplete;
    if (limitedMs !== undefined) return this.#foundExactly(question, limitedMs, { hits, incomplete });
    const { next, asOfMs } = body;
    if (next !== '' && page.length > 0 && hits.length < limit) {
      return this.#page(now, { ticket, pattern, limit, hits, incomplete }, { after: next, asOfMs });
    }
    const { complete } = body;
    this.#out.push({ type: 'search-results', ticket, hits, complete, more: next !== '', incomplete });
  }

  /** A message of the supernode. True when it answers a question of ours. */
  receive(now: Millis, value: Message): boolean {
    if (value.kind !== 'whereabouts' && value.kind !== 'searchResults' && value.kind !== 'failure') return false;
    const question = this.#open.get(value.body.requestId);
    if (!question) return false;
    this.#open.delete(value.body.requestId);
    if (question.about === 'person' && value.kind === 'whereabouts') {
      const nodes = value.body.nodeIds.slice(0, NODES_PER_PERSON_MAX).map(hexOf).filter(isIdHex);
      this.#out.push({ type: 'found', name: question.name, nodes });
    } else if (question.about === 'records' && value.kind === 'whereabouts') {
      const { records, incomplete } = value.body;
      this.#out.push({ type: 'records', name: question.name, records, complete: !incomplete });
    } else if (question.about === 'pattern' && value.kind === 'searchResults') {
      this.#found(now, question, value.body);
    } else {
      const code = value.kind === 'failure' && isFailureCode(value.body.code) ? value.body.code : 'server-fault';
      const retryAfterMs = value.kind === 'failure' ? value.body.retryAfterMs : 0;
      if (code === 'search-limit' && question.about === 'pattern' && this.#limited(now, question, retryAfterMs))
        return true;
      this.#fail(question, code, retryAfterMs);
    }
    return true;
  }

  /** We may search again after so long; others may fit as well. */
  #foundExactly(
    { ticket }: Extract<Question, { about: 'pattern' }>,
    retryAfterMs: number,
    { hits, incomplete }: { readonly hits: readonly FoundPerson[]; readonly incomplete: boolean },
  ): void {
    if (hits.length === 0) {
      const open = incomplete ? { incomplete } : {};
      this.#out.push({ type: 'search-failed', ticket, code: 'search-limit', retryAfterMs, ...open });
      return;
    }
    this.#out.push({ type: 'search-results', ticket, hits, complete: false, more: false, incomplete: true });
  }

  /** The pages that we had are shown as what they are. True when that, or somebody asked for exactly, is answer enough. */
  #limited(now: Millis, asked: Extract<Question, { about: 'pattern' }>, waitMs: number): boolean {
    const { ticket, hits, incomplete } = asked;
    if (hits.length === 0) return this.#askExactly(now, asked, waitMs);
    const why = { more: true, incomplete: true, ...(incomplete ? {} : { limited: true }) };
    this.#out.push({ type: 'search-results', ticket, hits, complete: false, ...why });
    return true;
  }

  /** Whoever is asked for by the whole name is found over the limit too. */
  #askExactly(now: Millis, asked: Extract<Question, { about: 'pattern' }>, waitMs: number): boolean {
    const name = asked.pattern.trim();
    if (!isName(name) || asked.limitedMs !== undefined) return false;
    const question = { ...asked, giveUpAt: now + REQUEST_TIMEOUT_MS, limitedMs: waitMs };
    this.#ask(question, (requestId) => message('search', { requestId, pattern: name, limit: 1, exact: true }));
    return true;
  }

  /** Another supernode is to answer what is still open. */
  repeat(): void {
    for (const { asked } of this.#open.values()) this.#out.push({ type: 'send', message: asked });
  }

  /** The supernode is gone, or so are we: nothing will be answered. */
  stop(code: FailureCode): void {
    for (const question of this.#open.values()) this.#fail(question, code);
    this.#open.clear();
  }

  wake(now: Millis): void {
    for (const [requestId, question] of this.#open) {
      if (now < question.giveUpAt) continue;
      this.#open.delete(requestId);
      this.#fail(question, 'timed-out');
    }
  }

  wakeAt(): Millis {
    const oldest = this.#open.values().next().value;
    return oldest?.giveUpAt ?? Number.POSITIVE_INFINITY;
  }

  drain(): QuestionOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #ask(question: Question, words: (requestId: number) => Message): void {
    this.#requestId += 1;
    const asked = words(this.#requestId);
    this.#open.set(this.#requestId, { ...question, asked });
    this.#out.push({ type: 'send', message: asked });
  }

  #fail(question: Question, code: FailureCode, retryAfterMs = 0): void {
    if (question.about === 'person') this.#out.push({ type: 'found', name: question.name, nodes: [] });
    else if (question.about === 'records')
      this.#out.push({ type: 'records', name: question.name, records: [], complete: false });
    else if (question.hits.length > 0) {
      const { ticket, hits, incomplete } = question;
      this.#out.push({ type: 'search-results', ticket, hits, complete: false, more: true, incomplete });
    } else this.#out.push({ type: 'search-failed', ticket: question.ticket, code, retryAfterMs });
  }
}
