/**
 * The system's secret store as the profile sees it: Secret Service (GNOME Keyring, KWallet, KeePassXC), the Keychain of
 * macOS, the Credential Manager of Windows. `secret-store-io.ts` is the real one; `history-vault-io.ts` keeps a key there.
 */

export interface SecretStore {
  /** Null: the store answers, and holds none of that name. Rejects with `SecretStoreTrouble` when it does not answer. */
  read(entry: string): Promise<Buffer | null>;
  /** Resolves when the store gives it back. Rejects with `SecretStoreTrouble`. */
  write(entry: string, secret: Buffer): Promise<void>;
}

/** The store is not there, locked, or refuses; `message` is a few words on why, for people. */
export class SecretStoreTrouble extends Error {}

/** Where there is none, or none is wanted. */
export function noSecretStore(why: string): SecretStore {
  const refuse = (): Promise<never> => Promise.reject(new SecretStoreTrouble(why));
  return { read: refuse, write: refuse };
}
