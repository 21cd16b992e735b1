/**
 * The profile folder: everything that makes this installation one person's, one small file for each thing so that
 * damage to one never takes another along. The agent opens it after it holds the lock (`profile-lock-db.ts`).
 *
 *   key.pem          RSA private key, PKCS #8       settings.json    presence, audio SPEC, port (settings-file.ts)
 *   identity.json    account and its certificate    buddies.xml      the buddy list (buddies-file.ts)
 *   network.json     the invite, the authority      history-NAME.db  chats and calls (history-db.ts)
 *   host-cache.json  supernodes for the next start  agent.log, agent.sock, lock.db
 *   tickets.json     short handshakes (tickets-file.ts)
 *   history-key.json which entry of the secret store opens the histories (history-key-file.ts)
 *   screen.json      theme, keys, groups of the list (screen-file.ts)
 *   devices.json     account key, mail key, our device list; people-NAME.json: those of buddies (devices-file.ts)
 *
 * "Host cache" and its 200 entries: Baset & Schulzrinne 2004, section 3.2; the random port kept since install: 3.1.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Remembered } from '../net/index.ts';
import type { Random } from '../net/protocol/core.ts';
import { isName, type UserName } from '../net/protocol/ids.ts';
import { PORT_CHOICE_MAX, PORT_CHOICE_MIN } from '../net/protocol/params.ts';
import { readFileIfThere, writeFileAtomic } from './atomic-file.ts';
import { keepAside, type ProfileNotice } from './damaged-file.ts';
import { type HostCacheFile, openHostCache } from './host-cache-file.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';
import { openPrivateFolder } from './private-folder-file.ts';
import { openSettings, type SettingsFile } from './settings-file.ts';
import { TICKETS_FILE } from './tickets-file.ts';

/** The invite in parts, and what was learnt of the authority since. */
export interface NetworkRecord {
  /** A name for people. */
  readonly network: string;
  /** SHA-256 of the authority's public key (SPKI, DER), 32 bytes. */
  readonly authorityPin: Buffer;
  /** X.509 of the authority, DER; null until a login server has shown it. */
  readonly authorityCertificate: Buffer | null;
  /** Endpoints as text, host names allowed. */
  readonly loginServers: readonly string[];
  readonly supernodes: readonly string[];
}

/** The account that is signed in here. */
export interface Identity {
  readonly name: UserName;
  readonly displayName: string;
  /** X.509 of our key, DER. */
  readonly certificate: Buffer;
  /** Wall clock, ms. */
  readonly expiresAtMs: number;
  /** How our buddy list stood when it and the login server's were last one; absent before that. */
  readonly buddyListSynced?: BuddyListSynced | undefined;
}

export interface BuddyListSynced {
  /** The login server's. */
  readonly version: number;
  /** Wall clock, ms. */
  readonly atMs: number;
  /** Of the newest change in it. */
  readonly changedAtMs: number;
}

/** Setters write at once and throw `Refusal('disk-full')`, after which file and memory are as before. */
export interface Profile {
  /** The true path of the folder. */
  readonly folder: string;
  readonly settings: SettingsFile;
  /** UDP and TCP port of this installation. */
  port(): number;
  /** Another port, when something else took ours: chosen, stored and returned. */
  chooseNewPort(): number;
  network(): NetworkRecord | undefined;
  setNetwork(network: NetworkRecord): void;
  /** PKCS #8 PEM of an RSA key of at least 2048 bits; undefined before the first sign-up or sign-in. */
  privateKeyPem(): string | undefined;
  setPrivateKeyPem(pem: string): void;
  /** Undefined when signed out; its certificate fits the private key. */
  identity(): Identity | undefined;
  setIdentity(identity: Identity): void;
  /** Sign-out: account, key and tickets go, the rest stays. */
  forgetIdentity(): void;
  /** Supernodes and networks, as learned in earlier runs on the network of the invite; undefined when nothing was. */
  hostCache(): Remembered | undefined;
  setHostCache(remembered: Remembered): void;
  /** What was found damaged since the last call. */
  takeNotices(): readonly ProfileNotice[];
}

/**
 * Opens the profile, making the folder when needed, and chooses the port at the first time. Throws
 * `Refusal('profile-unsafe')` for a folder that is not ours alone and `Refusal('disk-full')`.
 */
export function openProfile(folder: string, random: Random): Profile {
  return new ProfileFile(openPrivateFolder(folder), random);
}

