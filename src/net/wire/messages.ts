/**
 * The typed face of the catalogue in `wren.proto`: one discriminated union for everything that travels inside an
 * established session, an encoder, and a decoder that never throws. The generated code is used here only.
 */
import './plain-numbers.ts';
import { wren } from './generated.js';

type Kinds = Omit<InstanceType<typeof wren.Message>, 'kind' | '$unknowns'>;
export type MessageKind = keyof { [K in keyof Kinds as K extends `$${string}` ? never : K]: true } & string;

type Capitalized<K extends string> = Capitalize<K>;
type Known = typeof wren;
type ClassOf<K extends string> = Capitalized<K> extends keyof Known ? Known[Capitalized<K>] : never;
type Fields<C> = C extends abstract new (...args: never[]) => infer I ? Omit<I, '$unknowns'> : never;

/** All fields of one message; a field that did not travel has its protobuf default. */
export type Body<K extends MessageKind> = Fields<ClassOf<K>>;
/** A received message. */
export type Message = { [K in MessageKind]: { readonly kind: K; readonly body: Body<K> } }[MessageKind];
export type MessageOf<K extends MessageKind> = Extract<Message, { kind: K }>;

/** Builds a message; fields left out travel as defaults. */
export function message<K extends MessageKind>(kind: K, body: Partial<Body<K>> = {}): MessageOf<K> {
  return { kind, body } as unknown as MessageOf<K>;
}

/**
 * What the generated code of `Message` does for all kinds together costs ten times what one of them needs: it asks 128
 * fields whether they are there, and deletes 127. So it is asked once for each kind, how its tag is written and what
 * number means it; from then on a message of that kind alone is coded by the code of its body.
 */
interface Codec {
  readonly kind: MessageKind;
  /** As a varint. */
  readonly tag: Buffer;
  readonly body: {
    encode(body: object): { finish(shared: boolean): Uint8Array };
    decode(bytes: Uint8Array): object;
  };
}

const codecs = new Map<MessageKind, Codec>();
const codecsByTag: Codec[] = [];

function codecOf(kind: MessageKind): Codec {
  const known = codecs.get(kind);
  if (known) return known;
  // An empty body leaves nothing but the tag and a length of 0.
  const tag = Buffer.from(wren.Message.encode({ [kind]: {} } as never).finish()).subarray(0, -1);
  const body = (wren as unknown as Record<string, Codec['body']>)[`${kind[0]?.toUpperCase()}${kind.slice(1)}`];
  if (!body) throw new Error(`no code for the body of ${kind}`);
  const codec = { kind, tag, body };
  codecs.set(kind, codec);
  codecsByTag[tagAt(tag)] = codec;
  return codec;
}

/** The varint with which these bytes begin; 0, which no field has, when it is longer than need be, or than two bytes. */
function tagAt(bytes: Uint8Array): number {
  const [low, high] = [bytes[0] ?? 0, bytes[1] ?? 0];
  if (low < 0x80) return low;
  return high > 0 && high < 0x80 ? (high << 7) | (low & 0x7f) : 0;
}

/** `room`: so many bytes before the message are left for the caller to fill. */
export function encodeMessage(value: Message, room = 0): Buffer {
  const { tag, body } = codecOf(value.kind);
  const coded = body.encode(value.body).finish(true);
  const at = room + tag.length + lengthBytes(coded.length);
  const bytes = Buffer.allocUnsafe(at + coded.length);
  bytes.set(tag, room);
  writeLength(bytes, room + tag.length, coded.length);
  bytes.set(coded, at);
  return bytes;
}

function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : 1 + lengthBytes(length >>> 7);
}

/** As a varint. */
function writeLength(bytes: Buffer, at: number, length: number): void {
  if (length < 0x80) bytes[at] = length;
  else {
    bytes[at] = 0x80 | (length & 0x7f);
    writeLength(bytes, at + 1, length >>> 7);
  }
}

/** Undefined for garbage, for an unknown kind, and for nothing at all; extra fields are ignored. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  try {
    const codec = codecsByTag[tagAt(bytes)];
    const body = codec && onlyBody(bytes, codec.tag.length);
    if (body) return { kind: codec.kind, body: codec.body.decode(body) } as unknown as Message;
    return decodeAny(bytes);
  } catch {
    return undefined;
  }
}

/** What follows tag and length, when that is all there is. */
function onlyBody(bytes: Uint8Array, at: number): Uint8Array | undefined {
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + length === bytes.length ? bytes.subarray(at) : undefined;
  }
  return undefined;
}

/** Also for kinds that were not met yet, and for more than one in a message, of which the later counts. */
function decodeAny(bytes: Uint8Array): Message | undefined {
  const decoded = wren.Message.decode(bytes);
  const kind = decoded.kind as MessageKind | undefined;
  if (kind === undefined) return undefined;
  codecOf(kind);
  const body = decoded[kind];
  return body ? ({ kind, body } as unknown as Message) : undefined;
}

type HandshakeType =
  | 'Hello'
  | 'Cookie'
  | 'Auth1'
  | 'Auth2'
  | 'Proof'
  | 'WhoAmI'
  | 'YouAre'
  | 'Elsewhere'
  | 'Invite'
  | 'SupernodeRecord'
  | 'SupernodeEntry'
  | 'IndexRecord'
  | 'DeviceList'
  | 'SignedDevices'
  | 'Revocation';
export type HandshakeBody<T extends HandshakeType> = Fields<Known[T]>;

/** Encodes a handshake body, an invite, or a part that is signed or stored by itself. */
export function encodeBody<T extends HandshakeType>(type: T, body: Partial<HandshakeBody<T>>): Buffer {
  return Buffer.from(wren[type].encode(body as never).finish());
}

/** Undefined for garbage. */
export function decodeBody<T extends HandshakeType>(type: T, bytes: Uint8Array): HandshakeBody<T> | undefined {
  try {
    return wren[type].decode(bytes) as unknown as HandshakeBody<T>;
  } catch {
    return undefined;
  }
}

/** Words of `NatMapping`, in the order of their numbers; one from the future is unknown. */
export const NAT_MAPPINGS = [
  'unknown',
  'none',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
] as const;
export type NatMapping = (typeof NAT_MAPPINGS)[number];

/** Words of `NatFiltering`, likewise. */
export const NAT_FILTERINGS = [
  'unknown',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
] as const;
export type NatFiltering = (typeof NAT_FILTERINGS)[number];

export const PRESENCE_STATUSES = ['offline', 'online', 'away', 'do-not-disturb'] as const;
