/** What clients of a supernode wait for: answered by ticket, in time, and not too much of it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { QuestionBook } from '../../../src/net/overlay/question-book.ts';
import {
  QUESTION_LIMIT_MS,
  QUESTIONS_MAX,
  QUESTIONS_PER_CLIENT_MAX,
} from '../../../src/net/protocol/overlay-params.ts';

let book: QuestionBook<string>;

beforeEach(() => {
  book = new QuestionBook();
});

/** Asks, and has a ticket for it. */
function ask(asker: string, requestId = 1, now = 0): number {
  const ticket = book.open(now, asker, requestId, 'record');
  if (ticket === undefined) throw new Error(`${asker} may not ask`);
  return ticket;
}

function mayAsk(asker: string): boolean {
  return book.open(0, asker, 1, 'record') !== undefined;
}

describe('a question', () => {
  test('comes back by its ticket, once', () => {
    const [first, second] = [ask('anna', 7), ask('anna', 8)];
    expect(book.close(second)).toMatchObject({ asker: 'anna', requestId: 8, about: 'record' });
    expect(book.close(first)?.requestId).toBe(7);
    expect(book.close(first)).toBeUndefined();
  });

  test('that nobody answers is handed back when its time is over, and is open no more', () => {
    const ticket = ask('anna', 7, 100);
    ask('bert', 8, 101);
    expect(book.wakeAt()).toBe(100 + QUESTION_LIMIT_MS);
    expect(book.overdue(99 + QUESTION_LIMIT_MS)).toEqual([]);
    expect(book.overdue(100 + QUESTION_LIMIT_MS).map(({ requestId }) => requestId)).toEqual([7]);
    expect(book.close(ticket)).toBeUndefined();
    expect(book.wakeAt()).toBe(101 + QUESTION_LIMIT_MS);
  });

  test('of somebody who is gone is forgotten, the others stay', () => {
    const [gone, stays] = [ask('anna'), ask('bert')];
    book.forget('anna');
    book.forget('nobody');
    expect(book.close(gone)).toBeUndefined();
    expect(book.close(stays)?.asker).toBe('bert');
    expect(book.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('too many questions', () => {
  test('of one asker are refused until one was answered; another may ask', () => {
    const tickets = Array.from({ length: QUESTIONS_PER_CLIENT_MAX }, () => ask('anna'));
    expect(mayAsk('anna')).toBe(false);
    expect(mayAsk('bert')).toBe(true);
    book.close(tickets[3] as number);
    expect(mayAsk('anna')).toBe(true);
  });

  test('of all together are refused until somebody has gone', () => {
    const askers = Array.from({ length: QUESTIONS_MAX }, (_, i) => `asker ${i}`);
    for (const asker of askers) ask(asker);
    expect(mayAsk('anna')).toBe(false);
    book.forget('asker 5');
    expect(mayAsk('anna')).toBe(true);
  });
});
