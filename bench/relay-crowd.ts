/**
 * A crowd of clients that speak in pairs through a relay, or past it, on 127.0.0.1: each has a socket at an address of
 * its own, so that no cap for one address concerns it. Their packets are sealed before the clock runs, and those that
 * come are counted, not opened, but for four pairs that are listened to. What the crowd itself costs is therefore little, and
 * the same for every relay.
 *
 * Eight hundred people do not speak in step: the crowd sends what is due each millisecond, and those who are listened to
 * speak one after the other, each in its place among the others. Else the delay would be that of the crowd's own bursts.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { systemRandom } from '../bin/servers/server-folder.ts';
import type { Issuer } from '../src/net/login/credential-issuer.ts';
import { PinnedTrust } from '../src/net/node/trust.ts';
import type { Endpoint } from '../src/net/protocol/endpoint.ts';
import { bytesOf } from '../src/net/protocol/ids.ts';
import type { Route } from '../src/net/protocol/traffic.ts';
import { type SessionId, Switchboard } from '../src/net/transport/switchboard.ts';
import { Mask, readDatagram } from '../src/net/wire/mask.ts';
import { message } from '../src/net/wire/messages.ts';
import { crowdMembers, type Member } from './crowd-members.ts';
import { pause } from './stage.ts';

/** A sealed voice packet of the normal rung: 60 bytes of body, 3 of header, 12 and 16 of envelope and tag. */
const PACKET_BYTES = 91;
const SOCKET_BUFFER_BYTES = 4_000_000;
const TICK_MS = 1;
/** The first so many clients are the pairs that are listened to; a frame is what a call sends in. */
const PROBES = 8;
const FRAME_MS = 20;
/** For the last packets to come. */
const LATE_MS = 300;
const HANDSHAKE_LIMIT_MS = 20_000;

export interface Passed {
  readonly received: number;
  readonly lostPct: number;
  /** From `send` to the arrival, each packet of the pairs that are listened to, ms. */
  readonly delaysMs: readonly number[];
  /** Of one core, that the crowd took. */
  readonly crowdPct: number;
}

export interface Place {
  readonly host: string;
  readonly port: number;
}

interface Client {
  readonly address: string;
  readonly socket: Socket;
  readonly switchboard: Switchboard;
  readonly mask: Mask;
  readonly nodeId: string;
  session: SessionId;
  attached: boolean;
  received: number;
}

export class Crowd {
  readonly #clients: readonly Client[];

  private constructor(clients: readonly Client[]) {
    this.#clients = clients;
  }

  /** Certified by the authority in this file; `size` is even. Keys for so many take some seconds. */
  static async of(size: number, authorityFile: string): Promise<Crowd> {
    const { issuer, members } = await crowdMembers(size, authorityFile);
    return new Crowd(await Promise.all(members.map((member) => clientOf(member, issuer))));
  }

  get size(): number {
    return this.#clients.length;
  }

  /** Everybody has a session with the supernode, and is attached. */
  async attach(supernode: Endpoint): Promise<void> {
    const route: Route = { via: 'udp', endpoint: { ...supernode, carrier: 'udp' } };
    for (const client of this.#clients) {
      client.socket.removeAllListeners('message');
      client.socket.on('message', (bytes) => {
        for (const packet of readDatagram(bytes, client.mask).packets)
          client.switchboard.receive(performance.now(), route, packet);
        flush(client, supernode);
      });
      client.session = client.switchboard.connect(performance.now(), route, { expect: { kind: 'supernode' } });
      flush(client, supernode);
    }
    for (let waitedMs = 0; this.#clients.some(({ attached }) => !attached); waitedMs += 20) {
      if (waitedMs > HANDSHAKE_LIMIT_MS) throw new Error('not everybody was attached');
      await pause(20);
      for (const client of this.#clients) {
        client.switchboard.wake(performance.now());
        flush(client, supernode);
      }
    }
  }

  /** Packets for the supernode, sealed: so many of each client but the first pairs, for the other of its pair. */
  seal(each: number): Buffer[][] {
    return this.#clients.map((_, number) =>
      Array.from({ length: number < PROBES ? 0 : each }, () => this.#sealed(number, randomBytes(PACKET_BYTES))),
    );
  }

