import { afterAll, describe, expect, it } from 'vitest';
import { hasNativeOpus, type OpusCodec, openOpus } from '../../src/audio/opus.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import { parseVoiceBody } from '../../src/audio/voice-body.ts';
import { VoiceEngine } from '../../src/audio/voice-engine.ts';
import type { VoiceFilter } from '../../src/audio/voice-filter.ts';
import { compare, stoi } from '../support/likeness.ts';
import { chance } from '../support/seeded-random.ts';
import { speech, tone } from '../support/speech.ts';
import { keptPlayback, recordedCapture, runLoop } from '../support/voice-loop.ts';

const { samples, source } = speech();
console.log(`speech of these tests: ${source}`);
/** A second of silence first, as in a call: the buffer finds its delay while nobody speaks. */
const spoken = new Int16Array(16_000 * 7);
spoken.set(samples.subarray(0, 16_000 * 6), 16_000);

const codecs: OpusCodec[] = [];
afterAll(() => {
  for (const codec of codecs) codec.close();
});
function codec(kind?: 'native' | 'wasm'): OpusCodec {
  const opened = openOpus(kind);
  codecs.push(opened);
  return opened;
}

type Kind = 'native' | 'wasm';
const pairs: [Kind, Kind][] = hasNativeOpus()
  ? [
      ['native', 'wasm'],
      ['wasm', 'native'],
    ]
  : [['wasm', 'wasm']];
if (!hasNativeOpus()) console.log('SKIPPED native Opus: @discordjs/opus is not installed or does not load here');

describe('a call from recording to recording', () => {
  it.each(pairs)('carries speech from %s to %s so that it is the same speech', (from, to) => {
    const { heard, toldB } = runLoop({
      codecA: codec(from),
      codecB: codec(to),
      samples: spoken,
      seconds: 8,
      network: () => 25,
    });
    const alike = compare(spoken, heard);
    expect(alike.correlation).toBeGreaterThan(0.9);
    expect(alike.stoi).toBeGreaterThan(0.97);
    // 25 ms of network, 6.5 of the codec, one frame and what its target allows on top.
    expect(alike.delayMs).toBeLessThan(65);
    expect(toldB.filter((message) => message.type === 'first-sound')).toHaveLength(1);
  });

  it('keeps speech understandable when every twentieth packet is lost and others are late', () => {
    const random = chance(11);
    const { heard, b } = runLoop({
      codecA: codec(),
      codecB: codec(),
      samples: spoken,
      seconds: 8,
      network: () => (random() < 0.05 ? undefined : 20 + random() * 30),
    });
    const stats = b.stats();
    expect(stats.concealed).toBeGreaterThan(8);
    expect(stats.concealed).toBeLessThan(40);
    const alike = compare(spoken, heard);
    expect(stoi(spoken.subarray(0, heard.length), heard.subarray(Math.round(alike.delayMs * 16)))).toBeGreaterThan(
      0.85,
    );
  });
});

describe('the voice engine', () => {
  it('sends exactly 50 bodies of 60 bytes a second in speech, silence, mute and before a microphone is there', () => {
    const engine = new VoiceEngine(codec());
    const perSecond: number[] = [];
    for (let second = 0; second < 6; second++) {
      if (second === 1) {
        const frames = [...Array(50)].map((_, n) => samples.slice(n * 320, n * 320 + 320));
        engine.attachCapture({ ...engine.capture, read: () => frames.shift() });
      }
      engine.mute(second === 3);
      let count = 0;
      for (let n = 0; n < 50; n++) {
        engine.tick((second * 50 + n) * 20);
        for (const output of engine.drain()) {
          if (output.type !== 'body') continue;
          expect(output.bytes.length).toBe(60);
          expect(parseVoiceBody(output.bytes)!.mediaTime).toBe((second * 50 + n) * 2);
          count++;
        }
      }
      perSecond.push(count);
    }
    expect(perSecond).toEqual([50, 50, 50, 50, 50, 50]);
  });

  it('sends and plays nothing on hold, records silence meanwhile, and goes on after it', () => {
    const { heard, bodies, b } = runLoop({
      codecA: codec(),
      codecB: codec(),
      samples: tone(440, 6),
      seconds: 6,
      network: () => 5,
      before: (n, a, other) => {
        if (n === 100 || n === 200) for (const engine of [a, other]) engine.hold(n === 100);
      },
    });
    expect(bodies.length).toBe(200);
    expect(heard.length).toBe(96_000);
    expect(levelDb(heard.subarray(1.5 * 16_000, 1.9 * 16_000))).toBeGreaterThan(-20);
    expect(levelDb(heard.subarray(2 * 16_000, 4 * 16_000))).toBe(-96);
    expect(levelDb(heard.subarray(4.5 * 16_000))).toBeGreaterThan(-20);
    expect(b.stats().concealed).toBeLessThan(10);
  });

  it('tells levels five times and stats twice a second, and the first sound once', () => {
    const { toldA, toldB } = runLoop({
      codecA: codec(),
      codecB: codec(),
      samples: tone(440, 4, 3277 * Math.SQRT2),
      seconds: 4,
      network: () => 5,
    });
    expect(toldA.filter((message) => message.type === 'level')).toHaveLength(20);
    expect(toldA.filter((message) => message.type === 'stats')).toHaveLength(8);
    expect(toldA.filter((message) => message.type === 'first-sound')).toHaveLength(0);
    expect(toldA.at(-1)).toMatchObject({ type: 'level', inputDb: -20, outputDb: -96 });
    const level = toldB.filter((message) => message.type === 'level').at(-1)!;
    expect(level).toMatchObject({ inputDb: -96 });
    expect(level.outputDb).toBeCloseTo(-20, 0);
    const [first] = toldB.filter((message) => message.type === 'first-sound');
    expect(first!.atMs).toBeGreaterThan(50);
    expect(first!.atMs).toBeLessThan(120);
  });

  it('counts talkers that a call of two has not, and rubbish, without a sound', () => {
    const engine = new VoiceEngine(codec());
    engine.receive(0, 1, Buffer.alloc(60));
    engine.receive(0, 0, Buffer.alloc(3));
    engine.tick(0);
    expect(engine.stats()).toMatchObject({ refused: 2, played: 0 });
  });

  it('lets media time go on over frames that were slept through', () => {
    const engine = new VoiceEngine(codec());
    engine.skip(10);
    engine.tick(0);
    const [output] = engine.drain();
    expect(output!.type === 'body' && parseVoiceBody(output!.bytes)!.mediaTime).toBe(20);
  });
});

