/**
 * The servers: `up` (a whole private network), `login-server`, `supernode`, `echo`. Each runs in sight until it is
 * interrupted, prints one `ready` line with the invite, and logs to its folder. Flags come in canonical form from
 * `commands/servers.ts`.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { encodeInvite, type Invite, parseInvite } from '../src/net/index.ts';
import { chooseProxy } from '../src/net/io/index.ts';
import { type FailureCode, Refusal } from '../src/net/protocol/failures.ts';
import { RELAY_KBPS_DEFAULT } from '../src/net/protocol/params.ts';
import type { SupernodeLoad } from '../src/net/servers.ts';
import { readFileIfThere, writeFileAtomic } from '../src/store/atomic-file.ts';
import { type Log, type LogLevel, openLog } from '../src/store/log-file.ts';
import { LOG_FILE } from '../src/store/log-rotation-file.ts';
import { openPrivateFolder } from '../src/store/private-folder-file.ts';
import { failureSentence } from '../src/tui/wording.ts';
import { failureExit } from './commands/exit-codes.ts';
import { runLoginServer } from './servers/login-server.ts';
import { endWithin, type ProcessEnd, watchProcessEnd } from './servers/process-end.ts';
import { runPromoted } from './servers/promoted.ts';
import { type RunningAgent, runAgent } from './servers/run-agent.ts';
import { advertised, openNodeKey } from './servers/server-folder.ts';
import { runSupernode, SUPERNODE_KEY } from './servers/supernode.ts';
import { VERSION } from './version.ts';

interface Flags {
  readonly dir: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly invite: string | undefined;
  readonly relayKbps: number;
  readonly echo: boolean;
  readonly name: string;
  readonly profile: string;
  readonly json: boolean;
  readonly logLevel: LogLevel;
  readonly database: string | undefined;
  readonly vouched: readonly string[];
  /** As `--proxy` gave it. */
  readonly proxy: string | undefined;
}

/** What runs, and how it ends. */
interface Running {
  readonly invite: string;
  readonly words: string;
  stop(): Promise<unknown>;
}

export async function main(argv: readonly string[]): Promise<number> {
  const [command = 'up', ...rest] = argv;
  const flags = read(rest);
  let log: Log | undefined;
  const place = command === 'echo' ? flags.profile : flags.dir;
  const end = watchProcessEnd((error) => {
    log?.error('server', 'our own mistake', {}, error);
    const what = String((error as Error)?.message ?? error);
    tellEnd(command, flags, 'internal', `our own mistake: ${what}. The log is ${join(place, LOG_FILE)}`);
  });
  try {
    // Before anything is made in the folder.
    if (flags.host !== undefined) advertised(flags.host, 1, 'tcp');
    const folder = openPrivateFolder(place);
    log = command === 'echo' ? undefined : openLog(folder, flags.logLevel);
    if (command === 'promoted' && log) return await servePromoted(folder, flags, log, end);
    // An interrupt, or a mistake of ours, does not have to wait until everything has started.
    const running = await Promise.race([start(command, folder, flags, log, end), end.wanted]);
    if (typeof running === 'number') return running;
    if (flags.json) process.stdout.write(`${JSON.stringify({ event: 'ready', invite: running.invite })}\n`);
    else process.stdout.write(`${running.words}\n`);
    const code = await end.wanted;
    await endWithin(() => running.stop());
    log?.close();
    return code;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return tellEnd(command, flags, error.code, failureSentence(error.code, error.detail));
  }
}

/** As `commands/failure.ts` does for the other commands; returns the exit code. */
function tellEnd(command: string, { json }: Pick<Flags, 'json'>, code: FailureCode, message: string): number {
  const exit = failureExit(code);
  process.stderr.write(`wren ${command}: ${message}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ event: 'error', code, message, exit })}\n`);
  return exit;
}

function read(argv: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      dir: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      invite: { type: 'string' },
      'relay-kbps': { type: 'string' },
      'no-echo': { type: 'boolean' },
      name: { type: 'string' },
      profile: { type: 'string' },
      json: { type: 'boolean' },
      'log-level': { type: 'string' },
      database: { type: 'string' },
      vouch: { type: 'string' },
      proxy: { type: 'string' },
    },
  });
  const text = (key: string): string | undefined => (typeof values[key] === 'string' ? values[key] : undefined);
  return {
    dir: text('dir') ?? '.',
    host: text('host'),
    port: text('port') === undefined ? undefined : Number(text('port')),
    invite: text('invite'),
    relayKbps: Number(text('relay-kbps') ?? RELAY_KBPS_DEFAULT),
    echo: values['no-echo'] !== true,
    name: text('name') ?? 'echo',
    profile: text('profile') ?? '.',
    json: values.json === true,
    logLevel: (text('log-level') ?? 'info') as LogLevel,
    database: text('database'),
    vouched: text('vouch')?.split(',') ?? [],
    proxy: text('proxy'),
  };
}

