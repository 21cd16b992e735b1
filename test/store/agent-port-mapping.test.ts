/** When an agent has its gateway pass a port on to it, and who hears of it. No gateway here: the mapping is written down. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NatKind } from '../../src/net/index.ts';
import type { PortMapped } from '../../src/net/io/index.ts';
import { AgentPortMapping } from '../../src/store/agent-port-mapping.ts';
import { AgentScene } from '../support/agent-scene.ts';

interface Opened {
  readonly wish: { port: number; upnp: boolean; onChange: (mapped: PortMapped | undefined) => void };
  closed: boolean;
}

const MAPPED: PortMapped = { by: 'pcp', endpoints: [{ carrier: 'udp', host: '203.0.113.9', port: 5000 }] };
const PR: NatKind = {
  udp: 'works',
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  portAllocation: 'preserving',
  publicEndpoint: { carrier: 'udp', host: '203.0.113.9', port: 4000 },
  evidence: { mapping: 'several-addresses', filtering: 'several-addresses' },
};

let scene: AgentScene;
let opened: Opened[];
let mapping: AgentPortMapping;

beforeEach(() => {
  opened = [];
  scene = new AgentScene({
    change: (options) => ({
      ...options,
      openPortMapping: (wish) => {
        const one: Opened = { wish, closed: false };
        opened.push(one);
        return {
          start: async () => {},
          close: async () => {
            one.closed = true;
          },
        };
      },
    }),
  });
  mapping = new AgentPortMapping(scene.core);
});
afterEach(() => scene.end());

test('behind a NAT a port is asked for, told to the node and shown, and given back at the end', async () => {
  mapping.found(PR);
  expect(opened.map(({ wish: { upnp } }) => upnp)).toEqual([false]);
  opened[0]?.wish.onChange(MAPPED);
  expect(scene.commands.at(-1)).toEqual({ type: 'mapped', endpoint: MAPPED.endpoints[0] });
  expect(scene.core.state.portMapping).toEqual({ by: 'pcp', endpoint: 'udp:203.0.113.9:5000' });
  mapping.found({ ...PR, filtering: 'address-dependent' });
  expect(opened).toHaveLength(1);
  await mapping.close();
  expect(opened[0]?.closed).toBe(true);
  expect(scene.core.state.portMapping).toBeNull();
  expect(scene.commands.at(-1)).toEqual({ type: 'mapped', endpoint: undefined });
});

test('where punching is hard UPnP is tried as well, and another network is another mapping', () => {
  mapping.found({ ...PR, mapping: 'address-and-port-dependent' });
  expect(opened.map(({ wish: { upnp } }) => upnp)).toEqual([true]);
  mapping.found({ ...PR, publicEndpoint: { carrier: 'udp', host: '198.51.100.7', port: 4000 } });
  expect(opened.map(({ closed }) => closed)).toEqual([true, false]);
  // What the one of before still tells is not ours any more.
  opened[0]?.wish.onChange(MAPPED);
  expect(scene.core.state.portMapping).toBeNull();
});

test('nobody is asked where nobody translates, where no UDP gets through, or where the person does not want it', () => {
  mapping.found({ ...PR, mapping: 'none' });
  mapping.found({ ...PR, udp: 'blocked', mapping: 'unknown' });
  mapping.found({ ...PR, mapping: 'unknown' });
  expect(opened).toEqual([]);
  scene.core.options.profile.settings.set({ portMapping: false });
  mapping.found(PR);
  expect(opened).toEqual([]);
  scene.core.options.profile.settings.set({ portMapping: true });
  mapping.found(PR);
  expect(opened).toHaveLength(1);
  mapping.found({ ...PR, mapping: 'none' });
  expect(opened[0]?.closed).toBe(true);
});
