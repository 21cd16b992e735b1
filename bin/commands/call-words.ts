/**
 * A call told to a person, one calm line an event. Scripts read the same events as JSON. Quality arrives once a
 * second; `quietQuality` lets through what is news: the first figures, a changed verdict or path, and a sign of life
 * now and then, so that a screen reader is not talked over.
 */
import type { CallEvent } from '../../src/store/port.ts';
import type { BuddySafety, CallEndReason, CallPath } from '../../src/store/state.ts';
import { figure, plain, stopwatch, whereOf } from './layout.ts';

/** An unchanged quality is repeated this often. */
const QUALITY_REPEAT_MS = 30_000;

type EventOf<K extends CallEvent['event']> = Extract<CallEvent, { event: K }>;

/** How a path is told to people. */
export function pathWords(path: CallPath, via: string | null | undefined): string {
  if (path === 'direct') return 'direct';
  if (path === 'lan') return 'direct in the local network';
  if (path === 'relay') return via ? `relayed by ${whereOf(via)}` : 'relayed';
  return path === 'tcp443' ? 'over TCP port 443' : 'over TCP';
}

/** What stands behind a name whose key is verified, or is another one than before. */
export function safetyWord(safety: BuddySafety | undefined): string {
  if (safety === 'verified') return ' (verified)';
  return safety === 'changed' ? ' (ANOTHER KEY THAN BEFORE)' : '';
}

/** The line for one event; undefined for an event that this version does not know. */
export function callWords(event: CallEvent, direction: 'in' | 'out', safety?: BuddySafety): string | undefined {
  const peer = plain(event.peer);
  const who = `${peer}${safetyWord(safety)}`;
  switch (event.event) {
    case 'ringing':
      if (event.direction === 'out') return `Ringing at ${who}.`;
      return event.others
        ? `${who} calls you into a conference${withOthers(event.others, event.blocked)}.`
        : `${who} is calling.`;
    case 'answered':
      return direction === 'in'
        ? `Answered ${who}.`
        : `${who} answered after ${figure(event.setupMs / 1000)} s. Ctrl-C hangs up.`;
    case 'path':
      return `Path: ${pathWords(event.path, event.via)}.`;
    case 'reconnecting':
      return 'Nothing arrives; looking for another way.';
    case 'reconnected':
      return 'Connected again.';
    case 'quality':
      return qualityWords(event);
    case 'held':
      return event.by === 'me' ? 'On hold; wren resume goes on.' : `${peer} put the call on hold.`;
    case 'resumed':
      return event.by === 'me' ? 'Off hold.' : `${peer} goes on.`;
    case 'muted':
      return event.by === 'me' ? 'Your microphone is off; wren unmute.' : `${peer} turned the microphone off.`;
    case 'unmuted':
      return event.by === 'me' ? 'Your microphone is on.' : `${peer} turned the microphone on.`;
    case 'recording':
      if (event.by === 'me') return event.on ? `You record this call; ${peer} is told.` : 'You record no more.';
      return event.on ? `${peer} RECORDS THIS CALL.` : `${peer} records no more.`;
    case 'first-sound':
      return `First sound ${figure(event.afterAnswerMs)} ms after the answer.`;
    case 'moved':
      return `${peer} goes on at another device.`;
    case 'conference':
      return conferenceWords(event);
    case 'ended':
      return event.goesOn ? leftWords(event) : endWords(event);
    default:
      return undefined;
  }
}

function withOthers(others: readonly string[], blocked: readonly string[] = []): string {
  const name = (one: string): string => `${plain(one)}${blocked.includes(one) ? ' (BLOCKED BY YOU)' : ''}`;
  return others.length > 0 ? ` with ${others.map(name).join(', ')}` : '';
}

function qualityWords(event: EventOf<'quality'>): string {
  const words = [`Quality: ${plain(event.trouble || event.verdict)}`];
  if (event.rttMs !== null) words.push(`round trip ${figure(event.rttMs)} ms`);
  words.push(`loss ${figure(event.lossInPct)} % in, ${figure(event.lossOutPct)} % out`);
  words.push(`MOS ${figure(event.mos)}`);
  return `${words.join(', ')}.`;
}

