/** `wren join`: remember a network in this profile. The invite is text from another person; the agent checks it. */
import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { type Act, withAgent } from './invocation.ts';
import { examples, UsageProblem } from './usage.ts';

export function addJoin(program: Command, act: Act): void {
  program
    .command('join')
    .argument('[invite]', 'what "wren up" printed, "wren:..." (default: WREN_INVITE)')
    .description('remember a network in this profile')
    .addHelpText('after', examples('wren join wren:AbCd...', 'ssh server cat invite | xargs wren join'))
    .action(
      act(async (invocation, given: string | undefined) => {
        const invite = (given ?? invocation.env.WREN_INVITE ?? '').trim();
        if (invite === '') {
          throw new UsageProblem('no invite was given', 'wren join INVITE, with what "wren up" printed');
        }
        const { network } = await withAgent(invocation, { start: true }, (agent) =>
          agent.request({ type: 'network.join', invite }),
        );
        invocation.output.tell(
          { event: 'joined', network },
          `Joined the network ${network}. Next: wren signup NAME, or wren signin NAME.`,
        );
        return EXIT.done;
      }),
    );
}
