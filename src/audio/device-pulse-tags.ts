/**
 * The values of PulseAudio's native protocol: each is a letter for its type and then its bytes, big-endian. A packet of
 * commands is a row of them. Pure; `device-pulse-packets.ts` puts them into packets, `device-pulse-connection.ts` and
 * `device-pulse-stream.ts` write and read them. Source: what PulseAudio 16 and PipeWire's server of the same protocol
 * say and understand (`tagstruct`).
 */

const TAG = {
  string: 0x74,
  nothing: 0x4e,
  u32: 0x4c,
  u8: 0x42,
  u64: 0x52,
  s64: 0x72,
  sampleSpec: 0x61,
  bytes: 0x78,
  yes: 0x31,
  no: 0x30,
  time: 0x54,
  microseconds: 0x55,
  channelMap: 0x6d,
  volumes: 0x76,
  properties: 0x50,
  volume: 0x56,
} as const;

/** An index that is none, and the tag of what nobody asked for. */
export const NO_INDEX = 0xffff_ffff;
/** Unchanged loudness of one channel. */
const FULL_VOLUME = 0x1_0000;
/** 16 bits, little-endian. */
const FORMAT_S16LE = 3;
const CHANNEL_MONO = 0;

/** Writes values one behind the other; `bytes` is what was written. */
export class TagWriter {
  #room = Buffer.alloc(256);
  #length = 0;

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  u32(...values: readonly number[]): this {
    for (const value of values) this.#put(TAG.u32, 4).writeUInt32BE(value);
    return this;
  }

  /** Undefined: no string. Ends at a NUL, so one inside would cut it. */
  string(text: string | undefined): this {
    if (text === undefined) {
      this.#put(TAG.nothing, 0);
      return this;
    }
    const bytes = Buffer.from(`${text.replaceAll('\0', '')}\0`, 'utf8');
    this.#put(TAG.string, bytes.length).set(bytes);
    return this;
  }

  flags(...values: readonly boolean[]): this {
    for (const value of values) this.#put(value ? TAG.yes : TAG.no, 0);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const room = this.#put(TAG.bytes, 4 + bytes.length);
    room.writeUInt32BE(bytes.length);
    room.set(bytes, 4);
    return this;
  }

  /** Mono, 16 bits. */
  sampleSpec(rateHz: number): this {
    const room = this.#put(TAG.sampleSpec, 6);
    room.set([FORMAT_S16LE, 1]);
    room.writeUInt32BE(rateHz, 2);
    return this;
  }

  monoMap(): this {
    this.#put(TAG.channelMap, 2).set([1, CHANNEL_MONO]);
    return this;
  }

  /** Of one channel. */
  fullVolume(): this {
    const room = this.#put(TAG.volumes, 5);
    room.set([1]);
    room.writeUInt32BE(FULL_VOLUME, 1);
    return this;
  }

  /** Seconds and microseconds; the server gives it back unread. */
  time(seconds = 0, microseconds = 0): this {
    const room = this.#put(TAG.time, 8);
    room.writeUInt32BE(seconds);
    room.writeUInt32BE(microseconds, 4);
    return this;
  }

  /** Only servers say it; ours of the tests. */
  microseconds(value: number): this {
    this.#put(TAG.microseconds, 8).writeBigUInt64BE(BigInt(value));
    return this;
  }

  properties(values: { readonly [key: string]: string }): this {
    this.#put(TAG.properties, 0);
    for (const [key, value] of Object.entries(values)) {
      const bytes = Buffer.from(`${value}\0`, 'utf8');
      this.string(key).u32(bytes.length).raw(bytes);
    }
    return this.string(undefined);
  }

  /** Room for a value of so many bytes behind its letter. */
  #put(tag: number, bytes: number): Buffer {
    const end = this.#length + 1 + bytes;
    if (end > this.#room.length) this.#room = Buffer.concat([this.#room], 2 * end);
    this.#room[this.#length] = tag;
    const room = this.#room.subarray(this.#length + 1, end);
    this.#length = end;
    return room;
  }
}

/**
 * Reads values in their order. Never throws: of bytes that are not what is asked for it gives 0, false or undefined from
 * there on, and `broken` is true.
 */
export class TagReader {
  readonly #bytes: Buffer;
  #at = 0;
  #broken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get ended(): boolean {
    return this.#broken || this.#at >= this.#bytes.length;
  }

  u32(): number {
    return this.#take(TAG.u32, 4)?.readUInt32BE() ?? 0;
  }

  /** Rounded beyond 2^53. */
  s64(): number {
    return Number(this.#take(TAG.s64, 8)?.readBigInt64BE() ?? 0n);
  }

  microseconds(): number {
    return Number(this.#take(TAG.microseconds, 8)?.readBigUInt64BE() ?? 0n);
  }

  flag(): boolean {
    const tag = this.#bytes[this.#at];
    if (this.#broken || (tag !== TAG.yes && tag !== TAG.no)) {
      this.#broken = true;
      return false;
    }
    this.#at++;
    return tag === TAG.yes;
  }

  string(): string | undefined {
    if (this.#bytes[this.#at] === TAG.nothing && !this.#broken) {
      this.#at++;
      return undefined;
    }
    const end = this.#bytes.indexOf(0, this.#at + 1);
    const bytes = end < 0 ? this.#fail() : this.#take(TAG.string, end - this.#at);
    return bytes?.toString('utf8', 0, bytes.length - 1);
  }

  /** Passes over values of any kind. */
  skip(count = 1): void {
    for (let left = count; left > 0 && !this.#broken; left--) this.#skipOne();
  }

  #skipOne(): void {
    const tag = this.#bytes[this.#at];
    const next = (offset: number): number => this.#bytes[this.#at + offset] ?? 0;
    if (tag === TAG.string || tag === TAG.nothing) this.string();
    else if (tag === TAG.yes || tag === TAG.no) this.flag();
    else if (tag === TAG.u8) this.#take(tag, 1);
    else if (tag === TAG.u32 || tag === TAG.volume) this.#take(tag, 4);
    else if (tag === TAG.sampleSpec) this.#take(tag, 6);
    else if (tag === TAG.channelMap) this.#take(tag, 1 + next(1));
    else if (tag === TAG.volumes) this.#take(tag, 1 + 4 * next(1));
    else if (tag === TAG.bytes) this.#skipBytes();
    else if (tag === TAG.properties) this.#skipProperties();
    else if (tag === TAG.u64 || tag === TAG.s64 || tag === TAG.time || tag === TAG.microseconds) this.#take(tag, 8);
    else this.#fail();
  }

  #skipBytes(): void {
    const length = this.#at + 5 <= this.#bytes.length ? this.#bytes.readUInt32BE(this.#at + 1) : 0;
    this.#take(TAG.bytes, 4 + length);
  }

  #skipProperties(): void {
    this.#at++;
    while (!this.#broken && this.string() !== undefined) {
      this.u32();
      this.#skipBytes();
    }
  }

  /** The bytes behind the letter, as a view. */
  #take(tag: number, bytes: number): Buffer | undefined {
    const start = this.#at + 1;
    if (this.#broken || this.#bytes[this.#at] !== tag || start + bytes > this.#bytes.length) return this.#fail();
    this.#at = start + bytes;
    return this.#bytes.subarray(start, start + bytes);
  }

  #fail(): undefined {
    this.#broken = true;
  }
}
