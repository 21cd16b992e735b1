/**
 * How line mode puts things: plain lines for a dumb terminal or a pipe, and the same for a screen reader, which cannot see
 * that something is a list, a dialog or a field, so each says in words what it is and how many there are. Pure.
 */
import type { ChatLine } from '../../store/state.ts';

export interface Voice {
  readonly isReader: boolean;
  /** Items under a title; `none` is said when there are none. */
  list(title: string, items: readonly string[], none: string): readonly string[];
  /** A question that waits for one of these answers. */
  ask(title: string, body: readonly string[], answers: readonly string[]): readonly string[];
  /** A text is to be typed. */
  field(label: string, note: string): readonly string[];
  /** One message. */
  said(line: ChatLine): readonly string[];
}

export const PLAIN_VOICE: Voice = {
  isReader: false,
  list: (title, items, none) => (items.length === 0 ? [none] : [`${title}:`, ...items.map((item) => `  ${item}`)]),
  ask: (_title, body, answers) => [...body, `Type ${orWords(answers)}.`],
  field: (_label, note) => (note === '' ? [] : [note]),
  said: (line) => {
    const [first = '', ...more] = line.text.split('\n');
    if (line.kind !== undefined) return [`${timeOf(line.sentAtMs)} * ${line.text.replaceAll('\n', ' ')}`];
    const who = line.direction === 'in' ? line.with : `you to ${line.with}`;
    return [`${timeOf(line.sentAtMs)} ${who}: ${first}`, ...more.map((text) => `      ${text}`)];
  },
};

export const READER_VOICE: Voice = {
  isReader: true,
  list: (title, items, none) =>
    items.length === 0
      ? [none]
      : [`${title}, list, ${items.length} ${items.length === 1 ? 'item' : 'items'}.`].concat(
          items.map((item, index) => `${index + 1} of ${items.length}: ${item}`),
        ),
  ask: (title, body, answers) => [
    `Dialog: ${title}.`,
    ...body,
    `${answers.length === 1 ? 'Button' : 'Buttons'}: ${answers.join(', ')}.`,
  ],
  field: (label, note) => [`Edit field: ${label}.${note === '' ? '' : ` ${note}`}`],
  said: (line) => {
    if (line.kind !== undefined) return [`Note, ${timeOf(line.sentAtMs)}: ${line.text.replaceAll('\n', ' ')}`];
    const who = line.direction === 'in' ? `Message from ${line.with}` : `You to ${line.with}`;
    const [first = '', ...more] = line.text.split('\n');
    return [`${who}, ${timeOf(line.sentAtMs)}: ${first}`, ...more];
  },
};

/** `21:00`, in the reader's time zone. */
export function timeOf(wallMs: number): string {
  const date = new Date(wallMs);
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
}

/** `yes or no`, `hangup, keep or stay`. */
export function orWords(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
