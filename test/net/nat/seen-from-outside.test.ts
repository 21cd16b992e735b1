/** What we learn of NAT from the one address that our supernode sees. */
import { expect, test } from 'vitest';
import { natSeen } from '../../../src/net/nat/seen-from-outside.ts';
import { type Endpoint, parseEndpoint } from '../../../src/net/protocol/endpoint.ts';

const at = (text: string): Endpoint => parseEndpoint(text)!;
const HOME = [at('udp:192.168.1.5:4000'), at('udp:127.0.0.1:4000')];

test('an address that is none of ours was put there by a NAT', () => {
  expect(natSeen(at('udp:203.0.113.9:61000'), HOME)).toBe('behind-nat');
});

test('a NAT within private networks is one too', () => {
  expect(natSeen(at('udp:10.0.0.7:4000'), HOME)).toBe('behind-nat');
});

test('one of our own addresses that all can reach is public, from whichever port the stream left', () => {
  const ours = [at('udp:203.0.113.9:4000'), ...HOME];
  expect(natSeen(at('tcp:203.0.113.9:50123'), ours)).toBe('public');
});

test.each(['udp:192.168.1.5:4000', 'udp:127.0.0.1:4000'])(
  'a supernode in our own network (%s) cannot tell what lies beyond it',
  (seen) => {
    expect(natSeen(at(seen), HOME)).toBe('unknown');
  },
);

test('nothing told, or no address of our own known yet, is unknown', () => {
  expect(natSeen(undefined, HOME)).toBe('unknown');
  expect(natSeen(at('udp:203.0.113.9:4000'), [])).toBe('unknown');
});
