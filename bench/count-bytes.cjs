/**
 * Loaded into an agent by `scene-wire.ts` (node --require): counts what its sockets send and receive, and keeps the sums
 * in a file. It looks from outside; the program that is measured knows nothing of it.
 */
'use strict';
const folder = process.env.WREN_BENCH_BYTES;
const program = process.argv[1] ?? '';

if (folder !== undefined && /agent\.cjs$/.test(program)) {
  const dgram = require('node:dgram');
  const fs = require('node:fs');
  const net = require('node:net');
  const path = require('node:path');
  const sums = {
    sent: 0,
    sentPackets: 0,
    received: 0,
    receivedPackets: 0,
    streamSent: 0,
    streamReceived: 0,
    peers: [],
  };
  const peers = new Set();
  const streams = [];

  const send = dgram.Socket.prototype.send;
  dgram.Socket.prototype.send = function (bytes, port, host, ...rest) {
    sums.sent += bytes.length;
    sums.sentPackets += 1;
    peers.add(`udp ${host}:${port}`);
    return send.call(this, bytes, port, host, ...rest);
  };
  const emit = dgram.Socket.prototype.emit;
  dgram.Socket.prototype.emit = function (event, ...args) {
    if (event === 'message') {
      sums.received += args[0].length;
      sums.receivedPackets += 1;
    }
    return emit.call(this, event, ...args);
  };
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    const result = connect.apply(this, args);
    // A connection to a path is a screen's or a command's.
    this.once('connect', () => {
      if (this.remotePort === undefined) return;
      peers.add(`tcp ${this.remoteAddress}:${this.remotePort}`);
      streams.push(this);
    });
    return result;
  };
  const file = path.join(
    folder,
    `${path.basename(process.argv[process.argv.indexOf('--profile') + 1] ?? 'agent')}.json`,
  );
  setInterval(() => {
    sums.streamSent = streams.reduce((sum, stream) => sum + stream.bytesWritten, 0);
    sums.streamReceived = streams.reduce((sum, stream) => sum + stream.bytesRead, 0);
    fs.writeFileSync(`${file}.new`, JSON.stringify({ ...sums, peers: [...peers] }));
    fs.renameSync(`${file}.new`, file);
  }, 100).unref();
}
