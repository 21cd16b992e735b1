/**
 * The one table of keys: command, keys, where they act, group, description. Handlers (`update/`), the hints at the
 * bottom, the `?` help and the palette are all read from it, so what is printed is what works. A person may put other keys
 * in their place (`key-remap.ts`); whoever asks hands in the table in force.
 *
 * Letters act only where nothing is typed; while a text field has the focus the same letters act with Alt. Left alone
 * are keys that others own: Ctrl-A and Ctrl-B (tmux, screen), Ctrl-S and Ctrl-Q (flow control), and Ctrl-H, Ctrl-I,
 * Ctrl-M, which are Backspace, Tab and Enter.
 */

/** Where a key acts. `everywhere` and `editing` are joined to others, see `CHAINS`. */
export type KeyContext =
  | 'everywhere'
  | 'editing'
  | 'browsing'
  | 'writing'
  | 'filtering'
  | 'searching'
  | 'palette'
  | 'form'
  | 'menu'
  | 'tuning'
  | 'confirming'
  | 'quitting'
  | 'helping'
  | 'starting';

export interface KeyBinding {
  readonly command: string;
  readonly context: KeyContext;
  /** The first is the one that hints print. */
  readonly keys: readonly string[];
  readonly group: string;
  readonly description: string;
  /** One or two words for the line of hints; empty for keys that stand in the help only. */
  readonly hint: string;
}

/** One line of the table; `keys` are parted by blanks, the first is the one that hints print. */
function bind<const Command extends string>(
  command: Command,
  context: KeyContext,
  keys: string,
  group: string,
  description: string,
  hint = '',
): KeyBinding & { readonly command: Command } {
  return { command, context, keys: keys.split(' '), group, description, hint };
}

