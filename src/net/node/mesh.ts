/**
 * A supernode among the others: it joins membership, index and people elsewhere (`overlay/`), and holds the sessions
 * with the other supernodes that they speak through. Sessions are opened when there is something to say, and what is
 * said meanwhile waits; idle ones end by themselves.
 *
 *   membership | index | abroad --send--> session, or [queue] --> connect --> link-up --> flush
 *   switchboard (peer is a supernode) --> established | closed | receive --> the room whose message it is
 */
import type { Abroad, AbroadOutput } from '../overlay/abroad.ts';
import type { GlobalIndex, GlobalIndexOutput } from '../overlay/global-index.ts';
import type { Membership, MembershipOutput } from '../overlay/membership.ts';
import type { Millis } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import type { NodeId } from '../protocol/ids.ts';
import { MESH_QUEUE_MAX, MESH_RETRY_MS, MESH_SESSIONS_MAX } from '../protocol/overlay-params.ts';
import type { SessionId, Switchboard } from '../transport/switchboard.ts';
import type { Message } from '../wire/messages.ts';
import type { Carriers, LinkId } from './carriers.ts';

/** What the node makes of it. */
export type MeshOutput =
  | Exclude<AbroadOutput, { type: 'send' }>
  | Extract<MembershipOutput, { type: 'entry-wanted' | 'doubted' }>
  | Exclude<GlobalIndexOutput, { type: 'send' | 'found' }>
  /** What the index found of a person; `found` is said of nodes that are attached. */
  | (Omit<Extract<GlobalIndexOutput, { type: 'found' }>, 'type'> & { readonly type: 'records' });

interface Waiting {
  readonly messages: { readonly message: Message; readonly reliable: boolean }[];
  link: LinkId | undefined;
  /** Endpoints not tried yet. */
  left: Endpoint[];
  retryAt: Millis;
}

export interface MeshRooms {
  readonly membership: Membership;
  readonly index: GlobalIndex;
  readonly abroad: Abroad;
}

export class Mesh {
  readonly #rooms: MeshRooms;
  readonly #carriers: Carriers;
  readonly #switchboard: Switchboard;
  readonly #endpointsOf: (id: NodeId) => readonly Endpoint[];
  /** The newest session of each; the one begun longest ago stands first. */
  readonly #sessions = new Map<NodeId, SessionId>();
  readonly #waiting = new Map<NodeId, Waiting>();
  /** Rises whenever somebody comes or goes. */
  membersVersion = 0;
  #out: MeshOutput[] = [];

  constructor(options: {
    readonly rooms: MeshRooms;
    readonly carriers: Carriers;
    readonly switchboard: Switchboard;
    /** Where a supernode is, as its entry says; nothing when we have none. */
    readonly endpointsOf: (id: NodeId) => readonly Endpoint[];
  }) {
    this.#rooms = options.rooms;
    this.#carriers = options.carriers;
    this.#switchboard = options.switchboard;
    this.#endpointsOf = options.endpointsOf;
  }

  /** Says something to another supernode of our own, such as a question for an entry. */
  send(now: Millis, to: NodeId, value: Message, reliable: boolean): void {
    const session = this.#sessions.get(to);
    if (session !== undefined) return this.#transmit(now, session, value, reliable);
    const waiting = this.#waiting.get(to) ?? { messages: [], link: undefined, left: [], retryAt: now };
    this.#waiting.set(to, waiting);
    if (waiting.messages.length < MESH_QUEUE_MAX) waiting.messages.push({ message: value, reliable });
    if (waiting.link === undefined && now >= waiting.retryAt) this.#connect(now, to, waiting);
  }

  /** A session with a supernode, whoever began it. */
  established(now: Millis, session: SessionId, peer: NodeId): void {
    this.#sessions.delete(peer);
    this.#sessions.set(peer, session);
    const waiting = this.#waiting.get(peer);
    this.#waiting.delete(peer);
    this.#rooms.abroad.sessionUp(peer);
    for (const { message, reliable } of waiting?.messages ?? []) this.#transmit(now, session, message, reliable);
    this.#endOldest();
  }

