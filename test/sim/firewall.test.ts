/** Firewalls in the way: what gets through, what falls silent, what is reset; and what is taken for TLS. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { NetInput } from '../../src/net/protocol/traffic.ts';
import { StreamFramer } from '../../src/net/wire/stream-framer.ts';
import { tlsHellos } from '../support/tls-hellos.ts';
import { type Place, place } from './places.ts';
import { judgeFirstRecord } from './tls-record.ts';
import { World } from './world.ts';

/** A host in a place and a server that answers, by UDP and at three TCP ports. */
function walledIn(where: Place, serverSays: Buffer = Buffer.from('welcome')) {
  const world = new World({ seed: 1 });
  const told = { inside: [] as NetInput[], server: [] as NetInput[] };
  const inside = place(world, where, 'A').sockets();
  const server = world.host('S').sockets(4000, { alsoTcpPorts: [80, 443] });
  inside.start((input) => told.inside.push(input));
  server.start((input) => {
    told.server.push(input);
    if (input.type === 'stream-bytes')
      server.perform({ type: 'write-stream', stream: input.stream, bytes: Buffer.from(serverSays) });
  });
  const at = (carrier: Endpoint['carrier'], port: number): Endpoint => ({
    ...{ carrier, host: world.host('S').address, port },
  });
  const dial = (port: number, first: Buffer): string[] => {
    inside.perform({ type: 'open-stream', stream: 1, to: at('tcp', port) });
    inside.perform({ type: 'write-stream', stream: 1, bytes: first });
    world.advance(8_000);
    return told.inside.slice(1).map((input) => (input.type === 'stream-closed' ? input.why : input.type));
  };
  return { world, told, inside, at, dial };
}

const WORDS = Buffer.from('not a secret');

describe('UDPX', () => {
  test('lets no datagram out, and every connection', () => {
    const { world, told, inside, at, dial } = walledIn('UDPX');
    inside.perform({ type: 'send-datagram', to: at('udp', 4000), bytes: WORDS });
    world.advance(1_000);
    expect(told.server.filter((input) => input.type === 'datagram')).toEqual([]);
    expect(dial(4000, WORDS)).toEqual(['stream-open', 'stream-bytes']);
  });
});

describe('443X', () => {
  test('lets anything through at port 443, and nothing at others', () => {
    expect(walledIn('443X').dial(443, WORDS)).toEqual(['stream-open', 'stream-bytes']);
    expect(walledIn('443X').dial(80, WORDS)).toEqual(['connect-timeout']);
    expect(walledIn('443X').dial(4000, WORDS)).toEqual(['connect-timeout']);
  });
});

describe('443D', () => {
  test('resets what is not TLS, at both ends', () => {
    const { told, dial } = walledIn('443D');
    expect(dial(443, WORDS)).toEqual(['stream-open', 'reset']);
    expect(told.server.slice(1).map((input) => (input.type === 'stream-closed' ? input.why : input.type))).toEqual([
      'stream-open',
      'reset',
    ]);
  });

  test('is not deceived by the first bytes of a record alone', () => {
    const classic = StreamFramer.opening('classic');
    expect(classic.length).toBeGreaterThan(0);
    expect(walledIn('443D').dial(443, Buffer.concat([classic, WORDS]))).toEqual(['stream-open', 'reset']);
  });

  test('lets real TLS through, however the stream is torn', async () => {
    const { client, server } = await realHellos;
    expect(walledIn('443D', server).dial(443, client)).toContain('stream-bytes');
    expect(walledIn('443D', server).dial(443, client)).not.toContain('reset');
    const { world, told, inside, at } = walledIn('443D', server);
    inside.perform({ type: 'open-stream', stream: 1, to: at('tcp', 443) });
    for (const byte of client) inside.perform({ type: 'write-stream', stream: 1, bytes: Buffer.of(byte) });
    inside.perform({ type: 'write-stream', stream: 1, bytes: Buffer.from('anything at all') });
    world.advance(8_000);
    const came = told.server.flatMap((input) => (input.type === 'stream-bytes' ? [input.bytes] : []));
    expect(Buffer.concat(came).toString('latin1')).toMatch(/anything at all$/);
  });

  test('judges every connection anew, and the answer of the server too', async () => {
    const { client } = await realHellos;
    expect(walledIn('443D').dial(443, client)).toEqual(['stream-open', 'reset']);
    const { server } = await realHellos;
    const scene = walledIn('443D', server);
    scene.dial(443, client);
    scene.inside.perform({ type: 'close-stream', stream: 1 });
    scene.inside.perform({ type: 'open-stream', stream: 2, to: scene.at('tcp', 443) });
    scene.inside.perform({ type: 'write-stream', stream: 2, bytes: WORDS });
    scene.world.until(() => scene.told.inside.at(-1)?.type === 'stream-closed');
    expect(scene.told.inside.at(-1)).toMatchObject({ stream: 2, why: 'reset' });
  });
});

const realHellos = tlsHellos();

describe('the first record', () => {
  test('of real TLS is known at its last byte, and not before', async () => {
    const hellos = await realHellos;
    for (const speaker of ['client', 'server'] as const) {
      const bytes = hellos[speaker];
      const recordBytes = 5 + bytes.readUInt16BE(3);
      for (let length = 0; length < recordBytes; length += 1)
        expect(judgeFirstRecord(bytes.subarray(0, length), speaker), `${speaker} ${length}`).toBe('more');
      expect(judgeFirstRecord(bytes.subarray(0, recordBytes), speaker)).toBe('tls');
      expect(judgeFirstRecord(bytes, speaker)).toBe('tls');
      expect(judgeFirstRecord(bytes, speaker === 'client' ? 'server' : 'client')).toBe('other');
    }
  });

  test('with a length changed anywhere in it is not taken for TLS', async () => {
    const { client } = await realHellos;
    const sessionIdAt = 5 + 4 + 34;
    const suitesAt = sessionIdAt + 1 + client[sessionIdAt]!;
    for (const at of [4, 8, sessionIdAt, suitesAt + 1]) {
      const changed = Buffer.from(client);
      changed[at] = changed[at]! ^ 2;
      expect(judgeFirstRecord(changed, 'client'), `byte ${at}`).not.toBe('tls');
    }
  });

  test('of anything else is refused, or waited for, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom('client', 'server'), (bytes, speaker) => {
        expect(judgeFirstRecord(Buffer.from(bytes), speaker)).not.toBe('tls');
        // The same behind a header that is right.
        const record = Buffer.concat([Buffer.from([22, 3, 1, 0, Math.max(2, bytes.length & 0xff)]), bytes]);
        expect(judgeFirstRecord(record, speaker)).not.toBe('tls');
      }),
    );
  });
});