const BINDINGS = [
  // Calls first: nothing in the line of hints matters more while it rings.
  bind('call.answer', 'browsing', 'a', 'Calls', 'Answer the call', 'answer'),
  bind('call.decline', 'browsing', 'd', 'Calls', 'Decline the call', 'decline'),
  bind('call.end', 'browsing', 'e', 'Calls', 'End the call: hang up', 'end call'),
  bind('call.mute', 'browsing', 'm', 'Calls', 'Mute or unmute the microphone', 'mute'),
  bind('call.talk', 'browsing', 'space', 'Calls', 'Push-to-talk: open the microphone, and close it again', 'talk'),
  bind('call.hold', 'browsing', 'o', 'Calls', 'Put the call on hold, or resume it', 'hold'),
  bind('call.record', 'browsing', 'R', 'Calls', 'Record the call, or end that; the other side is told'),
  bind('call.details', 'browsing', 'i', 'Calls', 'More or fewer figures of the call'),
  bind('call.answer', 'everywhere', 'alt-a', 'Calls', 'Answer, also while typing', 'answer'),
  bind('call.decline', 'everywhere', 'alt-d', 'Calls', 'Decline, also while typing', 'decline'),
  bind('call.end', 'everywhere', 'alt-e', 'Calls', 'Hang up, also while typing', 'end call'),
  bind('call.mute', 'everywhere', 'alt-m', 'Calls', 'Mute, also while typing', 'mute'),
  bind('call.hold', 'everywhere', 'alt-o', 'Calls', 'Hold, also while typing', 'hold'),
  bind('call.record', 'everywhere', 'alt-r', 'Calls', 'Record, also while typing'),
  bind('call.details', 'everywhere', 'alt-i', 'Calls', 'Figures of the call, also while typing'),

  bind('request.accept', 'browsing', 'y', 'People', 'Accept the request of the chosen person', 'accept'),
  bind('request.decline', 'browsing', 'x', 'People', 'Decline the request', 'decline request'),
  bind('list.open', 'browsing', 'enter right l', 'People', 'Write to the chosen buddy', 'write'),
  bind('call.place', 'browsing', 'c', 'Calls', 'Call the chosen buddy or group, also into the running call', 'call'),
  bind('conference.remove', 'browsing', 'X', 'Calls', 'Remove the chosen buddy from the conference'),
  bind('conference.rejoin', 'browsing', 'J', 'Calls', 'Back into the conference that you left', 'rejoin'),
  bind('call.pull', 'browsing', 'P', 'Calls', 'Bring the call of your other device here', 'bring call here'),
  bind('call.pull', 'everywhere', 'alt-p', 'Calls', 'Bring the call here, also while typing', 'bring call here'),
  bind('call.transfer', 'browsing', 'T', 'Calls', 'Transfer the call to another device of yours', 'other device'),
  bind('call.transfer', 'everywhere', 'alt-T', 'Calls', 'Transfer the call, also while typing', 'other device'),
  bind('calls.open', 'browsing', 'M', 'Calls', 'Missed calls, and all others; Enter calls back', 'missed calls'),
  bind('call.place', 'everywhere', 'alt-c', 'Calls', 'Call the buddy, also while typing', 'call'),
  bind('search.open', 'browsing', 's', 'People', 'Search for people in the network', 'search'),
  bind('add.open', 'browsing', 'n', 'People', 'Add a buddy by name', 'add'),
  bind('people-group.open', 'browsing', 'N', 'People', 'Make a group, or take people into the chosen one'),
  bind('filter.open', 'browsing', '/', 'People', 'Filter the list', 'filter'),
  bind('find.open', 'browsing', 'f', 'People', 'Find words in what was said with the chosen person'),
  bind('copy.open', 'browsing', 'Y', 'People', 'Copy a link or a message of the conversation', 'copy'),
  bind('copy.open', 'everywhere', 'alt-y', 'People', 'Copy a link or a message, also while typing'),
  bind('group.open', 'browsing', 'L', 'People', 'Put the chosen buddy into a group of the list'),
  bind('history.erase', 'browsing', 'E', 'People', 'Erase what was said with the chosen person, for good'),
  bind('safety.open', 'browsing', 'v', 'People', 'Safety words to compare with the chosen person'),
  bind('presence.open', 'browsing', 'p', 'You', 'Say whether you are there; sign out', 'you'),

  bind('list.up', 'browsing', 'up k', 'Moving', 'Up'),
  bind('list.down', 'browsing', 'down j', 'Moving', 'Down'),
  bind('list.page-up', 'browsing', 'page-up', 'Moving', 'A page up'),
  bind('list.page-down', 'browsing', 'page-down', 'Moving', 'A page down'),
  bind('list.first', 'browsing', 'home g', 'Moving', 'To the first'),
  bind('list.last', 'browsing', 'end G', 'Moving', 'To the last'),
  bind('unread.next', 'browsing', 'u', 'Moving', 'To the next unread message', 'unread'),
  bind('unread.next', 'everywhere', 'alt-u', 'Moving', 'Next unread, also while typing', 'unread'),
  bind('buddy.remove', 'browsing', 'r', 'People', 'Remove the chosen buddy; leave the chosen group'),
  bind('buddy.block', 'browsing', 'b', 'People', 'Block or unblock the chosen person'),
  bind('list.clear', 'browsing', 'escape', 'Moving', 'Clear the filter; dismiss a notice'),
  bind('pane.next', 'browsing', 'tab shift-tab', 'Moving', 'To the other pane'),
  bind('help.open', 'browsing', '?', 'wren', 'This help'),
  bind('help.open', 'everywhere', 'f1 alt-?', 'wren', 'This help, also while typing'),
  bind('quit', 'browsing', 'q', 'wren', 'Leave the screen; you stay signed in', 'quit'),
  bind('palette.open', 'browsing', ':', 'wren', 'Every command by its name', 'commands'),
  bind('palette.open', 'everywhere', 'ctrl-p', 'wren', 'Every command by its name, also while typing'),
  bind('sound.open', 'browsing', 't', 'You', 'Sound: devices, level, echo, noise, gain, a test call', 'sound'),
  bind('sound.open', 'everywhere', 'alt-t', 'You', 'Sound, also while typing'),
  bind('settings.open', 'browsing', ',', 'You', 'Settings: sound, keys, theme, privacy, supernode, devices'),
  bind('settings.open', 'everywhere', 'alt-,', 'You', 'Settings, also while typing'),
  bind('cancel', 'everywhere', 'ctrl-c', 'wren', 'Cancel; twice: quit', 'quit'),
  bind('repaint', 'everywhere', 'ctrl-l', 'wren', 'Draw the screen again'),
  bind('suspend', 'everywhere', 'ctrl-z', 'wren', 'Back to the shell ("fg" returns)'),

  bind('chat.send', 'writing', 'enter', 'Writing', 'Send', 'send'),
  bind('chat.leave', 'writing', 'escape', 'Writing', 'Back to the list; the text stays', 'list'),
  bind('pane.next', 'writing', 'tab shift-tab', 'Moving', 'To the other pane'),
  bind('chat.line-break', 'writing', 'ctrl-j alt-enter', 'Writing', 'New line in the message'),
  bind('chat.page-up', 'writing', 'page-up', 'Writing', 'Scroll to older messages', 'older'),
  bind('chat.page-down', 'writing', 'page-down', 'Writing', 'Scroll to newer messages'),
  bind('chat.history-back', 'writing', 'up', 'Writing', 'A line up; above the first, what you sent before'),
  bind(
    'chat.history-forward',
    'writing',
    'down',
    'Writing',
    'A line down; below the last, back to what you were writing',
  ),

  bind('edit.left', 'editing', 'left', 'Typing', 'Left'),
  bind('edit.right', 'editing', 'right', 'Typing', 'Right'),
  bind('edit.word-left', 'editing', 'alt-b ctrl-left alt-left', 'Typing', 'A word left'),
  bind('edit.word-right', 'editing', 'alt-f ctrl-right alt-right', 'Typing', 'A word right'),
  bind('edit.home', 'editing', 'home', 'Typing', 'To the start'),
  bind('edit.end', 'editing', 'end ctrl-e', 'Typing', 'To the end'),
  bind('edit.backspace', 'editing', 'backspace', 'Typing', 'Delete to the left'),
  bind('edit.delete', 'editing', 'delete', 'Typing', 'Delete to the right'),
  bind('edit.delete-word', 'editing', 'ctrl-w alt-backspace', 'Typing', 'Delete a word'),
  bind('edit.delete-to-start', 'editing', 'ctrl-u', 'Typing', 'Delete to the start'),
  bind('edit.delete-to-end', 'editing', 'ctrl-k', 'Typing', 'Delete to the end'),

  bind('filter.done', 'filtering', 'enter tab down up', 'People', 'Keep the filter and go on', 'keep'),
  bind('filter.clear', 'filtering', 'escape', 'People', 'Clear the filter', 'clear'),

  bind('search.go', 'searching', 'enter', 'Searching', 'Search; then take the chosen person or message', 'search, add'),
  bind('search.up', 'searching', 'up', 'Searching', 'Choose above'),
  bind('search.down', 'searching', 'down tab', 'Searching', 'Choose below', 'next'),
  bind('dialog.close', 'searching', 'escape', 'Searching', 'Close', 'close'),

  bind('palette.take', 'palette', 'enter', 'Commands', 'Do it', 'do it'),
  bind('palette.up', 'palette', 'up shift-tab', 'Commands', 'Choose above'),
  bind('palette.down', 'palette', 'down tab', 'Commands', 'Choose below', 'next'),
  bind('dialog.close', 'palette', 'escape', 'Commands', 'Close', 'close'),

  bind('form.next', 'form', 'enter', 'Forms', 'Go on', 'go on'),
  bind('form.down', 'form', 'tab down', 'Forms', 'To the next field', 'other field'),
  bind('form.up', 'form', 'shift-tab up', 'Forms', 'To the field above'),
  bind('form.back', 'form', 'escape', 'Forms', 'Back; what you typed stays', 'back'),

  bind('menu.up', 'menu', 'up k shift-tab', 'Menus', 'Up'),
  bind('menu.down', 'menu', 'down j tab', 'Menus', 'Down', 'next'),
  bind('menu.page-up', 'menu', 'page-up', 'Menus', 'A page up'),
  bind('menu.page-down', 'menu', 'page-down', 'Menus', 'A page down'),
  bind('menu.first', 'menu', 'home g', 'Menus', 'To the first'),
  bind('menu.last', 'menu', 'end G', 'Menus', 'To the last'),
  bind('menu.take', 'menu', 'enter space', 'Menus', 'Choose it', 'choose'),
  bind('menu.close', 'menu', 'escape q', 'Menus', 'Close', 'close'),

  bind('tune.up', 'tuning', 'up k shift-tab', 'Sound', 'Up'),
  bind('tune.down', 'tuning', 'down j tab', 'Sound', 'Down', 'next'),
  bind('tune.first', 'tuning', 'home g', 'Sound', 'To the first'),
  bind('tune.last', 'tuning', 'end G', 'Sound', 'To the last'),
  bind('tune.more', 'tuning', 'right l enter space + =', 'Sound', 'The next choice, or louder', 'change'),
  bind('tune.less', 'tuning', 'left h -', 'Sound', 'The choice before, or quieter', 'back'),
  bind('tune.test', 'tuning', 't', 'Sound', 'Begin or end a test call', 'test call'),
  bind('tune.close', 'tuning', 'escape q', 'Sound', 'Close', 'close'),

  bind('confirm.yes', 'confirming', 'y', 'Questions', 'Yes', 'yes'),
  bind('confirm.no', 'confirming', 'n escape q', 'Questions', 'No', 'no'),

  bind('quit.hang-up', 'quitting', 'h', 'Quitting in a call', 'Hang up and quit', 'hang up and quit'),
  bind('quit.keep', 'quitting', 'k', 'Quitting in a call', 'Quit and keep the call', 'quit, keep the call'),
  bind('quit.cancel', 'quitting', 'escape n q', 'Quitting in a call', 'Stay', 'stay'),

  bind('help.up', 'helping', 'up', 'Help', 'Up'),
  bind('help.down', 'helping', 'down', 'Help', 'Down', 'scroll'),
  bind('help.page-up', 'helping', 'page-up', 'Help', 'A page up'),
  bind('help.page-down', 'helping', 'page-down tab', 'Help', 'A page down'),
  bind('help.close', 'helping', 'escape enter', 'Help', 'Close the help', 'close'),

  bind('quit', 'starting', 'q escape', 'wren', 'Leave', 'quit'),
];

