/**
 * The smallest UDP relay that Node can be, for comparison: datagrams from 127.1.X.Y go to the other of the pair, whose
 * last bit differs; the first of each tells its port and goes nowhere. Plain JavaScript, so that it runs as it is.
 */
const { createSocket } = require('node:dgram');

const ports = new Map();
const partners = new Map();
// A synchronous lookup, as our own sockets have it: the default one makes every send wait a turn.
const socket = createSocket({
  type: 'udp4',
  recvBufferSize: 4_000_000,
  lookup: (host, _, done) => done(null, host, 4),
});
socket.on('message', (bytes, { address, port }) => {
  const partner = partners.get(address) ?? know(address, port);
  const to = ports.get(partner);
  if (to !== undefined && bytes.length > 1) socket.send(bytes, to, partner);
});
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ ready: socket.address().port })}\n`));

function know(address, port) {
  const [a, b, c, d] = address.split('.').map(Number);
  const partner = [a, b, c, d ^ 1].join('.');
  partners.set(address, partner);
  ports.set(address, port);
  return partner;
}
