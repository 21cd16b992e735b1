/**
 * Tables with a bound, in which what was set longest ago stands first and is forgotten first (a Map keeps the order).
 */

/** Sets an entry, at the end, whether it was there or not. Beyond `most` entries the first one goes. */
export function setRecent<K, V>(table: Map<K, V>, key: K, value: V, most: number): void {
  table.delete(key);
  table.set(key, value);
  if (table.size <= most) return;
  for (const oldest of table.keys()) {
    table.delete(oldest);
    return;
  }
}
