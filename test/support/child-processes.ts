/** What a process has started, as Linux tells it: for tests that end programs of programs. */
import { readdirSync, readFileSync } from 'node:fs';

/** Numbers of those that run now. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // "number (name) state parent ..."; the name may hold anything.
        return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
}
