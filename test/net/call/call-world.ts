/**
 * A few nodes that can only call: `Calls` cores joined by seeded delays in virtual time. Messages go through the real
 * encoder. `inOrder` keeps each pair's order, as sessions do; without it anything may overtake anything.
 */

import { Calls } from '../../../src/net/call/call.ts';
import type { CallCommand, CallEvent, CallOutput, MediaOrder } from '../../../src/net/call/call-record.ts';
import type { CallRoom } from '../../../src/net/call/call-table.ts';
import type { CallElsewhere } from '../../../src/net/call/own-calls.ts';
import type { Random } from '../../../src/net/protocol/core.ts';
import { foldName, type NodeId, type UserName } from '../../../src/net/protocol/ids.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/net/wire/messages.ts';
import type { PeerInput } from '../../../src/net/wire/peers.ts';
import { seededRandom } from '../../support/seeded-random.ts';

export type Told = CallEvent | MediaOrder;

export interface Phone {
  readonly name: UserName;
  readonly node: NodeId;
  readonly calls: Calls;
  readonly told: Told[];
  /** When each was told. */
  readonly times: number[];
  readonly sent: { readonly to: UserName; readonly node: NodeId | undefined; readonly message: Message }[];
  attached: boolean;
  elsewhere: readonly CallElsewhere[];
}

interface Delivery {
  readonly at: number;
  readonly to: Phone;
  readonly from: Phone | undefined;
  readonly input: PeerInput;
}

export class CallWorld {
  now = 0;
  readonly random: Random;
  readonly phones: Phone[] = [];
  readonly #delayMs: () => number;
  readonly #inOrder: boolean;
  #deliveries: Delivery[] = [];
  /** Called after every step. */
  check: () => void = () => {};

