/**
 * A program with strings: opens sockets on a host of the lab and does with them what it is told, one JSON line each on
 * standard input; answers, and what arrives, are JSON lines on standard output. Plain JavaScript, so that it runs in a
 * namespace as it is. `puppet.ts` holds the strings.
 */
import { createSocket } from 'node:dgram';
import { connect as connectTcp, createServer as createTcp } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls, createServer as createTls } from 'node:tls';

/** Both ends know this key, so that real TLS needs no certificate here (RFC 4279). */
const PSK = Buffer.from('the lab trusts everybody in the lab');
const TLS = { ciphers: 'PSK', maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined };
const ENDINGS = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
};

const sockets = new Map();
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const ACTS = {
  /** A UDP socket; everything that comes to it is told. With `reflect` it also answers with where that came from. */
  udp: ({ id, host, port = 0, reflect = false }) => {
    // The lookup is synchronous, so that a time to live holds for exactly the packet it was set for.
    const lookup = (name, _options, done) => done(null, name, name.includes(':') ? 6 : 4);
    const socket = createSocket({ type: host?.includes(':') ? 'udp6' : 'udp4', lookup });
    sockets.set(id, socket);
    socket.on('error', (error) => tell({ id, fault: error.code }));
    socket.on('message', (bytes, from) => {
      tell({
        event: 'udp',
        socket: id,
        host: from.address,
        port: from.port,
        text: bytes.toString(),
        at: performance.now(),
      });
      if (reflect) socket.send(`you are ${from.address}:${from.port}; ${bytes}`, from.port, from.address);
    });
    socket.bind({ port, address: host }, () => tell({ id, socket: id, port: socket.address().port }));
  },
  send: ({ id, socket, host, port, text, ttl = 64 }) => {
    const from = sockets.get(socket);
    from.setTTL(ttl);
    from.send(text, port, host, () => {});
    tell({ id });
  },
  /** Numbered packets, `everyMs` apart; told when the last has gone, with the moment of each. */
  burst: ({ id, socket, host, port, count, everyMs }) => {
    const from = sockets.get(socket);
    const sentAt = [];
    const timer = setInterval(() => {
      sentAt.push(performance.now());
      from.send(String(sentAt.length - 1), port, host, () => {});
      if (sentAt.length < count) return;
      clearInterval(timer);
      tell({ id, sentAt });
    }, everyMs);
  },
  /** A TCP server that answers the first bytes of each connection with where they came from; `tls` needs real TLS. */
  listen: ({ id, port, tls = false }) => {
    const greet = (socket) => {
      socket.on('error', () => {});
      const { remoteAddress, remotePort } = socket;
      socket.once('data', () => socket.end(`you are ${remoteAddress.replace('::ffff:', '')}:${remotePort}`));
    };
    const server = tls ? createTls({ ...TLS, pskCallback: () => PSK }, greet) : createTcp(greet);
    server.on('tlsClientError', () => {});
    server.on('error', (error) => tell({ id, fault: error.code }));
    server.listen(port, () => tell({ id, port: server.address().port }));
  },
  /** One connection: connects, says `hex` (or, with `tls`, does a handshake and says it inside), and tells how it went. */
  dial: ({ id, host, port, hex, tls = false, waitMs = 1500 }) => {
    let answer = '';
    let ended = false;
    const done = (how) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.destroy();
      tell({ id, how, text: answer });
    };
    const socket = tls
      ? connectTls({ ...TLS, host, port, pskCallback: () => ({ psk: PSK, identity: 'puppet' }) })
      : connectTcp({ host, port });
    const timer = setTimeout(() => done('silence'), waitMs);
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(Buffer.from(hex, 'hex')));
    socket.on('data', (bytes) => {
      answer += bytes.toString();
    });
    socket.on('end', () => done(answer === '' ? 'ended' : 'answered'));
    socket.on('error', (error) => done(ENDINGS[error.code] ?? error.code));
  },
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line);
    ACTS[order.do](order);
  })
  .on('close', () => process.exit(0));
tell({ ready: true });
