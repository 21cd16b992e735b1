/** What line mode shows when it is asked: people, the state, the call, missed calls, help. Pure; every list in one stable order. */
import { foldName } from '../../net/protocol/ids.ts';
import { type AppState, type Call, currentCall } from '../../store/state.ts';
import { conversationsOf } from '../people-groups.ts';
import { buddiesOf, listRows } from '../rows/buddy-rows.ts';
import { unreadTotal } from '../ui-state.ts';
import type { World } from '../update/world.ts';
import {
  buddyWords,
  clockWords,
  dateWords,
  failureSentence,
  nobodySentence,
  pathWords,
  phaseWords,
  presenceWord,
  problemSentence,
  servingWords,
  VERDICT_WORDS,
} from '../wording.ts';
import { LINE_WORDS, usageOf, wordOf } from './line-table.ts';
import { timeOf, type Voice } from './voice.ts';

/** Those who ask first, then by name: the order of the screen's list. */
export function buddyLines({ app, ui, nowMs }: World, part: string, voice: Voice): readonly string[] {
  const items = buddiesOf(listRows(app, part)).map((buddy) => {
    const title = ui.preferences.groups[foldName(buddy.name)];
    const unread = buddy.unread > 0 ? `, ${buddy.unread} unread` : '';
    const said = buddy.relation === 'incoming' && buddy.message !== '' ? `, says: ${oneLine(buddy.message)}` : '';
    return `${buddy.name}, ${buddyWords(buddy, nowMs)[0]}${title === undefined ? '' : `, in ${title}`}${unread}${said}`;
  });
  return voice.list(
    'Buddies',
    items,
    part === ''
      ? 'Nobody is on your list yet: add NAME asks somebody, search PATTERN finds people.'
      : `Nobody on your list has "${part.slice(0, 40)}" in the name.`,
  );
}

/** Conversations of several people, each with all who are in it. */
export function groupLines(app: AppState, voice: Voice): readonly string[] {
  const items = (app.groups ?? []).map(({ label, members, left, unread }) => {
    const many = `${members.length} ${members.length === 1 ? 'person' : 'people'}`;
    const news = unread > 0 ? `, ${unread} unread` : '';
    return `${label}, ${left ? 'you left it' : many}${news}: ${members.join(', ')}`;
  });
  return voice.list('Groups', items, 'No groups yet: group TITLE NAME NAME... makes one.');
}

export function deviceLines({ devices }: AppState, voice: Voice): readonly string[] {
  const items = (devices?.list ?? []).map(({ id, label, thisOne, online, addedAtMs }) => {
    const where = thisOne ? 'this one' : online ? 'online' : 'away';
    return `${label}, ${where}, since ${dateWords(addedAtMs)}, id ${id.slice(0, 8)}`;
  });
  const gone = devices?.revoked.length ?? 0;
  const lines = voice.list('Devices', items, 'No list of devices yet: sign in again to make one.');
  return gone === 0 ? lines : [...lines, `${gone} revoked before.`];
}

/** What the details of the screen's call panel say, a line each. */
export function figureLines({ app }: World, voice: Voice): readonly string[] {
  const call = currentCall(app);
  if (!call) return ['There is no call.'];
  const { quality } = call;
  if (!quality) return ['No figures yet.'];
  const ms = (label: string, value: number | null | undefined): string[] =>
    value === null || value === undefined ? [] : [`${label} ${Math.round(value)} ms`];
  const items = [
    pathWords(quality.path ?? call.path, call.via),
    ...ms('round trip', quality.rttMs),
    ...ms('mouth to ear', quality.mouthToEarMs),
    ...ms('jitter', quality.jitterMs),
    ...ms('buffer', quality.bufferMs),
    `loss ${Math.round(quality.lossInPct)} percent in, ${Math.round(quality.lossOutPct)} out`,
    `concealed ${quality.concealedPct.toFixed(1)} percent`,
    `${Math.round(quality.sentPps)} packets a second out, ${Math.round(quality.recvPps)} in`,
    `${Math.round(quality.bitrate / 1000)} kilobits a second, redundancy ${quality.redundancy}`,
    `quality ${quality.mos.toFixed(1)} of 5`,
    `microphone ${call.muted ? 'off' : `${Math.round(call.inputDb)} dB`}, heard ${Math.round(call.outputDb)} dB`,
  ];
  return voice.list('Figures of the call', items, '');
}

