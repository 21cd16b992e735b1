/**
 * What the rooms of the agent share: its state and who hears of changes, the node behind its driver, the history of
 * whoever is signed in, what happens when the disk fails, and questions to the login server and the supernode as
 * promises. `agent.ts` makes one and hands it to `agent-account.ts`,
 * `agent-buddies.ts`, `agent-chat.ts` and `agent-calls.ts`; these know this file and not one another.
 */

import type { SoundFound } from '../audio/device-probe.ts';
import type { SoundDevices } from '../audio/port.ts';
import type { BodyShape } from '../audio/voice-body.ts';
import type { OrdinaryNode, OrdinaryNodeCommand, OrdinaryNodeEvent } from '../net/index.ts';
import type {
  Clock,
  Driver,
  NetFault,
  openSockets,
  PortMapped,
  PortMapping,
  ProxyChoice,
  SystemSockets,
} from '../net/io/index.ts';
import type { Random, WallClock } from '../net/protocol/core.ts';
import type { Endpoint } from '../net/protocol/endpoint.ts';
import { type FailureCode, Refusal } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import type { HistoryDb } from './history-face.ts';
import type { HistoryVault } from './history-vault.ts';
import type { Log } from './log-file.ts';
import type { AgentEvent } from './port.ts';
import type { Profile } from './profile-file.ts';
import { reduce } from './reduce.ts';
import { screenSettingsOf } from './screen-settings.ts';
import type { ServingMeans } from './serving-means.ts';
import { privacyOf, soundOf, talkOf } from './settings-file.ts';
import { type AppState, type BuddySafety, INITIAL_STATE, type PrivacySettings } from './state.ts';
import type { MakeVoice } from './voice-end.ts';

/** How a service differs from a person. */
export interface ServiceBehaviour {
  /** Answers every chat line with this; the line is what was heard. */
  readonly reply: (line: string) => string;
}

export interface AgentOptions {
  readonly version: string;
  readonly profile: Profile;
  /** Opens or makes the history of an account. */
  readonly openHistory: (account: string) => HistoryDb;
  /** What decides how histories lie on the disk; absent: plain files. `openHistory` is then its own. */
  readonly historyVault?: HistoryVault;
  readonly log: Log;
  readonly random: Random;
  readonly wallClock: WallClock;
  readonly makeVoice: MakeVoice;
  /** Does a screen or a command follow the agent now? Absent: as if one did. */
  readonly attended?: () => boolean;
  /** What this machine is called in the device list of the account. */
  readonly deviceLabel?: string;
  /** What sound would be made with; undefined when nobody can tell. */
  readonly probeSound: () => Promise<SoundFound | undefined>;
  /** The devices of this machine, those marked that the SPEC chooses. Absent: there are none to choose. */
  readonly listDevices?: (spec: string) => Promise<SoundDevices | undefined>;
  /** Of whoever started the agent: where the variables that name a proxy are looked up. */
  readonly proxyEnvironment?: NodeJS.ProcessEnv;
  /** Sends the install notice, resolves with the newest version; undefined where it must not be sent. */
  readonly tellInstalled?: (server: Endpoint, version: string) => Promise<string | undefined>;
  /** Makes a mapping of our UDP port at the gateway, not started; undefined where none is to be made. */
  readonly openPortMapping?: (wish: {
    readonly port: number;
    /** Try UPnP as well, which costs a child process. */
    readonly upnp: boolean;
    readonly onChange: (mapped: PortMapped | undefined) => void;
  }) => Pick<PortMapping, 'start' | 'close'>;
  /** Another internet than that of this machine, with a clock of its own: scenes in virtual time. */
  readonly internet?: { readonly openSockets: typeof openSockets; readonly clock: Clock };
  /** May TCP 443 and 80 be listened at (`agent-ports.ts`)? */
  readonly webPorts?: boolean;
  /** What serving as a supernode takes; undefined where this agent never serves. */
  readonly serving?: ServingMeans;
  /** A ready voice body of encoded silence, of this shape. */
  readonly silence: (mediaTime10ms: number, shape: BodyShape) => Buffer;
  /** Our own mistake: the process must end with exit code 5. */
  readonly onFault: (fault: unknown) => void;
  readonly service?: ServiceBehaviour;
}

