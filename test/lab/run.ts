/**
 * `npm run lab`: the network lab from the command line. Prints the grid of calls between all places, or runs a program
 * in one of them. `run.mjs` bundles and starts it.
 */
import { describePlace, expectedRoute, PLACES, type Place } from '../places.ts';
import { CROWD } from './crowd.ts';
import { CrowdScenes } from './crowd-scenes.ts';
import { type Cell, GRID_DEFAULTS, Grid, type GridWish, gridLines, isAsExpected, type PersonFacts } from './grid.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';

const USAGE = `The network lab: real wren processes behind NAT boxes and bad cables, in network namespaces.

  npm run lab -- --grid [options]        call from every place to every place
    --places PUB,PR,SYM                  only these, as callers and as callees (default: all)
    --callers LIST, --callees LIST       likewise, apart
    --delay MS                           between each person and the core, each way (default 0; W100 is 50)
    --for S                              how long a relayed call is watched for a direct way (default ${GRID_DEFAULTS.forS})
    --parallel N                         calls at a time (default ${GRID_DEFAULTS.parallel})
    --strangers                          call without being buddies
    --json                               one JSON object a line: people, cells
  npm run lab -- --crowd                 ten supernodes, thirty people, and what may happen to them
  npm run lab -- --in PLACE COMMAND...   run a program there; the public host 198.19.1.2 is outside
  npm run lab -- --list                  what the places are
  npm run lab -- --as-nobody ...         the same without being root, by unprivileged user namespaces

A cell is: route, ms from the answer to the first sound at both ends, ms to the direct way at both ends. A route of two
words is what the caller's end says, then what the callee's says: tcp443/relay is a caller who reaches the supernode by
TCP 443 and a callee who reaches it by UDP. "-" is a place from which nobody gets in; "!" is not what test/places.ts says.`;

/** Resolves with the exit code: 0 done, 1 not as the table says or as it should be, 2 the machine cannot, 3 usage. */
export async function main(argv: readonly string[]): Promise<number> {
  // An exit takes the lab with it (`keeper.ts`); a death by signal would leave its folder for the next run to sweep.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  const at = argv.indexOf('--in');
  const support = labSupport();
  if (argv.includes('--help') || argv.length === 0) return say(USAGE, 0);
  if (argv.includes('--list')) return say(PLACES.map(describePlace).join('\n'), 0);
  if (!support.ok) return say(`The lab does not run on this machine: ${support.why}.`, 2);
  if (at >= 0) return await runInside(placesOf(argv[at + 1] ?? ''), argv.slice(at + 2));
  if (argv.includes('--crowd')) return await crowd();
  if (!argv.includes('--grid')) return say(USAGE, 3);
  return await grid(argv);
}

async function grid(argv: readonly string[]): Promise<number> {
  const value = (flag: string): string | undefined => {
    const at = argv.indexOf(flag);
    return at < 0 ? undefined : argv[at + 1];
  };
  const number = (flag: string, otherwise: number): number => Number(value(flag) ?? otherwise);
  const places = value('--places') ?? PLACES.join(',');
  const [callers, callees] = [placesOf(value('--callers') ?? places), placesOf(value('--callees') ?? places)];
  const wish = {
    delayMs: number('--delay', GRID_DEFAULTS.delayMs),
    forS: number('--for', GRID_DEFAULTS.forS),
    parallel: number('--parallel', GRID_DEFAULTS.parallel),
    buddies: !argv.includes('--strangers'),
  };
  if (!callers || !callees || ![wish.delayMs, wish.forS, wish.parallel].every((n) => n >= 0)) return say(USAGE, 3);
  return await callAll({ ...wish, callers, callees }, argv.includes('--json'));
}

async function crowd(): Promise<number> {
  const beganAt = performance.now();
  const tell = (line: string): number => say(`[${seconds(beganAt)} s] ${line}`, 0);
  const scenes = await CrowdScenes.start(CROWD, tell);
  try {
    const problems: string[] = [];
    for (const play of ['everybodyIsFound', 'threeDie', 'theyComeBack', 'cutInHalves'] as const) {
      const wrong = await scenes[play]();
      for (const line of wrong) tell(`NOT as it should be: ${line}`);
      problems.push(...wrong);
    }
    return say(problems.length === 0 ? 'all as it should be' : `${problems.length} things wrong`, problems.length && 1);
  } finally {
    await scenes.stop();
  }
}

async function callAll(wish: GridWish, json: boolean): Promise<number> {
  const beganAt = performance.now();
  let done = 0;
  const all = wish.callers.length * wish.callees.length;
  const grid = await Grid.start(wish);
  try {
    const cells = await grid.callAll({
      person: (facts) => say(json ? JSON.stringify({ event: 'person', ...facts }) : personLine(facts), 0),
      cell: (cell) => {
        const progress = `[${String(++done).padStart(2)} of ${all}, ${seconds(beganAt)} s]`;
        say(json ? JSON.stringify({ event: 'cell', ...cell }) : `${progress} ${cellLine(cell)}`, 0);
      },
    });
    const other = cells.filter((cell) => !isAsExpected(cell));
    if (json) return other.length === 0 ? 0 : 1;
    say(`\n${gridLines(cells, wish).join('\n')}`, 0);
    return say(
      `\n${all - other.length} of ${all} cells as test/places.ts says; ${seconds(beganAt)} s`,
      Math.min(other.length, 1),
    );
  } finally {
    await grid.stop();
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0);
}

function personLine({ role, place, ok, tookMs, supernode, why }: PersonFacts): string {
  const took = `${Math.round(tookMs)} ms`;
  return `${role} ${place}: ${ok ? `reachable ${took} after signing up, by ${supernode?.endpoint}` : `NOT signed in after ${took}: ${why}`}`;
}

function cellLine(cell: Cell): string {
  const { caller, callee, route, setupMs, firstSoundMs, directMs, why } = cell;
  const times =
    setupMs === undefined
      ? (why ?? '')
      : `answered ${setupMs}, sound ${firstSoundMs ?? '-'}, direct ${directMs ?? '-'} ms`;
  const expected = isAsExpected(cell) ? '' : ` (the table says ${expectedRoute('lab', caller, callee)})`;
  return `${caller} -> ${callee}: ${route} ${times}`.trimEnd() + expected;
}

async function runInside(places: readonly Place[] | undefined, [command, ...args]: readonly string[]): Promise<number> {
  const [place] = places ?? [];
  if (place === undefined || command === undefined) return say(USAGE, 3);
  const lab = await Lab.start();
  try {
    await lab.place('PUB', 'outside');
    await lab.place(place, 'here');
    const running = lab.run('here', command, args);
    running.onOutput((chunk) => process.stdout.write(chunk));
    process.stdin.on('data', (chunk) => running.write(String(chunk)));
    const ending = await running.done;
    process.stderr.write(ending.stderr);
    return ending.code ?? 1;
  } finally {
    await lab.stop();
  }
}

function placesOf(list: string): Place[] | undefined {
  const named = list.split(',').map((text) => PLACES.find((place) => place === text.trim()));
  return named.every((place) => place !== undefined) ? named : undefined;
}

function say(text: string, code: number): number {
  process.stdout.write(`${text}\n`);
  return code;
}
