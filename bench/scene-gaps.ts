/**
 * How long two people in a direct call hear nothing when its way dies, and how soon a call becomes direct: the same
 * nodes as everywhere, in virtual time, so the machine does not matter.
 */
import { natOf, outerAddressOf, type Place } from '../test/sim/places.ts';
import { World } from '../test/sim/world.ts';
import { call, GapWatch, isDirect, type Line, type Pair, pair } from '../test/support/calling-pair.ts';
import { type Figure, printed, quantile } from './figure.ts';
import type { Scene } from './scene.ts';

const LINES: readonly Line[] = ['L0', 'W100'];
const SEEDS = 10;
const STEP_MS = 5;
/** So long is listened after the way has died. */
const WATCH_MS = 6_000;
const DIRECT_LIMIT_MS = 10_000;

interface Death {
  readonly name: string;
  readonly places: readonly [Place, Place];
  readonly target: { readonly label: string; readonly most: number };
  readonly happen: (both: Pair) => unknown;
}

const DEATHS: readonly Death[] = [
  {
    name: 'gap when the direct way dies',
    places: ['PR', 'PR'],
    target: { label: 'P6', most: 400 },
    happen: ({ world }) => {
      const [a, b] = ['alice1', 'bobby1'].map((name) => outerAddressOf(world.host(name)));
      world.block(({ carrier, to }, sender) => {
        const between = (sender === 'alice1' && to.host === b) || (sender === 'bobby1' && to.host === a);
        return carrier === 'udp' && between;
      });
    },
  },
  {
    name: 'gap when a router forgets',
    places: ['PR', 'PR'],
    target: { label: 'P6', most: 400 },
    happen: ({ world }) => natOf(world.host('alice1')).forget(),
  },
  {
    name: 'gap when one end gets another address',
    places: ['PUB', 'PR'],
    target: { label: 'P6', most: 1_500 },
    happen: ({ world }) => world.host('alice1').move('203.0.113.77'),
  },
];

export const gaps: Scene = {
  name: 'gaps',
  title: 'Ways that die, and ways that are found (virtual time)',
  seconds: 60,
  play: (say) => {
    const toDirectMs: Record<Line, number[]> = { L0: [], W100: [] };
    const died = DEATHS.map(({ name, places, target, happen }): Figure => {
      say(name);
      const values: number[] = [];
      for (const line of LINES) {
        for (let seed = 1; seed <= SEEDS; seed += 1) {
          const both = pair(new World({ seed }), places, line);
          const directMs = becomesDirect(both);
          if (places[0] === 'PR') toDirectMs[line].push(directMs);
          values.push(longestGap(both, () => happen(both)));
        }
      }
      return { name, unit: 'ms', values, target, judgeP95: true, remark: p95(values) };
    });
    const found = LINES.map((line): Figure => {
      const values = toDirectMs[line];
      const target = { label: 'P2', most: line === 'L0' ? 300 : 1_500 };
      return {
        name: `answered to direct, PR to PR, ${line}`,
        unit: 'ms',
        values,
        target,
        judgeP95: true,
        remark: p95(values),
      };
    });
    return Promise.resolve([...found, ...died]);
  },
};

function p95(values: readonly number[]): string {
  return `p95 ${printed(quantile(values, 0.95))} ms`;
}

/** From the answer until both have left the relay, ms. */
function becomesDirect(both: Pair): number {
  const { world, alice, bobby } = both;
  call(both);
  const answeredAt = world.now;
  world.until(() => isDirect(alice) && isDirect(bobby), DIRECT_LIMIT_MS);
  const tookMs = world.now - answeredAt;
  world.advance(3_000);
  return tookMs;
}

/** The longest time that either heard nothing, ms. */
function longestGap({ world, alice, bobby }: Pair, happen: () => void): number {
  const watch = new GapWatch(world, [alice, bobby]);
  happen();
  for (const until = world.now + WATCH_MS; world.now < until; watch.look()) world.advance(STEP_MS);
  return watch.longestMs;
}
