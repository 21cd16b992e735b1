import { describe, expect, it } from 'vitest';
import { PathFinder, type PathOutput } from '../../../src/net/nat/path-finder.ts';
import { NO_SURROUNDINGS } from '../../../src/net/nat/path-port.ts';
import { type Endpoint, isPrivateHost, parseEndpoint, printEndpoint } from '../../../src/net/protocol/endpoint.ts';
import {
  CANDIDATES_LEARNED_MAX,
  CANDIDATES_MAX,
  CANDIDATES_OFFERED_MAX,
  PACKETS_PER_EXTRA_PROBE,
  PATH_DEAD_MS,
  PATH_OVERLAP_MS,
  PATH_SUSPECT_MS,
  PROBES_BURST,
  PROBES_PER_SECOND_MAX,
  PROBES_UNANSWERED_MAX,
  PROBES_UNANSWERED_TOTAL_MAX,
  PUNCH_PATIENCE_MS,
} from '../../../src/net/protocol/params.ts';
import type { Route } from '../../../src/net/protocol/traffic.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** The other end's word that it has opened its side; it does not know what its NAT does. */
const THEIR_WORD = { callId: Buffer.alloc(0), mapping: 0 };
const WIRE = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const at = (text: string): Endpoint => parseEndpoint(text) as Endpoint;
const udp = (text: string): Route => ({ via: 'udp', endpoint: at(text) });

/** Sealed once, whatever the number of ways it goes: the second copy falls to the replay window. */
interface Voice {
  readonly kind: 'voice';
  readonly counter: number;
}

interface Arrival {
  readonly at: number;
  readonly end: End;
  readonly route: Route;
  readonly content: Message | Voice;
}

/** Two ends with one address each at a time, a relay, and media every 20 ms. Links can be cut one way. */
class Line {
  now = 0;
  readonly a: End;
  readonly b: End;
  /** True when a packet from one address to another arrives. */
  open: (from: string, to: string) => boolean = () => true;
  delayMs: (from: string, to: string) => number = () => 10;
  relayMs = 40;
  media = true;
  readonly #arrivals: Arrival[] = [];

  constructor(options: { a: string[]; b: string[]; seed?: number }) {
    this.a = new End(this, 'a', options.a, options.b, options.seed ?? 1);
    this.b = new End(this, 'b', options.b, options.a, options.seed ?? 1);
    this.a.other = this.b;
    this.b.other = this.a;
  }

  run(forMs: number): void {
    const until = this.now + forMs;
    for (;;) {
      const next = Math.min(...this.#arrivals.map((one) => one.at), this.a.wakeAt(), this.b.wakeAt());
      if (next > until) break;
      this.now = Math.max(this.now, next);
      const arrival = this.#arrivals.findIndex((one) => one.at <= this.now);
      if (arrival >= 0) this.#arrive(this.#arrivals.splice(arrival, 1)[0] as Arrival);
      this.a.step();
      this.b.step();
    }
    this.now = until;
  }

  send(from: End, route: Route, content: Message | Voice): void {
    const end = from.other as End;
    if (route.via === 'forward') {
      const back: Route = { via: 'forward', node: from.name };
      this.#arrivals.push({ at: this.now + this.relayMs, end, route: back, content });
      return;
    }
    if (route.via !== 'udp') return;
    const [source, target] = [from.addressFor(route.endpoint.host), printEndpoint(route.endpoint)];
    if (!end.addresses.includes(target) || !this.open(source, target)) return;
    this.#arrivals.push({ at: this.now + this.delayMs(source, target), end, route: udp(source), content });
  }

  #arrive({ end, route, content }: Arrival): void {
    if (content.kind === 'voice' && end.seen.has(content.counter)) return;
    if (content.kind === 'voice') {
      end.finder.receive(this.now, { type: 'heard', route });
      end.seen.add(content.counter);
      end.voiceFrom.push({ at: this.now, via: route.via });
    }
    if (content.kind === 'pathProbe') end.finder.receive(this.now, { type: 'probe', from: route, probe: content.body });
    else if (content.kind === 'pathReply')
      end.finder.receive(this.now, { type: 'reply', from: route, reply: content.body });
    end.settle();
  }
}

