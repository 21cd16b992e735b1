/**
 * `wren ssh`: runs `wren` on another machine inside ssh, with the microphone and speaker of this one (PROTOCOL.md 10.4). Here
 * is the laptop's end: it listens at a socket in a folder of its own, lets ssh forward one to it, and when ssh breaks does both
 * again. What happens over there before `wren` does its work is in `ssh-session.ts`.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { serveEndpoint } from '../../src/audio/endpoint.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { besideRunningProgram } from '../../src/store/agent-client-io.ts';
import { spawnVoiceChild } from '../../src/store/agent-voice-io.ts';
import { audioSettingOf } from '../../src/store/settings-file.ts';
import { RESTORE } from '../../src/tui/terminal/terminal-session.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Act, Invocation } from './invocation.ts';
import { plain } from './layout.ts';
import { hasTerminal } from './screen-kind.ts';
import { runWithSound } from './ssh-session.ts';
import { farCommand, isWorthAgain, NO_WREN, readSshWords, type SshWish } from './ssh-words.ts';
import { audioSpecValue, examples } from './usage.ts';

/** A laptop that was asleep has a network within seconds; one that goes home takes longer. */
const RECONNECT_S = [1, 2, 4, 8, 15, 30] as const;
/** What ssh ends with when it could not connect, or lost the connection. */
const SSH_FAILED = 255;
/** Besides, what a shell ends with when wren does not run, for want of a Node for instance; of `--run` it may be the command's own. */
const NOT_STARTED: ReadonlySet<number> = new Set([NO_WREN, 126, 127]);
/** Without one of these a connection that died is seen after minutes; the person's own setting goes first. */
const ALIVE = ['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3'];

const AFTERWORDS = `
Options of ssh stand before HOST, as with ssh, and so do --json, --profile and
their like, which are for this side; all words after HOST are for the wren over
there.
  --wren <path>    the program over there, when it is not in its PATH
  --run            the words after HOST (and flags like --profile) are a command,
                   run with this sound at hand; without any, a shell
  --audio <spec>   which microphone and speaker of this machine
  --no-reconnect   end when the connection breaks

The machine over there needs wren, a plain OpenSSH server and no sound of its
own. Sound goes as Opus over a socket that ssh forwards; its delay stands on the
call line and in "wren status". When the connection breaks, the call stays:
muted, or as "wren sound detach held" (or open) says over there. Connecting
again takes it up; of commands only a shell, tmux and the like are run again. In
a tmux over there wren finds the newest connection by itself:
  wren ssh --run HOST tmux new-session -A -s main
The alternative without this: PULSE_SERVER over there, leading to a PulseAudio
here.`;

