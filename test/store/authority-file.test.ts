/** The authority on disk: made once, the same ever after, for its owner only, and never replaced when it is damaged. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, Issuer } from '../../src/net/login/credential-issuer.ts';
import { openAuthority, readAuthority, writeAuthority } from '../../src/store/authority-file.ts';

const authority = createAuthority({ networkName: 'testnet', nowMs: Date.UTC(2026, 0, 1) });
const other = createAuthority({ networkName: 'testnet', nowMs: Date.UTC(2026, 0, 1) });

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wren-authority-'));
  path = join(folder, 'authority.pem');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the authority file', () => {
  it('gives back what was written, ready to issue with', () => {
    writeAuthority(path, authority);
    const read = readAuthority(path);
    expect(read).toEqual(authority);
    expect(new Issuer(read!.certificateDer, read!.privateKeyPem).pin).toHaveLength(32);
  });

  it('is for its owner only, and leaves nothing beside it', () => {
    writeFileSync(path, 'before', { mode: 0o644 });
    writeAuthority(path, authority);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['authority.pem']);
  });

  it('is made at first start only', () => {
    expect(readAuthority(path)).toBeUndefined();
    expect(openAuthority(path, () => authority)).toEqual(authority);
    const again = openAuthority(path, () => {
      throw new Error('made twice');
    });
    expect(again).toEqual(authority);
  });

  it('is not there when making it failed', () => {
    const fails = () => {
      throw new Error('no entropy');
    };
    expect(() => openAuthority(path, fails)).toThrow('no entropy');
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['empty', () => ''],
    ['cut in the certificate', (text: string) => text.slice(0, 600)],
    ['cut in the key', (text: string) => text.slice(0, -200)],
    ['without its key', (text: string) => text.slice(0, text.indexOf('-----BEGIN PRIVATE'))],
    ['of garbage between the right lines', (text: string) => text.replace(/[A-Za-z0-9+/]{64}/g, 'A'.repeat(64))],
    [
      'put together from two',
      (text: string) => text.slice(0, text.indexOf('-----BEGIN PRIVATE')) + other.privateKeyPem,
    ],
  ])('that is %s is an error, and stays as it is', (_what, damage) => {
    writeAuthority(path, authority);
    const damaged = damage(readFileSync(path, 'utf8'));
    writeFileSync(path, damaged);
    expect(() => openAuthority(path, () => other)).toThrow(path);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  });
});
