/**
 * Opus packets as an Ogg stream (RFC 3533 for the pages, RFC 7845 for Opus in them). Pure: packets of 20 ms in, pages out;
 * `call-recorder-file.ts` encodes and writes. A page holds one second, so a file that was cut anywhere plays up to there.
 */
import { OGG_PACKETS_PER_PAGE, SAMPLE_RATE_HZ } from './params.ts';

/** Granules count samples of 48 kHz, whatever was recorded. */
const GRANULES_PER_PACKET = 960;
/** What the encoder looks ahead, 6.5 ms: players leave it out. */
const PRE_SKIP = 312;
const CONTINUES_NOT = 0;
const FIRST_PAGE = 2;
const LAST_PAGE = 4;
const VENDOR = 'wren';

export class OggOpusMuxer {
  readonly #serial: number;
  #page = 0;
  #granule = 0;
  #waiting: Uint8Array[] = [];

  /** `serial`: of this stream, 32 bits, another one for each stream of a file. */
  constructor(serial: number) {
    this.#serial = serial >>> 0;
  }

  /** The two pages before all packets. */
  head(): Buffer {
    return Buffer.concat([this.#make([opusHead()], FIRST_PAGE), this.#make([opusTags()], CONTINUES_NOT)]);
  }

  /** 20 ms of at most 254 bytes, copied by nobody: not to be changed. Gives a page when one is full. */
  packet(bytes: Uint8Array): Buffer | undefined {
    if (bytes.length > 254) throw new RangeError(`ogg: a packet of ${bytes.length} bytes`);
    // One is kept back, so that the last page is never empty.
    const page = this.#waiting.length >= OGG_PACKETS_PER_PAGE ? this.#flush(CONTINUES_NOT) : undefined;
    this.#waiting.push(bytes);
    return page;
  }

  /** The last page. */
  end(): Buffer {
    return this.#flush(LAST_PAGE);
  }

  #flush(flags: number): Buffer {
    this.#granule += this.#waiting.length * GRANULES_PER_PACKET;
    const page = this.#make(this.#waiting, flags);
    this.#waiting = [];
    return page;
  }

  #make(packets: readonly Uint8Array[], flags: number): Buffer {
    const head = Buffer.alloc(27 + packets.length);
    head.write('OggS', 0, 'latin1');
    head.writeUInt8(flags, 5);
    head.writeBigUInt64LE(BigInt(this.#granule), 6);
    head.writeUInt32LE(this.#serial, 14);
    head.writeUInt32LE(this.#page++, 18);
    head.writeUInt8(packets.length, 26);
    for (const [at, packet] of packets.entries()) head.writeUInt8(packet.length, 27 + at);
    const page = Buffer.concat([head, ...packets]);
    page.writeUInt32LE(oggChecksum(page), 22);
    return page;
  }
}

function opusHead(): Buffer {
  const bytes = Buffer.alloc(19);
  bytes.write('OpusHead', 0, 'latin1');
  bytes.writeUInt8(1, 8);
  bytes.writeUInt8(1, 9);
  bytes.writeUInt16LE(PRE_SKIP, 10);
  bytes.writeUInt32LE(SAMPLE_RATE_HZ, 12);
  return bytes;
}

function opusTags(): Buffer {
  const bytes = Buffer.alloc(8 + 4 + VENDOR.length + 4);
  bytes.write('OpusTags', 0, 'latin1');
  bytes.writeUInt32LE(VENDOR.length, 8);
  bytes.write(VENDOR, 12, 'latin1');
  return bytes;
}

const CHECKSUMS = Uint32Array.from({ length: 256 }, (_none, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit++) rest = rest & 0x80000000 ? (rest << 1) ^ 0x04c11db7 : rest << 1;
  return rest >>> 0;
});

/** RFC 3533 section 6: CRC-32 of the page with zeros in its place, neither reflected nor inverted. */
export function oggChecksum(page: Uint8Array): number {
  let rest = 0;
  for (const [at, byte] of page.entries()) {
    const counted = at >= 22 && at < 26 ? 0 : byte;
    rest = ((rest << 8) ^ CHECKSUMS[((rest >>> 24) ^ counted) & 0xff]!) >>> 0;
  }
  return rest;
}
