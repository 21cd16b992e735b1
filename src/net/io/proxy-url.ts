/**
 * Which proxy, and for whom: read from a setting (`--proxy`) or from the environment variables that other programs
 * obey too. Pure; `streams.ts` goes through what is chosen here, the agent shows where it is.
 *
 *   http://USER:PASSWORD@HOST:PORT   HTTP CONNECT (RFC 9110 section 9.3.6), Basic authentication (RFC 7617)
 *   https://...                      the same inside TLS to the proxy
 *   socks5://...  socks5h://...      SOCKS5 (RFC 1928, RFC 1929); with `h` the proxy looks names up, as in curl
 */
import { BlockList, isIP } from 'node:net';
import { isLoopbackHost, plainHost } from '../protocol/endpoint.ts';
import { Refusal } from '../protocol/failures.ts';
import { NO_PROXY_ENTRIES_MAX, PROXY_CREDENTIAL_BYTES_MAX, PROXY_URL_LENGTH_MAX } from '../protocol/params.ts';

export interface ProxyServer {
  readonly scheme: 'http' | 'https' | 'socks5' | 'socks5h';
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Never to be logged or shown. */
  readonly user: string;
  readonly password: string;
}

export interface ProxyChoice {
  readonly server: ProxyServer;
  /** What named it: `--proxy`, or the variable. */
  readonly source: string;
  /** True for those who are to be reached without it; the machine itself always is. */
  readonly bypasses: (host: string, port: number) => boolean;
}

const SCHEMES: Readonly<Record<string, { readonly scheme: ProxyServer['scheme']; readonly port: number }>> = {
  'http:': { scheme: 'http', port: 80 },
  'https:': { scheme: 'https', port: 443 },
  'socks5:': { scheme: 'socks5', port: 1080 },
  'socks5h:': { scheme: 'socks5h', port: 1080 },
  // What desktops write into ALL_PROXY.
  'socks:': { scheme: 'socks5', port: 1080 },
};

export const PROXY_FORMS = 'http://HOST:PORT, https://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT';

/** Without a scheme it is http. Undefined when it is none; never throws. */
export function parseProxyUrl(text: string): ProxyServer | undefined {
  const trimmed = text.trim();
  if (trimmed.length > PROXY_URL_LENGTH_MAX || /[\s\p{Cc}]/u.test(trimmed)) return undefined;
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  if (!URL.canParse(whole)) return undefined;
  const url = new URL(whole);
  const known = SCHEMES[url.protocol];
  if (!known || !/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? known.port : Number(url.port);
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (isIP(host) === 0 && !/^[A-Za-z0-9._-]{1,253}$/.test(host)) return undefined;
  if (port < 1 || user === undefined || password === undefined) return undefined;
  return { scheme: known.scheme, host, port, user, password };
}

function decoded(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text);
    return Buffer.byteLength(plain) <= PROXY_CREDENTIAL_BYTES_MAX ? plain : undefined;
  } catch {
    return undefined;
  }
}

/** `proxy.example.org:3128`: what may be shown of it. */
export function proxyWhere({ host, port }: Pick<ProxyServer, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** In this order; a program that names one for the web means one that lets CONNECT pass. */
const VARIABLES = ['https_proxy', 'all_proxy', 'http_proxy'] as const;

/**
 * `setting`: a URL, `none`, or empty for what the environment says. Undefined: no proxy. Throws
 * `Refusal('proxy-malformed')`, which names the place and not the text, for that may hold a password.
 */
export function chooseProxy(setting: string, env: NodeJS.ProcessEnv): ProxyChoice | undefined {
  if (setting === 'none') return undefined;
  if (setting !== '') return choiceOf('--proxy', setting, '');
  for (const name of VARIABLES) {
    for (const variable of [name, name.toUpperCase()]) {
      const url = env[variable] ?? '';
      if (url !== '') return choiceOf(variable, url, env.no_proxy || env.NO_PROXY || '');
    }
  }
  return undefined;
}

function choiceOf(source: string, url: string, exceptions: string): ProxyChoice {
  const server = parseProxyUrl(url);
  if (!server) throw new Refusal('proxy-malformed', source);
  return { server, source, bypasses: bypassRule(exceptions) };
}

/** Entries are names with all below them, addresses, networks (`10.0.0.0/8`), each with `:PORT` or without, and `*`. */
function bypassRule(text: string): ProxyChoice['bypasses'] {
  const networks = new BlockList();
  const names: { readonly name: string; readonly port: number | undefined }[] = [];
  for (const entry of text.split(/[\s,]+/).slice(0, NO_PROXY_ENTRIES_MAX)) {
    if (!addNetwork(networks, entry)) names.push(nameEntry(entry));
  }
  return (wanted, port) => {
    const host = plainHost(wanted).toLowerCase();
    const family = isIP(host);
    if (isLoopbackHost(host)) return true;
    if (family !== 0 && networks.check(host, family === 6 ? 'ipv6' : 'ipv4')) return true;
    return names.some((one) => (one.port ?? port) === port && covers(one.name, host));
  };
}

function addNetwork(networks: BlockList, entry: string): boolean {
  const [address = '', prefix, rest] = entry.replace(/^\[(.*)\]$/, '$1').split('/');
  const family = isIP(address);
  if (family === 0 || rest !== undefined) return false;
  const bits = prefix === undefined ? (family === 6 ? 128 : 32) : Number(prefix);
  if (!/^\d{1,3}$/.test(prefix ?? '0') || bits > (family === 6 ? 128 : 32)) return false;
  networks.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
  return true;
}

function nameEntry(entry: string) {
  const [, host = entry, port] = /^\[?(.*?)\]?(?::(\d{1,5}))?$/.exec(entry) ?? [];
  return { name: host.toLowerCase().replace(/^\*?\./, ''), port: port === undefined ? undefined : Number(port) };
}

function covers(name: string, host: string): boolean {
  if (name === '') return false;
  return name === '*' || host === name || host.endsWith(`.${name}`);
}
