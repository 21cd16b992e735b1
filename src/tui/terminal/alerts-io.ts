/**
 * Alerts at work, for the screen and for line mode: asks tmux once whether it lets notifications through, waits for connections that may
 * come back, and hands bytes to whoever owns the terminal. Nothing is ever sent to what is no terminal.
 */
import { execFile } from 'node:child_process';
import { type Alert, AlertDesk } from '../alerts.ts';
import type { Message, World } from '../update/world.ts';
import { alertBytes, alertWays, type Environment } from './alert-bytes.ts';

const TMUX_PATIENCE_MS = 1_000;

export interface AlertsOptions {
  readonly env: Environment;
  readonly isTerminal: boolean;
  readonly write: (bytes: string) => void;
}

export class Alerts {
  readonly #desk = new AlertDesk();
  readonly #options: AlertsOptions;
  #tmuxPasses = false;
  #world: World | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
    if (options.isTerminal && options.env.TMUX) askTmux(options.env, () => (this.#tmuxPasses = true));
  }

  /** A key was pressed. */
  typed(): void {
    this.#desk.typed(Date.now());
  }

  /** `message` has made `after` of what was `before`. */
  after(before: World, after: World, message: Message): void {
    if (!this.#options.isTerminal) return;
    this.#world = after;
    this.#send(this.#desk.after(before.app, after, message));
    clearTimeout(this.#timer);
    const { wakeAtMs } = this.#desk;
    if (wakeAtMs !== undefined) this.#timer = setTimeout(() => this.#wake(), Math.max(0, wakeAtMs - Date.now()) + 5);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#world = undefined;
  }

  #wake(): void {
    if (this.#world) this.#send(this.#desk.wake({ ...this.#world, nowMs: Date.now() }));
  }

  #send(alerts: readonly Alert[]): void {
    const ways = alertWays(this.#world?.app.settings, this.#options.env, this.#tmuxPasses);
    const bytes = alerts.map((alert) => alertBytes(alert, ways)).join('');
    if (bytes !== '') this.#options.write(bytes);
  }
}

/** The option of this pane, with what it inherits. Older than 3.3 it is not known, and nothing is sent. */
function askTmux(env: Environment, passes: () => void): void {
  const pane = env.TMUX_PANE ? ['-t', env.TMUX_PANE] : [];
  const args = ['display-message', '-p', ...pane, '#{allow-passthrough}'];
  execFile('tmux', args, { timeout: TMUX_PATIENCE_MS }, (error, stdout) => {
    if (!error && /^(1|on|all|2)$/.test(stdout.trim())) passes();
  });
}
