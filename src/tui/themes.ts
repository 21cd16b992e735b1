/**
 * Colours by meaning. `terminal` uses the sixteen colours that the person's own terminal defines, which nobody knows better;
 * `dark` and `light` choose shades of their own where the terminal has 256 or more; `contrast` has no faint text; `plain`
 * has no colour at all, as NO_COLOR. `auto` is `terminal`, or `light` where the terminal tells a light background, on
 * which its own yellow and cyan cannot be read.
 */
import type { Tone } from './theme.ts';

export interface InkStyle {
  readonly color?: string;
  readonly bold?: boolean;
  readonly dimColor?: boolean;
  readonly underline?: boolean;
}

export type Theme = Readonly<Record<Tone, InkStyle>>;

export const THEME_CHOICES = ['auto', 'terminal', 'dark', 'light', 'contrast', 'plain'] as const;
export type ThemeChoice = (typeof THEME_CHOICES)[number];

/** What the terminal told of its background. */
export type Background = 'unknown' | 'dark' | 'light';

/** How many colours the terminal has. */
export type ColourDepth = 'sixteen' | 'rich';

export const TERMINAL: Theme = {
  plain: {},
  strong: { bold: true },
  // Dim rather than grey: bright black is invisible on some dark themes.
  muted: { dimColor: true },
  accent: { color: 'cyan' },
  good: { color: 'green' },
  warn: { color: 'yellow' },
  bad: { color: 'red' },
};

export const DARK: Theme = {
  ...TERMINAL,
  muted: { color: '#a8a8a8' },
  accent: { color: '#5fd7d7' },
  good: { color: '#87d787' },
  warn: { color: '#ffd75f' },
  bad: { color: '#ff8787' },
};

export const LIGHT: Theme = {
  ...TERMINAL,
  muted: { color: '#5f5f5f' },
  accent: { color: '#005f87' },
  good: { color: '#005f00' },
  warn: { color: '#875f00', bold: true },
  bad: { color: '#af0000' },
};

/** Yellow, cyan and green of sixteen are too pale on white. */
const LIGHT_SIXTEEN: Theme = {
  ...TERMINAL,
  accent: { color: 'blue' },
  good: { color: 'blue' },
  warn: { color: 'magenta' },
  bad: { color: 'red', bold: true },
};

/** Weight and lines; where the background is known to be dark, bright colours too. */
const CONTRAST: Theme = {
  plain: {},
  strong: { bold: true },
  muted: {},
  accent: { bold: true },
  good: { bold: true },
  warn: { bold: true, underline: true },
  bad: { bold: true, underline: true },
};
const CONTRAST_DARK: Theme = {
  ...CONTRAST,
  accent: { color: 'cyanBright', bold: true },
  good: { color: 'greenBright', bold: true },
  warn: { color: 'yellowBright', bold: true, underline: true },
  bad: { color: 'redBright', bold: true, underline: true },
};

const PLAIN: Theme = {
  plain: {},
  strong: { bold: true },
  muted: { dimColor: true },
  accent: {},
  good: {},
  warn: { bold: true },
  bad: { bold: true },
};

export function themeFor(choice: ThemeChoice, background: Background, depth: ColourDepth): Theme {
  switch (choice) {
    case 'auto':
      return background === 'light' ? themeFor('light', background, depth) : TERMINAL;
    case 'terminal':
      return TERMINAL;
    case 'dark':
      return depth === 'rich' ? DARK : TERMINAL;
    case 'light':
      return depth === 'rich' ? LIGHT : LIGHT_SIXTEEN;
    case 'contrast':
      return background === 'dark' ? CONTRAST_DARK : CONTRAST;
    case 'plain':
      return PLAIN;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

export function depthOf({ TERM = '', COLORTERM = '' }: Environment): ColourDepth {
  return /truecolor|24bit/.test(COLORTERM) || /256|direct|kitty|ghostty|alacritty/.test(TERM) ? 'rich' : 'sixteen';
}

/** Some terminals put it into the environment (`COLORFGBG=15;0`): 7 and 9 to 15 are light. */
export function backgroundOf({ COLORFGBG = '' }: Environment): Background {
  const paper = /;(\d{1,2})$/.exec(COLORFGBG)?.[1];
  if (paper === undefined) return 'unknown';
  const number = Number(paper);
  return number === 7 || number > 8 ? 'light' : 'dark';
}

/** The answer to OSC 11, such as `rgb:1515/1818/1e1e`; undefined for anything else. */
export function backgroundTold(text: string): Background | undefined {
  const parts = /^11;rgba?:([\da-f]{1,4})\/([\da-f]{1,4})\/([\da-f]{1,4})/i.exec(text);
  if (!parts) return undefined;
  const [red = 0, green = 0, blue = 0] = parts
    .slice(1)
    .map((part) => Number.parseInt(part, 16) / (16 ** part.length - 1));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 ? 'light' : 'dark';
}
