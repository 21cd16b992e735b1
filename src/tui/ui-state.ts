/**
 * What the screen itself knows beside the agent's state: where the focus is, what is half typed, which dialog is
 * open. One tree of plain data, changed by the pure functions of `update/` only. Nothing here outlives the screen.
 */
import type { FailureCode } from '../net/protocol/failures.ts';
import type { ResultOf, SafetyReport, SoundDevicesReport } from '../store/port.ts';
import type { AppState, Buddy, ChatLine } from '../store/state.ts';
import { DEFAULT_KEYS, type KeyTable } from './key-bindings.ts';
import { conversationsOf } from './people-groups.ts';
import { DEFAULT_PREFERENCES, type Preferences } from './preferences.ts';
import { type Editor, EMPTY_EDITOR } from './text/editor.ts';
import type { Background, ColourDepth } from './themes.ts';

export type LoggedCall = ResultOf<'history.calls'>[number];

/** Between the screen and the agent. */
export type Link =
  | { readonly type: 'starting' }
  | { readonly type: 'up' }
  /** Gone, or never there; tried again until it comes. */
  | { readonly type: 'lost'; readonly code: FailureCode };

/** Messages with one person, as far as they were loaded. */
export interface Conversation {
  /** Oldest first. */
  readonly lines: readonly ChatLine[];
  /** `new`: never asked for; `whole`: there is nothing older. */
  readonly loaded: 'new' | 'loading' | 'part' | 'whole';
  /** The newest are not among them: somebody looks at an older part. */
  readonly isCut?: boolean;
  /** The lowest row in sight; null follows the newest line. */
  readonly anchor: Anchor | null;
}

/** One row of the wrapped form of one message. Survives a change of width better than a count of rows. */
export interface Anchor {
  readonly id: string;
  readonly row: number;
}

export interface SearchHit {
  readonly name: string;
  readonly displayName: string;
}

export type Dialog =
  | { readonly type: 'help'; readonly filter: Editor; readonly top: number }
  | {
      readonly type: 'search';
      readonly pattern: Editor;
      /** What the hits answer; null before the first search. */
      readonly searched: string | null;
      readonly busySinceMs: number | null;
      readonly hits: readonly SearchHit[];
      readonly more: boolean;
      /** Not every part of the network has answered. */
      readonly incomplete: boolean;
      readonly chosen: number;
      readonly error: string;
    }
  | {
      readonly type: 'find';
      /** With whom it was said. */
      readonly name: string;
      readonly pattern: Editor;
      /** What the lines answer; null before the first. */
      readonly searched: string | null;
      readonly busySinceMs: number | null;
      /** Newest first. */
      readonly lines: readonly ChatLine[];
      /** The first of them in sight. */
      readonly top: number;
      readonly error: string;
    }
  | {
      readonly type: 'add';
      readonly name: Editor;
      readonly message: Editor;
      readonly field: 0 | 1;
      readonly busySinceMs: number | null;
      readonly error: string;
      /** Where Escape leads: the search it came from. */
      readonly back: Dialog | null;
    }
  | {
      readonly type: 'confirm';
      readonly what:
        | 'remove'
        | 'leave'
        | 'forget'
        | 'block'
        | 'sign-out'
        | 'serve'
        | 'serve-no-more'
        | 'erase'
        | 'verify'
        | 'revoke';
      readonly name: string;
      /** It opened by itself: keys that come before then were meant for something else. */
      readonly readableAtMs?: number;
      /** Of `revoke`: the id of the device that `name` is the label of. */
      readonly device?: string;
      /** Of `verify`: what is compared. */
      readonly safety?: SafetyReport;
    }
  /** A conversation of several people. */
  | {
      readonly type: 'gather';
      /** The group that is to have more; empty for a new one. */
      readonly into: string;
      readonly title: Editor;
      readonly people: Editor;
      readonly field: 0 | 1;
      readonly busySinceMs: number | null;
      readonly error: string;
    }
  | { readonly type: 'presence'; readonly chosen: number }
  | {
      readonly type: 'sound';
      readonly chosen: number;
      /** Null while they are looked for. */
      readonly devices: SoundDevicesReport | null;
      /** When the microphone was last asked to be listened to; 0 before that. */
      readonly listenedAtMs: number;
    }
  /** What can be copied of a conversation, the newest first. */
  | { readonly type: 'copy'; readonly chosen: number }
  /** The group of somebody in the list. */
  | { readonly type: 'group'; readonly name: string; readonly group: Editor }
  | { readonly type: 'settings'; readonly chosen: number }
  /** The devices of the account. */
  | { readonly type: 'devices'; readonly chosen: number }
  /** To which of one's own devices the running call is to go. */
  | { readonly type: 'transfer'; readonly chosen: number }
  /** Calls of the past, the newest first; null while they are looked for. */
  | { readonly type: 'calls'; readonly chosen: number; readonly calls: readonly LoggedCall[] | null }
  | {
      /** Which key does what, to be changed. */
      readonly type: 'keys';
      readonly filter: Editor;
      readonly chosen: number;
      /** The next key becomes that of the chosen line. */
      readonly capturing: boolean;
      readonly error: string;
    }
  /** Every command, by what is typed. */
  | { readonly type: 'palette'; readonly filter: Editor; readonly chosen: number }
  | { readonly type: 'quit' };

