import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buddyLines } from '../../bin/commands/buddies.ts';
import { historyLines } from '../../bin/commands/chat.ts';
import type { AppState } from '../../src/store/state.ts';
import {
  buddy,
  chatLine,
  refuse,
  type Script,
  type ScriptedAgent,
  SIGNED_IN,
  scriptedAgent,
} from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines, type RunOptions } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent.close());
afterAll(() => wren.remove());

async function run(
  args: readonly string[],
  script: Script = {},
  state: Partial<AppState> = {},
  options: RunOptions = {},
) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, script, { ...SIGNED_IN, ...state });
  return await wren.run([...args, '--profile', profile], options);
}
const sent = () => agent.asked.filter(({ type }) => !['status', 'subscribe', 'wait'].includes(type));

const BUDDIES = [
  buddy('dave01', { presence: 'offline', lastSeenAtMs: Date.UTC(2026, 10, 25, 20, 50) }),
  buddy('bobby1', { displayName: 'Bobby Brown', presence: 'do-not-disturb', unread: 2 }),
  buddy('carol1', { relation: 'incoming', presence: 'offline', message: 'it is Carol' }),
  buddy('erin01', { relation: 'outgoing', presence: 'offline' }),
];

test('the buddy list shows requests first, then who is there', async () => {
  for (const args of [['buddies'], ['buddies', 'list']]) {
    const { code, stdout } = await run(args, {}, { buddies: BUDDIES });
    await agent.close();
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'carol1  asks to be your buddy  "it is Carol"',
      'bobby1  do not disturb         Bobby Brown, 2 unread',
      'dave01  offline                last seen 2026-11-25 20:50',
      'erin01  asked, no answer yet',
      '',
    ]);
  }
});

test('the buddy list as JSON is one object a buddy', async () => {
  const { stdout } = await run(['buddies', '--json'], {}, { buddies: BUDDIES });
  expect(jsonLines(stdout)).toEqual(BUDDIES.map((one) => ({ event: 'buddy', ...one })));
});

test('an empty list says how to begin, and is done', async () => {
  expect(await run(['buddies'])).toEqual({
    code: 0,
    stdout: '',
    stderr: 'Nobody yet. Ask somebody: wren buddies add NAME\n',
  });
});

test('blocked and declined people are told apart', () => {
  const words = buddyLines([
    buddy('aaaaa1', { relation: 'blocked', presence: 'offline' }),
    buddy('bbbbb1', { relation: 'declined', presence: 'offline' }),
  ]);
  expect(words).toEqual(['aaaaa1  blocked', 'bbbbb1  declined']);
});

test('add sends the message of the request', async () => {
  const { code, stdout } = await run(['buddies', 'add', 'bobby1', 'it is', 'Alice', '--json']);
  expect([code, jsonLines(stdout)]).toEqual([0, [{ event: 'asked', name: 'bobby1' }]]);
  expect(sent()[0]).toEqual({ type: 'buddy.add', name: 'bobby1', message: 'it is Alice' });
});

test.each([
  ['accept', 'accepted'],
  ['decline', 'declined'],
  ['remove', 'removed'],
  ['block', 'blocked'],
  ['unblock', 'unblocked'],
])('buddies %s asks for it and says so', async (word, event) => {
  const { code, stdout, stderr } = await run(['buddies', word, 'bobby1', '--json']);
  expect([code, stderr, jsonLines(stdout)]).toEqual([0, '', [{ event, name: 'bobby1' }]]);
  expect(sent()).toEqual([{ type: `buddy.${word}`, name: 'bobby1' }]);
});

test('an agent that is still connecting gets a moment before it is asked', async () => {
  await run(['buddies', 'add', 'bobby1'], {}, { connection: 'connecting' });
  expect(agent.asked.map(({ type }) => type)).toEqual(['status', 'wait', 'buddy.add', 'search']);
});

test('what cannot be done with a buddy ends 2, a block ends 4', async () => {
  const nothing = () => {
    throw refuse('nothing-pending', 'bobby1');
  };
  expect((await run(['buddies', 'accept', 'bobby1'], { 'buddy.accept': nothing })).code).toBe(2);
  await agent.close();
  const blocked = () => {
    throw refuse('blocked');
  };
  expect((await run(['buddies', 'add', 'bobby1'], { 'buddy.add': blocked })).code).toBe(4);
});

const HITS = [
  { name: 'bobby1', displayName: 'Bobby Brown' },
  { name: 'bobcat77', displayName: '' },
];

test('search prints a hit a line, the count for people', async () => {
  const report = { hits: HITS, complete: true, more: false, incomplete: false, tookMs: 12 };
  const { code, stdout, stderr } = await run(['search', 'bob*'], { search: () => report });
  expect([code, stdout, stderr]).toEqual([0, 'bobby1    Bobby Brown\nbobcat77\n', '2 people found in 12 ms.\n']);
  expect(sent()).toEqual([{ type: 'search', pattern: 'bob*', limit: 50 }]);
});

