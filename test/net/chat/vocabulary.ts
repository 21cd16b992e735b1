/** The vocabulary of chat tests: names, nodes, messages as they come off the wire, and outputs by kind. */

import {
  type Body,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageKind,
  message,
} from '../../../src/net/wire/messages.ts';
import type { PeerInput, PeerSend } from '../../../src/net/wire/peers.ts';

export const WALL_MS = 1_700_000_000_000;
/** 32 hex digits made of one number. */
export const id = (number: number): string => number.toString(16).padStart(32, '0');
export const HOME = id(0xa1);
export const LAPTOP = id(0xa2);
export const PHONE = id(0xa3);

/** Through the encoder and back: what the other end gets. */
export function travelled(what: Message): Message {
  return decodeMessage(encodeMessage(what)) as Message;
}

export function said<K extends MessageKind>(from: string, kind: K, body: Partial<Body<K>>, node = HOME): PeerInput {
  return { type: 'message', from, node, message: travelled(message(kind, body)) };
}

export const seen = (name: string, node = HOME): PeerInput => ({ type: 'peer-seen', name, node });
export const gone = (name: string, node = HOME): PeerInput => ({ type: 'peer-gone', name, node });
export const ONLINE: PeerInput = { type: 'online', online: true };
export const OFFLINE: PeerInput = { type: 'online', online: false };

interface Typed {
  readonly type: string;
}

export function ofType<O extends Typed, T extends O['type']>(
  outputs: readonly O[],
  type: T,
): Extract<O, { type: T }>[] {
  return outputs.filter((output): output is Extract<O, { type: T }> => output.type === type);
}

/** The messages of one kind among the outputs, with the person they go to; fields that did not travel included. */
export function sent<K extends MessageKind>(
  outputs: readonly Typed[],
  kind: K,
): (Body<K> & { readonly to: string; readonly node: string | undefined })[] {
  const sends = outputs.filter((output): output is PeerSend => output.type === 'send');
  return sends
    .filter((send) => send.message.kind === kind)
    .map((send) => {
      const body: Record<string, unknown> = {};
      const came: object = travelled(send.message).body;
      for (const field in came) body[field] = (came as Record<string, unknown>)[field];
      return { ...(body as Body<K>), to: send.to, node: send.node };
    });
}
