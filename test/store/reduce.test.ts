import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newCall } from '../../src/store/new-call.ts';
import type { AgentEvent } from '../../src/store/port.ts';
import { reduce } from '../../src/store/reduce.ts';
import { type AppState, type Buddy, type Call, INITIAL_STATE, type Quality } from '../../src/store/state.ts';

const bobby = (change: Partial<Buddy> = {}): Buddy => ({
  name: 'Bobby1',
  displayName: 'Bob',
  relation: 'both',
  presence: 'online',
  lastSeenAtMs: 5,
  message: '',
  unread: 0,
  ...change,
});

const QUALITY: Quality = {
  path: 'direct',
  rttMs: 20,
  jitterMs: 1,
  lossInPct: 0,
  lossOutPct: 0,
  bufferMs: 40,
  mouthToEarMs: 90,
  sentPps: 50,
  recvPps: 50,
  payloadBytes: 60,
  bitrate: 24_000,
  redundancy: 0,
  concealedPct: 0,
  mos: 4.2,
  verdict: 'good',
};

const ringing = (id: string, change: Partial<Call> = {}): Call => ({
  ...newCall(id, 'Bobby1', 'in', 1),
  phase: 'ringing',
  ...change,
});

const ACCOUNT = { name: 'Alice1', displayName: 'Alice', certificateExpiresAtMs: 9 };
const LINE = {
  id: 'ab'.repeat(16),
  with: 'Bobby1',
  direction: 'in',
  text: 'hi',
  sentAtMs: 1,
  storedAtMs: 2,
  mark: 'delivered',
} as const;

const state = (change: Partial<AppState> = {}): AppState => ({ ...INITIAL_STATE, ...change });

/** What an event makes of a state, as the parts that change. */
const TABLE: readonly (readonly [string, AppState, AgentEvent, Partial<AppState>])[] = [
  ['joining a network names it', state(), { type: 'network.joined', network: 'home' }, { network: 'home' }],
  ['signing in brings the account', state(), { type: 'account.signed-in', account: ACCOUNT }, { account: ACCOUNT }],
  [
    'signing out takes account and buddies',
    state({ account: ACCOUNT, buddies: [bobby()], network: 'home' }),
    { type: 'account.signed-out' },
    { account: null, buddies: [] },
  ],
  [
    'a link that breaks tells why',
    state({ connection: 'online', supernode: { endpoint: 'udp:192.0.2.1:1', carrier: 'udp', rttMs: 3 } }),
    { type: 'link.changed', connection: 'offline', supernode: null, trouble: 'unreachable-network' },
    { connection: 'offline', supernode: null, trouble: 'unreachable-network' },
  ],
  [
    'being attached tells how we are seen from there',
    state(),
    {
      type: 'link.changed',
      connection: 'online',
      supernode: null,
      trouble: null,
      nat: 'behind-nat',
      observed: 'udp:203.0.113.5:61000',
    },
    { connection: 'online', nat: 'behind-nat', observed: 'udp:203.0.113.5:61000' },
  ],
  [
    'a new round trip time leaves what is known of NAT alone',
    state({ connection: 'online', nat: 'public', observed: 'udp:203.0.113.5:4000' }),
    { type: 'link.changed', connection: 'online', supernode: null, trouble: null },
    {},
  ],
  ['presence is what was set', state(), { type: 'presence.changed', presence: 'away' }, { presence: 'away' }],
  [
    'a new buddy takes its place by folded name',
    state({ buddies: [bobby({ name: 'alice1' }), bobby({ name: 'Zelda1' })] }),
    { type: 'buddy.changed', buddy: bobby({ name: 'Bobby1' }) },
    { buddies: [bobby({ name: 'alice1' }), bobby({ name: 'Bobby1' }), bobby({ name: 'Zelda1' })] },
  ],
  [
    'a changed buddy is replaced, whatever the case of its name',
    state({ buddies: [bobby({ name: 'bobby1' })] }),
    { type: 'buddy.changed', buddy: bobby({ name: 'BOBBY1', unread: 3 }) },
    { buddies: [bobby({ name: 'BOBBY1', unread: 3 })] },
  ],
  [
    'a removed buddy is gone',
    state({ buddies: [bobby(), bobby({ name: 'carol1' })] }),
    { type: 'buddy.removed', name: 'BOBBY1' },
    { buddies: [bobby({ name: 'carol1' })] },
  ],
  [
    'a call is added at the end, and the ended ones before it go',
    state({ calls: [ringing('a', { phase: 'ended', reason: 'hangup' }), ringing('b', { phase: 'running' })] }),
    { type: 'call.changed', call: ringing('c') },
    { calls: [ringing('b', { phase: 'running' }), ringing('c')] },
  ],
  [
    'a call that ends stays',
    state({ calls: [ringing('a')] }),
    { type: 'call.changed', call: ringing('a', { phase: 'ended', reason: 'declined' }) },
    { calls: [ringing('a', { phase: 'ended', reason: 'declined' })] },
  ],
  [
    'levels go to their call',
    state({ calls: [ringing('a'), ringing('b')] }),
    { type: 'call.level', call: 'b', inputDb: -20, outputDb: -30 },
    { calls: [ringing('a'), ringing('b', { inputDb: -20, outputDb: -30 })] },
  ],
  [
    'the sound report is replaced',
    state(),
    { type: 'audio.changed', audio: { ...INITIAL_STATE.audio, spec: 'none', backend: 'none' } },
    { audio: { ...INITIAL_STATE.audio, spec: 'none', backend: 'none' } },
  ],
];

