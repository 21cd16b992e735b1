/** What is remembered of each network, and of how many. */
import { expect, it } from 'vitest';
import { NetworkMemory } from '../../../src/net/overlay/network-memory.ts';
import { parseEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { NETWORKS_REMEMBERED_MAX } from '../../../src/net/protocol/params.ts';

const SUPERNODE = parseEndpoint('udp:192.0.2.7:4000') as never;

it('the way, the supernode and where we stand belong to one network', () => {
  const memory = new NetworkMemory();
  expect(memory.enter(1, 'home')).toBe(true);
  memory.worked(2, 'tcp443', SUPERNODE);
  memory.setConnectivity(3, 'address-dependent');
  expect(memory.enter(4, 'train')).toBe(true);
  expect([memory.way, memory.supernode, memory.connectivity]).toEqual([undefined, undefined, undefined]);
  const again = new NetworkMemory(memory.export());
  expect(again.enter(5, 'home')).toBe(true);
  expect(again.enter(6, 'home')).toBe(false);
  expect([again.way, again.supernode, again.connectivity]).toEqual(['tcp443', SUPERNODE, 'address-dependent']);
  expect(again.export()[0]).toMatchObject({ print: 'home', lastUsedAtMs: 6 });
});

it('the networks that were used last are kept', () => {
  const memory = new NetworkMemory();
  for (let at = 1; at <= 2 * NETWORKS_REMEMBERED_MAX; at++) memory.enter(at, `network ${at}`);
  const kept = memory.export();
  expect(kept).toHaveLength(NETWORKS_REMEMBERED_MAX);
  expect(kept[0]?.print).toBe(`network ${2 * NETWORKS_REMEMBERED_MAX}`);
  expect(kept.at(-1)?.print).toBe(`network ${NETWORKS_REMEMBERED_MAX + 1}`);
});

it('how the last call ended here is believed for half an hour, on this network only', () => {
  const memory = new NetworkMemory();
  memory.enter(1_000, 'home');
  memory.setLevel(2_000, 2);
  expect(memory.levelAt(3_000)).toBe(2);
  memory.enter(4_000, 'train');
  expect(memory.levelAt(4_000)).toBeUndefined();
  const again = new NetworkMemory(memory.export());
  again.enter(5_000, 'home');
  expect(again.levelAt(2_000 + 1_800_000)).toBe(2);
  expect(again.levelAt(2_001 + 1_800_000)).toBeUndefined();
});
