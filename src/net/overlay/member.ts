/**
 * One supernode as the others know it, and which of two pieces of news about it counts (SWIM section 4.2: a higher
 * incarnation always; within one, dead or left over suspect over alive). Incarnations go round (RFC 1982): were there a
 * highest one, a liar could name it, and nobody could contradict any more.
 */
import { bytesOf, hexOf, ID_BYTES, type NodeId } from '../protocol/ids.ts';
import type { Body } from '../wire/messages.ts';

/** By their number on the wire. */
const MEMBER_STATUSES = ['alive', 'suspect', 'dead', 'left'] as const;
export type MemberStatus = (typeof MEMBER_STATUSES)[number];

export interface News {
  readonly id: NodeId;
  readonly status: MemberStatus;
  /** Raised by the member itself only. 32 bits, which go round. */
  readonly incarnation: number;
  /** 0 to 1000; at 1000 it takes no more clients. */
  readonly loadPermille: number;
  readonly entryIssuedAtMs: number;
}

export type Member = { -readonly [K in keyof News]: News[K] };

const WEIGHT = { alive: 0, suspect: 1, dead: 2, left: 2 } as const;

export function overrides(news: News, known: News): boolean {
  if (news.incarnation !== known.incarnation) return isAbove(news.incarnation, known.incarnation);
  return WEIGHT[news.status] > WEIGHT[known.status];
}

/** Is it less far forward, round the circle, from `b` to `a` than back? */
export function isAbove(a: number, b: number): boolean {
  return a !== b && (a - b) >>> 0 < 2 ** 31;
}

export function after(incarnation: number): number {
  return (incarnation + 1) >>> 0;
}

/** One of which nothing is known but that it is there. */
export function fresh(id: NodeId): News {
  return { id, status: 'alive', incarnation: 0, loadPermille: 0, entryIssuedAtMs: 0 };
}

/** Lives, as far as is known. */
export function isHere({ status }: Member): boolean {
  return status === 'alive' || status === 'suspect';
}

export function newsOf({ id, status, incarnation, loadPermille, entryIssuedAtMs }: Member): News {
  return { id, status, incarnation, loadPermille, entryIssuedAtMs };
}

export function wireOf({ id, status, ...rest }: News) {
  return { nodeId: bytesOf(id), status: MEMBER_STATUSES.indexOf(status), ...rest };
}

type WireNews = Body<'swimNews'>['news'][number];

/** Undefined when it makes no sense. */
export function newsFrom({ nodeId, status, incarnation, loadPermille, entryIssuedAtMs }: WireNews): News | undefined {
  const named = MEMBER_STATUSES[status ?? 0];
  if (nodeId?.length !== ID_BYTES || named === undefined) return undefined;
  const load = Math.min(1_000, loadPermille ?? 0);
  const issued = entryIssuedAtMs ?? 0;
  return {
    id: hexOf(nodeId),
    status: named,
    incarnation: incarnation ?? 0,
    loadPermille: load,
    entryIssuedAtMs: issued,
  };
}
