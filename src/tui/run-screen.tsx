/**
 * The screen at work: keys and the agent's events in, frames and commands out. The one stateful thing here; what it
 * holds is one world, changed by `update`, drawn by `App`. It draws at once after a key, soon after an event, and
 * not at all when nothing changed.
 *
 *   stdin -> KeyParser -\                          /-> App -> Ink -> DiffStdout -> stdout
 *                        > update(world, message) <
 *   agent -> events ----/                          \-> effects -> agent
 */
import { render } from 'ink';
import type { ReactNode } from 'react';
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCommand } from '../store/port.ts';
import { currentCall, INITIAL_STATE } from '../store/state.ts';
import type { AgentLink } from './agent-link.ts';
import { type PreferencesStore, readPreferences } from './preferences.ts';
import { Alerts } from './terminal/alerts-io.ts';
import { clipboardCode } from './terminal/clipboard.ts';
import { DiffStdout, type TerminalOutput } from './terminal/diff-stdout.ts';
import { KeyParser } from './terminal/key-parser.ts';
import { type TerminalInput, TerminalSession } from './terminal/terminal-session.ts';
import { cleanText } from './text/sanitize.ts';
import { glyphsFor, wantsColour } from './theme.ts';
import { backgroundOf, backgroundTold, depthOf } from './themes.ts';
import { INITIAL_UI, type UiState } from './ui-state.ts';
import { update } from './update/update.ts';
import { walkWithInvite } from './update/walk-commands.ts';
import type { Effect, Message, Tag, World } from './update/world.ts';
import { App } from './view/app.tsx';
import { CursorSink } from './view/cursor.ts';
import { crashSentence, problemsSentence } from './wording.ts';

export interface ScreenInput extends TerminalInput {
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
}

