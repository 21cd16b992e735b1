/**
 * `npm run lab`: the network lab from the command line. Prints the grid of calls between all places, or runs a program
 * in one of them. `run.mjs` bundles and starts it.
 */
import { describePlace, PLACES, type Place } from '../places.ts';
import { type Cell, callGrid, GRID_DEFAULTS, gridLines, type PersonFacts } from './grid.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';

const USAGE = `The network lab: real wren processes behind NAT boxes and bad cables, in network namespaces.

  npm run lab -- --grid [options]        call from every place to every place
    --places PUB,PR,SYM                  only these, as callers and as callees (default: all)
    --callers LIST, --callees LIST       likewise, apart
    --delay MS                           between each person and the core, each way (default 0; W100 is 50)
    --for S                              length of each call (default ${GRID_DEFAULTS.forS})
    --parallel N                         calls at a time (default ${GRID_DEFAULTS.parallel})
    --strangers                          call without being buddies
    --json                               one JSON object a line: people, cells
  npm run lab -- --in PLACE COMMAND...   run a program there; the public host 198.19.1.2 is outside
  npm run lab -- --list                  what the places are

A cell is: route, ms from the answer to the first sound at both ends, ms to the direct way at both ends.`;

/** Resolves with the exit code: 0 done, 2 the machine cannot, 3 usage. */
export async function main(argv: readonly string[]): Promise<number> {
  // An exit takes the lab with it (`keeper.ts`); a death by signal would leave its folder for the next run to sweep.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  const at = argv.indexOf('--in');
  const support = labSupport();
  if (argv.includes('--help') || argv.length === 0) return say(USAGE, 0);
  if (argv.includes('--list')) return say(PLACES.map(describePlace).join('\n'), 0);
  if (!support.ok) return say(`The lab does not run on this machine: ${support.why}.`, 2);
  if (at >= 0) return await runInside(placesOf(argv[at + 1] ?? ''), argv.slice(at + 2));
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
  const json = argv.includes('--json');
  const cells = await callGrid(
    { ...wish, callers, callees },
    {
      person: (facts) => say(json ? JSON.stringify({ event: 'person', ...facts }) : personLine(facts), 0),
      cell: (cell) => say(json ? JSON.stringify({ event: 'cell', ...cell }) : cellLine(cell), 0),
    },
  );
  if (!json) say(`\n${gridLines(cells, { callers, callees }).join('\n')}`, 0);
  return 0;
}

function personLine({ role, place, ok, tookMs, usableMs, supernode, why }: PersonFacts): string {
  const times = `${Math.round(tookMs)} ms${usableMs === undefined ? '' : `, reachable ${Math.round(usableMs)} ms later by ${supernode?.carrier}`}`;
  return `${role} ${place}: ${ok ? `signed up in ${times}` : `NOT signed in after ${times}: ${why}`}`;
}

function cellLine({ caller, callee, route, setupMs, firstSoundMs, directMs, why }: Cell): string {
  const times =
    setupMs === undefined
      ? (why ?? '')
      : `answered ${setupMs}, sound ${firstSoundMs ?? '-'}, direct ${directMs ?? '-'} ms`;
  return `${caller} -> ${callee}: ${route} ${times}`.trimEnd();
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
