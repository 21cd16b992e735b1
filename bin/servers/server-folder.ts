/**
 * What every server keeps in its folder: a private key that never changes, the port that invites name, a log. The
 * folder is the user's own; the key is 0600; a port once chosen is kept, or invites would go stale at a restart.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { nodeIdOf, spkiOf } from '../../src/net/index.ts';
import { localEndpoints, openSockets, type ProxyChoice, type SystemSockets } from '../../src/net/io/index.ts';
import type { Random } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { canonicalHost, isLoopbackHost, parseEndpoint, printEndpoint } from '../../src/net/protocol/endpoint.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { ALSO_TCP_PORTS } from '../../src/net/protocol/params.ts';
import type { IndexSizes } from '../../src/net/servers.ts';
import { readFileIfThere, writeFileAtomic } from '../../src/store/atomic-file.ts';
import { keepAside } from '../../src/store/damaged-file.ts';
import type { Log } from '../../src/store/log-file.ts';

/** Addresses of each family in an invite for one server. */
const ADVERTISED_PER_FAMILY_MAX = 2;

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

/**
 * With how many supernodes the index goes over to slots: WREN_FULL_INDEX_MAX, a test hook, lowers it, and with it the
 * number below which it goes back; all supernodes of a network must be given the same.
 */
export function indexSizes(): IndexSizes | undefined {
  const text = process.env.WREN_FULL_INDEX_MAX ?? '';
  if (!/^[1-9]\d{0,3}$/.test(text)) return undefined;
  const fullMembersMax = Number(text);
  return { fullMembersMax, slotMembersMin: Math.max(1, Math.floor(0.75 * fullMembersMax)) };
}

/** The wall clock, shifted by the test hook of the contract. */
export function wallClock(): number {
  const offsetMs = Number(process.env.WREN_FAKE_CLOCK_OFFSET_MS ?? 0);
  return Date.now() + (Number.isFinite(offsetMs) ? offsetMs : 0);
}

export interface NodeKey {
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
  readonly nodeId: string;
}

/** The RSA-2048 key in `name`, made at first start; one that cannot be read is kept aside, and a new one made. */
export async function openNodeKey(folder: string, name: string): Promise<NodeKey> {
  const path = join(folder, name);
  const privateKey = readKey(path) ?? (await newKey(path));
  const spki = spkiOf(createPublicKey(privateKey));
  return { privateKey, spki, nodeId: nodeIdOf(spki) };
}

/** Nothing but its certificate says whose key this is, so another one does as well. */
function readKey(path: string): KeyObject | undefined {
  const pem = readFileIfThere(path)?.toString('latin1');
  if (pem === undefined) return undefined;
  try {
    return createPrivateKey(pem);
  } catch {
    keepAside(path, 'not a private key');
    return undefined;
  }
}

async function newKey(path: string): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  writeFileAtomic(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), { mode: 0o600 });
  return privateKey;
}

/**
 * Binds the port asked for, else the one kept in the folder, else a free one, which is kept from then on; and the ports
 * of the web where they may be had, for clients that no firewall lets out elsewhere: an agent of this machine gives them
 * up. Not before loopback, nor with WREN_NO_WEB_PORTS=1. What could not be had is in the log.
 */
export async function openKeptSockets(
  folder: string,
  options: {
    readonly name: string;
    readonly port: number | undefined;
    readonly host: string | undefined;
    readonly noWebPorts?: boolean | undefined;
    readonly log: Log;
    readonly proxy?: ProxyChoice | undefined;
    readonly sideUdp?: number;
  },
): Promise<SystemSockets> {
  const path = join(folder, `${options.name}.port`);
  const kept = Number(readFileIfThere(path)?.toString('latin1') ?? 0);
  const port = options.port ?? (kept >= 1 && kept <= 65_535 ? kept : 0);
  const { name, host, log, proxy, sideUdp = 0 } = options;
  const [first, second] = host === undefined ? [] : hostsOf(host);
  const atHome = first !== undefined && second === undefined && isLoopbackHost(first);
  const noWebPorts = options.noWebPorts || process.env.WREN_NO_WEB_PORTS === '1';
  const listenAt = atHome ? { host: first } : { alsoTcp: noWebPorts ? [] : ALSO_TCP_PORTS };
  const sockets = await openSockets({ port, proxy, sideUdp, ...listenAt, alsoTcpManners: 'claim' });
  for (const { port: lacked, why } of sockets.alsoTcpMissing) {
    log.warn(name, `does without TCP port ${lacked}: clients behind some firewalls will not reach it`, { why });
  }
  log.info(name, 'listens', { port: sockets.port, alsoTcp: sockets.alsoTcp.join(' ') });
  if (sockets.port !== kept) writeFileAtomic(path, String(sockets.port));
  return sockets;
}

/** The hosts of `--host`: several with commas between, an IPv6 address with brackets or without. */
function hostsOf(text: string): string[] {
  return text.split(',').map((host) => host.trim().replace(/^\[(.*)\]$/, '$1'));
}

/**
 * How others reach a port of this machine: the hosts given (an address of either family, say), or else the addresses it
 * has: some of each family, so that neither is lost, loopback last.
 */
export function advertised(host: string | undefined, port: number, carrier: 'udp' | 'tcp'): Endpoint[] {
  if (host !== undefined) {
    const named = hostsOf(host).map((one) => ({ carrier, host: canonicalHost(one), port }));
    // Whoever reads it again must find what was meant.
    const wrong = named.find((endpoint) => !parseEndpoint(printEndpoint(endpoint)));
    if (wrong) throw new Refusal('usage', `--host ${wrong.host} is neither an address nor a name`);
    return named;
  }
  const all = localEndpoints(networkInterfaces(), { port, v4: true, v6: true });
  const near = all.filter((one) => isLoopbackHost(one.host));
  const far = all.filter((one) => !isLoopbackHost(one.host));
  const v4 = far.filter((one) => !one.host.includes(':')).slice(0, ADVERTISED_PER_FAMILY_MAX);
  const v6 = far.filter((one) => one.host.includes(':')).slice(0, ADVERTISED_PER_FAMILY_MAX);
  return [...v4, ...v6, ...near].map((endpoint) => ({ ...endpoint, carrier }));
}
