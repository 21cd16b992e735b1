/**
 * What every server keeps in its folder: a private key that never changes, the port that invites name, a log. The
 * folder is the user's own; the key is 0600; a port once chosen is kept, or invites would go stale at a restart.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeIdOf, spkiOf } from '../../src/net/index.ts';
import { localEndpoints, openSockets, type SystemSockets } from '../../src/net/io/index.ts';
import type { Random } from '../../src/net/protocol/core.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { isLoopbackHost } from '../../src/net/protocol/endpoint.ts';
import { ALSO_TCP_PORTS } from '../../src/net/protocol/params.ts';
import { readFileIfThere, writeFileAtomic } from '../../src/store/atomic-file.ts';
import { keepAside } from '../../src/store/damaged-file.ts';

/** Addresses in an invite for one server; IPv4 first, loopback last. */
const ADVERTISED_MAX = 4;

export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

/** The wall clock, shifted by the test hook of the contract. */
export function wallClock(): number {
  return Date.now() + Number(process.env.WREN_FAKE_CLOCK_OFFSET_MS ?? 0);
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
 * of the web where they may be had, for clients that no firewall lets out elsewhere. There are none before loopback.
 */
export async function openKeptSockets(
  folder: string,
  options: {
    readonly name: string;
    readonly port: number | undefined;
    readonly host: string | undefined;
    readonly noWebPorts?: boolean;
    readonly sideUdp?: number;
  },
): Promise<SystemSockets> {
  const path = join(folder, `${options.name}.port`);
  const kept = Number(readFileIfThere(path)?.toString('latin1') ?? 0);
  const port = options.port ?? (kept >= 1 && kept <= 65_535 ? kept : 0);
  const { host, sideUdp = 0 } = options;
  const listenAt =
    host !== undefined && isLoopbackHost(host) ? { host } : { alsoTcp: options.noWebPorts ? [] : ALSO_TCP_PORTS };
  const sockets = await openSockets({ port, sideUdp, ...listenAt });
  if (sockets.port !== kept) writeFileAtomic(path, String(sockets.port));
  return sockets;
}

/** How others reach a port of this machine: the host given, or else every address it has, loopback last. */
export function advertised(host: string | undefined, port: number, carrier: 'udp' | 'tcp'): Endpoint[] {
  if (host !== undefined) return [{ carrier, host, port }];
  const all = localEndpoints(networkInterfaces(), { port, v4: true, v6: true });
  return all.slice(-ADVERTISED_MAX).map((endpoint) => ({ ...endpoint, carrier }));
}
