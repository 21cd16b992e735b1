/**
 * What a server shows to callers who speak TLS: a key and a certificate of its own, made anew at each start (an RSA key
 * of 2048 bits costs a tenth of a second, off this thread). Nobody checks them (`src/net/io/tls.ts`), so none is kept;
 * and nobody waits for them: TLS is the last of the ways in.
 */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { SystemSockets } from '../../src/net/io/index.ts';
import { createTlsOffer } from '../../src/net/servers.ts';
import type { Log } from '../../src/store/log-file.ts';
import { wallClock } from './server-folder.ts';

export function offerTls(sockets: SystemSockets, log: Log): void {
  promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
    .then((keyPair) => createTlsOffer({ keyPair, nowMs: wallClock(), serial: randomBytes(16) }))
    .then((offer) => sockets.offerTls(offer))
    .catch((error: unknown) => log.warn('tls', 'not offered', { why: String(error) }));
}
