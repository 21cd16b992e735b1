/**
 * The agent's part of `wren check`: knocks at every login server and supernode that the profile knows, and compares
 * clocks. All knocks run at the same time, on sockets of their own, so that neither link nor call notices. Addresses
 * are those of the network's servers, never of people. The way to one buddy is tested by the node itself, from the port
 * by which calls go.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  Knocker,
  type KnockerCommand,
  type KnockerEvent,
  nodeIdOf,
  type PathReport,
  type Remembered,
  spkiOf,
} from '../net/index.ts';
import { Driver, openSockets } from '../net/io/index.ts';
import { type Endpoint, parseEndpoint, printEndpoint, sameEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { KNOCKS_BY_TCP_MAX, KNOCKS_MAX } from '../net/protocol/params.ts';
import { isByProxy, isByTls, waysTo } from '../net/protocol/ways.ts';
import type { AgentCore } from './agent-core.ts';
import { proxyReport } from './agent-proxy.ts';
import type { KnockReport, NetworkCheck, ProxyReport } from './port.ts';

/** A knock with how its stream ended. */
type Report = ProxyReport['knocks'][number];

/** Throws `no-network` before the profile has joined one. */
export async function checkNetwork(core: AgentCore): Promise<NetworkCheck> {
  const network = core.options.profile.network();
  if (!network) throw new Refusal('no-network');
  const identity = ownIdentity(core);
  const logins = read(network.loginServers, 'tcp');
  const { supernode } = core.state;
  const remembered = core.options.profile.hostCache()?.supernodes ?? [];
  const cached = remembered.flatMap(({ endpoints }) => endpoints);
  const named = [...(supernode ? [supernode.endpoint] : []), ...network.supernodes, ...cached];
  const supers = identity ? read(named, 'udp') : [];
  const byTcp = supers.slice(0, KNOCKS_BY_TCP_MAX).map((endpoint): Endpoint => ({ ...endpoint, carrier: 'tcp' }));
  const at443 = distinct(byTcp.map((endpoint) => ({ ...endpoint, port: 443 })));
  const throughProxy = core.proxy ? proxied(logins) : [];
  const reports = await knockAll(core, identity, [
    ...logins.map((endpoint) => ({ endpoint, kind: 'login-server' as const })),
    ...throughProxy.map((endpoint) => ({ endpoint, kind: 'login-server' as const, proxy: true })),
    ...logins.map((endpoint) => ({ endpoint: atTls(endpoint), kind: 'login-server' as const, tls: true })),
    ...[...supers, ...byTcp, ...at443].map((endpoint) => ({ endpoint, kind: 'supernode' as const })),
  ]);
  const left = [...reports];
  const loginServers = left.splice(0, logins.length).map(plainly);
  const byProxy = left.splice(0, throughProxy.length);
  const insideTls = left.splice(0, logins.length).map(plainly);
  const supernodes = left.splice(0, supers.length).map(plainly);
  const supernodesByTcp = left.splice(0, byTcp.length).map(plainly);
  const supernodesAt443 = left.map(plainly);
  const proxy = core.proxy && proxyReport(core.proxy, byProxy);
  if (identity && core.clockOffsetMs === undefined && loginServers.some((one) => one.trouble === null)) {
    await askForTime(core, spkiOf(createPublicKey(identity.privateKey)));
  }
  return {
    loginServers,
    insideTls,
    supernodes,
    supernodesByTcp,
    supernodesAt443,
    hostCache: cacheReport(remembered),
    ...(proxy ? { proxy } : {}),
    clockOffsetMs: core.clockOffsetMs ?? null,
  };
}

/** Silently: nothing rings at the other end. Throws what `check.path` may fail with. */
export async function checkPath(core: AgentCore, name: string): Promise<PathReport> {
  core.signedIn();
  const event = await core.ask((ticket) => ({ type: 'test-path', ticket, name }));
  if (event.type !== 'path-tested') throw new Refusal('server-fault');
  const { path, why, directAfterMs } = event.report;
  core.options.log.info('check', 'path tested', { path, why, directAfterMs });
  return event.report;
}

