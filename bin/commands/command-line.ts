/**
 * The command line: every command and flag of the contract in one tree, from the words a person typed to the exit code
 * the process ends with. Made once for each process by `bin/wren.ts`; tests make one with streams of their own.
 */
import { Command, CommanderError, Option } from 'commander';
import { dropSession } from '../../src/audio/endpoint.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { profileFolder } from '../../src/store/profile-folder.ts';
import { addSignIn, addSignOut, addSignUp } from './account.ts';
import { addAgent } from './agent.ts';
import { addAnswer } from './answer.ts';
import { addBuddies } from './buddies.ts';
import { addCall } from './call.ts';
import { addCallControls } from './call-control.ts';
import { addChat } from './chat.ts';
import { addCheck } from './check.ts';
import { EVERYWHERE } from './command-table.ts';
import { addCompletion, addMan } from './completion.ts';
import { addConference } from './conference.ts';
import { runDemo } from './demo.ts';
import { addDevices } from './devices.ts';
import { addDoctorBundle } from './doctor-bundle.ts';
import { checkEnvironment } from './environment.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { addGroup } from './group.ts';
import { addHelp } from './help.ts';
import { addHistory } from './history.ts';
import type { Act, Invocation } from './invocation.ts';
import { addJoin } from './join.ts';
import { addMap } from './map.ts';
import { addMonitor } from './monitor.ts';
import { type Channels, openOutput } from './output.ts';
import { Interrupted } from './prompt.ts';
import { addPull } from './pull.ts';
import { addRecord } from './record.ts';
import { ENVIRONMENT, EXIT_CODES } from './reference.ts';
import { openScreen } from './screen.ts';
import { addSearch } from './search.ts';
import { addServe } from './serve.ts';
import { addServers } from './servers.ts';
import { addSettings } from './settings.ts';
import { addSound } from './sound.ts';
import { addSsh } from './ssh.ts';
import { takeSession, withSessionSound } from './ssh-session.ts';
import { apartFromOwn } from './ssh-words.ts';
import { addStatus, addWait } from './status.ts';
import { addTransfer } from './transfer.ts';
import { audioSpecValue, examples, FLAGS_WITH_VALUE, proxyValue, UsageProblem, usageProblemOf } from './usage.ts';
import { addVerify } from './verify.ts';

const BEHIND_THE_SCENES = 'Behind the scenes:';

const AFTERWORDS = `
Every command explains itself: wren help COMMAND, or wren COMMAND --help.
Exit codes: ${EXIT_CODES.map(([code, short]) => `${code} ${short}`).join(', ')}.
Environment: ${folded(ENVIRONMENT.map(([name]) => name).join(', '))}.`;

/** To lines that fit a terminal of 80 columns. */
function folded(words: string): string {
  return words.replace(/(.{60,78}), /g, '$1,\n');
}

/** What a command line runs in. */
export interface Surroundings extends Channels {
  readonly env: NodeJS.ProcessEnv;
  /** Of package.json. */
  readonly version: string;
  /** Where `server.cjs`, `screen.cjs` and `agent.cjs` lie. */
  readonly programDir: string;
}

export interface CommandLine {
  /** Runs the command to its end. Never rejects: every failure is told and becomes the exit code. */
  run(): Promise<ExitCode>;
  /** For what was thrown where nobody could catch it: tells it as our own mistake, returns the exit code. */
  fail(error: unknown): ExitCode;
}

interface GlobalFlags {
  readonly profile?: string;
  readonly json?: boolean;
  readonly audio?: string;
  readonly logLevel?: string;
  readonly proxy?: string;
  readonly demo?: boolean;
  readonly keep?: boolean;
  readonly plain?: boolean;
  readonly screenReader?: boolean;
}

/** `typed`: the words after the program's name. */
export function commandLine(typed: readonly string[], surroundings: Surroundings): CommandLine {
  const { env, version, programDir } = surroundings;
  const { argv, sshWords } = apart(typed);
  const session = takeSession(env);
  // Before the parser has looked, so that a usage error too is told in the form that was asked for.
  const output = openOutput(argv.slice(0, endOfFlags(argv)).includes('--json'), surroundings);
  const program = new Command('wren');
  let profileDir = profileFolder(undefined, env);
  let exit: ExitCode = EXIT.done;
  const act: Act =
    (body) =>
    async (...args) => {
      checkEnvironment(env);
      const flags = program.opts<GlobalFlags>();
      profileDir = profileOf(flags, env);
      const { audio, logLevel, proxy } = flags;
      const invocation = { profileDir, output, audio, logLevel, proxy, env, version, programDir };
      exit = await withSessionSound(session, invocation, (known) => body(known, ...args));
    };
  build(program, act, { surroundings, isJson: output.json, sshWords });

  const fail = (error: unknown) => reportFailure(error, output, profileDir);
  const run = async () => {
    try {
      const { operands } = program.parseOptions([...argv]);
      if (operands.length === 0) program.action(act((invocation) => withoutCommand(invocation, program.opts())));
      await program.parseAsync([...argv], { from: 'user' });
    } catch (error) {
      // Commander throws for --help and --version too, after printing them.
      const explained = error instanceof CommanderError && error.exitCode === 0;
      if (explained && error.code === 'commander.version') output.object({ event: 'version', version });
      if (error instanceof Interrupted) exit = EXIT.couldNot;
      else if (!explained) exit = fail(error);
    }
    // Also when no command ran, for a usage error or --help.
    if (session) dropSession(session);
    await output.flush();
    if (output.lost() && exit === EXIT.done) exit = fail(new Refusal('disk-full', 'standard output'));
    return exit;
  };
  return { run, fail };
}

