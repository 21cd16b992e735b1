/**
 * Steps of `wren check` about who can be reached by which carrier besides UDP: the host cache, TCP, and port 443, which
 * firewalls let out that let little else. Pure; the knocks are those of `store/agent-check.ts`.
 */
import type { KnockReport, NetworkCheck } from '../../src/store/port.ts';
import { type Step, step } from './check-steps.ts';
import { clock, counted, whereOf } from './layout.ts';

/** What this machine could start from without any help. Nothing to say of an older agent, which does not tell. */
export function hostCacheSteps({ hostCache }: NetworkCheck, attached: boolean): Step[] {
  if (!hostCache) return [];
  const { supernodes, worked, lastWorkedAtMs } = hostCache;
  if (supernodes === 0) {
    const cause = 'empty: the invite and the login server name the first supernodes';
    const remedy = attached ? '' : 'it fills by itself once a login server or a supernode has answered';
    return [step('host cache', attached ? 'pass' : 'warn', cause, remedy, hostCache)];
  }
  const kept = `${counted(supernodes, 'supernode', 'supernodes')} kept`;
  if (lastWorkedAtMs !== null) {
    const cause = `${kept}, ${worked} of them served us, the last time at ${clock(lastWorkedAtMs)}`;
    return [step('host cache', 'pass', cause, '', hostCache)];
  }
  const remedy = attached ? '' : 'wren status tells what is tried; a new invite may name supernodes that are up';
  return [step('host cache', attached ? 'pass' : 'warn', `${kept}, none of them has served us yet`, remedy, hostCache)];
}

const isThere = ({ trouble }: KnockReport): boolean => trouble === null;

/** TCP at the ports that servers chose: to the login server always, to supernodes where UDP is blocked. */
export function tcpStep({ loginServers, supernodesByTcp = [], proxy }: NetworkCheck): Step {
  const asked = [...loginServers, ...supernodesByTcp];
  const figures = {
    ...{ asked: asked.length, answering: asked.filter(isThere).length },
    connected: asked.filter(({ connected }) => connected).length,
  };
  if (asked.length === 0) return step('tcp', 'warn', 'nobody to ask it of', '', { tcp: 'unknown', ...figures });
  if (figures.answering > 0) {
    const cause = `gets through: ${answerWords(loginServers, supernodesByTcp)}`;
    return step('tcp', 'pass', cause, '', { tcp: 'works', ...figures });
  }
  if (figures.connected > 0) {
    const remedy = 'ask whoever runs the firewall whether it looks into the stream';
    return step('tcp', 'warn', 'connects, but nobody answers as a server of wren', remedy, { tcp: 'deaf', ...figures });
  }
  const byProxy = proxy?.knocks.some(isThere) === true;
  const cause = byProxy ? 'only through the proxy' : 'blocked: nobody answers by TCP at the port of their own';
  const remedy = byProxy ? '' : 'let this program connect out by TCP: sign-in needs it, and calls where UDP fails';
  return step('tcp', 'warn', cause, remedy, { tcp: byProxy ? 'proxy' : 'blocked', ...figures });
}

/** Nobody has to be met there, unless nothing else gets through. */
export function port443Step(found: NetworkCheck): Step {
  const { loginServers, insideTls, supernodes, supernodesByTcp = [], supernodesAt443 = [] } = found;
  const asked = [...insideTls, ...supernodesAt443];
  const figures = { asked: asked.length, answering: asked.filter(isThere).length, knocks: asked };
  if (figures.answering > 0) {
    const cause = `open: ${answerWords(insideTls, supernodesAt443, ' inside TLS')}`;
    return step('443', 'pass', cause, '', { port443: 'works', ...figures });
  }
  if (asked.length === 0) return step('443', 'pass', 'nobody to ask it of', '', { port443: 'unknown', ...figures });
  const connected = asked.some((one) => one.connected);
  const told = { port443: connected ? 'deaf' : 'silent', ...figures };
  const cause = connected ? 'connects, but nobody answers as a server of wren' : 'nobody answers there';
  if ([...supernodes, ...supernodesByTcp, ...loginServers].some(isThere)) {
    return step('443', 'pass', `${cause}, and nobody has to: other ports get through`, '', told);
  }
  const remedy = 'ask whoever runs the network to let a supernode and the login server listen at 443';
  return step('443', 'warn', cause, remedy, told);
}

/** `the login server in 12 ms, 2 of 3 supernodes`: of those who were asked and answer. */
function answerWords(logins: readonly KnockReport[], supernodes: readonly KnockReport[], how = ''): string {
  const login = logins.find(isThere);
  const answering = supernodes.filter(isThere).length;
  return [
    ...(login ? [`the login server${how} (${whereOf(login.endpoint)}, ${login.tookMs} ms)`] : []),
    ...(answering > 0 ? [`${answering} of ${counted(supernodes.length, 'supernode', 'supernodes')}`] : []),
  ].join(' and ');
}