test('search as JSON is a result a hit and then done, to the letter of the contract', async () => {
  const report = { hits: HITS, complete: false, more: false, incomplete: true, tookMs: 12 };
  const { stdout } = await run(['search', 'bob*', '--json', '--limit', '2'], { search: () => report });
  expect(stdout).toBe(
    '{"event":"result","name":"bobby1","displayName":"Bobby Brown"}\n' +
      '{"event":"result","name":"bobcat77","displayName":""}\n' +
      '{"event":"done","complete":false,"incomplete":true,"tookMs":12}\n',
  );
  expect(sent()).toEqual([{ type: 'search', pattern: 'bob*', limit: 2 }]);
});

test('nothing found ends 2, and says when not everybody was asked', async () => {
  const report = { hits: [], complete: false, more: false, incomplete: true, tookMs: 800 };
  const { code, stdout, stderr } = await run(['search', 'nobody1'], { search: () => report });
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toBe('Nobody found in 800 ms. There may be more: not every part of the network answered.\n');
});

test('whom only the login server knows is marked, in both forms', async () => {
  const hits = [{ name: 'bobby1', displayName: '', from: 'login-server' as const }];
  const report = { hits, complete: false, more: false, incomplete: true, tookMs: 40 };
  const { code, stdout, stderr } = await run(['search', 'bobby1'], { search: () => report });
  expect([code, stdout]).toEqual([0, 'bobby1\n']);
  expect(stderr).toBe(
    '1 person found in 40 ms, one by the login server alone. There may be more: not every part of the network answered.\n',
  );
  const json = await run(['search', 'bobby1', '--json'], { search: () => report });
  expect(json.stdout).toBe(
    '{"event":"result","name":"bobby1","displayName":"","from":"login-server"}\n' +
      '{"event":"done","complete":false,"incomplete":true,"tookMs":40}\n',
  );
});

test.each(['*', ' ** ', ''])('a search for %j would be for everybody: usage', async (pattern) => {
  const { code, stderr } = await run(['search', pattern], { search: () => report(HITS) });
  expect([code, stderr]).toEqual([3, expect.stringContaining('Try: wren search "bob*"')]);
  expect(agent.asked).toEqual([]);
});

test('asking somebody whom nobody can find is done, and said; where not all have answered it is not', async () => {
  const missing = await run(['buddies', 'add', 'bobyb1', '--json'], { search: () => report([]) });
  expect([missing.code, jsonLines(missing.stdout)]).toEqual([0, [{ event: 'asked', name: 'bobyb1', found: false }]]);
  expect(missing.stderr).toContain('Nobody of that name can be found now');
  await agent.close();
  const unsure = await run(['buddies', 'add', 'bobby1'], { search: () => ({ ...report([]), complete: false }) });
  expect(unsure.stderr).toBe('Asked bobby1.\n');
});

test('a service is waited for like a buddy', async () => {
  const script: Script = {
    'chat.send': ({ to, text }, scripted) => {
      const line = chatLine(text, { with: to, direction: 'out', mark: 'waiting' });
      setTimeout(() => scripted.push({ type: 'chat.delivered', with: to, id: line.id }), 100);
      return line;
    },
  };
  expect((await run(['chat', 'echo', 'hi'], script)).stderr).toBe('Delivered to echo.\n');
});

test('more than was asked for is said, and may be asked for', async () => {
  const report = { hits: HITS, complete: false, more: true, incomplete: false, tookMs: 12 };
  const { stderr } = await run(['search', 'bob*', '--limit', '2'], { search: () => report });
  expect(stderr).toBe('2 people found in 12 ms. There are more: see --limit.\n');
  const { stdout } = await run(['search', 'bob*', '--json', '--limit', '500'], { search: () => report });
  expect(stdout.split('\n').at(-2)).toBe('{"event":"done","complete":false,"more":true,"tookMs":12}');
});

const report = (hits: typeof HITS) => ({ hits, complete: true, more: false, incomplete: false, tookMs: 1 });

const stored: Script = {
  'chat.send': ({ to, text }) => chatLine(text, { with: to, direction: 'out', mark: 'waiting' }),
};

test('chat sends the words, and reports the delivery when the buddy is there', async () => {
  const script: Script = {
    'chat.send': ({ to, text }, scripted) => {
      const line = chatLine(text, { with: to, direction: 'out', mark: 'waiting' });
      // The confirmation may overtake the reply.
      scripted.push({ type: 'chat.delivered', with: to, id: line.id });
      return line;
    },
  };
  const state = { buddies: [buddy('bobby1')] };
  const { code, stdout, stderr } = await run(['chat', 'Bobby1', 'lunch', 'at one?', '--json'], script, state);
  expect([code, stderr]).toEqual([0, '']);
  expect(jsonLines(stdout)).toEqual([
    { event: 'sent', id: chatLine('').id, to: 'Bobby1', at: chatLine('').sentAtMs },
    { event: 'delivered', id: chatLine('').id, to: 'Bobby1' },
  ]);
  expect(sent()).toEqual([{ type: 'chat.send', to: 'Bobby1', text: 'lunch at one?' }]);
});

