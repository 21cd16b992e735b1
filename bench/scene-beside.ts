/**
 * Others who do this from a terminal, at rest on the same machine, as far as they are installed: baresip (SIP, C) and toxic (Tox, C).
 * And how long it takes from a clean checkout to the first call.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { spawn as spawnPty } from '@lydell/node-pty';
import type { Figure } from './figure.ts';
import { memoryOf } from './proc.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, pause, ROOT, type Stage } from './stage.ts';
import { TimedProgram } from './timed-program.ts';

const RUNS = 3;
const REST_MS = 3_000;

export const beside: Scene = {
  name: 'beside',
  title: 'Beside others, and from a checkout to a call',
  seconds: 150,
  play: (say) =>
    onStage(async (stage) => [
      ...(await baresip(stage, say)),
      ...(await toxic(stage, say)),
      ...(await firstCall(stage, say)),
    ]),
};

function isThere(program: string, say: (line: string) => void): boolean {
  const found = spawnSync('which', [program], { stdio: 'ignore' }).status === 0;
  if (!found) say(`SKIPPED ${program}: it is not installed`);
  return found;
}

/** Without an account: all that a call needs is loaded. */
async function baresip(stage: Stage, say: (line: string) => void): Promise<Figure[]> {
  if (!isThere('baresip', say)) return [];
  const runs = await repeat(RUNS, async (run) => {
    const folder = stage.path(`baresip-${run}`);
    mkdirSync(folder);
    // The first start writes its configuration; the second is the one that counts.
    for (const counts of [false, true]) {
      const program = new TimedProgram('baresip', ['-f', folder], stage.env);
      const readyMs = await program.saw(/baresip is ready/);
      if (counts) await pause(REST_MS);
      const { rss, pss } = memoryOf(program.pid);
      program.child.kill('SIGKILL');
      await program.ended;
      if (counts) return { readyMs, rss, pss };
    }
    throw new Error('baresip was not started twice');
  });
  return [
    { name: 'baresip at rest, RSS', unit: 'MiB', values: runs.map(({ rss }) => rss) },
    { name: 'baresip at rest, PSS', unit: 'MiB', values: runs.map(({ pss }) => pss) },
    { name: 'baresip, start to ready', unit: 'ms', values: runs.map(({ readyMs }) => readyMs) },
  ];
}

/** In a home of its own, at whatever it shows first. */
async function toxic(stage: Stage, say: (line: string) => void): Promise<Figure[]> {
  if (!isThere('toxic', say)) return [];
  const runs = await repeat(RUNS, async (run) => {
    const home = stage.path(`toxic-${run}`);
    mkdirSync(home);
    const env = { ...stage.env, HOME: home, XDG_CONFIG_HOME: home, TERM: 'xterm-256color' } as Record<string, string>;
    const startedAt = performance.now();
    const pty = spawnPty('toxic', [], { cols: 100, rows: 30, env });
    const paintMs = await new Promise<number>((resolve) => pty.onData(() => resolve(performance.now() - startedAt)));
    await pause(REST_MS);
    const { rss, pss } = memoryOf(pty.pid);
    pty.kill('SIGKILL');
    return { paintMs, rss, pss };
  });
  return [
    { name: 'toxic at rest, RSS', unit: 'MiB', values: runs.map(({ rss }) => rss) },
    { name: 'toxic at rest, PSS', unit: 'MiB', values: runs.map(({ pss }) => pss) },
    { name: 'toxic, first bytes on the terminal', unit: 'ms', values: runs.map(({ paintMs }) => paintMs) },
  ];
}

/** What is committed, in a folder of its own: `npm ci`, which builds, then a network, an account, and echo answers. */
async function firstCall(stage: Stage, say: (line: string) => void): Promise<Figure[]> {
  say('npm ci in a clean checkout');
  const checkout = stage.path('checkout');
  mkdirSync(checkout);
  const { NODE_ENV: _env, ...env } = stage.env;
  const options = { env: { ...env, WREN_PROFILE: stage.path('first') }, cwd: checkout, stdio: 'pipe' } as const;
  execFileSync('sh', ['-c', `git -C '${ROOT}' archive HEAD | tar -x`], options);
  const beganAt = performance.now();
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], options);
  const installedMs = performance.now() - beganAt;
  const wren = `${checkout}/bin/wren`;
  const up = stage.node(wren, 'up', '--dir', stage.path('first-network'), '--host', '127.0.0.1', '--json');
  await up.saw(/"ready".*\n/);
  const run = (...argv: string[]): Buffer => execFileSync(process.execPath, [wren, ...argv], options);
  run('join', String(up.events()[0]?.invite));
  run('signup', 'newcomer1');
  run('--audio', 'none', 'call', 'echo', '--for', '0.1');
  const callMs = performance.now() - beganAt;
  run('agent', 'stop');
  return [
    { name: '`npm ci` in a clean checkout', unit: 'ms', values: [installedMs] },
    {
      name: 'clean checkout to the end of the first call',
      unit: 'ms',
      values: [callMs],
      target: { label: 'M6', most: 120_000 },
      remark: 'npm ci, which builds; then network, account and a call to echo',
    },
  ];
}
