/**
 * Certificates, checked: whose key is this, says whom, until when. Handed DER bytes from the network and the CA
 * certificate that the invite pins; hands on an identity or a refusal. Issuing is in `credential-issuer.ts`, apart,
 * because it needs node-forge (11 MB of memory), and every node checks while only the login server issues.
 *
 * A certificate of ours (X.509 v3, RFC 5280) holds
 *
 *   subject     CN = the user name as written; `_` and 8 digits of the node id for a supernode or login server
 *   SAN         one URI, `wren:KIND:NODEID`: person, supernode or login-server, and the 16-byte node id in base64url; of a
 *               supernode also the addresses at which the login server has reached it (as RFC 8738 has them certified)
 *   key         RSA, 2048 to 4096 bits, exponent 65537; the node id is SHA-256 over its SPKI, cut to 16 bytes
 *   signature   sha256WithRSAEncryption by the authority
 *
 * and nothing else. The name stands in the CN alone and the id in base64url, because a certificate travels in one
 * datagram with a signature of 256 bytes: with a 2048-bit key under a 3072-bit authority it has 849 bytes and the
 * name's length.
 */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { canonicalHost } from '../protocol/endpoint.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { bytesOf, hexOf, ID_BYTES, isName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  AUTHORITY_CACHE_ENTRIES_MAX,
  CERTIFICATE_BYTES_MAX,
  CERTIFICATE_CACHE_ENTRIES_MAX,
  KEY_BITS_MAX,
  KEY_BITS_MIN,
} from '../protocol/params.ts';

export type CredentialKind = 'person' | 'supernode' | 'login-server';
export const CREDENTIAL_KINDS: readonly CredentialKind[] = ['person', 'supernode', 'login-server'];

export interface CertifiedIdentity {
  readonly kind: CredentialKind;
  /** As certified; empty for a supernode or login server. */
  readonly name: UserName;
  readonly nodeId: NodeId;
  /** Of a supernode: the addresses at which the login server has reached it. */
  readonly hosts: readonly string[];
  readonly publicKey: KeyObject;
  /** Wall clock, ms. Grace is not counted in. */
  readonly expiresAtMs: number;
}

export type CertificateCheck =
  | { readonly ok: true; readonly identity: CertifiedIdentity }
  /** `why` is for the log: the code says all that a peer needs. */
  | { readonly ok: false; readonly code: FailureCode; readonly why: string };

interface Period {
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}
interface Leaf extends Period {
  readonly identity: CertifiedIdentity;
}
interface Authority extends Period {
  readonly digest: string;
  readonly publicKey: KeyObject;
  readonly pin: Buffer;
}

const EXPONENT = 65_537n;
const COMMON_NAME = /^CN=([^\n+=\\]{1,64})$/;
const ALTERNATIVE_NAME = /^URI:wren:([a-z-]{1,16}):([A-Za-z0-9_-]{22})((?:, IP Address:[0-9A-Fa-f.:]{2,39}){0,8})$/;

/**
 * Who the holder of this certificate is, if `authorityDer` signed it and `nowMs` (wall clock) lies in its time;
 * `graceMs` lets it live on after its end, so that calls survive a login server's absence. Never throws, whatever
 * the bytes are. Both certificates are remembered (bounded), so asking again costs two hashes.
 */
export function checkCertificate(
  der: Uint8Array,
  options: { readonly authorityDer: Uint8Array; readonly nowMs: number; readonly graceMs?: number },
): CertificateCheck {
  const authority = authorityOf(options.authorityDer);
  if (!authority) return refused('the authority is no certificate of a CA');
  if (!covers(authority, options.nowMs, 0)) return refused('the authority is not valid at this time');
  const leaf = leafOf(der, authority);
  if (!leaf) return refused('malformed, or not signed by the authority');
  if (options.nowMs < leaf.notBeforeMs) return refused('not yet valid');
  if (!covers(leaf, options.nowMs, options.graceMs ?? 0)) return refused('expired');
  return { ok: true, identity: leaf.identity };
}

/** SHA-256 of the CA's public key (SPKI), 32 bytes, as an invite pins it; undefined when this is no CA certificate. */
export function authorityPin(authorityDer: Uint8Array): Buffer | undefined {
  const authority = authorityOf(authorityDer);
  return authority && Buffer.from(authority.pin);
}

/** True for a self-signed CA certificate with an RSA key of that pin. Its dates are looked at by `checkCertificate`. */
export function matchesPin(authorityDer: Uint8Array, pin: Uint8Array): boolean {
  return authorityOf(authorityDer)?.pin.equals(pin) === true;
}

/** What an authority's words are checked with; undefined when this is no CA certificate. */
export function authorityKeyOf(authorityDer: Uint8Array): KeyObject | undefined {
  return authorityOf(authorityDer)?.publicKey;
}

/** The node id of a public key, given as SPKI in DER. */
export function nodeIdOf(spkiDer: Uint8Array): NodeId {
  return hexOf(sha256(spkiDer).subarray(0, ID_BYTES));
}