export type CommandName = (typeof BINDINGS)[number]['command'];
export type Binding = KeyBinding & { readonly command: CommandName };

/** A table in force: the bindings in the order of the help, and where each key leads. */
export interface KeyTable {
  readonly bindings: readonly Binding[];
  /** By `context key`. */
  readonly index: Readonly<Record<string, CommandName>>;
}

export function keyTable(bindings: readonly Binding[]): KeyTable {
  const index = bindings.flatMap(({ command, context, keys }) => keys.map((key) => [`${context} ${key}`, command]));
  return { bindings, index: Object.fromEntries(index) };
}

/** The keys of somebody who changed none. */
export const DEFAULT_KEYS: KeyTable = keyTable(BINDINGS);

/** Contexts that are asked in turn where the first one is on. */
export const CHAINS: Readonly<Record<KeyContext, readonly KeyContext[]>> = {
  everywhere: ['everywhere'],
  editing: ['editing'],
  browsing: ['browsing', 'everywhere'],
  writing: ['writing', 'editing', 'everywhere'],
  filtering: ['filtering', 'editing', 'everywhere'],
  searching: ['searching', 'editing', 'everywhere'],
  palette: ['palette', 'editing', 'everywhere'],
  form: ['form', 'editing', 'everywhere'],
  menu: ['menu', 'everywhere'],
  tuning: ['tuning', 'everywhere'],
  confirming: ['confirming', 'everywhere'],
  quitting: ['quitting', 'everywhere'],
  helping: ['helping', 'editing', 'everywhere'],
  starting: ['starting', 'everywhere'],
};

