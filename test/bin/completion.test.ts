/** Completion in real shells, and the man page through a real typesetter; what this machine lacks is skipped out loud. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tableOf } from '../../bin/commands/command-table.ts';
import { manPage } from '../../bin/commands/man-page.ts';
import { buddy, type ScriptedAgent, SIGNED_IN, scriptedAgent } from '../support/scripted-agent.ts';
import { hasTerminals, openTerminal, type TestTerminal } from '../support/terminal.ts';
import { type BuiltWren, buildWren } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent;
let profile: string;
let terminal: TestTerminal | undefined;
const scripts: Record<string, string> = {};
beforeAll(async () => {
  wren = buildWren();
  profile = wren.profile();
  const names = ['bobby1', 'bob.smith', 'carol1'];
  agent = await scriptedAgent(profile, {}, { ...SIGNED_IN, buddies: names.map((name) => buddy(name)) });
  // What a shell runs as `wren`: names are asked for while somebody completes.
  const words = `#!/bin/sh\nexec '${process.execPath}' '${join(wren.folder, 'wren.cjs')}' "$@"\n`;
  writeFileSync(join(wren.folder, 'wren'), words, { mode: 0o755 });
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await wren.run(['completion', shell]);
    expect(code).toBe(0);
    scripts[shell] = join(wren.folder, `completion.${shell}`);
    writeFileSync(scripts[shell] ?? '', stdout);
  }
});
afterEach(() => {
  terminal?.kill();
  terminal = undefined;
});
afterAll(async () => {
  await agent.close();
  wren.remove();
});

function has(program: string): boolean {
  const found = spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
  if (!found) console.log(`SKIPPED: tests with ${program}: it is not installed here`);
  return found;
}

const env = () => ({
  ...process.env,
  WREN_PROFILE: profile,
  PATH: `${wren.folder}:${process.env.PATH}`,
  LC_ALL: 'C.UTF-8',
});

/** What is offered for the last word, sorted. `lines`: each the words of a command line. */
const SHELLS: Readonly<Record<string, (words: readonly string[]) => Promise<string[]>>> = {
  bash: (words) => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const code = `source "$1"; COMP_WORDS=(wren ${line}); COMP_CWORD=${words.length}; _wren; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return linesOf('bash', ['--norc', '-c', code, 'bash', scripts.bash ?? '']);
  },
  zsh: async (words) => {
    // `compadd` and `_describe` are builtins of the line editor; stood in for, so that it runs without one.
    const code = `compdef() {}; compadd() { local -a all; if [[ $1 = -a ]]; then all=(\${(P)2}); else shift; all=("$@"); fi; print -rl -- $all }
_describe() { local -a all; all=("\${(@P)@[-1]}"); for one in $all; do print -r -- "\${one%%:*}"; done }
_files() { print -r -- FILES }; compset() { word=\${word#*=} }
source "$1"; words=(wren ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length + 1}; _wren`;
    const last = words.at(-1) ?? '';
    const wanted = last.startsWith('--') ? last.replace(/^--[^=]*=/, '') : last;
    const offered = await linesOf('zsh', ['-f', '-c', code, 'zsh', scripts.zsh ?? '']);
    return offered.filter((one) => one.startsWith(wanted));
  },
  fish: async (words) => {
    const code = 'source $argv[1]; complete -C"$argv[2]"';
    const line = `wren ${words.join(' ')}`;
    const offered = await linesOf('fish', ['--no-config', '-c', code, scripts.fish ?? '', line]);
    return offered.map((one) => one.split('\t')[0] ?? '');
  },
};

/** The agent that gives the names is in this process, so nothing may block it. */
async function linesOf(shell: string, args: readonly string[]): Promise<string[]> {
  const options = { env: env(), cwd: wren.folder };
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(shell, [...args], options, (_error, out, err) => (err === '' ? resolve(out) : reject(new Error(err))));
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

describe.each(Object.keys(SHELLS))('in %s', (shell) => {
  const complete = async (...words: string[]): Promise<string[]> => (await SHELLS[shell]?.(words)) ?? [];

  test.skipIf(!has(shell))(
    'commands, sub-commands, flags, choices and names are completed, each in its place',
    async () => {
      expect(await complete('ca')).toEqual(['call']);
      expect(await complete('buddies', '')).toEqual(
        ['accept', 'add', 'block', 'decline', 'list', 'remove', 'unblock'].sort(),
      );
      expect(await complete('--json', '--log-level', 'debug', 'sound', 'us')).toEqual(['use']);
      expect(await complete('--log-level', '')).toEqual(['debug', 'error', 'info', 'warn']);
      expect(await complete('completion', 'z')).toEqual(['zsh']);
      expect(await complete('call', 'bo')).toEqual(['bob.smith', 'bobby1']);
      expect(await complete('call', 'bobby1', 'c')).toEqual(['carol1']);
      expect(await complete('answer', '--from', 'car')).toEqual(['carol1']);
      const flags = await complete('answer', '--');
      expect(flags).toEqual(expect.arrayContaining(['--from', '--for', '--once', '--json', '--profile']));
      for (const other of ['--demo', '--pull', '--brief']) expect(flags).not.toContain(other);
      expect(await complete('signup', '')).toEqual([]);
      expect(await complete('sta')).toEqual(['status']);
    },
  );
});

const withTerminal = test.skipIf(!hasTerminals() || !has('bash'));

withTerminal('at a prompt of bash: Tab completes a name of somebody, and the value behind an equals sign', async () => {
  const argv = ['--norc', '--noprofile', '-i'];
  terminal = openTerminal('bash', argv, {
    env: { WREN_PROFILE: profile, PATH: env().PATH, PS1: '> ', INPUTRC: '/dev/null' },
  });
  terminal.type(`source '${scripts.bash}'; clear\r`);
  await terminal.until(/^>$/m, 20_000);
  // On a busy machine the agent may be slower than a finger on Tab is patient: then one presses again.
  const tab = async (typed: string, completed: RegExp): Promise<void> => {
    terminal?.type(typed);
    for (let tries = 0; tries < 8; tries++) {
      terminal?.type('\t');
      if (await terminal?.until(completed, 2_500).catch(() => undefined)) return;
    }
    throw new Error(`never completed to ${completed}: ${terminal?.text()}`);
  };
  await tab('wren buddies rem', /> wren buddies remove/);
  await tab('car', /> wren buddies remove carol1/);
  await tab('\u0015wren --log-level=de', /> wren --log-level=debug/);
});

test('names are asked only of an agent that runs, and their lack is no fault', async () => {
  const nobody = wren.profile();
  const ended = await wren.run(['--profile', nobody, 'completion', '--names']);
  expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await wren.run(['--profile', profile, 'completion', '--names'])).toMatchObject({
    stdout: 'bobby1\nbob.smith\ncarol1\n',
  });
  expect((await wren.run(['completion'])).code).toBe(3);
});

test('the table has every command that --help has, and every flag of each', async () => {
  const { stdout } = await wren.run(['man']);
  const { stdout: help } = await wren.run(['--help']);
  const commands = [...help.matchAll(/^ {2}([a-z][a-z-]*) .*\S/gm)].flatMap(([, name]) =>
    name && name !== 'help' ? [name] : [],
  );
  expect(commands.length).toBeGreaterThan(30);
  const page = stdout.replaceAll('\\-', '-');
  for (const name of new Set(commands)) if (name !== 'wren') expect(page).toContain(`wren ${name}`);
  for (const flag of ['--relay-kbps', '--brief', '--from', '--display-name', '--every']) expect(page).toContain(flag);
  for (const word of ['EXIT STATUS', 'ENVIRONMENT', 'FILES', 'WREN_NO_SECRET_STORE', 'host-cache.json'])
    expect(page).toContain(word);
});

test('what stands in the table cannot become a command to the typesetter', () => {
  const program = new Command('wren').description('.so /etc/passwd');
  program
    .command('a')
    .argument('[b]', "'quoted \\fB")
    .option('--c <d>', '.TH')
    .description('x')
    .addHelpText('after', '.rm y');
  const page = manPage(tableOf(program), '1.0');
  expect(page).toContain('\\&.so /etc/passwd');
  expect(page).toContain('\\&.rm y');
  expect(page).not.toMatch(/^\.(so|rm)\b/m);
  expect(page.match(/^\.TH/gm)).toHaveLength(1);
  expect(page).not.toContain('\\fB\\n');
});

test.skipIf(!has('groff'))('groff sets the page without a word of complaint, in any width', async () => {
  const { stdout: page } = await wren.run(['man']);
  for (const width of ['60n', '120n']) {
    const set = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', `-rLL=${width}`], { input: page, encoding: 'utf8' });
    expect([set.status, set.stderr.replace(/^.*(cannot adjust|can't break|cannot break).*\n/gm, '')]).toEqual([0, '']);
  }
  const text = spawnSync('groff', ['-man', '-Tascii', '-P-cbou'], { input: page, encoding: 'utf8' }).stdout;
  expect(text).toMatch(/wren check \[name\]/);
  expect(text).toMatch(/--every <seconds>/);
});
