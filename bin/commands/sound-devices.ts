/**
 * `wren sound devices` and `wren sound use`: which microphones and speakers there are, and which of them calls go through. The
 * agent asks the drivers, because it is the agent's sound; `sound.ts` adds these two to its command.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ListedDevice, SoundDevicesReport } from '../../src/store/port.ts';
import { specAfter } from '../../src/store/state.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns, plain } from './layout.ts';
import { examples } from './usage.ts';

/** As `device:NAME` takes it. */
const NAME_LENGTH_MAX = 256;

export function addSoundDevices(sound: Command, act: Act): void {
  sound
    .command('devices')
    .description('microphones and speakers, and the names by which they are chosen')
    .addHelpText('after', examples('wren sound devices', 'wren --audio "device:USB Headset" call bobby1'))
    .action(act((invocation) => list(invocation)));
  sound
    .command('use')
    .argument('<name>', 'a name of the list or a part of one, or default', nameValue)
    .addOption(new Option('--for <side>', 'for one side only').choices(['input', 'output']))
    .description('choose a device for the running call and all later ones')
    .addHelpText(
      'after',
      examples('wren sound use Headset', 'wren sound use --for input webcam', 'wren sound use default'),
    )
    .action(
      act((invocation, name: string, { for: side }: { readonly for?: 'input' | 'output' }) =>
        use(invocation, name, side),
      ),
    );
}

function nameValue(text: string): string {
  if (text !== '' && text.length <= NAME_LENGTH_MAX && !/[|\0]/.test(text)) return text;
  throw new InvalidArgumentError('It takes a name of `wren sound devices` or a part of one.');
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const report = await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'sound.devices' }));
  tellList(invocation, report);
  return EXIT.done;
}

async function use(invocation: Invocation, name: string, side: 'input' | 'output' | undefined): Promise<ExitCode> {
  await withAgent(invocation, { start: true }, async (agent) => {
    const { audio } = await agent.request({ type: 'status' });
    const spec = specAfter(audio.spec, name === 'default' ? '' : name, side);
    await agent.request({ type: 'audio.set', spec });
    const report = await agent.request({ type: 'sound.devices' });
    const found = [...report.inputs, ...report.outputs].some((device) => device.isChosen);
    tellList(invocation, report);
    if (spec !== 'default' && !found)
      invocation.output.say(`No device is called "${plain(name)}" now: calls use the default until one is.`);
  });
  return EXIT.done;
}

function tellList({ output }: Invocation, { spec, backend, inputs, outputs }: SoundDevicesReport): void {
  for (const [side, devices] of [['input', inputs] as const, ['output', outputs] as const])
    for (const { isDefault, isMonitor, isChosen, ...device } of devices)
      output.object({
        event: 'device',
        side,
        backend,
        ...device,
        default: isDefault,
        chosen: isChosen,
        monitor: isMonitor,
      });
  output.object({ event: 'done', spec, backend, inputs: inputs.length, outputs: outputs.length });
  for (const line of listLines({ spec, backend, inputs, outputs })) output.line(line);
}

const BY = { pulse: 'PulseAudio or PipeWire', portaudio: 'PortAudio' } as const;

const LAPTOP =
  'Calls go through the laptop of wren ssh, where its devices are chosen: wren ssh --audio device:NAME HOST.';

/** The list for people: one line a device, what it is at the end. */
export function listLines({ spec, backend, inputs, outputs }: SoundDevicesReport): string[] {
  const isAtLaptop = spec.startsWith('socket:');
  if (inputs.length + outputs.length === 0) {
    if (isAtLaptop) return [LAPTOP];
    return ['No microphone and no speaker can be found; calls are silent here. wren check tells more.'];
  }
  const by = backend === 'pulse' || backend === 'portaudio' ? BY[backend] : backend;
  return [
    isAtLaptop ? `${LAPTOP} Those of this machine:` : `Chosen: ${plain(spec)}, by ${by}`,
    ...side('Microphones:', inputs, spec),
    ...side('Speakers:', outputs, spec),
    'To choose one: wren sound use NAME, or --audio device:NAME for one call. NAME is the first word of a line.',
  ];
}

function side(label: string, devices: readonly ListedDevice[], spec: string): string[] {
  const isCalledDefault = spec === 'default';
  const rows = devices.map((device) => {
    const words = [
      ...(device.description === device.name ? [] : [plain(device.description, 100)]),
      ...(device.inUse ? ['in use'] : []),
      ...(device.isChosen ? ['chosen'] : []),
      ...(device.isDefault ? [isCalledDefault ? 'default, used in calls' : 'default'] : []),
      ...(device.isMonitor ? ['hears a speaker'] : []),
    ];
    return [`  ${plain(device.name)}`, words.join(', ')];
  });
  return [label, ...(rows.length > 0 ? columns(rows) : ['  none'])];
}