class End {
  readonly finder: PathFinder;
  readonly told: (PathOutput & { at: number })[] = [];
  readonly voiceFrom: { at: number; via: string }[] = [];
  readonly seen = new Set<number>();
  #counter = 0;
  readonly line: Line;
  readonly name: string;
  addresses: string[];
  other: End | undefined;
  #voiceAt = 0;
  voiceEveryMs = 20;

  constructor(line: Line, name: string, addresses: string[], theirs: string[], seed: number) {
    this.line = line;
    this.name = name;
    this.addresses = addresses;
    this.finder = new PathFinder(0, {
      wire: WIRE,
      node: name === 'a' ? 'b' : 'a',
      remoteCandidates: theirs,
      ours: addresses.map(at),
      random: seededRandom(`${seed}${name}`),
    });
  }

  /** The source address that a packet to this host leaves from. */
  addressFor(host: string): string {
    const near = this.addresses.find((text) => isPrivateHost(at(text).host) === isPrivateHost(host));
    return near ?? this.addresses[0] ?? '';
  }

  wakeAt(): number {
    return Math.min(this.finder.wakeAt(), this.line.media ? this.#voiceAt : Infinity);
  }

  step(): void {
    const { now, media } = this.line;
    if (media && now >= this.#voiceAt) {
      this.#voiceAt = now + this.voiceEveryMs;
      this.#counter += 1;
      for (const route of this.finder.routes()) this.line.send(this, route, { kind: 'voice', counter: this.#counter });
    }
    this.finder.wake(now);
    this.settle();
  }

  settle(): void {
    for (const output of this.finder.drain()) {
      this.told.push({ ...output, at: this.line.now });
      if (output.type === 'probe') this.line.send(this, { via: 'udp', endpoint: output.to }, travelled(output.message));
      if (output.type === 'reply') this.line.send(this, output.to, travelled(output.message));
    }
  }

  paths(): string[] {
    return this.told.flatMap((one) => (one.type === 'path' ? [one.path] : []));
  }

  probes(): { at: number; to: string }[] {
    return this.told.flatMap((one) => (one.type === 'probe' ? [{ at: one.at, to: printEndpoint(one.to) }] : []));
  }

  /** Longest time without voice between two moments. */
  longestGapMs(from: number, until: number): number {
    const times = [from, ...this.voiceFrom.map((one) => one.at).filter((t) => t > from && t < until), until];
    return Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? 0)));
  }
}

function travelled(content: Message): Message {
  const back = decodeMessage(encodeMessage(content));
  if (!back) throw new Error('a message did not survive its own encoding');
  return back;
}

const A = 'udp:203.0.113.1:4000';
const B = 'udp:198.51.100.2:4000';

