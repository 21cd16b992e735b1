/**
 * The command behind `npm run sim`: plays scenarios on networks of given sizes, prints what was measured, and writes
 * it as CSV and as curves. Progress goes to stderr.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Figure, type Outcome, play, SCENARIOS } from './overlay-scenarios.ts';
import { plot, type Series } from './plot.ts';
import { playRefusal, type RefusalPoint, SHARES } from './refusal.ts';
import { playStorm, STORMS } from './storms.ts';

/** Larger networks stand from the first, unless told otherwise: joining is what takes time. */
const JOINED_MAX = 32;

const USAGE = `npm run sim -- [options]

  --supernodes N,N,...  sizes of the network, one run each (200)
  --users M             people who have signed in (2000)
  --scenario S          ${[...SCENARIOS, ...STORMS, 'refuse'].join(', ')} (search)
  --seed K              of all chance (1)
  --loss P              share of messages lost, 0 to 1 (0.02)
  --searches K          look-ups of each kind (200)
  --join                supernodes join one by one and everybody publishes, in networks of any size. Without it
                        those of more than ${JOINED_MAX} stand from the first, and 500 people publish
  --out FOLDER          where CSV and SVG go (node_modules/.cache/wren-sim)
  --help                this

join        until all know all                      churn      1 % of the supernodes go every second and come back
publish     people publish themselves; the rest     storm      all start again at once, and so do the clients
search      all kinds, against one full copy        partition  two halves for a minute
kill        30 % of the supernodes die at once
outage-2007 all clients start again, and 30 % of the supernodes, which are back later; both ends of attachments
outage-2010 30 % of the supernodes crash with their version, and a fifth of the clients; likewise
refuse      M people, of whom ever more refuse to serve, or limit it, with and without dedicated supernodes
`;

interface Run {
  readonly supernodes: number;
  readonly outcome: Outcome;
}

export function main(argv: readonly string[]): number {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      supernodes: { type: 'string', default: '200' },
      users: { type: 'string', default: '2000' },
      scenario: { type: 'string', default: 'search' },
      seed: { type: 'string', default: '1' },
      loss: { type: 'string', default: '0.02' },
      searches: { type: 'string', default: '200' },
      out: { type: 'string', default: path.join('node_modules', '.cache', 'wren-sim') },
      join: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const sizes = values.supernodes.split(',').map(Number);
  const [users, seed, loss, searches] = [values.users, values.seed, values.loss, values.searches].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const scenario = [...SCENARIOS, ...STORMS, 'refuse' as const].find((one) => one === values.scenario);
  const numbers = [...sizes, users, searches];
  if (
    values.help ||
    !scenario ||
    !numbers.every((one) => Number.isInteger(one) && one > 0) ||
    !(loss >= 0 && loss < 1)
  ) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  const given = { users, seed, loss };
  let points: readonly RefusalPoint[] = [];
  const runs = (scenario === 'refuse' ? [0] : sizes).map((supernodes) => {
    const begin = Date.now();
    const progress = (text: string): void => {
      process.stderr.write(`  ${((Date.now() - begin) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
    };
    const size = scenario === 'refuse' ? '' : `${supernodes} supernodes, `;
    process.stdout.write(`${scenario}: ${size}${users} users, loss ${loss}, seed ${seed}\n`);
    let outcome: Outcome;
    if (scenario === 'refuse') ({ outcome, points } = playRefusal({ seed, people: users, shares: SHARES, progress }));
    else if (scenario === 'outage-2007' || scenario === 'outage-2010')
      outcome = playStorm(scenario, { seed, supernodes, clients: users, progress });
    else {
      const joined = values.join || supernodes <= JOINED_MAX;
      outcome = play({ seed, supernodes, users, loss, scenario, searches, joined, progress });
    }
    for (const { name, value, unit } of outcome.figures) {
      process.stdout.write(`  ${name.padEnd(64)} ${printed(value)} ${unit}\n`);
    }
    process.stdout.write(
      `  ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB, ${Math.round((Date.now() - begin) / 1_000)} s\n`,
    );
    return { supernodes, outcome };
  });
  writeCsv(values.out, scenario, given, runs);
  draw(values.out, scenario, runs, points);
  process.stdout.write(`written to ${values.out}\n`);
  return 0;
}

function writeCsv(folder: string, scenario: string, given: object, runs: readonly Run[]): void {
  mkdirSync(folder, { recursive: true });
  const head = Object.entries(given)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
  const rows = runs.flatMap(({ supernodes, outcome }) =>
    outcome.figures.map(({ name, value, unit }) => [scenario, supernodes, `"${name}"`, value, unit].join(',')),
  );
  const file = path.join(folder, `${scenario}.csv`);
  writeFileSync(file, [`# ${head}`, 'scenario,supernodes,figure,value,unit', ...rows, ''].join('\n'));
}

function draw(folder: string, scenario: string, runs: readonly Run[], points: readonly RefusalPoint[]): void {
  const save = (name: string, title: string, axes: Parameters<typeof plot>[1], series: readonly Series[]): void =>
    writeFileSync(path.join(folder, `${scenario}${name}.svg`), plot(`${scenario}: ${title}`, axes, series));
  if (points.length > 0) {
    return save('', 'people still served', { x: 'share who refuse, or limit, %', y: '%' }, curvesOf(points));
  }
  const isStorm = STORMS.some((one) => one === scenario);
  const lines = runs.map(({ supernodes, outcome }) => ({
    name: `${supernodes} supernodes`,
    points: isStorm ? onlineOf(outcome) : perSecond(outcome, supernodes),
  }));
  if (isStorm) return save('', 'clients online', { x: 'time since, s', y: '%' }, lines);
  save('-traffic', 'sent by one supernode', { x: 'virtual time, s', y: 'kB/s' }, lines);
  if (runs.length < 2) return;
  const axes = { x: 'supernodes', y: 'messages', log: true };
  save('-growth', 'messages as the network grows', axes, growthOf(runs));
}

function curvesOf(points: readonly RefusalPoint[]): Series[] {
  const names = [...new Set(points.map(({ curve }) => curve))];
  return names.map((name) => ({
    name,
    points: points.filter(({ curve }) => curve === name).map(({ share, served }) => [100 * share, served]),
  }));
}

function onlineOf({ samples }: Outcome): (readonly [number, number])[] {
  const began = samples[0]?.atMs ?? 0;
  return samples.map(({ atMs, online = 0 }) => [(atMs - began) / 1_000, online]);
}

function perSecond({ samples }: Outcome, supernodes: number): (readonly [number, number])[] {
  return samples
    .slice(1)
    .map((one, i) => [one.atMs / 1_000, (one.bytes - (samples[i]?.bytes ?? 0)) / supernodes / 1_000]);
}

function growthOf(runs: readonly Run[]): Series[] {
  const isCount = ({ name }: Figure): boolean => name.includes('messages, mean') || name.startsWith('puts');
  const names = runs[0]?.outcome.figures.filter(isCount).map(({ name }) => name) ?? [];
  return names.map((name) => ({
    name: name.replace(': messages, mean', '').slice(0, 24),
    points: runs.map(({ supernodes, outcome }) => [
      supernodes,
      outcome.figures.find((one) => one.name === name)?.value ?? 0,
    ]),
  }));
}

function printed(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}
