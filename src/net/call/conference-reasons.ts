/** Why somebody is not in a conference, or not any more, in the words of calls (pure). */
import type { CallEndReason } from './call-record.ts';
import type { AskState, PersonEndReason } from './conference-record.ts';

/** Of somebody who was asked. */
export function endReasonOf(state: AskState): CallEndReason {
  switch (state) {
    case 'declined':
    case 'busy':
    case 'no-answer':
    case 'unreachable':
    case 'cancelled':
      return state;
    default:
      return 'failed';
  }
}

/** Of ourselves, as the only one whom we hear says. */
export function refusalReason(text: string): PersonEndReason {
  if (text === 'removed' || text === 'full' || text === 'answered-elsewhere' || text === 'cancelled') return text;
  return 'failed';
}
