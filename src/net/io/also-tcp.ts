/**
 * TCP ports that a node listens at beside its own: 443 and 80, which firewalls let out that let little else (slides,
 * "Ports"; BS04 section 3.1). A bonus: whatever forbids one leaves it out, and says why. Either all families of the
 * system are had at a port or none, so that nobody ends up beside the web server of this machine.
 *
 * People's nodes only borrow such a port. Who serves and finds it borrowed claims it: a connection to a socket whose name
 * stands for the port, in the abstract name space of Linux, which is there per network as ports are; the borrower stops
 * listening and hangs up. Elsewhere nothing can be claimed. Any program of this machine may claim; it gets nothing but
 * a free port.
 *
 *   bind --taken--> claim --borrower hangs up--> bind again, CLAIM_TRIES times
 */
import { connect, createServer, type Server } from 'node:net';
import process from 'node:process';
import { ALSO_TCP_CLAIM_GAP_MS, ALSO_TCP_CLAIM_MS, ALSO_TCP_CLAIM_TRIES } from '../protocol/params.ts';
import { bindStreams } from './streams.ts';
import { errorCode } from './tally.ts';

/** `borrow`: given back to whoever serves. `claim`: had back from whoever borrowed it. */
export type AlsoTcpManners = 'borrow' | 'claim';

export type AlsoTcpLack = 'taken' | 'not-allowed' | 'unavailable';

/** A port that could not be had. */
export interface AlsoTcpMissing {
  readonly port: number;
  readonly why: AlsoTcpLack;
}

export interface AlsoTcpPort {
  readonly port: number;
  readonly servers: readonly Server[];
  /** Ends the borrowing; the servers are closed by whoever uses them. */
  readonly release: () => void;
}

export interface AlsoTcpWish {
  /** Addresses to listen at; a missing one is not wanted. */
  readonly hosts: { readonly v4: string | undefined; readonly v6: string | undefined };
  readonly ports: readonly number[];
  readonly manners: AlsoTcpManners | undefined;
  /** A server of this machine has claimed a port that was had. */
  readonly onClaimed: (port: number) => void;
  /** The system's, but for tests. */
  readonly bind?: typeof bindStreams;
}

/** Answers of a system that has no such family, or has it switched off. */
export const NO_SUCH_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

/** Never rejects. */
export async function bindAlsoTcp(
  wish: AlsoTcpWish,
): Promise<{ readonly had: readonly AlsoTcpPort[]; readonly missing: readonly AlsoTcpMissing[] }> {
  const had: AlsoTcpPort[] = [];
  const missing: AlsoTcpMissing[] = [];
  for (const port of wish.ports) {
    let servers = await bindAll(wish, port);
    if (servers === 'taken' && wish.manners === 'claim' && (await claim(port))) servers = await bindClaimed(wish, port);
    if (typeof servers === 'string') missing.push({ port, why: servers });
    else had.push({ port, servers, release: wish.manners === 'borrow' ? await lend(port, wish.onClaimed) : () => {} });
  }
  return { had, missing };
}

/** Ports that nobody listens at yet. */
export function closeAlsoTcp(ports: readonly AlsoTcpPort[]): void {
  for (const { servers } of ports) for (const server of servers) server.close();
}

async function bindAll({ hosts, bind = bindStreams }: AlsoTcpWish, port: number): Promise<Server[] | AlsoTcpLack> {
  const bound: Server[] = [];
  for (const [family, host] of [[4, hosts.v4] as const, [6, hosts.v6] as const]) {
    if (host === undefined) continue;
    try {
      bound.push(await bind(family, host, port));
    } catch (error) {
      const code = errorCode(error);
      if (NO_SUCH_FAMILY.has(code)) continue;
      for (const server of bound) server.close();
      if (code === 'EADDRINUSE') return 'taken';
      return code === 'EACCES' || code === 'EPERM' ? 'not-allowed' : 'unavailable';
    }
  }
  return bound.length > 0 ? bound : 'unavailable';
}

/** The borrower has hung up; its listener may take a moment to be gone. */
async function bindClaimed(wish: AlsoTcpWish, port: number): Promise<Server[] | AlsoTcpLack> {
  for (let tries = 1; ; tries += 1) {
    const servers = await bindAll(wish, port);
    if (servers !== 'taken' || tries === ALSO_TCP_CLAIM_TRIES) return servers;
    await new Promise((resolve) => setTimeout(resolve, ALSO_TCP_CLAIM_GAP_MS));
  }
}

/** Resolves with the end of the lending. Whoever connects wants the port. */
function lend(port: number, onClaimed: (port: number) => void): Promise<() => void> {
  if (process.platform !== 'linux') return Promise.resolve(() => {});
  return new Promise((resolve) => {
    let isOver = false;
    const server = createServer((claimant) => {
      claimant.on('error', () => {});
      if (!isOver) onClaimed(port);
      isOver = true;
      claimant.destroy();
    });
    const end = (): void => {
      isOver = true;
      server.close();
    };
    server.on('error', () => resolve(() => {}));
    server.listen(nameOf(port), () => resolve(end));
    // Nobody stays for it alone.
    server.unref();
  });
}

/** Resolves with whether somebody had borrowed the port and hung up in time. */
function claim(port: number): Promise<boolean> {
  if (process.platform !== 'linux') return Promise.resolve(false);
  return new Promise((resolve) => {
    let isThere = false;
    const socket = connect(nameOf(port), () => {
      isThere = true;
    });
    const timer = setTimeout(() => socket.destroy(), ALSO_TCP_CLAIM_MS);
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(isThere);
    });
  });
}

function nameOf(port: number): string {
  return `\0wren borrowed tcp ${port}`;
}
