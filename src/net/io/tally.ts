/**
 * Counts what the sockets swallowed. Errors of single packets are never thrown and never logged one by one (a flood
 * would fill the disk); they end up here, and `wren status` and the doctor read them.
 */

/** More kinds than this mean that somebody counts by a name from outside; the rest goes under `other`. */
const KINDS_MAX = 64;

export class Tally {
  readonly #counts = new Map<string, number>();

  add(fact: string): void {
    const known = this.#counts.has(fact) || this.#counts.size < KINDS_MAX;
    const key = known ? fact : 'other';
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** How often `fact` happened since the start. */
  of(fact: string): number {
    return this.#counts.get(fact) ?? 0;
  }

  report(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** The system's word for an error (`ECONNREFUSED`), or `unknown`. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}
