/**
 * One real supernode with three hundred real clients, each with twenty buddies among them (figure N3): what it sends and
 * receives and what processor it takes while nobody does anything, and under far more work than they make at rest.
 */
import { join } from 'node:path';
import { parseInvite } from '../src/net/index.ts';
import { ClientCrowd } from './client-crowd.ts';
import type { Figure } from './figure.ts';
import { cpuMsOf, memoryOf } from './proc.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, pause, type Stage } from './stage.ts';

const CLIENTS = 300;
const BUDDIES = 20;
const ONLINE_LIMIT_MS = 60_000;
/** First presence, standbys looked for, sessions grown old: over after this. */
const SETTLE_MS = 40_000;
const REST_MS = 20_000;
const RESTS = 3;
const ROUNDS = 20;
const ROUND_MS = 1_000;

export const supernode: Scene = {
  name: 'supernode',
  title: 'A supernode with three hundred clients',
  seconds: 150,
  play: (say) =>
    onStage(async (stage) => {
      const { pid, crowd } = await crowded(stage, say);
      try {
        const onlineMs = await crowd.allOnline(ONLINE_LIMIT_MS);
        say('all are online; they come to rest');
        await pause(SETTLE_MS);
        const rests = await repeat(RESTS, (run) => {
          say(`at rest, ${run + 1} of ${RESTS}`);
          return during(pid, crowd, () => pause(REST_MS));
        });
        const { rss } = memoryOf(pid);
        say(`everybody attaches anew each second, ${ROUNDS} times`);
        const storm = await during(pid, crowd, () =>
          repeat(ROUNDS, () => {
            crowd.reattach();
            return pause(ROUND_MS);
          }),
        );
        const backMs = await crowd.allOnline(ONLINE_LIMIT_MS);
        return figures({ onlineMs, rests, rss, storm, backMs });
      } finally {
        await crowd.close();
      }
    }),
};

async function crowded(stage: Stage, say: (line: string) => void) {
  const login = stage.wren('login-server', '--dir', stage.path('login'), '--host', '127.0.0.1', '--json');
  await login.saw(/"ready".*\n/);
  const flags = ['--host', '127.0.0.1', '--invite', String(login.events()[0]?.invite)];
  const server = stage.wren('supernode', '--dir', stage.path('supernode'), ...flags, '--json');
  await server.saw(/"ready".*\n/);
  const [endpoint] = parseInvite(String(server.events()[0]?.invite))?.supernodes ?? [];
  if (!endpoint) throw new Error('the supernode has no endpoint');
  say('keys for a crowd');
  const authorityFile = join(stage.path('login'), 'authority.pem');
  const crowd = await ClientCrowd.start({ size: CLIENTS, buddies: BUDDIES, supernode: endpoint, authorityFile });
  return { pid: server.pid, crowd };
}

interface Spent {
  /** Both ways, with headers. */
  readonly bytesPerSecond: number;
  /** Of one core. */
  readonly cpuPct: number;
}

async function during(pid: number, crowd: ClientCrowd, work: () => Promise<unknown>): Promise<Spent> {
  const [bytes, cpuMs, beganAt] = [crowd.bytes, cpuMsOf(pid), performance.now()];
  await work();
  const ms = performance.now() - beganAt;
  return { bytesPerSecond: (1000 * (crowd.bytes - bytes)) / ms, cpuPct: (100 * (cpuMsOf(pid) - cpuMs)) / ms };
}

interface Seen {
  readonly onlineMs: number;
  readonly rests: readonly Spent[];
  readonly rss: number;
  readonly storm: Spent;
  readonly backMs: number;
}

function figures({ onlineMs, rests, rss, storm, backMs }: Seen): Figure[] {
  return [
    { name: 'all of 300 online, from the last that began', unit: 'ms', values: [onlineMs] },
    {
      ...{ name: 'at rest, both ways, with headers', unit: 'B/s', values: rests.map((rest) => rest.bytesPerSecond) },
      target: { label: 'N3: 5 kB/s', most: 5_000 },
    },
    {
      ...{ name: 'at rest, share of one core', unit: '%', values: rests.map(({ cpuPct }) => cpuPct) },
      target: { label: 'N3', most: 15 },
    },
    { name: 'memory of the supernode, RSS', unit: 'MiB', values: [rss] },
    {
      ...{ name: 'everybody attaches anew each second: against rest', unit: 'x' },
      values: [storm.bytesPerSecond / Math.min(...rests.map((rest) => rest.bytesPerSecond))],
      remark: `twenty seconds of it; ${storm.cpuPct.toFixed(0)} % of a core; the supernode must bear twenty times (N3)`,
    },
    { name: 'all online again after that', unit: 'ms', values: [backMs] },
  ];
}
