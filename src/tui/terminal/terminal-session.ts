/**
 * Borrows the terminal and gives it back: alternate screen, raw keys, bracketed paste, cursor. One function restores
 * it, on every way out: quit, SIGTERM, SIGHUP, SIGINT, an uncaught exception, a terminal that is gone. Ctrl-Z hands
 * the terminal to the shell and takes it again on SIGCONT. The only place in the screen that knows signals.
 */
import process from 'node:process';

/** `process.stdin`, or a stand-in. */
export interface TerminalInput {
  readonly isTTY?: boolean;
  setRawMode(on: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** What the session tells its owner. Each is called at most once, except `resumed`. */
export interface SessionEvents {
  /** Leave with this exit code: a signal, or a lost terminal. The terminal is restored already. */
  leave(exitCode: number): void;
  /** An exception nobody caught. The terminal is restored already. `alone`: nobody else will tell the person. */
  crashed(error: unknown, alone: boolean): void;
  /** Back from the shell: draw everything again. */
  resumed(): void;
}

const ENTER = '\x1b[?1049h\x1b[?2004h\x1b[?25l';
/** Clicks and the wheel, in the form that knows no widest column. */
const MOUSE_ON = '\x1b[?1000h\x1b[?1006h';
const MOUSE_OFF = '\x1b[?1006l\x1b[?1000l';
/** Mouse and paste marks off, cursor on, plain style, no half-open synchronized update, normal screen. */
export const RESTORE = `${MOUSE_OFF}\x1b[?2026l\x1b[?2004l\x1b[?25h\x1b[m\x1b[?1049l`;

/** Exit codes by convention: 128 and the number of the signal. */
const SIGNALS = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130 } as const;
/** A shell that is going to stop us does so at once; without job control nobody ever does. */
const STOP_WAIT_MS = 150;

export class TerminalSession {
  private readonly input: TerminalInput;
  private readonly output: { write(text: string): unknown };
  private readonly events: SessionEvents;
  private active = false;
  private mouse = false;
  private readonly undo: (() => void)[] = [];

  constructor(input: TerminalInput, output: { write(text: string): unknown }, events: SessionEvents) {
    this.input = input;
    this.output = output;
    this.events = events;
  }

  /** Takes the terminal and watches every way out. */
  start(): void {
    this.enter();
    for (const [signal, exitCode] of Object.entries(SIGNALS)) {
      this.watch(signal, () => {
        this.restore();
        this.events.leave(exitCode);
      });
    }
    this.watch('uncaughtException', (error) => {
      this.restore();
      this.events.crashed(error, process.listenerCount('uncaughtException') === 1);
    });
    this.watch('exit', () => this.restore());
    this.watch('SIGCONT', () => {
      // Stopped from outside (kill -STOP): the shell changed the modes behind our back, so set them anew.
      if (this.active) this.input.setRawMode(false);
      this.active = false;
      this.resume();
    });
  }

  /** Whether clicks and the wheel come to us; off at first. */
  wantMouse(on: boolean): void {
    if (on === this.mouse) return;
    this.mouse = on;
    if (this.active) this.output.write(on ? MOUSE_ON : MOUSE_OFF);
  }

  /** Gives the terminal back and stops watching. */
  stop(): void {
    this.restore();
    for (const undo of this.undo.splice(0)) undo();
    this.input.pause();
  }

  /** Ctrl-Z: the shell gets the terminal until it continues us. */
  suspend(): void {
    this.restore();
    // The whole group: whoever started us (npm, the launcher) must stop with us.
    process.kill(0, 'SIGTSTP');
    // Where nobody does job control the signal is lost, and we simply go on.
    setTimeout(() => this.resume(), STOP_WAIT_MS).unref();
  }

  private resume(): void {
    if (this.active) return;
    this.enter();
    this.events.resumed();
  }

  private enter(): void {
    this.active = true;
    this.input.setRawMode(true);
    this.input.resume();
    this.output.write(this.mouse ? ENTER + MOUSE_ON : ENTER);
  }

  private restore(): void {
    if (!this.active) return;
    this.active = false;
    // A terminal that is gone must not keep us from leaving.
    // The modes first: a report of the mouse that comes in cooked mode would be echoed.
    attempt(() => this.output.write(RESTORE));
    attempt(() => this.input.setRawMode(false));
  }

  private watch(event: string, listener: (detail: unknown) => void): void {
    // In front: whoever started the screen may have a listener that prints and exits.
    process.prependListener(event as 'SIGTERM', listener as () => void);
    this.undo.push(() => process.off(event, listener));
  }
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // Nothing is left to restore.
  }
}
