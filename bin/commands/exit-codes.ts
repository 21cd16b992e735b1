/**
 * What a command's exit code says, from the contract with scripts: 0 done, 1 works but degraded, 2 could not,
 * 3 usage, 4 refused, 5 our own fault. Every command ends through one of the two judgements below: `failureExit` for
 * a refusal, `callExit` for a call that ended. Both are pure and hold their whole table in sight.
 */
import type { FailureCode } from '../../src/net/protocol/failures.ts';
import type { CallEndReason } from '../../src/store/state.ts';

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;
export const EXIT = { done: 0, degraded: 1, couldNot: 2, usage: 3, refused: 4, ourFault: 5 } as const;

/**
 * The rule behind the table: an argument that no network could ever accept is usage; a sound request that somebody
 * turns down is a refusal; a bookkeeping failure that a person cannot have caused is ours; the rest could not be done.
 */
const FAILURE_EXITS: Readonly<Record<FailureCode, ExitCode>> = {
  'name-taken': EXIT.refused,
  'name-malformed': EXIT.usage,
  'name-unknown': EXIT.refused,
  'password-wrong': EXIT.refused,
  'password-weak': EXIT.refused,
  'too-many-tries': EXIT.refused,
  replayed: EXIT.ourFault,
  stale: EXIT.ourFault,
  'too-large': EXIT.usage,
  'not-allowed': EXIT.refused,
  'key-unfit': EXIT.ourFault,
  busy: EXIT.couldNot,
  'server-fault': EXIT.couldNot,
  'device-revoked': EXIT.refused,
  'not-reached': EXIT.couldNot,
  'device-unknown': EXIT.couldNot,
  'device-forged': EXIT.refused,
  'device-offline': EXIT.couldNot,
  'device-busy': EXIT.couldNot,
  'device-silent': EXIT.couldNot,
  'device-cannot': EXIT.couldNot,
  'request-malformed': EXIT.usage,
  'no-network': EXIT.couldNot,
  'invite-malformed': EXIT.usage,
  'invite-other-network': EXIT.refused,
  'unreachable-network': EXIT.couldNot,
  'unreachable-login': EXIT.couldNot,
  'authority-mismatch': EXIT.refused,
  'certificate-invalid': EXIT.refused,
  'version-unsupported': EXIT.couldNot,
  'not-signed-in': EXIT.couldNot,
  'already-signed-in': EXIT.refused,
  'search-limit': EXIT.refused,
  'person-unknown': EXIT.couldNot,
  'person-offline': EXIT.couldNot,
  'person-self': EXIT.usage,
  blocked: EXIT.refused,
  'not-a-buddy': EXIT.couldNot,
  'nothing-pending': EXIT.couldNot,
  'no-call': EXIT.couldNot,
  'already-in-call': EXIT.couldNot,
  declined: EXIT.couldNot,
  'no-answer': EXIT.couldNot,
  'busy-in-call': EXIT.couldNot,
  unreachable: EXIT.couldNot,
  'conference-full': EXIT.couldNot,
  'person-in-conference': EXIT.couldNot,
  'conference-over': EXIT.couldNot,
  'conference-old': EXIT.couldNot,
  'conference-stays': EXIT.couldNot,
  'audio-spec-malformed': EXIT.usage,
  'audio-file-unreadable': EXIT.couldNot,
  'audio-file-unwritable': EXIT.couldNot,
  'audio-unsupported': EXIT.couldNot,
  'audio-no-device': EXIT.couldNot,
  'audio-device-busy': EXIT.couldNot,
  'audio-device-absent': EXIT.couldNot,
  'audio-only-monitor': EXIT.couldNot,
  'audio-voice-crashed': EXIT.ourFault,
  'ssh-missing': EXIT.couldNot,
  'ssh-unreachable': EXIT.couldNot,
  'ssh-no-wren': EXIT.couldNot,
  // Notices, never the answer to a command.
  'audio-endpoint-away': EXIT.degraded,
  'conference-forged': EXIT.degraded,
  'call-handed-over': EXIT.done,
  'blocked-inside': EXIT.degraded,
  'microphone-left-open': EXIT.degraded,
  'microphone-closed': EXIT.degraded,
  'install-told': EXIT.done,
  'version-old': EXIT.done,
  'port-version': EXIT.couldNot,
  'agent-unreachable': EXIT.ourFault,
  'profile-locked': EXIT.couldNot,
  'history-locked': EXIT.couldNot,
  'account-key-changed': EXIT.degraded,
  'safety-unknown': EXIT.couldNot,
  'profile-damaged': EXIT.degraded,
  'profile-unsafe': EXIT.refused,
  'profile-unwritable': EXIT.couldNot,
  'folder-unwritable': EXIT.couldNot,
  'folder-in-use': EXIT.couldNot,
  'database-unusable': EXIT.couldNot,
  'proxy-malformed': EXIT.usage,
  'group-unknown': EXIT.couldNot,
  'group-forged': EXIT.degraded,
  'group-full': EXIT.couldNot,
  'mailbox-full': EXIT.couldNot,
  'outbox-full': EXIT.couldNot,
  'port-taken': EXIT.couldNot,
  'port-not-allowed': EXIT.couldNot,
  'disk-full': EXIT.couldNot,
  usage: EXIT.usage,
  'timed-out': EXIT.couldNot,
  internal: EXIT.ourFault,
};

/** The exit code of a command that ended with this failure. A code from a newer agent counts as "could not". */
export function failureExit(code: FailureCode): ExitCode {
  return FAILURE_EXITS[code] ?? EXIT.couldNot;
}

/** Somebody wanted it so. */
const CALM_ENDS: ReadonlySet<CallEndReason> = new Set(['hangup', 'cancelled', 'moved']);

/**
 * The exit code of `call` and `answer --once` after the call ended. Once somebody has answered, a call that either
 * side hangs up, or that goes on at another device, is done, whatever path it took; one that broke is not.
 */
export function callExit(reason: CallEndReason, answered: boolean): ExitCode {
  return answered && CALM_ENDS.has(reason) ? EXIT.done : EXIT.couldNot;
}