  /** `loss`: this share of the messages waits so much longer, as those do that are sent again. */
  constructor(
    options: {
      seed?: number;
      delayMs?: readonly [number, number];
      inOrder?: boolean;
      loss?: { readonly share: number; readonly costMs: readonly [number, number] };
    } = {},
  ) {
    const [least, most] = options.delayMs ?? [10, 10];
    const { loss } = options;
    this.random = seededRandom(options.seed ?? 1);
    this.#delayMs = () => {
      const delayMs = least + this.random.fraction() * (most - least);
      if (!loss || this.random.fraction() >= loss.share) return delayMs;
      return delayMs + loss.costMs[0] + this.random.fraction() * (loss.costMs[1] - loss.costMs[0]);
    };
    this.#inOrder = options.inOrder ?? true;
  }

  /** Everybody is everybody's buddy, unless it is said otherwise. */
  phone(name: UserName, options: CallRoom & { isBuddy?: (name: UserName) => boolean } = {}): Phone {
    const node = this.random.bytes(16).toString('hex');
    const ownNodes = () =>
      this.phones
        .filter((one) => one.attached && one.node !== node && foldName(one.name) === foldName(name))
        .map((one) => one.node);
    const calls = new Calls({ name, random: this.random, isBuddy: () => true, ownNodes, ...options });
    const phone: Phone = { name, node, calls, told: [], times: [], sent: [], attached: true, elsewhere: [] };
    this.phones.push(phone);
    calls.command(this.now, { type: 'candidates', endpoints: [`udp:127.0.0.1:${4000 + this.phones.length}`] });
    return phone;
  }

  /** Returns the call id of a `place`. */
  do(phone: Phone, command: CallCommand): string {
    phone.calls.command(this.now, command);
    const before = phone.told.length;
    this.#settle(phone);
    const first = phone.told[before];
    return first?.call ?? '';
  }

  hear(phone: Phone, input: PeerInput | { type: 'media-alive'; call: string }): void {
    const about = 'from' in input ? input.from : 'name' in input ? input.name : '';
    if (input.type !== 'media-alive' && foldName(about) === foldName(phone.name))
      phone.calls.receiveOwn(this.now, input);
    else phone.calls.receive(this.now, input);
    this.#settle(phone);
  }

  /** Leaves the network; everybody else is told at once. */
  leave(phone: Phone): void {
    phone.attached = false;
    this.#tellAll(phone, { type: 'peer-gone', name: phone.name, node: phone.node });
  }

  comeBack(phone: Phone): void {
    phone.attached = true;
    this.#tellAll(phone, { type: 'peer-seen', name: phone.name, node: phone.node });
    for (const other of this.phones)
      if (other !== phone && other.attached)
        this.hear(phone, { type: 'peer-seen', name: other.name, node: other.node });
  }

  run(forMs: number): void {
    const until = this.now + forMs;
    for (;;) {
      const at = Math.min(this.#nextDelivery()?.at ?? Infinity, ...this.phones.map((phone) => phone.calls.wakeAt()));
      if (at > until) break;
      this.now = Math.max(this.now, at);
      this.#step();
      this.check();
    }
    this.now = until;
  }

  get underWay(): number {
    return this.#deliveries.length;
  }

  #step(): void {
    const next = this.#nextDelivery();
    if (next && next.at <= this.now) {
      this.#deliveries.splice(this.#deliveries.indexOf(next), 1);
      if (!next.to.attached) return;
      this.hear(next.to, next.input);
      return;
    }
    for (const phone of this.phones) {
      if (phone.calls.wakeAt() > this.now) continue;
      phone.calls.wake(this.now);
      this.#settle(phone);
    }
  }

  #nextDelivery(): Delivery | undefined {
    return this.#deliveries.reduce<Delivery | undefined>(
      (first, one) => (first && first.at <= one.at ? first : one),
      undefined,
    );
  }

  #settle(phone: Phone): void {
    for (let out = phone.calls.drain(); out.length > 0; out = phone.calls.drain())
      for (const output of out) this.#carry(phone, output);
  }

  #carry(from: Phone, output: CallOutput): void {
    if (output.type === 'elsewhere') {
      from.elsewhere = output.calls;
      return;
    }
    if (output.type !== 'send') {
      from.told.push(output);
      from.times.push(this.now);
      return;
    }
    from.sent.push({ to: output.to, node: output.node, message: output.message });
    if (!from.attached) return;
    const targets = this.phones.filter(
      (phone) =>
        phone.attached && foldName(phone.name) === foldName(output.to) && (output.node ?? phone.node) === phone.node,
    );
    const message = decodeMessage(encodeMessage(output.message));
    if (!message) throw new Error('a message did not survive its own encoding');
    for (const to of targets) this.#post(from, to, { type: 'message', from: from.name, node: from.node, message });
    if (targets.length === 0)
      this.#post(undefined, from, { type: 'unreachable', name: output.to, code: 'person-offline' });
  }

  #post(from: Phone | undefined, to: Phone, input: PeerInput): void {
    let at = this.now + this.#delayMs();
    if (this.#inOrder)
      for (const other of this.#deliveries)
        if (other.from === from && other.to === to) at = Math.max(at, other.at + 0.001);
    this.#deliveries.push({ at, to, from, input });
  }

  #tellAll(about: Phone, input: PeerInput): void {
    for (const phone of this.phones) if (phone !== about && phone.attached) this.hear(phone, input);
  }
}

/** Types of everything told, without the media orders; `ended` with its reason. */
export function story(phone: Phone): string[] {
  return phone.told
    .filter((told) => !told.type.startsWith('media-'))
    .map((told) => (told.type === 'ended' ? `ended ${told.reason}` : told.type));
}

export function last<T extends Told['type']>(phone: Phone, type: T): Told & { type: T } {
  const found = phone.told.findLast((told) => told.type === type);
  if (!found) throw new Error(`${phone.name} was never told ${type}, only ${phone.told.map((t) => t.type).join(' ')}`);
  return found as Told & { type: T };
}
