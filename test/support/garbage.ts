/**
 * Garbage by seed: random bytes, bytes that were good once, and messages that are well-formed but make no sense. Fast
 * rather than fine, so that a million inputs cost seconds; equal seeds give equal garbage.
 */
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import { type Json, kinds, typeOf } from '../vectors/proto-json.ts';

/** Inputs of one test file, shared out among its scenes. */
export const INPUTS = Number(process.env.WREN_GARBAGE ?? 0) || 200_000;
export const SEED = Number(process.env.WREN_SEED ?? 0) || 2026;

/** An address of nobody in any world of ours. */
export function stranger(garbage: Garbage): Endpoint {
  return { carrier: 'udp', host: `198.51.100.${garbage.below(250)}`, port: 1024 + garbage.below(60_000) };
}

export class Garbage {
  #state: number;
  readonly #known: readonly Buffer[];

  /** `known`: bytes that mean something to the other end (ids, keys), to be met in messages now and then. */
  constructor(seed: number, known: readonly Buffer[] = []) {
    this.#state = seed >>> 0 || 1;
    this.#known = known;
  }

  /** Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number from 0 up to but not including `end`. */
  below(end: number): number {
    return Math.floor((this.#next() / 2 ** 32) * end);
  }

  chance(share: number): boolean {
    return this.#next() < share * 2 ** 32;
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count);
    let at = 0;
    for (; at + 4 <= count; at += 4) bytes.writeUInt32LE(this.#next(), at);
    for (; at < count; at++) bytes[at] = this.#next();
    return bytes;
  }

  /** Mostly short, sometimes as long as a datagram, rarely longer. */
  length(): number {
    if (this.chance(0.8)) return this.below(64);
    return this.chance(0.95) ? this.below(1233) : this.below(5000);
  }

  /** Random bytes that begin like a packet of ours, so that they get past the first look. */
  packet(): Buffer {
    const bytes = this.bytes(8 + this.length());
    bytes[0] = this.pick([0x10, 0x20, 0x30, 0x40, 0x80, 0x84, 0x88, 0x8c]) | (this.chance(0.1) ? this.below(16) : 0);
    bytes[1] = this.chance(0.98) ? 1 : this.below(256);
    bytes.writeUInt16BE(this.chance(0.9) ? (bytes.length - 4) & 0xffff : this.below(65_536), 2);
    return bytes;
  }

  /** A copy with one to a few kinds of damage. The length field of a packet is put right again in half of the cases. */
  damaged(good: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(good);
    for (let blows = 1 + this.below(3); blows > 0; blows--) bytes = this.#hurt(bytes);
    if (bytes.length >= 8 && this.chance(0.5)) bytes.writeUInt16BE((bytes.length - 4) & 0xffff, 2);
    return bytes;
  }

  #hurt(bytes: Buffer): Buffer {
    const at = this.below(bytes.length);
    switch (this.below(7)) {
      case 0:
        if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
        return bytes;
      case 1:
        if (bytes.length > 0) bytes[at] = this.pick([0, 1, 0x7f, 0x80, 0xff, this.below(256)]);
        return bytes;
      case 2:
        return bytes.subarray(0, at);
      case 3:
        return Buffer.concat([bytes, this.bytes(this.below(40))]);
      case 4:
        return Buffer.concat([bytes.subarray(0, at), this.bytes(1 + this.below(8)), bytes.subarray(at)]);
      case 5:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + this.below(16))]);
      default:
        return Buffer.concat([bytes, bytes.subarray(at)]);
    }
  }

  // ------------------------------------------------------------------ messages

  /** A message of any kind, whose fields have values that fit their types and nothing else. JSON form of protobuf. */
  message(only?: readonly string[]): Json {
    const all = kinds();
    const { name, type } = this.pick(only ? all.filter((kind) => only.includes(kind.name)) : all);
    return { [name]: this.#body(type, 0) };
  }

  #body(type: string, depth: number): Json {
    const body: Record<string, unknown> = {};
    for (const field of Object.values(typeOf(type).fields)) {
      field.resolve();
      if (this.chance(0.15)) continue;
      const { resolvedType } = field;
      const inner = resolvedType && 'fields' in resolvedType ? resolvedType.name : undefined;
      const value = (): unknown => this.#value(field.type, inner, depth);
      const many = field.repeated ? this.pick([0, 1, 1, 2, 17, this.chance(0.02) ? 3000 : 3]) : undefined;
      body[field.name] = many === undefined ? value() : Array.from({ length: many }, value);
    }
    return body;
  }

  #value(type: string, resolved: string | undefined, depth: number): unknown {
    switch (type) {
      case 'uint32':
        return this.pick([0, 1, 2, 7, 0x7fff_ffff, 0xffff_ffff, this.below(100), this.#next()]);
      case 'uint64':
        return this.pick(['0', '1', '1767225600000', '18446744073709551615', '9007199254740993', String(this.#next())]);
      case 'bool':
        return this.chance(0.5);
      case 'string':
        return this.text();
      case 'bytes':
        if (this.#known.length > 0 && this.chance(0.3)) return this.pick(this.#known).toString('base64');
        return this.bytes(this.pick([0, 1, 8, 16, 16, 16, 32, 300, this.chance(0.1) ? 70_000 : 20])).toString('base64');
      default:
        // An enumeration, or as deep as it gets.
        return resolved !== undefined && depth < 3 ? this.#body(resolved, depth + 1) : this.below(6);
    }
  }

  /** Names, endpoints, control characters, long runs, and characters that normalise into many. */
  text(): string {
    const texts = [
      '',
      'alice1',
      'Bobby1',
      'echo',
      'udp:10.0.0.9:4000',
      'tcp:[::1]:1',
      'hangup',
      '*',
      '**a*',
      '<a>&"',
      'correct horse',
    ];
    if (this.chance(0.6)) return this.pick(texts);
    const odd = ['\u0000', '\u001b[31m', '\u202e', '\ud83d\ude00', '\ufdfa', 'e\u0301', '\n', 'a', '\u0130', ' '];
    return this.pick(odd).repeat(this.pick([1, 3, 40, this.chance(0.02) ? 20_000 : 200]));
  }
}
