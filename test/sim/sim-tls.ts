/**
 * TLS 1.3 as a firewall sees it and as it costs time, without cryptography: a ClientHello, a ServerHello with what
 * follows it under encryption, the client's Finished, then records of application data (RFC 8446 sections 2, 4.1, 5).
 * The lengths are those of node:tls. What is carried stays readable in the records; it is masked or sealed by itself.
 *
 *   client: hello() -> ; <- flight ; Finished -> open          server: <- hello ; flight -> ; <- Finished open
 */
import type { Chance } from './chance.ts';

const HANDSHAKE = 0x16;
const CHANGE_CIPHER_SPEC = 0x14;
const APPLICATION_DATA = 0x17;
const RECORD_HEADER_BYTES = 5;
const RECORD_PLAIN_BYTES_MAX = 16_384;
/** Content type and tag of an encrypted record. */
const SEALING_BYTES = 17;
const CERTIFICATE_FLIGHT_BYTES = 1_200;
const FINISHED_BYTES = 53;

export interface Heard {
  readonly plain: Buffer;
  /** To be written at once. */
  readonly reply: Buffer;
  /** No TLS, or not what comes next. */
  readonly bad: boolean;
}

export class SimTls {
  readonly #role: 'client' | 'server';
  readonly #chance: Chance;
  #rest: Buffer = Buffer.alloc(0);
  #stage: 'hello' | 'certificate' | 'finished' | 'open' = 'hello';

  constructor(role: 'client' | 'server', chance: Chance) {
    this.#role = role;
    this.#chance = chance;
  }

  get isOpen(): boolean {
    return this.#stage === 'open';
  }

  /** What a client writes first. */
  hello(): Buffer {
    const suites = this.#field(2, this.#chance.bytes(60));
    return this.#helloRecord(1, 0x0301, Buffer.concat([suites, Buffer.of(1, 0)]), 200);
  }

  receive(bytes: Buffer): Heard {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const plain: Buffer[] = [];
    const reply: Buffer[] = [];
    while (this.#rest.length >= RECORD_HEADER_BYTES) {
      const [type = 0, major] = this.#rest;
      const end = RECORD_HEADER_BYTES + this.#rest.readUInt16BE(3);
      if (major !== 3 || type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA) return heard(plain, reply, true);
      if (this.#rest.length < end) break;
      const record = this.#rest.subarray(RECORD_HEADER_BYTES, end);
      this.#rest = Buffer.from(this.#rest.subarray(end));
      if (type === CHANGE_CIPHER_SPEC) continue;
      if (this.#stage === 'open' && type === APPLICATION_DATA) plain.push(record.subarray(0, -SEALING_BYTES));
      else if (!this.#step(type, reply)) return heard(plain, reply, true);
    }
    return heard(plain, reply, false);
  }

  /** Records of application data. */
  seal(bytes: Buffer): Buffer {
    const records: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += RECORD_PLAIN_BYTES_MAX) {
      const plain = bytes.subarray(at, at + RECORD_PLAIN_BYTES_MAX);
      records.push(record(APPLICATION_DATA, 0x0303, Buffer.concat([plain, this.#chance.bytes(SEALING_BYTES)])));
    }
    return Buffer.concat(records);
  }

  /** One record of the handshake. */
  #step(type: number, reply: Buffer[]): boolean {
    if (this.#role === 'server' && this.#stage === 'hello' && type === HANDSHAKE) {
      reply.push(this.#helloRecord(2, 0x0303, Buffer.of(0x13, 0x01, 0), 46), changed());
      reply.push(record(APPLICATION_DATA, 0x0303, this.#chance.bytes(CERTIFICATE_FLIGHT_BYTES)));
      this.#stage = 'finished';
      return true;
    }
    if (this.#role === 'client' && this.#stage === 'hello' && type === HANDSHAKE) {
      this.#stage = 'certificate';
      return true;
    }
    if (type !== APPLICATION_DATA || this.#stage === 'hello') return false;
    if (this.#role === 'client')
      reply.push(changed(), record(APPLICATION_DATA, 0x0303, this.#chance.bytes(FINISHED_BYTES)));
    this.#stage = 'open';
    return true;
  }

  #helloRecord(kind: number, version: number, choice: Buffer, extensionBytes: number): Buffer {
    const random = Buffer.concat([Buffer.of(3, 3), this.#chance.bytes(32), this.#field(1, this.#chance.bytes(32))]);
    const extension = Buffer.concat([Buffer.of(0, 0x15), this.#field(2, this.#chance.bytes(extensionBytes - 4))]);
    const body = Buffer.concat([random, choice, this.#field(2, extension)]);
    return record(HANDSHAKE, version, Buffer.concat([Buffer.of(kind, 0), this.#field(2, body)]));
  }

  /** The bytes behind their length. */
  #field(lengthBytes: 1 | 2, bytes: Buffer): Buffer {
    const length = Buffer.alloc(lengthBytes);
    length.writeUIntBE(bytes.length, 0, lengthBytes);
    return Buffer.concat([length, bytes]);
  }
}

function record(type: number, version: number, content: Buffer): Buffer {
  const header = Buffer.from([type, version >> 8, version & 0xff, 0, 0]);
  header.writeUInt16BE(content.length, 3);
  return Buffer.concat([header, content]);
}

function changed(): Buffer {
  return record(CHANGE_CIPHER_SPEC, 0x0303, Buffer.of(1));
}

function heard(plain: readonly Buffer[], reply: readonly Buffer[], bad: boolean): Heard {
  return { plain: Buffer.concat(plain), reply: Buffer.concat(reply), bad };
}
