import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Remembered } from '../../src/net/index.ts';
import { PORT_CHOICE_MAX, PORT_CHOICE_MIN } from '../../src/net/protocol/params.ts';
import { type Identity, type NetworkRecord, openProfile } from '../../src/store/profile-file.ts';
import { profileFolder } from '../../src/store/profile-folder.ts';
import { DEFAULT_SETTINGS } from '../../src/store/settings-file.ts';
import { seededRandom } from '../support/seeded-random.ts';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'wren-profile-')), 'profile');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const open = (seed = 1) => openProfile(folder, seededRandom(seed));
const NETWORK: NetworkRecord = {
  network: 'home',
  authorityPin: Buffer.alloc(32, 7),
  authorityCertificate: Buffer.from('certificate'),
  loginServers: ['tcp:login.example:4000'],
  supernodes: ['udp:192.0.2.7:4000', 'tcp:192.0.2.7:4000'],
};
const REMEMBERED: Remembered = {
  supernodes: [
    {
      node: 'ab'.repeat(16),
      endpoints: ['udp:192.0.2.7:4000'],
      origin: 'login',
      issuedAtMs: 5,
      visits: [{ network: 'home', way: 'tcp443', okAtMs: 7, missedAtMs: 6, misses: 0 }],
    },
  ],
  networks: [{ print: 'home', lastUsedAtMs: 7, way: 'tcp443', supernode: 'udp:192.0.2.7:4000' }],
};
const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string;
const ALICE: Identity = {
  name: 'Alice1',
  displayName: 'Alice',
  certificate: certificateFor(KEY),
  expiresAtMs: 1_800_000_000_000,
};

