/** A disk that is soon full: a tmpfs of some kilobytes. Mounting needs rights that not every test run has. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** Takes what is left, but for `leaveBytes`. */
  fill(leaveBytes?: number): void;
  unmount(): void;
}

/** Undefined, with the reason printed, when this user may not mount. */
export function mountSmallDisk(sizeBytes: number): SmallDisk | undefined {
  const outer = mkdtempSync(join(tmpdir(), 'wren-disk-'));
  const folder = join(outer, 'disk');
  mkdirSync(folder);
  const unmount = () => {
    // Lazily: libsql lets go of a closed database only when its statements are garbage collected.
    spawnSync('umount', ['-l', folder]);
    rmSync(outer, { recursive: true, force: true });
  };
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=700`, 'none', folder]).status !== 0) {
    unmount();
    console.log('skipped: a full disk needs the right to mount a small tmpfs, which this user does not have');
    return undefined;
  }
  const fill = (leaveBytes = 0) => {
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
  };
  return { folder, fill, unmount };
}
