/**
 * Where people are when they join: the places of the lab, by the names that figures and tables use. `place` puts a
 * host there, together with the boxes it stands behind. Homes all use the same private addresses, as real ones do, so a
 * private address alone never tells whose house it is in.
 */
import { Firewall, type FirewallRules, inSeries } from './firewall.ts';
import type { Host } from './host.ts';
import { HOME_ROUTER, type NatBehaviour, NatBox, natBox } from './nat-box.ts';
import type { Member } from './network.ts';
import type { World } from './world.ts';

/** What each place is, for people who read a grid. */
export const PLACES = {
  PUB: 'a public address, nothing in the way',
  PR: 'a home router: port-restricted, drops what comes unasked',
  PRtrap: "the same, but the box takes what comes unasked: an early packet of a peer spoils the port (figures: PR')",
  SYM: 'every flow leaves by another random port: symmetric',
  UDPX: 'a home router, and no UDP at all',
  X443: 'a home router, and only TCP to port 443 gets out',
  D443: 'the same, and what is not TLS there is reset',
  SAME: 'one home router for everybody who is here',
  CGN: 'a home router behind the NAT of a carrier, which serves everybody who is here',
} as const;

export type Place = keyof typeof PLACES;

const ROUTERS: Readonly<Record<'PR' | 'PRtrap' | 'SYM' | 'CGN', NatBehaviour>> = {
  PR: HOME_ROUTER,
  PRtrap: { ...HOME_ROUTER, unsolicited: 'accepted' },
  SYM: { ...HOME_ROUTER, mapping: 'address-and-port-dependent', ports: { name: 'random' } },
  // RFC 6888: mapping is endpoint-independent and hairpins; a port of one's own is more than a subscriber may ask.
  CGN: { ...HOME_ROUTER, ports: { name: 'random' }, hairpin: true },
};

const WALLS: Readonly<Record<'UDPX' | 'X443' | 'D443', FirewallRules>> = {
  UDPX: { udp: 'dropped', tcpPorts: 'all', tlsOnly: false },
  X443: { udp: 'dropped', tcpPorts: [443], tlsOnly: false },
  D443: { udp: 'dropped', tcpPorts: [443], tlsOnly: true },
};

/** What was built in a world so far. */
interface Town {
  publicAddresses: number;
  carrierAddresses: number;
  neighbours: number;
}

const towns = new WeakMap<World, Town>();

function townOf(world: World): Town {
  const known = towns.get(world) ?? { publicAddresses: 0, carrierAddresses: 0, neighbours: 0 };
  towns.set(world, known);
  return known;
}

/** Makes a host that stands in this place. Its name must be new in the world, and `name box` too. */
export function place(world: World, where: Place, name: string): Host {
  const box = `${name} box`;
  switch (where) {
    case 'PUB':
      return world.host(name, { address: publicAddress(world) });
    case 'PR':
    case 'PRtrap':
    case 'SYM':
      natBox(world, box, { address: publicAddress(world), ...ROUTERS[where] });
      return atHome(world, name, box);
    case 'UDPX':
    case 'X443':
    case 'D443':
      walled(world, box, WALLS[where]);
      return atHome(world, name, box);
    case 'SAME':
      return nextDoor(world, name);
    case 'CGN':
      return behindCarrier(world, name, box);
  }
}

/** The first machine in a home of its own. */
function atHome(world: World, name: string, box: string): Host {
  return world.host(name, { address: '192.168.1.2', behind: box });
}

function walled(world: World, box: string, rules: FirewallRules): void {
  const address = publicAddress(world);
  const nat = new NatBox(address, HOME_ROUTER, world.random(`nat ${box}`));
  world.box(box, { address, middlebox: inSeries(new Firewall(rules), nat) });
}

function nextDoor(world: World, name: string): Host {
  const town = townOf(world);
  const box = 'SAME box';
  if (town.neighbours === 0) natBox(world, box, { address: publicAddress(world) });
  town.neighbours += 1;
  return world.host(name, { address: `192.168.1.${1 + town.neighbours}`, behind: box });
}

function behindCarrier(world: World, name: string, box: string): Host {
  const town = townOf(world);
  const carrier = 'CGN carrier';
  if (town.carrierAddresses === 0) natBox(world, carrier, { address: publicAddress(world), ...ROUTERS.CGN });
  town.carrierAddresses += 1;
  natBox(world, box, { address: `100.64.0.${1 + town.carrierAddresses}`, behind: carrier });
  return atHome(world, name, box);
}

/** From the block for documentation, in the order of birth. */
function publicAddress(world: World): string {
  const town = townOf(world);
  town.publicAddresses += 1;
  return `203.0.113.${town.publicAddresses}`;
}

/** Who stands for this host on the internet: the host itself, or the outermost box before it. For `World.link`. */
export function gatewayOf(host: Host): string {
  let outermost: Member = host;
  while (outermost.site.box) outermost = outermost.site.box;
  return outermost.name;
}

/** The router that this host stands behind; it may be behind another. */
export function natOf(host: Host): NatBox {
  const middlebox = host.site.box?.middlebox;
  if (!(middlebox instanceof NatBox)) throw new Error(`${host.name} is behind no router`);
  return middlebox;
}

/** By which address the internet knows this host. */
export function outerAddressOf(host: Host): string {
  let address = host.address;
  for (let box = host.site.box; box; box = box.site.box) address = box.addresses[0] ?? address;
  return address;
}
