/**
 * The face of sound: what the rest of the program may take from this room. `bin/voice.ts` serves the port with
 * `serveVoice`; tests and later rooms (the echo service's own mixing) drive a `VoiceEngine` by hand. The agent does
 * not come here: it uses `port.ts`, `port-codec.ts` and `voice-body.ts`, which load nothing native.
 */
export type { Capture, Playback } from './device.ts';
export { type OpusCodec, openOpus } from './opus.ts';
export { VoiceEngine, type VoiceOutput } from './voice-engine.ts';
export { serveVoice, type VoiceOptions, type VoiceService } from './voice-io.ts';
