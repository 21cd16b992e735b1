/**
 * The places that people sit in, and what is to be expected there: the one table that the simulated internet
 * (`sim/places.ts`) and the lab of real namespaces (`lab/places.ts`) are built from and judged by. Names are those of
 * the figures; behaviour is told in the words of RFC 4787. Pure.
 *
 *   test/flows/places.test.ts   asserts it in virtual time
 *   test/lab/grid.test.ts       asserts it with real wren processes behind real NATs (`npm run lab -- --grid` prints it)
 *   test/boxes.ts               has the small scenes that hold the boxes themselves to it
 */

export const PLACES = ['PUB', 'PR', "PR'", 'SYM', 'UDPX', '443X', '443D', 'SAME', 'CGN'] as const;
export type Place = (typeof PLACES)[number];

/** Where a place is played. */
export type Stage = 'simulator' | 'lab';

export interface Behaviour {
  /** What it is, for people. */
  readonly words: string;
  /** External port: none translated, the same for all destinations, or another for each (RFC 4787, 4.1). */
  readonly mapping: 'none' | 'endpoint-independent' | 'address-and-port-dependent';
  /** Which port that is: the inside one if it is free, or any (RFC 4787, 4.2.1). */
  readonly ports: 'preserve' | 'random';
  /** Who may answer on a mapping (RFC 4787, 5); `open` where nothing is filtered. */
  readonly filtering: 'open' | 'address-and-port-dependent';
  /** A packet that nobody asked for spoils the mapping that would have met it (realtime.md 1.6). */
  readonly poisonable: boolean;
  /** Two behind it may meet by their outer endpoints (RFC 4787, 6). */
  readonly hairpin: boolean;
  readonly udp: boolean;
  readonly tcp: 'all' | '443' | 'tls-on-443';
}

const ROUTER: Behaviour = {
  words: 'a home router: one port for all destinations, answers only from where packets went (port-restricted)',
  mapping: 'endpoint-independent',
  ports: 'preserve',
  filtering: 'address-and-port-dependent',
  poisonable: false,
  hairpin: false,
  udp: true,
  tcp: 'all',
};

export const BEHAVIOUR: Readonly<Record<Place, Behaviour>> = {
  PUB: { ...ROUTER, words: 'a public address, nothing in the way', mapping: 'none', filtering: 'open' },
  PR: ROUTER,
  "PR'": {
    ...ROUTER,
    words: 'as PR, but the router itself takes what nobody asked for: an early packet of a peer spoils the port',
    poisonable: true,
  },
  SYM: {
    ...ROUTER,
    words: 'another random port for each destination (symmetric)',
    mapping: 'address-and-port-dependent',
    ports: 'random',
  },
  UDPX: { ...ROUTER, words: 'as PR, and all UDP is dropped', udp: false },
  '443X': { ...ROUTER, words: 'as PR, and nothing but TCP to port 443 goes out', udp: false, tcp: '443' },
  '443D': {
    ...ROUTER,
    words: 'as 443X, and a first record that is not real TLS is reset',
    udp: false,
    tcp: 'tls-on-443',
  },
  SAME: { ...ROUTER, words: 'as PR, with everybody who is here behind the one router' },
  CGN: {
    ...ROUTER,
    words: 'a home router behind the NAT of a carrier, which serves everybody here',
    ports: 'random',
    hairpin: true,
  },
};

/** What a person would want to know of a place, in one line. */
export function describePlace(place: Place): string {
  return `${place.padEnd(5)} ${BEHAVIOUR[place].words}`;
}

/** Program started to reachable by others, W100, ms at most (figures S1, S2, S4). */
export const SIGN_IN_MS_MAX: Readonly<Record<Place, number>> = {
  PUB: 1_000,
  PR: 1_000,
  "PR'": 1_000,
  SYM: 1_000,
  UDPX: 1_500,
  '443X': 1_500,
  '443D': 2_000,
  SAME: 1_000,
  CGN: 1_000,
};

/**
 * The way of the sound some seconds after the answer; callers down, callees across. One word where both ends say the
 * same, else what the caller's end says, `/`, what the callee's says.
 *
 *   lan, direct       from one to the other, inside one house or by their public endpoints
 *   relay             through the supernode, which this end reaches by UDP
 *   tcp, tcp443       the same by TCP, at the supernode's own port or at 443
 *
 * It states what is true today, and fails when that changes, for better or worse. It is `direct` wherever PR, PR', SAME
 * and CGN meet (P2) and where they meet SYM (P3); relays stay between SYM and SYM and before UDPX (P4).
 */
const ROUTES = parseTable(`
        PUB           PR            PR'           SYM           UDPX          443X          443D          SAME          CGN
PUB     direct        direct        direct        direct        relay/tcp     relay/tcp443  relay/tcp443  direct        direct
PR      direct        direct        direct        direct        relay/tcp     relay/tcp443  relay/tcp443  direct        direct
PR'     direct        direct        direct        direct        relay/tcp     relay/tcp443  relay/tcp443  direct        direct
SYM     direct        direct        direct        relay         relay/tcp     relay/tcp443  relay/tcp443  direct        direct
UDPX    tcp/relay     tcp/relay     tcp/relay     tcp/relay     tcp           tcp/tcp443    tcp/tcp443    tcp/relay     tcp/relay
443X    tcp443/relay  tcp443/relay  tcp443/relay  tcp443/relay  tcp443/tcp    tcp443        tcp443        tcp443/relay  tcp443/relay
443D    tcp443/relay  tcp443/relay  tcp443/relay  tcp443/relay  tcp443/tcp    tcp443        tcp443        tcp443/relay  tcp443/relay
SAME    direct        direct        direct        direct        relay/tcp     relay/tcp443  relay/tcp443  lan           direct
CGN     direct        direct        direct        direct        relay/tcp     relay/tcp443  relay/tcp443  direct        direct
`);

/** Why the lab's carrier is not what the table says of CGN. */
export const LINUX_HAS_NO_HAIRPIN =
  'a carrier has to let two of its customers meet by their outer addresses (RFC 6888 REQ-1, RFC 4787 REQ-9); masquerading of Linux, which plays the carrier, cannot';

/** Where one of the two stages cannot do as the table says, and why. */
export const EXCEPTIONS: readonly {
  readonly stage: Stage;
  readonly caller: Place;
  readonly callee: Place;
  readonly route: string;
  readonly why: string;
}[] = [
  {
    stage: 'lab',
    caller: 'CGN',
    callee: 'CGN',
    route: 'relay',
    why: LINUX_HAS_NO_HAIRPIN,
  },
];

export function expectedRoute(stage: Stage, caller: Place, callee: Place): string {
  const exception = EXCEPTIONS.find((one) => one.stage === stage && one.caller === caller && one.callee === callee);
  const route = exception?.route ?? ROUTES.get(`${caller} ${callee}`);
  if (route === undefined) throw new Error(`the table has no cell for ${caller} and ${callee}`);
  return route;
}

/** The word of a cell, from what either end says last; `none` before it said anything. */
export function routeOf(callers: string | undefined, callees: string | undefined): string {
  const [mine, theirs] = [callers ?? 'none', callees ?? 'none'];
  return mine === theirs ? mine : `${mine}/${theirs}`;
}

function parseTable(text: string): ReadonlyMap<string, string> {
  const [head = [], ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Map(rows.flatMap(([row, ...words]) => words.map((word, index) => [`${row} ${head[index]}`, word])));
}
