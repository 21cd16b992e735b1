/** The files of an audio SPEC, looked at before anybody's telephone rings: a mistyped path is told to who typed it, and not in a call. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type FailureCode, Refusal } from '../../src/net/protocol/failures.ts';

/** `spec` with absolute paths. Throws `Refusal`. That a file is no WAV file is told by whoever reads it. */
export function expectSoundFiles(spec: string): void {
  const [, microphone = '', recording = ''] = /^file:([^,]*)(?:,(.*))?$/s.exec(spec) ?? [];
  if (microphone !== '') {
    refusing('audio-file-unreadable', microphone, () => {
      if (statSync(microphone).isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
      accessSync(microphone, constants.R_OK);
    });
  }
  if (recording !== '') {
    const place = existsSync(recording) ? recording : dirname(recording);
    refusing('audio-file-unwritable', recording, () => accessSync(place, constants.W_OK));
  }
}

function refusing(code: FailureCode, path: string, look: () => void): void {
  try {
    look();
  } catch (error) {
    throw new Refusal(code, `${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}
