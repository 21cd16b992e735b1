import { describe, expect, it } from 'vitest';
import { REKEY_AFTER_MS, SESSIONS_PER_NODE_MAX } from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { type Message, message } from '../../../src/net/wire/messages.ts';
import { makeAuthority } from '../../support/identities.ts';
import { TwoSwitchboards, type WireOptions } from '../../support/two-switchboards.ts';

const net = makeAuthority();
const other = makeAuthority('othernet');
const alice = net.issue({ name: 'alice1' }, 'alice');
const server = net.issue('login-server', 'server');

function world(wire: WireOptions = {}, seed = 1): TwoSwitchboards {
  return new TwoSwitchboards({
    seed,
    wire,
    trust: { a: net.trust(), b: net.trust() },
    identity: { a: alice, b: server },
  });
}

describe('a session between two nodes', () => {
  it('is set up in one and a half round trips and names both ends', () => {
    const w = world({ delayMs: 50 });
    w.connect();
    w.advance(1000);
    expect(w.events('a', 'established')[0]).toMatchObject({ at: 100, initiated: true, peer: { kind: 'login-server' } });
    expect(w.events('b', 'established')[0]).toMatchObject({ at: 150, peer: { kind: 'person', name: 'alice1' } });
  });

  it('keeps the initiator anonymous when it asks for that', () => {
    const w = world();
    w.connect({ anonymous: true });
    w.advance(500);
    expect(w.events('b', 'established')[0]?.peer).toEqual({ kind: 'anonymous', name: '', nodeId: '' });
  });

  it('teaches the CA certificate to one who knows only the pin, on a stream', () => {
    const knowing = net.trust(false);
    const w = new TwoSwitchboards({
      trust: { a: knowing, b: net.trust() },
      identity: { b: server },
      carrier: 'stream',
    });
    w.connect({ anonymous: true, wantAuthority: true });
    w.advance(500);
    expect(w.events('a', 'established')).toHaveLength(1);
    expect(knowing.authorityDer).toEqual(net.authority.certificateDer);
  });

  it('refuses a server of another network and says why', () => {
    const w = new TwoSwitchboards({
      trust: { a: net.trust(false), b: other.trust() },
      identity: { b: other.issue('login-server', 'server') },
      carrier: 'stream',
    });
    w.connect({ anonymous: true, wantAuthority: true });
    w.advance(20_000);
    expect(w.events('a', 'established')).toHaveLength(0);
    expect(w.events('a', 'failed')[0]?.code).toBe('authority-mismatch');
  });

  it('gives up on silence after the time-out', () => {
    const w = world({ loss: 1 });
    w.connect();
    w.advance(20_000);
    expect(w.events('a', 'failed')[0]?.code).toBe('unreachable');
    expect(w.a.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('puts neither names nor texts on the wire in the clear', () => {
    const w = world();
    const session = w.connect();
    w.advance(200);
    w.a.send(w.now, session, message('chatMessage', { text: 'the swallow flies at noon' }));
    w.advance(500);
    const wire = Buffer.concat(w.captured.map((one) => one.bytes));
    expect(w.events('b', 'message')).toHaveLength(1);
    for (const secret of ['alice1', 'swallow', 'login-server']) expect(wire.includes(secret)).toBe(false);
  });

  it.each([false, true])('answers no Hello with more bytes than it brought, in datagrams (CA wanted: %s)', (want) => {
    const w = world();
    w.connect({ wantAuthority: want });
    w.advance(500);
    const hello = w.captured.find((one) => one.from === 'a');
    const answer = w.captured.find((one) => one.from === 'b');
    expect(answer?.bytes.length).toBeLessThanOrEqual(hello?.bytes.length ?? 0);
    for (const one of w.captured) expect(one.bytes.length).toBeLessThanOrEqual(1232);
  });
});

describe('messages', () => {
  it.each([0, 0.1, 0.3])('arrive once and in order at %d loss, with doubling and disorder', (loss) => {
    for (let seed = 1; seed <= 5; seed++) {
      const w = world({ delayMs: 20, jitterMs: 60, loss, duplicate: 0.2 }, seed);
      const session = w.connect();
      w.advance(8_000);
      expect(w.events('a', 'established'), `seed ${seed}`).toHaveLength(1);
      for (let i = 0; i < 200; i++)
        w.a.send(w.now, session, message('chatMessage', { sequence: i, text: 'x'.repeat(i * 20) }));
      w.advance(60_000);
      const got = w
        .events('b', 'message')
        .map((one) => (one.message.kind === 'chatMessage' ? one.message.body.sequence : -1));
      expect(got, `seed ${seed}`).toEqual(Array.from({ length: 200 }, (_, i) => i));
    }
  });

  it('of 200 kB travel in segments that fit a datagram', () => {
    const w = world({ loss: 0.05 });
    const session = w.connect();
    w.advance(500);
    w.a.send(w.now, session, message('buddyListPut', { xml: Buffer.alloc(200_000, 7) }));
    w.advance(30_000);
    const got = w.events('b', 'message')[0]?.message;
    expect(got?.kind === 'buddyListPut' && got.body.xml.length).toBe(200_000);
    expect(Math.max(...w.captured.map((one) => one.bytes.length))).toBeLessThanOrEqual(1232);
  });

  it('to an end that went silent lead to a closed session, not to endless repeating', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.wire = { loss: 1 };
    w.a.send(w.now, session, message('detach'));
    w.advance(120_000);
    expect(w.events('a', 'closed')[0]?.reason).toBe('unresponsive');
  });
});

describe('rekeying', () => {
  it('survives that every reply is lost for eight seconds', () => {
    const w = world();
    const session = w.connect();
    w.advance(1_000);
    w.a.send(w.now, session, message('chatMessage', { sequence: 1 }));
    w.advance(REKEY_AFTER_MS - 500);
    w.tamper = (from, bytes) => (from === 'b' ? undefined : bytes);
    w.advance(8_500);
    w.a.sendDatagram(session, message('keepAlive', { id: 2 }));
    w.advance(100);
    expect(w.events('b', 'message')).toHaveLength(2);
    w.tamper = undefined;
    w.advance(10_000);
    w.a.send(w.now, session, message('keepAlive', { id: 3 }));
    w.advance(1_000);
    expect(w.happened.filter((one) => one.type === 'closed')).toEqual([]);
    expect(w.events('b', 'message')).toHaveLength(3);
  });

  it('happens every two minutes without losing a message, and old packets cannot be played again', () => {
    const w = world({ loss: 0.1, jitterMs: 40 });
    const session = w.connect();
    w.advance(2_000);
    let sent = 0;
    for (let t = 0; t < 4 * REKEY_AFTER_MS; t += 5_000) {
      w.a.send(w.now, session, message('chatMessage', { sequence: sent++ }));
      w.b.send(w.now, w.sessionAt('b'), message('chatMessage', { sequence: sent }));
      w.advance(5_000);
    }
    w.advance(5_000);
    const epochs = new Set(w.captured.map((one) => ((one.bytes[0] ?? 0) >> 2) & 3));
    expect([...epochs].sort()).toEqual([0, 1, 2, 3]);
    expect(w.events('b', 'message')).toHaveLength(sent);
    expect(w.events('a', 'message')).toHaveLength(sent);
    const before = w.happened.length;
    for (const { from, bytes } of w.captured) {
      w[from === 'a' ? 'b' : 'a'].receiveBytes(w.now, { via: 'forward', node: 'x' }, bytes);
    }
    w.settle();
    expect(w.happened.filter((one, i) => i >= before && one.type === 'message')).toEqual([]);
  });
});

describe('routes', () => {
  const elsewhere: Route = { via: 'udp', endpoint: { carrier: 'udp', host: '10.7.7.7', port: 4000 } };
  const datagrams = (w: TwoSwitchboards): Buffer[] =>
    w.captured.filter((one) => one.from === 'a').map((one) => one.bytes);

  it('follow the other end to a new address, but not back when an overtaken packet comes from the old one', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.tamper = () => undefined;
    w.captured.length = 0;
    w.a.sendDatagram(session, message('keepAlive', { id: 1 }));
    w.a.sendDatagram(session, message('keepAlive', { id: 2 }));
    w.settle();
    const [first, second] = datagrams(w);
    w.b.receiveBytes(w.now, elsewhere, second as Buffer);
    expect(w.b.routeOf(w.sessionAt('b'))).toEqual(elsewhere);
    w.b.receiveBytes(w.now, w.routeTo('a'), first as Buffer);
    expect(w.b.routeOf(w.sessionAt('b'))).toEqual(elsewhere);
  });

  it('are followed for no forged packet', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.captured.length = 0;
    w.a.sendDatagram(session, message('keepAlive', { id: 1 }));
    w.settle();
    const forged = Buffer.from(datagrams(w)[0] as Buffer);
    forged[20] = (forged[20] ?? 0) ^ 1;
    w.b.receiveBytes(w.now, elsewhere, forged);
    expect(w.b.routeOf(w.sessionAt('b'))).toEqual(w.routeTo('a'));
  });

  /** What b sends now, in bytes by where it goes; nothing of it arrives by itself. */
  const sentByB = (w: TwoSwitchboards): { readonly route: Route; readonly bytes: Buffer }[] =>
    w.b.drain().flatMap((one) => (one.type === 'send' ? [{ route: one.route, bytes: one.bytes }] : []));
  const bytesTo = (host: string, sent: ReturnType<typeof sentByB>): number =>
    sent.reduce(
      (sum, one) => sum + (one.route.via === 'udp' && one.route.endpoint.host === host ? one.bytes.length : 0),
      0,
    );

  it('to an address that somebody with a good session made up carry at most three times what came from there', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    let received = 0;
    const sent: ReturnType<typeof sentByB> = [];
    for (let turn = 0; turn < 50; turn++) {
      w.captured.length = 0;
      w.a.sendDatagram(session, message('keepAlive', { id: turn }));
      for (const output of w.a.drain()) {
        if (output.type !== 'send') continue;
        received += output.bytes.length;
        w.b.receiveBytes(w.now + 20 * turn, elsewhere, output.bytes);
      }
      // Twenty times as much waits to be sent there, as if somebody else had it forwarded.
      for (let i = 0; i < 10; i++)
        w.b.sendDatagram(w.sessionAt('b'), message('forwarded', { packet: Buffer.alloc(100) }));
      sent.push(...sentByB(w));
    }
    expect(bytesTo('10.7.7.7', sent)).toBeGreaterThan(received);
    expect(bytesTo('10.7.7.7', sent)).toBeLessThanOrEqual(3 * received);
    expect(bytesTo('10.0.0.1', sent)).toBeGreaterThan(10 * received);
  });

  it('to an address that answers the challenge carry everything', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    const fromA = (value?: Message) => {
      if (value) w.a.sendDatagram(session, value);
      for (const one of w.a.drain()) if (one.type === 'send') w.b.receiveBytes(w.now, elsewhere, one.bytes);
    };
    fromA(message('keepAlive', { id: 1 }));
    for (const { bytes } of sentByB(w)) w.a.receiveBytes(w.now, w.routeTo('b'), bytes);
    fromA();
    const big = message('forwarded', { packet: Buffer.alloc(1_000) });
    for (let i = 0; i < 10; i++) w.b.sendDatagram(w.sessionAt('b'), big);
    const sent = sentByB(w);
    expect(bytesTo('10.7.7.7', sent)).toBeGreaterThan(10_000);
    expect(bytesTo('10.0.0.1', sent)).toBe(0);
    expect(w.happened.filter((one) => one.type === 'message')).toEqual([]);
  });

  it('carry one voice packet twice, and it is heard once', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.a.sendVoice(session, Buffer.of(0x80, 1, 2, 3), [w.routeTo('b'), w.routeTo('b')]);
    w.advance(100);
    expect(w.events('b', 'voice')).toHaveLength(1);
  });

  it('may have a second beside them, which carries what had to be repeated', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    const sent: Route[] = [];
    w.a.setRoute(session, elsewhere, { fallback: w.routeTo('b') });
    w.a.send(w.now, session, message('detach'));
    for (let t = 0; t < 2_000; t += 10) {
      w.a.wake(w.now + t);
      for (const output of w.a.drain()) if (output.type === 'send') sent.push(output.route);
    }
    expect(sent[0]).toEqual(elsewhere);
    expect(sent.slice(1, 3)).toEqual([elsewhere, w.routeTo('b')]);
  });
});

