import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { callWords, quietQuality } from '../../bin/commands/call-words.ts';
import type { CallEvent } from '../../src/store/port.ts';
import {
  CALL_ID,
  refuse,
  type Script,
  type ScriptedAgent,
  SIGNED_IN,
  scriptedAgent,
} from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent?.close());
afterAll(() => wren.remove());

const TOTALS = {
  durationMs: 133_000,
  sentPackets: 6650,
  receivedPackets: 6600,
  sentBytes: 600_000,
  receivedBytes: 590_000,
  lostIn: 50,
  concealedPct: 0.72,
};
const QUALITY = {
  path: 'direct',
  rttMs: 24.2,
  jitterMs: 1,
  lossInPct: 0,
  lossOutPct: 0.44,
  bufferMs: 40,
  mouthToEarMs: 110,
  sentPps: 50,
  recvPps: 50,
  payloadBytes: 60,
  bitrate: 24_000,
  redundancy: 0,
  concealedPct: 0,
  mos: 4.31,
  verdict: 'good',
} as const;
const base = { call: CALL_ID, peer: 'bobby1', at: 1_000 } as const;
const events = {
  ringing: { event: 'ringing', ...base, direction: 'out' },
  answered: { event: 'answered', ...base, setupMs: 1240 },
  path: { event: 'path', ...base, path: 'relay', via: 'udp:192.0.2.7:4000' },
  quality: { event: 'quality', ...base, ...QUALITY },
  ended: { event: 'ended', ...base, reason: 'hangup', ...TOTALS },
} as const satisfies Record<string, CallEvent>;

const push = (...list: readonly CallEvent[]) => {
  for (const event of list) agent.push({ type: 'call.event', event });
};
/** A peer that ends the call as soon as it is asked to. */
const HANGS_UP: Script = { 'call.hang-up': () => push(events.ended) };

async function call(args: readonly string[], script: Script = {}, state = SIGNED_IN) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, { ...HANGS_UP, ...script }, state);
  return wren.start(['call', 'bobby1', ...args, '--profile', profile]);
}

test('a call as JSON is the events of the contract and nothing else', async () => {
  const running = await call(['--json']);
  await agent.wasAsked('call.place');
  const all = [events.ringing, events.answered, events.path, events.quality, events.quality, events.ended];
  push(...all);
  const { code, stdout, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(jsonLines(stdout)).toEqual(all);
  expect(agent.asked.map(({ type }) => type)).toEqual(['subscribe', 'wait', 'call.place']);
});

test('a call told to people is one calm line an event on stderr, and quality only when it is news', async () => {
  const running = await call([]);
  await agent.wasAsked('call.place');
  push(events.ringing, events.answered, events.path, events.quality, events.quality);
  push({ ...events.quality, verdict: 'you hear gaps', lossInPct: 6 }, events.ended);
  const { code, stdout, stderr } = await running.ended;
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr.split('\n')).toEqual([
    'Calling bobby1.',
    'Ringing at bobby1.',
    'bobby1 answered after 1.2 s. Ctrl-C hangs up.',
    'Path: relayed by 192.0.2.7:4000.',
    'Quality: good, round trip 24.2 ms, loss 0 % in, 0.4 % out, MOS 4.3.',
    'Quality: you hear gaps, round trip 24.2 ms, loss 6 % in, 0.4 % out, MOS 4.3.',
    'Hung up after 2:13: 6650 packets out, 6600 in, 50 lost, 0.7 % filled in.',
    '',
  ]);
});

test('events that overtake the reply to the call are not lost, those of other calls are not told', async () => {
  const other = { ...events.ringing, call: 'ff'.repeat(16), peer: 'carol1' };
  const running = await call(['--json'], {
    'call.place': () => {
      push(other, events.ringing, events.answered, events.ended);
      return { call: CALL_ID };
    },
  });
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(jsonLines(stdout)).toEqual([events.ringing, events.answered, events.ended]);
});

test('--for hangs up so long after the answer, not after the ringing', async () => {
  const running = await call(['--for', '0.4', '--json']);
  await agent.wasAsked('call.place');
  push(events.ringing);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(agent.asked.at(-1)?.type).toBe('call.place');
  push(events.answered);
  const answeredAt = performance.now();
  expect(await agent.wasAsked('call.hang-up')).toEqual({ type: 'call.hang-up', call: CALL_ID });
  expect(performance.now() - answeredAt).toBeGreaterThan(390);
  expect((await running.ended).code).toBe(0);
});

