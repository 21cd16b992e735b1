import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  apartFromOwn,
  farCommand,
  isWorthAgain,
  NO_WREN,
  opensScreen,
  readSshWords,
} from '../../bin/commands/ssh-words.ts';
import { UsageProblem } from '../../bin/commands/usage.ts';

test('options of ssh stand before HOST and go to ssh, what follows HOST goes to wren', () => {
  const words = ['-p', '2222', '-vJjump', '-o', 'Compression=yes', '--wren', '/opt/wren', '--audio=none', 'alice@host'];
  expect(readSshWords([...words, 'call', 'bobby1', '-p', '--json'])).toEqual({
    options: ['-p', '2222', '-vJjump', '-o', 'Compression=yes'],
    host: 'alice@host',
    args: ['call', 'bobby1', '-p', '--json'],
    wren: '/opt/wren',
    run: false,
    audio: 'none',
    reconnect: true,
  });
  expect(readSshWords(['host', '--', 'status']).args).toEqual(['status']);
});

test('flags of every command between ssh and HOST are for this side, and none after HOST', () => {
  const words = [
    '--json',
    '-p',
    '2222',
    '--profile',
    'P',
    '--wren',
    '/w',
    '--log-level=debug',
    '-vo',
    'x=y',
    'host',
    '--json',
  ];
  expect(apartFromOwn(words)).toEqual({
    own: ['--json', '--profile', 'P', '--log-level=debug'],
    rest: ['-p', '2222', '--wren', '/w', '-vo', 'x=y', 'host', '--json'],
  });
  expect(apartFromOwn(['--', '--json'])).toEqual({ own: [], rest: ['--', '--json'] });
});

test('what makes no sense is said before ssh is asked', () => {
  for (const words of [[], ['-p'], ['-N', 'host'], ['-vf', 'host'], ['--nonsense', 'host'], ['--', '-oProxyCommand=x']])
    expect(() => readSshWords(words), words.join(' ')).toThrow(UsageProblem);
});

test('a connection is worth having again when it shows the screen, not when it would do something twice', () => {
  const screen = (...args: string[]) => opensScreen({ run: false, args });
  expect([screen(), screen('--profile', 'P'), screen('--log-level', 'debug')]).toEqual([true, true, true]);
  expect([screen('call', 'bobby1'), screen('--json'), screen('--help')]).toEqual([false, false, false]);
});

test('of commands only a shell and what attaches to what runs over there are run again, whatever came before them', () => {
  const again = (...args: string[]) => isWorthAgain({ run: true, args });
  expect([again(), again('--profile', 'P'), again('tmux', 'attach'), again('/usr/bin/screen', '-r')]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([again('./deploy.sh'), again('--profile', 'P', 'make', 'install'), again('sh', '-c', 'tmux')]).toEqual([
    false,
    false,
    false,
  ]);
  expect([isWorthAgain({ run: false, args: [] }), isWorthAgain({ run: false, args: ['call', 'b'] })]).toEqual([
    true,
    false,
  ]);
});

test.each(['sh', 'bash', 'dash', 'zsh', 'fish', 'csh', 'tcsh'])(
  'words reach wren as they were, by a login shell that is %s',
  (shell) => {
    const folder = mkdtempSync(join(tmpdir(), 'wren-words-'));
    try {
      execFileSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' });
    } catch {
      console.log(`skipped: no ${shell} here`);
      return;
    }
    try {
      const wren = join(folder, "it's a wren");
      writeFileSync(wren, '#!/bin/sh\nprintf "%s\\n" "$WREN_SSH_AUDIO" "$@"\n', { mode: 0o755 });
      const args = ['a b', "it's", '"$HOME"', '`x`', '\\n', '*', 'ü', '', 'wow!', 'two\\\\', 'end\\'];
      const said = execFileSync(shell, ['-c', farCommand({ wren, run: false, args }, '/tmp/s.sock:code')], {
        encoding: 'utf8',
      });
      expect(said).toBe(`${['/tmp/s.sock:code', ...args].join('\n')}\n`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Words of a command line as fish reads them: between single quotes a backslash takes a quote or a backslash after it. */
function fishWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const c = line[at]!;
    if (c === '\\' && (!quoted || /['\\]/.test(line[at + 1] ?? ''))) word = (word ?? '') + line[++at];
    else if (c === "'") {
      quoted = !quoted;
      word ??= '';
    } else if (c === ' ' && !quoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  return word === undefined ? words : [...words, word];
}

test('backslashes reach wren through fish too, which reads them between single quotes, and csh sees no bare !', () => {
  const args = ['a\\', 'two\\\\words', "it\\'s", 'wow!', '; touch /tmp/x; echo', 'end\\'];
  const line = farCommand({ wren: 'wren', run: false, args }, '/tmp/s.sock:code');
  expect(fishWords(line).slice(-args.length)).toEqual(args);
  expect(line).not.toMatch(/[^\\]!/);
});

test('wren is also found where only the login shell has it in its PATH, and one code says that it is nowhere', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wren-words-'));
  try {
    writeFileSync(join(folder, 'wren'), '#!/bin/sh\necho found\n', { mode: 0o755 });
    writeFileSync(join(folder, '.profile'), `echo noise\nPATH="$PATH:${folder}"\n`);
    const env = { PATH: '/usr/bin:/bin', HOME: folder, SHELL: '/bin/sh' };
    const run = (wren: string) =>
      execFileSync('/bin/sh', ['-c', farCommand({ wren, run: false, args: [] }, 's')], { env, encoding: 'utf8' });
    expect(run('wren')).toBe('found\n');
    expect(() => run('no-such-wren')).toThrow(expect.objectContaining({ status: NO_WREN }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
