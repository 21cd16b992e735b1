/** Editing keys: each is one pure function on the text field that has the focus. */
import {
  backspace,
  deleteForward,
  deleteToEnd,
  deleteToStart,
  deleteWord,
  type Editor,
  moveEnd,
  moveHome,
  moveLeft,
  moveRight,
  moveWordLeft,
  moveWordRight,
} from '../text/editor.ts';
import { activeField } from './context.ts';
import { type Step, step, type World } from './world.ts';

function edit(change: (editor: Editor) => Editor) {
  return ({ app, ui }: World): Step => {
    const field = activeField(app, ui);
    return step(field ? field.put(change(field.editor)) : ui);
  };
}

export const EDIT_HANDLERS = {
  'edit.left': edit(moveLeft),
  'edit.right': edit(moveRight),
  'edit.word-left': edit(moveWordLeft),
  'edit.word-right': edit(moveWordRight),
  'edit.home': edit(moveHome),
  'edit.end': edit(moveEnd),
  'edit.backspace': edit(backspace),
  'edit.delete': edit(deleteForward),
  'edit.delete-word': edit(deleteWord),
  'edit.delete-to-start': edit(deleteToStart),
  'edit.delete-to-end': edit(deleteToEnd),
} as const;
