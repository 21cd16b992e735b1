/**
 * What is played on a network of supernodes, and what is measured of it. Each scenario begins with a network that has
 * joined and people who have published themselves, or that stands so from the first (`joined`: false), and gives
 * figures; the oracle is one full copy of the index.
 */
import { REATTACH_BACKOFF_MS } from '../../src/net/protocol/params.ts';
import { type Answer, OverlayWorld, type Person, people } from './overlay-world.ts';

export const SCENARIOS = ['join', 'publish', 'search', 'kill', 'churn', 'storm', 'partition'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export interface Options {
  readonly seed: number;
  readonly supernodes: number;
  readonly users: number;
  /** Share of messages that are lost; reliable ones come later. */
  readonly loss: number;
  readonly scenario: Scenario;
  /** Supernodes join one by one and everybody publishes; else the network stands, and some publish. */
  readonly joined: boolean;
  /** Searches of each kind. */
  readonly searches: number;
  readonly progress: (text: string) => void;
}

export interface Sample {
  readonly atMs: number;
  readonly messages: number;
  readonly bytes: number;
  /** Share of the clients that have a supernode, in percent, where that is played. */
  readonly online?: number;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** Once a virtual second: all messages and bytes so far. */
  readonly samples: readonly Sample[];
}

/** Sign-ins a second in the whole network. */
const PUBLISH_PER_SECOND = 200;
/** Attaches that one supernode does in a second: handshakes are what costs. */
const ATTACHES_PER_SECOND = 50;
/** A client notices that its supernode is gone. */
const NOTICED_MS = 5_000;
/** A program that starts again, the slowest. */
const RESTART_MS = 10_000;
const DEAD_SHARE = 0.3;
/** People of a network that stands who publish themselves all the same. */
const PUBLISHED_MAX = 500;
/** In larger networks the news of a third of all deaths at once is more than this process plays in minutes. */
const REPAIR_SUPERNODES_MAX = 512;
/** Supernodes that go in a second under churn, of all; each comes back 20 s later: a mean life of 100 s. */
const CHURN_SHARE = 0.01;

export function play(options: Options): Outcome {
  const scene = new Scene(options);
  scene.begin();
  if (options.scenario === 'join') return scene.outcome();
  scene.publishAll();
  if (options.scenario === 'churn') scene.churn();
  if (options.scenario === 'search') scene.search();
  if (options.scenario === 'kill') scene.kill();
  if (options.scenario === 'storm') scene.storm();
  if (options.scenario === 'partition') scene.partition();
  return scene.outcome();
}

class Scene {
  readonly world: OverlayWorld;
  readonly crowd: readonly Person[];
  readonly #options: Options;
  readonly #figures: Figure[] = [];
  readonly #samples: Sample[] = [];

  constructor(options: Options) {
    this.#options = options;
    const { seed, supernodes, loss, users } = options;
    this.world = new OverlayWorld({ seed, supernodes, loss });
    this.crowd = people(users, seed);
    this.#sample();
  }

  outcome(): Outcome {
    return { figures: this.#figures, samples: this.#samples };
  }

  begin(): void {
    const { joined, scenario, progress } = this.#options;
    if (joined || scenario === 'join') {
      this.world.startAll();
      const took = this.world.until(() => this.world.settled(), 180_000, 1_000);
      this.#figure('all know all and hold their slots after', took / 1_000, 's');
    } else {
      this.world.standAll(this.crowd.slice(Math.min(PUBLISHED_MAX, this.crowd.length / 2)));
      progress(`${this.world.ids.length} supernodes stand`);
    }
  }

  publishAll(): void {
    const { world } = this;
    const { joined } = this.#options;
    const crowd = joined ? this.crowd : this.crowd.slice(0, Math.min(PUBLISHED_MAX, this.crowd.length / 2));
    const times: number[] = [];
    const kinds = ['slotPut', 'slotTaken'] as const;
    const [puts, all] = [world.sent('slotPut'), world.sent(...kinds)];
    crowd.forEach((person, number) => {
      world.after((number * 1_000) / PUBLISH_PER_SECOND, () => {
        world.publish(world.someone(), person, ({ complete, tookMs }) => complete && times.push(tookMs));
      });
    });
    for (let left = crowd.length; left > 0; left -= 2 * PUBLISH_PER_SECOND) {
      world.advance(2_000);
      this.#options.progress(`${times.length} of ${crowd.length} published`);
    }
    world.advance(5_000);
    this.#figure('published', (100 * times.length) / crowd.length, '%');
    this.#figure('a publication takes, p95', quantile(times, 0.95), 'ms');
    this.#figure(
      'puts for one publication, splits and repairs included',
      (world.sent('slotPut') - puts) / crowd.length,
      '',
    );
    this.#figure('puts and acknowledgements', (world.sent(...kinds) - all) / crowd.length, '');
    world.advance(joined ? 30_000 : 3_000);
    const [begin, bytes, sent] = [world.now, world.sentBytes(), world.sent()];
    world.advance(joined ? 30_000 : 10_000);
    const each = ((world.now - begin) / 1_000) * world.alive.size;
    this.#figure('at rest, a supernode sends', (world.sentBytes() - bytes) / each, 'B/s');
    this.#figure('at rest, a supernode sends', (world.sent() - sent) / each, 'messages/s');
    const held = [...world.alive.values()].map(({ index }) => index.shelf.store.size);
    this.#figure('records of one supernode, median', quantile(held, 0.5), '');
    this.#figure('records of one supernode, most', Math.max(...held), '');
    const states = [...world.alive.values()].slice(0, 200).map((one) => world.stateBytes(one));
    this.#figure('state of one supernode, median', quantile(states, 0.5) / 1_000, 'kB');
    this.#figure('leaves', [...world.alive.values()][0]?.index.leaves.size ?? 0, '');
  }

  search(): void {
    this.#ask('exact name', (one) => one.name);
    this.#ask('unknown name', (one) => `${one.name}x`);
    this.#ask('beginning of a name', (one) => one.name.slice(0, 8));
    this.#ask('word', (one) => one.displayName.split(' ')[1] ?? '');
    this.#ask('two words', (one) => one.displayName);
    this.#ask('wildcard', (one) => `${one.name.slice(0, 4)}*${one.name.at(-1)}`);
  }

  kill(): void {
    const { world } = this;
    for (const id of world.ids.slice(0, Math.round(DEAD_SHARE * world.ids.length))) world.kill(id);
    this.#findAll('at once after 30 % died');
    if (world.ids.length > REPAIR_SUPERNODES_MAX) return;
    world.advance(60_000);
    this.#findAll('60 s after 30 % died');
    this.search();
  }

  /** Supernodes go without a word and come back with nothing, one after the other, for a minute; names are looked up. */
  churn(): void {
    const { world } = this;
    const gapMs = 1_000 / Math.max(1, Math.round(CHURN_SHARE * world.ids.length));
    let gone = 0;
    const goes = (): void => {
      const id = world.someone();
      gone += 1;
      world.kill(id);
      world.after(20_000, () => world.start(id, [world.someone(), world.someone(), world.someone()]));
    };
    for (let at = 0; at < 60_000; at += gapMs) world.after(at, goes);
    for (let round = 1; round <= 3; round += 1) {
      world.advance(18_000);
      this.#findAll(`under churn, ${round * 20} s`);
    }
    this.#figure('supernodes that went, of all', (100 * gone) / world.ids.length, '%');
  }

  /** All supernodes start again within seconds and have forgotten everything, as in 2007 and 2010; clients come back. */
  storm(): void {
    const { world, crowd } = this;
    const began = world.now;
    for (const id of world.ids) {
      world.kill(id);
      world.after(RESTART_MS * world.chance.fraction(), () => world.start(id, world.ids.slice(0, 20)));
    }
    const attached: number[] = [];
    const load = new Map<string, number>();
    let tries = 0;
    const attempt = (person: Person, failures: number): void => {
      const home = world.ids[world.chance.between(0, world.ids.length - 1)] as string;
      const second = `${home} ${Math.floor((world.now - began) / 1_000)}`;
      const count = (load.get(second) ?? 0) + 1;
      load.set(second, count);
      tries += 1;
      if (world.alive.has(home) && count <= ATTACHES_PER_SECOND) {
        attached.push(world.now - began);
        return world.publish(home, person);
      }
      const backOffMs = REATTACH_BACKOFF_MS[Math.min(failures, REATTACH_BACKOFF_MS.length - 1)] as number;
      world.after(backOffMs * (0.5 + world.chance.fraction()), () => attempt(person, failures + 1));
    };
    for (const person of crowd) world.after(NOTICED_MS * world.chance.fraction(), () => attempt(person, 0));
    world.until(() => attached.length === crowd.length, 300_000, 1_000);
    this.#figure('95 % of clients are back after', quantile(attached, 0.95) / 1_000, 's');
    this.#figure('all clients are back after', quantile(attached, 1) / 1_000, 's');
    this.#figure('attempts for each client', tries / crowd.length, '');
    this.#figure('most attempts at one supernode in one second', Math.max(...load.values()), '');
    world.until(() => world.settled(), 300_000, 1_000);
    this.#figure('all know all again after', (world.now - began) / 1_000, 's');
    world.advance(10_000);
    this.#findAll('after the storm');
  }

  /** Two halves for a minute; people sign in, in both. */
  partition(): void {
    const { world, crowd } = this;
    for (const [place, id] of world.ids.entries()) world.part.set(id, place % 2);
    world.advance(15_000);
    for (const person of crowd.slice(0, Math.min(500, crowd.length))) {
      world.after(30_000 * world.chance.fraction(), () => world.publish(world.someone(), person));
    }
    world.advance(45_000);
    this.#findAll('while parted');
    world.part.clear();
    const healed = world.until(() => world.settled(), 300_000, 1_000);
    this.#figure('all know all again after', healed / 1_000, 's');
    world.advance(30_000);
    this.#findAll('30 s after that');
    this.search();
  }

  /** All within a second. */
  #findAll(when: string): void {
    const { world, crowd } = this;
    const { searches } = this.#options;
    let [answers, found, complete, newest] = [0, 0, 0, 0];
    for (let i = 0; i < searches; i += 1) {
      const person = crowd[world.chance.between(0, crowd.length - 1)] as Person;
      world.after((1_000 * i) / searches, () => {
        const expected = world.oracle.get(person.nodeId)?.sequence;
        world.find(world.someone(), person.name, (answer) => {
          answers += 1;
          if (answer.records.length > 0) found += 1;
          if (answer.complete) complete += 1;
          if (answer.records[0]?.sequence === expected) newest += 1;
        });
      });
    }
    world.until(() => answers === searches, 6_000, 50);
    this.#options.progress(`${when}: ${found} of ${searches} found`);
    this.#figure(`exact names found ${when}`, (100 * found) / searches, '%');
    this.#figure(`newest record ${when}`, (100 * newest) / searches, '%');
    this.#figure(`complete answers ${when}`, (100 * complete) / searches, '%');
  }

  /** One search after another, from anywhere; the oracle has the same page in mind. */
  #ask(kind: string, patternOf: (one: Person) => string): void {
    const { world, crowd } = this;
    const { searches } = this.#options;
    const [times, messages]: [number[], number[]] = [[], []];
    let [same, complete, wrong] = [0, 0, 0];
    for (let i = 0; i < searches; i += 1) {
      const person = crowd[world.chance.between(0, crowd.length - 1)] as Person;
      const query = { pattern: patternOf(person), limit: 50, after: '', asOfMs: world.asOfMs };
      const before = world.sent('slotAsk', 'slotAnswer');
      const isExact = kind === 'exact name' || kind === 'unknown name';
      const answer = world.answerTo((then) => {
        if (isExact) world.find(world.someone(), query.pattern, then);
        else world.search(world.someone(), query, then);
      });
      times.push(answer.tookMs);
      messages.push(world.sent('slotAsk', 'slotAnswer') - before);
      if (answer.complete) complete += 1;
      if (isExact ? this.#sameRecords(answer, query.pattern) : samePage(answer, world.oracle.search(query))) same += 1;
      else if (answer.complete) wrong += 1;
    }
    this.#options.progress(`${kind}: ${same} of ${searches} as the oracle`);
    this.#figure(`${kind}: as the oracle`, (100 * same) / searches, '%');
    this.#figure(`${kind}: otherwise, and not said to be incomplete`, wrong, '');
    this.#figure(`${kind}: complete`, (100 * complete) / searches, '%');
    this.#figure(`${kind}: messages, mean`, messages.reduce((sum, one) => sum + one, 0) / searches, '');
    this.#figure(`${kind}: messages, most`, Math.max(...messages), '');
    this.#figure(`${kind}: takes, p95`, quantile(times, 0.95), 'ms');
  }

  #sameRecords({ records }: Answer, name: string): boolean {
    const expected = this.world.oracle.find(name, this.world.asOfMs);
    return records.length === expected.length && records.every((one, i) => one.sequence === expected[i]?.sequence);
  }

  #figure(name: string, value: number, unit: string): void {
    this.#figures.push({ name, value, unit });
  }

  #sample(): void {
    const { world } = this;
    this.#samples.push({ atMs: world.now, messages: world.sent(), bytes: world.sentBytes() });
    world.after(1_000, () => this.#sample());
  }
}

function samePage({ page }: Answer, expected: object): boolean {
  return JSON.stringify(page) === JSON.stringify(expected);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
