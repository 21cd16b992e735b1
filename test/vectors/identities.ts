/**
 * The cast of the vectors: a network's authority, a login server, a supernode and two people, as PEM files beside this
 * one, and certificates that must be refused. Keys are for tests only. `generate.ts` makes the whole cast once, when
 * it is missing; it stays as it is after that, because every recorded handshake hangs on it.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeIdOf, spkiOf } from '../../src/net/login/credential.ts';
import { type CredentialSubject, createAuthority, Issuer } from '../../src/net/login/credential-issuer.ts';
import type { OwnIdentity } from '../../src/net/transport/trust.ts';

const FOLDER = join(import.meta.dirname, 'identities');
/** Issued then; good until the authority ends, in December 2035. */
export const ISSUED_MS = Date.UTC(2026, 0, 1);
const LIFETIME_MS = 3650 * 86_400_000;

const CAST: { readonly [name: string]: CredentialSubject } = {
  alice1: { kind: 'person', name: 'Alice1' },
  bobby1: { kind: 'person', name: 'bobby1' },
  supernode: { kind: 'supernode' },
  'login-server': { kind: 'login-server' },
};
export type CastName = 'alice1' | 'bobby1' | 'supernode' | 'login-server';
/** Certificates without a key of their own, each refused for a reason (certificates.json). */
export const REFUSED = ['short-lived', 'other-network'] as const;

export function castIsThere(): boolean {
  return existsSync(join(FOLDER, 'authority.cert.pem'));
}

export function certificateDer(name: string): Buffer {
  return new X509Certificate(readFileSync(join(FOLDER, `${name}.cert.pem`))).raw;
}

export function identity(name: CastName): OwnIdentity {
  const privateKey = createPrivateKey(readFileSync(join(FOLDER, `${name}.key.pem`)));
  const certificate = certificateDer(name);
  return {
    privateKey,
    certificateDer: certificate,
    nodeId: nodeIdOf(spkiOf(new X509Certificate(certificate).publicKey)),
  };
}

/** Makes the cast anew. Takes some seconds. */
export function makeCast(): void {
  mkdirSync(FOLDER, { recursive: true });
  const authority = makeAuthority('testnet');
  writeCertificate('authority', authority.certificateDer);
  writeKey('authority', createPrivateKey(authority.privateKeyPem));
  const issuer = new Issuer(authority.certificateDer, authority.privateKeyPem);
  for (const [name, subject] of Object.entries(CAST)) {
    const { privateKey, spki } = rsaKey();
    writeKey(name, privateKey);
    writeCertificate(name, issue(issuer, subject, spki, LIFETIME_MS));
  }
  writeCertificate('short-lived', issue(issuer, { kind: 'person', name: 'carol-2' }, rsaKey().spki, 3_600_000));
  const other = makeAuthority('othernet');
  const stranger = new Issuer(other.certificateDer, other.privateKeyPem);
  writeCertificate('other-network', issue(stranger, { kind: 'person', name: 'Alice1' }, rsaKey().spki, LIFETIME_MS));
}

function makeAuthority(networkName: string) {
  return createAuthority({ networkName, nowMs: ISSUED_MS });
}

function issue(issuer: Issuer, subject: CredentialSubject, publicKeySpki: Buffer, lifetimeMs: number): Buffer {
  const serial = createHash('sha256').update(publicKeySpki).digest();
  return issuer.issue({ subject, publicKeySpki, nowMs: ISSUED_MS, lifetimeMs, serial }).der;
}

function rsaKey(): { privateKey: KeyObject; spki: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { privateKey, spki: spkiOf(publicKey) };
}

function writeKey(name: string, key: KeyObject): void {
  writeFileSync(join(FOLDER, `${name}.key.pem`), key.export({ type: 'pkcs8', format: 'pem' }));
}

function writeCertificate(name: string, der: Buffer): void {
  writeFileSync(join(FOLDER, `${name}.cert.pem`), new X509Certificate(der).toString());
}
