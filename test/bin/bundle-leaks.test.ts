/** What people chose and their programs said does not get into the diagnostics. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openMask } from '../../bin/commands/bundle-mask.ts';
import { sectionsOf } from '../../bin/commands/bundle-sections.ts';
import { knownWords, logEnds } from '../../bin/commands/bundle-sources.ts';
import { writeEndpoint } from '../../src/audio/endpoints-file.ts';
import { SIGNED_IN } from '../support/scripted-agent.ts';

let profile: string;
beforeEach(() => {
  profile = mkdtempSync(join(tmpdir(), 'wren-bundle-'));
});
afterEach(() => rmSync(profile, { recursive: true, force: true }));

test('a command of one word is a command, and not told', () => {
  const machine = { wren: '1', node: '1', platform: '', release: '', processors: 1, memoryMiB: 1, terminal: '' };
  const settings = { hookCommand: 'carols-script', alertCommand: 'tell-carol', noise: 'strong' };
  const nothing = { steps: [], state: undefined, agent: undefined, files: [], logs: [] };
  const sections = sectionsOf({ machine: { ...machine, utf8: true, environment: [] }, settings, ...nothing });
  const lines = sections.find(({ name }) => name === 'settings')!.lines.join('\n');
  expect(lines).not.toContain('carol');
  expect(lines).toMatch(/noise +strong/);
});

test('what a hook said is not told: it had the message on its stdin', () => {
  const hook = {
    area: 'hooks',
    file: '/p/hooks/message',
    code: 1,
    said: 'KeyError: "kiss me quick"',
    msg: 'a hook failed',
  };
  writeFileSync(join(profile, 'agent.log'), `${JSON.stringify(hook)}\n{"area":"link","msg":"online"}\n`);
  const [{ lines } = { lines: [] }] = logEnds(profile, true);
  expect(lines.join('\n')).not.toContain('kiss me');
  expect(lines[0]).toContain('"code":1');
  expect(lines[0]).toContain('a hook failed');
  expect(lines[1]).toBe('{"area":"link","msg":"online"}');
});

test('names that files of the profile hold escaped are taken out as they are read', () => {
  writeFileSync(
    join(profile, 'buddies.xml'),
    '<buddies><buddy name="zelda9" display="Zelda O&apos;Hara &amp; Co"/></buddies>',
  );
  writeFileSync(join(profile, 'identity.json'), JSON.stringify({ displayName: 'Al "Ace" Doe' }));
  const text = openMask(knownWords(profile, undefined, [])).text('Zelda O\'Hara & Co calls Al "Ace" Doe');
  expect(text).not.toMatch(/Hara|Ace|Doe/);
});

test('the laptops of wren ssh are taken out by name', () => {
  const record = { socket: '/tmp/s', token: 'a'.repeat(64), atMs: 1, pid: 1, name: 'carols-air' };
  writeEndpoint(join(profile, 'endpoints'), 'a1', record);
  const endpoint = { name: 'daves-book', state: 'away', rttMs: null, delayMs: null } as const;
  const state = { ...SIGNED_IN, audio: { ...SIGNED_IN.audio, endpoint } };
  const text = openMask(knownWords(profile, state, [])).text('carols-air went, daves-book came');
  expect(text).not.toMatch(/carol|dave/);
});
