/** Who has to go when there is no room: never somebody who is served, for the sake of somebody who proved nothing. */
import { describe, expect, it } from 'vitest';
import { SessionTable, type TableEntry } from '../../../src/net/transport/session-table.ts';
import { ANONYMOUS, type PeerIdentity } from '../../../src/net/transport/trust.ts';

const person = (name: string): PeerIdentity => ({ kind: 'person', name, nodeId: `node of ${name}` });
const BOUNDS = { all: 6, anonymous: 2, perNode: 3 };

class Scene {
  readonly table = new SessionTable<TableEntry>(BOUNDS);
  #id = 0;

  /** A session opens; the number of the one that had to go. */
  opens(peer: PeerIdentity, heardAt: number): number | undefined {
    this.#id += 1;
    return this.table.add({ id: this.#id, peer, heardAt })?.id;
  }

  get ids(): number[] {
    return [...this.table.values()].map((entry) => entry.id);
  }
}

describe('a full table of sessions', () => {
  it('lets strangers who proved nothing push out only one another, the idlest first', () => {
    const scene = new Scene();
    scene.opens(person('alice1'), 0);
    scene.opens(ANONYMOUS, 20);
    scene.opens(ANONYMOUS, 10);
    expect(scene.opens(ANONYMOUS, 30)).toBe(3);
    expect(scene.ids).toEqual([1, 2, 4]);
  });

  it('lets a node push out only its own sessions', () => {
    const scene = new Scene();
    scene.opens(person('alice1'), 0);
    for (const heardAt of [30, 10, 20]) scene.opens(person('mallory'), heardAt);
    expect(scene.opens(person('mallory'), 40)).toBe(3);
    expect(scene.ids).toContain(1);
  });

  it('makes room for a member at the cost of strangers, however idle the members are', () => {
    const scene = new Scene();
    for (let i = 0; i < 4; i++) scene.opens(person(`member${i}`), i);
    scene.opens(ANONYMOUS, 100);
    scene.opens(ANONYMOUS, 200);
    expect(scene.opens(person('newcomer'), 300)).toBe(5);
  });

  it('of members alone loses the one that was silent longest', () => {
    const scene = new Scene();
    for (const heardAt of [5, 3, 9, 7, 8, 6]) scene.opens(person(`member${heardAt}`), heardAt);
    expect(scene.opens(person('newcomer'), 10)).toBe(2);
    expect(scene.table.size).toBe(6);
  });
});
