/**
 * A supernode on a person's machine: a child of the agent (`store/agent-serving-io.ts`), which speaks to it in JSON lines.
 * First it only listens, so that supernodes can dial it; told to, it gets certified and serves; told to leave, or when the
 * agent is gone, it hands its clients over and ends. Its key, certificate and port lie in its folder, apart from the
 * person's, and nothing of the person is known to it.
 *
 *   stdin   {"type":"serve","endpoint":"udp:198.51.100.7:4400","relayKbps":512}   {"type":"leave"}
 *   stdout  {"type":"open","port":4400}  dialled  certified  not-certified  load
 */
import process from 'node:process';
import { Driver } from '../../src/net/io/index.ts';
import { parseEndpoint } from '../../src/net/protocol/endpoint.ts';
import { PROMOTED_CLIENTS_MAX } from '../../src/net/protocol/overlay-params.ts';
import { NAT_SIDE_PORTS } from '../../src/net/protocol/params.ts';
import { Supernode, type SupernodeCommand, type SupernodeEvent } from '../../src/net/servers.ts';
import { type FromServing, readToServing } from '../../src/store/agent-serving-lines.ts';
import { LineSplitter } from '../../src/store/line-splitter.ts';
import { openGatewayPort } from './gateway-port.ts';
import { keepRevoked, readRevoked } from './revoked-file.ts';
import type { ServerOptions } from './running-server.ts';
import { openKeptSockets, openNodeKey, systemRandom, wallClock } from './server-folder.ts';
import { keep, readKept, SUPERNODE_KEY, type SupernodeServerOptions } from './supernode.ts';
import { offerTls } from './tls-face.ts';

/** A gateway that passes the port on has said so by then. */
const GATEWAY_MS = 5_000;
const REPORT_MS = 5_000;
const LINE_BYTES_MAX = 4_096;

export type PromotedOptions = Omit<ServerOptions, 'host'> &
  Pick<SupernodeServerOptions, 'pin' | 'loginServers' | 'proxy' | 'relayKbps'>;

/** Resolves when it has left; rejects with what the folder or the sockets throw. */
export async function runPromoted(options: PromotedOptions, end: Promise<unknown>): Promise<void> {
  const { folder, log, pin } = options;
  const key = await openNodeKey(folder, SUPERNODE_KEY);
  const kept = readKept(folder, pin);
  const sockets = await openKeptSockets(folder, {
    ...{ ...options, host: undefined, name: 'supernode', sideUdp: NAT_SIDE_PORTS },
  });
  const core = new Supernode({
    ...{ random: systemRandom, wallClock, pin, authorityDer: kept?.authorityDer, certificate: kept?.certificate },
    revocations: readRevoked(folder),
    ...{ loginServers: options.loginServers, endpoints: [], waits: true },
    ...{ relayKbps: options.relayKbps, clientsMax: PROMOTED_CLIENTS_MAX },
    hasProxy: options.proxy !== undefined,
    ...{ privateKey: key.privateKey, publicKeySpki: key.spki, nodeId: key.nodeId },
  });
  let left: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    left = resolve;
  });
  const spent = spentSince();
  const onEvent = (event: SupernodeEvent): void => {
    if (event.type === 'dialled') tell(event);
    else if (event.type === 'certified') {
      keep(folder, event, log);
      log.info('supernode', 'certified', { port: sockets.port });
      tell({ type: 'certified' });
    } else if (event.type === 'enrolment-failed') {
      log.warn('supernode', 'not certified', { code: event.code });
      // One of an earlier run does while the login server is away.
      tell(kept ? { type: 'certified' } : { type: 'not-certified', code: event.code });
    } else if (event.type === 'load') {
      const { clients, standbys, clientsMax, relayKbps, forwardedBytes, forwardedPackets } = event.load;
      tell({ type: 'load', clients, standbys, clientsMax, relayKbps, forwardedBytes, forwardedPackets, ...spent() });
    } else if (event.type === 'revocations') keepRevoked(folder, event.words, log);
    else left();
  };
  const driver = new Driver<SupernodeCommand, SupernodeEvent>({ core, sockets, onEvent, onFault: options.onFault });
  driver.start();
  offerTls(sockets, log);
  const { port } = sockets;
  const gateway = openGatewayPort({ host: undefined, port, log, onChange: () => {} });
  listen(driver, end);
  const opened = setTimeout(() => tell({ type: 'open', port: gateway.endpoints()[0]?.port ?? port }), waitMs(gateway));
  const reports = setInterval(() => driver.command({ type: 'report' }), REPORT_MS);
  await gone;
  clearTimeout(opened);
  clearInterval(reports);
  await Promise.all([gateway.close(), driver.close()]);
  log.info('supernode', 'left');
}

function waitMs(gateway: ReturnType<typeof openGatewayPort>): number {
  return gateway.asks ? GATEWAY_MS : 0;
}

/** Commands from the agent; the end of its pipe, or of this process, is a `leave`. */
function listen(driver: Driver<SupernodeCommand, SupernodeEvent>, end: Promise<unknown>): void {
  const leave = (): void => driver.command({ type: 'leave' });
  const lines = new LineSplitter(LINE_BYTES_MAX);
  process.stdin.on('data', (chunk: Buffer) => {
    for (const line of lines.push(chunk)) {
      const command = readToServing(line);
      if (command?.type === 'leave') leave();
      const endpoint = command?.type === 'serve' ? parseEndpoint(command.endpoint) : undefined;
      if (!endpoint || command?.type !== 'serve') continue;
      driver.command({ type: 'serve', endpoints: [endpoint], relayKbps: command.relayKbps });
    }
  });
  process.stdin.on('end', leave);
  process.stdin.on('error', leave);
  void end.then(leave);
}

/** Share of one core since the last call, and the memory of this process. */
function spentSince(): () => { cpuPercent: number; memoryBytes: number } {
  let before = { at: performance.now(), cpu: process.cpuUsage() };
  return () => {
    const now = { at: performance.now(), cpu: process.cpuUsage() };
    const usedUs = now.cpu.user + now.cpu.system - before.cpu.user - before.cpu.system;
    const cpuPercent = Math.round(usedUs / Math.max(1, now.at - before.at)) / 10;
    before = now;
    return { cpuPercent, memoryBytes: process.memoryUsage.rss() };
  };
}

function tell(event: FromServing): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
