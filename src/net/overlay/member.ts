/**
 * One supernode as the others know it, and which of two pieces of news about it counts (SWIM section 4.2: a higher
 * incarnation always; within one, dead or left over suspect over alive).
 */
import type { NodeId } from '../protocol/ids.ts';

/** By their number on the wire. */
export const MEMBER_STATUSES = ['alive', 'suspect', 'dead', 'left'] as const;
export type MemberStatus = (typeof MEMBER_STATUSES)[number];

export interface News {
  readonly id: NodeId;
  readonly status: MemberStatus;
  /** Raised by the member itself only. */
  readonly incarnation: number;
  /** 0 to 1000; at 1000 it takes no more clients. */
  readonly loadPermille: number;
  readonly entryIssuedAtMs: number;
}

export type Member = { -readonly [K in keyof News]: News[K] };

const WEIGHT = { alive: 0, suspect: 1, dead: 2, left: 2 } as const;

export function overrides(news: News, known: News): boolean {
  if (news.incarnation !== known.incarnation) return news.incarnation > known.incarnation;
  return WEIGHT[news.status] > WEIGHT[known.status];
}