test('a new profile is for its owner only, has a port, and nothing else yet', () => {
  const profile = open();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(profile.port()).toBeGreaterThanOrEqual(PORT_CHOICE_MIN);
  expect(profile.port()).toBeLessThanOrEqual(PORT_CHOICE_MAX);
  expect([profile.network(), profile.identity(), profile.privateKeyPem(), profile.hostCache()]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(profile.takeNotices()).toEqual([]);
});

test('the port that was chosen at install is kept, whatever chance says later', () => {
  const port = open(1).port();
  expect(open(2).port()).toBe(port);
  const other = open(3).chooseNewPort();
  expect(other).not.toBe(port);
  expect(open(4).port()).toBe(other);
});

test('everything that is set is there at the next start, in files for the owner only', () => {
  const first = open();
  first.setNetwork(NETWORK);
  first.setPrivateKeyPem(KEY);
  first.setIdentity(ALICE);
  first.setHostCache(REMEMBERED);
  first.settings.set({ presence: 'away', audioSpec: 'none' });
  const second = open();
  expect(second.network()).toEqual(NETWORK);
  expect(second.privateKeyPem()).toBe(KEY);
  expect(second.identity()).toEqual(ALICE);
  expect(second.hostCache()).toEqual(REMEMBERED);
  expect(second.settings.get()).toEqual({
    ...DEFAULT_SETTINGS,
    presence: 'away',
    audioSpec: 'none',
    port: first.port(),
  });
  expect(second.takeNotices()).toEqual([]);
  for (const name of readdirSync(folder))
    expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
});

test('sign-out forgets account and key and nothing else', () => {
  const profile = open();
  profile.setNetwork(NETWORK);
  profile.setPrivateKeyPem(KEY);
  profile.setIdentity(ALICE);
  profile.forgetIdentity();
  expect([open().identity(), open().privateKeyPem(), open().network()]).toEqual([undefined, undefined, NETWORK]);
});

test('the host cache of another network is none, nor is one that cannot be read, and neither keeps wren from starting', () => {
  const profile = open();
  profile.setNetwork(NETWORK);
  profile.setHostCache(REMEMBERED);
  profile.setNetwork({ ...NETWORK, authorityPin: Buffer.alloc(32, 8) });
  expect(profile.hostCache()).toBeUndefined();
  rmSync(join(folder, 'host-cache.json'));
  mkdirSync(join(folder, 'host-cache.json'));
  const next = open();
  expect(next.hostCache()).toBeUndefined();
  expect(next.takeNotices()).toEqual([
    { code: 'profile-unwritable', detail: expect.stringMatching(/^host-cache.json: /) },
  ]);
});

test('a host cache of the first version reads as an empty one', () => {
  open().setNetwork(NETWORK);
  writeFileSync(join(folder, 'host-cache.json'), '{"supernodes":[],"worked":"udp"}');
  const next = open();
  expect([next.hostCache(), next.takeNotices()]).toEqual([undefined, []]);
});

test.each(['settings.json', 'network.json', 'identity.json', 'host-cache.json', 'key.pem'])(
  'a damaged %s is kept aside, told once, and takes nothing else along',
  (name) => {
    const profile = open();
    profile.setNetwork(NETWORK);
    profile.setPrivateKeyPem(KEY);
    profile.setIdentity(ALICE);
    profile.setHostCache(REMEMBERED);
    writeFileSync(join(folder, name), '{"cut off');

    const next = open(9);
    const notices = next.takeNotices();
    expect(notices[0]).toEqual({
      code: 'profile-damaged',
      detail: expect.stringMatching(new RegExp(`^${name}: .*; kept as ${name}.damaged-1$`)),
    });
    expect(next.takeNotices()).toEqual([]);
    expect(readFileSync(join(folder, `${name}.damaged-1`), 'utf8')).toBe('{"cut off');
    expect({
      'settings.json': next.port() === profile.port(),
      'network.json': next.network() !== undefined,
      'key.pem': next.privateKeyPem() === KEY,
      'host-cache.json': next.hostCache() !== undefined,
      'identity.json': next.identity() !== undefined,
    }).toEqual({
      'settings.json': name !== 'settings.json',
      'network.json': name !== 'network.json',
      'key.pem': name !== 'key.pem',
      // Without a network nobody knows whose it is.
      'host-cache.json': name !== 'host-cache.json' && name !== 'network.json',
      // An account is nothing without its key; its name stays readable in the copy.
      'identity.json': name !== 'identity.json' && name !== 'key.pem',
    });
    expect(open().takeNotices()).toEqual([]);
  },
);

test('a certificate of another key is not taken for ours', () => {
  const profile = open();
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  profile.setPrivateKeyPem(other.export({ type: 'pkcs8', format: 'pem' }) as string);
  profile.setIdentity(ALICE);
  const next = open();
  expect(next.identity()).toBeUndefined();
  expect(next.takeNotices()[0]?.detail).toContain('the key of Alice1 is not here');
});

test.each(['"text"', '[1]', 'null', '\0\0\0', '{"supernodes":[{"nodeId":"x"}]}', '{"supernodes":{}}'])(
  'a host cache of %j is damaged, not fatal',
  (content) => {
    open();
    writeFileSync(join(folder, 'host-cache.json'), content);
    const profile = open();
    expect(profile.hostCache()).toBeUndefined();
    expect(profile.takeNotices()).toHaveLength(1);
  },
);

test('an open folder of ours is closed to others, a shared or foreign one is refused', () => {
  mkdirSync(folder, { mode: 0o755 });
  open();
  expect(statSync(folder).mode & 0o777).toBe(0o700);

  const unsafe = expect.objectContaining({ code: 'profile-unsafe' });
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(() => openProfile(shared, seededRandom(1))).toThrow(unsafe);
  writeFileSync(join(folder, 'file'), '');
  expect(() => openProfile(join(folder, 'file'), seededRandom(1))).toThrow(
    expect.objectContaining({ code: 'folder-unwritable' }),
  );
  expect(() => openProfile('/', seededRandom(1))).toThrow(unsafe);
});

test('two spellings of one folder are one profile', () => {
  open();
  const link = join(folder, '..', 'link');
  symlinkSync(folder, link);
  expect(openProfile(link, seededRandom(1)).folder).toBe(open().folder);
});

test('the flag comes before the environment, and that before the place of the system', () => {
  expect(profileFolder('/a', { WREN_PROFILE: '/b' })).toBe('/a');
  expect(profileFolder(undefined, { WREN_PROFILE: '/b' })).toBe('/b');
  expect(profileFolder(undefined, {})).toMatch(/[/\\]wren([/\\]Config)?$/);
  expect(profileFolder('here', {})).toBe(join(process.cwd(), 'here'));
});

function certificateFor(privateKeyPem: string): Buffer {
  const key = forge.pki.privateKeyFromPem(privateKeyPem) as forge.pki.rsa.PrivateKey;
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(0);
  certificate.validity.notAfter = new Date(2e12);
  certificate.setSubject([{ name: 'commonName', value: 'Alice1' }]);
  certificate.setIssuer([{ name: 'commonName', value: 'Alice1' }]);
  certificate.sign(key, forge.md.sha256.create());
  return Buffer.from(forge.asn1.toDer(forge.pki.certificateToAsn1(certificate)).getBytes(), 'latin1');
}