test('a message to somebody who is away is kept by the network, and the command says so', async () => {
  const script: Script = {
    'chat.send': ({ to, text }, scripted) => {
      const line = chatLine(text, { with: to, direction: 'out', mark: 'waiting' });
      scripted.push({ type: 'chat.kept', with: to, id: line.id, untilMs: 1_767_484_800_000 });
      return line;
    },
  };
  const state = { buddies: [buddy('bobby1', { presence: 'offline' })] };
  const { code, stdout } = await run(['chat', 'bobby1', 'hi', '--json'], script, state);
  expect([code, jsonLines(stdout).map(({ event }) => event)]).toEqual([0, ['sent', 'kept']]);
});

test('a message that the network does not take either waits here, and the command waits a moment only', async () => {
  const state = { buddies: [buddy('bobby1', { presence: 'offline' })] };
  const { code, stdout, stderr } = await run(['chat', 'bobby1', 'hi'], stored, state);
  expect([code, stdout, stderr]).toEqual([0, '', 'Waits here for bobby1; it goes out when you are both online.\n']);
});

test('with "-" all of stdin is one message, without its last line end', async () => {
  await run(['chat', 'bobby1', '-'], stored, {}, { stdin: 'one\n\ntwo \u{1f426}\n' });
  expect(sent()).toEqual([{ type: 'chat.send', to: 'bobby1', text: 'one\n\ntwo \u{1f426}' }]);
});

test('stdin that is longer than a message is refused before it is read to its end', async () => {
  const { code, stderr } = await run(['chat', 'bobby1', '-'], stored, {}, { stdin: 'x'.repeat(1_000_000) });
  expect(code).toBe(3);
  expect(stderr).toContain('at most 16384 bytes');
  expect(agent.asked).toEqual([]);
});

test('an empty stdin sends nothing', async () => {
  expect((await run(['chat', 'bobby1', '-'], stored, {}, { stdin: '\n\n' })).code).toBe(3);
  expect(agent.asked).toEqual([]);
});

const TALK = [
  chatLine('hello\nthere'),
  chatLine('hi \u001b[31mred', { direction: 'out', mark: 'waiting', id: 'cd'.repeat(16) }),
];

test('history reads like a script, and reading it marks it as read', async () => {
  const { code, stdout } = await run(['chat', 'bobby1', '--history'], { 'chat.history': () => TALK });
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual([
    '2026-11-25 20:50  bobby1: hello',
    '                  there',
    '2026-11-25 20:50  you: hi [31mred (waiting)',
    '',
  ]);
  expect(sent()).toEqual([
    { type: 'chat.history', with: 'bobby1', limit: 50 },
    { type: 'chat.mark-read', with: 'bobby1' },
  ]);
});

test('history as JSON is one message a line and marks nothing', async () => {
  const { stdout } = await run(['chat', 'bobby1', '--history', '--limit', '2', '--json'], {
    'chat.history': () => TALK,
  });
  expect(jsonLines(stdout)).toEqual(TALK.map((line) => ({ event: 'message', ...line })));
  expect(sent()).toEqual([{ type: 'chat.history', with: 'bobby1', limit: 2 }]);
});

test('a search in the history that finds nothing ends 2, an empty history is no failure', async () => {
  const empty: Script = { 'chat.history': () => [] };
  expect((await run(['chat', 'bobby1', '--history', '--search', 'lunch'], empty)).code).toBe(2);
  expect(sent()).toEqual([{ type: 'chat.history', with: 'bobby1', limit: 50, search: 'lunch' }]);
  await agent.close();
  expect((await run(['chat', 'Bobby1', '--history'], empty, { buddies: [buddy('bobby1')] })).code).toBe(0);
});

test.each([
  ['bobby9', 2, 'not-a-buddy'],
  ['alice1', 3, 'person-self'],
  ['#lunch', 2, 'group-unknown'],
  ['echo', 0, undefined],
])('no history of %s, who is no buddy and no group of ours, ends %i', async (name, exit, code) => {
  const empty: Script = { 'chat.history': () => [], 'history.calls': () => [], 'group.list': () => [] };
  for (const args of [
    ['chat', name, '--history'],
    ['history', name],
  ]) {
    const { code: ended, stdout } = await run([...args, '--json'], empty);
    expect([ended, jsonLines(stdout).map((one) => one.code)]).toEqual([exit, code === undefined ? [] : [code]]);
    await agent.close();
  }
});

test('an incoming line of somebody with steering characters in the name stays one line', () => {
  expect(historyLines(chatLine('x', { with: 'a\r\nb' }))).toHaveLength(1);
});

test('a reader that goes away early is no error', async () => {
  const many = Array.from({ length: 1000 }, (_, index) => chatLine(`line ${index} ${'x'.repeat(400)}`));
  const profile = wren.profile();
  agent = await scriptedAgent(profile, { 'chat.history': () => many });
  const running = wren.start(['chat', 'bobby1', '--history', '--limit', '1000', '--profile', profile]);
  running.stopReading();
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
});
