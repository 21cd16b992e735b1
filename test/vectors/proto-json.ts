/**
 * The catalogue by reflection: wren.proto as any protobuf library reads it, and messages in the JSON form of protobuf
 * (lowerCamelCase names, bytes in base64, enums by name, 64-bit numbers as text, defaults left out). The vectors hold
 * messages so. It imports nothing of ours, since the second implementation uses it too.
 */
import { join } from 'node:path';
import protobuf from 'protobufjs';

const root = new protobuf.Root().loadSync(join(import.meta.dirname, '../../src/net/wire/wren.proto'));

export type Json = { readonly [field: string]: unknown };

export interface Kind {
  /** Field number in `Message`. */
  readonly number: number;
  /** As in wren.proto: `sign_up`. */
  readonly field: string;
  /** As in the JSON form: `signUp`. */
  readonly name: string;
  /** Name of the body's type: `SignUp`. */
  readonly type: string;
}

export function typeOf(name: string): protobuf.Type {
  return root.lookupType(`wren.${name}`);
}

/** Every kind of the oneof in `Message`, in order. */
export function kinds(): Kind[] {
  const { oneof } = typeOf('Message').oneofs.kind ?? {};
  if (!oneof) throw new Error('wren.proto has no oneof in Message');
  return oneof.map((name) => {
    const field = typeOf('Message').fields[name];
    if (!field) throw new Error(`no field ${name}`);
    return {
      number: field.id,
      field: name.replace(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`),
      name,
      type: field.type,
    };
  });
}

/** Names of all fields of a type, those of its parts included (`entries.nodeId`). */
export function fieldsOf(type: string): string[] {
  return Object.values(typeOf(type).fields).flatMap((field) => {
    field.resolve();
    const part = field.resolvedType instanceof protobuf.Type ? fieldsOf(field.resolvedType.name) : [];
    return [field.name, ...part.map((name) => `${field.name}.${name}`)];
  });
}

/** JSON of a decoded body, whoever decoded it. */
export function toJson(type: string, body: object): Json {
  return typeOf(type).toObject(body as protobuf.Message, { bytes: String, enums: String, longs: String }) as Json;
}

/** A body as its encoder wants it. Throws on what does not fit the type: a mistake in a vector. */
export function fromJson(type: string, json: Json): Record<string, unknown> {
  const problem = typeOf(type).verify(typeOf(type).fromObject(json));
  if (problem !== null) throw new Error(`${type}: ${problem}`);
  return typeOf(type).fromObject(json) as unknown as Record<string, unknown>;
}

export function encode(type: string, json: Json): Buffer {
  return Buffer.from(typeOf(type).encode(fromJson(type, json)).finish());
}

/** Undefined for garbage. */
export function decode(type: string, bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return typeOf(type).decode(bytes) as unknown as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
