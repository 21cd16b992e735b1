/**
 * What the screen and the commands see of an agent: requests that resolve, and events. `agent-client-io.ts` makes
 * one over the Unix socket (starting the agent when asked); tests make one from a script.
 */
import type { AgentCommand, AgentEvent, ResultOf } from './port.ts';

export interface AgentConnection {
  /** Rejects with `Refusal` (protocol/failures.ts): the agent's code, or `agent-unreachable` once closed. */
  request<C extends AgentCommand>(command: C): Promise<ResultOf<C['type']>>;
  /** Every event after `subscribe`, in order. Returns the undoing. */
  onEvent(listener: (event: AgentEvent) => void): () => void;
  /** Called once when the agent goes away. Returns the undoing. */
  onClose(listener: () => void): () => void;
  close(): void;
}
