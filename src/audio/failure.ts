/**
 * Failures that sound can meet, as values: a code of `net/protocol/failures.ts` (this room may not import it; a test
 * holds the two together) and a detail that names the device or file. They become one `problem` message each.
 */
export type AudioFailureCode =
  | 'audio-spec-malformed'
  | 'audio-file-unreadable'
  | 'audio-file-unwritable'
  | 'audio-no-device'
  | 'audio-device-busy'
  | 'audio-device-absent'
  | 'audio-only-monitor'
  | 'audio-unsupported'
  | 'disk-full'
  | 'internal';

export class AudioFailure extends Error {
  readonly code: AudioFailureCode;
  /** `detail` names the device or file and the true cause, for example "speech.wav: no such file". */
  constructor(code: AudioFailureCode, detail: string) {
    super(detail);
    this.name = 'AudioFailure';
    this.code = code;
  }
}

/** Whatever was thrown, as an AudioFailure; `code` is used when it is not one already. */
export function asAudioFailure(thrown: unknown, code: AudioFailureCode): AudioFailure {
  if (thrown instanceof AudioFailure) return thrown;
  return new AudioFailure(code, thrown instanceof Error ? thrown.message : String(thrown));
}
