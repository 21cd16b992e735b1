import { describe, expect, it } from 'vitest';
import { openOwnFilter } from '../../src/audio/filter-own.ts';
import { type ChainDevices, type FilterSource, MicrophoneChain } from '../../src/audio/microphone-chain.ts';
import { levelDb } from '../../src/audio/pcm.ts';
import type { SoundSettings } from '../../src/audio/port.ts';
import type { FilterParts, VoiceFilter } from '../../src/audio/voice-filter.ts';
import { between, echoOf, looped, mixed, rmsDb, whiteNoise } from '../support/room.ts';
import { framesOf, speech, tone } from '../support/speech.ts';

const AUTO: SoundSettings = { echo: 'auto', noise: 'auto', gain: 'auto', headphones: false, inputGainDb: 0 };
const OFF: SoundSettings = { ...AUTO, echo: 'off', noise: 'off', gain: 'off' };
const CARD: ChainDevices = { capture: 'pulse', playback: 'pulse', delayMs: 80 };
const FILES: ChainDevices = { capture: 'file', playback: 'file', delayMs: 0 };

/** A filter that tells what is asked of it and does nothing to the sound. */
function scripted() {
  const asked: string[] = [];
  const opened: FilterParts[] = [];
  const open = (parts: FilterParts): VoiceFilter => {
    opened.push(parts);
    return {
      kind: 'own',
      use: ({ echo, noise }) => asked.push(`use ${echo} ${noise}`),
      process: () => asked.push('process'),
      forget: () => asked.push('forget'),
      close: () => asked.push('close'),
    };
  };
  return { asked, opened, open };
}

function chainWith(
  settings: SoundSettings | undefined,
  devices: ChainDevices,
  filter: FilterSource['filter'] = scripted().open,
  denoiser: FilterSource['denoiser'] = () => undefined,
): MicrophoneChain {
  const chain = new MicrophoneChain({ filter, denoiser });
  chain.use(devices);
  if (settings) chain.set(settings);
  return chain;
}

const frames = framesOf(speech().samples);