export interface ScreenOutput extends TerminalOutput {
  readonly isTTY?: boolean;
  on(event: 'resize', listener: () => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export interface ScreenOptions {
  /** On its way already: the agent answers while Ink is loaded. Closed at the end. */
  readonly link: AgentLink;
  readonly stdin: ScreenInput;
  readonly stdout: ScreenOutput;
  /** Words for a person who has no screen. */
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** One sentence shown at the start. */
  readonly initialHint?: string | undefined;
  /** What the person chose for the screen; absent: nothing is remembered. */
  readonly preferences?: PreferencesStore;
  /** The audio SPEC for calls made or answered from this screen; absent: what the agent has. */
  readonly audio?: string | undefined;
}

/** Exit codes of the contract that are ours; a signal gives 128 and its number. */
const EXIT = { done: 0, bug: 5, lostTerminal: 129 } as const;
/** How long the first picture waits for the agent. */
const FIRST_DRAW_MS = 150;
/** Events that come together are drawn together. */
const EVENT_DRAW_MS = 50;
/** A level meter need not be faster than the eye: 4 a second. */
const LEVEL_DRAW_MS = 250;
/** Times of day and "seen 5 min ago" are looked at again this often. */
const MINUTE_MS = 60_000;
/** A terminal that tells its background does so within a round trip. */
const ANSWER_PATIENCE_MS = 2_000;
/** OSC 11: what is your background? */
const ASK_BACKGROUND = '\x1b]11;?\x1b\\';

/**
 * Shows the screen, on a terminal, until the person leaves. Resolves with the exit code: 0 when they quit, 5 after a fault of our
 * own, 128 + n after a signal. The terminal is restored before it resolves.
 */
export async function runScreen(options: ScreenOptions): Promise<number> {
  return await new ScreenRun(options).run();
}

class ScreenRun {
  private readonly options: ScreenOptions;
  private readonly writer: DiffStdout;
  private readonly session: TerminalSession;
  private readonly keys = new KeyParser();
  private readonly alerts: Alerts;
  private world: World;
  private ink: ReturnType<typeof render> | undefined;
  private readonly link: AgentLink;
  private done = false;
  private finish: (exitCode: number) => void = () => {};
  private flushTimer: NodeJS.Timeout | undefined;
  private drawTimer: NodeJS.Timeout | undefined;
  private drawAtMs = Number.POSITIVE_INFINITY;
  private wakeTimer: NodeJS.Timeout | undefined;

  constructor(options: ScreenOptions) {
    const { stdin, stdout, env, audio, initialHint } = options;
    this.options = options;
    this.writer = new DiffStdout(stdout, { colour: wantsColour(env) });
    this.link = options.link;
    this.alerts = new Alerts({
      env,
      isTerminal: stdout.isTTY === true,
      write: (bytes) => this.writer.passThrough(bytes),
    });
    this.session = new TerminalSession(stdin, stdout, {
      leave: (exitCode) => this.leave(exitCode),
      crashed: (error, alone) => this.crash(error, alone),
      resumed: () => this.redraw(),
    });
    const size = { columns: this.writer.columns, rows: this.writer.rows };
    const look = { ...lookOf(options), background: backgroundOf(env), depth: depthOf(env) };
    const ui = walkWithInvite({ ...INITIAL_UI, ...size, ...look }, env.WREN_INVITE ?? '');
    const bare: World = { app: INITIAL_STATE, ui, nowMs: Date.now(), audio };
    const text = look.problems.length > 0 ? problemsSentence(look.problems) : (initialHint ?? '');
    const tone = look.problems.length > 0 ? 'warn' : 'good';
    const hint = { text, tone, untilMs: Number.POSITIVE_INFINITY, untilKey: true } as const;
    this.world = { ...bare, ui: { ...ui, notice: text === '' ? null : hint } };
  }

  async run(): Promise<number> {
    const { stdin, stdout } = this.options;
    const left = new Promise<number>((resolve) => {
      this.finish = resolve;
    });
    this.session.wantMouse(this.world.ui.preferences.mouse);
    this.session.start();
    this.askBackground();
    stdin.on('data', (bytes) => this.typed(bytes));
    for (const event of ['end', 'close', 'error'] as const) stdin.on(event, () => this.leave(EXIT.lostTerminal));
    stdout.on('error', () => this.leave(EXIT.lostTerminal));
    stdout.on('resize', () => this.redraw());
    // An agent that runs answers at once: no need to say first that it is looked for.
    this.drawSoon(FIRST_DRAW_MS);
    this.link.listen({
      linked: (state) => this.told({ type: 'linked', state }, 0),
      event: (event) =>
        this.told({ type: 'event', event }, event.type === 'call.level' ? LEVEL_DRAW_MS : EVENT_DRAW_MS),
      lost: (code) => this.told({ type: 'link-lost', code }, 0),
    });
    return await left;
  }

  /** Everything that happens passes here. Drawing is the caller's decision. */
  private receive(message: Message): void {
    if (this.done) return;
    const before: World = { ...this.world, nowMs: Date.now() };
    const { app, ui, effects } = update(before, message);
    this.world = { ...before, app, ui };
    if (message.type === 'key') this.alerts.typed();
    this.alerts.after(before, this.world, message);
    this.session.wantMouse(ui.preferences.mouse);
    for (const effect of effects) this.carryOut(effect);
  }

  private typed(bytes: Buffer): void {
    clearTimeout(this.flushTimer);
    this.press(this.keys.feed(bytes));
    const waitMs = this.keys.wantsFlush();
    if (waitMs !== undefined) this.flushTimer = setTimeout(() => this.press(this.keys.flush()), waitMs);
  }

  private press(keys: ReturnType<KeyParser['feed']>): void {
    for (const key of keys) {
      if (key.name === 'answer') this.hearAnswer(key.text);
      else this.receive({ type: 'key', key });
    }
    if (keys.length > 0) this.draw();
  }

  /** Asked only where the answer may change something. */
  private askBackground(): void {
    const { env, stdout } = this.options;
    if (!wantsColour(env) || env.TERM === 'linux') return;
    this.keys.awaitsAnswer = true;
    stdout.write(ASK_BACKGROUND);
    setTimeout(() => {
      this.keys.awaitsAnswer = false;
    }, ANSWER_PATIENCE_MS).unref();
  }

  private hearAnswer(text: string): void {
    const background = backgroundTold(text);
    if (background) this.receive({ type: 'background', background });
  }

  // --- the agent

  /** What the link tells. */
  private told(message: Message, drawnWithinMs: number): void {
    this.receive(message);
    this.drawSoon(drawnWithinMs);
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'request':
        void this.request(effect.command, effect.tag);
        return;
      case 'quit':
        void this.quit(effect.hangUp);
        return;
      case 'suspend':
        this.session.suspend();
        return;
      case 'repaint':
        this.writer.invalidate();
        return;
      case 'copy':
        this.writer.passThrough(clipboardCode(effect.text, this.options.env));
        return;
      case 'save':
        this.save(effect.change);
        return;
      default:
        effect satisfies never;
    }
  }

  private save(change: Extract<Effect, { type: 'save' }>['change']): void {
    try {
      this.options.preferences?.write(change);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'profile-unwritable';
      const tag = { for: 'plain', detail: 'screen.json' } as const;
      queueMicrotask(() => {
        this.receive({ type: 'refused', tag, code, detail: '', retryAfterMs: 0 });
        this.drawSoon(0);
      });
    }
  }

  private async request(command: AgentCommand, tag: Tag): Promise<void> {
    try {
      this.receive({ type: 'reply', tag, result: await this.link.request(command) });
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('internal', String(error));
      const { code, message: detail, retryAfterMs } = refusal;
      // Refused on the spot: the world that asked is still being made.
      await Promise.resolve();
      this.receive({ type: 'refused', tag, code, detail, retryAfterMs });
    }
    this.drawSoon(0);
  }

  // --- drawing

  /** Draws within `delayMs`; an earlier appointment stands. */
  private drawSoon(delayMs: number): void {
    const atMs = Date.now() + delayMs;
    if (this.done || this.drawAtMs <= atMs) return;
    clearTimeout(this.drawTimer);
    this.drawAtMs = atMs;
    this.drawTimer = setTimeout(() => this.draw(), delayMs);
  }

  private draw(): void {
    if (this.done) return;
    clearTimeout(this.drawTimer);
    this.drawAtMs = Number.POSITIVE_INFINITY;
    this.world = { ...this.world, nowMs: Date.now() };
    this.writer.placeCursor(undefined);
    const tree = (
      <CursorSink.Provider value={(place) => this.writer.placeCursor(place)}>
        <App world={this.world} glyphs={glyphsFor(this.options.env)} />
      </CursorSink.Provider>
    );
    if (this.ink) this.ink.rerender(tree);
    else this.ink = this.startInk(tree);
    this.writer.flush();
    clearTimeout(this.wakeTimer);
    this.wakeTimer = setTimeout(() => this.wake(), nextChangeMs(this.world));
  }

  private startInk(tree: ReactNode): ReturnType<typeof render> {
    const ink = render(tree, {
      stdout: this.writer as unknown as NodeJS.WriteStream,
      stdin: this.options.stdin as unknown as NodeJS.ReadStream,
      // Whole frames, one write each: what the writer wants.
      debug: true,
      exitOnCtrlC: false,
      patchConsole: false,
    });
    // Ink swallows what a component throws and only rejects this.
    ink.waitUntilExit().catch((error: unknown) => this.crash(error, true));
    return ink;
  }

  private wake(): void {
    this.receive({ type: 'tick' });
    this.draw();
  }

  /** The terminal was resized, or somebody else drew on it. */
  private redraw(): void {
    this.writer.invalidate();
    this.receive({ type: 'resized', columns: this.writer.columns, rows: this.writer.rows });
    this.draw();
  }

  // --- ways out

  private async quit(hangUp: boolean): Promise<void> {
    if (hangUp) await this.link.hangUp();
    this.leave(EXIT.done);
  }

  private crash(error: unknown, alone: boolean): void {
    if (this.done) return;
    this.leave(EXIT.bug);
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (alone) this.options.stderr.write(crashSentence(cleanText(detail)));
  }

  private leave(exitCode: number): void {
    if (this.done) return;
    this.done = true;
    this.alerts.close();
    this.writer.close();
    this.session.stop();
    this.ink?.unmount();
    for (const timer of [this.flushTimer, this.drawTimer, this.wakeTimer]) clearTimeout(timer);
    this.link.close();
    this.finish(exitCode);
  }
}

/** The person's choices as they stand in the profile; a file that cannot even be read costs no screen. */
function lookOf({ preferences: store }: ScreenOptions): Pick<UiState, 'preferences' | 'keys' | 'problems'> {
  try {
    const { stored, problem } = store?.read() ?? { stored: undefined, problem: '' };
    const { problems, ...look } = readPreferences(stored);
    return { ...look, problems: problem === '' ? problems : [problem, ...problems] };
  } catch (error) {
    return { ...readPreferences(undefined), problems: [`screen.json cannot be read: ${cleanText(String(error))}`] };
  }
}

/** In how many ms the picture may change by itself: seconds count while something runs, else minutes. */
function nextChangeMs({ app, ui, nowMs }: World): number {
  const call = currentCall(app);
  const dialog = ui.dialog;
  const busySinceMs =
    ui.walk.busySinceMs ?? (dialog?.type === 'search' || dialog?.type === 'add' ? dialog.busySinceMs : null);
  const runningSinceMs = call ? (call.answeredAtMs ?? call.startedAtMs) : busySinceMs;
  const nextMinuteMs = MINUTE_MS - (nowMs % MINUTE_MS);
  const nextSecondMs =
    runningSinceMs === null ? nextMinuteMs : 1000 - ((((nowMs - runningSinceMs) % 1000) + 1000) % 1000);
  const noticeMs = ui.notice ? Math.max(0, ui.notice.untilMs - nowMs) : nextMinuteMs;
  // A little late rather than a little early: an early wake would draw the same second twice.
  return Math.min(nextSecondMs, nextMinuteMs, noticeMs) + 5;
}
