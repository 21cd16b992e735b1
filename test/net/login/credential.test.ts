/** Certificates: issued by node-forge, read by node:crypto, refused when anything about them is not as it must be. */
import { constants, generateKeyPairSync, type KeyObject, privateEncrypt, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import forge from 'node-forge';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  alternativeNameOf,
  authorityPin,
  type CertificateCheck,
  checkCertificate,
  matchesPin,
  nodeCommonName,
  nodeIdOf,
  publicKeyFit,
  spkiOf,
} from '../../../src/net/login/credential.ts';
import { type CredentialSubject, createAuthority, Issuer } from '../../../src/net/login/credential-issuer.ts';
import { PinnedTrust } from '../../../src/net/node/trust.ts';
import { foldName } from '../../../src/net/protocol/ids.ts';
import {
  AUTHORITY_LIFETIME_MS,
  CERTIFICATE_LIFETIME_MS,
  HELLO_PACKET_BYTES,
} from '../../../src/net/protocol/params.ts';
import { answerHello, beginInitiator, parseHello } from '../../../src/net/transport/handshake.ts';
import { readPacket } from '../../../src/net/wire/packet.ts';
import { keyPair } from '../../support/identities.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const NOW_MS = Date.UTC(2026, 5, 1, 12);
const HOUR_MS = 3_600_000;
const random = seededRandom('credential');
const authorityKeys = generateKeyPairSync('rsa', { modulusLength: 3072 });
const authority = createAuthority({ networkName: 'Tal & Berg ☕', nowMs: NOW_MS, keyPair: authorityKeys });
const authorityDer = authority.certificateDer;
const issuer = new Issuer(authorityDer, authority.privateKeyPem);
const alice: CredentialSubject = { kind: 'person', name: 'alice1' };
const spki = keyPair('alice').spki;

function issue(subject: CredentialSubject = alice, changes: Partial<Parameters<Issuer['issue']>[0]> = {}): Buffer {
  const base = { subject, publicKeySpki: spki, nowMs: NOW_MS, lifetimeMs: CERTIFICATE_LIFETIME_MS };
  return issuer.issue({ ...base, serial: random.bytes(16), ...changes }).der;
}

function check(der: Uint8Array, nowMs = NOW_MS, graceMs = 0, by: Uint8Array = authorityDer): CertificateCheck {
  return checkCertificate(der, { authorityDer: by, nowMs, graceMs });
}

const refusal = (why: RegExp) => ({ ok: false, code: 'certificate-invalid', why: expect.stringMatching(why) });

