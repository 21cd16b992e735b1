/** People at different supernodes: look-ups, coming and going, packets; over links in order, with registrars of paper. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Abroad, type AbroadOutput, type Client } from '../../../src/net/overlay/abroad.ts';
import { foldName, type NodeId } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message, message } from '../../../src/net/wire/messages.ts';
import { nodeIdFor } from './index-scenes.ts';

const [S1, S2, S3] = [1, 2, 3].map((n) => nodeIdFor(1_000 + n)) as [NodeId, NodeId, NodeId];
const ALICE: Client = { node: nodeIdFor(1), name: 'alice1' };
const BOBBY: Client = { node: nodeIdFor(2), name: 'Bobby1' };
const CAROL: Client = { node: nodeIdFor(3), name: 'carol-1' };

interface Guest {
  readonly client: Client;
  readonly watch: ReadonlySet<string>;
  hides: ReadonlySet<string>;
}

/** A supernode of which only this room is real. */
class House {
  readonly guests = new Map<NodeId, Guest>();
  readonly said: AbroadOutput[] = [];
  readonly abroad: Abroad;

  constructor(id: NodeId, street: Street) {
    this.abroad = new Abroad({
      self: id,
      visibleNodes: (key, viewer) => this.visible(key, viewer),
      presentNodes: (key, viewer) => this.visible(key, viewer),
      seesHere: (watcher, node) => this.guests.has(watcher) && this.guests.has(node),
      keyHere: (node) => {
        const guest = this.guests.get(node);
        return guest && foldName(guest.client.name);
      },
      watchersOf: (key) => [...this.guests.values()].filter(({ watch }) => watch.has(key)).map(({ client }) => client),
      watchesHere: () =>
        [...this.guests.values()].flatMap(({ client, watch }) => [...watch].map((key) => ({ client, key }))),
      homesOfName: (key) => street.records.filter(({ name }) => foldName(name) === key).flatMap(({ homes }) => homes),
      recordOf: (node) => street.records.find((record) => record.node === node),
      lives: (supernode) => street.houses.has(supernode),
    });
  }

  visible(key: string, viewer: string): Client[] {
    return [...this.guests.values()]
      .filter(({ client, hides }) => foldName(client.name) === key && !hides.has(foldName(viewer)))
      .map(({ client }) => client);
  }

  /** What was said to clients, in short. */
  get news(): string[] {
    return this.said.flatMap((one) => {
      if (one.type === 'seen') return `${nameOf(one.watcher)} ${one.attached ? 'sees' : 'loses'} ${nameOf(one.node)}`;
      if (one.type === 'found') return `${one.ticket}: ${one.nodes.map(nameOf).join(' ')}`;
      if (one.type === 'deliver') return `${nameOf(one.source)} to ${nameOf(one.target)}: ${one.packet}`;
      return one.type === 'failed' ? `no way from ${nameOf(one.source)} to ${nameOf(one.target)}` : [];
    });
  }
}

class Street {
  now = 0;
  readonly houses = new Map<NodeId, House>();
  records: { readonly node: NodeId; readonly name: string; readonly homes: NodeId[] }[] = [];
  #posted: { readonly from: NodeId; readonly to: NodeId; readonly bytes: Buffer }[] = [];

  house(id: NodeId): House {
    const house = this.houses.get(id) ?? new House(id, this);
    this.houses.set(id, house);
    return house;
  }

  /** A client attaches, and the index hears of it. */
  comes(id: NodeId, client: Client, watch: readonly Client[] = [], hides: readonly Client[] = []): void {
    const house = this.house(id);
    const keys = (all: readonly Client[]) => new Set(all.map(({ name }) => foldName(name)));
    house.guests.set(client.node, { client, watch: keys(watch), hides: keys(hides) });
    house.abroad.setWatch(client, keys(watch));
    house.abroad.changedHere(foldName(client.name));
    this.records = [...this.records.filter(({ node }) => node !== client.node), { ...client, homes: [id] }];
    for (const one of this.houses.values()) one.abroad.recordChanged(foldName(client.name));
    this.run();
  }

  leaves(id: NodeId, client: Client): void {
    const house = this.house(id);
    house.guests.delete(client.node);
    house.abroad.setWatch(client, new Set());
    house.abroad.changedHere(foldName(client.name));
    this.run();
  }

  dies(id: NodeId): void {
    this.houses.delete(id);
    for (const house of this.houses.values()) house.abroad.memberGone(id);
    this.run();
  }

  run(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const [from, house] of this.houses) {
        for (const output of house.abroad.drain()) {
          busy = true;
          if (output.type === 'send') this.#posted.push({ from, to: output.to, bytes: encodeMessage(output.message) });
          else house.said.push(output);
        }
      }
      for (const { from, to, bytes } of this.#posted.splice(0)) {
        const value = decodeMessage(bytes);
        if (value) this.houses.get(to)?.abroad.receive(this.now, from, value);
      }
    }
  }

  passes(ms: number): void {
    this.now += ms;
    for (const house of this.houses.values()) house.abroad.wake(this.now);
    this.run();
  }
}

