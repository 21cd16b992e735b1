/**
 * A picture of a real terminal for the README: runs a command on a pseudo-terminal, follows a few steps, and writes
 * what the terminal emulator then shows as SVG (real characters, real colours, the cursor).
 *
 *   node bench/picture.mjs OUT.svg [--columns 100] [--rows 30] [--title TEXT] [--step STEP]... -- COMMAND [ARG]...
 *
 * Steps, in order:  wait:REGEX    until the screen matches (15 s at most)
 *                   type:KEYS     keys, with \r, \t, \e (Escape) and \xNN
 *                   pause:MS
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';

const WAIT_MS = 15_000;
const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const FONT_SIZE = 14;
const MARGIN = 16;
const TITLE_HEIGHT = 34;
const FONTS = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

const PAPER = '#15181e';
const INK = '#d5d9e0';
/** The sixteen colours of a calm dark theme. */
const PALETTE = [
  '#2a2f3a',
  '#e5737b',
  '#8fc487',
  '#e2b86b',
  '#6fa8dc',
  '#c792d8',
  '#5fb9c6',
  '#d5d9e0',
  '#5c6370',
  '#f08e95',
  '#a9d8a1',
  '#f0cd8b',
  '#8fc0ee',
  '#dcb0ea',
  '#84d3de',
  '#ffffff',
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    columns: { type: 'string', default: '100' },
    rows: { type: 'string', default: '30' },
    title: { type: 'string', default: 'wren' },
    step: { type: 'string', multiple: true, default: ['pause:2000'] },
  },
});
const [out, command, ...args] = positionals;
if (!out || !command) {
  process.stderr.write('usage: node bench/picture.mjs OUT.svg [flags] -- COMMAND [ARG]...\n');
  process.exit(3);
}

const columns = Number(values.columns);
const rows = Number(values.rows);
const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
const { CI: _ci, NO_COLOR: _noColor, ...env } = process.env;
const pty = spawn(command, args, {
  cols: columns,
  rows,
  env: { ...env, TERM: 'xterm-256color', COLORTERM: 'truecolor' },
});
pty.onData((data) => screen.write(data));
screen.onData((data) => pty.write(data));

for (const step of values.step) await follow(step);
await drawn();
writeFileSync(out, svgOf(screen));
pty.kill();
process.exit(0);

async function follow(step) {
  const [, kind, rest = ''] = /^(wait|type|pause):(.*)$/s.exec(step) ?? [];
  if (kind === 'pause') return pause(Number(rest));
  if (kind === 'type') return pty.write(keysOf(rest));
  if (kind !== 'wait') throw new Error(`no such step: ${step}`);
  const pattern = new RegExp(rest);
  for (const giveUpAtMs = Date.now() + WAIT_MS; Date.now() < giveUpAtMs; await pause(30)) {
    await drawn();
    if (pattern.test(textOf(screen))) return undefined;
  }
  throw new Error(`never saw ${rest} on\n${textOf(screen)}`);
}

function keysOf(text) {
  const named = { r: '\r', t: '\t', n: '\n', e: '\x1b' };
  return text.replaceAll(/\\(?:x([0-9a-f]{2})|([rtne]))/gi, (_, hex, name) =>
    hex ? String.fromCharCode(parseInt(hex, 16)) : named[name],
  );
}

function drawn() {
  return new Promise((resolve) => screen.write('', resolve));
}

