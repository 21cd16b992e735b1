/**
 * A supernode's core as a relay, packet by packet: the short way of what one client here sends another says the same, and
 * counts the same, as the way that all else takes; and it costs little.
 */
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Supernode, type SupernodeLoad } from '../../../src/net/node/supernode.ts';
import { bytesOf, hexOf } from '../../../src/net/protocol/ids.ts';
import { type SessionId, Switchboard, type SwitchboardOutput } from '../../../src/net/transport/switchboard.ts';
import { Mask, readDatagram } from '../../../src/net/wire/mask.ts';
import { type Message, message } from '../../../src/net/wire/messages.ts';
import { keyPair, makeAuthority, WALL_MS } from '../../support/identities.ts';
import { processorMs } from '../../support/processor-time.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const net = makeAuthority();
const mask = new Mask(net.pin);
const chance = seededRandom('relayed');
const SERVER = { carrier: 'udp', host: '198.51.100.1', port: 4_000 } as const;
const ROUTE = { via: 'udp', endpoint: SERVER } as const;

class Relay {
  now = 1_000;
  readonly core: Supernode;
  readonly #callers = new Map<string, Caller>();

  constructor() {
    const { privateKey, spki } = keyPair('supernode');
    const { nodeId, certificateDer: der } = net.issue('supernode', 'supernode');
    this.core = new Supernode({
      ...{ random: seededRandom('supernode'), wallClock: () => WALL_MS, pin: net.pin },
      ...{ authorityDer: net.authority.certificateDer, loginServers: [], endpoints: [SERVER], relayKbps: 100_000 },
      certificate: { der, expiresAtMs: WALL_MS + 86_400_000 },
      ...{ privateKey, publicKeySpki: spki, nodeId },
    });
  }

  /** Attached; `hiddenFrom`: those who shall not find it. */
  caller(name: string, host: string, hiddenFrom: string[] = []): Caller {
    const caller = new Caller(this, name, host);
    this.#callers.set(host, caller);
    caller.attach(hiddenFrom);
    return caller;
  }

  takes(host: string, packet: Buffer): void {
    this.takesCovered(host, mask.cover(packet, chance));
  }

  takesCovered(host: string, bytes: Buffer): void {
    this.core.receive(this.now, { type: 'datagram', from: { carrier: 'udp', host, port: 4_000 }, bytes });
    for (let said = this.core.drain(); said.length > 0; said = this.core.drain()) {
      for (const output of said) {
        if (output.type === 'send-datagram') this.#callers.get(output.to.host)?.takes(output.bytes);
      }
    }
  }

  load(): SupernodeLoad {
    this.core.command(this.now, { type: 'report' });
    const [load] = this.core.drain().flatMap((said) => (said.type === 'load' ? [said.load] : []));
    if (!load) throw new Error('no load was told');
    return load;
  }
}

class Caller {
  readonly nodeId: string;
  readonly certificateDer: Buffer;
  readonly board: Switchboard;
  heard: Message[] = [];
  #session: SessionId = -1;
  readonly #relay: Relay;
  readonly #host: string;

  constructor(relay: Relay, name: string, host: string) {
    this.#relay = relay;
    this.#host = host;
    const own = net.issue({ name }, name);
    this.nodeId = own.nodeId;
    this.certificateDer = own.certificateDer;
    this.board = new Switchboard({ random: seededRandom(name), trust: net.trust() });
    this.board.setIdentity(own);
  }

