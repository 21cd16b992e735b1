/**
 * Calls from every place of the lab to every place, between real agents: the route, the time to the first sound and the
 * time to a direct way of each pair. People sign up once and stay; pairs that share nobody talk at the same time.
 * `run.ts` prints it, `grid.test.ts` asserts it, cell by cell, against the common table (`../places.ts`).
 */
import { BEHAVIOUR, expectedRoute, type Place } from '../places.ts';
import { Lab } from './lab.ts';
import { LabPerson, type SignUpFacts } from './lab-person.ts';
import { type CallFacts, WrenNetwork } from './wren-network.ts';

export interface GridWish {
  readonly callers: readonly Place[];
  readonly callees: readonly Place[];
  /** Between each person and the core, each way, ms. */
  readonly delayMs: number;
  /** How long a call is watched for a better way, s; one that found a direct way is over sooner. */
  readonly forS: number;
  /** Calls at a time; nobody is in two. */
  readonly parallel: number;
  /** Buddies tell one another their addresses while it rings, strangers once it is answered. */
  readonly buddies: boolean;
}

export const GRID_DEFAULTS = { delayMs: 0, forS: 6, parallel: 4, buddies: true } as const;
/** Signing up makes keys, which takes a core. */
const SIGN_UPS_AT_ONCE = 2;
const ATTACH_TRIES = 3;
/** All calls of the grid may be relayed at once. */
const RELAY_KBPS = '20000';

export interface PersonFacts extends SignUpFacts {
  readonly role: 'caller' | 'callee';
  readonly place: Place;
}

export interface Cell extends Partial<Omit<CallFacts, 'caller' | 'callee'>> {
  readonly caller: Place;
  readonly callee: Place;
  /** As in the table, or `no-call` (see `why`). */
  readonly route: string;
}

export interface GridNews {
  person(facts: PersonFacts): void;
  cell(cell: Cell): void;
}

interface Member {
  readonly role: PersonFacts['role'];
  readonly place: Place;
  person: LabPerson | undefined;
  /** Whether it is signed up, once that is known. */
  state: 'unknown' | 'here' | 'not-here';
  busy: boolean;
}

interface Pair {
  readonly caller: Member;
  readonly callee: Member;
}

/** The lab of a grid with everybody in it: `callAll`, or single calls, until `stop`. */
export class Grid {
  readonly #lab: Lab;
  readonly #network: WrenNetwork;
  readonly #wish: GridWish;
  readonly #members: readonly Member[];

  private constructor(lab: Lab, network: WrenNetwork, wish: GridWish) {
    this.#lab = lab;
    this.#network = network;
    this.#wish = wish;
    const member = (role: Member['role']) => (place: Place) =>
      ({ role, place, person: undefined, state: 'unknown', busy: false }) satisfies Member;
    this.#members = [...wish.callers.map(member('caller')), ...wish.callees.map(member('callee'))];
  }

