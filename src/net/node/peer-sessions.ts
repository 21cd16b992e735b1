/**
 * From names to sessions: a service core says "send this to bobby1", and this room finds bobby1's nodes at the
 * supernode, opens an end-to-end session to each through it, queues meanwhile, and says so when it cannot be done.
 * The node table carries out what it asks for (look up, connect, transmit) and tells it how that went.
 *
 * A session is used as it is while it is fresh. One that was silent for long is used on trial, if our supernode has seen the
 * other end here ever since: what is not acknowledged soon is said again in a new one. When a person is seen attaching
 * anew, a new session is opened, for their program may have started afresh: they open it, and we if they do not.
 *
 * What waits here belongs to one account: `leave` forgets it, so that nothing is ever said in the name of somebody else.
 *
 * A little above 400 lines: who is here and by which session they are spoken with is one state.
 */
import type { Millis } from '../protocol/core.ts';
import type { FailureCode } from '../protocol/failures.ts';
import { foldName, type NodeId, type UserName } from '../protocol/ids.ts';
import { PRESENT_SETTLES_MS } from '../protocol/overlay-params.ts';
import {
  ATTACHED_FIRST_WORD_MS,
  DISMISS_MS,
  LOOKUP_RETRY_MS,
  NODES_PER_PERSON_MAX,
  PEER_QUEUE_MESSAGES_MAX,
  PEERS_MAX,
  SESSION_IDLE_MS,
  SESSIONS_PER_NODE_MAX,
} from '../protocol/params.ts';
import type { SessionId } from '../transport/switchboard.ts';
import type { Message } from '../wire/messages.ts';
import type { PeerInput } from '../wire/peers.ts';
import {
  howToUse,
  keepForTrial,
  lost,
  newRemote,
  type Remote,
  trialEndsAt,
  trialFailed,
  type Use,
} from './peer-remote.ts';

export type PeerSessionsOutput =
  | { readonly type: 'lookup'; readonly name: UserName }
  | { readonly type: 'connect'; readonly node: NodeId }
  | { readonly type: 'transmit'; readonly session: SessionId; readonly message: Message }
  | { readonly type: 'close'; readonly session: SessionId }
  /** A newer session with the same node has taken its place. */
  | { readonly type: 'retire'; readonly session: SessionId }
  | { readonly type: 'tell'; readonly input: PeerInput };

interface Person {
  name: UserName;
  readonly nodes: Map<NodeId, Remote>;
  /** For whichever nodes the lookup will bring. */
  queue: Message[];
  lookingUp: boolean;
  unfoundUntil: Millis;
}

export class PeerSessions {
  readonly #heardAt: (session: SessionId) => Millis | undefined;
  readonly #people = new Map<string, Person>();
  readonly #ownerOf = new Map<SessionId, { person: Person; remote: Remote }>();
  /** A node is one person's, but a supernode may say otherwise until the node itself has proven it. */
  readonly #byNode = new Map<NodeId, Set<Person>>();
  #online = false;
  #doubtsEndAt: Millis = Number.POSITIVE_INFINITY;
  #out: PeerSessionsOutput[] = [];

  /** `heardAt`: when a session last brought something authenticated (the switchboard knows). */
  constructor(heardAt: (session: SessionId) => Millis | undefined) {
    this.#heardAt = heardAt;
  }

