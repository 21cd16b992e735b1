/** The sending stream on every rung, with the real encoder: sizes, pace, copies, and that sound tells nothing. */
import { afterAll, describe, expect, it } from 'vitest';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { ReceiveStream } from '../../src/audio/receive-stream.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import { type BodyShape, bodyBytesOf, parseVoiceBody, silenceBody } from '../../src/audio/voice-body.ts';
import { RUNGS } from '../../src/net/media/rungs.ts';
import { compare } from '../support/likeness.ts';
import { sameKind } from '../support/same-kind.ts';
import { framesOf, speech, syntheticSpeech, tone } from '../support/speech.ts';

const codecs: OpusCodec[] = [];
const opus = (): OpusCodec => {
  const codec = openOpus();
  codecs.push(codec);
  return codec;
};
afterAll(() => {
  for (const codec of codecs) codec.close();
});

const rungs = Object.values(RUNGS);
const talk = framesOf(syntheticSpeech(4));

/** Bodies with the tick at which each was made. */
function make(stream: SendStream, frames: readonly Int16Array[], from = 0): { at: number; body: Buffer }[] {
  return frames.flatMap((frame, n) => {
    const body = stream.frame(frame);
    return body ? [{ at: (from + n) * 20, body }] : [];
  });
}

describe('the sending stream', () => {
  it('makes bodies of one size at one pace on every rung, in talk, silence and when muted (figure V10)', () => {
    for (const rung of rungs) {
      const stream = new SendStream(opus());
      stream.reshape(rung);
      const spoken = make(stream, talk);
      const silent = make(
        stream,
        Array.from(talk, () => new Int16Array(320)),
        talk.length,
      );
      stream.mute(true);
      const muted = make(stream, talk, 2 * talk.length);
      const sizes = (sent: typeof spoken) => sent.map(({ body }) => body.length);
      const gaps = (sent: typeof spoken) => sent.slice(1).map(({ at }, n) => at - sent[n]!.at);
      for (const quiet of [silent, muted]) {
        expect(sameKind(sizes(spoken), sizes(quiet)), rung.name).toBeGreaterThan(0.05);
        expect(sameKind(gaps(spoken), gaps(quiet)), rung.name).toBeGreaterThan(0.05);
      }
      const all = [...spoken, ...silent, ...muted];
      expect(new Set(sizes(all)), rung.name).toEqual(new Set([bodyBytesOf(rung)]));
      expect(new Set(gaps(all)), rung.name).toEqual(new Set([rung.frameMs]));
    }
  });

  it('would be told apart by the test above if its sizes followed the sound', () => {
    const sizes = talk.map((frame) => Math.round(40 + Math.max(0, levelDb(frame) + 60)));
    expect(
      sameKind(
        sizes,
        talk.map(() => 40),
      ),
    ).toBeLessThan(0.05);
  });

  it('changes its rung between frames, without a hole in media time and without a body of another size', () => {
    const stream = new SendStream(opus());
    let next: number | undefined;
    let shape: BodyShape = RUNGS.N;
    for (let n = 0; n < 600; n++) {
      if (n % 17 === 0) stream.reshape(rungs[(n / 17) % rungs.length]!);
      const body = stream.frame(talk[n % talk.length]);
      if (!body) continue;
      const parsed = parseVoiceBody(body)!;
      expect(parsed.mediaTime).toBe(next ?? parsed.mediaTime);
      next = parsed.mediaTime + parsed.durationMs / 10;
      const known = rungs.find((rung) => rung.frameMs === parsed.durationMs && bodyBytesOf(rung) === body.length);
      expect(known).toBeDefined();
      shape = known ?? shape;
    }
    expect(shape).toBeDefined();
  });

  it('carries as copies the very frames that it sent before, at their distance', () => {
    for (const rung of [RUNGS.R1, RUNGS.R1far, RUNGS.R2, RUNGS.R2near]) {
      const stream = new SendStream(opus());
      stream.reshape(rung);
      const sent = make(stream, talk).map(({ body }) => parseVoiceBody(body)!);
      for (let n = 10; n < sent.length; n++) {
        for (let copy = 1; copy <= rung.copies; copy++) {
          const original = sent[n - copy * rung.distance]!.frames[0]!;
          if (Buffer.compare(sent[n]!.frames[copy]!, original) !== 0) expect(sent[n]!.frames[copy]).toEqual(original);
        }
      }
    }
  });

  it('has whole copies at once when it goes from N to R1', () => {
    const stream = new SendStream(opus());
    const before = make(stream, talk.slice(0, 20)).map(({ body }) => parseVoiceBody(body)!);
    stream.reshape(RUNGS.R1);
    const after = parseVoiceBody(stream.frame(talk[20])!)!;
    expect(after.frames[1]).toEqual(before.at(-1)!.frames[0]);
  });

  it('ignores a rung that the encoder must not be asked for', () => {
    const stream = new SendStream(opus());
    const wrong: readonly Partial<BodyShape>[] = [
      { frameMs: 15 },
      { frameMs: 10, frameBytes: 40 },
      { frameMs: Number.NaN },
      { frameBytes: 0 },
      { frameBytes: 118 },
      { frameBytes: 57.5 },
      { frameMs: 60, frameBytes: 40 },
      { copies: 4, frameBytes: 20 },
      { copies: -1 },
      { distance: 0 },
      { distance: 4 },
    ];
    for (const part of wrong) {
      stream.reshape({ ...RUNGS.N, ...part });
      expect(stream.shape).toEqual({ frameMs: 20, frameBytes: 57, copies: 0, distance: 1 });
    }
  });

  it('says nothing of what it had gathered when it is muted within a frame', () => {
    const stream = new SendStream(opus());
    stream.reshape(RUNGS.F);
    const loud = framesOf(tone(440, 2));
    stream.frame(loud[0]);
    stream.frame(loud[1]);
    stream.mute(true);
    const bodies = make(stream, loud.slice(2)).map(({ body }) => body);
    expect(parseVoiceBody(bodies[0]!)!.muted).toBe(true);
    const decoder = opus();
    const pcm = new Int16Array(960);
    for (const body of bodies) {
      expect(decoder.decode(parseVoiceBody(body)!.frames[0]!, 60, pcm)).toBe(960);
      expect(levelDb(pcm)).toBeLessThan(-80);
    }
  });

  it('is understood on the floor, at 6 kbit/s, and better on each rung above it (figure V4)', () => {
    const { samples } = speech();
    const understood = [RUNGS.E, RUNGS.F, RUNGS.N].map((rung) => {
      const stream = new SendStream(opus());
      stream.reshape(rung);
      const decoder = opus();
      const pcm = new Int16Array(960);
      const heard = make(stream, framesOf(samples)).flatMap(({ body }) => {
        const { frames, durationMs } = parseVoiceBody(body)!;
        return [...pcm.subarray(0, decoder.decode(frames[0]!, durationMs, pcm))];
      });
      return compare(samples, Int16Array.from(heard)).stoi;
    });
    expect(understood[0]).toBeGreaterThanOrEqual(0.85);
    expect(understood).toEqual([...understood].sort((a, b) => a - b));
  });

  it('is heard on every rung, and through every change of it', () => {
    const stream = new SendStream(opus());
    const listener = new ReceiveStream(opus());
    const sound = framesOf(tone(440, 12));
    let quiet = 0;
    sound.forEach((frame, n) => {
      if (n % 50 === 0) stream.reshape(rungs[(n / 50) % rungs.length]!);
      const body = stream.frame(frame);
      if (body) listener.receive(n * 20, body);
      if (levelDb(listener.play(n * 20 + 5)) < -30 && n > 30) quiet++;
    });
    expect(listener.counts.refused).toBe(0);
    expect(quiet).toBeLessThan(12);
  });
});

describe('silence of the agent', () => {
  it('has the size, length and copies of the rung, and sounds like nothing', () => {
    for (const rung of rungs) {
      const listener = new ReceiveStream(opus());
      let loudest = -96;
      for (let n = 0; n < 60; n++) {
        const body = silenceBody((n * rung.frameMs) / 10, rung);
        expect(body.length).toBe(bodyBytesOf(rung));
        expect(parseVoiceBody(body)).toMatchObject({ durationMs: rung.frameMs, distance: rung.distance });
        for (let tick = 0; tick < rung.frameMs / 20; tick++) {
          const now = n * rung.frameMs + tick * 20;
          if (tick === 0) listener.receive(now, body);
          loudest = Math.max(loudest, levelDb(listener.play(now + 5)));
        }
      }
      expect(loudest, rung.name).toBeLessThan(-80);
      expect(listener.counts.refused).toBe(0);
    }
  });
});
