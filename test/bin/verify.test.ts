import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buddyLines } from '../../bin/commands/buddies.ts';
import { callWords } from '../../bin/commands/call-words.ts';
import { statusLines } from '../../bin/commands/status.ts';
import { safetyLines } from '../../bin/commands/verify.ts';
import { safetyWords } from '../../src/net/index.ts';
import { newCall } from '../../src/store/new-call.ts';
import type { SafetyReport } from '../../src/store/port.ts';
import { buddy, CALL_ID, refuse, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
beforeAll(() => {
  wren = buildWren();
});
afterEach(() => agent?.close());
afterAll(() => wren.remove());

const AT = Date.UTC(2026, 10, 25, 20, 50);
const HALVES = safetyWords('alice1', Buffer.alloc(32, 1), 'bobby1', Buffer.alloc(32, 2));
const REPORT: SafetyReport = { name: 'bobby1', safety: 'known', sinceMs: AT, key: 'ab'.repeat(32), halves: HALVES };

async function run(args: readonly string[], report: SafetyReport | undefined) {
  const profile = wren.profile();
  const answer = () => {
    if (!report) throw refuse('safety-unknown', 'bobby1');
    return report;
  };
  agent = await scriptedAgent(profile, { 'safety.words': answer, 'safety.verify': answer });
  return await wren.run([...args, '--profile', profile]);
}
const sent = () => agent.asked.filter(({ type }) => type.startsWith('safety.'));

test('verify shows both halves in words and digits, and what is to be done with them', async () => {
  const { code, stdout } = await run(['verify', 'bobby1'], REPORT);
  expect([code, stdout.trim().split('\n')]).toEqual([
    0,
    [
      `alice1  ${HALVES[0].words.join(' ')}`,
      `bobby1  ${HALVES[1].words.join(' ')}`,
      `alice1  ${HALVES[0].digits.join(' ')}`,
      `bobby1  ${HALVES[1].digits.join(' ')}`,
      'Not compared yet. If bobby1 sees the same: wren verify bobby1 --yes. The key is known since 2026-11-25 20:50.',
    ],
  ]);
  expect(sent()).toEqual([{ type: 'safety.words', name: 'bobby1' }]);
});

test('as JSON it is one object with all twelve words; yes and no are told to the agent', async () => {
  const yes = await run(['verify', 'bobby1', '--yes', '--json'], { ...REPORT, safety: 'verified' });
  expect(jsonLines(yes.stdout)).toEqual([
    {
      ...{ event: 'safety', name: 'bobby1', safety: 'verified', verified: true, sinceMs: AT, key: REPORT.key },
      words: [...HALVES[0].words, ...HALVES[1].words],
      digits: [...HALVES[0].digits, ...HALVES[1].digits],
      halves: HALVES,
    },
  ]);
  expect(sent()).toEqual([{ type: 'safety.verify', name: 'bobby1', verified: true }]);
  await agent.close();
  await run(['verify', 'bobby1', '--no'], REPORT);
  expect(sent()).toEqual([{ type: 'safety.verify', name: 'bobby1', verified: false }]);
  await agent.close();
  expect((await run(['verify', 'bobby1', '--yes', '--no'], REPORT)).code).toBe(3);
  await agent.close();
  const unknown = await run(['verify', 'bobby1'], undefined);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('There are no safety words yet')]);
});

test('a changed key is loud wherever the person is shown, and verified is said with the call', () => {
  expect(safetyLines({ ...REPORT, safety: 'changed' }).at(-1)).toMatch(/^bobby1 HAS ANOTHER KEY THAN BEFORE/);
  const people = (safety: 'verified' | 'changed') => [buddy('bobby1', { safety })];
  expect(buddyLines(people('verified'))).toEqual(['bobby1  online  verified']);
  expect(buddyLines(people('changed'))[0]).toContain('ANOTHER KEY THAN BEFORE: wren verify bobby1');
  const status = (safety: 'verified' | 'changed') => {
    const calls = [{ ...newCall(CALL_ID, 'bobby1', 'out', AT), phase: 'running' as const, answeredAtMs: AT }];
    const state = { ...SIGNED_IN, buddies: people(safety), calls };
    return statusLines(state, { pid: 1, uptimeS: 1, version: '', socket: '', voicePid: null }, AT + 5_000).join('\n');
  };
  expect(status('verified')).toMatch(/Buddies: +1, 1 online, 1 verified\n/);
  expect(status('verified')).toMatch(/Call: +with bobby1 \(verified\), 0:05/);
  expect(status('changed')).toMatch(/Key: +bobby1 has another key than before; wren verify bobby1/);
  expect(status('changed')).toMatch(/Call: +with bobby1 \(ANOTHER KEY THAN BEFORE\)/);
  const ringing = { event: 'ringing', call: CALL_ID, peer: 'bobby1', at: AT, direction: 'in' } as const;
  expect(callWords(ringing, 'in', 'verified')).toBe('bobby1 (verified) is calling.');
  expect(callWords(ringing, 'in')).toBe('bobby1 is calling.');
});
