/** The first flight of each end of a real TLS handshake, as this machine's own TLS makes it: what firewalls look at. */
import { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import { createAuthority } from '../../src/net/login/credential-issuer.ts';
import { WALL_MS } from './identities.ts';

export async function tlsHellos(): Promise<{ readonly client: Buffer; readonly server: Buffer }> {
  const { certificateDer, privateKeyPem: key } = createAuthority({ networkName: 'tls', nowMs: WALL_MS });
  const cert = `-----BEGIN CERTIFICATE-----\n${certificateDer.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const sent = { client: [] as Buffer[], server: [] as Buffer[] };
  const [near, far] = pipe(sent.client, sent.server);
  const server = new TLSSocket(far, { isServer: true, key, cert });
  const client = connect({ socket: near, servername: 'example.org', rejectUnauthorized: false });
  await new Promise((resolve, reject) => {
    client.once('secureConnect', resolve);
    client.once('error', reject);
    server.once('error', reject);
  });
  client.destroy();
  server.destroy();
  return { client: sent.client[0] ?? Buffer.alloc(0), server: sent.server[0] ?? Buffer.alloc(0) };
}

function pipe(nearSent: Buffer[], farSent: Buffer[]): [Duplex, Duplex] {
  const end = (sent: Buffer[], other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        sent.push(chunk);
        other().push(chunk);
        done();
      },
    });
  const near: Duplex = end(nearSent, () => far);
  const far: Duplex = end(farSent, () => near);
  return [near, far];
}
