/**
 * What was said and who called, as a person asks for it: looking, exporting, erasing, and how it lies on the disk. Chat
 * itself is `agent-chat.ts`; the file is `history-db.ts`, and what protects it `history-vault-io.ts`.
 */
import { Refusal } from '../net/protocol/failures.ts';
import { foldName } from '../net/protocol/ids.ts';
import { HISTORY_PAGE_LINES_MAX } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import type { Erased, EraseQuery } from './history-face.ts';
import type { AgentCommand } from './port.ts';
import type { HistoryReport } from './state.ts';

type HistoryCommand = Extract<AgentCommand, { type: `history.${string}` }>;
type Erase = Extract<AgentCommand, { type: 'history.erase' }>;

const NO_VAULT: HistoryReport = { protection: 'file-permissions', why: 'this agent encrypts nothing' };

export interface HistoryHooks {
  /** The number of unread lines of that person has changed. */
  readonly onUnread: (name: string) => void;
  /** Another history is in place: what waits in it goes on its way. */
  readonly onOpened: () => void;
}

export class AgentHistory {
  readonly #core: AgentCore;
  readonly #hooks: HistoryHooks;

  constructor(core: AgentCore, hooks: HistoryHooks) {
    this.#core = core;
    this.#hooks = hooks;
    core.options.historyVault?.onLateKey(() => this.#reopen());
  }

  async handle(command: HistoryCommand): Promise<unknown> {
    if (command.type === 'history.encrypt') return this.#encrypt(command.encryption);
    this.#core.signedIn();
    const { history } = this.#core;
    const { type: _type, ...query } = command;
    switch (command.type) {
      case 'history.lines':
        return history.newest(query as typeof command);
      case 'history.calls':
        return history.calls(query as typeof command);
      case 'history.export':
        return history.linesAfter({ ...(query as typeof command), limit: HISTORY_PAGE_LINES_MAX });
      case 'history.erase':
        return this.#erase(command);
    }
  }

  async #erase({ with: peer, beforeMs, all }: Erase): Promise<Erased> {
    if (peer === undefined && beforeMs === undefined && !all) throw new Refusal('usage', 'erase what?');
    const query: EraseQuery = {
      ...(peer === undefined ? {} : { with: peer }),
      ...(beforeMs === undefined ? {} : { beforeMs }),
    };
    const unread = [...this.#core.history.unread().keys()];
    const erased = (await this.#discarded(query)) ?? this.#core.history.erase(query, this.#core.options.wallClock());
    this.#core.options.log.info('history', 'erased', { lines: erased.lines, calls: erased.calls });
    this.#core.emit({ type: 'history.erased', with: peer ?? null, beforeMs: beforeMs ?? null });
    for (const name of unread) {
      if (peer === undefined || foldName(peer) === name) this.#hooks.onUnread(name);
    }
    return erased;
  }

  /** What cannot be read can still be thrown away whole, by somebody whose key is lost. */
  async #discarded(query: EraseQuery): Promise<Erased | undefined> {
    const { historyVault } = this.#core.options;
    const owner = this.#core.historyOwner;
    if (!historyVault || owner === undefined || historyVault.report().protection !== 'locked') return undefined;
    if (Object.keys(query).length > 0) return undefined;
    historyVault.discard(owner);
    await historyVault.ask();
    this.#reopen();
    return { lines: 0, calls: 0, waiting: 0, discarded: true };
  }

  async #encrypt(encryption: 'auto' | 'off' | 'again'): Promise<HistoryReport> {
    const { historyVault, profile } = this.#core.options;
    if (!historyVault) return NO_VAULT;
    if (encryption !== 'again') profile.settings.set({ historyEncryption: encryption });
    await historyVault.ask();
    this.#reopen();
    return historyVault.report();
  }

  /** In the form that is wanted and possible now. What another connection still holds keeps its form until the next start. */
  #reopen(): void {
    const owner = this.#core.historyOwner;
    if (owner === undefined) return this.#core.tellHistory();
    if (!this.#core.history.closeForGood()) return;
    this.#core.closeHistory();
    this.#core.openHistoryOf(owner);
    for (const name of this.#core.history.unread().keys()) this.#hooks.onUnread(name);
    this.#hooks.onOpened();
  }
}
