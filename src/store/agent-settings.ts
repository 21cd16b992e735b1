/**
 * Settings by name (`settings.set`): the value as a person typed it is read by the table, then carried out by the command that
 * owns the setting, or stored and told to all screens. `agent.ts` hands in its own table of commands.
 */
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import type { AgentCommand } from './port.ts';
import { screenSettingsOf } from './screen-settings.ts';
import { readSetting, type SettingReport, settingReport } from './settings-table.ts';

/** Resolves with the setting as it is then. Rejects with `Refusal('usage')`, and what the owner of the setting refuses. */
export async function changeSetting(
  core: AgentCore,
  { key, value }: { readonly key: string; readonly value: string },
  carryOut: (command: AgentCommand) => Promise<unknown>,
): Promise<SettingReport> {
  const read = readSetting(key, value);
  if (!read.ok) throw new Refusal('usage', read.sentence);
  const { settings } = core.options.profile;
  if (read.command) await carryOut(read.command);
  else {
    settings.set(read.change);
    core.emit({ type: 'settings.changed', settings: screenSettingsOf(settings.get()) });
  }
  const report = settingReport(settings.get(), key);
  if (!report) throw new Refusal('internal', key);
  return report;
}
