import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import { expect, test } from 'vitest';
import { DiffStdout } from '../../src/tui/terminal/diff-stdout.ts';
import { widthOf } from '../../src/tui/text/width.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { screenText } from '../support/terminal.ts';

const COLUMNS = 40;
const ROWS = 10;

/** A terminal's stdout that keeps what is written; `full` makes it refuse more until it is drained. */
class Wire extends EventEmitter {
  columns = COLUMNS;
  rows = ROWS;
  full = false;
  text = '';
  write(text: string): boolean {
    this.text += text;
    return !this.full;
  }
  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }
}

function newXterm(): xterm.Terminal {
  return new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
}

async function draw(screen: xterm.Terminal, bytes: string): Promise<void> {
  await new Promise<void>((resolve) => screen.write(bytes, resolve));
}

/** Every cell with its look; blanks that look like nothing are equal however they came about. */
function cellsOf(screen: xterm.Terminal): string[] {
  return Array.from({ length: ROWS }, (_, row) => {
    const line = screen.buffer.active.getLine(screen.buffer.active.viewportY + row);
    return Array.from({ length: COLUMNS }, (_, column) => {
      const cell = line?.getCell(column);
      if (!cell || cell.getWidth() === 0) return '';
      const glyph = cell.getChars() || ' ';
      if (glyph === ' ' && cell.isBgDefault() && !cell.isInverse() && !cell.isUnderline()) return ' ';
      const colours = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()].join();
      return `${glyph}[${colours},${cell.isBold()},${cell.isDim()},${cell.isInverse()},${cell.isUnderline()}]`;
    }).join('');
  });
}

/** Glyphs whose width xterm and we agree on: only then is a full repaint by xterm's own rules the measure. */
const FRAGMENTS = [
  'a',
  'bc',
  '  ',
  'xyz',
  '日',
  '한',
  'é',
  '●',
  '│',
  '█',
  '━',
  'e\u0301',
  '...',
  '\x1b[31m',
  '\x1b[0m',
  '\x1b[1m',
  '\x1b[2m',
  '\x1b[22m',
  '\x1b[7m',
  '\x1b[27m',
  '\x1b[4m',
  '\x1b[24m',
  '\x1b[38;5;214m',
  '\x1b[39m',
  '\x1b[48;2;1;2;3m',
  '\x1b[49m',
  '\x1b[1;32m',
];

function randomLine(pick: (below: number) => number): string {
  let line = '';
  for (let count = pick(14); count > 0; count--) line += FRAGMENTS[pick(FRAGMENTS.length)];
  return `${line}\x1b[0m`;
}

test.each([1, 2, 3])(
  'after hundreds of random changes (seed %i) the terminal shows what a full repaint shows',
  async (seed) => {
    const random = seededRandom(seed);
    const pick = (below: number) => Math.floor(random.fraction() * below);
    const wire = new Wire();
    const screen = newXterm();
    const writer = new DiffStdout(wire);
    const lines = Array.from({ length: ROWS }, () => randomLine(pick));
    for (let frame = 0; frame < 500; frame++) {
      for (let changes = pick(3); changes >= 0; changes--) lines[pick(ROWS)] = randomLine(pick);
      const shown = lines.slice(0, pick(20) === 0 ? ROWS - pick(3) : ROWS);
      writer.write(shown.join('\n'));
      writer.flush();
      await draw(screen, wire.take());
      if (frame % 10 !== 0) continue;
      const whole = newXterm();
      // The very last cell is never written, see `forbiddenFrom`; wide glyphs are cut at the edge, not wrapped.
      await draw(whole, `\x1b[?7l${shown.map((line, row) => `\x1b[${row + 1}H\x1b[m${line}`).join('')}`);
      expect(cellsOf(screen), `frame ${frame} of seed ${seed}`).toEqual(cellsOf(whole));
      whole.dispose();
    }
  },
);

test('borders stay straight beside emoji, flags and joined families that this terminal draws too narrow or too wide', async () => {
  const random = seededRandom('doubtful');
  const pick = (below: number) => Math.floor(random.fraction() * below);
  const odd = ['🐦', '🇩🇪', '👨‍👩‍👧', '⚠️', 'हिन्दी', 'ab', '日', ' ', '\x1b[31m', '\x1b[0m'];
  const wire = new Wire();
  const screen = newXterm();
  const writer = new DiffStdout(wire);
  const lines = Array.from({ length: ROWS }, () => '');
  for (let frame = 0; frame < 400; frame++) {
    const inside = Array.from({ length: pick(9) }, () => odd[pick(odd.length)]).join('');
    lines[pick(ROWS)] = `│${inside}\x1b[0m${' '.repeat(COLUMNS - 2 - widthOf(inside.replaceAll(/\x1b\[\d+m/g, '')))}│`;
    // The last row has no last cell.
    writer.write(lines.slice(0, ROWS - 1).join('\n'));
    writer.flush();
    await draw(screen, wire.take());
    for (const [row, line] of lines.slice(0, ROWS - 1).entries()) {
      const cell = screen.buffer.active.getLine(row)?.getCell(COLUMNS - 1);
      expect(cell?.getChars(), `row ${row} of frame ${frame}`).toBe(line === '' ? '' : '│');
    }
  }
});

test('the same frame twice costs nothing, one changed letter costs a jump and a letter', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write('hello\nworld');
  writer.flush();
  wire.take();
  writer.write('hello\nworld');
  writer.flush();
  expect(wire.take()).toBe('');
  writer.write('hello\nworlt');
  writer.flush();
  expect(wire.take()).toBe('\x1b[2;5Ht');
});

test('after doubtful glyphs the position is set anew, so that borders stay straight whatever the terminal thinks', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write('│👨‍👩‍👧 family      │');
  writer.flush();
  const sent = wire.take();
  expect(sent).toContain('👨‍👩‍👧\x1b[1;4H');
  // When the glyph goes, what it may have covered is drawn again.
  writer.write('│   family      │');
  writer.flush();
  expect(wire.take()).toContain('   famil');
});

