/** What the build must not lose: Ink's patches, the small heap, the version, and a launcher that explains itself. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wren-build-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a piece of code that may import the build. */
function withBuild(code: string): string {
  const script = `import { patched, PATCHES } from './bin/build.mjs'; import { readFileSync } from 'node:fs'; ${code}`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT, encoding: 'utf8' });
}

function bundle(entry: string): string {
  const out = join(folder, `${entry.replaceAll(/\W/g, '-')}.cjs`);
  execFileSync(process.execPath, ['bin/build.mjs', entry, out], { cwd: ROOT, stdio: 'pipe' });
  return out;
}

test('every patch changes the installed file, and fails loudly when the text it replaces is gone or stands twice', () => {
  const report = withBuild(`
    for (const patch of PATCHES) {
      const text = readFileSync('node_modules/' + patch.file, 'utf8');
      const changed = patched(patch, text) !== text;
      const failures = [text.replaceAll('const', 'let').slice(0, 40), text + text].map((broken) => {
        try { patched(patch, broken); return 'silent'; } catch (error) { return error.message; }
      });
      console.log(JSON.stringify({ file: patch.file, why: patch.why, changed, failures }));
    }`);
  const lines = report
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.length).toBeGreaterThanOrEqual(6);
  for (const { file, why, changed, failures } of lines) {
    expect(changed, file).toBe(true);
    expect(why.length, file).toBeGreaterThan(10);
    expect(failures[0], file).toContain(`patch of ${file}`);
  }
});

test('the screen is one file that starts with the small heap and carries neither es-toolkit nor devtools', () => {
  const text = readFileSync(bundle('bin/screen.tsx'), 'utf8');
  expect(text.startsWith('"use strict";require("node:v8").setFlagsFromString("--semi-space-growth-factor=1");')).toBe(
    true,
  );
  expect(text).not.toContain('react-devtools-core');
  expect(text).not.toContain('__WREN_VERSION__');
  expect(text).toContain(`"${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}"`);
  expect(Buffer.byteLength(text)).toBeLessThan(600 * 1024);
});

test('text is measured and cut as the libraries do without their patches', () => {
  const installed = ['string-width/index.js', '@alcalzone/ansi-tokenize/build/index.js'];
  const argv = [bundle('test/support/same-text.ts'), ...installed.map((file) => join(ROOT, 'node_modules', file))];
  expect(JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }))).toEqual([]);
});

test('twenty thousand different lines leave the heap as it was', () => {
  const program = bundle('test/support/many-frames.tsx');
  const grownBytes = Number(execFileSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' }));
  expect(grownBytes).toBeLessThan(1024 * 1024);
}, 60_000);

test('an old Node is told in one sentence what is needed', () => {
  const old = join(folder, 'old.cjs');
  writeFileSync(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.0' });`);
  const { status, stderr } = spawnSync(process.execPath, ['--require', old, 'bin/wren'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([2, 'wren needs Node 20.19 or newer; this is Node 18.20.0.\n']);
});

test('an installation without the built program says so', () => {
  const bin = join(folder, 'installed', 'bin', 'launcher');
  mkdirSync(bin, { recursive: true });
  for (const file of ['wren', 'package.json']) copyFileSync(join(ROOT, 'bin/launcher', file), join(bin, file));
  writeFileSync(join(folder, 'installed', 'package.json'), '{"type":"module"}');
  const { status, stderr } = spawnSync(process.execPath, [join(bin, 'wren')], { encoding: 'utf8' });
  expect(status).toBe(5);
  expect(stderr).toMatch(/not installed completely/);
});
