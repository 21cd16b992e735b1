/**
 * One tree of plain data: what an agent knows, as the screen draws it and as `wren status --json` prints it.
 * The agent owns it; every screen holds a copy that the same reducer (`reduce.ts`) keeps up to date from events. Above 400
 * lines, because it is one tree.
 */
import type { DevicesInUse, SoundFilters, SoundSettings } from '../audio/port.ts';
import type { NatClass, NatKind, Why } from '../net/index.ts';
import type { FailureCode } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import type { RelayCap } from '../net/protocol/relay-cap.ts';
import type { ConferenceView } from './conference-view.ts';
import type { ScreenSettings } from './screen-settings.ts';

export { LOST_AFTER_MS } from '../net/protocol/params.ts';
export type { ConferencePerson, ConferenceView } from './conference-view.ts';
export { DEFAULT_SCREEN_SETTINGS, type ScreenSettings } from './screen-settings.ts';

export type PresenceStatus = 'online' | 'away' | 'do-not-disturb' | 'invisible' | 'offline';
/** `both`: buddies; `outgoing`: I asked; `incoming`: they asked; `blocked`: I blocked them. */
export type BuddyRelation = 'both' | 'outgoing' | 'incoming' | 'declined' | 'blocked';

export interface Buddy {
  readonly name: string;
  readonly displayName: string;
  readonly relation: BuddyRelation;
  /** As last heard; `offline` unless the relation is `both`. */
  readonly presence: PresenceStatus;
  /** Wall clock, ms; 0 when never seen. */
  readonly lastSeenAtMs: number;
  /** What they (incoming) or I (outgoing) wrote with the request. */
  readonly message: string;
  /** Messages not read yet. */
  readonly unread: number;
  /** Of the account key; absent while none is known, and of older agents. */
  readonly safety?: BuddySafety;
}

/** `known`: as met first. `verified`: the safety words were compared. `changed`: another key than before, not compared since. */
export type BuddySafety = 'known' | 'verified' | 'changed';

export interface ChatLine {
  /** 32 hex digits. */
  readonly id: string;
  readonly with: string;
  readonly direction: 'in' | 'out';
  readonly text: string;
  /** Wall clock of the writer, ms. */
  readonly sentAtMs: number;
  /** Wall clock at which it was stored here, ms: history is in this order. */
  readonly storedAtMs: number;
  /** Of outgoing lines; incoming ones are always `delivered`. `kept`: supernodes keep it for each of their devices. */
  readonly mark: 'waiting' | 'kept' | 'delivered';
  /** Of lines that nobody wrote: what happened to the conversation; `text` says it. Absent for chat. */
  readonly kind?: LineKind;
  /** Of incoming lines of a group (`with` is its label, `#lunch`): who wrote it. */
  readonly author?: string;
}

/** A conversation of several people. */
export interface Group {
  /** `#lunch`: what it is called here. */
  readonly label: string;
  /** 32 hex digits, the same for all. */
  readonly id: string;
  readonly title: string;
  /** Members of now, we among them unless we left. */
  readonly members: readonly string[];
  readonly left: boolean;
  readonly unread: number;
}

/** `missed-call`: they called. `key-changed`: the person's key is another one than before. `verified`, `unverified`: what was said of it here. */
export type LineKind = 'key-changed' | 'verified' | 'unverified' | 'missed-call';

/** Somebody called, and nobody answered here or on another device. */
export interface MissedCall {
  readonly call: string;
  readonly peer: string;
  /** Wall clock of the caller, ms. */
  readonly atMs: number;
}

/** How what was said lies on the disk. */
export interface HistoryReport {
  /**
   * `secret-store`: encrypted, the key is in the system's secret store. `file-permissions`: plain, for this user's eyes by
   * the rights of the file. `locked`: encrypted, and the secret store does not give the key now.
   */
  readonly protection: 'secret-store' | 'file-permissions' | 'locked';
  /** One sentence: why it is so. */
  readonly why: string;
}

export type CallPhase = 'dialling' | 'ringing' | 'running' | 'held' | 'ended';
export type CallPath = 'direct' | 'lan' | 'relay' | 'tcp' | 'tcp443';
export type CallEndReason =
  | 'hangup'
  | 'declined'
  | 'busy'
  | 'no-answer'
  | 'answered-elsewhere'
  /** It goes on at another of our own devices. */
  | 'moved'
  | 'unreachable'
  | 'failed'
  | 'cancelled'
  /** Of a conference: by somebody who may; because eight others are in. */
  | 'removed'
  | 'full';
