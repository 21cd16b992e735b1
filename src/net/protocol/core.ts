/**
 * The contract of a core: a piece of protocol that does no input or output of its own.
 *
 * A core owns no socket, timer, promise, clock or source of chance. Its driver hands it one input at a time,
 * then drains it until it has nothing more to say, acts on what it said, and arms one timer for `wakeAt()`.
 * So the same core runs over real sockets and, thousands of times faster, in the virtual time of a test.
 */

/** Monotonic milliseconds; only differences mean anything. */
export type Millis = number & { readonly __unit?: 'ms' };

export interface Core<Input, Command, Output> {
  /** Something arrived. Never throws on bad bytes. */
  receive(now: Millis, input: Input): void;
  /** Somebody above wants something. */
  command(now: Millis, command: Command): void;
  /** The time given by `wakeAt()` has come (calling it earlier is harmless). */
  wake(now: Millis): void;
  /** Everything to do or tell since the last drain, in order. Call until it returns an empty list. */
  drain(): Output[];
  /** When `wake` must be called next; `Infinity` when idle. */
  wakeAt(): Millis;
}

/** Chance, handed in. `bytes(n)` returns n fresh bytes that the caller owns. */
export interface Random {
  bytes(count: number): Buffer;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** Wall-clock milliseconds since 1970 (UTC), for what is stored or shown; never for timers. */
export type WallClock = () => number;
