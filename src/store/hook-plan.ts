/**
 * Which programs of a person run on an event of the agent, and with what: the same JSON object that `--json` prints on stdin, and a few
 * variables. Peers decide nothing here but what stands in that object: a command is split once, as its person wrote it, and started without a
 * shell. Pure; `agent-hooks.ts` asks, `hook-runner-io.ts` starts.
 */
import type { AgentEvent } from './port.ts';
import { type AppState, buddyNamed } from './state.ts';

export type HookEvent = 'ringing' | 'answered' | 'ended' | 'missed' | 'message' | 'presence' | 'online' | 'offline';

/** One thing that happened. */
export interface HookNews {
  readonly event: HookEvent;
  /** One line of JSON on stdin of the program. */
  readonly json: object;
  /** `WREN_*`; never what was written, only names and words of ours. */
  readonly env: Readonly<Record<string, string>>;
  /** Worth an alert: `alertCommand` runs too. */
  readonly isAlert: boolean;
}

/** What `event`, which has just been folded into `after`, means to hooks. `nowMs` is the wall clock. */
export function hookNews(before: AppState, after: AppState, event: AgentEvent, nowMs: number): readonly HookNews[] {
  switch (event.type) {
    case 'call.event':
      return callNews(event.event);
    case 'chat.message': {
      const { line } = event;
      if (line.direction !== 'in') return [];
      if (line.kind === 'missed-call') {
        // The line has the id of the call.
        const json = { event: 'missed', call: line.id, peer: line.with, at: line.sentAtMs };
        return [{ event: 'missed', json, env: { WREN_PEER: line.with, WREN_CALL: line.id }, isAlert: false }];
      }
      if (line.kind !== undefined) return [];
      return [{ event: 'message', json: { event: 'message', ...line }, env: { WREN_PEER: line.with }, isAlert: true }];
    }
    case 'buddy.changed': {
      const { name, presence, relation } = event.buddy;
      const was = buddyNamed(before, name);
      if (relation !== 'both' || !was || was.relation !== 'both' || was.presence === presence) return [];
      const env = { WREN_PEER: name, WREN_PRESENCE: presence };
      return [{ event: 'presence', json: { event: 'presence', name, presence, at: nowMs }, env, isAlert: false }];
    }
    case 'link.changed':
      return linkNews(before, after, nowMs);
    default:
      return [];
  }
}

function callNews(event: Extract<AgentEvent, { type: 'call.event' }>['event']): readonly HookNews[] {
  const { call, peer } = event;
  const env = { WREN_CALL: call, WREN_PEER: peer };
  if (event.event === 'ringing') {
    const isAlert = event.direction === 'in';
    return [{ event: 'ringing', json: event, env: { ...env, WREN_DIRECTION: event.direction }, isAlert }];
  }
  if (event.event === 'answered') return [{ event: 'answered', json: event, env, isAlert: false }];
  if (event.event !== 'ended' || event.goesOn) return [];
  return [{ event: 'ended', json: event, env: { ...env, WREN_REASON: event.reason }, isAlert: false }];
}

function linkNews(before: AppState, after: AppState, at: number): readonly HookNews[] {
  const [was, is] = [before.connection === 'online', after.connection === 'online'];
  if (was === is) return [];
  if (is) {
    const json = { event: 'online', name: after.account?.name ?? null, supernode: after.supernode, at };
    return [{ event: 'online', json, env: {}, isAlert: false }];
  }
  // Signing out is no loss.
  const isAlert = after.account !== null;
  return [{ event: 'offline', json: { event: 'offline', trouble: after.trouble, at }, env: {}, isAlert }];
}

/**
 * A command as its person wrote it, in words: blanks part them, quotes of both kinds hold them together, a backslash takes the next
 * character as it is (outside of single quotes). Nothing else means anything: no variables, no `;`, no `|`. Undefined when a quote is open.
 */
export function commandWords(command: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < command.length; at++) {
    const c = command[at] ?? '';
    if (c === '\\' && quote !== "'" && at + 1 < command.length) word = (word ?? '') + command[++at];
    else if (quote !== '' ? c === quote : c === '"' || c === "'") {
      quote = quote === '' ? c : '';
      word ??= '';
    } else if (quote === '' && /\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  return quote === '' ? words : undefined;
}
