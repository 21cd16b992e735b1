/**
 * Makes the vectors: `files()` gives every JSON file that can be made again at will, `write` also records the one
 * that cannot. `vectors.test.ts` compares the former with what is committed, and writes all when WREN_WRITE_VECTORS
 * is set: see README.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { castIsThere, makeCast } from './identities.ts';
import { handshakeFile } from './make-handshake.ts';
import { resumptionFile } from './make-resumption.ts';
import { certificatesFile, dataFile, keysFile, pin, reliableFile } from './make-sessions.ts';
import {
  envelopeFile,
  inviteFile,
  messagesFile,
  streamsFile,
  textsFile,
  type VectorFile,
  voiceFile,
} from './make-wire.ts';

export const HANDSHAKE = 'handshake.json';

export function files(): { readonly [name: string]: VectorFile } {
  return {
    'texts.json': textsFile(),
    'messages.json': messagesFile(),
    'envelope.json': envelopeFile(),
    'streams.json': streamsFile(),
    'certificates.json': certificatesFile(),
    'invite.json': inviteFile(pin()),
    'keys.json': keysFile(),
    'resumption.json': resumptionFile(),
    'data.json': dataFile(),
    'reliable.json': reliableFile(),
    'voice.json': voiceFile(),
  };
}

/** Writes everything; the cast only when it is missing. */
export function write(): void {
  if (!castIsThere()) makeCast();
  for (const [name, file] of Object.entries(files())) writeVectors(name, file);
  writeVectors(HANDSHAKE, handshakeFile());
}

export function readVectors(name: string): VectorFile {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as VectorFile;
}

function writeVectors(name: string, file: VectorFile): void {
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(file, undefined, 2)}\n`);
}
