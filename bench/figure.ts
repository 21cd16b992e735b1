/**
 * One figure: what was measured how often, what it should be, and how it is printed. Pure; scenes make figures,
 * `report.ts` lays them out.
 */
export type Unit =
  | 'ms'
  | 'µs'
  | 'MiB'
  | 'x'
  | '%'
  | 'B'
  | 'B/s'
  | 'bit/s'
  | 'packets/s'
  | 'packets'
  | 'dB'
  | 'STOI'
  | '';

export interface Target {
  /** Which line of the list of aims it comes from. */
  readonly label: string;
  readonly most?: number;
  readonly least?: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  /** One value a run (or a chirp, or a batch), in the order of the runs; at least one. */
  readonly values: readonly number[];
  readonly target?: Target;
  /** Judge the worst run, not the median. */
  readonly judgeWorst?: boolean;
  /** Judge the value that 95 of 100 runs do not exceed. */
  readonly judgeP95?: boolean;
  readonly remark?: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that so large a share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Standard deviation of a sample; 0 for fewer than two values. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

export type Verdict = 'met' | 'missed' | 'no target';

export function verdictOf({ values, target, judgeWorst, judgeP95 }: Figure): Verdict {
  if (!target) return 'no target';
  const judged = judgeWorst ? values : [judgeP95 ? quantile(values, 0.95) : median(values)];
  const met = judged.every((value) => value <= (target.most ?? value) && value >= (target.least ?? value));
  return met ? 'met' : 'missed';
}

/** Three significant digits, and never more than the unit deserves. */
export function printed(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function targetText({ target, unit, judgeWorst, judgeP95 }: Figure): string {
  if (!target) return '';
  const bounds = [
    target.least === undefined ? '' : `>= ${target.least}`,
    target.most === undefined ? '' : `<= ${target.most}`,
  ].filter((text) => text !== '');
  const label = target.label === '' ? '' : ` (${target.label})`;
  return `${judgeWorst ? 'each ' : judgeP95 ? 'p95 ' : ''}${bounds.join(', ')} ${unit}`.trim() + label;
}
