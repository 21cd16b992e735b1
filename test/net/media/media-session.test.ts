import { describe, expect, it } from 'vitest';
import { type MediaOutput, MediaSession } from '../../../src/net/media/media-session.ts';
import type { CallQuality } from '../../../src/net/media/quality.ts';
import { mediaTimeOf, parseVoicePacket } from '../../../src/net/media/voice-packet.ts';
import { HOLD_PACKET_MS } from '../../../src/net/protocol/params.ts';
import { type Body, decodeMessage, encodeMessage } from '../../../src/net/wire/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const WIRE = '00112233445566778899aabbccddeeff';
const FILLER = 0xf0;
const VOICE = 0x11;

function bodyOf(fill: number, mediaTime: number): Buffer {
  const body = Buffer.alloc(60, fill);
  body[0] = 0x14;
  body.writeUInt16BE(mediaTime & 0xffff, 1);
  return body;
}

interface Sent {
  readonly at: number;
  readonly sequence: number;
  readonly mediaTime: number;
  readonly filler: boolean;
  readonly held: boolean;
  readonly bytes: number;
}

/** One end of a call with a voice child that can be switched off; the other end is a function. */
class End {
  readonly session: MediaSession;
  readonly sent: Sent[] = [];
  readonly played: { at: number; mediaTime: number }[] = [];
  readonly qualities: CallQuality[] = [];
  alive = 0;
  /** Next body of the child, Infinity while there is none. */
  childAt = Infinity;
  #childTime = 0;
  /** There is no other end, but one that hears everything is told of. */
  alone = true;
  /** Where outputs go. */
  carry: (now: number, output: MediaOutput) => void = () => {};

  constructor(now: number) {
    this.session = new MediaSession(now, { wire: WIRE, fillerBody: (mediaTime) => bodyOf(FILLER, mediaTime) });
  }

  startChild(now: number): void {
    this.childAt = now;
    this.#childTime = 0;
  }

  stopChild(): void {
    this.childAt = Infinity;
  }

  wakeAt(): number {
    return Math.min(this.childAt, this.session.wakeAt());
  }