describe('the chain of a microphone', () => {
  it.each<[string, SoundSettings | undefined, ChainDevices]>([
    ['before anything is said', undefined, CARD],
    ['with everything off', OFF, CARD],
    ['with files, however it is set by itself', AUTO, FILES],
    ['without any device', AUTO, { capture: 'none', playback: 'none', delayMs: 0 }],
  ])('hands on the very frame %s, and opens no filter', (_when, settings, devices) => {
    const { open, opened } = scripted();
    const chain = chainWith(settings, devices, open);
    for (const frame of frames.slice(0, 50)) {
      const before = frame.slice();
      expect(chain.process(frame)).toBe(frame);
      expect(frame).toEqual(before);
      chain.played(frame);
    }
    expect(chain.process(undefined)).toBeUndefined();
    expect(opened).toEqual([]);
    expect(chain.report).toEqual({ filter: 'none', echo: false, noise: false, gain: false, echoDelayMs: null });
  });

  it('is all on by itself with a sound card, and never changes the frame of the device', () => {
    const { open, opened } = scripted();
    const chain = chainWith(AUTO, CARD, open);
    expect(opened).toEqual([{ echo: true, noise: true }]);
    expect(chain.report).toEqual({ filter: 'own', echo: true, noise: true, gain: true, echoDelayMs: null });
    const frame = frames[40]!.slice();
    expect(chain.process(frame)).not.toBe(frame);
    expect(frame).toEqual(frames[40]);
  });

  it('knows what was played to the sample, also where the speaker was given a little more or less than a frame', () => {
    const far: number[] = [];
    const open = (): VoiceFilter => ({
      kind: 'own',
      use: () => undefined,
      process: (_near, played) => far.push(...played),
      forget: () => undefined,
      close: () => undefined,
    });
    const chain = chainWith(AUTO, CARD, open);
    const ramp = Int16Array.from({ length: 320 * 60 }, (_, at) => at + 1);
    let at = 0;
    for (let n = 0; n < 50; n++) {
      chain.process(tone(100, 0.02));
      const length = n % 9 === 4 ? 240 : n % 9 === 7 ? 400 : 320;
      chain.played(ramp.subarray(at, at + length));
      at += length;
    }
    const heard = far.slice(far.findIndex((sample) => sample > 0));
    expect(heard.length).toBeGreaterThan(12_000);
    expect(heard.every((sample, index) => sample === index + 1)).toBe(true);
  });

  it('takes out no echo when headphones are told, and goes on with noise and gain', () => {
    const { open, opened, asked } = scripted();
    const chain = chainWith({ ...AUTO, headphones: true }, CARD, open);
    expect(opened).toEqual([{ echo: false, noise: true }]);
    chain.set(AUTO);
    expect(asked).toEqual(['use true true']);
    chain.set({ ...AUTO, echo: 'on', headphones: true });
    expect(asked.at(-1)).toBe('use false true');
    expect(chain.report).toMatchObject({ echo: false, noise: true, gain: true });
  });

  it('is exactly out of the way with headphones and the rest off', () => {
    const { open, opened } = scripted();
    const chain = chainWith({ ...OFF, echo: 'on', headphones: true }, CARD, open);
    expect(chain.process(frames[9])).toBe(frames[9]);
    expect(opened).toEqual([]);
  });

  it('does on files what is asked for by name', () => {
    const chain = chainWith({ ...OFF, noise: 'on' }, FILES);
    expect(chain.report).toMatchObject({ filter: 'own', echo: false, noise: true, gain: false });
  });

  it('needs a card at both ends for an echo', () => {
    expect(chainWith(AUTO, { ...CARD, playback: 'none' }).report).toMatchObject({ echo: false, noise: true });
    expect(chainWith(AUTO, { ...CARD, capture: 'none' }).report).toMatchObject({ echo: false, noise: false });
  });

  it('switches in a call: what stays on keeps what it learnt, what goes off costs nothing more', () => {
    const { open, opened, asked } = scripted();
    const chain = chainWith(AUTO, CARD, open);
    chain.set({ ...AUTO, noise: 'off' });
    expect(asked).toEqual(['use true false']);
    chain.set(OFF);
    expect(asked).toEqual(['use true false', 'close']);
    expect(chain.process(frames[0])).toBe(frames[0]);
    chain.set(AUTO);
    expect(opened).toHaveLength(2);
  });

  it('goes without echo and noise where no filter may be used, and says so', () => {
    const chain = chainWith(AUTO, CARD, () => undefined);
    expect(chain.report).toEqual({ filter: 'none', echo: false, noise: false, gain: true, echoDelayMs: null });
    expect(chain.process(frames[0])).toHaveLength(320);
  });

  it('leaves strong noise suppression to RNNoise where it is there, to the filter until then', () => {
    const { open, opened, asked } = scripted();
    const said: string[] = [];
    let there = false;
    const denoiser = () =>
      there ? { process: () => said.push('process'), close: () => said.push('close') } : undefined;
    const strong = { ...OFF, noise: 'strong' } as const;
    const chain = chainWith(strong, FILES, open, denoiser);
    expect(opened).toEqual([{ echo: false, noise: true }]);
    expect(chain.report).toMatchObject({ filter: 'own', noise: true });
    there = true;
    chain.set(strong);
    expect(asked).toEqual(['close']);
    expect(chain.report).toEqual({
      filter: 'none',
      echo: false,
      noise: true,
      noiseBy: 'rnnoise',
      gain: false,
      echoDelayMs: null,
    });
    chain.process(frames[0]);
    chain.set(OFF);
    expect(said).toEqual(['process', 'close']);
    expect(chain.process(frames[0])).toBe(frames[0]);
  });

  it('makes the input louder or quieter by what is told, before all else, and clips nothing', () => {
    for (const inputGainDb of [-20, -6, 6, 20]) {
      const chain = chainWith({ ...OFF, inputGainDb }, FILES);
      const heard = framesOf(tone(440, 0.8, 1000)).map((frame) => chain.process(frame)!.slice());
      expect(levelDb(heard.at(-1)!) - levelDb(tone(440, 0.02, 1000))).toBeCloseTo(inputGainDb, 1);
      const loud = framesOf(tone(440, 0.4, 30_000)).map((frame) => chain.process(frame)!.slice());
      for (const frame of loud) for (const sample of frame) expect(Math.abs(sample)).toBeLessThanOrEqual(29_205);
    }
  });

  it('lines the far end up and takes the echo out, whatever the devices estimate', () => {
    const far = looped(speech().samples, 14);
    const echo = echoOf(far, { delayMs: 230, decayMs: 80, echoDb: -6, seed: 9 });
    const mic = mixed(echo, whiteNoise(far.length, -65, 1));
    const chain = chainWith({ ...OFF, echo: 'on' }, CARD, openOwnFilter);
    const out = new Int16Array(mic.length);
    for (let at = 0; at < mic.length; at += 320) {
      out.set(chain.process(mic.subarray(at, at + 320))!, at);
      chain.played(far.subarray(at, at + 320));
    }
    expect(chain.report.echoDelayMs).toBeGreaterThan(225);
    expect(chain.report.echoDelayMs).toBeLessThan(235);
    expect(rmsDb(between(mic, 8, 14)) - rmsDb(between(out, 8, 14))).toBeGreaterThan(15);
  });
});
