/**
 * What a supernode forwards, and for whom (figure V13: caps kept within 5 %). In virtual time: ten minutes of somebody who
 * wants twice as much as is allowed, so that the burst of the beginning is in the sum.
 */
import { describe, expect, it } from 'vitest';
import { type Parcel, RelayCaps } from '../../../src/net/overlay/relay-caps.ts';
import {
  CLIENTS_PER_SUPERNODE_MAX,
  FORWARD_BYTES_PER_SECOND,
  LOAD_PEOPLE_MAX,
  QUOTA_TELL_MS,
  RELAY_FLOWS_MAX,
  STREAM_ENDS_MS,
  STREAM_PACKETS_PER_SECOND,
  STREAMS_PER_ADDRESS_MAX,
  STREAMS_PER_PERSON_MAX,
} from '../../../src/net/protocol/params.ts';
import type { RelayCap } from '../../../src/net/protocol/relay-cap.ts';

const SECONDS = 600;
/** 50 packets a second, as voice. */
const PACE_MS = 20;
const PLENTY_KBPS = 1_000_000;

const parcel = (over: Partial<Parcel>): Parcel => ({
  ...{ person: 'alice1', node: 'a', host: '192.0.2.1', target: 'b', bytes: 130 },
  ...over,
});

/** Offers `offered` bytes a second for ten minutes, from each sender in turn; bytes a second that went through. */
function through(caps: RelayCaps, offered: number, senders: readonly Partial<Parcel>[]): number {
  const bytes = Math.round((offered / 1000) * PACE_MS);
  let passed = 0;
  for (let tick = 0; tick < (SECONDS * 1000) / PACE_MS; tick++) {
    const sender = senders[tick % senders.length] ?? {};
    if (caps.take(tick * PACE_MS, parcel({ ...sender, bytes })) === undefined) passed += bytes;
  }
  return passed / SECONDS;
}

/** So many people, each of whom sends to one other. */
const neighbours = (count: number, hostOf: (number: number) => string): Partial<Parcel>[] =>
  Array.from({ length: count }, (_, i) => ({ person: `person${i}`, node: `${i}`, target: `to ${i}`, host: hostOf(i) }));

function expectWithin5Percent(bytesPerSecond: number, cap: number): void {
  expect(bytesPerSecond).toBeGreaterThan(cap * 0.95);
  expect(bytesPerSecond).toBeLessThan(cap * 1.05);
}

describe('the caps of a relay are kept within 5 % (V13)', () => {
  it('of a person, with one node or with several', () => {
    for (const nodes of [['a'], ['a', 'b', 'c']]) {
      const caps = new RelayCaps(PLENTY_KBPS);
      const senders = nodes.map((node) => ({ node, host: `192.0.2.${node.charCodeAt(0)}` }));
      expectWithin5Percent(through(caps, 2 * FORWARD_BYTES_PER_SECOND, senders), FORWARD_BYTES_PER_SECOND);
    }
  });

  it('of an address, however many people are behind it; and of a /64 network of IPv6', () => {
    for (const hostOf of [() => '192.0.2.1', (i: number) => `2001:db8:0:7::${i + 1}`]) {
      const half = (2_000 * 125) / 2;
      expectWithin5Percent(through(new RelayCaps(2_000), 2 * half, neighbours(40, hostOf)), half);
    }
  });

  it('of the whole supernode, for people at many addresses', () => {
    const all = 1_000 * 125;
    expectWithin5Percent(
      through(
        new RelayCaps(1_000),
        2 * all,
        neighbours(40, (i) => `192.0.2.${i + 1}`),
      ),
      all,
    );
  });

  it('and what is within them goes through whole', () => {
    const caps = new RelayCaps(1_000);
    expect(through(caps, 0.9 * FORWARD_BYTES_PER_SECOND, [{}])).toBeCloseTo(0.9 * FORWARD_BYTES_PER_SECOND, -2);
    expect(caps.dropped).toEqual({ person: 0, address: 0, supernode: 0, streams: 0 });
  });
});