  step(now: number): void {
    if (now >= this.childAt) {
      this.session.receive(now, { type: 'voice', body: bodyOf(VOICE, this.#childTime) });
      this.#childTime += 2;
      this.childAt += 20;
    }
    this.session.wake(now);
    this.settle(now);
  }

  settle(now: number): void {
    for (const output of this.session.drain()) {
      if (output.type === 'send-voice') this.sent.push(sentOf(now, output.bytes));
      if (output.type === 'play') this.played.push({ at: output.arrivalMs, mediaTime: mediaTimeOf(output.body) });
      if (output.type === 'quality') this.qualities.push(output.quality);
      if (output.type === 'alive') this.alive += 1;
      if (this.alone && output.type === 'send-datagram') this.#hearsThatAllCame(now, output.message.body);
      else this.carry(now, output);
    }
  }

  #hearsThatAllCame(now: number, ours: Body<'mediaReport'>): void {
    const report = { ...ours, highest: this.sent.length - 1, received: this.sent.length, echoReport: 0 };
    this.session.receive(now, { type: 'report', report });
  }
}

function sentOf(at: number, bytes: Buffer): Sent {
  const packet = parseVoicePacket(bytes);
  if (!packet) throw new Error('the session sent something that is no voice packet');
  const { sequence, body } = packet;
  const filler = body[20] === FILLER;
  return { at, sequence, mediaTime: mediaTimeOf(body), filler, held: ((body[0] ?? 0) & 2) !== 0, bytes: bytes.length };
}

function run(ends: readonly End[], from: number, until: number, others: () => number = () => Infinity): number {
  let now = from;
  for (;;) {
    const next = Math.min(others(), ...ends.map((end) => end.wakeAt()));
    if (next > until) return until;
    now = Math.max(now, next);
    for (const end of ends) end.step(now);
  }
}

/** Two ends over a line with a delay each way and some loss. */
function line(options: { delayMs?: number; lossToB?: number; lossToA?: number; seed?: number } = {}) {
  const { delayMs = 30, lossToB = 0, lossToA = 0, seed = 1 } = options;
  const random = seededRandom(seed);
  const [a, b] = [new End(0), new End(0)];
  a.alone = false;
  b.alone = false;
  const underWay: { at: number; to: End; output: MediaOutput }[] = [];
  const wire = (to: End, loss: number) => (now: number, output: MediaOutput) => {
    if (output.type !== 'send-voice' && output.type !== 'send-datagram') return;
    if (random.fraction() >= loss) underWay.push({ at: now + delayMs, to, output });
  };
  a.carry = wire(b, lossToB);
  b.carry = wire(a, lossToA);
  const deliver = (now: number) => {
    while (underWay[0] && underWay[0].at <= now) {
      const { to, output } = underWay.shift() as (typeof underWay)[number];
      if (output.type === 'send-voice') to.session.receive(now, { type: 'arrived', bytes: output.bytes });
      if (output.type === 'send-datagram') {
        const message = decodeMessage(encodeMessage(output.message));
        if (message?.kind === 'mediaReport') to.session.receive(now, { type: 'report', report: message.body });
      }
      to.settle(now);
    }
  };
  const go = (from: number, until: number) => {
    let now = from;
    for (;;) {
      const next = Math.min(underWay[0]?.at ?? Infinity, a.wakeAt(), b.wakeAt());
      if (next > until) return;
      now = Math.max(now, next);
      deliver(now);
      a.step(now);
      b.step(now);
    }
  };
  return { a, b, go };
}

const steps = (values: readonly number[]) =>
  new Set(values.slice(1).map((value, i) => (value - (values[i] ?? 0)) & 0xffff));

describe('what goes out', () => {
  it('is the voice of the child, numbered, at one size', () => {
    const end = new End(0);
    end.startChild(0);
    run([end], 0, 10_000);
    expect(end.sent.filter((one) => !one.filler)).toHaveLength(501);
    expect(steps(end.sent.map((one) => one.sequence))).toEqual(new Set([1]));
    expect(steps(end.sent.map((one) => one.mediaTime))).toEqual(new Set([2]));
    expect(new Set(end.sent.map((one) => one.bytes))).toEqual(new Set([63]));
  });

  it('is silence of the same size and pace before the child is there', () => {
    const end = new End(0);
    run([end], 0, 5_000);
    expect(end.sent[0]?.at).toBe(30);
    expect(end.sent).toHaveLength(249);
    expect(end.sent.every((one) => one.filler && one.bytes === 63)).toBe(true);
  });

  it('keeps sequence, media time and 50 packets a second while the child dies and another starts, at any phase', () => {
    for (let phase = 0; phase < 20; phase += 1) {
      const end = new End(0);
      end.startChild(0);
      run([end], 0, 3_000);
      end.stopChild();
      run([end], 3_000, 4_200);
      end.startChild(4_200 + phase);
      run([end], 4_200, 8_000);
      expect(steps(end.sent.map((one) => one.sequence))).toEqual(new Set([1]));
      expect(steps(end.sent.map((one) => one.mediaTime))).toEqual(new Set([2]));
      for (let from = 0; from < 7_000; from += 500) {
        const count = end.sent.filter((one) => one.at >= from && one.at < from + 1_000).length;
        expect(Math.abs(count - 50)).toBeLessThanOrEqual(2);
      }
      expect(end.sent.filter((one) => one.filler).length).toBeLessThan(65);
      for (const told of end.qualities.slice(1)) expect(Math.abs(told.sentPps - 50)).toBeLessThanOrEqual(1);
    }
  });

  it('drops bodies of a size that may not travel', () => {
    const end = new End(0);
    for (const bytes of [0, 2, 39, 124, 5_000]) end.session.receive(0, { type: 'voice', body: Buffer.alloc(bytes) });
    expect(end.session.drain()).toEqual([]);
    expect(end.session.dropped).toBe(5);
  });

  it("lets the child's waiting bodies go first after a stall of our own, instead of silence", () => {
    const end = new End(0);
    end.startChild(0);
    run([end], 0, 1_000);
    end.session.wake(1_500);
    for (let n = 0; n < 25; n += 1) end.session.receive(1_500, { type: 'voice', body: bodyOf(VOICE, 0) });
    end.childAt = 1_520;
    end.settle(1_500);
    run([end], 1_500, 2_500);
    expect(end.sent.filter((one) => one.filler)).toHaveLength(0);
    expect(steps(end.sent.map((one) => one.mediaTime))).toEqual(new Set([2]));
  });

  it('does not send a burst of silence after a stall without a child', () => {
    const end = new End(0);
    run([end], 0, 1_000);
    end.session.wake(3_000);
    end.session.wake(3_005);
    end.settle(3_005);
    expect(end.sent.filter((one) => one.at > 1_000)).toHaveLength(1);
    expect(end.sent.at(-1)?.mediaTime).toBe(300);
  });
});

describe('on hold', () => {
  it('one packet in five seconds keeps the way open, in both directions, and nothing else', () => {
    const { a, b, go } = line();
    a.startChild(0);
    b.startChild(0);
    go(0, 2_000);
    for (const end of [a, b]) {
      end.stopChild();
      end.session.command(2_000, { type: 'hold', on: true });
      end.settle(2_000);
    }
    const everything = { count: 0 };
    for (const end of [a, b]) {
      const carry = end.carry;
      end.carry = (now, output) => {
        if (output.type === 'send-voice' || output.type === 'send-datagram') everything.count += 1;
        carry(now, output);
      };
    }
    go(2_000, 62_000);
    expect(everything.count / 2 / 60).toBeLessThanOrEqual(0.25);
    expect(everything.count / 2).toBe(60_000 / HOLD_PACKET_MS);
    expect(a.sent.filter((one) => one.at > 2_000).every((one) => one.filler && one.held)).toBe(true);
    expect(a.played.filter((one) => one.at > 2_040)).toHaveLength(0);
    expect(a.alive).toBeGreaterThan(10);
    expect(a.qualities.at(-1)?.verdict).toBe('good');
  });

  it('voice of the child is not sent, and flows again from the resume on, in step with real time', () => {
    const end = new End(0);
    end.startChild(0);
    run([end], 0, 1_000);
    end.session.command(1_000, { type: 'hold', on: true });
    run([end], 1_000, 31_000);
    expect(end.sent.filter((one) => one.at > 1_000 && !one.filler)).toHaveLength(0);
    end.session.command(31_000, { type: 'hold', on: false });
    run([end], 31_000, 33_000);
    const after = end.sent.filter((one) => one.at >= 31_010);
    expect(after.length).toBeGreaterThan(97);
    expect(after.filter((one) => one.filler).length).toBeLessThan(3);
    expect(steps(end.sent.map((one) => one.sequence))).toEqual(new Set([1]));
    for (const one of end.sent) expect(Math.abs(one.mediaTime * 10 - one.at)).toBeLessThanOrEqual(45);
  });

  it('costs the other end neither loss nor jitter', () => {
    const { a, b, go } = line();
    a.startChild(0);
    b.startChild(0);
    go(0, 3_000);
    for (const end of [a, b]) end.session.command(3_000, { type: 'hold', on: true });
    go(3_000, 40_000);
    for (const end of [a, b]) end.session.command(40_000, { type: 'hold', on: false });
    go(40_000, 43_000);
    const told = b.qualities.at(-1);
    expect(told?.lossInPct).toBe(0);
    expect(told?.jitterMs).toBeLessThan(3);
    expect(told?.verdict).toBe('good');
  });
});

describe('what comes in', () => {
  it('is handed to the child with its arrival time, once, even when it comes by two paths', () => {
    const { a, b, go } = line();
    a.startChild(0);
    const double = b.session;
    const carry = a.carry;
    a.carry = (now, output) => {
      carry(now, output);
      carry(now, output);
    };
    go(0, 1_000);
    expect(b.played).toHaveLength(a.sent.filter((one) => one.at <= 970).length);
    expect(b.played[0]?.at).toBe((a.sent[0]?.at ?? 0) + 30);
    expect(double.dropped).toBeGreaterThanOrEqual(b.played.length);
  });

  it('is dropped when it is garbage or of another call', () => {
    const end = new End(0);
    const other = Buffer.concat([Buffer.from([0x80 | 0x11, 0, 0]), Buffer.alloc(60)]);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(63), Buffer.alloc(1_200, 0xff), other])
      end.session.receive(0, { type: 'arrived', bytes });
    expect(end.session.drain()).toEqual([]);
    expect(end.session.dropped).toBe(4);
  });
});