/** The first-run walk. What was typed stays, whatever fails and wherever the person goes back to. */
export interface Walk {
  readonly invite: Editor;
  readonly mode: 'choice' | 'sign-up' | 'sign-in';
  readonly chosen: 0 | 1;
  readonly name: Editor;
  readonly displayName: Editor;
  readonly password: Editor;
  readonly again: Editor;
  readonly field: number;
  readonly busySinceMs: number | null;
  readonly error: string;
}

export interface Notice {
  readonly text: string;
  readonly tone: 'plain' | 'warn' | 'bad' | 'good';
  readonly untilMs: number;
  /** Gone with the next key: a hint for somebody who has not begun. */
  readonly untilKey?: boolean;
}

export interface UiState {
  readonly columns: number;
  readonly rows: number;
  readonly link: Link;
  readonly focus: 'list' | 'chat';
  /** Name of the chosen buddy; empty when there is none. */
  readonly selected: string;
  /** First row of the buddy list in sight. */
  readonly listTop: number;
  readonly filter: Editor;
  readonly filtering: boolean;
  readonly drafts: Readonly<Record<string, Editor>>;
  readonly conversations: Readonly<Record<string, Conversation>>;
  readonly dialog: Dialog | null;
  readonly walk: Walk;
  readonly notice: Notice | null;
  /** More figures of the call are shown. */
  readonly callDetails: boolean;
  /** Ctrl-C was pressed once. */
  readonly quitArmed: boolean;
  readonly preferences: Preferences;
  /** The key table in force. */
  readonly keys: KeyTable;
  /** One sentence each: what of the preferences could not be used. */
  readonly problems: readonly string[];
  readonly background: Background;
  readonly depth: ColourDepth;
  /** This screen has asked whether the machine may serve. */
  readonly askedToServe: boolean;
}

export const EMPTY_WALK: Walk = {
  invite: EMPTY_EDITOR,
  mode: 'choice',
  chosen: 0,
  name: EMPTY_EDITOR,
  displayName: EMPTY_EDITOR,
  password: EMPTY_EDITOR,
  again: EMPTY_EDITOR,
  field: 0,
  busySinceMs: null,
  error: '',
};

export const INITIAL_UI: UiState = {
  columns: 80,
  rows: 24,
  link: { type: 'starting' },
  focus: 'list',
  selected: '',
  listTop: 0,
  filter: EMPTY_EDITOR,
  filtering: false,
  drafts: {},
  conversations: {},
  dialog: null,
  walk: EMPTY_WALK,
  notice: null,
  callDetails: false,
  quitArmed: false,
  preferences: DEFAULT_PREFERENCES,
  keys: DEFAULT_KEYS,
  problems: [],
  background: 'unknown',
  depth: 'sixteen',
  askedToServe: false,
};

const NEW_CONVERSATION: Conversation = { lines: [], loaded: 'new', anchor: null };

/** Which of the three faces the screen shows. */
export function faceOf(app: AppState, ui: UiState): 'starting' | 'walk' | 'main' {
  // An agent that never answered has told nothing yet, not even whether there is an account.
  if (app.version === '' && ui.link.type !== 'up') return 'starting';
  return app.network === null || app.account === null ? 'walk' : 'main';
}

/** Step of the first-run walk that is on. */
export function walkStepOf(app: AppState, ui: UiState): 'invite' | 'choice' | 'account' {
  if (app.network === null) return 'invite';
  return ui.walk.mode === 'choice' ? 'choice' : 'account';
}

export type WalkField = 'name' | 'displayName' | 'password' | 'again';

/** Fields of the account form, top down. */
export function walkFieldsOf(walk: Walk): readonly WalkField[] {
  return walk.mode === 'sign-up' ? ['name', 'displayName', 'password', 'again'] : ['name', 'password'];
}

export function selectedBuddy(app: AppState, ui: UiState): Buddy | undefined {
  return conversationsOf(app).find((one) => one.name === ui.selected);
}

/** True when there is a person to write to. */
export function canWrite(app: AppState, ui: UiState): boolean {
  return selectedBuddy(app, ui)?.relation === 'both';
}

export function conversationOf(ui: UiState, name: string): Conversation {
  return ui.conversations[name] ?? NEW_CONVERSATION;
}

export function draftOf(ui: UiState, name: string): Editor {
  return ui.drafts[name] ?? EMPTY_EDITOR;
}

export function unreadTotal(app: AppState): number {
  return conversationsOf(app).reduce((sum, buddy) => sum + buddy.unread, 0);
}
