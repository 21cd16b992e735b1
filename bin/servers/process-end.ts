/**
 * How a long-running program ends: on SIGINT or SIGTERM politely, on our own mistake with exit code 5. SIGHUP is the
 * terminal's death, which is not ours.
 */
import process from 'node:process';

/** A polite end that takes longer than this is cut off. */
const STOP_MS = 6_000;

export interface ProcessEnd {
  /** Resolves with the exit code when it is time to stop. */
  readonly wanted: Promise<number>;
  /** Our own mistake. */
  readonly fault: (error: unknown) => void;
}

export function watchProcessEnd(tell: (error: unknown) => void): ProcessEnd {
  let end: (code: number) => void = () => {};
  const wanted = new Promise<number>((resolve) => {
    end = resolve;
  });
  process.on('SIGINT', () => end(0));
  process.on('SIGTERM', () => end(0));
  process.on('SIGHUP', () => {});
  const fault = (error: unknown): void => {
    tell(error);
    end(5);
  };
  process.on('uncaughtException', fault);
  process.on('unhandledRejection', fault);
  return { wanted, fault };
}

/** Runs the polite end, but not for ever. */
export async function endWithin(stop: () => Promise<unknown>): Promise<void> {
  const timer = setTimeout(() => process.exit(5), STOP_MS);
  timer.unref();
  await stop();
  clearTimeout(timer);
}
