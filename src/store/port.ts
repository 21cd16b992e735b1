/**
 * The seam between the agent and everything that speaks to it (screen, commands, scripts): JSON, one object a
 * line, over a Unix socket that only its user can open. Typed, versioned, tolerant: unknown fields are ignored, an
 * unknown command is refused with `port-version`, and `hello` tells both ends what the other can do. Above 400 lines, because it is one
 * table: each command beside what it answers.
 *
 *   -> {"id":1,"cmd":{"type":"hello","port":1,"version":"0.1.0"}}
 *   <- {"id":1,"ok":true,"result":{"port":1,"version":"0.1.0","pid":4711}}
 *   -> {"id":2,"cmd":{"type":"subscribe"}}
 *   <- {"id":2,"ok":true,"result":{...AppState}}
 *   <- {"push":{"type":"buddy.changed",...}}                    (from then on, every event in order)
 *   -> {"id":3,"cmd":{"type":"chat.send","to":"bobby1","text":"hi"}}
 *   <- {"id":3,"ok":false,"code":"not-a-buddy","detail":"bobby1"}
 */

import type { NoiseMode, SoundDevice, SoundDevices, SoundMode, SoundSettings } from '../audio/port.ts';
import type { PathReport, SafetyHalf } from '../net/index.ts';
import type { FailureCode } from '../net/protocol/failures.ts';
import type { Erased } from './history-face.ts';
import type { LoggedCall } from './history-sql.ts';
import type { SettingReport } from './settings-table.ts';
import type {
  AppState,
  AudioReport,
  Buddy,
  BuddySafety,
  Call,
  CallElsewhere,
  CallEndReason,
  CallPath,
  ChatLine,
  ConferencePerson,
  DevicesReport,
  Group,
  HistoryReport,
  MissedCall,
  NatReport,
  PresenceStatus,
  PrivacySettings,
  Quality,
  ScreenSettings,
  ServingReport,
  TalkSettings,
} from './state.ts';

export type { SettingReport } from './settings-table.ts';

export const AGENT_PORT_VERSION = 1;
/** A longer line closes the connection: nobody honest sends one. */
export const AGENT_LINE_BYTES_MAX = 1_048_576;

