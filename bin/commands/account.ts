/**
 * `wren signup`, `wren signin`, `wren signout`. The password never stands in argv (`ps` shows that to everybody):
 * it comes from a hidden prompt, a file or the environment, see `password.ts`. Both ways in leave the agent running.
 */
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { EXIT } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { readPassword } from './password.ts';
import { examples, nameValue, personNameValue } from './usage.ts';

const PASSWORD_FILE = '--password-file <file>';
const PASSWORD_FILE_WORDS = 'read the password from this file, "-" for stdin (or set WREN_PASSWORD)';

export function addSignUp(program: Command, act: Act): void {
  program
    .command('signup')
    .argument('<name>', 'the name others will find you by', personNameValue)
    .option('--display-name <words>', 'how your name reads, such as "Alice Doe"')
    .option(PASSWORD_FILE, PASSWORD_FILE_WORDS)
    .description('make an account and sign in')
    .addHelpText('after', examples('wren signup alice1 --display-name "Alice Doe"'))
    .action(
      act(async (invocation, name: string, options: { displayName?: string; passwordFile?: string }) => {
        const password = await readPassword(invocation, {
          ...{ file: options.passwordFile, name, confirm: true },
          beforeAsking: () => expectNetwork(invocation),
        });
        const { displayName } = options;
        const account = await withAgent(invocation, { start: true }, (agent) =>
          agent.request({
            type: 'account.sign-up',
            name,
            password,
            ...(displayName === undefined ? {} : { displayName }),
          }),
        );
        invocation.output.tell(
          { event: 'signed-up', name: account.name },
          `Welcome, ${account.name}: the account is made and you are signed in.`,
        );
        return EXIT.done;
      }),
    );
}

export function addSignIn(program: Command, act: Act): void {
  program
    .command('signin')
    .argument('<name>', 'your name', nameValue)
    .option(PASSWORD_FILE, PASSWORD_FILE_WORDS)
    .description('sign in to an account that exists')
    .addHelpText('after', examples('wren signin alice1', 'wren signin alice1 --password-file ~/.wren-password'))
    .action(
      act(async (invocation, name: string, options: { passwordFile?: string }) => {
        const password = await readPassword(invocation, {
          ...{ file: options.passwordFile, name, confirm: false },
          beforeAsking: () => expectNetwork(invocation),
        });
        const account = await withAgent(invocation, { start: true }, (agent) =>
          agent.request({ type: 'account.sign-in', name, password }),
        );
        invocation.output.tell({ event: 'signed-in', name: account.name }, `Signed in as ${account.name}.`);
        return EXIT.done;
      }),
    );
}

function expectNetwork(invocation: Invocation): Promise<void> {
  return withAgent(invocation, { start: true }, async (agent) => {
    const { network } = await agent.request({ type: 'status' });
    if (network === null) throw new Refusal('no-network');
  });
}

export function addSignOut(program: Command, act: Act): void {
  program
    .command('signout')
    .description('sign out of this profile; history and buddies stay in it')
    .addHelpText('after', examples('wren signout'))
    .action(
      act(async (invocation) => {
        await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'account.sign-out' }));
        invocation.output.tell({ event: 'signed-out' }, 'Signed out.');
        return EXIT.done;
      }),
    );
}