describe('the way of a call', () => {
  it('is the relay at once, and direct as soon as a probe is answered', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(1_000);
    expect(line.a.told.slice(0, 2)).toMatchObject([
      { type: 'send-on', routes: [{ via: 'forward' }] },
      { type: 'path', path: 'relay', route: { via: 'forward' } },
    ]);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
    expect(line.b.paths()).toEqual(['relay', 'direct']);
    const upgrade = line.a.told.find((one) => one.type === 'path' && one.path === 'direct');
    expect(upgrade?.at).toBe(20);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
  });

  it('carries media on both ways for a moment when it changes', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(1_000);
    const sends = line.a.told.flatMap((one) => (one.type === 'send-on' ? [{ at: one.at, n: one.routes.length }] : []));
    expect(sends).toEqual([
      { at: 0, n: 1 },
      { at: 20, n: 2 },
      { at: 20 + PATH_OVERLAP_MS, n: 1 },
    ]);
  });

  it('stays the relay when nothing gets through', () => {
    const line = new Line({ a: [A], b: [B] });
    line.open = () => false;
    line.run(60_000);
    expect(line.a.paths()).toEqual(['relay']);
    expect(line.a.longestGapMs(100, 60_000)).toBeLessThanOrEqual(20);
  });

  it('prefers the local net, even when the other way was first', () => {
    const near = { a: ['udp:192.168.1.2:4000', A], b: ['udp:192.168.1.3:4000', B] };
    const line = new Line(near);
    line.delayMs = (from) => (from.startsWith('udp:192') ? 60 : 10);
    line.run(2_000);
    expect(line.a.paths()).toEqual(['relay', 'direct', 'lan']);
    expect(line.a.finder.routes()).toEqual([udp('udp:192.168.1.3:4000')]);
  });

  it('is direct too when the relay is quicker, so that its copies hide those of the direct way', () => {
    const line = new Line({ a: [A], b: [B] });
    line.relayMs = 2;
    line.delayMs = () => 60;
    line.run(10_000);
    for (const end of [line.a, line.b]) {
      expect(end.paths()).toEqual(['relay', 'direct']);
      expect(end.finder.routes()).toHaveLength(1);
      expect(end.longestGapMs(100, 10_000)).toBeLessThanOrEqual(100);
    }
  });

  it('is local between two programs on one machine', () => {
    const line = new Line({ a: ['udp:127.0.0.1:4001'], b: ['udp:127.0.0.1:4002'] });
    line.delayMs = () => 0.1;
    line.run(100);
    expect(line.a.paths()).toEqual(['relay', 'lan']);
    expect(line.b.paths()).toEqual(['relay', 'lan']);
  });

  it('is tried the moment the other end is heard there for the first time, however long the next probe would take', () => {
    const lan = 'udp:192.168.1.3:4000';
    const finder = new PathFinder(0, {
      ...{ wire: WIRE, node: 'b', remoteCandidates: [lan], ours: [at('udp:192.168.1.2:4000')] },
      random: seededRandom('first word'),
    });
    const probedAt: number[] = [];
    const run = (until: number): void => {
      for (let now = finder.wakeAt(); now <= until; now = finder.wakeAt()) {
        finder.wake(now);
        probedAt.push(...finder.drain().flatMap(({ type }) => (type === 'probe' ? [now] : [])));
      }
    };
    run(110);
    const theirs = message('pathProbe', { transaction: Buffer.alloc(8, 1), callId: Buffer.from(WIRE, 'hex') }).body;
    for (const now of [110, 120, 130]) {
      finder.receive(now, { type: 'probe', from: udp(lan), probe: theirs });
      run(now);
    }
    // What is heard there after that hastens the next one too, and less.
    run(390);
    expect(probedAt).toEqual([0, 50, 100, 110, 320]);
  });

  it('waits for a path to prove clearly better before it changes to its own kind', () => {
    const line = new Line({ a: [A], b: [B, 'udp:198.51.100.3:4000'] });
    line.delayMs = (from, to) => (`${from}${to}`.includes('198.51.100.3') ? 50 : 60);
    line.run(20_000);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
    line.delayMs = (from, to) => (`${from}${to}`.includes('198.51.100.3') ? 5 : 100);
    line.run(60_000);
    expect(line.a.paths().length).toBeLessThanOrEqual(3);
  });
});