/** Commands down: imperatives. The result type of each stands in `AgentResults`. */
export type AgentCommand =
  | { readonly type: 'hello'; readonly port: number; readonly version: string }
  | { readonly type: 'subscribe' }
  | { readonly type: 'agent.status' }
  | { readonly type: 'agent.stop' }
  | { readonly type: 'status' }
  /** Resolves when signed in and attached; fails `timed-out`, `no-network`, `not-signed-in`. */
  | { readonly type: 'wait'; readonly forMs: number }
  /** `installNotice: false`: do not tell the login server of the installation, now or later. */
  | { readonly type: 'network.join'; readonly invite: string; readonly installNotice?: boolean }
  | {
      readonly type: 'account.sign-up';
      readonly name: string;
      readonly password: string;
      readonly displayName?: string;
    }
  | { readonly type: 'account.sign-in'; readonly name: string; readonly password: string }
  | { readonly type: 'account.sign-out' }
  | { readonly type: 'presence.set'; readonly presence: PresenceStatus }
  | { readonly type: 'buddy.list' }
  | { readonly type: 'buddy.add'; readonly name: string; readonly message: string }
  | {
      readonly type: 'buddy.accept' | 'buddy.decline' | 'buddy.remove' | 'buddy.block' | 'buddy.unblock';
      readonly name: string;
    }
  | { readonly type: 'search'; readonly pattern: string; readonly limit: number }
  /** Resolves when stored here, with the line; delivery is told by `chat.delivered`. */
  | { readonly type: 'chat.send'; readonly to: string; readonly text: string }
  /**
   * Oldest first; `search` matches words; `beforeMs`, and `beforeId` with it, page back by `storedAtMs` and `id` of the first line;
   * `aroundMs`: half of them from then on, half before (older agents give the newest).
   */
  | {
      readonly type: 'chat.history';
      readonly with: string;
      readonly limit: number;
      readonly beforeMs?: number;
      readonly beforeId?: string;
      readonly aroundMs?: number;
      readonly search?: string;
    }
  | { readonly type: 'chat.mark-read'; readonly with: string }
  /** A conversation of several: with these buddies. `chat.send` to its label says something there. */
  | { readonly type: 'group.new'; readonly title: string; readonly members: readonly string[] }
  | { readonly type: 'group.add'; readonly group: string; readonly members: readonly string[] }
  /** Any member may. */
  | { readonly type: 'group.remove'; readonly group: string; readonly members: readonly string[] }
  | { readonly type: 'group.leave'; readonly group: string }
  /** One that we left is shown no more, until somebody takes us in again; what was said stays. Fails `usage` for others. */
  | { readonly type: 'group.forget'; readonly group: string }
  | { readonly type: 'group.list' }
  /** As `chat.history`, over all conversations. */
  | {
      readonly type: 'history.lines';
      readonly limit: number;
      readonly beforeMs?: number;
      readonly beforeId?: string;
      readonly search?: string;
    }
  /** Newest first. */
  | { readonly type: 'history.calls'; readonly limit: number; readonly beforeMs?: number; readonly with?: string }
  /** In the order of their storing, from the first after `after` (0: from the start). */
  | { readonly type: 'history.export'; readonly after: number; readonly with?: string }
  /** Of one person, or with `all` of everybody; `beforeMs`: only what is older. For good. */
  | {
      readonly type: 'history.erase';
      readonly with?: string;
      readonly beforeMs?: number;
      readonly all?: boolean;
    }
  /** What to compare with this person; fails `safety-unknown`. */
  | { readonly type: 'safety.words'; readonly name: string }
  /** The words are the same, or that is taken back. Resolves as `safety.words`. */
  | { readonly type: 'safety.verify'; readonly name: string; readonly verified: boolean }
  /** `again`: the secret store is asked once more. `auto` and `off` are remembered. */
  | { readonly type: 'history.encrypt'; readonly encryption: 'auto' | 'off' | 'again' }
  /** Resolves with the call id at once; everything else comes as `call` events. */
  | { readonly type: 'call.place'; readonly to: string; readonly audio?: string }
  | { readonly type: 'call.answer'; readonly call: string; readonly audio?: string }
  | { readonly type: 'call.decline'; readonly call: string }
  /**
   * A call that runs at another device of this account goes on here; without `call`: the only one. Resolves with its id at
   * once; everything else comes as `call` events, as for one that was placed.
   */
  | { readonly type: 'call.pull'; readonly call?: string; readonly audio?: string }
  /**
   * The call, which runs here, goes on at another device of this account, by label or the beginning of its id. Resolves when
   * it does; fails `device-unknown`, `-offline`, `-busy`, `-silent`, `-cannot`, `conference-stays`: then it stays here.
   */
  | { readonly type: 'call.transfer'; readonly device: string; readonly call?: string }
  /** Without `call`: the current one. */
  | {
      readonly type: 'call.hang-up' | 'call.hold' | 'call.resume' | 'call.mute' | 'call.unmute';
      readonly call?: string;
    }
  /** Calls several at once. Resolves with the call id at once; everything else comes as `call` events. */
  | { readonly type: 'conference.call'; readonly names: readonly string[]; readonly audio?: string }
  /** Into the running conference; a running call of two becomes one. Without `call`: the current one. */
  | { readonly type: 'conference.add'; readonly names: readonly string[]; readonly call?: string }
  | { readonly type: 'conference.remove'; readonly name: string; readonly call?: string }
  /** Back into the one that was left last. */
  | { readonly type: 'conference.rejoin'; readonly call?: string; readonly audio?: string }
  | { readonly type: 'audio.set'; readonly spec: string }
  /**
   * Both voices of the call to a file (WAV or Ogg Opus), the other side told; without `path` a WAV file in the profile.
   * Resolves when it is open.
   */
  | { readonly type: 'call.record'; readonly call?: string; readonly path?: string }
  | { readonly type: 'call.record-end'; readonly call?: string }
  /** Push-to-talk and the watchdog of the microphone, remembered; what is absent stays. Resolves with all. */
  | {
      readonly type: 'talk.set';
      readonly talk?: TalkSettings['talk'];
      readonly watch?: TalkSettings['watch'];
      readonly watchMinutes?: number;
      readonly detach?: NonNullable<TalkSettings['detach']>;
    }
  /** What others may do without our word, from now on and remembered; what is absent stays. */
  | { readonly type: 'privacy.set'; readonly pathTests?: boolean }
  /** Echo, noise and gain of the microphone, from now on and remembered; what is absent stays. Resolves with all. */
  | {
      readonly type: 'sound.set';
      readonly echo?: SoundMode;
      readonly noise?: NoiseMode;
      readonly gain?: SoundMode;
      readonly headphones?: boolean;
      /** -20..20 dB. */
      readonly inputGainDb?: number;
    }
  /** A session of `wren ssh` has come or gone: its record is in the profile, or no longer. */
  | { readonly type: 'sound.attach' }
  /** Tells levels of the microphone for ten seconds, as `sound.level`; in a call there are those of the call. */
  | { readonly type: 'sound.listen' }
  /** Microphones and speakers of this machine; asks its drivers, which takes up to some seconds. */
  | { readonly type: 'sound.devices' }
  /** All settings that a person may change by name (`settings-table.ts`). */
  | { readonly type: 'settings.get' }
  /** One of them, the value as typed; `default` takes it back. Fails `usage`. Resolves with it. */
  | { readonly type: 'settings.set'; readonly key: string; readonly value: string }
  /** A URL, `none`, or empty for what the agent's environment names; from now on, and remembered. */
  | { readonly type: 'proxy.set'; readonly proxy: string }
  /** Whether this machine may serve as a supernode; from now on, and remembered. */
  | { readonly type: 'serving.set'; readonly consent: 'auto' | 'always' | 'never' }
  /** The answer to the question of `auto`. */
  | { readonly type: 'serving.answer'; readonly yes: boolean }
  /** A person looks at a screen of this agent, and can be asked. */
  | { readonly type: 'serving.screen' }
  /** Knocks at login servers and supernodes, beside the link and calls; resolves within some seconds. */
  | { readonly type: 'check' }
  /** Every way that the running call has tried, and how it stands; of a conference those of each leg. Empty without a call. */
  | { readonly type: 'call.ways' }
  /**
   * Tests silently which way a call to this buddy would take; resolves within some seconds. Fails `not-a-buddy`,
   * `person-offline`, `not-allowed` (their wish), `busy` with a time, and `timed-out` when their program says nothing.
   */
  | { readonly type: 'check.path'; readonly name: string }
  /** Answered from what is known already; fails `no-network`. */
  | { readonly type: 'supernode.list' }
  /** The devices of the account; null while it has no list. */
  | { readonly type: 'device.list' }
  /** By label or the beginning of the id. Resolves when the login server has it; fails `device-unknown`. */
  | { readonly type: 'device.revoke'; readonly device: string }
  | { readonly type: 'debug'; readonly fault: 'drop-supernode' | 'rebind' | 'block-udp' | 'unblock-udp' };