  static async start(wish: GridWish): Promise<Grid> {
    const lab = await Lab.start();
    try {
      const network = await WrenNetwork.start(lab, { supernode: ['--relay-kbps', RELAY_KBPS] });
      const grid = new Grid(lab, network, wish);
      for (const { role, place } of grid.#members) {
        await lab.place(place, hostOf(role, place));
        await lab.link(hostOf(role, place), { delayMs: wish.delayMs });
      }
      return grid;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** Signs everybody up and calls every pair; whoever is here already begins. */
  async callAll(news: GridNews): Promise<Cell[]> {
    const cells: Cell[] = [];
    const signing = atMost(SIGN_UPS_AT_ONCE, slowestFirst(this.#members), async (member) =>
      news.person(await this.#signUp(member)),
    );
    // A failure there ends the calls, which would wait for ever.
    let failure: unknown;
    signing.catch((error) => {
      failure = error;
    });
    const waiting = this.#pairs();
    await Promise.all(
      Array.from({ length: this.#wish.parallel }, async () => {
        while (waiting.length > 0 && failure === undefined) {
          const at = waiting.findIndex(isReady);
          const [pair] = at < 0 ? [] : waiting.splice(at, 1);
          if (pair === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
          else {
            const cell = await this.#call(pair);
            cells.push(cell);
            news.cell(cell);
          }
        }
      }),
    );
    await signing;
    return cells;
  }

  /** For single calls alone: signs everybody up. */
  signUpAll(): Promise<void> {
    return atMost(SIGN_UPS_AT_ONCE, this.#members, async (member) => void (await this.#signUp(member)));
  }

  /** One call, after `signUpAll` or `callAll`. */
  call(caller: Place, callee: Place): Promise<Cell> {
    const member = (role: Member['role'], place: Place): Member =>
      this.#members.find((one) => one.role === role && one.place === place)!;
    return this.#call({ caller: member('caller', caller), callee: member('callee', callee) });
  }

  /** Of both ends of a pair, to find out why a cell is not as expected: what they know of themselves, and what their boxes keep. */
  async circumstances(caller: Place, callee: Place): Promise<string[]> {
    const of = async (role: Member['role'], place: Place): Promise<string[]> => {
      const state = await this.#members.find((one) => one.role === role && one.place === place)?.person?.state();
      const known = JSON.stringify({ supernode: state?.supernode, nat: state?.natKind });
      return [`${role} ${place}: ${known}`, ...this.#lab.bindings(hostOf(role, place))];
    };
    return [...(await of('caller', caller)), ...(await of('callee', callee))];
  }

  stop(): Promise<void> {
    return this.#lab.stop();
  }

  /** Shifted, so that neighbours in the list share nobody and can talk at the same time. */
  #pairs(): Pair[] {
    const callees = this.#members.filter(({ role }) => role === 'callee');
    return this.#members
      .filter(({ role }) => role === 'caller')
      .flatMap((caller, row) =>
        callees.map((_, column) => ({ caller, callee: callees[(row + column) % callees.length]! })),
      );
  }

  async #signUp(member: Member): Promise<PersonFacts> {
    const { role, place } = member;
    const host = hostOf(role, place);
    member.person = await LabPerson.join(this.#network, { host, name: host });
    let facts = await member.person.signUp();
    // On a busy machine TCP may win the race where UDP works, and then nobody can tell the end its own address.
    for (let tries = 0; tries < ATTACH_TRIES && facts.ok && isSlow(facts, place); tries++)
      facts = { ...facts, supernode: await member.person.attachAnew() };
    member.state = facts.ok ? 'here' : 'not-here';
    return { ...facts, role, place };
  }

  async #call({ caller, callee }: Pair): Promise<Cell> {
    const places = { caller: caller.place, callee: callee.place };
    if (!caller.person || !callee.person || caller.state !== 'here' || callee.state !== 'here') {
      return { ...places, route: '-' };
    }
    caller.busy = callee.busy = true;
    const { caller: _caller, callee: _callee, ...facts } = await caller.person.call(callee.person, this.#wish);
    caller.busy = callee.busy = false;
    return { ...facts, ...places, route: facts.setupMs === undefined ? 'no-call' : facts.route };
  }
}

function isSlow({ supernode }: SignUpFacts, place: Place): boolean {
  return BEHAVIOUR[place].udp && supernode?.carrier === 'tcp';
}

function isReady({ caller, callee }: Pair): boolean {
  const both = [caller, callee];
  return both.some(({ state }) => state === 'not-here') || both.every(({ state, busy }) => state === 'here' && !busy);
}

/** Who has to find out that nothing gets through is nobody to wait for. */
function slowestFirst(members: readonly Member[]): Member[] {
  const slow: readonly Place[] = ['443D', '443X', 'UDPX'];
  const rank = ({ place }: Member): number => (slow.includes(place) ? slow.indexOf(place) : slow.length);
  return members.toSorted((a, b) => rank(a) - rank(b));
}

function hostOf(role: Member['role'], place: Place): string {
  return `${role}-${place.toLowerCase().replace("'", 't')}`;
}

async function atMost<T>(limit: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

export function isAsExpected({ caller, callee, route }: Cell): boolean {
  return route === expectedRoute('lab', caller, callee);
}

/** The grid as lines for people: a row for each caller, a column for each callee; `!` where the table says otherwise. */
export function gridLines(cells: readonly Cell[], wish: Pick<GridWish, 'callers' | 'callees'>): string[] {
  const rows = [
    ['caller \\ callee', ...wish.callees],
    ...wish.callers.map((caller) => [
      caller,
      ...wish.callees.map((callee) => cellText(cells.find((cell) => cell.caller === caller && cell.callee === callee))),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '?';
  const times = cell.setupMs === undefined ? '' : ` ${cell.firstSoundMs ?? '-'}/${cell.directMs ?? '-'}`;
  return `${isAsExpected(cell) ? '' : '!'}${cell.route}${times}`;
}
