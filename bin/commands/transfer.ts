/**
 * `wren transfer DEVICE`: the call that runs here goes on at another device of this account. `wren pull` is the same from the
 * other end. It never starts an agent: without one there is no call either.
 */
import type { Command } from 'commander';
import { ofCall } from './call-control.ts';
import { EXIT } from './exit-codes.ts';
import type { Act } from './invocation.ts';
import { plain } from './layout.ts';
import { examples } from './usage.ts';

const AFTERWORDS = `
DEVICE is one of "wren devices" that is online: its label, or at least four
digits of its id. It is asked first, and takes the call when it is in no other;
until then the call goes on here, and where it stays is said in one sentence.
A microphone that is off here is off there; so it is where nobody looks at wren.`;

export function addTransfer(program: Command, act: Act): void {
  program
    .command('transfer')
    .argument('<device>', 'its label, or at least four digits of its id')
    .option('--call <id>', 'which call, when several run; wren status --json has them')
    .description('hand the running call to another device of yours')
    .addHelpText('after', `${examples('wren transfer desktop', 'wren transfer 3fa9c1d2 --json')}\n${AFTERWORDS}`)
    .action(
      act(async (invocation, which: string, { call: wanted }: { call?: string }) => {
        const wish = { device: which, ...(wanted === undefined ? {} : { call: wanted }) };
        const { call, peer, device } = await ofCall(invocation, (agent) =>
          agent.request({ type: 'call.transfer', ...wish }),
        );
        invocation.output.tell(
          { event: 'transferred', call, peer, device },
          `The call with ${plain(peer)} goes on at ${plain(device)}.`,
        );
        return EXIT.done;
      }),
    );
}
