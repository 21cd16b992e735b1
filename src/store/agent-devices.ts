/**
 * The devices of the account (PROTOCOL.md 9.15), as the agent deals with them: at a sign-in it opens or makes the account
 * key, signs a list with this machine in it and has the login server store that; it revokes others, follows what they
 * signed, and keeps the lists of buddies. Files are `devices-file.ts`, judgements `net/login/device-list.ts`; who may
 * speak for whom the node decides (`net/node/device-book.ts`).
 *
 * A list with this machine in it is told to others as soon as it is signed. When somebody else's was stored meanwhile
 * (`stale`), ours is made anew on top of it, with the next number.
 */
import { scrypt } from 'node:crypto';
import {
  accountKeyOf,
  checkCertificate,
  type Device,
  type DevicesNews,
  type DevicesStart,
  deviceLabel,
  mailKeyOf,
  type OpenedDevices,
  openAccountKey,
  openDevices,
  preparedPassword,
  readDevices,
  type SignedDevices,
  sealAccountKey,
  sealingSalt,
  signDevices,
  standingOf,
  withAdded,
  withoutCertificates,
  withoutDevice,
  withRevoked,
} from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, type NodeId } from '../net/protocol/ids.ts';
import { ACCOUNT_SEED_BYTES, BUDDY_LIST_SYNC_MS, SCRYPT_N, SCRYPT_P, SCRYPT_R } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { deviceCalled, freeLabel, reportOf } from './device-words.ts';
import {
  forgetOwnDevice,
  type OwnDevice,
  readOwnDevice,
  readPeople,
  writeOwnDevice,
  writePeople,
} from './devices-file.ts';

const PEOPLE_DELAY_MS = 1_000;
const RETRY_MS = 60_000;
/** Others may sign at the same time; each try begins with what the login server has. */
const TRIES_MAX = 4;
const NONCE_BYTES = 12;
const LEAVE_MS = 4_000;

type Changed = Omit<OpenedDevices, 'accountKey' | 'signed'>;

/** What a sign-in brought. */
export interface Entered {
  readonly name: string;
  readonly nodeId: NodeId;
  readonly certificate: Buffer;
  readonly devices: { readonly list?: Uint8Array | null; readonly signature?: Uint8Array | null } | null | undefined;
  readonly sealedKey: Uint8Array;
  readonly sealingKey: Buffer;
}

