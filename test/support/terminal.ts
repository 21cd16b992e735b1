/**
 * A real terminal for tests: a pseudo-terminal with a program on it, and a screen (xterm) that shows what the program
 * drew. Scenes type, wait until something can be read, resize, and look at cells, cursor and modes.
 */
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { seededRandom } from './seeded-random.ts';
import { type LineQuality, SlowLine } from './slow-line.ts';

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What lies between the person and the program; absent: nothing. */
  readonly line?: LineQuality;
}

export interface TestTerminal {
  readonly xterm: xterm.Terminal;
  readonly pid: number;
  /** What stands on the screen, without blanks at line ends. */
  text(): string;
  /** Everything that the program sent, control codes included. */
  sent(): string;
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  /** Resolves with the screen's text once it matches; rejects with what stood there instead. */
  until(pattern: RegExp | ((text: string) => boolean), waitMs?: number): Promise<string>;
  /** Resolves when what was sent has been drawn. */
  settled(): Promise<void>;
  signal(name: 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): void;
  /** Ends the program, if it has not ended by itself. */
  kill(): void;
  /** Exit code, or 128 and the number of the signal. */
  readonly ended: Promise<number>;
}

const UNTIL_MS = 15_000;
const LOOK_AGAIN_MS = 20;

export function openTerminal(file: string, args: readonly string[], options: TerminalOptions = {}): TestTerminal {
  const { columns = 80, rows = 24, env = {}, line } = options;
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
  const pty = spawn(file, [...args], { cols: columns, rows, env: environment(env), encoding: 'utf8' });
  let sent = '';
  let exitCode: number | undefined;
  const arrived = (data: string) => {
    sent += data;
    screen.write(data);
  };
  const down = line && new SlowLine(line, seededRandom('down'), arrived);
  const up = line && new SlowLine(line, seededRandom('up'), (keys) => pty.write(keys));
  pty.onData((data) => (down ? down.send(data) : arrived(data)));
  const ended = new Promise<number>((resolve) => {
    pty.onExit((exit) => {
      exitCode = exit.signal ? 128 + exit.signal : exit.exitCode;
      resolve(exitCode);
    });
  });
  const settled = () => new Promise<void>((resolve) => screen.write('', resolve));
  const text = () => screenText(screen);
  return {
    xterm: screen,
    pid: pty.pid,
    text,
    sent: () => sent,
    type: (keys) => (up ? up.send(keys) : pty.write(keys)),
    resize: (newColumns, newRows) => resizeBoth(pty, screen, newColumns, newRows),
    until: async (pattern, waitMs = UNTIL_MS) => {
      const matches = typeof pattern === 'function' ? pattern : (shown: string) => pattern.test(shown);
      const giveUpAtMs = Date.now() + waitMs;
      for (;;) {
        await settled();
        if (matches(text())) return text();
        if (exitCode !== undefined) throw new Error(`the program ended (${exitCode}) before ${pattern} on\n${text()}`);
        if (Date.now() > giveUpAtMs) throw new Error(`never saw ${pattern} on\n${text()}`);
        await pause(LOOK_AGAIN_MS);
      }
    },
    settled,
    signal: (name) => process.kill(pty.pid, name),
    kill: () => {
      try {
        process.kill(pty.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    },
    ended,
  };
}

/** False where the system has no pseudo-terminals to give. */
export function hasTerminals(): boolean {
  try {
    spawn(process.execPath, ['--version'], {}).kill();
    return true;
  } catch {
    return false;
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

export function screenText(screen: xterm.Terminal): string {
  const { active } = screen.buffer;
  const lines = Array.from(
    { length: screen.rows },
    (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
  );
  return lines.join('\n').trimEnd();
}

/** The screen first, so that nothing drawn for the new size meets the old one. */
function resizeBoth(pty: IPty, screen: xterm.Terminal, columns: number, rows: number): void {
  screen.resize(columns, rows);
  pty.resize(columns, rows);
}

/** What a person's terminal would give: not CI's word that nobody is looking, nor settings of whoever runs the tests. */
function environment(extra: Readonly<Record<string, string>>): Record<string, string> {
  const { CI: _ci, CONTINUOUS_INTEGRATION: _ci2, NO_COLOR: _color, WREN_INVITE: _invite, ...rest } = process.env;
  return { ...(rest as Record<string, string>), TERM: 'xterm-256color', TZ: 'UTC', LANG: 'C.UTF-8', ...extra };
}
