/**
 * Text pictures of the real screen, kept as golden files (`test/tui/golden/*.txt`): what a person would see, times and
 * other things that change by themselves made the same. `WREN_WRITE_GOLDEN=1` records them anew; a change of a picture
 * is then read in the diff before it is committed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

const FOLDER = join(import.meta.dirname, '../tui/golden');

/** Each is as wide as what it stands for, so that the picture keeps its columns. */
const CHANGING: readonly (readonly [RegExp, (found: string) => string])[] = [
  // Clocks of calls and times of day.
  [/\b\d{1,2}:\d\d(?::\d\d)?\b/g, (found) => found.replaceAll(/\d/g, '0')],
  [/\b20\d\d-\d\d-\d\d\b/g, () => '2026-01-01'],
  // Levels of a microphone that nobody holds still.
  [/(?<=(?:mic|ear) )[━┄=.]{10}/g, (found) => '┄'.repeat(found.length)],
];

export function stable(text: string): string {
  // Blanks that were written and blanks that never were look the same.
  const lines = text.split('\n').map((line) => line.trimEnd());
  return CHANGING.reduce((shown, [pattern, same]) => shown.replaceAll(pattern, same), lines.join('\n'));
}

/** Compares `text` with the golden file of this name, or records it. */
export function expectGolden(name: string, text: string): void {
  const path = join(FOLDER, `${name}.txt`);
  const shown = `${stable(text)}\n`;
  if (process.env.WREN_WRITE_GOLDEN === '1') {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path, shown);
  }
  expect(shown, name).toBe(readFileSync(path, 'utf8'));
}
