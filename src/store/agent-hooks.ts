/**
 * Hooks: programs of a person that the agent runs when something happens, from the folder `hooks` of the profile and from the settings
 * `hookCommand` (every event) and `alertCommand` (what is worth an alert; obeys do-not-disturb and the kinds that are switched
 * off; a connection that comes back in time is no loss). The agent hands in every event after it was folded; nothing here is ever
 * waited for.
 */
import { join } from 'node:path';
import { LOST_AFTER_MS } from '../net/protocol/params.ts';
import type { AgentCore } from './agent-core.ts';
import { commandWords, type HookNews, hookNews } from './hook-plan.ts';
import { type HookRun, HookRunner, hookFiles } from './hook-runner-io.ts';
import type { AgentEvent } from './port.ts';
import type { Settings } from './settings-file.ts';
import type { AppState } from './state.ts';

/** Different troubles that are told; more are the same one again. */
const TROUBLES_MAX = 200;

export class AgentHooks {
  readonly #core: AgentCore;
  readonly #folder: string;
  readonly #runner: HookRunner;
  readonly #told = new Set<string>();
  #before: AppState;
  /** Until a lost connection is worth an alert. */
  #lost: NodeJS.Timeout | undefined;

  constructor(core: AgentCore) {
    this.#core = core;
    this.#before = core.state;
    const { folder } = core.options.profile;
    this.#folder = join(folder, 'hooks');
    this.#runner = new HookRunner({ folder, trouble: (key, what, fields) => this.#trouble(key, what, fields) });
    core.onEvent((event) => this.#happened(event));
  }

  /** The agent ends. */
  close(): void {
    clearTimeout(this.#lost);
    this.#runner.close();
  }

  #happened(event: AgentEvent): void {
    const { state, options } = this.#core;
    const before = this.#before;
    this.#before = state;
    // A service is nobody's profile.
    if (options.service) return;
    if (state.connection === 'online' || state.account === null) clearTimeout(this.#lost);
    for (const news of hookNews(before, state, event, options.wallClock())) this.#run(news);
  }

  #run(news: HookNews): void {
    const settings = this.#core.options.profile.settings.get();
    const input = this.#input(news);
    if (settings.hooks) {
      for (const { path, trouble } of hookFiles(this.#folder, news.event)) {
        if (trouble === undefined) this.#runner.run({ file: path, args: [news.event], ...input });
        else this.#trouble(`${path} ${trouble}`, 'a hook is not run', { file: path, why: trouble });
      }
      this.#command(settings.hookCommand, 'hook-command', input, news.event);
    }
    if (!news.isAlert) return;
    if (news.event !== 'offline') return this.#alert(news);
    clearTimeout(this.#lost);
    this.#lost = setTimeout(() => this.#alert(news), LOST_AFTER_MS).unref();
  }

  #alert(news: HookNews): void {
    const settings = this.#core.options.profile.settings.get();
    if (!wantsAlert(settings, news, this.#core.state.presence)) return;
    this.#command(settings.alertCommand, 'alert-command', this.#input(news), news.event);
  }

  #input(news: HookNews): Pick<HookRun, 'stdin' | 'env'> {
    const env = { WREN_EVENT: news.event, WREN_PROFILE: this.#core.options.profile.folder, ...news.env };
    return { stdin: `${JSON.stringify(news.json)}\n`, env };
  }

  /** The name of the event follows the words of the person. */
  #command(command: string, setting: string, input: Pick<HookRun, 'stdin' | 'env'>, event: string): void {
    if (command === '') return;
    const [file, ...args] = commandWords(command) ?? [];
    if (file === undefined) this.#trouble(`${setting} ${command}`, 'a command is not whole', { setting });
    else this.#runner.run({ file, args: [...args, event], ...input });
  }

  #trouble(key: string, what: string, fields: Readonly<Record<string, string | number>>): void {
    if (this.#told.has(key) || this.#told.size >= TROUBLES_MAX) return;
    this.#told.add(key);
    this.#core.options.log.warn('hooks', what, fields);
  }
}

function wantsAlert(settings: Settings, { event }: HookNews, presence: AppState['presence']): boolean {
  if (presence === 'do-not-disturb') return false;
  if (event === 'ringing') return settings.alertCalls;
  return event === 'message' ? settings.alertMessages : settings.alertConnection;
}
