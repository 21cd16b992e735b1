/**
 * Where people are when they join: the places of the common table (`../places.ts`) in a simulated world. `place` puts a
 * host there, together with the boxes it stands behind. Homes all use the same private addresses, as real ones do, so a
 * private address alone never tells whose house it is in.
 */
import { BEHAVIOUR, type Place } from '../places.ts';
import { Firewall, type FirewallRules, inSeries } from './firewall.ts';
import type { Host } from './host.ts';
import { type FlowLifetimes, HOME_ROUTER, type NatBehaviour, NatBox, natBox } from './nat-box.ts';
import type { Member } from './network.ts';
import type { World } from './world.ts';

export type { Place };

export interface PlaceOptions {
  /** Of the bindings of its NAT; Linux's own when absent. */
  readonly lifetimes?: FlowLifetimes;
}

/** The behaviour that the table tells, as the simulated boxes take it. */
function behaviourOf(place: Place, { lifetimes }: PlaceOptions): NatBehaviour {
  const { mapping, ports, filtering, poisonable, hairpin } = BEHAVIOUR[place];
  return {
    ...HOME_ROUTER,
    ...(mapping === 'none' ? {} : { mapping }),
    ...(filtering === 'open' ? {} : { filtering }),
    ports: { name: ports },
    unsolicited: poisonable ? 'accepted' : 'dropped',
    hairpin,
    ...(lifetimes ? { lifetimes } : {}),
  };
}

function rulesOf(place: Place): FirewallRules {
  const { udp, tcp } = BEHAVIOUR[place];
  return { udp: udp ? 'passes' : 'dropped', tcpPorts: tcp === 'all' ? 'all' : [443], tlsOnly: tcp === 'tls-on-443' };
}

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
export function place(world: World, where: Place, name: string, options: PlaceOptions = {}): Host {
  const box = `${name} box`;
  switch (where) {
    case 'PUB':
      return world.host(name, { address: publicAddress(world) });
    case 'PR':
    case "PR'":
    case 'SYM':
      natBox(world, box, { address: publicAddress(world), ...behaviourOf(where, options) });
      return atHome(world, name, box);
    case 'UDPX':
    case '443X':
    case '443D':
      walled(world, box, where, options);
      return atHome(world, name, box);
    case 'SAME':
      return nextDoor(world, name, options);
    case 'CGN':
      return behindCarrier(world, name, box, options);
  }
}

/** The first machine in a home of its own. */
function atHome(world: World, name: string, box: string): Host {
  return world.host(name, { address: '192.168.1.2', behind: box });
}

function walled(world: World, box: string, where: Place, options: PlaceOptions): void {
  const address = publicAddress(world);
  const nat = new NatBox(address, behaviourOf(where, options), world.random(`nat ${box}`));
  world.box(box, { address, middlebox: inSeries(new Firewall(rulesOf(where)), nat) });
}

function nextDoor(world: World, name: string, options: PlaceOptions): Host {
  const town = townOf(world);
  const box = 'SAME box';
  if (town.neighbours === 0) natBox(world, box, { address: publicAddress(world), ...behaviourOf('SAME', options) });
  town.neighbours += 1;
  return world.host(name, { address: `192.168.1.${1 + town.neighbours}`, behind: box });
}

function behindCarrier(world: World, name: string, box: string, options: PlaceOptions): Host {
  const town = townOf(world);
  const carrier = 'CGN carrier';
  if (town.carrierAddresses === 0)
    natBox(world, carrier, { address: publicAddress(world), ...behaviourOf('CGN', options) });
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