  closed(session: SessionId): void {
    for (const [peer, one] of this.#sessions) if (one === session) this.#sessions.delete(peer);
  }

  /** True when the link was ours. */
  linkDown(now: Millis, link: LinkId): boolean {
    for (const [to, waiting] of this.#waiting) {
      if (waiting.link !== link) continue;
      waiting.link = undefined;
      this.#connect(now, to, waiting);
      return true;
    }
    return false;
  }

  /** A message in a session with a supernode. True when a room took it. */
  receive(now: Millis, from: NodeId, value: Message): boolean {
    const { membership, index, abroad } = this.#rooms;
    return membership.receive(now, from, value) || index.receive(now, from, value) || abroad.receive(now, from, value);
  }

  wake(now: Millis): void {
    this.#rooms.membership.wake(now);
    this.#rooms.index.wake(now);
    this.#rooms.abroad.wake(now);
    for (const [to, waiting] of this.#waiting) {
      if (waiting.link === undefined && now >= waiting.retryAt) this.#waiting.delete(to);
    }
  }

  wakeAt(): Millis {
    const { membership, index, abroad } = this.#rooms;
    return Math.min(membership.wakeAt(), index.wakeAt(), abroad.wakeAt());
  }

  /** Moves what the rooms said; call until it is empty. */
  drain(now: Millis): MeshOutput[] {
    const { membership, index, abroad } = this.#rooms;
    for (const output of membership.drain()) {
      if (output.type === 'send') this.send(now, output.to, output.message, output.reliable);
      else if (output.type === 'changed') this.#memberChanged(now, output.id, output.lives);
      else this.#out.push(output);
    }
    for (const output of index.drain()) {
      if (output.type === 'send') this.send(now, output.to, output.message, true);
      else this.#out.push(output.type === 'found' ? { ...output, type: 'records' } : output);
    }
    for (const output of abroad.drain()) {
      if (output.type === 'send') this.send(now, output.to, output.message, output.reliable);
      else this.#out.push(output);
    }
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #memberChanged(now: Millis, id: NodeId, lives: boolean): void {
    const { membership, index, abroad } = this.#rooms;
    this.membersVersion += 1;
    const left = membership.get(id)?.status === 'left' ? id : undefined;
    index.setMembers(now, membership.alive(), left);
    if (lives) return abroad.memberCame(id);
    abroad.memberGone(id);
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#switchboard.close(session, 'gone');
    this.#sessions.delete(id);
    this.#waiting.delete(id);
  }

  #connect(now: Millis, to: NodeId, waiting: Waiting): void {
    if (waiting.left.length === 0 && now >= waiting.retryAt) {
      waiting.left = [...this.#endpointsOf(to)];
      waiting.retryAt = now + MESH_RETRY_MS;
    }
    const endpoint = waiting.left.shift();
    if (!endpoint) {
      // Nobody is there, or we don't know where: what was to be said is out of date when he comes back.
      waiting.messages.length = 0;
      return;
    }
    const expect = { kind: 'supernode', nodeId: to } as const;
    const options = { anonymous: false, wantAuthority: false, face: 'plain', expect } as const;
    waiting.link = this.#carriers.connect(now, endpoint, options);
  }

  #transmit(now: Millis, session: SessionId, value: Message, reliable: boolean): void {
    if (reliable) this.#switchboard.send(now, session, value);
    else this.#switchboard.sendDatagram(session, value);
  }

  /** The session that was begun longest ago. */
  #endOldest(): void {
    const [oldest] = this.#sessions;
    if (this.#sessions.size <= MESH_SESSIONS_MAX || !oldest) return;
    this.#sessions.delete(oldest[0]);
    this.#switchboard.close(oldest[1], 'too many');
  }
}
