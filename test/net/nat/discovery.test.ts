/** Discovery against supernodes that are written down here: losses, liars, the dead, and when it begins anew. */
import { beforeEach, describe, expect, it } from 'vitest';
import { addressText } from '../../../src/net/nat/address-bytes.ts';
import { probePacket, readWhoAmI, type WhoAmI, youArePacket } from '../../../src/net/nat/clear-questions.ts';
import { NatDiscovery } from '../../../src/net/nat/discovery.ts';
import { type NatKind, natClass } from '../../../src/net/nat/nat-kind.ts';
import { type Endpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import { NAT_PROBE_AGAIN_MS, NAT_REFRESH_MS, NAT_REFRESH_MS_MIN } from '../../../src/net/protocol/params.ts';
import { readPacket } from '../../../src/net/wire/packet.ts';
import { Chance } from '../../sim/chance.ts';

const udp = (host: string, port = 4000): Endpoint => ({ carrier: 'udp', host, port });
const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const OUTER = udp('203.0.113.5', 50_000);
const HOME = [udp('192.168.1.2', 50_000)];
const RTT_MS = 40;
const STRANGER = 4_002;

interface Question {
  readonly to: Endpoint;
  readonly body: WhoAmI;
  readonly at: number;
}

let discovery: NatDiscovery;
let now: number;
let asked: Question[];
let kinds: NatKind[];
/** Arrivals of the future. */
let coming: { at: number; from: Endpoint; packet: Buffer }[];
/** What becomes of a question. */
let serve: (question: Question) => void;

beforeEach(() => {
  discovery = new NatDiscovery(new Chance(1, 'discovery'));
  [now, asked, kinds, coming] = [1_000, [], [], []];
  serve = answers;
  discovery.setLocal(now, HOME);
});

/** An honest supernode, which announces probes that all come through where `lets` says so. */
function answers(question: Question, lets: { host?: boolean; port?: boolean; observed?: Endpoint } = {}): void {
  const { to, body, at } = question;
  const wanted = body.fromPort.length > 0;
  const common = { transaction: body.transaction, to: lets.observed ?? OUTER, cookie: Buffer.alloc(8, 1) };
  const answer = youArePacket({
    ...common,
    otherPort: to.port === 4000 ? 4001 : undefined,
    hostAsked: wanted,
    portAsked: wanted,
  })!;
  coming.push({ at: at + RTT_MS, from: to, packet: answer });
  const avoid = body.avoid.map(addressText);
  const elsewhere = [A, B, C].find((host) => !avoid.includes(host)) ?? '192.0.2.99';
  if (wanted && lets.host)
    coming.push({ at: at + RTT_MS + 5, from: udp(elsewhere, STRANGER), packet: probePacket(body.fromHost) });
  if (wanted && lets.port)
    coming.push({ at: at + RTT_MS, from: { ...to, port: STRANGER }, packet: probePacket(body.fromPort) });
}

function drain(): void {
  for (const output of discovery.drain()) {
    if (output.type === 'kind') kinds.push(output.kind);
    else {
      const question = { to: output.to, body: readWhoAmI(readPacket(output.packet)!.body)!, at: now };
      asked.push(question);
      serve(question);
    }
  }
}

function pass(ms: number): void {
  const end = now + ms;
  for (;;) {
    drain();
    coming.sort((a, b) => a.at - b.at);
    const next = Math.min(coming[0]?.at ?? Infinity, discovery.wakeAt());
    if (next > end) break;
    now = Math.max(now, next);
    const arrival = (coming[0]?.at ?? Infinity) <= now ? coming.shift() : undefined;
    if (arrival) discovery.receive(now, arrival.from, readPacket(arrival.packet)!.body);
    else discovery.wake(now);
  }
  now = end;
}

const begin = (...hosts: string[]): void =>
  discovery.start(
    now,
    hosts.map((host) => udp(host)),
  );
const word = (): string | undefined => (kinds.length > 0 ? natClass(kinds.at(-1)!) : undefined);
const questionsFor = (host: string): Question[] => asked.filter(({ to }) => to.host === host);

describe('discovery', () => {
  it('asks two supernodes at two ports each, and never the third', () => {
    begin(A, B, C);
    pass(5_000);
    const places = new Set(asked.map(({ to }) => `${to.host}:${to.port}`));
    expect(places).toEqual(new Set([`${A}:4000`, `${A}:4001`, `${B}:4000`, `${B}:4001`]));
    expect(word()).toBe('port-restricted');
  });

  it('says where else we are seen when a NAT that keeps our port could not, and of no other NAT', () => {
    const given = { ...OUTER, port: 46_976 };
    serve = (question) => answers(question, question.to.port === 4001 ? { observed: given } : {});
    begin(A);
    pass(5_000);
    expect([word(), discovery.spares]).toEqual(['symmetric', [given]]);
    serve = (question) => answers(question, { observed: { ...OUTER, port: 30_000 + question.to.port } });
    pass(NAT_REFRESH_MS * 1.3);
    expect([word(), discovery.spares]).toEqual(['symmetric', []]);
    serve = answers;
    pass(NAT_REFRESH_MS * 1.3);
    expect([word(), discovery.spares]).toEqual(['port-restricted', []]);
  });

  it('lets the second of two alone until the probes are through', () => {
    begin(A, B);
    pass(RTT_MS * 2);
    expect(questionsFor(B)).toEqual([]);
    pass(5_000);
    expect(questionsFor(B).length).toBeGreaterThan(0);
    expect(kinds.at(-1)?.evidence).toEqual({ mapping: 'several-addresses', filtering: 'several-addresses' });
  });

  it('believes no answer from elsewhere, none twice, and no probe from where it has written', () => {
    serve = (question) => {
      const liar = { ...question, to: udp('198.51.100.66') };
      answers(liar, { observed: udp('6.6.6.6') });
      answers(question);
      answers(question, { observed: udp('6.6.6.6') });
      const { fromHost } = question.body;
      if (fromHost.length > 0) coming.push({ at: now, from: udp(A, STRANGER), packet: probePacket(fromHost) });
    };
    begin(A, B, C);
    pass(5_000);
    expect(kinds.at(-1)?.publicEndpoint).toEqual(OUTER);
    expect(word()).toBe('port-restricted');
  });

  it('asks again for a probe that may have been lost, and takes back what it said', () => {
    let rounds = 0;
    serve = (question) => {
      if (question.body.fromHost.length > 0) rounds += 1;
      answers(question, { host: rounds > 1, port: rounds > 1 });
    };
    begin(A, B, C);
    pass(300);
    expect(word()).toBe('port-restricted');
    pass(NAT_PROBE_AGAIN_MS);
    expect(word()).toBe('full-cone');
  });

  it('repeats lost questions, and asks the next supernode for a dead one', () => {
    let lost = 0;
    serve = (question) => {
      if (question.to.host === A) return;
      lost += 1;
      if (lost % 2 === 0) answers(question, { host: true });
    };
    begin(A, B, C, '192.0.2.4');
    pass(10_000);
    expect(word()).toBe('full-cone');
    expect(questionsFor(A)).toHaveLength(4);
    expect(questionsFor(C).length).toBeGreaterThan(0);
  });

  it('says that UDP is blocked once a stream carries us and no answer came', () => {
    serve = () => {};
    begin(A);
    pass(300);
    expect(kinds).toEqual([]);
    discovery.attached(now, { carrier: 'tcp', host: A, port: 443 }, undefined);
    pass(10);
    expect(word()).toBe('no-udp');
    pass(10_000);
    expect(kinds).toHaveLength(1);
  });

  it('knows from the supernode it is attached to where it is seen, even when nobody answers such questions', () => {
    serve = () => {};
    discovery.setLocal(now, [OUTER]);
    begin(A);
    discovery.attached(now, udp(A), OUTER);
    pass(10_000);
    expect(kinds.at(-1)).toMatchObject({ udp: 'works', mapping: 'none', filtering: 'unknown' });
  });

  it('begins anew every twenty minutes or so, and sooner for a reason, but not all the time', () => {
    begin(A, B, C);
    pass(5_000);
    const first = asked.length;
    for (let i = 0; i < 10; i += 1) discovery.refresh(now);
    pass(1_000);
    expect(asked.length).toBe(first);
    pass(NAT_REFRESH_MS_MIN);
    expect(asked.length).toBeGreaterThan(first);
    const second = asked.length;
    pass(NAT_REFRESH_MS * 0.8 - 40_000);
    expect(asked.length).toBe(second);
    pass(NAT_REFRESH_MS * 0.4 + 40_000);
    expect(asked.length).toBeGreaterThan(second);
    expect(kinds.at(-1)?.evidence.filtering).toBe('several-addresses');
  });

  it('begins anew when the machine moves, and is silent once signed out', () => {
    begin(A, B, C);
    pass(5_000);
    const before = asked.length;
    discovery.setLocal(now, [udp('192.168.7.7', 50_000)]);
    pass(5_000);
    expect(asked.length).toBeGreaterThan(before);
    discovery.stop();
    drain();
    const after = asked.length;
    pass(2 * NAT_REFRESH_MS);
    expect(asked.length).toBe(after);
    expect(discovery.wakeAt()).toBe(Infinity);
  });

  it('names those it has written to, at most eight, as places where no probe can come from', () => {
    for (let i = 0; i < 20; i += 1) discovery.written(`198.51.100.${i}`);
    begin(A, B, C);
    pass(1_000);
    const wanted = asked.find(({ body }) => body.fromHost.length > 0);
    const avoid = wanted?.body.avoid.map(addressText) ?? [];
    expect(avoid).toHaveLength(8);
    expect(avoid).toContain(A);
    expect(printEndpoint(wanted!.to)).toBe(`udp:${A}:4000`);
  });
});
