/**
 * What line mode says by itself: everything that a person at the full screen would see change, as lines, once, in the order in which
 * it happened. A comparison of the world before and after a message; nothing is remembered here. Pure.
 */
import { foldName } from '../../net/protocol/ids.ts';
import type { ListedDevice, SearchReport, SettingReport, SoundDevicesReport } from '../../store/port.ts';
import { type AppState, type Buddy, type Call, type ChatLine, type Group, ringingCall } from '../../store/state.ts';
import { faceOf, type LoggedCall, unreadTotal } from '../ui-state.ts';
import type { Message, World } from '../update/world.ts';
import {
  clockWords,
  dateWords,
  failureSentence,
  pathWords,
  presenceWord,
  SENTENCES,
  VERDICT_WORDS,
} from '../wording.ts';
import type { Ask } from './line-step.ts';
import { questionLines, walkLines } from './questions.ts';
import { connectionWords, oneLine } from './show.ts';
import { timeOf, type Voice } from './voice.ts';

/** Lines about what `message` changed. */
export function tell(before: World, after: World, message: Message, voice: Voice): readonly string[] {
  const isFirst = message.type === 'linked' && before.app.version === '';
  return [
    ...linkLines(before, after),
    ...(isFirst ? [] : [...connectionLines(before, after), ...peopleLines(before.app, after.app)]),
    ...callChanges(isFirst ? { ...before.app, calls: [] } : before.app, after, voice),
    ...eventLines(after, message, voice),
    ...meterLines(before.app, after.app),
    ...noticeLines(before, after),
    ...(arrived(before, after) ? greeting(after) : []),
    ...walkLines(before, after, voice),
    ...(after.ui.dialog !== before.ui.dialog ? questionLines(after, voice) : []),
  ];
}

function linkLines(before: World, after: World): readonly string[] {
  const [was, is] = [before.ui.link, after.ui.link];
  if (is.type !== 'lost' || was.type === 'lost') return [];
  return [before.app.version === '' ? failureSentence(is.code) : SENTENCES.agentGone];
}

/** The account is there now, by the first look or by signing in. */
function arrived(before: World, after: World): boolean {
  return faceOf(before.app, before.ui) !== 'main' && faceOf(after.app, after.ui) === 'main';
}

function greeting({ app }: World): readonly string[] {
  const unread = unreadTotal(app);
  const missed = app.missedCalls?.length ?? 0;
  const asks = app.buddies.filter(({ relation }) => relation === 'incoming');
  const news = [
    ...(unread > 0 ? [`${unread} unread ${unread === 1 ? 'message' : 'messages'}`] : []),
    ...(missed > 0 ? [`${missed} missed ${missed === 1 ? 'call' : 'calls'}`] : []),
  ];
  return [
    `You are ${app.account?.name}, ${connectionWords(app)}.`,
    ...(news.length > 0 ? [`${news.join(', ')}.`] : []),
    ...asks.map(requestLine),
    'Type help for what can be done here.',
  ];
}

function connectionLines(before: World, { app }: World): readonly string[] {
  const [was, is] = [before.app.connection, app.connection];
  if (was === is || app.account === null || before.app.account === null) return [];
  if (is === 'online') return ['Connected.'];
  return was === 'online' ? ['The connection is lost; wren goes on trying.'] : [];
}

function requestLine({ name, message }: Buddy): string {
  const said = message === '' ? '' : ` They say: ${oneLine(message)}.`.replace(/([.!?])\.$/, '$1');
  return `${name} wants to be your buddy.${said} Type accept ${name} or decline ${name}.`;
}

function peopleLines(before: AppState, after: AppState): readonly string[] {
  // Another account, or none: nobody has come or gone.
  if (before.buddies === after.buddies || before.account?.name !== after.account?.name) return [];
  const known = new Map(before.buddies.map((buddy) => [foldName(buddy.name), buddy]));
  const still = new Set(after.buddies.map(({ name }) => foldName(name)));
  const gone = before.buddies.filter(({ name }) => !still.has(foldName(name)));
  return [
    ...after.buddies.flatMap((buddy) => buddyChange(known.get(foldName(buddy.name)), buddy)),
    ...gone.map(({ name }) => `${name} is not on your list any more.`),
  ];
}

function buddyChange(was: Buddy | undefined, is: Buddy): readonly string[] {
  if (was === is) return [];
  if (was?.relation !== is.relation) {
    if (is.relation === 'incoming') return [requestLine(is)];
    if (is.relation === 'both' && was) return [`${is.name} is your buddy now, ${presenceWord(is.presence)}.`];
    if (is.relation === 'declined') return [`${is.name} declined your request.`];
    if (is.relation === 'blocked') return [`${is.name} is blocked.`];
    if (was?.relation === 'blocked') return [`${is.name} is blocked no longer.`];
    return [];
  }
  if (was.presence !== is.presence && is.relation === 'both') return [`${is.name} is ${presenceWord(is.presence)}.`];
  return was.safety !== is.safety && is.safety === 'verified' ? [`${is.name} is verified.`] : [];
}