export type CommandType = AgentCommand['type'];

export interface AgentStatus {
  readonly pid: number;
  readonly uptimeS: number;
  readonly version: string;
  readonly socket: string;
  readonly voicePid: number | null;
}

export interface SearchReport {
  readonly hits: readonly {
    readonly name: string;
    readonly displayName: string;
    /** The index could not answer; the login server knows that there is such an account. */
    readonly from?: 'login-server';
  }[];
  /** These are all that there are; else `more` than were asked for, or not everybody who could know has answered. */
  readonly complete: boolean;
  readonly more: boolean;
  readonly incomplete: boolean;
  readonly tookMs: number;
}

/** Safety words of this account and another person, as both see them. */
export interface SafetyReport {
  readonly name: string;
  readonly safety: BuddySafety;
  /** Wall clock, ms: since when the person has this key, as far as we know. */
  readonly sinceMs: number;
  /** Theirs: Ed25519, 64 hex digits. */
  readonly key: string;
  /** One half belongs to each, in the order of the names. */
  readonly halves: readonly SafetyHalf[];
}

/** What came of one knock at an address of the network. */
export interface KnockReport {
  readonly endpoint: string;
  /** Null: whoever must be there answered, and proved it. */
  readonly trouble: FailureCode | null;
  /** Until the answer, or until it was clear that none comes. */
  readonly tookMs: number;
  /** The TCP connection came about; false for UDP. */
  readonly connected: boolean;
}

