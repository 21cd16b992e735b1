/**
 * Decides how histories lie on the disk: encrypted under a key of the profile where the system's secret store keeps that
 * key, otherwise plain with mode 0600. A file of the other form is changed when it is opened (`history-form-db.ts`), also
 * back, when the person does not want encryption any more (`"historyEncryption": "off"`).
 *
 *   no key yet --the store takes one--> key --history-key.json--> every file encrypted at its next opening
 *   key made before --the store does not give it--> encrypted files are `locked`; never a second key in its place
 *
 * The key comes first to the store, then its name to the disk, then files change: a machine that dies between has lost
 * nothing.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../net/protocol/core.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { HISTORY_DB_BUSY_MS, SECRET_STORE_START_MS } from '../net/protocol/params.ts';
import type { ProfileNotice } from './damaged-file.ts';
import { type HistoryDb, historyFile, openHistory } from './history-db.ts';
import { changeForm, type HistoryForm, historyForm, removeUnfinished } from './history-form-db.ts';
import {
  checkOf,
  databaseKeyOf,
  entryOf,
  HISTORY_KEY_BYTES,
  HISTORY_KEY_FILE,
  type HistoryKeyName,
  isKey,
  readHistoryKeyName,
  writeHistoryKeyName,
} from './history-key-file.ts';
import { lockedHistory } from './history-locked.ts';
import type { HistoryVault } from './history-vault.ts';
import type { Log } from './log-file.ts';
import { type SecretStore, SecretStoreTrouble } from './secret-store.ts';
import type { SettingsFile } from './settings-file.ts';
import { isBusy, isDamage, openDatabase, SQLITE_SIDECARS } from './sqlite-db.ts';
import type { HistoryReport } from './state.ts';

export interface HistoryVaultOptions {
  /** Its true path. */
  readonly folder: string;
  readonly settings: SettingsFile;
  readonly store: SecretStore;
  readonly random: Random;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Default SECRET_STORE_START_MS. */
  readonly startWaitMs?: number;
}

/** Resolves when the store has answered, or after a moment without its answer. Never rejects for what the store does. */
export async function openHistoryVault(options: HistoryVaultOptions): Promise<HistoryVault> {
  const vault = new Vault(options);
  await vault.start(options.startWaitMs ?? SECRET_STORE_START_MS);
  return vault;
}

const ENCRYPTED: HistoryReport = { protection: 'secret-store', why: "the key is in the system's secret store" };

/** The key that the store holds is not that of the file, and none of our files says which it should be. */
class OtherKey extends Error {}

function opens(path: string, key: string): boolean {
  const database = openDatabase(path, { waitMs: HISTORY_DB_BUSY_MS, key });
  try {
    database.exec('SELECT count(*) FROM sqlite_master');
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  } finally {
    database.close();
  }
}

class Vault implements HistoryVault {
  readonly #options: HistoryVaultOptions;
  #name: HistoryKeyName | undefined;
  #key: Buffer | undefined;
  #trouble = 'the secret store has not answered yet';
  #notice: ProfileNotice | undefined;
  #report: HistoryReport | undefined;
  #asking: Promise<void> | undefined;
  #onLateKey: () => void = () => {};

  constructor(options: HistoryVaultOptions) {
    this.#options = options;
    const { value, notice } = readHistoryKeyName(options.folder);
    this.#name = value;
    this.#notice = notice;
  }

