/** The supernode's side of attachment: leases, who hears of whom, who is hidden, what is found, and what may be forwarded. */
import { describe, expect, it } from 'vitest';
import type { Beyond } from '../../../src/net/overlay/beyond.ts';
import { IndexStore, type Query } from '../../../src/net/overlay/index-store.ts';
import { Registrar, type RegistrarOutput } from '../../../src/net/overlay/registrar.ts';
import type { RevokedWord } from '../../../src/net/overlay/revoked-devices.ts';
import { bytesOf, foldName, hexOf } from '../../../src/net/protocol/ids.ts';
import {
  PUBLISH_RETRY_MS,
  QUESTION_LIMIT_MS,
  QUESTIONS_MAX,
  QUESTIONS_PER_CLIENT_MAX,
} from '../../../src/net/protocol/overlay-params.ts';
import {
  CLIENTS_PER_SUPERNODE_MAX,
  ENTRIES_GET_BURST,
  ENTRIES_GET_REFILL_MS,
  FORWARD_BURST_BYTES,
  FORWARD_BYTES_LEAST,
  FORWARD_BYTES_PER_SECOND,
  FORWARD_DATAGRAM_BYTES_MAX,
  LEASE_MS,
  LEAVE_GAP_MS,
  LEAVE_SPREAD_MS_MAX,
  NODES_PER_PERSON_MAX,
  SEARCH_BURST,
  SEARCH_HITS_MAX,
  SEARCH_REFILL_MS,
  WATCHED_NAMES_MAX,
} from '../../../src/net/protocol/params.ts';
import {
  type Body,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageKind,
  type MessageOf,
  message,
} from '../../../src/net/wire/messages.ts';

const WALL_MS = Date.UTC(2026, 5, 1);

const node = (number: number): string => number.toString(16).padStart(32, '0');

interface AttachWords {
  readonly watch?: readonly string[];
  readonly hiddenFrom?: readonly string[];
  readonly displayName?: string;
  readonly listed?: boolean;
  readonly standby?: boolean;
}

/** Somebody with a session; what is said to them piles up in `heard`. */
class Caller {
  readonly heard: RegistrarOutput[] = [];
  readonly scene: Scene;
  readonly session: number;
  readonly name: string;
  readonly nodeId: string;

  constructor(scene: Scene, who: { readonly session: number; readonly name: string; readonly nodeId: string }) {
    this.scene = scene;
    this.session = who.session;
    this.name = who.name;
    this.nodeId = who.nodeId;
  }

  says(value: Message, observed = 'udp:192.0.2.1:4000'): this {
    const travelled = decodeMessage(encodeMessage(value)) as Message;
    const { session, name, nodeId } = this;
    const peer = name === '' ? undefined : { session, name, nodeId, observed };
    const from = { session, observed, host: '192.0.2.1', peer };
    this.scene.registrar.receive(this.scene.now, from, travelled);
    this.scene.deliver();
    return this;
  }

  attaches(words: AttachWords = {}): this {
    const { watch = [], hiddenFrom = [], displayName = '', listed = true, standby = false } = words;
    const lists = { watch: [...watch], hiddenFrom: [...hiddenFrom] };
    this.scene.isFound(this, { displayName, listed });
    return this.says(message('attach', { requestId: 1, ...lists, displayName, listed, standby }));
  }

  forwards(to: { readonly nodeId: string }, bytes: number): this {
    return this.says(message('forward', { target: bytesOf(to.nodeId), packet: Buffer.alloc(bytes, 7) }));
  }

  /** All messages of one kind since the last look. */
  got<K extends MessageKind>(kind: K): Body<K>[] {
    const found = this.heard.filter((one) => one.message.kind === kind);
    for (const one of found) this.heard.splice(this.heard.indexOf(one), 1);
    return found.map((one) => (one.message as MessageOf<K>).body as Body<K>);
  }

  /** `+name` and `-name` as they were seen to come and go. */
  get saw(): string[] {
    return this.got('seen').map((seen) => `${seen.attached ? '+' : '-'}${seen.name}`);
  }

  get present(): string[] {
    return this.got('attached').flatMap((body) => body.present.map((one) => one.name ?? ''));
  }
}

class Scene {
  now = 1_000;
  readonly registrar: Registrar;
  readonly index = new IndexStore();
  readonly revoked: RevokedWord[] = [];
  /** No other supernode; in the index is who `isFound`. */
  readonly beyond: Beyond = {
    hasOthers: false,
    setWatch: () => undefined,
    changedHere: () => undefined,
    sees: () => false,
    seenBy: () => [],
    lookup: () => undefined,
    forward: (_now, client, target) => this.registrar.forwardFailed(client.node, target),
    vouch: () => undefined,
    search: (_now, ticket, query) => this.registrar.searched(ticket, this.index.search(query), true),
    publish: () => undefined,
    printOf: () => 0,
  };
  readonly #callers = new Map<number, Caller>();
  #sessions = 0;

  constructor(relayKbps = 1_000_000, options: { clientsMax?: number; lessLoaded?: string[] } = {}) {
    const sealed = (client: string) => ({
      certificate: Buffer.of(1),
      record: bytesOf(client),
      signature: Buffer.of(3),
    });
    const entriesFor = (client: string) => [sealed(client)];
    const loginServers = ['tcp:192.0.2.9:4000'];
    const { beyond } = this;
    const { clientsMax, lessLoaded = [] } = options;
    this.registrar = new Registrar({
      ...{ loginServers, relayKbps, clientsMax, entriesFor, beyond, wallClock: () => WALL_MS },
      lessLoaded: () => lessLoaded.map(sealed),
      revoked: (name, nodeId) =>
        this.revoked.find((word) => foldName(word.name) === foldName(name) && word.nodeId === nodeId),
    });
  }