function callChanges(before: AppState, after: World, voice: Voice): readonly string[] {
  if (before.calls === after.app.calls) return [];
  const known = new Map(before.calls.map((call) => [call.call, call]));
  return after.app.calls.flatMap((call) => callChange(known.get(call.call), call, after.app, voice));
}

function callChange(was: Call | undefined, is: Call, app: AppState, voice: Voice): readonly string[] {
  // How it ended is a notice.
  if (was === is || is.phase === 'ended') return [];
  const { peer } = is;
  if (!was && is.phase === 'ringing' && is.direction === 'in') return ringLines(app, voice);
  const lines: string[] = [];
  if (!was) lines.push(is.phase === 'running' ? `You are in a call with ${peer}.` : `Calling ${peer}.`);
  if (was && was.phase !== is.phase) {
    if (is.phase === 'ringing') lines.push(`It rings at ${peer}.`);
    if (is.phase === 'running' && was.answeredAtMs === null) {
      lines.push(is.direction === 'in' ? `You talk with ${peer} now.` : `${peer} answered; you talk now.`);
    }
  }
  if (is.path !== null && was?.path !== is.path) lines.push(`The way is ${pathWords(is.path, is.via)}.`);
  if (was) lines.push(...switches(was, is));
  return lines;
}

/** Somebody calls: this must be heard first, and says what can be done. */
function ringLines(app: AppState, voice: Voice): readonly string[] {
  const call = ringingCall(app);
  if (!call) return [];
  const others = call.conference?.people.filter(({ isMe, name }) => !isMe && name !== call.peer) ?? [];
  const more = others.length > 0 ? ` In it: ${others.map(({ name }) => name).join(', ')}.` : '';
  return voice.ask('Incoming call', [`${call.peer} is calling you.${more}`], ['answer', 'decline']);
}

function switches(was: Call, is: Call): readonly string[] {
  const lines: string[] = [];
  if (was.heldBy !== is.heldBy) {
    const held = { nobody: 'The call goes on.', me: 'The call is on hold.', them: `${is.peer} put you on hold.` };
    lines.push(is.heldBy === 'both' ? 'The call is on hold by both of you.' : held[is.heldBy]);
  }
  if (was.muted !== is.muted) lines.push(is.muted ? 'Microphone off.' : 'Microphone on.');
  if ((was.recordedBy ?? 'nobody') !== (is.recordedBy ?? 'nobody')) lines.push(recordingLine(is));
  if ((was.reconnecting ?? false) !== (is.reconnecting ?? false)) {
    lines.push(is.reconnecting ? 'Nothing is heard; the call looks for another way.' : 'The call is heard again.');
  }
  const verdict = is.quality?.verdict;
  if (verdict && was.quality?.verdict !== verdict && (was.quality || verdict !== 'good')) {
    lines.push(`Sound: ${is.quality?.trouble || VERDICT_WORDS[verdict]}.`);
  }
  lines.push(...conferenceChanges(was, is));
  return lines;
}

function recordingLine({ recordedBy, peer }: Call): string {
  if (recordedBy === 'me') return 'You record this call.';
  if (recordedBy === 'them') return `${peer} records this call.`;
  return recordedBy === 'both' ? 'Both of you record this call.' : 'The call is recorded no longer.';
}

function conferenceChanges({ conference: was }: Call, { conference: is }: Call): readonly string[] {
  if (!is || was === is) return [];
  const inside = (view: typeof is | undefined) =>
    new Set(view?.people.filter(({ state, isMe }) => state === 'in' && !isMe).map(({ name }) => name));
  const [before, now] = [inside(was), inside(is)];
  return [
    ...[...now].filter((name) => !before.has(name)).map((name) => `${name} is in the conference.`),
    ...[...before].filter((name) => !now.has(name)).map((name) => `${name} has left the conference.`),
  ];
}

function eventLines(after: World, message: Message, voice: Voice): readonly string[] {
  if (message.type !== 'event') return [];
  const { event } = message;
  if (event.type === 'chat.message' && event.line.direction === 'in') return voice.said(event.line);
  if (event.type === 'chat.kept') return [`${event.with} is away: the network keeps it, until they come.`];
  if (event.type === 'presence.changed') return [`Others see you as ${presenceWord(after.app.presence)} now.`];
  if (event.type === 'network.joined') return [`You have joined the network ${event.network}.`];
  if (event.type === 'account.signed-out') return ['You are signed out.'];
  return [];
}

