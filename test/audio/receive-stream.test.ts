import { afterAll, describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { ReceiveStream } from '../../src/audio/receive-stream.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import { encodeVoiceBody, parseVoiceBody, silenceBody, withMediaTime } from '../../src/audio/voice-body.ts';
import { framesOf, tone } from '../support/speech.ts';

const sender = openOpus();
const receiver = openOpus();
afterAll(() => {
  sender.close();
  receiver.close();
});

function bodiesOf(pcm: Int16Array): Buffer[] {
  const stream = new SendStream(sender);
  return framesOf(pcm).map((frame) => stream.frame(frame)!);
}

/** Ticks `count` times from tick `from` on; body n arrives just before tick n unless `lost` says otherwise. */
function play(
  stream: ReceiveStream,
  bodies: readonly Buffer[],
  options: { readonly lost?: (n: number) => boolean } = {},
): Int16Array[] {
  return bodies.map((body, n) => {
    if (!options.lost?.(n)) stream.receive(n * 20, body);
    return stream.play(n * 20 + 5).slice();
  });
}

describe('the receiving stream', () => {
  it('plays silence and counts nothing before anything came', () => {
    const stream = new ReceiveStream(receiver);
    expect(levelDb(stream.play(0))).toBe(-96);
    expect(stream.counts).toEqual({ played: 0, concealed: 0, late: 0, duplicate: 0, refused: 0, stretched: 0 });
    expect(stream.concealedPct).toBe(0);
    expect(stream.playedReal).toBe(false);
  });

  it('plays a tone as loud as it was sent', () => {
    const frames = play(new ReceiveStream(receiver), bodiesOf(tone(440, 2)));
    expect(levelDb(frames.at(-1)!)).toBeCloseTo(levelDb(tone(440, 1)), 0);
  });

  it('counts lost packets as concealed and tells their share of the last second', () => {
    const stream = new ReceiveStream(receiver);
    play(stream, bodiesOf(tone(440, 3)), { lost: (n) => n >= 20 && n % 10 === 0 });
    expect(stream.counts.concealed).toBeGreaterThanOrEqual(12);
    expect(stream.counts.concealed).toBeLessThanOrEqual(14);
    expect(stream.concealedPct).toBeCloseTo(10, 0);
    expect(stream.counts.late).toBe(0);
  });

  it('invents three frames of a gap and then falls silent without a click', () => {
    const stream = new ReceiveStream(receiver);
    const frames = play(stream, bodiesOf(tone(440, 2)), { lost: (n) => n >= 50 && n < 70 });
    const first = frames.findIndex((frame, n) => n > 45 && levelDb(frame) === -96);
    expect(first).toBeGreaterThan(50);
    expect(frames.slice(first, 68).every((frame) => levelDb(frame) === -96)).toBe(true);
    const gap = frames.slice(first - 4, first).map((frame) => levelDb(frame));
    expect(gap[3]).toBeLessThan(gap[0]! - 3);
    expect(Math.abs(frames[first - 1]!.at(-1)!)).toBeLessThan(40);
    expect(levelDb(frames.at(-1)!)).toBeGreaterThan(-20);
  });

  it('goes silent a second after the far end stopped, and no longer counts', () => {
    const stream = new ReceiveStream(receiver);
    play(stream, bodiesOf(tone(440, 1)));
    for (let n = 50; n < 200; n++) stream.play(n * 20 + 5);
    const { played } = stream.counts;
    for (let n = 200; n < 250; n++) expect(levelDb(stream.play(n * 20 + 5))).toBe(-96);
    expect(stream.counts.played).toBe(played);
    expect(stream.counts.concealed).toBeLessThanOrEqual(55);
  });

  it('plays frames of 60 ms and of 10 ms at the pace of 20 ms', () => {
    const stream = new ReceiveStream(receiver);
    // The encoder here only makes 20 ms; three of them in one "code 3" packet are a packet of 60 ms.
    const packets = bodiesOf(tone(300, 3)).map((body) => Buffer.from(parseVoiceBody(body)!.frames[0]!));
    let played = 0;
    for (let n = 0; n < 150; n++) {
      if (n % 3 === 0 && n + 2 < packets.length) {
        const joined = joinedPacket(packets.slice(n, n + 3));
        if (joined) {
          const body = encodeVoiceBody({
            mediaTime: n * 2,
            durationMs: 60,
            distance: 1,
            muted: false,
            held: false,
            frames: [joined],
          });
          stream.receive(n * 20, body);
        }
      }
      if (levelDb(stream.play(n * 20 + 5)) > -30) played++;
    }
    expect(played).toBeGreaterThan(135);
    expect(stream.counts.refused).toBe(0);
  });

  it('refuses rubbish, counts it, and plays on', () => {
    const stream = new ReceiveStream(receiver);
    const bodies = bodiesOf(tone(440, 1));
    stream.receive(0, Buffer.alloc(0));
    stream.receive(0, Buffer.alloc(500));
    play(stream, bodies);
    expect(stream.counts.refused).toBe(2);
    const wrongDuration = Buffer.from(bodies[0]!);
    wrongDuration[0] = 0x18;
    stream.receive(1000, withMediaTime(wrongDuration, 100));
    for (let n = 50; n < 60; n++) stream.play(n * 20 + 5);
    expect(stream.counts.refused).toBe(3);
  });

  it('survives 100 000 random and mutated bodies and afterwards plays as before', () => {
    const stream = new ReceiveStream(receiver);
    const bodies = bodiesOf(tone(440, 1));
    let seed = 99;
    const chance = (below: number): number => {
      seed = (seed * 48_271) % 0x7fff_ffff;
      return seed % below;
    };
    for (let n = 0; n < 100_000; n++) {
      let bytes: Buffer;
      if (n % 2 === 0) {
        bytes = Buffer.from(bodies[chance(bodies.length)]!.subarray(0, chance(61)));
        for (let flips = chance(5); flips > 0 && bytes.length > 0; flips--) bytes[chance(bytes.length)] = chance(256);
      } else {
        bytes = Buffer.alloc(chance(260), chance(256));
        if (bytes.length > 4) for (let at = 0; at < 5; at++) bytes[at] = chance(256);
      }
      if (bytes.length > 2 && n % 3 !== 0) bytes.writeUInt16BE((n * 2) & 0xffff, 1);
      stream.receive(n * 20, bytes);
      const frame = stream.play(n * 20 + 5);
      if (frame.length !== 320) expect(frame.length).toBe(320);
    }
    const { played, refused } = stream.counts;
    expect(played).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(1000);
    stream.flush();
    const start = 100_100 * 20;
    const frames = bodiesOf(tone(440, 1)).map((body, n) => {
      stream.receive(start + n * 20, body);
      return stream.play(start + n * 20 + 5).slice();
    });
    expect(levelDb(frames.at(-1)!)).toBeCloseTo(levelDb(tone(440, 1)), 0);
  });

  it('sounds like nothing while the agent sends ready silence', () => {
    const fresh = openOpus();
    const stream = new ReceiveStream(fresh);
    const silence = Array.from({ length: 100 }, (_, n) => silenceBody(n * 2));
    for (const frame of play(stream, silence)) expect(levelDb(frame)).toBeLessThan(-85);
    expect(stream.counts.concealed).toBe(0);
    fresh.close();
  });
});

/** Joins the frames of "code 0" or "code 3, one frame" CBR packets to one of three (RFC 6716, 3.2.5). */
function joinedPacket(packets: readonly Buffer[]): Buffer | undefined {
  const bare = packets.map((packet) => {
    if ((packet[0]! & 3) === 0) return packet.subarray(1);
    if ((packet[0]! & 3) !== 3) return undefined;
    const padded = (packet[1]! & 0x40) !== 0;
    return padded ? packet.subarray(3, packet.length - packet[2]!) : packet.subarray(2);
  });
  if (bare.some((frame) => frame === undefined)) return undefined;
  // Variable sizes: count with V set, then the lengths of all but the last.
  const lengths = bare.slice(0, -1).map((frame) => Buffer.from([frame!.length]));
  return Buffer.concat([
    Buffer.from([(packets[0]![0]! & 0xfc) | 3, 0x80 | bare.length]),
    ...lengths,
    ...bare.map((frame) => frame!),
  ]);
}
