/**
 * The test call of `wren check`: calls the echo service for some seconds and judges the last figures. A call that runs
 * already is left alone and judged instead. Nobody's telephone rings: `echo` is a program.
 */
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { CallEvent } from '../../src/store/port.ts';
import { type AppState, type CallEndReason, currentCall, type Quality } from '../../src/store/state.ts';
import { type Step, step, typical, voiceStep } from './check-steps.ts';
import { sentence } from './failure.ts';

const ECHO = 'echo';
const STEP = 'echo call';
/** Long enough for a direct path to be found and judged. */
const TALK_MS = 4_000;
/** Echo answers by itself: whoever has not within this is not there. */
const ANSWER_MS = 8_000;
/** An agent that does not confirm the hang-up by then is left to finish it. */
const HANG_UP_MS = 2_000;

interface Heard {
  readonly answered: boolean;
  /** One for each second. */
  readonly seconds: readonly Quality[];
  readonly reason: CallEndReason | undefined;
}

/** Subscribe first. `audio`: the SPEC to call with. */
export async function echoStep(
  agent: AgentConnection,
  state: AppState,
  audio: string,
  stop: AbortSignal,
): Promise<Step> {
  const running = currentCall(state);
  if (running !== undefined) {
    if (running.quality !== null) return voiceStep('running call', running.peer, running.quality);
    return step(STEP, 'warn', 'not made: a call is under way', 'check again during or after it');
  }
  try {
    const heard = await call(agent, audio, stop);
    if (heard.answered) return voiceStep(STEP, ECHO, typical(heard.seconds));
    return notThere(heard.reason === undefined ? 'nobody answered' : `nobody answered: ${heard.reason}`);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'agent-unreachable') throw error;
    return notThere(sentence(error.code));
  }
}

function notThere(why: string): Step {
  return step(STEP, 'warn', `the echo service is not there (${why})`, 'wren echo, on any machine of the network');
}

async function call(agent: AgentConnection, audio: string, stop: AbortSignal): Promise<Heard> {
  const early: CallEvent[] = [];
  let take = (event: CallEvent): void => void early.push(event);
  const undo = agent.onEvent((event) => {
    if (event.type === 'call.event') take(event.event);
  });
  try {
    const { call: id } = await agent.request({ type: 'call.place', to: ECHO, audio });
    return await new Promise<Heard>((resolve, reject) => {
      let heard: Heard = { answered: false, seconds: [], reason: undefined };
      const undoClose = agent.onClose(() => reject(new Refusal('agent-unreachable')));
      const end = (): void => {
        clearTimeout(timer);
        stop.removeEventListener('abort', hangUp);
        undoClose();
        resolve(heard);
      };
      const hangUp = (): void => {
        clearTimeout(timer);
        timer = setTimeout(end, HANG_UP_MS);
        // `no-call`: it has ended, and its `ended` is on the way.
        agent.request({ type: 'call.hang-up', call: id }).catch(() => {});
      };
      let timer = setTimeout(hangUp, ANSWER_MS);
      stop.addEventListener('abort', hangUp);
      take = (event) => {
        if (event.call !== id) return;
        if (event.event === 'answered') {
          heard = { ...heard, answered: true };
          clearTimeout(timer);
          timer = setTimeout(hangUp, TALK_MS);
        } else if (event.event === 'quality') heard = { ...heard, seconds: [...heard.seconds, event] };
        else if (event.event === 'ended') {
          heard = { ...heard, reason: event.reason };
          end();
        }
      };
      for (const event of early) take(event);
      if (stop.aborted) hangUp();
    });
  } finally {
    undo();
  }
}
