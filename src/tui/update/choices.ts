/** Moving through what can be chosen: lines of a list, which end, and values of a setting, which come round again. Pure. */

/** The line `by` lines on from `chosen`, of `count`; at an end it stays. 0 when there are none. */
export function lineAfter(chosen: number, by: number, count: number): number {
  return Math.max(0, Math.min(count - 1, chosen + by));
}

/** The value after or before `value`; behind the last one comes the first again. */
export function valueAfter<T>(values: readonly T[], value: T, by: 1 | -1): T {
  return values[(values.indexOf(value) + by + values.length) % values.length] ?? value;
}