/**
 * The key, if it is fit to be certified: RSA of 2048 to 4096 bits with exponent 65537, in the one DER form (two
 * forms of one key would be two node ids). Never throws.
 */
export function publicKeyFit(spkiDer: Uint8Array): KeyObject | undefined {
  if (spkiDer.length === 0 || spkiDer.length > CERTIFICATE_BYTES_MAX) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' });
    return isFitKey(key) && spkiOf(key).equals(spkiDer) ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The one URI in the subject alternative name. */
export function alternativeNameOf(kind: CredentialKind, nodeId: NodeId): string {
  return `wren:${kind}:${bytesOf(nodeId).toString('base64url')}`;
}

/** The subject of a node that is no person. No user name begins like this. */
export function nodeCommonName(nodeId: NodeId): string {
  return `_${nodeId.slice(0, 8)}`;
}

/** The key in a certificate that was judged before, SPKI in DER; undefined for what is none. */
export function certifiedSpki(der: Uint8Array): Buffer | undefined {
  return attempt(() => spkiOf(new X509Certificate(der).publicKey));
}

export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function refused(why: string): CertificateCheck {
  return { ok: false, code: 'certificate-invalid', why };
}

function covers(period: Period, nowMs: number, graceMs: number): boolean {
  return nowMs >= period.notBeforeMs && nowMs <= period.expiresAtMs + graceMs;
}

// What was found good stays good, whatever the time; only dates are looked at anew. Bad ones are not remembered, so
// that a flood of garbage drives nobody out.
const authorities = new Map<string, Authority>();
const leaves = new Map<string, Leaf>();

function authorityOf(der: Uint8Array): Authority | undefined {
  const digest = sha256(der).toString('latin1');
  return recall(authorities, AUTHORITY_CACHE_ENTRIES_MAX, digest, () => readAuthority(der, digest));
}

function leafOf(der: Uint8Array, authority: Authority): Leaf | undefined {
  const key = authority.digest + sha256(der).toString('latin1');
  return recall(leaves, CERTIFICATE_CACHE_ENTRIES_MAX, key, () => readLeaf(der, authority));
}

/** Looks up, or makes and keeps; the entry used longest ago makes room. */
function recall<V>(cache: Map<string, V>, entriesMax: number, key: string, make: () => V | undefined): V | undefined {
  const known = cache.get(key);
  const value = known ?? make();
  if (value === undefined) return undefined;
  if (known !== undefined) cache.delete(key);
  else if (cache.size >= entriesMax) cache.delete(cache.keys().next().value ?? '');
  cache.set(key, value);
  return value;
}

function readAuthority(der: Uint8Array, digest: string): Authority | undefined {
  return attempt(() => {
    const certificate = parse(der);
    if (!certificate?.ca || !isFitKey(certificate.publicKey)) return undefined;
    if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey)) return undefined;
    const { publicKey } = certificate;
    return { ...periodOf(certificate), digest, publicKey, pin: sha256(spkiOf(publicKey)) };
  });
}

function readLeaf(der: Uint8Array, authority: Authority): Leaf | undefined {
  return attempt(() => {
    const certificate = parse(der);
    if (!certificate?.verify(authority.publicKey) || certificate.ca) return undefined;
    const { publicKey } = certificate;
    if (!isFitKey(publicKey)) return undefined;
    const nodeId = nodeIdOf(spkiOf(publicKey));
    const [, kindText, idText, addresses = ''] = ALTERNATIVE_NAME.exec(certificate.subjectAltName ?? '') ?? [];
    const hosts = addresses.split(', IP Address:').slice(1).map(canonicalHost);
    const kind = CREDENTIAL_KINDS.find((known) => known === kindText);
    const commonName = COMMON_NAME.exec(certificate.subject)?.[1] ?? '';
    if (kind === undefined || idText !== bytesOf(nodeId).toString('base64url')) return undefined;
    if (kind === 'person' ? !isName(commonName) : commonName !== nodeCommonName(nodeId)) return undefined;
    if (kind !== 'supernode' && hosts.length > 0) return undefined;
    const period = periodOf(certificate);
    const name = kind === 'person' ? commonName : '';
    return { ...period, identity: { kind, name, nodeId, hosts, publicKey, expiresAtMs: period.expiresAtMs } };
  });
}

/** Only bytes that are exactly the DER of one certificate: no PEM, no tail, no second way to write the same. */
function parse(der: Uint8Array): X509Certificate | undefined {
  if (der.length === 0 || der.length > CERTIFICATE_BYTES_MAX) return undefined;
  const certificate = new X509Certificate(der);
  return certificate.raw.equals(der) ? certificate : undefined;
}

function periodOf(certificate: X509Certificate): Period {
  return { notBeforeMs: Date.parse(certificate.validFrom), expiresAtMs: Date.parse(certificate.validTo) };
}

function isFitKey(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  return modulusLength >= KEY_BITS_MIN && modulusLength <= KEY_BITS_MAX && publicExponent === EXPONENT;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** OpenSSL says by an exception that bytes are no certificate. */
function attempt<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