/** Somebody of a conference is out, or never came; it goes on. */
function leftWords({ peer, reason, by }: EventOf<'ended'>): string {
  const who = plain(peer);
  if (reason === 'hangup') return `${who} has left.`;
  if (reason === 'removed') return by ? `${plain(by)} removed ${who}.` : `${who} was removed.`;
  if (reason === 'failed') return `${who} is not heard any more.`;
  return `${(END_WORDS[reason] ?? plain(reason)).replace('PEER', who)}.`;
}

/** Who is in, who mixes and hears everybody, who speaks, who has trouble: told when more than the speakers has changed. */
export function conferenceWords({ people, mixer, iMix, speaking }: EventOf<'conference'>): string {
  const each = people
    .filter(({ state }) => state === 'in')
    .map((one) => {
      const notes = [
        ...(one.blocked ? ['BLOCKED BY YOU'] : []),
        ...(one.muted ? ['muted'] : []),
        ...(one.held ? ['on hold'] : []),
        ...(one.recording ? ['RECORDS'] : []),
        ...(one.trouble === '' ? [] : [plain(one.trouble)]),
      ];
      const name = one.isMe ? 'you' : plain(one.name);
      return notes.length > 0 ? `${name} (${notes.join(', ')})` : name;
    });
  const waits = people.filter(({ state }) => state === 'ringing' || state === 'calling').map(({ name }) => plain(name));
  const mix = iMix
    ? 'Your machine mixes, and hears everybody'
    : mixer === ''
      ? ''
      : `The machine of ${plain(mixer)} mixes, and hears everybody`;
  const words = [`In the conference: ${each.join(', ')}.`];
  if (waits.length > 0) words.push(`Ringing: ${waits.join(', ')}.`);
  if (mix !== '') words.push(`${mix}.`);
  if (speaking.length > 0) words.push(`Speaking: ${speaking.map(plain).join(', ')}.`);
  return words.join(' ');
}

function endWords(event: EventOf<'ended'>): string {
  const why = END_WORDS[event.reason] ?? plain(event.reason);
  const sentence = why.replace('PEER', plain(event.peer));
  const lasted = event.durationMs > 0 ? `${sentence} after ${stopwatch(event.durationMs)}` : sentence;
  if (event.receivedPackets === 0 && event.sentPackets === 0) return `${lasted}.`;
  const packets = `${event.sentPackets} packets out, ${event.receivedPackets} in, ${event.lostIn} lost`;
  return `${lasted}: ${packets}, ${figure(event.concealedPct)} % filled in.`;
}

const END_WORDS: Readonly<Record<CallEndReason, string>> = {
  hangup: 'Hung up',
  declined: 'PEER declined',
  busy: 'PEER is in another call',
  'no-answer': 'Nobody answered at PEER',
  'answered-elsewhere': 'Answered at another place',
  moved: 'It goes on at another device of yours',
  unreachable: 'PEER cannot be reached now',
  failed: 'The call broke off',
  removed: 'Removed from the conference',
  full: 'Eight others are in the conference',
  cancelled: 'The call was taken back before an answer',
};

/** Decides which conference events a person hears of: all but those in which only the speakers have changed. */
export function quietConference(): (event: EventOf<'conference'>) => boolean {
  let said = '';
  return (event) => {
    const words = conferenceWords({ ...event, speaking: [] });
    const news = words !== said;
    said = words;
    return news;
  };
}

/** Decides which quality events a person hears of. Holds what it said last; `atMs` is the event's own time. */
export function quietQuality(): (event: EventOf<'quality'>) => boolean {
  let said: EventOf<'quality'> | undefined;
  return (event) => {
    const news =
      said === undefined ||
      event.verdict !== said.verdict ||
      event.place !== said.place ||
      event.path !== said.path ||
      event.at - said.at >= QUALITY_REPEAT_MS;
    if (news) said = event;
    return news;
  };
}
