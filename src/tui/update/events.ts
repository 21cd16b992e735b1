/** What the screen makes of an event beyond the agent's own state: messages to show, and sentences worth reading once. */
import type { AgentEvent } from '../../store/port.ts';
import type { AppState } from '../../store/state.ts';
import { conversationOf, EMPTY_WALK } from '../ui-state.ts';
import { endedSentence, failureSentence, problemSentence } from '../wording.ts';
import { withLines, withMark } from './conversations.ts';
import { withoutErased } from './find-commands.ts';
import { isTold, problemTold } from './preference-changes.ts';
import { noticed, type Step, step, type World } from './world.ts';

/** `world.app` is the state after the event, `before` the one before it. */
export function afterEvent(world: World, before: AppState, event: AgentEvent): Step {
  const { ui } = world;
  switch (event.type) {
    case 'chat.message': {
      const { line } = event;
      // What was never loaded is loaded whole when somebody looks.
      const { loaded, isCut } = conversationOf(ui, line.with);
      // Nor does it stand beside an older part: it comes when somebody scrolls to it.
      return step(loaded === 'new' || isCut ? ui : withLines(ui, line.with, [line]));
    }
    case 'history.erased':
      return step(withoutErased(ui, event.with));
    case 'history.changed':
      // It was locked, or is: what can be read now is asked for.
      return step(event.history.protection === before.history?.protection ? ui : withoutErased(ui, null));
    case 'chat.delivered':
      return step(withMark(ui, event.with, event.id, 'delivered'));
    case 'chat.kept':
      return step(withMark(ui, event.with, event.id, 'kept'));
    case 'call.changed': {
      const { call } = event;
      const known = before.calls.find((one) => one.call === call.call);
      if (call.phase !== 'ended' || !known || known.phase === 'ended') return step(ui);
      const tone = call.reason === 'hangup' || call.reason === 'cancelled' ? 'plain' : 'warn';
      return step(
        noticed(
          world,
          ui.dialog?.type === 'quit' ? { ...ui, dialog: null } : ui,
          endedSentence(call, world.nowMs),
          tone,
        ),
      );
    }
    case 'audio.changed': {
      const { problem, using } = event.audio;
      // Sound goes in or out, and nothing is wrong with it: what was is over.
      if (problem === '' && (using?.input || using?.output)) return problemTold(ui, '');
      // One with a code comes as a notice as well, and is told by that.
      const isNew = problem !== before.audio.problem && problemSentence(problem) === problem;
      return isNew && !isTold(ui, problem) ? problemTold(noticed(world, ui, problem, 'warn'), problem) : step(ui);
    }
    case 'notice': {
      const { code, detail } = event;
      const told = () => noticed(world, ui, failureSentence(code, detail), 'warn');
      if (!code.startsWith('audio-')) return step(told());
      const problem = `${code}: ${detail}`;
      return isTold(ui, problem) ? step(ui) : problemTold(told(), problem);
    }
    case 'account.signed-in':
      // The passwords that were typed are not kept a moment longer than needed.
      return step({ ...ui, walk: { ...EMPTY_WALK, invite: ui.walk.invite } });
    case 'account.signed-out':
      return step({ ...ui, drafts: {}, conversations: {}, selected: '', focus: 'list', dialog: null });
    default:
      return step(ui);
  }
}