function nameOf(node: NodeId): string {
  return [ALICE, BOBBY, CAROL].find((one) => one.node === node)?.name ?? 'somebody';
}

let street: Street;

beforeEach(() => {
  street = new Street();
  for (const id of [S1, S2, S3]) street.house(id);
});

describe('two at different supernodes', () => {
  test('see one another, whoever comes first, and see one another go', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1']);
    expect(street.house(S2).news).toEqual(['Bobby1 sees alice1']);
    street.leaves(S1, ALICE);
    expect(street.house(S2).news.slice(1)).toEqual(['Bobby1 loses alice1']);
  });

  test('see one another at a new place, without losing sight when the old one notices last', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    street.comes(S3, BOBBY, [ALICE]);
    street.leaves(S2, BOBBY);
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1']);
    street.leaves(S3, BOBBY);
    expect(street.house(S1).news.at(-1)).toBe('alice1 loses Bobby1');
  });

  test('do not lose sight of one who comes to the same supernode', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    street.comes(S1, BOBBY, [ALICE]);
    street.leaves(S2, BOBBY);
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1', 'Bobby1 sees alice1'].slice(0, 1));
  });

  test('see nobody who hides from them, and whoever begins to hide is gone', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [], [ALICE]);
    expect(street.house(S1).news).toEqual([]);
    const bobby = street.house(S2).guests.get(BOBBY.node) as Guest;
    bobby.hides = new Set();
    street.house(S2).abroad.changedHere('bobby1');
    street.run();
    bobby.hides = new Set(['alice1']);
    street.house(S2).abroad.changedHere('bobby1');
    street.run();
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1', 'alice1 loses Bobby1']);
  });

  test('find each other when the index knows only one of the two places', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    // The record of his new place has not come to S1; but there he watches her, and that is told.
    street.records = street.records.filter(({ node }) => node !== BOBBY.node);
    street.house(S3).guests.set(BOBBY.node, { client: BOBBY, watch: new Set(['alice1']), hides: new Set() });
    street.house(S3).abroad.setWatch(BOBBY, new Set(['alice1']));
    street.run();
    street.leaves(S2, BOBBY);
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1']);
    street.leaves(S3, BOBBY);
    expect(street.house(S1).news.at(-1)).toBe('alice1 loses Bobby1');
  });

  test('lose sight of each other when a supernode dies', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    street.dies(S2);
    expect(street.house(S1).news).toEqual(['alice1 sees Bobby1', 'alice1 loses Bobby1']);
  });

  test('agree again after a session broke: who left meanwhile is gone, who stayed is not told twice', () => {
    street.comes(S1, ALICE, [BOBBY, CAROL]);
    street.comes(S2, BOBBY, []);
    street.comes(S2, CAROL, []);
    street.house(S1).said.length = 0;
    // S2 starts afresh; only Carol came back to it.
    street.houses.set(S2, new House(S2, street));
    street.house(S2).guests.set(CAROL.node, { client: CAROL, watch: new Set(), hides: new Set() });
    street.house(S1).abroad.sessionUp(S2);
    street.run();
    expect(street.house(S1).news).toEqual(['alice1 loses Bobby1']);
  });
});

