/**
 * The kinds of place a person may sit in, as nftables rules of the box in front of them, and what each box does in the
 * words of RFC 4787 (figures.md, "Lab"). Pure; `lab.ts` loads the rules, `lab.test.ts` measures that they hold, and the
 * simulated internet may be held to the same table.
 *
 *   inside --(interface "lan")-- box --(interface "wan")-- the core
 */

export const PLACES = ['PUB', 'PR', "PR'", 'SYM', 'UDPX', '443X', '443D', 'SAME'] as const;
export type Place = (typeof PLACES)[number];

export interface Behaviour {
  /** What it is, for people. */
  readonly words: string;
  /** External port: none translated, the same for all destinations, or another for each (RFC 4787, 4.1). */
  readonly mapping: 'none' | 'endpoint-independent' | 'address-and-port-dependent';
  /** Who may answer on a mapping (RFC 4787, 5); `open` where nothing is filtered. */
  readonly filtering: 'open' | 'address-and-port-dependent';
  /** A packet that nobody asked for spoils the mapping that would have met it (realtime.md 1.6). */
  readonly poisonable: boolean;
  readonly udp: boolean;
  readonly tcp: 'all' | '443' | 'tls-on-443';
}

const ROUTER: Behaviour = {
  words: 'a home router: one port for all destinations, answers only from where packets went (port-restricted)',
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  poisonable: false,
  udp: true,
  tcp: 'all',
};

export const BEHAVIOUR: Readonly<Record<Place, Behaviour>> = {
  PUB: {
    words: 'a public address, nothing filtered',
    mapping: 'none',
    filtering: 'open',
    poisonable: false,
    udp: true,
    tcp: 'all',
  },
  PR: ROUTER,
  "PR'": {
    ...ROUTER,
    words: 'as PR, but the router itself takes what nobody asked for: the poisoned mapping',
    poisonable: true,
  },
  SYM: {
    ...ROUTER,
    words: 'another random port for each destination (symmetric)',
    mapping: 'address-and-port-dependent',
  },
  UDPX: { ...ROUTER, words: 'as PR, and all UDP is dropped', udp: false },
  '443X': { ...ROUTER, words: 'as PR, and nothing but TCP to port 443 goes out', udp: false, tcp: '443' },
  '443D': {
    ...ROUTER,
    words: 'as 443X, and a first record that is not real TLS is reset',
    udp: false,
    tcp: 'tls-on-443',
  },
  SAME: { ...ROUTER, words: 'as PR, with both people behind the one router' },
};

/** What a person would want to know of a place, in one line. */
export function describePlace(place: Place): string {
  return `${place}: ${BEHAVIOUR[place].words}`;
}

/** The rules of the box; undefined where there is none. */
export function boxRules(place: Place): string | undefined {
  const { mapping, poisonable, udp, tcp } = BEHAVIOUR[place];
  if (mapping === 'none') return undefined;
  const how = mapping === 'endpoint-independent' ? '' : ' fully-random';
  return `
table inet box {
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" meta nfproto ipv4 masquerade${how}
  }
  chain arriving {
    type filter hook input priority filter; policy accept;
    ${poisonable ? '' : 'iifname "wan" ct state new drop'}
  }
  chain passing {
    type filter hook forward priority filter; policy accept;
    iifname "lan" oifname "lan" accept
    ct state invalid drop
    iifname "wan" ct state new drop
    ${udp ? '' : 'meta l4proto udp drop'}
    ${tcp === 'all' ? '' : 'oifname "wan" meta l4proto != tcp drop\n    oifname "wan" tcp dport != 443 drop'}
    ${tcp === 'tls-on-443' ? REAL_TLS : ''}
  }
}
`;
}

/**
 * The first bytes of each direction of a connection have to be a TLS record: a handshake of version 3.1 to 3.3 that
 * holds a ClientHello (at least 45 bytes, legacy version 3.3), and from the server one that holds a ServerHello, or an
 * alert. `@ih` is what follows the TCP header. What came first is kept in the mark of the connection: 1 the client
 * was judged, 2 the server was, 4 it was reset. Later records are not looked at, and a first record in pieces is judged
 * by its first piece.
 */
const REAL_TLS = `
    ct mark & 4 == 4 drop
    ct direction original ct mark & 1 == 1 accept
    ct direction reply ct mark & 2 == 2 accept
    ct direction original @ih,0,16 0x1603 @ih,16,8 1-3 @ih,24,16 45-16384 @ih,40,16 0x0100 @ih,72,16 0x0303 ct mark set ct mark or 1 accept
    ct direction reply @ih,0,16 0x1603 @ih,16,8 1-3 @ih,24,16 45-16384 @ih,40,16 0x0200 @ih,72,16 0x0303 ct mark set ct mark or 2 accept
    ct direction reply @ih,0,16 0x1503 @ih,16,8 1-3 @ih,24,16 2 ct mark set ct mark or 2 accept
    ${hasPayload()}
`;

/** nft cannot subtract, so there is a line for each length of the TCP header; IP headers have no options here. */
function hasPayload(): string {
  return Array.from({ length: 11 }, (_, i) => i + 5)
    .flatMap((words) => [
      `meta nfproto ipv4 tcp doff ${words} ip length > ${20 + 4 * words} ct mark set ct mark or 4 reject with tcp reset`,
      `meta nfproto ipv6 tcp doff ${words} ip6 length > ${4 * words} ct mark set ct mark or 4 reject with tcp reset`,
    ])
    .join('\n    ');
}
