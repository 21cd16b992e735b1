/**
 * What a server shows to callers who speak TLS: a key and a certificate of its own, made anew at each start (an RSA key
 * of 2048 bits costs a tenth of a second, off this thread). Nobody checks them (`src/net/io/tls.ts`), so none is kept.
 */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { TlsOffer } from '../../src/net/io/index.ts';
import { createTlsOffer } from '../../src/net/servers.ts';
import { wallClock } from './server-folder.ts';

export async function makeTlsOffer(): Promise<TlsOffer> {
  const keyPair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return createTlsOffer({ keyPair, nowMs: wallClock(), serial: randomBytes(16) });
}
