/** Which family a datagram to a name of both takes: shown on sockets that are none, so that no route is needed. */
import type { Socket } from 'node:dgram';
import { expect, test } from 'vitest';
import { Datagrams } from '../../../src/net/io/datagrams.ts';
import { NameBook } from '../../../src/net/io/names.ts';
import { Tally } from '../../../src/net/io/tally.ts';

/** Where datagrams went; a family that is `cut` says so when it is tried, as the kernel does. */
function sent(cut: readonly (4 | 6)[], missing: readonly (4 | 6)[] = []) {
  const went: string[] = [];
  const socketOf = (family: 4 | 6): Socket | undefined => {
    const socket = {
      on: () => socket,
      getSendQueueSize: () => 0,
      send: (_bytes: Buffer, _port: number, host: string, done: (error: Error | null) => void) => {
        const dead = cut.includes(family);
        if (!dead) went.push(host);
        done(dead ? Object.assign(new Error('no'), { code: 'ENETUNREACH' }) : null);
      },
    };
    return missing.includes(family) ? undefined : (socket as unknown as Socket);
  };
  const names = new NameBook(
    () => 0,
    (_name, answer) => answer(['2001:db8::1', '192.0.2.1']),
  );
  const tally = new Tally();
  const datagrams = new Datagrams(() => {}, names, tally);
  datagrams.use({ v4: socketOf(4), v6: socketOf(6) });
  datagrams.send({ carrier: 'udp', host: 'both.example', port: 9 }, Buffer.from('x'));
  return { went, counts: tally.report() };
}

test('IPv4 is taken, and IPv6 where the machine has no way to IPv4', () => {
  expect(sent([])).toEqual({ went: ['192.0.2.1'], counts: {} });
  expect(sent([4])).toEqual({ went: ['2001:db8::1'], counts: {} });
  expect(sent([], [4])).toEqual({ went: ['2001:db8::1'], counts: {} });
  expect(sent([6], [])).toEqual({ went: ['192.0.2.1'], counts: {} });
});

test('without a way by either it is counted once', () => {
  expect(sent([4, 6])).toEqual({ went: [], counts: { 'datagram unsent: ENETUNREACH': 1 } });
});
