/**
 * The way of a face (the screen, line mode) to the agent: connects, hands on the snapshot and then each event, and looks for the
 * agent again whenever it goes away. Tells what happens to its listener; what that means to a person is the listener's to say. It may
 * be on its way before there is a listener: the screen looks for the agent first and loads what draws meanwhile.
 */
import { type FailureCode, Refusal } from '../net/protocol/failures.ts';
import type { AgentConnection } from '../store/agent-client.ts';
import type { AgentEvent } from '../store/port.ts';
import type { AppState } from '../store/state.ts';

/** Pauses before the agent is looked for again, ms; the last one is kept. */
const RELINK_MS = [300, 1_000, 2_000, 5_000] as const;
const HANG_UP_WAIT_MS = 1_500;

export interface LinkListener {
  linked(state: AppState): void;
  event(event: AgentEvent): void;
  /** The agent has gone, or is not there; after each try. */
  lost(code: FailureCode): void;
}

export class AgentLink {
  readonly #connect: () => Promise<AgentConnection>;
  #listener: LinkListener | undefined;
  /** For a listener that is still to come: what happens within the few milliseconds until then. */
  #untold: ((listener: LinkListener) => void)[] = [];
  #connection: AgentConnection | undefined;
  #isClosed = false;

  /** `connect` gives a connection whose `hello` is done. */
  constructor(connect: () => Promise<AgentConnection>) {
    this.#connect = connect;
  }

  /** To be called once. What has happened before is told at once. */
  listen(listener: LinkListener): void {
    this.#listener = listener;
    for (const tell of this.#untold.splice(0)) tell(listener);
  }

  /** Resolves once it is closed. */
  async keep(): Promise<void> {
    for (let tries = 0; !this.#isClosed; tries++) {
      const code = await this.#linkOnce(() => {
        tries = 0;
      });
      this.#connection = undefined;
      this.#tell((listener) => listener.lost(code));
      if (this.#isClosed) return;
      await pause(RELINK_MS[Math.min(tries, RELINK_MS.length - 1)]);
    }
  }

  /** Rejects with `agent-unreachable` while there is no agent. */
  readonly request: AgentConnection['request'] = (command) =>
    this.#connection?.request(command) ?? Promise.reject(new Refusal('agent-unreachable'));

  /** For whoever leaves: an agent that does not confirm in time is left to finish it alone. */
  async hangUp(): Promise<void> {
    const hungUp = this.request({ type: 'call.hang-up' }).catch(() => null);
    await Promise.race([hungUp, pause(HANG_UP_WAIT_MS)]);
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
  }

  #tell(tell: (listener: LinkListener) => void): void {
    if (this.#listener) tell(this.#listener);
    else this.#untold.push(tell);
  }

  /** One connection from its start to its end; resolves with why it ended. */
  async #linkOnce(linked: () => void): Promise<FailureCode> {
    try {
      const connection = await this.#connect();
      if (this.#isClosed) {
        connection.close();
        return 'agent-unreachable';
      }
      const closed = new Promise<void>((resolve) => connection.onClose(resolve));
      connection.onEvent((event) => {
        // What came before the snapshot is in the snapshot.
        if (this.#connection === connection) this.#tell((listener) => listener.event(event));
      });
      const state = await connection.request({ type: 'subscribe' });
      this.#connection = connection;
      linked();
      this.#tell((listener) => listener.linked(state));
      await closed;
      return 'agent-unreachable';
    } catch (error) {
      return error instanceof Refusal ? error.code : 'internal';
    }
  }
}

function pause(delayMs: number | undefined): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
