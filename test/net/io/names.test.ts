/** Names: asked once, kept for a minute, never more waiting than the bounds allow. */
import { describe, expect, test } from 'vitest';
import { NameBook } from '../../../src/net/io/names.ts';
import { NAME_CACHE_MS, NAME_FAILURE_CACHE_MS, NAME_WAITERS_MAX, NAMES_MAX } from '../../../src/net/protocol/params.ts';

/** A book over a resolver that answers when told to. */
function book() {
  const asked: string[] = [];
  const answers = new Map<string, (addresses: readonly string[]) => void>();
  const clock = { now: 0 };
  const names = new NameBook(
    () => clock.now,
    (name, answer) => {
      asked.push(name);
      answers.set(name, answer);
    },
  );
  const found: string[] = [];
  const find = (name: string): boolean => names.find(name, (addresses) => found.push(`${name}=${addresses.join(',')}`));
  return { asked, answer: (name: string, ...to: string[]) => answers.get(name)?.(to), clock, find, found };
}

describe('names', () => {
  test('numbers are answered at once and never asked', () => {
    const { asked, find, found } = book();
    expect([find('192.0.2.1'), find('2001:db8::1')]).toEqual([true, true]);
    expect(found).toEqual(['192.0.2.1=192.0.2.1', '2001:db8::1=2001:db8::1']);
    expect(asked).toEqual([]);
  });

  test('a name is asked once for all who wait, in any case of letters', () => {
    const { asked, answer, find, found } = book();
    find('a.example');
    find('A.Example');
    expect(found).toEqual([]);
    answer('a.example', '192.0.2.1', '2001:db8::1');
    expect(found).toEqual(['a.example=192.0.2.1,2001:db8::1', 'A.Example=192.0.2.1,2001:db8::1']);
    expect(asked).toEqual(['a.example']);
  });

  test('an answer is kept for a minute, a failure for two seconds', () => {
    const { asked, answer, clock, find, found } = book();
    find('a.example');
    answer('a.example', '192.0.2.1');
    find('b.example');
    answer('b.example');
    clock.now = NAME_FAILURE_CACHE_MS - 1;
    find('a.example');
    find('b.example');
    expect(found).toEqual(['a.example=192.0.2.1', 'b.example=', 'a.example=192.0.2.1', 'b.example=']);
    clock.now = NAME_FAILURE_CACHE_MS;
    find('b.example');
    clock.now = NAME_CACHE_MS;
    find('a.example');
    expect(asked).toEqual(['a.example', 'b.example', 'b.example', 'a.example']);
  });

  test('of those who wait for one slow answer the last are turned away', () => {
    const { answer, find, found } = book();
    const taken = Array.from({ length: NAME_WAITERS_MAX + 2 }, () => find('slow.example'));
    expect(taken.filter((each) => !each).length).toBe(2);
    answer('slow.example', '192.0.2.1');
    expect(found.length).toBe(NAME_WAITERS_MAX);
  });

  test('the book forgets its oldest answer when full, and takes no question when all are open', () => {
    const { asked, answer, find } = book();
    find('first.example');
    answer('first.example', '192.0.2.1');
    for (let i = 1; i < NAMES_MAX; i += 1) find(`n${i}.example`);
    expect(find('one-more.example')).toBe(true);
    expect(find('too-many.example')).toBe(false);
    expect(asked.length).toBe(NAMES_MAX + 1);
  });
});
