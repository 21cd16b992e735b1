/** The cache of compiled code: what is kept, what is trusted, and that a start without it is a start all the same. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readCode, writeCode } from '../../bin/code-cache-file.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { hasTerminals, openTerminal } from '../support/terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const outer = mkdtempSync(join(tmpdir(), 'wren-code-'));
afterAll(() => rmSync(outer, { recursive: true, force: true }));

const CODE = Buffer.from('what the compiler made, and more of it');
let places = 0;
let home: string;
let folder: string;
beforeEach(() => {
  home = join(outer, `home-${++places}`);
  mkdirSync(home, { mode: 0o700 });
  folder = join(home, 'wren', 'code');
});

const keep = (name = 'wren') => writeCode(folder, name, () => CODE);
const file = (name = 'wren') => join(folder, `${name}.code`);

describe('the files', () => {
  test('what was written is read again, from a folder that is closed to others', () => {
    keep();
    expect(readCode(folder, 'wren')).toEqual(CODE);
    expect(readCode(folder, 'screen')).toBeUndefined();
    expect([statSync(folder).mode & 0o777, statSync(file()).mode & 0o777]).toEqual([0o700, 0o600]);
    expect(readdirSync(folder)).toEqual(['wren.code']);
  });

  test('one flipped bit anywhere, a lost end or an empty file is as if there were none', () => {
    keep();
    const whole = readFileSync(file());
    for (let at = 0; at < whole.length; at++) {
      // Bytes 8 to 15 say nothing: they keep the code at an even place.
      if (at >= 8 && at < 16) continue;
      const damaged = Buffer.from(whole);
      damaged[at] = whole[at]! ^ 1;
      writeFileSync(file(), damaged);
      expect(readCode(folder, 'wren'), `byte ${at}`).toBeUndefined();
    }
    writeFileSync(file(), whole);
    for (const length of [whole.length - 1, 16, 3, 0]) {
      truncateSync(file(), length);
      expect(readCode(folder, 'wren'), `${length} bytes`).toBeUndefined();
    }
  });

  test.each<[string, () => void]>([
    ['the folder is open to a group', () => chmodSync(folder, 0o710)],
    ['the file may be written by a group', () => chmodSync(file(), 0o620)],
    ['the file has a second name', () => linkSync(file(), join(home, 'another'))],
    [
      'the file is a link',
      () => {
        renameSync(file(), join(home, 'elsewhere'));
        symlinkSync(join(home, 'elsewhere'), file());
      },
    ],
    [
      'the folder is a link',
      () => {
        renameSync(folder, join(home, 'elsewhere'));
        symlinkSync(join(home, 'elsewhere'), folder);
      },
    ],
    [
      'there is a folder in its place',
      () => {
        rmSync(file());
        mkdirSync(file());
      },
    ],
  ])('nothing is trusted when %s', (_, change) => {
    keep();
    change();
    expect(readCode(folder, 'wren')).toBeUndefined();
  });

  test('nothing is trusted, and nothing put, where another user has his hands', () => {
    if (process.getuid?.() !== 0) return console.log('SKIPPED: only root can give files away');
    keep();
    chownSync(file(), 65_534, 65_534);
    expect(readCode(folder, 'wren')).toBeUndefined();
    chownSync(folder, 65_534, 65_534);
    let made = 0;
    writeCode(folder, 'screen', () => {
      made++;
      return CODE;
    });
    chownSync(home, 65_534, 65_534);
    writeCode(join(home, 'new', 'code'), 'screen', () => {
      made++;
      return CODE;
    });
    expect([made, readdirSync(folder), readdirSync(home)]).toEqual([0, ['wren.code'], ['wren']]);
  });

  test('where nothing can be written nothing is made', () => {
    writeFileSync(join(home, 'wren'), 'a file where the folder would be');
    let made = 0;
    writeCode(folder, 'wren', () => {
      made++;
      return CODE;
    });
    expect(made).toBe(0);
  });

  test('a full disk is left as it was', () => {
    const disk = mountSmallDisk(65_536);
    if (!disk) return;
    try {
      const there = join(disk.folder, 'code');
      writeCode(there, 'wren', () => CODE);
      disk.fill();
      writeCode(there, 'screen', () => Buffer.alloc(100_000));
      expect(readdirSync(there)).toEqual(['wren.code']);
      expect(readCode(there, 'wren')).toEqual(CODE);
    } finally {
      disk.unmount();
    }
  });

  test('of many only the newest stay, and not what was left half written either', () => {
    keep('first');
    writeFileSync(join(folder, 'second.code.4711'), '');
    utimesSync(file('first'), 1, 1);
    utimesSync(join(folder, 'second.code.4711'), 2, 2);
    for (let n = 0; n < 12; n++) keep(`later-${n}`);
    expect(readdirSync(folder).filter((name) => !name.startsWith('later'))).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(12);
  });
});

describe('a program started by the launcher', () => {
  /** A folder with the launcher and a program that says one word. */
  function programs(word: string): string {
    const there = mkdtempSync(join(outer, 'programs-'));
    writeFileSync(join(there, 'launch.cjs'), readFileSync(join(outer, 'launch.cjs')));
    // Long enough for V8 to think it worth keeping, and of one length for words of one length.
    const body = `exports.main = async (argv) => { console.log(${JSON.stringify(word)}, ...argv); return 3; };\n`;
    writeFileSync(join(there, 'wren.cjs'), body);
    return there;
  }

  function start(there: string, env: Readonly<Record<string, string>> = {}): string {
    const code = `require(${JSON.stringify(join(there, 'launch.cjs'))}).launch(['status'])`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', code], {
      env: { ...process.env, XDG_CACHE_HOME: home, ...env },
      encoding: 'utf8',
    });
    expect([stderr, status]).toEqual(['', 3]);
    return stdout;
  }

  const kept = () => readdirSync(folder).map((name) => join(folder, name));

  beforeAll(() => {
    execFileSync(process.execPath, ['bin/build.mjs', 'bin/launch.ts', join(outer, 'launch.cjs')], {
      cwd: ROOT,
      stdio: 'pipe',
    });
  });

  test('is kept once, used after that, and made anew when the file is damaged', () => {
    const good = programs('good');
    expect(start(good)).toBe('good status\n');
    const [path = ''] = kept();
    const { mtimeMs } = statSync(path);
    expect(start(good)).toBe('good status\n');
    expect([kept(), statSync(path).mtimeMs]).toEqual([[path], mtimeMs]);
    const whole = readFileSync(path);
    writeFileSync(path, Buffer.concat([whole.subarray(0, 60), Buffer.alloc(whole.length - 60)]));
    expect(start(good)).toBe('good status\n');
    expect(readFileSync(path)).not.toEqual(whole.fill(0, 60));
    expect(readCode(folder, kept()[0]!.slice(folder.length + 1, -5))).toBeDefined();
  });

  test('is never taken from a folder in which others can write', () => {
    const good = programs('good');
    const evil = programs('evil');
    start(good);
    const [path = ''] = kept();
    rmSync(path);
    start(evil);
    renameSync(kept()[0]!, path);
    // So it would be: this is what the folder is guarded against.
    expect(start(good)).toBe('evil status\n');
    chmodSync(folder, 0o770);
    expect(start(good)).toBe('good status\n');
    expect(start(good, { WREN_NO_CODE_CACHE: '1' })).toBe('good status\n');
  });

  test('is the screen at once when nothing but the screen is meant, and else the command line', async () => {
    if (!hasTerminals())
      return console.log('SKIPPED the screen from the launcher: this system gives no pseudo-terminal');
    const there = programs('command line:');
    const body = `exports.main = async (argv) => { console.log('screen:', ...argv); return 4; };\n`;
    writeFileSync(join(there, 'screen.cjs'), body);
    const profile = mkdtempSync(join(home, 'profile-'));
    const told = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
      const code = `require(${JSON.stringify(join(there, 'launch.cjs'))}).launch(${JSON.stringify(argv)})`;
      const options = { columns: 200, env: { XDG_CACHE_HOME: home, WREN_PROFILE: profile, ...env } };
      const terminal = openTerminal(process.execPath, ['-e', code], options);
      await terminal.ended;
      await terminal.settled();
      return terminal.text();
    };
    expect(await told([])).toBe(`screen: --profile ${profile}`);
    expect(await told(['--profile', '/elsewhere'])).toBe('screen: --profile /elsewhere');
    expect(await told(['--profile'])).toBe('command line: --profile');
    expect(await told(['--plain'])).toBe('command line: --plain');
    expect(await told([], { TERM: 'dumb' })).toBe('command line:');
    expect(await told([], { WREN_SSH_AUDIO: 'a session' })).toBe('command line:');
    // It would let a machine serve whose owner does not want that; the command line says so.
    expect(await told([], { WREN_SUPERNODE: 'no' })).toBe('command line:');
    writeFileSync(join(profile, 'settings.json'), '{"screenMode":"plain"}');
    expect(await told([])).toBe('command line:');
    writeFileSync(join(profile, 'settings.json'), 'damaged');
    expect(await told([])).toBe(`screen: --profile ${profile}`);
  });

  test('starts without a home, and where the place for caches is no place', () => {
    const good = programs('good');
    writeFileSync(join(home, 'file'), '');
    expect(start(good, { XDG_CACHE_HOME: join(home, 'file') })).toBe('good status\n');
    expect(start(good, { XDG_CACHE_HOME: '', HOME: '/proc/nowhere' })).toBe('good status\n');
    expect(start(good, { XDG_CACHE_HOME: 'relative' })).toBe('good status\n');
    expect(readdirSync(home)).toEqual(['file']);
  });
});
