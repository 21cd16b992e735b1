/**
 * Certificates, issued: the login server's CA key made at first start, and short-lived certificates signed with it.
 * What they hold and how they are checked stands in `credential.ts`.
 *
 * node-forge builds the certificate, node:crypto signs it: forge's own RSA takes 81 times as long (realtime.md 2.1),
 * and the signature over the same bytes is the same. Import this file only where certificates are issued; node-forge
 * costs 11 MB of memory.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import forge from 'node-forge';
import { isName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  AUTHORITY_KEY_BITS,
  AUTHORITY_LIFETIME_MS,
  CERTIFICATE_BACKDATE_MS,
  CERTIFICATE_SERIAL_BYTES,
  NETWORK_NAME_LENGTH_MAX,
} from '../protocol/params.ts';
import { alternativeNameOf, authorityPin, nodeCommonName, nodeIdOf, publicKeyFit, spkiOf } from './credential.ts';
import { REVOCATION_LIFETIME_MS, type SignedRevocation, signRevocation } from './revocation.ts';

export interface AuthorityKeys {
  readonly certificateDer: Buffer;
  /** PKCS #8. Whoever has it can be anybody in this network. */
  readonly privateKeyPem: string;
}

export type CredentialSubject =
  | { readonly kind: 'person'; readonly name: UserName }
  | { readonly kind: 'login-server' }
  /** `hosts`: addresses at which it was reached; without one nobody takes its word on where it is. */
  | { readonly kind: 'supernode'; readonly hosts?: readonly string[] };

export interface IssueOptions {
  readonly subject: CredentialSubject;
  /** RSA public key, SPKI in DER; must be one that `publicKeyFit` accepts. The node id follows from it. */
  readonly publicKeySpki: Buffer;
  /** Wall clock. The certificate begins an hour earlier, for clocks that are behind. */
  readonly nowMs: number;
  readonly lifetimeMs: number;
  /** At least CERTIFICATE_SERIAL_BYTES fresh random bytes; so many are used. */
  readonly serial: Uint8Array;
}

export interface IssuedCertificate {
  readonly der: Buffer;
  /** Wall clock, ms; whole seconds, as the certificate says it. */
  readonly expiresAtMs: number;
}

/** Every byte of it stands in every certificate, so the network's own name is not here but in the CA's SAN. */
const AUTHORITY_COMMON_NAME = 'wren';
/** What certificates usually say that people make for themselves. */
const TLS_COMMON_NAME = 'localhost';
const { asn1 } = forge;
/** forge exports it, its published types forgot it. */
const pki = forge.pki as typeof forge.pki & {
  getTBSCertificate(certificate: forge.pki.Certificate): forge.asn1.Asn1;
};

/**
 * A new CA: an RSA-3072 key and its self-signed certificate, good for ten years from `nowMs` (wall clock). Making
 * the key blocks for about a second; `keyPair` hands in one that exists.
 */
