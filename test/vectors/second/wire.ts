/**
 * A second implementation of wren, first part: bytes. Written from PROTOCOL.md and wren.proto alone, to see that they
 * suffice; it imports nothing from `src/`. Small rather than fast, and bounded only where the page says so.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { decode } from '../proto-json.ts';

export const HELLO = 1;
export const COOKIE = 2;
export const AUTH1 = 3;
export const AUTH2 = 4;
export const WHO_AM_I = 5;
export const YOU_ARE = 6;
export const DATA = 8;
export const KINDS = [HELLO, COOKIE, AUTH1, AUTH2, WHO_AM_I, YOU_ARE, DATA];

export interface Packet {
  readonly kind: number;
  readonly epoch: number;
  readonly index: number;
  readonly bytes: Buffer;
  /** Of a handshake packet. */
  readonly body: Buffer;
}

export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

// ------------------------------------------------------------------ section 2: the envelope

export function packet(kind: number, epoch: number, index: number, rest: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8 + rest.length);
  bytes[0] = (kind << 4) | ((epoch % 4) << 2);
  bytes[1] = 1;
  bytes.writeUInt16BE(4 + rest.length, 2);
  bytes.writeUInt32BE(index, 4);
  bytes.set(rest, 8);
  return bytes;
}

/** `bad`: nothing more can come of these bytes; `need`: there is not a whole packet yet. */
export function firstPacket(bytes: Buffer): Packet | 'bad' | 'need' {
  if (bytes.length < 4) return 'need';
  const [first = 0, version] = bytes;
  const kind = first >> 4;
  const end = 4 + bytes.readUInt16BE(2);
  if (!KINDS.includes(kind) || version !== 1) return 'bad';
  if (bytes.length < end) return 'need';
  if (end < (kind === DATA ? 28 : 8)) return 'bad';
  const whole = bytes.subarray(0, end);
  return { kind, epoch: (first >> 2) & 3, index: bytes.readUInt32BE(4), bytes: whole, body: whole.subarray(8) };
}

// ------------------------------------------------------------------ sections 1 and 4: texts

export function isPersonName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]{5,31}$/.test(name);
}

export function isServiceName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9._-]{0,4}$/.test(name);
}

export function foldName(name: string): string {
  return name.toLowerCase();
}

export interface Endpoint {
  readonly carrier: string;
  readonly host: string;
  readonly port: number;
}

export function parseEndpoint(text: string): Endpoint | undefined {
  const [, carrier = '', bracketed, plain, portText] =
    /^(udp|tcp):(?:\[(.+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  if (carrier === '' || port < 1 || port > 65_535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return { carrier, host: bracketed ?? plain ?? '', port };
}

export interface Invite {
  readonly network: string;
  readonly pin: Buffer;
  readonly loginServers: readonly Endpoint[];
  readonly supernodes: readonly Endpoint[];
}

export function parseInvite(text: string): Invite | undefined {
  const joined = text.replace(/\s/g, '');
  if (!/^wren:[A-Za-z0-9_-]+$/i.test(joined) || joined.length > 4096) return undefined;
  const bytes = Buffer.from(joined.slice(5), 'base64url');
  const [bare, header, check] = [bytes.subarray(0, -6), bytes.subarray(-6, -4), bytes.subarray(-4)];
  if (!header.equals(Buffer.from('3204', 'hex')) || !sha256(bare).subarray(0, 4).equals(check)) return undefined;
  const invite = decode('Invite', bytes) as unknown as
    | { version: number; network: string; authorityPin: Uint8Array; loginServers: string[]; supernodes: string[] }
    | undefined;
  if (invite?.version !== 1 || invite.authorityPin.length !== 32) return undefined;
  const [loginServers, supernodes] = [invite.loginServers.map(parseEndpoint), invite.supernodes.map(parseEndpoint)];
  const all = [...loginServers, ...supernodes];
  if (loginServers.length === 0 || all.includes(undefined)) return undefined;
  return {
    network: invite.network,
    pin: Buffer.from(invite.authorityPin),
    loginServers: loginServers as Endpoint[],
    supernodes: supernodes as Endpoint[],
  };
}

// ------------------------------------------------------------------ section 10: voice

export interface Voice {
  readonly tag: number;
  readonly sequence: number;
  readonly mediaTime: number;
  readonly durationMs: number;
  readonly distance: number;
  readonly muted: boolean;
  readonly held: boolean;
  readonly frames: readonly Buffer[];
}

export function tagOf(callId: Buffer): number {
  return (callId[15] ?? 0) & 0x7f;
}

export function readVoice(plaintext: Buffer): Voice | undefined {
  const [first = 0, , , head = 0] = plaintext;
  const body = plaintext.subarray(3);
  const count = (head >> 6) + 1;
  const distance = (head >> 4) & 3;
  const frameBytes = (body.length - 3) / count;
  if (first < 0x80 || body.length < 40 || body.length > 123) return undefined;
  if (distance === 0 || !Number.isInteger(frameBytes)) return undefined;
  return {
    tag: first & 0x7f,
    sequence: plaintext.readUInt16BE(1),
    mediaTime: plaintext.readUInt16BE(4),
    durationMs: [10, 20, 40, 60][(head >> 2) & 3] ?? 0,
    distance,
    muted: (head & 1) === 1,
    held: (head & 2) === 2,
    frames: Array.from({ length: count }, (_, i) => body.subarray(3 + i * frameBytes, 3 + (i + 1) * frameBytes)),
  };
}