/** `words`: all that was typed after `ssh`, which commander never sees. */
export function addSsh(program: Command, act: Act, words: readonly string[]): void {
  program
    .command('ssh')
    .argument('[words...]', 'options of ssh, HOST, and words for wren')
    .usage('[options of ssh] [--wren PATH] [--run] [--audio SPEC] HOST [words for wren...]')
    .description('run wren on another machine, with the microphone and speaker of this one')
    .addHelpText(
      'after',
      `${examples('wren ssh server.example.org', 'wren ssh -p 2222 alice@server call bobby1', 'wren ssh --wren /opt/wren/bin/wren server status --json')}\n${AFTERWORDS}`,
    )
    .action(act((invocation) => runSsh(invocation, readSshWords(words))));
  program
    .command('ssh-run', { hidden: true })
    .argument('[command...]', 'what to run')
    .description('what "wren ssh --run" starts over there: any command, with the sound of the laptop at hand')
    .addHelpText('after', examples('wren ssh-run -- tmux attach'))
    .action(act((_invocation, command: string[]) => runWithSound(command)));
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How one ssh ended. */
interface SshEnd {
  readonly code: number | null;
  /** The wren over there had taken the sound: it was there. */
  readonly enrolled: boolean;
}

async function runSsh(invocation: Invocation, wish: SshWish): Promise<ExitCode> {
  const folder = mkdtempSync(join(tmpdir(), 'wren-ssh-'));
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  // While ssh runs a Ctrl-C is for the other side; ssh itself gets it when there is no terminal.
  for (const signal of ENDING) process.on(signal, onSignal);
  try {
    return await connectAgain(invocation, wish, folder, stop.signal);
  } finally {
    for (const signal of ENDING) process.off(signal, onSignal);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function connectAgain(
  invocation: Invocation,
  wish: SshWish,
  folder: string,
  stop: AbortSignal,
): Promise<ExitCode> {
  const { output } = invocation;
  const isWorthIt = wish.reconnect && hasTerminal() && isWorthAgain(wish);
  const extra = await aliveOptions(wish);
  let wasThere = false;
  for (let failed = 0; ; failed++) {
    const { code, enrolled } = await connectOnce(invocation, wish, { folder, extra, stop, number: failed });
    if (enrolled) failed = 0;
    wasThere ||= enrolled;
    if (code !== SSH_FAILED || stop.aborted) return exitOf(code, wish, wasThere);
    // What was drawn over there stays on the terminal otherwise.
    if (wasThere && process.stdout.isTTY) process.stdout.write(RESTORE);
    if (!wasThere) throw new Refusal('ssh-unreachable', plain(wish.host));
    const gone = `The connection to ${plain(wish.host)} is gone; a call goes on over there.`;
    if (!isWorthIt) {
      output.say(
        `wren: ${gone} To take it up: wren ssh ${[...wish.options, wish.host].map((one) => plain(one)).join(' ')}`,
      );
      return EXIT.couldNot;
    }
    const waitS = RECONNECT_S[Math.min(failed, RECONNECT_S.length - 1)]!;
    output.say(`${gone} Connecting again in ${waitS} s; Ctrl-C ends.`);
    await pause(waitS * 1000, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return EXIT.couldNot;
  }
}

/** `ssh -G` knows what the person has set. */
function aliveOptions({ options, host }: SshWish): Promise<readonly string[]> {
  return new Promise((resolve) => {
    execFile('ssh', [...options, '-G', host], { timeout: 5_000 }, (error, stdout) => {
      const isSet = error === null && /^serveraliveinterval [1-9]/m.test(stdout);
      resolve(isSet ? [] : ALIVE);
    });
  });
}

async function connectOnce(
  { profileDir, audio }: Invocation,
  wish: SshWish,
  way: { folder: string; extra: readonly string[]; stop: AbortSignal; number: number },
): Promise<SshEnd> {
  const name = randomBytes(16).toString('hex');
  const code = randomBytes(16).toString('hex');
  // Short: a path of a socket has room for a hundred bytes.
  const socketPath = join(way.folder, `${name.slice(0, 8)}.sock`);
  const typed = wish.audio === undefined ? undefined : audioSpecValue(process.cwd())(wish.audio);
  let enrolled = false;
  const logFolder = existsSync(profileDir) ? profileDir : way.folder;
  const voice = { entry: besideRunningProgram('voice.cjs'), logPath: join(logFolder, 'voice.log') };
  const endpoint = await serveEndpoint({
    ...{ socketPath, code, name: hostname() },
    spec: typed ?? audio ?? audioSettingOf(profileDir),
    makeVoice: (events) => spawnVoiceChild(voice, events),
    onEnrolled: () => {
      enrolled = true;
    },
    // Whoever was second is told over there; here a screen may stand.
    onTaken: () => undefined,
  });
  try {
    const remote = `/tmp/wren-${name}.sock`;
    const args = [
      ...wish.options,
      ...['-o', 'ControlMaster=no', '-o', 'ControlPath=none', '-o', 'RemoteCommand=none'],
      ...['-o', 'ClearAllForwardings=no', '-o', 'ExitOnForwardFailure=no', ...way.extra],
      ...['-R', `${remote}:${socketPath}`],
      ...(hasTerminal() ? ['-t'] : []),
      ...[wish.host, farCommand(wish, `${remote}:${code}`)],
    ];
    const ended = await runProgramToEnd('ssh', args, way.stop);
    return { code: ended, enrolled };
  } finally {
    await endpoint.close();
  }
}

/** On our terminal. Rejects with `Refusal('ssh-missing')`. */
function runProgramToEnd(file: string, args: readonly string[], stop: AbortSignal): Promise<number | null> {
  // Ended before it has begun.
  if (stop.aborted) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit' });
    const end = (): void => void child.kill('SIGTERM');
    stop.addEventListener('abort', end);
    child.on('error', (error: NodeJS.ErrnoException) => {
      stop.removeEventListener('abort', end);
      reject(error.code === 'ENOENT' ? new Refusal('ssh-missing') : error);
    });
    child.on('exit', (code) => {
      stop.removeEventListener('abort', end);
      resolve(code);
    });
  });
}

function exitOf(code: number | null, { host, run, wren }: SshWish, wasThere: boolean): ExitCode {
  if (code === null || code === SSH_FAILED) return EXIT.couldNot;
  const isMissing = run ? code === NO_WREN && !wasThere : NOT_STARTED.has(code);
  if (isMissing) throw new Refusal('ssh-no-wren', `${plain(host)}: ${plain(wren)}`);
  // That of the wren over there, or of the command that was run.
  return code as ExitCode;
}
