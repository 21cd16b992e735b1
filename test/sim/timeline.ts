/**
 * Virtual time: a heap of things that will happen, earliest first; of two at one instant the one planned first.
 * That order is all the concurrency there is in a simulated world, and it is the same on every run.
 */
import type { Millis } from '../../src/net/protocol/core.ts';

interface Plan {
  readonly at: Millis;
  readonly order: number;
  happen: (() => void) | undefined;
}

export class Timeline {
  readonly #heap: Plan[] = [];
  #order = 0;
  #now: Millis;

  constructor(begin: Millis) {
    this.#now = begin;
  }

  get now(): Millis {
    return this.#now;
  }

  /** Plans `happen` for `at`, or for now when that is past. Returns the undoing. */
  at(at: Millis, happen: () => void): () => void {
    const plan: Plan = { at: Math.max(at, this.#now), order: this.#order++, happen };
    this.#push(plan);
    return () => {
      plan.happen = undefined;
    };
  }

  after(delayMs: number, happen: () => void): () => void {
    return this.at(this.#now + delayMs, happen);
  }

  /** Goes to the next thing and does it. False when nothing is planned up to `limit`: then it is `limit` now. */
  step(limit: Millis): boolean {
    for (let first = this.#heap[0]; first && first.at <= limit; first = this.#heap[0]) {
      this.#pop();
      if (!first.happen) continue;
      this.#now = first.at;
      first.happen();
      return true;
    }
    this.#now = Math.max(this.#now, limit);
    return false;
  }

  #push(plan: Plan): void {
    const heap = this.#heap;
    let i = heap.push(plan) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(plan, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = plan;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Plan, b: Plan): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
