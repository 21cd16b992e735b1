/**
 * Measures the built program, scene by scene, and says what came out: lines on stderr while it runs, a table at the
 * end, JSON for scripts, the table of `README.md` with `--write`. What each figure means stands in that file.
 *
 * Exit codes: 0 measured (whatever the figures), 2 a scene failed, 3 usage.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { load, machineText, NOISY_LOAD, thisMachine } from './machine.ts';
import {
  type Played,
  plain,
  type Run,
  summary,
  terminalLines,
  writeInto,
  writePictures,
  writeScenesInto,
} from './report.ts';
import type { Scene } from './scene.ts';
import { beside } from './scene-beside.ts';
import { call } from './scene-call.ts';
import { conference } from './scene-conference.ts';
import { ear } from './scene-ear.ts';
import { gaps } from './scene-gaps.ts';
import { idle } from './scene-idle.ts';
import { lab } from './scene-lab.ts';
import { micro } from './scene-micro.ts';
import { relay } from './scene-relay.ts';
import { screen } from './scene-screen.ts';
import { start } from './scene-start.ts';
import { supernode } from './scene-supernode.ts';
import { voice } from './scene-voice.ts';
import { wire } from './scene-wire.ts';
import { clearStages, ROOT } from './stage.ts';

const SCENES: readonly Scene[] = [
  idle,
  start,
  screen,
  call,
  ear,
  voice,
  conference,
  lab,
  relay,
  supernode,
  gaps,
  wire,
  micro,
  beside,
];
const README = join(import.meta.dirname, 'README.md');

const USAGE = `usage: npm run bench -- [SCENE ...] [--only SCENE,SCENE] [--json FILE] [--write] [--list]
  SCENE    some of: ${SCENES.map(({ name }) => name).join(', ')}
  --json   every value, into FILE
  --only   the same
  --write  put the table and the curves into bench/; of some scenes their rows alone
`;

export async function main(argv: readonly string[]): Promise<number> {
  const options = optionsOf(argv);
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n${USAGE}`);
    return 3;
  }
  if (options.list) {
    for (const { name, title, seconds } of SCENES) process.stdout.write(`${name}: ${title}, about ${seconds} s\n`);
    return 0;
  }
  if (!existsSync('/proc/self/smaps_rollup')) {
    process.stderr.write('the measurements read /proc, which only Linux has\n');
    return 2;
  }
  const jsonFile = options.json === undefined ? undefined : resolve(options.json);
  // Native packages are looked for from the working directory when sources run unbundled.
  process.chdir(ROOT);
  process.on('SIGINT', interrupted);
  process.on('SIGTERM', interrupted);
  const run = await playAll(options.scenes);
  if (run === undefined) return 2;
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(plain(run), null, 2)}\n`);
  if (options.write) {
    if (options.scenes.length === SCENES.length) writeInto(README, run);
    else writeScenesInto(README, run);
    writePictures(import.meta.dirname, run);
    // The formatter lines the table up, and the lint check looks at it.
    execFileSync(join(ROOT, 'node_modules/.bin/biome'), ['check', '--write', README], { stdio: 'ignore' });
  }
  process.stdout.write(`\n${summary(run)}\n`);
  return 0;
}

function interrupted(): void {
  clearStages();
  process.exit(130);
}

interface Options {
  readonly scenes: readonly Scene[];
  readonly json: string | undefined;
  readonly write: boolean;
  readonly list: boolean;
}

/** Or what is wrong with them. */
function optionsOf(argv: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        json: { type: 'string' },
        write: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    });
    const named = [...positionals, ...(values.only?.split(',') ?? [])];
    const wanted = named.length > 0 ? named : SCENES.map(({ name }) => name);
    const unknown = wanted.filter((name) => !SCENES.some((scene) => scene.name === name));
    if (unknown.length > 0) return `no such scene: ${unknown.join(', ')}`;
    const scenes = SCENES.filter(({ name }) => wanted.includes(name));
    return { scenes, json: values.json, write: values.write, list: values.list };
  } catch (error) {
    return (error as Error).message;
  }
}

async function playAll(scenes: readonly Scene[]): Promise<Run | undefined> {
  const machine = thisMachine();
  process.stderr.write(`${machineText(machine)}, load ${load().toFixed(2)}\n`);
  const played: Played[] = [];
  for (const scene of scenes) {
    const before = load();
    if (before > NOISY_LOAD)
      process.stderr.write(`others use the machine (load ${before.toFixed(2)}): times are pessimistic\n`);
    try {
      const made = await scene.play((line) => process.stderr.write(`${scene.name}: ${line}\n`));
      const { figures, pictures } = 'pictures' in made ? made : { figures: made, pictures: {} };
      played.push({ scene: scene.name, title: scene.title, figures, load: before, pictures });
      process.stdout.write(
        `\n${scene.title}\n${terminalLines(figures)
          .map((line) => `  ${line}\n`)
          .join('')}`,
      );
    } catch (error) {
      process.stderr.write(`${scene.name}: FAILED ${(error as Error).stack ?? String(error)}\n`);
      clearStages();
      return undefined;
    }
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return { at: new Date().toISOString().slice(0, 16).replace('T', ' '), version, machine, scenes: played };
}
