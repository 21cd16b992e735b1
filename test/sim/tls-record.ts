/**
 * Whether the first bytes of one direction of a connection are TLS: a whole ClientHello from the client, a ServerHello
 * (or an alert) from the server, as RFC 8446 sections 4.1 and 5.1 lay them out. This is how a firewall judges that lets
 * only TLS through; a record header alone does not convince it.
 */
export type Speaker = 'client' | 'server';

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const RECORD_BYTES_MAX = 16_384;
const ALERT = 21;
const HANDSHAKE = 22;
const HELLO: Readonly<Record<Speaker, number>> = { client: 1, server: 2 };
const VERSION_AND_RANDOM_BYTES = 34;
const SESSION_ID_BYTES_MAX = 32;

/** `more`: so far it may be either. */
export function judgeFirstRecord(bytes: Buffer, speaker: Speaker): 'tls' | 'other' | 'more' {
  const type = bytes[0];
  const expected = type === HANDSHAKE || (type === ALERT && speaker === 'server');
  if (type !== undefined && !expected) return 'other';
  if (bytes.length >= 2 && bytes[1] !== 3) return 'other';
  if (bytes.length < RECORD_HEADER_BYTES) return 'more';
  const length = bytes.readUInt16BE(3);
  if (length < 2 || length > RECORD_BYTES_MAX) return 'other';
  if (type === ALERT) return length === 2 ? 'tls' : 'other';
  const record = bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + length);
  if (record.length >= 1 && record[0] !== HELLO[speaker]) return 'other';
  if (record.length < length) return 'more';
  if (record.length < HANDSHAKE_HEADER_BYTES) return 'other';
  const helloBytes = record.readUIntBE(1, 3);
  const hello = record.subarray(HANDSHAKE_HEADER_BYTES, HANDSHAKE_HEADER_BYTES + helloBytes);
  return hello.length === helloBytes && isHello(hello, speaker) ? 'tls' : 'other';
}

/** The body of a hello: nothing missing, nothing left over. */
function isHello(body: Buffer, speaker: Speaker): boolean {
  if (body.length < VERSION_AND_RANDOM_BYTES || body[0] !== 3) return false;
  let at = VERSION_AND_RANDOM_BYTES;
  const field = (lengthBytes: number): number | undefined => {
    if (at + lengthBytes > body.length) return undefined;
    const length = body.readUIntBE(at, lengthBytes);
    at += lengthBytes + length;
    return at <= body.length ? length : undefined;
  };
  if ((field(1) ?? Number.POSITIVE_INFINITY) > SESSION_ID_BYTES_MAX) return false;
  if (speaker === 'server') at += 3;
  else {
    const suitesBytes = field(2);
    if (suitesBytes === undefined || suitesBytes < 2 || suitesBytes % 2 !== 0) return false;
    if ((field(1) ?? 0) < 1) return false;
  }
  const extensionsEnd = at + 2 + (at + 2 <= body.length ? body.readUInt16BE(at) : 0);
  if (extensionsEnd !== body.length) return false;
  at += 2;
  while (at < body.length) {
    at += 2;
    if (field(2) === undefined) return false;
  }
  return true;
}
