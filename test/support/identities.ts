/**
 * Identities for tests: an authority and certified nodes. RSA keys are made once per test process and reused by label,
 * since a key costs 74 ms; nothing that a test checks depends on which key it is.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { authorityPin, nodeIdOf, spkiOf } from '../../src/net/login/credential.ts';
import { createAuthority, Issuer } from '../../src/net/login/credential-issuer.ts';
import { PinnedTrust } from '../../src/net/node/trust.ts';
import type { OwnIdentity } from '../../src/net/transport/trust.ts';

const keys = new Map<string, { privateKey: KeyObject; spki: Buffer }>();

export function keyPair(label: string): { privateKey: KeyObject; spki: Buffer } {
  let pair = keys.get(label);
  if (!pair) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    pair = { privateKey, spki: spkiOf(publicKey) };
    keys.set(label, pair);
  }
  return pair;
}

export const WALL_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

export function makeAuthority(networkName = 'testnet') {
  const authority = createAuthority({ networkName, nowMs: WALL_MS - DAY_MS });
  const issuer = new Issuer(authority.certificateDer, authority.privateKeyPem);
  const pin = authorityPin(authority.certificateDer) as Buffer;
  let serial = 1;
  const issue = (
    subject: 'supernode' | 'login-server' | { name: string },
    label: string,
    lifetimeMs = 365 * DAY_MS,
    /** Of a supernode: where it was reached. */
    hosts: readonly string[] = [],
  ): OwnIdentity & { name: string } => {
    const { privateKey, spki } = keyPair(label);
    const nodeId = nodeIdOf(spki);
    const serialBytes = Buffer.alloc(16);
    serialBytes.writeUInt32BE(serial++, 12);
    const { der: certificateDer } = issuer.issue({
      subject:
        typeof subject !== 'string'
          ? { kind: 'person', name: subject.name }
          : subject === 'supernode'
            ? { kind: subject, hosts }
            : { kind: subject },
      publicKeySpki: spki,
      nowMs: WALL_MS,
      lifetimeMs,
      serial: serialBytes,
    });
    return { nodeId, privateKey, certificateDer, name: typeof subject === 'string' ? '' : subject.name };
  };
  const trust = (known = true, wallMs = WALL_MS) =>
    new PinnedTrust({
      pin,
      ...(known ? { authorityDer: authority.certificateDer } : {}),
      wallClock: () => wallMs,
    });
  return { authority, issuer, pin, issue, trust, privateKey: createPrivateKey(authority.privateKeyPem) };
}
