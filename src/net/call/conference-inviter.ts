/**
 * What becomes of those whom one member calls into its conference: it rings, they come, say no, or are missed. Also of those
 * whom somebody called who is gone since: the first of us calls them once more. The asks themselves are in
 * `conference-asks.ts`; `conference.ts` says who is in, and settles whenever one of these answers true.
 */
import { CONFERENCE_ADOPTED_MAX } from '../protocol/conference-params.ts';
import type { Millis, Random } from '../protocol/core.ts';
import { type CallId, foldName, hexOf, ID_BYTES, type NodeId, type UserName } from '../protocol/ids.ts';
import { isMissed } from './call-record.ts';
import { type Ask, ConferenceAsks, isOpen } from './conference-asks.ts';
import { endReasonOf } from './conference-reasons.ts';
import type { Asked, AskState, ConferenceId, ConferenceOutput, InviteId, Member } from './conference-record.ts';
import { inviteOf, type Offer, refusalOf } from './conference-words.ts';

export interface InviterOptions {
  readonly id: ConferenceId;
  readonly call: CallId;
  readonly random: Random;
}

export class ConferenceInviter {
  readonly #options: InviterOptions;
  readonly #asks = new ConferenceAsks();
  /** Invitations of those who are gone that we have sent once more. */
  readonly #adopted = new Set<InviteId>();
  #out: ConferenceOutput[] = [];

  constructor(options: InviterOptions) {
    this.#options = options;
  }

  get open(): readonly Ask[] {
    return this.#asks.all().filter(isOpen);
  }

  all(): readonly Ask[] {
    return this.#asks.all();
  }

  list(): readonly Asked[] {
    return this.#asks.list();
  }

  openTo(name: UserName): Ask | undefined {
    return this.#asks.openTo(name);
  }

  /** Undefined: there is no room. The invitation itself goes by `send`, when the others know of it. */
  add(now: Millis, name: UserName): Ask | undefined {
    return this.#asks.add(now, name, hexOf(this.#options.random.bytes(ID_BYTES)));
  }

  send(ask: Asked, offer: Offer, grownFrom?: CallId): void {
    this.#out.push({ type: 'send', to: ask.name, message: inviteOf(this.#options.id, ask, offer, grownFrom) });
  }

  takeBack(ask: Ask): void {
    this.#tellAsked(ask, undefined, 'cancelled');
    this.#ended(ask, 'cancelled');
  }

  /** We go. Where it rings already the others, if there are any, wait for the answer, or ask once more. */
  leave(isAlone: boolean): void {
    for (const ask of this.open) {
      if (isAlone || ask.state === 'calling') this.#missed(ask);
      if (!isAlone) continue;
      ask.state = 'cancelled';
      this.#tellAsked(ask, undefined, 'cancelled');
    }
  }

  rings(now: Millis, from: UserName, node: NodeId, invite: InviteId): boolean {
    const ask = this.#asks.get(invite);
    if (!ask || foldName(ask.name) !== foldName(from)) return false;
    if (!isOpen(ask)) {
      this.#tellAsked(ask, node, ask.state === 'in' ? 'answered-elsewhere' : 'cancelled');
      return false;
    }
    const first = ask.state === 'calling';
    this.#asks.rings(now, ask, node);
    if (first) this.#out.push({ type: 'ringing', call: this.#options.call, direction: 'out', peer: from });
    return true;
  }

  /** A person's "no" is for all devices; a busy one is only one of them. */
  refused(from: UserName, node: NodeId, invite: InviteId, reason: string): boolean {
    const ask = this.#asks.get(invite);
    if (!ask || foldName(ask.name) !== foldName(from) || !isOpen(ask)) return false;
    ask.nodes.delete(node);
    const state: AskState = reason === 'busy' || reason === 'declined' ? reason : 'failed';
    if (state !== 'declined' && ask.nodes.size > 0) return false;
    for (const other of ask.nodes) this.#tellAsked(ask, other, 'answered-elsewhere');
    this.#ended(ask, state);
    return true;
  }

  unreachable(name: UserName): boolean {
    const ask = this.#asks.openTo(name);
    if (ask?.state !== 'calling') return false;
    this.#ended(ask, 'unreachable');
    return true;
  }

  expire(now: Millis): boolean {
    const late = this.#asks.expired(now);
    for (const ask of late) {
      this.#tellAsked(ask, undefined, 'cancelled');
      this.#ended(ask, ask.state === 'calling' ? 'unreachable' : 'no-answer');
    }
    return late.length > 0;
  }

  /** Somebody is in; since when we have called, if we did. */
  cameIn({ invite, name, node }: Member): Millis | undefined {
    const ask = this.#asks.get(invite) ?? this.#asks.openTo(name);
    if (ask && ask.state !== 'in') {
      ask.state = 'in';
      for (const other of ask.nodes) if (other !== node) this.#tellAsked(ask, other, 'answered-elsewhere');
    }
    return ask?.since;
  }

  /** By the same invite: it is known to all who heard of it. */
  adopt(asked: readonly Asked[], offer: Offer): void {
    for (const ask of asked) {
      if (!isOpen(ask) || this.#adopted.has(ask.invite)) continue;
      if (this.#adopted.size >= CONFERENCE_ADOPTED_MAX) this.#adopted.clear();
      this.#adopted.add(ask.invite);
      this.send(ask, offer);
    }
  }

  wakeAt(): Millis {
    return this.#asks.wakeAt();
  }

  drain(): ConferenceOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Without `node`: to all devices. */
  #tellAsked(ask: Ask, node: NodeId | undefined, reason: string): void {
    const said = refusalOf(this.#options.id, ask.invite, reason);
    const to = node === undefined ? { to: ask.name } : { to: ask.name, node };
    this.#out.push({ type: 'send', ...to, message: said });
  }

  #ended(ask: Ask, state: AskState): void {
    ask.state = state;
    const reason = endReasonOf(state);
    if (isMissed(reason)) this.#missed(ask);
    this.#out.push({ type: 'person-ended', call: this.#options.call, peer: ask.name, reason, by: '' });
  }

  /** Nobody took our call there: whoever is not within reach is to know of it later. */
  #missed({ name }: Ask): void {
    this.#out.push({ type: 'missed', conference: this.#options.id, peer: name });
  }
}