/** The proxy of this machine, and what came of knocking at login servers through it. */
export interface ProxyReport {
  /** `HOST:PORT`, without user and password. */
  readonly where: string;
  /** `http`, `https`, `socks5` or `socks5h`. */
  readonly scheme: string;
  /** `--proxy`, or the variable of the environment that names it. */
  readonly source: string;
  readonly knocks: readonly (KnockReport & {
    /** How the stream ended, in the words of the sockets (`proxy-refused`, ...); null when it did not. */
    readonly ending: string | null;
  })[];
}

/** A supernode that the profile knows. Never the address of an ordinary person. */
export interface KnownSupernode {
  /** Text forms; the first is the one to show. At least one. */
  readonly endpoints: readonly string[];
  /** Null while only its address is known. */
  readonly nodeId: string | null;
  readonly state: 'active' | 'standby' | 'known';
  /** Wall clock; the present for those in use, null when it never did. */
  readonly lastWorkedAtMs: number | null;
}

export interface ListedDevice extends SoundDevice {
  /** Sound of the running call goes through it. */
  readonly inUse: boolean;
}

/** What there is to choose, of the backend that calls use. */
export interface SoundDevicesReport {
  /** The configured SPEC. */
  readonly spec: string;
  readonly backend: SoundDevices['backend'];
  readonly inputs: readonly ListedDevice[];
  readonly outputs: readonly ListedDevice[];
}

/** What `check` finds out; the rest of the picture is in `AppState`. */
export interface NetworkCheck {
  readonly loginServers: readonly KnockReport[];
  /** The same servers at port 443, inside TLS. */
  readonly insideTls: readonly KnockReport[];
  /** By UDP, at every supernode that the profile knows; empty while nobody is signed in, since they answer people only. */
  readonly supernodes: readonly KnockReport[];
  /** The first of them by TCP, at the port of their own and at 443; absent of older agents, as what follows. */
  readonly supernodesByTcp?: readonly KnockReport[];
  readonly supernodesAt443?: readonly KnockReport[];
  /** What the profile keeps of earlier runs on this network. */
  readonly hostCache?: {
    readonly supernodes: number;
    /** So many of them served us once. */
    readonly worked: number;
    /** Wall clock; null when none did. */
    readonly lastWorkedAtMs: number | null;
  };
  /** Absent when there is none. */
  readonly proxy?: ProxyReport;
  /** Our wall clock minus the login server's; null when there was no answer to compare with. */
  readonly clockOffsetMs: number | null;
}

/** One way that the packets of a call go, could go, or were to go. Never an address of the other end. */
export interface CallWay {
  readonly kind: 'lan' | 'direct' | 'mapped' | 'own-port' | 'ports' | 'relay' | 'tcp' | 'tcp443';
  readonly ip?: 'IPv4' | 'IPv6';
  /** Of what a supernode forwards: its endpoint. */
  readonly via?: string;
  /** `spare`: left alone, since a better one is in use. */
  readonly state: 'in-use' | 'works' | 'trying' | 'spare' | 'failed';
  readonly rttMs: number | null;
  /** Wall clock, ms. */
  readonly sinceMs: number;
}
/** Of a call, or of one leg of a conference: with whom. */
export interface CallWays {
  readonly peer: string;
  readonly ways: readonly CallWay[];
}

