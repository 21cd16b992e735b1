import { describe, expect, it } from 'vitest';
import { CopyChoice } from '../../../src/net/media/copy-choice.ts';

/** Ten packets each 200 ms, of which so many are lost, in runs of this length. */
class Scene {
  readonly choice = new CopyChoice();
  now = 0;
  #totals = { expected: 0, received: 0, gaps: 0 };

  loses(share: number, seconds: number, { run = 1, allowed = true } = {}): string | undefined {
    for (const end = this.now + seconds * 1_000; this.now < end; ) {
      this.now += 200;
      const { expected, received, gaps } = this.#totals;
      const lost = 10 * share;
      this.#totals = { expected: expected + 10, received: received + 10 - lost, gaps: gaps + lost / run };
      this.choice.add(this.now, this.#totals);
      this.choice.choose(this.now, allowed);
    }
    return this.choice.rung?.name;
  }
}

describe('copies', () => {
  it('are sent by how much is lost, and how', () => {
    expect(new Scene().loses(0, 10)).toBeUndefined();
    expect(new Scene().loses(0.005, 10)).toBeUndefined();
    expect(new Scene().loses(0.02, 10)).toBe('R1');
    expect(new Scene().loses(0.06, 10)).toBe('R1');
    expect(new Scene().loses(0.1, 10)).toBe('R1');
    expect(new Scene().loses(0.14, 10)).toBe('R2 near');
    expect(new Scene().loses(0.1, 10, { run: 3 })).toBe('R2');
    expect(new Scene().loses(0.02, 10, { run: 3 })).toBe('R1 far');
  });

  it('begin within a second of heavy loss, and end only some seconds after it', () => {
    const scene = new Scene();
    scene.loses(0, 10);
    expect(scene.loses(0.2, 1)).toMatch(/^R/);
    expect(scene.loses(0.2, 4)).toBe('R2 near');
    expect(scene.loses(0, 3)).toBe('R2 near');
    expect(scene.loses(0, 20)).toBeUndefined();
  });

  it('are not doubled by some bad seconds of 10 %, and one of them goes when only that is left', () => {
    const scene = new Scene();
    scene.loses(0.1, 15);
    expect(scene.loses(0.15, 4)).toBe('R1');
    expect(scene.loses(0.1, 10)).toBe('R1');
    expect(scene.loses(0.3, 3)).toBe('R2 near');
    expect(scene.loses(0.1, 16)).toBe('R1');
  });

  it('are not called for by a single lost packet', () => {
    const scene = new Scene();
    scene.choice.add(200, { expected: 4, received: 4, gaps: 0 });
    scene.choice.add(400, { expected: 14, received: 13, gaps: 1 });
    scene.choice.choose(400, true);
    expect(scene.choice.rung).toBeUndefined();
  });

  it('end at once where they do not fit, and stay away while they are blocked', () => {
    const scene = new Scene();
    expect(scene.loses(0.2, 5)).toBe('R2 near');
    expect(scene.loses(0.2, 0.2, { allowed: false })).toBeUndefined();
    scene.choice.block(scene.now, 8_000);
    expect(scene.loses(0.2, 7)).toBeUndefined();
    expect(scene.loses(0.2, 3)).toBe('R2 near');
  });

  it('may be tried for a moment without loss', () => {
    const scene = new Scene();
    scene.loses(0, 5);
    scene.choice.probe(scene.now, 1_000);
    expect(scene.loses(0, 0.8)).toBe('R1');
    expect(scene.loses(0, 0.6)).toBeUndefined();
  });
});
