/**
 * A connection through a proxy: opens a socket to the proxy (inside TLS for https), asks for the other end, and hands
 * the socket over once it leads there. `streams.ts` uses it like any other socket from then on; it also keeps the time.
 *
 *   connecting to the proxy -> asking -> open | failed (once)
 */
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from '../protocol/endpoint.ts';
import { STREAM_IDLE_MS } from '../protocol/params.ts';
import type { NameBook } from './names.ts';
import { askByConnect } from './proxy-connect.ts';
import { askBySocks } from './proxy-socks.ts';
import type { ProxyServer } from './proxy-url.ts';
import { errorCode } from './tally.ts';

export type ProxyProblem =
  /** It cannot be reached, or hangs up. */
  | 'proxy-unreachable'
  /** Its certificate (https) is not one that this machine trusts. */
  | 'proxy-untrusted'
  | 'proxy-password'
  | 'proxy-refused'
  /** It does not answer as such a proxy must. */
  | 'proxy-garbage'
  /** It could not reach the other end. */
  | 'proxy-no-answer'
  | 'name-unknown';

export interface TunnelHooks {
  /** From now on the socket speaks to the other end; it is paused until somebody reads. */
  readonly open: () => void;
  readonly failed: (why: ProxyProblem) => void;
  readonly names: NameBook;
  readonly lookup: LookupFunction;
}

/** The socket is there at once, to be destroyed when nobody wants it any more: then neither hook is called. */
export function openTunnel(server: ProxyServer, to: Endpoint, { open, failed, names, lookup }: TunnelHooks): Socket {
  const { host, port, scheme } = server;
  const there = { host, port, lookup, autoSelectFamily: true } as const;
  const byTls = scheme === 'https';
  const named = isIP(host) === 0 ? { servername: host } : {};
  const socket = byTls
    ? connectTls({ ...there, ...named, ALPNProtocols: ['http/1.1'] })
    : connect({ ...there, noDelay: true, keepAlive: true, keepAliveInitialDelay: STREAM_IDLE_MS / 3 });
  let settled = false;
  const settle = (problem?: ProxyProblem): void => {
    if (settled) return;
    settled = true;
    socket.off('close', hungUp);
    socket.off('end', hungUp);
    if (socket.destroyed && problem === undefined) failed('proxy-unreachable');
    else if (problem === undefined) open();
    else failed(problem);
  };
  const hungUp = (): void => settle('proxy-unreachable');
  // It stays: the library hangs up with words still on their way.
  socket.on('error', (error) => settle(problemOf(error)));
  socket.on('close', hungUp);
  socket.on('end', hungUp);
  socket.once(byTls ? 'secureConnect' : 'connect', () => {
    if (byTls) socket.setNoDelay(true).setKeepAlive(true, STREAM_IDLE_MS / 3);
    if (scheme === 'http' || scheme === 'https') return askByConnect(socket, server, to, settle);
    if (scheme === 'socks5h' || isIP(to.host) !== 0) return askBySocks(socket, server, to, settle);
    const found = names.find(to.host, ([first]) => {
      if (first === undefined) settle('name-unknown');
      else if (!settled) askBySocks(socket, server, { ...to, host: first }, settle);
    });
    if (!found) settle('name-unknown');
  });
  return socket;
}

/** Codes of the system and of TLS itself; any other is what OpenSSL says of a certificate. */
function problemOf(error: Error): ProxyProblem {
  const code = errorCode(error);
  if (code === 'EPROTO' || /^ERR_(SSL|OSSL)/.test(code)) return 'proxy-garbage';
  return /^E[A-Z0-9]+$/.test(code) || code === 'unknown' ? 'proxy-unreachable' : 'proxy-untrusted';
}