describe('a certificate', () => {
  it.each([
    ['a person', { kind: 'person', name: 'Alice.B-7' }, 'Alice.B-7'],
    ['a service', { kind: 'person', name: 'echo' }, 'echo'],
    ['a supernode', { kind: 'supernode' }, ''],
    ['a login server', { kind: 'login-server' }, ''],
  ] as const)('of %s says who it is, for which key, until when', (_who, subject, name) => {
    const checked = check(issue(subject));
    if (!checked.ok) throw new Error(checked.why);
    const { identity } = checked;
    expect(identity).toMatchObject({ kind: subject.kind, name, nodeId: nodeIdOf(spki) });
    expect(spkiOf(identity.publicKey)).toEqual(spki);
    expect(identity.expiresAtMs).toBe(NOW_MS + CERTIFICATE_LIFETIME_MS);
  });

  it('of a supernode says where it was reached, in the one form of each address', () => {
    const hosts = ['203.0.113.7', '2001:db8::7', '::1'];
    const checked = check(issue({ kind: 'supernode', hosts }));
    expect(checked.ok && checked.identity.hosts).toEqual(hosts);
    expect(check(issue({ kind: 'person', name: 'alice1' }))).toMatchObject({ identity: { hosts: [] } });
  });

  it('is a plain X.509 v3 certificate to any reader', () => {
    const read = new X509Certificate(issue());
    expect(read.verify(authorityKeys.publicKey)).toBe(true);
    expect(read.checkIssued(new X509Certificate(authorityDer))).toBe(true);
    expect(read.subject).toBe('CN=alice1');
    expect(read.issuer).toBe('CN=wren');
    expect(read.subjectAltName).toBe(`URI:${alternativeNameOf('person', nodeIdOf(spki))}`);
    expect(read.ca).toBe(false);
    expect(Date.parse(read.validFrom)).toBe(NOW_MS - HOUR_MS);
    const forged = forge.pki.certificateFromPem(read.toString());
    expect(forge.pki.certificateFromPem(new X509Certificate(authorityDer).toString()).verify(forged)).toBe(true);
  });

  it('has its sizes: as small as an RSA certificate that says this much can be', () => {
    const sizeOf = (subject: CredentialSubject) => issue(subject).length;
    expect(sizeOf({ kind: 'person', name: 'a'.repeat(6) })).toBe(855);
    expect(sizeOf({ kind: 'person', name: 'a'.repeat(16) })).toBe(865);
    expect(sizeOf({ kind: 'person', name: 'a'.repeat(32) })).toBe(881);
    expect(sizeOf({ kind: 'supernode' })).toBe(861);
    expect(sizeOf({ kind: 'supernode', hosts: ['203.0.113.7'] })).toBe(867);
    expect(sizeOf({ kind: 'login-server' })).toBe(864);
  });

  it.each([
    ['a person with a name of sixteen letters', { kind: 'person', name: 'a'.repeat(16) }],
    ['a supernode', { kind: 'supernode', hosts: Array.from({ length: 8 }, (_, i) => `203.0.113.${i}`) }],
    ['a login server', { kind: 'login-server' }],
  ] as const)('of %s fits one datagram with the signature of the handshake', (_who, subject) => {
    const trust = new PinnedTrust({ pin: issuer.pin, authorityDer, wallClock: () => NOW_MS });
    const asked = beginInitiator(random, { localIndex: 0xffff_ffff, wantAuthority: false, padded: true });
    const helloBody = readPacket(asked.packet)?.body as Buffer;
    const own = { nodeId: nodeIdOf(spki), privateKey: keyPair('alice').privateKey, certificateDer: issue(subject) };
    const hello = parseHello(helloBody);
    const answer = hello && answerHello({ random, localIndex: 0xffff_ffff, helloBody, hello, own, trust });
    if (!answer?.ok) throw new Error('no answer');
    expect(answer.value.packet.length).toBeLessThanOrEqual(HELLO_PACKET_BYTES);
  });

  it('has a positive serial number of constant length, whatever the random bytes', () => {
    const serials = [Buffer.alloc(8), Buffer.alloc(8, 0xff), random.bytes(16)].map(
      (serial) => new X509Certificate(issue(alice, { serial })).serialNumber,
    );
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{15}$/);
    expect(new Set(serials).size).toBe(3);
  });

  it('is the same, byte for byte, for the same request: signing needs no chance', () => {
    const serial = random.bytes(8);
    expect(issue(alice, { serial })).toEqual(issue(alice, { serial }));
  });

  it('certifies keys up to 4096 bits', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const checked = check(issue(alice, { publicKeySpki: spkiOf(publicKey) }));
    expect(checked).toMatchObject({ ok: true, identity: { nodeId: nodeIdOf(spkiOf(publicKey)) } });
  });
});

