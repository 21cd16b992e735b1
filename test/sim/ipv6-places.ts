/**
 * Places with IPv6, for scenes of their own: addresses that everybody may know, behind a firewall that lets in only what
 * was asked for (RFC 6092). `V6` has IPv4 as well, behind the worst of NATs; `V6ONLY` has none.
 */
import type { Millis } from '../../src/net/protocol/core.ts';
import { printEndpoint } from '../../src/net/protocol/endpoint.ts';
import type { Host } from './host.ts';
import { HOME_ROUTER, LINUX_LIFETIMES, NatBox } from './nat-box.ts';
import type { Middlebox, Packet } from './network.ts';
import type { World } from './world.ts';

/** Lets in what belongs to a flow that began inside, by the very endpoints, for as long as Linux remembers it. */
export class StatefulFirewall implements Middlebox {
  readonly #diesAt = new Map<string, Millis>();

  outward(now: Millis, packet: Packet): Packet {
    this.#keep(now, flowOf(packet, 'out'), packet);
    return packet;
  }

  inward(now: Millis, packet: Packet): Packet | undefined {
    const flow = flowOf(packet, 'in');
    if ((this.#diesAt.get(flow) ?? 0) <= now) return undefined;
    this.#keep(now, flow, packet);
    return packet;
  }

  #keep(now: Millis, flow: string, { carrier }: Packet): void {
    const { udpUnrepliedMs, tcpEstablishedMs } = LINUX_LIFETIMES;
    this.#diesAt.set(flow, now + (carrier === 'udp' ? udpUnrepliedMs : tcpEstablishedMs));
  }
}

function flowOf({ from, to }: Packet, way: 'in' | 'out'): string {
  const [inside, outside] = way === 'out' ? [from, to] : [to, from];
  return `${printEndpoint(inside)} ${printEndpoint(outside)}`;
}

/** A router that translates IPv4 and filters IPv6; without `ipv4` that family is unknown here. */
function router(ipv4: Middlebox | undefined): Middlebox {
  const ipv6 = new StatefulFirewall();
  const boxFor = (packet: Packet) => (packet.to.host.includes(':') ? ipv6 : ipv4);
  return {
    outward: (now, packet) => boxFor(packet)?.outward(now, packet),
    inward: (now, packet) => boxFor(packet)?.inward(now, packet),
  };
}

/** The place number `n`, from 1: addresses follow from it. */
export function placeV6(world: World, name: string, n: number): Host {
  const box = `${name} box`;
  const outer = `203.0.113.${200 + n}`;
  const behaviour = { ...HOME_ROUTER, mapping: 'address-and-port-dependent', ports: { name: 'random' } } as const;
  const nat = new NatBox(outer, behaviour, world.random(`nat ${box}`));
  world.box(box, { address: outer, middlebox: router(nat) });
  return world.host(name, { addresses: ['192.168.1.2', globalAddress(n)], behind: box });
}

export function placeV6Only(world: World, name: string, n: number): Host {
  const box = `${name} box`;
  world.box(box, { middlebox: router(undefined) });
  return world.host(name, { addresses: [globalAddress(n)], behind: box });
}

function globalAddress(n: number): string {
  return `2001:db8:${n}::2`;
}
