import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pulseAddresses, pulseCookie } from '../../src/audio/device-pulse-server.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'wren-pulse-place-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('where the sound server is', () => {
  it.each([
    ['unix:/run/a/native', [{ path: '/run/a/native' }]],
    ['{0123abcd}unix:/run/a/native', [{ path: '/run/a/native' }]],
    ['/run/a/native', [{ path: '/run/a/native' }]],
    ['tcp:box:4000', [{ host: 'box', port: 4000 }]],
    ['box', [{ host: 'box', port: 4713 }]],
    ['tcp6:[fd00::1]:4714', [{ host: 'fd00::1', port: 4714 }]],
    ['unix:/a  box', [{ path: '/a' }, { host: 'box', port: 4713 }]],
    ['::', []],
  ])('stands in PULSE_SERVER: %s', (text, addresses) => {
    expect(pulseAddresses({ PULSE_SERVER: text })).toEqual(addresses);
  });

  it.skipIf(process.platform !== 'linux')('or is a socket of the session that is there', () => {
    mkdirSync(path.join(folder, 'pulse'));
    const socket = path.join(folder, 'pulse', 'native');
    expect(pulseAddresses({ XDG_RUNTIME_DIR: folder })).not.toContainEqual({ path: socket });
    writeFileSync(socket, '');
    expect(pulseAddresses({ XDG_RUNTIME_DIR: folder })[0]).toEqual({ path: socket });
    expect(pulseAddresses({ PULSE_RUNTIME_PATH: path.join(folder, 'pulse') })[0]).toEqual({ path: socket });
  });
});

describe('the cookie', () => {
  it('is that of the person, and zeros where there is none or it is none', () => {
    expect(pulseCookie({ HOME: folder })).toEqual(Buffer.alloc(256));
    writeFileSync(path.join(folder, '.pulse-cookie'), Buffer.alloc(256, 7));
    expect(pulseCookie({ HOME: folder })[0]).toBe(7);
    mkdirSync(path.join(folder, '.config', 'pulse'), { recursive: true });
    writeFileSync(path.join(folder, '.config', 'pulse', 'cookie'), Buffer.alloc(256, 8));
    expect(pulseCookie({ HOME: folder })[0]).toBe(8);
    writeFileSync(path.join(folder, 'short'), 'no cookie');
    expect(pulseCookie({ HOME: folder, PULSE_COOKIE: path.join(folder, 'short') })[0]).toBe(8);
  });
});