describe('quality', () => {
  it('is told once a second, with pace, round trip and no loss on a clean line', () => {
    const { a, b, go } = line({ delayMs: 35 });
    a.startChild(0);
    b.startChild(5);
    a.session.command(0, { type: 'path', path: 'direct' });
    go(0, 10_000);
    expect(a.qualities).toHaveLength(10);
    expect(a.qualities.at(-1)).toMatchObject({
      path: 'direct',
      rttMs: 70,
      lossInPct: 0,
      lossOutPct: 0,
      sentPps: 50,
      recvPps: 50,
      payloadBytes: 60,
      bitrate: 22_800,
      redundancy: 0,
      verdict: 'good',
    });
    expect(a.alive).toBeGreaterThanOrEqual(9);
  });

  it('knows loss on the way in from here and on the way out from the reports', () => {
    const { a, b, go } = line({ lossToB: 0.1, seed: 7 });
    a.startChild(0);
    b.startChild(0);
    go(0, 30_000);
    const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
    expect(mean(b.qualities.slice(3).map((one) => one.lossInPct))).toBeGreaterThan(7);
    expect(mean(b.qualities.slice(3).map((one) => one.lossInPct))).toBeLessThan(13);
    expect(mean(a.qualities.slice(3).map((one) => one.lossOutPct))).toBeGreaterThan(7);
    expect(mean(a.qualities.slice(3).map((one) => one.lossInPct))).toBe(0);
    expect(b.session.totals().lostIn).toBeGreaterThan(100);
    const words = new Set(a.qualities.slice(5).map((one) => one.verdict));
    expect(words).toContain('they hear gaps');
  });

  it('says that no sound arrives a second after it stops', () => {
    const { a, b, go } = line();
    a.startChild(0);
    b.startChild(0);
    go(0, 3_000);
    a.carry = () => {};
    go(3_000, 6_000);
    expect(b.qualities.at(-1)?.verdict).toBe('no sound arrives');
    expect(a.qualities.at(-1)?.verdict).toBe('good');
  });

  it('believes the other end about what it conceals', () => {
    const { a, b, go } = line();
    const stats = { bufferMs: 60, concealedPct: 7.5, played: 100, concealed: 8, deviceMs: 20 };
    b.session.command(0, { type: 'voice-stats', stats });
    go(0, 3_000);
    expect(a.qualities.at(-1)?.verdict).toBe('they hear gaps');
    expect(b.qualities.at(-1)).toMatchObject({ bufferMs: 60, concealedPct: 7.5, verdict: 'you hear gaps' });
  });

  it('counts their microphone and our speaker into the delay of what we hear', () => {
    const { a, b, go } = line({ delayMs: 30 });
    const stats = { bufferMs: 40, concealedPct: 0, played: 100, concealed: 0 };
    a.session.command(0, { type: 'voice-stats', stats: { ...stats, deviceMs: 120, captureMs: 80, playbackMs: 40 } });
    b.session.command(0, { type: 'voice-stats', stats: { ...stats, deviceMs: 15, captureMs: 5, playbackMs: 10 } });
    a.startChild(0);
    b.startChild(0);
    go(0, 5_000);
    // Frame and codec 25, way 30, buffer 40, and the devices on that way.
    expect(a.qualities.at(-1)?.mouthToEarMs).toBeCloseTo(95 + 5 + 40, -1);
    expect(b.qualities.at(-1)?.mouthToEarMs).toBeCloseTo(95 + 80 + 10, -1);
  });

  it('ignores reports of another call, old ones, and echoes of reports that never were', () => {
    const end = new End(0);
    end.alone = false;
    const report = (over: object) => {
      const body = { callId: Buffer.from(WIRE, 'hex'), report: 1, highest: 0, received: 0, jitterMsX16: 0 };
      const rest = { echoReport: 0, heldMs: 0, bufferMs: 0, concealedPermille: 0, gaps: 0 };
      const delay = { standingMs: 0, growth: 0, atMs: 0, captureMs: 0 };
      end.session.receive(500, { type: 'report', report: { ...body, ...rest, ...delay, ...over } });
    };
    report({ callId: Buffer.alloc(16) });
    report({ report: 5 });
    report({ report: 5 });
    report({ report: 4 });
    expect(end.session.dropped).toBe(3);
    report({ report: 6, echoReport: 4_000_000_000, heldMs: 4_000_000_000, highest: 4_294_967_295 });
    run([end], 500, 1_500);
    expect(end.qualities.at(-1)).toMatchObject({ rttMs: null, lossOutPct: 100 });
  });
});

describe('totals', () => {
  it('count packets and their bytes both ways, and what all children of the call have concealed', () => {
    const { a, b, go } = line();
    a.startChild(0);
    b.startChild(0);
    go(0, 2_000);
    const stats = { bufferMs: 40, concealedPct: 0, deviceMs: 20 };
    b.session.command(2_000, { type: 'voice-stats', stats: { ...stats, played: 90, concealed: 10 } });
    b.session.command(2_000, { type: 'voice-stats', stats: undefined });
    b.session.command(2_000, { type: 'voice-stats', stats: { ...stats, played: 110, concealed: 10 } });
    const sent = a.session.totals();
    const got = b.session.totals();
    expect(sent).toMatchObject({ sentPackets: a.sent.length, sentBytes: a.sent.length * 63 });
    expect(got).toMatchObject({ receivedPackets: b.played.length, receivedBytes: b.played.length * 63, lostIn: 0 });
    expect(got.concealedPct).toBe(10);
  });
});