test('the audio SPEC goes with the call, its paths absolute, and changes nothing else', async () => {
  const profile = wren.profile();
  writeFileSync(join(profile, 'speech.wav'), '');
  agent = await scriptedAgent(profile, HANGS_UP);
  const args = ['--audio', 'file:speech.wav', 'call', 'bobby1', '--profile', profile];
  const running = wren.start(args, { cwd: profile });
  expect(await agent.wasAsked('call.place')).toEqual({
    type: 'call.place',
    to: 'bobby1',
    audio: `file:${profile}/speech.wav`,
  });
  push(events.ended);
  await running.ended;
  expect(agent.asked.some(({ type }) => type === 'audio.set')).toBe(false);
});

test.each([
  ['file:speech.wav', 'audio-file-unreadable', /speech\.wav \(ENOENT\): The sound file cannot be read/],
  ['file:.', 'audio-file-unreadable', /EISDIR/],
  ['file:,nowhere/out.wav', 'audio-file-unwritable', /out\.wav \(ENOENT\): The recording cannot be written/],
])('with --audio %s nobody is called: the mistyped path is told at once', async (spec, code, sentence) => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const ended = await wren.run(['call', 'bobby1', '--audio', spec, '--json', '--profile', profile], { cwd: profile });
  expect([ended.code, jsonLines(ended.stdout)]).toMatchObject([2, [{ event: 'error', code, exit: 2 }]]);
  expect(ended.stderr).toMatch(sentence);
  expect(agent.asked).toEqual([]);
});

test('a name that stands twice is called once', async () => {
  const running = await call(['BOBBY1']);
  await agent.wasAsked('call.place');
  push(events.ended);
  await running.ended;
});

test('of a conference to which nobody came each is told once', async () => {
  const running = await call(['carol1'], { 'conference.call': () => ({ call: CALL_ID }) });
  await agent.wasAsked('conference.call');
  const declined = { ...events.ended, reason: 'declined', durationMs: 0, sentPackets: 0, receivedPackets: 0 } as const;
  const of = { conference: 'ab', term: 0, mixer: '', iMix: false, speaking: [], people: [] } as const;
  push({ event: 'conference', ...base, ...of });
  push({ ...declined, goesOn: true }, { ...declined, peer: 'carol1', goesOn: true }, { ...declined, peer: 'carol1' });
  const { code, stderr } = await running.ended;
  expect(code).toBe(2);
  expect(stderr.split('\n').slice(-4)).toEqual(['bobby1 declined.', 'carol1 declined.', 'Nobody came.', '']);
});

test.each(['declined', 'busy', 'no-answer', 'unreachable', 'failed'] as const)(
  'a call that ends %s ends 2',
  async (reason) => {
    const running = await call([]);
    await agent.wasAsked('call.place');
    push({ ...events.ended, reason, durationMs: 0, sentPackets: 0, receivedPackets: 0 });
    const { code, stderr } = await running.ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /bobby1 (declined|is in another call|cannot be reached now)|Nobody answered at bobby1|broke off/,
    );
  },
);

test('a call that is refused at once ends by its code', async () => {
  const running = await call(['--json'], {
    'call.place': () => {
      throw refuse('blocked');
    },
  });
  const { code, stdout } = await running.ended;
  expect(code).toBe(4);
  expect(jsonLines(stdout)).toMatchObject([{ event: 'error', code: 'blocked' }]);
});

test('without an account the call is not even tried', async () => {
  const running = await call([], {
    wait: () => {
      throw refuse('not-signed-in');
    },
  });
  const { code, stderr } = await running.ended;
  expect(code).toBe(2);
  expect(stderr).toContain('Try: wren signin NAME');
  expect(agent.asked.some(({ type }) => type === 'call.place')).toBe(false);
});

test('Ctrl-C hangs up and waits for the end: 0 once answered', async () => {
  const running = await call(['--json']);
  await agent.wasAsked('call.place');
  push(events.ringing, events.answered);
  await expect.poll(running.stdout).toContain('answered');
  running.signal('SIGINT');
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)).toEqual(events.ended);
});

test('Ctrl-C while it rings takes the call back: 2', async () => {
  const running = await call([], { 'call.hang-up': () => push({ ...events.ended, reason: 'cancelled' }) });
  await agent.wasAsked('call.place');
  push(events.ringing);
  await expect.poll(running.stderr).toContain('Ringing');
  running.signal('SIGINT');
  expect((await running.ended).code).toBe(2);
});

