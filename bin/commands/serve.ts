/**
 * `wren serve`: whether this machine may serve the network as a supernode, what that means, and what it costs now. A
 * dedicated supernode is `wren supernode`.
 */
import { Argument, type Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import { EXIT } from './exit-codes.ts';
import { type Act, withAgent } from './invocation.ts';
import { servingDetails } from './serving-lines.ts';
import { examples } from './usage.ts';

const CHOICES = ['auto', 'always', 'never', 'yes', 'no'] as const;
type Choice = (typeof CHOICES)[number];

export function addServe(program: Command, act: Act): void {
  program
    .command('serve')
    .addArgument(new Argument('[choice]', 'auto: asks once; yes, no: the answer to that').choices(CHOICES))
    .description('let this machine help the network as a supernode, or not; without a choice: how that stands')
    .addHelpText('after', examples('wren serve', 'wren serve never', 'wren serve always'))
    .action(
      act(async (invocation, choice: Choice | undefined) => {
        const { output } = invocation;
        await withAgent(invocation, { start: true }, async (agent) => {
          if (choice !== undefined) await agent.request(commandOf(choice));
          const { serving } = await agent.request({ type: 'status' });
          if (!serving) throw new Refusal('no-network');
          output.object({ event: 'serving', ...serving });
          for (const line of servingDetails(serving)) output.line(line);
        });
        return EXIT.done;
      }),
    );
}

function commandOf(choice: Choice): AgentCommand {
  if (choice === 'yes' || choice === 'no') return { type: 'serving.answer', yes: choice === 'yes' };
  return { type: 'serving.set', consent: choice };
}
