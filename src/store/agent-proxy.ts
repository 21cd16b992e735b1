/**
 * The agent's dealings with a proxy: which one the profile or the environment names, a change of it while the agent
 * runs, and what `wren check` finds out about it. Its user and password go to the sockets and nowhere else.
 */
import { chooseProxy, type ProxyChoice, proxyWhere } from '../net/io/index.ts';
import { Refusal } from '../net/protocol/failures.ts';
import type { AgentCore } from './agent-core.ts';
import type { ProxyReport } from './port.ts';

/** Chosen anew, and kept in the core. What makes no sense is told, and counts as none: the agent is needed all the same. */
export function openProxy(core: AgentCore): ProxyChoice | undefined {
  core.countsBeforeProxy = core.node?.driver.report().dropped ?? {};
  const { profile, proxyEnvironment, log } = core.options;
  try {
    core.proxy = chooseProxy(profile.settings.get().proxy, proxyEnvironment ?? {});
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    core.proxy = undefined;
    core.notice(error.code, error.message);
  }
  if (core.proxy) log.info('agent', 'proxy', { where: proxyWhere(core.proxy.server), source: core.proxy.source });
  return core.proxy;
}

/** From now on, and remembered. Throws `proxy-malformed`; nothing is changed then. */
export function changeProxy(core: AgentCore, setting: string): null {
  const { settings } = core.options.profile;
  const before = settings.get().proxy;
  chooseProxy(setting, {});
  if (setting !== before) settings.set({ proxy: setting });
  if (setting === before || !core.node) return null;
  const proxy = openProxy(core);
  core.node.sockets?.setProxy(proxy);
  core.command({ type: 'proxy', known: proxy !== undefined });
  return null;
}

/** What a proxy did to us, worst first, by how streams through it ended. */
const FAULTS: readonly (readonly [ending: string, words: string])[] = [
  ['proxy-password', 'wants a password: --proxy URL with USER:PASSWORD@ before HOST'],
  ['proxy-untrusted', 'shows a certificate that this machine does not trust'],
  ['proxy-refused', 'refuses to connect us'],
  ['proxy-garbage', 'does not answer as a proxy'],
  ['proxy-unreachable', 'cannot be reached'],
  ['proxy-timeout', 'does not answer'],
];

/** One clause for somebody whose sign-in got through nowhere; empty when no proxy is to blame. */
export function proxyTrouble({ proxy, node, countsBeforeProxy }: AgentCore): string {
  const counts = node?.driver.report().dropped ?? {};
  const sinceThen = (kind: string): number => (counts[kind] ?? 0) - (countsBeforeProxy[kind] ?? 0);
  const fault = FAULTS.find(([ending]) => sinceThen(`stream unopened: ${ending}`) > 0);
  return proxy && fault ? `the proxy at ${proxyWhere(proxy.server)} ${fault[1]}` : '';
}

/** What may be shown of it. */
export function proxyReport({ server, source }: ProxyChoice, knocks: ProxyReport['knocks']): ProxyReport {
  return { where: proxyWhere(server), scheme: server.scheme, source, knocks };
}
