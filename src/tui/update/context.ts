/** What the keyboard acts on right now: the context of the key table, and the text field that takes letters. */
import { type AppState, currentCall } from '../../store/state.ts';
import type { KeyContext } from '../key-bindings.ts';
import type { Editor } from '../text/editor.ts';
import { canWrite, type Dialog, draftOf, faceOf, type UiState, walkFieldsOf, walkStepOf } from '../ui-state.ts';

const DIALOG_CONTEXTS: Readonly<Record<Dialog['type'], KeyContext>> = {
  help: 'helping',
  search: 'searching',
  find: 'searching',
  palette: 'palette',
  copy: 'menu',
  group: 'form',
  settings: 'tuning',
  keys: 'palette',
  devices: 'menu',
  transfer: 'menu',
  calls: 'menu',
  add: 'form',
  gather: 'form',
  confirm: 'confirming',
  presence: 'menu',
  sound: 'tuning',
  quit: 'quitting',
};

export function contextOf(app: AppState, ui: UiState): KeyContext {
  if (ui.dialog) return DIALOG_CONTEXTS[ui.dialog.type];
  const face = faceOf(app, ui);
  if (face === 'starting') return 'starting';
  if (face === 'walk') return walkStepOf(app, ui) === 'choice' ? 'menu' : 'form';
  if (ui.filtering) return 'filtering';
  return ui.focus === 'chat' && canWrite(app, ui) ? 'writing' : 'browsing';
}

/** A text field and how to put its next state back. */
export interface ActiveField {
  readonly editor: Editor;
  /** Line breaks are kept. */
  readonly lines: boolean;
  put(editor: Editor): UiState;
}

/** The field that takes letters; undefined where none does. */
export function activeField(app: AppState, ui: UiState): ActiveField | undefined {
  const { dialog } = ui;
  if (dialog) return dialogField(ui, dialog);
  const context = contextOf(app, ui);
  if (context === 'filtering') return field(ui.filter, (filter) => ({ ...ui, filter }));
  if (context === 'writing') {
    const put = (draft: Editor): UiState => ({ ...ui, drafts: { ...ui.drafts, [ui.selected]: draft } });
    return { editor: draftOf(ui, ui.selected), lines: true, put };
  }
  return context === 'form' ? walkField(app, ui) : undefined;
}

function dialogField(ui: UiState, dialog: Dialog): ActiveField | undefined {
  switch (dialog.type) {
    case 'help':
      return field(dialog.filter, (filter) => ({ ...ui, dialog: { ...dialog, filter, top: 0 } }));
    case 'search':
      return field(dialog.pattern, (pattern) => ({ ...ui, dialog: { ...dialog, pattern, error: '' } }));
    case 'palette':
      return field(dialog.filter, (filter) => ({ ...ui, dialog: { ...dialog, filter, chosen: 0 } }));
    case 'keys':
      return dialog.capturing
        ? undefined
        : field(dialog.filter, (filter) => ({ ...ui, dialog: { ...dialog, filter, chosen: 0, error: '' } }));
    case 'group':
      return field(dialog.group, (group) => ({ ...ui, dialog: { ...dialog, group } }));
    case 'find':
      return field(dialog.pattern, (pattern) => ({ ...ui, dialog: { ...dialog, pattern, error: '' } }));
    case 'gather':
      return dialog.field === 0
        ? field(dialog.title, (title) => ({ ...ui, dialog: { ...dialog, title, error: '' } }))
        : field(dialog.people, (people) => ({ ...ui, dialog: { ...dialog, people, error: '' } }));
    case 'add':
      return dialog.field === 0
        ? field(dialog.name, (name) => ({ ...ui, dialog: { ...dialog, name, error: '' } }))
        : field(dialog.message, (message) => ({ ...ui, dialog: { ...dialog, message, error: '' } }));
    default:
      return undefined;
  }
}

function walkField(app: AppState, ui: UiState): ActiveField {
  const { walk } = ui;
  if (walkStepOf(app, ui) === 'invite') {
    return field(walk.invite, (invite) => ({ ...ui, walk: { ...walk, invite, error: '' } }));
  }
  const name = walkFieldsOf(walk)[walk.field] ?? 'name';
  return field(walk[name], (editor) => ({ ...ui, walk: { ...walk, [name]: editor, error: '' } }));
}

function field(editor: Editor, put: (editor: Editor) => UiState): ActiveField {
  return { editor, lines: false, put };
}

export function inCall(app: AppState): boolean {
  return currentCall(app) !== undefined;
}