  send(now: Millis, to: UserName, value: Message, node?: NodeId): void {
    const person = this.#person(now, to);
    if (!person) return this.#unreachable(to, 'person-offline');
    const remotes = node === undefined ? [...person.nodes.values()] : [this.#remote(person, node)];
    // Without a supernode a session may still have a way of its own: the end of a direct call must get through.
    const known = remotes.filter((remote) =>
      this.#online
        ? remote.attached || remote.sessions.length > 0 || remote.connecting
        : this.#use(now, remote) !== 'not',
    );
    if (known.length > 0) {
      for (const remote of known) this.#sendTo(now, remote, value);
      return;
    }
    if (!this.#online || now < person.unfoundUntil) return this.#unreachable(to, 'person-offline');
    if (person.queue.length < PEER_QUEUE_MESSAGES_MAX) person.queue.push(value);
    this.#lookUp(person);
  }

  /** Our own attachment. Sessions survive a change of supernode; what was being looked up does not. */
  setOnline(online: boolean): void {
    if (this.#online === online) return;
    this.#online = online;
    for (const person of this.#people.values()) {
      person.lookingUp = false;
      person.unfoundUntil = 0;
      for (const remote of person.nodes.values()) lost(remote);
    }
    this.#out.push({ type: 'tell', input: { type: 'online', online } });
  }

  /** We leave the network as this person: sessions end, and nothing that waited is ever said. */
  leave(): void {
    for (const session of this.#ownerOf.keys()) this.#out.push({ type: 'close', session });
    this.#people.clear();
    this.#ownerOf.clear();
    this.#byNode.clear();
    if (this.#online) this.#out.push({ type: 'tell', input: { type: 'online', online: false } });
    this.#online = false;
  }

  /** The supernode says that a watched person was here when we came. */
  met(now: Millis, name: UserName, node: NodeId): void {
    const remote = this.#here(now, name, node);
    if (remote) this.#connect(remote, true);
  }

  /** The supernode says that a watched person came: they have met us, and begin. */
  seen(now: Millis, name: UserName, node: NodeId): void {
    const remote = this.#here(now, name, node);
    if (remote && !remote.connecting) remote.connectAt = now + ATTACHED_FIRST_WORD_MS;
  }

  /** The supernode says that a watched person is here, who may have been here all the time. */
  present(now: Millis, name: UserName, node: NodeId): void {
    const remote = this.#people.get(foldName(name))?.nodes.get(node);
    if (!remote?.attached || remote.sessions.length === 0) this.met(now, name, node);
    else Object.assign(remote, { watched: true, doubted: false });
  }

  /** The supernode says that a watched person's node left. */
  gone(name: UserName, node: NodeId): void {
    const person = this.#people.get(foldName(name));
    const remote = person?.nodes.get(node);
    if (!person || !remote) return;
    lost(remote);
    remote.queue = [];
    this.#out.push({ type: 'tell', input: { type: 'peer-gone', name: person.name, node } });
    this.#tidy(person, remote);
  }

  /** Nodes of these people that were thought to be here, but are not among the `present`, have left unnoticed. */
  onlyPresent(names: readonly UserName[], present: ReadonlySet<NodeId>): void {
    for (const name of names) {
      for (const remote of [...(this.#people.get(foldName(name))?.nodes.values() ?? [])]) {
        if (remote.attached && !present.has(remote.node)) this.gone(name, remote.node);
      }
    }
  }

  /** The same when more of the present are about to be told, at other supernodes: who is not, is gone then. */
  presentFollows(now: Millis, names: readonly UserName[]): void {
    this.#doubtsEndAt = now + PRESENT_SETTLES_MS;
    for (const name of names) {
      for (const remote of this.#people.get(foldName(name))?.nodes.values() ?? []) remote.doubted = remote.attached;
    }
  }

  /** Answer to a lookup. */
  whereabouts(now: Millis, name: UserName, nodes: readonly NodeId[]): void {
    const person = this.#people.get(foldName(name));
    if (!person?.lookingUp) return;
    person.lookingUp = false;
    const queue = person.queue;
    person.queue = [];
    if (nodes.length === 0) {
      person.unfoundUntil = now + LOOKUP_RETRY_MS;
      this.#unreachable(person.name, 'person-offline');
      return;
    }
    for (const node of nodes.slice(0, NODES_PER_PERSON_MAX)) {
      const remote = this.#remote(person, node);
      remote.attached = true;
      for (const value of queue) this.#sendTo(now, remote, value);
    }
  }

  /** A session with a person was set up, by us or by them. */
  established(now: Millis, session: SessionId, name: UserName, node: NodeId): void {
    const person = this.#person(now, name);
    if (!person) {
      this.#out.push({ type: 'close', session });
      return;
    }
    person.name = name;
    person.unfoundUntil = 0;
    for (const other of this.#byNode.get(node) ?? []) if (other !== person) this.#notTheirs(other, node);
    const remote = this.#remote(person, node);
    remote.connecting = false;
    remote.connectAt = Number.POSITIVE_INFINITY;
    remote.attached = true;
    for (const old of remote.sessions) this.#out.push({ type: 'retire', session: old });
    remote.sessions.unshift(session);
    remote.anewAt = Number.NEGATIVE_INFINITY;
    remote.doubted = false;
    remote.trial = undefined;
    this.#ownerOf.set(session, { person, remote });
    for (const old of remote.sessions.splice(SESSIONS_PER_NODE_MAX)) {
      this.#ownerOf.delete(old);
      this.#out.push({ type: 'close', session: old });
    }
    this.#out.push({ type: 'tell', input: { type: 'peer-seen', name, node } });
    const queue = [...person.queue, ...remote.queue];
    person.queue = [];
    remote.queue = [];
    for (const value of queue) this.#sendTo(now, remote, value);
  }

  /** A handshake towards a node came to nothing. */
  connectFailed(node: NodeId): void {
    for (const person of [...(this.#byNode.get(node) ?? [])]) {
      const remote = person.nodes.get(node);
      if (!remote?.connecting) continue;
      remote.connecting = false;
      remote.attached = false;
      remote.queue = [];
      this.#unreachable(person.name, 'person-offline');
      this.#tidy(person, remote);
    }
  }

  /** The supernode could not forward to this node: it is not attached there. */
  forwardFailed(node: NodeId): void {
    for (const person of this.#byNode.get(node) ?? []) {
      const remote = person.nodes.get(node);
      if (remote && !remote.connecting) remote.attached = false;
    }
    this.connectFailed(node);
  }

  /** A node that was revoked hears why, and is let go a moment later. */
  dismiss(now: Millis, name: UserName, node: NodeId, why: Message): void {
    const remote = this.#people.get(foldName(name))?.nodes.get(node);
    if (!remote) return;
    remote.queue = [];
    if (remote.dismissAt !== Number.POSITIVE_INFINITY) return;
    remote.dismissAt = now + DISMISS_MS;
    const session = remote.sessions[0];
    if (session === undefined) remote.queue.push(why);
    else this.#out.push({ type: 'transmit', session, message: why });
  }

  closed(session: SessionId): void {
    const owner = this.#ownerOf.get(session);
    if (!owner) return;
    this.#ownerOf.delete(session);
    owner.remote.sessions = owner.remote.sessions.filter((one) => one !== session);
    this.#tidy(owner.person, owner.remote);
  }

  /** The session to use towards a node now, if there is one. */
  sessionTo(node: NodeId): SessionId | undefined {
    for (const person of this.#byNode.get(node) ?? []) {
      const session = person.nodes.get(node)?.sessions[0];
      if (session !== undefined) return session;
    }
    return undefined;
  }

  wake(now: Millis): void {
    for (const remote of this.#remotes()) {
      if (now >= remote.connectAt) this.#connect(remote, true);
      if (now >= remote.dismissAt) this.#letGo(remote);
      if (now >= trialEndsAt(remote) && trialFailed(remote, this.#heardOf(remote))) this.#connect(remote, false);
    }
    if (now >= this.#doubtsEndAt) this.#endDoubts();
  }

  wakeAt(): Millis {
    let at = this.#doubtsEndAt;
    for (const remote of this.#remotes()) at = Math.min(at, remote.connectAt, trialEndsAt(remote), remote.dismissAt);
    return at;
  }

  drain(): PeerSessionsOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #letGo(remote: Remote): void {
    for (const person of [...(this.#byNode.get(remote.node) ?? [])]) this.#drop(person, remote);
  }

  #endDoubts(): void {
    this.#doubtsEndAt = Number.POSITIVE_INFINITY;
    const doubted = [...this.#people.values()].flatMap((person) =>
      [...person.nodes.values()].filter((one) => one.doubted).map(({ node }) => ({ name: person.name, node })),
    );
    for (const { name, node } of doubted) this.gone(name, node);
  }

  #sendTo(now: Millis, remote: Remote, value: Message): void {
    const session = remote.sessions[0];
    const use = this.#use(now, remote);
    if (session !== undefined && use !== 'not') {
      if (use === 'on-trial' && !keepForTrial(remote, now, value)) return;
      this.#out.push({ type: 'transmit', session, message: value });
      return;
    }
    if (remote.queue.length < PEER_QUEUE_MESSAGES_MAX) remote.queue.push(value);
    this.#connect(remote, false);
  }

  #use(now: Millis, remote: Remote): Use {
    return howToUse(remote, now, this.#heardOf(remote), this.#online);
  }

  /** When the newest session was last heard. */
  #heardOf({ sessions: [newest] }: Remote): Millis {
    return (newest === undefined ? undefined : this.#heardAt(newest)) ?? Number.NEGATIVE_INFINITY;
  }

  *#remotes(): IterableIterator<Remote> {
    for (const person of this.#people.values()) yield* person.nodes.values();
  }

  #connect(remote: Remote, anew: boolean): void {
    remote.connectAt = Number.POSITIVE_INFINITY;
    if (remote.connecting || (!anew && !this.#online)) return;
    remote.connecting = true;
    this.#out.push({ type: 'connect', node: remote.node });
  }

  #lookUp(person: Person): void {
    if (person.lookingUp) return;
    person.lookingUp = true;
    this.#out.push({ type: 'lookup', name: person.name });
  }

  #unreachable(name: UserName, code: FailureCode): void {
    this.#out.push({ type: 'tell', input: { type: 'unreachable', name, code } });
  }

  /** The supernode says that this node is here, and we have a place for it. */
  #here(now: Millis, name: UserName, node: NodeId): Remote | undefined {
    const person = this.#person(now, name);
    if (!person) return undefined;
    person.unfoundUntil = 0;
    const remote = this.#remote(person, node);
    remote.attached = true;
    remote.watched = true;
    remote.doubted = false;
    remote.anewAt = now;
    remote.trial = undefined;
    return remote;
  }

  #person(now: Millis, name: UserName): Person | undefined {
    const key = foldName(name);
    const known = this.#people.get(key);
    if (known) return known;
    if (this.#people.size >= PEERS_MAX && !this.#forgetSomebody(now)) return undefined;
    const person: Person = { name, nodes: new Map(), queue: [], lookingUp: false, unfoundUntil: 0 };
    this.#people.set(key, person);
    return person;
  }

  /** Makes room by forgetting a person with whom nothing is under way: the one unheard for longest. */
  #forgetSomebody(now: Millis): boolean {
    let longest: { readonly key: string; readonly person: Person; readonly heardAt: Millis } | undefined;
    for (const [key, person] of this.#people) {
      const remotes = [...person.nodes.values()];
      const heardAt = Math.max(...remotes.map((remote) => this.#heardOf(remote)), Number.NEGATIVE_INFINITY);
      const busy = person.lookingUp || remotes.some(({ connecting }) => connecting);
      if (busy || now - heardAt < SESSION_IDLE_MS || heardAt >= (longest?.heardAt ?? now)) continue;
      longest = { key, person, heardAt };
    }
    if (!longest) return false;
    for (const remote of longest.person.nodes.values()) this.#drop(longest.person, remote);
    this.#people.delete(longest.key);
    return true;
  }

  /** The node has proven to be somebody else's: whatever waits for it here never comes to this person. */
  #notTheirs(person: Person, node: NodeId): void {
    const remote = person.nodes.get(node);
    this.#unlink(person, node);
    if (remote && (remote.connecting || remote.queue.length > 0)) this.#unreachable(person.name, 'person-offline');
  }

  /** Forgets a node that is neither here nor connected nor waited for. */
  #tidy(person: Person, remote: Remote): void {
    if (remote.attached || remote.connecting || remote.sessions.length > 0 || remote.queue.length > 0) return;
    this.#unlink(person, remote.node);
  }

  #unlink(person: Person, node: NodeId): void {
    person.nodes.delete(node);
    const people = this.#byNode.get(node);
    people?.delete(person);
    if (people?.size === 0) this.#byNode.delete(node);
  }

  /** A person has few devices; of too many the one known longest goes, those that are not here first. */
  #makeRoom(person: Person): void {
    if (person.nodes.size < NODES_PER_PERSON_MAX) return;
    const remotes = [...person.nodes.values()];
    const loser = remotes.find((one) => !one.attached && one.sessions.length === 0) ?? remotes[0];
    if (loser) this.#drop(person, loser);
  }

  #drop(person: Person, remote: Remote): void {
    for (const session of remote.sessions) {
      this.#ownerOf.delete(session);
      this.#out.push({ type: 'close', session });
    }
    this.#unlink(person, remote.node);
  }

  #remote(person: Person, node: NodeId): Remote {
    const known = person.nodes.get(node);
    if (known) return known;
    this.#makeRoom(person);
    const remote = newRemote(node);
    person.nodes.set(node, remote);
    const people = this.#byNode.get(node) ?? new Set();
    this.#byNode.set(node, people.add(person));
    return remote;
  }
}
