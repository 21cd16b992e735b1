import { expect, test } from 'vitest';
import type { Tone } from '../../src/tui/theme.ts';
import {
  type Background,
  backgroundOf,
  backgroundTold,
  DARK,
  depthOf,
  LIGHT,
  TERMINAL,
  THEME_CHOICES,
  themeFor,
} from '../../src/tui/themes.ts';

const TONES: readonly Tone[] = ['plain', 'strong', 'muted', 'accent', 'good', 'warn', 'bad'];

/** Relative luminance (WCAG 2). */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(ink: string, paper: string): number {
  const [low = 0, high = 0] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test.each([
  ['dark', DARK, ['#000000', '#1e1e1e', '#282c34']],
  ['light', LIGHT, ['#ffffff', '#fdf6e3', '#eeeeee']],
] as const)('every text of the %s theme can be read: contrast of 4.5 and more', (_, theme, papers) => {
  for (const { color } of Object.values(theme)) {
    if (color !== undefined)
      for (const paper of papers) expect(contrast(color, paper), color).toBeGreaterThanOrEqual(4.5);
  }
});

test('every theme has a look for every meaning, and those without faint text have none', () => {
  for (const choice of THEME_CHOICES) {
    for (const background of ['unknown', 'dark', 'light'] satisfies Background[]) {
      for (const depth of ['sixteen', 'rich'] as const) {
        const theme = themeFor(choice, background, depth);
        for (const tone of TONES) expect(theme[tone], `${choice} ${tone}`).toBeDefined();
        if (choice === 'contrast') expect(Object.values(theme).some(({ dimColor }) => dimColor)).toBe(false);
        if (choice === 'plain') expect(Object.values(theme).some(({ color }) => color)).toBe(false);
        if (depth === 'sixteen') expect(Object.values(theme).some(({ color }) => color?.startsWith('#'))).toBe(false);
      }
    }
  }
});

test('by itself the terminal keeps its own colours, unless its background is light', () => {
  expect(themeFor('auto', 'unknown', 'rich')).toBe(TERMINAL);
  expect(themeFor('auto', 'dark', 'rich')).toBe(TERMINAL);
  expect(themeFor('auto', 'light', 'rich')).toBe(LIGHT);
  expect(themeFor('auto', 'light', 'sixteen').warn.color).not.toBe('yellow');
});

test('the background is read from what the terminal answers, or from the environment', () => {
  expect(
    ['11;rgb:ffff/ffff/dddd', '11;rgb:15/18/1e', '11;rgba:f/f/f/f', '10;rgb:0/0/0', '11;?'].map(backgroundTold),
  ).toEqual(['light', 'dark', 'light', undefined, undefined]);
  expect(['15;0', '0;15', '0;default;7', '12;8', ''].map((COLORFGBG) => backgroundOf({ COLORFGBG }))).toEqual([
    'dark',
    'light',
    'light',
    'dark',
    'unknown',
  ]);
  expect([{ TERM: 'xterm' }, { TERM: 'xterm-256color' }, { COLORTERM: 'truecolor' }].map(depthOf)).toEqual([
    'sixteen',
    'rich',
    'rich',
  ]);
});
