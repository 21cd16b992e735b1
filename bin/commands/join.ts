/** `wren join`: remember a network in this profile. The invite is text from another person; the agent checks it. */
import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { type Act, withAgent } from './invocation.ts';
import { examples, UsageProblem } from './usage.ts';

const AFTERWORDS = `
The first join of a new profile tells the login server of that network, once, which version
of wren was installed, and nothing else; it says so. WREN_NO_INSTALL_PING=1 prevents it for good.`;

export function addJoin(program: Command, act: Act): void {
  program
    .command('join')
    .argument('[invite]', 'what "wren up" printed, "wren:..." (default: WREN_INVITE)')
    .description('remember a network in this profile')
    .addHelpText(
      'after',
      `${examples('wren join wren:AbCd...', 'ssh server cat invite | xargs wren join')}\n${AFTERWORDS}`,
    )
    .action(
      act(async (invocation, given: string | undefined) => {
        const invite = (given ?? invocation.env.WREN_INVITE ?? '').trim();
        if (invite === '') {
          throw new UsageProblem('no invite was given', 'wren join INVITE, with what "wren up" printed');
        }
        const quiet = invocation.env.WREN_NO_INSTALL_PING === '1';
        const { network, installNotice = false } = await withAgent(invocation, { start: true }, (agent) =>
          agent.request({ type: 'network.join', invite, ...(quiet ? { installNotice: false } : {}) }),
        );
        if (installNotice) invocation.output.say(sentence('install-told'));
        invocation.output.tell(
          { event: 'joined', network, ...(installNotice ? { installNotice } : {}) },
          `Joined the network ${network}. Next: wren signup NAME, or wren signin NAME.`,
        );
        return EXIT.done;
      }),
    );
}
