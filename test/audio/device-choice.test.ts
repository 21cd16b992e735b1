import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { DeviceEvents } from '../../src/audio/device.ts';
import { openDevices } from '../../src/audio/device-choice.ts';
import { tone, writeWav } from '../support/speech.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-choice-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const input = path.join(folder, 'in.wav');
writeWav(input, tone(440, 0.1));

const silent: DeviceEvents = { onFrame: () => undefined, onInputEnded: () => undefined, onLost: () => undefined };

async function opened(spec: string, env: { [name: string]: string } = { WREN_AUDIO_BACKEND: 'none' }) {
  const devices = await openDevices(spec, env, { capture: silent, playback: silent });
  const result = {
    capture: devices.capture!.kind,
    playback: devices.playback!.kind,
    failures: devices.failures.map((failure) => failure.code),
    details: devices.failures.map((failure) => failure.message).join('; '),
  };
  await Promise.all([devices.capture!.close(), devices.playback!.close()]);
  return result;
}

describe('the choice of devices', () => {
  it('follows the SPEC for none and for files, each side by itself', async () => {
    expect(await opened('none')).toMatchObject({ capture: 'none', playback: 'none', failures: [] });
    expect(await opened(`file:${input}`)).toMatchObject({ capture: 'file', playback: 'none', failures: [] });
    expect(await opened(`file:,${folder}/o.wav`)).toMatchObject({ capture: 'none', playback: 'file', failures: [] });
    expect(await opened(`file:${input},${folder}/o.wav`)).toMatchObject({ capture: 'file', playback: 'file' });
  });

  it('opens only the side that is asked for', async () => {
    const devices = await openDevices(`file:${input}`, {}, { capture: silent, playback: undefined });
    expect(devices.capture!.kind).toBe('file');
    expect(devices.playback).toBeUndefined();
    await devices.capture!.close();
  });

  it('makes silence and one failure of a side that cannot be had, and keeps the other', async () => {
    expect(await opened(`file:${folder}/no.wav,${folder}/o.wav`)).toMatchObject({
      capture: 'none',
      playback: 'file',
      failures: ['audio-file-unreadable'],
    });
    expect(await opened(`file:${input},${folder}/no/o.wav`)).toMatchObject({
      capture: 'file',
      playback: 'none',
      failures: ['audio-file-unwritable'],
    });
  });

  it('tells of a malformed SPEC and of sockets, which this version has not, and goes on in silence', async () => {
    expect(await opened('tape')).toMatchObject({ capture: 'none', failures: ['audio-spec-malformed'] });
    expect(await opened('socket:/x')).toMatchObject({ playback: 'none', failures: [] });
  });

  it('obeys WREN_AUDIO_BACKEND, and without any server or card says so once', async () => {
    expect(await opened('default')).toMatchObject({ capture: 'none', playback: 'none', failures: [] });
    const env = { WREN_AUDIO_BACKEND: 'pulse', PATH: folder, PULSE_SERVER: `unix:${folder}/nobody` };
    expect(await opened('default', env)).toMatchObject({
      capture: 'none',
      playback: 'none',
      failures: ['audio-no-device'],
      details: expect.stringContaining('PulseAudio'),
    });
  });
});
