/**
 * The watchdog against an open microphone: a call that nobody remembers, a terminal that went away. Pure, one for each call;
 * `agent-microphone.ts` hands in five times a second how things stand and does what it says.
 *
 *   open for so long without a voice here, or without a screen or command that follows   -> warn
 *   a minute after that, where closing is wanted and nothing has changed                 -> close
 */
import { MICROPHONE_CLOSE_AFTER_MS } from '../net/protocol/params.ts';

export interface MicrophoneNow {
  /** The call runs, is not on hold, and a microphone is neither muted nor missing. */
  readonly open: boolean;
  readonly speaking: boolean;
  /** Somebody follows the agent: a screen, `wren call`, `wren answer`. */
  readonly attended: boolean;
}

export interface WatchWish {
  readonly watch: 'off' | 'warn' | 'close';
  readonly minutes: number;
}

/** `quiet`: nobody spoke here; `unattended`: nobody looks. */
export type LeftOpen = 'quiet' | 'unattended';

export class MicrophoneWatch {
  #voiceAt = Number.NEGATIVE_INFINITY;
  #attendedAt = Number.NEGATIVE_INFINITY;
  #warned: { readonly at: number; readonly why: LeftOpen } | undefined;
  #open = false;

  /** What was warned of and still holds. */
  get leftOpen(): LeftOpen | undefined {
    return this.#warned?.why;
  }

  /** Gives what is to be done now; at most one warning, and one close, until somebody speaks or looks again. */
  look(nowMs: number, now: MicrophoneNow, wish: WatchWish): 'warn' | 'close' | undefined {
    const opened = now.open && !this.#open;
    this.#open = now.open;
    if (opened || !now.open || now.speaking) this.#voiceAt = nowMs;
    if (opened || !now.open || now.attended) this.#attendedAt = nowMs;
    const why = wish.watch === 'off' ? undefined : this.#whyAt(nowMs - wish.minutes * 60_000);
    if (why === undefined) {
      this.#warned = undefined;
      return undefined;
    }
    if (!this.#warned) {
      this.#warned = { at: nowMs, why };
      return 'warn';
    }
    if (wish.watch !== 'close' || nowMs < this.#warned.at + MICROPHONE_CLOSE_AFTER_MS) return undefined;
    // Were it not carried out, it is said again a minute later.
    this.#warned = { at: nowMs, why };
    return 'close';
  }

  #whyAt(latest: number): LeftOpen | undefined {
    if (this.#attendedAt <= latest) return 'unattended';
    return this.#voiceAt <= latest ? 'quiet' : undefined;
  }
}
