/**
 * Every failure code, with what it means. Codes travel on the wire and over the agent port; the sentence that a
 * person reads is looked up in `src/tui/wording.ts`, so no code path invents its own wording.
 */
export const FAILURES = {
  // login server
  'name-taken': 'another account already has this name (compared without case)',
  'name-malformed': 'not 6 to 32 characters, a letter first, then letters, digits, . _ -',
  'name-unknown': 'no account of that name',
  'password-wrong': 'the password does not match the account',
  'password-weak': 'shorter than 8 or longer than 256 characters',
  'too-many-tries': 'rate limit; retry_after_ms says when to come back',
  replayed: 'a request number that was already used in this session',
  stale: 'the buddy list was changed elsewhere since; fetch, merge, put again',
  'too-large': 'a field is over its limit',
  'not-allowed': 'the session is not authenticated for this request',
  'key-unfit': 'the public key is not RSA of 2048 to 4096 bits',
  'not-reached': 'the login server could not reach this supernode at any of its addresses, by UDP and by TCP',
  'device-revoked': 'this device was revoked by its account and must sign in anew',
  'device-unknown': 'no device of that label or id is in the list',
  'device-forged': 'a device list is not signed by its account, or names a device that is not of it',
  'device-offline': 'that other device of the account is not online now',
  'device-busy': 'that other device of the account is in another call',
  'device-silent': 'that other device of the account has not answered in time',
  'device-cannot': 'the other end of the call does not answer that device',
  'request-malformed': 'a field of the request is not of the form it must have',
  busy: 'the server sheds load; retry_after_ms says when to come back',
  'server-fault': 'the server could not store or sign; nothing was changed',
  // reaching the network
  'no-network': 'this profile has joined no network yet',
  'invite-malformed': 'the text is not an invite, or was cut short',
  'invite-other-network': 'this profile already belongs to another network',
  'unreachable-network': 'no supernode and no login server answers',
  'unreachable-login': 'the login server does not answer',
  'authority-mismatch': 'the answering server is not the one that the invite pins',
  'certificate-invalid': 'expired, not yet valid, or not signed by the pinned authority',
  'version-unsupported': 'no protocol version in common',
  'not-signed-in': 'this needs an account; sign in first',
  'already-signed-in': 'another account is signed in in this profile; sign out first',
  'search-limit': 'the account has searched too much in the last hour; retry_after_ms says when it may again',
  // people
  'person-unknown': 'nobody of that name can be found',
  'person-offline': 'the person is not online now',
  'person-self': 'that is you',
  blocked: 'blocked, by you or by the other person',
  'not-a-buddy': 'no such person in the buddy list',
  'group-unknown': 'no group of that name here, or we have left it',
  'group-forged': 'somebody spoke in a group, or said of it, what is not theirs to say; refused',
  'group-full': 'a group has at most so many members, and a person so many groups',
  'nothing-pending': 'no request from that person waits for an answer',
  'account-key-changed': 'the account of this name has another key than before',
  'safety-unknown': 'no account key of that person, or of ours, is known yet',
  'blocked-inside': 'somebody whom our person has blocked is in the same conference; the detail names them',
  // calls
  'no-call': 'there is no such call',
  'already-in-call': 'one call at a time; hang up or hold first',
  declined: 'the other person declined',
  'no-answer': 'nobody picked up in time',
  'busy-in-call': 'the other person is in another call',
  unreachable: 'the other end does not answer',
  'conference-full': 'eight people are in the conference, or asked into it',
  'person-in-conference': 'that person is in the conference, or being called into it',
  'conference-over': 'there is no conference to go back to',
  'conference-forged': 'somebody claimed a part in a conference that is not theirs; refused',
  'conference-stays': 'a conference cannot be handed to another device',
  'call-handed-over': 'another of our own devices has handed its call to this one',
  'conference-old': 'the program of the other person knows no conferences',
  // sound
  'audio-spec-malformed': 'not default, none, device:NAME, file:IN[,OUT] or socket:PATH',
  'audio-file-unreadable': 'the WAV file is missing, cut short, or of a kind that cannot be read',
  'audio-file-unwritable': 'the WAV file for the recording cannot be created or written',
  'audio-unsupported': 'this version or this machine cannot move sound in that way',
  'audio-no-device': 'no sound card, or none that this user may open',
  'audio-device-busy': 'another program holds the device',
  'audio-device-absent': 'the device that was chosen is not there; the default one is used',
  'audio-only-monitor': 'there is no microphone: the default would hear what the speaker plays, and is not used',
  'audio-voice-crashed': 'the voice process died and was started again',
  'audio-endpoint-away': 'the laptop of `wren ssh` is away in the middle of a call, which goes on',
  'ssh-missing': 'there is no program ssh on this machine',
  'ssh-unreachable': 'ssh could not reach the machine, or the connection broke and could not be had again',
  'ssh-no-wren': 'the other machine has no wren that can be started',
  'microphone-left-open': 'the microphone has been open for long without a voice or a screen here',
  'microphone-closed': 'the watchdog has closed a microphone that was left open',
  // ourselves
  'install-told': 'the login server was told, once, that this version was installed',
  'version-old': 'the login server knows a newer version',
  'port-version': 'agent and command are of versions that cannot talk; restart the agent',
  'agent-unreachable': 'the agent could not be started or does not answer',
  'profile-locked': 'another agent holds this profile',
  'profile-damaged': 'a file of the profile was damaged; it was kept aside and the rest goes on without it',
  'profile-unwritable': 'a file of the profile cannot be written or read: the disk is read-only or broken',
  'profile-unsafe': 'the folder is not ours alone, so it is no place for keys and messages',
  'folder-unwritable':
    'a folder that was named cannot be made or written: rights, a read-only disk, or a file of that name',
  'folder-in-use': 'a server runs from this folder already',
  'database-unusable': 'the database of --database does not answer, does not let us in, or fails',
  'history-locked': 'the history is encrypted, and the secret store does not give its key',
  'port-taken': 'another program uses this port',
  'port-not-allowed': 'the system lets only the administrator open this port',
  'proxy-malformed': 'what names the proxy is not a URL of a kind that we know',
  'mailbox-full': 'the supernodes keep as many letters for that person as they may',
  'outbox-full': 'too many messages wait for people who are offline',
  'disk-full': 'no room left on the disk; nothing was half-written',
  usage: 'the command line makes no sense',
  'timed-out': 'the time given has passed',
  internal: 'our own mistake; the log has the details',
} as const;

export type FailureCode = keyof typeof FAILURES;

export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(FAILURES, text);
}

/** An expected failure, carried as a value or thrown inside one process; never for bad bytes from outside. */
export class Refusal extends Error {
  readonly code: FailureCode;
  /** When trying again makes sense, ms; 0 when it does not. */
  readonly retryAfterMs: number;
  constructor(code: FailureCode, detail = '', retryAfterMs = 0) {
    super(detail === '' ? FAILURES[code] : detail);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** What was handed in; empty where the message is only the code's own meaning. */
  get detail(): string {
    return this.message === FAILURES[this.code] ? '' : this.message;
  }
}
