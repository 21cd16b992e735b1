/** The checkers catch what they are there for, and are silent otherwise. */
import { expect, test } from 'vitest';
import { PingCore } from '../support/ping-core.ts';
import { boundsHold, endsAgree, nothingReadable } from './checkers.ts';
import { World } from './world.ts';

function pair(seed = 1) {
  const world = new World({ seed });
  const run = (name: string) => world.host(name).run(new PingCore(world.random(name)), { port: 4000 });
  return { world, a: run('A'), b: run('B') };
}

test('a secret in a datagram fails the scene and names the sender', () => {
  const { world, a, b } = pair();
  world.watch(nothingReadable(['ping 2 ']));
  a.command({ type: 'ping', to: b.endpoint(), times: 3, everyMs: 20 });
  expect(() => world.advance(100)).toThrow('A sends "ping 2 " in the open');
});

test('a secret that a stream cuts in two is found', () => {
  const { world, a, b } = pair();
  world.watch(nothingReadable(['swordfish']));
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  a.command({ type: 'say', text: 'the word is sword' });
  world.advance(200);
  a.command({ type: 'say', text: 'fish' });
  expect(() => world.advance(200)).toThrow('in the open');
});

test('other words pass', () => {
  const { world, a, b } = pair();
  world.watch(nothingReadable(['swordfish', Buffer.from([0, 1, 2, 3, 4, 5, 6, 7])]));
  a.command({ type: 'dial', to: b.endpoint('tcp') });
  a.command({ type: 'say', text: 'sword and fish' });
  a.command({ type: 'ping', to: b.endpoint(), times: 3, everyMs: 20 });
  world.advance(1_000);
  expect(a.events.filter((event) => event.type === 'ponged').length).toBe(3);
});

test('a table over its bound fails the scene with both numbers', () => {
  const { world, a, b } = pair();
  world.watch(boundsHold(() => [{ what: 'events of B', count: b.events.length, max: 3 }]));
  a.command({ type: 'ping', to: b.endpoint(), times: 3, everyMs: 20 });
  expect(() => world.advance(1_000)).toThrow('events of B holds 4, bound 3');
});

test('two ends may differ while news is under way, and no longer', () => {
  const { world, a, b } = pair();
  const sent = () => a.events.filter((event) => event.type === 'woken').length;
  const came = () => b.events.filter((event) => event.type === 'pinged').length;
  world.watch(endsAgree('pings', sent, came, 25));
  a.command({ type: 'ping', to: b.endpoint(), times: 5, everyMs: 100 });
  world.advance(1_000);
  world.block((packet) => packet.to.port === 4000);
  a.command({ type: 'ping', to: b.endpoint(), times: 1, everyMs: 100 });
  world.later(30, () => {});
  expect(() => world.advance(100)).toThrow('pings: ends disagree for 25 ms: 6 and 5');
});

test('a datagram that would be cut on its way fails every scene', () => {
  const { world, b } = pair();
  const bytes = Buffer.alloc(1_233);
  const { to, from } = { to: b.endpoint(), from: { carrier: 'udp' as const, host: '10.0.0.1', port: 4000 } };
  expect(() => world.host('A').send({ carrier: 'udp', kind: 'datagram', from, to, bytes, sequence: 0 })).toThrow(
    'too long a datagram',
  );
});
