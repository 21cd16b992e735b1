/**
 * What `bin/wren` hands over to: puts the cache of compiled code before our programs, and chooses the first of them. `wren` alone at
 * a terminal is the screen at once, without the command line, whose parser and commands take a quarter of the time to the first
 * picture; whatever is less plain than that goes to the command line, which judges all of it.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { profileFolder } from '../src/store/profile-folder.ts';
import { screenModeOf } from '../src/store/screen-mode-file.ts';
import { keepCompiledCode } from './code-cache.ts';
import { mistypedIn } from './commands/environment-rules.ts';
import { hasTerminal, screenKind } from './commands/screen-kind.ts';

/** What the build wants of V8 for each program. */
declare const __WREN_V8_FLAGS__: Readonly<Record<string, readonly string[]>>;

/** What `screen.tsx` exports. */
interface Program {
  main(argv: readonly string[]): Promise<number>;
}

/** What `wren.ts` exports. */
interface CommandLineProgram extends Program {
  /** Tells what went wrong; the exit code. */
  fail(error: unknown, profileDir: string): number;
}

/** Runs what a person typed, to the end of the process. */
export function launch(argv: readonly string[]): void {
  keepCompiledCode(__dirname, __WREN_V8_FLAGS__);
  const load = createRequire(join(__dirname, 'launch.cjs'));
  const commandLine = (): CommandLineProgram => load('./wren.cjs');
  const profileDir = profileOfScreen(argv, process.env);
  if (profileDir === undefined) {
    commandLine().main(argv).then(process.exit);
    return;
  }
  const fail = (error: unknown): void => process.exit(commandLine().fail(error, profileDir));
  process.on('uncaughtException', (error) => {
    // The screen has its own way to go down: it gives the terminal back first.
    if (process.listenerCount('uncaughtException') === 1) fail(error);
  });
  const screen: Program = load('./screen.cjs');
  screen.main(['--profile', profileDir]).then(process.exit, fail);
}

/** The profile, when nothing but the screen can be meant: no word but where the profile is, and a terminal to draw on. */
function profileOfScreen(argv: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const named = argv[0] === '--profile' && argv.length === 2;
  if (!named && argv.length > 0) return undefined;
  // Sound that comes through ssh is to be taken first, and what is mistyped is to be told.
  if (env.WREN_SSH_AUDIO !== undefined || mistypedIn(env) || !hasTerminal()) return undefined;
  const profileDir = profileFolder(argv[1], env);
  return screenKind({}, env, screenModeOf(profileDir), true) === 'full' ? profileDir : undefined;
}
