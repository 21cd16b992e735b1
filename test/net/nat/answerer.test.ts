/** A supernode's answers to questions without a session: right, and of no use to whoever wants to harm somebody. */
import { beforeEach, describe, expect, it } from 'vitest';
import { addressBytes } from '../../../src/net/nat/address-bytes.ts';
import { type AnswererOutput, NatAnswerer } from '../../../src/net/nat/answerer.ts';
import { readYouAre, whoAmIPacket } from '../../../src/net/nat/clear-questions.ts';
import type { Endpoint } from '../../../src/net/protocol/endpoint.ts';
import { COOKIE_SECRET_MS, NAT_PROBES_BURST, NAT_QUESTIONS_BURST } from '../../../src/net/protocol/params.ts';
import { readPacket } from '../../../src/net/wire/packet.ts';
import { Chance } from '../../sim/chance.ts';

const random = new Chance(1, 'answerer');
const udp = (host: string, port = 61_234): Endpoint => ({ carrier: 'udp', host, port });
const CLIENT = udp('203.0.113.5');
const IPV6 = udp('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 65_535);
const transaction = (): Buffer => random.bytes(16);
const probes = () => ({ fromHost: transaction(), fromPort: transaction() });

let asked: { transaction: Buffer; target: Endpoint; avoid: readonly string[] }[];
let answerer: NatAnswerer;

beforeEach(() => {
  asked = [];
  answerer = make();
});

function make(own = '198.51.100.1'): NatAnswerer {
  const askPartner = (_now: number, probe: (typeof asked)[number]): boolean => asked.push(probe) > 0;
  const made = new NatAnswerer({ random, endpoints: [udp(own, 4000)], askPartner });
  made.setPorts(4001, true);
  return made;
}

function ask(packet: Buffer, from = CLIENT, now = 1_000): AnswererOutput[] {
  const { body, bytes } = readPacket(packet)!;
  answerer.receive(now, { from, at: 'main', body, packetBytes: bytes.length });
  return answerer.drain();
}

const said = ({ packet }: AnswererOutput) => readYouAre(readPacket(packet)!.body)!;
const cookieFor = (from = CLIENT, now = 1_000) =>
  said(ask(whoAmIPacket({ transaction: transaction() }), from, now)[0]!).cookie;

describe('an answer', () => {
  it.each([CLIENT, IPV6])('tells $host where it is seen, and is no longer than the question', (from) => {
    const question = whoAmIPacket({ transaction: transaction() });
    const [answer, ...more] = ask(question, from);
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ from: 'main', to: from });
    expect(said(answer!)).toMatchObject({ observed: from, otherPort: 4001, hostAsked: false, portAsked: false });
    expect(answer!.packet.length).toBeLessThanOrEqual(question.length);
  });

  it('is not given to a question that is shorter', () => {
    const short = whoAmIPacket({ transaction: transaction() });
    const { body } = readPacket(short)!;
    answerer.receive(1_000, { from: IPV6, at: 'main', body, packetBytes: 40 });
    expect(answerer.drain()).toEqual([]);
    expect(answerer.dropped).toBe(1);
  });

  it.each([Buffer.alloc(0), random.bytes(60), whoAmIPacket({ transaction: random.bytes(15) }).subarray(8)])(
    'is not given to garbage',
    (body) => {
      answerer.receive(1_000, { from: CLIENT, at: 'main', body, packetBytes: 200 });
      expect(answerer.drain()).toEqual([]);
    },
  );

  it('is given to one host so often, and then as often as its allowance fills; others have theirs', () => {
    const answers = Array.from({ length: 200 }, () => ask(whoAmIPacket({ transaction: transaction() }))).flat();
    expect(answers).toHaveLength(NAT_QUESTIONS_BURST);
    expect(ask(whoAmIPacket({ transaction: transaction() }), udp('203.0.113.6'))).toHaveLength(1);
    expect(ask(whoAmIPacket({ transaction: transaction() }), CLIENT, 1_500)).toHaveLength(1);
  });
});

