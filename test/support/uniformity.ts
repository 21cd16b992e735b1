/**
 * Are bytes at one place of many captures what chance would give? Pearson's chi-square over the 256 values, with 255
 * degrees of freedom. The limit is that of the cube-root approximation (Wilson and Hilferty, 1931), good to a per cent
 * for so many degrees.
 */

const VALUES = 256;

/** Chi-square of each of the first `length` positions; those that a capture lacks are left out of the count. */
export function chiSquares(captures: readonly Buffer[], length: number): number[] {
  return Array.from({ length }, (_, at) => {
    const there = captures.filter((bytes) => bytes.length > at);
    const counts = new Array<number>(VALUES).fill(0);
    for (const bytes of there) counts[bytes[at] ?? 0] = (counts[bytes[at] ?? 0] ?? 0) + 1;
    const expected = there.length / VALUES;
    return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  });
}

/** What chi-square exceeds with so little probability, as its normal quantile z. */
export function chiSquareLimit(z: number): number {
  const share = 2 / (9 * (VALUES - 1));
  return (VALUES - 1) * (1 - share + z * Math.sqrt(share)) ** 3;
}

/** Positions that hold the same byte in all captures. */
export function constantPositions(captures: readonly Buffer[], length: number): number[] {
  return Array.from({ length }, (_, at) => at).filter((at) => {
    const [first] = captures;
    return captures.every((bytes) => bytes.length > at && bytes[at] === first?.[at]);
  });
}

/** The strings of so many bytes that stand in most captures, most common first. */
export function commonStrings(captures: readonly Buffer[], bytes: number, count: number): Buffer[] {
  const seen = new Map<string, number>();
  for (const capture of captures) {
    const own = new Set<string>();
    for (let at = 0; at + bytes <= capture.length; at++) own.add(capture.toString('latin1', at, at + bytes));
    for (const one of own) seen.set(one, (seen.get(one) ?? 0) + 1);
  }
  const inOrder = [...seen].toSorted(([, a], [, b]) => b - a);
  return inOrder.slice(0, count).map(([text]) => Buffer.from(text, 'latin1'));
}
