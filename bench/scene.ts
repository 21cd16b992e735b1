/** What `bench.ts` knows of a scene, and what it gives one. */
import type { Figure } from './figure.ts';

export interface Scene {
  readonly name: string;
  readonly title: string;
  /** About how long it takes, s. */
  readonly seconds: number;
  /** `say`: one line of progress. */
  readonly play: (say: (line: string) => void) => Promise<readonly Figure[] | Drawn>;
}

/** Figures with curves: SVG by the name of the file beside `README.md`. */
export interface Drawn {
  readonly figures: readonly Figure[];
  readonly pictures: { readonly [file: string]: string };
}

/** Runs `once` so many times, one after the other. */
export async function repeat<T>(times: number, once: (run: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let run = 0; run < times; run++) results.push(await once(run));
  return results;
}