describe('in the course of time a certificate', () => {
  const der = issue();
  const end = NOW_MS + CERTIFICATE_LIFETIME_MS;

  it.each([
    ['is good an hour before it was issued, for clocks that are behind', NOW_MS - HOUR_MS, 0, true],
    ['is not yet good before that', NOW_MS - HOUR_MS - 1, 0, false],
    ['is good to its last second', end, 0, true],
    ['is not good after it', end + 1, 0, false],
    ['lives on in grace', end + 1, HOUR_MS, true],
    ['lives on to the end of grace', end + HOUR_MS, HOUR_MS, true],
    ['does not outlive grace', end + HOUR_MS + 1, HOUR_MS, false],
    ['has no grace before its time', NOW_MS - HOUR_MS - 1, HOUR_MS, false],
  ])('%s', (_what, nowMs, graceMs, ok) => {
    expect(check(der, nowMs, graceMs).ok).toBe(ok);
  });

  it('expires also when it was found good before', () => {
    expect(check(der).ok).toBe(true);
    expect(check(der, end + 1)).toEqual(refusal(/expired/));
    expect(check(der).ok).toBe(true);
  });

  it('never outlives its authority', () => {
    const nowMs = NOW_MS + AUTHORITY_LIFETIME_MS - HOUR_MS;
    const issued = issuer.issue({
      subject: alice,
      publicKeySpki: spki,
      nowMs,
      lifetimeMs: CERTIFICATE_LIFETIME_MS,
      serial: random.bytes(8),
    });
    expect(issued.expiresAtMs).toBe(NOW_MS + AUTHORITY_LIFETIME_MS);
    expect(check(issued.der, nowMs).ok).toBe(true);
    expect(check(issued.der, nowMs + HOUR_MS + 1, 24 * HOUR_MS)).toEqual(refusal(/authority is not valid/));
    expect(() => issue(alice, { nowMs: NOW_MS + AUTHORITY_LIFETIME_MS })).toThrow(/authority has expired/);
  });
});

