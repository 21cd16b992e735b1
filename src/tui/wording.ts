/**
 * Every sentence that a person reads about a failure, a state or a time. One sentence with its remedy for each
 * failure code, so that no code path invents its own. Titles and labels of one place only stand in that component.
 */
import { type FailureCode, isFailureCode } from '../net/protocol/failures.ts';
import type { AppState, Buddy, Call, CallEndReason, CallPath, PresenceStatus, Verdict } from '../store/state.ts';
import { isGroup } from './people-groups.ts';

const FAILURE_SENTENCES: Readonly<Record<FailureCode, string>> = {
  'name-taken': 'That name belongs to somebody already: choose another, or sign in if it is yours.',
  'name-malformed': 'A name has 6 to 32 characters: a letter first, then letters, digits, dot, underscore or hyphen.',
  'name-unknown': 'There is no account of that name: check the spelling, or sign up.',
  'password-wrong': 'That is not the password of this account: try again.',
  'password-weak': 'The password must have 8 to 256 characters: choose a longer one.',
  'too-many-tries': 'Too many tries: wait a minute, then try again.',
  replayed: 'The server saw this request before and ignored it: try again.',
  stale: 'Your buddy list was changed on another machine: try again, both changes are kept.',
  'too-large': 'That is too long to send: make it shorter.',
  'not-allowed': 'The server does not allow this now: sign in again.',
  'key-unfit': 'The server refuses the key of this profile: sign in again to make a new one.',
  'not-reached': 'The login server cannot reach this machine: let UDP and TCP in to its port, or name another --host.',
  'device-revoked': 'This device was revoked on another device of your account: sign in again to use it here.',
  'device-unknown': 'There is no such device on the list: "wren devices" shows them.',
  'device-forged': 'A list of devices was not signed by its account and was refused: calls and chats go on without it.',
  'device-offline': 'That device is not online: open wren there, then try again; the call stays here.',
  'device-busy': 'That device is in another call: the call stays here.',
  'device-silent': 'That device does not answer, or has an older wren: the call stays here.',
  'device-cannot': 'That device does not reach the other end: the call stays here.',
  'request-malformed': 'The server did not understand the request: check what you typed, then try again.',
  busy: 'The server is busy: try again in a moment.',
  'server-fault': 'The server had a fault and changed nothing: try again later, or tell whoever runs it.',
  'no-network': 'You have joined no network yet: paste an invite to join one.',
  'invite-malformed': 'That is not a whole invite: copy all of it, from "wren:" to the end.',
  'invite-other-network':
    'This profile belongs to another network: use another profile (--profile DIR) for this invite.',
  'unreachable-network': "Nobody of the network answers: check this machine's connection; wren goes on trying.",
  'unreachable-login': 'The login server does not answer: calls and chats go on, try this again later.',
  'authority-mismatch': 'The server is not the one that the invite names: ask for a new invite, and do not go on.',
  'certificate-invalid': 'The certificate has expired or is not of this network: check the clock, then sign in again.',
  'version-unsupported': 'The other side speaks another version: bring the older wren up to date.',
  'not-signed-in': 'You are not signed in: sign in first.',
  'already-signed-in': 'Somebody is signed in here: sign out first, or use another profile.',
  'search-limit': 'You have searched very often in the last hour: wait some minutes, or type the whole name.',
  'person-unknown': 'Nobody of that name can be found: check the spelling, or search for it.',
  'person-offline': 'They are not online now: write a message, it is delivered when they come back.',
  'person-self': 'That is you: choose somebody else, or call echo to hear yourself.',
  blocked: 'One of you has blocked the other: unblock them first, if it was you.',
  'not-a-buddy': 'They are not among your buddies: add them first.',
  'nothing-pending': 'No request from them waits for an answer: it was withdrawn or answered.',
  'no-call': 'There is no such call any more.',
  'already-in-call': 'You are in a call: hang up first.',
  declined: 'They declined.',
  'no-answer': 'Nobody picked up: try again later, or write a message.',
  'busy-in-call': 'They are in another call: try again later, or write a message.',
  'conference-full': 'Eight people are in the conference or being called: somebody has to leave first.',
  'person-in-conference': 'They are in the conference already, or being called into it.',
  'conference-over': 'There is no conference to go back to: call the people again.',
  'conference-forged': 'Somebody claimed a part in a conference that is not theirs; it was refused.',
  'blocked-inside': 'You blocked them, and they are in this conference too: they hear you, and you may leave it.',
  'conference-stays': 'A conference cannot go to another device: it stays here.',
  'call-handed-over': 'Another device of yours has handed its call to this one: it goes on here.',
  'conference-old': 'Their program knows no conferences: ask them to update it; the call of two goes on.',
  unreachable: 'They do not answer: their connection may be gone, try again later.',
  'audio-spec-malformed': 'Sound can be default, none, device:NAME, file:IN,OUT or socket:PATH: check the setting.',
  'audio-file-unreadable': 'The sound file cannot be read: it must be a complete WAV file.',
  'audio-file-unwritable': 'The recording cannot be written: check the folder and its rights.',
  'audio-unsupported': 'Sound cannot be moved that way here: choose another (--audio default, none or file:IN,OUT).',
  'audio-no-device': 'No sound card can be used: plug one in, or join the group "audio"; calls go on in silence.',
  'audio-device-absent': 'The sound device that you chose is not there: the default one is used instead.',
  'audio-only-monitor':
    'There is no microphone: the default one would send back what your speaker plays. Plug one in, or choose one (t).',
  'audio-device-busy': 'Another program holds the sound device: close it, then call again.',
  'audio-voice-crashed': 'The sound process failed and was started again: the call goes on.',
  'audio-endpoint-away': 'The laptop with the sound is away: "wren ssh" from it, or from another, takes the call up.',
  'ssh-missing': 'There is no ssh on this machine: install an OpenSSH client, then try again.',
  'ssh-unreachable': 'No connection, or it did not let us in: what ssh said stands above.',
  'ssh-no-wren': 'No wren can be started there: install it (npm install --global wren), or name it with --wren PATH.',
  'microphone-left-open': 'The microphone has been open for long though nobody spoke here or looked: wren mic off.',
  'microphone-closed': 'The microphone was open for too long though nobody spoke here or looked: it is off now.',
  'install-told':
    'The login server was told, once, that this version is here, no more (WREN_NO_INSTALL_PING=1 prevents it).',
  'version-old': 'That is the newest version of wren here: install it when you like.',
  'port-version': 'The agent is of another version: run "wren agent stop", then start wren again.',
  'agent-unreachable': 'The agent does not answer: wren goes on trying; "wren agent status" tells more.',
  'profile-locked': 'Another agent holds this profile: stop it, or use another profile (--profile DIR).',
  'profile-damaged':
    'A file of the profile was damaged and kept aside: wren goes on with the rest; look into the profile.',
  'profile-unwritable': 'A file of the profile cannot be written: the disk is read-only or broken; look at it soon.',
  'profile-unsafe':
    'That folder is not for you alone: choose another (--profile or --dir DIR); if it is yours, chmod 700 closes it.',
  'folder-unwritable':
    'It cannot be written: choose another folder (--profile or --dir DIR), or get the right to write there.',
  'folder-in-use': 'A server runs from this folder already: stop it, or choose another folder (--dir DIR).',
  'database-unusable': 'The database of --database cannot be used: see that it runs, and check the URL.',
  'account-key-changed':
    'The key of this account is another one than before: compare the safety words before you trust it.',
  'safety-unknown':
    'There are no safety words yet: both of you must be buddies and have met with a wren that has them.',
  'history-locked':
    'Messages are encrypted and the secret store of the system is locked: unlock it, then run "wren history unlock".',
  'port-taken': 'Another program uses this port: stop it, or choose another port.',
  'port-not-allowed': 'Only the administrator may open this port: choose one above 1023.',
  'proxy-malformed':
    'That does not name a proxy: write it as http://HOST:PORT or socks5://HOST:PORT, USER:PASSWORD@ before HOST.',
  'group-unknown': 'There is no such group here, or you have left it: wren group list.',
  'group-forged': 'Somebody spoke in a group of which they are no member, or said nonsense of it; it was refused.',
  'group-full': 'No more fit: a group has at most 32 people, and you at most 200 groups.',
  'mailbox-full':
    'The network keeps as many messages for that person as it may: the rest goes when they come, or some are read.',
  'outbox-full': 'Too many messages wait for people who are offline: send again when some were delivered.',
  'disk-full': 'The disk is full: make room and try again; nothing was half-written.',
  usage: 'That cannot be understood: check what was asked for.',
  'timed-out': 'It took too long: try again.',
  internal: 'Something in wren went wrong: the log in the profile has the details, try again.',
};

