/** Every command of the key table with the function that carries it out. The type demands that none is missing. */
import type { CommandName } from '../key-bindings.ts';
import { CALL_HANDLERS } from './call-commands.ts';
import { CHAT_HANDLERS } from './chat-commands.ts';
import { DIALOG_HANDLERS } from './dialog-commands.ts';
import { EDIT_HANDLERS } from './edit-commands.ts';
import { FIND_HANDLERS } from './find-commands.ts';
import { GROUP_HANDLERS } from './group-commands.ts';
import { LIST_HANDLERS } from './list-commands.ts';
import { MENU_HANDLERS } from './menu-commands.ts';
import { PALETTE_HANDLERS } from './palette-commands.ts';
import { PEOPLE_GROUP_HANDLERS } from './people-group-commands.ts';
import { SETTINGS_HANDLERS } from './settings-commands.ts';
import { SOUND_HANDLERS } from './sound-commands.ts';
import { TRANSFER_HANDLERS } from './transfer-commands.ts';
import { TUNE_HANDLERS } from './tune-commands.ts';
import type { Step, World } from './world.ts';

export type Handler = (world: World) => Step;

export const HANDLERS: Readonly<Record<CommandName, Handler>> = {
  ...CALL_HANDLERS,
  ...LIST_HANDLERS,
  ...FIND_HANDLERS,
  ...CHAT_HANDLERS,
  ...EDIT_HANDLERS,
  ...DIALOG_HANDLERS,
  ...SOUND_HANDLERS,
  ...PALETTE_HANDLERS,
  ...SETTINGS_HANDLERS,
  ...TUNE_HANDLERS,
  ...MENU_HANDLERS,
  ...TRANSFER_HANDLERS,
  ...GROUP_HANDLERS,
  ...PEOPLE_GROUP_HANDLERS,
};