describe('a certificate is refused', () => {
  const der = issue();

  it('when any single bit of it is flipped', () => {
    const passed: number[] = [];
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Buffer.from(der);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (check(flipped).ok) passed.push(bit);
    }
    expect(passed).toEqual([]);
    expect(check(der).ok).toBe(true);
  });

  it('when it was issued by another authority, also one of the same name', () => {
    const other = createAuthority({ networkName: 'Tal & Berg ☕', nowMs: NOW_MS });
    expect(check(der, NOW_MS, 0, other.certificateDer)).toEqual(refusal(/not signed/));
    expect(check(der).ok).toBe(true);
  });

  it.each([
    ['cut short', der.subarray(0, -1)],
    ['with a tail', Buffer.concat([der, Buffer.of(0)])],
    ['as PEM text', Buffer.from(new X509Certificate(der).toString())],
    ['that is empty', Buffer.alloc(0)],
    ['that is huge', Buffer.concat([der, Buffer.alloc(100_000)])],
    ['that is the authority itself', authorityDer],
    ['twice', Buffer.concat([der, der])],
  ])('%s', (_what, bytes) => {
    expect(check(bytes).ok).toBe(false);
  });

  it('when it is garbage, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), (bytes) => {
        expect(check(bytes).ok).toBe(false);
        expect(check(der, NOW_MS, 0, bytes).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('when parts of it are swapped, repeated or overwritten, and nothing is thrown', () => {
    const place = fc.nat(der.length - 1);
    fc.assert(
      fc.property(place, place, fc.uint8Array({ minLength: 1, maxLength: 40 }), (from, to, bytes) => {
        const spliced = Buffer.concat([der.subarray(0, from), bytes, der.subarray(to)]);
        fc.pre(!spliced.equals(der));
        expect(check(spliced).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('even from the true authority a certificate is refused', () => {
  const own = nodeIdOf(spki);
  const mallory = spkiOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
  const uri = (kind: 'person' | 'supernode' | 'login-server', node = own) => alternativeNameOf(kind, node);

  it.each([
    ['as the plain case shows, not for how it is made here', craft({ names: ['alice1'], uris: [uri('person')] }), true],
    [
      'when it claims the node id of another key',
      craft({ names: ['alice1'], uris: [uri('person', nodeIdOf(mallory))] }),
    ],
    ['when a person is named like a node', craft({ names: [nodeCommonName(own)], uris: [uri('person')] })],
    ['when a supernode is named like a person', craft({ names: ['alice1'], uris: [uri('supernode')] })],
    ['when a supernode is named after another node', craft({ names: ['#00000000'], uris: [uri('supernode')] })],
    ['when its kind is unknown', craft({ names: ['alice1'], uris: [uri('person').replace('person', 'king')] })],
    ['when it says nothing of a node', craft({ names: ['alice1'], uris: [] })],
    ['when it says two things', craft({ names: ['alice1'], uris: [uri('person'), uri('login-server')] })],
    ['when it has two names', craft({ names: ['alice1', 'bobby1'], uris: [uri('person')] })],
    ['when it has no name', craft({ names: [], uris: [uri('person')] })],
    ['when the name is none', craft({ names: ['al ice, CN=bobby1'], uris: [uri('person')] })],
    ['when the name hides a NUL', craft({ names: ['alice1\0'], uris: [uri('person')] })],
    ['when the name hides a line', craft({ names: ['alice1\nCN=bobby1'], uris: [uri('person')] })],
    ['when it may sign others', craft({ names: ['alice1'], uris: [uri('person')], ca: true })],
    ['when its key is too short', craft({ names: ['alice1'], bits: 1024 })],
    ['when its key has another exponent', craft({ names: ['alice1'], exponent: 3 })],
  ])('%s', (_what, der, ok = false) => {
    expect(check(der).ok).toBe(ok);
  });
});

describe('an authority', () => {
  it('is known by its pin, SHA-256 of its public key', () => {
    const pin = authorityPin(authorityDer);
    expect(pin).toHaveLength(32);
    expect(pin).toEqual(issuer.pin);
    expect(matchesPin(authorityDer, issuer.pin)).toBe(true);
    expect(matchesPin(authorityDer, Buffer.alloc(32))).toBe(false);
    expect(matchesPin(authorityDer, issuer.pin.subarray(0, 31))).toBe(false);
  });

  it('is a CA, with a key of 3072 bits, for ten years', () => {
    const made = createAuthority({ networkName: 'testnet', nowMs: NOW_MS });
    const read = new X509Certificate(made.certificateDer);
    expect(read.ca).toBe(true);
    expect(read.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(Date.parse(read.validTo)).toBe(NOW_MS + AUTHORITY_LIFETIME_MS);
    expect(read.subjectAltName).toBe('URI:wren:network:testnet');
  });

  it('has no pin when any single bit of it is flipped, or the certificate is no CA', () => {
    const passed: number[] = [];
    for (let bit = 0; bit < authorityDer.length * 8; bit++) {
      const flipped = Buffer.from(authorityDer);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (matchesPin(flipped, issuer.pin)) passed.push(bit);
    }
    expect(passed).toEqual([]);
    expect(authorityPin(issue())).toBeUndefined();
    expect(authorityPin(Buffer.from('garbage'))).toBeUndefined();
  });

  it('does not issue with the key of another', () => {
    const other = createAuthority({ networkName: 'other', nowMs: NOW_MS });
    expect(() => new Issuer(authorityDer, other.privateKeyPem)).toThrow(/does not belong/);
    expect(() => new Issuer(issue(), authority.privateKeyPem)).toThrow(/does not belong/);
  });

  it.each([
    ['a key that is unfit', { publicKeySpki: Buffer.alloc(40) }, /unfit/],
    ['a name that is none', { subject: { kind: 'person', name: 'not a name' } }, /not a name/],
    ['a serial number of too little chance', { serial: Buffer.alloc(7) }, /serial/],
  ] as const)('does not certify %s', (_what, changes, why) => {
    expect(() => issue(alice, changes)).toThrow(why);
  });

  it.each(['', 'x'.repeat(65)])('is not made for a network without a decent name', (networkName) => {
    expect(() => createAuthority({ networkName, nowMs: NOW_MS, keyPair: authorityKeys })).toThrow(/network name/);
  });
});

describe('a public key', () => {
  let rsa1024: KeyObject;
  beforeAll(() => {
    rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
  });

  it('is fit when it is RSA of 2048 bits or more', () => {
    expect(spkiOf(publicKeyFit(spki) as KeyObject)).toEqual(spki);
    expect(publicKeyFit(spkiOf(authorityKeys.publicKey))).toBeDefined();
  });

  it.each([
    ['short RSA', () => spkiOf(rsa1024)],
    ['RSA of another exponent', () => spkiOf(rsaKey(2048, 3))],
    ['RSA for PSS only', () => spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)],
    ['an elliptic curve', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)],
    ['Ed25519', () => spkiOf(generateKeyPairSync('ed25519').publicKey)],
    ['RSA in another DER form', () => longerForm(spki)],
    ['RSA with a tail', () => Buffer.concat([spki, Buffer.of(0)])],
    ['RSA cut short', () => spki.subarray(0, -1)],
    ['a private key', () => keyPair('alice').privateKey.export({ type: 'pkcs8', format: 'der' })],
    ['nothing', () => Buffer.alloc(0)],
    ['much', () => Buffer.alloc(1_000_000, 0x30)],
  ])('is unfit: %s', (_what, make) => {
    expect(publicKeyFit(make())).toBeUndefined();
  });

  it('is unfit when it is garbage, and nothing is thrown', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => publicKeyFit(bytes) === undefined));
  });

  it('has one node id', () => {
    expect(nodeIdOf(spki)).toMatch(/^[0-9a-f]{32}$/);
    expect(nodeIdOf(spki)).toBe(foldName(nodeIdOf(Buffer.from(spki))));
    expect(nodeIdOf(spkiOf(authorityKeys.publicKey))).not.toBe(nodeIdOf(spki));
  });
});

function rsaKey(modulusLength: number, publicExponent: number): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey;
}

/** The outer SEQUENCE with a length of three bytes where two are enough: BER, but not DER. */
function longerForm(der: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x30, 0x83, 0x00), der.subarray(2)]);
}

/** What the authority never issues, signed by the authority. */
function craft(wish: { names: string[]; uris?: string[]; ca?: boolean; bits?: number; exponent?: number }): Buffer {
  const special = wish.bits !== undefined || wish.exponent !== undefined;
  const key = special ? spkiOf(rsaKey(wish.bits ?? 2048, wish.exponent ?? 65_537)) : spki;
  const { pki, asn1 } = forge;
  const certificate = pki.createCertificate();
  certificate.serialNumber = '4142434445464748';
  certificate.validity.notBefore = new Date(NOW_MS - HOUR_MS);
  certificate.validity.notAfter = new Date(NOW_MS + HOUR_MS);
  certificate.publicKey = pki.publicKeyFromAsn1(asn1.fromDer(key.toString('latin1'))) as forge.pki.rsa.PublicKey;
  certificate.setSubject(wish.names.map((value) => ({ name: 'commonName', value })));
  certificate.setIssuer([{ name: 'commonName', value: 'wren' }]);
  const uris = wish.uris ?? [alternativeNameOf('person', nodeIdOf(key))];
  certificate.setExtensions([
    ...(uris.length > 0 ? [{ name: 'subjectAltName', altNames: uris.map((value) => ({ type: 6, value })) }] : []),
    ...(wish.ca ? [{ name: 'basicConstraints', cA: true }] : []),
  ]);
  const signer = {
    sign: (digest: forge.md.MessageDigest) => {
      const info = Buffer.from('3031300d060960864801650304020105000420', 'hex');
      const hash = Buffer.from(digest.digest().getBytes(), 'latin1');
      return rawRsa(Buffer.concat([info, hash])).toString('latin1');
    },
  };
  certificate.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
  return Buffer.from(asn1.toDer(pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
}

/** PKCS #1 v1.5 over a ready DigestInfo. */
function rawRsa(digestInfo: Buffer): Buffer {
  return privateEncrypt({ key: authorityKeys.privateKey, padding: constants.RSA_PKCS1_PADDING }, digestInfo);
}
