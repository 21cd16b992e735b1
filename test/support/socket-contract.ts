/**
 * One suite of behaviour for every `Sockets`: the system's (`test/net/io/sockets.test.ts`) and the simulated ones
 * (`test/sim/sim-sockets.test.ts`). What a core learns in virtual time is then true on a wire.
 */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sockets } from '../../src/net/io/sockets.ts';
import type { Carrier, Endpoint } from '../../src/net/protocol/endpoint.ts';
import { DATAGRAM_BYTES_MAX, SOCKETS_TEMPORARY_MAX } from '../../src/net/protocol/params.ts';
import type { NetInput, StreamId } from '../../src/net/protocol/traffic.ts';

/** One node's sockets, started, and everything they told. */
export interface Party {
  readonly sockets: Sockets;
  readonly heard: NetInput[];
  at(carrier: Carrier): Endpoint;
}

/** Two parties that can reach one another, and their time. */
export interface SocketBench {
  /** `offersTls`: callers may speak TLS to it. */
  open(options?: { readonly offersTls?: boolean }): Promise<Party>;
  /** Lets time pass until `condition` holds; rejects when it takes absurdly long. */
  until(condition: () => boolean): Promise<void>;
  /** Lets a moment pass in which anything late would have come. */
  moment(): Promise<void>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 16_384;

export function socketContract(kind: string, makeBench: () => Promise<SocketBench>): void {
  describe(`${kind} sockets`, () => {
    let bench: SocketBench;
    let a: Party;
    let b: Party;
    beforeEach(async () => {
      bench = await makeBench();
      a = await bench.open();
      b = await bench.open();
    });
    afterEach(() => bench.close());

    test('tell their local endpoints first, loopback last', () => {
      const first = a.heard[0];
      expect(first?.type).toBe('local-endpoints');
      const endpoints = first?.type === 'local-endpoints' ? first.endpoints : [];
      expect(endpoints.at(-1)).toEqual({ carrier: 'udp', host: '127.0.0.1', port: a.sockets.port });
      expect(new Set(endpoints.map((endpoint) => endpoint.port))).toEqual(new Set([a.sockets.port]));
    });

    test('bring a datagram, and say from where in numbers', async () => {
      send(a, b.at('udp'), Buffer.from('hello'));
      await bench.until(() => datagrams(b).length === 1);
      expect(datagrams(b)[0]).toEqual({ type: 'datagram', from: a.at('udp'), bytes: Buffer.from('hello') });
    });

    test('bring an empty datagram and the largest one whole', async () => {
      const largest = Buffer.alloc(DATAGRAM_BYTES_MAX, 7);
      send(a, b.at('udp'), Buffer.alloc(0));
      send(a, b.at('udp'), largest);
      await bench.until(() => datagrams(b).length === 2);
      expect(datagrams(b).map((input) => input.bytes.length)).toEqual([0, DATAGRAM_BYTES_MAX]);
      expect(datagrams(b)[1]?.bytes.equals(largest)).toBe(true);
    });

    test('count what cannot be sent, and throw nothing', async () => {
      send(a, b.at('udp'), Buffer.alloc(DATAGRAM_BYTES_MAX + 1));
      send(a, { carrier: 'udp', host: 'no such host', port: 9 }, Buffer.from('x'));
      send(a, { ...b.at('udp'), port: 0 }, Buffer.from('x'));
      send(a, { ...b.at('udp'), port: 70_000 }, Buffer.from('x'));
      await bench.until(() => a.sockets.counts()['datagram unsent: name unknown'] === 1);
      expect(a.sockets.counts()).toMatchObject({ 'datagram unsent: too long': 1, 'datagram unsent: bad port': 2 });
      expect(datagrams(b)).toEqual([]);
    });

    test('send a datagram with a TTL of its own, and count a TTL that is none', async () => {
      for (const ttl of [0, 200, 256]) send(a, b.at('udp'), Buffer.from(`${ttl}`), ttl);
      send(a, b.at('udp'), Buffer.from('usual'));
      await bench.until(() => datagrams(b).length === 2);
      expect(datagrams(b).map((input) => input.bytes.toString())).toEqual(['200', 'usual']);
      expect(a.sockets.counts()['datagram unsent: EINVAL']).toBe(2);
    });

    test('survive datagrams to a port where nobody listens', async () => {
      const gone = await bench.open();
      const nobody = gone.at('udp');
      await gone.sockets.close();
      for (let i = 0; i < 3; i += 1) send(a, nobody, Buffer.from('anybody?'));
      send(a, b.at('udp'), Buffer.from('still here'));
      await bench.until(() => datagrams(b).length === 1);
    });

    test('open a stream at both ends: ours by our number, theirs by a negative one', async () => {
      const [ours, theirs] = await connected(bench, a, b, 1);
      expect(ours).toEqual({ type: 'stream-open', stream: 1, remote: b.at('tcp'), incoming: false });
      expect(theirs.stream).toBeLessThan(0);
      expect(theirs).toMatchObject({ incoming: true, remote: { carrier: 'tcp', host: a.at('tcp').host } });
    });

    test('keep the order of a stream, both ways at once', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      for (let i = 0; i < 200; i += 1) {
        write(a, 1, Buffer.from(`a${i};`));
        write(b, theirs.stream, Buffer.from(`b${i};`));
      }
      const want = (letter: string) => Array.from({ length: 200 }, (_, i) => `${letter}${i};`).join('');
      await bench.until(() => bytesOn(b, theirs.stream).length >= want('a').length);
      await bench.until(() => bytesOn(a, 1).length >= want('b').length);
      expect(bytesOn(b, theirs.stream).toString()).toBe(want('a'));
      expect(bytesOn(a, 1).toString()).toBe(want('b'));
    });

    test('bring what was written before the stream was open', async () => {
      a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp') });
      write(a, 1, Buffer.from('early'));
      await bench.until(() => b.heard.some((input) => input.type === 'stream-bytes'));
      const theirs = opened(b)[0]!.stream;
      expect(bytesOn(b, theirs).toString()).toBe('early');
    });

    test('bring what was written before a close, then tell the other end once, and the closer nothing', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      write(a, 1, Buffer.from('goodbye'));
      a.sockets.perform({ type: 'close-stream', stream: 1 });
      write(b, theirs.stream, Buffer.from('too late'));
      await bench.until(() => closed(b).length > 0);
      await bench.moment();
      expect(bytesOn(b, theirs.stream).toString()).toBe('goodbye');
      expect(closed(b)).toEqual([{ type: 'stream-closed', stream: theirs.stream, why: 'ended' }]);
      expect(closed(a)).toEqual([]);
      expect(bytesOn(a, 1).length).toBe(0);
    });

    test('carry a TLS stream to one that offers it: in order, both ways, to its end', async () => {
      const server = await bench.open({ offersTls: true });
      a.sockets.perform({ type: 'open-stream', stream: 1, to: server.at('tcp'), tls: true });
      write(a, 1, Buffer.from('early;'));
      await bench.until(() => opened(a).length === 1 && opened(server).length === 1);
      expect(opened(a)).toEqual([{ type: 'stream-open', stream: 1, remote: server.at('tcp'), incoming: false }]);
      const theirs = opened(server)[0]!.stream;
      const chunk = Buffer.alloc(40_000, 7);
      write(a, 1, chunk);
      write(server, theirs, Buffer.from('answer'));
      await bench.until(() => bytesCount(server, theirs) === 40_006 && bytesCount(a, 1) === 6);
      expect(bytesOn(server, theirs).subarray(0, 6).toString()).toBe('early;');
      expect(bytesOn(a, 1).toString()).toBe('answer');
      write(a, 1, Buffer.from('last'));
      a.sockets.perform({ type: 'close-stream', stream: 1 });
      await bench.until(() => closed(server).length === 1);
      expect(bytesOn(server, theirs).subarray(-4).toString()).toBe('last');
      expect(closed(server)).toEqual([{ type: 'stream-closed', stream: theirs, why: 'ended' }]);
      expect(closed(a)).toEqual([]);
    });

    test.each(['1603010000', '16f00d', 'f00d'])('read a stream that begins with %s as it is', async (hex) => {
      const server = await bench.open({ offersTls: true });
      const [, theirs] = await connected(bench, a, server, 1);
      const text = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from(' and more')]);
      for (const byte of text) write(a, 1, Buffer.of(byte));
      await bench.until(() => bytesCount(server, theirs.stream) === text.length);
      expect(bytesOn(server, theirs.stream)).toEqual(text);
      write(server, theirs.stream, Buffer.from('heard'));
      await bench.until(() => bytesOn(a, 1).toString() === 'heard');
    });

    test('open no TLS stream to one that does not offer it', async () => {
      a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp'), tls: true });
      await bench.until(() => opened(b).length === 1);
      const theirs = opened(b)[0]!.stream;
      await bench.until(() => bytesCount(b, theirs) > 5);
      expect(bytesOn(b, theirs).subarray(0, 3).toString('hex')).toBe('160301');
      b.sockets.perform({ type: 'close-stream', stream: theirs });
      await bench.until(() => closed(a).length === 1);
      expect(opened(a)).toEqual([]);
    });

    test('end a stream of garbage that only begins like TLS, and go on', async () => {
      const server = await bench.open({ offersTls: true });
      const [, theirs] = await connected(bench, a, server, 1);
      write(a, 1, Buffer.concat([Buffer.from('1603010200', 'hex'), Buffer.alloc(600, 0x55)]));
      await bench.until(() => closed(server).some((input) => input.stream === theirs.stream) && closed(a).length === 1);
      expect(bytesCount(server, theirs.stream)).toBe(0);
      await connected(bench, a, server, 2);
    });

    test('tell that a connection was refused, and let its number be used again', async () => {
      const gone = await bench.open();
      const nobody = gone.at('tcp');
      await gone.sockets.close();
      a.sockets.perform({ type: 'open-stream', stream: 1, to: nobody });
      expect(closed(a)).toEqual([]);
      await bench.until(() => closed(a).length === 1);
      expect(closed(a)[0]).toEqual({ type: 'stream-closed', stream: 1, why: 'refused' });
      await connected(bench, a, b, 1);
    });

    test('tell that a stream cannot be opened to a name that nobody has', async () => {
      a.sockets.perform({ type: 'open-stream', stream: 1, to: { carrier: 'tcp', host: 'no such host', port: 9 } });
      expect(closed(a)).toEqual([]);
      await bench.until(() => closed(a).length === 1);
      expect(closed(a)[0]?.why).toBe('name-unknown');
    });

    test('ignore writes and closes of a stream that is gone', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      b.sockets.perform({ type: 'close-stream', stream: theirs.stream });
      await bench.until(() => closed(a).length === 1);
      write(a, 1, Buffer.from('?'));
      a.sockets.perform({ type: 'close-stream', stream: 1 });
      write(a, 99, Buffer.from('?'));
      expect(a.sockets.counts()['stream write dropped: closed']).toBe(2);
    });

    test('carry two megabytes when the writer waits for the reader', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      const sent = createHash('sha256');
      for (let i = 0; i < 128; i += 1) {
        const chunk = Buffer.alloc(CHUNK_BYTES, i);
        sent.update(chunk);
        write(a, 1, chunk);
        await bench.until(() => bytesCount(b, theirs.stream) === (i + 1) * CHUNK_BYTES);
      }
      const came = createHash('sha256').update(bytesOn(b, theirs.stream));
      expect(came.digest('hex')).toBe(sent.digest('hex'));
      expect(a.sockets.counts()).not.toHaveProperty('stream write dropped: backlog');
    });

    test('drop whole writes, and only the newest, when the reader cannot keep up', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      const writes = 4_000;
      for (let i = 0; i < writes; i += 1) write(a, 1, numberedChunk(i));
      const dropped = a.sockets.counts()['stream write dropped: backlog'] ?? 0;
      expect(dropped).toBeGreaterThan(0);
      await bench.until(() => bytesCount(b, theirs.stream) === (writes - dropped) * CHUNK_BYTES);
      write(a, 1, numberedChunk(writes));
      await bench.until(() => bytesCount(b, theirs.stream) === (writes - dropped + 1) * CHUNK_BYTES);
      const numbers = chunkNumbers(bytesOn(b, theirs.stream));
      expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
      expect(numbers.at(-1)).toBe(writes);
    });

    test('say goodbye when they close, and tell nothing afterwards', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      write(a, 1, Buffer.from('last words'));
      const heard = a.heard.length;
      const closing = a.sockets.close();
      send(b, a.at('udp'), Buffer.from('anybody?'));
      await bench.until(() => closed(b).length === 1);
      await closing;
      await bench.moment();
      expect(bytesOn(b, theirs.stream).toString()).toBe('last words');
      expect(a.heard.length).toBe(heard);
    });

    test('open temporary sockets at ports of their own: what goes out and comes in there carries their numbers', async () => {
      a.sockets.perform({ type: 'open-sockets', first: 7, count: 3 });
      await bench.until(() => heard(a, 'sockets-open').length === 1);
      const opened = heard(a, 'sockets-open').flatMap(({ sockets }) => sockets);
      expect(opened.map(({ socket }) => socket).sort()).toEqual([7, 8, 9]);
      const ports = opened.map(({ port }) => port);
      expect(new Set([...ports, a.sockets.port]).size).toBe(4);
      const bytes = Buffer.from('by another port');
      a.sockets.perform({ type: 'send-datagram', to: b.at('udp'), bytes, socket: 8 });
      await bench.until(() => datagrams(b).length === 1);
      expect(datagrams(b)[0]?.from.port).toBe(opened.find(({ socket }) => socket === 8)?.port);
      send(b, datagrams(b)[0]!.from, Buffer.from('and back'));
      await bench.until(() => datagrams(a).length === 1);
      expect(datagrams(a)[0]).toEqual({
        type: 'datagram',
        from: b.at('udp'),
        bytes: Buffer.from('and back'),
        socket: 8,
      });
    });

    test('close temporary sockets when told, and all of them at a rebind; nothing goes out or comes in there', async () => {
      a.sockets.perform({ type: 'open-sockets', first: 1, count: 2 });
      await bench.until(() => heard(a, 'sockets-open').length === 1);
      const [first, second] = heard(a, 'sockets-open')[0]!.sockets;
      a.sockets.perform({ type: 'close-sockets', sockets: [1] });
      const say = (socket: number): void =>
        a.sockets.perform({ type: 'send-datagram', to: b.at('udp'), bytes: Buffer.from(`by ${socket}`), socket });
      say(1);
      say(2);
      await bench.until(() => datagrams(b).length === 1);
      expect(datagrams(b)[0]?.bytes.toString()).toBe('by 2');
      await a.sockets.rebind();
      say(2);
      for (const { port } of [first!, second!]) send(b, { ...a.at('udp'), port }, Buffer.from('anybody?'));
      await bench.moment();
      expect(datagrams(a)).toEqual([]);
      expect(datagrams(b)).toHaveLength(1);
      expect(a.sockets.counts()['datagram unsent: temporary socket closed']).toBe(2);
    });

    test('open no more temporary sockets than there may be, and say which there are', async () => {
      a.sockets.perform({ type: 'open-sockets', first: 1, count: SOCKETS_TEMPORARY_MAX + 10 });
      a.sockets.perform({ type: 'open-sockets', first: 1000, count: 1 });
      await bench.until(() => heard(a, 'sockets-open').length === 2);
      expect(
        heard(a, 'sockets-open')
          .map(({ sockets }) => sockets.length)
          .sort(),
      ).toEqual([0, SOCKETS_TEMPORARY_MAX]);
    });

    test('move to another port at a rebind: streams break, datagrams go on from the new one', async () => {
      const [, theirs] = await connected(bench, a, b, 1);
      const before = a.sockets.port;
      const after = await a.sockets.rebind();
      expect(after).not.toBe(before);
      expect(a.sockets.port).toBe(after);
      expect(closed(a)).toEqual([{ type: 'stream-closed', stream: 1, why: 'rebound' }]);
      await bench.until(() => closed(b).some((input) => input.stream === theirs.stream));
      send(a, b.at('udp'), Buffer.from('moved'));
      await bench.until(() => datagrams(b).length === 1);
      expect(datagrams(b)[0]?.from.port).toBe(after);
      send(b, a.at('udp'), Buffer.from('found'));
      await bench.until(() => datagrams(a).length === 1);
      expect(a.heard.filter((input) => input.type === 'local-endpoints').length).toBe(2);
    });
  });
}

