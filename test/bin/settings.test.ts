import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../src/store/settings-file.ts';
import { settingReports } from '../../src/store/settings-table.ts';
import { type ScriptedAgent, scriptedAgent } from '../support/scripted-agent.ts';
import { type BuiltWren, buildWren, jsonLines } from '../support/wren-command.ts';

let wren: BuiltWren;
let agent: ScriptedAgent | undefined;
beforeAll(() => {
  wren = buildWren();
});
afterEach(async () => {
  await agent?.close();
  agent = undefined;
});
afterAll(() => wren.remove());

const ALL = settingReports(DEFAULT_SETTINGS);

async function settings(...words: string[]) {
  const profile = wren.profile();
  agent = await scriptedAgent(profile, {
    'settings.get': () => ALL,
    'settings.set': ({ key }) => ({ ...ALL.find((one) => one.key === key), value: false }),
  });
  return wren.run(['settings', ...words, '--profile', profile]);
}

test('`wren settings` lists them all, for people and as one object each', async () => {
  const people = await settings();
  expect([people.code, people.stderr]).toEqual([0, '']);
  expect(people.stdout).toMatch(/^alert-bell +on +alerts ring the bell of the terminal; on or off$/m);
  const { stdout } = await settings('--json');
  expect(jsonLines(stdout)).toEqual(ALL.map((setting) => ({ event: 'setting', ...setting })));
});

test('one of them is told by name, and changed by name and value', async () => {
  expect((await settings('talk')).stdout).toBe('talk  open  push: calls begin with the microphone off; open or push\n');
  const changed = await settings('alert-bell', 'off', '--json');
  expect(agent?.asked).toEqual([{ type: 'settings.set', key: 'alert-bell', value: 'off' }]);
  expect(jsonLines(changed.stdout)).toMatchObject([{ event: 'setting', key: 'alert-bell', value: false }]);
  const told = await settings('port-mapping', 'off');
  expect(told.stderr).toBe('port-mapping is off now, from the next start of the agent on.\n');
});

test.each([
  [['alert-bel'], /there is no setting "alert-bel"; did you mean alert-bell\? Try: wren settings/],
  [['alert-bell', 'loud'], /alert-bell takes on or off\. Try: wren settings alert-bell/],
  [['audio-spec', 'tape'], /audio-spec: It is default, none, /],
])('wren settings %j is refused with one sentence, exit code 3, before any agent is asked', async (words, sentence) => {
  const { code, stderr, stdout } = await settings(...words);
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(sentence);
  expect(agent?.asked).toEqual([]);
});