test('Ctrl-C before the call is placed ends at once: 2', async () => {
  const running = await call([], { wait: () => new Promise(() => {}) });
  await agent.wasAsked('subscribe');
  await expect.poll(() => agent.asked.length).toBe(2);
  running.signal('SIGINT');
  expect((await running.ended).code).toBe(2);
  expect(agent.asked.some(({ type }) => type === 'call.place')).toBe(false);
});

test('a second Ctrl-C does not wait for an agent that does not answer', async () => {
  const running = await call([], { 'call.hang-up': () => new Promise(() => {}) });
  await agent.wasAsked('call.place');
  push(events.answered);
  await expect.poll(running.stderr).toContain('answered');
  running.signal('SIGINT');
  await expect.poll(() => agent.asked.at(-1)?.type).toBe('call.hang-up');
  running.signal('SIGINT');
  expect((await running.ended).code).toBe(2);
});

test('a lost terminal ends the command and leaves the call to the agent', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const run = wren.onTerminal(['call', 'bobby1', '--profile', profile]);
  await agent.wasAsked('call.place');
  push(events.answered);
  await run.until(/bobby1 answered/);
  run.hangUp();
  await run.ended;
  expect(agent.asked.some(({ type }) => type === 'call.hang-up')).toBe(false);
});

test('with --for a lost terminal does not break the promise to hang up', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, HANGS_UP);
  const run = wren.onTerminal(['call', 'bobby1', '--for', '1', '--profile', profile]);
  await agent.wasAsked('call.place');
  push(events.answered);
  await run.until(/bobby1 answered/);
  run.hangUp();
  await agent.wasAsked('call.hang-up');
  await run.ended;
});

test('a reader that goes away does not end the call', async () => {
  const running = await call(['--json']);
  await agent.wasAsked('call.place');
  push(events.ringing);
  await expect.poll(running.stdout).toContain('ringing');
  running.stopReading();
  push(events.answered, events.quality, events.quality);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(agent.asked.some(({ type }) => type === 'call.hang-up')).toBe(false);
  push(events.ended);
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
});

test('an agent that dies ends the call with 5 and the place of its log', async () => {
  const running = await call([]);
  await agent.wasAsked('call.place');
  push(events.answered);
  await expect.poll(running.stderr).toContain('answered');
  await agent.close();
  const { code, stderr } = await running.ended;
  expect(code).toBe(5);
  expect(stderr).toMatch(/agent went away.*agent\.log/);
});

test('a notice of the agent is told in words, not on stdout', async () => {
  const running = await call(['--json']);
  await agent.wasAsked('call.place');
  agent.push({ type: 'notice', code: 'audio-no-device', detail: '' });
  push(events.ended);
  const { stdout, stderr } = await running.ended;
  expect(jsonLines(stdout)).toEqual([events.ended]);
  expect(stderr).toContain('No sound card');
});

test('holding, muting, reconnecting and first sound have words from both sides', () => {
  const words = (event: 'held' | 'resumed' | 'muted' | 'unmuted', by: 'me' | 'them') =>
    callWords({ event, ...base, by }, 'out');
  expect(words('held', 'them')).toBe('bobby1 put the call on hold.');
  expect(words('held', 'me')).toBe('On hold; wren resume goes on.');
  expect(words('resumed', 'them')).toBe('bobby1 goes on.');
  expect(words('muted', 'me')).toBe('Your microphone is off; wren unmute.');
  expect(words('unmuted', 'them')).toBe('bobby1 turned the microphone on.');
  expect(callWords({ event: 'reconnecting', ...base }, 'out')).toBe('Nothing arrives; looking for another way.');
  expect(callWords({ event: 'reconnected', ...base }, 'out')).toBe('Connected again.');
  expect(callWords({ event: 'first-sound', ...base, afterAnswerMs: 120.4 }, 'out')).toContain('120.4 ms');
  expect(callWords({ event: 'ringing', ...base, direction: 'in' }, 'in')).toBe('bobby1 is calling.');
  expect(callWords({ ...base, event: 'sparkle' } as never, 'in')).toBeUndefined();
});

test('an unchanged quality is repeated as a sign of life every half minute', () => {
  const isNews = quietQuality();
  const told = Array.from({ length: 61 }, (_, second) => isNews({ ...events.quality, at: second * 1000 }));
  expect(told.flatMap((news, second) => (news ? [second] : []))).toEqual([0, 30, 60]);
});
