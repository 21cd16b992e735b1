/**
 * One typed line -> the next state of the screen, what is asked of the agent, and sentences for whoever typed it. The state is that
 * of the full screen: a word that has a key is carried out by that key's handler, questions and the first-run walk are its own.
 * Pure; `run-lines.ts` carries out what is asked.
 */
import { isName } from '../../net/protocol/ids.ts';
import type { AgentCommand } from '../../store/port.ts';
import { currentCall, type PresenceStatus, ringingCall } from '../../store/state.ts';
import type { CommandName } from '../key-bindings.ts';
import { editorOf } from '../text/editor.ts';
import { cleanText } from '../text/sanitize.ts';
import { walkFieldsOf, walkStepOf } from '../ui-state.ts';
import { HANDLERS } from '../update/commands.ts';
import { activeField, contextOf } from '../update/context.ts';
import type { Tag, World } from '../update/world.ts';
import { failureSentence, SENTENCES } from '../wording.ts';
import * as lists from './act-lists.ts';
import { ask, bad, buddyOf, headOf, type LineStep, still, told, withPerson } from './line-step.ts';
import { type LineAction, type ReadLine, readLine } from './line-table.ts';
import {
  buddyLines,
  callLines,
  deviceLines,
  figureLines,
  groupLines,
  helpLines,
  missedLines,
  statusLines,
} from './show.ts';
import { orWords, type Voice } from './voice.ts';

/** Lines of a conversation that are shown when it is opened. */
const OPENED_LINES = 10;
const HISTORY_LINES = 50;
const SEARCH_HITS = 50;
const PAUSE_SECONDS_MAX = 86_400;
const PRESENCES: readonly PresenceStatus[] = ['online', 'away', 'do-not-disturb', 'invisible'];

/** What `text`, typed as one line, does. */
export function actLine(world: World, text: string, voice: Voice): LineStep {
  const context = contextOf(world.app, world.ui);
  const read = readLine(text);
  const meaning = meaningOf(read);
  if (context === 'quitting') return answerQuit(world, meaning);
  if (context === 'confirming' && (meaning === 'yes' || meaning === 'no')) {
    return byKey(world, meaning === 'yes' ? 'confirm.yes' : 'confirm.no');
  }
  if (context === 'form') return fillIn(world, text, read, voice);
  if (context === 'menu') return chooseEntrance(world, text, read) ?? command(world, read, voice);
  if (world.ui.focus === 'chat' && context === 'writing' && !/^\/(?!\/)/.test(text.trim())) return say(world, text);
  if (context === 'confirming' && read.type !== 'word') return bad(world, 'That was a question: answer yes or no.');
  return command(world, read, voice);
}

type Meaning = LineAction | CommandName;

/** Undefined for a line that begins with no word of the table. */
function meaningOf(read: ReadLine): Meaning | undefined {
  if (read.type !== 'word') return undefined;
  const { does } = read.word;
  return 'action' in does ? does.action : does.key;
}

function command(world: World, read: ReadLine, voice: Voice): LineStep {
  if (read.type === 'empty') return still(world);
  if (read.type === 'unknown') return bad(world, read.sentence);
  const { does, takes } = read.word;
  if ('action' in does) return ACTIONS[does.action](world, read.rest, voice);
  if (takes !== 'NAME') return does.key === 'quit' ? byKey(world, 'quit') : inCallByKey(world, does.key);
  return withPerson(world, read.rest, (chosen) => byKey(chosen, does.key));
}

type Action = (world: World, rest: string, voice: Voice) => LineStep;

