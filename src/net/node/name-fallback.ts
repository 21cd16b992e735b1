/**
 * Whom the index cannot tell of, the login server may know (PROTOCOL.md, section 9.4: it is a fallback
 * only). Every search is told here when it begins, and what became of it when it ends: that is handed on at once,
 * unless a whole name was searched for and nobody could say whether it exists. Then the login server is asked, for a
 * moment; what it knows is put into the list, which stays incomplete.
 *
 *   asked -> the index -> outcome --an answer--> handed on
 *                                 --none-------> ask -> answered, or NAME_ASK_MS are over -> handed on
 */
import type { LoginClientOutput } from '../login/login-client.ts';
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { foldName, isName } from '../protocol/ids.ts';
import { NAME_ASK_MS, NAMES_ASKED_MAX } from '../protocol/params.ts';
import type { OrdinaryNodeEvent } from './ordinary-node-port.ts';

export type SearchOutcome = Extract<OrdinaryNodeEvent, { type: 'search-results' | 'search-failed' }>;

export type FallbackOutput =
  | SearchOutcome
  /** Of the login server; to be followed by `answered` with the same number. */
  | { readonly type: 'ask'; readonly question: number; readonly name: string };

interface Search {
  readonly name: string;
  readonly limit: number;
}

interface Question extends Search {
  /** Told when nothing better comes; undefined once it has been. */
  outcome: SearchOutcome | undefined;
  readonly giveUpAt: Millis;
}

/** Nobody has answered. Everything else is an answer, `busy` too: else it would bound nothing. */
const NOT_ANSWERED: ReadonlySet<FailureCode> = new Set([
  'timed-out',
  'unreachable',
  'unreachable-network',
  'server-fault',
]);

export class NameFallback {
  /** Searches under way for a whole name, by ticket: no more than the supernode is asked at once. */
  readonly #searches = new Map<number, Search>();
  /** The login server is asked, the oldest first. */
  readonly #questions = new Map<number, Question>();
  #question = 0;
  #quietUntil: Millis = 0;
  #out: FallbackOutput[] = [];

  /** A search begins; `self` is who searches, whom no list names. Its `outcome` follows in any case. */
  asked(
    search: { readonly ticket: number; readonly pattern: string; readonly limit: number },
    self: string | undefined,
  ): void {
    const name = search.pattern.trim();
    if (!isName(name) || foldName(name) === foldName(self ?? '')) return;
    this.#searches.set(search.ticket, { name, limit: search.limit });
  }

  /** What the index said. */
  outcome(now: Millis, outcome: SearchOutcome): void {
    const search = this.#searches.get(outcome.ticket);
    this.#searches.delete(outcome.ticket);
    const mayAsk = now >= this.#quietUntil && this.#questions.size < NAMES_ASKED_MAX;
    if (!search || !mayAsk || !isOpen(outcome, search.name)) {
      this.#out.push(outcome);
      return;
    }
    this.#question += 1;
    this.#questions.set(this.#question, { ...search, outcome, giveUpAt: now + NAME_ASK_MS });
    this.#out.push({ type: 'ask', question: this.#question, name: search.name });
  }

  /** What became of that question to the login server; it may be too late. */
  answered(now: Millis, number: number, answer: Extract<LoginClientOutput, { type: 'reply' | 'failed' }>): void {
    const question = this.#questions.get(number);
    this.#questions.delete(number);
    if (answer.type === 'failed') this.#quietUntil = Math.max(this.#quietUntil, now + answer.retryAfterMs);
    if (!question?.outcome) return;
    const known = answer.type === 'reply' && answer.message.kind === 'nameKnown' ? answer.message.body : undefined;
    const isThere = known?.exists === true && foldName(known.name) === foldName(question.name);
    this.#out.push(isThere ? withName(question.outcome, known.name, question.limit) : question.outcome);
  }

  wake(now: Millis): void {
    for (const question of this.#questions.values()) {
      if (!question.outcome || now < question.giveUpAt) continue;
      this.#out.push(question.outcome);
      question.outcome = undefined;
    }
  }

  wakeAt(): Millis {
    for (const { outcome, giveUpAt } of this.#questions.values()) if (outcome) return giveUpAt;
    return Number.POSITIVE_INFINITY;
  }

  drain(): FallbackOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

/** Whether nobody could say if that name exists. */
function isOpen(outcome: SearchOutcome, name: string): boolean {
  if (outcome.type === 'search-failed') return NOT_ANSWERED.has(outcome.code) || outcome.incomplete === true;
  // The name itself would stand on the first page.
  if (outcome.limited === true) return false;
  return outcome.incomplete && !outcome.hits.some((hit) => foldName(hit.name) === foldName(name));
}

/** The name itself stands first, as in every list. */
function withName(outcome: SearchOutcome, name: string, limit: number): SearchOutcome {
  const found = outcome.type === 'search-results' ? outcome.hits : [];
  const more = (outcome.type === 'search-results' && outcome.more) || found.length >= limit;
  const hits = [{ name, displayName: '', from: 'login-server' as const }, ...found].slice(0, limit);
  return { type: 'search-results', ticket: outcome.ticket, hits, complete: false, more, incomplete: true };
}
