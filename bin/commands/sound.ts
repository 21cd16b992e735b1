/**
 * `wren sound`: echo, noise and gain of the microphone, when it is open, and who watches over that, for the running call and
 * all later ones; and through which devices it goes (`sound-devices.ts`). Alone it tells how they are set and what is done now; with
 * a part and a word it changes one of them.
 */
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { INPUT_GAIN_DB_MAX, MICROPHONE_WATCH_MINUTES_MAX } from '../../src/net/protocol/params.ts';
import type { AgentCommand } from '../../src/store/port.ts';
import type { AudioReport, TalkSettings } from '../../src/store/state.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns } from './layout.ts';
import { addSoundDevices } from './sound-devices.ts';
import { examples, UsageProblem } from './usage.ts';

type Change = Omit<Extract<AgentCommand, { type: 'sound.set' }>, 'type'>;
type TalkChange = Omit<Extract<AgentCommand, { type: 'talk.set' }>, 'type'>;
type Mode = NonNullable<Change['noise']>;

const AFTERWORDS = `
auto: on with a sound card, off with files (they are sent bit by bit as they are).
strong: by RNNoise, which takes 2 % of a processor core and 12 ms.
With headphones on no echo is taken out: there is none.
Everything holds for the running call at once, and is remembered.`;

const MODES = ['on', 'off', 'auto'];
const PARTS = [
  { word: 'echo', modes: MODES, description: 'take the echo of the speaker out of the microphone' },
  { word: 'noise', modes: [...MODES, 'strong'], description: 'turn down the noise behind the voice' },
  { word: 'gain', modes: MODES, description: 'bring the voice to one loudness, near or far' },
] as const;

export function addSound(program: Command, act: Act): void {
  const sound = program
    .command('sound')
    .description('devices, and echo, noise and gain of the microphone')
    .usage('[command]')
    // A mistyped word lands here, and gets a better sentence than commander's.
    .allowExcessArguments()
    .addHelpText(
      'after',
      `${examples('wren sound', 'wren sound devices', 'wren sound headphones on', 'wren sound noise off')}\n${AFTERWORDS}`,
    )
    .action(
      act((invocation, _options: unknown, { args: [word] }: Command) => {
        if (word !== undefined) throw new UsageProblem(`there is no "wren sound ${word}"`, 'wren sound --help');
        return change(invocation, {});
      }),
    );
  addSoundDevices(sound, act);
  for (const { word, modes, description } of PARTS) {
    sound
      .command(word)
      .addArgument(new Argument('<mode>', modes.join(', ')).choices(modes))
      .description(description)
      .addHelpText('after', examples(`wren sound ${word} off`))
      .action(act((invocation, mode: Mode) => change(invocation, { [word]: mode })));
  }
  sound
    .command('headphones')
    .addArgument(new Argument('<state>', 'on or off').choices(['on', 'off']))
    .description('say that you wear headphones, so that no echo needs taking out')
    .addHelpText('after', examples('wren sound headphones on'))
    .action(act((invocation, state: 'on' | 'off') => change(invocation, { headphones: state === 'on' })));
  sound
    .command('talk')
    .addArgument(new Argument('<mode>', 'open, or push: calls begin muted').choices(['open', 'push']))
    .description('push-to-talk: wren mic on and off, or Space on the screen')
    .addHelpText('after', examples('wren sound talk push'))
    .action(act((invocation, talk: 'open' | 'push') => change(invocation, {}, { talk })));
  sound
    .command('watch')
    .addArgument(new Argument('<what>', 'off, warn or close').choices(['off', 'warn', 'close']))
    .option('--after <minutes>', `1 to ${MICROPHONE_WATCH_MINUTES_MAX}`, minutesValue)
    .description('watch over a microphone left open: nobody speaks, or no screen is there')
    .addHelpText('after', examples('wren sound watch close --after 5'))
    .action(
      act((invocation, watch: 'off' | 'warn' | 'close', { after }: { readonly after?: number }) =>
        change(invocation, {}, { watch, ...(after === undefined ? {} : { watchMinutes: after }) }),
      ),
    );
  sound
    .command('detach')
    .addArgument(new Argument('<how>', 'muted, held or open').choices(['muted', 'held', 'open']))
    .description('what becomes of a call when the laptop of wren ssh goes away')
    .addHelpText('after', examples('wren sound detach held'))
    .action(act((invocation, detach: 'muted' | 'held' | 'open') => change(invocation, {}, { detach })));
  sound
    .command('input')
    .addArgument(new Argument('<dB>', `-${INPUT_GAIN_DB_MAX} to ${INPUT_GAIN_DB_MAX}`).argParser(decibelValue))
    .description('make the microphone louder or quieter before all else')
    .addHelpText('after', examples('wren sound input 6', 'wren sound input -3'))
    .action(act((invocation, inputGainDb: number) => change(invocation, { inputGainDb })));
}

