/** The servers as programs: what they keep in their folder, what a restart finds, and that they can always be ended. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningLoginServer, runLoginServer } from '../../bin/servers/login-server.ts';
import type { RunningServer } from '../../bin/servers/running-server.ts';
import { advertised, openNodeKey } from '../../bin/servers/server-folder.ts';
import { runSupernode } from '../../bin/servers/supernode.ts';
import { encodeInvite } from '../../src/net/index.ts';
import { printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { type Log, openLog } from '../../src/store/log-file.ts';

const WREN = join(import.meta.dirname, '..', '..', 'bin', 'wren');

let root: string;
let log: Log;
let faults: unknown[];
let running: RunningServer[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wren-servers-'));
  log = openLog(root);
  faults = [];
  running = [];
});
afterEach(async () => {
  for (const server of running.reverse()) await server.stop();
  log.close();
  rmSync(root, { recursive: true, force: true });
  expect(faults).toEqual([]);
});

function folderOf(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

const common = (name: string) => ({
  folder: folderOf(name),
  host: '127.0.0.1',
  port: undefined,
  log,
  onFault: (fault: unknown) => void faults.push(fault),
});

async function login(): Promise<RunningLoginServer> {
  const server = await runLoginServer(common('login'));
  running.push(server);
  return server;
}

async function supernode(of: RunningLoginServer): Promise<RunningServer> {
  const { authorityPin: pin, endpoints: loginServers } = of;
  const server = await runSupernode({ ...common('supernode'), pin, loginServers, relayKbps: 100 });
  running.push(server);
  return server;
}

async function stops(server: RunningServer): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.stop();
}

describe('a login server', () => {
  it('is the same authority at the same port after a restart: invites stay good', async () => {
    const first = await login();
    const before = { pin: first.authorityPin, endpoints: first.endpoints.map(printEndpoint) };
    await stops(first);
    const second = await login();
    expect({ pin: second.authorityPin, endpoints: second.endpoints.map(printEndpoint) }).toEqual(before);
  });

  it('keeps its keys to itself', async () => {
    await login();
    for (const name of ['authority.pem', 'login-server.pem']) {
      expect(statSync(join(root, 'login', name)).mode & 0o777).toBe(0o600);
    }
  });

  it('will not start twice in one folder', async () => {
    await login();
    await expect(runLoginServer(common('login'))).rejects.toMatchObject({ code: 'port-taken' });
  });
});

describe('a supernode', () => {
  it('is ready when it is certified, and later without the login server too', async () => {
    const authority = await login();
    const first = await supernode(authority);
    await stops(first);
    await stops(authority);
    const again = await supernode(authority);
    expect(again.endpoints).toEqual(first.endpoints);
  });

  it('serves on when its certificate cannot be kept', async () => {
    const authority = await login();
    const folder = folderOf('supernode');
    const starting = supernode(authority);
    // A folder of that name, put there between the start and the certificate, is a file that cannot be written.
    while (!existsSync(join(folder, 'supernode.port'))) await new Promise((resolve) => setImmediate(resolve));
    mkdirSync(join(folder, 'supernode.der'));
    await starting;
    expect(readFileSync(join(root, 'agent.log'), 'utf8')).toContain('certificate not kept');
  });

  it('does not take the certificate of another network for its own', async () => {
    const authority = await login();
    await stops(await supernode(authority));
    await stops(authority);
    rmSync(join(root, 'login'), { recursive: true });
    const other = await login();
    const server = await supernode(other);
    expect(server.endpoints).toHaveLength(1);
    expect(readFileSync(join(root, 'supernode', 'authority.der'))).toEqual(other.authorityDer);
  });
});

describe('the folder of a server', () => {
  it('gives the same key again; one that is damaged is kept aside for a new one', async () => {
    const folder = folderOf('keys');
    const first = await openNodeKey(folder, 'node.pem');
    expect((await openNodeKey(folder, 'node.pem')).nodeId).toBe(first.nodeId);
    writeFileSync(join(folder, 'node.pem'), 'half of a ke');
    const second = await openNodeKey(folder, 'node.pem');
    expect(second.nodeId).not.toBe(first.nodeId);
    expect(readdirSync(folder).sort()).toEqual(['node.pem', 'node.pem.damaged-1']);
  });

  it('names the host that was given, or else a few addresses of this machine', () => {
    expect(advertised('wren.example.org', 4040, 'udp')).toEqual([
      { carrier: 'udp', host: 'wren.example.org', port: 4040 },
    ]);
    expect(advertised('192.0.2.7,[2001:DB8::7]', 4040, 'udp').map(printEndpoint)).toEqual([
      'udp:192.0.2.7:4040',
      'udp:[2001:db8::7]:4040',
    ]);
    expect(() => advertised('2001:db8::zz', 4040, 'udp')).toThrow('neither an address nor a name');
    const own = advertised(undefined, 4040, 'tcp');
    expect(own.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThanOrEqual(4);
    expect(own.every(({ carrier, port }) => carrier === 'tcp' && port === 4040)).toBe(true);
  });
});

describe('a server that cannot begin', () => {
  it('says why in one sentence, and with --json as one object', () => {
    const args = [WREN, 'login-server', '--dir', folderOf('refused'), '--json'];
    const ran = spawnSync(process.execPath, [...args, '--database', 'postgres://127.0.0.1:1/none'], {
      encoding: 'utf8',
    });
    expect(ran.status).toBe(2);
    const { message, ...event } = JSON.parse(ran.stdout) as { readonly message: string };
    expect(event).toEqual({ event: 'error', code: 'database-unusable', exit: 2 });
    expect(message).toMatch(/ECONNREFUSED [\d.:]+: The database of --database cannot be used: see that it runs/);
    expect(ran.stderr).toBe(`wren login-server: ${message}\n`);
  });
});

describe('a server that waits for another', () => {
  it('is ended by an interrupt at once', async () => {
    const invite = encodeInvite({
      network: 'nowhere',
      authorityPin: Buffer.alloc(32, 7),
      loginServers: [{ carrier: 'tcp', host: '127.0.0.1', port: 9 }],
      supernodes: [],
    });
    const args = [WREN, 'supernode', '--dir', folderOf('waiting'), '--invite', invite, '--host', '127.0.0.1'];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const from = performance.now();
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(performance.now() - from).toBeLessThan(2_000);
  });
});
