/**
 * A second implementation of wren, second part: certificates and the handshake SK1 (PROTOCOL.md, sections 4 and 5),
 * from the page alone.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { decode, encode } from '../proto-json.ts';
import { AUTH1, AUTH2, COOKIE, firstPacket, HELLO, packet, sha256 } from './wire.ts';

// ------------------------------------------------------------------ primitives

export function hkdf(secret: Uint8Array, salt: Uint8Array, info: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, bytes));
}

function privateX25519(drawn: Buffer): KeyObject {
  const head = Buffer.from('302e020100300506032b656e04220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([head, drawn]), format: 'der', type: 'pkcs8' });
}

export function publicX25519(drawn: Buffer): Buffer {
  return createPublicKey(privateX25519(drawn)).export({ format: 'der', type: 'spki' }).subarray(-32);
}

/** Undefined for what section 5 refuses. */
export function x25519(drawn: Buffer, other: Uint8Array): Buffer | undefined {
  if (other.length !== 32) return undefined;
  const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), other]);
  try {
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const secret = diffieHellman({ privateKey: privateX25519(drawn), publicKey });
    return secret.some((byte) => byte !== 0) ? secret : undefined;
  } catch {
    return undefined;
  }
}

export function gcmSeal(key: Buffer, nonce: Buffer, additional: Buffer, plaintext: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(additional);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

export function gcmOpen(key: Buffer, nonce: Buffer, additional: Buffer, sealed: Buffer): Buffer | undefined {
  if (sealed.length < 16) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(additional).setAuthTag(sealed.subarray(-16));
  const plaintext = decipher.update(sealed.subarray(0, -16));
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}

// ------------------------------------------------------------------ certificates

export interface Judged {
  readonly kind: string;
  readonly name: string;
  readonly nodeId: Buffer;
  readonly publicKey: KeyObject;
  readonly expiresAtMs: number;
}

export function pinOf(authority: Buffer): Buffer {
  return sha256(spki(new X509Certificate(authority).publicKey));
}

export function judge(der: Buffer, authorityDer: Buffer, atMs: number): Judged | undefined {
  const [certificate, authority] = [new X509Certificate(der), new X509Certificate(authorityDer)];
  const { publicKey } = certificate;
  const { modulusLength = 0, publicExponent } = publicKey.asymmetricKeyDetails ?? {};
  const nodeId = sha256(spki(publicKey)).subarray(0, 16);
  const [, kind = '', id] =
    /^URI:wren:(person|supernode|login-server):(.{22})(?:, IP Address:.*)?$/.exec(certificate.subjectAltName ?? '') ??
    [];
  const commonName = certificate.subject.replace(/^CN=/, '');
  const expiresAtMs = Date.parse(certificate.validTo);
  if (!certificate.verify(authority.publicKey) || certificate.ca) return undefined;
  if (modulusLength < 2048 || modulusLength > 4096 || publicExponent !== 65_537n) return undefined;
  if (atMs < Date.parse(certificate.validFrom) || atMs > expiresAtMs) return undefined;
  if (id !== nodeId.toString('base64url')) return undefined;
  if (kind !== 'person' && commonName !== `_${nodeId.toString('hex').slice(0, 8)}`) return undefined;
  return { kind, name: kind === 'person' ? commonName : '', nodeId, publicKey, expiresAtMs };
}

const CERTIFICATE_KINDS = ['network', 'person', 'supernode', 'login-server'];
const SIGNED_BY = Buffer.from('300d06092a864886f70d01010b0500', 'hex');

/** A certificate as it travels; of ours only. */
export function slim(der: Buffer, withoutKey = false): Buffer {
  const certificate = new X509Certificate(der);
  const alternative = (certificate.subjectAltName ?? '').split(', IP Address:');
  const [, kind = '', told = ''] = /^URI:wren:([a-z-]+):(.*)$/.exec(alternative[0] ?? '') ?? [];
  const number = CERTIFICATE_KINDS.indexOf(kind);
  const name = number === 0 ? decodeURIComponent(told) : number === 1 ? certificate.subject.slice(3) : '';
  const addresses = alternative.slice(1).flatMap((text) => {
    const bytes = text.split('.').map(Number);
    const groups = text.split(':').map((group) => Number.parseInt(group, 16));
    const address = bytes.length === 4 ? bytes : groups.flatMap((group) => [group >> 8, group & 255]);
    return [address.length, ...address];
  });
  const modulus = Buffer.from(String(certificate.publicKey.export({ format: 'jwk' }).n), 'base64url');
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(Date.parse(certificate.validFrom) / 1000, 0);
  numbers.writeUInt32BE(Date.parse(certificate.validTo) / 1000, 4);
  const text = number === 2 ? Buffer.from(addresses) : Buffer.from(name);
  const bytes = withoutKey ? Buffer.alloc(0) : modulus;
  const [serial, size] = [Buffer.from(certificate.serialNumber, 'hex'), bytes.length];
  const signature = der.subarray(8 + der.readUInt16BE(6) + SIGNED_BY.length + 5);
  const middle = Buffer.of(text.length, ...text, size >> 8, size & 255);
  return Buffer.concat([Buffer.of(1, number), serial, numbers, middle, bytes, signature]);
}

/** And back: the DER, whatever is to be thought of it. */
export function whole(bytes: Buffer, key?: KeyObject): Buffer {
  if (bytes[0] !== 1) return bytes;
  const [kind = 0, nameLength = 0] = [bytes[1], bytes[18]];
  const name = bytes.toString('utf8', 19, 19 + nameLength);
  const size = bytes.readUInt16BE(19 + nameLength);
  const rest = bytes.subarray(21 + nameLength);
  const known = key && Buffer.from(String(key.export({ format: 'jwk' }).n), 'base64url');
  const modulus = size > 0 ? rest.subarray(0, size) : must(known);
  const publicKey = createPublicKey({
    key: { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' },
    format: 'jwk',
  });
  const id = sha256(spki(publicKey)).subarray(0, 16);
  const common = kind === 0 ? 'wren' : kind === 1 ? name : `_${id.toString('hex').slice(0, 8)}`;
  const uri = `wren:${CERTIFICATE_KINDS[kind]}:${kind === 0 ? encodeURIComponent(name) : id.toString('base64url')}`;
  const time = (at: number) =>
    der(0x17, `${new Date(bytes.readUInt32BE(at) * 1000).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`);
  const called = (text: string) => der(0x30, der(0x31, der(0x30, hexOf('0603550403'), der(0x0c, text))));
  const authority = kind === 0 ? '30120603551d130101ff040830060101ff020100300e0603551d0f0101ff040403020204' : '';
  const addresses: Buffer[] = [];
  for (let at = 19; kind === 2 && at < 19 + nameLength; at += 1 + (bytes[at] ?? 0)) {
    addresses.push(der(0x87, bytes.subarray(at + 1, at + 1 + (bytes[at] ?? 0))));
  }
  const alternative = der(0x30, hexOf('0603551d11'), der(0x04, der(0x30, der(0x86, uri), ...addresses)));
  const serial = der(0x02, bytes.subarray(2, 10));
  const head = [hexOf('a003020102'), serial, SIGNED_BY, called('wren'), der(0x30, time(10), time(14))];
  const tail = [called(common), spki(publicKey), der(0xa3, der(0x30, hexOf(authority), alternative))];
  return der(0x30, der(0x30, ...head, ...tail), SIGNED_BY, der(0x03, Buffer.of(0), rest.subarray(size)));
}

function hexOf(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as Buffer)));
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [129, length] : [130, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

// ------------------------------------------------------------------ handshake

export interface Own {
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

export interface End {
  /** X25519, as drawn. */
  readonly drawn: Buffer;
  readonly nonce: Buffer;
  readonly index: number;
}

export interface Trust {
  readonly pin: Buffer;
  authority: Buffer | undefined;
  readonly atMs: number;
}

export interface Agreed {
  readonly root: Buffer;
  /** Secret of the ticket for the next time. */
  readonly resumption: Buffer;
  readonly peerIndex: number;
  /** Undefined: anonymous. */
  readonly peer: Judged | undefined;
}

export class Failed extends Error {}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const ZERO_NONCE = Buffer.alloc(12);

interface Proof {
  readonly certificate: Uint8Array;
  readonly signature: Uint8Array;
  readonly authorityCertificate: Uint8Array;
}

export class Initiator {
  readonly #end: End;
  readonly #options: { readonly wantAuthority: boolean; readonly padded: boolean };
  helloPacket: Buffer;

  constructor(end: End, options: { readonly wantAuthority: boolean; readonly padded: boolean }) {
    this.#end = end;
    this.#options = options;
    this.helloPacket = this.#hello(Buffer.alloc(0));
  }

  /** The same Hello, with the cookie. */
  receiveCookie(bytes: Buffer): void {
    const body = bodyOf(bytes, COOKIE, this.#end.index);
    const { cookie } = (decode('Cookie', body) ?? {}) as { cookie?: Uint8Array };
    if (cookie?.length !== 16) throw new Failed('cookie');
    this.helloPacket = this.#hello(Buffer.from(cookie));
  }

  receiveAuth1(bytes: Buffer, own: Own | undefined, trust: Trust): Agreed & { readonly auth2Packet: Buffer } {
    const body = bodyOf(bytes, AUTH1, this.#end.index);
    const auth1 = must(decode('Auth1', body)) as unknown as Auth1;
    if (auth1.version !== 1 || auth1.suite !== 1 || auth1.nonce.length !== 16) throw new Failed('version');
    const secret = must(x25519(this.#end.drawn, auth1.ephemeral));
    const t1 = firstTranscript(this.helloPacket.subarray(8), auth1);
    const sealed = Buffer.from(auth1.sealed);
    const proof = openProof(hkdf(secret, t1, 'wren SK1 responder proof', 32), t1, sealed);
    const peer = judgeProof(proof, trust);
    const signed = Buffer.concat([Buffer.from('wren SK1 responder'), t1, peer.nodeId]);
    if (!verify('sha256', signed, { key: peer.publicKey, ...PSS }, proof.signature)) throw new Failed('signature');
    const t2 = sha256(t1, sealed);
    const mine = sealProof(hkdf(secret, t2, 'wren SK1 initiator proof', 32), t2, this.#proof(own, t2, peer.nodeId));
    const auth2Packet = packet(AUTH2, 0, auth1.senderIndex, encode('Auth2', { sealed: mine.toString('base64') }));
    const root = hkdf(secret, t2, 'wren SK1 root', 32);
    const resumption = hkdf(secret, t2, 'wren SK1 resumption', 32);
    return { root, resumption, peerIndex: auth1.senderIndex, peer, auth2Packet };
  }

  #proof(own: Own | undefined, t2: Buffer, responder: Buffer): Buffer {
    if (!own) return encode('Proof', {});
    const nodeId = sha256(spki(createPublicKey(own.key))).subarray(0, 16);
    const signed = Buffer.concat([Buffer.from('wren SK1 initiator'), t2, nodeId, responder]);
    return proofOf(own, signed, undefined);
  }

  #hello(cookie: Buffer): Buffer {
    const json = {
      versions: [1],
      suites: [1],
      senderIndex: this.#end.index,
      nonce: this.#end.nonce.toString('base64'),
      ephemeral: publicX25519(this.#end.drawn).toString('base64'),
      wantAuthority: this.#options.wantAuthority,
      cookie: cookie.toString('base64'),
    };
    const bare = packet(HELLO, 0, 0, encode('Hello', json));
    if (!this.#options.padded) return bare;
    // Field 8: a tag of one byte and a length of two.
    const padding = Buffer.alloc(1072 - bare.length - 3).toString('base64');
    return packet(HELLO, 0, 0, encode('Hello', { ...json, padding }));
  }
}

export class Responder {
  readonly auth1Packet: Buffer;
  readonly #secret: Buffer;
  readonly #t2: Buffer;
  readonly #end: End;
  readonly #peerIndex: number;
  readonly #nodeId: Buffer;

  constructor(end: End, own: Own, authority: Buffer, helloPacket: Buffer) {
    const body = bodyOf(helloPacket, HELLO, 0);
    const hello = must(decode('Hello', body)) as unknown as Hello;
    if (!hello.versions.includes(1) || !hello.suites.includes(1)) throw new Failed('version');
    const ephemeral = publicX25519(end.drawn);
    const secret = must(x25519(end.drawn, hello.ephemeral));
    const t1 = firstTranscript(body, { senderIndex: end.index, nonce: end.nonce, ephemeral });
    const nodeId = sha256(spki(createPublicKey(own.key))).subarray(0, 16);
    const signed = Buffer.concat([Buffer.from('wren SK1 responder'), t1, nodeId]);
    const proof = proofOf(own, signed, hello.wantAuthority ? authority : undefined);
    const sealed = sealProof(hkdf(secret, t1, 'wren SK1 responder proof', 32), t1, proof);
    const json = {
      version: 1,
      suite: 1,
      senderIndex: end.index,
      nonce: end.nonce.toString('base64'),
      ephemeral: ephemeral.toString('base64'),
      sealed: sealed.toString('base64'),
    };
    this.auth1Packet = packet(AUTH1, 0, hello.senderIndex, encode('Auth1', json));
    this.#secret = secret;
    this.#t2 = sha256(t1, sealed);
    this.#end = end;
    this.#peerIndex = hello.senderIndex;
    this.#nodeId = nodeId;
  }

  receiveAuth2(bytes: Buffer, trust: Trust): Agreed {
    const auth2 = must(decode('Auth2', bodyOf(bytes, AUTH2, this.#end.index))) as unknown as { sealed: Uint8Array };
    const key = hkdf(this.#secret, this.#t2, 'wren SK1 initiator proof', 32);
    const proof = openProof(key, this.#t2, Buffer.from(auth2.sealed));
    const root = hkdf(this.#secret, this.#t2, 'wren SK1 root', 32);
    const resumption = hkdf(this.#secret, this.#t2, 'wren SK1 resumption', 32);
    if (proof.certificate.length === 0) return { root, resumption, peerIndex: this.#peerIndex, peer: undefined };
    const peer = judgeProof(proof, trust);
    const signed = Buffer.concat([Buffer.from('wren SK1 initiator'), this.#t2, peer.nodeId, this.#nodeId]);
    if (!verify('sha256', signed, { key: peer.publicKey, ...PSS }, proof.signature)) throw new Failed('signature');
    return { root, resumption, peerIndex: this.#peerIndex, peer };
  }
}

interface Hello {
  readonly versions: number[];
  readonly suites: number[];
  readonly senderIndex: number;
  readonly ephemeral: Uint8Array;
  readonly wantAuthority: boolean;
}

interface Auth1 {
  readonly version: number;
  readonly suite: number;
  readonly senderIndex: number;
  readonly nonce: Uint8Array;
  readonly ephemeral: Uint8Array;
  readonly sealed: Uint8Array;
}

function firstTranscript(helloBody: Buffer, auth1: Pick<Auth1, 'senderIndex' | 'nonce' | 'ephemeral'>): Buffer {
  const numbers = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, i) => {
      bytes.writeUInt32BE(value, 4 * i);
    });
    return bytes;
  };
  const { senderIndex, nonce, ephemeral } = auth1;
  return sha256('wren SK1', numbers(helloBody.length), helloBody, numbers(1, 1, senderIndex), nonce, ephemeral);
}

function proofOf(own: Own, signed: Buffer, authority: Buffer | undefined): Buffer {
  return encode('Proof', {
    certificate: slim(own.certificate).toString('base64'),
    signature: sign('sha256', signed, { key: own.key, ...PSS }).toString('base64'),
    ...(authority ? { authorityCertificate: slim(authority).toString('base64') } : {}),
  });
}

function sealProof(key: Buffer, transcript: Buffer, proof: Buffer): Buffer {
  return gcmSeal(key, ZERO_NONCE, transcript, proof);
}

function openProof(key: Buffer, transcript: Buffer, sealed: Buffer): Proof {
  return must(decode('Proof', must(gcmOpen(key, ZERO_NONCE, transcript, sealed)))) as unknown as Proof;
}

/** Learns the CA certificate on the way, if it fits the pin. */
function judgeProof(proof: Proof, trust: Trust): Judged {
  const sent = whole(Buffer.from(proof.authorityCertificate));
  if (!trust.authority && sent.length > 0 && pinOf(sent).equals(trust.pin)) trust.authority = sent;
  return must(judge(whole(Buffer.from(proof.certificate)), must(trust.authority), trust.atMs));
}

function bodyOf(bytes: Buffer, kind: number, index: number): Buffer {
  const read = firstPacket(bytes);
  if (read === 'bad' || read === 'need' || read.kind !== kind || read.index !== index) throw new Failed('packet');
  return read.body;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Failed('refused');
  return value;
}
