import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFileIfThere, writeFileAtomic } from '../../src/store/atomic-file.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a file is written whole, for its owner only, with nothing left beside it', () => {
  const path = join(folder, 'identity.json');
  writeFileAtomic(path, 'first');
  writeFileAtomic(path, Buffer.from('second'));
  expect(readFileSync(path, 'utf8')).toBe('second');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['identity.json']);
});

test('a mode given by the caller is used, also over an old file of another mode', () => {
  const path = join(folder, 'ca.pem');
  writeFileSync(path, 'old', { mode: 0o644 });
  writeFileAtomic(path, 'new', { mode: 0o400 });
  expect(statSync(path).mode & 0o777).toBe(0o400);
});

test('a file that is not there reads as undefined, a folder in its place throws', () => {
  expect(readFileIfThere(join(folder, 'nothing'))).toBeUndefined();
  expect(() => readFileIfThere(folder)).toThrow(/EISDIR/);
  writeFileSync(join(folder, 'empty'), '');
  expect(readFileIfThere(join(folder, 'empty'))).toEqual(Buffer.alloc(0));
});

test('when the rename cannot happen the error comes out and nothing is left behind', () => {
  expect(() => writeFileAtomic(folder, 'data')).toThrow();
  expect(() => writeFileAtomic(join(folder, 'no', 'such', 'folder'), 'data')).toThrow(/ENOENT/);
  expect(readdirSync(folder)).toEqual([]);
});

test('a full disk refuses with disk-full and leaves the old file whole', (context) => {
  const disk = mountSmallDisk(65_536);
  if (disk === undefined) return context.skip();
  try {
    const path = join(disk.folder, 'buddies.xml');
    writeFileAtomic(path, 'old list');
    const full = expect.objectContaining({ code: 'disk-full', message: path });
    expect(() => writeFileAtomic(path, Buffer.alloc(200_000))).toThrow(full);
    expect(readFileSync(path, 'utf8')).toBe('old list');
    expect(readdirSync(disk.folder)).toEqual(['buddies.xml']);
  } finally {
    disk.unmount();
  }
});