/** The sentence for a failure; `detail` (a name, a device) stands in front when there is one. */
export function failureSentence(code: FailureCode, detail = ''): string {
  const sentence = FAILURE_SENTENCES[code] ?? FAILURE_SENTENCES.internal;
  // What could not be understood is told by the detail alone, as whole words.
  if (code === 'usage' && / /.test(detail)) return asSentence(detail);
  return detail === '' ? sentence : `${detail}: ${sentence}`;
}

function asSentence(words: string): string {
  const begun = /^[a-z]+ /.test(words) ? `${words.charAt(0).toUpperCase()}${words.slice(1)}` : words;
  return /[.?!]$/.test(begun) ? begun : `${begun}.`;
}

/** Trouble with sound as the agent keeps it: a code with a detail, or a sentence already. */
export function problemSentence(problem: string): string {
  const [, code = '', detail = ''] = /^([a-z-]+): ([\s\S]*)$/.exec(problem) ?? [];
  return isFailureCode(code) ? failureSentence(code, detail) : problem;
}

const WAY_WORDS: Readonly<Record<string, string>> = {
  udp: 'UDP',
  tcp: 'TCP',
  tcp443: 'TCP 443',
  tcp80: 'TCP 80',
  proxy443: 'proxy to 443',
  proxy: 'proxy',
};

