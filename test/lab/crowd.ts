/**
 * Ten real supernodes and thirty real people in the lab, over cables that lose packets: five people at each of six
 * kinds of place, a network that is large enough for supernodes to die in, to be cut off from one another, and to come
 * back. `ten-supernodes.test.ts` plays the scenes, `npm run lab -- --crowd` the same with all times.
 */
import type { SearchReport } from '../../src/store/port.ts';
import type { Place } from '../places.ts';
import { untilAsync } from '../support/private-network.ts';
import { Lab } from './lab.ts';
import { LabPerson } from './lab-person.ts';
import { WrenNetwork } from './wren-network.ts';

export interface CrowdWish {
  readonly supernodes: number;
  readonly places: readonly Place[];
  readonly peopleAtPlace: number;
  /** Of each cable, each way. */
  readonly loss: number;
  readonly delayMs: number;
}

export const CROWD: CrowdWish = {
  supernodes: 10,
  places: ['PUB', 'PR', 'SYM', 'UDPX', '443X', 'SAME'],
  peopleAtPlace: 5,
  loss: 0.02,
  delayMs: 5,
};

/** Two cores: more at once would only wait for one another. */
const AT_ONCE = 4;
/** Half as often as one may search for long. */
const LOOK_EVERY_MS = 1_000;

export class Crowd {
  readonly network: WrenNetwork;
  /** Hosts of the supernodes. */
  readonly supernodes: readonly string[];
  readonly people: LabPerson[] = [];
  readonly #invites: readonly string[];

  private constructor(network: WrenNetwork, supernodes: readonly string[], invites: readonly string[]) {
    this.network = network;
    this.supernodes = supernodes;
    this.#invites = invites;
  }

  /** Everybody is signed up, each by the invite of another supernode. */
  static async start(wish: CrowdWish, say: (line: string) => void = () => {}): Promise<Crowd> {
    const { loss, delayMs } = wish;
    const lab = await Lab.start({ link: { loss, delayMs } });
    try {
      const network = await WrenNetwork.start(lab);
      const others = Array.from({ length: wish.supernodes - 1 }, (_, index) => `supernode${index + 2}`);
      for (const host of others) await lab.place('PUB', host);
      const invites = [network.invite, ...(await atMost(others, (host) => network.addSupernode(host)))];
      say(`${invites.length} supernodes serve`);
      const crowd = new Crowd(network, ['supernode', ...others], invites);
      for (const place of wish.places) await lab.place(place, hostAt(place));
      const everybody = wish.places.flatMap((place) =>
        Array.from({ length: wish.peopleAtPlace }, (_, number) => ({
          host: hostAt(place),
          name: nameAt(place, number),
        })),
      );
      await atMost(everybody, (who) => crowd.join(who));
      say(`${crowd.people.length} people are signed in`);
      return crowd;
    } catch (error) {
      await lab.stop();
      throw error;
    }
  }

  /** Somebody more. `at`: the number of the supernode whose invite is used; that of the person otherwise. */
  async join(who: { readonly host: string; readonly name: string }, at = this.people.length): Promise<LabPerson> {
    const invite = this.#invites[at % this.#invites.length]!;
    const person = await LabPerson.join(this.network, { ...who, profile: who.name, invite });
    this.people.push(person);
    const { ok, why } = await person.signUp();
    if (!ok) throw new Error(`${who.name} at ${who.host} did not sign up: ${why}`);
    return person;
  }

  /** One of each place: what they find must be the same. */
  viewers(): LabPerson[] {
    return this.people.filter(({ name }) => name.startsWith('viewer'));
  }

  /** Of the supernodes that a person is attached to, the hosts; the first one first. */
  async homesOf(person: LabPerson): Promise<string[]> {
    const { supernode, standby, connection } = await person.state();
    const ends = connection === 'online' ? [supernode?.endpoint, standby] : [];
    return ends.flatMap(
      (end) => this.supernodes.find((host) => end?.includes(`:${this.network.lab.address(host)}:`)) ?? [],
    );
  }

