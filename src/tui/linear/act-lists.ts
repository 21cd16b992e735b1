/**
 * What line mode does that the screen does with lists and forms: groups of people, the devices of the account, what is unread and
 * what is older, calls of the past. Each gives what a typed line does (`act.ts`). Pure.
 */
import { foldName, isName } from '../../net/protocol/ids.ts';
import type { AppState, DevicesReport } from '../../store/state.ts';
import { conversationsOf, isGroup } from '../people-groups.ts';
import { groupTitle } from '../preferences.ts';
import { conversationOf } from '../ui-state.ts';
import { preferenceChanged } from '../update/preference-changes.ts';
import type { World } from '../update/world.ts';
import { failureSentence, SENTENCES } from '../wording.ts';
import { ask, bad, headOf, type LineStep, told, withPerson } from './line-step.ts';

const UNREAD_LINES_MAX = 50;
const CALLS_SHOWN = 20;
const OLDER_LINES = 50;

/** A new group of these buddies; with a sign before the name: more of them into that one. */
export function group(world: World, rest: string): LineStep {
  const [named, people] = headOf(rest);
  const members = people.split(/[\s,]+/).filter((name) => name !== '');
  const wrong = members.find((name) => !isName(name));
  if (wrong !== undefined) return bad(world, `${wrong}: ${failureSentence('name-malformed')}`);
  if (members.length === 0)
    return bad(world, 'Write it as: group TITLE NAME NAME..., or group #TITLE NAME for one more');
  const command = isGroup(named)
    ? ({ type: 'group.add', group: named, members } as const)
    : ({ type: 'group.new', title: named, members } as const);
  return ask(world, command, { for: 'plain', detail: named }, 'group');
}

/** The device that is meant: the whole label goes before the beginning of an id. */
function deviceOf({ devices }: AppState, typed: string): DevicesReport['list'][number] | undefined {
  const wanted = typed.toLowerCase();
  const list = devices?.list ?? [];
  const byId = wanted.length >= 4 ? list.filter(({ id }) => id.startsWith(wanted)) : [];
  return list.find(({ label }) => label.toLowerCase() === wanted) ?? (byId.length === 1 ? byId[0] : undefined);
}

/** A question first: there is no way back. */
export function revoke(world: World, typed: string): LineStep {
  const device = deviceOf(world.app, typed);
  if (!device) return bad(world, `${typed}: there is no such device; devices shows them all.`);
  if (device.thisOne) return bad(world, 'That is this device: signing out takes it off the list.');
  const dialog = { type: 'confirm', what: 'revoke', name: device.label, device: device.id } as const;
  return { ui: { ...world.ui, dialog }, asks: [], lines: [] };
}

/** What is unread with the next one, of whom the others are told; it is read then. */
export function unread(world: World): LineStep {
  const waiting = conversationsOf(world.app).filter((one) => one.unread > 0);
  const [first, ...others] = waiting;
  if (!first) return told(world, ['Nothing is unread.']);
  const { name } = first;
  const limit = Math.min(UNREAD_LINES_MAX, first.unread);
  const lines = ask(world, { type: 'chat.history', with: name, limit }, { for: 'quiet' }, 'conversation');
  const read = ask(world, { type: 'chat.mark-read', with: name }, { for: 'quiet' });
  const more = others.length === 0 ? [] : [`Then unread shows: ${others.map((one) => one.name).join(', ')}.`];
  if (first.unread > limit) {
    // What was not shown is not read.
    const newest = `Unread of ${name}, the newest ${limit} of ${first.unread}; history ${name} and older ${name} show the rest, chat ${name} marks all as read:`;
    return { ...lines, lines: [newest, ...more] };
  }
  return { ...lines, asks: [...lines.asks, ...read.asks], lines: [`Unread of ${name}, ${first.unread}:`, ...more] };
}

/** Before the oldest that "history NAME" has shown. */
export function older(world: World, typed: string): LineStep {
  return withPerson(world, typed, (chosen, { name }) => {
    const beforeMs = conversationOf(chosen.ui, name).lines[0]?.storedAtMs;
    if (beforeMs === undefined) return bad(chosen, `Begin with: history ${name}`);
    const command = { type: 'chat.history', with: name, limit: OLDER_LINES, beforeMs } as const;
    return ask(chosen, command, { for: 'history', with: name }, 'older');
  });
}

export function calls(world: World): LineStep {
  return ask(world, { type: 'history.calls', limit: CALLS_SHOWN }, { for: 'quiet' }, 'calls');
}

/** Where somebody stands in the list of buddies; without a title in none. */
export function put(world: World, rest: string): LineStep {
  const [typed, title] = headOf(rest);
  return withPerson(world, typed, (chosen, { name }) => {
    if (isGroup(name)) return bad(chosen, `${name} is a group already.`);
    const { [foldName(name)]: _, ...others } = chosen.ui.preferences.groups;
    const group = groupTitle(title);
    const { ui, effects } = preferenceChanged(chosen.ui, {
      groups: group === '' ? others : { ...others, [foldName(name)]: group },
    });
    const asks = effects.map((effect) => ({ effect, shows: 'nothing' }) as const);
    return { ui, asks, lines: [group === '' ? `${name} stands in no group.` : `${name} stands in ${group}.`] };
  });
}

/** Of the microphone, for ten seconds; in a call the figures of that say how it is heard. */
export function level(world: World): LineStep {
  if (world.app.calls.some(({ phase }) => phase !== 'ended')) return bad(world, SENTENCES.levelInCall);
  const step = ask(world, { type: 'sound.listen' }, { for: 'plain', detail: '' });
  return { ...step, lines: ['The microphone is listened to for ten seconds: speak.'] };
}
