/**
 * The keys of one person: what `screen.json` of the profile wishes, put into the key table and checked. A wish that
 * cannot be is left out with one sentence, and everything else works: an unknown command or key, a letter where letters
 * are text, two commands on one key in one place.
 *
 *   {"keys": {"call.mute": "M", "list.up": "up w", "chat.send@writing": "ctrl-d"}}
 */
import {
  type Binding,
  CHAINS,
  type CommandName,
  DEFAULT_KEYS,
  type KeyContext,
  type KeyTable,
  keyLabel,
  keyTable,
  takesText,
} from './key-bindings.ts';
import { graphemesOf, widthOf } from './text/width.ts';

export interface Remapped {
  readonly keys: KeyTable;
  /** One sentence a wish that was left out. */
  readonly problems: readonly string[];
}

/** By `command`, its first place in the table, or `command@place`: keys parted by blanks; none at all takes the keys away. */
export type KeyWishes = Readonly<Record<string, string>>;

/** Nobody presses more than that for one thing. */
const KEYS_MAX = 6;

const CONTEXTS = Object.keys(CHAINS) as KeyContext[];
const MOVING = 'up|down|left|right|home|end|page-up|page-down|insert|delete|begin|f[1-9]|f1[0-2]';
const KEY_NAMES = [
  new RegExp(`^(?:ctrl-)?(?:alt-)?(?:shift-)?(?:${MOVING})$`),
  /^(?:alt-)?(?:enter|tab|backspace|space)$/,
  /^(?:escape|shift-tab|ctrl-space|alt-shift-tab)$/,
  // Ctrl-H, Ctrl-I and Ctrl-M are Backspace, Tab and Enter to every terminal.
  /^(?:alt-)?ctrl-[a-gj-ln-z]$/,
];
const SPELLINGS: Readonly<Record<string, string>> = {
  esc: 'escape',
  pgup: 'page-up',
  pgdn: 'page-down',
  return: 'enter',
  del: 'delete',
  ins: 'insert',
};
/** Whoever types without looking hits these. */
const TOO_EASY = ['enter', 'space', 'tab', 'backspace'];
const ASKED: readonly CommandName[] = ['call.answer', 'call.decline'];

/** The default table with these wishes in it, as far as they can be. */
export function remapped(wishes: KeyWishes): Remapped {
  const problems: string[] = [];
  const changes = new Map<number, readonly string[]>();
  for (const [target, text] of Object.entries(wishes)) {
    const judged = judge(target, text);
    if ('problem' in judged) problems.push(judged.problem);
    else changes.set(judged.at, judged.keys);
  }
  return withoutClashes(changes, problems);
}

/** What a wish comes to: which binding it changes and to which keys, or why it cannot be. */
function judge(
  target: string,
  text: string,
): { readonly at: number; readonly keys: readonly string[] } | { readonly problem: string } {
  const [command = '', place] = target.split('@');
  const at = DEFAULT_KEYS.bindings.findIndex(
    (one) => one.command === command && (place === undefined || one.context === place),
  );
  const binding = DEFAULT_KEYS.bindings[at];
  if (!binding) return { problem: `Keys: there is no command "${target.slice(0, 60)}"; key : lists them.` };
  const keys: string[] = [];
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const key = keyNamed(word);
    if (key === undefined)
      return {
        problem: `Keys, ${target}: there is no key "${word.slice(0, 20)}" (say m, Alt-m, Ctrl-X, F5, PgUp, Space).`,
      };
    if (isText(key) && typed(binding.context))
      return { problem: `Keys, ${target}: "${word}" is text where it would act; take Alt-${word} or a Ctrl key.` };
    if (TOO_EASY.includes(key) && ASKED.includes(binding.command))
      return { problem: `Keys, ${target}: ${keyLabel(key)} would answer while you type; take another key.` };
    if (!keys.includes(key)) keys.push(key);
  }
  if (keys.length > KEYS_MAX) return { problem: `Keys, ${target}: ${KEYS_MAX} keys at most.` };
  if (keys.length === 0 && command === 'cancel')
    return { problem: 'Keys, cancel: without a key nothing leads out; it keeps Ctrl-C.' };
  return { at, keys };
}

/** The name in the table of a key as people write it; undefined when no terminal sends such a key. */
export function keyNamed(word: string): string | undefined {
  if (graphemesOf(word).length === 1) return widthOf(word) > 0 ? word : undefined;
  const [, prefix = '', rest = ''] = /^((?:(?:ctrl|alt|shift)-)*)(.+)$/i.exec(word) ?? [];
  const modifiers = prefix.toLowerCase();
  const single = graphemesOf(rest).length === 1;
  if (single && modifiers === 'alt-') return `alt-${rest}`;
  const lower = rest.toLowerCase();
  const name = modifiers + (SPELLINGS[lower] ?? lower);
  return KEY_NAMES.some((shape) => shape.test(name)) ? name : undefined;
}

/** True for keys that stand for themselves in a text. */
function isText(key: string): boolean {
  return key === 'space' || graphemesOf(key).length === 1;
}

/** True where text may be typed while this context is asked. */
function typed(context: KeyContext): boolean {
  return CONTEXTS.some((one) => CHAINS[one].includes(context) && takesText(one));
}

/** Takes wishes back, the last ones first, until no key has two meanings in one place. The default table has none. */
function withoutClashes(changes: Map<number, readonly string[]>, problems: string[]): Remapped {
  for (;;) {
    const bindings = DEFAULT_KEYS.bindings.map((one, at): Binding => ({ ...one, keys: changes.get(at) ?? one.keys }));
    const clash = clashIn(bindings);
    if (!clash) return { keys: changes.size === 0 ? DEFAULT_KEYS : keyTable(bindings), problems };
    const last = [...changes.keys()].findLast((at) => clash.at.includes(at)) ?? clash.at[0] ?? 0;
    const [one, other] = clash.at.map((at) => bindings[at]?.command ?? '');
    const kept = bindings[last];
    const before = DEFAULT_KEYS.bindings[last]?.keys.map(keyLabel).join(', ');
    problems.push(
      `Keys: ${keyLabel(clash.key)} would mean both ${one} and ${other} (${clash.context}); ${kept?.command} keeps ${before}.`,
    );
    changes.delete(last);
  }
}

interface Clash {
  readonly key: string;
  readonly context: KeyContext;
  readonly at: readonly number[];
}

function clashIn(bindings: readonly Binding[]): Clash | undefined {
  for (const context of CONTEXTS) {
    const meanings = new Map<string, number>();
    for (const [at, binding] of bindings.entries()) {
      if (!CHAINS[context].includes(binding.context)) continue;
      for (const key of binding.keys) {
        const known = meanings.get(key);
        if (known !== undefined && bindings[known]?.command !== binding.command)
          return { key, context, at: [known, at] };
        meanings.set(key, at);
      }
    }
  }
  return undefined;
}

/** The names by which wishes speak of the binding at this place of the table, the shortest first. */
export function wishNamesOf(at: number): readonly string[] {
  const binding = DEFAULT_KEYS.bindings[at];
  if (!binding) return [];
  const isFirst = DEFAULT_KEYS.bindings.findIndex(({ command }) => command === binding.command) === at;
  const whole = `${binding.command}@${binding.context}`;
  return isFirst ? [binding.command, whole] : [whole];
}