export function statusLines(world: World, voice: Voice): readonly string[] {
  const { app, ui } = world;
  const unread = unreadTotal(app);
  const asks = app.buddies.filter(({ relation }) => relation === 'incoming').map(({ name }) => name);
  const items = [
    app.account ? `You: ${app.account.name}, ${presenceWord(app.presence)}` : 'You: not signed in',
    `Connection: ${ui.link.type === 'up' ? connectionWords(app) : 'no agent'}`,
    ...callLines(world, 'Call: none'),
    ...(unread > 0
      ? [
          `Unread: ${conversationsOf(app)
            .filter((one) => one.unread > 0)
            .map((one) => `${one.unread} from ${one.name}`)
            .join(', ')}`,
        ]
      : []),
    ...(asks.length > 0 ? [`Requests: ${asks.join(', ')}`] : []),
    ...((app.missedCalls?.length ?? 0) > 0 ? [`Missed calls: ${app.missedCalls?.length}`] : []),
    ...(app.audio.problem === '' ? [] : [`Sound: ${problemSentence(app.audio.problem)}`]),
    ...(app.serving?.role === 'supernode' ? [`Supernode: ${servingWords(app)}`] : []),
  ];
  return voice.list('Status', items, '');
}

/** How this profile is connected, in one sentence. */
export function connectionWords(app: AppState): string {
  if (app.connection === 'online') {
    const rttMs = app.supernode?.rttMs ?? null;
    return `online${rttMs === null ? '' : `, supernode ${Math.max(1, Math.round(rttMs))} ms away`}`;
  }
  if (app.account === null)
    return app.network === null ? failureSentence('no-network') : failureSentence('not-signed-in');
  if (app.tried) return nobodySentence(app.tried);
  return app.connection === 'connecting' ? 'connecting' : 'offline';
}

/** Of the running call: who, since when, how it goes, what is switched. */
export function callLines({ app, nowMs }: World, none = 'There is no call.'): readonly string[] {
  const call = currentCall(app);
  return call ? [callWords(call, nowMs)] : [none];
}

function callWords(call: Call, nowMs: number): string {
  const parts = [`Call: ${call.peer}, ${phaseWords(call)}`];
  if (call.answeredAtMs !== null) parts.push(clockWords(nowMs - call.answeredAtMs));
  if (call.phase === 'running') parts.push(pathWords(call.path, call.via));
  if (call.muted) parts.push('microphone off');
  if (call.recordedBy && call.recordedBy !== 'nobody') parts.push('is recorded');
  const { quality } = call;
  if (quality && call.phase === 'running') {
    parts.push(quality.trouble ? quality.trouble : VERDICT_WORDS[quality.verdict]);
    if (quality.rttMs !== null) parts.push(`${Math.round(quality.rttMs)} ms there and back`);
    parts.push(`loss ${Math.round(quality.lossInPct)} percent in, ${Math.round(quality.lossOutPct)} out`);
  }
  return parts.join(', ');
}

export function missedLines(app: AppState, voice: Voice): readonly string[] {
  const items = (app.missedCalls ?? []).map(({ peer, atMs }) => `${peer}, ${timeOf(atMs)}`);
  return voice.list('Missed calls', items, 'No missed calls.');
}

/** All words, or one of them. */
export function helpLines(about: string, voice: Voice): readonly string[] {
  if (about !== '') {
    const word = wordOf(about.replace(/^\//, ''));
    if (!word || word.about === '') return [`"${about.slice(0, 40)}" is no command here. Type help for all of them.`];
    const others = word.words.slice(1);
    return [`${usageOf(word)}: ${word.about}${others.length > 0 ? ` (also: ${others.join(', ')})` : ''}.`];
  }
  const width = Math.max(...LINE_WORDS.map((word) => usageOf(word).length));
  const items = LINE_WORDS.map((word) => {
    const usage = usageOf(word);
    return voice.isReader ? `${usage}: ${word.about}.` : `${usage.padEnd(width)}  ${word.about}`;
  });
  return voice.list('Commands', items, '');
}

/** A text that stays within one line. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