test.each(TABLE)('%s', (_, before, event, parts) => {
  const copy = structuredClone(before);
  const after = reduce(before, event);
  expect(after).toEqual({ ...before, ...parts });
  expect(before).toEqual(copy);
  for (const key of Object.keys(before) as (keyof AppState)[]) {
    if (!(key in parts)) expect([key, after[key] === before[key]]).toEqual([key, true]);
  }
});

test.each(TABLE)('%s, and a second time changes nothing at all', (_, before, event) => {
  const once = reduce(before, event);
  expect(reduce(once, structuredClone(event))).toBe(once);
});

describe('the state stays the same object', () => {
  const before = state({ buddies: [bobby({ unread: 1 })], calls: [ringing('a')] });
  test.each<AgentEvent>([
    { type: 'chat.message', line: LINE },
    { type: 'chat.delivered', with: 'Bobby1', id: LINE.id },
    { type: 'call.event', event: { event: 'ringing', call: 'a', peer: 'Bobby1', at: 1, direction: 'in' } },
    { type: 'notice', code: 'profile-damaged', detail: 'x' },
    { type: 'buddy.removed', name: 'nobody1' },
    { type: 'call.level', call: 'gone', inputDb: 0, outputDb: 0 },
    { type: 'moon.changed' } as unknown as AgentEvent,
  ])('at $type that says nothing new here', (event) => {
    expect(reduce(before, event)).toBe(before);
  });
});

test('what is the same inside a changed part keeps its identity too', () => {
  const carol = bobby({ name: 'carol1' });
  const call = ringing('a', { phase: 'running', quality: QUALITY });
  const before = state({ buddies: [bobby(), carol], calls: [call, ringing('b')] });
  const seen = reduce(before, { type: 'buddy.changed', buddy: bobby({ presence: 'away' }) });
  expect(seen.buddies[1]).toBe(carol);
  expect(seen.calls).toBe(before.calls);
  const muted = reduce(before, { type: 'call.changed', call: { ...structuredClone(call), muted: true } });
  expect(muted.calls[0]?.quality).toBe(QUALITY);
  expect(muted.calls[1]).toBe(before.calls[1]);
});

test('buddies are sorted and unique by folded name, whatever comes in whatever order', () => {
  const name = fc.constantFrom('alice1', 'Alice1', 'Bobby1', 'carol1', 'Zelda1', '_', 'dave.1');
  const event: fc.Arbitrary<AgentEvent> = fc.oneof(
    name.map((who): AgentEvent => ({ type: 'buddy.changed', buddy: bobby({ name: who }) })),
    name.map((who): AgentEvent => ({ type: 'buddy.removed', name: who })),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const keys = events.reduce(reduce, INITIAL_STATE).buddies.map((buddy) => buddy.name.toLowerCase());
      expect(keys).toEqual([...new Set(keys)].sort());
    }),
  );
});
