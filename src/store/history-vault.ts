/**
 * How histories are kept at rest, as the agent sees it. `history-vault-io.ts` is the real one, over the profile folder and
 * the system's secret store; `agent-history.ts` drives it.
 */
import type { HistoryDb } from './history-face.ts';
import type { HistoryReport } from './state.ts';

export interface HistoryVault {
  /** Of the history that was opened last; what to expect, before that. */
  report(): HistoryReport;
  /** Opens or makes an account's history in the form that is wanted and possible; a locked one stands in for it. */
  open(account: string): HistoryDb;
  /** Asks the secret store once more. Resolves whatever it says; `open` then knows more. */
  ask(): Promise<void>;
  /** The secret store has answered after the start went on without it. */
  onLateKey(listener: () => void): void;
  /** Deletes an account's file unread, for somebody whose key is lost; with the last such file the key is forgotten too. */
  discard(account: string): void;
}