export type Verdict = 'good' | 'they hear gaps' | 'you hear gaps' | 'gaps both ways' | 'no sound arrives';

export interface Quality {
  readonly path: CallPath | null;
  readonly rttMs: number | null;
  readonly jitterMs: number;
  readonly lossInPct: number;
  readonly lossOutPct: number;
  readonly bufferMs: number;
  /** What the jitter buffer aims at, ms; absent of older agents, as the next two. */
  readonly targetMs?: number;
  /** Frames that came too late for it, of the last ten seconds, percent. */
  readonly latePct?: number;
  /** Sound put in or left out since the call began, to follow delay and clocks, ms. */
  readonly stretchedMs?: number;
  readonly mouthToEarMs: number | null;
  readonly sentPps: number;
  readonly recvPps: number;
  readonly payloadBytes: number;
  readonly bitrate: number;
  readonly redundancy: number;
  readonly concealedPct: number;
  readonly mos: number;
  readonly verdict: Verdict;
  /** Where the trouble sits, as far as this end can know; null while there is none, absent of older agents. */
  readonly place?: 'uplink' | 'downlink' | 'queue' | 'relay' | 'their device' | 'our device' | null;
  /** One sentence on it: "they hear gaps: your uplink loses 6 %". */
  readonly trouble?: string;
}

export interface Call {
  readonly call: string;
  readonly peer: string;
  readonly direction: 'in' | 'out';
  readonly phase: CallPhase;
  readonly startedAtMs: number;
  readonly answeredAtMs: number | null;
  readonly path: CallPath | null;
  readonly via: string | null;
  /** Nothing comes by any way, and the call looks for another; absent as long as that never happened. */
  readonly reconnecting?: boolean;
  readonly muted: boolean;
  /** Who put it on hold. */
  readonly heldBy: 'nobody' | 'me' | 'them' | 'both';
  readonly quality: Quality | null;
  readonly inputDb: number;
  readonly outputDb: number;
  /** Somebody speaks into our microphone: for the meter. Absent before the first level. */
  readonly speaking?: boolean;
  /** The microphone is open though nobody spoke here, or no screen was there, for the time that the watchdog allows. */
  readonly leftOpen?: 'quiet' | 'unattended';
  /** Who writes the call to a file; absent as long as nobody did. */
  readonly recordedBy?: 'nobody' | 'me' | 'them' | 'both';
  readonly reason: CallEndReason | null;
  /** Absent of calls of two; `peer` names all others then. */
  readonly conference?: ConferenceView;
}

/** A call that runs at another device of this account. */
export interface CallElsewhere {
  readonly call: string;
  readonly peer: string;
  /** The label of that device. */
  readonly device: string;
  /** Wall clock of that device, ms. */
  readonly answeredAtMs: number;
}

/** When the microphone is open. */
export interface TalkSettings {
  /** `push`: a call begins muted; `wren mic on` and `off`, or a key of the screen, open and close the microphone. */
  readonly talk: 'open' | 'push';
  /** The watchdog: warns of a microphone left open, and closes it a minute later if that is wanted. */
  readonly watch: 'off' | 'warn' | 'close';
  readonly watchMinutes: number;
  /** What becomes of a call when the laptop of `wren ssh` goes away; absent of older agents. */
  readonly detach?: 'muted' | 'held' | 'open';
}

/** The laptop of `wren ssh`, whose microphone and speaker calls go through. */
export interface EndpointReport {
  /** What that machine is called; empty when nobody knows. */
  readonly name: string;
  /** `ready`: for the next call. `attached`: in the running one. `away`: gone in the middle of one, which goes on. */
  readonly state: 'ready' | 'attached' | 'away';
  /** There and back by ssh, ms; null before it is known. */
  readonly rttMs: number | null;
  /** What ssh adds to our voice, ms: half of that, and what evens out its unevenness here. */
  readonly delayMs: number | null;
}

/** What others may do without our word. */
export interface PrivacySettings {
  /** Buddies may find out, silently, which way leads here. */
  readonly pathTests: boolean;
}

/** What stands between this machine and the internet, in the words of RFC 4787: the node's own words, as JSON has them. */
export interface NatReport extends Pick<NatKind, 'udp' | 'mapping' | 'filtering' | 'portAllocation' | 'evidence'> {
  /** The word that people use for it. */
  readonly class: NatClass;
  /** What the next outer port is more than the last; null unless `sequential`. */
  readonly portDelta: number | null;
  /** Our endpoint as a supernode sees it by UDP. */
  readonly publicEndpoint: string | null;
}