export interface AgentResults {
  check: NetworkCheck;
  'call.ways': readonly CallWays[];
  'check.path': PathReport;
  hello: { readonly port: number; readonly version: string; readonly pid: number };
  subscribe: AppState;
  'agent.status': AgentStatus;
  status: AppState;
  'account.sign-up': { readonly name: string };
  'account.sign-in': { readonly name: string };
  /** `installNotice`: the login server is being told of the installation: say so. */
  'network.join': { readonly network: string; readonly installNotice?: boolean };
  'buddy.list': readonly Buddy[];
  search: SearchReport;
  /** The active one first, then the standby. */
  'supernode.list': readonly KnownSupernode[];
  'device.list': DevicesReport | null;
  'device.revoke': { readonly id: string; readonly label: string };
  'chat.send': ChatLine;
  'group.new': Group;
  'group.add': Group;
  'group.remove': Group;
  'group.list': readonly Group[];
  'chat.history': readonly ChatLine[];
  'history.lines': readonly ChatLine[];
  'history.calls': readonly LoggedCall[];
  /** `next`: what to ask for after these; null at the end. */
  'history.export': { readonly lines: readonly ChatLine[]; readonly next: number | null };
  'history.erase': Erased;
  'history.encrypt': HistoryReport;
  'safety.words': SafetyReport;
  'safety.verify': SafetyReport;
  'call.place': { readonly call: string };
  'call.pull': { readonly call: string; readonly peer: string };
  'call.transfer': { readonly call: string; readonly peer: string; readonly device: string };
  'call.record': { readonly call: string; readonly path: string };
  'conference.call': { readonly call: string };
  'conference.add': { readonly call: string };
  'conference.remove': { readonly call: string };
  'conference.rejoin': { readonly call: string };
  'privacy.set': PrivacySettings;
  'sound.set': SoundSettings;
  'sound.devices': SoundDevicesReport;
  'talk.set': TalkSettings;
  'settings.get': readonly SettingReport[];
  'settings.set': SettingReport;
}
export type ResultOf<T extends CommandType> = T extends keyof AgentResults ? AgentResults[T] : null;

/** The contract's JSON of `call` and `answer`, to the letter. */
export type CallEvent =
  | {
      readonly event: 'ringing';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly direction: 'in' | 'out';
      /** A conference rings here: who is in besides `peer`. */
      readonly others?: readonly string[];
      /** Those of them whom our person has blocked. */
      readonly blocked?: readonly string[];
    }
  | {
      readonly event: 'answered';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly setupMs: number;
    }
  | {
      readonly event: 'path';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly path: CallPath;
      readonly via?: string;
    }
  /** Nothing came by any way for 1.5 s, and the call looks for another; or something came again. */
  | {
      readonly event: 'reconnecting' | 'reconnected';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
    }
  | ({ readonly event: 'quality'; readonly call: string; readonly peer: string; readonly at: number } & Quality)
  | {
      readonly event: 'held' | 'resumed';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly by: 'me' | 'them';
    }
  | {
      readonly event: 'muted' | 'unmuted';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly by: 'me' | 'them';
    }
  | {
      readonly event: 'recording';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly by: 'me' | 'them';
      readonly on: boolean;
    }
  /** The other end goes on at another of its devices. */
  | { readonly event: 'moved'; readonly call: string; readonly peer: string; readonly at: number }
  | {
      /** Of a conference, whenever any of this has changed; `people` as `Call.conference` has them. */
      readonly event: 'conference';
      readonly call: string;
      /** All others. */
      readonly peer: string;
      readonly at: number;
      readonly conference: string;
      readonly term: number;
      /** Names. */
      readonly mixer: string;
      readonly iMix: boolean;
      readonly speaking: readonly string[];
      readonly people: readonly ConferencePerson[];
    }
  | {
      readonly event: 'first-sound';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly afterAnswerMs: number;
    }
  | {
      readonly event: 'ended';
      readonly call: string;
      readonly peer: string;
      readonly at: number;
      readonly reason: CallEndReason;
      readonly durationMs: number;
      readonly sentPackets: number;
      readonly receivedPackets: number;
      readonly sentBytes: number;
      readonly receivedBytes: number;
      readonly lostIn: number;
      readonly concealedPct: number;
      /** Only `peer` is out, and the conference goes on; `by`: who removed. */
      readonly goesOn?: true;
      readonly by?: string;
    };

