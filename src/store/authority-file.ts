/**
 * The login server's authority on disk: one PEM file, mode 0600, with the CA certificate and its private key. It is
 * made once, at first start, and read ever after; the pin in every invite hangs on it. What a certificate is, only
 * `net/login` knows; here are texts and bytes.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { AuthorityKeys } from '../net/login/credential-issuer.ts';
import { readFileIfThere, writeFileAtomic } from './atomic-file.ts';

const OWNER_ONLY = 0o600;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/;

/**
 * The authority at `path`; undefined when there is no such file. Throws when there is one that is damaged: a new
 * authority would lock every member of the network out, so an operator has to look.
 */
export function readAuthority(path: string): AuthorityKeys | undefined {
  const text = readFileIfThere(path)?.toString('utf8');
  if (text === undefined) return undefined;
  const certificatePem = CERTIFICATE.exec(text)?.[0];
  const privateKeyPem = PRIVATE_KEY.exec(text)?.[0];
  if (certificatePem === undefined || privateKeyPem === undefined) {
    throw new Error(`${path}: not an authority file, or cut short`);
  }
  return { certificateDer: derOf(path, certificatePem, privateKeyPem), privateKeyPem: `${privateKeyPem}\n` };
}

/**
 * Writes the authority, whole or not at all. Throws `Refusal('disk-full')` and the system's errors. Whoever starts
 * servers sees to it that only one does this: the last writer wins.
 */
export function writeAuthority(path: string, authority: AuthorityKeys): void {
  const certificatePem = new X509Certificate(authority.certificateDer).toString();
  writeFileAtomic(path, `${certificatePem.trimEnd()}\n${authority.privateKeyPem.trimEnd()}\n`, { mode: OWNER_ONLY });
}

/** Reads the authority, or makes one by `create` and writes it before returning it. */
export function openAuthority(path: string, create: () => AuthorityKeys): AuthorityKeys {
  const known = readAuthority(path);
  if (known) return known;
  const authority = create();
  writeAuthority(path, authority);
  return authority;
}

/** Half of a file that was patched by hand looks whole; a certificate with another's key does not pass. */
function derOf(path: string, certificatePem: string, privateKeyPem: string): Buffer {
  try {
    const certificate = new X509Certificate(certificatePem);
    if (certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) return certificate.raw;
  } catch (error) {
    throw new Error(`${path}: damaged`, { cause: error });
  }
  throw new Error(`${path}: certificate and key are not of one pair`);
}
