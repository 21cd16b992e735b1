import { afterAll, describe, expect, it } from 'vitest';
import { openOpus } from '../../src/audio/opus.ts';
import { levelDb, SILENCE } from '../../src/audio/pcm.ts';
import { SendStream } from '../../src/audio/send-stream.ts';
import { parseVoiceBody } from '../../src/audio/voice-body.ts';
import { framesOf, tone } from '../support/speech.ts';

const codec = openOpus();
afterAll(() => codec.close());

function decoded(bodies: readonly Buffer[]): Int16Array[] {
  const decoder = openOpus();
  const pcm = new Int16Array(960);
  const frames = bodies.map((body) => {
    decoder.decode(parseVoiceBody(body)!.frames[0]!, 20, pcm);
    return pcm.slice(0, 320);
  });
  decoder.close();
  return frames;
}

describe('the sending stream', () => {
  it('makes bodies of 60 bytes whose media time goes on by 20 ms and wraps', () => {
    const stream = new SendStream(codec);
    for (let n = 0; n < 40_000; n++) {
      if (n % 400 !== 0) {
        stream.skip();
        continue;
      }
      const body = stream.frame(SILENCE)!;
      expect(body.length).toBe(60);
      expect(parseVoiceBody(body)!.mediaTime).toBe((n * 2) % 65_536);
    }
  });

  it('sends silence of the same size when muted, absent or malformed', () => {
    const stream = new SendStream(codec);
    const [loud] = framesOf(tone(440, 0.02));
    stream.mute(true);
    const muted = Array.from({ length: 20 }, () => stream.frame(loud)!);
    expect(stream.levelDb).toBe(-96);
    expect(parseVoiceBody(muted[0]!)!.muted).toBe(true);
    expect(muted.every((body) => body.length === 60)).toBe(true);
    expect(levelDb(decoded(muted).at(-1)!)).toBeLessThan(-85);
    stream.mute(false);
    expect(stream.frame(undefined)!.length).toBe(60);
    expect(stream.frame(new Int16Array(7))!.length).toBe(60);
    expect(stream.levelDb).toBe(-96);
    const spoken = Array.from({ length: 20 }, () => stream.frame(loud)!);
    expect(stream.levelDb).toBeGreaterThan(-20);
    expect(levelDb(decoded(spoken).at(-1)!)).toBeGreaterThan(-20);
  });
});
