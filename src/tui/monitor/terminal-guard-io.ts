/**
 * Gives the terminal back when nobody else can: after `kill -9`, a crash of Node itself, a machine out of memory. A shell of
 * a megabyte waits at the end of a pipe; when the pipe breaks before we have said good-bye it leaves the alternate screen, shows
 * the cursor, and sets the line discipline as it was before us, unless somebody has done that meanwhile: an interactive
 * shell does, and its own settings must not be overwritten. Where there is no `sh` and `stty` (Windows) there is no guard.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';

export interface TerminalGuard {
  /** The terminal has been given back already. */
  release(): void;
}

/** Cursor on, plain style, no mouse, ordinary keys, normal screen. */
const RESTORE = '\\033[?1000l\\033[?1002l\\033[?1003l\\033[?1006l\\033[?25h\\033[?1l\\033>\\033[m\\033[?1049l';
/** Let the shell that started us go first. */
const SHELL_FIRST_S = '0.1';
/**
 * Signals to the group are not for it; TTOU is what a process gets that is not in front any more. Raw mode takes no signals
 * from keys (`-isig`), an editing shell does: by that they are told apart.
 */
const SCRIPT = `trap '' INT HUP TERM QUIT TTOU TTIN TSTP
read -r word && exit 0
printf '${RESTORE}' > /dev/tty
sleep ${SHELL_FIRST_S} 2>/dev/null || sleep 1
case $(stty -a < /dev/tty) in *-isig*) stty "$1" < /dev/tty;; esac`;

/** Call before anything is changed. */
export function guardTerminal(): TerminalGuard {
  const { stdout: saved } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  if (!saved) return { release: () => {} };
  let guard: ChildProcess;
  try {
    guard = spawn('sh', ['-c', SCRIPT, 'wren-terminal-guard', saved.trim()], { stdio: ['pipe', 'ignore', 'ignore'] });
  } catch {
    return { release: () => {} };
  }
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  guard.unref();
  return { release: () => void guard.stdin?.end('done\n') };
}