  /** Resolves with how long it took, ms, until nine of ten, and then all, are online, and not at one of these hosts. */
  async everybodyOnline(limitMs: number, except: readonly string[] = []): Promise<readonly [number, number]> {
    const beganAt = performance.now();
    let mostMs: number | undefined;
    const away = async (): Promise<string[]> => {
      const homes = await Promise.all(this.people.map((person) => this.homesOf(person)));
      const left = this.people.flatMap(({ name }, index) => {
        const [first] = homes[index]!;
        return first === undefined || except.includes(first) ? [`${name} (${homes[index]})`] : [];
      });
      if (left.length <= this.people.length / 10) mostMs ??= Math.round(performance.now() - beganAt);
      return left;
    };
    const allMs = await until(away, limitMs, 'everybody online');
    return [mostMs ?? allMs, allMs];
  }

  /** What the viewers find, as texts. */
  answers(pattern: string): Promise<string[]> {
    return Promise.all(this.viewers().map((viewer) => viewer.search(pattern).then(textOf, String)));
  }

  /** Resolves with how long it took until all viewers find these names and no others, and call it complete. */
  sameEverywhere(pattern: string, names: readonly string[], limitMs: number): Promise<number> {
    const wanted = textOf({ hits: names.toSorted().map((name) => ({ name, displayName: name })), complete: true });
    const wrong = async (): Promise<string[]> =>
      (await this.answers(pattern)).flatMap((answer, index) =>
        answer === wanted ? [] : [`${this.viewers()[index]?.name}: ${answer}`],
      );
    return until(wrong, limitMs, `${pattern} the same everywhere: ${wanted}`);
  }

  /** Each name is looked for from each place, by its people in turn, for a search costs. What was not found, or not for sure. */
  async missingByName(): Promise<string[]> {
    const missing: string[] = [];
    await atMost([...new Set(this.people.map(({ host }) => host))], async (place) => {
      const here = this.people.filter(({ host }) => host === place);
      for (const [index, { name }] of this.people.entries()) {
        const asker = here.filter((one) => one.name !== name)[index % Math.max(1, here.length - 1)];
        if (!asker) continue;
        const { hits, complete } = await asker.search(name);
        if (hits.length !== 1 || hits[0]?.name !== name || !complete) missing.push(`${name} by ${asker.name}`);
      }
    });
    return missing;
  }

  /** What `wren search --json` prints for the viewers, but for the time it took. */
  printedLists(pattern: string): Promise<string[]> {
    return Promise.all(
      this.viewers().map(async ({ host, name }) => {
        const { stdout } = await this.network.wrenAs({ host, profile: name }, 'search', pattern, '--json').done;
        return stdout.replace(/"tookMs":[^}]*/, '');
      }),
    );
  }

  /** A host reaches these supernodes no more. */
  keepFrom(host: string, supernodes: readonly string[]): void {
    this.network.lab.block(host, `ip daddr ${this.#setOf(supernodes)}`);
  }

  /** Nothing goes between these supernodes and those any more, until the undoing is called. */
  cut(some: readonly string[], others: readonly string[]): () => void {
    const { lab } = this.network;
    const undo = [
      ...some.map((host) => lab.block(host, `ip daddr ${this.#setOf(others)}`)),
      ...others.map((host) => lab.block(host, `ip daddr ${this.#setOf(some)}`)),
    ];
    return () => {
      for (const heal of undo) heal();
    };
  }

  /** For nftables. */
  #setOf(hosts: readonly string[]): string {
    return `{ ${hosts.map((host) => this.network.lab.address(host)).join(', ')} }`;
  }

  async stop(): Promise<void> {
    await this.network.lab.stop();
  }
}

/** Without how long it took: the rest is the same from everywhere. */
export function textOf({ hits, complete }: Pick<SearchReport, 'hits' | 'complete'>): string {
  return JSON.stringify({ hits, complete });
}

export function nameAt(place: Place, number: number): string {
  // The first of each place is the one who looks.
  return `${number === 0 ? 'viewer' : 'member'}-${place.toLowerCase().replace("'", 't')}-${number}`;
}

function hostAt(place: Place): string {
  return `at-${place.toLowerCase().replace("'", 't')}`;
}

/** Resolves with the time it took until nothing is left of what `wrong` tells; rejects with that. */
async function until(wrong: () => Promise<string[]>, limitMs: number, what: string): Promise<number> {
  const beganAt = performance.now();
  let left: string[] = [];
  const isRight = async (): Promise<boolean> => {
    left = await wrong();
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    return left.length === 0;
  };
  await untilAsync(isRight, limitMs, () => `${what}; after ${limitMs} ms not: ${left.join('; ')}`);
  return Math.round(performance.now() - beganAt);
}

async function atMost<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...all.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