/** As sign-in and link ask through a proxy: at 443, then at the port of its own. */
function proxied(servers: readonly Endpoint[]): Endpoint[] {
  const ways = servers.flatMap((server) => waysTo(server, true).filter(({ name }) => isByProxy(name)));
  return ways.map(({ endpoint }) => endpoint).slice(0, KNOCKS_MAX);
}

function plainly({ ending: _ending, ...report }: Report): KnockReport {
  return report;
}

/** Where a server is met inside TLS. */
function atTls(server: Endpoint): Endpoint {
  return waysTo(server, false).find(({ name }) => isByTls(name))?.endpoint ?? server;
}

/** A server listens at one port number by UDP and by TCP: each is asked by the carrier that matters there. */
function read(texts: readonly string[], carrier: Endpoint['carrier']): Endpoint[] {
  const parsed = texts.flatMap((text) => parseEndpoint(text) ?? []);
  return distinct(parsed.map((endpoint) => ({ ...endpoint, carrier }))).slice(0, KNOCKS_MAX);
}

function distinct(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter((one, at) => endpoints.findIndex((known) => sameEndpoint(known, one)) === at);
}

function cacheReport(remembered: Remembered['supernodes']): NonNullable<NetworkCheck['hostCache']> {
  const times = remembered.map(({ visits }) => Math.max(0, ...visits.map(({ okAtMs }) => okAtMs)));
  const lastWorkedAtMs = Math.max(0, ...times) || null;
  return { supernodes: remembered.length, worked: times.filter((at) => at > 0).length, lastWorkedAtMs };
}

function ownIdentity({ options: { profile } }: AgentCore) {
  const pem = profile.privateKeyPem();
  const identity = profile.identity();
  if (pem === undefined || !identity) return undefined;
  const privateKey = createPrivateKey(pem);
  return { nodeId: nodeIdOf(spkiOf(createPublicKey(privateKey))), privateKey, certificateDer: identity.certificate };
}

/** Since the agent started nobody has told the time: a renewal does. The certificate in the answer is left unused. */
async function askForTime(core: AgentCore, publicKey: Buffer): Promise<void> {
  try {
    await core.ask((ticket) => ({ type: 'login', ticket, request: { kind: 'renew', publicKey } }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    core.options.log.debug('check', 'no time was told', { code: error.code });
  }
}

async function knockAll(
  core: AgentCore,
  identity: ReturnType<typeof ownIdentity>,
  wanted: readonly Pick<KnockerCommand, 'endpoint' | 'kind' | 'proxy' | 'tls'>[],
): Promise<Report[]> {
  if (wanted.length === 0) return [];
  const { profile, random, wallClock, onFault } = core.options;
  const network = profile.network();
  if (!network) throw new Refusal('no-network');
  const knocker = new Knocker({
    random,
    wallClock,
    pin: network.authorityPin,
    authorityDer: network.authorityCertificate ?? undefined,
    identity,
  });
  const sockets = await openSockets({ port: 0, proxy: core.proxy });
  const answers = new Map<number, KnockerEvent>();
  return await new Promise<Report[]>((resolve, reject) => {
    const driver = new Driver<KnockerCommand, KnockerEvent>({
      core: knocker,
      sockets,
      onEvent: (event) => {
        answers.set(event.knock, event);
        if (answers.size === wanted.length) driver.close().then(() => resolve(wanted.map(reportOf)), reject);
      },
      onFault,
    });
    const reportOf = ({ endpoint }: { endpoint: Endpoint }, knock: number): Report => {
      const { code = null, tookMs = 0, streamOpened = false, streamEnding: ending = null } = answers.get(knock) ?? {};
      const report = { endpoint: printEndpoint(endpoint), trouble: code, tookMs: Math.round(tookMs) };
      return { ...report, connected: streamOpened, ending };
    };
    driver.start();
    const begin = (): void => {
      for (const [knock, one] of wanted.entries()) driver.command({ type: 'knock', knock, ...one });
    };
    if (core.udpBlocked) driver.disturb('block-udp').then(begin, reject);
    else begin();
  });
}
