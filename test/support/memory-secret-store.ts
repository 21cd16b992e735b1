/** A secret store in memory, with the ways in which real ones fail: locked, slow, and with another secret than ours. */
import { type SecretStore, SecretStoreTrouble } from '../../src/store/secret-store.ts';

export class MemorySecretStore implements SecretStore {
  readonly secrets = new Map<string, Buffer>();
  isLocked = false;
  asked = 0;
  /** Answers come after this. */
  gate: Promise<void> = Promise.resolve();

  async read(entry: string): Promise<Buffer | null> {
    await this.#opened();
    return this.secrets.get(entry) ?? null;
  }

  async write(entry: string, secret: Buffer): Promise<void> {
    await this.#opened();
    this.secrets.set(entry, secret);
  }

  async #opened(): Promise<void> {
    this.asked += 1;
    await this.gate;
    if (this.isLocked) throw new SecretStoreTrouble('it is locked');
  }
}
