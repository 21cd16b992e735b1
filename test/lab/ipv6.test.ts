/**
 * A call over IPv6 with real wren processes: both people are behind routers that give every flow another IPv4 port, so
 * that by IPv4 only the relay is left; by IPv6 there are firewalls, which two packets that cross open.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import { ipv6Address, siteAddress } from './plan.ts';
import { WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED a call over IPv6 in the network lab: ${support.why}`);

describe.skipIf(!support.ok)('wren in a lab with IPv6, 20 ms from the core each way', () => {
  let lab: Lab;
  let network: WrenNetwork;
  const caller = { host: 'alice', name: 'alice1' };
  const callee = { host: 'bobby', name: 'bobby1' };
  beforeAll(async () => {
    lab = await Lab.start({ ipv6: true });
    // The first two sites are the servers'. The supernode names IPv6 alone, so it has to be certified by IPv6.
    network = await WrenNetwork.start(lab, {
      login: ['--host', `${siteAddress(1)},${ipv6Address(1, 'box')}`],
      supernode: ['--host', `${ipv6Address(2, 'box')}`],
    });
    for (const { host } of [caller, callee]) {
      await lab.place('SYM', host);
      await lab.link(host, { delayMs: 20 });
    }
  });
  afterAll(() => lab?.stop());

  it('people with both families sign up, and one whose IPv4 is cut does too, by UDP over IPv6', async () => {
    lab.block('bobby', 'meta nfproto ipv4');
    const [alice, bobby] = [await network.signUp('alice', 'alice1'), await network.signUp('bobby', 'bobby1')];
    for (const person of [alice, bobby]) {
      expect(person).toMatchObject({ ok: true, why: '', supernode: { carrier: 'udp' } });
      expect(person.supernode?.endpoint).toContain(`[${ipv6Address(2, 'box')}]`);
    }
  });

  it('they talk straight, by IPv6', { timeout: 60_000 }, async () => {
    await network.befriend(caller, callee);
    const facts = await network.call(caller, callee, { forS: 5 });
    expect(facts).toMatchObject({ code: 0, reason: 'hangup', route: 'direct' });
    expect(facts.directMs).toBeLessThan(3_000);
  });
});