/** Events up: past facts. `reduce.ts` folds them into AppState. */
export type AgentEvent =
  | { readonly type: 'network.joined'; readonly network: string }
  | { readonly type: 'account.signed-in'; readonly account: NonNullable<AppState['account']> }
  | { readonly type: 'account.signed-out' }
  | {
      readonly type: 'link.changed';
      readonly connection: AppState['connection'];
      readonly supernode: AppState['supernode'];
      readonly trouble: FailureCode | null;
      /** These three only when they may have changed. */
      readonly nat?: AppState['nat'];
      readonly observed?: AppState['observed'];
      readonly tried?: AppState['tried'];
      readonly supernodesKnown?: number;
      readonly standby?: AppState['standby'];
    }
  | { readonly type: 'nat.changed'; readonly natKind: NatReport }
  | { readonly type: 'mapping.changed'; readonly portMapping: AppState['portMapping'] }
  | { readonly type: 'ports.changed'; readonly ports: AppState['ports'] }
  | { readonly type: 'serving.changed'; readonly serving: ServingReport }
  | { readonly type: 'devices.changed'; readonly devices: DevicesReport | null }
  | { readonly type: 'presence.changed'; readonly presence: PresenceStatus }
  | { readonly type: 'buddy.changed'; readonly buddy: Buddy }
  | { readonly type: 'buddy.removed'; readonly name: string }
  | { readonly type: 'chat.message'; readonly line: ChatLine }
  | { readonly type: 'chat.delivered'; readonly with: string; readonly id: string }
  /** All calls that run at our other devices. */
  | { readonly type: 'elsewhere.changed'; readonly calls: readonly CallElsewhere[] }
  /** Supernodes keep the line for every device of theirs, until then (wall clock, ms). */
  | { readonly type: 'chat.kept'; readonly with: string; readonly id: string; readonly untilMs: number }
  | { readonly type: 'groups.changed'; readonly groups: readonly Group[] }
  | { readonly type: 'missed-calls.changed'; readonly missedCalls: readonly MissedCall[] }
  | { readonly type: 'privacy.changed'; readonly privacy: PrivacySettings }
  | { readonly type: 'history.changed'; readonly history: HistoryReport }
  /** Lines are gone: of this person, or of everybody; those stored before `beforeMs`, or all. */
  | { readonly type: 'history.erased'; readonly with: string | null; readonly beforeMs: number | null }
  /** A new call, or the whole of one that changed. */
  | { readonly type: 'call.changed'; readonly call: Call }
  | {
      readonly type: 'call.level';
      readonly call: string;
      readonly inputDb: number;
      readonly outputDb: number;
      readonly speaking?: boolean;
    }
  /** Outside of calls, while somebody wants to know (`sound.listen`). */
  | { readonly type: 'sound.level'; readonly inputDb: number; readonly outputDb: number; readonly speaking: boolean }
  /** What scripts read; the screen uses `call.changed`. */
  | { readonly type: 'call.event'; readonly event: CallEvent }
  | { readonly type: 'audio.changed'; readonly audio: AudioReport }
  | { readonly type: 'settings.changed'; readonly settings: ScreenSettings }
  /** Something a person should read once; the sentence is looked up by code. */
  | { readonly type: 'notice'; readonly code: FailureCode; readonly detail: string };

export interface AgentRequest {
  readonly id: number;
  readonly cmd: AgentCommand;
}
export type AgentReply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly code: FailureCode;
      readonly detail: string;
      /** When trying again makes sense; absent when it does not. */
      readonly retryAfterMs?: number;
    };
export interface AgentPush {
  readonly push: AgentEvent;
}
