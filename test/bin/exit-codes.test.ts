import { expect, test } from 'vitest';
import { callExit, EXIT, failureExit } from '../../bin/commands/exit-codes.ts';
import { FAILURES, type FailureCode } from '../../src/net/protocol/failures.ts';
import type { CallEndReason } from '../../src/store/state.ts';

const TABLE: Readonly<
  Record<'done' | 'degraded' | 'couldNot' | 'usage' | 'refused' | 'ourFault', readonly FailureCode[]>
> = {
  // News, told as notices: nothing failed.
  done: ['install-told', 'version-old', 'call-handed-over'],
  degraded: [
    'account-key-changed',
    'profile-damaged',
    'conference-forged',
    'blocked-inside',
    'group-forged',
    'microphone-left-open',
    'microphone-closed',
    'audio-endpoint-away',
  ],
  couldNot: [
    'busy',
    'server-fault',
    'no-network',
    'not-reached',
    'device-unknown',
    'unreachable-network',
    'unreachable-login',
    'version-unsupported',
    'not-signed-in',
    'person-unknown',
    'person-offline',
    'not-a-buddy',
    'nothing-pending',
    'no-call',
    'already-in-call',
    'declined',
    'no-answer',
    'busy-in-call',
    'unreachable',
    'conference-full',
    'person-in-conference',
    'conference-over',
    'conference-old',
    'conference-stays',
    'device-offline',
    'device-busy',
    'device-silent',
    'device-cannot',
    'audio-file-unreadable',
    'audio-file-unwritable',
    'audio-unsupported',
    'audio-no-device',
    'audio-device-busy',
    'audio-device-absent',
    'audio-only-monitor',
    'ssh-missing',
    'ssh-unreachable',
    'ssh-no-wren',
    'port-version',
    'profile-locked',
    'history-locked',
    'safety-unknown',
    'profile-unwritable',
    'disk-full',
    'group-unknown',
    'group-full',
    'mailbox-full',
    'outbox-full',
    'folder-unwritable',
    'folder-in-use',
    'database-unusable',
    'port-taken',
    'port-not-allowed',
    'timed-out',
  ],
  usage: [
    'name-malformed',
    'too-large',
    'request-malformed',
    'invite-malformed',
    'person-self',
    'audio-spec-malformed',
    'proxy-malformed',
    'usage',
  ],
  refused: [
    'name-taken',
    'name-unknown',
    'password-wrong',
    'password-weak',
    'too-many-tries',
    'search-limit',
    'not-allowed',
    'device-revoked',
    'device-forged',
    'invite-other-network',
    'authority-mismatch',
    'certificate-invalid',
    'already-signed-in',
    'blocked',
    'profile-unsafe',
  ],
  ourFault: ['replayed', 'stale', 'key-unfit', 'audio-voice-crashed', 'agent-unreachable', 'internal'],
};

test('every failure code ends with the exit code of its kind, and none is forgotten', () => {
  const listed = Object.values(TABLE).flat();
  expect([...listed].sort()).toEqual(Object.keys(FAILURES).sort());
  for (const [kind, codes] of Object.entries(TABLE)) {
    for (const code of codes) expect([code, failureExit(code)]).toEqual([code, EXIT[kind as keyof typeof EXIT]]);
  }
});

test('a code that only a newer agent knows ends 2', () => {
  expect(failureExit('struck-by-lightning' as FailureCode)).toBe(2);
});

test.each<[CallEndReason, boolean, number]>([
  ['hangup', true, 0],
  ['cancelled', true, 0],
  ['moved', true, 0],
  ['moved', false, 2],
  ['hangup', false, 2],
  ['failed', true, 2],
  ['declined', false, 2],
  ['busy', false, 2],
  ['no-answer', false, 2],
  ['answered-elsewhere', false, 2],
  ['unreachable', false, 2],
  ['failed', false, 2],
  ['cancelled', false, 2],
])('a call that ended by %s (answered: %s) ends %i', (reason, answered, exit) => {
  expect(callExit(reason, answered)).toBe(exit);
});
