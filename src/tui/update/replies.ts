/** Answers to what the screen asked: each finds its place again by its tag. What was typed is never lost to a refusal. */

import type { FailureCode } from '../../net/protocol/failures.ts';
import type { ChatLine, Group } from '../../store/state.ts';
import { editorOf, remember } from '../text/editor.ts';
import { conversationOf, draftOf, EMPTY_WALK, type UiState, type Walk, walkFieldsOf } from '../ui-state.ts';
import { failureSentence } from '../wording.ts';
import { HISTORY_LINES, withConversation, withLines, withPart } from './conversations.ts';
import { shownLine, withFound, withSafety } from './find-commands.ts';
import { withCalls } from './menu-commands.ts';
import { gathered } from './people-group-commands.ts';
import { withDevices } from './sound-commands.ts';
import { transferred } from './transfer-commands.ts';
import {
  type CallsReply,
  type DevicesReply,
  type HistoryReply,
  type Message,
  noticed,
  type SafetyReply,
  type SearchReply,
  type Step,
  step,
  type Tag,
  type TransferReply,
  type World,
} from './world.ts';

const NO_DEVICES: DevicesReply = { spec: '', backend: 'none', inputs: [], outputs: [] };

export function afterReply(world: World, tag: Tag, result: unknown): Step {
  const { ui } = world;
  switch (tag.for) {
    case 'join':
      return step({ ...ui, walk: { ...ui.walk, busySinceMs: null, error: '' } });
    case 'account':
      return step({ ...ui, walk: { ...EMPTY_WALK, invite: ui.walk.invite } });
    case 'history': {
      const lines = result as HistoryReply;
      return step(withLines(ui, tag.with, lines, { loaded: lines.length < HISTORY_LINES ? 'whole' : 'part' }));
    }
    case 'part': {
      const part = withPart(ui, tag.with, result as HistoryReply, tag.aroundMs);
      return step(tag.show === undefined ? part : shownLine({ ...world, ui: part }, tag.with, tag.show));
    }
    case 'send':
      return step(conversationOf(ui, tag.to).isCut ? ui : withLines(ui, tag.to, [result as ChatLine]));
    case 'search':
      return step(withHits(ui, tag.pattern, result as SearchReply));
    case 'find':
      return step(withFound(ui, tag.words, result as HistoryReply));
    case 'safety':
      return step(withSafety(world, result as SafetyReply));
    case 'devices':
      return step(withDevices(ui, result as DevicesReply));
    case 'calls':
      return step(withCalls(ui, result as CallsReply));
    case 'transfer':
      return step(transferred(world, result as TransferReply));
    case 'gather':
      return step(gathered(world, result as Group));
    case 'add':
      return step(afterAdd(world, tag.name));
    default:
      return step(ui);
  }
}

export function afterRefusal(world: World, refusal: Extract<Message, { type: 'refused' }>): Step {
  const { ui } = world;
  const { tag } = refusal;
  const sentence = sentenceOf(refusal);
  switch (tag.for) {
    case 'join':
      return step({ ...ui, walk: { ...ui.walk, busySinceMs: null, error: sentence } });
    case 'account':
      return step({
        ...ui,
        walk: { ...ui.walk, busySinceMs: null, error: sentence, field: faultyField(ui.walk, refusal.code) },
      });
    case 'find':
      if (ui.dialog?.type !== 'find') return step(ui);
      return step({ ...ui, dialog: { ...ui.dialog, busySinceMs: null, lines: [], error: sentence } });
    case 'safety':
      return step(noticed(world, ui, `${tag.name}: ${sentence}`, 'warn'));
    case 'part':
    case 'history':
      // Asked for again with the next link.
      return step(
        withConversation(refusal.code === 'history-locked' ? noticed(world, ui, sentence, 'warn') : ui, tag.with, {
          ...conversationOf(ui, tag.with),
          loaded: 'part',
        }),
      );
    case 'send':
      return step(noticed(world, withTextBack(ui, tag.to, tag.text), `Not sent. ${sentence}`, 'bad'));
    case 'search':
      if (ui.dialog?.type !== 'search') return step(ui);
      return step({ ...ui, dialog: { ...ui.dialog, busySinceMs: null, error: sentence } });
    case 'gather':
      if (ui.dialog?.type !== 'gather') return step(noticed(world, ui, sentence, 'bad'));
      return step({ ...ui, dialog: { ...ui.dialog, busySinceMs: null, error: sentence } });
    case 'add':
      if (ui.dialog?.type !== 'add') return step(noticed(world, ui, `${tag.name}: ${sentence}`, 'bad'));
      return step({ ...ui, dialog: { ...ui.dialog, busySinceMs: null, error: sentence } });
    case 'devices':
      return step(noticed(world, withDevices(ui, NO_DEVICES), sentence, 'bad'));
    case 'calls':
      return step(noticed(world, withCalls(ui, []), sentence, 'bad'));
    case 'transfer':
      return step(noticed(world, ui, `${tag.device}: ${sentence}`, 'bad'));
    case 'plain':
      return step(noticed(world, ui, tag.detail === '' ? sentence : `${tag.detail}: ${sentence}`, 'bad'));
    default:
      return step(ui);
  }
}

/** The field that the refusal speaks of; the one that had the focus when it speaks of none. */
function faultyField(walk: Walk, code: FailureCode): number {
  if (code.startsWith('name-')) return walkFieldsOf(walk).indexOf('name');
  if (code.startsWith('password-')) return walkFieldsOf(walk).indexOf('password');
  return walk.field;
}

function sentenceOf({ code, retryAfterMs }: Extract<Message, { type: 'refused' }>): string {
  const sentence = failureSentence(code);
  return retryAfterMs > 0 ? `${sentence} (In ${Math.ceil(retryAfterMs / 1000)} s.)` : sentence;
}

function withHits(ui: UiState, pattern: string, report: SearchReply): UiState {
  if (ui.dialog?.type !== 'search') return ui;
  const { hits, more, incomplete } = report;
  return {
    ...ui,
    dialog: { ...ui.dialog, searched: pattern, busySinceMs: null, hits, more, incomplete, chosen: 0, error: '' },
  };
}

function afterAdd(world: World, name: string): UiState {
  const { ui } = world;
  const dialog = ui.dialog?.type === 'add' ? ui.dialog.back : ui.dialog;
  return noticed(world, { ...ui, dialog }, `${name} was asked; you are buddies when they accept.`, 'good');
}

/** The unsent text stands in the line again, before what was typed since. */
function withTextBack(ui: UiState, name: string, text: string): UiState {
  const draft = draftOf(ui, name);
  const whole = draft.text === '' ? text : `${text}\n${draft.text}`;
  return {
    ...ui,
    drafts: {
      ...ui.drafts,
      [name]: { ...remember(draft, text), ...editorOf(whole), history: draft.history, historyAt: draft.history.length },
    },
  };
}
