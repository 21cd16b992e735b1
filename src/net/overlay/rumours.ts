/**
 * News on its way round: each piece rides on a number of packets that grows with the logarithm of the members, the
 * least told first (SWIM section 4.1), and news of a changed state also goes to a few at once.
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import {
  SWIM_GATHER_MS,
  SWIM_NEWS_AT_ONCE_MAX,
  SWIM_NEWS_PER_PACKET,
  SWIM_SPREAD,
} from '../protocol/overlay-params.ts';
import type { News } from './member.ts';

interface Rumour {
  readonly news: News;
  left: number;
}

export class Rumours {
  readonly #random: Random;
  readonly #rumours = new Map<NodeId, Rumour>();
  #atOnce = new Map<NodeId, News>();
  #spreadAt: Millis = Number.POSITIVE_INFINITY;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Newer news of the same member takes the place of older. `atOnce`: do not wait for a probe to ride on. */
  tell(now: Millis, news: News, members: number, atOnce: boolean): void {
    // At the end, so that among equals the longest waiting goes first.
    this.#rumours.delete(news.id);
    this.#rumours.set(news.id, { news, left: Math.ceil(SWIM_SPREAD * Math.log2(members + 2)) });
    if (!atOnce || this.#atOnce.size >= SWIM_NEWS_AT_ONCE_MAX) return;
    this.#atOnce.set(news.id, news);
    // A little apart, or all who heard of it together would pass it on together.
    if (this.#spreadAt === Number.POSITIVE_INFINITY) {
      this.#spreadAt = now + SWIM_GATHER_MS * (0.5 + this.#random.fraction());
    }
  }

  /** What rides on the next packet; not what is said of the receiver itself, which it is told anyway. */
  next(to: NodeId): News[] {
    const chosen: Rumour[] = [];
    for (const rumour of this.#rumours.values()) {
      if (rumour.news.id === to) continue;
      chosen.push(rumour);
      if (chosen.length === SWIM_NEWS_PER_PACKET) break;
    }
    for (const rumour of chosen) {
      rumour.left -= 1;
      this.#rumours.delete(rumour.news.id);
      if (rumour.left > 0) this.#rumours.set(rumour.news.id, rumour);
    }
    return chosen.map(({ news }) => news);
  }

  due(now: Millis): boolean {
    return now >= this.#spreadAt;
  }

  atOnce(): News[] {
    return [...this.#atOnce.values()];
  }

  /** What was due has been sent. */
  spread(now: Millis): void {
    if (!this.due(now)) return;
    this.#atOnce = new Map();
    this.#spreadAt = Number.POSITIVE_INFINITY;
  }

  wakeAt(): Millis {
    return this.#spreadAt;
  }

  clear(): void {
    this.#rumours.clear();
    this.#atOnce.clear();
    this.#spreadAt = Number.POSITIVE_INFINITY;
  }
}
