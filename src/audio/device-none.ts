/** No sound: a microphone that hears nothing and a speaker that swallows everything, at the pace of the clock. */
import type { Capture, Playback } from './device.ts';

export function noCapture(): Capture {
  return { kind: 'none', paced: false, read: () => undefined, delayMs: 0, overruns: 0, close: async () => undefined };
}

export function noPlayback(): Playback {
  return { kind: 'none', write: () => undefined, delayMs: 0, underruns: 0, close: async () => undefined };
}
