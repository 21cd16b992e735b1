/**
 * What a piece of text may mean, and the signs that stand beside it; `themes.ts` has the colours. A colour is never the
 * only signal: each state has a sign and a word too, so the screen reads the same with NO_COLOR, on paper and to a
 * person who does not see red and green.
 */
import type { PresenceStatus } from '../store/state.ts';

/** What a piece of text means. */
export type Tone = 'plain' | 'strong' | 'muted' | 'accent' | 'good' | 'warn' | 'bad';

/** Signs and lines; a set for terminals that have Unicode and one for those that do not. */
export interface Glyphs {
  readonly presence: Readonly<Record<PresenceStatus, string>>;
  readonly incoming: string;
  readonly outgoing: string;
  readonly declined: string;
  readonly blocked: string;
  readonly chosen: string;
  readonly delivered: string;
  readonly waiting: string;
  /** A message that the network keeps. */
  readonly kept: string;
  readonly trouble: string;
  readonly dot: string;
  readonly secret: string;
  readonly lineBreak: string;
  readonly meterOn: string;
  readonly meterOff: string;
  readonly frame: FrameGlyphs;
  readonly heavyFrame: FrameGlyphs;
}

/** In the form that Ink takes for a border. */
export interface FrameGlyphs {
  readonly topLeft: string;
  readonly top: string;
  readonly topRight: string;
  readonly right: string;
  readonly bottomRight: string;
  readonly bottom: string;
  readonly bottomLeft: string;
  readonly left: string;
}

/** From corners (top left, top right, bottom left, bottom right) and two lines (horizontal, vertical). */
function frameOf(glyphs: string): FrameGlyphs {
  const [topLeft = '', topRight = '', bottomLeft = '', bottomRight = '', line = '', side = ''] = glyphs;
  return { topLeft, top: line, topRight, right: side, bottomRight, bottom: line, bottomLeft, left: side };
}

export const UNICODE_GLYPHS: Glyphs = {
  presence: { online: '●', away: '◐', 'do-not-disturb': '⊘', invisible: '◌', offline: '○' },
  incoming: '?',
  outgoing: '»',
  declined: '×',
  blocked: '×',
  chosen: '▸',
  delivered: '✓',
  waiting: '…',
  kept: '≈',
  trouble: '!',
  dot: '·',
  secret: '•',
  lineBreak: '↵',
  meterOn: '━',
  meterOff: '┄',
  frame: frameOf('╭╮╰╯─│'),
  heavyFrame: frameOf('┏┓┗┛━┃'),
};

export const ASCII_GLYPHS: Glyphs = {
  presence: { online: '*', away: '~', 'do-not-disturb': '-', invisible: '.', offline: 'o' },
  incoming: '?',
  outgoing: '>',
  declined: 'x',
  blocked: 'x',
  chosen: '>',
  delivered: 'v',
  waiting: '.',
  kept: '=',
  trouble: '!',
  dot: '-',
  secret: '*',
  lineBreak: '|',
  meterOn: '=',
  meterOff: '.',
  frame: frameOf('++++-|'),
  heavyFrame: frameOf('####=#'),
};

/** The set for a terminal. Unicode unless the environment plainly says otherwise: most ssh sessions say nothing. */
export function glyphsFor(env: Readonly<Record<string, string | undefined>>): Glyphs {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const charset = /\.([^@]+)/.exec(locale)?.[1]?.toLowerCase().replaceAll('-', '') ?? 'utf8';
  return env.TERM === 'linux' || charset !== 'utf8' ? ASCII_GLYPHS : UNICODE_GLYPHS;
}

/** False when the person asked for no colour (no-color.org: set and not empty). */
export function wantsColour(env: Readonly<Record<string, string | undefined>>): boolean {
  return (env.NO_COLOR ?? '') === '';
}
