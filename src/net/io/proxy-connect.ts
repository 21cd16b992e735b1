/**
 * HTTP CONNECT, the client's half (RFC 9110 section 9.3.6): asks a proxy, over a socket that has just been opened to
 * it, for a connection to somebody else. What follows the answer is the other end's and stays in the socket.
 * `proxy-tunnel.ts` opens the socket and takes the outcome.
 */
import type { Socket } from 'node:net';
import type { Endpoint } from '../protocol/endpoint.ts';
import { PROXY_HEAD_BYTES_MAX } from '../protocol/params.ts';
import type { ProxyProblem } from './proxy-tunnel.ts';
import { type ProxyServer, proxyWhere } from './proxy-url.ts';

/** `done` is told nothing when the connection stands. It is told once; never when the socket ends before that. */
export function askByConnect(
  socket: Socket,
  { user, password }: ProxyServer,
  to: Endpoint,
  done: (problem?: ProxyProblem) => void,
): void {
  const where = proxyWhere(to);
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  const proof = user === '' && password === '' ? '' : `Proxy-Authorization: Basic ${basic}\r\n`;
  let head = Buffer.alloc(0);
  const take = (bytes: Buffer): void => {
    head = Buffer.concat([head, bytes]);
    const verdict = judge(head);
    if (verdict === 'more') return;
    socket.off('data', take);
    socket.pause();
    if (typeof verdict === 'string') return done(verdict);
    const rest = head.subarray(verdict.end);
    if (rest.length > 0) socket.unshift(rest);
    done();
    // Whoever reads from now on has been told.
    socket.resume();
  };
  socket.on('data', take);
  socket.write(`CONNECT ${where} HTTP/1.1\r\nHost: ${where}\r\n${proof}\r\n`);
}

const BEGIN = 'HTTP/1.';

/** Where the head of a good answer ends, or what is wrong with it. A body may follow a refusal: nobody reads it. */
function judge(head: Buffer): 'more' | ProxyProblem | { readonly end: number } {
  const begin = head.subarray(0, BEGIN.length).toString('latin1');
  if (!BEGIN.startsWith(begin)) return 'proxy-garbage';
  const end = head.indexOf('\r\n\r\n');
  if (end < 0) return head.length > PROXY_HEAD_BYTES_MAX ? 'proxy-garbage' : 'more';
  const status = /^HTTP\/1\.[01] ([2-5]\d\d)(?: [^\r\n]*)?\r\n/.exec(head.subarray(0, end + 2).toString('latin1'))?.[1];
  if (status === undefined) return 'proxy-garbage';
  if (status.startsWith('2')) return { end: end + 4 };
  if (status === '407') return 'proxy-password';
  // 502, 503, 504: it tried, and came no further than a direct connection would.
  return status.startsWith('5') && status !== '501' ? 'proxy-no-answer' : 'proxy-refused';
}
