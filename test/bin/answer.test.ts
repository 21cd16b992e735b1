import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import type { CallEvent } from '../../src/store/port.ts';
import type { AppState, Call } from '../../src/store/state.ts';
import { refuse, type Script, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent.close());
afterAll(() => wren.remove());

const ONE = '11'.repeat(16);
const TWO = '22'.repeat(16);
const TOTALS = {
  durationMs: 5000,
  sentPackets: 250,
  receivedPackets: 250,
  sentBytes: 1,
  receivedBytes: 1,
  lostIn: 0,
  concealedPct: 0,
};
const at = 1_000;
const rings = (call: string, peer: string) => ({ event: 'ringing', call, peer, at, direction: 'in' }) as const;
const answered = (call: string, peer: string) => ({ event: 'answered', call, peer, at, setupMs: 10 }) as const;
const ended = (call: string, peer: string, reason: 'hangup' | 'cancelled' | 'failed' = 'hangup') =>
  ({ event: 'ended', call, peer, at, reason, ...TOTALS }) as const;
const push = (...list: readonly CallEvent[]) => {
  for (const event of list) agent.push({ type: 'call.event', event });
};
const answers = () => agent.asked.filter(({ type }) => type === 'call.answer');

async function answer(args: readonly string[], script: Script = {}, state: AppState = SIGNED_IN) {
  const profile = wren.profile();
  const usual: Script = { 'call.hang-up': ({ call = '' }) => push(ended(call, 'bobby1')) };
  agent = await scriptedAgent(profile, { ...usual, ...script }, state);
  const running = wren.start(['answer', ...args, '--profile', profile]);
  await agent.wasAsked('wait');
  return running;
}

test('answer --once takes one call, tells its events from the first ring on, and ends 0', async () => {
  const running = await answer(['--once', '--json']);
  push(rings(ONE, 'bobby1'));
  expect(await agent.wasAsked('call.answer')).toEqual({ type: 'call.answer', call: ONE });
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1'));
  const { code, stdout, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(jsonLines(stdout)).toEqual([rings(ONE, 'bobby1'), answered(ONE, 'bobby1'), ended(ONE, 'bobby1')]);
});

test('--from leaves everybody else ringing and untold', async () => {
  const running = await answer(['--once', '--from', 'Bobby1', '--json']);
  push(rings(ONE, 'carol1'), rings(TWO, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(answered(TWO, 'bobby1'), ended(TWO, 'bobby1'));
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(answers()).toEqual([{ type: 'call.answer', call: TWO }]);
  expect(stdout).not.toContain('carol1');
});

test('a call that rings already when the command starts is answered too', async () => {
  const ringing: Call = { ...newCall(ONE, 'bobby1', 'in', 77), phase: 'ringing' };
  const outgoing: Call = { ...ringing, call: TWO, direction: 'out' };
  const running = await answer(['--once', '--json'], {}, { ...SIGNED_IN, calls: [outgoing, ringing] });
  await agent.wasAsked('call.answer');
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1'));
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(answers()).toEqual([{ type: 'call.answer', call: ONE }]);
  expect(jsonLines(stdout)[0]).toEqual({ ...rings(ONE, 'bobby1'), at: 77 });
});

test('without --once calls are answered one after another until Ctrl-C, then it ends 0', async () => {
  const running = await answer([]);
  for (const [count, call] of [ONE, TWO].entries()) {
    push(rings(call, 'bobby1'));
    await agent.wasAsked('call.answer', count + 1);
    push(answered(call, 'bobby1'), ended(call, 'bobby1'));
    await expect.poll(() => running.stderr().match(/Hung up/g)?.length).toBe(count + 1);
  }
  running.signal('SIGINT');
  const { code, stdout, stderr } = await running.ended;
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toMatch(/^Waiting for calls\.\nbobby1 is calling\.\nAnswered bobby1\.\nHung up after 0:05/);
});

test('Ctrl-C before any call ends 2, during a call it hangs up first', async () => {
  const idle = await answer([]);
  await expect.poll(idle.stderr).toContain('Waiting');
  idle.signal('SIGINT');
  expect((await idle.ended).code).toBe(2);
  await agent.close();

  const running = await answer([]);
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(answered(ONE, 'bobby1'));
  await expect.poll(running.stderr).toContain('Answered');
  running.signal('SIGINT');
  await agent.wasAsked('call.hang-up');
  expect((await running.ended).code).toBe(0);
});

test('--for hangs up so long after the answer', async () => {
  const running = await answer(['--once', '--for', '0.3']);
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(answered(ONE, 'bobby1'));
  expect(await agent.wasAsked('call.hang-up')).toEqual({ type: 'call.hang-up', call: ONE });
  expect((await running.ended).code).toBe(0);
});

test('a caller who gives up first is not counted: --once waits for the next', async () => {
  const running = await answer(['--once'], {
    'call.answer': ({ call }) => {
      if (call === ONE) throw refuse('no-call');
    },
  });
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(ended(ONE, 'bobby1', 'cancelled'), rings(TWO, 'bobby1'));
  await agent.wasAsked('call.answer', 2);
  push(answered(TWO, 'bobby1'), ended(TWO, 'bobby1'));
  expect((await running.ended).code).toBe(0);
});

test('a call of --once that breaks off ends 2', async () => {
  const running = await answer(['--once']);
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1', 'failed'));
  expect((await running.ended).code).toBe(2);
});

test('the audio SPEC goes with each answer', async () => {
  const running = await answer(['--once', '--audio', 'none']);
  push(rings(ONE, 'bobby1'));
  expect(await agent.wasAsked('call.answer')).toEqual({ type: 'call.answer', call: ONE, audio: 'none' });
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1'));
  await running.ended;
});

test('a network that is slow to come is no reason to end, no account is', async () => {
  const slow = await answer(['--once'], {
    wait: () => {
      throw refuse('timed-out');
    },
  });
  await expect.poll(slow.stderr).toContain('Not connected yet');
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1'));
  expect((await slow.ended).code).toBe(0);
  await agent.close();

  const stranger = await answer([], {
    wait: () => {
      throw refuse('not-signed-in');
    },
  });
  expect((await stranger.ended).code).toBe(2);
});

test('when nobody reads any more, no further call is answered', async () => {
  const running = await answer(['--json']);
  push(rings(ONE, 'bobby1'));
  await agent.wasAsked('call.answer');
  await expect.poll(running.stdout).toContain('ringing');
  running.stopReading();
  push(answered(ONE, 'bobby1'), ended(ONE, 'bobby1'));
  const { code, stderr } = await running.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(answers()).toHaveLength(1);
});

test('an agent that goes away is told at once, with where its log is', async () => {
  const running = await answer([]);
  await expect.poll(running.stderr).toContain('Waiting');
  await agent.close();
  const { code, stderr } = await running.ended;
  expect(code).toBe(5);
  expect(stderr).toContain('agent.log');
});
