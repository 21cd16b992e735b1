/** Leaves of the ordered index: every key lies in one, and maps of any age become the same by union. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeafMap, separatorBetween } from '../../../src/net/overlay/leaf-map.ts';
import { LEAF_TEXT_MAX } from '../../../src/net/protocol/overlay-params.ts';

const separator = fc.tuple(fc.constantFrom('u:', 'w:'), fc.stringMatching(/^[a-c]{1,4}$/)).map(([a, b]) => a + b);

function mapOf(separators: readonly string[]): LeafMap {
  const map = new LeafMap();
  map.learn(separators);
  return map;
}

describe('a map of leaves', () => {
  test('is the same in whatever order and how often its separators were told', () => {
    fc.assert(
      fc.property(fc.array(separator), fc.array(separator), (some, more) => {
        const one = mapOf([...some, ...more]);
        const other = mapOf([...more, ...some, ...more]);
        expect(other.all()).toEqual(one.all());
        expect(other.digest).toEqual(one.digest);
      }),
    );
  });

  test('puts every key between its leaf and the end of that', () => {
    fc.assert(
      fc.property(fc.array(separator), separator, (some, key) => {
        const map = mapOf(some);
        const leaf = map.leafOf(key);
        expect(leaf <= key && key < map.endOf(leaf)).toBe(true);
        expect(leaf.slice(0, 2)).toBe(key.slice(0, 2));
      }),
    );
  });

  test('covers all keys with a beginning', () => {
    fc.assert(
      fc.property(fc.array(separator), separator, fc.stringMatching(/^[a-c]{0,3}$/), (some, head, rest) => {
        const map = mapOf(some);
        const leaves = map.covering(head, head);
        expect(leaves).toContain(map.leafOf(head + rest));
        expect(leaves).toEqual([...new Set(leaves)].sort());
        expect(map.covering(head, head + rest)).toEqual(leaves.slice(leaves.indexOf(map.leafOf(head + rest))));
      }),
    );
  });

  test('takes no separator that is none', () => {
    const map = mapOf(['', 'x:a', 'u', `u:${'a'.repeat(LEAF_TEXT_MAX)}`]);
    expect(map.all()).toEqual(['u:', 'w:']);
  });

  test('is cut at the shortest text between two keys', () => {
    expect(separatorBetween('u:mary.1', 'u:mike')).toBe('u:mi');
    expect(separatorBetween('u:mary', 'u:mary.1')).toBe('u:mary.');
    fc.assert(
      fc.property(separator, separator, (a, b) => {
        fc.pre(a < b);
        const cut = separatorBetween(a, b);
        expect(a < cut && cut <= b && cut.length <= b.length).toBe(true);
      }),
    );
  });
});