function send(party: Party, to: Endpoint, bytes: Buffer, ttl?: number): void {
  party.sockets.perform({ type: 'send-datagram', to, bytes, ...(ttl === undefined ? {} : { ttl }) });
}

function write(party: Party, stream: StreamId, bytes: Buffer): void {
  party.sockets.perform({ type: 'write-stream', stream, bytes });
}

type Of<T extends NetInput['type']> = Extract<NetInput, { type: T }>;

function heard<T extends NetInput['type']>(party: Party, type: T): Of<T>[] {
  return party.heard.filter((input): input is Of<T> => input.type === type);
}

const datagrams = (party: Party) => heard(party, 'datagram');
const opened = (party: Party) => heard(party, 'stream-open');
const closed = (party: Party) => heard(party, 'stream-closed');

function pieces(party: Party, stream: StreamId): Buffer[] {
  return heard(party, 'stream-bytes')
    .filter((input) => input.stream === stream)
    .map((input) => input.bytes);
}

const bytesOn = (party: Party, stream: StreamId): Buffer => Buffer.concat(pieces(party, stream));
const bytesCount = (party: Party, stream: StreamId): number =>
  pieces(party, stream).reduce((sum, bytes) => sum + bytes.length, 0);

async function connected(bench: SocketBench, a: Party, b: Party, stream: StreamId) {
  const [before, there] = [opened(a).length, opened(b).length];
  a.sockets.perform({ type: 'open-stream', stream, to: b.at('tcp') });
  await bench.until(() => opened(a).length > before && opened(b).length > there);
  return [opened(a).at(-1)!, opened(b).at(-1)!] as const;
}

function numberedChunk(number: number): Buffer {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  chunk.writeUInt32BE(number, 0);
  return chunk;
}

function chunkNumbers(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) numbers.push(bytes.readUInt32BE(at));
  return numbers;
}
