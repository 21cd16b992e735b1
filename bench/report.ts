/** Figures as text: lines for a terminal, a table for `README.md`, an object for scripts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviation, type Figure, median, printed, targetText, verdictOf } from './figure.ts';
import { type Machine, machineText, NOISY_LOAD } from './machine.ts';

export interface Played {
  readonly scene: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  /** Load of the machine when the scene began. */
  readonly load: number;
  /** SVG by the name of the file. */
  readonly pictures?: { readonly [file: string]: string };
}

export interface Run {
  /** Year, month, day and time, UTC. */
  readonly at: string;
  readonly version: string;
  readonly machine: Machine;
  readonly scenes: readonly Played[];
}

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

export function terminalLines(figures: readonly Figure[]): string[] {
  const rows = figures.map((figure) => [figure.name, valueText(figure), rangeText(figure), judgement(figure)]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Which aims were missed, in one sentence. */
export function summary(run: Run): string {
  const misses = missed(run).map(({ name }) => name);
  return misses.length === 0 ? 'No aim was missed.' : `Missed: ${misses.join('; ')}.`;
}

function missed(run: Run): Figure[] {
  return run.scenes.flatMap(({ figures }) => figures.filter((figure) => verdictOf(figure) === 'missed'));
}

export function markdown(run: Run): string {
  const noisy = run.scenes.some(({ load }) => load > NOISY_LOAD);
  const loads = run.scenes.map(({ title, load }) => `${title.toLowerCase()} ${load.toFixed(1)}`).join(', ');
  const lines = [
    `Measured ${run.at}, version ${run.version}, on ${machineText(run.machine)}.`,
    `Load of the machine when each part began: ${loads}.${noisy ? ' **Others used the machine: times and CPU are pessimistic.**' : ''}`,
    '',
    '| figure | median | least - most (n) | aim | |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const { title, figures } of run.scenes) lines.push(`| **${title}** | | | | |`, ...figureRows(figures));
  lines.push('', summary(run));
  return lines.join('\n');
}

function figureRows(figures: readonly Figure[]): string[] {
  return figures.map((figure) => {
    const words = [figure.name, figure.remark ? `<br><sub>${figure.remark}</sub>` : ''].join('');
    return `| ${words} | ${valueText(figure)} | ${rangeText(figure)} | ${targetText(figure)} | ${mark(figure)} |`;
  });
}

/** Puts the table between the marks of `file`. Throws when they are not there. */
export function writeInto(file: string, run: Run): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${BEGIN} ... ${END}`);
  writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n\n${markdown(run)}\n\n${text.slice(end)}`);
}

/**
 * Puts the rows of the scenes that were played in the place of theirs, says beside their titles when that was, and tells
 * anew what was missed. A scene that the table has not seen goes to its end. Throws when there is no table.
 */
export function writeScenesInto(file: string, run: Run): void {
  let lines = readFileSync(file, 'utf8').split('\n');
  for (const { title, figures, load } of run.scenes) {
    const known = lines.findIndex((line) => line.startsWith(`| **${title}**`));
    const from = known < 0 ? endOfTable(lines, file) : known;
    const length =
      known < 0 ? -1 : lines.slice(from + 1).findIndex((line) => !line.startsWith('| ') || line.startsWith('| **'));
    const noisy = load > NOISY_LOAD ? ': others used the machine, times are pessimistic' : '';
    const head = `| **${title}**<br><sub>measured later, ${run.at}, load ${load.toFixed(1)}${noisy}</sub> | | | | |`;
    lines = [...lines.slice(0, from), head, ...figureRows(figures), ...lines.slice(from + 1 + length)];
  }
  const misses = lines
    .filter((line) => /\*\*missed\*\* *\|$/.test(line))
    .map((line) => /^\| (.*?) *(<br>|\|)/.exec(line)?.[1]);
  const told = misses.length === 0 ? 'No aim was missed.' : `Missed: ${misses.join('; ')}.`;
  writeFileSync(file, lines.map((line) => (/^(Missed: |No aim was missed)/.test(line) ? told : line)).join('\n'));
}

/** The line after the last row. */
function endOfTable(lines: readonly string[], file: string): number {
  const begin = lines.indexOf(BEGIN);
  const end = lines.indexOf(END, begin);
  const last = lines.slice(begin, end).findLastIndex((line) => line.startsWith('| '));
  if (begin < 0 || end < 0 || last < 0) throw new Error(`${file} has no table between ${BEGIN} and ${END}`);
  return begin + last + 1;
}

/** Writes the curves of the scenes that were played into `folder`. */
export function writePictures(folder: string, run: Run): void {
  for (const { pictures = {} } of run.scenes)
    for (const [name, svg] of Object.entries(pictures)) writeFileSync(join(folder, name), svg);
}

/** For scripts: every value, and what was made of them. */
export function plain(run: Run): object {
  const scenes = run.scenes.map(({ figures, pictures: _pictures, ...scene }) => ({
    ...scene,
    figures: figures.map((figure) => ({
      ...figure,
      median: median(figure.values),
      deviation: deviation(figure.values),
      verdict: verdictOf(figure),
    })),
  }));
  return { ...run, scenes };
}

function valueText({ values, unit }: Figure): string {
  return unit === 'STOI' ? median(values).toFixed(3) : `${printed(median(values))} ${unit}`.trim();
}

function rangeText({ values, unit }: Figure): string {
  if (values.length === 1) return '(1)';
  // It ends at 1, and what matters is how near.
  const text = (value: number): string => (unit === 'STOI' ? value.toFixed(3) : printed(value));
  return `${text(Math.min(...values))} - ${text(Math.max(...values))} (${values.length})`;
}

function mark(figure: Figure): string {
  const verdict = verdictOf(figure);
  return verdict === 'missed' ? '**missed**' : verdict === 'met' ? 'met' : '';
}

function judgement(figure: Figure): string {
  const verdict = verdictOf(figure);
  if (verdict === 'no target') return '';
  return verdict === 'met' ? `met, ${targetText(figure)}` : `MISSED, ${targetText(figure)}`;
}
