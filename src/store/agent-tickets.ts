/**
 * Tickets for short handshakes, from the node to the profile and back. They change in bursts, when many people are met, so
 * they are written a moment later; what a crash loses costs a full handshake each.
 */
import type { Ticket } from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import { readTickets, writeTickets } from './tickets-file.ts';

const STORE_DELAY_MS = 1_000;

export class AgentTickets {
  readonly #core: AgentCore;
  #timer: NodeJS.Timeout | undefined;

  constructor(core: AgentCore) {
    this.#core = core;
  }

  /** Those of the last run. */
  load(): readonly Ticket[] {
    return readTickets(this.#core.options.profile.folder);
  }

  changed(): void {
    this.#timer ??= setTimeout(() => this.#store(), STORE_DELAY_MS).unref();
  }

  /** The program ends: what waits is written now. */
  end(): void {
    if (this.#timer) this.#store();
  }

  /** Signing out: nothing more is written. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #store(): void {
    this.forget();
    const { profile, log } = this.#core.options;
    const tickets = this.#core.node?.core.tickets();
    if (!tickets || !this.#core.state.account) return;
    try {
      writeTickets(profile.folder, tickets);
    } catch (error) {
      // A hint for the next start: not worth dying for on a full disk.
      if (!(error instanceof Refusal)) throw error;
      log.warn('agent', 'tickets not kept', { code: error.code });
    }
  }
}
