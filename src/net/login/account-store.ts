/**
 * Where the login server keeps its accounts. `src/store/account-db.ts` implements it on SQLite, `account-postgres-db.ts` on
 * PostgreSQL for several login servers; one contract suite (`test/support/account-store-contract.ts`) holds every
 * implementation to the same behaviour. All calls are asynchronous; an implementation rejects only for its own faults (disk, connection), with
 * `Refusal('disk-full')` when no room is left. What has resolved is on the disk: it outlives a crash of the process
 * and of the machine. Texts hold no NUL character (the server refuses them, C libraries cut there).
 */
export interface Account {
  /** Folded name: the key. */
  readonly key: string;
  /** As first written. */
  readonly name: string;
  readonly displayName: string;
  /** scrypt parameters, salt and digest in one text: `scrypt$N$r$p$salt64$digest64`. */
  readonly passwordHash: string;
  readonly createdAtMs: number;
  readonly lastSignInAtMs: number;
}

export interface StoredBuddyList {
  /** 0 and an empty text for an account that never stored one. */
  readonly version: number;
  readonly xml: string;
}

/** The device list of an account as it was put, with the sealed account key. */
export interface StoredDevices {
  readonly version: number;
  /** An encoded DeviceList. */
  readonly list: Buffer;
  readonly signature: Buffer;
  readonly sealedKey: Buffer;
}

export interface StoredSupernode {
  readonly nodeId: string;
  readonly endpoints: readonly string[];
  readonly enrolledAtMs: number;
  /** Its signed entry with the certificate, an encoded `SupernodeEntry`; absent when it came without. */
  readonly entry?: Buffer;
}

export interface AccountStore {
  /** True when created; false when the key exists already. Atomic under concurrency. */
  create(account: Account): Promise<boolean>;
  find(key: string): Promise<Account | undefined>;
  /** Nothing happens when there is no such account. */
  touch(key: string, lastSignInAtMs: number): Promise<void>;
  buddyList(key: string): Promise<StoredBuddyList>;
  /**
   * Stores when `baseVersion` is the current one and returns the new version, one more; undefined when it is not,
   * and when there is no such account. Atomic.
   */
  putBuddyList(key: string, baseVersion: number, xml: string): Promise<number | undefined>;
  /** Undefined for an account that never stored one. */
  deviceList(key: string): Promise<StoredDevices | undefined>;
  /**
   * Stores when `devices.version` is one more than the current one (0 when there is none); false when it is not, and
   * when there is no such account. Atomic.
   */
  putDeviceList(key: string, devices: StoredDevices): Promise<boolean>;
  /** Replaces an earlier entry of that node. The newest SUPERNODES_STORED_MAX are kept. */
  putSupernode(entry: StoredSupernode): Promise<void>;
  findSupernode(nodeId: string): Promise<StoredSupernode | undefined>;
  /** Newest enrolment first. */
  supernodes(limit: number): Promise<readonly StoredSupernode[]>;
  close(): Promise<void>;
}
