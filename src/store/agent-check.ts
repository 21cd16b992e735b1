/**
 * The agent's part of `wren check`: knocks at every login server and supernode that the profile knows, and compares
 * clocks. All knocks run at the same time, on sockets of their own, so that neither link nor call notices. Addresses
 * are those of the network's servers, never of people.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { Knocker, type KnockerCommand, type KnockerEvent, nodeIdOf, spkiOf } from '../net/index.ts';
import { Driver, openSockets } from '../net/io/index.ts';
import { type Endpoint, parseEndpoint, printEndpoint, sameEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { KNOCKS_MAX } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import type { KnockReport, NetworkCheck } from './port.ts';

/** Throws `no-network` before the profile has joined one. */
export async function checkNetwork(core: AgentCore): Promise<NetworkCheck> {
  const network = core.options.profile.network();
  if (!network) throw new Refusal('no-network');
  const identity = ownIdentity(core);
  const logins = read(network.loginServers, 'tcp');
  const { supernode } = core.state;
  const cached = core.options.profile.hostCache()?.supernodes.flatMap(({ endpoints }) => endpoints) ?? [];
  const supers = read([...(supernode ? [supernode.endpoint] : []), ...network.supernodes, ...cached], 'udp');
  const reports = await knockAll(core, identity, [
    ...logins.map((endpoint) => ({ endpoint, kind: 'login-server' as const })),
    ...(identity ? supers : []).map((endpoint) => ({ endpoint, kind: 'supernode' as const })),
  ]);
  const loginServers = reports.slice(0, logins.length);
  if (identity && core.clockOffsetMs === undefined && loginServers.some((one) => one.trouble === null)) {
    await askForTime(core, spkiOf(createPublicKey(identity.privateKey)));
  }
  return { loginServers, supernodes: reports.slice(logins.length), clockOffsetMs: core.clockOffsetMs ?? null };
}

/** A server listens at one port number by UDP and by TCP: each is asked by the carrier that matters there. */
function read(texts: readonly string[], carrier: Endpoint['carrier']): Endpoint[] {
  const found: Endpoint[] = [];
  for (const text of texts) {
    const parsed = parseEndpoint(text);
    const endpoint = parsed && { ...parsed, carrier };
    if (endpoint && !found.some((known) => sameEndpoint(known, endpoint))) found.push(endpoint);
  }
  return found.slice(0, KNOCKS_MAX);
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
  wanted: readonly Pick<KnockerCommand, 'endpoint' | 'kind'>[],
): Promise<KnockReport[]> {
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
  const sockets = await openSockets({ port: 0 });
  const answers = new Map<number, KnockerEvent>();
  return await new Promise<KnockReport[]>((resolve, reject) => {
    const driver = new Driver<KnockerCommand, KnockerEvent>({
      core: knocker,
      sockets,
      onEvent: (event) => {
        answers.set(event.knock, event);
        if (answers.size === wanted.length) driver.close().then(() => resolve(wanted.map(reportOf)), reject);
      },
      onFault,
    });
    const reportOf = ({ endpoint }: { endpoint: Endpoint }, knock: number): KnockReport => {
      const { code = null, tookMs = 0, streamOpened = false } = answers.get(knock) ?? {};
      return { endpoint: printEndpoint(endpoint), trouble: code, tookMs: Math.round(tookMs), connected: streamOpened };
    };
    driver.start();
    const begin = (): void => {
      for (const [knock, { endpoint, kind }] of wanted.entries())
        driver.command({ type: 'knock', knock, endpoint, kind });
    };
    if (core.udpBlocked) driver.disturb('block-udp').then(begin, reject);
    else begin();
  });
}
