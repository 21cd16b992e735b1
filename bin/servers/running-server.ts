/** What each server hands back once it runs: its part of an invite, and its end. */
import type { Endpoint } from '../../src/net/protocol/endpoint.ts';
import type { Log } from '../../src/store/log-file.ts';

export interface RunningServer {
  /** How others reach it, best first. */
  readonly endpoints: readonly Endpoint[];
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Private folder of this server. */
  readonly folder: string;
  /** What others reach this machine by; undefined: every address it has. */
  readonly host: string | undefined;
  /** Undefined: the port kept in the folder, or a free one. */
  readonly port: number | undefined;
  /** Leaves the ports of the web to another server of this machine. */
  readonly noWebPorts?: boolean;
  readonly log: Log;
  /** Our own mistake: the process must end with exit code 5. */
  readonly onFault: (fault: unknown) => void;
}
