/** One engine in a room: its microphone hears its own speaker, and what the other end gets back of its own voice. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Capture, Playback } from '../../src/audio/device.ts';
import { filtersIn } from '../../src/audio/filter-choice.ts';
import { type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import type { SoundSettings } from '../../src/audio/port.ts';
import { encodeVoiceBody } from '../../src/audio/voice-body.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import { between, looped, rmsDb, roomResponse } from '../support/room.ts';
import { framesOf, speech } from '../support/speech.ts';

const SECONDS = 12;
const far = framesOf(looped(speech().samples, SECONDS));
const codecs: OpusCodec[] = [];
afterAll(() => {
  for (const codec of codecs) codec.close();
});
function codec(): OpusCodec {
  const opened = openOpus();
  codecs.push(opened);
  return opened;
}

/** Speaker and microphone of one room: what is written comes back, `delayMs` later and 6 dB quieter. */
function roomDevices(delayMs: number): { capture: Capture; playback: Playback } {
  const response = roomResponse({ delayMs, decayMs: 40, echoDb: -6, seed: 11 });
  const taps = [...response.entries()].filter(([, weight]) => weight !== 0);
  const heard = new Float64Array((SECONDS + 2) * 16_000);
  let [written, read] = [0, 0];
  return {
    capture: {
      kind: 'pulse',
      paced: true,
      read: () => {
        const frame = Int16Array.from(heard.subarray(read, read + 320), Math.round);
        read += 320;
        return frame;
      },
      delayMs: 30,
      overruns: 0,
      close: async () => undefined,
    },
    playback: {
      kind: 'pulse',
      write: (pcm) => {
        for (const [tap, weight] of taps) {
          for (let at = 0; at < 320; at++) {
            const to = written + at + tap;
            if (to < heard.length) heard[to] = heard[to]! + weight * pcm[at]!;
          }
        }
        written += 320;
      },
      delayMs: 60,
      underruns: 0,
      close: async () => undefined,
    },
  };
}

/** What the other end hears of itself, decoded, and how late the echo was found to be. */
function heardBack(settings: SoundSettings | undefined, env: { [name: string]: string }) {
  const [sender, receiver] = [codec(), codec()];
  const engine = new VoiceEngine(codec(), filtersIn(env));
  const { capture, playback } = roomDevices(110);
  engine.attachCapture(capture);
  engine.attachPlayback(playback);
  if (settings) engine.filter(settings);
  const back = new Int16Array(SECONDS * 16_000);
  let echoDelayMs: number | null = null;
  for (let n = 0; n < SECONDS * 50; n++) {
    const body = { mediaTime: (n * 2) & 0xffff, durationMs: 20, distance: 1, muted: false, held: false } as const;
    engine.receive(n * 20, 0, encodeVoiceBody({ ...body, frames: [sender.encode(far[n]!)] }));
    engine.tick(n * 20 + 1);
    for (const output of engine.drain()) {
      if (output.type === 'body') {
        const pcm = new Int16Array(960);
        receiver.decode(output.bytes.subarray(3), 20, pcm);
        back.set(pcm.subarray(0, 320), n * 320);
      } else if (output.message.type === 'filters') echoDelayMs = output.message.echoDelayMs;
    }
  }
  engine.close();
  return { back, echoDelayMs };
}

const AUTO: SoundSettings = { echo: 'auto', noise: 'auto', gain: 'auto', headphones: false, inputGainDb: 0 };

describe('a call from a room with a loud speaker', () => {
  const plain = heardBack(undefined, {});

  it.each([
    ['whatever filter is here', {}],
    ['our own filter', { WREN_AUDIO_FILTER: 'own' }],
  ])('brings the other end 18 dB less of its own voice with %s, found 110 ms late', (_name, env) => {
    const { back, echoDelayMs } = heardBack(AUTO, env);
    expect(rmsDb(between(plain.back, 6, SECONDS))).toBeGreaterThan(-35);
    expect(rmsDb(between(plain.back, 6, SECONDS)) - rmsDb(between(back, 6, SECONDS))).toBeGreaterThan(18);
    expect(Math.abs(echoDelayMs! - 110)).toBeLessThan(5);
  });

  it('brings it back as it is when headphones are told: no filter stands in the way', () => {
    const { back } = heardBack({ ...AUTO, noise: 'off', gain: 'off', headphones: true }, {});
    expect(back).toEqual(plain.back);
  });
});
