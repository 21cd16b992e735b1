/**
 * Figure N5 with real programs: three supernodes; of four people who consent, or not, in different places, one may become the
 * fourth, and does within a minute. Somebody behind a symmetric NAT who knows only that one is let in by it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeInvite, parseInvite } from '../../src/net/index.ts';
import { parseEndpoint } from '../../src/net/protocol/endpoint.ts';
import type { AppState, ServingReport } from '../../src/store/state.ts';
import { untilAsync } from '../support/private-network.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import type { Place } from './places.ts';
import { WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED promotion in the network lab: ${support.why}`);

const PEOPLE: readonly { host: string; place: Place; consent: string; may: boolean; reason: string }[] = [
  { host: 'alice', place: 'PUB', consent: 'always', may: true, reason: 'serves' },
  { host: 'bobby', place: 'PUB', consent: 'never', may: false, reason: 'refused' },
  { host: 'carol', place: 'PR', consent: 'always', may: false, reason: 'nat-closed' },
  { host: 'erika', place: 'SYM', consent: 'always', may: false, reason: 'nat-closed' },
];

describe.skipIf(!support.ok)('promotion with three supernodes, 20 ms from the core each way', () => {
  let lab: Lab;
  let network: WrenNetwork;
  let tookMs = Number.POSITIVE_INFINITY;
  const serving = new Map<string, ServingReport | undefined>();

  async function statusOf(host: string): Promise<AppState> {
    const { stdout } = await network.wren(host, 'status', '--json').done;
    return JSON.parse(stdout) as AppState;
  }

  beforeAll(async () => {
    lab = await Lab.start();
    network = await WrenNetwork.start(lab);
    for (const host of ['second', 'third']) {
      await lab.place('PUB', host);
      await network.addSupernode(host);
    }
    for (const { host, place, consent } of PEOPLE) {
      await lab.place(place, host);
      await lab.link(host, { delayMs: 20 });
      const joined = await network.wrenAs({ host, env: { WREN_SUPERNODE: consent } }, 'join', network.invite).done;
      expect(joined.code, joined.stderr).toBe(0);
    }
    await Promise.all(PEOPLE.map(({ host }) => network.signUp(host, `${host}1`)));
    const since = performance.now();
    await untilAsync(
      async () => {
        serving.set('alice', (await statusOf('alice')).serving);
        return serving.get('alice')?.role === 'supernode';
      },
      60_000,
      () => JSON.stringify(serving.get('alice')),
    );
    tookMs = performance.now() - since;
    for (const { host } of PEOPLE) serving.set(host, (await statusOf(host)).serving);
  }, 150_000);
  afterAll(() => lab?.stop());

  it('whoever is eligible and consents serves within 60 s, dialled by three supernodes on UDP and TCP', () => {
    console.log(`promotion in the lab: ${Math.round(tookMs)} ms after sign-up`);
    expect(tookMs).toBeLessThan(60_000);
    expect(serving.get('alice')?.facts.dialBack).toEqual({ of: 3, udp: 3, tcp: 3 });
  });

  it.each(PEOPLE)('$host at $place, who says $consent: $reason', ({ host, may, reason }) => {
    expect(serving.get(host)).toMatchObject({ role: may ? 'supernode' : 'ordinary', reason });
  });

  it('somebody behind a symmetric NAT who knows only that one is let in by it', { timeout: 60_000 }, async () => {
    const invite = parseInvite(network.invite);
    const endpoint = parseEndpoint(serving.get('alice')?.endpoint ?? '');
    if (!invite || !endpoint) throw new Error('alice serves nowhere');
    await lab.place('SYM', 'frida');
    const joined = await network.wren('frida', 'join', encodeInvite({ ...invite, supernodes: [endpoint] })).done;
    expect(joined.code, joined.stderr).toBe(0);
    expect((await network.wren('frida', 'signup', 'frida1').done).code).toBe(0);
    expect((await network.wren('frida', 'wait', '--for', '20').done).code).toBe(0);
    expect((await statusOf('frida')).supernode?.endpoint).toBe(serving.get('alice')?.endpoint);
  });
});