  attach(hiddenFrom: string[]): void {
    this.#session = this.board.connect(this.#relay.now, ROUTE, { expect: { kind: 'supernode' } });
    this.#flush();
    this.board.send(this.#relay.now, this.#session, message('attach', { requestId: 1, hiddenFrom }));
    this.#flush();
    if (this.heard.at(-1)?.kind !== 'attached') throw new Error('not attached');
    this.heard = [];
  }

  forwards(to: string, packet: Buffer): void {
    this.board.sendDatagram(this.#session, message('forward', { target: bytesOf(to), packet }));
    this.#flush();
  }

  says(value: Message): void {
    this.board.send(this.#relay.now, this.#session, value);
    this.#flush();
  }

  /** As they travel, sealed and covered, and not sent. */
  sealed(count: number, to: string, packet: Buffer): Buffer[] {
    return Array.from({ length: count }, () => {
      this.board.sendDatagram(this.#session, message('forward', { target: bytesOf(to), packet }));
      const [output] = this.board.drain();
      if (output?.type !== 'send') throw new Error('not sealed');
      return mask.cover(output.bytes, chance);
    });
  }

  takes(bytes: Buffer): void {
    for (const packet of readDatagram(bytes, mask).packets) this.board.receive(this.#relay.now, ROUTE, packet);
    this.#flush();
  }

  #flush(): void {
    for (let said = this.board.drain(); said.length > 0; said = this.board.drain()) {
      for (const output of said) this.#from(output);
    }
  }

  #from(output: SwitchboardOutput): void {
    if (output.type === 'send') this.#relay.takes(this.#host, output.bytes);
    else if (output.type === 'message') this.heard.push(output.message);
  }
}

const voice = Buffer.alloc(91, 7);
const kinds = ({ heard }: Caller): string[] => heard.map(({ kind }) => kind);

describe('a packet for another client of the same supernode', () => {
  it('comes out with the sender’s node, once, and is counted; a long one by the reliable channel', () => {
    const relay = new Relay();
    const alice = relay.caller('alice1', '192.0.2.1');
    const bobby = relay.caller('bobby1', '192.0.2.2');
    for (const packet of [voice, Buffer.alloc(1_150, 8)]) alice.forwards(bobby.nodeId, packet);
    expect(kinds(bobby)).toEqual(['forwarded', 'forwarded']);
    const [first] = bobby.heard;
    if (first?.kind !== 'forwarded') throw new Error('nothing came');
    expect([hexOf(first.body.source), Buffer.from(first.body.packet)]).toEqual([alice.nodeId, voice]);
    expect(relay.load()).toMatchObject({ forwardedPackets: 2, forwardedBytes: 91 + 1_150, refusedPackets: 0 });
    expect(alice.heard).toEqual([]);
  });

  it('goes no way to somebody who hides from the sender, or who is not here, and the sender hears it', () => {
    const relay = new Relay();
    const alice = relay.caller('alice1', '192.0.2.1');
    const bobby = relay.caller('bobby1', '192.0.2.2', ['alice1']);
    for (const to of [bobby.nodeId, 'ab'.repeat(16)]) alice.forwards(to, voice);
    expect(kinds(alice)).toEqual(['forwardFailed', 'forwardFailed']);
    expect(bobby.heard).toEqual([]);
  });

  it('is dropped beyond the caps, of which the sender is told; and from whoever has detached', () => {
    const relay = new Relay();
    const alice = relay.caller('alice1', '192.0.2.1');
    const bobby = relay.caller('bobby1', '192.0.2.2');
    for (let i = 0; i < 600; i++) alice.forwards(bobby.nodeId, Buffer.alloc(1_000));
    const { forwardedPackets, droppedByCap } = relay.load();
    expect(bobby.heard).toHaveLength(forwardedPackets);
    expect(droppedByCap.person + droppedByCap.streams).toBe(600 - forwardedPackets);
    expect(droppedByCap.person + droppedByCap.streams).toBeGreaterThan(100);
    expect(kinds(alice)).toEqual(['quota']);
    alice.says(message('detach', {}));
    bobby.heard = [];
    relay.now += 10_000;
    alice.forwards(bobby.nodeId, voice);
    expect([bobby.heard, relay.load().refusedPackets]).toEqual([[], 1]);
  });

  it('costs less than reading a certificate, which was read for each of them once', () => {
    const relay = new Relay();
    const alice = relay.caller('alice1', '192.0.2.1');
    const bobby = relay.caller('bobby1', '192.0.2.2');
    const rounds = Array.from({ length: 5 }, () => {
      const packets = alice.sealed(300, bobby.nodeId, voice);
      // What comes is not opened here: it would cost as much.
      bobby.takes = () => {};
      relay.now += 60_000;
      const relayed = processorMs(() => {
        for (const bytes of packets) {
          relay.now += 25;
          relay.takesCovered('192.0.2.1', bytes);
        }
      });
      const read = processorMs(() => {
        for (let i = 0; i < 300; i++)
          new X509Certificate(alice.certificateDer).publicKey.export({ type: 'spki', format: 'der' });
      });
      return relayed / read;
    });
    expect(relay.load().forwardedPackets).toBe(1_500);
    expect(Math.min(...rounds)).toBeLessThan(1);
  });
});
