/**
 * One round of `wren check` as one line, in the form that monitoring plugins have (Monitoring Plugins Development
 * Guidelines, "Plugin Output" and "Performance data"): service and state, what is wrong, and behind a bar the figures
 *
 *   WREN WARNING - udp: blocked: no supernode answers by UDP | rtt=24.1ms;;;0 loss_in=0%;;;0;100 mos=4.2;;;1;5 ...
 *
 * The exit codes of `check` are those of the guidelines: 0 OK, 1 WARNING, 2 CRITICAL. Pure.
 */
import { CERTIFICATE_LEFT_MS_MIN, type CheckVerdict, CLOCK_OFFSET_MS_MAX, type Step, worst } from './check-steps.ts';
import { plain } from './layout.ts';

export interface Brief {
  readonly verdict: CheckVerdict;
  readonly state: 'OK' | 'WARNING' | 'CRITICAL';
  /** What stands before the bar, without service and state. */
  readonly summary: string;
  /** Figures by label; what was not measured is absent. */
  readonly figures: Readonly<Record<string, number>>;
  readonly line: string;
}

const STATES = { pass: 'OK', warn: 'WARNING', fail: 'CRITICAL' } as const;
/** Pagers and mail subjects are short; all of it is in `wren check`. */
const SUMMARY_LENGTH_MAX = 300;

/** `tookMs`: the whole round. */
export function briefOf(steps: readonly Step[], tookMs: number): Brief {
  const verdict = worst(steps);
  const state = STATES[verdict];
  const summary = plain(summaryOf(steps, verdict).replaceAll('|', '/'), SUMMARY_LENGTH_MAX);
  const measured = perfdata(steps, tookMs);
  const figures = Object.fromEntries(measured.map(({ label, value }) => [label, value]));
  return { verdict, state, summary, figures, line: `WREN ${state} - ${summary} | ${measured.map(printed).join(' ')}` };
}

/** What is worst comes first; of a good round what came of the test call. */
function summaryOf(steps: readonly Step[], verdict: CheckVerdict): string {
  const faults = (['fail', 'warn'] as const).flatMap((kind) =>
    steps.filter((one) => one.verdict === kind && one.name !== 'sound').map(({ name, cause }) => `${name}: ${cause}`),
  );
  if (verdict !== 'pass') return faults.join('; ') || 'nothing could be checked';
  const call = steps.find(isCall);
  return call ? `voice can go direct, ${call.name}: ${call.cause}` : 'voice can go direct';
}

function isCall({ name }: Step): boolean {
  return name === 'echo call' || name === 'running call';
}

interface Measured {
  readonly label: string;
  readonly value: number;
  /** `ms`, `s`, `%`, or empty. */
  readonly unit: string;
  /** Warn range, critical range, least, most: as far as there are any. */
  readonly bounds: readonly (number | string)[];
}

function perfdata(steps: readonly Step[], tookMs: number): Measured[] {
  const call = steps.find(isCall);
  const of = (name: string): Step | undefined => steps.find((one) => one.name === name);
  const rows: readonly (readonly [string, unknown, string, ...(number | string)[]])[] = [
    ['rtt', call?.rttMs, 'ms', '', '', 0],
    ['mouth_to_ear', call?.mouthToEarMs, 'ms', '', '', 0],
    ['jitter', call?.jitterMs, 'ms', '', '', 0],
    ['loss_in', call?.lossInPct, '%', '', '', 0, 100],
    ['loss_out', call?.lossOutPct, '%', '', '', 0, 100],
    ['mos', call?.mos, '', '', '', 1, 5],
    ['supernode_rtt', of('supernode')?.rttMs, 'ms', '', '', 0],
    ['supernodes_known', of('supernode')?.known, '', '', '', 0],
    ['supernodes_answering', of('supernode')?.answering, '', '', '', 0],
    ['clock_offset', of('clock')?.offsetMs, 'ms', `${-CLOCK_OFFSET_MS_MAX}:${CLOCK_OFFSET_MS_MAX}`],
    ['certificate_left', inSeconds(of('certificate')?.leftMs), 's', `${CERTIFICATE_LEFT_MS_MIN / 1000}:`, '0:'],
    ['took', Math.round(tookMs / 10) / 100, 's', '', '', 0],
  ];
  return rows.flatMap(([label, value, unit, ...bounds]) =>
    typeof value === 'number' && Number.isFinite(value) ? [{ label, value: hundredth(value), unit, bounds }] : [],
  );
}

function inSeconds(ms: unknown): number | undefined {
  return typeof ms === 'number' ? Math.round(ms / 1000) : undefined;
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

function printed({ label, value, unit, bounds }: Measured): string {
  return [`${label}=${value}${unit}`, ...bounds].join(';');
}
