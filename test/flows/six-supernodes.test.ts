/**
 * Six real supernode processes whose index lies in slots (WREN_FULL_INDEX_MAX lowers the number above which it does),
 * and people at three of them: whoever searches finds the others, by name, beginning, word and star, also after one of
 * the supernodes was killed. Everything else about slots is in virtual time.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PrivateNetwork, type Running, untilAsync } from '../support/private-network.ts';

const PROFILES = ['A', 'B', 'C'] as const;
const LOOK_EVERY_MS = 4_000;
const NAMES = { A: 'alice1', B: 'bobby1', C: 'carol1' } as const;
let net: PrivateNetwork;
let supernodes: Running[];

beforeAll(async () => {
  net = await PrivateNetwork.startLogin({ WREN_FULL_INDEX_MAX: '4' });
  supernodes = await net.startSupernodes(6);
  const invites = supernodes.map((one) => String(one.events()[0]?.invite));
  await Promise.all(
    PROFILES.map(async (profile, index) => {
      // Each has heard of another supernode first.
      await net.succeed(profile, 'join', invites[2 * index] as string);
      await net.succeed(profile, 'signup', NAMES[profile]);
    }),
  );
}, 120_000);
afterAll(() => net.stop());

async function look(profile: string, pattern: string): Promise<{ names: unknown[]; complete: unknown }> {
  const { events } = await net.wren(profile, 'search', pattern, '--json');
  const names = events.filter((one) => one.event === 'result').map(({ name }) => name);
  return { names, complete: events.at(-1)?.complete };
}

const CASES = [
  ['A', 'bobby1', ['bobby1']],
  ['B', 'car', ['carol1']],
  ['C', '*1', ['alice1', 'bobby1']],
  ['B', 'nobody-of-that-name', []],
] as const;

async function finds(limitMs: number): Promise<void> {
  let last = '';
  const whole = async (): Promise<boolean> => {
    const found = await Promise.all(CASES.map(([profile, pattern]) => look(profile, pattern)));
    last = JSON.stringify(found);
    const isWhole = found.every(({ names, complete }, i) => complete === true && `${names}` === `${CASES[i]?.[2]}`);
    // An account has sixty pages at once, then one a minute.
    if (!isWhole) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    return isWhole;
  };
  await untilAsync(whole, limitMs, () => last);
}

it('has people at different supernodes, who are found from everywhere, and unknown names known to be that', {
  timeout: 70_000,
}, async () => {
  // Replicas that all began at once are sure of themselves after twenty seconds.
  await finds(60_000);
});

it('finds them still when a supernode is killed', { timeout: 60_000 }, async () => {
  supernodes[2]?.child.kill('SIGKILL');
  await finds(50_000);
});

it('has used slots, as the logs of the supernodes say', () => {
  for (let i = 1; i <= 6; i += 1) {
    const folder = net.path(`supernode-${i}`);
    const log = readdirSync(folder).find((name) => name.endsWith('.log')) ?? '';
    expect(readFileSync(join(folder, log), 'utf8')).toContain('"form":"slots"');
  }
});