/** One sentence on a search for a supernode that came to nothing: what was tried, and what to do. */
export function nobodySentence({ supernodes, ways, loginServer }: NonNullable<AppState['tried']>): string {
  const onAndOn = 'wren goes on trying.';
  if (supernodes === 0) {
    return loginServer === 'answers'
      ? `The login server answers, but knows no supernode: whoever runs the network must start one; ${onAndOn}`
      : `No supernode is known, and the login server does not answer: check this machine's connection; ${onAndOn}`;
  }
  const who = supernodes === 1 ? 'The one supernode that is known' : `None of ${supernodes} supernodes`;
  const by = ways.map((way) => WAY_WORDS[way] ?? way).join(', ');
  const tried = `${who} ${supernodes === 1 ? 'does not answer' : 'answers'} (tried ${by})`;
  if (loginServer === 'answers') return `${tried}, the login server does: ask whoever runs them; ${onAndOn}`;
  const nor = loginServer === 'silent' ? ', nor does the login server' : ', nor has the login server so far';
  return `${tried}${nor}: check this machine's connection and firewall; ${onAndOn}`;
}

const PRESENCE_WORDS: Readonly<Record<PresenceStatus, readonly [long: string, short: string]>> = {
  online: ['online', 'online'],
  away: ['away', 'away'],
  'do-not-disturb': ['do not disturb', 'busy'],
  invisible: ['invisible', 'hidden'],
  offline: ['offline', 'offline'],
};

/** What this machine does for the network, in a few words. */
export function servingWords({ serving }: AppState): string {
  if (!serving) return '';
  if (serving.role !== 'supernode') return `no: ${serving.why}`;
  const clients = serving.cost?.clients ?? 0;
  return `serves ${clients === 1 ? 'one person' : `${clients} people`} now`;
}

export function presenceWord(presence: PresenceStatus): string {
  return PRESENCE_WORDS[presence][0];
}

/** What is said of a buddy beside the name, the longest wording first, for the widest that fits. */
export function buddyWords(buddy: Buddy, nowMs: number): readonly string[] {
  if (isGroup(buddy.name)) return buddy.relation === 'both' ? [buddy.message, ''] : ['you left', 'left'];
  if (buddy.relation === 'incoming') return ['wants to be your buddy', 'asks to be added', 'asks'];
  if (buddy.relation === 'outgoing') return ['has not answered yet', 'asked'];
  if (buddy.relation === 'declined') return ['declined', 'no'];
  if (buddy.relation === 'blocked') return ['blocked'];
  if (buddy.safety === 'changed') return ['has another key than before', 'another key', 'new key'];
  if (buddy.presence !== 'offline') return PRESENCE_WORDS[buddy.presence];
  if (buddy.lastSeenAtMs === 0) return ['offline', ''];
  const ago = agoWords(nowMs - buddy.lastSeenAtMs);
  return [`offline, seen ${ago}`, `seen ${ago}`, ago, ''];
}

