/**
 * The TTL that a datagram really leaves with. Node cannot see it, so a few lines of Python ask the kernel of the
 * receiving end (`IP_RECVTTL`, ip(7)); without Python 3 that scene is skipped and says so. What happens when the socket
 * is busy is shown on a socket that is none.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { Datagrams } from '../../../src/net/io/datagrams.ts';
import { NameBook } from '../../../src/net/io/names.ts';
import { openSockets } from '../../../src/net/io/sockets.ts';
import { Tally } from '../../../src/net/io/tally.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { DATAGRAM_TTL } from '../../../src/net/protocol/params.ts';

/** Tells its port, then one line for each datagram: its words and its TTL. */
const WITNESS = `
import socket, struct, sys
IP_RECVTTL = 12
family, host, level, ask, kind = {
    '4': (socket.AF_INET, '127.0.0.1', socket.IPPROTO_IP, IP_RECVTTL, socket.IP_TTL),
    '6': (socket.AF_INET6, '::1', socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT),
}[sys.argv[1]]
witness = socket.socket(family, socket.SOCK_DGRAM)
witness.setsockopt(level, ask, 1)
witness.settimeout(10)
witness.bind((host, 0))
print(witness.getsockname()[1], flush=True)
for _ in range(int(sys.argv[2])):
    words, ancillary, _, _ = witness.recvmsg(2048, 64)
    ttl = [struct.unpack('i', data[:4])[0] for of, type, data in ancillary if of == level and type == kind]
    print(words.decode(), *ttl, flush=True)
`;

const hasPython = spawnSync('python3', ['--version']).status === 0;

async function witnessed(family: 4 | 6, send: (to: Endpoint) => void, count: number): Promise<string[]> {
  const witness = spawn('python3', ['-c', WITNESS, `${family}`, `${count}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  witness.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(witness.stdout, 'data');
  send({ carrier: 'udp', host: family === 4 ? '127.0.0.1' : '::1', port: Number.parseInt(said, 10) });
  await once(witness, 'close');
  return said.trim().split('\n').slice(1);
}

test.for([4, 6] as const)(
  'over IPv%s each datagram leaves with its own TTL, the next with the usual one',
  async (family, { skip }) => {
    if (!hasPython || process.platform !== 'linux') {
      console.log('skipped: seeing a TTL needs Linux and Python 3');
      skip('no Linux or no Python 3 here');
    }
    const sockets = await openSockets({ port: 0 });
    if (family === 6 && !sockets.hasIPv6) {
      console.log('skipped: this system has no IPv6');
      await sockets.close();
      skip('no IPv6 here');
    }
    sockets.start(() => {});
    const say = (to: Endpoint, text: string, ttl?: number): void =>
      sockets.perform({ type: 'send-datagram', to, bytes: Buffer.from(text), ...(ttl === undefined ? {} : { ttl }) });
    const saw = await witnessed(
      family,
      (to) => {
        say(to, 'opener', 2);
        say(to, 'voice');
        say(to, 'opener', 5);
        say(to, 'opener', 5);
        say(to, 'voice');
      },
      5,
    );
    await sockets.close();
    expect(saw).toEqual(['opener 2', `voice ${DATAGRAM_TTL}`, 'opener 5', 'opener 5', `voice ${DATAGRAM_TTL}`]);
  },
);

test('a datagram with a TTL of its own is dropped rather than queued, and the usual TTL comes back after a refusal', () => {
  const did: string[] = [];
  let queued = 0;
  const socket = {
    on: () => socket,
    getSendQueueSize: () => 0,
    getSendQueueCount: () => queued,
    setTTL: (ttl: number) => did.push(`ttl ${ttl}`),
    send: (bytes: Buffer) => {
      did.push(bytes.toString());
      if (bytes.toString() === 'refused') throw Object.assign(new Error('no'), { code: 'ENETUNREACH' });
    },
  };
  const tally = new Tally();
  const noWay: Endpoint[] = [];
  const datagrams = new Datagrams(
    () => {},
    new NameBook(() => 0),
    tally,
    (there) => noWay.push(there),
  );
  datagrams.use({ v4: socket as unknown as Socket, v6: undefined });
  const to: Endpoint = { carrier: 'udp', host: '192.0.2.1', port: 9 };
  datagrams.send(to, Buffer.from('opener'), 5);
  datagrams.send(to, Buffer.from('refused'), 5);
  queued = 1;
  datagrams.send(to, Buffer.from('too late'), 5);
  datagrams.send(to, Buffer.from('voice'));
  const usual = `ttl ${DATAGRAM_TTL}`;
  expect(did).toEqual(['ttl 5', 'opener', usual, 'ttl 5', 'refused', usual, 'voice']);
  // The network went away under us, and whoever listens is told at once.
  expect(noWay).toEqual([to]);
  expect(tally.report()).toEqual({
    'datagram unsent: ENETUNREACH': 1,
    'datagram unsent: ttl would be lost in the queue': 1,
  });
});
