/** What the agent's room for serving is given by whoever composes the agent: processes, the machine, the environment. */
import type { FromServing, ToServing } from './agent-serving-lines.ts';

/** The child that serves. */
export interface ServingChild {
  tell(command: ToServing): void;
  /** Kills it if it does not end by itself in time; resolves when it is gone. */
  end(): Promise<void>;
}

export interface ServingMeans {
  /** WREN_SUPERNODE of whoever started the agent; undefined or nonsense: what the settings say. */
  readonly environment: string | undefined;
  /** WREN_RELAY_KBPS: instead of the cap that a person's machine has. */
  readonly relayKbps: number | undefined;
  /** There is a graphical session, so somebody who can be asked will open a screen. */
  readonly isDesktop: boolean;
  /** `onGone`: it has ended, as it was told or not. */
  readonly open: (wish: {
    readonly invite: string;
    readonly relayKbps: number;
    readonly onLine: (line: FromServing) => void;
    readonly onGone: () => void;
  }) => ServingChild;
  /** Busy share of all cores since the last call, and memory that is free. */
  readonly machine: () => { readonly busyPercent: number; readonly freeMemoryBytes: number };
}
