/**
 * What kind of NAT the program finds out about in every place of the lab: real processes behind real nftables, two
 * supernodes in networks of their own (figure P1). The simulated internet holds the times (`flows/nat-kind.test.ts`).
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLACES, type Place } from '../places.ts';
import { untilAsync } from '../support/private-network.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import { WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED NAT discovery in the network lab: ${support.why}`);

const PR = 'port-restricted endpoint-independent address-and-port-dependent preserving';
const NO_UDP = 'no-udp unknown unknown unknown';
/** Class, mapping, filtering, ports. */
const EXPECTED: Readonly<Record<Place, string>> = {
  PUB: 'public none endpoint-independent preserving',
  PR,
  "PR'": PR,
  SYM: 'symmetric address-and-port-dependent address-and-port-dependent random',
  UDPX: NO_UDP,
  '443X': NO_UDP,
  '443D': NO_UDP,
  SAME: PR,
  CGN: PR.replace('preserving', 'random'),
};
const host = (place: Place): string => `at-${place.toLowerCase().replace("'", 't')}`;
const nameOf = (place: Place): string => `somebody-${PLACES.indexOf(place)}`;

interface Status {
  readonly natKind: null | {
    readonly class: string;
    readonly mapping: string;
    readonly filtering: string;
    readonly portAllocation: string;
    readonly evidence: { readonly mapping: string; readonly filtering: string };
  };
}

describe.skipIf(!support.ok)('NAT discovery in the lab, 20 ms from the core each way', () => {
  let lab: Lab;
  let network: WrenNetwork;
  beforeAll(async () => {
    lab = await Lab.start();
    network = await WrenNetwork.start(lab);
    await lab.place('PUB', 'supernode2');
    const place = ['--dir', join(lab.folder, 'supernode2', 'state'), '--host', lab.address('supernode2')];
    const second = network.wren('supernode2', 'supernode', '--invite', network.invite, ...place, '--json');
    await second.saw(/"ready"/, 20_000);
    for (const place of PLACES) {
      await lab.place(place, host(place));
      await lab.link(host(place), { delayMs: 20 });
    }
  });
  afterAll(() => lab?.stop());

  const status = async (place: Place): Promise<Status> => {
    const { stdout } = await network.wren(host(place), 'status', '--json').done;
    return JSON.parse(stdout) as Status;
  };

  it.each(PLACES)('somebody at %s is told right', { timeout: 60_000 }, async (place) => {
    const { ok } = await network.signUp(host(place), nameOf(place));
    expect(ok).toBe(true);
    const told = async () => (await status(place)).natKind;
    await untilAsync(
      async () => (await told()) !== null,
      10_000,
      () => `the kind of NAT at ${place}`,
    );
    const kind = await told();
    expect(`${kind?.class} ${kind?.mapping} ${kind?.filtering} ${kind?.portAllocation}`).toBe(EXPECTED[place]);
    if (kind?.class !== 'no-udp') expect(kind?.evidence.filtering).toBe('several-addresses');
  });
});
