/**
 * What a client asks its supernode while it is attached: where a person is, and who fits a pattern. The other half of
 * this dialogue is `registrar.ts`. The node hands in questions and the supernode's answers, and is handed messages to
 * send and what became of each question; one that is not answered in time has failed.
 */
import type { Millis } from '../protocol/core.ts';
import { type FailureCode, isFailureCode } from '../protocol/failures.ts';
import { hexOf, isIdHex, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import { NODES_PER_PERSON_MAX, REQUEST_TIMEOUT_MS, REQUESTS_PENDING_MAX, SEARCH_HITS_MAX } from '../protocol/params.ts';
import { type Message, message } from '../wire/messages.ts';

export type QuestionOutput =
  /** Reliably. */
  | { readonly type: 'send'; readonly message: Message }
  /** Nobody of that name is there, or nobody could tell: no nodes. */
  | { readonly type: 'found'; readonly name: UserName; readonly nodes: readonly NodeId[] }
  /** Names are names; display names are as strangers wrote them. */
  | {
      readonly type: 'search-results';
      readonly ticket: number;
      readonly hits: readonly { readonly name: UserName; readonly displayName: string }[];
      readonly complete: boolean;
    }
  | {
      readonly type: 'search-failed';
      readonly ticket: number;
      readonly code: FailureCode;
      /** 0 when trying again makes no sense. */
      readonly retryAfterMs: number;
    };

type Question =
  | { readonly about: 'person'; readonly name: UserName; readonly giveUpAt: Millis }
  | {
      readonly about: 'pattern';
      readonly ticket: number;
      readonly pattern: string;
      readonly giveUpAt: Millis;
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

  /** `ticket` comes back with the outcome. Beyond REQUESTS_PENDING_MAX open questions it fails at once. */
  search(now: Millis, ticket: number, pattern: string, limit: number): void {
    if (this.#open.size >= REQUESTS_PENDING_MAX) {
      this.#out.push({ type: 'search-failed', ticket, code: 'busy', retryAfterMs: 0 });
      return;
    }
    const question = { about: 'pattern', ticket, pattern, giveUpAt: now + REQUEST_TIMEOUT_MS } as const;
    this.#ask(question, (requestId) => message('search', { requestId, pattern, limit }));
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
    } else if (question.about === 'pattern' && value.kind === 'searchResults') {
      const named = value.body.hits.slice(0, SEARCH_HITS_MAX).filter((hit) => isName(hit.name ?? ''));
      const hits = named.map((hit) => ({ name: hit.name ?? '', displayName: hit.displayName ?? '' }));
      const { limitedMs } = question;
      if (limitedMs !== undefined && hits.length === 0) {
        this.#fail(question, 'search-limit', limitedMs);
        return true;
      }
      const complete = value.body.complete && limitedMs === undefined;
      this.#out.push({ type: 'search-results', ticket: question.ticket, hits, complete });
    } else {
      const code = value.kind === 'failure' && isFailureCode(value.body.code) ? value.body.code : 'server-fault';
      const retryAfterMs = value.kind === 'failure' ? value.body.retryAfterMs : 0;
      if (code === 'search-limit' && question.about === 'pattern' && this.#askExactly(now, question, retryAfterMs))
        return true;
      this.#fail(question, code, retryAfterMs);
    }
    return true;
  }

  /** Whoever is asked for by the whole name is found over the limit too. */
  #askExactly(
    now: Millis,
    { ticket, pattern, limitedMs }: Extract<Question, { about: 'pattern' }>,
    waitMs: number,
  ): boolean {
    const name = pattern.trim();
    if (!isName(name) || limitedMs !== undefined) return false;
    const question = {
      about: 'pattern',
      ticket,
      pattern,
      giveUpAt: now + REQUEST_TIMEOUT_MS,
      limitedMs: waitMs,
    } as const;
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
    else this.#out.push({ type: 'search-failed', ticket: question.ticket, code, retryAfterMs });
  }
}
