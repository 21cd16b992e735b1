/** What stands in the conversation pane instead of messages: a request, an answer that is missing, an empty talk. */
import { type AppState, type Buddy, currentCall } from '../../store/state.ts';
import { DEFAULT_KEYS, type KeyTable, keyOf } from '../key-bindings.ts';
import { isGroup } from '../people-groups.ts';
import { type Row, span } from '../text/spans.ts';
import { wrap } from '../text/width.ts';
import { SENTENCES } from '../wording.ts';

/** Rows about somebody one cannot write to; empty for a buddy. */
export function relationRows(buddy: Buddy, columns: number, keys: KeyTable = DEFAULT_KEYS): readonly Row[] {
  const key = (command: 'request.accept' | 'request.decline' | 'buddy.block' | 'buddy.remove', words: string): Row => [
    span(`  ${keyOf(command, 'browsing', keys)}`, 'strong'),
    span(`  ${words}`),
  ];
  const say = (sentence: string): readonly Row[] => wrap(sentence, columns).map((line): Row => [span(line)]);
  const said =
    buddy.message === ''
      ? []
      : [[], ...wrap(`"${buddy.message}"`, columns - 2).map((line): Row => [span(`  ${line}`)])];
  switch (buddy.relation) {
    case 'incoming':
      return [
        ...say(`${buddy.name} wants to be your buddy.`),
        ...said,
        [],
        key('request.accept', 'accept'),
        key('request.decline', 'decline'),
        key('buddy.block', 'block'),
      ];
    case 'outgoing':
      return [
        ...say(`You asked ${buddy.name}. No answer yet.`),
        ...said,
        [],
        key('buddy.remove', 'withdraw the request'),
      ];
    case 'declined':
      if (isGroup(buddy.name)) {
        return [...say(`You are not in ${buddy.name} any more.`), [], key('buddy.remove', 'take it off the list')];
      }
      return [...say(`${buddy.name} declined your request.`), [], key('buddy.remove', 'remove from the list')];
    case 'blocked':
      return [
        ...say(`You blocked ${buddy.name}. They see you offline and cannot reach you.`),
        [],
        key('buddy.block', 'unblock'),
      ];
    default:
      return [];
  }
}

/** Rows of a conversation without messages. */
export function emptyRows(app: AppState, buddy: Buddy | undefined, keys: KeyTable = DEFAULT_KEYS): readonly Row[] {
  if (!buddy) return [[span(app.buddies.length === 0 ? '' : SENTENCES.chooseBuddy, 'muted')]];
  const call: Row = [span(keyOf('call.place', 'browsing', keys), 'strong'), span(` calls ${buddy.name}`, 'muted')];
  const write: Row = [span(keyOf('list.open', 'browsing', keys), 'strong'), span(' to write', 'muted')];
  // In a call the line of hints says what that key does.
  const keysOf = currentCall(app) ? [write] : [call, write];
  return [[span(buddy.name === 'echo' ? SENTENCES.echoTip : SENTENCES.noLines, 'muted')], [], ...keysOf];
}
