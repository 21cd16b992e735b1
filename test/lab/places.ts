/**
 * The places of the common table (`../places.ts`) as nftables rules of the box in front of people. Pure; `lab.ts` loads
 * the rules, `boxes.test.ts` and `lab.test.ts` measure that they hold.
 *
 *   inside --(interface "lan")-- box --(interface "wan")-- the core
 */
import { BEHAVIOUR, type Place } from '../places.ts';

export type { Place };

/**
 * A box that gives random ports and still one for all destinations: Linux does so for a range that the inside port is
 * not in. Carriers set ranges aside in the same way (RFC 7422).
 */
const RANDOM_PORTS = '40000-60999';

/** The rules of the box; undefined where there is none. */
export function boxRules(place: Place): string | undefined {
  const { mapping, ports, poisonable, udp, tcp } = BEHAVIOUR[place];
  if (mapping === 'none') return undefined;
  const masquerade =
    mapping === 'endpoint-independent' && ports === 'random'
      ? `meta l4proto { tcp, udp } masquerade to :${RANDOM_PORTS}`
      : `masquerade${mapping === 'endpoint-independent' ? '' : ' fully-random'}`;
  return `
table inet box {
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" meta nfproto ipv4 ${masquerade}
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
