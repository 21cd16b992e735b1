/**
 * Whose account key is whose (PROTOCOL.md 9.19): remembers the first key that a person is met with, says loudly and writes into
 * the conversation when it is another one, and keeps whether the words were compared. The keys come with device lists
 * (9.15); a new device under the same key changes nothing here.
 *
 *   met --first time--> known --the person compares--> verified
 *                         ^ another key: `changed`, told, no longer verified
 *
 * A change is stored before it is told, and told again after a start until it stands in the conversation.
 */
import { createHash } from 'node:crypto';
import { safetyWords } from '../net/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, ID_BYTES } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import type { SafetyReport } from './port.ts';
import { type KnownKey, readKnownKeys, type SafetyMark, writeKnownKeys } from './safety-file.ts';
import type { BuddySafety, LineKind } from './state.ts';

export interface SafetyHooks {
  /** The account key under which the device list of this person, or ours, counts now; undefined while none is known. */
  readonly keyOf: (name: string) => Uint8Array | undefined;
  /** What is shown of this person has changed. */
  readonly onChanged: (name: string) => void;
  /** The person has said something of keys here. */
  readonly onMarked: (marks: readonly SafetyMark[]) => void;
}

const RETRY_MS = 60_000;

export class AgentSafety {
  readonly #core: AgentCore;
  readonly #hooks: SafetyHooks;
  #owner = '';
  #keys = new Map<string, KnownKey>();
  /** Told since the start, so that a conversation that cannot be written yet costs one notice. */
  readonly #told = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(core: AgentCore, hooks: SafetyHooks) {
    this.#core = core;
    this.#hooks = hooks;
    core.safetyOf = (name) => this.standing(name);
  }

  /** Signed in: what is remembered, compared with the device lists that were stored. Nothing is told before `begin`. */
  load(): void {
    const { account, buddies } = this.#core.state;
    if (!account) return;
    const { keys, notice } = readKnownKeys(this.#core.options.profile.folder, account.name);
    if (notice) this.#core.notice(notice.code, notice.detail);
    this.#owner = foldName(account.name);
    this.#keys = new Map(keys);
    this.#told.clear();
    this.#learn(buddies.map(({ name }) => name));
  }

  /** What was not told yet is. */
  begin(): void {
    if (this.#owner === '') return;
    this.#settle();
    for (const { name } of this.#core.state.buddies) if (this.standing(name)) this.#hooks.onChanged(name);
  }

  /** Signing out, or the end of the program. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#owner = '';
    this.#keys.clear();
  }

  /** Another device list of this person counts now. */
  met(name: string): void {
    if (this.#owner === '') return;
    this.#learn([name]);
    this.#settle();
    this.#hooks.onChanged(name);
  }

  /** Undefined of whom no key is known; what is only remembered is not shown as verified. */
  standing(name: string): BuddySafety | undefined {
    const known = this.#keys.get(foldName(name));
    if (!known || this.#keyOf(name) !== known.key) return undefined;
    return known.verified ? 'verified' : known.changed ? 'changed' : 'known';
  }

  /** Throws `safety-unknown` while either key is not known. */
  report(name: string): SafetyReport {
    const own = this.#core.signedIn();
    const ownKey = this.#hooks.keyOf(own);
    const known = this.#keys.get(foldName(name));
    const standing = this.standing(name);
    if (!ownKey || !known || !standing) throw new Refusal('safety-unknown', name);
    const halves = safetyWords(own, ownKey, known.name, Buffer.from(known.key, 'hex'));
    return { name: known.name, safety: standing, sinceMs: known.sinceMs, key: known.key, halves };
  }

  /** The person says that the words are the same, or takes that back. Throws as `report`, and `disk-full`. */
  verify(name: string, verified: boolean): SafetyReport {
    this.report(name);
    const known = this.#keys.get(foldName(name)) as KnownKey;
    if (known.verified === verified) return this.report(name);
    // Later than what was said on a device whose clock is ahead, or that would come back.
    this.#mark(known, verified, Math.max(this.#core.options.wallClock(), (known.markedAtMs ?? 0) + 1));
    this.#hooks.onMarked(this.marks().filter((mark) => mark.name === known.name));
    return this.report(name);
  }

  /** What was said of keys, here or on another device: to be told to all of ours. */
  marks(): SafetyMark[] {
    return [...this.#keys.values()].flatMap(({ name, key, verified, markedAtMs }) =>
      markedAtMs === undefined ? [] : [{ name, key, verified, atMs: markedAtMs }],
    );
  }

  /** The person has said so on another device; of another key than the one that we know it says nothing. */
  markedElsewhere({ name, key, verified, atMs }: SafetyMark): void {
    const known = this.#keys.get(foldName(name));
    if (!known || known.key !== key || atMs <= (known.markedAtMs ?? 0)) return;
    // It is the latest word all the same: an older one, told later, must not count.
    if (known.verified === verified) {
      return this.#storeLater(new Map(this.#keys).set(foldName(name), { ...known, markedAtMs: atMs }));
    }
    try {
      this.#mark(known, verified, atMs);
    } catch (error) {
      this.#core.trouble(error, 'known keys');
    }
  }

  #mark(known: KnownKey, verified: boolean, atMs: number): void {
    const marked = { ...known, verified, changed: known.changed && !verified, markedAtMs: atMs };
    this.#store(new Map(this.#keys).set(foldName(known.name), marked));
    const text = verified
      ? `You have compared safety words with ${known.name}: they are the same.`
      : `You took back that the safety words of ${known.name} are the same.`;
    try {
      this.#note(known.name, verified ? 'verified' : 'unverified', text, `${known.key} ${atMs}`);
    } catch (error) {
      this.#core.trouble(error, 'chat history');
    }
    this.#hooks.onChanged(known.name);
  }

  #keyOf(name: string): string | undefined {
    const key = this.#hooks.keyOf(name);
    return key && Buffer.from(key).toString('hex');
  }

  #learn(names: readonly string[]): void {
    const next = new Map(this.#keys);
    const sinceMs = this.#core.options.wallClock();
    for (const name of names) {
      const folded = foldName(name);
      const key = this.#keyOf(name);
      const known = next.get(folded);
      if (folded === this.#owner || key === undefined || known?.key === key) continue;
      const changed = known !== undefined;
      // At the end of the map: the newest.
      next.delete(folded);
      next.set(folded, { name, key, sinceMs, verified: false, changed, due: changed });
    }
    if (![...next].every(([name, known]) => this.#keys.get(name) === known)) this.#storeLater(next);
  }

  /** What a full disk keeps from the file counts all the same, and is tried again. */
  #storeLater(next: Map<string, KnownKey>): void {
    try {
      this.#store(next);
    } catch (error) {
      this.#keys = next;
      this.#again();
      this.#core.trouble(error, 'known keys');
    }
  }

  #store(next: Map<string, KnownKey>): void {
    writeKnownKeys(this.#core.options.profile.folder, this.#owner, next.values());
    this.#keys = next;
  }

  /** Every change that is due: said, once since the start, and put into the conversation. */
  #settle(): void {
    const due = [...this.#keys].filter(([, known]) => known.due);
    if (due.length === 0) return;
    const next = new Map(this.#keys);
    for (const [folded, known] of due) {
      if (!this.#told.has(`${folded} ${known.key}`)) {
        this.#told.add(`${folded} ${known.key}`);
        this.#core.notice('account-key-changed', known.name);
      }
      const text = `The key of ${known.name} is another one than before. It may be a new machine, or somebody else: compare safety words (wren verify ${known.name}).`;
      try {
        this.#note(known.name, 'key-changed', text, known.key);
        next.set(folded, { ...known, due: false });
      } catch (error) {
        this.#again();
        this.#core.trouble(error, 'chat history');
      }
    }
    this.#storeLater(next);
  }

  #again(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#settle();
      this.#storeLater(new Map(this.#keys));
    }, RETRY_MS).unref();
  }

  /** The same note has the same id, so it stands there once. */
  #note(name: string, kind: LineKind, text: string, what: string): void {
    const id = createHash('sha256')
      .update(`${kind} ${foldName(name)} ${what}`)
      .digest('hex')
      .slice(0, ID_BYTES * 2);
    const line = this.#core.history.storeNote({ id, with: name, kind, text }, this.#core.options.wallClock());
    this.#core.emit({ type: 'chat.message', line });
  }
}
