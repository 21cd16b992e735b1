/**
 * How an event changes the state: the one function that agent and screens share, so that every copy of `AppState`
 * is the agent's. Pure. The agent folds what it did into its own state and pushes the event; a screen folds the
 * pushed event into the snapshot that `subscribe` gave.
 *
 * What does not change keeps its identity, so a screen redraws only what is new. Three decisions:
 * - Unread counts travel inside `buddy.changed`; `chat.message` and `chat.delivered` change nothing here, because
 *   lines of chat are not in this tree (a conversation pane keeps the ones it shows).
 * - Ended calls stay, for the person to read how they ended, until a call of another id begins.
 * - An event of a type that a newer agent invented changes nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { foldName } from '../net/protocol/ids.ts';
import type { AgentEvent } from './port.ts';
import type { AppState, Buddy, Call } from './state.ts';

/** The state after the event; the same object when nothing changed. */
export function reduce(state: AppState, event: AgentEvent): AppState {
  switch (event.type) {
    case 'network.joined':
      return change(state, { network: event.network });
    case 'account.signed-in':
      return change(state, { account: event.account });
    case 'account.signed-out':
      return change(state, { account: null, buddies: [], natKind: null });
    case 'link.changed':
      return change(state, {
        connection: event.connection,
        supernode: event.supernode,
        trouble: event.trouble,
        nat: event.nat ?? state.nat,
        observed: event.observed === undefined ? state.observed : event.observed,
        ...(event.tried === undefined ? {} : { tried: event.tried }),
        ...(event.supernodesKnown === undefined ? {} : { supernodesKnown: event.supernodesKnown }),
        standby: event.standby === undefined ? state.standby : event.standby,
      });
    case 'nat.changed':
      return change(state, { natKind: event.natKind });
    case 'mapping.changed':
      return change(state, { portMapping: event.portMapping });
    case 'ports.changed':
      return change(state, { ports: event.ports });
    case 'serving.changed':
      return change(state, { serving: event.serving });
    case 'devices.changed':
      return change(state, { devices: event.devices });
    case 'presence.changed':
      return change(state, { presence: event.presence });
    case 'buddy.changed':
      return change(state, { buddies: withBuddy(state.buddies, event.buddy) });
    case 'buddy.removed':
      return change(state, { buddies: withoutBuddy(state.buddies, event.name) });
    case 'elsewhere.changed':
      return change(state, { callsElsewhere: event.calls });
    case 'call.changed':
      return change(state, { calls: withCall(state.calls, event.call) });
    case 'call.level':
      return change(state, { calls: withLevel(state.calls, event.call, event) });
    case 'audio.changed':
      return change(state, { audio: event.audio });
    case 'settings.changed':
      return change(state, { settings: event.settings });
    case 'privacy.changed':
      return change(state, { privacy: event.privacy });
    case 'history.changed':
      return change(state, { history: event.history });
    case 'groups.changed':
      return change(state, { groups: event.groups });
    case 'sound.level': {
      const { inputDb, speaking } = event;
      return change(state, { audio: { ...state.audio, meter: { inputDb, speaking } } });
    }
    case 'missed-calls.changed':
      return change(state, { missedCalls: event.missedCalls });
    case 'chat.message':
    case 'chat.delivered':
    case 'chat.kept':
    case 'history.erased':
    case 'call.event':
    case 'notice':
      return state;
    default:
      return unknownTo(event, state);
  }
}

/** Compiles only while every type of event that we know has its case. */
function unknownTo(_event: never, state: AppState): AppState {
  return state;
}

function withBuddy(buddies: readonly Buddy[], buddy: Buddy): readonly Buddy[] {
  const key = foldName(buddy.name);
  const at = buddies.findIndex((known) => foldName(known.name) >= key);
  const known = at === -1 ? undefined : buddies[at];
  if (known === undefined) return [...buddies, buddy];
  if (foldName(known.name) !== key) return buddies.toSpliced(at, 0, buddy);
  const next = settle(known, buddy);
  return next === known ? buddies : buddies.with(at, next);
}

function withoutBuddy(buddies: readonly Buddy[], name: string): readonly Buddy[] {
  const key = foldName(name);
  const left = buddies.filter((buddy) => foldName(buddy.name) !== key);
  return left.length === buddies.length ? buddies : left;
}

function withCall(calls: readonly Call[], call: Call): readonly Call[] {
  const at = calls.findIndex((known) => known.call === call.call);
  const known = calls[at];
  if (known === undefined) return [...calls.filter((other) => other.phase !== 'ended'), call];
  const next = settle(known, call);
  return next === known ? calls : calls.with(at, next);
}

function withLevel(
  calls: readonly Call[],
  id: string,
  level: { readonly inputDb: number; readonly outputDb: number; readonly speaking?: boolean },
): readonly Call[] {
  const at = calls.findIndex((known) => known.call === id);
  const known = calls[at];
  if (known === undefined) return calls;
  const { inputDb, outputDb, speaking } = level;
  const next = settle(known, { ...known, inputDb, outputDb, ...(speaking === undefined ? {} : { speaking }) });
  return next === known ? calls : calls.with(at, next);
}

function change(state: AppState, parts: Partial<AppState>): AppState {
  return settle(state, { ...state, ...parts });
}

/** `next`, with every part that says the same as in `known` being that of `known`; `known` itself when all do. */
function settle<T extends object>(known: T, next: T): T {
  const entries = Object.entries(next) as [keyof T, T[keyof T]][];
  const parts = entries.map(([key, value]) => [key, isDeepStrictEqual(known[key], value) ? known[key] : value]);
  const same =
    parts.length === Object.keys(known).length && parts.every(([key, value]) => known[key as keyof T] === value);
  return same ? known : (Object.fromEntries(parts) as T);
}