const Base64 = v.pipe(v.string(), v.base64());
const Bytes = v.pipe(
  Base64,
  v.transform((text) => Buffer.from(text, 'base64')),
);
const Name = v.pipe(v.string(), v.check(isName));
const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Endpoints = v.array(v.pipe(v.string(), v.maxLength(300)));
const Network = v.object({
  network: v.string(),
  authorityPin: v.pipe(
    Bytes,
    v.check((pin) => pin.length === 32),
  ),
  authorityCertificate: v.nullable(Bytes),
  loginServers: Endpoints,
  supernodes: Endpoints,
});
const Account = v.object({
  name: Name,
  displayName: v.string(),
  certificate: Bytes,
  expiresAtMs: Whole,
  buddyListSynced: v.optional(v.object({ version: Whole, atMs: Whole, changedAtMs: Whole })),
});
const RSA_BITS_MIN = 2048;

class ProfileFile implements Profile {
  readonly folder: string;
  readonly settings: SettingsFile;
  readonly #random: Random;
  #notices: ProfileNotice[] = [];
  #network: NetworkRecord | undefined;
  #privateKeyPem: string | undefined;
  #identity: Identity | undefined;
  readonly #hostCache: HostCacheFile;

  constructor(folder: string, random: Random) {
    this.folder = folder;
    this.#random = random;
    const { settings, notice } = openSettings(folder);
    this.settings = settings;
    this.#note(notice);
    if (settings.get().port === 0) this.chooseNewPort();
    this.#network = this.#read('network.json', Network);
    this.#privateKeyPem = this.#readKey();
    this.#identity = this.#readIdentity();
    const cache = openHostCache(this.#path('host-cache.json'));
    this.#hostCache = cache.file;
    this.#note(cache.notice);
  }

  port(): number {
    return this.settings.get().port;
  }

  chooseNewPort(): number {
    const choices = PORT_CHOICE_MAX - PORT_CHOICE_MIN + 1;
    const port = PORT_CHOICE_MIN + Math.floor(this.#random.fraction() * choices);
    this.settings.set({ port });
    return port;
  }

  network(): NetworkRecord | undefined {
    return this.#network;
  }

  setNetwork(network: NetworkRecord): void {
    writeJsonFile(this.#path('network.json'), {
      ...network,
      authorityPin: network.authorityPin.toString('base64'),
      authorityCertificate: network.authorityCertificate?.toString('base64') ?? null,
    });
    this.#network = network;
  }

  privateKeyPem(): string | undefined {
    return this.#privateKeyPem;
  }

  setPrivateKeyPem(pem: string): void {
    writeFileAtomic(this.#path('key.pem'), pem);
    this.#privateKeyPem = pem;
  }

  identity(): Identity | undefined {
    return this.#identity;
  }

  setIdentity(identity: Identity): void {
    const certificate = identity.certificate.toString('base64');
    writeJsonFile(this.#path('identity.json'), { ...identity, certificate });
    this.#identity = identity;
  }

  /** The account first: a key without an account is harmless, the other way round reads as damage. */
  forgetIdentity(): void {
    rmSync(this.#path('identity.json'), { force: true });
    this.#identity = undefined;
    rmSync(this.#path('key.pem'), { force: true });
    this.#privateKeyPem = undefined;
    rmSync(this.#path(TICKETS_FILE), { force: true });
  }

  hostCache(): Remembered | undefined {
    return this.#network && this.#hostCache.read(this.#network.authorityPin);
  }

  setHostCache(remembered: Remembered): void {
    if (this.#network) this.#hostCache.write(this.#network.authorityPin, remembered);
  }

  takeNotices(): readonly ProfileNotice[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  #readKey(): string | undefined {
    const path = this.#path('key.pem');
    const pem = readFileIfThere(path)?.toString('latin1');
    if (pem === undefined || isRsaPrivateKey(pem)) return pem;
    this.#note(keepAside(path, 'not a private key; sign in again to make a new one'));
    return undefined;
  }

  #readIdentity(): Identity | undefined {
    const identity = this.#read('identity.json', Account);
    if (identity === undefined || certifies(identity.certificate, this.#privateKeyPem)) return identity;
    this.#note(keepAside(this.#path('identity.json'), `the key of ${identity.name} is not here; sign in again`));
    return undefined;
  }

  #read<S extends v.GenericSchema>(name: string, schema: S): v.InferOutput<S> | undefined {
    const { value, notice } = readJsonFile(this.#path(name), schema);
    this.#note(notice);
    return value;
  }

  #note(notice: ProfileNotice | undefined): void {
    if (notice !== undefined) this.#notices.push(notice);
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

function isRsaPrivateKey(pem: string): boolean {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_MIN;
  } catch {
    return false;
  }
}

function certifies(certificate: Buffer, privateKeyPem: string | undefined): boolean {
  if (privateKeyPem === undefined) return false;
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch {
    return false;
  }
}
