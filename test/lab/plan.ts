/**
 * Addresses and cables of the lab, as commands for `ip -batch`. Pure. Every site has one cable to the core, which
 * runs through the bridge process in the namespace `wire`:
 *
 *   host eth0 --- lan (a bridge) BOX wan --- w3 [bridge.py] c3 --- s3 CORE s4 --- c4 [bridge.py] w4 --- eth0 host
 *                       "box-home"           namespace "wire"                                           (PUB)
 *
 *   host eth0 --- lan HOME wan --- lan (a bridge) BOX wan --- ...                                         (CGN)
 *                  "home-host"             "box-cgn"
 *
 * All addresses are from ranges that mean nothing outside: 198.18.0.0/15 (RFC 2544) where the internet would be,
 * 10.0.0.0/8 behind boxes, 2001:db8::/32 (RFC 3849) for IPv6. No namespace has a way out of the lab.
 */

/** A network of its own on the core: site 1, 2, ... */
export interface SitePlan {
  readonly number: number;
  /** Namespace at the site's end of the cable, and the name of the interface there. */
  readonly outer: string;
  readonly outerInterface: 'eth0' | 'wan';
  readonly ipv6: boolean;
}

/** 2 addresses of each network are taken; 198.18 and 198.19 in turn, so that neighbours have different /16 networks. */
export const SITES_MAX = 250;
const MTU = 1500;

export function coreAddress(site: number): string {
  return `198.${18 + (site % 2)}.${site}.1`;
}

/** The address by which the core knows the site; `turn` counts its moves. */
export function siteAddress(site: number, turn = 0): string {
  return `198.${18 + (site % 2)}.${site}.${2 + turn}`;
}

export function insideAddress(site: number, host: number): string {
  return `10.${site}.0.${1 + host}`;
}

/** Homes behind a carrier are all alike, as real ones are: a private address does not tell whose it is. */
export const HOME_ADDRESS = '192.168.1.2';
const HOME_ROUTER_ADDRESS = '192.168.1.1';

export function ipv6Address(site: number, host: number | 'core' | 'box'): string {
  if (host === 'core') return `2001:db8:${site}::1`;
  return host === 'box' ? `2001:db8:${site}::2` : `2001:db8:${site}:1::${1 + host}`;
}

const mac = (site: number, end: 'core' | 'site'): string =>
  `02:00:00:00:${site.toString(16).padStart(2, '0')}:0${end === 'core' ? 1 : 2}`;

export interface Orders {
  readonly namespace: string;
  readonly lines: readonly string[];
}

/** The cable of a site: to be run in the namespaces named, in this order. */
export function cableOrders(site: SitePlan, file: (namespace: string) => string): Orders[] {
  const { number: n, outer, outerInterface: near } = site;
  const [inner, outerEnd] = [`s${n}`, near];
  return [
    {
      namespace: 'wire',
      lines: [
        `link add c${n} type veth peer name ${inner} address ${mac(n, 'core')} netns ${file('core')}`,
        `link add w${n} type veth peer name ${outerEnd} address ${mac(n, 'site')} netns ${file(outer)}`,
        `link set dev c${n} up mtu ${MTU}`,
        `link set dev w${n} up mtu ${MTU}`,
      ],
    },
    {
      namespace: 'core',
      lines: [
        `link set dev ${inner} up mtu ${MTU}`,
        `address add ${coreAddress(n)}/24 dev ${inner}`,
        ...neighbour(siteAddress(n), inner, mac(n, 'site')),
        ...(site.ipv6
          ? [
              `address add ${ipv6Address(n, 'core')}/64 dev ${inner} nodad`,
              ...neighbour(ipv6Address(n, 'box'), inner, mac(n, 'site')),
              `route add 2001:db8:${n}:1::/64 via ${ipv6Address(n, 'box')}`,
            ]
          : []),
      ],
    },
    {
      namespace: outer,
      lines: [
        `link set dev ${outerEnd} up mtu ${MTU}`,
        `address add ${siteAddress(n)}/24 dev ${outerEnd}`,
        ...neighbour(coreAddress(n), outerEnd, mac(n, 'core')),
        `route add default via ${coreAddress(n)}`,
        ...(site.ipv6
          ? [
              `address add ${ipv6Address(n, 'box')}/64 dev ${outerEnd} nodad`,
              ...neighbour(ipv6Address(n, 'core'), outerEnd, mac(n, 'core')),
              `route add default via ${ipv6Address(n, 'core')}`,
            ]
          : []),
      ],
    },
  ];
}

