/**
 * When the install notice is sent: once, at the first network that a new profile joins, told to the person in one
 * sentence. Never by services, never with WREN_NO_INSTALL_PING=1 or `"installNotice": "off"` in the settings.
 */
import { type Endpoint, printEndpoint } from '../net/protocol/endpoint.ts';
import type { AgentCore } from './agent-core.ts';

/**
 * Sends it in the background if it is due; true when it was. `wanted`: false when whoever joins does not want it; then
 * it will not be sent later either.
 */
export function noticeInstall(core: AgentCore, servers: readonly Endpoint[], wanted: boolean): boolean {
  const { profile, tellInstalled, version, service, log } = core.options;
  const { settings } = profile;
  const [server] = servers.filter(({ carrier }) => carrier === 'tcp');
  if (settings.get().installNotice !== 'due' || service) return false;
  const sends = wanted && tellInstalled !== undefined && server !== undefined;
  settings.set({ installNotice: sends ? 'sent' : 'off' });
  if (!sends) return false;
  core.notice('install-told', '');
  tellInstalled(server, version).then(
    (newest) => {
      log.info('install', 'notice sent', { to: printEndpoint(server), newest: newest ?? null });
      if (newest !== undefined && isNewer(newest, version)) core.notice('version-old', newest);
    },
    (error) => log.warn('install', 'notice not sent', {}, error),
  );
  return true;
}

/** By the three numbers of a release; anything else is not compared. */
function isNewer(theirs: string, ours: string): boolean {
  const [a, b] = [numbers(theirs), numbers(ours)];
  if (!a || !b) return false;
  const at = a.findIndex((part, i) => part !== b[i]);
  return at !== -1 && (a[at] ?? 0) > (b[at] ?? 0);
}

function numbers(version: string): number[] | undefined {
  return /^\d{1,6}\.\d{1,6}\.\d{1,6}$/.test(version) ? version.split('.').map(Number) : undefined;
}
