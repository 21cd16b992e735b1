/**
 * An agent that says what a test tells it to: the real port (a Unix socket, checked commands, JSON lines), and behind
 * it a script instead of a network. It notes everything that it was asked.
 */
import { type FailureCode, Refusal } from '../../src/net/protocol/failures.ts';
import { agentSocketPath } from '../../src/store/agent-client-io.ts';
import { serveAgent } from '../../src/store/agent-server-io.ts';
import type { AgentCommand, AgentEvent, CallEvent, CommandType } from '../../src/store/port.ts';
import { type AppState, type Buddy, type ChatLine, INITIAL_STATE } from '../../src/store/state.ts';

type CommandOf<T extends CommandType> = Extract<AgentCommand, { type: T }>;
export type Script = { readonly [T in CommandType]?: (command: CommandOf<T>, agent: ScriptedAgent) => unknown };

export interface ScriptedAgent {
  readonly socketPath: string;
  /** Every command but `hello`, in order. */
  readonly asked: AgentCommand[];
  push(event: AgentEvent): void;
  /** A call event, with the fields that all of them have filled in. */
  call(event: Partial<CallEvent> & { readonly event: CallEvent['event'] }): void;
  /** Resolves when a command of this type has been asked (`count` times in all). */
  wasAsked<T extends CommandType>(type: T, count?: number): Promise<CommandOf<T>>;
  close(): Promise<void>;
}

export const SIGNED_IN: AppState = {
  ...INITIAL_STATE,
  version: '0.1.0',
  network: 'testnet',
  account: { name: 'alice1', displayName: 'Alice Doe', certificateExpiresAtMs: 2_000_000_000_000 },
  connection: 'online',
  supernode: { endpoint: 'udp:192.0.2.7:4000', carrier: 'udp', rttMs: 12.34 },
};

export const CALL_ID = '0123456789abcdef0123456789abcdef';

/** A buddy with nothing special about it, changed as told. */
export function buddy(name: string, change: Partial<Buddy> = {}): Buddy {
  return {
    name,
    displayName: '',
    relation: 'both',
    presence: 'online',
    lastSeenAtMs: 0,
    message: '',
    unread: 0,
    ...change,
  };
}

export function chatLine(text: string, change: Partial<ChatLine> = {}): ChatLine {
  const at = Date.UTC(2026, 10, 25, 20, 50);
  const id = 'ab'.repeat(16);
  return { id, with: 'bobby1', direction: 'in', text, sentAtMs: at, storedAtMs: at, mark: 'delivered', ...change };
}

/** `throw refuse('password-wrong')` in a script. */
export function refuse(code: FailureCode, detail = ''): Refusal {
  return new Refusal(code, detail);
}

export async function scriptedAgent(
  profileDir: string,
  script: Script = {},
  state: AppState = SIGNED_IN,
): Promise<ScriptedAgent> {
  const socketPath = agentSocketPath(profileDir);
  const asked: AgentCommand[] = [];
  const waiting = new Set<() => void>();
  const usual: Script = {
    hello: () => ({ port: 1, version: '0.1.0', pid: process.pid }),
    subscribe: () => state,
    status: () => state,
    'buddy.list': () => state.buddies,
    'agent.status': () => ({ pid: 4711, uptimeS: 7380, version: '0.1.0', socket: socketPath, voicePid: null }),
    'call.place': () => ({ call: CALL_ID }),
    'call.ways': () => [],
  };
  const server = await serveAgent({
    socketPath,
    handle: async (command) => {
      if (command.type !== 'hello') asked.push(command);
      const answer = (script[command.type] ?? usual[command.type]) as
        | ((command: AgentCommand, agent: ScriptedAgent) => unknown)
        | undefined;
      try {
        return (await answer?.(command, agent)) ?? null;
      } finally {
        for (const look of waiting) look();
      }
    },
  });
  const agent: ScriptedAgent = {
    socketPath,
    asked,
    push: (event) => server.push(event),
    call: (event) => {
      const whole = { call: CALL_ID, peer: 'bobby1', at: 1_000, direction: 'out', ...event };
      server.push({ type: 'call.event', event: whole as CallEvent });
    },
    wasAsked: <T extends CommandType>(type: T, count = 1) =>
      new Promise<CommandOf<T>>((resolve) => {
        const look = () => {
          const found = asked.filter((command) => command.type === type)[count - 1];
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found as CommandOf<T>);
        };
        waiting.add(look);
        look();
      }),
    close: () => server.close(),
  };
  return agent;
}