function minutesValue(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= MICROPHONE_WATCH_MINUTES_MAX) return value;
  throw new InvalidArgumentError(`It takes whole minutes from 1 to ${MICROPHONE_WATCH_MINUTES_MAX}.`);
}

function decibelValue(text: string): number {
  const value = /^[+-]?\d{1,2}(\.\d)?$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(value) <= INPUT_GAIN_DB_MAX) return value;
  throw new InvalidArgumentError(`It takes decibels from -${INPUT_GAIN_DB_MAX} to ${INPUT_GAIN_DB_MAX}.`);
}

async function change(invocation: Invocation, wish: Change, wishedTalk: TalkChange = {}): Promise<ExitCode> {
  const { output } = invocation;
  await withAgent(invocation, { start: true }, async (agent) => {
    const sound = await agent.request({ type: 'sound.set', ...wish });
    const talk = await agent.request({ type: 'talk.set', ...wishedTalk });
    const { audio } = await agent.request({ type: 'status' });
    const { filter = null, filters = null, ...rest } = audio;
    // What is done follows a change within half a second; until then it is what was done before.
    const isNow = Object.keys(wish).length === 0;
    output.object({ event: 'sound', ...sound, ...talk, filter, ...(isNow && { now: filters }) });
    const told = { ...(filter && { filter }), ...(isNow && filters && { filters }) };
    const report: AudioReport = { ...rest, sound, talk, ...told };
    for (const line of columns(soundRows(report))) output.line(line);
  });
  return EXIT.done;
}

const FILTERS = {
  speex: 'speexdsp',
  own: "wren's own filter; speexdsp is used where libspeexdsp1 is installed",
  none: 'nothing (WREN_AUDIO_FILTER=none)',
} as const;

function soundRows({ sound, filter, filters, talk }: AudioReport): [string, string][] {
  if (!sound) return [];
  const now = (on: boolean | undefined): string => (on === undefined ? '' : on ? ', in use' : ', not in use');
  const late = filters?.echoDelayMs ? `; it comes after ${filters.echoDelayMs} ms` : '';
  return [
    ['Echo:', `${sound.echo}${sound.headphones ? ', but headphones are on' : ''}${now(filters?.echo)}${late}`],
    ['Noise:', `${sound.noise}${now(filters?.noise)}${filters?.noiseBy === 'rnnoise' ? ', by RNNoise' : ''}`],
    ['Gain:', `${sound.gain}${now(filters?.gain)}`],
    ['Headphones:', sound.headphones ? 'on' : 'off'],
    ...(talk === undefined ? [] : talkRows(talk)),
    ['Input:', `${sound.inputGainDb > 0 ? '+' : ''}${sound.inputGainDb} dB`],
    ...(filter === undefined ? [] : ([['Filtered by:', FILTERS[filter] ?? filter]] as [string, string][])),
  ];
}

const DETACH = {
  muted: 'when the laptop of wren ssh goes away, a call goes on muted',
  held: 'when the laptop of wren ssh goes away, a call is put on hold',
  open: 'when the laptop of wren ssh goes away, a call goes on as it is',
} as const;

function talkRows({ talk, watch, watchMinutes, detach }: TalkSettings): [string, string][] {
  const left = `when it is open for ${watchMinutes} min and nobody speaks or looks`;
  const does = { off: 'not watched over', warn: `a warning ${left}`, close: `closed ${left}` };
  return [
    ['Talk:', talk === 'push' ? 'push-to-talk: calls begin with the microphone off' : 'open microphone'],
    ['Watch:', does[watch]],
    ...(detach === undefined ? [] : [['Detach:', DETACH[detach]] as [string, string]]),
  ];
}

/** One line of `wren status` on what is done with the microphone; undefined while nobody knows. */
export function filterWords({ sound, filter, filters }: AudioReport): string | undefined {
  if (!filters || filter === undefined) return undefined;
  const parts = (['echo', 'noise', 'gain'] as const).filter((part) => filters[part]);
  if (parts.length === 0) return sound?.headphones ? 'microphone as it is, headphones on' : 'microphone as it is';
  // RNNoise takes out noise only, and then the filter none.
  const strong = filters.noiseBy === 'rnnoise' ? ['RNNoise'] : [];
  const ordinary = filters.echo || (filters.noise && strong.length === 0) ? [SHORT[filter] ?? filter] : [];
  const by = [...ordinary, ...strong].join(' and ');
  return `microphone: ${parts.join(', ')} controlled${by && ` by ${by}`}`;
}

const SHORT = { speex: 'speexdsp', own: "wren's own filter", none: 'nothing' } as const;
