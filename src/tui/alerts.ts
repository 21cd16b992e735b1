/**
 * What is worth an alert: somebody calls, somebody writes who is not being read, the connection is gone and does not come back. Obeys
 * the settings and do-not-disturb, and is never more frequent than a person can bear. Pure but for what it holds; `terminal/alert-bytes.ts`
 * makes bytes of an alert, `terminal/alerts-io.ts` sends them.
 */
import { foldName } from '../net/protocol/ids.ts';
import { type AppState, DEFAULT_SCREEN_SETTINGS, LOST_AFTER_MS, ringingCall } from '../store/state.ts';
import { cleanLine } from './text/sanitize.ts';
import { truncate } from './text/width.ts';
import type { Message, World } from './update/world.ts';

export interface Alert {
  readonly kind: 'call' | 'message' | 'connection';
  /** One clean line, bounded. */
  readonly text: string;
}

/** Who has pressed a key within this reads what stands on the screen. */
const READS_FOR_MS = 60_000;
/** At most one alert of a kind, and of one person's messages, within these. */
const GAPS_MS = { call: 2_000, message: 2_000, connection: 60_000 } as const;
const GAP_OF_PERSON_MS = 10_000;
const PEOPLE_MAX = 200;
/** Notifications show two lines at most. */
export const ALERT_COLUMNS_MAX = 100;

export class AlertDesk {
  readonly #lastAtMs = new Map<string, number>();
  #lostAtMs: number | undefined;
  /** Since it was there: where the agent itself is gone, its last word stays `online`. */
  #isLost = false;
  #typedAtMs = Number.NEGATIVE_INFINITY;

  /** A key was pressed. */
  typed(nowMs: number): void {
    this.#typedAtMs = nowMs;
  }

  /** When to `wake` for a connection that is gone; undefined while there is none to wait for. */
  get wakeAtMs(): number | undefined {
    return this.#lostAtMs === undefined ? undefined : this.#lostAtMs + LOST_AFTER_MS;
  }

  /** What `message` made of the world, as alerts. `after.nowMs` is the wall clock. */
  after(before: AppState, after: World, message: Message): readonly Alert[] {
    const { app, nowMs } = after;
    this.#watchConnection(before, after);
    const ringing = ringingCall(app);
    const isNew = ringing !== undefined && ringing.call !== ringingCall(before)?.call;
    return [
      ...(isNew ? this.#alert(app, nowMs, 'call', `${ringing.peer} is calling you`) : []),
      ...(message.type === 'event' ? this.#written(after, message) : []),
    ];
  }

  /** The time has come that `wakeAtMs` named. */
  wake({ app, nowMs }: World): readonly Alert[] {
    if (nowMs < (this.wakeAtMs ?? Number.POSITIVE_INFINITY)) return [];
    this.#lostAtMs = undefined;
    return this.#alert(app, nowMs, 'connection', 'the connection is lost');
  }

  #watchConnection(before: AppState, { app, ui, nowMs }: World): void {
    const isUp = app.connection === 'online' && ui.link.type !== 'lost';
    if (isUp || app.account === null) {
      this.#lostAtMs = undefined;
      this.#isLost = false;
    }
    // Also when the agent itself is gone: nobody can be called by an agent that is not there.
    else if (before.connection === 'online' && before.account !== null && !this.#isLost) {
      this.#isLost = true;
      this.#lostAtMs = nowMs;
    }
  }

  #written({ app, ui, nowMs }: World, message: Extract<Message, { type: 'event' }>): readonly Alert[] {
    const { event } = message;
    if (event.type !== 'chat.message' || event.line.direction !== 'in' || event.line.kind !== undefined) return [];
    const { with: name, text } = event.line;
    const isOpen = ui.focus === 'chat' && foldName(ui.selected) === foldName(name);
    if (isOpen && nowMs - this.#typedAtMs < READS_FOR_MS) return [];
    const person = `message ${foldName(name)}`;
    if (this.#isTooSoon(person, nowMs, GAP_OF_PERSON_MS)) return [];
    const says = app.settings?.alertText ? `${name}: ${text}` : `${name} wrote to you`;
    const alerts = this.#alert(app, nowMs, 'message', says);
    if (alerts.length > 0) this.#remember(person, nowMs);
    return alerts;
  }

  #alert(app: AppState, nowMs: number, kind: Alert['kind'], text: string): readonly Alert[] {
    const { alertCalls, alertMessages, alertConnection } = app.settings ?? DEFAULT_SCREEN_SETTINGS;
    const isWanted = { call: alertCalls, message: alertMessages, connection: alertConnection }[kind];
    if (!isWanted || app.presence === 'do-not-disturb' || this.#isTooSoon(kind, nowMs, GAPS_MS[kind])) return [];
    this.#remember(kind, nowMs);
    return [{ kind, text: truncate(cleanLine(text), ALERT_COLUMNS_MAX) }];
  }

  #isTooSoon(key: string, nowMs: number, gapMs: number): boolean {
    const lastAtMs = this.#lastAtMs.get(key);
    return lastAtMs !== undefined && Math.abs(nowMs - lastAtMs) < gapMs;
  }

  #remember(key: string, nowMs: number): void {
    this.#lastAtMs.delete(key);
    this.#lastAtMs.set(key, nowMs);
    const [oldest] = this.#lastAtMs.keys();
    if (this.#lastAtMs.size > PEOPLE_MAX && oldest !== undefined) this.#lastAtMs.delete(oldest);
  }
}
