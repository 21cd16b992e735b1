/**
 * Line mode at work: typed or piped lines and the agent's events in, lines and commands out. Append-only: nothing that stands is ever
 * drawn again, no control code is sent but Carriage Return, Line Feed, Backspace and what alerts need. What comes in while a
 * person types is put above the half-typed line, which is then written whole again, as shells do.
 *
 *   stdin -> LineEditor or whole lines -> actLine -\                /-> lines -> stdout
 *                                                   > update(...) <
 *   agent -> events -------------------------------/                \-> effects -> agent
 *
 * A little above 400 lines: what comes in and what goes out are one order of events.
 */
import process from 'node:process';
import { StringDecoder } from 'node:string_decoder';
import { type FailureCode, Refusal } from '../../net/protocol/failures.ts';
import { type AppState, currentCall, INITIAL_STATE } from '../../store/state.ts';
import { AgentLink } from '../agent-link.ts';
import { conversationsOf } from '../people-groups.ts';
import { DEFAULT_PREFERENCES, type Preferences, readPreferences } from '../preferences.ts';
import { Alerts } from '../terminal/alerts-io.ts';
import { KeyParser } from '../terminal/key-parser.ts';
import { cleanLine } from '../text/sanitize.ts';
import { widthOf } from '../text/width.ts';
import { INITIAL_UI } from '../ui-state.ts';
import { contextOf } from '../update/context.ts';
import { update } from '../update/update.ts';
import type { Effect, Message, World } from '../update/world.ts';
import { failureSentence } from '../wording.ts';
import { actLine } from './act.ts';
import { LineEditor, type Typed } from './line-editor.ts';
import type { Ask } from './line-step.ts';
import { completion } from './line-table.ts';
import type { LinesOptions } from './lines-options.ts';
import { promptOf } from './questions.ts';
import { answerLines, tell } from './tell.ts';

const EXIT = { done: 0, usage: 3, lostTerminal: 129 } as const;
const SIGNALS = { SIGTERM: 143, SIGHUP: 129 } as const;
/** What a piped line causes is told before the next one is read. */
const ECHO_OF_LINE_MS = 60;
/** More lines at once than anybody pastes; a pipe is read no faster than it is carried out. */
const LINES_WAITING_MAX = 10_000;
const COLUMNS_UNKNOWN = 80;
/** One backslash at the end; two are one that is meant. */
const GOES_ON = /(?:^|[^\\])\\$/;
/** What is no text while one writes. */
const COMMAND = /^\/(?!\/)/;

/** Runs until the person leaves or the input ends; resolves with the exit code. */
export function runLines(options: LinesOptions): Promise<number> {
  return new LineRun(options).run();
}

class LineRun {
  readonly #options: LinesOptions;
  /** A person types at a terminal, and reads at one. */
  readonly #isTyped: boolean;
  readonly #keys = new KeyParser();
  readonly #decoder = new StringDecoder('utf8');
  readonly #editor: LineEditor;
  readonly #alerts: Alerts;
  #world: World;
  readonly #link: AgentLink;
  readonly #waiting: string[] = [];
  /** Lines of a message that goes on in the next one. */
  #begun = '';
  #rest = '';
  #isEnded = false;
  #isPumping = false;
  #isPromptShown = false;
  #isDone = false;
  #exit: number = EXIT.done;
  #finish: (exitCode: number) => void = () => {};
  /** Ends the wait for what the last line asked. */
  #giveUp: () => void = () => {};
  #flushTimer: NodeJS.Timeout | undefined;
  readonly #undo: (() => void)[] = [];

