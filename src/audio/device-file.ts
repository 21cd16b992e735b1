/**
 * WAV files in place of devices: IN is the microphone, OUT records exactly what the speaker is given, without gaps.
 * Neither has a clock: frame n is read and written by tick n, which is due 20 ms * n after the start of the call.
 */
import { statSync } from 'node:fs';
import type { Capture, DeviceEvents, Playback } from './device.ts';
import { AudioFailure, asAudioFailure } from './failure.ts';
import { WavReader, WavRecorder } from './wav-file.ts';

/** Opens IN, `resumeMs` after its beginning. Throws AudioFailure 'audio-file-unreadable'. Silent for ever after its end. */
export function openFileCapture(path: string, events: DeviceEvents, resumeMs = 0): Capture {
  const reader = WavReader.open(path);
  reader.skip(resumeMs);
  let ended = false;
  const end = (tell: () => void): undefined => {
    ended = true;
    setImmediate(tell);
    return undefined;
  };
  return {
    kind: 'file',
    paced: false,
    read: () => {
      if (ended) return undefined;
      try {
        return reader.frame() ?? end(() => events.onInputEnded());
      } catch (thrown) {
        return end(() => events.onLost(asAudioFailure(thrown, 'audio-file-unreadable')));
      }
    },
    delayMs: 0,
    overruns: 0,
    close: async () => {
      ended = true;
      reader.close();
    },
  };
}

/** Creates OUT, or empties it, or goes on `resumeMs` after its beginning. Rejects with AudioFailure 'audio-file-unwritable', also when it is the file `input`. */
export async function openFilePlayback(
  path: string,
  input: string | undefined,
  events: DeviceEvents,
  resumeMs = 0,
): Promise<Playback> {
  if (input !== undefined && isSameFile(path, input)) {
    throw new AudioFailure('audio-file-unwritable', `${path}: it is also the file to be played`);
  }
  const recorder = await WavRecorder.open(path, (failure) => events.onLost(failure), resumeMs);
  return {
    kind: 'file',
    write: (pcm) => recorder.frame(pcm),
    delayMs: 0,
    underruns: 0,
    close: () => recorder.close(),
  };
}

function isSameFile(a: string, b: string): boolean {
  try {
    const [one, other] = [statSync(a), statSync(b)];
    return one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false;
  }
}
