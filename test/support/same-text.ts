/**
 * Do the patched libraries measure and cut text as they did before? Built as the screen is, with the patches; the libraries as they
 * were installed are named on the command line. Prints each text of which the two do not think the same.
 */
import { tokenize } from '@alcalzone/ansi-tokenize';
import stringWidth from 'string-width';

/** Of the libraries as installed. */
interface Installed {
  readonly default: typeof stringWidth;
  readonly tokenize: typeof tokenize;
}

const SEQUENCES = [
  '👩‍👩‍👧‍👦',
  '👁️‍🗨️',
  '☝🏻',
  '☝️',
  '☝',
  '1️⃣',
  '1⃣',
  '🇩🇪',
  '🇩',
  '❤️',
  '❤',
  '⛹🏻‍♂️',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
  'é',
  'e\u0301',
  'क्षि',
  '한',
  'ｶﾞ',
  '✓',
  '●',
  '⊘',
  '\u00ad',
  '\u200d',
  '\ufe0f',
  '\ud800',
  '',
];

async function main([width = '', tokens = '']: readonly string[]): Promise<void> {
  const installed = ((await import(width)) as Installed).default;
  const cut = ((await import(tokens)) as Installed).tokenize;
  const signs = Array.from({ length: 0x20000 }, (_, code) => String.fromCodePoint(code));
  const texts = [...SEQUENCES, ...SEQUENCES.flatMap((a) => SEQUENCES.map((b) => `${a}x│${b}`))];
  const coloured = texts.map((text) => `\x1b[1;31m${text}\x1b[39m ─ é\x1b[0m`);
  const wrong = [...signs, ...texts, ...coloured].filter((text) => stringWidth(text) !== installed(text));
  const torn = [...coloured, 'plain │ \x1b]8;;http://a.example\x07link\x1b]8;;\x07'].filter(
    (text) => JSON.stringify(tokenize(text)) !== JSON.stringify(cut(text)),
  );
  console.log(JSON.stringify([...wrong, ...torn]));
}

main(process.argv.slice(2));
