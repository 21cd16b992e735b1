/** Curves as SVG, with nothing but text: axes from zero unless told, one line for each series, a legend. */

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 70;
const RIGHT = 180;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = ['#3366aa', '#cc5533', '#338855', '#885599', '#aa8833', '#555555'];
const TICKS = 5;

/** `log`: the horizontal axis by tenfolds, for sizes of networks. `from`: where the vertical one begins. */
export function plot(
  title: string,
  axes: { readonly x: string; readonly y: string; readonly log?: boolean; readonly from?: number },
  series: readonly Series[],
): string {
  const points = series.flatMap((one) => one.points);
  const scale = axes.log ? Math.log10 : (value: number): number => value;
  const xs = points.map(([x]) => scale(x));
  const [low, high] = [axes.log ? Math.min(...xs) : 0, Math.max(...xs)];
  const top = niceAbove(Math.max(...points.map(([, y]) => y), 0));
  const bottom = axes.from ?? 0;
  const xOf = (x: number): number => LEFT + ((scale(x) - low) / (high - low || 1)) * (WIDTH - LEFT - RIGHT);
  const yOf = (y: number): number => HEIGHT - BOTTOM - ((y - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(LEFT, 22, title, 'start', 15),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, axes.x, 'middle'),
    text(LEFT, TOP - 6, axes.y, 'end'),
  ];
  for (let i = 0; i <= TICKS; i += 1) {
    const y = bottom + ((top - bottom) * i) / TICKS;
    parts.push(
      `<path d="M${LEFT} ${yOf(y)}H${WIDTH - RIGHT}" stroke="#dddddd"/>`,
      text(LEFT - 6, yOf(y) + 4, short(y), 'end'),
    );
  }
  const marks = axes.log ? [...new Set(points.map(([x]) => x))] : ticksTo(high);
  for (const x of marks) parts.push(text(xOf(x), HEIGHT - BOTTOM + 18, short(x), 'middle'));
  series.forEach(({ name, points: line }, place) => {
    const colour = COLOURS[place % COLOURS.length];
    const path = line.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`).join('');
    parts.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    if (axes.log) {
      for (const [x, y] of line) parts.push(`<circle cx="${xOf(x)}" cy="${yOf(y)}" r="3" fill="${colour}"/>`);
    }
    const y = TOP + 10 + 20 * place;
    parts.push(`<path d="M${WIDTH - RIGHT + 12} ${y}h18" stroke="${colour}" stroke-width="3"/>`);
    parts.push(text(WIDTH - RIGHT + 36, y + 4, name, 'start'));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, words: string, anchor: string, size = 12): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped}</text>`;
}

function ticksTo(high: number): number[] {
  const step = niceAbove(high) / TICKS;
  return Array.from({ length: TICKS + 1 }, (_, i) => i * step).filter((x) => x <= high);
}

/** The next of 1, 2, 5 and their tenfolds. */
function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((one) => one * power >= value) ?? 10) * power;
}

function short(value: number): string {
  if (value >= 10_000) return `${Number((value / 1_000).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
