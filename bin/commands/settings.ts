/**
 * `wren settings`: all settings with what they are for, one of them, or a change of one, by name. What has a command of its own
 * (`wren sound`, `wren serve`) is here too, under one roof for scripts; the table is the agent's.
 */
import type { Command } from 'commander';
import { readSetting, SETTING_KEYS, type SettingReport, settingWord } from '../../src/store/settings-table.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns, plain } from './layout.ts';
import { audioSpecValue, examples, UsageProblem } from './usage.ts';

const AFTERWORDS = `
Changes hold at once in every screen and in the running call, and are remembered;
where the agent must start again first, that is said. "default" takes one back.`;

export function addSettings(program: Command, act: Act): void {
  program
    .command('settings')
    .argument('[key]', 'which; all when left out')
    .argument('[value...]', 'what it shall be; told when left out')
    .description('look at settings and change them by name')
    .addHelpText(
      'after',
      `${examples('wren settings', 'wren settings alert-bell off', 'wren settings screen-mode plain', 'wren settings talk --json')}\n${AFTERWORDS}`,
    )
    .action(
      act((invocation, key: string | undefined, words: readonly string[]) =>
        key !== undefined && words.length > 0 ? change(invocation, key, words.join(' ')) : show(invocation, key),
      ),
    );
}

async function show(invocation: Invocation, key: string | undefined): Promise<ExitCode> {
  if (key !== undefined) known(key);
  const all = await withAgent(invocation, { start: true }, (agent) => agent.request({ type: 'settings.get' }));
  const shown = key === undefined ? all : all.filter((one) => folded(one.key) === folded(key));
  const { output } = invocation;
  for (const setting of shown) output.object({ event: 'setting', ...setting });
  for (const line of settingLines(shown)) output.line(line);
  return EXIT.done;
}

async function change(invocation: Invocation, key: string, text: string): Promise<ExitCode> {
  known(key);
  const value = folded(key) === 'audiospec' ? absoluteSpec(text) : text;
  const read = readSetting(key, value);
  if (!read.ok) throw new UsageProblem(read.sentence, `wren settings ${key}`);
  const setting = await withAgent(invocation, { start: true }, (agent) =>
    agent.request({ type: 'settings.set', key, value }),
  );
  const later = setting.holds === 'now' ? '' : ', from the next start of the agent on';
  invocation.output.tell(
    { event: 'setting', ...setting },
    `${setting.key} is ${plain(settingWord(setting.value)) || 'empty'} now${later}.`,
  );
  return EXIT.done;
}

/** Its files are opened by the agent, which works in another folder. */
function absoluteSpec(text: string): string {
  try {
    return audioSpecValue(process.cwd())(text);
  } catch (error) {
    throw new UsageProblem(`audio-spec: ${(error as Error).message}`, 'wren settings audio-spec');
  }
}

/** A mistyped key is told with the one that begins most like it. */
function known(key: string): void {
  if (SETTING_KEYS.some((one) => folded(one) === folded(key))) return;
  const alike = (one: string) => [...one].findIndex((letter, at) => letter !== key[at]?.toLowerCase());
  const [near = ''] = SETTING_KEYS.toSorted((a, b) => alike(b) - alike(a));
  const hint = alike(near) > 2 ? `; did you mean ${near}?` : '';
  throw new UsageProblem(`there is no setting "${plain(key, 40)}"${hint}`, 'wren settings');
}

function folded(key: string): string {
  return key.replaceAll('-', '').toLowerCase();
}

/** `alert-bell  on  alerts ring the bell of the terminal; on or off`. */
export function settingLines(settings: readonly SettingReport[]): string[] {
  return columns(
    settings.map(({ key, value, about, choices }) => [
      key,
      ascii(plain(settingWord(value), 40)) || '-',
      `${about}; ${choices}`,
    ]),
  );
}

/** Columns are counted in characters; a name of a device may hold any. */
function ascii(text: string): string {
  return text.replaceAll(/[^ -~]/g, '?');
}
