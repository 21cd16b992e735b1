/** When the install notice is sent: once, announced, and never against the person's will. */
import { afterEach, expect, test } from 'vitest';
import { noticeInstall } from '../../src/store/agent-install-notice.ts';
import { AgentScene, eventually } from '../support/agent-scene.ts';

let scene: AgentScene;
afterEach(() => scene.end());

const SERVER = { carrier: 'tcp', host: 'login.example', port: 33_033 } as const;

/** An agent of version 0.0.0; `told` are the versions that left. */
function agentScene(newest: string | undefined, extra: object = {}): string[] {
  const told: string[] = [];
  const tellInstalled = async (_to: unknown, version: string) => {
    told.push(version);
    return newest;
  };
  scene = new AgentScene({ change: (options) => ({ ...options, tellInstalled, ...extra }) });
  return told;
}

test('it is sent once, and the person is told', async () => {
  const told = agentScene('0.0.0');
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(true);
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(false);
  await eventually(() => scene.logged.includes('install: notice sent'), 'the answer');
  expect(told).toEqual(['0.0.0']);
  expect(scene.notices).toEqual(['install-told ']);
});

test('a newer version is told too', async () => {
  agentScene('0.1.0');
  noticeInstall(scene.core, [SERVER], true);
  await eventually(() => scene.notices.length === 2, 'the second notice');
  expect(scene.notices[1]).toBe('version-old 0.1.0');
});

test('unwanted once, it is not sent later either', () => {
  const told = agentScene('0.1.0');
  expect(noticeInstall(scene.core, [SERVER], false)).toBe(false);
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(false);
  expect([told, scene.notices]).toEqual([[], []]);
});

test('not with the setting off, not where the environment forbids it, not by a service', () => {
  const told = agentScene('0.1.0');
  scene.core.options.profile.settings.set({ installNotice: 'off' });
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(false);
  scene.end();
  agentScene('0.1.0', { tellInstalled: undefined });
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(false);
  scene.end();
  agentScene('0.1.0', { service: { reply: () => '' } });
  expect(noticeInstall(scene.core, [SERVER], true)).toBe(false);
  expect(told).toEqual([]);
});
