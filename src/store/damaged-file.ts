/**
 * What happens to a file of the profile that cannot be understood: it is kept beside the new one under a name that
 * says so, and the person is told once. Whoever reads a file of the profile calls this; the notice goes up as a
 * `notice` event of the agent port.
 */
import { existsSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import type { FailureCode } from '../net/protocol/failures.ts';
import { DAMAGED_COPIES_MAX } from '../net/protocol/params.ts';

/** Something about the profile that a person should read once. */
export interface ProfileNotice {
  readonly code: FailureCode;
  /** What was damaged and where the old content is now. */
  readonly detail: string;
}

/**
 * Moves `path` to `path.damaged-<n>`, n from 1, and returns the notice. `sidecars` are suffixes of files that belong
 * to it (`-wal`, `-shm` of a database) and move along. Throws the system's error when the file cannot be moved.
 */
export function keepAside(path: string, why: string, sidecars: readonly string[] = []): ProfileNotice {
  let copy = 1;
  while (copy < DAMAGED_COPIES_MAX && existsSync(`${path}.damaged-${copy}`)) copy += 1;
  const kept = `${path}.damaged-${copy}`;
  renameSync(path, kept);
  for (const suffix of sidecars) {
    if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix);
  }
  return { code: 'profile-damaged', detail: `${basename(path)}: ${why}; kept as ${basename(kept)}` };
}
