/**
 * The inside of an agent without a network: the real core, profile folder and history, a node that only writes down what it
 * is told, and a log that keeps what is said. For tests of the agent's rooms one by one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silenceBody } from '../../src/audio/voice-body.ts';
import type { OrdinaryNodeCommand, RosterEntry } from '../../src/net/index.ts';
import { AgentCore, type AgentOptions, type JoinedNode, type ServiceBehaviour } from '../../src/store/agent-core.ts';
import { historyFile, openHistory } from '../../src/store/history-db.ts';
import type { Log } from '../../src/store/log-file.ts';
import type { AgentEvent } from '../../src/store/port.ts';
import { openProfile } from '../../src/store/profile-file.ts';
import type { MakeVoice } from '../../src/store/voice-end.ts';
import { seededRandom } from './seeded-random.ts';

export const WALL_MS = Date.UTC(2026, 0, 1);

export interface AgentSceneOptions {
  readonly service?: ServiceBehaviour;
  readonly makeVoice?: MakeVoice;
  /** Changes what the core is made of, to let a disk fail. */
  readonly change?: (options: AgentOptions) => AgentOptions;
}

export class AgentScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'wren-agent-'));
  readonly core: AgentCore;
  readonly events: AgentEvent[] = [];
  readonly commands: OrdinaryNodeCommand[] = [];
  readonly logged: string[] = [];
  readonly faults: unknown[] = [];
  roster: RosterEntry[] = [];
  /** What the node does with a command, besides writing it down. */
  onCommand: (command: OrdinaryNodeCommand) => void = () => {};
  nowMs = WALL_MS;

  constructor({ service, makeVoice, change = (options) => options }: AgentSceneOptions = {}) {
    const note = (area: string, fact: string): void => void this.logged.push(`${area}: ${fact}`);
    const log: Log = { error: note, warn: note, info: note, debug: note, close: () => {} };
    const options: AgentOptions = {
      version: '0.0.0',
      profile: openProfile(this.folder, seededRandom('profile')),
      openHistory: (account) => openHistory(join(this.folder, historyFile(account))),
      log,
      random: seededRandom('agent'),
      wallClock: () => this.nowMs,
      makeVoice: makeVoice ?? (() => ({ pid: null, tell: () => {}, play: () => {}, stop: async () => {} })),
      probeSound: async () => undefined,
      silence: silenceBody,
      onFault: (fault) => this.faults.push(fault),
      ...(service ? { service } : {}),
    };
    this.core = new AgentCore(change(options));
    this.core.onEvent((event) => this.events.push(event));
    this.core.node = {
      driver: {
        command: (command: OrdinaryNodeCommand) => {
          this.commands.push(command);
          this.onCommand(command);
        },
        close: async () => {},
        report: () => ({ port: 4000, dropped: {} }),
      },
      core: { rosterEntries: () => this.roster, admitsChat: () => undefined },
    } as unknown as JoinedNode;
  }

  /** As after a sign-in. */
  signedIn(name = 'alice1'): this {
    this.core.openHistoryOf(name);
    const account = { name, displayName: name, certificateExpiresAtMs: WALL_MS };
    this.core.emit({ type: 'account.signed-in', account });
    this.events.length = 0;
    return this;
  }

  /** Code and detail of every notice so far. */
  get notices(): string[] {
    return this.events.flatMap((event) => (event.type === 'notice' ? [`${event.code} ${event.detail}`] : []));
  }

  /** Commands of one kind. */
  told<T extends OrdinaryNodeCommand['type']>(type: T): Extract<OrdinaryNodeCommand, { type: T }>[] {
    return this.commands.filter((command) => command.type === type) as Extract<OrdinaryNodeCommand, { type: T }>[];
  }

  end(): void {
    this.core.closeHistory();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function buddy(name: string, changes: Partial<RosterEntry> = {}): RosterEntry {
  const times = { lastSeenAtMs: 0, changedAtMs: WALL_MS };
  return { name, displayName: name, relation: 'both', message: '', removed: false, ...times, ...changes };
}

/** Waits in real time. */
export async function eventually(condition: () => boolean, what: string, limitMs = 5_000): Promise<void> {
  for (const end = performance.now() + limitMs; !condition(); ) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
