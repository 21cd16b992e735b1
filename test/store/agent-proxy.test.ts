/** Which proxy the agent uses, and a change of it while it runs. */
import { expect, test } from 'vitest';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { changeProxy, openProxy, proxyTrouble } from '../../src/store/agent-proxy.ts';
import { proxySettingOf } from '../../src/store/settings-file.ts';
import { AgentScene } from '../support/agent-scene.ts';

function scene(proxyEnvironment: NodeJS.ProcessEnv) {
  const one = new AgentScene({ change: (options) => ({ ...options, proxyEnvironment }) });
  const used: (string | undefined)[] = [];
  const sockets = {
    setProxy: (choice: { server: { host: string } } | undefined) => void used.push(choice?.server.host),
  };
  if (one.core.node) one.core.node = { ...one.core.node, sockets };
  return { one, used };
}

test('the environment of whoever started the agent names it, until the setting does', () => {
  const { one, used } = scene({ HTTPS_PROXY: 'http://env.lan:3128' });
  expect(openProxy(one.core)?.server.host).toBe('env.lan');
  changeProxy(one.core, 'socks5h://u:secret@set.lan');
  expect(one.core.proxy?.server).toMatchObject({ host: 'set.lan', port: 1080 });
  expect(proxySettingOf(one.folder)).toBe('socks5h://u:secret@set.lan');
  changeProxy(one.core, 'none');
  expect(one.core.proxy).toBeUndefined();
  changeProxy(one.core, '');
  expect(used).toEqual(['set.lan', undefined, 'env.lan']);
  expect(one.commands.map((command) => command.type === 'proxy' && command.known)).toEqual([true, false, true]);
  changeProxy(one.core, '');
  expect(used).toHaveLength(3);
});

test('a malformed setting is refused and changes nothing; a malformed environment is told, and counts as none', () => {
  const { one } = scene({ ALL_PROXY: 'ftp://u:secret@x' });
  expect(() => changeProxy(one.core, 'ftp://x')).toThrow(Refusal);
  expect(proxySettingOf(one.folder)).toBe('');
  expect(openProxy(one.core)).toBeUndefined();
  expect(one.events).toEqual([{ type: 'notice', code: 'proxy-malformed', detail: 'ALL_PROXY' }]);
  expect(one.logged.join()).not.toContain('secret');
});

test('somebody who got through nowhere is told what the proxy did, and nothing when there is none to blame', () => {
  const { one } = scene({ HTTPS_PROXY: 'http://u:secret@env.lan:3128' });
  const dropped: Record<string, number> = {};
  const driver = { report: () => ({ port: 1, dropped: { ...dropped } }) } as unknown as NonNullable<
    typeof one.core.node
  >['driver'];
  if (one.core.node) one.core.node = { ...one.core.node, driver };
  openProxy(one.core);
  expect(proxyTrouble(one.core)).toBe('');
  dropped['stream unopened: proxy-unreachable'] = 3;
  expect(proxyTrouble(one.core)).toBe('the proxy at env.lan:3128 cannot be reached');
  dropped['stream unopened: proxy-password'] = 1;
  expect(proxyTrouble(one.core)).toMatch(/^the proxy at env\.lan:3128 wants a password/);
  openProxy(one.core);
  expect(proxyTrouble(one.core)).toBe('');
});
