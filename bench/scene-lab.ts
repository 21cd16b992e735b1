/**
 * Real agents in the network lab (`test/lab/`), with 50 ms between everybody and the core: how long it takes to sign
 * in from each place, first and again, and how long until a call is heard and goes the direct way. Sign-ins are timed by
 * the agent's log, from its first packet until it is online: no start of a program is in these times, nor the making of
 * a key, which is done before a person has typed a name. Skipped out loud where the machine has no lab.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GRID_DEFAULTS, Grid } from '../test/lab/grid.ts';
import { labSupport } from '../test/lab/keeper.ts';
import { Lab } from '../test/lab/lab.ts';
import { LabPerson } from '../test/lab/lab-person.ts';
import { WrenNetwork } from '../test/lab/wren-network.ts';
import { PLACES, type Place } from '../test/places.ts';
import { type Figure, printed, quantile } from './figure.ts';
import type { Scene } from './scene.ts';

/** W100 of the figures: each way between a person and the core, where the servers are. */
const DELAY_MS = 50;
const SIGN_INS = 8;
/** In the places that the figures name. */
const SIGN_INS_JUDGED = 20;
const JUDGED: readonly Place[] = ['PUB', 'PR', 'UDPX', '443D'];
const CALLS = 5;
/** Two cores, and keys are made. */
const AT_ONCE = 2;

/** First and later sign-in of the classic client, as it was measured in 2004 (classic-network.md 1.4). */
const CLASSIC: Readonly<Record<Place, string>> = {
  PUB: '3 to 7 s',
  PR: '3 to 7 s',
  "PR'": '3 to 7 s',
  SYM: '3 to 7 s',
  UDPX: '35 s, later 5 to 10 s',
  '443X': '35 s, later 5 to 10 s',
  '443D': 'never',
  SAME: '3 to 7 s',
  CGN: '3 to 7 s',
};

/** What is asked of sign-ins, ms: first (S1, S2, S4) and later (S3). */
const AIMS: Readonly<Record<'open' | 'tcp' | 'tls', readonly [number, number]>> = {
  open: [1_000, 400],
  tcp: [1_500, 600],
  tls: [2_000, 600],
};

const PAIRS: readonly (readonly [Place, Place])[] = [
  ['PUB', 'PR'],
  ['PR', 'PR'],
  ["PR'", "PR'"],
  ['PR', 'CGN'],
  ['SAME', 'SAME'],
  ['SYM', 'PR'],
  ['SYM', 'SYM'],
  ['UDPX', 'PR'],
  ['UDPX', 'UDPX'],
];

export const lab: Scene = {
  name: 'lab',
  title: 'Any network: 50 ms from the core, behind real NATs',
  seconds: 240,
  play: async (say) => {
    const support = labSupport();
    if (!support.ok) {
      say(`SKIPPED, this machine has no lab: ${support.why}`);
      return [];
    }
    return [...(await signIns(say)), ...(await calls(say))];
  },
};

interface SignIns {
  readonly firstMs: number[];
  readonly laterMs: number[];
  failed: number;
}

