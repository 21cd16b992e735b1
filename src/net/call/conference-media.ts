/**
 * Which media sessions a member needs: as the mixer one with everybody, else one with the mixer. Their ids are computed, the
 * same at both ends. A call of two that grew keeps its own as the leg of term 1. What opens and closes them is
 * `conference-legs.ts`.
 */
import { CONFERENCE_MEMBERS_MAX } from '../protocol/conference-params.ts';
import type { Millis } from '../protocol/core.ts';
import type { CallId, NodeId } from '../protocol/ids.ts';
import type { Body } from '../wire/messages.ts';
import { ConferenceLegs, legId, type WishedLeg } from './conference-legs.ts';
import type { ConferenceId, ConferenceOutput, Reign, RunningCall, Statement } from './conference-record.ts';

export interface MediaView {
  readonly own: Statement;
  readonly present: ReadonlyMap<NodeId, Statement>;
  readonly reign: Reign;
  readonly isAlive: (node: NodeId) => boolean;
}

export class ConferenceMedia {
  readonly #id: ConferenceId;
  readonly #legs: ConferenceLegs;
  /** The call that this was, and with whom. */
  #grown: { readonly running: RunningCall; readonly pair: readonly NodeId[] } | undefined;
  /** Leg ids that were computed lately. */
  readonly #wires = new Map<string, CallId>();

  constructor(id: ConferenceId, call: CallId) {
    this.#id = id;
    this.#legs = new ConferenceLegs(id, call);
  }

  /** The two of the call that this was; empty: it did not grow from one of ours. */
  get grownPair(): readonly NodeId[] {
    return this.#grown?.pair ?? [];
  }

  grownFrom(me: NodeId, running: RunningCall): void {
    this.#grown = { running, pair: [me, running.node] };
    this.#legs.adopt({ key: running.call, wire: running.wire });
  }

  /** We come back: what was before the departure is no leg any more. */
  anew(): void {
    this.#grown = undefined;
  }

  setOwn(candidates: readonly string[], relays: readonly NodeId[]): void {
    this.#legs.setOwn(candidates, relays);
  }

  told(node: NodeId, body: Body<'conferenceLeg'>): void {
    this.#legs.told(node, body);
  }

  /** Voice of a leg came; whose it was. */
  heard(now: Millis, key: CallId): NodeId | undefined {
    return this.#legs.heard(now, key);
  }

  /** The leg with the mixer, or of us as the mixer with this one; undefined: not open. */
  legWith(view: MediaView, node: NodeId): { readonly heardAt: Millis; readonly openedAt: Millis } | undefined {
    return this.#legs.heardAt(this.#wireWith(view, node) ?? '');
  }

  set(now: Millis, view: MediaView): void {
    const { own, present, isAlive } = view;
    const { term, mixer } = view.reign;
    const mixes = mixer === own.node;
    // Who was silent before we began to mix gets a leg as soon as it is heard.
    const there = [...present.values()].filter(({ node }) => isAlive(node) || this.legWith(view, node) !== undefined);
    const others = mixes ? there : [present.get(mixer)];
    const wished = others.flatMap((other): WishedLeg[] => {
      const wire = other ? this.#wireWith(view, other.node) : undefined;
      return other && wire ? [{ wire, other, mixes, held: own.held || other.held }] : [];
    });
    this.#legs.set(now, wished, (node) => present.has(node) && isAlive(node));
    if (this.#grown && (term > 1 || !this.#grown.pair.includes(mixer))) this.#legs.letRunningGo();
  }

  closeAll(): void {
    this.#legs.closeAll();
  }

  wake(now: Millis): void {
    this.#legs.wake(now);
  }

  wakeAt(): Millis {
    return this.#legs.wakeAt();
  }

  drain(): ConferenceOutput[] {
    return this.#legs.drain();
  }

  #wireWith({ own, present, reign }: MediaView, node: NodeId): CallId | undefined {
    const { term, mixer } = reign;
    const isMixer = mixer === own.node;
    const other = present.get(node);
    if (!other) return undefined;
    const grown = this.#grown;
    if (grown && term <= 1 && grown.pair.includes(mixer) && grown.pair.includes(node)) return grown.running.wire;
    const key = `${term} ${isMixer} ${node} ${other.incarnation} ${own.incarnation}`;
    const known = this.#wires.get(key);
    if (known) return known;
    const wire = isMixer ? legId(this.#id, term, own, other) : legId(this.#id, term, other, own);
    if (this.#wires.size > 4 * CONFERENCE_MEMBERS_MAX) this.#wires.clear();
    this.#wires.set(key, wire);
    return wire;
  }
}
