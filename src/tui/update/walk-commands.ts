/**
 * The first-run walk: join a network, choose, sign up or in. Checks what can be checked here before anybody is asked;
 * whatever is refused, everything typed stays, and the sentence stands under the form.
 */
import { isPersonName } from '../../net/protocol/ids.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { type UiState, type Walk, walkFieldsOf, walkStepOf } from '../ui-state.ts';
import { failureSentence } from '../wording.ts';
import { request, type Step, step, type World } from './world.ts';

/** Enter: the next field, or the whole form. */
export function walkNext(world: World): Step {
  const { app, ui, nowMs } = world;
  const { walk } = ui;
  if (walk.busySinceMs !== null) return step(ui);
  if (walkStepOf(app, ui) === 'invite') {
    const invite = walk.invite.text.replaceAll(/\s+/g, '');
    if (invite === '') return step(withError(ui, failureSentence('invite-malformed')));
    return step(busy(ui, nowMs), request({ type: 'network.join', invite }, { for: 'join' }));
  }
  const fields = walkFieldsOf(walk);
  const fault = faultOf(walk);
  if (fault && fields.indexOf(fault.field) <= walk.field) {
    return step({ ...ui, walk: { ...walk, field: fields.indexOf(fault.field), error: fault.sentence } });
  }
  if (walk.field < fields.length - 1) return step({ ...ui, walk: { ...walk, field: walk.field + 1, error: '' } });
  return step(busy(ui, nowMs), request(accountCommand(walk), { for: 'account' }));
}

export function walkMove({ app, ui }: World, by: 1 | -1): UiState {
  if (walkStepOf(app, ui) === 'invite') return ui;
  const count = walkFieldsOf(ui.walk).length;
  return { ...ui, walk: { ...ui.walk, field: (ui.walk.field + by + count) % count } };
}

/** Escape: back to the choice; what was typed stays. */
export function walkBack({ app, ui }: World): UiState {
  if (walkStepOf(app, ui) === 'invite') return ui;
  return { ...ui, walk: { ...ui.walk, mode: 'choice', field: 0, error: '' } };
}

export function walkMenuMove(ui: UiState, by: number): UiState {
  // One step goes round between the two; a longer one ends at an end.
  const chosen = Math.abs(by) === 1 ? (ui.walk.chosen === 0 ? 1 : 0) : by < 0 ? 0 : 1;
  return { ...ui, walk: { ...ui.walk, chosen } };
}

export function walkMenuTake(ui: UiState): UiState {
  const mode = ui.walk.chosen === 0 ? 'sign-up' : 'sign-in';
  return { ...ui, walk: { ...ui.walk, mode, field: 0, error: '' } };
}

/** The first thing wrong with the form, or undefined. */
function faultOf(walk: Walk): { readonly field: 'name' | 'password' | 'again'; readonly sentence: string } | undefined {
  if (!isPersonName(walk.name.text.trim())) return { field: 'name', sentence: failureSentence('name-malformed') };
  if (walk.password.text === '') return { field: 'password', sentence: 'Type a password.' };
  if (walk.mode === 'sign-up' && walk.password.text !== walk.again.text) {
    return { field: 'again', sentence: 'The two passwords differ: type the same one twice.' };
  }
  return undefined;
}

function accountCommand(walk: Walk) {
  const name = walk.name.text.trim();
  const password = walk.password.text;
  if (walk.mode === 'sign-in') return { type: 'account.sign-in', name, password } as const;
  const displayName = walk.displayName.text.trim();
  return { type: 'account.sign-up', name, password, ...(displayName === '' ? {} : { displayName }) } as const;
}

function busy(ui: UiState, nowMs: number): UiState {
  return { ...ui, walk: { ...ui.walk, busySinceMs: nowMs, error: '' } };
}

function withError(ui: UiState, error: string): UiState {
  return { ...ui, walk: { ...ui.walk, error } };
}

/** A walk that begins with an invite known already (WREN_INVITE). */
export function walkWithInvite(ui: UiState, invite: string): UiState {
  return { ...ui, walk: { ...ui.walk, invite: { ...EMPTY_EDITOR, text: invite, cursor: invite.length } } };
}
