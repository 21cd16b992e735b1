/**
 * A sealed letter as supernodes keep it and hand it to one another: who it is for, of whom, until when, and bytes that none
 * of them can read. Reading one from the wire is here; keeping is in `mail-shelf.ts`.
 */

import { bytesOf, hexOf, ID_BYTES, isName, type NodeId } from '../protocol/ids.ts';
import { LETTER_SIZES } from '../protocol/mail-params.ts';
import type { Body } from '../wire/messages.ts';

export interface KeptLetter {
  readonly recipient: NodeId;
  readonly sender: NodeId;
  readonly senderName: string;
  /** 32 hex digits. */
  readonly id: string;
  /** As the sender says; letters of one sender rise. */
  readonly atMs: number;
  /** Wall clock at which it is thrown away. */
  readonly untilMs: number;
  readonly sealed: Buffer;
}

export type WireLetter = Body<'mailPut'>['letters'][number];

export function wireOf(letter: KeptLetter) {
  const { recipient, id, atMs, untilMs, sealed, sender, senderName } = letter;
  const ids = { recipient: bytesOf(recipient), id: bytesOf(id), sender: bytesOf(sender) };
  return { ...ids, senderName, atMs, untilMs, sealed };
}

/** Undefined for what no supernode holds. */
export function keptOf(letter: WireLetter): KeptLetter | undefined {
  const { recipient, id, sender, sealed, senderName, atMs, untilMs } = letter;
  const isWhole = [recipient, id, sender].every((one) => one?.length === ID_BYTES);
  if (!isWhole || !recipient || !id || !sender || !sealed || !LETTER_SIZES.includes(sealed.length)) return undefined;
  if (!isName(senderName ?? '') || atMs == null || untilMs == null) return undefined;
  const ids = { recipient: hexOf(recipient), id: hexOf(id), sender: hexOf(sender) };
  return { ...ids, senderName: senderName ?? '', atMs, untilMs, sealed: Buffer.from(sealed) };
}