  /** A session of a person; `number` is the person's device. */
  person(name: string, number = this.#sessions + 1): Caller {
    const caller = new Caller(this, { session: ++this.#sessions, name, nodeId: node(number) });
    this.#callers.set(caller.session, caller);
    return caller;
  }

  stranger(): Caller {
    return this.person('');
  }

  /** Many, one after the other, no faster than a supernode takes them. */
  crowd(count: number, prefix: string, words: AttachWords = {}): Caller[] {
    return Array.from({ length: count }, (_, i) => {
      this.now += 13;
      return this.person(`${prefix}${i}`).attaches(words);
    });
  }

  /** Has told the index of themselves. */
  isFound({ name, nodeId }: Caller, own: { readonly displayName: string; readonly listed: boolean }): void {
    const sealed = { certificate: Buffer.of(1), record: Buffer.of(2), signature: Buffer.of(3) };
    const record = { ...own, name, nodeId, key: foldName(name), homes: [], sequence: 1, sealed };
    this.index.put({ ...record, signedInAtMs: WALL_MS - 1_000 + this.#sessions });
  }

  deliver(): void {
    for (const output of this.registrar.drain()) this.#callers.get(output.session)?.heard.push(output);
  }

  passes(ms: number): void {
    const end = this.now + ms;
    for (let at = this.registrar.wakeAt(); at < end; at = this.registrar.wakeAt()) {
      this.now = Math.max(this.now, at);
      this.registrar.wake(this.now);
    }
    this.now = end;
    this.registrar.wake(this.now);
    this.deliver();
  }

  hangsUp(caller: Caller): void {
    this.registrar.sessionClosed(caller.session);
    this.deliver();
  }
}

describe('attaching', () => {
  it('tells where the client is seen, where login servers are, and who of the watched is here', () => {
    const scene = new Scene();
    scene.person('bobby1').attaches();
    const alice = scene.person('alice1').attaches({ watch: ['Bobby1', 'carol1'] });
    expect(alice.got('attached')).toMatchObject([
      {
        requestId: 1,
        observed: 'udp:192.0.2.1:4000',
        loginServers: ['tcp:192.0.2.9:4000'],
        present: [{ name: 'bobby1' }],
      },
    ]);
  });

  it('is for people: a session that proved nothing is refused, and is told so at its keep-alive', () => {
    const scene = new Scene();
    const stranger = scene.stranger().attaches();
    expect(stranger.got('failure')).toMatchObject([{ code: 'not-allowed' }]);
    stranger.says(message('keepAlive', { id: 5 }));
    expect(stranger.got('keepAliveReply')).toMatchObject([{ id: 5, attached: false }]);
  });

  it('ends when nothing was heard for the length of a lease, and every sign of life begins it anew', () => {
    const scene = new Scene();
    const watcher = scene.person('alice1').attaches({ watch: ['bobby1'] });
    const bobby = scene.person('bobby1').attaches();
    for (let i = 0; i < 5; i++) {
      scene.passes(LEASE_MS - 1_000);
      bobby.says(message('keepAlive', { id: i }));
      watcher.says(message('keepAlive', { id: i }));
    }
    expect(watcher.saw).toEqual(['+bobby1']);
    scene.passes(LEASE_MS - 1_000);
    watcher.says(message('keepAlive', { id: 9 }));
    scene.passes(2_000);
    expect(watcher.saw).toEqual(['-bobby1']);
    bobby.says(message('keepAlive', { id: 10 }));
    expect(bobby.got('keepAliveReply').at(-1)).toMatchObject({ attached: false });
  });

  it('anew by another session of the same node takes the place of the old one', () => {
    const scene = new Scene();
    const watcher = scene.person('alice1').attaches({ watch: ['bobby1'] });
    const old = scene.person('bobby1', 7).attaches();
    const anew = scene.person('bobby1', 7).attaches();
    expect(watcher.saw).toEqual(['+bobby1', '-bobby1', '+bobby1']);
    expect(scene.registrar.load(scene.now).clients).toBe(2);
    scene.hangsUp(old);
    anew.says(message('keepAlive', { id: 1 }));
    expect(anew.got('keepAliveReply')).toMatchObject([{ attached: true }]);
    expect(watcher.saw).toEqual([]);
  });

  it('again in the same session only changes the lists: nobody sees the client leave', () => {
    const scene = new Scene();
    const watcher = scene.person('alice1').attaches({ watch: ['bobby1'] });
    const bobby = scene.person('bobby1').attaches();
    bobby.attaches({ watch: ['alice1'] });
    expect(watcher.saw).toEqual(['+bobby1']);
    expect(bobby.present).toEqual(['alice1']);
  });

  it('is refused as busy when the supernode is full, but not to somebody who is here already', () => {
    const scene = new Scene();
    const first = scene.person('alice1', 1).attaches();
    scene.crowd(CLIENTS_PER_SUPERNODE_MAX - 1, 'member');
    const late = scene.person('latecomer').attaches();
    expect(late.got('failure')).toMatchObject([{ requestId: 1, code: 'busy', retryAfterMs: expect.any(Number) }]);
    scene.person('alice1', 1).attaches();
    expect(scene.registrar.load(scene.now).clients).toBe(CLIENTS_PER_SUPERNODE_MAX);
    scene.hangsUp(first);
    late.attaches();
    expect(scene.registrar.load(scene.now).clients).toBe(CLIENTS_PER_SUPERNODE_MAX);
  });

  it('with ever new keys takes no more places than a person has devices', () => {
    const scene = new Scene();
    const others = scene.person('alice1').attaches({ watch: ['mallory'] });
    for (let i = 0; i < 50; i++) {
      scene.passes(100);
      others.says(message('keepAlive', { id: i }));
      scene.person('mallory').attaches();
    }
    expect(scene.registrar.load(scene.now).clients).toBe(1 + NODES_PER_PERSON_MAX);
    others.says(message('lookup', { requestId: 2, name: 'mallory' }));
    expect(others.got('whereabouts')[0]?.nodeIds).toHaveLength(NODES_PER_PERSON_MAX);
  });

  it('ends at once with a detach, or with the session', () => {
    const scene = new Scene();
    const watcher = scene.person('alice1').attaches({ watch: ['bobby1', 'carol1'] });
    scene.person('bobby1').attaches().says(message('detach'));
    scene.hangsUp(scene.person('carol1').attaches());
    expect(watcher.saw).toEqual(['+bobby1', '-bobby1', '+carol1', '-carol1']);
    expect(scene.registrar.wakeAt()).toBeLessThan(Number.POSITIVE_INFINITY);
    scene.hangsUp(watcher);
    expect(scene.registrar.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('keeps nothing that is no name in its lists', () => {
    const scene = new Scene();
    const long = 'x'.repeat(10_000);
    const alice = scene.person('alice1').attaches({ watch: [long, 'bobby1'] });
    expect([...scene.registrar.watchesHere()].map(({ key }) => key)).toEqual(['bobby1']);
    scene.person('bobby1').attaches();
    expect(alice.saw).toEqual(['+bobby1']);
  });
});

describe('watching', () => {
  it('can be changed, and the new list replaces the old', () => {
    const scene = new Scene();
    const alice = scene.person('alice1').attaches({ watch: ['bobby1'] });
    alice.says(message('watch', { names: ['carol1'] }));
    scene.person('bobby1').attaches();
    scene.person('carol1').attaches();
    expect(alice.saw).toEqual(['+carol1']);
  });

  it('is bounded: names beyond are not watched', () => {
    const scene = new Scene();
    const names = Array.from({ length: WATCHED_NAMES_MAX + 1 }, (_, i) => `person${i}`);
    const alice = scene.person('alice1').attaches({ watch: names });
    scene.person(`person${WATCHED_NAMES_MAX}`).attaches();
    scene.person('person0').attaches();
    expect(alice.saw).toEqual(['+person0']);
  });

  it('shows every device of a person by itself, and nobody themselves', () => {
    const scene = new Scene();
    const alice = scene.person('alice1').attaches({ watch: ['alice1', 'bobby1'] });
    scene.person('bobby1', 21).attaches();
    const second = scene.person('bobby1', 22).attaches();
    scene.hangsUp(second);
    expect(alice.got('seen').map((one) => [hexOf(one.nodeId), one.attached])).toEqual([
      [node(21), true],
      [node(22), true],
      [node(22), false],
    ]);
  });
});

describe('hiding', () => {
  it('from a person makes one unseen, unfound and unreachable to that person, and to nobody else', () => {
    const scene = new Scene();
    const carol = scene.person('carol1').attaches({ watch: ['alice1'] });
    const mallory = scene.person('mallory').attaches({ watch: ['alice1'] });
    const alice = scene.person('alice1').attaches({ hiddenFrom: ['Mallory'] });
    expect([carol.saw, mallory.saw]).toEqual([['+alice1'], []]);
    for (const who of [mallory, carol]) {
      who.says(message('lookup', { requestId: 2, name: 'alice1' }));
      who.says(message('search', { requestId: 3, pattern: 'alice', limit: 5 }));
      who.forwards(alice, 200);
    }
    expect(mallory.got('whereabouts')[0]?.nodeIds).toEqual([]);
    expect(mallory.got('searchResults')[0]?.hits).toEqual([]);
    expect(mallory.got('forwardFailed')).toHaveLength(1);
    expect(carol.got('whereabouts')[0]?.nodeIds).toHaveLength(1);
    expect(carol.got('searchResults')[0]?.hits).toHaveLength(1);
    expect(alice.got('forwarded')).toHaveLength(1);
  });

  it('begun later looks like leaving, and ended looks like coming', () => {
    const scene = new Scene();
    const mallory = scene.person('mallory').attaches({ watch: ['alice1'] });
    const alice = scene.person('alice1').attaches();
    alice.attaches({ hiddenFrom: ['mallory'] });
    alice.attaches({ hiddenFrom: ['mallory', 'other1'] });
    alice.attaches();
    expect(mallory.saw).toEqual(['+alice1', '-alice1', '+alice1']);
  });

  it('leaves no trace when one goes: whoever saw nothing come sees nothing leave', () => {
    const scene = new Scene();
    const mallory = scene.person('mallory').attaches({ watch: ['alice1'] });
    scene.hangsUp(scene.person('alice1').attaches({ hiddenFrom: ['mallory'] }));
    expect(mallory.saw).toEqual([]);
  });
});

describe('looking up', () => {
  it('finds every device of a name, whatever its case, and says so when there is none', () => {
    const scene = new Scene();
    scene.person('Bobby1', 21).attaches();
    scene.person('Bobby1', 22).attaches();
    const alice = scene.person('alice1').attaches();
    alice.says(message('lookup', { requestId: 2, name: 'bobby1' }));
    alice.says(message('lookup', { requestId: 3, name: 'nobody1' }));
    const [found, missing] = alice.got('whereabouts');
    expect(found?.nodeIds.map(hexOf).sort()).toEqual([node(21), node(22)]);
    expect(missing).toMatchObject({ requestId: 3, name: 'nobody1', nodeIds: [] });
  });

  it('of what is no name is refused, not repeated back', () => {
    const alice = new Scene().person('alice1').attaches();
    alice.says(message('lookup', { requestId: 2, name: 'x'.repeat(100_000) }));
    expect(alice.got('failure')).toMatchObject([{ requestId: 2, code: 'name-malformed' }]);
  });

  it('is for those who are attached', () => {
    const alice = new Scene().person('alice1');
    alice.says(message('lookup', { requestId: 2, name: 'bobby1' }));
    expect(alice.got('failure')).toMatchObject([{ requestId: 2, code: 'not-allowed' }]);
  });
});

describe('searching', () => {
  it('hands on no more of a pattern, and of where the page before ended, than could count', () => {
    const scene = new Scene();
    scene.person('bobby1').attaches({ displayName: 'a'.repeat(64) });
    const alice = scene.person('alice1').attaches();
    const queries: Query[] = [];
    Object.assign(scene.beyond, { search: (_now: number, _ticket: number, query: Query) => queries.push(query) });
    const [pattern, after] = ['a'.repeat(100_000), '3 '.padEnd(100_000, 'b')];
    alice.says(message('search', { requestId: 2, pattern, after, limit: 10 }));
    const [query] = queries as [Query];
    expect(query.pattern.length + query.after.length).toBeLessThan(300);
    const page = scene.index.search({ ...query, pattern, after });
    expect(page.hits).toMatchObject([{ name: 'bobby1' }]);
    expect(scene.index.search(query)).toEqual(page);
  });

  it('puts the very name first, then beginnings, then display names, each in order of the alphabet', () => {
    const scene = new Scene();
    for (const [name, displayName] of [
      ['bobby1', ''],
      ['bobby12', ''],
      ['bobby11', ''],
      ['alfred1', 'Uncle bobby1'],
      ['zeppo11', 'nobody'],
    ] as const)
      scene.person(name).attaches({ displayName });
    const alice = scene.person('alice1').attaches();
    alice.says(message('search', { requestId: 2, pattern: 'BOBBY1', limit: 10 }));
    const [result] = alice.got('searchResults');
    expect(result?.hits?.map((hit) => hit.name)).toEqual(['bobby1', 'bobby11', 'bobby12', 'alfred1']);
    expect(result?.complete).toBe(true);
  });

  it('shows nobody who does not want to be listed, and a person with two devices once', () => {
    const scene = new Scene();
    scene.person('bobby1', 21).attaches({ displayName: 'at home' });
    scene.person('bobby1', 22).attaches({ displayName: 'on the road' });
    scene.person('bobby2').attaches({ listed: false });
    const me = scene.person('bobby3').attaches();
    me.says(message('search', { requestId: 2, pattern: 'bobby', limit: 10 }));
    expect(me.got('searchResults')[0]?.hits?.map((hit) => hit.name)).toEqual(['bobby1', 'bobby3']);
  });

  it('goes on behind a page, as of the same minute', () => {
    const scene = new Scene();
    for (let i = 1; i <= 5; i++) scene.person(`person${i}`).attaches();
    const alice = scene.person('alice1').attaches();
    alice.says(message('search', { requestId: 2, pattern: 'person', limit: 3 }));
    const [first] = alice.got('searchResults');
    expect(first).toMatchObject({ complete: false, asOfMs: WALL_MS });
    const { next = '', asOfMs = 0 } = first ?? {};
    alice.says(message('search', { requestId: 3, pattern: 'person', limit: 3, after: next, asOfMs }));
    const [second] = alice.got('searchResults');
    expect(second?.hits?.map((hit) => hit.name)).toEqual(['person4', 'person5']);
    expect(second).toMatchObject({ complete: true, next: '', asOfMs: WALL_MS });
  });

  it.each([
    [0, 1, false],
    [3, 3, false],
    [1_000, SEARCH_HITS_MAX, false],
  ])('with limit %d gives %d hits and says whether that was all', (limit, count, complete) => {
    const scene = new Scene();
    for (let i = 0; i < SEARCH_HITS_MAX + 10; i++) scene.person(`person${i}`).attaches();
    const alice = scene.person('alice1').attaches();
    alice.says(message('search', { requestId: 2, pattern: 'person*', limit }));
    const [result] = alice.got('searchResults');
    expect(result?.hits).toHaveLength(count);
    expect(result?.complete).toBe(complete);
  });

  it('again and again is put off for a while, also for one who attaches anew to go on', () => {
    const scene = new Scene();
    const alice = scene.person('alice1', 9).attaches();
    const search = (who: Caller): Caller => who.says(message('search', { requestId: 2, pattern: 'bobby', limit: 10 }));
    for (let i = 0; i < SEARCH_BURST; i++) search(alice);
    expect(alice.got('searchResults')).toHaveLength(SEARCH_BURST);
    expect(search(alice).got('failure')).toMatchObject([{ code: 'busy', retryAfterMs: SEARCH_REFILL_MS }]);
    alice.says(message('detach'));
    const anew = scene.person('alice1', 9).attaches();
    expect(search(anew).got('failure')).toHaveLength(1);
    scene.passes(SEARCH_REFILL_MS);
    expect(search(anew).got('searchResults')).toHaveLength(1);
  });
});

describe('while the index is asked', () => {
  const search = (requestId: number) => message('search', { requestId, pattern: 'bobby', limit: 10 });
  const lookUp = (requestId: number) => message('lookup', { requestId, name: 'bobby1' });
  const publish = (requestId: number) => message('publish', { requestId });

  /** Questions that nobody answers, but by hand: their tickets. */
  const pondering = () => {
    const scene = new Scene();
    const tickets: number[] = [];
    const ask = (_now: number, ticket: number) => void tickets.push(ticket);
    Object.assign(scene.beyond, { hasOthers: true, search: ask, lookup: ask, publish: ask });
    return { scene, tickets, alice: scene.person('alice1').attaches() };
  };

  it('a client waits for its answer, and others for theirs', () => {
    const { scene, tickets, alice } = pondering();
    const bobby = scene.person('bobby1').attaches();
    alice.says(search(2));
    bobby.says(search(3));
    expect([...alice.got('searchResults'), ...bobby.got('searchResults')]).toEqual([]);
    const page = { hits: [{ name: 'carol1', displayName: 'Carol' }], next: '4 carol1', whole: true };
    scene.registrar.searched(tickets[1] as number, page, true);
    scene.registrar.searched(tickets[0] as number, { hits: [], next: '', whole: true }, false);
    scene.deliver();
    const carol = { hits: [{ name: 'carol1' }], next: '4 carol1', asOfMs: WALL_MS, complete: false };
    expect(bobby.got('searchResults')).toMatchObject([{ requestId: 3, ...carol }]);
    expect(alice.got('searchResults')).toMatchObject([{ requestId: 2, hits: [], complete: false }]);
  });

  it('a record is published when others have it, and not before', () => {
    const { scene, tickets, alice } = pondering();
    alice.says(publish(2)).says(publish(3));
    expect(alice.got('published')).toEqual([]);
    scene.registrar.published(tickets[0] as number, true);
    scene.registrar.published(tickets[1] as number, false);
    scene.deliver();
    expect(alice.got('published')).toMatchObject([{ requestId: 2 }]);
    expect(alice.got('failure')).toMatchObject([{ requestId: 3, code: 'busy', retryAfterMs: PUBLISH_RETRY_MS }]);
  });

  it('what is not answered in time is answered with what is known here, and said to be incomplete', () => {
    const { scene, tickets, alice } = pondering();
    const bobby = scene.person('bobby1').attaches();
    alice.says(search(2)).says(lookUp(3)).says(publish(4));
    scene.passes(QUESTION_LIMIT_MS - 10);
    expect(alice.got('whereabouts')).toEqual([]);
    expect(scene.registrar.wakeAt()).toBeLessThanOrEqual(scene.now + 10);
    scene.passes(10);
    expect(alice.got('searchResults')).toMatchObject([{ requestId: 2, hits: [], complete: false }]);
    const known = { requestId: 3, nodeIds: [bytesOf(bobby.nodeId)], incomplete: true };
    expect(alice.got('whereabouts')).toMatchObject([known]);
    expect(alice.got('failure')).toMatchObject([{ requestId: 4, code: 'busy' }]);
    for (const ticket of tickets) scene.registrar.found(ticket, [], true);
    scene.deliver();
    expect(alice.got('whereabouts')).toEqual([]);
  });

  it('a client may wait for so many answers, all clients together for so many, and who leaves waits for none', () => {
    const { scene, tickets, alice } = pondering();
    for (let i = 0; i < QUESTIONS_PER_CLIENT_MAX + 1; i += 1) alice.says(lookUp(i + 2));
    expect(alice.got('failure')).toMatchObject([{ requestId: QUESTIONS_PER_CLIENT_MAX + 2, code: 'busy' }]);
    scene.registrar.found(tickets[0] as number, [], true);
    scene.deliver();
    expect(alice.says(lookUp(500)).got('failure')).toEqual([]);
    const others = Array.from({ length: QUESTIONS_MAX / QUESTIONS_PER_CLIENT_MAX }, (_, i) =>
      scene.person(`person${i}`).attaches(),
    );
    for (const one of others) for (let i = 0; i < QUESTIONS_PER_CLIENT_MAX; i += 1) one.says(lookUp(i + 2));
    expect(tickets).toHaveLength(QUESTIONS_MAX + 1);
    expect(others.at(-1)?.got('failure')).toHaveLength(QUESTIONS_PER_CLIENT_MAX);
    scene.hangsUp(alice);
    const last = others.at(-1)?.says(lookUp(900));
    expect(last?.got('failure')).toEqual([]);
  });
});

describe('vouching', () => {
  const vouch = (to: { readonly nodeId: string }) => message('vouch', { target: bytesOf(to.nodeId) });
  const pair = () => {
    const scene = new Scene();
    return { scene, alice: scene.person('alice1').attaches(), bobby: scene.person('bobby1').attaches() };
  };

  it('tells one client, at the wish of another, at which host that other is seen now', () => {
    const { alice, bobby } = pair();
    alice.says(vouch(bobby), 'udp:198.51.100.7:61234');
    const [told] = bobby.got('vouched');
    expect(told?.host).toBe('198.51.100.7');
    expect(hexOf(told?.source ?? Buffer.alloc(0))).toBe(alice.nodeId);
    expect(alice.heard.filter((one) => one.message.kind === 'vouched')).toEqual([]);
  });

  it('says nothing of a host behind a stream, which may be a proxy for many', () => {
    const { alice, bobby } = pair();
    alice.says(vouch(bobby), 'tcp:198.51.100.7:61234');
    expect(bobby.got('vouched')).toEqual([]);
  });

  it('says nothing to those who hide from the asker, to nobody, and for those who are not attached', () => {
    const { scene, alice } = pair();
    const carol = scene.person('carol1').attaches({ hiddenFrom: ['alice1'] });
    alice.says(vouch(carol)).says(vouch({ nodeId: node(999) }));
    alice.says(message('vouch', { target: Buffer.alloc(100_000) }));
    scene.person('david1').says(vouch(carol));
    expect(carol.got('vouched')).toEqual([]);
  });

  it('costs as much as a forwarded packet', () => {
    const { alice, bobby } = pair();
    for (let i = 0; i < 2_000; i++) alice.says(vouch(bobby));
    expect(bobby.got('vouched')).toHaveLength(FORWARD_BURST_BYTES / FORWARD_BYTES_LEAST);
  });
});

describe('forwarding', () => {
  const pair = (relayKbps?: number) => {
    const scene = new Scene(relayKbps);
    const alice = scene.person('alice1').attaches();
    const bobby = scene.person('bobby1').attaches();
    return { scene, alice, bobby };
  };

  it('hands a sealed packet on with the sender’s node, reliably only when it would not fit a datagram', () => {
    const { alice, bobby } = pair();
    alice.forwards(bobby, FORWARD_DATAGRAM_BYTES_MAX).forwards(bobby, FORWARD_DATAGRAM_BYTES_MAX + 1);
    expect(bobby.heard.filter((one) => one.message.kind === 'forwarded').map((one) => one.reliable)).toEqual([
      false,
      true,
    ]);
    expect(hexOf(bobby.got('forwarded')[0]?.source ?? Buffer.alloc(0))).toBe(alice.nodeId);
  });

  it('says so when nobody of that node is here', () => {
    const { alice } = pair();
    alice.forwards({ nodeId: node(999) }, 200);
    expect(alice.got('forwardFailed').map((body) => hexOf(body.target))).toEqual([node(999)]);
  });

  it('answers no target that cannot be a node, however long it is', () => {
    const { scene, alice } = pair();
    alice.says(message('forward', { target: Buffer.alloc(100_000), packet: Buffer.alloc(1) }));
    alice.says(message('forward', { target: Buffer.alloc(0), packet: Buffer.alloc(1) }));
    expect(alice.got('forwardFailed')).toEqual([]);
    expect(scene.registrar.load(scene.now).refusedPackets).toBe(2);
  });

  it('gives a client its bytes a second and a burst, and no more by attaching anew', () => {
    const { scene, alice, bobby } = pair();
    for (let i = 0; i < 200; i++) alice.forwards(bobby, 1_000);
    expect(bobby.got('forwarded')).toHaveLength(Math.floor(FORWARD_BURST_BYTES / 1_000));
    scene.now += 1_000;
    const anew = scene.person('alice1', 1).attaches();
    for (let i = 0; i < 200; i++) anew.forwards(bobby, 1_000);
    expect(bobby.got('forwarded')).toHaveLength(FORWARD_BYTES_PER_SECOND / 1_000);
    expect(scene.registrar.load(scene.now).droppedByCap.person).toBeGreaterThan(100);
  });

  it('counts a tiny packet as what it costs, so that nobody is drowned in them', () => {
    const { alice, bobby } = pair();
    for (let i = 0; i < 5_000; i++) alice.forwards(bobby, 1);
    expect(bobby.got('forwarded')).toHaveLength(FORWARD_BURST_BYTES / FORWARD_BYTES_LEAST);
  });

  it('keeps within what the whole supernode relays, and then charges nobody', () => {
    const { scene, alice, bobby } = pair(8);
    for (let i = 0; i < 100; i++) alice.forwards(bobby, 1_000);
    const first = bobby.got('forwarded').length;
    scene.now += 2_000;
    for (let i = 0; i < 100; i++) alice.forwards(bobby, 1_000);
    expect(first).toBe(FORWARD_BURST_BYTES / 1_000);
    expect(bobby.got('forwarded')).toHaveLength(2);
  });

  it('is for those who are attached; a packet from anybody else is counted and not answered', () => {
    const { scene, bobby } = pair();
    const outside = scene.person('carol1');
    for (let i = 0; i < 50; i++) outside.forwards(bobby, 100);
    expect(outside.heard).toEqual([]);
    expect(bobby.got('forwarded')).toEqual([]);
    expect(scene.registrar.load(scene.now).refusedPackets).toBe(50);
  });

  it('shows its load', () => {
    const { scene, alice, bobby } = pair();
    alice.forwards(bobby, 500);
    expect(scene.registrar.load(scene.now)).toMatchObject({ clients: 2, forwardedPackets: 1, forwardedBytes: 500 });
  });
});

describe('other supernodes', () => {
  it('are named to a client that asks, a few times and then rarely', () => {
    const scene = new Scene();
    const alice = scene.person('alice1', 7).attaches();
    for (let requestId = 1; requestId <= ENTRIES_GET_BURST + 1; requestId++) {
      alice.says(message('entriesGet', { requestId }));
    }
    const told = alice.got('entries');
    expect(told).toHaveLength(ENTRIES_GET_BURST);
    expect(told[0]?.entries).toMatchObject([{ record: bytesOf(node(7)) }]);
    expect(alice.got('failure')).toMatchObject([{ code: 'busy', requestId: ENTRIES_GET_BURST + 1 }]);
    scene.passes(ENTRIES_GET_REFILL_MS);
    alice.attaches().says(message('entriesGet', { requestId: 99 }));
    expect(alice.got('entries').at(-1)?.requestId).toBe(99);
  });

  it('are not named to somebody who is not attached', () => {
    const stranger = new Scene().stranger();
    stranger.says(message('entriesGet', { requestId: 1 }));
    expect(stranger.got('entries')).toEqual([]);
    expect(stranger.got('failure')).toMatchObject([{ code: 'not-allowed' }]);
  });

  it('are named to whoever comes when all places are taken, before the refusal', () => {
    const scene = new Scene();
    scene.crowd(CLIENTS_PER_SUPERNODE_MAX, 'person');
    const late = scene.person('late01').attaches();
    expect(late.heard.map((one) => one.message.kind)).toEqual(['entries', 'failure']);
  });
});

describe('somebody in standby', () => {
  it('is seen, found and reached by those who are fully here, and hears of nobody', () => {
    const scene = new Scene();
    const bobby = scene.person('bobby1').attaches({ watch: ['alice1'] });
    const alice = scene.person('alice1').attaches({ watch: ['bobby1', 'carol1'], standby: true });
    expect(bobby.saw).toEqual(['+alice1']);
    expect(alice.present).toEqual([]);
    bobby.says(message('lookup', { requestId: 2, name: 'alice1' }));
    expect(bobby.got('whereabouts')[0]?.nodeIds.map(hexOf)).toEqual([alice.nodeId]);
    bobby.forwards(alice, 100);
    expect(alice.got('forwarded')).toHaveLength(1);
    scene.person('carol1').attaches({ standby: true });
    scene.hangsUp(bobby);
    expect(alice.saw).toEqual([]);
  });

  it('is told of somebody watched who comes to be fully here: their first supernodes may be one, and dead', () => {
    const scene = new Scene();
    const alice = scene.person('alice1').attaches({ watch: ['bobby1'], standby: true });
    const bobby = scene.person('bobby1').attaches({ standby: true });
    expect(alice.saw).toEqual([]);
    bobby.attaches();
    expect(alice.saw).toEqual(['+bobby1']);
    bobby.attaches();
    expect(alice.saw).toEqual([]);
  });

  it('that comes to be fully here is told who is, and is no news to those who saw it before', () => {
    const scene = new Scene();
    const bobby = scene.person('bobby1').attaches({ watch: ['alice1'] });
    const alice = scene.person('alice1').attaches({ watch: ['bobby1'], standby: true });
    expect([bobby.saw, alice.present]).toEqual([['+alice1'], []]);
    alice.attaches({ watch: ['bobby1'] });
    expect([bobby.saw, alice.present]).toEqual([[], ['bobby1']]);
    alice.attaches({ watch: ['bobby1'], standby: true });
    expect(bobby.saw).toEqual([]);
    scene.hangsUp(alice);
    expect(bobby.saw).toEqual(['-alice1']);
  });

  it('takes nobody a place: there is as much room for either, and the load tells both', () => {
    const scene = new Scene();
    scene.crowd(CLIENTS_PER_SUPERNODE_MAX, 'waits-', { standby: true });
    const late = scene.person('waits-too').attaches({ standby: true });
    expect(late.got('failure')).toMatchObject([{ code: 'busy' }]);
    const alice = scene.person('alice1').attaches();
    expect(alice.got('attached')).toHaveLength(1);
    expect(scene.registrar.load(scene.now)).toMatchObject({ clients: 1, standbys: CLIENTS_PER_SUPERNODE_MAX });
  });

  it('is told when its first supernode is doubted, and nobody else is', () => {
    const scene = new Scene();
    const [first, other] = [node(900), node(901)];
    const standby = (name: string, of: string): Caller =>
      scene.person(name).says(message('attach', { requestId: 1, standby: true, first: bytesOf(of) }));
    const alice = standby('alice1', first);
    const others = [standby('bobby1', other), scene.person('carol1').attaches()];
    scene.registrar.doubted(first);
    scene.deliver();
    expect(alice.got('firstDoubted').map(({ supernode }) => hexOf(supernode))).toEqual([first]);
    expect(others.flatMap((one) => one.got('firstDoubted'))).toEqual([]);
    // Risen, it has no other first one.
    alice.attaches();
    scene.registrar.doubted(first);
    scene.deliver();
    expect(alice.got('firstDoubted')).toEqual([]);
  });
});

describe('a supernode with too much to do', () => {
  it('that is full sends a newcomer on, in one answer, and says when to come back', () => {
    const scene = new Scene(1_000, { clientsMax: 3, lessLoaded: [node(77), node(78)] });
    const here = scene.crowd(3, 'client');
    const late = scene.person('late01').attaches();
    const [redirect] = late.got('redirect');
    expect(redirect?.requestId).toBe(1);
    expect(redirect?.entries.map(({ record }) => hexOf(record ?? Buffer.alloc(0)))).toEqual([node(77), node(78)]);
    expect(redirect?.retryAfterMs).toBeGreaterThanOrEqual(3_000);
    expect(redirect?.retryAfterMs).toBeLessThanOrEqual(9_000);
    expect(late.heard).toEqual([]);
    // Who is here already stays, whatever they say anew.
    here[0]?.attaches({ watch: ['late01'] });
    expect(here[0]?.got('redirect')).toEqual([]);
  });

  it('sheds searches first, then newcomers, look-ups last; leases go on', () => {
    const scene = new Scene(1_000, { lessLoaded: [node(77)] });
    const crowd = scene.crowd(60, 'client');
    scene.passes(5_000);
    const count = (kind: MessageKind): number => crowd.reduce((sum, one) => sum + one.got(kind).length, 0);
    count('attached');
    // Twenty times what is usual, all in one instant.
    for (let i = 0; i < 5; i++)
      for (const one of crowd) one.says(message('search', { requestId: 2 + i, pattern: 'client', limit: 50 }));
    const answered = count('searchResults');
    expect(answered).toBeGreaterThan(50);
    expect(answered).toBeLessThan(100);
    expect(count('failure')).toBe(5 * 60 - answered);
    const newcomers = Array.from({ length: 100 }, (_, i) => scene.person(`new-${i}`).attaches());
    const taken = newcomers.filter((one) => one.got('attached').length === 1).length;
    expect(taken).toBeGreaterThan(30);
    expect(newcomers.filter((one) => one.got('redirect').length === 1)).toHaveLength(100 - taken);
    for (const one of crowd) one.says(message('lookup', { requestId: 9, name: 'client7' }));
    expect(count('whereabouts')).toBe(60);
    for (const one of crowd) one.says(message('keepAlive', { id: 3 }));
    expect(crowd.flatMap((one) => one.got('keepAliveReply').map(({ attached }) => attached))).toEqual(
      crowd.map(() => true),
    );
    expect(scene.registrar.loadPermille(scene.now)).toBe(1_000);
    expect(scene.registrar.shed).toMatchObject({ search: 5 * 60 - answered, attach: 100 - taken, lookup: 0 });
    scene.passes(3_000);
    crowd[0]?.says(message('search', { requestId: 20, pattern: 'client', limit: 50 }));
    expect(count('searchResults')).toBe(1);
  });

  it('takes those who rise from standby all the same, as far as there is room', () => {
    const scene = new Scene(1_000, { clientsMax: 120, lessLoaded: [node(77)] });
    const crowd = scene.crowd(120, 'client', { standby: true });
    for (const one of crowd) one.got('attached');
    for (let i = 0; i < 200; i++) scene.person(`new-${i}`).attaches({ standby: true });
    for (const one of crowd) one.attaches();
    expect(crowd.filter((one) => one.got('attached').length === 1)).toHaveLength(120);
  });

  it('notices by its own clock that it comes too late, and takes nothing new for a while', () => {
    const scene = new Scene();
    const alice = scene.person('alice1').attaches();
    scene.now += 1_500;
    scene.registrar.wake(scene.now);
    expect(scene.person('bobby1').attaches().got('failure')).toMatchObject([{ code: 'busy' }]);
    alice.says(message('lookup', { requestId: 3, name: 'bobby1' }));
    expect(alice.got('whereabouts')).toHaveLength(1);
    scene.passes(2_500);
    expect(scene.person('carol1').attaches().got('attached')).toHaveLength(1);
  });
});

describe('a supernode that stops', () => {
  it('sends everybody away, one after the other, lets nobody in, and tells nobody that somebody has gone', () => {
    const scene = new Scene();
    const people = ['alice1', 'bobby1', 'carol1'].map((name) => scene.person(name).attaches({ watch: ['alice1'] }));
    for (const person of people) expect(person.saw.length).toBeLessThanOrEqual(1);
    scene.registrar.leave();
    scene.deliver();
    const after = people.map((person) => person.got('leaving').map(({ afterMs }) => afterMs));
    expect(after).toEqual([[0], [LEAVE_GAP_MS], [2 * LEAVE_GAP_MS]]);
    expect(scene.person('david1').attaches().got('failure')).toMatchObject([{ code: 'busy' }]);
    const [alice, bobby] = people;
    if (!alice || !bobby) throw new Error('nobody came');
    scene.hangsUp(alice);
    expect(bobby.saw).toEqual([]);
    expect(scene.registrar.empty).toBe(false);
    for (const person of people) scene.hangsUp(person);
    expect(scene.registrar.empty).toBe(true);
  });

  it('has sent the last of many away within two seconds', () => {
    const scene = new Scene();
    const many = scene.crowd(CLIENTS_PER_SUPERNODE_MAX, 'name-');
    scene.registrar.leave();
    scene.deliver();
    const latest = Math.max(...many.map((person) => person.got('leaving')[0]?.afterMs ?? 0));
    expect(latest).toBeGreaterThan(LEAVE_SPREAD_MS_MAX / 2);
    expect(latest).toBeLessThanOrEqual(LEAVE_SPREAD_MS_MAX);
  });
});

describe('a device that its account has revoked', () => {
  const wordOn = ({ name, nodeId }: Caller): RevokedWord => ({
    ...{ name: name.toUpperCase(), nodeId, untilMs: WALL_MS },
    signed: { revocation: Buffer.from(nodeId), signature: Buffer.of(1) },
  });

  it('is turned out with the word that says so, is seen to leave, and is not let in again', () => {
    const scene = new Scene();
    const bobby = scene.person('bobby1').attaches({ watch: ['alice1'] });
    const [phone, desk] = [scene.person('alice1').attaches(), scene.person('alice1').attaches()];
    expect(bobby.saw).toEqual(['+alice1', '+alice1']);
    const word = wordOn(phone);
    scene.revoked.push(word);
    scene.registrar.revoke(word);
    scene.deliver();
    expect(phone.got('revokedTold')).toMatchObject([{ words: [word.signed] }]);
    expect(phone.got('failure')).toMatchObject([{ code: 'device-revoked' }]);
    expect(bobby.saw).toEqual(['-alice1']);
    expect(phone.says(message('keepAlive', { id: 1 })).got('keepAliveReply')).toMatchObject([{ attached: false }]);
    for (const standby of [false, true]) {
      phone.heard.length = 0;
      phone.attaches({ standby });
      expect(phone.heard.map(({ message: { kind } }) => kind)).toEqual(['revokedTold', 'failure']);
      expect(phone.got('failure')).toMatchObject([{ requestId: 1, code: 'device-revoked' }]);
    }
    expect(phone.says(message('lookup', { requestId: 2, name: 'bobby1' })).got('failure')).toMatchObject([
      { code: 'not-allowed' },
    ]);
    expect(desk.says(message('keepAlive', { id: 1 })).got('keepAliveReply')).toMatchObject([{ attached: true }]);
  });

  it('is not that of somebody else who was certified for the same key', () => {
    const scene = new Scene();
    const bobby = scene.person('bobby1', 7).attaches();
    scene.registrar.revoke({ ...wordOn(bobby), name: 'mallory' });
    scene.deliver();
    expect(bobby.says(message('keepAlive', { id: 1 })).got('keepAliveReply')).toMatchObject([{ attached: true }]);
    expect(bobby.got('failure')).toEqual([]);
  });
});