describe('one who is at the cap', () => {
  it('takes nothing from those who are not', () => {
    const caps = new RelayCaps(1_000);
    let lost = 0;
    for (let now = 0; now < 60_000; now += PACE_MS) {
      for (let i = 0; i < 4; i++) caps.take(now, parcel({ person: 'greedy', node: 'g', bytes: 1_000 }));
      if (caps.take(now, parcel({ person: 'modest', node: 'm', host: '198.51.100.1' })) !== undefined) lost += 1;
    }
    expect(lost).toBe(0);
  });

  it('is told once a second at most, by which cap, what it allows, and how many packets were dropped since', () => {
    const caps = new RelayCaps(PLENTY_KBPS);
    const told: { at: number; cap: RelayCap; dropped: number }[] = [];
    let dropped = 0;
    for (let now = 0; now < 20_000; now += PACE_MS) {
      const cap = caps.take(now, parcel({ bytes: 1_000 }));
      if (cap === undefined) continue;
      dropped += 1;
      const news = caps.complaint(now, 'a', cap);
      if (!news) continue;
      expect(news.bytesPerSecond).toBe(FORWARD_BYTES_PER_SECOND);
      told.push({ at: now, cap: news.cap, dropped: news.dropped });
    }
    expect(told.length).toBeGreaterThan(15);
    for (const [i, { at }] of told.entries())
      if (i > 0) expect(at - told[i - 1]!.at).toBeGreaterThanOrEqual(QUOTA_TELL_MS);
    expect(new Set(told.map(({ cap }) => cap))).toEqual(new Set(['person']));
    expect(dropped - told.reduce((sum, one) => sum + one.dropped, 0)).toBeLessThan(1_000 / PACE_MS);
  });
});

describe('streams', () => {
  /** For a second everybody sends so many packets; how many of each go through. */
  const second = (caps: RelayCaps, from: number, senders: readonly Partial<Parcel>[], perSecond: number): number[] => {
    const passed = senders.map(() => 0);
    for (let tick = 0; tick < perSecond; tick++) {
      for (const [i, sender] of senders.entries()) {
        const cap = caps.take(from + (tick * 1_000) / perSecond, parcel({ bytes: 1, ...sender }));
        if (cap === undefined) passed[i]! += 1;
      }
    }
    return passed;
  };
  const to = (targets: number): Partial<Parcel>[] => Array.from({ length: targets }, (_, i) => ({ target: `to ${i}` }));

  it('beyond eight of a person are kept to the pace of signalling; a stream that ends makes room', () => {
    const caps = new RelayCaps(PLENTY_KBPS);
    const full = Array.from({ length: STREAMS_PER_PERSON_MAX }, () => 50);
    expect(second(caps, 0, to(STREAMS_PER_PERSON_MAX + 1), 50)).toEqual([...full, STREAM_PACKETS_PER_SECOND]);
    expect(caps.streams(1_000)).toBe(STREAMS_PER_PERSON_MAX);
    expect(caps.dropped.streams).toBe(50 - STREAM_PACKETS_PER_SECOND);
    expect(caps.streams(1_000 + STREAM_ENDS_MS)).toBe(0);
    expect(second(caps, 10_000, [{ target: 'to 8' }], 50)).toEqual([50]);
  });

  it('are counted by address too: many people behind one have no more than that', () => {
    const caps = new RelayCaps(PLENTY_KBPS);
    second(
      caps,
      0,
      neighbours(STREAMS_PER_ADDRESS_MAX + 1, () => '192.0.2.1'),
      STREAM_PACKETS_PER_SECOND + 1,
    );
    expect(caps.streams(1_000)).toBe(STREAMS_PER_ADDRESS_MAX);
    expect(caps.dropped).toMatchObject({ streams: 1, person: 0, address: 0 });
  });

  it('are none: two hundred buddies who are greeted within a second', () => {
    const caps = new RelayCaps(PLENTY_KBPS);
    expect(new Set(second(caps, 0, to(200), 3))).toEqual(new Set([3]));
    expect(caps.streams(1_000)).toBe(0);
  });
});

it('the memory of a relay is bounded, whoever comes', () => {
  const caps = new RelayCaps(PLENTY_KBPS);
  for (let i = 0; i < 50_000; i++) {
    const cap = caps.take(
      i,
      parcel({ person: `p${i}`, node: `${i}`, host: `10.${i >> 16}.${i >> 8}.${i & 255}`, target: `${i}` }),
    );
    caps.complaint(i, `${i}`, cap ?? 'person');
  }
  expect(caps.size).toBeLessThanOrEqual(6 * CLIENTS_PER_SUPERNODE_MAX + RELAY_FLOWS_MAX);
});

it('a relay tells for whom it works most', () => {
  const caps = new RelayCaps(PLENTY_KBPS);
  for (let i = 0; i < 20; i++) for (let n = 0; n <= i; n++) caps.take(0, parcel({ person: `p${i}`, node: `${i}` }));
  expect(caps.people).toHaveLength(LOAD_PEOPLE_MAX);
  expect(caps.people[0]).toEqual({ person: 'p19', packets: 20, bytes: 20 * 130, dropped: 0 });
});
