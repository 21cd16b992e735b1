import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { holdProfileLock } from '../../src/store/profile-lock-db.ts';
import { bundleProgram, runProgram, type StoreChild } from '../support/store-child.ts';

let program: Awaited<ReturnType<typeof bundleProgram>>;
let profile: string;
const children: StoreChild[] = [];

beforeAll(async () => {
  program = await bundleProgram(`
    import { holdProfileLock } from '#store/profile-lock-db.ts';
    import { writeSync } from 'node:fs';
    const sayAndStay = (word: string) => { writeSync(1, word + '\\n'); setInterval(() => {}, 1000); };
    try {
      holdProfileLock(process.argv[2]!);
      (globalThis as { gc?: () => void }).gc?.();
      sayAndStay('held');
    } catch (error) {
      sayAndStay((error as { code: string }).code);
    }
  `);
});
afterAll(() => program.remove());
beforeEach(() => {
  profile = mkdtempSync(join(tmpdir(), 'wren-lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  rmSync(profile, { recursive: true, force: true });
});

function holder(): StoreChild {
  const child = runProgram(program.path, [profile]);
  children.push(child);
  return child;
}

test('a second holder is refused at once with profile-locked, in this process and in others', async () => {
  const lock = holdProfileLock(profile);
  expect(() => holdProfileLock(profile)).toThrow(expect.objectContaining({ code: 'profile-locked' }));
  expect(await holder().line()).toBe('profile-locked');
  expect(await holder().line()).toBe('profile-locked');
  lock.release();
});

test('a released lock can be taken by the next one, and releasing twice is harmless', async () => {
  const first = holdProfileLock(profile);
  first.release();
  const second = holdProfileLock(profile);
  first.release();
  expect(await holder().line()).toBe('profile-locked');
  second.release();
  expect(await holder().line()).toBe('held');
});

test.each(['SIGKILL', 'SIGTERM', 'SIGABRT'] as const)('the lock ends with its process by %s', async (signal) => {
  const child = holder();
  expect(await child.line()).toBe('held');
  expect(() => holdProfileLock(profile)).toThrow(expect.objectContaining({ code: 'profile-locked' }));
  const gone = new Promise((done) => child.process.once('exit', done));
  child.process.kill(signal);
  await gone;
  holdProfileLock(profile).release();
});

test('of many that start at once exactly one holds it', async () => {
  const words = await Promise.all(Array.from({ length: 4 }, () => holder().line()));
  expect(words.sort()).toEqual(['held', 'profile-locked', 'profile-locked', 'profile-locked']);
});

test('the lock of one profile is none of another', () => {
  const one = holdProfileLock(join(profile, 'a'));
  const other = holdProfileLock(join(profile, 'b'));
  expect(statSync(join(profile, 'a')).mode & 0o777).toBe(0o700);
  expect(statSync(join(profile, 'a', 'lock.db')).mode & 0o777).toBe(0o600);
  one.release();
  other.release();
});

test('a lock file that is no database is moved away and does not keep anybody out', () => {
  writeFileSync(join(profile, 'lock.db'), 'x'.repeat(5000));
  holdProfileLock(profile).release();
  expect(readdirSync(profile)).toContain('lock.db.damaged-1');
});