export type NodeDriver = Driver<OrdinaryNodeCommand, OrdinaryNodeEvent>;
export type ReplyEvent = Extract<
  OrdinaryNodeEvent,
  { type: 'login-reply' | 'search-results' | 'path-tested' | 'call-ways' }
>;

interface Waiting {
  readonly resolve: (event: ReplyEvent) => void;
  readonly reject: (refusal: Refusal) => void;
}

/** The node of this profile, once it has joined a network. */
export interface JoinedNode {
  readonly driver: NodeDriver;
  readonly core: OrdinaryNode;
  readonly sockets?: Pick<SystemSockets, 'setProxy'>;
}

/** Notices whose detail is of this machine; that of others names people, groups or laptops, and the log is sent to strangers. */
const OF_THIS_MACHINE = /^(?:audio-(?!endpoint-away|file-)|profile-|history-|port-|proxy-|disk-|version-)/;

/** The same trouble is told to a person no more often than this. */
const TROUBLE_AGAIN_MS = 60_000;

export class AgentCore {
  readonly options: AgentOptions;
  #state: AppState;
  readonly #listeners = new Set<(event: AgentEvent) => void>();
  readonly #waiting = new Map<number, Waiting>();
  #ticket = 0;
  #history: { readonly owner: string; readonly database: HistoryDb } | undefined;
  readonly #troubleToldAt = new Map<string, number>();
  node: JoinedNode | undefined;
  /** The proxy in use (`agent-proxy.ts`). */
  proxy: ProxyChoice | undefined;
  /** What the node's sockets had counted when it was chosen: the faults of another. */
  countsBeforeProxy: Readonly<Record<string, number>> = {};
  /** Ends together with the node. */
  portMapping: { close(): Promise<void> } | undefined;
  /** What `agent-safety.ts` says of somebody's key. */
  safetyOf: (name: string) => BuddySafety | undefined = () => undefined;
  /** So does what serves as a supernode. */
  servingRoom: { end(): Promise<void> } | undefined;
  /** Our wall clock minus the login server's, ms, at its last answer that told it. */
  clockOffsetMs: number | undefined;
  /** The fault switch is on: nothing of this agent may use UDP. */
  udpBlocked = false;