export function createAuthority(options: {
  readonly networkName: string;
  readonly nowMs: number;
  readonly keyPair?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}): AuthorityKeys {
  const { networkName, nowMs } = options;
  if (networkName === '' || networkName.length > NETWORK_NAME_LENGTH_MAX) throw new Error('network name of bad length');
  const { publicKey, privateKey } =
    options.keyPair ?? generateKeyPairSync('rsa', { modulusLength: AUTHORITY_KEY_BITS, publicExponent: 65_537 });
  const spki = spkiOf(publicKey);
  const self = [commonName(AUTHORITY_COMMON_NAME)];
  const certificateDer = build(
    {
      serial: createHash('sha256').update(spki).digest(),
      notBeforeMs: nowMs - CERTIFICATE_BACKDATE_MS,
      expiresAtMs: nowMs + AUTHORITY_LIFETIME_MS,
      subject: self,
      issuer: self,
      spki,
      extensions: [
        { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
        { name: 'keyUsage', keyCertSign: true, critical: true },
        alternativeName(`wren:network:${encodeURIComponent(networkName)}`),
      ],
    },
    privateKey,
  );
  return { certificateDer, privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/**
 * A key and a self-signed certificate for the TLS face: they say nothing of the network or the server, and nobody
 * checks them. Good for ten years from `nowMs` (wall clock). `keyPair`: RSA.
 */
export function createTlsOffer(options: {
  readonly nowMs: number;
  readonly serial: Buffer;
  readonly keyPair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}): { readonly keyPem: string; readonly certificatePem: string } {
  const { nowMs, serial } = options;
  const { publicKey, privateKey } = options.keyPair;
  const self = [commonName(TLS_COMMON_NAME)];
  const spki = spkiOf(publicKey);
  const span = { notBeforeMs: nowMs - CERTIFICATE_BACKDATE_MS, expiresAtMs: nowMs + AUTHORITY_LIFETIME_MS };
  const extensions = [{ name: 'subjectAltName', altNames: [{ type: 2, value: TLS_COMMON_NAME }] }];
  const der = build({ ...span, serial, subject: self, issuer: self, spki, extensions }, privateKey);
  const certificatePem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return { keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificatePem };
}

/** Signs certificates in the name of one authority. Pure: time and serial are handed in. About 2 ms a certificate. */
export class Issuer {
  readonly authorityDer: Buffer;
  /** What an invite pins, 32 bytes. */
  readonly pin: Buffer;
  readonly #privateKey: KeyObject;
  readonly #subject: forge.pki.CertificateField[];
  readonly #expiresAtMs: number;

  /** Throws when certificate and key are not a CA's, or not of one pair: the stored authority is damaged. */
  constructor(authorityDer: Uint8Array, privateKeyPem: string) {
    this.authorityDer = Buffer.from(authorityDer);
    const pin = authorityPin(this.authorityDer);
    this.#privateKey = createPrivateKey(privateKeyPem);
    const ownPin = createHash('sha256')
      .update(spkiOf(createPublicKey(this.#privateKey)))
      .digest();
    if (!pin?.equals(ownPin)) throw new Error('the authority key does not belong to the authority certificate');
    this.pin = pin;
    const certificate = pki.certificateFromAsn1(fromDer(this.authorityDer));
    this.#subject = certificate.subject.attributes;
    this.#expiresAtMs = certificate.validity.notAfter.getTime();
  }

  /**
   * One certificate; it never outlives the authority. Throws on what callers check before (key, name, serial)
   * and when the authority itself has expired.
   */
  issue(options: IssueOptions): IssuedCertificate {
    const { subject, publicKeySpki, nowMs, lifetimeMs, serial } = options;
    if (!publicKeyFit(publicKeySpki)) throw new Error('the key is unfit to be certified');
    if (subject.kind === 'person' && !isName(subject.name)) throw new Error('not a name that can be certified');
    if (nowMs >= this.#expiresAtMs) throw new Error('the authority has expired');
    const nodeId = nodeIdOf(publicKeySpki);
    const expiresAtMs = wholeSecond(Math.min(nowMs + lifetimeMs, this.#expiresAtMs)).getTime();
    const der = build(
      {
        serial,
        notBeforeMs: nowMs - CERTIFICATE_BACKDATE_MS,
        expiresAtMs,
        subject: [commonName(subject.kind === 'person' ? subject.name : nodeCommonName(nodeId))],
        issuer: this.#subject,
        spki: publicKeySpki,
        extensions: [
          alternativeName(
            alternativeNameOf(subject.kind, nodeId),
            subject.kind === 'supernode' ? subject.hosts : undefined,
          ),
        ],
      },
      this.#privateKey,
    );
    return { der, expiresAtMs };
  }

  /** The word that lets this device of that account in nowhere, until no certificate of it is good any more. */
  revoke(name: UserName, nodeId: NodeId, nowMs: number): SignedRevocation {
    return signRevocation({ name, nodeId, untilMs: nowMs + REVOCATION_LIFETIME_MS }, this.#privateKey);
  }
}

interface CertificatePlan {
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly subject: forge.pki.CertificateField[];
  readonly issuer: forge.pki.CertificateField[];
  readonly spki: Buffer;
  readonly extensions: object[];
}

function build(plan: CertificatePlan, signer: KeyObject): Buffer {
  const certificate = pki.createCertificate();
  certificate.serialNumber = serialText(plan.serial);
  certificate.validity.notBefore = wholeSecond(plan.notBeforeMs);
  certificate.validity.notAfter = wholeSecond(plan.expiresAtMs);
  certificate.setSubject(plan.subject);
  certificate.setIssuer(plan.issuer);
  certificate.publicKey = pki.publicKeyFromAsn1(fromDer(plan.spki)) as forge.pki.rsa.PublicKey;
  certificate.setExtensions(plan.extensions);
  certificate.signatureOid = pki.oids.sha256WithRSAEncryption ?? '';
  certificate.siginfo.algorithmOid = certificate.signatureOid;
  certificate.tbsCertificate = pki.getTBSCertificate(certificate);
  certificate.signature = sign('sha256', toDer(certificate.tbsCertificate), signer).toString('latin1');
  return toDer(pki.certificateToAsn1(certificate));
}

/** Top bits 01: positive as RFC 5280 4.1.2.2 wants it, and of the same length whatever chance gave. */
function serialText(serial: Uint8Array): string {
  if (serial.length < CERTIFICATE_SERIAL_BYTES) throw new Error('the serial number is too short');
  const bytes = Buffer.from(serial.subarray(0, CERTIFICATE_SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** X.509 counts seconds. */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function commonName(value: string): forge.pki.CertificateField {
  return { name: 'commonName', value, valueTagClass: asn1.Type.UTF8 as unknown as forge.asn1.Class };
}

function alternativeName(uri: string, addresses: readonly string[] = []): object {
  const altNames = [{ type: 6, value: uri }, ...addresses.map((ip) => ({ type: 7, ip }))];
  return { name: 'subjectAltName', altNames };
}

/** forge keeps bytes in text, one character each. */
function fromDer(der: Buffer): forge.asn1.Asn1 {
  return asn1.fromDer(der.toString('latin1'));
}

function toDer(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}
