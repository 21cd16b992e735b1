/**
 * What a typed line of line mode comes to (`act.ts`): the next state, what is asked, what is said at once; and the few functions that
 * such steps are made of. Pure.
 */
import { foldName, isName } from '../../net/protocol/ids.ts';
import type { AgentCommand } from '../../store/port.ts';
import type { AppState, Buddy } from '../../store/state.ts';
import { conversationsOf, isGroup } from '../people-groups.ts';
import { faceOf, type UiState } from '../ui-state.ts';
import type { Effect, Tag, World } from '../update/world.ts';
import { failureSentence } from '../wording.ts';

/** What an answer of the agent is shown as. */
export type Shows =
  | 'conversation'
  | 'found'
  | 'search'
  | 'settings'
  | 'setting'
  | 'sent'
  | 'ready'
  | 'nothing'
  | 'older'
  | 'group'
  | 'calls'
  | 'sound';

/** Something asked of the agent or of the program itself. */
export interface Ask {
  readonly effect: Effect;
  readonly shows: Shows;
  /** Of `settings`: the one that is asked for; empty: all. */
  readonly about?: string;
}

export interface LineStep {
  readonly ui: UiState;
  readonly asks: readonly Ask[];
  readonly lines: readonly string[];
  /** The line was not understood, or what it asks for makes no sense now. */
  readonly isBad?: boolean;
  /** Nothing more is read for so long. */
  readonly pauseMs?: number;
}

/** The person of this name, chosen; a name that is not on the list is refused. */
export function withPerson(world: World, typed: string, act: (chosen: World, buddy: Buddy) => LineStep): LineStep {
  if (faceOf(world.app, world.ui) !== 'main') {
    return bad(world, failureSentence(world.app.network === null ? 'no-network' : 'not-signed-in'));
  }
  if (!isName(typed) && !isGroup(typed)) return bad(world, failureSentence('name-malformed'));
  const buddy = buddyOf(world.app, typed);
  if (!buddy) return bad(world, `${typed}: ${failureSentence(isGroup(typed) ? 'group-unknown' : 'not-a-buddy')}`);
  return act({ ...world, ui: { ...world.ui, selected: buddy.name } }, buddy);
}

export function buddyOf(app: AppState, typed: string): Buddy | undefined {
  return conversationsOf(app).find(({ name }) => foldName(name) === foldName(typed));
}

export function ask({ ui }: World, command: AgentCommand, tag: Tag, shows: Shows = 'nothing'): LineStep {
  return { ui, asks: [{ effect: { type: 'request', command, tag }, shows }], lines: [] };
}

export function still({ ui }: World): LineStep {
  return { ui, asks: [], lines: [] };
}

export function told({ ui }: World, lines: readonly string[]): LineStep {
  return { ui, asks: [], lines };
}

export function bad({ ui }: World, sentence: string): LineStep {
  return { ui, asks: [], lines: [sentence], isBad: true };
}

/** The first word, and the rest. */
export function headOf(text: string): readonly [string, string] {
  const [head = ''] = text.split(/\s/, 1);
  return [head, text.slice(head.length).trim()];
}
