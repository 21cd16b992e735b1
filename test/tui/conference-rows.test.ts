import { expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import type { Call, ConferencePerson } from '../../src/store/state.ts';
import { conferenceRowCount, conferenceRows } from '../../src/tui/rows/conference-rows.ts';
import { ASCII_GLYPHS } from '../../src/tui/theme.ts';

const quiet = { isMe: false, isMixer: false, deputy: 0, speaking: false, muted: false, held: false, recording: false };
const person = (name: string, change: Partial<ConferencePerson> = {}): ConferencePerson => ({
  ...{ name, node: name, state: 'in', ...quiet, trouble: '', by: '', removable: false, path: null },
  ...change,
});

function call(people: readonly ConferencePerson[], iMix = false): Call {
  const conference = { id: 'c', term: 1, mixer: 'bobby1', iMix, others: [], people, rejoinable: false };
  return { ...newCall('c', 'bobby1', 'out', 0), phase: 'running', conference };
}

const texts = (of: Call, columns = 70): string[] =>
  conferenceRows(of, columns, ASCII_GLYPHS).map((row) =>
    row
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );

test('a conference shows who is in, who speaks, is muted, on hold, records or has trouble, who is called, and who mixes', () => {
  const shown = call([
    person('alice1', { isMe: true, muted: true }),
    person('bobby1', { isMixer: true, speaking: true }),
    person('carol1', { trouble: 'not heard' }),
    person('david1', { held: true, recording: true }),
    person('emily1', { state: 'ringing' }),
    person('grace1', { blocked: true }),
    person('frank1', { state: 'declined' }),
  ]);
  expect(texts(shown)).toEqual([
    'bobby1 mixes, and that machine hears everybody.',
    '. you muted                        = bobby1 mixes',
    '. carol1 not heard                 . david1 on hold RECORDS',
    '. grace1 blocked by you            . emily1 ringing...',
  ]);
  expect(conferenceRowCount(shown)).toBe(4);
});

test('whoever mixes reads it, rows never exceed the columns, and a call of two has none of them', () => {
  const mine = call(
    [person('alice1', { isMe: true, isMixer: true }), person('bobby1'.repeat(4), { trouble: 'x'.repeat(60) })],
    true,
  );
  expect(texts(mine)[0]).toBe('Your machine mixes, and hears everybody.');
  for (const text of texts(mine, 30)) expect(text.length).toBeLessThanOrEqual(30);
  const { conference: _, ...two } = mine;
  expect([conferenceRowCount(two), conferenceRows(two, 70, ASCII_GLYPHS)]).toEqual([0, []]);
});
