/**
 * How commands lay words out for people: cleaned text, aligned columns, times. No colour and no box drawing, so that
 * a pipe, a screen reader and a narrow terminal all get the same lines. Pure functions; `output.ts` prints them.
 */

/** C0 but tab and line feed, DEL, C1, and the marks that reorder text: what a terminal would obey instead of show. */
export const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text from outside for one line: no controls, no line breaks, at most `charactersMax` code points. */
export function plain(text: string, charactersMax = 200): string {
  const clean = [...text.replace(CONTROLS, '').replace(/\s+/g, ' ').trim()];
  return clean.length > charactersMax ? `${clean.slice(0, charactersMax - 1).join('')}…` : clean.join('');
}

/** `HOST:PORT` of an endpoint from outside. */
export function whereOf(endpoint: string): string {
  return plain(endpoint).replace(/^(udp|tcp):/, '');
}

/** Text from outside that keeps its own line breaks: a chat message. */
export function plainLines(text: string): string[] {
  return text
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.replace(CONTROLS, '').trimEnd());
}

/**
 * Rows as aligned columns, two spaces apart; the last cell of a row is free text and is never padded. All others must
 * be ASCII (user names are), so that no table of character widths is needed.
 */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  const pad = (row: readonly string[]) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)));
  return rows.map((row) => pad(row).join('  ').trimEnd());
}

/** `2026-11-25 20:50` in the reader's own time zone; sorts as text. */
export function clock(wallMs: number): string {
  const date = new Date(wallMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `2:13`, `1:02:13`: as a phone shows the length of a call. */
export function stopwatch(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `12 s`, `4 min`, `2 h 3 min`, `5 d 1 h`: how long something has been so. */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 buddy`, `3 buddies`. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** At most one digit after the point, none when it is zero: `0.4`, `12`. */
export function figure(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