test('escape sequences in a frame never reach the terminal, only colours do', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write('a\x1b]52;c;ZXZpbA==\x07b\x1b[2Jc\x07d\x1b[5;5He\x1bcf\x9b31mg\x1b[31mred');
  writer.flush();
  const sent = wire.take();
  expect(sent).not.toContain(']52');
  expect(sent).not.toContain('\x07');
  expect(sent.match(/\x1b\[2J/g)).toHaveLength(1);
  expect(sent).toContain('abcdef31mg\x1b[31mred');
});

test('without colour the words and the weight stay', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire, { colour: false });
  writer.write('\x1b[1;31mbad\x1b[0m \x1b[48;5;2mgreen\x1b[0m');
  writer.flush();
  const sent = wire.take();
  expect(sent).toContain('\x1b[1mbad');
  expect(sent).not.toMatch(/\x1b\[[0-9;]*(?:3\d|4\d)/);
});

test('while the terminal does not keep up, frames are skipped and the newest follows', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  wire.full = true;
  writer.write('first');
  writer.flush();
  wire.take();
  for (const frame of ['second', 'third', 'newest']) {
    writer.write(frame);
    writer.flush();
  }
  expect(wire.take()).toBe('');
  wire.full = false;
  wire.emit('drain');
  expect(wire.take()).toContain('newest');
});

test('the cursor is shown where it belongs, moved alone for a few bytes, and hidden when no field has it', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write('> hi');
  writer.placeCursor({ column: 4, row: 0 });
  writer.flush();
  expect(wire.take().endsWith('\x1b[1;5H\x1b[?25h')).toBe(true);
  writer.placeCursor({ column: 2, row: 0 });
  writer.flush();
  expect(wire.take()).toBe('\x1b[1;3H');
  writer.placeCursor(undefined);
  writer.flush();
  expect(wire.take()).toBe('\x1b[?25l');
});

test('the last cell of the last row is never written: some terminals would scroll', async () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write(Array.from({ length: ROWS }, () => 'x'.repeat(COLUMNS)).join('\n'));
  writer.flush();
  const screen = newXterm();
  await draw(screen, wire.take());
  const lines = screenText(screen).split('\n');
  expect(lines[0]).toBe('x'.repeat(COLUMNS));
  expect(lines[ROWS - 1]).toBe('x'.repeat(COLUMNS - 1));
});

test('after another program drew on the terminal everything is sent again', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.write('one\ntwo');
  writer.flush();
  wire.take();
  writer.invalidate();
  writer.flush();
  expect(wire.take()).toMatch(/\x1b\[2J.*one.*two/s);
});

test('nothing is sent once the writer is closed', () => {
  const wire = new Wire();
  const writer = new DiffStdout(wire);
  writer.close();
  writer.write('late frame');
  writer.flush();
  writer.passThrough('\x07');
  expect(wire.take()).toBe('');
});
