import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { openFileCapture, openFilePlayback } from '../../src/audio/device-file.ts';
import { framesOf, readWav, tone, writeWav } from '../support/speech.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const input = path.join(folder, 'in.wav');
writeWav(input, tone(440, 0.1));
const events = () => ({ onFrame: vi.fn(), onInputEnded: vi.fn(), onLost: vi.fn() });

describe('a file as the microphone', () => {
  it('gives its frames, tells its end once and is silent from there', async () => {
    const heard = events();
    const capture = openFileCapture(input, heard);
    expect(capture).toMatchObject({ kind: 'file', paced: false });
    for (const frame of framesOf(tone(440, 0.1))) expect(capture.read()).toEqual(frame);
    for (let n = 0; n < 5; n++) expect(capture.read()).toBeUndefined();
    await new Promise(setImmediate);
    expect(heard.onInputEnded).toHaveBeenCalledTimes(1);
    expect(heard.onLost).not.toHaveBeenCalled();
    await capture.close();
  });

  it('that is not there is a failure that names it', () => {
    expect(() => openFileCapture(path.join(folder, 'no.wav'), events())).toThrow(/no\.wav: no such file/);
  });
});

describe('a file as the speaker', () => {
  it('records exactly what it is given', async () => {
    const output = path.join(folder, 'out.wav');
    const playback = await openFilePlayback(output, input, events());
    for (const frame of framesOf(tone(300, 0.5))) playback.write(frame);
    await playback.close();
    expect(readWav(output)).toEqual(tone(300, 0.5));
  });

  it('is refused when it is the file to be played, under any name', async () => {
    const alias = path.join(folder, 'alias.wav');
    symlinkSync(input, alias);
    await expect(openFilePlayback(alias, input, events())).rejects.toThrow(/also the file to be played/);
    expect(readWav(input).length).toBe(1600);
  });
});
