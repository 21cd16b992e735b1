/**
 * The one door of the screen's state: a message comes in, the next state and the effects go out. What must hold after
 * every message (a chosen buddy that exists, history for what is shown, read marks) is settled here once.
 */
import { reduce } from '../../store/reduce.ts';
import { type AppState, ringingCall } from '../../store/state.ts';
import { type CommandName, commandFor, takesText } from '../key-bindings.ts';
import { layoutOf } from '../layout.ts';
import { buddiesOf, listRows, rowOfBuddy, windowTop } from '../rows/buddy-rows.ts';
import type { Key } from '../terminal/key-parser.ts';
import { insert } from '../text/editor.ts';
import { cleanData } from '../text/sanitize.ts';
import { conversationOf, faceOf, selectedBuddy, type UiState } from '../ui-state.ts';
import { problemSentence, SENTENCES } from '../wording.ts';
import { HANDLERS } from './commands.ts';
import { activeField, contextOf, inCall } from './context.ts';
import { allToLoadAgain, HISTORY_LINES, withConversation } from './conversations.ts';
import { afterEvent } from './events.ts';
import { captured } from './keys-commands.ts';
import { pointed } from './pointer.ts';
import { isTold, problemTold } from './preference-changes.ts';
import { afterRefusal, afterReply } from './replies.ts';
import { listening } from './sound-commands.ts';
import { type Effect, type Message, noticed, request, type Step, step, type World } from './world.ts';

/** A question that nobody called is not answered by the key that was already on its way. */
const QUESTION_READABLE_MS = 700;

export interface Updated {
  readonly app: AppState;
  readonly ui: UiState;
  readonly effects: readonly Effect[];
}

/** What `message` makes of `world`. Text from the agent is cleaned here, before anything else sees it. */
export function update(world: World, message: Message): Updated {
  const app = appAfter(world.app, message);
  const { ui, effects } = act({ ...world, app }, world.app, message);
  // A dialog has hints of its own, which a notice would cover.
  const clear = ui.dialog !== null && world.ui.dialog === null ? { ...ui, notice: null } : ui;
  const settled = settle(world, { ...world, app, ui: asking({ ...world, app, ui: clear }) });
  const heard = listening({ ...world, app, ui: settled.ui });
  const all = [...effects, ...settled.effects, ...heard.effects, ...screenSeen(world.app, app, message)];
  return { app, ui: heard.ui, effects: all };
}

/** The agent is told that somebody can be asked; older ones know nothing of it. */
function screenSeen(before: AppState, app: AppState, message: Message): Effect[] {
  const isNew = message.type === 'linked' || before.serving === undefined;
  return isNew && app.serving && message.type !== 'key' ? [request({ type: 'serving.screen' })] : [];
}

/** Asks once whether this machine may serve; not under somebody who types, searches or is in a call. */
function asking({ app, ui, nowMs }: World): UiState {
  if (!app.serving?.asks || ui.askedToServe || ui.dialog || inCall(app) || contextOf(app, ui) !== 'browsing') return ui;
  const dialog = { type: 'confirm', what: 'serve', name: '', readableAtMs: nowMs + QUESTION_READABLE_MS } as const;
  return { ...ui, askedToServe: true, dialog };
}

function appAfter(app: AppState, message: Message): AppState {
  if (message.type === 'linked') return cleanData(message.state);
  return message.type === 'event' ? reduce(app, cleanData(message.event)) : app;
}

function act(world: World, before: AppState, message: Message): Step {
  const { ui } = world;
  switch (message.type) {
    case 'key':
      return press(world, message.key);
    case 'event':
      return afterEvent(world, before, cleanData(message.event));
    case 'linked':
      return afterLink(world, before);
    case 'link-lost':
      return step({ ...ui, link: { type: 'lost', code: message.code } });
    case 'reply':
      return afterReply(world, message.tag, cleanData(message.result));
    case 'refused':
      return afterRefusal(world, message);
    case 'resized':
      return step({ ...ui, columns: message.columns, rows: message.rows });
    case 'background':
      return step({ ...ui, background: message.background });
    case 'tick':
      return step(ui.notice && ui.notice.untilMs <= world.nowMs ? { ...ui, notice: null } : ui);
    default:
      return message satisfies never;
  }
}