/** What follows HOST of `ssh` is for another machine: none of it is read as flags of ours. */
function apart(typed: readonly string[]): { readonly argv: readonly string[]; readonly sshWords: readonly string[] } {
  let at = 0;
  while (typed[at]?.startsWith('-')) at += FLAGS_WITH_VALUE.has(typed[at]!) ? 2 : 1;
  if (typed[at] !== 'ssh') return { argv: typed, sshWords: [] };
  const { own, rest: sshWords } = apartFromOwn(typed.slice(at + 1));
  const wantsHelp = sshWords[0] === '--help' || sshWords[0] === '-h';
  return { argv: [...typed.slice(0, at + 1), ...own, ...(wantsHelp ? ['--help'] : [])], sshWords };
}

function endOfFlags(argv: readonly string[]): number {
  const dashes = argv.indexOf('--');
  return dashes < 0 ? argv.length : dashes;
}

/** The demo has a profile of its own, so that trying the program never touches the one in earnest. */
function profileOf({ profile, demo }: GlobalFlags, env: NodeJS.ProcessEnv): string {
  const folder = profileFolder(profile, env);
  return demo && !profile && !env.WREN_PROFILE ? `${folder}-demo` : folder;
}

function withoutCommand(invocation: Invocation, flags: GlobalFlags): Promise<ExitCode> {
  const { demo, keep } = flags;
  if (keep && !demo) throw new UsageProblem('--keep belongs to --demo', 'wren --demo --keep');
  return demo ? runDemo(invocation, flags) : openScreen(invocation, flags);
}

interface Building {
  readonly surroundings: Surroundings;
  /** Nothing but objects goes to stdout. */
  readonly isJson: boolean;
  readonly sshWords: readonly string[];
}

function build(program: Command, act: Act, { surroundings, isJson, sshWords }: Building): void {
  const { stdout, stderr, version } = surroundings;
  program
    .description('Phone calls and chat from any terminal, over a peer-to-peer network that its own users run.')
    .usage('[flags] [command]')
    .version(version, '-V, --version', 'print the version')
    .option('--profile <dir>', 'state folder (default: WREN_PROFILE, or the place the system has for it)')
    .option('--json', 'one JSON object a line on stdout; words for people go to stderr')
    .addOption(
      new Option('--audio <spec>', 'default, none, device:NAME, file:IN.wav[,OUT.wav] or socket:PATH').argParser(
        audioSpecValue(process.cwd()),
      ),
    )
    .addOption(
      new Option('--log-level <level>', 'how much goes to the log').choices(['error', 'warn', 'info', 'debug']),
    )
    .addOption(
      new Option(
        '--proxy <url>',
        'http, https, socks5 or socks5h://[USER:PASSWORD@]HOST:PORT, none, or auto for HTTPS_PROXY and its like; kept',
      ).argParser(proxyValue),
    )
    .option('--demo', 'a private network on this machine and the screen, ready for a test call')
    .option('--keep', 'with --demo: leave agent and network running afterwards')
    .option('--plain', 'lines instead of the screen: for dumb terminals, pipes and scripts (also chosen there)')
    .option('--screen-reader', 'lines that say what is a list, a question, a field (or WREN_SCREEN_READER=1)')
    .helpOption('-h, --help', 'explain')
    // `addHelp` has one that goes down to the commands of commands.
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      // `wren --help` has all flags in its own list.
      visibleGlobalOptions: (command) => (command === program ? [] : program.options.filter(isForCommands)),
    })
    // Every complaint is told once, by `reportFailure`.
    .configureOutput({ writeOut: (text) => (isJson ? stderr : stdout).write(text), writeErr: () => {} })
    .addHelpText(
      'after',
      `${examples('wren', 'wren call bobby1', 'wren status --json', 'echo status | wren --plain')}\n${AFTERWORDS}`,
    );
  program.commandsGroup('Getting in:');
  for (const add of [addJoin, addSignUp, addSignIn, addSignOut, addStatus, addWait, addMap]) add(program, act);
  program.commandsGroup('People:');
  for (const add of [addBuddies, addSearch, addChat, addHistory, addVerify, addDevices, addGroup]) add(program, act);
  program.commandsGroup('Calls:');
  for (const add of [addCall, addPull, addTransfer, addAnswer, addCallControls, addConference]) add(program, act);
  for (const add of [addRecord, addSound]) add(program, act);
  for (const add of [addMonitor, addCheck, addDoctorBundle]) add(program, act);
  addSsh(program, act, sshWords);
  program.commandsGroup('A network of your own:');
  addServers(program, act);
  addServe(program, act);
  program.commandsGroup(BEHIND_THE_SCENES);
  for (const add of [addAgent, addSettings, addCompletion, addMan]) add(program, act);
  addHelp(program);
  explainUsage(program, 'wren');
}

/** Flags that go with every command; the others belong to `wren` alone. */
function isForCommands({ long }: Option): boolean {
  return EVERYWHERE.has(long ?? '');
}

/** Every command of the tree turns commander's complaints into one sentence that names that command. */
function explainUsage(command: Command, path: string): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : usageProblemOf(error, command, path);
  });
  for (const child of command.commands) explainUsage(child, `${path} ${child.name()}`);
}
