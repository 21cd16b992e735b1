/**
 * The one table of keys: command, keys, where they act, group, description. Handlers (`update/`), the hints at the
 * bottom and the `?` help are all read from it, so what is printed is what works.
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
  | 'form'
  | 'menu'
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
  /** One or two words for the line of hints; without it the key stands in the help only. */
  readonly hint?: string;
}

export const BINDINGS = [
  // Calls first: nothing in the line of hints matters more while it rings.
  {
    command: 'call.answer',
    context: 'browsing',
    keys: ['a'],
    group: 'Calls',
    description: 'Answer the call',
    hint: 'answer',
  },
  {
    command: 'call.decline',
    context: 'browsing',
    keys: ['d'],
    group: 'Calls',
    description: 'Decline the call',
    hint: 'decline',
  },
  {
    command: 'call.end',
    context: 'browsing',
    keys: ['e'],
    group: 'Calls',
    description: 'End the call: hang up',
    hint: 'end call',
  },
  {
    command: 'call.mute',
    context: 'browsing',
    keys: ['m'],
    group: 'Calls',
    description: 'Mute or unmute the microphone',
    hint: 'mute',
  },
  {
    command: 'call.hold',
    context: 'browsing',
    keys: ['o'],
    group: 'Calls',
    description: 'Put the call on hold, or resume it',
    hint: 'hold',
  },
  {
    command: 'call.details',
    context: 'browsing',
    keys: ['i'],
    group: 'Calls',
    description: 'More or fewer figures of the call',
  },
  {
    command: 'call.answer',
    context: 'everywhere',
    keys: ['alt-a'],
    group: 'Calls',
    description: 'Answer, also while typing',
    hint: 'answer',
  },
  {
    command: 'call.decline',
    context: 'everywhere',
    keys: ['alt-d'],
    group: 'Calls',
    description: 'Decline, also while typing',
    hint: 'decline',
  },
  {
    command: 'call.end',
    context: 'everywhere',
    keys: ['alt-e'],
    group: 'Calls',
    description: 'Hang up, also while typing',
    hint: 'end call',
  },
  {
    command: 'call.mute',
    context: 'everywhere',
    keys: ['alt-m'],
    group: 'Calls',
    description: 'Mute, also while typing',
    hint: 'mute',
  },
  {
    command: 'call.hold',
    context: 'everywhere',
    keys: ['alt-o'],
    group: 'Calls',
    description: 'Hold, also while typing',
    hint: 'hold',
  },
  {
    command: 'call.details',
    context: 'everywhere',
    keys: ['alt-i'],
    group: 'Calls',
    description: 'Figures of the call, also while typing',
  },

  {
    command: 'request.accept',
    context: 'browsing',
    keys: ['y'],
    group: 'People',
    description: 'Accept the request of the chosen person',
    hint: 'accept',
  },
  {
    command: 'request.decline',
    context: 'browsing',
    keys: ['x'],
    group: 'People',
    description: 'Decline the request',
    hint: 'decline request',
  },
  {
    command: 'list.open',
    context: 'browsing',
    keys: ['enter', 'right', 'l'],
    group: 'People',
    description: 'Write to the chosen buddy',
    hint: 'write',
  },
  {
    command: 'call.place',
    context: 'browsing',
    keys: ['c'],
    group: 'Calls',
    description: 'Call the chosen buddy',
    hint: 'call',
  },
  {
    command: 'call.place',
    context: 'everywhere',
    keys: ['alt-c'],
    group: 'Calls',
    description: 'Call the buddy, also while typing',
    hint: 'call',
  },
  {
    command: 'search.open',
    context: 'browsing',
    keys: ['s'],
    group: 'People',
    description: 'Search for people in the network',
    hint: 'search',
  },
  {
    command: 'add.open',
    context: 'browsing',
    keys: ['n'],
    group: 'People',
    description: 'Add a buddy by name',
    hint: 'add',
  },
  {
    command: 'filter.open',
    context: 'browsing',
    keys: ['/'],
    group: 'People',
    description: 'Filter the list',
    hint: 'filter',
  },
  {
    command: 'presence.open',
    context: 'browsing',
    keys: ['p'],
    group: 'You',
    description: 'Say whether you are there; sign out',
    hint: 'you',
  },
  { command: 'list.up', context: 'browsing', keys: ['up', 'k'], group: 'Moving', description: 'Up' },
  { command: 'list.down', context: 'browsing', keys: ['down', 'j'], group: 'Moving', description: 'Down' },
  { command: 'list.page-up', context: 'browsing', keys: ['page-up'], group: 'Moving', description: 'A page up' },
  { command: 'list.page-down', context: 'browsing', keys: ['page-down'], group: 'Moving', description: 'A page down' },
  { command: 'list.first', context: 'browsing', keys: ['home', 'g'], group: 'Moving', description: 'To the first' },
  { command: 'list.last', context: 'browsing', keys: ['end', 'G'], group: 'Moving', description: 'To the last' },
  {
    command: 'unread.next',
    context: 'browsing',
    keys: ['u'],
    group: 'Moving',
    description: 'To the next unread message',
    hint: 'unread',
  },
  {
    command: 'unread.next',
    context: 'everywhere',
    keys: ['alt-u'],
    group: 'Moving',
    description: 'Next unread, also while typing',
    hint: 'unread',
  },
  {
    command: 'buddy.remove',
    context: 'browsing',
    keys: ['r'],
    group: 'People',
    description: 'Remove the chosen buddy',
  },
  {
    command: 'buddy.block',
    context: 'browsing',
    keys: ['b'],
    group: 'People',
    description: 'Block or unblock the chosen person',
  },
  {
    command: 'list.clear',
    context: 'browsing',
    keys: ['escape'],
    group: 'Moving',
    description: 'Clear the filter; dismiss a notice',
  },
  {
    command: 'pane.next',
    context: 'browsing',
    keys: ['tab', 'shift-tab'],
    group: 'Moving',
    description: 'To the other pane',
  },
  { command: 'help.open', context: 'browsing', keys: ['?'], group: 'wren', description: 'This help' },
  {
    command: 'help.open',
    context: 'everywhere',
    keys: ['f1', 'alt-?'],
    group: 'wren',
    description: 'This help, also while typing',
  },
  {
    command: 'quit',
    context: 'browsing',
    keys: ['q'],
    group: 'wren',
    description: 'Leave the screen; you stay signed in',
    hint: 'quit',
  },
  { command: 'cancel', context: 'everywhere', keys: ['ctrl-c'], group: 'wren', description: 'Cancel; twice: quit' },
  { command: 'repaint', context: 'everywhere', keys: ['ctrl-l'], group: 'wren', description: 'Draw the screen again' },
  {
    command: 'suspend',
    context: 'everywhere',
    keys: ['ctrl-z'],
    group: 'wren',
    description: 'Back to the shell ("fg" returns)',
  },

  { command: 'chat.send', context: 'writing', keys: ['enter'], group: 'Writing', description: 'Send', hint: 'send' },
  {
    command: 'chat.leave',
    context: 'writing',
    keys: ['escape'],
    group: 'Writing',
    description: 'Back to the list; the text stays',
    hint: 'list',
  },
  {
    command: 'pane.next',
    context: 'writing',
    keys: ['tab', 'shift-tab'],
    group: 'Moving',
    description: 'To the other pane',
  },
  {
    command: 'chat.line-break',
    context: 'writing',
    keys: ['ctrl-j', 'alt-enter'],
    group: 'Writing',
    description: 'New line in the message',
  },
  {
    command: 'chat.page-up',
    context: 'writing',
    keys: ['page-up'],
    group: 'Writing',
    description: 'Scroll to older messages',
    hint: 'older',
  },
  {
    command: 'chat.page-down',
    context: 'writing',
    keys: ['page-down'],
    group: 'Writing',
    description: 'Scroll to newer messages',
  },
  {
    command: 'chat.history-back',
    context: 'writing',
    keys: ['up'],
    group: 'Writing',
    description: 'What you sent before',
  },
  {
    command: 'chat.history-forward',
    context: 'writing',
    keys: ['down'],
    group: 'Writing',
    description: 'Back to what you were writing',
  },

  { command: 'edit.left', context: 'editing', keys: ['left'], group: 'Typing', description: 'Left' },
  { command: 'edit.right', context: 'editing', keys: ['right'], group: 'Typing', description: 'Right' },
  {
    command: 'edit.word-left',
    context: 'editing',
    keys: ['alt-b', 'ctrl-left', 'alt-left'],
    group: 'Typing',
    description: 'A word left',
  },
  {
    command: 'edit.word-right',
    context: 'editing',
    keys: ['alt-f', 'ctrl-right', 'alt-right'],
    group: 'Typing',
    description: 'A word right',
  },
  { command: 'edit.home', context: 'editing', keys: ['home'], group: 'Typing', description: 'To the start' },
  { command: 'edit.end', context: 'editing', keys: ['end', 'ctrl-e'], group: 'Typing', description: 'To the end' },
  {
    command: 'edit.backspace',
    context: 'editing',
    keys: ['backspace'],
    group: 'Typing',
    description: 'Delete to the left',
  },
  { command: 'edit.delete', context: 'editing', keys: ['delete'], group: 'Typing', description: 'Delete to the right' },
  {
    command: 'edit.delete-word',
    context: 'editing',
    keys: ['ctrl-w', 'alt-backspace'],
    group: 'Typing',
    description: 'Delete a word',
  },
  {
    command: 'edit.delete-to-start',
    context: 'editing',
    keys: ['ctrl-u'],
    group: 'Typing',
    description: 'Delete to the start',
  },
  {
    command: 'edit.delete-to-end',
    context: 'editing',
    keys: ['ctrl-k'],
    group: 'Typing',
    description: 'Delete to the end',
  },

  {
    command: 'filter.done',
    context: 'filtering',
    keys: ['enter', 'tab', 'down', 'up'],
    group: 'People',
    description: 'Keep the filter and go on',
    hint: 'keep',
  },
  {
    command: 'filter.clear',
    context: 'filtering',
    keys: ['escape'],
    group: 'People',
    description: 'Clear the filter',
    hint: 'clear',
  },

  {
    command: 'search.go',
    context: 'searching',
    keys: ['enter'],
    group: 'Searching',
    description: 'Search; then add the chosen person',
    hint: 'search, add',
  },
  { command: 'search.up', context: 'searching', keys: ['up'], group: 'Searching', description: 'Choose above' },
  {
    command: 'search.down',
    context: 'searching',
    keys: ['down', 'tab'],
    group: 'Searching',
    description: 'Choose below',
    hint: 'choose',
  },
  {
    command: 'dialog.close',
    context: 'searching',
    keys: ['escape'],
    group: 'Searching',
    description: 'Close',
    hint: 'close',
  },

  { command: 'form.next', context: 'form', keys: ['enter'], group: 'Forms', description: 'Go on', hint: 'go on' },
  {
    command: 'form.down',
    context: 'form',
    keys: ['tab', 'down'],
    group: 'Forms',
    description: 'To the next field',
    hint: 'next field',
  },
  { command: 'form.up', context: 'form', keys: ['shift-tab', 'up'], group: 'Forms', description: 'To the field above' },
  {
    command: 'form.back',
    context: 'form',
    keys: ['escape'],
    group: 'Forms',
    description: 'Back; what you typed stays',
    hint: 'back',
  },

  { command: 'menu.up', context: 'menu', keys: ['up', 'k', 'shift-tab'], group: 'Menus', description: 'Up' },
  {
    command: 'menu.down',
    context: 'menu',
    keys: ['down', 'j', 'tab'],
    group: 'Menus',
    description: 'Down',
    hint: 'choose',
  },
  {
    command: 'menu.take',
    context: 'menu',
    keys: ['enter', 'space'],
    group: 'Menus',
    description: 'Take it',
    hint: 'take it',
  },
  {
    command: 'menu.close',
    context: 'menu',
    keys: ['escape', 'q'],
    group: 'Menus',
    description: 'Close',
    hint: 'close',
  },

  { command: 'confirm.yes', context: 'confirming', keys: ['y'], group: 'Questions', description: 'Yes', hint: 'yes' },
  {
    command: 'confirm.no',
    context: 'confirming',
    keys: ['n', 'escape', 'q'],
    group: 'Questions',
    description: 'No',
    hint: 'no',
  },
  {
    command: 'quit.hang-up',
    context: 'quitting',
    keys: ['h'],
    group: 'Quitting in a call',
    description: 'Hang up and quit',
    hint: 'hang up and quit',
  },
  {
    command: 'quit.keep',
    context: 'quitting',
    keys: ['k'],
    group: 'Quitting in a call',
    description: 'Quit and keep the call',
    hint: 'quit, keep the call',
  },
  {
    command: 'quit.cancel',
    context: 'quitting',
    keys: ['escape', 'n', 'q'],
    group: 'Quitting in a call',
    description: 'Stay',
    hint: 'stay',
  },

  { command: 'help.up', context: 'helping', keys: ['up'], group: 'Help', description: 'Up' },
  { command: 'help.down', context: 'helping', keys: ['down'], group: 'Help', description: 'Down', hint: 'scroll' },
  { command: 'help.page-up', context: 'helping', keys: ['page-up'], group: 'Help', description: 'A page up' },
  {
    command: 'help.page-down',
    context: 'helping',
    keys: ['page-down', 'tab'],
    group: 'Help',
    description: 'A page down',
  },
  {
    command: 'help.close',
    context: 'helping',
    keys: ['escape', 'enter'],
    group: 'Help',
    description: 'Close the help',
    hint: 'close',
  },

  { command: 'quit', context: 'starting', keys: ['q', 'escape'], group: 'wren', description: 'Leave', hint: 'quit' },
] as const satisfies readonly KeyBinding[];

