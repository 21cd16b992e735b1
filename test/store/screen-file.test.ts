import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScreenFile } from '../../src/store/screen-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-screen-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what is there stays when something is changed, also what a newer version put there', () => {
  const path = join(folder, 'screen.json');
  writeFileSync(path, '{"later": 1, "theme": "dark"}');
  const file = openScreenFile(folder);
  expect(file.read()).toEqual({ stored: { later: 1, theme: 'dark' }, problem: '' });
  file.write({ theme: 'light', mouse: true });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ later: 1, theme: 'light', mouse: true });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('without a file nothing is chosen; one that is no JSON is kept aside and told once', () => {
  const file = openScreenFile(folder);
  expect(file.read()).toEqual({ stored: {}, problem: '' });
  writeFileSync(join(folder, 'screen.json'), '{"theme": ');
  expect(file.read().problem).toMatch(/screen.json: .*kept as screen.json.damaged-1/);
  expect(file.read()).toEqual({ stored: {}, problem: '' });
  expect(readdirSync(folder)).toEqual(['screen.json.damaged-1']);
});