function pause(delayMs) {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function linesOf({ buffer: { active }, rows: count }) {
  return Array.from({ length: count }, (_, row) => active.getLine(active.viewportY + row));
}

function textOf(terminal) {
  return linesOf(terminal)
    .map((line) => line?.translateToString(true) ?? '')
    .join('\n');
}

/** One text element a run of cells that look alike; its length is given, so that any font keeps the grid. */
function svgOf(terminal) {
  const width = columns * CELL_WIDTH + 2 * MARGIN;
  const height = rows * CELL_HEIGHT + MARGIN + TITLE_HEIGHT;
  const body = linesOf(terminal).flatMap((line, row) => runsOf(line).map((run) => runSvg(run, row)));
  const dots = ['#e5737b', '#e2b86b', '#8fc487'].map(
    (fill, at) => `<circle cx="${20 + at * 20}" cy="17" r="6" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(values.title)}">
<rect width="${width}" height="${height}" rx="10" fill="${PAPER}"/>
${dots.join('')}
<text x="${width / 2}" y="22" text-anchor="middle" fill="${PALETTE[8]}" font-family='${FONTS}' font-size="13">${escaped(values.title)}</text>
<g font-family='${FONTS}' font-size="${FONT_SIZE}" xml:space="preserve">
${body.join('\n')}
${cursorSvg(terminal)}
</g>
</svg>
`;
}

function runsOf(line) {
  const runs = [];
  for (let column = 0; column < columns; column++) {
    const cell = line?.getCell(column);
    if (!cell || cell.getWidth() === 0) continue;
    const style = styleOf(cell);
    const glyph = cell.getChars() || ' ';
    const last = runs.at(-1);
    // Wide and doubtful characters stand alone: stretching them would pull their neighbours along.
    const plain = /^[\x20-\x7e─╭╮╰╯┏┓┗┛━┄]$/.test(glyph);
    if (last?.plain && plain && last.key === style.key) {
      last.text += glyph;
      last.cells += 1;
    } else runs.push({ ...style, text: glyph, column, cells: cell.getWidth(), plain });
  }
  return runs;
}

function styleOf(cell) {
  let ink = colourOf(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor(), INK);
  let paper = colourOf(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor(), PAPER);
  if (cell.isInverse()) [ink, paper] = [paper, ink];
  const bold = cell.isBold() !== 0;
  const dim = cell.isDim() !== 0;
  return { ink, paper, bold, dim, key: [ink, paper, bold, dim].join() };
}

function colourOf(isDefault, isRgb, value, fallback) {
  if (isDefault) return fallback;
  if (isRgb) return `#${value.toString(16).padStart(6, '0')}`;
  if (value < 16) return PALETTE[value];
  if (value >= 232) return `#${(8 + (value - 232) * 10).toString(16).padStart(2, '0').repeat(3)}`;
  const level = (part) => (part === 0 ? 0 : 55 + part * 40).toString(16).padStart(2, '0');
  const index = value - 16;
  return `#${level(Math.floor(index / 36))}${level(Math.floor(index / 6) % 6)}${level(index % 6)}`;
}

function runSvg({ text, column, cells, ink, paper, bold, dim }, row) {
  const x = round(MARGIN + column * CELL_WIDTH);
  const top = TITLE_HEIGHT + row * CELL_HEIGHT;
  const width = round(cells * CELL_WIDTH);
  const back =
    paper === PAPER ? '' : `<rect x="${x}" y="${top}" width="${width}" height="${CELL_HEIGHT}" fill="${paper}"/>`;
  if (text.trim() === '') return back;
  // Fonts leave gaps between the rows; a frame has none.
  if (text === '│' || text === '┃') {
    const middle = round(x + CELL_WIDTH / 2);
    const opacity = dim ? ' opacity="0.6"' : '';
    return `${back}<rect x="${middle - 0.5}" y="${top}" width="${text === '│' ? 1 : 2}" height="${CELL_HEIGHT}" fill="${ink}"${opacity}/>`;
  }
  const look = `fill="${ink}"${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.6"' : ''}`;
  const length = `textLength="${width}" lengthAdjust="spacingAndGlyphs"`;
  return `${back}<text x="${x}" y="${top + 13.5}" ${length} ${look}>${escaped(text)}</text>`;
}

function cursorSvg({ buffer: { active }, _core: core }) {
  if (core.coreService.isCursorHidden) return '';
  const x = round(MARGIN + active.cursorX * CELL_WIDTH);
  const y = TITLE_HEIGHT + active.cursorY * CELL_HEIGHT;
  return `<rect x="${x}" y="${y}" width="2" height="${CELL_HEIGHT}" fill="${INK}"/>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
