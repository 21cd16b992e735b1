import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isPrivateFolder, openPrivateFolder } from '../../src/store/private-folder-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-private-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const UNSAFE = expect.objectContaining({ code: 'profile-unsafe' });

test('a folder that is made, with its parents, is for its owner only', () => {
  const path = openPrivateFolder(join(folder, 'a', 'b'));
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(isPrivateFolder(path)).toBe(true);
});

test('where no folder can be made, that is said, not that others may open it', () => {
  writeFileSync(join(folder, 'file'), '');
  const unwritable = (why: string) =>
    expect.objectContaining({ code: 'folder-unwritable', message: expect.stringContaining(why) });
  expect(() => openPrivateFolder(join(folder, 'file'))).toThrow(unwritable('EEXIST'));
  expect(() => openPrivateFolder(join(folder, 'file', 'below'))).toThrow(unwritable('below (ENOTDIR)'));
  if (existsSync('/proc/self'))
    expect(() => openPrivateFolder('/proc/wren')).toThrow(unwritable('/proc/wren (ENOENT)'));
});

test('looking at a folder changes nothing and tells whether others may enter', () => {
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o755);
  expect(isPrivateFolder(open)).toBe(false);
  expect(statSync(open).mode & 0o777).toBe(0o755);
  expect(isPrivateFolder(join(folder, 'nowhere'))).toBe(false);
  writeFileSync(join(folder, 'file'), '', { mode: 0o700 });
  expect(isPrivateFolder(join(folder, 'file'))).toBe(false);
});

test('a planted link is not taken for a folder of ours', () => {
  const target = openPrivateFolder(join(folder, 'target'));
  symlinkSync(target, join(folder, 'link'));
  expect(isPrivateFolder(join(folder, 'link'))).toBe(false);
});

test('a shared folder and the root are refused and stay as they are', () => {
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(() => openPrivateFolder(shared)).toThrow(UNSAFE);
  expect(statSync(shared).mode & 0o7777).toBe(0o1777);
  expect(() => openPrivateFolder('/')).toThrow(UNSAFE);
});

test('a folder of somebody else is refused, however private it is', (context) => {
  if (process.getuid?.() !== 0) {
    console.log('skipped: only root can make a folder of another user');
    return context.skip();
  }
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign, { mode: 0o700 });
  chownSync(foreign, 12_345, 12_345);
  expect(() => openPrivateFolder(foreign)).toThrow(UNSAFE);
  expect(isPrivateFolder(foreign)).toBe(false);
});
