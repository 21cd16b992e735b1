/**
 * A set of texts in the order of their code units, in blocks of some hundred: adding, removing and finding a beginning
 * cost the logarithm of the size and the shifting of one block, a million texts or ten. (Folded names are ASCII and
 * words are folded, so code units are order enough, and the same everywhere.)
 */

/** A block is cut in two above this (global-index.md 4.3: leaves of 512). */
const BLOCK_MAX = 512;

export class OrderedTexts {
  /** None is empty, but for the only one. */
  readonly #blocks: string[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False when it was there already. */
  add(text: string): boolean {
    const at = this.#blockOf(text);
    const block = this.#blocks[at] as string[];
    const place = placeIn(block, text);
    if (block[place] === text) return false;
    block.splice(place, 0, text);
    this.#size += 1;
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2));
    return true;
  }

  /** False when it was not there. */
  delete(text: string): boolean {
    const at = this.#blockOf(text);
    const block = this.#blocks[at] as string[];
    const place = placeIn(block, text);
    if (block[place] !== text) return false;
    block.splice(place, 1);
    this.#size -= 1;
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1);
    return true;
  }

  has(text: string): boolean {
    const block = this.#blocks[this.#blockOf(text)] as string[];
    return block[placeIn(block, text)] === text;
  }

  /** All from this text on, in order. Changing the set meanwhile is not allowed. */
  *from(text: string): Generator<string, void> {
    let at = this.#blockOf(text);
    let place = placeIn(this.#blocks[at] as string[], text);
    for (; at < this.#blocks.length; at += 1, place = 0) {
      const block = this.#blocks[at] as string[];
      for (; place < block.length; place += 1) yield block[place] as string;
    }
  }

  /** All that begin with this, from `after` (itself left out) on. */
  *beginningWith(head: string, after = ''): Generator<string, void> {
    for (const text of this.from(after > head ? after : head)) {
      if (!text.startsWith(head)) return;
      if (text > after) yield text;
    }
  }

  /** The last block that begins at or before this text. */
  #blockOf(text: string): number {
    let [low, high] = [0, this.#blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (((this.#blocks[middle] as string[])[0] as string) <= text) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Where a text stands in an ordered array, or would. */
export function placeIn(block: readonly string[], text: string): number {
  let [low, high] = [0, block.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as string) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
