/**
 * What clients of a supernode wait for while others are asked. The registrar opens a question and hands its ticket to
 * `beyond`; the answer comes back by that ticket, and closes it. One that nobody has answered by QUESTION_LIMIT_MS is
 * handed back, to be answered with what is known here.
 *
 *   open --ticket--> others --> close --> the question      --QUESTION_LIMIT_MS--> overdue
 *   the asker is gone --> forget: what others say then is nobody's
 */
import type { Millis } from '../protocol/core.ts';
import { QUESTION_LIMIT_MS, QUESTIONS_MAX, QUESTIONS_PER_CLIENT_MAX } from '../protocol/overlay-params.ts';

/** `mailKeysOf`: whose records are to be told. `asOfMs`: of a search; `only`: none but the person of this folded name. `record`: of a publication. */
export type QuestionAbout =
  | { readonly name: string }
  | { readonly mailKeysOf: string }
  | { readonly asOfMs: number; readonly only: string | undefined }
  | 'record';

export interface Question<Asker> {
  readonly asker: Asker;
  /** The asker's own number. */
  readonly requestId: number;
  readonly about: QuestionAbout;
  readonly until: Millis;
}

export class QuestionBook<Asker> {
  /** By ticket, the oldest first. */
  readonly #open = new Map<number, Question<Asker>>();
  /** How many of them each asker has. */
  readonly #counts = new Map<Asker, number>();
  #ticket = 0;

  /** The ticket. Undefined: this asker, or all together, have too many open. */
  open(now: Millis, asker: Asker, requestId: number, about: QuestionAbout): number | undefined {
    const count = this.#counts.get(asker) ?? 0;
    if (count >= QUESTIONS_PER_CLIENT_MAX || this.#open.size >= QUESTIONS_MAX) return undefined;
    this.#ticket += 1;
    this.#open.set(this.#ticket, { asker, requestId, about, until: now + QUESTION_LIMIT_MS });
    this.#counts.set(asker, count + 1);
    return this.#ticket;
  }

  /** The question, which is open no more; undefined when it was not. */
  close(ticket: number): Question<Asker> | undefined {
    const question = this.#open.get(ticket);
    if (!question) return undefined;
    this.#open.delete(ticket);
    const left = (this.#counts.get(question.asker) ?? 1) - 1;
    if (left > 0) this.#counts.set(question.asker, left);
    else this.#counts.delete(question.asker);
    return question;
  }

  /** Closes those of an asker who is gone. */
  forget(asker: Asker): void {
    if (!this.#counts.has(asker)) return;
    for (const [ticket, question] of this.#open) if (question.asker === asker) this.close(ticket);
  }

  /** Closes those that were not answered in time. */
  overdue(now: Millis): Question<Asker>[] {
    const overdue: Question<Asker>[] = [];
    for (const [ticket, question] of this.#open) {
      if (now < question.until) break;
      this.close(ticket);
      overdue.push(question);
    }
    return overdue;
  }

  /** When the oldest is overdue. */
  wakeAt(): Millis {
    const [oldest] = this.#open.values();
    return oldest?.until ?? Number.POSITIVE_INFINITY;
  }
}
