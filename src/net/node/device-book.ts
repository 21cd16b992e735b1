/**
 * Which devices people have, as their accounts signed it (PROTOCOL.md 9.15): tells ours to buddies and to our own other
 * devices, keeps theirs, and says whose node may speak for a person. `people.ts` owns it and hands it everything first;
 * the agent stores what it keeps. A list counts from whoever has proven to be that person, the newest one only.
 *
 *   peer-seen   -> our list, when that node does not have it yet; else which versions we have (`devicesKnown`)
 *   devicesTold -> judged, kept, acknowledged; whoever is not in it any more is withheld from the services
 *
 * A node that its person's list does not name is heard in nothing but lists: it may be new, and then says so first.
 */
import { Reach } from '../chat/reach.ts';
import {
  type DeviceJudge,
  type DeviceList,
  type DevicesRefusal,
  type OpenedDevices,
  openDevices,
  readDevices,
  type SignedDevices,
  standingOf,
  successor,
} from '../login/device-list.ts';
import type { Millis } from '../protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import {
  DEVICES_PEOPLE_MAX,
  DEVICES_TOLD_BURST,
  DEVICES_TOLD_REFILL_MS,
  NODES_PER_PERSON_MAX,
} from '../protocol/params.ts';
import { RateLimit } from '../protocol/rate-limit.ts';
import { type Body, type Message, message } from '../wire/messages.ts';
import type { PeerInput, PeerSend } from '../wire/peers.ts';

/** What is stored of one person. */
export interface KnownDevices {
  readonly name: UserName;
  /** Undefined: only `holds` is known. */
  readonly signed: SignedDevices | undefined;
  /** Versions of our own list that their nodes have acknowledged. */
  readonly holds: readonly (readonly [NodeId, number])[];
}

export interface DevicesStart {
  /** Our own list; undefined before there is one. */
  readonly own: SignedDevices | undefined;
  readonly people: readonly KnownDevices[];
}

export type DevicesNews =
  /** Another list of this person counts now; to be stored. `keyChanged`: under another account key than before. */
  | {
      readonly type: 'list-changed';
      readonly name: UserName;
      readonly list: OpenedDevices;
      readonly before: OpenedDevices | undefined;
      readonly keyChanged: boolean;
    }
  /** A list that is not what it claims was dropped; told once for each person and reason. */
  | { readonly type: 'refused'; readonly name: UserName; readonly node: NodeId; readonly why: DevicesRefusal }
  /** Another of our devices, or a buddy, has a newer list of ours. */
  | { readonly type: 'own-changed'; readonly list: OpenedDevices; readonly standing: 'listed' | 'revoked' | 'unlisted' }
  /** Our own other devices came or went. */
  | { readonly type: 'own-here-changed' }
  /** The login server says so. */
  | { readonly type: 'revoked' }
  /** `stored()` tells otherwise than before: to be written some time. */
  | { readonly type: 'holds-changed' };

export type DeviceBookOutput =
  | PeerSend
  | { readonly type: 'news'; readonly news: DevicesNews }
  /** This node of a person may speak now, and was seen before. */
  | { readonly type: 'admitted'; readonly name: UserName; readonly node: NodeId }
  /** It may not any more: it is to be told why, and its sessions to end. */
  | { readonly type: 'dismissed'; readonly name: UserName; readonly node: NodeId };

interface Person {
  name: UserName;
  list: OpenedDevices | undefined;
  readonly holds: Map<NodeId, number>;
  /** What each node was told last of versions, so that nothing is said twice. */
  readonly said: Map<NodeId, string>;
}

export interface DeviceBookOptions extends DevicesStart {
  readonly name: UserName;
  readonly nodeId: NodeId;
  readonly judge: DeviceJudge;
  readonly isBuddy: (name: UserName) => boolean;
  /** Buddies must not notice that we are here. */
  readonly isInvisible: () => boolean;
}

export class DeviceBook {
  readonly #options: DeviceBookOptions;
  readonly #people = new Map<string, Person>();
  /** Nodes that are here, admitted or not. */
  readonly #reach = new Reach();
  readonly #limit = new RateLimit(DEVICES_TOLD_BURST, DEVICES_TOLD_REFILL_MS);
  readonly #refusalsTold = new Set<string>();
  #own: OpenedDevices | undefined;
  #out: DeviceBookOutput[] = [];
  /** Lists that were refused, and words of nodes that are in no list. Only rises. */
  dropped = 0;

  constructor(options: DeviceBookOptions) {
    this.#options = options;
    this.#own = stored(options.own);
    for (const { name, signed, holds } of options.people.slice(-DEVICES_PEOPLE_MAX)) {
      this.#people.set(foldName(name), { name, list: stored(signed), holds: new Map(holds), said: new Map() });
    }
  }

  /** What this person's account says of its devices; undefined when nothing is known, or it has no account key yet. */
  listOf(name: UserName): OpenedDevices | undefined {
    return this.#isOwn(name) ? this.#own : this.#people.get(foldName(name))?.list;
  }