describe('a path that dies', () => {
  function direct() {
    const line = new Line({ a: [A], b: [B] });
    line.run(5_000);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
    return line;
  }

  it('is told to people after 1.5 s without any way, and when there is one again', () => {
    const line = direct();
    line.open = () => false;
    line.relayMs = 1e9;
    const cut = line.now;
    line.run(5_000);
    line.open = () => true;
    line.relayMs = 40;
    line.run(5_000);
    const contacts = line.a.told.flatMap((one) => (one.type === 'contact' ? [{ lost: one.lost, at: one.at }] : []));
    expect(contacts.map(({ lost }) => lost)).toEqual([true, false]);
    expect(contacts[0]?.at).toBeGreaterThan(cut + 1_480);
    expect(contacts[0]?.at).toBeLessThanOrEqual(cut + 1_520);
    expect(contacts[1]?.at).toBeLessThan(cut + 5_500);
  });

  it('is not missed while the relay carries, nor on hold', () => {
    const line = direct();
    line.open = () => false;
    line.run(5_000);
    for (const end of [line.a, line.b]) end.finder.command(line.now, { type: 'hold', on: true });
    line.media = false;
    line.run(20_000);
    expect(line.a.told.filter(({ type }) => type === 'contact')).toEqual([]);
  });

  it('is joined by the relay after 240 ms, replaced after 600 ms, and the gap stays small', () => {
    const line = direct();
    line.open = () => false;
    line.run(5_000);
    const news = line.a.told.filter((one) => one.at > 5_000 && (one.type === 'path' || one.type === 'send-on'));
    expect(news).toMatchObject([
      { type: 'send-on', routes: [udp(B), { via: 'forward' }] },
      { type: 'send-on', routes: [{ via: 'forward' }] },
      { type: 'path', path: 'relay' },
    ]);
    expect((news[0]?.at ?? 0) - 5_000).toBeLessThanOrEqual(PATH_SUSPECT_MS + 10);
    expect((news[1]?.at ?? 0) - 5_000).toBeLessThanOrEqual(PATH_DEAD_MS + 10);
    expect(line.a.longestGapMs(4_900, 6_000)).toBeLessThanOrEqual(400);
  });

  it('costs no more when only one direction dies', () => {
    for (const dead of [A, B]) {
      const line = direct();
      line.open = (from) => from !== dead;
      line.run(3_000);
      for (const end of [line.a, line.b]) {
        expect(end.longestGapMs(4_900, 8_000)).toBeLessThanOrEqual(400);
        expect(end.paths().at(-1)).toBe('relay');
      }
    }
  });

  it('comes back when it is proven anew', () => {
    const line = direct();
    line.open = () => false;
    line.run(5_000);
    line.open = () => true;
    line.run(5_000);
    expect(line.a.paths()).toEqual(['relay', 'direct', 'relay', 'direct']);
    expect(line.a.longestGapMs(10_000, 15_000)).toBeLessThanOrEqual(40);
  });

  it('is not told as a change when it was only a hiccup', () => {
    const line = direct();
    line.open = () => false;
    line.run(350);
    line.open = () => true;
    line.run(2_000);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
  });

  it('that fails again and again is kept away for longer and longer', () => {
    const line = direct();
    for (let i = 0; i < 20; i += 1) {
      line.open = () => false;
      line.run(1_500);
      line.open = () => true;
      line.run(1_500);
    }
    const changes = line.a.paths().length;
    expect(changes).toBeLessThan(16);
    line.run(60_000);
    expect(line.a.paths().at(-1)).toBe('direct');
    expect(line.a.longestGapMs(5_100, 60_000)).toBeLessThanOrEqual(400);
  });

  it('is doubted at once when our own addresses change, and kept when it still answers', () => {
    const line = direct();
    line.a.finder.command(line.now, { type: 'doubt' });
    expect(line.a.finder.routes()).toHaveLength(2);
    line.run(100);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
  });

  it('falls to a standby that answers rather than to the relay', () => {
    const line = new Line({ a: [A], b: [B, 'udp:198.51.100.3:4000'] });
    line.delayMs = (from, to) => (`${from}${to}`.includes('198.51.100.3') ? 30 : 10);
    line.run(5_000);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
    line.b.addresses = ['udp:198.51.100.3:4000'];
    line.run(2_000);
    expect(line.a.finder.routes()).toEqual([udp('udp:198.51.100.3:4000')]);
    expect(line.a.paths()).toEqual(['relay', 'direct', 'direct']);
  });
});

