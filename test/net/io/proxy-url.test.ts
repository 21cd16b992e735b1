/** Which proxy a setting or the environment names, and who is reached without it. */
import { describe, expect, test } from 'vitest';
import { chooseProxy, parseProxyUrl, proxyWhere } from '../../../src/net/io/proxy-url.ts';
import { Refusal } from '../../../src/net/protocol/failures.ts';

describe('the URL of a proxy', () => {
  test.each([
    ['http://proxy.example.org:3128', 'http', 'proxy.example.org:3128'],
    ['http://proxy', 'http', 'proxy:80'],
    ['proxy:3128', 'http', 'proxy:3128'],
    ['https://192.0.2.7', 'https', '192.0.2.7:443'],
    ['socks5://[2001:db8::1]:9050/', 'socks5', '[2001:db8::1]:9050'],
    ['SOCKS5H://tor', 'socks5h', 'tor:1080'],
    ['socks://desktop:1080/', 'socks5', 'desktop:1080'],
  ])('%s is %s at %s', (text, scheme, where) => {
    const server = parseProxyUrl(text);
    expect(server && [server.scheme, proxyWhere(server)]).toEqual([scheme, where]);
  });

  test('brings user and password, which are never shown', () => {
    const server = parseProxyUrl('http://alice:p%40ss%3Aword@proxy:3128');
    expect(server).toMatchObject({ user: 'alice', password: 'p@ss:word' });
    expect(server && proxyWhere(server)).toBe('proxy:3128');
  });

  test.each([
    '',
    'http://',
    'ftp://proxy:21',
    'socks4://proxy:1080',
    'http://proxy:0',
    'http://proxy:99999',
    'http://proxy:3128/path',
    'http://proxy:3128?x=1',
    'http://pro xy:3128',
    'http://proxy:3128\r\nX: y',
    'http://%zz@proxy:3128',
    `http://${'u'.repeat(256)}@proxy:3128`,
    `http://${'h'.repeat(3000)}`,
  ])('is not %j', (text) => {
    expect(parseProxyUrl(text)).toBeUndefined();
  });
});

describe('the choice of a proxy', () => {
  const chosen = (setting: string, env: NodeJS.ProcessEnv) => {
    const choice = chooseProxy(setting, env);
    return choice && `${choice.source} ${proxyWhere(choice.server)}`;
  };

  test('is the flag, then HTTPS_PROXY, ALL_PROXY, HTTP_PROXY, small letters first', () => {
    const env = { HTTPS_PROXY: 'a:1', https_proxy: 'b:1', ALL_PROXY: 'socks5://c:1', http_proxy: 'd:1' };
    expect(chosen('e:1', env)).toBe('--proxy e:1');
    expect(chosen('', env)).toBe('https_proxy b:1');
    expect(chosen('', { ...env, https_proxy: '' })).toBe('HTTPS_PROXY a:1');
    expect(chosen('', { ALL_PROXY: env.ALL_PROXY, http_proxy: 'd:1' })).toBe('ALL_PROXY c:1');
    expect(chosen('', { http_proxy: 'd:1' })).toBe('http_proxy d:1');
    expect(chosen('none', env)).toBeUndefined();
    expect(chosen('', {})).toBeUndefined();
  });

  test('that makes no sense is refused by its place, without the text', () => {
    const tries = [() => chooseProxy('secret@@', {}), () => chooseProxy('', { ALL_PROXY: 'ftp://u:secret@x' })];
    const told = tries.map((choose) => {
      try {
        choose();
      } catch (error) {
        return error instanceof Refusal ? `${error.code} ${error.message}` : error;
      }
      return 'taken';
    });
    expect(told).toEqual(['proxy-malformed --proxy', 'proxy-malformed ALL_PROXY']);
  });

  test('leaves out what NO_PROXY lists: names and all below, addresses, networks, ports; and this machine always', () => {
    const NO_PROXY = 'example.org, .lab,*.home,192.0.2.7,10.0.0.0/8 2001:db8::/32 [fd00::1],busy.net:443';
    const choice = chooseProxy('', { HTTPS_PROXY: 'p:1', NO_PROXY });
    const passed = ['example.org', 'a.example.org', 'x.lab', 'y.home', '192.0.2.7', '10.1.2.3', '::ffff:10.1.2.3'];
    const more = ['2001:db8:5::1', 'fd00::1', 'busy.net', 'localhost', '127.0.0.1', '::1'];
    for (const host of [...passed, ...more]) expect(choice?.bypasses(host, 443), host).toBe(true);
    for (const host of ['badexample.org', '192.0.2.8', '11.0.0.1', '2001:db9::1', 'other.net']) {
      expect(choice?.bypasses(host, 443), host).toBe(false);
    }
    expect(choice?.bypasses('busy.net', 80)).toBe(false);
    expect(chooseProxy('', { HTTPS_PROXY: 'p:1', NO_PROXY: '*' })?.bypasses('any.where', 443)).toBe(true);
    expect(chooseProxy('p:1', { NO_PROXY: '*' })?.bypasses('any.where', 443)).toBe(false);
  });
});