async function signIns(say: (line: string) => void): Promise<Figure[]> {
  const network = await WrenNetwork.start(await Lab.start());
  const results = new Map<Place, SignIns>(PLACES.map((place) => [place, { firstMs: [], laterMs: [], failed: 0 }]));
  try {
    for (const place of PLACES) {
      await network.lab.place(place, hostOf(place));
      await network.lab.link(hostOf(place), { delayMs: DELAY_MS });
    }
    const places = (run: number): readonly Place[] => (run < SIGN_INS ? PLACES : JUDGED);
    const runs = Array.from({ length: SIGN_INS_JUDGED }, (_, run) => places(run).map((place) => ({ place, run })));
    const waiting = runs.flat();
    const all = waiting.length;
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        await oneSignIn(network, next, results.get(next.place)!);
        if (waiting.length % 10 === 0) say(`sign-ins: ${all - waiting.length} of ${all}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    await network.lab.stop();
  }
  return PLACES.flatMap((place) => signInFigures(place, results.get(place)!));
}

async function oneSignIn(
  network: WrenNetwork,
  { place, run }: { readonly place: Place; readonly run: number },
  results: SignIns,
): Promise<void> {
  const who = { host: hostOf(place), profile: `run-${run}`, name: `${hostOf(place)}-${run}` };
  const person = await LabPerson.join(network, who);
  const { ok } = await person.signUp();
  await person.leave();
  if (!ok) {
    results.failed += 1;
    return;
  }
  const log = join(network.profileOf(who), 'agent.log');
  results.firstMs.push(onlineMs(log, 'account', 'sign-in begins'));
  await network.succeed(who, 'wait', '--for', '15');
  results.laterMs.push(onlineMs(log, 'link', 'connecting'));
  await network.succeed(who, 'agent', 'stop');
}

/** From the last such line of an agent's log, which stands where its first packet goes out, until it was reachable. */
function onlineMs(path: string, area: string, msg: string): number {
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { time: string; area: string; msg: string });
  const lastOf = (wantedArea: string, wanted: string): number =>
    Date.parse(lines.findLast((line) => line.area === wantedArea && line.msg === wanted)?.time ?? '');
  return lastOf('link', 'online') - lastOf(area, msg);
}

function signInFigures(place: Place, { firstMs, laterMs, failed }: SignIns): Figure[] {
  if (firstMs.length === 0) {
    const remark = `the classic client: ${CLASSIC[place]}`;
    return [{ name: `sign-ins that failed, ${place}, of ${failed}`, unit: '', values: [failed], remark }];
  }
  const kind = place === '443D' ? 'tls' : place === 'UDPX' || place === '443X' ? 'tcp' : 'open';
  const [first, later] = AIMS[kind];
  const label = { open: 'S1', tcp: 'S2', tls: 'S4' }[kind];
  const p95 = (values: readonly number[]): string => `p95 ${printed(quantile(values, 0.95))} ms`;
  return [
    {
      ...{ name: `first sign-in, ${place}`, unit: 'ms', values: firstMs, judgeP95: true },
      target: { label, most: first },
      remark: `${p95(firstMs)}; the classic client: ${CLASSIC[place]}${failed > 0 ? `; ${failed} failed` : ''}`,
    },
    {
      ...{ name: `later sign-in, ${place}`, unit: 'ms', values: laterMs, judgeP95: true },
      target: { label: 'S3', most: later },
      remark: p95(laterMs),
    },
  ];
}

async function calls(say: (line: string) => void): Promise<Figure[]> {
  const [callers, callees] = [0, 1].map((side) => [...new Set(PAIRS.map((pair) => pair[side]!))]) as [Place[], Place[]];
  const grid = await Grid.start({ ...GRID_DEFAULTS, delayMs: DELAY_MS, callers, callees });
  try {
    await grid.signUpAll();
    const figures: Figure[] = [];
    for (const [index, [caller, callee]] of PAIRS.entries()) {
      const cells = [];
      for (let run = 0; run < CALLS; run++) cells.push(await grid.call(caller, callee));
      say(`calls: ${index + 1} of ${PAIRS.length} pairs`);
      const pair = `${caller} to ${callee}`;
      const routes = `by ${[...new Set(cells.map(({ route }) => route))].join(', ')}`;
      const soundMs = cells.flatMap(({ firstSoundMs }) => firstSoundMs ?? []);
      const directMs = cells.flatMap((cell) => cell.directMs ?? []);
      const byTcp = caller === 'UDPX' || callee === 'UDPX';
      const sound = { label: 'P4', most: byTcp ? 700 : 300 };
      if (soundMs.length > 0) {
        figures.push({
          name: `answered to sound, ${pair}`,
          unit: 'ms',
          values: soundMs,
          target: sound,
          remark: routes,
        });
      }
      if (directMs.length > 0) {
        const target = caller === 'SYM' ? { label: 'P3', most: 3_000 } : { label: 'P2', most: 1_500 };
        const remark = `${directMs.length} of ${CALLS} calls`;
        figures.push({
          name: `answered to direct, ${pair}`,
          unit: 'ms',
          values: directMs,
          target,
          judgeP95: true,
          remark,
        });
      }
    }
    return figures;
  } finally {
    await grid.stop();
  }
}

function hostOf(place: Place): string {
  return `at-${place.toLowerCase().replace("'", 't')}`;
}