async function start(
  command: string,
  folder: string,
  flags: Flags,
  log: Log | undefined,
  end: ProcessEnd,
): Promise<Running> {
  if (command === 'echo') return startEcho(flags, end);
  if (!log) throw new Error('a server without a log');
  if (command === 'login-server') return startLoginServer(folder, flags, log, end);
  if (command === 'supernode') return startSupernode(folder, flags, log, end);
  return startUp(folder, flags, log, end);
}

/** A child of an agent: speaks to that one alone, and ends with it. */
async function servePromoted(folder: string, flags: Flags, log: Log, end: ProcessEnd): Promise<number> {
  const { authorityPin: pin, loginServers } = readInvite(flags.invite);
  const proxy = chooseProxy(flags.proxy ?? '', process.env);
  const { port, relayKbps } = flags;
  const options = { folder, port, log, pin, loginServers, proxy, relayKbps, onFault: end.fault };
  const ended = runPromoted(options, end.wanted);
  // After a mistake of ours the core says no more that it has left: the agent must not wait for ever.
  const code = await Promise.race([ended.then(() => 0), end.wanted]);
  await endWithin(() => ended);
  log.close();
  return code;
}

async function startLoginServer(folder: string, flags: Flags, log: Log, end: ProcessEnd): Promise<Running> {
  const { host, port, database, vouched } = flags;
  const server = await runLoginServer({ folder, host, port, database, vouched, log, onFault: end.fault });
  const { network, authorityPin, loginServers } = server;
  const invite = encodeInvite({ network, authorityPin, loginServers, supernodes: [] });
  return {
    invite,
    words: `The login server of ${network} runs. Its invite:\n\n${invite}\n`,
    stop: () => server.stop(),
  };
}

async function startSupernode(folder: string, flags: Flags, log: Log, end: ProcessEnd): Promise<Running> {
  const invite = readInvite(flags.invite);
  const { host, port, relayKbps } = flags;
  const { authorityPin: pin, loginServers } = invite;
  const proxy = chooseProxy(flags.proxy ?? '', process.env);
  const network = { pin, loginServers, relayKbps, proxy, onLoad: loadLines(flags) };
  const server = await runSupernode({ folder, host, port, log, onFault: end.fault, ...network });
  const text = encodeInvite({ ...invite, supernodes: [...server.endpoints, ...invite.supernodes].slice(0, 8) });
  const words = `This supernode serves ${invite.network}, relaying at most ${relayKbps} kbit/s. An invite that names it:\n\n${text}\n`;
  return { invite: text, words, stop: () => server.stop() };
}

/** One JSON line for each report, after `ready`; nothing for people, who have the log. */
function loadLines({ json }: Flags): (load: SupernodeLoad) => void {
  return (load) => {
    if (json) process.stdout.write(`${JSON.stringify({ event: 'load', at: Date.now(), ...load })}\n`);
  };
}

/** Login server, supernode and echo service in one process. */
async function startUp(folder: string, flags: Flags, log: Log, end: ProcessEnd): Promise<Running> {
  const { host, port, relayKbps } = flags;
  const profile = join(folder, 'echo');
  // A first start spends its time on keys: all of them are made side by side.
  const vouched = openNodeKey(folder, SUPERNODE_KEY).then(({ nodeId }) => [nodeId]);
  // A disk that is full is told by whoever waits for it, and that may begin later.
  vouched.catch(() => {});
  const [login, agent] = await Promise.all([
    // The supernode beside it can carry sign-ins; the other way round nobody could attach.
    runLoginServer({ folder, host, port, log, onFault: end.fault, noWebPorts: true, vouched }),
    flags.echo ? openEcho({ ...flags, profile }, end).catch(inUse(folder)) : undefined,
  ]);
  const { network, authorityPin: pin, endpoints: loginServers } = login;
  const supernode = await runSupernode({
    folder,
    host,
    port: undefined,
    log,
    onFault: end.fault,
    pin,
    loginServers,
    relayKbps,
    onLoad: loadLines(flags),
  });
  const invite = encodeInvite({ network, authorityPin: pin, loginServers, supernodes: supernode.endpoints });
  if (agent) await signInEcho(agent, { ...flags, name: 'echo', profile, invite });
  const words = [
    `A private network runs on this machine: login server, supernode${agent ? ', echo service' : ''}.`,
    'Ctrl-C ends it. On any machine that reaches this one:',
    '',
    `  wren join ${invite}`,
    '  wren signup NAME',
    '',
  ].join('\n');
  return {
    invite,
    words,
    stop: async () => {
      await agent?.stop();
      await supernode.stop();
      await login.stop();
    },
  };
}

