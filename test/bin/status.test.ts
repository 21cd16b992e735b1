import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { statusLines } from '../../bin/commands/status.ts';
import { newCall } from '../../src/store/new-call.ts';
import { type AppState, type Call, INITIAL_STATE } from '../../src/store/state.ts';
import { buddy, CALL_ID, refuse, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

const AGENT = { pid: 4711, uptimeS: 7380, version: '0.1.0', socket: '/p/agent.sock', voicePid: null };
const NOW = 1_000_000;
const CALL: Call = {
  ...newCall(CALL_ID, 'bobby1', 'out', NOW - 140_000),
  phase: 'running',
  answeredAtMs: NOW - 133_000,
  path: 'relay',
  via: 'node9',
  muted: true,
};
const lines = (change: Partial<AppState>) => statusLines({ ...SIGNED_IN, ...change }, AGENT, NOW);

test('status reads well from top to bottom, with what to do about what waits', () => {
  expect(
    lines({
      buddies: [
        buddy('bobby1', { unread: 2 }),
        buddy('carol1', { relation: 'incoming', presence: 'offline' }),
        buddy('dave01', { presence: 'offline' }),
      ],
      calls: [CALL],
      standby: 'udp:198.51.100.9:4000',
      nat: 'behind-nat',
      observed: 'udp:203.0.113.5:61000',
      audio: { spec: 'default', codec: 'wasm', backend: 'none', advice: 'Install a compiler.', problem: 'No card.' },
    }),
  ).toEqual([
    'You:         alice1 (Alice Doe)',
    'Network:     testnet',
    'Connection:  online, supernode 192.0.2.7:4000 over UDP, 12.3 ms round trip, 198.51.100.9:4000 in standby',
    'NAT:         behind NAT, seen as 203.0.113.5:61000',
    'Presence:    online',
    'Buddies:     2, 1 online',
    'Request:     carol1 wants to be your buddy; wren buddies accept carol1',
    'Unread:      2 from bobby1',
    'Call:        with bobby1, 2:13, relayed by node9, microphone muted; wren unmute',
    'Sound:       default: no sound, Opus in WebAssembly',
    '             No card.',
    '             Install a compiler.',
    'Agent:       process 4711, up 2 h 3 min, version 0.1.0',
  ]);
});

test('whether voice is served before others is said, and what would allow it', () => {
  const audio = { spec: 'default', codec: 'native', backend: 'pulse', advice: '', problem: '' } as const;
  expect(lines({ audio: { ...audio, priority: 'raised' } })).toContain('             raised priority in calls');
  expect(lines({ audio: { ...audio, priority: 'not allowed' } }).join()).toMatch(/ordinary priority in calls: .*nice/);
});

test('a supernode that drops what it was to relay is told of, with the reason', () => {
  const supernode = { endpoint: 'udp:192.0.2.7:4000', carrier: 'udp', rttMs: null, limitedBy: 'address' } as const;
  expect(lines({ supernode })).toContain(
    'Connection:  online, supernode 192.0.2.7:4000 over UDP, it limits what it relays for you: as much as your address may have',
  );
});

test('a profile that is new says how to begin', () => {
  const words = statusLines(INITIAL_STATE, AGENT, NOW).join('\n');
  expect(words).toContain('not signed in; wren signin NAME, or wren signup NAME');
  expect(words).toContain('none yet; wren join INVITE');
  expect(words).toContain('none yet; wren buddies add NAME');
});

test('trouble is told in words, and a call on hold says how to go on', () => {
  const words = lines({
    connection: 'offline',
    supernode: null,
    trouble: 'unreachable-network',
    calls: [{ ...CALL, phase: 'held', heldBy: 'me', muted: false, path: null }],
  }).join('\n');
  expect(words).toMatch(/Connection: {2}offline, Nobody of the network answers/);
  expect(words).toContain('with bobby1, 2:13, on hold; wren resume');
});

test('it tells how many supernodes are known, or what was tried in vain', () => {
  expect(lines({ supernodesKnown: 12 }).join('\n')).toContain('12.3 ms round trip, 12 known');
  const tried = { supernodes: 3, ways: ['udp', 'tcp'], loginServer: 'silent' } as const;
  const words = lines({ connection: 'connecting', supernode: null, trouble: 'unreachable-network', tried }).join('\n');
  expect(words).toContain('connecting, None of 3 supernodes answers (tried UDP, TCP), nor does the login server');
});

test('an incoming call and one that is under way are told apart', () => {
  const ringing = { ...CALL, phase: 'ringing', answeredAtMs: null } as const;
  expect(lines({ calls: [{ ...ringing, direction: 'in' }] }).join('\n')).toContain(
    'bobby1 is calling; wren answer --once',
  );
  expect(lines({ calls: [ringing] }).join('\n')).toContain('ringing at bobby1');
  expect(lines({ calls: [{ ...ringing, phase: 'dialling' }] }).join('\n')).toContain('calling bobby1');
});

test('no text of the network can steer the terminal', () => {
  const evil = 'x\u001b]0;owned\u0007\ny';
  const words = lines({
    network: evil,
    buddies: [buddy(evil, { relation: 'incoming', unread: 1 })],
    calls: [{ ...CALL, peer: evil }],
  });
  expect(words.join('\n')).not.toMatch(/\u001b|\u0007/);
});

test('status --json is one object: the state, and the agent', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout, stderr } = await wren.run(['status', '--json', '--profile', profile]);
  expect([code, stderr]).toEqual([0, '']);
  expect(jsonLines(stdout)).toEqual([{ ...SIGNED_IN, agent: { ...AGENT, socket: agent.socketPath }, ways: [] }]);
});

test('status for people is data on stdout', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout, stderr } = await wren.run(['--profile', profile, 'status']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^You: {9}alice1 \(Alice Doe\)\n/);
});

test('wait returns when signed in, and hands its patience to the agent', async () => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile);
  const { code, stdout } = await wren.run(['wait', '--for', '2.5', '--json', '--profile', profile]);
  const ready = { event: 'ready', name: 'alice1', supernode: SIGNED_IN.supernode };
  expect([code, jsonLines(stdout)]).toEqual([0, [ready]]);
  expect(agent.asked[0]).toEqual({ type: 'wait', forMs: 2500 });
});

test.each(['timed-out', 'no-network', 'not-signed-in'] as const)('wait that meets %s ends 2', async (code) => {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, {
    wait: () => {
      throw refuse(code);
    },
  });
  const ended = await wren.run(['wait', '--profile', profile]);
  expect([ended.code, ended.stdout]).toEqual([2, '']);
  expect(ended.stderr).toMatch(/^wren: /);
});

test('status tells where the agent listens, and why not elsewhere', () => {
  const row = (ports: AppState['ports']) => lines({ ports }).find((line) => line.startsWith('Ports:'));
  expect(row(null)).toBeUndefined();
  expect(row({ port: 37_123, alsoTcp: [443, 80], missing: [] })).toBe(
    'Ports:       37123 (UDP and TCP), TCP 443 and 80',
  );
  const missing = [443, 80].map((port) => ({ port, why: 'not-allowed' as const }));
  expect(row({ port: 37_123, alsoTcp: [], missing })).toBe(
    'Ports:       37123 (UDP and TCP), not TCP 443 and 80 (not allowed)',
  );
  expect(row({ port: 37_123, alsoTcp: [443], missing: [{ port: 80, why: 'taken' }] })).toBe(
    'Ports:       37123 (UDP and TCP), TCP 443, not TCP 80 (taken by another program)',
  );
});
