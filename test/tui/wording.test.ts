import { expect, test } from 'vitest';
import { FAILURES, type FailureCode } from '../../src/net/protocol/failures.ts';
import { ASCII_GLYPHS, glyphsFor, UNICODE_GLYPHS, wantsColour } from '../../src/tui/theme.ts';
import {
  agoWords,
  clockWords,
  endedSentence,
  failureSentence,
  nobodySentence,
  pathWords,
} from '../../src/tui/wording.ts';
import { call } from '../support/screen-scenes.ts';

const CODES = Object.keys(FAILURES) as FailureCode[];

test.each(CODES)('%s has one sentence of its own, short enough to read at a glance', (code) => {
  const sentence = failureSentence(code);
  expect(sentence).toMatch(/^[A-Z].*\.$/s);
  expect(sentence.length).toBeLessThan(120);
  expect(CODES.filter((other) => failureSentence(other) === sentence)).toEqual([code]);
  // A person is told what it is, not how it is called inside.
  if (code.includes('-')) expect(sentence).not.toContain(code);
});

test('a detail stands in front of the sentence', () => {
  expect(failureSentence('declined', 'bobby1')).toBe('bobby1: They declined.');
});

test('what a command could not do with its words is told by those words alone', () => {
  expect(failureSentence('usage', 'the call is recorded already, to a.wav')).toBe(
    'The call is recorded already, to a.wav.',
  );
  expect(failureSentence('usage', 'erase what?')).toBe('Erase what?');
  expect(failureSentence('usage')).toContain('cannot be understood');
});

test('who looked for a supernode in vain is told what was tried, and what to do', () => {
  const ways = ['udp', 'tcp', 'tcp443', 'tcp80'];
  const said = [
    { supernodes: 0, ways: [], loginServer: 'silent' },
    { supernodes: 0, ways: [], loginServer: 'answers' },
    { supernodes: 1, ways, loginServer: 'silent' },
    { supernodes: 200, ways, loginServer: 'answers' },
    { supernodes: 3, ways: ['udp'], loginServer: 'waiting' },
  ] as const;
  const sentences = said.map(nobodySentence);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][^.]*; wren goes on trying\.$/);
  expect(new Set(sentences).size).toBe(5);
  expect(sentences[2]).toContain('(tried UDP, TCP, TCP 443, TCP 80), nor does the login server: check');
  expect(sentences[3]).toContain('None of 200 supernodes answers');
});

test('times are said as people say them', () => {
  expect([0, 59_000, 61_000, 3 * 3_600_000, 72 * 3_600_000].map(agoWords)).toEqual([
    'just now',
    'just now',
    '1 min ago',
    '3 h ago',
    '3 d ago',
  ]);
  expect([0, 61_000, 3_852_000].map(clockWords)).toEqual(['0:00', '1:01', '1:04:12']);
});

test('the way of a call is said in words', () => {
  expect(pathWords('relay', 'sn-4')).toBe('relayed by sn-4');
  expect(pathWords(null, null)).toBe('finding a way');
});

test('the end of a call says who, what and how long', () => {
  const ended = { phase: 'ended', answeredAtMs: 1_000, reason: 'hangup' } as const;
  expect(endedSentence(call(ended), 62_000)).toBe('The call with bobby1 ended after 1:01.');
  expect(endedSentence(call({ phase: 'ended', reason: 'no-answer' }), 0)).toBe(
    'The call with bobby1 was not answered.',
  );
  expect(endedSentence(call({ phase: 'ended', direction: 'in', reason: 'cancelled' }), 0)).toBe(
    'Missed call from bobby1.',
  );
});

test('signs fall back to ASCII only where the terminal plainly has nothing else', () => {
  expect(glyphsFor({})).toBe(UNICODE_GLYPHS);
  expect(glyphsFor({ LANG: 'de_DE.UTF-8' })).toBe(UNICODE_GLYPHS);
  expect(glyphsFor({ LANG: 'de_DE.ISO-8859-1' })).toBe(ASCII_GLYPHS);
  expect(glyphsFor({ TERM: 'linux', LANG: 'C.UTF-8' })).toBe(ASCII_GLYPHS);
});

test('NO_COLOR counts when it is set to anything', () => {
  expect([{}, { NO_COLOR: '' }, { NO_COLOR: '1' }].map(wantsColour)).toEqual([true, true, false]);
});
