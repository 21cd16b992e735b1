/** What line mode shows when it is asked: people, the state, the call, missed calls, help. Pure; every list in one stable order. */
import { type AppState, type Call, currentCall } from '../../store/state.ts';
import { buddiesOf, listRows } from '../rows/buddy-rows.ts';
import { unreadTotal } from '../ui-state.ts';
import type { World } from '../update/world.ts';
import {
  buddyWords,
  clockWords,
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
export function buddyLines({ app, nowMs }: World, voice: Voice): readonly string[] {
  const items = buddiesOf(listRows(app, '')).map((buddy) => {
    const unread = buddy.unread > 0 ? `, ${buddy.unread} unread` : '';
    const said = buddy.relation === 'incoming' && buddy.message !== '' ? `, says: ${oneLine(buddy.message)}` : '';
    return `${buddy.name}, ${buddyWords(buddy, nowMs)[0]}${unread}${said}`;
  });
  return voice.list(
    'Buddies',
    items,
    'Nobody is on your list yet: add NAME asks somebody, search PATTERN finds people.',
  );
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
          `Unread: ${app.buddies
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
