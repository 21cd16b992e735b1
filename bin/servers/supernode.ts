/**
 * Runs a dedicated supernode: its key and certificate kept in the folder, `Supernode` behind a driver. Ready means
 * certified; while the login server is away a certificate of an earlier run does.
 */
import { join } from 'node:path';
import { authorityPin } from '../../src/net/index.ts';
import { Driver, type ProxyChoice } from '../../src/net/io/index.ts';
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { NAT_SIDE_PORTS } from '../../src/net/protocol/params.ts';
import { Supernode, type SupernodeCommand, type SupernodeEvent, type SupernodeLoad } from '../../src/net/servers.ts';
import { readFileIfThere, writeFileAtomic } from '../../src/store/atomic-file.ts';
import type { Log } from '../../src/store/log-file.ts';
import { openGatewayPort } from './gateway-port.ts';
import { keepRevoked, readRevoked } from './revoked-file.ts';
import type { RunningServer, ServerOptions } from './running-server.ts';
import { advertised, indexSizes, openKeptSockets, openNodeKey, systemRandom, wallClock } from './server-folder.ts';
import { offerTls } from './tls-face.ts';

const READY_TIMEOUT_MS = 15_000;
/** File of its private key. */
export const SUPERNODE_KEY = 'supernode.pem';

/** So often it is told what was relayed, when anything was. */
const REPORT_MS = 60_000;

export interface SupernodeServerOptions extends ServerOptions {
  readonly pin: Buffer;
  readonly loginServers: readonly Endpoint[];
  readonly relayKbps: number;
  /** Through which the login server may be asked. */
  readonly proxy?: ProxyChoice | undefined;
  /** What it relays and for whom, once a minute with news; the log has the sums. */
  readonly onLoad?: (load: SupernodeLoad) => void;
}

interface Kept {
  readonly certificate: { readonly der: Buffer; readonly expiresAtMs: number };
  readonly authorityDer: Buffer;
}

export async function runSupernode(options: SupernodeServerOptions): Promise<RunningServer> {
  const { folder, log } = options;
  const key = await openNodeKey(folder, SUPERNODE_KEY);
  const kept = readKept(folder, options.pin);
  const sockets = await openKeptSockets(folder, { ...options, name: 'supernode', sideUdp: NAT_SIDE_PORTS });
  const endpoints = advertised(options.host, sockets.port, 'udp');
  const core = new Supernode({
    random: systemRandom,
    wallClock,
    pin: options.pin,
    authorityDer: kept?.authorityDer,
    certificate: kept?.certificate,
    revocations: readRevoked(folder),
    loginServers: options.loginServers,
    endpoints,
    relayKbps: options.relayKbps,
    indexSizes: indexSizes(),
    hasProxy: options.proxy !== undefined,
    privateKey: key.privateKey,
    publicKeySpki: key.spki,
    nodeId: key.nodeId,
  });
  const isNews = newsOfLoad();
  let ready: () => void = () => {};
  let left: () => void = () => {};
  let lastFailure: Extract<SupernodeEvent, { type: 'enrolment-failed' }> | undefined;
  const certified = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const driver = new Driver<SupernodeCommand, SupernodeEvent>({
    core,
    sockets,
    onEvent: (event) => {
      if (event.type === 'certified') {
        keep(folder, event, log);
        log.info('supernode', 'certified', { port: sockets.port });
        ready();
      } else if (event.type === 'load') {
        if (isNews(event.load)) tellLoad(event.load, options);
      } else if (event.type === 'index-form') {
        log.info('supernode', 'index', { form: event.form });
      } else if (event.type === 'revocations') {
        keepRevoked(folder, event.words, log);
      } else if (event.type === 'enrolment-failed') {
        lastFailure = event;
        log.warn('supernode', 'not certified', { code: event.code });
        if (kept) ready();
      } else if (event.type === 'left') left();
    },
    onFault: options.onFault,
  });
  driver.start();
  offerTls(sockets, log);
  const { port } = sockets;
  const onChange = (mapped: readonly Endpoint[]): void => driver.command({ type: 'mapped', endpoints: mapped });
  const gatewayPort = openGatewayPort({ host: options.host, port, log, onChange });
  const stop = async (): Promise<void> => void (await Promise.all([gatewayPort.close(), driver.close()]));
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refusal(lastFailure?.code ?? 'unreachable-login')), READY_TIMEOUT_MS);
  });
  try {
    await Promise.race([certified, timeout]);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const reports = setInterval(() => driver.command({ type: 'report' }), REPORT_MS);
  const leave = async (): Promise<void> => {
    clearInterval(reports);
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    driver.command({ type: 'leave' });
    await gone;
    await stop();
  };
  return { endpoints: [...gatewayPort.endpoints(), ...endpoints], stop: leave };
}

function tellLoad(load: SupernodeLoad, { log, onLoad }: SupernodeServerOptions): void {
  // Without names: a log may be sent to strangers.
  const { people: _people, droppedByCap, ...totals } = load;
  const { person, address, supernode, streams } = droppedByCap;
  const dropped = { overPerson: person, overAddress: address, overSupernode: supernode, overStreams: streams };
  log.info('supernode', 'load', { ...totals, ...dropped });
  onLoad?.(load);
}

/** True when another number of packets was relayed or dropped, or of people, supernodes or records, than at the last report. */
function newsOfLoad(): (load: SupernodeLoad) => boolean {
  let before = '';
  return ({ clients, members, records, forwardedPackets, refusedPackets, droppedByCap }) => {
    const now = JSON.stringify([clients, members, records, forwardedPackets, refusedPackets, droppedByCap]);
    const isNews = now !== before;
    before = now;
    return isNews;
  };
}

/** Undefined when there is none, it has ended, or it is of another network. */
export function readKept(folder: string, pin: Buffer): Kept | undefined {
  const der = readFileIfThere(join(folder, 'supernode.der'));
  const authorityDer = readFileIfThere(join(folder, 'authority.der'));
  const expiresAtMs = Number(readFileIfThere(join(folder, 'supernode.expires'))?.toString('latin1') ?? 0);
  if (!der || !authorityDer || expiresAtMs <= wallClock()) return undefined;
  if (!authorityPin(authorityDer)?.equals(pin)) return undefined;
  return { certificate: { der, expiresAtMs }, authorityDer };
}

/** For a start without the login server. A full disk costs that, and not the clients that are served now. */
export function keep(folder: string, event: Extract<SupernodeEvent, { type: 'certified' }>, log: Log): void {
  try {
    writeFileAtomic(join(folder, 'supernode.der'), event.certificateDer);
    writeFileAtomic(join(folder, 'authority.der'), event.authorityDer);
    writeFileAtomic(join(folder, 'supernode.expires'), String(event.expiresAtMs));
  } catch (error) {
    log.error('supernode', 'certificate not kept', {}, error);
  }
}
