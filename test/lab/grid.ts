/**
 * Calls from every place of the lab to every place, with real processes: the route, the time to the first sound and the
 * time to a direct way of each pair. `run.ts` prints it; tests may ask for some of its cells and assert them.
 */
import { Lab } from './lab.ts';
import type { Place } from './places.ts';
import { type CallFacts, type SignUp, WrenNetwork } from './wren-network.ts';

export interface GridWish {
  readonly callers: readonly Place[];
  readonly callees: readonly Place[];
  /** Between each person and the core, each way, ms. */
  readonly delayMs: number;
  /** How long each call lasts, s. */
  readonly forS: number;
  /** Calls at a time; nobody is in two. */
  readonly parallel: number;
  /** Buddies tell one another their addresses while it rings, strangers once it is answered. */
  readonly buddies: boolean;
}

export const GRID_DEFAULTS = { delayMs: 0, forS: 4, parallel: 2, buddies: true } as const;

export interface PersonFacts extends SignUp {
  readonly role: 'caller' | 'callee';
  readonly place: Place;
}

export interface Cell extends Partial<Omit<CallFacts, 'caller' | 'callee'>> {
  readonly caller: Place;
  readonly callee: Place;
  /** What became of it: a route, or why there was no call. */
  readonly route: string;
}

export interface GridNews {
  person(facts: PersonFacts): void;
  cell(cell: Cell): void;
}

interface Person {
  readonly role: 'caller' | 'callee';
  readonly place: Place;
  readonly host: string;
  readonly name: string;
  ok: boolean;
  busy: boolean;
}

export async function callGrid(wish: GridWish, news: GridNews): Promise<Cell[]> {
  const lab = await Lab.start();
  try {
    const network = await WrenNetwork.start(lab);
    const people = [
      ...wish.callers.map((place) => personAt('caller', place)),
      ...wish.callees.map((place) => personAt('callee', place)),
    ];
    for (const { place, host } of people) {
      await lab.place(place, host);
      await lab.link(host, { delayMs: wish.delayMs });
    }
    await inParallel(people, wish.parallel, async (person) => {
      const signedUp = await network.signUp(person.host, person.name);
      person.ok = signedUp.ok;
      news.person({ ...signedUp, role: person.role, place: person.place });
    });
    return await callAll(network, people, wish, news);
  } finally {
    await lab.stop();
  }
}

async function callAll(
  network: WrenNetwork,
  people: readonly Person[],
  wish: GridWish,
  news: GridNews,
): Promise<Cell[]> {
  const callees = people.filter(({ role }) => role === 'callee');
  const pairs = people
    .filter(({ role }) => role === 'caller')
    // Shifted, so that neighbours in the list share nobody and can talk at the same time.
    .flatMap((caller, row) =>
      callees.map((_, column) => ({ caller, callee: callees[(row + column) % callees.length]! })),
    );
  const cells: Cell[] = [];
  await pairwise(pairs, wish.parallel, async ({ caller, callee }) => {
    const cell: Cell = {
      ...(await oneCell(network, caller, callee, wish)),
      caller: caller.place,
      callee: callee.place,
    };
    cells.push(cell);
    news.cell(cell);
  });
  return cells;
}

async function oneCell(
  network: WrenNetwork,
  caller: Person,
  callee: Person,
  wish: GridWish,
): Promise<Omit<Cell, 'caller' | 'callee'>> {
  if (!caller.ok || !callee.ok) return { route: 'offline' };
  try {
    if (wish.buddies) await network.befriend(caller, callee);
  } catch (error) {
    return { route: 'no-buddy', why: String(error) };
  }
  const { caller: _caller, callee: _callee, ...facts } = await network.call(caller, callee, { forS: wish.forS });
  return facts.setupMs === undefined ? { ...facts, route: 'no-call' } : facts;
}

function personAt(role: Person['role'], place: Place): Person {
  const host = `${role}-${place.toLowerCase().replace("'", 't')}`;
  return { role, place, host, name: host, ok: false, busy: false };
}

/** The pairs in order, `limit` at a time, each as soon as both of its people are free. */
async function pairwise<P extends { caller: Person; callee: Person }>(
  pairs: readonly P[],
  limit: number,
  work: (pair: P) => Promise<void>,
): Promise<void> {
  const waiting = [...pairs];
  const worker = async (): Promise<void> => {
    while (waiting.length > 0) {
      const at = waiting.findIndex(({ caller, callee }) => !caller.busy && !callee.busy);
      const pair = waiting[at];
      if (pair === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      waiting.splice(at, 1);
      pair.caller.busy = pair.callee.busy = true;
      await work(pair);
      pair.caller.busy = pair.callee.busy = false;
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

/** The grid as lines for people: a row for each caller, a column for each callee. */
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
  if (cell.setupMs === undefined) return cell.route;
  return `${cell.route} ${cell.firstSoundMs ?? '-'}/${cell.directMs ?? '-'}`;
}