/** While the microphone is listened to: what it hears, whenever that is something else. */
function meterLines({ audio: { meter: was } }: AppState, { audio: { meter: is } }: AppState): readonly string[] {
  if (was === is) return [];
  if (!is) return ['The microphone is listened to no longer.'];
  const word = meterWord(is);
  return was && meterWord(was) === word ? [] : [`Microphone: ${word}, ${Math.max(-96, Math.round(is.inputDb))} dB.`];
}

function meterWord({ inputDb, speaking }: NonNullable<AppState['audio']['meter']>): string {
  if (inputDb <= -96) return 'silent';
  return speaking ? 'a voice' : 'no voice';
}

function noticeLines(before: World, after: World): readonly string[] {
  const { notice } = after.ui;
  return notice === null || notice === before.ui.notice ? [] : notice.text.split('\n');
}

/** What an answer of the agent is to whoever asked for it. */
export function answerLines(
  { shows, about = '' }: Ask,
  result: unknown,
  world: World,
  voice: Voice,
): readonly string[] {
  switch (shows) {
    case 'conversation':
    case 'found': {
      const lines = result as readonly ChatLine[];
      const none = shows === 'found' ? 'No message has these words.' : SENTENCES.noLines;
      return lines.length === 0 ? [none] : lines.flatMap((line) => dated(line, world.nowMs, voice));
    }
    case 'older': {
      const lines = result as readonly ChatLine[];
      return lines.length === 0 ? ['Nothing is older.'] : lines.flatMap((line) => dated(line, world.nowMs, voice));
    }
    case 'group': {
      const { label, members } = result as Group;
      return [`${label}: ${members.join(', ')}.`];
    }
    case 'calls':
      return voice.list('Calls', (result as readonly LoggedCall[]).map(callLine), 'No calls yet.');
    case 'sound':
      return soundLines(result as SoundDevicesReport, voice);
    case 'search':
      return searchLines(result as SearchReport, voice);
    case 'sent':
      return [`Sent to ${(result as ChatLine).with}.`];
    case 'ready':
      return [`Signed in as ${world.app.account?.name}, and reachable.`];
    case 'settings':
      return settingLines(result as readonly SettingReport[], about, voice);
    case 'setting': {
      const { key, value, holds } = result as SettingReport;
      const later = holds === 'now' ? '' : ', from the next start of the agent on';
      return [`${key} is ${valueWord(value)} now${later}.`];
    }
    case 'nothing':
      return [];
  }
}

/** A message of another day says which. */
function dated(line: ChatLine, nowMs: number, voice: Voice): readonly string[] {
  const [first = '', ...more] = voice.said(line);
  if (new Date(line.sentAtMs).toDateString() === new Date(nowMs).toDateString()) return [first, ...more];
  return [first.replace(timeOf(line.sentAtMs), dateWords(line.sentAtMs)), ...more];
}

function callLine({ peer, direction, missed, startedAtMs, answeredAtMs, endedAtMs }: LoggedCall): string {
  const way = missed ? 'missed from' : direction === 'in' ? 'from' : 'to';
  const length =
    answeredAtMs === null
      ? missed
        ? ''
        : ', not answered'
      : endedAtMs === null
        ? ', now'
        : `, ${clockWords(endedAtMs - answeredAtMs)}`;
  return `${way} ${peer}, ${dateWords(startedAtMs)}${length}`;
}

function soundLines({ spec, inputs, outputs }: SoundDevicesReport, voice: Voice): readonly string[] {
  const line = (kind: string) => (one: ListedDevice) => {
    const more = `${one.isDefault ? ', the default' : ''}${one.inUse ? ', in use' : ''}`;
    return `${kind} ${one.name}${one.description && one.description !== one.name ? `, ${one.description}` : ''}${more}`;
  };
  const items = [...inputs.map(line('microphone')), ...outputs.map(line('speaker'))];
  return [`Sound goes through: ${spec}.`, ...voice.list('Sound devices', items, 'No sound device is there.')];
}

function searchLines({ hits, more, incomplete }: SearchReport, voice: Voice): readonly string[] {
  const items = hits.map(({ name, displayName }) => (displayName === '' ? name : `${name}, ${displayName}`));
  return [
    ...voice.list('Found', items, 'Nobody was found.'),
    ...(more ? ['There are more: type more of the name.'] : []),
    ...(incomplete ? ['Not every part of the network has answered.'] : []),
    ...(items.length > 0 ? ['add NAME asks one of them to be your buddy.'] : []),
  ];
}

function settingLines(all: readonly SettingReport[], about: string, voice: Voice): readonly string[] {
  const folded = (key: string) => key.replaceAll('-', '').toLowerCase();
  const shown = all.filter(({ key }) => about === '' || folded(key) === folded(about));
  const items = shown.map(({ key, value, about: what, choices }) => `${key}, ${valueWord(value)}: ${what}; ${choices}`);
  return voice.list('Settings', items, `There is no setting "${about.slice(0, 40)}": settings shows them all.`);
}

function valueWord(value: SettingReport['value']): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value) || 'empty';
}
