/**
 * A certificate as it travels: what is the same in all certificates of ours is left out, a fifth of it, and the reader
 * puts it back, byte for byte (PROTOCOL.md, section 4). Nothing is judged here: what comes out is DER, which
 * `login/credential.ts` judges like any other, the authority's signature over exactly those bytes first of all.
 *
 *    0       1                                              DER begins with 30
 *    1       kind: 0 authority, 1 person, 2 supernode, 3 login server
 *    2 - 9   serial number
 *   10 - 17  begin and end, seconds since 1970 (4 each)
 *   18       length of the name; the name: of the person, of the network; of a login server none; of a supernode
 *            the addresses at which it was reached, each with its length (1) before it
 *   ...      length of the modulus (2), modulus: left out (0) towards whoever knows the key
 *   ...      signature, to the end
 *
 * A certificate that is not of that form, to the last byte, travels as it is; so whatever an issuer does, nothing is lost.
 */
import { createHash } from 'node:crypto';
import { CERTIFICATE_BYTES_MAX, CERTIFICATE_SERIAL_BYTES } from '../protocol/params.ts';

const SLIM = 1;
const HEAD_BYTES = 18;
/** By the number of the kind, as the certificate's URI names them. */
const KINDS: readonly string[] = ['network', 'person', 'supernode', 'login-server'];
const AUTHORITY = 0;
const SUPERNODE = 2;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const VERSION_3 = hex('a003 0201 02');
/** sha256WithRSAEncryption, without parameters. */
const SIGNED_BY = hex('300d 0609 2a864886f70d01010b 0500');
/** rsaEncryption, likewise. */
const RSA = hex('300d 0609 2a864886f70d010101 0500');
const EXPONENT = hex('0203 010001');
const COMMON_NAME = hex('0603 550403');
const ALTERNATIVE_NAME = hex('0603 551d11');
/** Of the authority: a CA's, which no other CA follows, to sign certificates. */
const AUTHORITY_EXTENSIONS = hex('3012 0603 551d13 0101ff 0408 30060101ff020100 300e 0603 551d0f 0101ff 0404 03020204');
const ISSUER_NAME = 'wren';
const NOTHING = Buffer.alloc(0);
const [SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, UTF8, UTC_TIME, URI, ADDRESS, EXTENSIONS] = [
  0x30, 0x31, 0x02, 0x03, 0x04, 0x0c, 0x17, 0x86, 0x87, 0xa3,
] as const;
/** UTCTime ends with the year 2049. */
const SECONDS_MAX = Date.UTC(2050, 0, 1) / 1000;

interface Parts {
  readonly kind: number;
  readonly serial: Buffer;
  readonly beginS: number;
  readonly endS: number;
  /** Bytes of the name, or the addresses. */
  readonly name: Buffer;
  readonly modulus: Buffer;
  readonly signature: Buffer;
}

/** As short as it can be; `knowsKey`: whoever reads it has the public key and will say so. */
export function slimCertificate(der: Buffer, knowsKey = false): Buffer {
  const parts = partsOf(der);
  if (!parts || !wholeOf(parts)?.equals(der)) return der;
  const { kind, serial, beginS, endS, name, modulus, signature } = parts;
  const head = Buffer.alloc(HEAD_BYTES - 2 - serial.length);
  head.writeUInt32BE(beginS, 0);
  head.writeUInt32BE(endS, 4);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(knowsKey ? 0 : modulus.length);
  const key = knowsKey ? [] : [modulus];
  return Buffer.concat([Buffer.of(SLIM, kind), serial, head, Buffer.of(name.length), name, length, ...key, signature]);
}

/**
 * The DER of what travelled, which may have been DER; undefined for garbage. `spki`: the key that was left out, which
 * counts only then. Never throws.
 */
export function wholeCertificate(bytes: Uint8Array, spki?: Buffer): Buffer | undefined {
  const slim = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (slim[0] !== SLIM) return slim;
  if (slim.length <= HEAD_BYTES || slim.length > CERTIFICATE_BYTES_MAX) return undefined;
  const kind = slim[1] ?? 0;
  const nameEnd = HEAD_BYTES + 1 + (slim[HEAD_BYTES] ?? 0);
  const name = slim.subarray(HEAD_BYTES + 1, nameEnd);
  if (nameEnd + 2 > slim.length) return undefined;
  const length = slim.readUInt16BE(nameEnd);
  const keyEnd = nameEnd + 2 + length;
  const modulus = length > 0 ? slim.subarray(nameEnd + 2, keyEnd) : spki && modulusOf(spki);
  if (kind >= KINDS.length || keyEnd >= slim.length || !modulus) return undefined;
  const serial = slim.subarray(2, 2 + CERTIFICATE_SERIAL_BYTES);
  const [beginS, endS] = [slim.readUInt32BE(10), slim.readUInt32BE(14)];
  return wholeOf({ kind, serial, beginS, endS, name, modulus, signature: slim.subarray(keyEnd) });
}

/** Of servers the common name follows from the node id. */
function isServer(kind: number): boolean {
  return kind >= 2;
}

