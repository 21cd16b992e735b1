/**
 * SOCKS5, the client's half, done by the library `socks`, which is loaded when it is first needed. Over a socket that
 * has just been opened to the proxy; `proxy-tunnel.ts` opens it and takes the outcome.
 */
import type { Socket } from 'node:net';
import type { Endpoint } from '../protocol/endpoint.ts';
import { STREAM_CONNECT_TIMEOUT_MS } from '../protocol/params.ts';
import type { ProxyProblem } from './proxy-tunnel.ts';
import type { ProxyServer } from './proxy-url.ts';

/** `done` is told nothing when the connection stands. It may be told more than once: only the first counts. */
export function askBySocks(
  socket: Socket,
  { host, port, user, password }: ProxyServer,
  to: Endpoint,
  done: (problem?: ProxyProblem) => void,
): void {
  const login = user === '' && password === '' ? {} : { userId: user, password };
  const ask = async (): Promise<void> => {
    const { SocksClient } = await import('socks');
    if (socket.destroyed) return;
    const client = new SocksClient({
      command: 'connect',
      proxy: { host, port, type: 5, ...login },
      destination: { host: to.host, port: to.port },
      timeout: STREAM_CONNECT_TIMEOUT_MS,
      existing_socket: socket,
    });
    client.on('established', () => done());
    client.on('error', ({ message }) => done(problemOf(message)));
    client.connect(socket);
  };
  ask().catch(() => done('proxy-garbage'));
}

/** By the library's sentences; those of the last reply end with the name that RFC 1928 section 6 gives it. */
function problemOf(sentence: string): ProxyProblem {
  if (/no accepted authentication type|Authentication failed/.test(sentence)) return 'proxy-password';
  if (/rejected connection - (NotAllowed|CommandNotSupported|AddressNotSupported)/.test(sentence)) {
    return 'proxy-refused';
  }
  return /rejected connection - [A-Z]/.test(sentence) ? 'proxy-no-answer' : 'proxy-garbage';
}
