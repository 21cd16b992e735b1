/**
 * Ctrl-C and its kin during a call. The first SIGINT or SIGTERM asks the command to hang up and come to its end; the
 * second ends the program at once. A lost terminal (SIGHUP) never ends a call: the command goes and the agent keeps
 * the call, unless `--for` has promised to hang up in time, then the command stays to keep that promise.
 */
import { EXIT } from './exit-codes.ts';

export interface Interrupt {
  /** Aborted at the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  release(): void;
}

export function onInterrupt({ outliveTerminal }: { readonly outliveTerminal: boolean }): Interrupt {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.couldNot);
    controller.abort();
  };
  const stay = () => {};
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  if (outliveTerminal) process.on('SIGHUP', stay);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('SIGHUP', stay);
    },
  };
}

/** `promise`, or undefined as soon as the signal is aborted. */
export async function unlessInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let giveUp = () => {};
  const interrupted = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined);
    signal.addEventListener('abort', giveUp);
  });
  try {
    return await Promise.race([promise, interrupted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
