/**
 * Asks a voice child of its own what sound would be made with, so that `wren status` can tell before the first call, and which
 * devices there are.
 * The agent itself loads no native code of sound.
 */
import { execFile } from 'node:child_process';
import type { SoundFound } from '../audio/device-probe.ts';
import type { SoundDevices } from '../audio/port.ts';
import { readSoundDevices, readSoundFound } from './sound-found.ts';

const PROBE_MS = 10_000;

/** Undefined when the child cannot tell. Never rejects. */
export async function probeSoundWith(voiceEntry: string): Promise<SoundFound | undefined> {
  return readSoundFound(await lastWordsOf(voiceEntry, '--probe'));
}

/** Devices of this machine, those marked that `spec` chooses; undefined when the child cannot tell. Never rejects. */
export async function listDevicesWith(voiceEntry: string, spec: string): Promise<SoundDevices | undefined> {
  return readSoundDevices(await lastWordsOf(voiceEntry, '--devices', spec));
}

/** Drivers print what they like before them. */
function lastWordsOf(voiceEntry: string, ...words: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [voiceEntry, ...words], { timeout: PROBE_MS }, (_error, stdout) => {
      resolve(stdout.trimEnd().split('\n').at(-1) ?? '');
    });
  });
}
