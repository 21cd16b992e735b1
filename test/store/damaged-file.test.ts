import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAMAGED_COPIES_MAX } from '../../src/net/protocol/params.ts';
import { keepAside } from '../../src/store/damaged-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-damaged-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a damaged file goes aside with what belongs to it, and the notice says where', () => {
  const path = join(folder, 'history.db');
  for (const suffix of ['', '-wal']) writeFileSync(path + suffix, suffix);
  expect(keepAside(path, 'cannot be read', ['-wal', '-shm'])).toEqual({
    code: 'profile-damaged',
    detail: 'history.db: cannot be read; kept as history.db.damaged-1',
  });
  expect(readdirSync(folder).sort()).toEqual(['history.db.damaged-1', 'history.db.damaged-1-wal']);
});

test('earlier copies are kept, up to a bound; then the last one is replaced', () => {
  const path = join(folder, 'settings.json');
  for (let i = 1; i <= DAMAGED_COPIES_MAX + 2; i++) {
    writeFileSync(path, String(i));
    keepAside(path, 'x');
  }
  expect(readdirSync(folder)).toHaveLength(DAMAGED_COPIES_MAX);
  expect(readFileSync(`${path}.damaged-1`, 'utf8')).toBe('1');
  expect(readFileSync(`${path}.damaged-${DAMAGED_COPIES_MAX}`, 'utf8')).toBe(String(DAMAGED_COPIES_MAX + 2));
});
