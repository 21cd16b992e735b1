/**
 * Runs a login server: the authority (made at first start), accounts in SQLite or in a PostgreSQL that several share,
 * `LoginNode` behind a driver. Hands back the pin for the invite. A second login server on one folder would be a second
 * authority's writer; the port in use keeps it from starting.
 */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Driver } from '../../src/net/io/index.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import {
  createAuthority,
  Issuer,
  LoginEffects,
  LoginNode,
  type LoginNodeCommand,
  type LoginNodeEvent,
} from '../../src/net/servers.ts';
import { openAccountDb } from '../../src/store/account-db.ts';
import type { SharedAccountStore } from '../../src/store/account-postgres-db.ts';
import { openAuthority, readAuthority } from '../../src/store/authority-file.ts';
import type { Log } from '../../src/store/log-file.ts';
import { VERSION } from '../version.ts';
import type { RunningServer, ServerOptions } from './running-server.ts';
import { advertised, openKeptSockets, openNodeKey, systemRandom, wallClock } from './server-folder.ts';
import { offerTls } from './tls-face.ts';

/** Its own certificate: re-issued at every start, so it may live as long as the authority. */
const OWN_CERTIFICATE_MS = 10 * 365 * 86_400_000;

export interface RunningLoginServer extends RunningServer {
  readonly authorityPin: Buffer;
  readonly authorityDer: Buffer;
  readonly network: string;
  /** Where it is reached, and where all others are that share its accounts. */
  readonly loginServers: readonly Endpoint[];
}

export interface LoginServerOptions extends ServerOptions {
  /** postgres://...; undefined: SQLite in the folder. */
  readonly database?: string | undefined;
  /** Addresses or node ids of the operator's own supernodes: certified without being dialled. */
  readonly vouched?: readonly string[] | Promise<readonly string[]>;
}

export async function runLoginServer(options: LoginServerOptions): Promise<RunningLoginServer> {
  const { folder, log } = options;
  const network =
    hostname()
      .replace(/[^A-Za-z0-9.-]/g, '')
      .slice(0, 32) || 'wren';
  const own = [openIssuer(folder, network), openNodeKey(folder, 'login-server.pem')] as const;
  const [issuer, key] = await Promise.all(own);
  const shared = options.database === undefined ? undefined : await openShared(options.database, issuer.pin, log);
  const store = shared ?? openAccountDb(join(folder, 'accounts.db'));
  const sockets = await openKeptSockets(folder, { ...options, name: 'login-server' });
  const core = new LoginNode({
    random: systemRandom,
    wallClock,
    issuer,
    identity: { nodeId: key.nodeId, privateKey: key.privateKey, certificateDer: ownCertificate(issuer, key.spki) },
    newestVersion: VERSION,
    allowServiceNames: ['echo'],
    vouched: (await options.vouched) ?? [],
  });
  const effects = new LoginEffects({
    store,
    onDone: (id, result) => driver.command({ type: 'effect-done', id, result }),
    onFault: (effect, error) => log.error('login-server', 'effect failed', { effect }, error),
  });
  const driver = new Driver<LoginNodeCommand, LoginNodeEvent>({
    core,
    sockets,
    onEvent: (event) => (event.type === 'effect' ? effects.perform(event.id, event.effect) : effects.cancel(event.id)),
    onFault: options.onFault,
  });
  driver.start();
  offerTls(sockets, log);
  const endpoints = advertised(options.host, sockets.port, 'tcp');
  const loginServers = await shared?.announce(key.nodeId, endpoints, wallClock());
  return {
    endpoints,
    loginServers: loginServers ?? endpoints,
    authorityPin: issuer.pin,
    authorityDer: issuer.authorityDer,
    network,
    stop: async () => {
      await driver.close();
      await store.close();
    },
  };
}

/** Loaded only where it is wanted: most networks have one login server, and its accounts in a file. */
async function openShared(url: string, authorityPin: Buffer, log: Log): Promise<SharedAccountStore> {
  const { openAccountPostgres } = await import('../../src/store/account-postgres-db.ts');
  const onLost = (error: Error) => log.warn('login-server', 'lost a connection to the database', {}, error);
  return openAccountPostgres(url, { authorityPin, onLost });
}

/** The RSA-3072 key of a new authority takes up to a second or two: made off this thread. */
async function openIssuer(folder: string, networkName: string): Promise<Issuer> {
  const path = join(folder, 'authority.pem');
  const keyPair = readAuthority(path) ? undefined : await promisify(generateKeyPair)('rsa', { modulusLength: 3072 });
  const create = () => createAuthority({ networkName, nowMs: wallClock(), ...(keyPair ? { keyPair } : {}) });
  const { certificateDer, privateKeyPem } = openAuthority(path, create);
  return new Issuer(certificateDer, privateKeyPem);
}

function ownCertificate(issuer: Issuer, publicKeySpki: Buffer): Buffer {
  return issuer.issue({
    subject: { kind: 'login-server' },
    publicKeySpki,
    nowMs: wallClock(),
    lifetimeMs: OWN_CERTIFICATE_MS,
    serial: randomBytes(16),
  }).der;
}
