/**
 * The words on revoked devices that a supernode keeps over a restart (PROTOCOL.md 9.15), one a line, as they travel. Each
 * proves itself and ends by itself, so whatever else stands in the file costs nothing but a look.
 */
import { join } from 'node:path';
import type { SupernodeEvent } from '../../src/net/servers.ts';
import { readFileIfThere, writeFileAtomic } from '../../src/store/atomic-file.ts';
import type { Log } from '../../src/store/log-file.ts';

const REVOKED_FILE = 'revoked';

type Words = Extract<SupernodeEvent, { type: 'revocations' }>['words'];

export function readRevoked(folder: string): Words {
  const text = readFileIfThere(join(folder, REVOKED_FILE))?.toString('latin1') ?? '';
  return text.split('\n').flatMap((line) => {
    const [revocation, signature] = line.split(' ').map((part) => Buffer.from(part, 'base64'));
    return revocation && signature ? [{ revocation, signature }] : [];
  });
}

/** A full disk costs that the next start hears of them from others. */
export function keepRevoked(folder: string, words: Words, log: Log): void {
  const lines = words.map(
    ({ revocation, signature }) => `${revocation.toString('base64')} ${signature.toString('base64')}`,
  );
  try {
    writeFileAtomic(join(folder, REVOKED_FILE), lines.join('\n'), { mode: 0o600 });
  } catch (error) {
    log.error('supernode', 'revoked devices not kept', {}, error);
  }
}