describe('a peer that moves', () => {
  it('is followed to its new address once that has answered a probe', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(5_000);
    const moved = 'udp:198.51.100.99:7777';
    line.b.addresses = [moved];
    line.run(3_000);
    expect(line.a.finder.routes()).toEqual([udp(moved)]);
    expect(line.a.longestGapMs(4_900, 8_000)).toBeLessThanOrEqual(60);
    expect(line.b.longestGapMs(4_900, 8_000)).toBeLessThanOrEqual(500);
  });

  it('is not followed when the new address does not answer: replayed packets move nobody', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(2_000);
    const stranger = 'udp:192.0.2.66:666';
    for (let i = 0; i < 500; i += 1) {
      line.a.finder.receive(line.now, { type: 'heard', route: udp(stranger) });
      line.run(20);
    }
    expect(line.a.finder.routes()).toEqual([udp(B)]);
    const bothered = line.a.probes().filter((one) => one.to === stranger);
    expect(bothered.length).toBeGreaterThan(0);
    expect(bothered.length).toBeLessThanOrEqual(PROBES_UNANSWERED_MAX + 500 / PACKETS_PER_EXTRA_PROBE);
  });

  it('from many addresses at once is heard at a few of them', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(2_000);
    const before = line.a.probes().length;
    for (let i = 0; i < 1_000; i += 1)
      line.a.finder.receive(line.now, { type: 'heard', route: udp(`udp:192.0.2.${i % 250}:${1_000 + i}`) });
    line.run(200);
    const places = new Set(
      line.a
        .probes()
        .slice(before)
        .map((one) => one.to),
    );
    expect(places.size).toBeLessThanOrEqual(CANDIDATES_LEARNED_MAX + 1);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
  });
});