/** `just now`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function agoWords(elapsedMs: number): string {
  const minutes = Math.floor(elapsedMs / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 1440)} d ago`;
}

/** `4:12`, `1:04:12`. */
export function clockWords(elapsedMs: number): string {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `2026-11-25 20:50`. */
export function dateWords(atMs: number): string {
  const date = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function pathWords(path: CallPath | null, via: string | null): string {
  if (path === 'direct') return 'direct';
  if (path === 'lan') return 'direct, same network';
  if (path === 'relay') return via ? `relayed by ${via}` : 'relayed';
  if (path === 'tcp') return 'over TCP';
  if (path === 'tcp443') return 'over TCP, port 443';
  return 'finding a way';
}

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  good: 'sounds good',
  'they hear gaps': 'they hear gaps',
  'you hear gaps': 'you hear gaps',
  'gaps both ways': 'gaps both ways',
  'no sound arrives': 'no sound arrives',
};

/** What a call is doing, in words. */
export function phaseWords(call: Call): string {
  if (call.phase === 'dialling') return 'calling';
  if (call.phase === 'ringing') return call.direction === 'in' ? 'is calling you' : 'ringing there';
  if (call.phase === 'ended') return 'ended';
  if (call.phase === 'held' || call.heldBy !== 'nobody') return holdWords(call);
  return 'talking';
}

function holdWords(call: Call): string {
  if (call.heldBy === 'them') return 'on hold by them';
  if (call.heldBy === 'both') return 'on hold by both';
  return 'on hold by you';
}

const END_WORDS: Readonly<Record<CallEndReason, string>> = {
  hangup: 'ended',
  declined: 'was declined',
  busy: 'not possible: they are in another call',
  'no-answer': 'was not answered',
  'answered-elsewhere': 'was answered on another machine',
  moved: 'goes on at another machine of yours',
  unreachable: 'not possible: they cannot be reached',
  failed: 'broke off',
  cancelled: 'was cancelled',
  removed: 'goes on without you: you were removed',
  full: 'is full: eight others are in it',
};

/** One sentence on a call that is over. */
export function endedSentence(call: Call, nowMs: number): string {
  const what = END_WORDS[call.reason ?? 'hangup'];
  const talked = call.answeredAtMs === null ? '' : ` after ${clockWords(nowMs - call.answeredAtMs)}`;
  return call.direction === 'in' && call.answeredAtMs === null && call.reason !== 'declined'
    ? `Missed call from ${call.peer}.`
    : `The call with ${call.peer} ${what}${talked}.`;
}

export const SENTENCES = {
  starting: 'Looking for the agent...',
  agentGone: 'The agent is gone; what you see may be old. Trying to reach it again...',
  notATerminal:
    'wren needs a terminal for its screen; use "wren status", "wren chat" or "wren call" instead (see "wren --help").',
  pressAgain: 'Press Ctrl-C again to quit.',
  tooSmall: 'This window is too small for wren: make it at least 30 columns wide and 8 lines high.',
  noBuddies: 'Nobody here yet.',
  noMatch: 'No buddy matches.',
  chooseBuddy: 'Choose a buddy on the left.',
  noLines: 'No messages yet.',
  noOtherDevice: 'No other device of yours is online: sign in there, then hand the call over.',
  levelInCall: 'In a call "figures" tells how loud it is, here and there.',
  nothingToTransfer: 'No call runs that could go to another device.',
  nothingElsewhere: 'No call of yours runs at another device.',
  echoTip: 'echo says back what it hears: a test call.',
  reconnected: 'The agent is back.',
} as const;

/** What of a person's own settings cannot be used: two sentences at most, the settings have them all. */
export function problemsSentence(problems: readonly string[]): string {
  const [first = '', second] = problems;
  if (second === undefined) return first;
  return problems.length === 2
    ? `${first}\n${second}`
    : `${first}\nAnd ${problems.length - 1} more: see "keys" in the settings.`;
}

/** What is left in the terminal when a fault of our own ended the screen; `detail` is for whoever mends it. */
export function crashSentence(detail: string): string {
  return `wren: something went wrong in the screen. A running call goes on; start wren again.\n${detail}\n`;
}
