/** The simulated sockets keep the contract of all sockets, on calm links and on bad ones. */
import { describe, expect, test } from 'vitest';
import { STREAM_FIRST_BYTE_MS, STREAM_IDLE_MS, STREAMS_PER_HOST_MAX } from '../../src/net/protocol/params.ts';
import type { NetInput } from '../../src/net/protocol/traffic.ts';
import { type Party, type SocketBench, socketContract } from '../support/socket-contract.ts';
import type { LinkSettings } from './link.ts';
import { World } from './world.ts';

function simulated(settings: Partial<LinkSettings>): SocketBench {
  const world = new World({ seed: 1 });
  const names = ['A', 'B', 'C'];
  for (const name of names) world.host(name);
  for (const one of names) for (const other of names) if (one !== other) world.link(one, other, settings);
  return {
    open: async (options) => party(world, names.shift()!, options),
    until: async (condition) => void world.until(condition, 60_000),
    moment: async () => world.advance(1_000),
    close: async () => {},
  };
}

function party(world: World, host: string, options: { readonly offersTls?: boolean } = {}): Party {
  const sockets = world.host(host).sockets(0, options);
  const heard: NetInput[] = [];
  sockets.start((input) => heard.push(input));
  return { sockets, heard, at: (carrier) => ({ carrier, host: world.host(host).address, port: sockets.port }) };
}

socketContract('simulated', async () => simulated({}));
socketContract('simulated, slow and far,', async () => simulated({ delayMs: 150, jitterMs: 50, bytesPerSecond: 4e5 }));

describe('simulated streams', () => {
  test('turn the loss of packets into delay', () => {
    const took = (loss: number): number => {
      const world = new World({ seed: 5 });
      const [a, b] = [party(world, 'A'), party(world, 'B')];
      world.link('A', 'B', { loss, reorder: loss, duplicate: loss });
      a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp') });
      a.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.alloc(50_000, 'wren') });
      const came = (): Buffer =>
        Buffer.concat(b.heard.flatMap((input) => (input.type === 'stream-bytes' ? [input.bytes] : [])));
      world.until(() => came().length === 50_000, 60_000);
      expect(came().equals(Buffer.alloc(50_000, 'wren'))).toBe(true);
      return world.now;
    };
    expect(took(0.3)).toBeGreaterThan(took(0) + 200);
  });

  test('are torn at places where nobody wrote', () => {
    const world = new World({ seed: 5 });
    const [a, b] = [party(world, 'A'), party(world, 'B')];
    a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp') });
    for (let i = 0; i < 200; i += 1) a.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.alloc(100) });
    world.advance(1_000);
    const sizes = b.heard.flatMap((input) => (input.type === 'stream-bytes' ? [input.bytes.length] : []));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(20_000);
    expect(sizes.some((size) => size < 100)).toBe(true);
  });

  test('time out at both ends while the way is blocked, and not before', () => {
    const world = new World({ seed: 5 });
    const [a, b] = [party(world, 'A'), party(world, 'B')];
    a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp') });
    world.advance(100);
    const unblock = world.block((packet) => packet.carrier === 'tcp');
    a.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.from('late') });
    world.advance(3_000);
    unblock();
    world.until(() => b.heard.some((input) => input.type === 'stream-bytes'));
    world.block((packet) => packet.carrier === 'tcp');
    a.sockets.perform({ type: 'write-stream', stream: 1, bytes: Buffer.from('never') });
    world.until(() => a.heard.at(-1)?.type === 'stream-closed', 60_000);
    expect(a.heard.at(-1)).toMatchObject({ why: 'timed-out' });
  });

  test('that say nothing are closed: a caller soon, a silent pair later', () => {
    const world = new World({ seed: 5 });
    const [a, b] = [party(world, 'A'), party(world, 'B')];
    a.sockets.perform({ type: 'open-stream', stream: 1, to: b.at('tcp') });
    world.advance(STREAM_FIRST_BYTE_MS + 1_000);
    expect(b.heard.at(-1)).toMatchObject({ type: 'stream-closed', why: 'idle' });
    expect(a.heard.at(-1)).toMatchObject({ type: 'stream-closed', why: 'reset' });
    a.sockets.perform({ type: 'open-stream', stream: 2, to: b.at('tcp') });
    a.sockets.perform({ type: 'write-stream', stream: 2, bytes: Buffer.from('hello') });
    world.advance(STREAM_IDLE_MS - 1_000);
    expect(b.heard.at(-1)).toMatchObject({ type: 'stream-bytes' });
    world.advance(2_000);
    expect(b.heard.at(-1)).toMatchObject({ type: 'stream-closed', why: 'idle' });
  });

  test('of one caller are bounded', () => {
    const world = new World({ seed: 5 });
    const [a, b] = [party(world, 'A'), party(world, 'B')];
    for (let stream = 1; stream <= STREAMS_PER_HOST_MAX + 3; stream += 1) {
      a.sockets.perform({ type: 'open-stream', stream, to: b.at('tcp') });
    }
    world.advance(1_000);
    expect(a.heard.filter((input) => input.type === 'stream-closed').length).toBe(3);
  });
});
