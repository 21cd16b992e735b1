/** What leaves while the microphone is muted: the same size and pace, and not a bit that depends on what it captures. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Capture } from '../../src/audio/device.ts';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import { bodyBytesOf, parseVoiceBody } from '../../src/audio/voice-body.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import { RUNGS } from '../../src/net/media/rungs.ts';
import { framesOf, syntheticSpeech, tone } from '../support/speech.ts';

const codecs: OpusCodec[] = [];
const opus = (): OpusCodec => {
  const codec = openOpus();
  codecs.push(codec);
  return codec;
};
afterAll(() => {
  for (const codec of codecs) codec.close();
});

const speech = framesOf(syntheticSpeech(2));
const secret = framesOf(tone(700, 1, 20_000));
const silence = Array.from(secret, () => new Int16Array(320));
const rungs = Object.values(RUNGS).map((rung) => [rung.name, rung] as const);

describe('a muted microphone', () => {
  // 97 ticks: within a frame of 40 or of 60 ms.
  it.each(rungs)('on rung %s sends the same bytes whatever it captures, also within a frame', (_name, rung) => {
    const bodiesOf = (after: readonly Int16Array[]): { spoken: Buffer[]; muted: Buffer[] } => {
      const stream = new SendStream(opus());
      stream.reshape(rung);
      const made = (frames: readonly Int16Array[]) => frames.flatMap((frame) => stream.frame(frame) ?? []);
      const spoken = made(speech.slice(0, 97));
      stream.mute(true);
      return { spoken, muted: made(after) };
    };
    const [one, other] = [bodiesOf(secret), bodiesOf(silence)];
    expect(one.muted.map((body) => body.toString('hex'))).toEqual(other.muted.map((body) => body.toString('hex')));
    expect(new Set(one.muted.map((body) => body.length))).toEqual(new Set([bodyBytesOf(rung)]));
    expect(one.muted.length * rung.frameMs).toBeGreaterThanOrEqual(secret.length * 20 - rung.frameMs);
    // What was spoken before leaves only as the copies that it had become, as long as copies reach back.
    const newest = [...one.spoken, ...one.muted].map((body) => hexOf(parseVoiceBody(body)!.frames[0]!));
    for (const [n, body] of one.muted.entries()) {
      const { frames, muted } = parseVoiceBody(body)!;
      expect(muted).toBe(true);
      for (const [copy, frame] of frames.entries())
        expect(hexOf(frame), `body ${n}, copy ${copy}`).toBe(newest[one.spoken.length + n - copy * rung.distance]);
    }
  });

  it('stays muted after its end for what it captured before that', () => {
    const engine = new VoiceEngine(opus());
    const queue = [...secret];
    engine.attachCapture(microphone(queue, 50));
    const levels: number[] = [];
    const decoder = opus();
    const pcm = new Int16Array(960);
    const tick = (n: number): void => {
      engine.tick(n * 20);
      for (const output of engine.drain()) {
        if (output.type !== 'body') continue;
        decoder.decode(parseVoiceBody(output.bytes)!.frames[0]!, 20, pcm);
        levels.push(levelDb(pcm.subarray(0, 320)));
      }
    };
    engine.mute(true);
    for (let n = 0; n < 10; n++) tick(n);
    engine.mute(false);
    for (let n = 10; n < 30; n++) tick(n);
    // 50 ms in the device and 20 in the filters: four frames, which were captured while it was muted.
    expect(Math.max(...levels.slice(0, 14))).toBeLessThan(-80);
    expect(Math.max(...levels.slice(14, 18))).toBeGreaterThan(-20);
    engine.mute(true);
    engine.mute(false);
    engine.mute(true);
    for (let n = 30; n < 40; n++) tick(n);
    expect(Math.max(...levels.slice(33))).toBeLessThan(-80);
  });

  it('is told apart from speech and steady noise for the meter, and its size and pace do not follow', () => {
    const engine = new VoiceEngine(opus());
    const hum = framesOf(tone(100, 8, 600));
    const spoken = framesOf(syntheticSpeech(3));
    engine.attachCapture(microphone([...hum, ...spoken], 0));
    const speaking: boolean[] = [];
    let bodies = 0;
    for (let n = 0; n < hum.length + spoken.length; n++) {
      engine.tick(n * 20);
      for (const output of engine.drain()) {
        if (output.type === 'body') bodies++;
        else if (output.message.type === 'level') speaking.push(output.message.speaking);
      }
    }
    expect(bodies).toBe(hum.length + spoken.length);
    expect(speaking.slice(16, 39)).toEqual(Array(23).fill(false));
    expect(speaking.slice(40).filter(Boolean).length).toBeGreaterThan(10);
    engine.mute(true);
    for (let n = 0; n < 20; n++) engine.tick(20_000 + n * 20);
    const last = engine.drain().flatMap((output) => (output.type === 'tell' ? [output.message] : []));
    expect(last.filter(({ type }) => type === 'level').at(-1)).toMatchObject({ speaking: false, inputDb: -96 });
  });
});

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function microphone(queue: Int16Array[], delayMs: number): Capture {
  return { kind: 'pulse', paced: true, read: () => queue.shift(), delayMs, overruns: 0, close: async () => {} };
}