  /** May this node speak for the person? Anybody may of whom no list is known; of ourselves only who is in ours. */
  standing(name: UserName, node: NodeId): 'listed' | 'revoked' | 'unlisted' {
    const list = this.listOf(name);
    if (list) return standingOf(list, node);
    return this.#isOwn(name) ? 'unlisted' : 'listed';
  }

  /** Our own other devices that are here. */
  ownNodes(): NodeId[] {
    const { name, nodeId } = this.#options;
    const here = [...this.#reach.nodes(name)];
    return here.filter((node) => node !== nodeId && this.standing(name, node) === 'listed');
  }

  /** To be stored. */
  stored(): KnownDevices[] {
    return [...this.#people.values()].map(({ name, list, holds }) => ({
      name,
      signed: list?.signed,
      holds: [...holds],
    }));
  }

  /** Our list was changed here, or learnt from the login server. */
  setOwn(signed: SignedDevices): void {
    const next = stored(signed);
    if (!next || (this.#own && next.version <= this.#own.version)) return;
    this.#adopt(next);
  }

  /** True when nobody else has to look at it. */
  receive(now: Millis, input: PeerInput): boolean {
    switch (input.type) {
      case 'online':
        if (!input.online) this.#reach.clear();
        return false;
      case 'peer-seen':
        this.#reach.seen(input.name, input.node);
        // In a new session: what the last one brought there nobody knows.
        this.#forgetTold(input.name, input.node);
        if (this.#isOwn(input.name)) this.#news({ type: 'own-here-changed' });
        this.#greet(input.name, input.node);
        return this.standing(input.name, input.node) !== 'listed';
      case 'peer-gone':
        this.#reach.gone(input.name, input.node);
        if (this.#isOwn(input.name)) this.#news({ type: 'own-here-changed' });
        this.#people.get(foldName(input.name))?.said.delete(input.node);
        return false;
      case 'unreachable':
        return false;
      case 'message':
        return this.#heard(now, input.from, input.node, input.message);
    }
  }

  /** This person has just become a buddy: what was not told to a stranger is told now. */
  befriended(name: UserName): void {
    for (const node of this.#reach.nodes(name)) this.#greet(name, node);
  }

  /** We are visible again, or have something to tell. */
  appeared(): void {
    for (const name of this.#reach.names()) this.befriended(name);
  }

  drain(): DeviceBookOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #heard(now: Millis, from: UserName, node: NodeId, value: Message): boolean {
    if (value.kind === 'devicesTold') this.#told(now, from, node, value.body);
    else if (value.kind === 'devicesKnown') this.#versions(from, node, value.body);
    else {
      if (this.standing(from, node) === 'listed') return false;
      this.dropped += 1;
    }
    return true;
  }

  #forgetTold(name: UserName, node: NodeId): void {
    const said = this.#people.get(foldName(name))?.said;
    if (said?.get(node)?.startsWith(TOLD)) said.delete(node);
  }

  /** Whoever has not acknowledged our list gets it before anything else is said. */
  #greet(name: UserName, node: NodeId): void {
    if (!this.#mayKnow(name) || node === this.#options.nodeId) return;
    if (this.standing(name, node) === 'revoked') return this.#out.push({ type: 'dismissed', name, node }) as never;
    const person = this.#person(name);
    const own = this.#own;
    if (!own || (person.holds.get(node) ?? 0) >= own.version) return this.#sayVersions(person, node);
    const text = `${TOLD} ${own.version}`;
    if (person.said.get(node) === text) return;
    remember(person.said, node, text);
    this.#tell(name, node, own.signed);
  }

  #sayVersions(person: Person, node: NodeId): void {
    const body = { yours: this.listOf(person.name)?.version ?? 0, mine: this.#own?.version ?? 0 };
    const text = `${body.yours} ${body.mine}`;
    if (person.said.get(node) === text || text === '0 0') return;
    remember(person.said, node, text);
    this.#send(person.name, node, message('devicesKnown', body));
  }

  #versions(from: UserName, node: NodeId, { yours, mine }: Body<'devicesKnown'>): void {
    if (!this.#mayKnow(from)) return;
    const person = this.#person(from);
    const version = this.#own?.version ?? 0;
    if (person.holds.get(node) !== yours) {
      remember(person.holds, node, Math.min(yours, version));
      this.#news({ type: 'holds-changed' });
    }
    // What is on its way already has not been acknowledged by this.
    if (this.#own && yours < version && person.said.get(node) !== `${TOLD} ${version}`) {
      remember(person.said, node, `${TOLD} ${version}`);
      this.#tell(from, node, this.#own.signed);
    }
    if (mine > (this.listOf(from)?.version ?? 0)) this.#sayVersions(person, node);
  }

  /** Of the sender's account; or of ours, from somebody who has a newer one. */
  #told(now: Millis, from: UserName, node: NodeId, { list }: Body<'devicesTold'>): void {
    if (!this.#options.isBuddy(from) && !this.#isOwn(from)) return;
    if (this.#limit.take(now, foldName(from)) > 0) {
      this.dropped += 1;
      return;
    }
    const { name: own, judge } = this.#options;
    const mine = openDevices(list, { name: own, judge });
    if (mine.ok) return this.#toldOfUs(from, node, mine.devices);
    const opened = openDevices(list, { name: from, judge });
    if (!opened.ok) return this.#refuse(from, node, mine.why === 'misplaced' ? opened.why : mine.why);
    this.#toldOfThem(from, node, opened.devices);
  }

  #toldOfThem(from: UserName, node: NodeId, next: OpenedDevices): void {
    const person = this.#person(from);
    const before = person.list;
    const why = successor(before, next);
    if (why === 'old') {
      // What they do not have themselves, most likely because they were revoked while they were away.
      if (before && next.version < before.version) this.#tell(from, node, before.signed);
      if (before && next.version < before.version) this.#refuse(from, node, 'old');
      return this.#sayVersions(person, node);
    }
    if (why) return this.#refuse(from, node, why);
    const keyChanged = before !== undefined && !before.accountKey.equals(next.accountKey);
    // Whoever is not in the new list cannot have been sent by that account.
    if (standingOf(next, node) !== 'listed' && keyChanged) return this.#refuse(from, node, 'forged');
    person.list = next;
    person.name = next.name;
    this.#news({ type: 'list-changed', name: from, list: next, before, keyChanged });
    this.#sayVersions(person, node);
    this.#compare(from, before, next);
  }

  /** Under our own key only: that it has changed, the login server tells. */
  #toldOfUs(from: UserName, node: NodeId, next: OpenedDevices): void {
    const own = this.#own;
    if (own && !own.accountKey.equals(next.accountKey)) return this.#refuse(from, node, 'forged');
    if (!own && !this.#isOwn(from)) return;
    const why = successor(own, next);
    const person = this.#person(from);
    if (why === undefined) {
      this.#adopt(next);
      this.#news({ type: 'own-changed', list: next, standing: standingOf(next, this.#options.nodeId) });
    } else if (why !== 'old') return this.#refuse(from, node, why);
    if (this.#isOwn(from) && this.#own) {
      remember(person.holds, node, next.version);
      if (next.version < this.#own.version) this.#tell(from, node, this.#own.signed);
    }
    this.#sayVersions(person, node);
  }

  #adopt(next: OpenedDevices): void {
    const before = this.#own;
    this.#own = next;
    const { name } = this.#options;
    this.#compare(name, before, next);
    this.appeared();
  }

  /** Who of those that are here may speak now, and who not any more. */
  #compare(name: UserName, before: DeviceList | undefined, next: DeviceList): void {
    const was = (node: NodeId) => (before ? standingOf(before, node) === 'listed' : !this.#isOwn(name));
    for (const node of this.#reach.nodes(name)) {
      if (node === this.#options.nodeId) continue;
      const is = standingOf(next, node) === 'listed';
      if (is && !was(node)) this.#out.push({ type: 'admitted', name, node });
      if (!is && was(node)) this.#out.push({ type: 'dismissed', name, node });
    }
  }

  #refuse(name: UserName, node: NodeId, why: DevicesRefusal): void {
    this.dropped += 1;
    const key = `${foldName(name)} ${why}`;
    if (this.#refusalsTold.has(key) || this.#refusalsTold.size >= DEVICES_PEOPLE_MAX) return;
    this.#refusalsTold.add(key);
    this.#news({ type: 'refused', name, node, why });
  }

  #mayKnow(name: UserName): boolean {
    return this.#isOwn(name) || (this.#options.isBuddy(name) && !this.#options.isInvisible());
  }

  #isOwn(name: UserName): boolean {
    return foldName(name) === foldName(this.#options.name);
  }

  #person(name: UserName): Person {
    const key = foldName(name);
    const known = this.#people.get(key);
    if (known) return known;
    const person: Person = { name, list: undefined, holds: new Map(), said: new Map() };
    this.#people.set(key, person);
    if (this.#people.size > DEVICES_PEOPLE_MAX) this.#forgetSomebody(key);
    return person;
  }

  /** Who is no buddy any more, or else who was met first. */
  #forgetSomebody(except: string): void {
    const others = [...this.#people].filter(([key]) => key !== except);
    const [key] = others.find(([, { name }]) => !this.#options.isBuddy(name)) ?? others[0] ?? [];
    if (key !== undefined) this.#people.delete(key);
  }

  #tell(name: UserName, node: NodeId, signed: SignedDevices): void {
    this.#send(name, node, message('devicesTold', { list: signed as never }));
  }

  #news(news: DevicesNews): void {
    this.#out.push({ type: 'news', news });
  }

  #send(to: UserName, node: NodeId, value: Message): void {
    this.#out.push({ type: 'send', to, node, message: value });
  }
}

const TOLD = 'list';

function stored(signed: SignedDevices | undefined): OpenedDevices | undefined {
  const read = readDevices(signed);
  return read.ok ? read.devices : undefined;
}

/** Of the nodes of one person, the newest. */
function remember<V>(map: Map<NodeId, V>, node: NodeId, value: V): void {
  map.delete(node);
  map.set(node, value);
  for (const oldest of map.keys()) {
    if (map.size <= 2 * NODES_PER_PERSON_MAX) return;
    map.delete(oldest);
  }
}