export type CommandName = (typeof BINDINGS)[number]['command'];
export type Binding = KeyBinding & { readonly command: CommandName };

const TABLE: readonly Binding[] = BINDINGS;

/** Contexts that are asked in turn where the first one is on. */
export const CHAINS: Readonly<Record<KeyContext, readonly KeyContext[]>> = {
  everywhere: ['everywhere'],
  editing: ['editing'],
  browsing: ['browsing', 'everywhere'],
  writing: ['writing', 'editing', 'everywhere'],
  filtering: ['filtering', 'editing', 'everywhere'],
  searching: ['searching', 'editing', 'everywhere'],
  form: ['form', 'editing', 'everywhere'],
  menu: ['menu', 'everywhere'],
  confirming: ['confirming', 'everywhere'],
  quitting: ['quitting', 'everywhere'],
  helping: ['helping', 'editing', 'everywhere'],
  starting: ['starting', 'everywhere'],
};

const INDEX: ReadonlyMap<string, CommandName> = new Map(
  TABLE.flatMap(({ command, context, keys }) => keys.map((key) => [`${context} ${key}`, command] as const)),
);

/** True where printable keys are text. */
export function takesText(context: KeyContext): boolean {
  return CHAINS[context].includes('editing');
}

/** The command of a key; undefined when it has none there. */
export function commandFor(context: KeyContext, key: string): CommandName | undefined {
  for (const part of CHAINS[context]) {
    const command = INDEX.get(`${part} ${key}`);
    if (command) return command;
  }
  return undefined;
}

/** Bindings that act in `context`, in the order of the table; a command that has two stands with its nearest. */
export function bindingsIn(context: KeyContext): readonly Binding[] {
  const found = new Map<CommandName, Binding>();
  for (const part of CHAINS[context]) {
    for (const binding of TABLE) {
      if (binding.context === part && !found.has(binding.command)) found.set(binding.command, binding);
    }
  }
  return [...found.values()];
}

/** Every binding, for the help. */
export function allBindings(): readonly Binding[] {
  return TABLE;
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
export function keyOf(command: CommandName, context: KeyContext): string {
  for (const part of CHAINS[context]) {
    const binding = TABLE.find((one) => one.command === command && one.context === part);
    if (binding) return keyLabel(binding.keys[0] ?? '');
  }
  return '';
}
