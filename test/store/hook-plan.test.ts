import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandWords, hookNews } from '../../src/store/hook-plan.ts';
import type { AgentEvent, CallEvent } from '../../src/store/port.ts';
import { reduce } from '../../src/store/reduce.ts';
import type { AppState } from '../../src/store/state.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE: AppState = { ...SIGNED_IN, buddies: [buddy('bobby1')] };
const news = (event: AgentEvent, before = PEOPLE) => hookNews(before, reduce(before, event), event, 5_000);
const call = (event: object): AgentEvent => ({
  type: 'call.event',
  event: { call: 'c1', peer: 'bobby1', at: 1_000, direction: 'in', ...event } as CallEvent,
});

test('a call tells its ringing, its answer and its end, with the object that --json prints', () => {
  expect(news(call({ event: 'ringing' }))).toEqual([
    {
      event: 'ringing',
      json: { event: 'ringing', call: 'c1', peer: 'bobby1', at: 1_000, direction: 'in' },
      env: { WREN_CALL: 'c1', WREN_PEER: 'bobby1', WREN_DIRECTION: 'in' },
      isAlert: true,
    },
  ]);
  expect(news(call({ event: 'ringing', direction: 'out' }))).toMatchObject([{ isAlert: false }]);
  expect(news(call({ event: 'answered', setupMs: 80 }))).toMatchObject([{ event: 'answered', json: { setupMs: 80 } }]);
  expect(news(call({ event: 'ended', reason: 'busy' }))).toMatchObject([{ env: { WREN_REASON: 'busy' } }]);
  expect(news(call({ event: 'ended', reason: 'hangup', goesOn: true }))).toEqual([]);
  expect(news(call({ event: 'quality' }))).toEqual([]);
});

test('messages tell who wrote in a variable, and what only on stdin; our own and what nobody wrote tell nothing', () => {
  const line = chatLine('$(touch /tmp/x); `id`');
  const [one] = news({ type: 'chat.message', line });
  expect(one).toMatchObject({ event: 'message', json: { event: 'message', ...line }, isAlert: true });
  expect(one?.env).toEqual({ WREN_PEER: 'bobby1' });
  expect(news({ type: 'chat.message', line: chatLine('x', { direction: 'out' }) })).toEqual([]);
  expect(news({ type: 'chat.message', line: chatLine('x', { kind: 'key-changed' }) })).toEqual([]);
  const missed = chatLine('x', { kind: 'missed-call', sentAtMs: 7 });
  expect(news({ type: 'chat.message', line: missed })).toMatchObject([
    { event: 'missed', json: { event: 'missed', call: missed.id, peer: 'bobby1', at: 7 }, isAlert: false },
  ]);
});

test('presence of buddies and our own connection are told when they change, and only then', () => {
  const away = buddy('bobby1', { presence: 'away' });
  expect(news({ type: 'buddy.changed', buddy: away })).toMatchObject([
    { event: 'presence', json: { event: 'presence', name: 'bobby1', presence: 'away', at: 5_000 } },
  ]);
  expect(news({ type: 'buddy.changed', buddy: buddy('bobby1', { unread: 1 }) })).toEqual([]);
  expect(news({ type: 'buddy.changed', buddy: buddy('carol1') })).toEqual([]);
  const link = (connection: AppState['connection']): AgentEvent => ({
    ...{ type: 'link.changed', connection, supernode: null, trouble: null },
  });
  expect(news(link('offline'))).toMatchObject([{ event: 'offline', isAlert: true }]);
  expect(news(link('online'))).toEqual([]);
  expect(news(link('online'), { ...PEOPLE, connection: 'connecting' })).toMatchObject([{ event: 'online' }]);
  expect(news(link('offline'), { ...PEOPLE, account: null })).toMatchObject([{ isAlert: false }]);
});

test.each([
  ['notify-send wren', ['notify-send', 'wren']],
  ['  a "b c"  \'d "e\' f\\ g ""', ['a', 'b c', 'd "e', 'f g', '']],
  ['a; rm -rf $HOME | b `c` $(d) > e', ['a;', 'rm', '-rf', '$HOME', '|', 'b', '`c`', '$(d)', '>', 'e']],
  ['say "half', undefined],
  ['', []],
])('the command %j is the words %j: nothing in it means more', (command, words) => {
  expect(commandWords(command)).toEqual(words);
});

test('any words come back from the command that quotes them', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 6 }), (words) => {
      const command = words.map((word) => `"${word.replaceAll(/[\\"]/g, '\\$&')}"`).join(' ');
      expect(commandWords(command)).toEqual(words);
    }),
  );
});
