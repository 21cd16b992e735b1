/**
 * `wren up`, `login-server`, `supernode`, `echo`: the flags of the servers. The servers themselves are another
 * program (`server.cjs`), which gets the flags in canonical form, defaults from the environment already filled in.
 */
import { join } from 'node:path';
import type { Command } from 'commander';
import { canonicalHost, isUnicastHost } from '../../src/net/protocol/endpoint.ts';
import type { Act, Invocation } from './invocation.ts';
import { runProgram } from './programs.ts';
import { examples, serviceNameValue, UsageProblem, wholeNumberValue } from './usage.ts';

const portValue = wholeNumberValue(0, 65_535);
const kbpsValue = wholeNumberValue(0, 10_000_000);

interface Place {
  readonly dir?: string;
  readonly host?: string;
  readonly port?: number;
}

export function addServers(program: Command, act: Act): void {
  addUp(program, act);
  addLoginServer(program, act);
  addSupernode(program, act);
  addEcho(program, act);
}

function addUp(program: Command, act: Act): void {
  withPlace(program.command('up').option('--dir <dir>', 'where its state is kept (default: "network" in the profile)'))
    .option('--no-echo', 'without the echo service')
    .description('a whole private network on this machine; prints the invite')
    .addHelpText('after', examples('wren up', 'wren up --host wren.example.org --port 4040 --json'))
    .action(
      act((invocation, options: Place & { echo: boolean }) =>
        runProgram(invocation, 'server', [
          'up',
          ...placeFlags({ ...options, dir: options.dir ?? join(invocation.profileDir, 'network') }),
          ...flag('--relay-kbps', environmentKbps(invocation.env.WREN_RELAY_KBPS)),
          ...(options.echo ? [] : ['--no-echo']),
        ]),
      ),
    );
}

function addLoginServer(program: Command, act: Act): void {
  withPlace(
    program.command('login-server').requiredOption('--dir <dir>', 'where accounts and the authority key are kept'),
  )
    .option(
      '--database <postgres>',
      'PostgreSQL instead of SQLite in the folder: postgres://USER@HOST/NAME',
      databaseValue,
    )
    .option(
      '--vouch <addresses>',
      'addresses of your own supernodes, with commas, to certify although they cannot be dialled from here',
      addressesValue,
    )
    .description('the login server alone')
    .addHelpText('after', examples('wren login-server --dir /var/lib/wren-login --port 4040'))
    .action(
      act((invocation, options: Place & { database?: string; vouch?: string }) => {
        const own = [...flag('--database', options.database), ...flag('--vouch', options.vouch)];
        return runProgram(invocation, 'server', ['login-server', ...placeFlags(options), ...own]);
      }),
    );
}

function addSupernode(program: Command, act: Act): void {
  withPlace(program.command('supernode').requiredOption('--dir <dir>', 'where the supernode keeps its key'))
    .option('--invite <invite>', 'the network to serve (default: WREN_INVITE)')
    .option('--relay-kbps <n>', 'most that it relays for others (default: WREN_RELAY_KBPS, or 1000)', kbpsValue)
    .description('a dedicated supernode')
    .addHelpText('after', examples('wren supernode --dir /var/lib/wren-supernode --invite wren:AbCd...'))
    .action(act((invocation, options: Place & SupernodeOptions) => supernode(invocation, options)));
}

function addEcho(program: Command, act: Act): void {
  program
    .command('echo')
    .option('--name <name>', 'the name it answers to', serviceNameValue, 'echo')
    .option('--invite <invite>', 'the network to serve (default: WREN_INVITE, or that of the profile)')
    .description('the test-call service: says back what it hears, answers chats too')
    .addHelpText('after', examples('wren echo --profile /var/lib/wren-echo'))
    .action(
      act((invocation, { name, invite }: { name: string; invite?: string }) => {
        const network = flag('--invite', invite ?? invocation.env.WREN_INVITE);
        return runProgram(invocation, 'server', ['echo', '--name', name, ...network]);
      }),
    );
}

function withPlace(command: Command): Command {
  return command
    .option('--host <host>', 'address or name that others reach this machine by; several with commas')
    .option('--port <port>', 'port for UDP and TCP (default: a free one)', portValue);
}

interface SupernodeOptions {
  readonly invite?: string;
  readonly relayKbps?: number;
}

function supernode({ env, ...invocation }: Invocation, options: Place & SupernodeOptions) {
  const invite = options.invite ?? env.WREN_INVITE;
  if (invite === undefined || invite === '') {
    throw new UsageProblem('a supernode serves one network, and no invite was given', '--invite INVITE');
  }
  const relayKbps = options.relayKbps ?? environmentKbps(env.WREN_RELAY_KBPS);
  return runProgram({ env, ...invocation }, 'server', [
    'supernode',
    ...placeFlags(options),
    ...flag('--invite', invite),
    ...flag('--relay-kbps', relayKbps),
  ]);
}

function databaseValue(text: string): string {
  if (/^postgres(ql)?:\/\/./.test(text)) return text;
  // Commander would tell the text itself, which may hold a password.
  throw new UsageProblem('--database takes the URL of a PostgreSQL', '--database postgres://USER@HOST/NAME');
}

function addressesValue(text: string): string {
  const hosts = text.split(',').map((host) => canonicalHost(host.trim()));
  if (hosts.every(isUnicastHost)) return hosts.join(',');
  throw new UsageProblem('--vouch takes addresses, not names', '--vouch 192.0.2.7,2001:db8::7');
}

/** Checked already (`environment.ts`). */
function environmentKbps(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

function placeFlags({ dir, host, port }: Place): string[] {
  return [...flag('--dir', dir), ...flag('--host', host), ...flag('--port', port)];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined || value === '' ? [] : [name, String(value)];
}
