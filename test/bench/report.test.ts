/** The table of `bench/README.md`: what is judged how, and that only the text between the marks is replaced. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deviation, type Figure, median, verdictOf } from '../../bench/figure.ts';
import { type Run, summary, writeInto, writePictures, writeScenesInto } from '../../bench/report.ts';

const folder = mkdtempSync(join(tmpdir(), 'wren-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const machine = { cores: 2, model: 'Some CPU', memoryGiB: 8, system: 'Debian, Linux 6', node: '20.19.0' };
const slow: Figure = { name: 'first sound', unit: 'ms', values: [200, 300, 260], target: { label: 'V1', most: 250 } };
const steady: Figure = {
  name: 'packets',
  unit: 'packets/s',
  values: [50, 50.2, 49.9],
  target: { label: 'V3', least: 49 },
};
const run = (figures: readonly Figure[], load = 0.2): Run => ({
  at: '2026-01-02 03:04',
  version: '0.1.0',
  machine,
  scenes: [{ scene: 'call', title: 'Call', figures, load }],
});

describe('a figure', () => {
  it('has the middle value, or the mean of both', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });

  it('has the spread of a sample', () => {
    expect(deviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3);
    expect(deviation([1])).toBe(0);
  });

  it('is judged by its median, or by each run where that is asked', () => {
    expect(verdictOf(slow)).toBe('missed');
    expect(verdictOf({ ...slow, target: { label: 'V1', most: 260 } })).toBe('met');
    expect(verdictOf({ ...slow, target: { label: 'V1', most: 260 }, judgeWorst: true })).toBe('missed');
    expect(verdictOf({ name: 'x', unit: 'ms', values: [1] })).toBe('no target');
  });
});

describe('the table', () => {
  const page = (text: string): string => {
    const file = join(folder, 'page.md');
    writeFileSync(file, text);
    return file;
  };

  it('takes the rows of one scene alone, says when they were measured, and tells anew what was missed', () => {
    const file = page('<!-- bench:begin -->\n<!-- bench:end -->\n');
    const both = run([slow]);
    const other = { scene: 'idle', title: 'Rest', figures: [{ ...slow, name: 'waking' }, steady], load: 0.1 };
    writeInto(file, { ...both, scenes: [...both.scenes, other] });
    const better: Run = { ...run([{ ...slow, values: [100] }, steady], 3), at: '2026-01-05 06:07' };
    writeScenesInto(file, better);
    writeScenesInto(file, better);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('Measured 2026-01-02 03:04');
    expect(text).toContain('measured later, 2026-01-05 06:07, load 3.0: others used the machine');
    expect(text.match(/^\| first sound \|/gm)).toHaveLength(1);
    expect(text).toMatch(/first sound \| 100 ms .*\n\| packets .*\n\| \*\*Rest\*\*.*\n\| waking .*\n\| packets /);
    expect(text).toContain('\nMissed: waking.\n');
  });

  it('takes a scene that it has not seen at its end, and drops nothing', () => {
    const file = page('<!-- bench:begin -->\n<!-- bench:end -->\nafter\n');
    const unseen: Run = { ...run([]), scenes: [{ scene: 'new', title: 'Unheard of', figures: [steady], load: 0.1 }] };
    expect(() => writeScenesInto(file, unseen)).toThrow('no table');
    writeInto(file, run([slow]));
    writeScenesInto(file, unseen);
    writeScenesInto(file, unseen);
    expect(readFileSync(file, 'utf8')).toMatch(
      /\| first sound \|.*\n\| \*\*Unheard of\*\*.*\n\| packets .*\n\nMissed: first sound\.\n\n<!-- bench:end -->\nafter/,
    );
  });

  it('has curves beside it', () => {
    const drawn = run([steady]);
    writePictures(folder, { ...drawn, scenes: [{ ...drawn.scenes[0]!, pictures: { 'curve.svg': '<svg/>' } }] });
    expect(readFileSync(join(folder, 'curve.svg'), 'utf8')).toBe('<svg/>');
  });

  it('replaces what stands between the marks and nothing else', () => {
    const file = page('# before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n');
    writeInto(file, run([slow, steady]));
    writeInto(file, run([slow, steady]));
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# before\n<!-- bench:begin -->\n/);
    expect(text).toMatch(/<!-- bench:end -->\nafter\n$/);
    expect(text).not.toContain('old');
    expect(text.match(/\| first sound \|/g)).toHaveLength(1);
    expect(text).toContain('| first sound | 260 ms | 200 - 300 (3) | <= 250 ms (V1) | **missed** |');
    expect(text).toContain('Missed: first sound.');
    expect(text).not.toContain('pessimistic');
  });

  it('says when others used the machine', () => {
    const file = page('<!-- bench:begin --><!-- bench:end -->');
    writeInto(file, run([steady], 2.5));
    expect(readFileSync(file, 'utf8')).toContain('Others used the machine');
    expect(summary(run([steady]))).toBe('No aim was missed.');
  });

  it('is not written into a page without marks', () => {
    expect(() => writeInto(page('nothing'), run([steady]))).toThrow(/bench:begin/);
  });
});