function wholeOf({ kind, serial, beginS, endS, name, modulus, signature }: Parts): Buffer | undefined {
  if (beginS >= SECONDS_MAX || endS >= SECONDS_MAX) return undefined;
  const key = Buffer.concat([Buffer.of(0), element(SEQUENCE, element(INTEGER, Buffer.of(0), modulus), EXPONENT)]);
  const spki = element(SEQUENCE, RSA, element(BIT_STRING, key));
  const nodeId = createHash('sha256').update(spki).digest().subarray(0, 16);
  const text = name.toString('utf8');
  const subject = isServer(kind) ? `_${nodeId.toString('hex', 0, 4)}` : kind === AUTHORITY ? ISSUER_NAME : text;
  const told = kind === AUTHORITY ? encodeURIComponent(text) : nodeId.toString('base64url');
  const uri = element(URI, Buffer.from(`wren:${KINDS[kind]}:${told}`));
  const names = [uri, ...(kind === SUPERNODE ? addressesIn(name) : []).map((address) => element(ADDRESS, address))];
  const alternative = element(SEQUENCE, ALTERNATIVE_NAME, element(OCTET_STRING, element(SEQUENCE, ...names)));
  const toBeSigned = element(
    SEQUENCE,
    VERSION_3,
    element(INTEGER, serial),
    SIGNED_BY,
    called(ISSUER_NAME),
    element(SEQUENCE, timeOf(beginS), timeOf(endS)),
    called(subject),
    spki,
    element(EXTENSIONS, element(SEQUENCE, kind === AUTHORITY ? AUTHORITY_EXTENSIONS : NOTHING, alternative)),
  );
  return element(SEQUENCE, toBeSigned, SIGNED_BY, element(BIT_STRING, Buffer.of(0), signature));
}

/** Those before the first that makes no sense. */
function addressesIn(name: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < name.length; ) {
    const end = at + 1 + (name[at] ?? 0);
    if (end > name.length) return found;
    found.push(name.subarray(at + 1, end));
    at = end;
  }
  return found;
}

function called(name: string): Buffer {
  return element(SEQUENCE, element(SET, element(SEQUENCE, COMMON_NAME, element(UTF8, Buffer.from(name)))));
}

function timeOf(seconds: number): Buffer {
  const digits = new Date(seconds * 1000).toISOString().replace(/\D/g, '');
  return element(UTC_TIME, Buffer.from(`${digits.slice(2, 14)}Z`));
}

/** DER (X.690): tag, length in as few bytes as it takes, content. */
function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), ...parts]);
}

/** What stands at the places of our form; whether it is of that form only `wholeOf` tells. */
function partsOf(der: Buffer): Parts | undefined {
  const [toBeSigned = NOTHING, , signature = NOTHING] = contents(contents(der)[0] ?? NOTHING);
  const [, serial = NOTHING, , , period = NOTHING, subject = NOTHING, spki = NOTHING, extensions = NOTHING] =
    contents(toBeSigned);
  const [begin = NOTHING, end = NOTHING] = contents(period);
  const modulus = modulusOfContent(spki);
  const [alternative = NOTHING] = contents(contents(contents(extensions)[0] ?? NOTHING).at(-1) ?? NOTHING).slice(-1);
  const [first = NOTHING, ...addresses] = contents(contents(alternative)[0] ?? NOTHING);
  const uri = /^wren:([a-z-]+):([^:]*)$/.exec(first.toString('latin1'));
  const kind = KINDS.indexOf(uri?.[1] ?? '');
  if (kind < 0 || serial.length !== CERTIFICATE_SERIAL_BYTES || !modulus) return undefined;
  const [beginS, endS] = [secondsOf(begin), secondsOf(end)];
  if (!(beginS >= 0 && endS >= 0)) return undefined;
  const text = kind === AUTHORITY ? decoded(uri?.[2] ?? '') : (contents(subject).map(lastText)[0] ?? '');
  const slots = addresses.flatMap((address) => [Buffer.of(address.length), address]);
  const name = isServer(kind) ? Buffer.concat(slots) : Buffer.from(text);
  if (name.length > 255) return undefined;
  return { kind, serial, beginS, endS, name, modulus, signature: signature.subarray(1) };
}

/** Contents of the elements that stand here one after the other; those before the first that makes no sense. */
function contents(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at + 1] ?? 0;
    const more = first > 0x80 ? first - 0x80 : 0;
    if (first === 0x80 || more > 2 || at + 2 + more > bytes.length) return found;
    const length = more > 0 ? bytes.readUIntBE(at + 2, more) : first;
    const begin = at + 2 + more;
    if (begin + length > bytes.length) return found;
    found.push(bytes.subarray(begin, begin + length));
    at = begin + length;
  }
  return found;
}

/** Of a name: a set of one sequence of what it is and its text. */
function lastText(set: Buffer): string {
  return contents(contents(set)[0] ?? NOTHING)[1]?.toString('utf8') ?? '';
}

function modulusOf(spki: Buffer): Buffer | undefined {
  return modulusOfContent(contents(spki)[0] ?? NOTHING);
}

function modulusOfContent(spki: Buffer): Buffer | undefined {
  const key = contents(spki)[1]?.subarray(1) ?? NOTHING;
  const [modulus] = contents(contents(key)[0] ?? NOTHING);
  return modulus && modulus.length > 1 && modulus[0] === 0 ? modulus.subarray(1) : undefined;
}

function secondsOf(time: Buffer): number {
  const [, year, ...rest] = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(time.toString('latin1')) ?? [];
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  return year === undefined ? Number.NaN : Date.UTC(2000 + Number(year), month - 1, day, hour, minute, second) / 1000;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
