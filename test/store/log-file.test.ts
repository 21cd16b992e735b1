import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LOG_FILE_BYTES_MAX, LOG_TEXT_LENGTH_MAX } from '../../src/net/protocol/params.ts';
import { openLog, redactor } from '../../src/store/log-file.ts';
import { LOG_FILE, rotateLog } from '../../src/store/log-rotation-file.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-log-'));
  path = join(folder, LOG_FILE);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lines = () =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a line says when, how bad, where, what and why, and is in the file at once', () => {
  const log = openLog(folder);
  log.info('supernode-link', 'attached', { rttMs: 12, udp: true, via: null, missing: undefined });
  expect(lines()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      pid: process.pid,
      area: 'supernode-link',
      rttMs: 12,
      udp: true,
      via: null,
      msg: 'attached',
    },
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  log.close();
});

test('what is below the level is not written', () => {
  const log = openLog(folder, 'warn');
  log.debug('a', 'b');
  log.info('a', 'b');
  log.warn('a', 'warned');
  log.error('a', 'failed', {}, new Error('because'));
  expect(lines().map((line) => line.msg)).toEqual(['warned', 'failed']);
  expect(lines()[1].error).toContain('Error: because\n    at ');
  log.setLevel?.('debug');
  log.debug('a', 'in detail');
  expect(lines().at(-1).msg).toBe('in detail');
  log.close();
});

test('no name, address, invite, key or password reaches the file by any way', () => {
  const log = openLog(folder, 'debug');
  const secrets = {
    password: 'correct horse',
    WREN_PASSWORD: 'correct horse',
    privateKeyPem: 'abc-secret',
    sessionKey: 'abc-secret',
    token: 'abc-secret',
    invite: 'wren:CgRob21lEiAabcdef',
    peer: 'Bobby1',
    from: 'bobby1',
    displayName: 'Robert Tables',
    endpoint: 'udp:192.0.2.77:4000',
    login: 'tcp:login.example.org:443',
    host: 'login.example.org',
    local: '[2001:db8:1234::5678]:443',
  };
  const text = `at 198.51.100.23 and 2001:db8:aaaa:bbbb::1, wren:CgRob21lEiAabcdef
    -----BEGIN PRIVATE KEY-----\nMIIEsecret\n-----END PRIVATE KEY----- ${join(homedir(), 'x')}`;
  log.error('area', text, secrets, new Error(text));
  const written = readFileSync(path, 'utf8');
  for (const leak of [
    'correct horse',
    'abc-secret',
    'CgRob21l',
    'obby1',
    'Tables',
    '2.77',
    '100.23',
    'login.example',
    '5678',
    'bbbb',
    'MIIE',
    homedir(),
  ]) {
    expect([leak, written.includes(leak)]).toEqual([leak, false]);
  }
  const [line] = lines();
  expect(line.peer).toMatch(/^B~[0-9a-f]{6}$/);
  expect(line.from.slice(2)).toBe(line.peer.slice(2));
  expect(line.endpoint).toBe('udp:192.0.x.x:4000');
  expect(line.local).toBe('[2001:db8:x]:443');
  log.close();
});

test('what only looks like an address stays readable', () => {
  const { text } = redactor(Buffer.alloc(16));
  for (const plain of ['at 12:30:05', '2026-01-02T12:30:05Z', 'agent.ts:12:34', 'v1.2.3', 'node:internal', 'a: b']) {
    expect(text(plain)).toBe(plain);
  }
  expect(text('::1 and ::ffff:192.0.2.1')).not.toContain('2.1');
});

test('one name has one hash in one log, and another one in another', () => {
  const one = redactor(Buffer.alloc(16, 1));
  const other = redactor(Buffer.alloc(16, 2));
  expect(one.fields({ peer: 'Bobby1' }).peer).not.toBe(other.fields({ peer: 'Bobby1' }).peer);
  expect(one.fields({ peer: 'Bobby1' }).peer).not.toBe(one.fields({ peer: 'Bobby2' }).peer);
});

test('a long text is cut', () => {
  expect(redactor(Buffer.alloc(16)).text('x'.repeat(1e6))).toHaveLength(LOG_TEXT_LENGTH_MAX);
});

test('a log that is full when it is opened becomes the one old log', () => {
  writeFileSync(path, 'o'.repeat(LOG_FILE_BYTES_MAX));
  writeFileSync(`${path}.old`, 'older');
  const log = openLog(folder);
  log.info('a', 'new');
  expect(lines()).toHaveLength(1);
  expect(statSync(`${path}.old`).size).toBe(LOG_FILE_BYTES_MAX);
  log.close();
});

test('a log that gets full while it is open is bounded too', () => {
  const log = openLog(folder);
  for (let i = 0; i < 3000; i++) log.info('a', `${i} ${'x'.repeat(1900)}`);
  log.info('a', 'last');
  expect(lines().at(-1).msg).toBe('last');
  expect(statSync(path).size).toBeLessThan(LOG_FILE_BYTES_MAX);
  expect(statSync(`${path}.old`).size).toBeLessThan(LOG_FILE_BYTES_MAX + 10_000);
  log.close();
});

test('a small log is not rotated, and a missing one is no error', () => {
  rotateLog(path);
  writeFileSync(path, 'small');
  rotateLog(path);
  expect(existsSync(`${path}.old`)).toBe(false);
});

test('a full disk costs lines and nothing else, and writing goes on when there is room', (context) => {
  const disk = mountSmallDisk(400_000);
  if (disk === undefined) return context.skip();
  try {
    const log = openLog(disk.folder);
    log.info('a', 'before');
    disk.fill();
    for (let i = 0; i < 200; i++) log.info('a', 'x'.repeat(1000));
    rmSync(join(disk.folder, 'ballast'));
    for (let i = 0; i < 200; i++) log.info('a', 'after');
    expect(readFileSync(join(disk.folder, LOG_FILE), 'utf8').includes('"msg":"after"')).toBe(true);
    log.close();
  } finally {
    disk.unmount();
  }
});
