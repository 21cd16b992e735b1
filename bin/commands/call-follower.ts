/**
 * Follows calls by the events of the agent until they end: prints each event (JSON or a line for people), hangs up
 * when the time given has passed or the person wants out, and says how it ended. `call` and `answer` share it.
 *
 * Events may overtake the reply that names the call, so the events of every call seen since subscribing are kept,
 * a bounded number of calls, until somebody asks to follow one of them.
 */
import { Refusal } from '../../src/net/protocol/failures.ts';
import { foldName } from '../../src/net/protocol/ids.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { CallEvent } from '../../src/store/port.ts';
import type { Buddy, BuddySafety, CallEndReason } from '../../src/store/state.ts';
import { callWords, quietConference, quietQuality } from './call-words.ts';
import { sentence } from './failure.ts';
import type { Output } from './output.ts';

/** Calls whose early events are kept, and events of each. */
const CALLS_KEPT_MAX = 16;
const EVENTS_KEPT_MAX = 64;
/** An agent that does not confirm a hang-up by then is left to finish it alone. */
const HANG_UP_PATIENCE_MS = 5_000;

type SafetyLookup = (name: string) => BuddySafety | undefined;

export interface CallEnding {
  readonly reason: CallEndReason;
  readonly answered: boolean;
}

export interface FollowWish {
  readonly call: string;
  readonly direction: 'in' | 'out';
  /** Hang up so long after the answer, ms. */
  readonly forMs: number | undefined;
  /** The person wants out: hang up. */
  readonly stop: AbortSignal;
}

export interface CallFollower {
  /** Resolves when the call has ended; rejects with `agent-unreachable` when the agent goes away. */
  follow(wish: FollowWish): Promise<CallEnding>;
  /** The buddies as `subscribe` told them: whose key is verified is said with the call. */
  people(known: readonly Buddy[]): void;
  /** An event from before subscribing, told when its call is followed. */
  recall(event: CallEvent): void;
  close(): void;
}

/** Make it before `subscribe` is asked for, so that no event is missed. */
export function followCalls(agent: AgentConnection, output: Output): CallFollower {
  const kept = new Map<string, CallEvent[]>();
  const listeners = new Map<string, (event: CallEvent) => void>();
  let buddies: readonly Buddy[] = [];
  const safety = (name: string) => buddies.find((buddy) => foldName(buddy.name) === foldName(name))?.safety;
  const undo = agent.onEvent((event) => {
    if (event.type === 'notice') output.say(sentence(event.code, event.detail));
    if (event.type === 'buddy.changed')
      buddies = [...buddies.filter(({ name }) => name !== event.buddy.name), event.buddy];
    if (event.type !== 'call.event') return;
    const listener = listeners.get(event.event.call);
    if (listener === undefined) keep(kept, event.event);
    else listener(event.event);
  });
  return {
    follow: (wish) =>
      new Promise((resolve, reject) => {
        const call = oneCall(agent, output, { ...wish, safety }, (ending) => {
          listeners.delete(wish.call);
          undoClose();
          resolve(ending);
        });
        const undoClose = agent.onClose(() => reject(new Refusal('agent-unreachable')));
        listeners.set(wish.call, call.take);
        for (const event of kept.get(wish.call) ?? []) call.take(event);
        kept.delete(wish.call);
      }),
    recall: (event) => keep(kept, event),
    people: (known) => {
      buddies = known;
    },
    close: undo,
  };
}

function keep(kept: Map<string, CallEvent[]>, event: CallEvent): void {
  const events = kept.get(event.call) ?? [];
  if (events.length < EVENTS_KEPT_MAX) events.push(event);
  kept.set(event.call, events);
  const [oldest] = kept.keys();
  if (kept.size > CALLS_KEPT_MAX && oldest !== undefined) kept.delete(oldest);
}

function oneCall(
  agent: AgentConnection,
  output: Output,
  wish: FollowWish & { readonly safety: SafetyLookup },
  finish: (ending: CallEnding) => void,
) {
  const isNews = quietQuality();
  const isConferenceNews = quietConference();
  let answered = false;
  let isConference = false;
  let timer: NodeJS.Timeout | undefined;

  const end = (reason: CallEndReason) => {
    clearTimeout(timer);
    wish.stop.removeEventListener('abort', hangUp);
    finish({ reason, answered });
  };
  const hangUp = () => {
    clearTimeout(timer);
    timer = setTimeout(() => end(answered ? 'hangup' : 'cancelled'), HANG_UP_PATIENCE_MS);
    // `no-call` means that the other side was quicker: its `ended` is on the way.
    agent.request({ type: 'call.hang-up', call: wish.call }).catch(() => {});
  };
  const take = (event: CallEvent) => {
    const tells = output.json || event.event !== 'conference' || isConferenceNews(event);
    isConference ||= event.event === 'conference';
    // Why each of them is not there has been said.
    const nobodyCame = event.event === 'ended' && isConference && !event.goesOn && !answered && !wish.stop.aborted;
    if (nobodyCame && !output.json) output.say('Nobody came.');
    else if (tells) tell(output, event, wish, isNews);
    if (event.event === 'answered' && !answered) {
      answered = true;
      if (wish.forMs !== undefined && !wish.stop.aborted) timer = setTimeout(hangUp, wish.forMs);
    }
    // Of a conference others may leave while it goes on.
    if (event.event === 'ended' && !event.goesOn) end(event.reason);
  };
  if (wish.stop.aborted) hangUp();
  else wish.stop.addEventListener('abort', hangUp);
  return { take };
}

function tell(
  output: Output,
  event: CallEvent,
  { direction, safety }: { readonly direction: 'in' | 'out'; readonly safety: SafetyLookup },
  isNews: ReturnType<typeof quietQuality>,
): void {
  output.object(event);
  if (output.json || (event.event === 'quality' && !isNews(event))) return;
  const words = callWords(event, direction, safety(event.peer));
  if (words !== undefined) output.say(words);
}
