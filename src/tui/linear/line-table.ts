/**
 * The one table of line mode: words, what they take, and what they do. Where a word does what a key of the screen does, it names the
 * command of the key table, whose handler carries it out and whose description is shown; `help`, Tab and the reading of a
 * typed line are drawn from here. Pure.
 */
import { allBindings, type CommandName } from '../key-bindings.ts';

/** What a word does that has no key of its own. */
export type LineAction =
  | 'help'
  | 'buddies'
  | 'status'
  | 'chat'
  | 'close'
  | 'history'
  | 'missed'
  | 'transfer'
  | 'groups'
  | 'group'
  | 'devices'
  | 'revoke'
  | 'figures'
  | 'sound'
  | 'level'
  | 'unread'
  | 'older'
  | 'calls'
  | 'put'
  | 'expel'
  | 'call'
  | 'mute'
  | 'unmute'
  | 'hold'
  | 'resume'
  | 'search'
  | 'add'
  | 'decline'
  | 'block'
  | 'unblock'
  | 'presence'
  | 'settings'
  | 'sign-out'
  | 'wait'
  | 'pause'
  | 'yes'
  | 'no'
  | 'keep'
  | 'stay'
  | 'back';

export interface LineWord {
  /** The first is the one that is shown. */
  readonly words: readonly string[];
  /** `NAME`: a person; others are free text. In brackets: may be left out. */
  readonly takes: string;
  readonly does: { readonly action: LineAction } | { readonly key: CommandName };
  readonly about: string;
}

const own = (words: string, takes: string, action: LineAction, about: string): LineWord => ({
  ...{ words: words.split(' '), takes, about },
  does: { action },
});
const key = (words: string, takes: string, command: CommandName): LineWord => ({
  ...{ words: words.split(' '), takes, does: { key: command } },
  about: allBindings().find((binding) => binding.command === command)?.description ?? '',
});

/** In the order in which help shows them. */
export const LINE_WORDS: readonly LineWord[] = [
  key('answer', '', 'call.answer'),
  own('decline', '[NAME]', 'decline', 'Decline the call that rings, or the request of that person'),
  own('call', '[NAME]', 'call', 'Call somebody, also into the running call; alone: how the call is'),
  key('hangup end', '', 'call.end'),
  own('mute', '', 'mute', 'Microphone off'),
  own('unmute', '', 'unmute', 'Microphone on'),
  own('hold', '', 'hold', 'Put the call on hold'),
  own('resume', '', 'resume', 'Go on with a call on hold'),
  key('record', '', 'call.record'),
  key('rejoin', '', 'conference.rejoin'),
  key('pull', '', 'call.pull'),
  own('transfer', 'DEVICE', 'transfer', 'Hand the call to another device of yours, by its label or id'),
  own('expel', 'NAME', 'expel', 'Remove somebody from the conference'),
  own('figures', '', 'figures', 'All figures of the running call'),
  own('missed', '', 'missed', 'Missed calls'),
  own('calls', '', 'calls', 'The last calls, missed and others'),
  own('chat write', 'NAME [TEXT]', 'chat', 'Send a message; without text: every line goes to that person until /close'),
  own('close', '', 'close', 'Leave the conversation that "chat NAME" opened'),
  own('history', 'NAME [WORDS]', 'history', 'The last messages with somebody, or those with these words'),
  own('older', 'NAME', 'older', 'Messages before those that history has shown'),
  own('unread', '', 'unread', 'Show what is unread, one conversation after the other'),
  own(
    'buddies list',
    '[PART]',
    'buddies',
    'Your buddies and groups, who is online, who asks; those with this in the name',
  ),
  own('groups', '', 'groups', 'Your groups, and who is in them'),
  own('group', 'TITLE NAME...', 'group', 'Make a group of these buddies; with #TITLE: take them into that one'),
  own('put', 'NAME [TITLE]', 'put', 'Put a buddy under a title of your list; without one: back among all'),
  own('search', 'PATTERN', 'search', 'Search for people in the network: a name, or a part with *'),
  own('add', 'NAME [MESSAGE]', 'add', 'Ask somebody to be your buddy'),
  key('accept', 'NAME', 'request.accept'),
  key('remove leave', 'NAME', 'buddy.remove'),
  own('block', 'NAME', 'block', 'Block a person: they see you offline, and cannot write or call'),
  own('unblock', 'NAME', 'unblock', 'Block no longer'),
  key('verify', 'NAME', 'safety.open'),
  key('erase', 'NAME', 'history.erase'),
  own('status', '', 'status', 'Who you are, how you are connected, the call, what is unread'),
  own('devices', '', 'devices', 'The devices of your account, and which are online'),
  own('revoke', 'DEVICE', 'revoke', 'Shut a device out of your account for ever: one that was lost'),
  own('sound', '', 'sound', 'Microphones and speakers; "settings audio-spec" chooses, "call echo" tests'),
  own('level', '', 'level', 'How loud the microphone is, for ten seconds'),
  own('presence', '[WORD]', 'presence', 'What others see: online, away, do-not-disturb or invisible'),
  own('settings', '[KEY] [VALUE]', 'settings', 'Look at settings, and change them by name'),
  own('signout', '', 'sign-out', 'Sign out of this account'),
  own('wait', '[SECONDS]', 'wait', 'Go on when you are signed in and connected (for scripts)'),
  own('pause', 'SECONDS', 'pause', 'Go on after so long (for scripts)'),
  own('help ?', '[WORD]', 'help', 'This list, or one word of it'),
  key('quit exit', '', 'quit'),
];