describe('probes', () => {
  const many = Array.from({ length: 100 }, (_, i) => `udp:198.51.100.${i + 1}:4000`);

  it('keep to the schedule when nobody answers', () => {
    const line = new Line({ a: [A], b: [B] });
    line.open = () => false;
    line.run(25_000);
    expect(line.a.probes().map((one) => one.at)).toEqual([
      0, 50, 100, 200, 400, 800, 2_800, 4_800, 6_800, 8_800, 10_800, 20_800,
    ]);
  });

  it('do not make us an amplifier: bounded in all, for each address, and each second', () => {
    const line = new Line({ a: [A], b: many });
    line.open = () => false;
    line.run(150_000);
    const probes = line.a.probes();
    expect(probes.length).toBeLessThanOrEqual(PROBES_UNANSWERED_TOTAL_MAX);
    const places = new Set(probes.map((one) => one.to));
    expect(places.size).toBeLessThanOrEqual(CANDIDATES_MAX);
    for (const place of places)
      expect(probes.filter((one) => one.to === place).length).toBeLessThanOrEqual(PROBES_UNANSWERED_MAX);
    for (let from = 0; from < 3_000; from += 100) {
      const inSecond = probes.filter((one) => one.at >= from && one.at < from + 1_000).length;
      expect(inSecond).toBeLessThanOrEqual(PROBES_PER_SECOND_MAX + PROBES_BURST);
    }
    line.run(30_000);
    expect(line.a.probes()).toHaveLength(probes.length);
  });

  it('of the path in use go out once a second', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(2_000);
    const before = line.a.probes().length;
    line.run(10_000);
    expect(line.a.probes().length - before).toBeGreaterThanOrEqual(9);
    expect(line.a.probes().length - before).toBeLessThanOrEqual(11);
  });

  it('rest on hold, where a packet in five seconds is all there is, and no path falls for that', () => {
    const line = new Line({ a: [A], b: [B] });
    line.run(3_000);
    for (const end of [line.a, line.b]) {
      end.finder.command(line.now, { type: 'hold', on: true });
      end.voiceEveryMs = 5_000;
    }
    line.run(20);
    const before = line.a.probes().length;
    line.run(120_000);
    expect(line.a.probes().length).toBe(before);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
    for (const end of [line.a, line.b]) {
      end.finder.command(line.now, { type: 'hold', on: false });
      end.voiceEveryMs = 20;
    }
    line.run(6_000);
    expect(line.a.paths()).toEqual(['relay', 'direct']);
    expect(line.a.finder.routes()).toEqual([udp(B)]);
  });

  it('are answered on the way they came, with the address as seen, within limits', () => {
    const line = new Line({ a: [A], b: [B] });
    const { finder } = line.a;
    finder.drain();
    const transaction = Buffer.alloc(8, 5);
    const probe = message('pathProbe', { transaction, callId: Buffer.from(WIRE, 'hex') }).body;
    const ways: Route[] = [udp(B), { via: 'forward', node: 'b' }, { via: 'stream', stream: 7 }];
    for (const from of ways) finder.receive(0, { type: 'probe', from, probe });
    expect(finder.drain()).toMatchObject([
      { type: 'reply', to: ways[0], message: { body: { transaction, seen: B } } },
      { type: 'reply', to: ways[1], message: { body: { transaction, seen: '' } } },
      { type: 'reply', to: ways[2], message: { body: { transaction, seen: '' } } },
    ]);
    for (let i = 0; i < 1_000; i += 1) finder.receive(0, { type: 'probe', from: udp(B), probe });
    expect(finder.drain().length).toBeLessThan(40);
  });

  it('of another call, and answers that were never asked for or come from elsewhere, change nothing', () => {
    const line = new Line({ a: [A], b: [B] });
    const { finder } = line.a;
    finder.wake(0);
    const asked = finder.drain().find((one) => one.type === 'probe');
    const transaction = asked?.message.body.transaction ?? Buffer.alloc(0);
    const reply = (bytes: Uint8Array) => message('pathReply', { transaction: bytes, seen: '' }).body;
    finder.receive(5, { type: 'reply', from: udp(B), reply: reply(Buffer.alloc(8)) });
    finder.receive(5, { type: 'reply', from: udp('udp:192.0.2.66:666'), reply: reply(transaction) });
    finder.receive(5, { type: 'reply', from: { via: 'forward', node: 'b' }, reply: reply(transaction) });
    const foreign = message('pathProbe', { transaction, callId: Buffer.alloc(16) }).body;
    finder.receive(5, { type: 'probe', from: udp(B), probe: foreign });
    finder.receive(5, { type: 'probe', from: udp(B), probe: { ...foreign, transaction: Buffer.alloc(900) } });
    expect(finder.drain()).toEqual([]);
    expect(finder.dropped).toBe(4);
    finder.receive(6, { type: 'reply', from: udp(B), reply: reply(transaction) });
    expect(finder.drain()).toMatchObject([{ type: 'send-on' }, { type: 'path', path: 'direct' }]);
  });
});