describe('a look-up', () => {
  test('finds nodes here and at the homes that the index names, without those that hide', () => {
    street.comes(S1, ALICE);
    street.comes(S2, BOBBY);
    street.comes(S3, CAROL, [], [ALICE]);
    const { abroad } = street.house(S1);
    abroad.lookup(0, 1, 'bobby1', 'carol-1');
    abroad.lookup(0, 2, 'carol-1', 'alice1');
    abroad.lookup(0, 3, 'alice1', 'carol-1');
    abroad.lookup(0, 4, 'nobody-9', 'carol-1');
    street.run();
    expect(street.house(S1).news.sort()).toEqual(['1: Bobby1', '2: ', '3: alice1', '4: ']);
  });

  test('waits for no supernode that is silent', () => {
    street.comes(S2, BOBBY);
    street.house(S1).abroad.lookup(0, 1, 'bobby1', 'alice1');
    street.houses.delete(S2);
    street.run();
    expect(street.house(S1).news).toEqual([]);
    street.houses.set(S2, new House(S2, street));
    street.passes(600);
    expect(street.house(S1).news).toEqual(['1: ']);
    expect(street.house(S1).abroad.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('a packet', () => {
  const forward = (from: NodeId, client: Client, to: Client, text: string | Buffer) => {
    street.house(from).abroad.forward(street.now, client, to.node, Buffer.from(text));
    street.run();
  };

  test('goes to the home of its target, and the answer back', () => {
    street.comes(S1, ALICE);
    street.comes(S2, BOBBY);
    forward(S1, ALICE, BOBBY, 'hello');
    forward(S2, BOBBY, ALICE, 'hi');
    expect(street.house(S2).news).toEqual(['alice1 to Bobby1: hello']);
    expect(street.house(S1).news).toEqual(['Bobby1 to alice1: hi']);
  });

  test('of a source that nobody knows is told to be introduced, then it passes', () => {
    street.comes(S2, BOBBY);
    street.house(S1).guests.set(ALICE.node, { client: ALICE, watch: new Set(), hides: new Set() });
    forward(S1, ALICE, BOBBY, 'first');
    forward(S1, ALICE, BOBBY, 'second');
    street.passes(20_000);
    forward(S1, ALICE, BOBBY, 'third');
    expect(street.house(S2).news).toEqual(['alice1 to Bobby1: second', 'alice1 to Bobby1: third']);
  });

  test('goes to the homes that the target has signed, wherever a lying supernode says that everybody is', () => {
    street.comes(S1, ALICE, [BOBBY]);
    street.comes(S2, BOBBY, [ALICE]);
    const lies = (): void => {
      const [node, watcherNode] = [Buffer.from(BOBBY.node, 'hex'), Buffer.from(ALICE.node, 'hex')];
      const hear = (value: Message) => street.house(S1).abroad.receive(street.now, S3, value);
      hear(message('seenAt', { watcherNode, name: 'bobby1', nodeId: node, attached: true }));
      hear(message('transit', { source: node, target: watcherNode, packet: Buffer.from('x'), sourceName: 'Bobby1' }));
      const added = [{ name: 'alice1', watcher: 'Bobby1', watcherNode: node }];
      hear(message('interests', { number: 0, afresh: false, added, dropped: [] } as never));
      street.run();
    };
    lies();
    forward(S1, ALICE, BOBBY, 'hello');
    expect(street.house(S2).news).toContain('alice1 to Bobby1: hello');
    // He has gone to a place of which his record says nothing yet: that is believed when his home says so, too.
    street.house(S2).guests.delete(BOBBY.node);
    street.house(S3).guests.set(BOBBY.node, { client: BOBBY, watch: new Set(), hides: new Set() });
    lies();
    forward(S1, ALICE, BOBBY, 'where are you?');
    forward(S1, ALICE, BOBBY, 'there you are');
    expect(street.house(S3).news).toContain('alice1 to Bobby1: there you are');
    // The next record says it all, and no lie stands any more.
    street.comes(S2, BOBBY, [ALICE]);
    lies();
    forward(S1, ALICE, BOBBY, 'back again');
    expect(street.house(S2).news).toContain('alice1 to Bobby1: back again');
  });

  test('for one who left, hides, or was never there fails', () => {
    street.comes(S1, ALICE);
    street.comes(S2, BOBBY, [], [ALICE]);
    street.comes(S3, CAROL);
    street.leaves(S3, CAROL);
    forward(S1, ALICE, BOBBY, 'x');
    forward(S1, ALICE, CAROL, 'x');
    street.house(S1).abroad.forward(0, ALICE, nodeIdFor(99), Buffer.from('x'));
    street.run();
    expect(street.house(S1).news).toEqual([
      'no way from alice1 to Bobby1',
      'no way from alice1 to carol-1',
      'no way from alice1 to somebody',
    ]);
    expect(street.house(S2).news).toEqual([]);
  });
});

test('garbage from another supernode is counted and changes nothing', () => {
  street.comes(S1, ALICE, [BOBBY]);
  const { abroad } = street.house(S1);
  const short = Buffer.alloc(3);
  const hear = (value: Message) => abroad.receive(0, S2, decodeMessage(encodeMessage(value)) as Message);
  hear(message('seenAt', { watcherNode: short, name: 'bobby1', nodeId: short, attached: true }));
  hear(message('transit', { source: short, target: short, packet: short }));
  hear(message('interests', { added: [{ name: 'bobby1', watcher: '', watcherNode: short }] } as never));
  hear(message('whereaboutsAt', { requestId: 5, nodeIds: [short] }));
  hear(message('transitFailed', { source: short, target: short }));
  hear(message('lookupAt', { requestId: 1, name: '\0', viewer: 'x' }));
  expect(abroad.refused).toBe(3);
  expect(hear(message('keepAlive', { id: 1 }))).toBe(false);
  // An interest of which nobody was told here is no sighting.
  const node = Buffer.from(CAROL.node, 'hex');
  const watcherNode = Buffer.from(ALICE.node, 'hex');
  hear(message('seenAt', { watcherNode, name: 'carol-1', nodeId: node, attached: true }));
  street.run();
  expect(street.house(S1).news).toEqual([]);
});