/** Answers to questions; no help needs them, the question names them. */
const ANSWERS: readonly LineWord[] = [
  own('yes y', '', 'yes', ''),
  own('no n', '', 'no', ''),
  own('keep', '', 'keep', ''),
  own('stay', '', 'stay', ''),
  own('back', '', 'back', ''),
];

export type ReadLine =
  | { readonly type: 'empty' }
  | { readonly type: 'word'; readonly word: LineWord; readonly rest: string }
  | { readonly type: 'unknown'; readonly sentence: string };

/** A typed line as a word of the table and what follows it. A leading `/` changes nothing. */
export function readLine(text: string): ReadLine {
  const line = text.trim().replace(/^\//, '');
  if (line === '') return { type: 'empty' };
  const [first = '', ...others] = line.split(/\s+/);
  const word = wordOf(first);
  if (!word) {
    const near = nearest(first);
    const hint = near === '' ? '' : ` Did you mean "${near}"?`;
    return {
      type: 'unknown',
      sentence: `"${first.slice(0, 40)}" is no command here.${hint} Type help for all of them.`,
    };
  }
  const rest = line.slice(first.length).trim();
  if (rest === '' && word.takes !== '' && !word.takes.startsWith('[')) return usage(word);
  if (others.length > 0 && word.takes === '') return usage(word);
  return { type: 'word', word, rest };
}

/** How a word is written, in one sentence. */
function usage(word: LineWord): ReadLine {
  return { type: 'unknown', sentence: `Write it as: ${usageOf(word)}` };
}

export function usageOf({ words, takes }: LineWord): string {
  return `${words[0]}${takes === '' ? '' : ` ${takes}`}`;
}

export function wordOf(text: string): LineWord | undefined {
  const typed = text.toLowerCase();
  return [...LINE_WORDS, ...ANSWERS].find(({ words }) => words.includes(typed));
}

/** A word that a slip of one letter may have been meant for. */
function nearest(typed: string): string {
  const all = LINE_WORDS.flatMap(({ words }) => words).filter((word) => word.length > 3);
  const text = typed.toLowerCase();
  return (
    all.find((word) => word.startsWith(text) && text.length > 1) ?? all.find((word) => isOneSlip(word, text)) ?? ''
  );
}

/** One letter more, less, other, or two swapped. */
function isOneSlip(word: string, typed: string): boolean {
  if (Math.abs(word.length - typed.length) > 1) return false;
  let at = 0;
  while (at < word.length && word[at] === typed[at]) at++;
  const [a, b] = [word.slice(at), typed.slice(at)];
  const isSwap = a[0] === b[1] && a[1] === b[0] && a.slice(2) === b.slice(2);
  return a.slice(1) === b.slice(1) || a.slice(1) === b || a === b.slice(1) || isSwap;
}

/** What Tab adds to the text, or offers where that is not clear: words of the table, then people. */
export function completion(
  text: string,
  names: readonly string[],
): { readonly add: string; readonly offers: readonly string[] } {
  const parts = text.replace(/^\//, '').split(' ');
  const last = (parts.at(-1) ?? '').toLowerCase();
  const takes = wordOf(parts[0] ?? '')?.takes.split(' ') ?? [];
  const nameAt = takes.findIndex((one) => one.includes('NAME')) + 1;
  const takesName = nameAt > 0 && (takes.at(-1) === 'NAME...' ? parts.length > nameAt : parts.length === nameAt + 1);
  const all = parts.length === 1 ? LINE_WORDS.map(({ words }) => words[0] ?? '') : takesName ? names : [];
  const found = all.filter((one) => one.toLowerCase().startsWith(last));
  const [first = ''] = found;
  let length = first.length;
  for (const one of found) while (!one.startsWith(first.slice(0, length))) length--;
  const add = first.slice(last.length, length) + (found.length === 1 ? ' ' : '');
  return { add, offers: add === '' && found.length > 1 ? found : [] };
}
