/**
 * One node of a person, as `peer-sessions.ts` knows it: its sessions with us, whether it is here, and whether the newest
 * session may be used as it is, on trial, or not at all (PROTOCOL.md 9.4).
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { PEER_QUEUE_MESSAGES_MAX, SESSION_FRESH_MS, SESSION_TRIAL_MS } from '../protocol/params.ts';
import type { SessionId } from '../transport/switchboard.ts';
import type { Message } from '../wire/messages.ts';

export interface Remote {
  readonly node: NodeId;
  /** Newest first. */
  sessions: SessionId[];
  /** Handshake under way. */
  connecting: boolean;
  attached: boolean;
  /** Our supernode would tell us if it left or attached anew. */
  watched: boolean;
  /** A new supernode of ours has not told us yet that it is here. */
  doubted: boolean;
  /** When it attached anew: a session that was not heard since may be of a program that is gone. */
  anewAt: Millis;
  /** When we open a session, if it has not done so. */
  connectAt: Millis;
  /** What was said in a session that had been silent for long: until something is heard of it. */
  trial: { readonly since: Millis; readonly said: Message[] } | undefined;
  queue: Message[];
  /** When our sessions with it end, since it may not speak for its person any more. */
  dismissAt: Millis;
}

export function newRemote(node: NodeId): Remote {
  return {
    node,
    sessions: [],
    connecting: false,
    attached: false,
    watched: false,
    doubted: false,
    anewAt: Number.NEGATIVE_INFINITY,
    connectAt: Number.POSITIVE_INFINITY,
    trial: undefined,
    queue: [],
    dismissAt: Number.POSITIVE_INFINITY,
  };
}

/** It is not here any more, or we are not: nothing is known of it. */
export function lost(remote: Remote): void {
  remote.attached = false;
  remote.watched = false;
  remote.doubted = false;
  remote.connecting = false;
  remote.connectAt = Number.POSITIVE_INFINITY;
  remote.trial = undefined;
}

export type Use = 'as-it-is' | 'on-trial' | 'not';

/** How the newest session may be used, that was heard last at `heardAt`; `online`: our supernode keeps us informed. */
export function howToUse(remote: Remote, now: Millis, heardAt: Millis, online: boolean): Use {
  if (now - heardAt < SESSION_FRESH_MS && (heardAt > remote.anewAt || !online)) return 'as-it-is';
  return online && remote.watched && heardAt > remote.anewAt ? 'on-trial' : 'not';
}

/** False when too much is on trial already. */
export function keepForTrial(remote: Remote, now: Millis, value: Message): boolean {
  remote.trial ??= { since: now, said: [] };
  if (remote.trial.said.length >= PEER_QUEUE_MESSAGES_MAX) return false;
  remote.trial.said.push(value);
  return true;
}

export function trialEndsAt({ trial }: Remote): Millis {
  return trial ? trial.since + SESSION_TRIAL_MS : Number.POSITIVE_INFINITY;
}

/** Ends a trial; true when nothing was heard: all that was said then stands first among what waits for a new session. */
export function trialFailed(remote: Remote, heardAt: Millis): boolean {
  const { trial } = remote;
  remote.trial = undefined;
  if (!trial || heardAt >= trial.since) return false;
  remote.queue = [...trial.said, ...remote.queue].slice(0, PEER_QUEUE_MESSAGES_MAX);
  remote.anewAt = trial.since;
  return true;
}
