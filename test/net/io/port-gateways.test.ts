/** Ports from gateways that are there, over real sockets: PCP, NAT-PMP, UPnP, and what lies or is silent. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gatewayCandidates } from '../../../src/net/io/default-gateway.ts';
import { systemClock } from '../../../src/net/io/driver.ts';
import { PORT_CONTROL_PORT } from '../../../src/net/io/port-control.ts';
import type { MapWish } from '../../../src/net/io/port-gateway.ts';
import { PortControlGateway } from '../../../src/net/io/port-gateway-control.ts';
import { NatPmpGateway } from '../../../src/net/io/port-gateway-nat-pmp.ts';
import { UpnpGateway } from '../../../src/net/io/port-gateway-upnp.ts';
import { type PortMapped, PortMapping } from '../../../src/net/io/port-mapping.ts';
import { printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { type ControlBehaviour, FakeControlGateway, FakeIgd } from '../../support/fake-gateway.ts';
import { until } from '../../support/private-network.ts';

const WISH: MapWish = { carrier: 'udp', port: 4000, outerPort: 4000, lifetimeS: 7200 };
const root = join(import.meta.dirname, '..', '..', '..');
const fakes: { stop(): void }[] = [];

const entry = join(root, 'dist', `port-mapper-${process.pid}.cjs`);
beforeAll(() => {
  mkdirSync(join(root, 'dist'), { recursive: true });
  execFileSync(process.execPath, ['bin/build.mjs', 'bin/port-mapper.ts', entry], { cwd: root });
});
afterAll(() => rmSync(entry, { force: true }));

/** The library knows one port only, so each gateway has an address of its own, and tests elsewhere others. */
async function control(behaviour: Partial<ControlBehaviour> = {}, program = entry) {
  const fake = new FakeControlGateway(behaviour);
  fakes.push(fake);
  const host = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  await fake.start(host, PORT_CONTROL_PORT);
  return { fake, host, gateway: new PortControlGateway(host, new NatPmpGateway(program, host)) };
}

afterEach(() => {
  for (const fake of fakes.splice(0)) fake.stop();
});