  constructor(options: LinesOptions) {
    const { stdin, stdout, env, audio } = options;
    this.#options = options;
    this.#link = new AgentLink(options.connect);
    this.#link.listen({
      linked: (state) => this.#linked(state),
      event: (event) => this.#receive({ type: 'event', event }),
      lost: (code) => this.#lost(code),
    });
    this.#isTyped = stdin.isTTY === true && stdout.isTTY === true && stdin.setRawMode !== undefined;
    this.#editor = new LineEditor(() => stdout.columns ?? COLUMNS_UNKNOWN);
    const isTerminal = stdout.isTTY === true;
    this.#alerts = new Alerts({ env, isTerminal, write: (bytes) => void stdout.write(bytes) });
    // A script is not asked what a person is asked.
    const ui = { ...INITIAL_UI, askedToServe: !this.#isTyped, preferences: preferencesOf(options) };
    this.#world = { app: INITIAL_STATE, ui, nowMs: Date.now(), audio };
  }

  async run(): Promise<number> {
    const { stdin, stdout, initialHint } = this.#options;
    const left = new Promise<number>((resolve) => {
      this.#finish = resolve;
    });
    if (this.#isTyped) this.#takeTerminal();
    stdin.on('data', (bytes) => (this.#isTyped ? this.#typed(bytes) : this.#piped(this.#decoder.write(bytes))));
    for (const event of ['end', 'close', 'error'] as const) stdin.on(event, () => this.#inputEnded());
    stdin.resume();
    stdout.on('error', () => this.#leave(this.#exit));
    if (initialHint) this.#print([initialHint]);
    void this.#link.keep();
    return await left;
  }

  // --- the agent

  #linked(state: AppState): void {
    const isFirst = this.#world.app.version === '';
    this.#receive({ type: 'linked', state });
    const { WREN_INVITE } = this.#options.env;
    if (isFirst && WREN_INVITE && state.network === null) this.#waiting.unshift(WREN_INVITE);
    void this.#pump();
  }

  #lost(code: FailureCode): void {
    this.#receive({ type: 'link-lost', code });
    // A script does not wait for an agent that cannot be had.
    if (!this.#isTyped && this.#world.app.version === '') this.#leave(this.#options.exitOf(code));
  }

  /** Everything that happens passes here, and is told. */
  #receive(message: Message): void {
    if (this.#isDone) return;
    const before: World = { ...this.#world, nowMs: Date.now() };
    const { app, ui, effects } = update(before, message);
    this.#world = { ...before, app, ui };
    this.#print(tell(before, this.#world, message, this.#options.voice));
    this.#alerts.after(before, this.#world, message);
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'request':
        // Nothing is drawn here, so what a drawn conversation would need is not asked for.
        if (effect.command.type === 'chat.history') return;
        // A script is nobody who could be asked to serve.
        if (effect.command.type !== 'serving.screen' || this.#isTyped) void this.#request({ effect, shows: 'nothing' });
        return;
      case 'quit':
        void this.#quit(effect.hangUp);
        return;
      case 'suspend':
        return this.#suspend();
      case 'save':
        return this.#save(effect.change);
      default:
        return;
    }
  }

  /** Where somebody stands in the list: kept with what the screen keeps. */
  #save(change: Parameters<NonNullable<LinesOptions['preferences']>['write']>[0]): void {
    try {
      this.#options.preferences?.write(change);
    } catch (error) {
      this.#print([failureSentence(error instanceof Refusal ? error.code : 'internal')]);
    }
  }

  /** Asks the agent, and tells the answer. Resolves when that is done. */
  async #request(ask: Ask): Promise<void> {
    const { effect, shows } = ask;
    if (effect.type !== 'request') return this.#carryOut(effect);
    const { voice, exitOf } = this.#options;
    try {
      const result = await this.#link.request(effect.command);
      this.#receive({ type: 'reply', tag: effect.tag, result });
      if (shows !== 'sent' || !this.#isTyped || voice.isReader) {
        this.#print(answerLines(ask, result, this.#world, voice));
      }
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal('internal', String(error));
      const { code, message: detail, retryAfterMs } = refusal;
      if (effect.tag.for !== 'quiet') this.#exit = exitOf(code);
      if (shows === 'setting' && code === 'usage') return this.#print([`${cleanLine(detail)}.`]);
      const { notice, walk } = this.#world.ui;
      this.#receive({ type: 'refused', tag: effect.tag, code, detail, retryAfterMs });
      const isTold = this.#world.ui.notice !== notice || this.#world.ui.walk !== walk || effect.tag.for === 'quiet';
      if (!isTold) this.#print([failureSentence(code)]);
    }
  }

  // --- lines in

  #piped(text: string): void {
    const parts = (this.#rest + text).split(/\r?\n/);
    this.#rest = parts.pop() ?? '';
    this.#take(...parts);
  }

  #inputEnded(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#isTyped) return this.#leave(EXIT.lostTerminal);
    const last = this.#rest + this.#decoder.end();
    if (last !== '') this.#take(last);
    void this.#pump();
  }

  #take(...lines: readonly string[]): void {
    this.#waiting.push(...lines.slice(0, Math.max(0, LINES_WAITING_MAX - this.#waiting.length)));
    if (!this.#isTyped && this.#waiting.length > 0) this.#options.stdin.pause();
    void this.#pump();
  }

  /** Carries out what waits, one line after another: the next one when the last has been answered. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#isDone && this.#world.ui.link.type !== 'starting' && this.#world.app.version !== '') {
      const line = this.#waiting.shift();
      if (line === undefined) break;
      await this.#act(line);
    }
    this.#isPumping = false;
    if (this.#isDone || this.#world.app.version === '') return;
    if (this.#isTyped) return this.#prompt();
    if (this.#isEnded) return this.#endBegun();
    this.#options.stdin.resume();
  }

  async #act(line: string): Promise<void> {
    const before: World = { ...this.#world, nowMs: Date.now() };
    const isWriting = before.ui.focus === 'chat' && contextOf(before.app, before.ui) === 'writing';
    if (isWriting && GOES_ON.test(line)) {
      this.#begun += `${line.slice(0, -1)}\n`;
      return;
    }
    // A question that came meanwhile is answered, and a command given, by its own line; what was begun waits.
    const goesOn = isWriting && !COMMAND.test(line);
    const whole = goesOn ? this.#begun + line : line;
    if (goesOn) this.#begun = '';
    const step = actLine(before, whole, this.#options.voice);
    this.#world = { ...before, ui: step.ui };
    if (step.isBad) this.#exit = EXIT.usage;
    this.#print(step.lines);
    const settled = update(this.#world, { type: 'tick' });
    this.#world = { ...this.#world, ui: settled.ui };
    this.#print(tell(before, this.#world, { type: 'tick' }, this.#options.voice));
    for (const effect of settled.effects) this.#carryOut(effect);
    const answered = Promise.all(step.asks.map((ask) => this.#request(ask)));
    const paused = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
      const linger = this.#isTyped || step.asks.length === 0 ? 0 : ECHO_OF_LINE_MS;
      const pauseMs = step.pauseMs ?? linger;
      void answered.then(() => (pauseMs === 0 ? resolve() : void setTimeout(resolve, pauseMs)));
    });
    await paused;
    if (this.#begun === '' || this.#world.ui.focus === 'chat') return;
    this.#begun = '';
    this.#print(['What you had begun to write was not sent.']);
  }

  /** A last line that was to go on has nothing more to come. */
  async #endBegun(): Promise<void> {
    const begun = this.#begun.slice(0, -1);
    this.#begun = '';
    if (begun !== '') await this.#act(begun);
    this.#goAtEnd();
  }

  #goAtEnd(): void {
    const call = currentCall(this.#world.app);
    if (call) this.#print([`The call with ${call.peer} goes on; "wren hangup" ends it.`]);
    this.#leave(this.#exit);
  }

  // --- a person at a terminal

  #typed(bytes: Buffer): void {
    clearTimeout(this.#flushTimer);
    this.#alerts.typed();
    this.#press(this.#keys.feed(bytes));
    const waitMs = this.#keys.wantsFlush();
    if (waitMs !== undefined) this.#flushTimer = setTimeout(() => this.#press(this.#keys.flush()), waitMs);
  }

  #press(keys: ReturnType<KeyParser['feed']>): void {
    for (const key of keys) {
      if (this.#isDone) return;
      const { echo, typed } = this.#editor.press(key);
      if (this.#isPromptShown) this.#options.stdout.write(echo);
      this.#became(typed);
    }
  }

  #became(typed: Typed): void {
    switch (typed.type) {
      case 'nothing':
        return;
      case 'line':
        this.#isPromptShown = false;
        return this.#take(typed.text);
      case 'cancel':
        this.#isPromptShown = false;
        this.#giveUp();
        return this.#cancel();
      case 'end':
        this.#isPromptShown = false;
        return this.#take('/quit');
      case 'suspend':
        return this.#suspend();
      case 'complete':
        return this.#complete();
    }
  }

  /** Ctrl-C on nothing: leaves what is open, else quits as `quit` does. */
  #cancel(): void {
    const { dialog, focus } = this.#world.ui;
    if (this.#begun !== '') {
      this.#begun = '';
      return this.#prompt();
    }
    if (dialog) return this.#take(dialog.type === 'quit' ? 'stay' : 'no');
    this.#take(focus === 'chat' ? '/close' : '/quit');
  }

  #complete(): void {
    const names = conversationsOf(this.#world.app).map(({ name }) => name);
    const { add, offers } = completion(this.#editor.text, names);
    const echo = add === '' ? '' : this.#editor.add(add);
    if (this.#isPromptShown) this.#options.stdout.write(echo);
    if (offers.length > 0) this.#print([offers.join('  ')]);
  }

  #prompt(): void {
    if (this.#isPromptShown || this.#isDone) return;
    this.#ask();
    this.#options.stdout.write(this.#editor.written);
    this.#isPromptShown = true;
  }

  #ask(): void {
    const { text, secret } = promptOf(this.#world);
    this.#editor.ask(this.#begun === '' ? text : '> ', secret);
  }

  /** Whole lines; a half-typed one is written again below them. */
  #print(lines: readonly string[]): void {
    if (lines.length === 0 || this.#isDone) return;
    const { stdout, voice } = this.#options;
    const body = lines.map((line) => `${line}\n`).join('');
    if (!this.#isPromptShown) return void stdout.write(body);
    const old = widthOf(this.#editor.row);
    // What it stood on is overwritten; a screen reader has read it already, and nothing is taken back there.
    const isOver = !voice.isReader && this.#editor.fitsRow;
    const [first = ''] = lines;
    const wipe = isOver && widthOf(first) < old ? `\r${' '.repeat(old)}` : '';
    this.#ask();
    stdout.write(`${wipe}${isOver ? '\r' : '\n'}${body}${this.#editor.written}`);
  }

  // --- the terminal, and ways out

  #takeTerminal(): void {
    this.#options.stdin.setRawMode?.(true);
    for (const [signal, exitCode] of Object.entries(SIGNALS)) {
      const listener = () => this.#leave(exitCode);
      process.on(signal, listener);
      this.#undo.push(() => process.off(signal, listener));
    }
    const back = () => {
      this.#options.stdin.setRawMode?.(false);
      this.#options.stdin.setRawMode?.(true);
      this.#isPromptShown = false;
      this.#prompt();
    };
    process.on('SIGCONT', back);
    this.#undo.push(() => process.off('SIGCONT', back));
  }

  #suspend(): void {
    if (!this.#isTyped) return;
    this.#options.stdin.setRawMode?.(false);
    process.kill(0, 'SIGTSTP');
  }

  async #quit(hangUp: boolean): Promise<void> {
    if (hangUp) await this.#link.hangUp();
    this.#leave(this.#isTyped ? EXIT.done : this.#exit);
  }

  #leave(exitCode: number): void {
    if (this.#isDone) return;
    if (this.#isPromptShown) this.#options.stdout.write('\n');
    this.#isDone = true;
    this.#alerts.close();
    this.#giveUp();
    clearTimeout(this.#flushTimer);
    if (this.#isTyped) this.#options.stdin.setRawMode?.(false);
    for (const undo of this.#undo.splice(0)) undo();
    this.#options.stdin.pause();
    this.#link.close();
    this.#finish(exitCode);
  }
}

/** Of what is kept for the screen, what counts here: in which group somebody stands. */
function preferencesOf({ preferences: store }: LinesOptions): Preferences {
  try {
    return readPreferences(store?.read().stored).preferences;
  } catch {
    // It is the screen that says so: nothing here needs it.
    return DEFAULT_PREFERENCES;
  }
}
