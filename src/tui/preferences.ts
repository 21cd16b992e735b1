/**
 * What a person chose for the screen: `screen.json` in the profile, read and written by whoever starts the screen, judged
 * here. One bad value costs that value only, and one sentence.
 */
import { foldName } from '../net/protocol/ids.ts';
import { DEFAULT_KEYS, type KeyTable } from './key-bindings.ts';
import { type KeyWishes, remapped } from './key-remap.ts';
import { cleanLine } from './text/sanitize.ts';
import { graphemesOf } from './text/width.ts';
import { THEME_CHOICES, type ThemeChoice } from './themes.ts';

export interface Preferences {
  readonly theme: ThemeChoice;
  /** Clicks and the wheel are ours; off, because the terminal's own selection of text is then gone. */
  readonly mouse: boolean;
  readonly keys: KeyWishes;
  /** The group in the list that a buddy stands in, by folded name. */
  readonly groups: Readonly<Record<string, string>>;
  /** The trouble with sound that the person was told of last, as the agent words it; empty when sound has worked since. */
  readonly toldProblem: string;
}

export const DEFAULT_PREFERENCES: Preferences = {
  ...{ theme: 'auto', mouse: false, keys: {}, groups: {} },
  toldProblem: '',
};

/** Where they are kept; what the file holds besides stays in it. */
export interface PreferencesStore {
  /** What was stored: anything, for a person edits it; `problem` is one sentence on a file that cannot be read, or empty. */
  read(): { readonly stored: unknown; readonly problem: string };
  /** Throws a Refusal when the disk does not take it. */
  write(change: Partial<Preferences>): void;
}

export interface ReadPreferences {
  readonly preferences: Preferences;
  readonly keys: KeyTable;
  readonly problems: readonly string[];
}

const GROUP_LENGTH_MAX = 24;
const ENTRIES_MAX = 1_000;
const TEXT_LENGTH_MAX = 200;
const TOLD_LENGTH_MAX = 500;

const UNTOUCHED: ReadPreferences = { preferences: DEFAULT_PREFERENCES, keys: DEFAULT_KEYS, problems: [] };

/** What `stored` comes to. Never throws. */
export function readPreferences(stored: unknown): ReadPreferences {
  if (stored === undefined || stored === null) return UNTOUCHED;
  if (typeof stored !== 'object' || Array.isArray(stored)) {
    return { ...UNTOUCHED, problems: ['screen.json is no list of settings: none of it is used.'] };
  }
  const { theme, mouse, keys, groups, toldProblem } = stored as Readonly<Record<string, unknown>>;
  const problems: string[] = [];
  const known = THEME_CHOICES.find((one) => one === theme);
  if (theme !== undefined && !known)
    problems.push(`Theme: there is none of that name; choose ${THEME_CHOICES.join(', ')}.`);
  if (mouse !== undefined && typeof mouse !== 'boolean') problems.push('Mouse: that is true or false.');
  const wishes = texts(keys, 'Keys', problems);
  const { keys: table, problems: others } = remapped(wishes);
  const preferences: Preferences = {
    theme: known ?? DEFAULT_PREFERENCES.theme,
    mouse: mouse === true,
    keys: wishes,
    // Not the person's own: whatever it is, the worst is that something is said again.
    toldProblem: typeof toldProblem === 'string' ? toldProblem.slice(0, TOLD_LENGTH_MAX) : '',
    groups: Object.fromEntries(
      Object.entries(texts(groups, 'Groups', problems)).flatMap(([name, group]) => {
        const title = groupTitle(group);
        return title === '' ? [] : [[foldName(name), title]];
      }),
    ),
  };
  return { preferences, keys: table, problems: [...problems, ...others] };
}

/** A group as it stands in the list: one line, short. */
export function groupTitle(text: string): string {
  return graphemesOf(cleanLine(text).trim().replaceAll(/\s+/g, ' ')).slice(0, GROUP_LENGTH_MAX).join('').trim();
}

/** Texts by name; a list of words counts as one text. */
function texts(value: unknown, what: string, problems: string[]): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    problems.push(`${what}: that must be names with texts.`);
    return {};
  }
  const entries: [string, string][] = [];
  for (const [name, one] of Object.entries(value).slice(0, ENTRIES_MAX)) {
    const text = Array.isArray(one) && one.every((word) => typeof word === 'string') ? one.join(' ') : one;
    if (typeof text === 'string' && text.length <= TEXT_LENGTH_MAX) entries.push([name, text]);
    else problems.push(`${what}, ${cleanLine(name).slice(0, 60)}: that must be a short text.`);
  }
  return Object.fromEntries(entries);
}
