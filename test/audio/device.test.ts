import { describe, expect, it } from 'vitest';
import { parseAudioSpec } from '../../src/audio/device.ts';
import { AudioFailure, asAudioFailure } from '../../src/audio/failure.ts';
import { FAILURES } from '../../src/net/protocol/failures.ts';

describe('the audio SPEC', () => {
  it('is default, none, a device, files or a socket', () => {
    expect(parseAudioSpec('default')).toEqual({ type: 'default' });
    expect(parseAudioSpec('none')).toEqual({ type: 'none' });
    expect(parseAudioSpec('device:USB: Mic, rear')).toEqual({ type: 'device', name: 'USB: Mic, rear' });
    expect(parseAudioSpec('device:USB Mic|')).toEqual({ type: 'devices', input: 'USB Mic', output: undefined });
    expect(parseAudioSpec('device:a|b')).toEqual({ type: 'devices', input: 'a', output: 'b' });
    expect(parseAudioSpec('socket:/run/a.sock')).toEqual({ type: 'socket', path: '/run/a.sock' });
    expect(parseAudioSpec('file:in.wav,out.wav')).toEqual({ type: 'file', input: 'in.wav', output: 'out.wav' });
    expect(parseAudioSpec('file:in.wav')).toEqual({ type: 'file', input: 'in.wav', output: undefined });
    expect(parseAudioSpec('file:,out.wav')).toEqual({ type: 'file', input: undefined, output: 'out.wav' });
    expect(parseAudioSpec('file:in.wav,')).toEqual({ type: 'file', input: 'in.wav', output: undefined });
  });

  it.each([
    '',
    'none:x',
    'defaults',
    'file:',
    'file:,',
    'device:',
    'device:|',
    'socket:',
    'tape:x',
    'file:a\0b',
    `device:${'x'.repeat(300)}`,
  ])('refuses %j', (text) => {
    expect(() => parseAudioSpec(text)).toThrow(AudioFailure);
  });
});

describe('failures of sound', () => {
  it('have codes that the rest of the program knows', () => {
    const codes: AudioFailure['code'][] = [
      'audio-spec-malformed',
      'audio-file-unreadable',
      'audio-file-unwritable',
      'audio-no-device',
      'audio-device-busy',
      'audio-device-absent',
      'audio-only-monitor',
      'audio-unsupported',
      'disk-full',
      'internal',
    ];
    for (const code of codes) expect(FAILURES).toHaveProperty(code);
  });

  it('are kept as they are, or made of whatever was thrown', () => {
    const own = new AudioFailure('disk-full', 'x');
    expect(asAudioFailure(own, 'internal')).toBe(own);
    expect(asAudioFailure(new Error('why'), 'audio-no-device')).toMatchObject({
      code: 'audio-no-device',
      message: 'why',
    });
    expect(asAudioFailure('text', 'internal').message).toBe('text');
  });
});
