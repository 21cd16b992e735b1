/**
 * Is what enrols as a supernode reached from outside? The login server dials the addresses that it announces
 * (`dialler.ts`), by UDP and by TCP, with a number of its own for each, and what enrols says the numbers back in the
 * session in which it asked: so whoever asks is who answers there, and no NAT or firewall stands before it. Nothing ever
 * left that port towards a login server, which is asked by connections from other ports only.
 *
 *   begin (effect) --> a datagram and a connection to each ... DialHeard --> all heard, or REACH_WAIT_MS --> done
 */
import type { Millis, Random } from '../protocol/core.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { hexOf } from '../protocol/ids.ts';
import { REACH_SAID_MAX, REACH_WAIT_MS } from '../protocol/overlay-params.ts';
import { NAT_TRANSACTION_BYTES } from '../protocol/params.ts';
import type { NetInput, NetOutput } from '../protocol/traffic.ts';
import { Dialler } from './dialler.ts';

interface Trial {
  readonly session: number | string;
  readonly endpoints: readonly Endpoint[];
  /** Numbers not heard yet, hexadecimal, and which endpoint each was said at. */
  readonly silent: Map<string, Endpoint>;
  readonly endsAt: Millis;
}

export class ReachDesk {
  readonly #random: Random;
  readonly #dialler: Dialler;
  readonly #trials = new Map<number, Trial>();
  #done: { readonly id: number; readonly reached: readonly Endpoint[] }[] = [];

  constructor(options: { readonly random: Random; readonly pin: Uint8Array }) {
    this.#random = options.random;
    this.#dialler = new Dialler(options);
  }

  /** `id` comes back with the endpoints that were reached. False when too much is dialled already. */
  begin(now: Millis, id: number, session: number | string, endpoints: readonly Endpoint[]): boolean {
    const silent = new Map<string, Endpoint>();
    for (const endpoint of endpoints) {
      const nonces = [this.#random.bytes(NAT_TRANSACTION_BYTES), this.#random.bytes(NAT_TRANSACTION_BYTES)] as const;
      if (!this.#dialler.dial(now, endpoint, ...nonces)) return false;
      for (const nonce of nonces) silent.set(hexOf(nonce), endpoint);
    }
    this.#trials.set(id, { session, endpoints, silent, endsAt: now + REACH_WAIT_MS });
    return true;
  }

  /** False when it was nothing of ours. */
  cancel(id: number): boolean {
    return this.#trials.delete(id);
  }

  /** What enrols in this session has heard these numbers. */
  heard(session: number | string, nonces: readonly Uint8Array[]): void {
    for (const [id, trial] of this.#trials) {
      if (trial.session !== session) continue;
      for (const nonce of nonces.slice(0, REACH_SAID_MAX)) trial.silent.delete(hexOf(nonce));
      if (trial.silent.size === 0) this.#end(id, trial);
    }
  }

  /** True when it was about a stream of ours. */
  receive(now: Millis, input: NetInput): boolean {
    return this.#dialler.receive(now, input);
  }

  wake(now: Millis): void {
    this.#dialler.wake(now);
    for (const [id, trial] of this.#trials) if (now >= trial.endsAt) this.#end(id, trial);
  }

  wakeAt(): Millis {
    let at = this.#dialler.wakeAt();
    for (const { endsAt } of this.#trials.values()) at = Math.min(at, endsAt);
    return at;
  }

  done(): { readonly id: number; readonly reached: readonly Endpoint[] }[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  drain(): NetOutput[] {
    return this.#dialler.drain();
  }

  #end(id: number, { endpoints, silent }: Trial): void {
    this.#trials.delete(id);
    const missed = new Set(silent.values());
    this.#done.push({ id, reached: endpoints.filter((endpoint) => !missed.has(endpoint)) });
  }
}
