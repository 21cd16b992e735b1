/** Searches over one copy of the index: what is found, in which order, page by page. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IndexStore, type Query } from '../../../src/net/overlay/index-store.ts';
import { compilePattern } from '../../support/pattern-oracle.ts';
import { HOUR_MS, recordOf, WALL_MS } from './index-scenes.ts';

function storeOf(people: readonly (readonly [name: string, displayName: string])[]): IndexStore {
  const store = new IndexStore();
  for (const [number, [name, displayName]] of people.entries()) store.put(recordOf(name, number, { displayName }));
  return store;
}

function search(store: IndexStore, pattern: string, query: Partial<Query> = {}): string[] {
  return store.search({ pattern, limit: 50, after: '', asOfMs: WALL_MS, ...query }).hits.map(({ name }) => name);
}

const PEOPLE = [
  ['johnny', 'Jane Smith'],
  ['john-b', 'Zoe'],
  ['Johnson', ''],
  ['marianne', 'John Miller'],
  ['peter-1', 'Miller John Jr.'],
  ['littlejohn', 'x'],
] as const;

describe('a search', () => {
  test('gives the name itself first, then names that begin so, then words of display names', () => {
    const store = storeOf([...PEOPLE, ['johnxx', 'John'], ['john_', 'itself']]);
    expect(search(store, 'JOHN_')).toEqual(['john_']);
    expect(search(store, 'john')).toEqual(['john-b', 'john_', 'johnny', 'Johnson', 'johnxx', 'marianne', 'peter-1']);
    expect(search(store, 'johnny')).toEqual(['johnny']);
  });

  test('with stars looks at names only', () => {
    expect(search(storeOf(PEOPLE), '*john*')).toEqual(['john-b', 'johnny', 'Johnson', 'littlejohn']);
    expect(search(storeOf(PEOPLE), 'j*n')).toEqual(['Johnson']);
  });

  test('for several words wants all of them', () => {
    expect(search(storeOf(PEOPLE), 'mill jo')).toEqual(['marianne', 'peter-1']);
    expect(search(storeOf(PEOPLE), 'mill x')).toEqual([]);
  });

  test('shows the unlisted by their exact name only', () => {
    const store = new IndexStore();
    store.put(recordOf('hidden', 1, { displayName: 'Secret Person', listed: false }));
    expect(search(store, 'hidden')).toEqual(['hidden']);
    for (const pattern of ['hidde', '*hidden*', 'secret']) expect(search(store, pattern)).toEqual([]);
  });

  test('finds a person until 72 hours after the sign-in, by what the query takes for now (N10)', () => {
    const store = storeOf([['bobby1', 'Bob']]);
    for (const pattern of ['bobby1', 'bob', 'b*', 'bob']) {
      expect(search(store, pattern, { asOfMs: WALL_MS + 72 * HOUR_MS - 60_000 })).toEqual(['bobby1']);
      expect(search(store, pattern, { asOfMs: WALL_MS + 72 * HOUR_MS })).toEqual([]);
    }
  });

  test('takes the newest word of a person with several machines', () => {
    const store = new IndexStore();
    store.put(recordOf('bobby1', 1, { displayName: 'Old Name', sequence: 1 }));
    store.put(recordOf('bobby1', 2, { displayName: 'New Name', sequence: 2 }));
    expect(store.search({ pattern: 'name', limit: 9, after: '', asOfMs: WALL_MS }).hits).toEqual([
      { name: 'bobby1', displayName: 'New Name' },
    ]);
    expect(store.find('BOBBY1', WALL_MS).map(({ displayName }) => displayName)).toEqual(['New Name', 'Old Name']);
    store.put(recordOf('bobby1', 2, { displayName: 'Newer', sequence: 3 }));
    expect(search(store, 'new')).toEqual(['bobby1']);
    store.delete(recordOf('bobby1', 2).nodeId);
    expect(search(store, 'newer')).toEqual([]);
    expect(search(store, 'old')).toEqual(['bobby1']);
  });

  test('begins again at the start for a cursor that nobody gave', () => {
    const store = storeOf(PEOPLE);
    expect(search(store, 'john', { after: '9 x' })).toEqual(search(store, 'john'));
  });
});

const nameText = fc
  .string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 5, maxLength: 7 })
  .map((one) => `a${one}`);
const shownText = fc
  .array(fc.constantFrom('a', 'ab', 'abba', 'ba', 'Bab'), { maxLength: 3 })
  .map((one) => one.join(' '));
const patternText = fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', '*', '-', ' '), maxLength: 6 }), nameText);

test('page after page, every search is that of a plain list, sorted', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(nameText, { maxLength: 30 }),
      fc.array(shownText, { minLength: 30, maxLength: 30 }),
      patternText,
      fc.integer({ min: 1, max: 7 }),
      (names, shown, pattern, limit) => {
        const people = names.map((name, i) => [name, shown[i] ?? ''] as const);
        const matches = compilePattern(pattern);
        const expected = people
          .map(([name, displayName]) => ({ name, rank: matches(name, displayName) }))
          .filter(({ rank }) => rank > 0)
          .sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1))
          .map(({ name }) => name);
        const store = storeOf(people);
        const found: string[] = [];
        let after = '';
        do {
          const page = store.search({ pattern, limit, after, asOfMs: WALL_MS });
          expect(page.whole).toBe(true);
          found.push(...page.hits.map(({ name }) => name));
          after = page.next;
        } while (after !== '');
        expect(found).toEqual(expected);
      },
    ),
    { numRuns: 60 },
  );
});
