/** What is in use for sound, and one sentence on how to get the better one (pure). Empty when this is the best. */
import type { AudioReport } from './state.ts';

export function adviceFor(audio: Pick<AudioReport, 'codec' | 'backend'>): string {
  if (audio.codec === 'wasm') {
    return 'Opus runs as WebAssembly; for the native one install python3, make and g++, then run: npm rebuild @discordjs/opus';
  }
  if (audio.backend === 'none') {
    return 'no sound device is in use; start PulseAudio or PipeWire, come by wren ssh from a machine with sound, or use --audio file:IN.wav,OUT.wav';
  }
  if (audio.backend === 'portaudio') {
    return 'PortAudio is in use; where PulseAudio or PipeWire can run, sound through it has a shorter delay';
  }
  return '';
}