describe('somebody behind a NAT', () => {
  /** One end alone, and what it sends by itself. */
  function alone(options: { ours?: string[]; theirs?: string[]; punchAfterMs?: number } = {}) {
    const { ours = ['udp:192.168.1.2:4000'], theirs = [B], punchAfterMs = 0 } = options;
    const rest = { node: 'b', punchAfterMs, random: seededRandom('alone') } as const;
    const finder = new PathFinder(0, { wire: WIRE, remoteCandidates: theirs, ours: ours.map(at), ...rest });
    const sent: string[] = [];
    const note = (now: number): void => {
      for (const output of finder.drain()) {
        if (output.type === 'probe') sent.push(`${now} ${printEndpoint(output.to)} ${output.ttl ?? 'far'}`);
        if (output.type === 'tell') sent.push(`${now} ${output.message.kind}`);
      }
    };
    let now = 0;
    const run = (until: number): string[] => {
      note(now);
      for (; finder.wakeAt() <= until; note(now)) {
        now = Math.max(now, finder.wakeAt());
        finder.wake(now);
      }
      now = until;
      return sent.splice(0);
    };
    return { finder, run };
  }

  const OPENED = [`0 ${B} 2`, `50 ${B} 5`, `100 ${B} 5`, '100 pathOpened'];

  it('opens it with probes that die on the way, says so, and waits for the same word', () => {
    const { finder, run } = alone();
    expect(run(300)).toEqual(OPENED);
    finder.receive(300, { type: 'opened', opened: THEIR_WORD });
    expect(run(500)).toEqual([`300 ${B} far`, `350 ${B} far`, `400 ${B} far`, `500 ${B} far`]);
  });

  it('goes on at once when the word came before', () => {
    const { finder, run } = alone();
    finder.receive(0, { type: 'opened', opened: THEIR_WORD });
    expect(run(150)).toEqual([...OPENED.slice(0, 3), '100 pathOpened', `100 ${B} far`, `150 ${B} far`]);
  });

  it('does not wait for ever', () => {
    expect(alone().run(100 + PUNCH_PATIENCE_MS)).toEqual([...OPENED, `1100 ${B} far`]);
  });

  it('needs no more care once something comes from there', () => {
    const { finder, run } = alone();
    run(60);
    finder.receive(60, { type: 'heard', route: udp(B) });
    expect(run(100)).toEqual([`60 ${B} far`, '60 pathOpened']);
  });

  it('begins when the other end knows where to look', () => {
    expect(alone({ punchAfterMs: 70 }).run(250)).toEqual([`70 ${B} 2`, `120 ${B} 5`, `170 ${B} 5`, '170 pathOpened']);
  });

  it.each<[string, string[], string]>([
    ['to a neighbour', ['udp:192.168.1.2:4000'], 'udp:192.168.1.9:4000'],
    ['from a public address', [A], B],
    ['from a public address of IPv6', ['udp:192.168.1.2:4000', 'udp:[2001:db8::1]:4000'], 'udp:[2001:db8::2]:4000'],
  ])('has nothing to open %s, and says so at once', (_way, ours, there) => {
    expect(alone({ ours, theirs: [there] }).run(0)).toEqual(['0 pathOpened', `0 ${there} far`]);
  });

  it('says nothing of openness before it knows where', () => {
    expect(alone({ theirs: [] }).run(2_000)).toEqual([]);
  });

  it('opens it to addresses that are told later, and says so for them', () => {
    const { finder, run } = alone({ theirs: [] });
    run(1_000);
    finder.command(1_000, { type: 'candidates', remoteCandidates: [B] });
    expect(run(1_150)).toEqual([`1000 ${B} 2`, `1050 ${B} 5`, `1100 ${B} 5`, '1100 pathOpened']);
    finder.command(1_150, { type: 'candidates', remoteCandidates: [B] });
    expect(run(1_200)).toEqual(['1150 pathOpened']);
  });

  it('probes no more than so many addresses, however many it is told of', () => {
    const { finder, run } = alone();
    const places = new Set<string>();
    for (let i = 0; i < 1_000; i += 1) {
      finder.command(100 * i, { type: 'candidates', remoteCandidates: [`udp:198.51.100.2:${5_000 + i}`] });
      for (const text of run(100 * i)) if (text.includes('udp:')) places.add(text.split(' ')[1] ?? '');
    }
    expect(places.size).toBeLessThanOrEqual(CANDIDATES_OFFERED_MAX);
  });

  it('sends no more for being told again and again', () => {
    const { finder, run } = alone();
    const probes: string[] = [];
    for (let now = 0; now <= 60_000; now += 10) {
      for (let i = 0; i < 5; i += 1) finder.receive(now, { type: 'opened', opened: THEIR_WORD });
      probes.push(...run(now).filter((text) => text.includes('udp:')));
    }
    expect(probes.length).toBeLessThanOrEqual(PROBES_UNANSWERED_MAX);
  });
});