const ACTIONS: Readonly<Record<LineAction, Action>> = {
  help: (world, rest, voice) => told(world, helpLines(rest, voice)),
  buddies: (world, part, voice) => told(world, buddyLines(world, part, voice)),
  groups: (world, _rest, voice) => told(world, groupLines(world.app, voice)),
  devices: (world, _rest, voice) => told(world, deviceLines(world.app, voice)),
  figures: (world, _rest, voice) => told(world, figureLines(world, voice)),
  sound: (world) => ask(world, { type: 'sound.devices' }, { for: 'quiet' }, 'sound'),
  ...{ group: lists.group, revoke: lists.revoke, unread: lists.unread, older: lists.older, calls: lists.calls },
  ...{ put: lists.put, level: lists.level },
  expel: (world, name) => {
    if (!currentCall(world.app)?.conference) return bad(world, 'There is no conference.');
    return withPerson(world, name, (one) => byKey(one, 'conference.remove'));
  },
  status: (world, _rest, voice) => told(world, statusLines(world, voice)),
  missed: (world, _rest, voice) => told(world, missedLines(world.app, voice)),
  chat,
  close: (world) =>
    world.ui.focus === 'chat'
      ? { ...byKey(world, 'chat.leave'), lines: [`Conversation with ${world.ui.selected} closed.`] }
      : bad(world, 'No conversation is open: chat NAME opens one.'),
  history,
  call,
  transfer: (world, device) => {
    if (!currentCall(world.app)) return bad(world, SENTENCES.nothingToTransfer);
    return ask(world, { type: 'call.transfer', device }, { for: 'transfer', device });
  },
  mute: (world) => switched(world, 'call.mute', (state) => state.muted, 'The microphone is off already.'),
  unmute: (world) => switched(world, 'call.mute', (state) => !state.muted, 'The microphone is on already.'),
  hold: (world) => switched(world, 'call.hold', (state) => isHeldByMe(state), 'The call is on hold already.'),
  resume: (world) => switched(world, 'call.hold', (state) => !isHeldByMe(state), 'The call is not on hold by you.'),
  search: (world, pattern) =>
    ask(world, { type: 'search', pattern, limit: SEARCH_HITS }, { for: 'search', pattern }, 'search'),
  add: (world, rest) => {
    const [name, message] = headOf(rest);
    if (!isName(name)) return bad(world, failureSentence('name-malformed'));
    return ask(world, { type: 'buddy.add', name, message }, { for: 'add', name });
  },
  decline: (world, name) =>
    name === '' ? inCallByKey(world, 'call.decline') : withPerson(world, name, (one) => byKey(one, 'request.decline')),
  block: (world, name) =>
    withPerson(world, name, (chosen, buddy) =>
      buddy.relation === 'blocked' ? bad(world, `${buddy.name} is blocked already.`) : byKey(chosen, 'buddy.block'),
    ),
  unblock: (world, name) =>
    withPerson(world, name, (chosen, buddy) =>
      buddy.relation === 'blocked' ? byKey(chosen, 'buddy.block') : bad(world, `${buddy.name} is not blocked.`),
    ),
  presence,
  settings,
  'sign-out': (world) => {
    if (!world.app.account) return bad(world, failureSentence('not-signed-in'));
    return { ...still(world), ui: { ...world.ui, dialog: { type: 'confirm', what: 'sign-out', name: '' } } };
  },
  wait: (world, rest) => {
    const seconds = rest === '' ? PAUSE_SECONDS_MAX : secondsOf(rest);
    if (seconds === undefined) return bad(world, 'Write it as: wait SECONDS');
    return ask(world, { type: 'wait', forMs: Math.round(seconds * 1000) }, { for: 'plain', detail: '' }, 'ready');
  },
  pause: (world, rest) => {
    const seconds = secondsOf(rest);
    if (seconds === undefined) return bad(world, 'Write it as: pause SECONDS');
    return { ...still(world), pauseMs: Math.round(seconds * 1000) };
  },
  yes: (world) => bad(world, 'Nothing was asked.'),
  no: (world) => bad(world, 'Nothing was asked.'),
  keep: (world) => bad(world, 'Nothing was asked.'),
  stay: (world) => bad(world, 'Nothing was asked.'),
  back: (world) => bad(world, 'There is nothing to go back to.'),
};

function chat(world: World, rest: string): LineStep {
  const [typed, text] = headOf(rest);
  return withPerson(world, typed, (chosen, buddy) => {
    if (buddy.relation !== 'both') return bad(world, `${buddy.name}: ${failureSentence('not-a-buddy')}`);
    if (text !== '') return send(world, buddy.name, text);
    const opened = { ...chosen, ui: { ...chosen.ui, focus: 'chat' } } as const;
    const last: AgentCommand = { type: 'chat.history', with: buddy.name, limit: OPENED_LINES };
    return {
      ...ask(opened, last, { for: 'history', with: buddy.name }, 'conversation'),
      lines: [
        `Conversation with ${buddy.name}. Every line is sent; one that ends in \\ goes on in the next. /close ends that, /help explains.`,
      ],
    };
  });
}

