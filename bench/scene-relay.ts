/**
 * What a supernode forwards: processor time a packet, and the delay it adds, beside the smallest relay that Node can be
 * and beside no relay at all, in the same run and with the same crowd (`relay-crowd.ts`).
 */
import { join } from 'node:path';
import { parseInvite } from '../src/net/index.ts';
import { type Figure, printed, quantile } from './figure.ts';
import { cpuMsOf } from './proc.ts';
import { Crowd, type Passed } from './relay-crowd.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, type Stage } from './stage.ts';

/** Each has 16 kB/s: 160 voice packets, three calls; for more, there is what each may have at once. */
const CLIENTS = 128;
const RELAY_KBPS = '4000000';
const RUNS = 3;
const SECONDS = 3;
/** A call is 50 packets a second each way. */
const CALL_PACKETS = 100;
/** Well within what either relay bears: for the time a packet takes. */
const STEADY_CALLS = 150;
const AIM_CALLS = 400;

interface Measured {
  readonly passed: Passed;
  /** Processor time of the relay for a packet, µs. */
  readonly cpuUs: number;
  /** Of one core, that the relay took while the crowd spoke. */
  readonly busyPct: number;
}

export const relay: Scene = {
  name: 'relay',
  title: 'Relay',
  seconds: 90,
  play: (say) =>
    onStage(async (stage) => {
      const { crowd, supernode, plain } = await relays(stage, say);
      try {
        const results = await repeat(RUNS, async (run) => {
          say(`run ${run + 1} of ${RUNS}`);
          return {
            none: await through(crowd, { calls: STEADY_CALLS }),
            noneFull: await through(crowd, { calls: AIM_CALLS }),
            plain: await through(crowd, { calls: STEADY_CALLS, relay: plain }),
            plainFull: await through(crowd, { calls: AIM_CALLS, relay: plain }),
            wren: await through(crowd, { calls: STEADY_CALLS, relay: supernode, sealed: true }),
            wrenFull: await through(crowd, { calls: AIM_CALLS, relay: supernode, sealed: true }),
          };
        });
        return figures(results);
      } finally {
        crowd.close();
      }
    }),
};

interface Relay {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
}

async function relays(stage: Stage, say: (line: string) => void) {
  const login = stage.wren('login-server', '--dir', stage.path('login'), '--host', '127.0.0.1', '--json');
  await login.saw(/"ready".*\n/);
  say('keys for a crowd');
  const crowd = await Crowd.of(CLIENTS, join(stage.path('login'), 'authority.pem'));
  const flags = ['--host', '127.0.0.1', '--relay-kbps', RELAY_KBPS, '--invite', String(login.events()[0]?.invite)];
  const server = stage.wren('supernode', '--dir', stage.path('supernode'), ...flags, '--json');
  await server.saw(/"ready".*\n/);
  const [endpoint] = parseInvite(String(server.events()[0]?.invite))?.supernodes ?? [];
  if (!endpoint) throw new Error('the supernode has no endpoint');
  say('sessions for a crowd');
  await crowd.attach(endpoint);
  const forwarder = stage.node(join(import.meta.dirname, 'plain-forwarder.cjs'));
  await forwarder.saw(/"ready".*\n/);
  const plain: Relay = { host: '127.0.0.1', port: Number(forwarder.events()[0]?.ready), pid: forwarder.pid };
  await crowd.introduce(plain);
  return { crowd, supernode: { host: endpoint.host, port: endpoint.port, pid: server.pid }, plain };
}

/** `relay` undefined: straight to the other. */
async function through(
  crowd: Crowd,
  { calls, relay, sealed = false }: { calls: number; relay?: Relay; sealed?: boolean },
): Promise<Measured> {
  const perSecond = calls * CALL_PACKETS;
  const packets = crowd.seal(Math.floor((perSecond * SECONDS) / crowd.size));
  const before = relay ? cpuMsOf(relay.pid) : 0;
  const straight = (number: number) => ({ host: crowd.addressOf(number ^ 1), port: crowd.portOf(number ^ 1) });
  const passed = await crowd.speak(packets, { perSecond, sealed, toOf: relay ? () => relay : straight });
  const cpuMs = relay ? cpuMsOf(relay.pid) - before : 0;
  return { passed, cpuUs: (cpuMs * 1000) / passed.received, busyPct: cpuMs / SECONDS / 10 };
}

type Run = Record<'none' | 'noneFull' | 'plain' | 'plainFull' | 'wren' | 'wrenFull', Measured>;

function figures(runs: readonly Run[]): Figure[] {
  const p99 = ({ passed }: Measured): number => quantile(passed.delaysMs, 0.99);
  const lost = (one: (run: Run) => Measured): string =>
    `lost ${printed(Math.max(...runs.map((run) => one(run).passed.lostPct)))} % at most`;
  const busy = (one: (run: Run) => Measured): string => {
    const [own, others] = [runs.map((run) => one(run).busyPct), runs.map((run) => one(run).passed.crowdPct)];
    return `relay ${printed(Math.max(...own))} % of a core at most, crowd ${printed(Math.max(...others))} %`;
  };
  const perCore = (one: Measured): number => 1_000_000 / one.cpuUs;
  return [
    { name: 'processor time a packet, plain forwarder', unit: 'µs', values: runs.map(({ plain }) => plain.cpuUs) },
    {
      ...{ name: 'processor time a packet, supernode', unit: 'µs', values: runs.map(({ wren }) => wren.cpuUs) },
      remark: `${STEADY_CALLS} calls; opens, seals and counts each`,
    },
    {
      ...{ name: 'supernode against plain forwarder', unit: 'x' },
      values: runs.map(({ wren, plain }) => wren.cpuUs / plain.cpuUs),
    },
    {
      ...{ name: 'plain forwarder, packets a core', unit: 'packets/s' },
      values: runs.map(({ plainFull }) => perCore(plainFull)),
      remark: `at ${AIM_CALLS} calls; ${lost(({ plainFull }) => plainFull)}`,
    },
    {
      ...{ name: 'supernode, packets a core', unit: 'packets/s' },
      values: runs.map(({ wrenFull }) => perCore(wrenFull)),
      target: { label: `V13: ${AIM_CALLS} calls`, least: AIM_CALLS * CALL_PACKETS },
      remark: `at ${AIM_CALLS} calls; ${lost(({ wrenFull }) => wrenFull)}`,
    },
    {
      ...{ name: `delay added at ${STEADY_CALLS} calls, p99, supernode`, unit: 'ms' },
      values: runs.map(({ wren, none }) => p99(wren) - p99(none)),
      target: { label: 'V13', most: 2 },
      remark: `against the same crowd without a relay; ${busy(({ wren }) => wren)}`,
    },
    {
      ...{ name: `delay added at ${AIM_CALLS} calls, p99, supernode`, unit: 'ms' },
      values: runs.map(({ wrenFull, noneFull }) => p99(wrenFull) - p99(noneFull)),
      target: { label: 'V13', most: 2 },
      remark: busy(({ wrenFull }) => wrenFull),
    },
    {
      ...{ name: `delay added at ${AIM_CALLS} calls, p99, plain forwarder`, unit: 'ms' },
      values: runs.map(({ plainFull, noneFull }) => p99(plainFull) - p99(noneFull)),
      remark: busy(({ plainFull }) => plainFull),
    },
  ];
}