describe('probes', () => {
  it('go to who has proven an address: one from a port of ours, one from elsewhere, all no more than was asked with', () => {
    const wanted = probes();
    const avoid = ['192.0.2.7', '2001:db8::7'];
    const question = whoAmIPacket({
      transaction: transaction(),
      cookie: cookieFor(),
      avoid: avoid.map((host) => addressBytes(host)!),
      ...wanted,
    });
    const sent = ask(question);
    expect(sent.map(({ from, to }) => [from, to.host])).toEqual([
      ['stranger', CLIENT.host],
      ['main', CLIENT.host],
    ]);
    expect(said(sent[0]!).transaction).toBe(wanted.fromPort.toString('hex'));
    expect(said(sent[1]!)).toMatchObject({ hostAsked: true, portAsked: true });
    expect(asked).toEqual([{ transaction: wanted.fromHost, target: CLIENT, avoid }]);
    const fromElsewhere = sent[0]!.packet.length;
    const bytes = sent.reduce((sum, { packet }) => sum + packet.length, fromElsewhere);
    expect(bytes).toBeLessThanOrEqual(question.length);
  });

  it.each([
    ['no cookie', () => Buffer.alloc(0)],
    ['a made-up cookie', () => random.bytes(8)],
    ["another address's cookie", () => cookieFor(udp('203.0.113.9'))],
    ["another port's cookie", () => cookieFor({ ...CLIENT, port: 4 })],
    ['a cookie of long ago', () => cookieFor(CLIENT, 1_000 - 3 * COOKIE_SECRET_MS)],
  ])('go nowhere for %s', (_what, cookie) => {
    const sent = ask(whoAmIPacket({ transaction: transaction(), cookie: cookie(), ...probes() }));
    expect(sent.map(({ from }) => from)).toEqual(['main']);
    expect(said(sent[0]!)).toMatchObject({ hostAsked: false, portAsked: false });
    expect(asked).toEqual([]);
  });

  it('take the cookie of a while ago', () => {
    const cookie = cookieFor();
    const packet = whoAmIPacket({ transaction: transaction(), cookie, ...probes() });
    expect(ask(packet, CLIENT, 1_000 + COOKIE_SECRET_MS + 1)).toHaveLength(2);
  });

  it('go to one host so often', () => {
    const cookie = cookieFor();
    const sent = Array.from({ length: 60 }, () =>
      ask(whoAmIPacket({ transaction: transaction(), cookie, ...probes() })),
    ).flat();
    expect(sent.filter(({ from }) => from === 'stranger')).toHaveLength(NAT_PROBES_BURST);
  });

  it('are sent for another supernode: one a request, to public addresses, within bounds', () => {
    const wanted = transaction();
    answerer.probeFor(0, 'partner', wanted, CLIENT);
    const [probe, ...more] = answerer.drain();
    expect(more).toEqual([]);
    expect(probe).toMatchObject({ from: 'stranger', to: CLIENT });
    expect(probe!.packet.length).toBeLessThanOrEqual(64);
    expect(said(probe!).transaction).toBe(wanted.toString('hex'));
    for (const host of ['10.0.0.1', '127.0.0.1', '192.168.1.1', '224.0.0.1', '255.255.255.255', 'localhost']) {
      answerer.probeFor(0, 'partner', transaction(), udp(host));
    }
    answerer.probeFor(0, 'partner', random.bytes(3), CLIENT);
    answerer.probeFor(0, 'partner', transaction(), { ...CLIENT, carrier: 'tcp' });
    expect(answerer.drain()).toEqual([]);
    for (let i = 0; i < 100; i += 1) answerer.probeFor(0, 'partner', transaction(), CLIENT);
    expect(answerer.drain()).toHaveLength(NAT_PROBES_BURST - 1);
    for (let i = 0; i < 1_000; i += 1) answerer.probeFor(0, 'partner', transaction(), udp(`203.0.112.${i % 256}`));
    expect(answerer.drain().length).toBeLessThanOrEqual(200);
  });

  it('go into a private network from within one', () => {
    answerer = make('10.0.0.9');
    answerer.probeFor(0, 'partner', transaction(), udp('10.0.0.1'));
    expect(answerer.drain()).toHaveLength(1);
  });
});