/** Where this node listens. */
export interface PortsReport {
  /** UDP and TCP: chosen at random at install and kept. */
  readonly port: number;
  /** Of TCP 443 and 80, those that could be had and that no server of this machine has claimed since. */
  readonly alsoTcp: readonly number[];
  /** Those that could not be had, and why; empty where they were not to be. */
  readonly missing: readonly {
    readonly port: number;
    readonly why: 'taken' | 'not-allowed' | 'unavailable' | 'claimed';
  }[];
}

export interface AudioReport {
  /** The configured SPEC. */
  readonly spec: string;
  readonly codec: 'native' | 'wasm' | 'unknown';
  readonly backend: 'portaudio' | 'pulse' | 'file' | 'none' | 'socket' | 'unknown';
  /** One sentence on how to get the better part; empty when there is none. */
  readonly advice: string;
  /** One sentence when sound does not work as asked; empty otherwise. */
  readonly problem: string;
  /** What takes out echo and noise, or would; absent before anybody looked. */
  readonly filter?: SoundFilters['filter'];
  /** What a person wants done with the microphone. */
  readonly sound?: SoundSettings;
  /** What is done with it in the running call; absent outside of calls. */
  readonly filters?: Omit<SoundFilters, 'filter'>;
  /** What the microphone hears while somebody sets up sound outside of calls; absent at all other times. */
  readonly meter?: { readonly inputDb: number; readonly speaking: boolean };
  /** Devices that sound of the running call goes through, as their backend names them; absent outside of calls. */
  readonly using?: DevicesInUse;
  /** The voice process is served before others during calls, or would be; absent before anybody asked the system. */
  readonly priority?: 'raised' | 'not allowed';
  /** When the microphone is open; absent of older agents. */
  readonly talk?: TalkSettings;
  /** Absent while no laptop is there. */
  readonly endpoint?: EndpointReport;
}

/** How this machine serves the network as a supernode, or why it does not. */
export interface ServingReport {
  readonly role: 'ordinary' | 'candidate' | 'supernode' | 'leaving';
  /** A word for scripts; `why` says it for people. */
  readonly reason: Why;
  readonly why: string;
  readonly consent: 'auto' | 'always' | 'never';
  /** Where that comes from: WREN_SUPERNODE, or what was chosen here. */
  readonly consentBy: 'environment' | 'setting';
  /** What was answered to the question of `auto`; `server`: nobody was asked, since this is no desktop. */
  readonly answer: 'none' | 'yes' | 'no' | 'server';
  /** The person is to be asked, once. */
  readonly asks: boolean;
  readonly duties: readonly string[];
  readonly caps: { readonly clients: number; readonly relayKbps: number };
  /** Null while it does not serve. */
  readonly cost: {
    readonly clients: number;
    readonly standbys: number;
    readonly relayedBytes: number;
    readonly relayedPackets: number;
    /** Of one core, over the last seconds. */
    readonly cpuPercent: number;
    readonly memoryBytes: number;
  } | null;
  /** Where others reach what serves; null while it does not. A supernode's address is public. */
  readonly endpoint: string | null;
  /** The facts that were judged by; null for what was not measured. */
  readonly facts: {
    readonly uptimeS: number | null;
    readonly busyPercent: number | null;
    readonly freeMemoryBytes: number | null;
    readonly upKbps: number | null;
    readonly dialBack: { readonly of: number; readonly udp: number; readonly tcp: number } | null;
    readonly supernodes: number | null;
    readonly loadPermille: number | null;
  };
  /** How to end it. */
  readonly refuse: string;
}

/** The devices of the account, as it has signed them. */
export interface DevicesReport {
  /** Rises with each change. */
  readonly version: number;
  /** Ed25519, 64 hex digits. */
  readonly accountKey: string;
  /** In the order in which they were added. */
  readonly list: readonly {
    /** The node id, 32 hex digits. */
    readonly id: string;
    readonly label: string;
    /** Wall clock, ms. */
    readonly addedAtMs: number;
    readonly thisOne: boolean;
    /** Seen here now; always true of this one. */
    readonly online: boolean;
  }[];
  readonly revoked: readonly { readonly id: string; readonly atMs: number }[];
}