  async start(waitMs: number): Promise<void> {
    let late = false;
    const asked = this.ask().then(() => {
      if (late && this.#key) this.#onLateKey();
    });
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        late = true;
        resolve();
      }, waitMs);
    });
    await Promise.race([asked, patience]);
    clearTimeout(timer);
  }

  /** One question at a time. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  onLateKey(listener: () => void): void {
    this.#onLateKey = listener;
  }

  report(): HistoryReport {
    return this.#report ?? this.#expected();
  }

  open(account: string): HistoryDb {
    const path = this.#path(account);
    removeUnfinished(path);
    const form = historyForm(path);
    const key = this.#key && databaseKeyOf(this.#key, account);
    if (form === 'encrypted' && !key) return this.#locked(this.#trouble);
    const to = this.#wanted ? key : undefined;
    // Before a file is encrypted, but not before we know that this key opens what is encrypted already.
    if (to && form !== 'encrypted') this.#remember();
    try {
      const has = this.#changed(path, form, key, to);
      const history = openHistory(path, { key: has });
      if (key) this.#remember();
      this.#report = this.#reportFor(has, to);
      return this.#noting(history);
    } catch (error) {
      if (error instanceof OtherKey) return this.#locked('another key is needed');
      throw error;
    }
  }

  discard(account: string): void {
    const path = this.#path(account);
    removeUnfinished(path);
    for (const suffix of ['', ...SQLITE_SIDECARS]) rmSync(path + suffix, { force: true });
    const { folder } = this.#options;
    const histories = readdirSync(folder).filter((name) => /^history-.*\.db$/.test(name));
    if (this.#key || histories.some((name) => historyForm(join(folder, name)) === 'encrypted')) return;
    // Nothing is left that the lost key would open: the next question makes another.
    rmSync(join(folder, HISTORY_KEY_FILE), { force: true });
    this.#name = undefined;
    this.#notice = undefined;
  }

  get #wanted(): boolean {
    return this.#options.settings.get().historyEncryption === 'auto';
  }

  /** The key of the form that the file has now; undefined for plain. Throws `OtherKey` for a key that nobody vouches for. */
  #changed(path: string, form: HistoryForm, key: string | undefined, to: string | undefined): string | undefined {
    const from = form === 'encrypted' ? key : undefined;
    if (from && !this.#name && !opens(path, from)) throw new OtherKey();
    if (form === 'absent' || form === 'damaged' || from === to) return to;
    try {
      changeForm(path, from, to);
      this.#options.log.info('history', to ? 'encrypted' : 'made plain');
      return to;
    } catch (error) {
      // Whoever opens a damaged file moves it aside; the new one then has the form that is wanted.
      if (isDamage(error)) return to;
      if (!isBusy(error) && !(error instanceof Refusal)) throw error;
      this.#options.log.warn('history', 'its form stays', {}, error);
      return from;
    }
  }

  #reportFor(has: string | undefined, to: string | undefined): HistoryReport {
    const protection = has ? 'secret-store' : 'file-permissions';
    if (has === to) return has ? ENCRYPTED : { protection, why: this.#whyPlain };
    const why = 'a change is due, but the disk is full or the file in use: tried again at the next start';
    return { protection, why };
  }

  get #whyPlain(): string {
    return this.#wanted ? `no key from a secret store: ${this.#trouble}` : 'you have turned encryption off';
  }

  #expected(): HistoryReport {
    return this.#key && this.#wanted ? ENCRYPTED : { protection: 'file-permissions', why: this.#whyPlain };
  }

  /** Not worth refusing the history for: the name of the entry can be found again as long as the folder stays. */
  #remember(): void {
    if (this.#name || !this.#key) return;
    const { folder, log } = this.#options;
    const name = { entry: entryOf(folder), check: checkOf(this.#key) };
    try {
      writeHistoryKeyName(folder, name);
      this.#name = name;
    } catch (error) {
      log.warn('history', 'the name of the key was not stored', {}, error);
    }
  }

  #locked(why: string): HistoryDb {
    this.#report = { protection: 'locked', why };
    return this.#noting(lockedHistory(why));
  }

  /** What was found damaged here is told with what was found damaged there. */
  #noting(history: HistoryDb): HistoryDb {
    const notice = this.#notice;
    this.#notice = undefined;
    if (!notice) return history;
    const takeNotices = history.takeNotices.bind(history);
    let left = [notice];
    history.takeNotices = () => {
      const notices = [...left, ...takeNotices()];
      left = [];
      return notices;
    };
    return history;
  }

  async #ask(): Promise<void> {
    try {
      await this.#askStore();
    } catch (error) {
      if (!(error instanceof SecretStoreTrouble) && !(error instanceof Refusal)) throw error;
      this.#trouble = error.message;
      this.#options.log.info('history', 'no key', { why: error.message });
    }
  }

  async #askStore(): Promise<void> {
    const { folder, store, random } = this.#options;
    // Somebody who wants no encryption and never had it is not asked to unlock anything.
    if (this.#key || (!this.#wanted && !this.#name && !this.#notice)) return;
    const found = await store.read(this.#name?.entry ?? entryOf(folder));
    if (this.#name) {
      if (found && isKey(found, this.#name.check)) this.#key = found;
      else this.#trouble = found ? 'it holds another key' : 'it does not hold the key of this profile';
    } else if (found?.length === HISTORY_KEY_BYTES) {
      this.#key = found;
    } else if (this.#notice) {
      this.#trouble = 'the name of the key was lost';
    } else {
      const key = random.bytes(HISTORY_KEY_BYTES);
      await store.write(entryOf(folder), key);
      this.#key = key;
    }
  }

  #path(account: string): string {
    return join(this.#options.folder, historyFile(account));
  }
}