function say(world: World, text: string): LineStep {
  // Two slashes say that one is meant.
  const message = text.trim().replace(/^\/\//, '/');
  return message === '' ? still(world) : send(world, world.ui.selected, message);
}

function send(world: World, to: string, text: string): LineStep {
  const clean = cleanText(text);
  return ask(world, { type: 'chat.send', to, text: clean }, { for: 'send', to, text: clean }, 'sent');
}

function history(world: World, rest: string): LineStep {
  const [typed, search] = headOf(rest);
  return withPerson(world, typed, (_chosen, { name }) => {
    const words = search === '' ? {} : { search };
    const tag: Tag = search === '' ? { for: 'history', with: name } : { for: 'find', words: search };
    return ask(
      world,
      { type: 'chat.history', with: name, limit: HISTORY_LINES, ...words },
      tag,
      search === '' ? 'conversation' : 'found',
    );
  });
}

/** Alone it tells of the running call. */
function call(world: World, name: string): LineStep {
  const { app, audio } = world;
  if (name === '') return told(world, callLines(world));
  if (!isName(name)) return bad(world, failureSentence('name-malformed'));
  if (buddyOf(app, name)) return withPerson(world, name, (chosen) => byKey(chosen, 'call.place'));
  // Somebody who is no buddy may be called all the same where the agent lets one.
  const sound = audio === undefined ? {} : { audio };
  return ask(world, { type: 'call.place', to: name, ...sound }, { for: 'plain', detail: name });
}

function presence(world: World, word: string): LineStep {
  if (word === '') return told(world, [`Others see you as ${world.app.presence.replaceAll('-', ' ')}.`]);
  const wish = PRESENCES.find((one) => one === word.toLowerCase().replaceAll(' ', '-'));
  if (!wish) return bad(world, `It is one of: ${orWords(PRESENCES)}.`);
  return ask(world, { type: 'presence.set', presence: wish }, { for: 'plain', detail: '' });
}

function settings(world: World, rest: string): LineStep {
  const [key, value] = headOf(rest);
  const tag = { for: 'plain', detail: '' } as const;
  if (value === '') {
    const step = ask(world, { type: 'settings.get' }, tag, 'settings');
    return { ...step, asks: step.asks.map((one) => ({ ...one, about: key })) };
  }
  return ask(world, { type: 'settings.set', key, value }, tag, 'setting');
}

/** A key that only means something while a call rings or is current here; two of them bring one here. */
function inCallByKey(world: World, key: CommandName): LineStep {
  const [ringing, current] = [ringingCall(world.app), currentCall(world.app)];
  if (key === 'call.answer' || key === 'call.decline') {
    return ringing ? byKey(world, key) : bad(world, 'Nobody is calling.');
  }
  const bringsOne = key === 'conference.rejoin' || key === 'call.pull';
  if (!current && !bringsOne) return bad(world, 'There is no call.');
  // Hanging up on a call that rings here is what declining is.
  return byKey(world, key === 'call.end' && current === ringing ? 'call.decline' : key);
}

type CallState = NonNullable<ReturnType<typeof currentCall>>;

function isHeldByMe({ heldBy }: CallState): boolean {
  return heldBy === 'me' || heldBy === 'both';
}

/** Keys toggle, words say what is wanted: nothing is done where it is so already. */
function switched(world: World, key: CommandName, isSo: (state: CallState) => boolean, already: string): LineStep {
  const running = currentCall(world.app);
  if (!running) return bad(world, 'There is no call.');
  return isSo(running) ? told(world, [already]) : byKey(world, key);
}

// --- questions and the first-run walk

function answerQuit(world: World, meaning: Meaning | undefined): LineStep {
  if (meaning === 'call.end') return byKey(world, 'quit.hang-up');
  if (meaning === 'keep') return byKey(world, 'quit.keep');
  if (meaning === 'stay' || meaning === 'no') return byKey(world, 'quit.cancel');
  return bad(world, 'Answer hangup, keep or stay.');
}

/** New here, or with an account: the menu of the walk. Undefined when the line is a command. */
function chooseEntrance(world: World, text: string, read: ReadLine): LineStep | undefined {
  const typed = text.trim().toLowerCase().replaceAll('-', ' ');
  const chosen = /^(1|sign ?up|new)$/.test(typed) ? 0 : /^(2|sign ?in)$/.test(typed) ? 1 : undefined;
  if (chosen !== undefined) {
    return byKey({ ...world, ui: { ...world.ui, walk: { ...world.ui.walk, chosen } } }, 'menu.take');
  }
  if (read.type !== 'unknown') return undefined;
  return bad(world, 'Type 1 to sign up, or 2 to sign in.');
}

/** The text is the answer to the field that is asked for. */
function fillIn(world: World, text: string, read: ReadLine, voice: Voice): LineStep {
  const { app, ui } = world;
  const isInvite = walkStepOf(app, ui) === 'invite';
  const isPassword = !isInvite && /password|again/.test(walkFieldsOf(ui.walk)[ui.walk.field] ?? '');
  if (!isPassword) {
    const meaning = meaningOf(read);
    if (meaning === 'back') return byKey(world, 'form.back');
    const isCommand = meaning === 'quit' || meaning === 'help' || (isInvite && meaning !== undefined);
    if (isCommand) return command(world, read, voice);
  }
  const field = activeField(app, ui);
  if (!field) return still(world);
  return byKey({ ...world, ui: field.put(editorOf(isPassword ? text : text.trim())) }, 'form.next');
}

// --- what steps are made of

function byKey(world: World, key: CommandName): LineStep {
  const { ui, effects } = HANDLERS[key](world);
  return { ui, asks: effects.map((effect) => ({ effect, shows: 'nothing' })), lines: [] };
}

function secondsOf(text: string): number | undefined {
  const seconds = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  return seconds > 0 && seconds <= PAUSE_SECONDS_MAX ? seconds : undefined;
}