/** The agent of the echo service has the lock of its profile as long as it runs. */
function inUse(folder: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof Refusal && error.code === 'profile-locked' ? new Refusal('folder-in-use', folder) : error;
  };
}

async function startEcho(flags: Flags, end: ProcessEnd): Promise<Running> {
  chooseProxy(flags.proxy ?? '', process.env);
  const echo = await openEcho(flags, end);
  await signInEcho(echo, flags);
  const words = `The echo service "${flags.name}" answers calls and chats. Ctrl-C ends it.\n`;
  return { invite: flags.invite ?? '', words, stop: () => echo.stop() };
}

/** The agent of the service; it makes its key while we wait for the rest. */
function openEcho(flags: Pick<Flags, 'profile' | 'logLevel' | 'proxy'>, end: ProcessEnd): Promise<RunningAgent> {
  const { profile, logLevel, proxy } = flags;
  const service = { reply: (line: string) => `You wrote: ${line}`.slice(0, 4_000) };
  const kept = proxy === undefined ? {} : { proxy };
  return runAgent({ profileDir: profile, version: VERSION, logLevel, onFault: end.fault, service, ...kept });
}

/** Joins, signs in (or up, the first time) with a password of its own, and answers from then on. */
async function signInEcho({ agent }: RunningAgent, flags: Pick<Flags, 'invite' | 'name' | 'profile'>): Promise<void> {
  const { invite, name, profile } = flags;
  if (invite !== undefined && invite !== '') await agent.handle({ type: 'network.join', invite });
  if (!agent.state.account) await enterEcho(agent, name, profile);
  await agent.handle({ type: 'wait', forMs: 10_000 });
}

async function enterEcho(agent: RunningAgent['agent'], name: string, profile: string): Promise<void> {
  try {
    const { password, isNew } = servicePassword(profile);
    const signUp = () => agent.handle({ type: 'account.sign-up', name, password, displayName: 'Echo test call' });
    const signIn = () => agent.handle({ type: 'account.sign-in', name, password });
    // Each try costs the login server a hash, so the likelier one goes first.
    if (isNew) await orElse(signUp, 'name-taken', signIn);
    else await orElse(signIn, 'name-unknown', signUp);
  } catch (error) {
    // Well formed for a service; which of these there are is the login server's to say.
    if (!(error instanceof Refusal) || error.code !== 'name-malformed') throw error;
    throw new Refusal('usage', `the login server admits no service called "${name}": leave --name out, for echo`);
  }
}

async function orElse(
  first: () => Promise<unknown>,
  unless: FailureCode,
  second: () => Promise<unknown>,
): Promise<void> {
  try {
    await first();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== unless) throw error;
    await second();
  }
}

function servicePassword(profileDir: string): { readonly password: string; readonly isNew: boolean } {
  const path = join(profileDir, 'service-password');
  const known = readFileIfThere(path)?.toString('latin1');
  if (known !== undefined) return { password: known, isNew: false };
  const password = randomBytes(18).toString('base64url');
  writeFileAtomic(path, password, { mode: 0o600 });
  return { password, isNew: true };
}

function readInvite(text: string | undefined): Invite {
  const invite = parseInvite(text ?? '');
  if (!invite) throw new Refusal('invite-malformed');
  return invite;
}

// Started as a program by an agent, for `promoted`; else required by the command line.
if (typeof require === 'function' && require.main === module) {
  main(process.argv.slice(2)).then(
    (code) => process.exit(code),
    (error) => {
      process.stderr.write(`${String((error as Error)?.stack ?? error)}\n`);
      process.exit(5);
    },
  );
}
