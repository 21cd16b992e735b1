/**
 * `wren record on [FILE]` and `wren record off`: both voices of the running call in a file. The other side is told before
 * the file is opened, always. They never start an agent.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ofCall } from './call-control.ts';
import { EXIT } from './exit-codes.ts';
import type { Act } from './invocation.ts';
import { plain } from './layout.ts';
import { examples } from './usage.ts';

const AFTERWORDS = `
FILE ends with .wav (you on the left, the other side on the right) or with
.opus or .ogg (both mixed, 3 kB a second). It must not be there yet; without
FILE it is a WAV file in the profile. The other side sees that you record.`;

export function addRecord(program: Command, act: Act): void {
  const record = program
    .command('record')
    .description('record the running call; the other side is told')
    .usage('[command]')
    .addHelpText('after', `${examples('wren record on talk.wav', 'wren record off')}\n${AFTERWORDS}`);
  record
    .command('on')
    .argument('[file]', 'where to')
    .description('record both voices from now on')
    .addHelpText('after', examples('wren record on talk.opus'))
    .action(
      act(async (invocation, file: string | undefined) => {
        const where = file === undefined ? {} : { path: resolve(file) };
        const { call, path } = await ofCall(invocation, (agent) => agent.request({ type: 'call.record', ...where }));
        invocation.output.object({ event: 'recording', on: true, call, path });
        invocation.output.line(`Recording to ${plain(path)}; the other side is told. End it with: wren record off`);
        return EXIT.done;
      }),
    );
  record
    .command('off')
    .description('end the recording')
    .addHelpText('after', examples('wren record off'))
    .action(
      act(async (invocation) => {
        await ofCall(invocation, (agent) => agent.request({ type: 'call.record-end' }));
        invocation.output.object({ event: 'recording', on: false });
        invocation.output.line('The recording has ended.');
        return EXIT.done;
      }),
    );
}