  /**
   * Sends all of it at an even pace; `toOf` says where each client sends to. Meanwhile the first pairs talk at the pace
   * of a call, and are listened to: their packets hold the time at which they went, sealed if the others' are.
   */
  async speak(
    packets: readonly (readonly Buffer[])[],
    { perSecond, sealed, toOf }: { perSecond: number; sealed: boolean; toOf: (number: number) => Place },
  ): Promise<Passed> {
    const others = this.#clients.slice(PROBES).map((client, index) => ({ client, number: index + PROBES }));
    const [each = 0, bytes = 0] = [packets[PROBES]?.length, packets[PROBES]?.[0]?.length];
    const delaysMs: number[] = [];
    for (const { client } of others) count(client, bytes);
    for (const client of this.#clients.slice(0, PROBES)) listen(client, sealed, delaysMs);
    const total = each * others.length;
    const [beganAt, before] = [performance.now(), process.cpuUsage()];
    for (let [sent, probed] = [0, 0]; sent < total; ) {
      await pause(TICK_MS);
      const ms = performance.now() - beganAt;
      for (const due = Math.min(total, Math.floor((ms * perSecond) / 1000)); sent < due; sent++) {
        for (; (probed * FRAME_MS) / PROBES <= (sent * 1000) / perSecond; probed++)
          this.#probe(probed % PROBES, bytes, sealed, toOf);
        const { client, number } = others[sent % others.length]!;
        const { host, port } = toOf(number);
        client.socket.send(packets[number]![Math.floor(sent / others.length)]!, port, host);
      }
    }
    const { user, system } = process.cpuUsage(before);
    const crowdPct = (user + system) / 10 / (performance.now() - beganAt);
    await pause(LATE_MS);
    const received = others.reduce((sum, { client }) => sum + client.received, 0);
    return { received: received + delaysMs.length, lostPct: 100 * (1 - received / total), delaysMs, crowdPct };
  }

  #probe(number: number, bytes: number, sealed: boolean, toOf: (number: number) => Place): void {
    const packet = Buffer.alloc(sealed ? PACKET_BYTES : bytes);
    packet.writeDoubleBE(performance.now());
    const { host, port } = toOf(number);
    this.#clients[number]!.socket.send(sealed ? this.#sealed(number, packet) : packet, port, host);
  }

  #sealed(number: number, packet: Buffer): Buffer {
    const { switchboard, session, mask } = this.#clients[number]!;
    const target = bytesOf(this.#clients[number ^ 1]!.nodeId);
    switchboard.sendDatagram(session, message('forward', { target, packet }));
    const [output] = switchboard.drain();
    if (output?.type !== 'send') throw new Error('a packet was not sealed');
    return mask.cover(output.bytes, systemRandom);
  }

  portOf(number: number): number {
    return this.#clients[number]!.socket.address().port;
  }

  addressOf(number: number): string {
    return this.#clients[number]!.address;
  }

  /** One byte each, as `plain-forwarder.cjs` wants it. */
  async introduce(to: { readonly host: string; readonly port: number }): Promise<void> {
    for (const { socket } of this.#clients) socket.send(Buffer.alloc(1), to.port, to.host);
    await pause(LATE_MS);
  }

  close(): void {
    for (const { socket } of this.#clients) socket.close();
  }
}

async function clientOf(member: Member, issuer: Issuer): Promise<Client> {
  const { address, nodeId, privateKey, certificateDer } = member;
  const trust = new PinnedTrust({ pin: issuer.pin, authorityDer: issuer.authorityDer, wallClock: () => Date.now() });
  const switchboard = new Switchboard({ random: systemRandom, trust });
  switchboard.setIdentity({ nodeId, privateKey, certificateDer });
  const socket = createSocket({
    ...{ type: 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES },
    lookup: (host, _options, done) => done(null, host, 4),
  });
  // Listening may begin within the call, since nothing has to be looked up.
  const listening = once(socket, 'listening');
  socket.bind(0, address);
  await listening;
  const mask = new Mask(issuer.pin);
  return { address, socket, switchboard, mask, nodeId, session: -1, attached: false, received: 0 };
}

/** What a client's switchboard wants; attaches as soon as there is a session. */
function flush(client: Client, supernode: Endpoint): void {
  for (const output of client.switchboard.drain()) {
    if (output.type === 'send') {
      client.socket.send(client.mask.cover(output.bytes, systemRandom), supernode.port, supernode.host);
    } else if (output.type === 'failed') throw new Error(`no session: ${output.code}`);
    else if (output.type === 'message' && output.message.kind === 'attached') client.attached = true;
    else if (output.type === 'established') {
      client.switchboard.send(
        performance.now(),
        client.session,
        message('attach', { requestId: 1, software: 'bench' }),
      );
      flush(client, supernode);
    }
  }
}

/** Only what is as long as a voice packet counts: a supernode also says other things. */
function count(client: Client, sentBytes: number): void {
  client.received = 0;
  client.socket.removeAllListeners('message');
  client.socket.on('message', (bytes) => {
    if (Math.abs(bytes.length - sentBytes) <= 8) client.received += 1;
  });
}

function listen(client: Client, sealed: boolean, delaysMs: number[]): void {
  client.socket.removeAllListeners('message');
  client.socket.on('message', (bytes, from) => {
    const at = performance.now();
    if (!sealed) return void delaysMs.push(at - bytes.readDoubleBE());
    const route: Route = { via: 'udp', endpoint: { carrier: 'udp', host: from.address, port: from.port } };
    for (const packet of readDatagram(bytes, client.mask).packets) client.switchboard.receive(at, route, packet);
    for (const output of client.switchboard.drain()) {
      if (output.type !== 'message' || output.message.kind !== 'forwarded') continue;
      delaysMs.push(at - Buffer.from(output.message.body.packet).readDoubleBE());
    }
  });
}
