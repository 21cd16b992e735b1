/**
 * The history while its key is not to be had: encrypted, and the secret store is locked or not there (another session, a
 * folder that moved to another machine). The agent works on: calls go through, buddies are shown. What would be stored is
 * refused with `history-locked`, so writers get no receipt and send again; nothing is thought to be kept that is not.
 */
import { Refusal } from '../net/protocol/failures.ts';
import type { HistoryDb } from './history-face.ts';

/** `why`: a few words on what the secret store said. */
export function lockedHistory(why: string): HistoryDb {
  const refuse = (): never => {
    throw new Refusal('history-locked', why);
  };
  return {
    storeIncoming: refuse,
    storeOutgoing: refuse,
    storeNote: refuse,
    history: refuse,
    newest: refuse,
    linesAfter: refuse,
    calls: refuse,
    erase: refuse,
    logCall: refuse,
    logSynced: () => false,
    markDelivered: () => [],
    groups: {
      list: () => [],
      put: refuse,
      newestPlace: refuse,
      storeCopies: refuse,
      copies: () => [],
      delivered: () => undefined,
      kept: () => undefined,
      withdraw: () => [],
    },
    markKept: () => false,
    endKept: () => {},
    unreadMissed: () => [],
    outbox: () => [],
    unread: () => new Map(),
    storeSynced: refuse,
    rowsSince: refuse,
    setSyncedTo: refuse,
    syncedTo: () => 0,
    readSince: () => [],
    markReadTo: () => 0,
    markDeliveredElsewhere: () => [],
    markRead: () => 0,
    missedCalls: () => 0,
    takeNotices: () => [],
    close: () => {},
    closeForGood: () => true,
  };
}
