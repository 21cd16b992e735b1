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

export function encodeMessage(value: Message): Buffer {
  return Buffer.from(wren.Message.encode({ [value.kind]: value.body } as never).finish());
}

/** Undefined for garbage, for an unknown kind, and for nothing at all; extra fields are ignored. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  try {
    const decoded = wren.Message.decode(bytes);
    const kind = decoded.kind as MessageKind | undefined;
    if (kind === undefined) return undefined;
    const body = decoded[kind];
    return body ? ({ kind, body } as unknown as Message) : undefined;
  } catch {
    return undefined;
  }
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
