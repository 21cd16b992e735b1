/**
 * Asks a voice child of its own what sound would be made with, so that `wren status` can tell before the first call.
 * The agent itself loads no native code of sound.
 */
import { execFile } from 'node:child_process';
import type { SoundFound } from '../audio/device-probe.ts';
import { readSoundFound } from './sound-found.ts';

const PROBE_MS = 10_000;

/** Undefined when the child cannot tell. Never rejects. */
export function probeSoundWith(voiceEntry: string): Promise<SoundFound | undefined> {
  return new Promise((resolve) => {
    execFile(process.execPath, [voiceEntry, '--probe'], { timeout: PROBE_MS }, (_error, stdout) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      resolve(readSoundFound(last));
    });
  });
}
