/** What a client asks its supernode, and what becomes of each question. */
import { describe, expect, it } from 'vitest';
import { type QuestionOutput, SupernodeQuestions } from '../../../src/net/overlay/supernode-questions.ts';
import { bytesOf } from '../../../src/net/protocol/ids.ts';
import {
  NODES_PER_PERSON_MAX,
  REQUEST_TIMEOUT_MS,
  REQUESTS_PENDING_MAX,
  SEARCH_HITS_MAX,
} from '../../../src/net/protocol/params.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';

const node = (number: number): string => number.toString(16).padStart(32, '0');

class Scene {
  now = 1_000;
  readonly questions = new SupernodeQuestions();
  readonly sent: Message[] = [];
  became: Exclude<QuestionOutput, { type: 'send' }>[] = [];

  does(act: (questions: SupernodeQuestions) => void): this {
    act(this.questions);
    for (const output of this.questions.drain()) {
      if (output.type === 'send') this.sent.push(output.message);
      else this.became.push(output);
    }
    return this;
  }

  hears(value: Message): this {
    return this.does((questions) => questions.receive(this.now, decodeMessage(encodeMessage(value)) as Message));
  }

  get lastId(): number {
    const last = this.sent.at(-1);
    return last && 'requestId' in last.body ? last.body.requestId : 0;
  }
}

