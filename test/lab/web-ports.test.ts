/**
 * TCP 443 and 80 of people's machines: the agent listens there beside its own port, says so, serves nothing, and gives
 * them up to a server that starts on the same machine. In namespaces of their own, where nobody else has these ports.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { untilAsync } from '../support/private-network.ts';
import { labSupport } from './keeper.ts';
import { Lab } from './lab.ts';
import { PASSWORD, WrenNetwork } from './wren-network.ts';

const support = labSupport();
if (!support.ok) console.log(`SKIPPED TCP 443 and 80 of people in the network lab: ${support.why}`);

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');

interface Ports {
  readonly port: number;
  readonly alsoTcp: readonly number[];
  readonly missing: readonly { readonly port: number; readonly why: string }[];
}

/** Connects to a port of an address, and tells how that ended and what was said. */
const CALLER = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:net').connect(Number(port), host);
  let said = 0;
  socket.on('connect', () => socket.write('GET / HTTP/1.0\\r\\n\\r\\n'));
  socket.on('data', (bytes) => { said += bytes.length; });
  socket.on('error', (error) => console.log(error.code));
  socket.on('close', () => console.log('closed', said));`;

describe.skipIf(!support.ok)('the ports of a machine of a person', () => {
  let lab: Lab;
  let network: WrenNetwork;
  beforeAll(async () => {
    lab = await Lab.start();
    network = await WrenNetwork.start(lab);
    for (const host of ['alice', 'bobby', 'carol']) await lab.place('PUB', host);
    await network.signUp('alice', 'alice1');
  });
  afterAll(() => lab?.stop());

  const ports = async (host: string, profile = 'profile'): Promise<Ports> => {
    const { stdout } = await network.wrenAs({ host, profile }, 'status', '--json').done;
    return (JSON.parse(stdout) as { ports: Ports }).ports;
  };
  const caller = async (port: number): Promise<string> => {
    const { stdout } = await lab.run('bobby', process.execPath, ['-e', CALLER, lab.address('alice'), String(port)])
      .done;
    return stdout.trim();
  };

  it('are the one chosen at install, UDP and TCP, and TCP 443 and 80; callers there hear nothing', async () => {
    const told = await ports('alice');
    expect(told).toMatchObject({ alsoTcp: [443, 80], missing: [] });
    expect(told.port).toBeGreaterThan(1023);
    for (const port of [told.port, 443, 80]) expect(await caller(port)).toMatch(/(^|\n)closed 0$/);
    expect(await caller(81)).toContain('ECONNREFUSED');
  });

  it('go to the first of two agents, and to a server that starts later', { timeout: 60_000 }, async () => {
    await network.succeed({ host: 'alice', profile: 'other' }, 'join', network.invite);
    const taken = [443, 80].map((port) => ({ port, why: 'taken' }));
    expect(await ports('alice', 'other')).toMatchObject({ alsoTcp: [], missing: taken });
    const place = ['--dir', join(lab.folder, 'alice', 'state'), '--host', lab.address('alice')];
    const server = network.wren('alice', 'supernode', '--invite', network.invite, ...place, '--json');
    await server.saw(/"ready"/, 20_000);
    const gave = async (): Promise<boolean> => (await ports('alice')).alsoTcp.length === 0;
    await untilAsync(gave, 5_000, () => 'the agent gives up its ports');
    expect((await ports('alice')).missing).toEqual([443, 80].map((port) => ({ port, why: 'claimed' })));
    // People whose firewall lets out nothing else reach the new one.
    expect(await lab.succeed('alice', 'ss', ['-Hltn', 'sport = :443']).then(({ stdout }) => stdout)).toContain(':443');
    server.kill();
    await server.done;
    await lab.succeed('alice', process.execPath, [WREN, '--profile', network.profileOf({ host: 'alice' }), 'wait']);
  });

  it('are not asked for when the person says so', async () => {
    const env = { WREN_PASSWORD: PASSWORD, WREN_NO_WEB_PORTS: '1' };
    const profile = join(lab.folder, 'bobby', 'profile');
    await lab.succeed('bobby', process.execPath, [WREN, '--profile', profile, 'join', network.invite], env);
    expect(await ports('bobby')).toMatchObject({ alsoTcp: [], missing: [] });
  });

  it('below 1024 are done without by a person who may not', async (context) => {
    try {
      execFileSync('setpriv', ['--version'], { stdio: 'ignore' });
    } catch {
      console.log('SKIPPED the ports of a person without rights: there is no setpriv');
      return context.skip();
    }
    await lab.succeed('carol', 'sh', ['-c', 'echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start']);
    const profile = network.profileOf({ host: 'carol' });
    const rights = ['--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service'];
    await lab.succeed('carol', 'setpriv', [
      ...rights,
      ...[process.execPath, WREN, '--profile', profile, 'join', network.invite],
    ]);
    const forbidden = [443, 80].map((port) => ({ port, why: 'not-allowed' }));
    expect(await ports('carol')).toMatchObject({ alsoTcp: [], missing: forbidden });
  });
});