describe('a gateway at port 5351', () => {
  it.each(['pcp', 'nat-pmp'] as const)('gives, renews and takes back ports by %s', async (speaks) => {
    const { fake, gateway } = await control({ speaks });
    const mapped = { by: speaks, host: '203.0.113.9', port: 5000, lifetimeS: 7200 };
    expect(await gateway.map(WISH)).toEqual(mapped);
    expect(await gateway.map({ ...WISH, outerPort: 5000 })).toEqual(mapped);
    const given = { protocol: 'udp', inner: 4000, outer: 5000, lifetimeS: 7200, client: '127.0.0.1' };
    expect([...fake.given.values()]).toEqual([given]);
    expect(await gateway.map({ ...WISH, carrier: 'tcp' })).toEqual(mapped);
    expect([...fake.given.keys()]).toEqual(['udp 4000', 'tcp 4000']);
    await gateway.unmap(WISH);
    expect([...fake.given.keys()]).toEqual(['tcp 4000']);
    await gateway.unmap({ ...WISH, carrier: 'tcp' });
    expect(fake.given.size).toBe(0);
  });

  it('is asked again when a question was lost', async () => {
    const { gateway } = await control({ lost: 2 });
    expect(await gateway.map(WISH)).toMatchObject({ by: 'pcp', port: 5000 });
    // The second is the first of NAT-PMP.
    const { gateway: old, fake } = await control({ speaks: 'nat-pmp', lost: 0 });
    fake.loseAfter(1, 1);
    expect(await old.map(WISH)).toMatchObject({ by: 'nat-pmp', port: 5000 });
    expect(fake.heard.map((bytes) => bytes.length)).toEqual([60, 12, 12, 2]);
  });

  it('has its word on how long the lease is, and gets the outer port that suited before asked for', async () => {
    const { gateway, fake } = await control({ speaks: 'nat-pmp', lifetimeS: 600 });
    expect(await gateway.map({ ...WISH, outerPort: 5000 })).toMatchObject({ lifetimeS: 600 });
    const asked = fake.heard.find((bytes) => bytes.length === 12);
    expect([asked?.readUInt16BE(4), asked?.readUInt16BE(6), asked?.readUInt32BE(8)]).toEqual([4000, 5000, 7200]);
  });

  it('gets a lease of NAT-PMP back when we end', { timeout: 20_000 }, async () => {
    const { gateway, fake } = await control({ speaks: 'nat-pmp' });
    const told: (PortMapped | undefined)[] = [];
    const wish = { port: 4000, carriers: ['udp', 'tcp'], gateways: [gateway], clock: systemClock } as const;
    const mapping = new PortMapping({ ...wish, onChange: (mapped) => told.push(mapped) });
    await mapping.start();
    expect(told.map((one) => `${one?.by} ${one?.endpoints.map(printEndpoint)}`)).toEqual([
      'nat-pmp udp:203.0.113.9:5000,tcp:203.0.113.9:5000',
    ]);
    expect([...fake.given.keys()]).toEqual(['udp 4000', 'tcp 4000']);
    await mapping.close();
    // On a busy machine the children that do it outlive whoever asked them.
    await until(
      () => fake.given.size === 0,
      10_000,
      () => 'both given back',
    );
  });

  it('whose answer kills the library kills a child alone, which is asked once more', { timeout: 20_000 }, async () => {
    const { gateway, fake } = await control({ speaks: 'nat-pmp', cutTo: 9 });
    await expect(gateway.map(WISH)).rejects.toThrow();
    expect(fake.heard.map((bytes) => bytes.length)).toEqual([60, 12, 12]);
    // A child that comes to its senses.
    const once = join(root, 'dist', `port-mapper-once-${process.pid}.cjs`);
    const mark = JSON.stringify(`${once}.mark`);
    writeFileSync(
      once,
      `const fs = require('node:fs');
       if (!fs.existsSync(${mark})) { fs.writeFileSync(${mark}, ''); process.kill(process.pid, 'SIGSEGV'); }
       console.log(JSON.stringify({ host: '203.0.113.9', port: 4000, lifetimeS: 60 }));`,
    );
    const mapped = { by: 'nat-pmp', host: '203.0.113.9', port: 4000, lifetimeS: 60 };
    expect(await new NatPmpGateway(once, '127.0.0.1').map(WISH)).toEqual(mapped);
    for (const path of [once, `${once}.mark`]) rmSync(path, { force: true });
  });

  it('that refuses is not pressed, and one that is silent or not there not waited for', {
    timeout: 20_000,
  }, async () => {
    const { gateway: refusing } = await control({ result: 2 });
    await expect(refusing.map(WISH)).rejects.toThrow('PCP result 2');
    const { gateway: refusingToo } = await control({ speaks: 'nat-pmp', result: 2 });
    await expect(refusingToo.map(WISH)).rejects.toThrow('Not Authorized');
    const { gateway: silent, fake } = await control({ speaks: 'nothing' });
    const begin = performance.now();
    await expect(silent.map(WISH)).rejects.toThrow('does not answer');
    expect(performance.now() - begin).toBeLessThan(6_000);
    expect(fake.heard.map((bytes) => bytes.length)).toEqual([60, 60, 60, 12, 12, 12]);
    const none = { map: () => Promise.reject(new Error('asked in vain')), unmap: () => Promise.resolve() };
    await expect(new PortControlGateway('127.0.0.1', none, 1).map(WISH)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a gateway that speaks UPnP', () => {
  it('gives and takes back ports, asked by a child that ends', async () => {
    const igd = new FakeIgd();
    fakes.push(igd);
    const gateway = new UpnpGateway(entry, await igd.start());
    expect(await gateway.map(WISH)).toEqual({ by: 'upnp', host: '203.0.113.9', port: 4000, lifetimeS: 7200 });
    const given = { protocol: 'udp', inner: 4000, outer: 4000, lifetimeS: 7200, client: '127.0.0.1' };
    expect([...igd.given.values()]).toEqual([given]);
    await gateway.unmap(WISH);
    expect(igd.given.size).toBe(0);
    expect([igd.actions.at(0), igd.actions.at(-1)]).toEqual(['AddAnyPortMapping', 'DeletePortMapping']);
  });

  it('is searched for', { timeout: 20_000 }, async (context) => {
    const host = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal ? [address] : [])),
    )[0];
    if (host === undefined) {
      console.log('SKIPPED the search for a UPnP gateway: this machine has no network but loopback');
      return context.skip();
    }
    const igd = new FakeIgd();
    fakes.push(igd);
    await igd.start(host, { searchable: true });
    const gateway = new UpnpGateway(entry);
    expect(await gateway.map(WISH)).toMatchObject({ by: 'upnp', port: 4000 });
    expect([...igd.given.values()][0]?.client).toBe(host);
    await gateway.unmap(WISH);
    expect(igd.given.size).toBe(0);
  });

  it('that tells nonsense, or is not there, gives nothing', { timeout: 20_000 }, async () => {
    const igd = new FakeIgd('over the rainbow');
    fakes.push(igd);
    await expect(new UpnpGateway(entry, await igd.start()).map(WISH)).rejects.toThrow('no answer of a gateway');
    await expect(new UpnpGateway(entry, 'http://127.0.0.1:1/desc.xml').map(WISH)).rejects.toThrow();
    await expect(new UpnpGateway(join(root, 'dist', 'no such program.cjs')).map(WISH)).rejects.toThrow();
  });
});

describe('the gateway of this network', () => {
  const lan = {
    address: '192.168.7.20',
    netmask: '255.255.255.0',
    family: 'IPv4',
    internal: false,
    mac: '',
    cidr: null,
  } as const;
  it('is what the routes say, on Linux', () => {
    const routes = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    ].join('\n');
    expect(gatewayCandidates({ eth0: [lan] }, routes)).toEqual(['192.168.7.1']);
  });

  it('is the first address of a private network elsewhere', () => {
    const wide = { ...lan, address: '10.3.200.7', netmask: '255.255.0.0' } as const;
    const open = { ...lan, address: '203.0.113.7' } as const;
    expect(gatewayCandidates({ a: [lan], b: [wide], c: [open] }, '')).toEqual(['192.168.7.1', '10.3.0.1']);
    expect(gatewayCandidates({ a: [{ ...lan, address: '192.168.7.1' }] }, 'garbage\n\t\t\t')).toEqual([]);
  });
});