describe('what is too long for a packet', () => {
  it('is not sent as a datagram, and costs nobody anything', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.captured.length = 0;
    for (const bytes of [1_300, 70_000, 200_000]) {
      expect(w.a.sendDatagram(session, message('forwardFailed', { target: Buffer.alloc(bytes) }))).toBe(false);
      expect(w.a.sendVoice(session, Buffer.alloc(bytes, 0x80), [w.routeTo('b')])).toBe(false);
    }
    w.settle();
    expect(w.captured).toEqual([]);
    expect(w.a.sendDatagram(session, message('forwardFailed', { target: Buffer.alloc(1_190) }))).toBe(true);
    w.settle();
    expect(w.captured[0]?.bytes.length).toBeLessThanOrEqual(1_232);
  });
});

describe('the end of a session', () => {
  it('is the last word: what came behind it in one packet of news is not told', () => {
    const w = world({ delayMs: 10 });
    const session = w.connect();
    w.advance(500);
    let held = 0;
    w.tamper = (from, bytes) => (from === 'a' && held++ === 0 ? undefined : bytes);
    w.a.send(w.now, session, message('keepAlive', { id: 1 }));
    w.a.send(w.now, session, message('close', { reason: 'bye' }));
    w.a.send(w.now, session, message('keepAlive', { id: 2 }));
    w.advance(2_000);
    expect(w.happened.filter((one) => one.side === 'b').map((one) => one.type)).toEqual([
      'established',
      'message',
      'closed',
    ]);
  });

  it('comes to the idlest of one node that opens too many', () => {
    const w = world();
    const sessions = Array.from({ length: 5 }, () => {
      const session = w.connect();
      w.advance(200);
      return session;
    });
    expect(sessions).toHaveLength(5);
    expect(w.events('b', 'established')).toHaveLength(5);
    expect(w.events('b', 'closed').map((one) => one.reason)).toEqual(['evicted', 'evicted']);
    expect(w.b.sessionCount).toBe(SESSIONS_PER_NODE_MAX);
  });

  it('comes to all at once on leaving, handshakes under way included, and the other end hears of it', () => {
    const w = world();
    w.connect();
    w.advance(500);
    w.connect();
    w.a.closeAll('signed out');
    w.advance(200_000);
    expect(w.a.sessionCount).toBe(0);
    expect(w.events('b', 'closed')[0]?.reason).toBe('signed out');
    expect(w.events('a', 'established')).toHaveLength(1);
    expect(w.a.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('attacks', () => {
  it('refuses every single-bit flip in a data packet', () => {
    const w = world();
    const session = w.connect();
    w.advance(500);
    w.tamper = () => undefined;
    w.captured.length = 0;
    w.a.sendDatagram(session, message('chatMessage', { text: 'hello' }));
    w.settle();
    const packet = w.captured[0]?.bytes ?? Buffer.alloc(0);
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const flipped = Buffer.from(packet);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      w.b.receiveBytes(w.now, { via: 'forward', node: 'x' }, flipped);
    }
    w.settle();
    expect(w.events('b', 'message')).toHaveLength(0);
    w.b.receiveBytes(w.now, { via: 'forward', node: 'x' }, packet);
    w.settle();
    expect(w.events('b', 'message')).toHaveLength(1);
  });

  it('fails closed when any handshake packet is altered', () => {
    for (let seed = 1; seed <= 24; seed++) {
      const w = world({}, seed);
      let count = 0;
      w.tamper = (from, bytes) => {
        const which = count++;
        // Alters the first Hello, the first Auth1 or the first Auth2, each at a byte chosen by the seed.
        if (which !== seed % 3) return bytes;
        const at = 8 + ((seed * 7919) % (bytes.length - 8));
        bytes[at] = (bytes[at] ?? 0) ^ 0x20;
        return from ? bytes : undefined;
      };
      w.connect();
      w.advance(10_000);
      for (const done of w.events('a', 'established')) expect(done.peer.kind).toBe('login-server');
      for (const done of w.events('b', 'established')) expect(done.peer.name).toBe('alice1');
      expect(w.events('b', 'established').length, `seed ${seed}: resends must heal it`).toBe(1);
    }
  });

  it('demands a cookie from datagram sources once many handshakes are open, and honest ones still get in', () => {
    const w = world();
    w.tamper = (from, bytes) => (from === 'b' ? undefined : bytes);
    for (let i = 0; i < 30; i++)
      w.a.connect(w.now, { via: 'udp', endpoint: { carrier: 'udp', host: '10.0.0.2', port: 4000 } });
    w.advance(100);
    const cookies = w.captured.filter((one) => one.from === 'b' && (one.bytes[0] ?? 0) >> 4 === 2);
    expect(cookies.length).toBeGreaterThan(5);
    w.tamper = undefined;
    const session = w.connect();
    w.advance(3_000);
    expect(w.events('a', 'established').some((one) => one.session === session)).toBe(true);
  });

  it('survives 20,000 random packets', () => {
    const w = world();
    w.connect();
    w.advance(500);
    let x = 12345;
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.alloc(8 + (i % 120));
      for (let j = 0; j < bytes.length; j++) {
        x = (Math.imul(x, 1103515245) + 12345) >>> 0;
        bytes[j] = x >>> 24;
      }
      bytes[0] = [0x10, 0x20, 0x30, 0x40, 0x80][i % 5] ?? 0;
      bytes[1] = 1;
      bytes.writeUInt16BE(bytes.length - 4, 2);
      w.b.receiveBytes(w.now, { via: 'udp', endpoint: { carrier: 'udp', host: '10.9.9.9', port: 1 } }, bytes);
    }
    w.settle();
    expect(w.b.dropped).toBeGreaterThan(3_000);
    expect(w.b.sessionCount).toBe(1);
  });
});