describe('a storm', () => {
  it('of cuts never leaves the ends without a way for long, and ends direct', () => {
    for (let seed = 1; seed <= 15; seed += 1) {
      const line = new Line({ a: [A], b: [B], seed });
      const random = seededRandom(`storm ${seed}`);
      for (let i = 0; i < 15; i += 1) {
        const dead = [A, B, 'none', 'both'][Math.floor(random.fraction() * 4)];
        line.open = (from) => dead !== 'both' && from !== dead;
        line.run(random.fraction() * 2_000);
      }
      const stormed = line.now;
      line.open = () => true;
      line.run(50_000);
      for (const end of [line.a, line.b]) {
        expect(end.longestGapMs(100, stormed), `seed ${seed}`).toBeLessThanOrEqual(600);
        expect(end.paths().at(-1), `seed ${seed}`).toBe('direct');
      }
    }
  });
});

describe('the ways, as people are told of them', () => {
  const NEAR = 'udp:192.168.1.3:4000';
  const words = ({ now, a }: Line) =>
    a.finder.ways(now).map(({ kind, state, rttMs, forMs }) => `${kind} ${state} ${rttMs ?? '-'} ${forMs}`);

  it('are all that was tried, each with how it stands and since when; no address is in them', () => {
    const line = new Line({ a: ['udp:192.168.1.2:4000', A], b: [NEAR, B] });
    line.open = (_from, to) => to !== NEAR;
    line.run(5);
    expect(words(line)).toEqual(['relay in-use - 5', 'lan trying - 5', 'direct trying - 5']);
    line.run(995);
    // The other end offered, and answered, two; the relay rests since both have taken the direct way.
    expect(words(line)).toEqual(
      ['direct in-use 20 980', `relay spare - ${1_000 - 20 - PATH_OVERLAP_MS}`].toSpliced(1, 0, 'lan trying - 1000'),
    );
    line.run(60_000);
    expect(words(line)[2]).toMatch(/^lan failed - /);
    expect(JSON.stringify(line.a.finder.ways(line.now))).not.toMatch(/192\.168|198\.51|203\.0/);
  });

  it('that are outdone are spare, that fell are failed, and what carries is in use', () => {
    const line = new Line({ a: ['udp:192.168.1.2:4000', A], b: [NEAR, B, 'udp:198.51.100.9:1'] });
    line.run(5_000);
    const states = () => line.a.finder.ways(line.now).map(({ kind, state }) => `${kind} ${state}`);
    expect(states()).toEqual(['lan in-use', 'direct works', 'relay spare', 'direct spare']);
    line.open = () => false;
    line.run(25_000);
    expect(states()[0]).toBe('relay in-use');
    expect(states().slice(1)).toEqual(['direct failed', 'direct failed', 'lan failed']);
  });

  it('by the port that the gateway passes on are told apart, by where the other end sees us', () => {
    const surroundings = { ...NO_SURROUNDINGS, rttMs: () => 33 };
    const finder = new PathFinder(0, {
      ...{ wire: WIRE, node: 'b', remoteCandidates: [B], ours: [], random: seededRandom('mapped') },
      surroundings: { ...surroundings, self: () => ({ ...NO_SURROUNDINGS.self(), mapped: at(A) }) },
    });
    expect(finder.ways(0).find(({ kind }) => kind === 'relay')).toMatchObject({ state: 'in-use', rttMs: 33 });
    finder.wake(PUNCH_PATIENCE_MS * 2);
    const probe = finder.drain().findLast((one) => one.type === 'probe');
    if (probe?.type !== 'probe') throw new Error('nothing was probed');
    const reply = { transaction: probe.message.body.transaction, seen: A };
    finder.receive(PUNCH_PATIENCE_MS * 2 + 8, { type: 'reply', from: udp(B), reply });
    expect(finder.ways(20_000)[0]).toMatchObject({ kind: 'mapped', ip: 'IPv4', state: 'in-use', rttMs: 8 });
  });
});
