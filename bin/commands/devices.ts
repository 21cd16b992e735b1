/** `wren devices`: the machines of the account, as the account has signed them, and `revoke`, which shuts one out for ever. */
import type { Command } from 'commander';
import type { AppState, DevicesReport } from '../../src/store/state.ts';
import { settle } from './buddies.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, columns, plain } from './layout.ts';
import { examples, UsageProblem } from './usage.ts';

/** So many digits of an id tell two devices apart, and are short enough to type. */
const ID_DIGITS_SHOWN = 8;

export function addDevices(program: Command, act: Act): void {
  const devices = program
    .command('devices')
    .description('the machines of your account: list, revoke')
    .addHelpText('after', examples('wren devices', 'wren devices revoke old-laptop'));
  devices
    .command('list', { isDefault: true })
    .description('list the devices of your account')
    // A mistyped word lands here, because `list` is what a bare `wren devices` means.
    .allowExcessArguments()
    .addHelpText('after', examples('wren devices', 'wren devices list --json'))
    .action(act((invocation, _options: unknown, { args }: Command) => list(invocation, args)));
  devices
    .command('revoke')
    .argument('<device>', 'its label, or at least four digits of its id')
    .description('shut a device out of your account, for ever: it is signed out, and nobody hears it any more')
    .addHelpText('after', examples('wren devices revoke old-laptop', 'wren devices revoke 3fa9c1d2'))
    .action(act((invocation, device: string) => revoke(invocation, device)));
}

async function list(invocation: Invocation, [word]: readonly string[]): Promise<ExitCode> {
  if (word !== undefined) throw new UsageProblem(`there is no "wren devices ${word}"`, 'wren devices --help');
  const { output } = invocation;
  const report = await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'device.list' }));
  for (const device of report?.list ?? []) output.object({ event: 'device', ...device });
  for (const device of report?.revoked ?? []) output.object({ event: 'revoked', ...device });
  for (const line of deviceLines(report)) output.line(line);
  return EXIT.done;
}

async function revoke(invocation: Invocation, device: string): Promise<ExitCode> {
  const { id, label } = await withAgent(invocation, { start: true }, async (agent) => {
    await settle(agent);
    return agent.request({ type: 'device.revoke', device });
  });
  invocation.output.tell({ event: 'revoked', id, label }, `${plain(label)} is revoked: it is signed out, for ever.`);
  return EXIT.done;
}

/** A line for each device, then for each that was revoked. */
export function deviceLines(report: DevicesReport | null): string[] {
  if (!report) return ['No list of devices yet: sign in again to make one.'];
  const rows = report.list.map((one) => [
    one.id.slice(0, ID_DIGITS_SHOWN),
    one.thisOne ? 'this one' : one.online ? 'online' : 'away',
    `added ${clock(one.addedAtMs)}`,
    plain(one.label),
  ]);
  const gone = report.revoked.map((one) => [one.id.slice(0, ID_DIGITS_SHOWN), 'revoked', `on ${clock(one.atMs)}`, '']);
  return columns([...rows, ...gone]);
}

/** For `wren status`: how many there are, and which. */
export function devicesWords({ devices }: AppState): string | undefined {
  if (!devices) return undefined;
  const words = devices.list.map(({ label, thisOne, online }) => {
    return `${plain(label)}${thisOne ? ' (this one)' : online ? ' (online)' : ''}`;
  });
  const { length } = devices.revoked;
  return `${words.join(', ') || 'none'}${length > 0 ? `; ${length} revoked; wren devices` : ''}`;
}