describe('a question', () => {
  it('for a person is answered by the nodes of that name', () => {
    const scene = new Scene().does((questions) => questions.lookup(0, 'bobby1'));
    expect(scene.sent).toMatchObject([{ kind: 'lookup', body: { name: 'bobby1' } }]);
    scene.hears(message('whereabouts', { requestId: scene.lastId, name: 'x', nodeIds: [bytesOf(node(1))] }));
    expect(scene.became).toEqual([{ type: 'found', name: 'bobby1', nodes: [node(1)] }]);
  });

  it('for a pattern is answered by those who fit, with its ticket', () => {
    const scene = new Scene().does((questions) => questions.search(0, 7, 'bob', 10));
    expect(scene.sent).toMatchObject([{ kind: 'search', body: { pattern: 'bob', limit: 10 } }]);
    const hits = [{ name: 'bobby1', displayName: 'Bob' }];
    scene.hears(message('searchResults', { requestId: scene.lastId, hits, complete: true }));
    const all = { complete: true, more: false, incomplete: false };
    expect(scene.became).toEqual([{ type: 'search-results', ticket: 7, hits, ...all }]);
  });

  it('for more than a page goes on page by page, as of the time of the first, to the end or the limit', () => {
    const scene = new Scene().does((questions) => questions.search(0, 7, 'bob', 70));
    const hits = Array.from({ length: 60 }, (_, i) => ({ name: `bobby${i}`, displayName: '' }));
    expect(scene.sent.at(-1)?.body).toMatchObject({ limit: SEARCH_HITS_MAX, after: '', asOfMs: 0 });
    const first = { hits: hits.slice(0, 50), next: '3 bobby49', asOfMs: 60_000 };
    scene.hears(message('searchResults', { requestId: scene.lastId, ...first }));
    expect(scene.became).toEqual([]);
    expect(scene.sent.at(-1)?.body).toMatchObject({ pattern: 'bob', limit: 20, after: '3 bobby49', asOfMs: 60_000 });
    const second = { hits: hits.slice(50), complete: true };
    scene.hears(message('searchResults', { requestId: scene.lastId, ...second }));
    expect(scene.became).toEqual([
      { type: 'search-results', ticket: 7, hits, complete: true, more: false, incomplete: false },
    ]);

    scene.does((questions) => questions.search(0, 8, 'bob', 55));
    scene.hears(message('searchResults', { requestId: scene.lastId, ...first, incomplete: true }));
    expect(scene.sent.at(-1)?.body).toMatchObject({ limit: 5 });
    scene.hears(message('failure', { requestId: scene.lastId, code: 'busy' }));
    const half = { hits: hits.slice(0, 50), complete: false, more: true, incomplete: true };
    expect(scene.became.at(-1)).toEqual({ type: 'search-results', ticket: 8, ...half });
  });

  it('is answered once, and by nothing that answers another', () => {
    const scene = new Scene().does((questions) => questions.search(0, 7, 'bob', 10));
    expect(scene.questions.receive(0, message('searchResults', { requestId: 99, hits: [] }))).toBe(false);
    expect(scene.questions.receive(0, message('detach'))).toBe(false);
    scene.hears(message('searchResults', { requestId: scene.lastId, complete: true }));
    scene.hears(message('searchResults', { requestId: scene.lastId, complete: true }));
    expect(scene.became).toHaveLength(1);
  });

  it('that is refused, answered by nonsense or not at all has failed', () => {
    const scene = new Scene().does((questions) => questions.search(0, 1, 'bob', 10));
    scene.hears(message('failure', { requestId: scene.lastId, code: 'busy' }));
    scene.does((questions) => questions.search(0, 2, 'bob', 10));
    scene.hears(message('whereabouts', { requestId: scene.lastId }));
    scene.does((questions) => questions.search(0, 3, 'bob', 10)).does((questions) => questions.lookup(0, 'bobby1'));
    scene.does((questions) => questions.wake(REQUEST_TIMEOUT_MS - 1));
    expect(scene.became).toHaveLength(2);
    scene.does((questions) => questions.wake(REQUEST_TIMEOUT_MS));
    expect(scene.became).toEqual([
      { type: 'search-failed', ticket: 1, code: 'busy', retryAfterMs: 0 },
      { type: 'search-failed', ticket: 2, code: 'server-fault', retryAfterMs: 0 },
      { type: 'search-failed', ticket: 3, code: 'timed-out', retryAfterMs: 0 },
      { type: 'found', name: 'bobby1', nodes: [] },
    ]);
    expect(scene.questions.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not left open when the supernode is gone', () => {
    const scene = new Scene().does((questions) => questions.search(0, 1, 'bob', 10));
    scene.does((questions) => questions.stop('unreachable-network'));
    expect(scene.became).toEqual([{ type: 'search-failed', ticket: 1, code: 'unreachable-network', retryAfterMs: 0 }]);
    expect(scene.questions.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('over the limit', () => {
  const limited = (scene: Scene): Scene =>
    scene.hears(message('failure', { requestId: scene.lastId, code: 'search-limit', retryAfterMs: 42_000 }));
  const failed = { type: 'search-failed', ticket: 1, code: 'search-limit', retryAfterMs: 42_000 };

  it('a pattern has failed, and says when to come again', () => {
    for (const pattern of ['bob*', '1bob', 'Bobby Tables']) {
      const scene = limited(new Scene().does((questions) => questions.search(0, 1, pattern, 10)));
      expect([scene.sent.length, scene.became]).toEqual([1, [failed]]);
    }
  });

  it('a whole name is asked for alone, and found, though others may fit as well', () => {
    const scene = limited(new Scene().does((questions) => questions.search(0, 1, ' Bobby1', 10)));
    expect(scene.sent.at(-1)).toMatchObject({ kind: 'search', body: { pattern: 'Bobby1', exact: true } });
    const hits = [{ name: 'bobby1', displayName: 'Bob' }];
    scene.hears(message('searchResults', { requestId: scene.lastId, hits, complete: true }));
    expect(scene.became).toEqual([
      { type: 'search-results', ticket: 1, hits, complete: false, more: false, incomplete: true },
    ]);
  });

  it('that comes between two pages, what was found so far is shown, and that there is more', () => {
    const scene = new Scene().does((questions) => questions.search(0, 1, 'bob*', 200));
    const hits = [{ name: 'bobby1', displayName: 'Bob' }];
    scene.hears(message('searchResults', { requestId: scene.lastId, hits, next: '2 bobby1', asOfMs: 60_000 }));
    expect(scene.sent.at(-1)).toMatchObject({ kind: 'search', body: { after: '2 bobby1' } });
    limited(scene);
    expect(scene.became).toMatchObject([{ type: 'search-results', hits, complete: false, more: true }]);
  });

  it('and when nobody has that name, it has failed likewise', () => {
    const scene = limited(new Scene().does((questions) => questions.search(0, 1, 'bobby1', 10)));
    scene.hears(message('searchResults', { requestId: scene.lastId, hits: [], complete: true }));
    expect(scene.became).toEqual([failed]);
    const again = limited(limited(new Scene().does((questions) => questions.search(0, 1, 'bobby1', 10))));
    expect([again.sent.length, again.became]).toEqual([2, [failed]]);
    // Nobody could say so for sure: the login server may know.
    const open = limited(new Scene().does((questions) => questions.search(0, 1, 'bobby1', 10)));
    open.hears(message('searchResults', { requestId: open.lastId, hits: [], incomplete: true }));
    expect(open.became).toEqual([{ ...failed, incomplete: true }]);
  });
});

describe('an answer', () => {
  it('is cut to what we asked for: names, node ids, no more than there can be', () => {
    const scene = new Scene().does((questions) => questions.search(0, 7, 'bob', 10));
    const many = Array.from({ length: 200 }, (_, i) => ({ name: `person${i}`, displayName: '' }));
    scene.hears(message('searchResults', { requestId: scene.lastId, hits: many }));
    const [results] = scene.became;
    expect(results?.type === 'search-results' && results.hits.length).toBe(10);
    scene.does((questions) => questions.search(0, 8, 'bob', 10));
    const nonsense = [
      { name: '\u001b[31m', displayName: 'red' },
      { name: 'x'.repeat(5_000), displayName: '' },
    ];
    scene.hears(message('searchResults', { requestId: scene.lastId, hits: nonsense }));
    expect(scene.became.at(-1)).toMatchObject({ hits: [] });
    scene.does((questions) => questions.lookup(0, 'bobby1'));
    const nodeIds = [Buffer.alloc(3), ...Array.from({ length: 50 }, (_, i) => bytesOf(node(i)))];
    scene.hears(message('whereabouts', { requestId: scene.lastId, nodeIds }));
    const found = scene.became.at(-1);
    expect(found?.type === 'found' && found.nodes.length).toBe(NODES_PER_PERSON_MAX - 1);
  });
});

it('more questions than may be open fail at once', () => {
  const scene = new Scene();
  for (let i = 0; i <= REQUESTS_PENDING_MAX; i++) scene.does((questions) => questions.search(0, i, 'bob', 1));
  expect(scene.became).toEqual([
    { type: 'search-failed', ticket: REQUESTS_PENDING_MAX, code: 'busy', retryAfterMs: 0 },
  ]);
});
