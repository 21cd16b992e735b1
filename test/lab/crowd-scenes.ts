/**
 * What happens to the crowd (`crowd.ts`), one scene after the other: everybody is found, three supernodes die, they come
 * back, the network is cut in halves. Each scene tells times, and resolves with what was not as it should be.
 */
import { Crowd, type CrowdWish } from './crowd.ts';
import type { LabPerson } from './lab-person.ts';

const KILLED = 3;
/** N4: all are back after a minute, whoever lost both supernodes by his own keep-alive only. N11: so are all names. */
const BACK_MS = 60_000;
const SAME_MS = 60_000;
/** Long enough that each half takes the other for dead. */
const CUT_MS = 10_000;

export class CrowdScenes {
  readonly #crowd: Crowd;
  readonly #say: (line: string) => void;
  #members: string[];
  #killed: readonly string[] = [];

  private constructor(crowd: Crowd, say: (line: string) => void) {
    this.#crowd = crowd;
    this.#say = say;
    this.#members = crowd.people.map(({ name }) => name).filter((name) => name.startsWith('member'));
  }

  static async start(wish: CrowdWish, say: (line: string) => void): Promise<CrowdScenes> {
    return new CrowdScenes(await Crowd.start(wish, say), say);
  }

  async everybodyIsFound(): Promise<string[]> {
    await this.#sameList('the same list everywhere after');
    const lists = await this.#crowd.printedLists('member*');
    const problems = await this.#crowd.missingByName();
    if (new Set(lists).size !== 1) problems.push(`not the same bytes: ${[...new Set(lists)].join('\n')}`);
    const lines = lists[0]?.trim().split('\n').length ?? 0;
    if (lines !== this.#members.length + 1) problems.push(`${lines} lines for ${this.#members.length} people`);
    return problems;
  }

  /** Among them both of somebody, who has to find another by himself. */
  async threeDie(): Promise<string[]> {
    const { supernodes, people, network } = this.#crowd;
    const homes = await this.#crowd.homesOf(people.at(-1)!);
    this.#killed = [...new Set([...homes, ...supernodes.slice(1)])].slice(0, KILLED);
    for (const host of this.#killed) network.server(host).kill('SIGKILL');
    const [mostMs, allMs] = await this.#crowd.everybodyOnline(BACK_MS, this.#killed);
    this.#say(`nine of ten online ${mostMs} ms after three died, all after ${allMs} ms`);
    await this.#sameList('the same list everywhere after');
    const problems = await this.#crowd.missingByName();
    const viewers = this.#crowd.viewers();
    for (const [caller, callee] of [
      [viewers[3], viewers[5]],
      [viewers[0], people.at(-1)],
    ] as const) {
      problems.push(...(await this.#call(caller!, callee!)));
    }
    return problems;
  }

  async theyComeBack(): Promise<string[]> {
    for (const host of this.#killed) await this.#crowd.network.addSupernode(host);
    const [host = ''] = this.#killed;
    await this.#crowd.network.lab.place('PUB', 'newcomer');
    const who = { host: 'newcomer', name: 'member-new' };
    const newcomer = await this.#crowd.join(who, this.#crowd.supernodes.indexOf(host));
    const problems: string[] = [];
    const [home] = await this.#crowd.homesOf(newcomer);
    if (home !== host) problems.push(`the newcomer is at ${home}, not at ${host}`);
    const tookMs = await this.#crowd.sameEverywhere(newcomer.name, [newcomer.name], SAME_MS);
    this.#say(`somebody who arrived by one that came back is found everywhere after ${tookMs} ms`);
    const found = (await newcomer.search('member*')).hits.map(({ name }) => name);
    for (const name of this.#members) if (!found.includes(name)) problems.push(`the newcomer does not find ${name}`);
    this.#members.push(newcomer.name);
    return problems;
  }

  /** Five from five. Of two who arrive meanwhile each reaches one half only. */
  async cutInHalves(): Promise<string[]> {
    const { supernodes, network } = this.#crowd;
    const middle = supernodes.length >> 1;
    const halves = [supernodes.slice(0, middle), supernodes.slice(middle)] as const;
    const heal = this.#crowd.cut(...halves);
    const late: LabPerson[] = [];
    for (const side of [0, 1] as const) {
      const host = `late${side}`;
      await network.lab.place('PUB', host);
      this.#crowd.keepFrom(host, halves[1 - side]!);
      const at = supernodes.indexOf(halves[side][0]!);
      late.push(await this.#crowd.join({ host, name: `member-late-${side}` }, at));
    }
    await new Promise((resolve) => setTimeout(resolve, CUT_MS));
    const problems = await this.#whileCut(late);
    heal();
    this.#members.push(...late.map(({ name }) => name));
    await this.#sameList('after healing the same list everywhere after');
    await this.#crowd.everybodyOnline(BACK_MS);
    return [...problems, ...(await this.#call(late[0]!, late[1]!))];
  }

  async stop(): Promise<void> {
    await this.#crowd.stop();
  }

  /** All of before from the copy of the half. */
  async #whileCut(late: readonly LabPerson[]): Promise<string[]> {
    const problems: string[] = [];
    for (const viewer of this.#crowd.viewers()) {
      const { hits, complete } = await viewer.search('member*');
      const found = hits.map(({ name }) => name);
      for (const name of this.#members)
        if (!found.includes(name)) problems.push(`${viewer.name} does not find ${name}`);
      const more = found.length - this.#members.length;
      this.#say(
        `${viewer.name} finds all of before and ${more} more, ${complete ? 'as if complete' : 'marked incomplete'}`,
      );
      if (complete) problems.push(`${viewer.name} takes the list of a half for complete`);
    }
    for (const [side, one] of late.entries()) {
      const other = late[1 - side]?.name ?? '';
      const { hits } = await one.search(other);
      // That such a name exists the login server tells, which is not cut off; where they are nobody can.
      if (hits.some(({ from }) => from !== 'login-server')) problems.push(`${one.name} found ${other} across the cut`);
      if (hits.length === 0) problems.push(`the login server did not tell ${one.name} of ${other}`);
    }
    return problems;
  }

  async #sameList(words: string): Promise<void> {
    this.#say(`${words} ${await this.#crowd.sameEverywhere('member*', this.#members, SAME_MS)} ms`);
  }

  async #call(caller: LabPerson, callee: LabPerson): Promise<string[]> {
    const { why, reason, firstSoundMs, route } = await caller.call(callee, { forS: 2, buddies: false });
    this.#say(`${caller.name} calls ${callee.name}: ${route}, heard after ${firstSoundMs} ms`);
    const isGood = why === '' && reason === 'hangup' && firstSoundMs !== undefined;
    return isGood ? [] : [`${caller.name} calls ${callee.name}: ${why} ${reason}, first sound ${firstSoundMs}`];
  }
}
