/** What Linux tells of a process under /proc: memory and processor time. */
import { readdirSync, readFileSync } from 'node:fs';

/** MiB. */
export interface Memory {
  readonly rss: number;
  /** Shared pages divided by the number of processes that have them. */
  readonly pss: number;
  /** Pages of this process alone. */
  readonly own: number;
  readonly shared: number;
}

const TICKS_PER_SECOND = 100;

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  const mib = (...names: string[]): number => names.reduce((sum, name) => sum + kib(name), 0) / 1024;
  return {
    rss: mib('Rss'),
    pss: mib('Pss'),
    own: mib('Private_Clean', 'Private_Dirty'),
    shared: mib('Shared_Clean', 'Shared_Dirty'),
  };
}

/**
 * What a set of processes takes on a machine where no other Node runs: all that is theirs alone, and what they share
 * (the pages of the Node program above all) once. PSS is lower here, where a whole network shares those pages.
 */
export function memoryAlone(all: readonly Memory[]): number {
  return all.reduce((sum, one) => sum + one.own, 0) + Math.max(...all.map((one) => one.shared));
}

/** Processor time that a process has used so far, all threads, user and system, ms. */
export function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Processes whose command line holds `text`. */
export function pidsWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}
