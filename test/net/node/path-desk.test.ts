/** Who may test which way leads to us, and how often: one desk under a flood, and two that speak with each other. */
import { describe, expect, test } from 'vitest';
import { NAT_UNKNOWN } from '../../../src/net/nat/nat-kind.ts';
import { NO_SURROUNDINGS } from '../../../src/net/nat/path-port.ts';
import {
  isPathTestMessage,
  PathDesk,
  type PathDeskOptions,
  type PathTestMessage,
} from '../../../src/net/node/path-desk.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const MALLORY = { name: 'mallory', node: 'aa'.repeat(16) };
const ROUTE = { via: 'forward', node: MALLORY.node } as const;
const HERE = 'udp:203.0.113.9:4000';

function desk(change: Partial<PathDeskOptions> = {}): PathDesk {
  return new PathDesk({
    random: seededRandom('desk'),
    isBuddy: () => true,
    isInvisible: () => false,
    answers: () => true,
    natKind: () => NAT_UNKNOWN,
    rttMs: () => 40,
    relayedPath: () => ({ path: 'relay' }),
    surroundingsOf: () => NO_SURROUNDINGS,
    here: () => ({ candidates: [HERE], ours: [], relays: ['bb'.repeat(16)] }),
    ...change,
  });
}

/** As it comes out of a session. */
function arrived(value: Message): PathTestMessage {
  const read = decodeMessage(encodeMessage(value));
  if (!read || !isPathTestMessage(read)) throw new Error(`${value.kind} is none`);
  return read;
}

const question = (i: number, candidates = ['udp:203.0.113.66:1000']) => {
  const testId = Buffer.alloc(16);
  testId.writeUInt32BE(i);
  return arrived(message('pathTest', { testId, candidates }));
};

/** What is said to whoever asked so often in a minute, every 60 ms. */
function flooded(room: PathDesk, of = () => MALLORY) {
  const said = [];
  for (let i = 0; i < 1_000; i++) {
    room.receive(60 * i, of(), ROUTE, question(i));
    room.wake(60 * i);
    said.push(...room.drain());
  }
  const words = said.filter(({ type }) => type === 'send');
  return { words, packets: said.filter(({ type }) => type === 'send-datagram').length };
}

describe('a flood of questions', () => {
  test('of a buddy: a few tests and a few refusals, and packets within the bounds of a path finder', () => {
    const { words, packets } = flooded(desk());
    expect(words.length).toBeLessThan(25);
    // A test lasts for 12 s unless its asker ends it: five in a minute, whose addresses never answer.
    expect(packets).toBeLessThan(5 * 100);
  });

  test('of a stranger: a few refusals without any address, and no packet', () => {
    const { words, packets } = flooded(desk({ isBuddy: () => false }));
    expect(words.length).toBeLessThan(7);
    expect(packets).toBe(0);
    const text = words.map((word) => ('message' in word ? encodeMessage(word.message).toString('latin1') : ''));
    expect(text.every((one) => one.includes('not-a-buddy') && !one.includes(HERE))).toBe(true);
  });

  test('of many buddies: two tests at a time', () => {
    let i = 0;
    const room = desk();
    const { words } = flooded(room, () => ({ name: `buddy-${i++ % 50}`, node: 'cc'.repeat(16) }));
    const agreed = words.filter(
      (word) => 'message' in word && word.message.kind === 'pathTestAnswer' && word.message.body.refused === undefined,
    );
    expect(agreed.length).toBeLessThanOrEqual(12);
  });
});

test('garbage is nobody’s test: ids of another length, unknown ones, texts that are no endpoint', () => {
  const strict = desk({ isBuddy: () => false });
  for (const bytes of [0, 15, 4_000])
    for (const kind of ['pathTest', 'pathTestAnswer', 'pathTestEcho', 'pathTestEnd'] as const)
      strict.receive(0, MALLORY, ROUTE, arrived(message(kind, { testId: Buffer.alloc(bytes) })));
  for (const kind of ['pathTestAnswer', 'pathTestEcho', 'pathTestEnd'] as const)
    strict.receive(0, MALLORY, ROUTE, arrived(message(kind, { testId: Buffer.alloc(16, 7) })));
  expect(strict.drain()).toEqual([]);
  const room = desk();
  const texts = [
    'x'.repeat(5_000),
    'tcp:203.0.113.1:80',
    'udp:example.org:5',
    ...Array.from({ length: 500 }, (_, i) => `udp:203.0.113.7:${i + 1}`),
  ];
  room.receive(0, MALLORY, ROUTE, question(1, texts));
  for (let now = 0; now < 3_000; now += 10) room.wake(now);
  const to = new Set(
    room
      .drain()
      .flatMap((one) => (one.type === 'send-datagram' && one.route.via === 'udp' ? [one.route.endpoint.port] : [])),
  );
  expect(to.size).toBeLessThanOrEqual(16);
});

test('who is asked at a time: two, and the third is told to wait', () => {
  const room = desk();
  for (const [ticket, name] of ['bobby1', 'carol1', 'dave01'].entries()) room.ask(0, ticket, name);
  expect(room.drain().filter(({ type }) => type === 'path-test-failed')).toMatchObject([{ ticket: 2, code: 'busy' }]);
  room.wake(5_000);
  expect(room.drain()).toMatchObject([{ code: 'timed-out' }, { code: 'timed-out' }]);
  expect(room.wakeAt()).toBe(Number.POSITIVE_INFINITY);
});

test('only the first node that agrees is tested; the others are told to rest, and a stranger’s word counts for nothing', () => {
  const room = desk();
  room.ask(0, 1, 'bobby1');
  const [asked] = room.drain();
  const testId =
    asked?.type === 'send' && asked.message.kind === 'pathTest' ? asked.message.body.testId : Buffer.alloc(0);
  const answer = (candidates: string[]) => arrived(message('pathTestAnswer', { testId, candidates }));
  const say = (name: string, node: string) => room.receive(50, { name, node }, ROUTE, answer(['udp:203.0.113.7:9']));
  say('mallory', MALLORY.node);
  expect(room.drain()).toEqual([]);
  say('Bobby1', '11'.repeat(16));
  room.wake(50);
  expect(room.drain().some(({ type }) => type === 'send-datagram')).toBe(true);
  say('bobby1', '22'.repeat(16));
  const last = room.drain().filter(({ type }) => type === 'send');
  expect(last).toMatchObject([{ node: '22'.repeat(16), message: { kind: 'pathTestEnd' } }]);
  room.stop(60);
  expect(room.drain()).toMatchObject([
    { type: 'path-test-failed' },
    { node: '11'.repeat(16), message: { kind: 'pathTestEnd' } },
  ]);
});