/** True where printable keys are text. */
export function takesText(context: KeyContext): boolean {
  return CHAINS[context].includes('editing');
}

/** The command of a key; undefined when it has none there. */
export function commandFor(context: KeyContext, key: string, keys: KeyTable = DEFAULT_KEYS): CommandName | undefined {
  for (const part of CHAINS[context]) {
    const command = keys.index[`${part} ${key}`];
    if (command) return command;
  }
  return undefined;
}

/** Bindings that act in `context`, in the order of the table; a command that has two stands with its nearest. */
export function bindingsIn(context: KeyContext, keys: KeyTable = DEFAULT_KEYS): readonly Binding[] {
  const found = new Map<CommandName, Binding>();
  for (const part of CHAINS[context]) {
    for (const binding of keys.bindings) {
      if (binding.keys.length > 0 && binding.context === part && !found.has(binding.command))
        found.set(binding.command, binding);
    }
  }
  return [...found.values()];
}

/** Every binding, for the help. */
export function allBindings(keys: KeyTable = DEFAULT_KEYS): readonly Binding[] {
  return keys.bindings;
}

const LABELS: Readonly<Record<string, string>> = {
  escape: 'Esc',
  'page-up': 'PgUp',
  'page-down': 'PgDn',
  backspace: 'Backspace',
};

/** How a key is printed: `Alt-a`, `PgUp`, `Enter`. */
export function keyLabel(key: string): string {
  const [, prefix = '', name = ''] = /^((?:ctrl-|alt-|shift-)*)(.+)$/.exec(key) ?? [];
  const label = LABELS[name] ?? (name.length > 1 ? name[0]?.toUpperCase() + name.slice(1) : name);
  const shown = prefix.includes('ctrl-') ? label.toUpperCase().slice(0, 1) + label.slice(1) : label;
  return prefix.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()) + shown;
}

/** How the key of a command is printed where `context` is on; empty when it has none there. */
export function keyOf(command: CommandName, context: KeyContext, keys: KeyTable = DEFAULT_KEYS): string {
  for (const part of CHAINS[context]) {
    const binding = keys.bindings.find((one) => one.command === command && one.context === part && one.keys.length > 0);
    if (binding) return keyLabel(binding.keys[0] ?? '');
  }
  return '';
}