/** The inside of a box, once. */
export function insideOrders(site: SitePlan): Orders[] {
  const ipv6 = site.ipv6 ? [`address add ${ipv6Address(site.number, 0)}/64 dev lan nodad`] : [];
  return [
    {
      namespace: site.outer,
      lines: [
        'link add lan type bridge',
        'link set dev lan up',
        `address add ${insideAddress(site.number, 0)}/24 dev lan`,
        ...ipv6,
      ],
    },
  ];
}

/** A host (1, 2, ...) at the inside of a box, or the router of a home that has the box before it. */
export function insideHostOrders(
  site: SitePlan,
  { host, name, near = 'eth0' }: { readonly host: number; readonly name: string; readonly near?: 'eth0' | 'wan' },
  file: (namespace: string) => string,
): Orders[] {
  const { number: n } = site;
  return [
    {
      namespace: site.outer,
      lines: [
        `link add lan${host} type veth peer name ${near} netns ${file(name)}`,
        `link set dev lan${host} master lan up mtu ${MTU}`,
      ],
    },
    {
      namespace: name,
      lines: [
        `link set dev ${near} up mtu ${MTU}`,
        `address add ${insideAddress(n, host)}/24 dev ${near}`,
        `route add default via ${insideAddress(n, 0)}`,
        ...(site.ipv6
          ? [`address add ${ipv6Address(n, host)}/64 dev ${near} nodad`, `route add default via ${ipv6Address(n, 0)}`]
          : []),
      ],
    },
  ];
}

/** The one host of a home, by IPv4 only. */
export function homeOrders(home: string, host: string, file: (namespace: string) => string): Orders[] {
  return [
    {
      namespace: home,
      lines: [
        `link add lan type veth peer name eth0 netns ${file(host)}`,
        `link set dev lan up mtu ${MTU}`,
        `address add ${HOME_ROUTER_ADDRESS}/24 dev lan`,
      ],
    },
    {
      namespace: host,
      lines: [
        `link set dev eth0 up mtu ${MTU}`,
        `address add ${HOME_ADDRESS}/24 dev eth0`,
        `route add default via ${HOME_ROUTER_ADDRESS}`,
      ],
    },
  ];
}

/** The site gets another address, as after a change of network; its old one is gone. */
export function moveOrders(site: SitePlan, turn: number): Orders[] {
  const { number: n, outerInterface: near } = site;
  const [before, after] = [siteAddress(n, turn - 1), siteAddress(n, turn)];
  return [
    { namespace: 'core', lines: neighbour(after, `s${n}`, mac(n, 'site')) },
    {
      namespace: site.outer,
      // Removing the last address of a network would take the route with it, so the new one comes first.
      lines: [
        `address add ${after}/24 dev ${near}`,
        `address delete ${before}/24 dev ${near}`,
        `address replace ${after}/24 dev ${near}`,
        ...neighbour(coreAddress(n), near, mac(n, 'core')),
        `route replace default via ${coreAddress(n)}`,
      ],
    },
  ];
}

/** Said once and for all: a lost or late question for an address would look like a fault of what is tested. */
function neighbour(address: string, device: string, hardware: string): string[] {
  return [`neighbour replace ${address} lladdr ${hardware} dev ${device} nud permanent`];
}