  constructor(options: AgentOptions) {
    this.options = options;
    const settings = options.profile.settings.get();
    const { presence, audioSpec } = settings;
    const audio = { ...INITIAL_STATE.audio, spec: audioSpec, sound: soundOf(settings), talk: talkOf(settings) };
    this.#state = {
      ...INITIAL_STATE,
      ...{ version: options.version, presence, audio },
      ...{ privacy: privacyOf(settings), settings: screenSettingsOf(settings) },
    };
  }

  get state(): AppState {
    return this.#state;
  }

  /** Remembers what others may do without our word, and tells it. Throws `Refusal('disk-full')`. */
  setPrivacy(change: Partial<PrivacySettings>): PrivacySettings {
    const { settings } = this.options.profile;
    settings.set(change);
    const privacy = privacyOf(settings.get());
    this.emit({ type: 'privacy.changed', privacy });
    return privacy;
  }

  /** Folds an event into the state and tells everybody. */
  emit(event: AgentEvent): void {
    this.#state = reduce(this.#state, event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Returns the undoing. */
  onEvent(listener: (event: AgentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notice(code: FailureCode, detail: string): void {
    this.options.log.warn('agent', 'notice', OF_THIS_MACHINE.test(code) ? { code, detail } : { code });
    this.emit({ type: 'notice', code, detail });
  }

  /**
   * Something went wrong while we did what no command asked for, so there is nobody to refuse. A full or broken disk is
   * told to the person, once a minute at most, and the agent goes on; anything else is our own mistake and is thrown.
   */
  trouble(error: unknown, what: string): void {
    const code = troubleCode(error);
    if (code === undefined) throw error;
    this.options.log.warn('agent', 'trouble', { code, what }, error);
    const key = `${code} ${what}`;
    const now = performance.now();
    if (now < (this.#troubleToldAt.get(key) ?? Number.NEGATIVE_INFINITY) + TROUBLE_AGAIN_MS) return;
    this.#troubleToldAt.set(key, now);
    this.emit({ type: 'notice', code, detail: what });
  }

  /** Of whoever is signed in; throws `not-signed-in`. */
  get history(): HistoryDb {
    if (!this.#history) throw new Refusal('not-signed-in');
    return this.#history.database;
  }

  /** From now on the history of this account; what was found damaged in it is told. */
  openHistoryOf(account: string): void {
    const owner = foldName(account);
    if (this.#history?.owner === owner) return;
    const database = this.options.openHistory(owner);
    this.closeHistory();
    this.#history = { owner, database };
    for (const { code, detail } of database.takeNotices()) this.notice(code, detail);
    this.tellHistory();
  }

  /** Folded name of whoever's history is open. */
  get historyOwner(): string | undefined {
    return this.#history?.owner;
  }

  tellHistory(): void {
    const { historyVault } = this.options;
    if (historyVault) this.emit({ type: 'history.changed', history: historyVault.report() });
  }

  closeHistory(): void {
    this.#history?.database.close();
    this.#history = undefined;
  }

  /** Leaves the network; whoever waits for an answer is told that none will come. */
  async closeNode(): Promise<void> {
    const { node } = this;
    if (!node) return;
    node.driver.command({ type: 'leave' });
    await Promise.all([node.driver.close(), this.portMapping?.close(), this.servingRoom?.end()]);
    this.node = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Refusal('unreachable-network'));
  }

  /** To the node; throws `no-network` before the profile has joined one. */
  command(command: OrdinaryNodeCommand): void {
    this.joined().driver.command(command);
  }

  joined(): JoinedNode {
    if (!this.node) throw new Refusal('no-network');
    return this.node;
  }

  /** The account's name; throws `not-signed-in`. */
  signedIn(): string {
    const { account } = this.#state;
    if (!account) throw new Refusal(this.node ? 'not-signed-in' : 'no-network');
    return account.name;
  }

  async disturb(fault: NetFault): Promise<void> {
    await this.joined().driver.disturb(fault);
    if (fault !== 'rebind') this.udpBlocked = fault === 'block-udp';
  }

  /** A question with a ticket: resolves with the answering event, rejects with the refusal. */
  ask(makeCommand: (ticket: number) => OrdinaryNodeCommand): Promise<ReplyEvent> {
    const ticket = ++this.#ticket;
    const answer = new Promise<ReplyEvent>((resolve, reject) => this.#waiting.set(ticket, { resolve, reject }));
    try {
      this.command(makeCommand(ticket));
    } catch (error) {
      this.#waiting.delete(ticket);
      throw error;
    }
    return answer;
  }

  /** The answer is a moment old, which does not matter here. */
  compareClocks(serverTimeMs: number): void {
    this.clockOffsetMs = this.options.wallClock() - serverTimeMs;
  }

  /** True when the event was the answer to a question. */
  answered(event: OrdinaryNodeEvent): boolean {
    switch (event.type) {
      case 'login-reply':
        if (event.message.kind === 'signedIn') this.compareClocks(event.message.body.serverTimeMs);
        this.#waiting.get(event.ticket)?.resolve(event);
        return this.#waiting.delete(event.ticket);
      case 'search-results':
      case 'path-tested':
      case 'call-ways':
        this.#waiting.get(event.ticket)?.resolve(event);
        return this.#waiting.delete(event.ticket);
      case 'login-failed':
      case 'search-failed':
      case 'path-test-failed':
        this.#waiting.get(event.ticket)?.reject(new Refusal(event.code, '', event.retryAfterMs));
        return this.#waiting.delete(event.ticket);
      default:
        return false;
    }
  }
}

/** Undefined for our own mistakes. Errors of the system and of SQLite carry a code in capitals. */
function troubleCode(error: unknown): FailureCode | undefined {
  if (error instanceof Refusal) return error.code;
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && /^(E[A-Z0-9]+|SQLITE_[A-Z_]+)$/.test(code) ? 'profile-unwritable' : undefined;
}