/** Snapshot in hand: everything shown is looked up again, and trouble with sound is told once. */
function afterLink(world: World, before: AppState): Step {
  const fresh = allToLoadAgain({ ...world.ui, link: { type: 'up' } });
  const back = world.ui.link.type === 'lost' && before.version !== '' ? SENTENCES.reconnected : '';
  const { problem } = world.app.audio;
  const isOld = problem === before.audio.problem || isTold(fresh, problem);
  const told = isOld ? '' : problemSentence(problem);
  const sentences = [fresh.notice?.text ?? '', back, told].filter((sentence) => sentence !== '');
  if (back === '' && told === '') return step(fresh);
  const ui = noticed(world, fresh, sentences.join('\n'), told === '' ? 'good' : 'warn');
  return told === '' ? step(ui) : problemTold(ui, problem);
}

function press(world: World, key: Key): Step {
  const { app, ui } = world;
  if (ui.dialog?.type === 'keys' && ui.dialog.capturing && !isUrgent(world, key)) return captured(world, key.name);
  if (key.at) return thenNext(world, pointed(world, key));
  const context = contextOf(app, ui);
  const command = commandFor(context, key.name, ui.keys);
  // A first Ctrl-C counts only together with the very next key.
  const disarmed = ui.quitArmed && command !== 'cancel';
  const calm = disarmed || ui.notice?.untilKey ? { ...ui, quitArmed: ui.quitArmed && !disarmed, notice: null } : ui;
  if (command) return carriedOut({ ...world, ui: calm }, command);
  if (key.text === '' || !takesText(context)) return step(calm);
  const field = activeField(app, calm);
  return step(field ? field.put(insert(field.editor, key.text, { lines: field.lines })) : calm);
}

/** While it rings, the keys that answer and decline do that wherever one is. */
function isUrgent({ app, ui }: World, key: Key): boolean {
  const command = ringingCall(app) && commandFor('everywhere', key.name, ui.keys);
  return command === 'call.answer' || command === 'call.decline';
}

/** A command, and the one that it leads to, if it does. */
function carriedOut(world: World, command: CommandName): Step {
  return thenNext(world, HANDLERS[command](world));
}

function thenNext(world: World, done: Step): Step {
  if (done.next === undefined) return done;
  const after = HANDLERS[done.next]({ ...world, ui: done.ui });
  return step(after.ui, ...done.effects, ...after.effects);
}

/** Brings the state in order after a message, and asks for what the new picture needs. */
function settle(before: World, after: World): Step {
  const { app } = after;
  if (faceOf(app, after.ui) !== 'main') return step(after.ui);
  let ui = withValidChoice(after);
  const effects: Effect[] = [];
  if (ui.link.type === 'up' && ui.selected !== '' && conversationOf(ui, ui.selected).loaded === 'new') {
    ui = withConversation(ui, ui.selected, { ...conversationOf(ui, ui.selected), loaded: 'loading' });
    const command = { type: 'chat.history', with: ui.selected, limit: HISTORY_LINES } as const;
    effects.push(request(command, { for: 'history', with: ui.selected }));
  }
  const unread = readableUnread(app, ui);
  if (unread > 0 && unread !== readableUnread(before.app, before.ui, ui.selected)) {
    effects.push(request({ type: 'chat.mark-read', with: ui.selected }));
  }
  return step(ui, ...effects);
}

/** Unread messages that the person is looking at: the conversation has the focus. */
function readableUnread(app: AppState, ui: UiState, selected = ui.selected): number {
  if (ui.focus !== 'chat' || ui.selected !== selected || faceOf(app, ui) !== 'main') return 0;
  return selectedBuddy(app, ui)?.unread ?? 0;
}

/** A buddy that exists is chosen and in sight; the focus stands where there is something to do. */
function withValidChoice({ app, ui }: World): UiState {
  const rows = listRows(app, ui.filter.text, ui.preferences.groups);
  const buddies = buddiesOf(rows);
  const known = buddies.some(({ name }) => name === ui.selected);
  const first = buddies.find(({ unread }) => unread > 0) ?? buddies[0];
  const stays = known || (buddies.length === 0 && selectedBuddy(app, ui) !== undefined);
  const selected = stays ? ui.selected : (first?.name ?? '');
  const focus = selected === '' ? 'list' : ui.focus;
  const chosen = { ...ui, selected, focus } as const;
  const top = windowTop(ui.listTop, rowOfBuddy(rows, selected), layoutOf(app, chosen).listRows, rows.length);
  return selected === ui.selected && focus === ui.focus && top === ui.listTop ? ui : { ...chosen, listTop: top };
}
