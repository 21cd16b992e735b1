/**
 * Memberships on a bus in virtual time: packets are delayed, lost, and cut off between parts of the network; entries
 * come a round trip after they were asked for. Nothing else of a supernode is here.
 */
import { Membership, type MembershipOutput } from '../../../src/net/overlay/membership.ts';
import type { NodeId } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage } from '../../../src/net/wire/messages.ts';
import { Chance } from '../../sim/chance.ts';
import { Timeline } from '../../sim/timeline.ts';

const CONNECT_MS = 150;

export interface Change {
  readonly at: number;
  readonly by: NodeId;
  readonly of: NodeId;
  readonly lives: boolean;
}

export class SwimBus {
  readonly ids: NodeId[];
  readonly changes: Change[] = [];
  loss = 0;
  /** Members with different numbers don't hear each other. */
  readonly part = new Map<NodeId, number>();
  sent = 0;
  sentBytes = 0;
  readonly #chance: Chance;
  readonly #timeline = new Timeline(0);
  readonly #members = new Map<NodeId, Membership>();
  readonly #wakes = new Map<NodeId, { readonly at: number; readonly cancel: () => void }>();

  constructor(seed: number, count: number) {
    this.#chance = new Chance(seed, 'bus');
    const ids = new Chance(seed, 'ids');
    this.ids = Array.from({ length: count }, () => ids.bytes(16).toString('hex'));
  }

  get now(): number {
    return this.#timeline.now;
  }

  /** Starts a member that knows the entries of some others. */
  start(id: NodeId, contacts: readonly NodeId[]): void {
    const member = new Membership({ random: new Chance(1, `${id} ${this.now}`), self: id });
    this.#members.set(id, member);
    for (const contact of contacts) member.entryKnown(this.now, contact, 1);
    member.announce(this.now, { loadPermille: 0, entryIssuedAtMs: 1 });
    member.start(this.now, contacts);
    this.#settle(id, member);
  }

  of(id: NodeId): Membership {
    const member = this.#members.get(id);
    if (!member) throw new Error(`${id} is not here`);
    return member;
  }

  /** It falls silent. */
  kill(id: NodeId): void {
    this.#members.delete(id);
    this.#wakes.get(id)?.cancel();
    this.#wakes.delete(id);
  }

  stop(id: NodeId): void {
    const member = this.of(id);
    member.stop();
    this.#settle(id, member);
    this.kill(id);
  }

  advance(ms: number): void {
    const limit = this.now + ms;
    while (this.#timeline.step(limit));
  }

  /** Runs until it holds; how long that took. Infinity: it never did. */
  until(holds: () => boolean, limitMs: number): number {
    const begin = this.now;
    while (this.now - begin < limitMs) {
      if (holds()) return this.now - begin;
      this.advance(50);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Everybody who runs sees exactly all others that run. */
  agreed(): boolean {
    const here = [...this.#members.keys()].sort();
    return here.every((id) =>
      sameText(
        this.of(id).alive(),
        here.filter((other) => other !== id),
      ),
    );
  }

  #settle(id: NodeId, member: Membership): void {
    for (let said = member.drain(); said.length > 0; said = member.drain()) {
      for (const output of said) this.#act(id, member, output);
    }
    const at = member.wakeAt();
    const armed = this.#wakes.get(id);
    if (armed?.at === at) return;
    armed?.cancel();
    this.#wakes.delete(id);
    if (at === Number.POSITIVE_INFINITY) return;
    const cancel = this.#timeline.at(Math.max(at, this.now), () => {
      this.#wakes.delete(id);
      if (this.#members.get(id) !== member) return;
      member.wake(this.now);
      this.#settle(id, member);
    });
    this.#wakes.set(id, { at, cancel });
  }

  #act(id: NodeId, member: Membership, output: MembershipOutput): void {
    if (output.type === 'changed') {
      this.changes.push({ at: this.now, by: id, of: output.id, lives: output.lives });
    } else if (output.type === 'entry-wanted') {
      this.#timeline.at(this.now + CONNECT_MS, () => {
        if (this.#members.get(id) !== member) return;
        member.entryKnown(this.now, output.id, 1);
        this.#settle(id, member);
      });
    } else if (output.type === 'send') {
      const bytes = encodeMessage(output.message);
      this.sent += 1;
      this.sentBytes += bytes.length;
      this.#carry(id, output.to, bytes, output.reliable);
    }
  }

  #carry(from: NodeId, to: NodeId, bytes: Buffer, reliable: boolean): void {
    const cut = (this.part.get(from) ?? 0) !== (this.part.get(to) ?? 0);
    if (cut || (!reliable && this.#chance.hits(this.loss))) return;
    this.#timeline.at(this.now + 20 + 60 * this.#chance.fraction(), () => {
      const member = this.#members.get(to);
      const value = decodeMessage(bytes);
      if (!member || !value) return;
      member.receive(this.now, from, value);
      this.#settle(to, member);
    });
  }
}

function sameText(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