/** What the private account key is sealed under: a tenth of a second of work, beside the network's. */
export function sealingKeyOf(name: string, password: string): Promise<Buffer> {
  const cost = { N: SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P, maxmem: 2 ** 27 };
  return new Promise((resolve, reject) => {
    scrypt(preparedPassword(password), sealingSalt(name), ACCOUNT_SEED_BYTES, cost, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

export class AgentDevices {
  readonly #core: AgentCore;
  readonly #onRevoked: () => void;
  #own: OwnDevice | undefined;
  #list: OpenedDevices | undefined;
  /** This machine, as a list has it. */
  #self: { readonly nodeId: NodeId; readonly certificate: Buffer } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #peopleTimer: NodeJS.Timeout | undefined;
  #syncing = false;

  /** `onRevoked`: another device of the account has revoked this one. */
  constructor(core: AgentCore, onRevoked: () => void) {
    this.#core = core;
    this.#onRevoked = onRevoked;
  }

  /** The private half of our mail key, X25519: what others seal to this device opens with it. */
  get mailSeed(): Buffer | undefined {
    return this.#own?.mailSeed;
  }

  /** A sign-in: the account key is opened, or made, and a list with this machine in it is signed. */
  entered(entry: Entered): void {
    const { name, nodeId, certificate, sealingKey } = entry;
    const { profile, random, wallClock, log } = this.#core.options;
    const before = readOwnDevice(profile.folder, name);
    const there = openDevices(entry.devices, { name, judge: (der) => this.#certified(der) });
    const known = there.ok ? there.devices : undefined;
    const opened = known && openAccountKey(entry.sealedKey, name, sealingKey);
    const isTheirs = opened && known?.accountKey.equals(opened.publicBytes);
    if (known && !isTheirs) log.warn('devices', 'the account key cannot be opened: another one is made', {});
    const key = isTheirs ? opened : accountKeyOf(random.bytes(ACCOUNT_SEED_BYTES));
    const mailSeed = before?.mailSeed ?? random.bytes(ACCOUNT_SEED_BYTES);
    const base = known ?? { name, version: 0, devices: [], revoked: [] };
    this.#self = { nodeId, certificate };
    this.#own = {
      owner: foldName(name),
      accountSeed: key.seed,
      mailSeed,
      signed: undefined,
      sealedKey: isTheirs ? undefined : sealAccountKey(key, name, sealingKey, random.bytes(NONCE_BYTES)),
      storedVersion: base.version,
      comparedAtMs: wallClock(),
    };
    const isIn = isTheirs && known?.devices.some((one) => one.nodeId === nodeId && one.mailKey.equals(this.#mailKey()));
    this.#keep(isIn && known ? known : signDevices(withAdded(base, this.#device(base)), key));
  }

  /** What the node starts with. */
  load(name: string, nodeId: NodeId, certificate: Buffer): DevicesStart {
    const { folder } = this.#core.options.profile;
    this.#self = { nodeId, certificate };
    if (this.#own?.owner !== foldName(name)) this.#own = readOwnDevice(folder, name);
    const read = readDevices(this.#own?.signed);
    this.#list = read.ok ? read.devices : undefined;
    this.#report();
    return { own: this.#list?.signed, people: readPeople(folder, name) };
  }

  /** Signed in: what is not stored yet is, and the rest is compared from time to time. */
  begin(): void {
    const own = this.#own;
    if (!own?.accountSeed || !this.#list) return;
    const isStored = this.#list.version <= own.storedVersion && own.sealedKey === undefined;
    const agoMs = this.#core.options.wallClock() - own.comparedAtMs;
    const isFresh = isStored && agoMs >= 0 && agoMs < BUDDY_LIST_SYNC_MS;
    this.#schedule(isFresh ? BUDDY_LIST_SYNC_MS - agoMs : 0);
  }

  /** The program ends: what waits is written. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#peopleTimer) this.#storePeople();
  }

  /** Signing out: this machine is taken off the list, if that can be done in a moment. */
  async leave(): Promise<void> {
    this.end();
    const self = this.#self;
    const removed =
      self && this.#list && this.#own?.accountSeed
        ? this.#change((list) => withoutDevice(list, self.nodeId))
        : undefined;
    const timeout = new Promise((resolve) => setTimeout(resolve, LEAVE_MS).unref());
    await Promise.race([removed?.catch(() => undefined), timeout]);
  }

  /** Nothing is left of the account but the lists of its buddies. */
  forget(): void {
    this.end();
    forgetOwnDevice(this.#core.options.profile.folder);
    this.#own = undefined;
    this.#list = undefined;
    this.#self = undefined;
    this.#report();
  }

  /**
   * Another device of the account, by its label or the beginning of its id, for ever. Resolves when the login server has
   * it; rejects `device-unknown`, `usage` for this machine itself, and what the login server refuses.
   */
  async revoke(which: string): Promise<{ readonly id: NodeId; readonly label: string }> {
    this.#core.signedIn();
    const device = deviceCalled(this.#list?.devices ?? [], which);
    if (device.nodeId === this.#self?.nodeId) throw new Refusal('usage', 'this is the device itself: sign out here');
    if (!this.#own?.accountSeed)
      throw new Refusal('not-allowed', 'sign in again, so that this device has the account key');
    const atMs = this.#core.options.wallClock();
    await this.#change((list) => withRevoked(list, device.nodeId, atMs));
    return { id: device.nodeId, label: device.label };
  }

  fromNode(news: DevicesNews): void {
    switch (news.type) {
      case 'own-changed':
        return this.#ownChanged(news.list);
      case 'own-here-changed':
        return this.#report();
      case 'revoked':
        return this.#onRevoked();
      case 'refused':
        this.#core.options.log.warn('devices', 'a list was refused', { of: news.name, node: news.node, why: news.why });
        if (news.why !== 'old') this.#core.notice('device-forged', news.name);
        return;
      case 'list-changed':
      case 'holds-changed':
        this.#peopleTimer ??= setTimeout(() => this.#storePeople(), PEOPLE_DELAY_MS).unref();
    }
  }

  /** Somebody of ours has signed a newer one. */
  #ownChanged(list: OpenedDevices): void {
    if (!this.#own) return;
    const before = this.#list?.revoked.length ?? 0;
    this.#own = { ...this.#own, storedVersion: list.version };
    this.#keep(list);
    this.#judge(list);
    // The login server gives us the word for supernodes, too: whoever revoked may be gone already.
    if (list.revoked.length > before) this.#schedule(0);
  }

  /** Are we still in it? Whoever only misses us signed at the same moment as we did. */
  #judge(list: OpenedDevices): void {
    const standing = this.#self ? standingOf(list, this.#self.nodeId) : 'listed';
    if (standing === 'revoked') this.#onRevoked();
    else if (standing === 'unlisted' && this.#own?.accountSeed) this.#schedule(0);
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sync(), afterMs);
    this.#timer.unref();
  }

  async #sync(): Promise<void> {
    if (this.#syncing || !this.#core.state.account || !this.#self) return;
    this.#syncing = true;
    let againMs = BUDDY_LIST_SYNC_MS;
    try {
      await this.#settle();
    } catch (error) {
      againMs = RETRY_MS;
      const code = error instanceof Refusal ? error.code : 'internal';
      this.#core.options.log.warn('devices', 'list not compared', { code }, error);
      if (code === 'device-revoked') this.#onRevoked();
    } finally {
      this.#syncing = false;
    }
    if (this.#core.state.account) this.#schedule(againMs);
  }

  /** Ours is put if it is the next one; else what is there is taken, and ours made anew on top of it. */
  async #settle(): Promise<void> {
    const list = this.#list;
    const own = this.#own;
    if (list && own && list.version === own.storedVersion + 1) {
      if (await this.#put(list)) return;
    }
    const self = this.#self?.nodeId;
    await this.#change((there) =>
      there.devices.some(({ nodeId }) => nodeId === self) ? there : withAdded(there, this.#device(there)),
    );
  }

  /** Changes what the login server has; `change` gives back the very list when there is nothing to do. */
  async #change(change: (list: Changed) => Changed): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const there = await this.#fetch();
      if (!there || !this.#own?.accountSeed) return;
      const key = accountKeyOf(this.#own.accountSeed);
      if (!there.accountKey.equals(key.publicBytes)) return this.#replaced(there);
      if (this.#self && standingOf(there, this.#self.nodeId) === 'revoked') return this.#onRevoked();
      const next = change(there);
      if (next === there) return this.#confirmed(there);
      const signed = signDevices(next, key);
      if (await this.#put(signed)) return;
    }
    throw new Refusal('busy');
  }

  /** The account has another key: somebody signed in who could not open ours. What we hold of it is of no use any more. */
  #replaced(there: OpenedDevices): void {
    if (!this.#own) return;
    this.#core.notice('account-key-changed', there.name);
    this.#own = { ...this.#own, accountSeed: undefined, sealedKey: undefined };
    this.#confirmed(there);
  }

  async #fetch(): Promise<OpenedDevices | undefined> {
    const name = this.#core.signedIn();
    const event = await this.#core.ask((ticket) => ({ type: 'login', ticket, request: { kind: 'devicesGet' } }));
    if (event.type !== 'login-reply' || event.message.kind !== 'devices') return undefined;
    const opened = openDevices(event.message.body.list, { name, judge: (der) => this.#certified(der) });
    return opened.ok ? opened.devices : undefined;
  }

  /** False when somebody else's was stored meanwhile. */
  async #put(list: OpenedDevices): Promise<boolean> {
    const bare = withoutCertificates(list);
    try {
      await this.#ask(list, bare).catch((error) => {
        // Another session than that of the sign-in does not have our certificate.
        const mayLack = bare !== list.signed && error instanceof Refusal && error.code === 'device-forged';
        if (!mayLack) throw error;
        return this.#ask(list, list.signed);
      });
    } catch (error) {
      if (error instanceof Refusal && error.code === 'stale') return false;
      throw error;
    }
    if (this.#own) this.#own = { ...this.#own, sealedKey: undefined };
    this.#confirmed(list);
    return true;
  }

  async #ask({ version }: OpenedDevices, list: SignedDevices): Promise<void> {
    const sealedKey = this.#own?.sealedKey ?? Buffer.alloc(0);
    const request = { kind: 'devicesPut', baseVersion: version - 1, list, sealedKey } as const;
    await this.#core.ask((ticket) => ({ type: 'login', ticket, request }));
  }

  #confirmed(list: OpenedDevices): void {
    if (!this.#own) return;
    this.#own = { ...this.#own, storedVersion: list.version, comparedAtMs: this.#core.options.wallClock() };
    this.#keep(list);
  }

  /** From now on this is our list: stored, shown, and told to everybody. */
  #keep(list: OpenedDevices): void {
    if (!this.#own) return;
    this.#own = { ...this.#own, signed: list.signed };
    this.#list = list;
    try {
      writeOwnDevice(this.#core.options.profile.folder, this.#own);
    } catch (error) {
      this.#core.trouble(error, 'devices.json');
    }
    if (this.#core.state.account) this.#core.command({ type: 'devices', own: list.signed });
    this.#report();
  }

  #mailKey(): Buffer {
    return mailKeyOf(this.#own?.mailSeed ?? Buffer.alloc(ACCOUNT_SEED_BYTES)).publicBytes;
  }

  #device(list: Changed): Device {
    const { nodeId = '', certificate = Buffer.alloc(0) } = this.#self ?? {};
    const { deviceLabel: text = 'this machine', wallClock } = this.#core.options;
    const label = freeLabel(
      deviceLabel(text),
      list.devices.filter((one) => one.nodeId !== nodeId),
    );
    return { nodeId, certificate, label, addedAtMs: wallClock(), mailKey: this.#mailKey() };
  }

  #certified(der: Uint8Array) {
    const { profile, wallClock } = this.#core.options;
    const authorityDer = profile.network()?.authorityCertificate;
    if (!authorityDer) return undefined;
    const checked = checkCertificate(der, { authorityDer, nowMs: wallClock(), graceMs: Number.POSITIVE_INFINITY });
    return checked.ok ? checked.identity : undefined;
  }

  #storePeople(): void {
    clearTimeout(this.#peopleTimer);
    this.#peopleTimer = undefined;
    const { profile } = this.#core.options;
    const name = this.#core.state.account?.name;
    const people = this.#core.node?.core.knownDevices();
    if (name === undefined || !people) return;
    try {
      writePeople(profile.folder, name, people);
    } catch (error) {
      this.#core.trouble(error, 'people file');
    }
  }

  #report(): void {
    const here = new Set(this.#core.node?.core.ownDevicesHere?.() ?? []);
    this.#core.emit({
      type: 'devices.changed',
      devices: this.#list ? reportOf(this.#list, this.#self?.nodeId, here) : null,
    });
  }
}
