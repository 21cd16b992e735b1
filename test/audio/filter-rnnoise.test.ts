import { beforeAll, describe, expect, it } from 'vitest';
import { type Denoiser, loadRnnoise, openDenoiser } from '../../src/audio/filter-rnnoise.ts';
import { stoi } from '../support/likeness.ts';
import { between, caughtUp, looped, mixed, rmsDb, whiteNoise } from '../support/room.ts';
import { speech } from '../support/speech.ts';

let denoiser: Denoiser | undefined;
beforeAll(async () => {
  await loadRnnoise();
  denoiser = openDenoiser();
  if (!denoiser) console.log('SKIPPED RNNoise: @echogarden/rnnoise-wasm is not installed');
});

function cleaned(mic: Int16Array): Int16Array {
  const out = mic.slice();
  for (let at = 0; at < out.length; at += 320) denoiser?.process(out.subarray(at, at + 320));
  return out;
}

describe('RNNoise', () => {
  it('takes out much more noise than the spectral filters, and makes speech plainer', ({ skip }) => {
    skip(!denoiser);
    const spoken = new Int16Array(8 * 16_000);
    spoken.set(looped(speech().samples, 6), 2 * 16_000);
    const mic = mixed(spoken, whiteNoise(spoken.length, -28, 4));
    const out = cleaned(mic);
    expect(rmsDb(between(mic, 1, 2)) - rmsDb(between(out, 1, 2))).toBeGreaterThan(25);
    const said = between(spoken, 2, 8);
    const before = stoi(said, between(mic, 2, 8));
    expect(stoi(said, caughtUp(said, between(out, 2, 8)))).toBeGreaterThan(before + 0.03);
  });

  it('leaves clean speech whole', ({ skip }) => {
    skip(!denoiser);
    const said = looped(speech().samples, 5);
    const out = caughtUp(said, cleaned(said));
    expect(stoi(between(said, 0.5, 4.5), between(out, 0.5, 4.5))).toBeGreaterThan(0.97);
    expect(Math.abs(rmsDb(said) - rmsDb(out))).toBeLessThan(1);
  });

  it('leaves frames of another length alone, stays within 16 bits, and may be closed twice', ({ skip }) => {
    const own = openDenoiser();
    skip(!own);
    for (const length of [0, 319, 480]) {
      const frame = new Int16Array(length).fill(9);
      own?.process(frame);
      expect(frame.every((sample) => sample === 9)).toBe(true);
    }
    for (let turn = 0; turn < 20; turn++) own?.process(new Int16Array(320).fill(turn % 2 ? 32_767 : -32_768));
    own?.close();
    own?.close();
    const frame = new Int16Array(320).fill(9);
    own?.process(frame);
    expect(frame.every((sample) => sample === 9)).toBe(true);
  });
});