describe('the filters of an engine', () => {
  const settings = { echo: 'auto', noise: 'auto', gain: 'auto', headphones: false, inputGainDb: 0 } as const;

  function engineWith(
    kind: 'file' | 'pulse',
    isTold: boolean,
  ): { engine: VoiceEngine; far: Int16Array[]; forgot: () => number } {
    const far: Int16Array[] = [];
    let forgotten = 0;
    const filter = (): VoiceFilter => ({
      kind: 'own',
      use: () => undefined,
      process: (_mic, reference) => far.push(reference.slice()),
      forget: () => forgotten++,
      close: () => undefined,
    });
    const engine = new VoiceEngine(codec(), { filter, denoiser: () => undefined });
    engine.attachCapture({ ...recordedCapture(spoken), kind });
    engine.attachPlayback({ ...keptPlayback(), kind });
    if (isTold) engine.filter(settings);
    return { engine, far, forgot: () => forgotten };
  }

  it('send a recording bit by bit as if there were none', () => {
    const bodies = [true, false].map((filter) => {
      const { engine } = engineWith('file', filter);
      return Array.from({ length: 100 }, (_, n) => {
        engine.tick(n * 20);
        return engine.drain().find((output) => output.type === 'body')?.bytes;
      });
    });
    expect(bodies[0]).toEqual(bodies[1]);
  });

  it('hear as far end exactly what the speaker sent, frames that it left out too', () => {
    const { engine, far } = engineWith('pulse', true);
    const sent: (Int16Array | undefined)[] = [];
    let frame: Int16Array | undefined;
    engine.attachPlayback({
      ...keptPlayback(),
      kind: 'pulse',
      delayMs: 200,
      // A speaker with a queue that is too long: it leaves three frames out, and marks the others.
      write: () => {
        frame = sent.length % 40 === 39 && sent.length < 120 ? undefined : new Int16Array(320).fill(sent.length + 1);
        sent.push(frame);
      },
      sent: () => frame,
    });
    for (let n = 0; n < 200; n++) engine.tick(n * 20);
    const [heard, played] = [far, sent].map((list) =>
      list.flatMap((one) => (one ? [...one] : [])).filter((sample) => sample !== 0),
    );
    expect(heard!.length).toBeGreaterThan(50 * 320);
    expect(heard).toEqual(played!.slice(0, heard!.length));
  });

  it('say once what they do, and again when it has changed; an engine that was told nothing says nothing', () => {
    let now = 0;
    const told = (engine: VoiceEngine, ticks: number): unknown[] => {
      for (let n = 0; n < ticks; n++) {
        now += 20;
        engine.tick(now);
      }
      return engine
        .drain()
        .flatMap((output) => (output.type === 'tell' && output.message.type === 'filters' ? [output.message] : []));
    };
    expect(told(engineWith('pulse', false).engine, 60)).toEqual([]);
    const { engine } = engineWith('pulse', true);
    const all = { type: 'filters', filter: 'own', echo: true, noise: true, gain: true, echoDelayMs: null };
    expect(told(engine, 60)).toEqual([all]);
    engine.filter({ ...settings, headphones: true });
    expect(told(engine, 60)).toEqual([{ ...all, echo: false }]);
  });

  it('forget the room with the device', () => {
    const { engine, forgot } = engineWith('pulse', true);
    const before = forgot();
    engine.attachCapture({ ...recordedCapture(spoken), kind: 'pulse' });
    expect(forgot()).toBe(before + 1);
    engine.skip(10);
    expect(forgot()).toBe(before + 2);
  });
});
