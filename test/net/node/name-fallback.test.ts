/** When the login server is asked for a name, and what becomes of the search meanwhile and afterwards. */
import { describe, expect, it } from 'vitest';
import { type FallbackOutput, NameFallback, type SearchOutcome } from '../../../src/net/node/name-fallback.ts';
import type { FailureCode } from '../../../src/net/protocol/failures.ts';
import { NAME_ASK_MS, NAMES_ASKED_MAX } from '../../../src/net/protocol/params.ts';
import { message } from '../../../src/net/wire/messages.ts';

const carol = { name: 'carol-1', displayName: 'Carol' };

function list(ticket: number, fields: Partial<Extract<SearchOutcome, { type: 'search-results' }>> = {}): SearchOutcome {
  return { type: 'search-results', ticket, hits: [], complete: false, more: false, incomplete: true, ...fields };
}

function failure(ticket: number, code: FailureCode): SearchOutcome {
  return { type: 'search-failed', ticket, code, retryAfterMs: 0 };
}

class Scene {
  now = 1_000;
  readonly fallback = new NameFallback();
  readonly asked: { readonly question: number; readonly name: string }[] = [];
  told: SearchOutcome[] = [];

  searches(pattern: string, outcome: SearchOutcome, limit = 50): this {
    this.fallback.asked({ ticket: outcome.ticket, pattern, limit }, 'alice1');
    this.fallback.outcome(this.now, outcome);
    return this.settle();
  }

  hears(exists: boolean, name: string, question = this.asked.at(-1)?.question ?? 0): this {
    const known = message('nameKnown', { requestId: 1, exists, name });
    this.fallback.answered(this.now, question, { type: 'reply', ticket: 0, message: known });
    return this.settle();
  }

  isRefused(retryAfterMs: number, question = this.asked.at(-1)?.question ?? 0): this {
    const code = retryAfterMs > 0 ? 'too-many-tries' : 'unreachable-login';
    this.fallback.answered(this.now, question, { type: 'failed', ticket: 0, code, retryAfterMs });
    return this.settle();
  }

  passes(ms: number): this {
    this.now += ms;
    this.fallback.wake(this.now);
    return this.settle();
  }

  settle(): this {
    for (const output of this.fallback.drain() as FallbackOutput[]) {
      if (output.type === 'ask') this.asked.push(output);
      else this.told.push(output);
    }
    return this;
  }
}

describe('the login server is asked', () => {
  it.each([
    ['an incomplete list without the name', list(1, { hits: [carol] })],
    ['no supernode', failure(1, 'unreachable-network')],
    ['no answer in time', failure(1, 'timed-out')],
    ['a supernode that fails', failure(1, 'server-fault')],
    ['"search-limit", with no complete answer for the name', { ...failure(1, 'search-limit'), incomplete: true }],
  ] as [string, SearchOutcome][])('after %s', (_what, outcome) => {
    expect(new Scene().searches('bobby1', outcome)).toMatchObject({ asked: [{ name: 'bobby1' }], told: [] });
  });

  it.each([
    ['a complete list', 'bobby1', list(1, { complete: true, incomplete: false })],
    ['a list that only goes on', 'bobby1', list(1, { hits: [carol], more: true, incomplete: false })],
    ['a list cut short by our limit', 'bobby1', list(1, { hits: [carol], more: true, limited: true })],
    ['an incomplete list in which the name is', 'BOBBY1', list(1, { hits: [{ name: 'bobby1', displayName: 'B' }] })],
    ['a pattern with a star', 'bobby1*', list(1)],
    ['words', 'bobby brown', list(1)],
    ['the own name', 'Alice1', list(1)],
    ['"busy", which bounds how much is asked', 'bobby1', failure(1, 'busy')],
    ['"search-limit"', 'bobby1', failure(1, 'search-limit')],
    ['a sign-out', 'bobby1', failure(1, 'not-signed-in')],
  ])('not after %s', (_what, pattern, outcome) => {
    expect(new Scene().searches(pattern, outcome)).toMatchObject({ asked: [], told: [outcome] });
  });
});

describe('the search then', () => {
  it('names whom the login server knows first, within the limit, and stays incomplete', () => {
    const scene = new Scene().searches('bobby1', list(1, { hits: [carol] }), 1).hears(true, 'Bobby1');
    const hit = { name: 'Bobby1', displayName: '', from: 'login-server' };
    expect(scene.told).toEqual([list(1, { hits: [hit], more: true } as never)]);
    scene.searches('bobby1', failure(2, 'timed-out')).hears(true, 'Bobby1');
    expect(scene.told.at(-1)).toEqual(list(2, { hits: [hit] } as never));
  });

  it('is what it was when there is no such name, none was asked for, or nobody answers', () => {
    const scene = new Scene();
    scene.searches('bobby1', list(1)).hears(false, '');
    scene.searches('bobby1', list(2)).hears(true, 'mallory1');
    scene.searches('bobby1', failure(3, 'timed-out')).isRefused(0);
    expect(scene.told).toEqual([list(1), list(2), failure(3, 'timed-out')]);
  });

  it('waits for a moment only, and an answer that comes too late changes nothing', () => {
    const scene = new Scene().searches('bobby1', list(1));
    expect(scene.fallback.wakeAt()).toBe(scene.now + NAME_ASK_MS);
    expect(scene.passes(NAME_ASK_MS - 1).told).toEqual([]);
    expect(scene.passes(1).told).toEqual([list(1)]);
    expect(scene.fallback.wakeAt()).toBe(Number.POSITIVE_INFINITY);
    expect(scene.hears(true, 'bobby1').told).toEqual([list(1)]);
  });

  it('does not wait when so many are asked for already, nor before the login server wants to be asked again', () => {
    const scene = new Scene();
    for (let ticket = 1; ticket <= NAMES_ASKED_MAX; ticket += 1) scene.searches(`bobby${ticket}`, list(ticket));
    // Told long ago, and still not answered.
    scene.passes(NAME_ASK_MS).told = [];
    expect(scene.searches('bobby9', list(9)).told).toEqual([list(9)]);
    expect(scene.asked).toHaveLength(NAMES_ASKED_MAX);
    scene.isRefused(10_000).told = [];
    expect(scene.searches('bobby9', list(10)).told).toEqual([list(10)]);
    scene.passes(10_000).searches('bobby9', list(11));
    expect(scene.asked).toHaveLength(NAMES_ASKED_MAX + 1);
  });
});
