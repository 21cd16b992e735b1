/**
 * A conference as rows of the call panel: who is in and who is still called, who speaks, who is muted, on hold or has
 * trouble, and whose machine mixes, which hears everybody. Two people a row where that fits.
 */
import type { Call, ConferencePerson, ConferenceView } from '../../store/state.ts';
import { fitRow, type Row, rowWidth, span } from '../text/spans.ts';
import type { Glyphs } from '../theme.ts';

/** Those whom the panel shows: who is in, then who is still called. */
export function shownPeople({ people }: ConferenceView): readonly ConferencePerson[] {
  const inside = people.filter(({ state }) => state === 'in');
  const called = people.filter(({ state }) => state === 'calling' || state === 'ringing');
  return [...inside, ...called];
}

export function conferenceRowCount({ conference }: Call): number {
  return conference === undefined ? 0 : Math.ceil(shownPeople(conference).length / 2) + 1;
}

export function conferenceRows({ conference }: Call, columns: number, glyphs: Glyphs): readonly Row[] {
  if (conference === undefined) return [];
  const people = shownPeople(conference);
  const half = Math.floor(columns / 2);
  const rows: Row[] = [mixRow(conference, columns)];
  for (let i = 0; i < people.length; i += 2) {
    const [left, right] = [people[i], people[i + 1]].map((one) => (one ? personRow(one, glyphs) : []));
    const first = fitRow(left ?? [], half);
    const gap = ' '.repeat(Math.max(0, half - rowWidth(first)));
    rows.push(fitRow([...first, span(gap), ...(right ?? [])], columns));
  }
  return rows;
}

function mixRow({ iMix, mixer }: ConferenceView, columns: number): Row {
  if (mixer === '') return fitRow([span('Conference', 'muted')], columns);
  const words = iMix ? 'Your machine mixes, and hears everybody.' : `${mixer} mixes, and that machine hears everybody.`;
  return fitRow([span(words, 'muted')], columns);
}

function personRow(one: ConferencePerson, glyphs: Glyphs): Row {
  const name = one.isMe ? 'you' : one.name;
  const notes: Row[number][] = [];
  if (one.state !== 'in') notes.push(span(` ${one.state}...`, 'muted'));
  if (one.blocked) notes.push(span(' blocked by you', 'bad'));
  if (one.isMixer) notes.push(span(' mixes', 'accent'));
  if (one.muted) notes.push(span(' muted', 'warn'));
  if (one.held) notes.push(span(' on hold', 'warn'));
  if (one.recording) notes.push(span(' RECORDS', 'bad'));
  if (one.trouble !== '') notes.push(span(` ${one.trouble}`, 'bad'));
  const mark = one.speaking ? span(`${glyphs.meterOn} `, 'good') : span(`${glyphs.meterOff} `, 'muted');
  return [mark, span(name, one.speaking ? 'good' : 'strong'), ...notes];
}