export interface AppState {
  readonly version: string;
  readonly network: string | null;
  readonly account: {
    readonly name: string;
    readonly displayName: string;
    readonly certificateExpiresAtMs: number;
  } | null;
  readonly connection: 'offline' | 'connecting' | 'online';
  /** Why not online; null while all is well. */
  readonly trouble: FailureCode | null;
  readonly supernode: {
    readonly endpoint: string;
    readonly carrier: 'udp' | 'tcp';
    readonly rttMs: number | null;
    /** `HOST:PORT` of the proxy that the way there leads through; absent when there is none in it. */
    readonly proxy?: string;
    /** It drops packets that it was to forward for us, by this cap; absent while it does not. */
    readonly limitedBy?: RelayCap;
  } | null;
  /** What was tried in vain, while nobody answers; absent before the first round of it. */
  readonly tried?: {
    readonly supernodes: number;
    /** Names of `net/protocol/ways.ts`. */
    readonly ways: readonly string[];
    readonly loginServer: 'waiting' | 'answers' | 'silent';
  } | null;
  /** Supernodes in the host cache, when we last attached. */
  readonly supernodesKnown?: number;
  /** Endpoint of the supernode that takes over when ours dies. */
  readonly standby: string | null;
  /** Whether addresses are translated between us and our supernode; `unknown` also while not online. */
  readonly nat: 'unknown' | 'public' | 'behind-nat';
  /** What kind of NAT it is, once found out (RFC 4787); null before, and while signed out. */
  readonly natKind: NatReport | null;
  /** The port that our gateway passes on to us; null when there is none. */
  readonly portMapping: { readonly by: 'pcp' | 'nat-pmp' | 'upnp'; readonly endpoint: string } | null;
  /** Null before the profile has joined a network. */
  readonly ports: PortsReport | null;
  /** Our own endpoint as the supernode sees it. */
  readonly observed: string | null;
  /** Null while signed out, and before the account has a list; absent of older agents. */
  readonly devices?: DevicesReport | null;
  /** Absent of older agents. */
  readonly serving?: ServingReport;
  /** Absent of older agents. */
  readonly privacy?: PrivacySettings;
  /** Absent of older agents. */
  readonly history?: HistoryReport;
  /** By label; absent of older agents. */
  readonly groups?: readonly Group[];
  /** Those that nobody has read of yet, the newest first; absent of older agents. */
  readonly missedCalls?: readonly MissedCall[];
  readonly presence: PresenceStatus;
  /** Sorted by folded name. */
  readonly buddies: readonly Buddy[];
  /** Newest last; ended calls stay until the next one begins. */
  readonly calls: readonly Call[];
  /** Calls of ours that run at our other devices, and can be pulled here; absent of older agents. */
  readonly callsElsewhere?: readonly CallElsewhere[];
  readonly audio: AudioReport;
  /** What screens are to do; absent of older agents. */
  readonly settings?: ScreenSettings;
}

export const INITIAL_STATE: AppState = {
  version: '',
  network: null,
  account: null,
  connection: 'offline',
  trouble: null,
  supernode: null,
  standby: null,
  nat: 'unknown',
  natKind: null,
  portMapping: null,
  ports: null,
  observed: null,
  presence: 'online',
  buddies: [],
  calls: [],
  audio: { spec: 'default', codec: 'unknown', backend: 'unknown', advice: '', problem: '' },
};

/** The call that keys and scripts act on: the newest that has not ended. */
export function currentCall(state: AppState): Call | undefined {
  return state.calls.findLast((call) => call.phase !== 'ended');
}

export function buddyNamed(state: Pick<AppState, 'buddies'>, name: string): Buddy | undefined {
  return state.buddies.find((buddy) => foldName(buddy.name) === foldName(name));
}

/** What is known of the key of somebody on the list. */
export function safetyOf(state: AppState, name: string): BuddySafety | undefined {
  return buddyNamed(state, name)?.safety;
}

/** Labels of groups begin with a sign that no person's name can have. */
export function isGroup(name: string): boolean {
  return name.startsWith('#');
}

/** A call that rings here and waits for our answer. */
export function ringingCall(state: AppState): Call | undefined {
  return state.calls.findLast((call) => call.phase === 'ringing' && call.direction === 'in');
}

/** Names of devices as a SPEC chooses them for the two sides; empty: the default, also of what is no card. */
export function chosenDevices(spec: string): { readonly input: string; readonly output: string } {
  const names = spec.startsWith('device:') ? spec.slice(7) : '';
  const [input = '', output = ''] = names.includes('|') ? names.split('|') : [names, names];
  return { input, output };
}

/** The SPEC after a choice, empty for the default; of one side the other keeps what was chosen for it. */
export function specAfter(before: string, name: string, side?: 'input' | 'output'): string {
  if (side === undefined) return name === '' ? 'default' : `device:${name}`;
  const known = chosenDevices(before);
  const [input, output] = side === 'input' ? [name, known.output] : [known.input, name];
  return input === '' && output === '' ? 'default' : `device:${input}|${output}`;
}
