/**
 * A proxy for the lab, as companies run them: HTTP CONNECT with a password, to port 443 and nowhere else. Plain
 * JavaScript, since it runs on hosts that know no build. `node proxy.mjs PORT USER:PASSWORD`; says `ready`.
 */
import { connect, createServer } from 'node:net';

const [port, login] = process.argv.slice(2);
const proof = `Proxy-Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`;

createServer((client) => {
  let head = '';
  client.on('error', () => {});
  client.on('data', function take(bytes) {
    head += bytes.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    client.off('data', take);
    const to = /^CONNECT \[?([^ \]]+)\]?:443 HTTP\/1\.1\r\n/.exec(head);
    if (!head.includes(proof)) return client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    if (!to) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const far = connect(443, to[1], () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(far).pipe(client);
    });
    far.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    client.on('close', () => far.destroy());
  });
}).listen(Number(port), () => process.stdout.write('ready\n'));
