/**
 * What `wren check` makes of what the agent told: one step for each thing that must hold before voice gets through,
 * with a verdict, the cause, the remedy, and figures for scripts. Pure; `check.ts` asks and prints.
 *
 * pass: as it should be. warn: voice gets through, but worse than it could, or something is about to break.
 * fail: voice does not get through while this is so.
 */
import { foldName } from '../../src/net/protocol/ids.ts';
import { CERTIFICATE_LIFETIME_MS, CERTIFICATE_RENEW_SHARE } from '../../src/net/protocol/params.ts';
import type { AgentStatus, KnockReport, NetworkCheck, ProxyReport } from '../../src/store/port.ts';
import type { AppState, Quality } from '../../src/store/state.ts';
import { nobodySentence } from '../../src/tui/wording.ts';
import { pathWords } from './call-words.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { clock, counted, figure, plain, span, whereOf } from './layout.ts';
import { mappingWords, natClassWords, natDetailWords, natWords } from './nat-words.ts';
import { limitWords } from './status.ts';

export type CheckVerdict = 'pass' | 'warn' | 'fail';

export interface Step {
  readonly event: 'step';
  readonly name: string;
  readonly verdict: CheckVerdict;
  /** What was found. */
  readonly cause: string;
  /** What to do about it; empty when nothing needs doing. */
  readonly remedy: string;
  readonly [figure: string]: unknown;
}

/** What is wrong, and what to do about it, for a person. */
export interface Advice {
  readonly words: string;
  readonly remedy: string;
}

/** Certificates of signed packets tolerate a few minutes; a person should know before that. */
export const CLOCK_OFFSET_MS_MAX = 2 * 60_000;
/** Half of what is left when renewal begins: by then many tries have failed. */
export const CERTIFICATE_LEFT_MS_MIN = (CERTIFICATE_LIFETIME_MS * CERTIFICATE_RENEW_SHARE) / 2;

export function step(
  name: string,
  verdict: CheckVerdict,
  cause: string,
  remedy = '',
  figures: Readonly<Record<string, unknown>> = {},
): Step {
  return { event: 'step', name, verdict, cause, remedy, ...figures };
}

/**
 * The worst of them; `fail` when there is none. What this machine has for ears does not count: the question is whether
 * voice gets through, and a server that watches the network has no sound card.
 */
export function worst(all: readonly Step[]): CheckVerdict {
  const steps = all.filter(({ name }) => name !== 'sound');
  if (steps.length === 0 || steps.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return steps.some(({ verdict }) => verdict === 'warn') ? 'warn' : 'pass';
}

export function checkExit(verdict: CheckVerdict): ExitCode {
  return { pass: EXIT.done, warn: EXIT.degraded, fail: EXIT.couldNot }[verdict];
}

export function agentStep({ pid, uptimeS, version }: AgentStatus): Step {
  const cause = `process ${pid}, up ${span(uptimeS)}, version ${plain(version)}`;
  return step('agent', 'pass', cause, '', { pid, uptimeS, version });
}

export function networkStep({ network }: AppState): Step {
  if (network === null) return step('network', 'fail', 'no network joined yet', 'wren join INVITE');
  return step('network', 'pass', plain(network), '', { network });
}

/** It matters as much as the direct ways do not. */
export function proxyStep({ proxy, loginServers }: NetworkCheck, attached: boolean): Step {
  if (proxy === undefined) return step('proxy', 'pass', 'none in use', '', { where: null });
  const { where, scheme, source, knocks } = proxy;
  const best = knocks.find(({ trouble }) => trouble === null);
  const figures = { where, scheme, source, knocks };
  const named = `${plain(where)} (${scheme}, from ${source})`;
  if (best) return step('proxy', 'pass', `${named} lets us through, ${best.tookMs} ms`, '', figures);
  const needed = !attached && !loginServers.some(({ trouble }) => trouble === null);
  const { words, remedy } = proxyFault(proxy);
  return step('proxy', needed ? 'fail' : 'warn', `the proxy at ${named} ${words}`, remedy, figures);
}

/** What the first knock says of the proxy itself, else what came of the connections that it gave. */
function proxyFault({ where, scheme, knocks }: ProxyReport): Advice {
  const silent = knocks.some(({ connected, ending }) => !connected && ending === null) ? 'proxy-timeout' : '';
  const endings = [...knocks.map(({ ending }) => ending ?? ''), silent];
  const fault = endings.map((ending) => PROXY_FAULTS[ending]).find((one) => one !== undefined);
  const { words, remedy } = fault ?? {
    words: 'lets us through, but nobody answers as a login server there',
    remedy: 'ask whoever runs the proxy whether it looks into the stream',
  };
  return { words, remedy: remedy.replace('URL', `${scheme}://USER:PASSWORD@${plain(where)}`) };
}

/** By how the stream ended (`io/streams.ts`). */
const PROXY_FAULTS: Readonly<Record<string, Advice>> = {
  'proxy-password': { words: 'refuses: wants a password, or another one', remedy: 'give it as --proxy URL' },
  'proxy-refused': {
    words: 'refuses to connect us to a login server',
    remedy: 'ask whoever runs it to allow CONNECT to port 443 of the login server',
  },
  'proxy-unreachable': {
    words: 'cannot be reached, or hangs up',
    remedy: 'is its address right, and its kind (http or socks5)? --proxy none goes without',
  },
  'name-unknown': { words: 'has a name that nobody knows', remedy: 'check the spelling, or --proxy none' },
  'proxy-timeout': { words: 'does not answer in time', remedy: 'is its address right? --proxy none goes without' },
  'proxy-untrusted': {
    words: 'shows a certificate that this machine does not trust',
    remedy: 'name its authority in NODE_EXTRA_CA_CERTS, or use the http:// face of it',
  },
  'proxy-garbage': {
    words: 'does not answer as a proxy of that kind',
    remedy: 'check its kind (http, https, socks5) and its port',
  },
  'proxy-no-answer': {
    words: 'cannot reach the login server either',
    remedy: 'is the login server up? may the proxy connect to its port?',
  },
  'proxy-none': { words: 'is not for these servers: NO_PROXY names them', remedy: 'look at NO_PROXY' },
};

/** Said only where it matters: no login server answers otherwise. */
export function tlsSteps({ loginServers, insideTls }: NetworkCheck): Step[] {
  const best = insideTls.find(({ trouble }) => trouble === null);
  if (!best || loginServers.some(({ trouble }) => trouble === null)) return [];
  const { endpoint, tookMs } = best;
  const cause = `${whereOf(endpoint)} answers inside TLS, ${tookMs} ms: all goes that way from here`;
  return [step('tls', 'pass', cause, '', { endpoint, tookMs, knocks: insideTls })];
}

/** One step for each address. While we are attached, calls do without the login server: then it is a warning. */
export function loginSteps({ loginServers, insideTls, proxy }: NetworkCheck, attached: boolean): Step[] {
  const all = [...loginServers, ...insideTls, ...(proxy?.knocks ?? [])];
  const reachable = all.some(({ trouble }) => trouble === null);
  return loginServers.map((report) => {
    const { endpoint, trouble, tookMs, connected } = report;
    const figures = { endpoint, trouble, tookMs, connected };
    const where = whereOf(endpoint);
    if (trouble === null) {
      return step('login server', 'pass', `${where} answers and is verified, ${tookMs} ms`, '', figures);
    }
    const verdict = reachable || attached ? 'warn' : 'fail';
    return step('login server', verdict, `${where} ${knockWords(report)}`, loginRemedy(report), figures);
  });
}

function knockWords({ trouble, connected }: KnockReport): string {
  if (trouble === 'authority-mismatch' || trouble === 'certificate-invalid') return `is not trusted: ${trouble}`;
  return connected ? 'accepts TCP, but does not answer as a login server' : 'cannot be reached by TCP';
}

function loginRemedy({ trouble, connected }: KnockReport): string {
  if (trouble === 'certificate-invalid') return "compare this machine's clock with a watch";
  if (trouble === 'authority-mismatch') return 'ask for a new invite: another network answers there';
  return connected
    ? 'ask whoever runs it whether it is a wren login server, and which firewall looks into the stream'
    : 'is its machine up? does a firewall here let TCP out to that port?';
}

export function accountStep({ account }: AppState): Step {
  if (account === null) return step('account', 'fail', 'not signed in', 'wren signin NAME, or wren signup NAME');
  return step('account', 'pass', `signed in as ${plain(account.name)}`, '', { account: account.name });
}

export function supernodeStep(state: AppState, { supernodes }: NetworkCheck): Step {
  const { connection, supernode, trouble, tried } = state;
  const asked = supernodes.length;
  const known = Math.max(asked, state.supernodesKnown ?? 0);
  const answering = supernodes.filter((one) => one.trouble === null).length;
  const figures = { connection, ...supernode, known, answering, asked: supernodes.map(({ endpoint }) => endpoint) };
  const ofThem = known === asked ? `${answering} answering` : `${answering} of ${asked} asked answering`;
  const cache = `${counted(known, 'supernode', 'supernodes')} known, ${ofThem} by UDP`;
  if (connection !== 'online' || supernode === null) {
    const why = trouble === null ? 'still looking for one' : tried ? nobodySentence(tried) : sentence(trouble);
    const where = asked === 0 ? '' : `: ${supernodes.map(({ endpoint }) => whereOf(endpoint)).join(', ')}`;
    const cause = `not attached: ${why} (${cache}${where})`;
    const remedy = 'is a supernode up (wren up, wren supernode)? does a firewall here block its port?';
    return step('supernode', 'fail', cause, remedy, figures);
  }
  const words = [`attached to ${whereOf(supernode.endpoint)} over ${supernode.carrier.toUpperCase()}`];
  const knock = supernodes.find((one) => whereOf(one.endpoint) === whereOf(supernode.endpoint) && one.trouble === null);
  if (supernode.rttMs !== null) words.push(`${figure(supernode.rttMs)} ms round trip`);
  else if (knock) words.push(`${knock.tookMs} ms for a handshake`);
  words.push(cache);
  if (supernode.limitedBy !== undefined) {
    const cause = [...words, limitWords(supernode.limitedBy)].join(', ');
    return step('supernode', 'warn', cause, 'calls by a direct way need no relay: does the way by UDP work?', figures);
  }
  return step('supernode', 'pass', words.join(', '), '', figures);
}

/** By the knocks of this minute: a link that came about by UDP may be a dead one that nobody has noticed yet. */
export function udpStep({ supernodes }: NetworkCheck): Step {
  if (supernodes.some(({ trouble }) => trouble === null)) {
    return step('udp', 'pass', 'gets through', '', { udp: 'works' });
  }
  if (supernodes.length === 0) return step('udp', 'warn', 'nobody to ask it of', '', { udp: 'unknown' });
  const remedy = 'let this program send UDP through the firewall; until then calls go over TCP';
  return step('udp', 'warn', 'blocked: no supernode answers by UDP', remedy, { udp: 'blocked' });
}

/** A NAT is no fault: most of the world is behind one, and calls find their way. */
export function addressStep(state: AppState): Step {
  const { nat, observed } = state;
  return step('our address', 'pass', natWords(state), '', { nat, observed });
}

/** What stands in the way of calls: only that no UDP gets through is one, and the step `udp` says so. */
export function natStep({ natKind, portMapping }: AppState): Step {
  const found = [natClassWords({ natKind }), natDetailWords({ natKind }), mappingWords({ portMapping })];
  const words = found.filter((one) => one !== undefined);
  const figures = { class: 'unknown', ...natKind, portMapping };
  if (natKind?.class !== 'symmetric' || portMapping)
    return step('nat', 'pass', words.join('; ') || 'not found out yet', '', figures);
  const remedy = 'with UPnP, NAT-PMP or PCP switched on in the router calls find more ways to go direct';
  return step('nat', 'pass', words.join('; '), remedy, figures);
}

/** `nowMs`: this machine's wall clock. */
export function certificateStep(account: NonNullable<AppState['account']>, nowMs: number): Step {
  const { certificateExpiresAtMs: endsAtMs } = account;
  const leftMs = endsAtMs - nowMs;
  const figures = { validUntilMs: endsAtMs, leftMs };
  const remedy = 'the login server must be reachable once before that; signing in again helps too';
  if (leftMs <= 0) return step('certificate', 'fail', `ended at ${clock(endsAtMs)}`, remedy, figures);
  const cause = `valid until ${clock(endsAtMs)}, ${span(leftMs / 1000)} left`;
  if (leftMs < CERTIFICATE_LEFT_MS_MIN) {
    return step('certificate', 'warn', `${cause}, and not renewed yet`, remedy, figures);
  }
  return step('certificate', 'pass', `${cause}, renewed by itself before that`, '', figures);
}

export function clockStep({ clockOffsetMs, loginServers }: NetworkCheck): Step {
  const figures = { offsetMs: clockOffsetMs };
  const adjust = "set this machine's clock, best by NTP";
  if (clockOffsetMs !== null) {
    const offS = Math.round(Math.abs(clockOffsetMs) / 1000);
    const side = clockOffsetMs < 0 ? 'behind' : 'ahead of';
    if (Math.abs(clockOffsetMs) > CLOCK_OFFSET_MS_MAX) {
      return step('clock', 'warn', `${span(offS)} ${side} the login server`, adjust, figures);
    }
    return step('clock', 'pass', `within ${span(Math.max(1, offS))} of the login server`, '', figures);
  }
  if (loginServers.some(({ trouble }) => trouble === 'certificate-invalid')) {
    return step('clock', 'warn', "outside the dates of the login server's certificate", adjust, figures);
  }
  return step('clock', 'pass', 'within the dates of all certificates seen', '', figures);
}

/** What is known of them here. The way to them is tested after that, if they are there (`check-path.ts`). */
export function buddyStep(state: AppState, name: string): Step {
  const buddy = state.buddies.find((one) => foldName(one.name) === foldName(name));
  const unknown = { buddy: name, presence: null };
  if (foldName(state.account?.name ?? '') === foldName(name)) {
    return step('buddy', 'fail', 'that is you', 'wren check, which ends with a call to the echo service', unknown);
  }
  if (buddy === undefined) {
    return step(
      'buddy',
      'fail',
      `${plain(name)} is not in your buddy list`,
      `wren buddies add ${plain(name)}`,
      unknown,
    );
  }
  const figures = {
    buddy: buddy.name,
    relation: buddy.relation,
    presence: buddy.presence,
    pathProbed: isTestable(state, name),
  };
  if (buddy.relation !== 'both') {
    const remedy = buddy.relation === 'incoming' ? `wren buddies accept ${plain(name)}` : '';
    return step('buddy', 'fail', `${plain(name)} and you are not buddies (${buddy.relation})`, remedy, figures);
  }
  if (buddy.presence === 'offline') {
    return step('buddy', 'fail', `${plain(name)} is offline`, 'write: a message waits until they are back', figures);
  }
  if (state.connection !== 'online') {
    return step('buddy', 'fail', `${plain(name)} was ${buddy.presence}; we are not attached now`, '', figures);
  }
  return step('buddy', 'pass', `${plain(name)} is ${buddy.presence}`, '', figures);
}

/** Buddies who are there are asked, by their program, which way leads to them. */
export function isTestable(state: AppState, name: string): boolean {
  const buddy = state.buddies.find((one) => foldName(one.name) === foldName(name));
  return state.connection === 'online' && buddy?.relation === 'both' && buddy.presence !== 'offline';
}

/**
 * The figures of a whole call: the last ones, with the verdict that most seconds had. The first second does not count,
 * since buffers fill then; nor does a lone bad one, which a busy machine gives.
 */
export function typical(seconds: readonly Quality[]): Quality | undefined {
  const last = seconds.at(-1);
  if (last === undefined) return undefined;
  const judged = seconds.length > 1 ? seconds.slice(1) : seconds;
  const count = (verdict: Quality['verdict']): number => judged.filter((one) => one.verdict === verdict).length;
  const verdicts = [...new Set(judged.map((one) => one.verdict))].sort((a, b) => count(b) - count(a));
  const verdict = count('good') * 2 >= judged.length ? 'good' : (verdicts[0] ?? last.verdict);
  return { ...last, verdict };
}

/** `name`: of the step. `quality`: the last figures of the call; undefined when none came. */
export function voiceStep(name: string, peer: string, quality: Quality | undefined): Step {
  if (quality === undefined) {
    const remedy = 'try again; wren agent status tells whether the voice process runs';
    return step(name, 'fail', `${plain(peer)} answered, but no figures of the sound came`, remedy);
  }
  const { path, rttMs, mouthToEarMs, lossInPct, lossOutPct, jitterMs, mos, verdict } = quality;
  const figures = { path, rttMs, mouthToEarMs, lossInPct, lossOutPct, jitterMs, mos, quality: verdict };
  const words = [path === null ? 'no path' : pathWords(path, undefined), plain(verdict)];
  if (rttMs !== null) words.push(`round trip ${figure(rttMs)} ms`);
  if (mouthToEarMs !== null) words.push(`mouth to ear ${figure(mouthToEarMs)} ms`);
  words.push(`MOS ${figure(mos)}`);
  const cause = words.join(', ');
  if (path === null || verdict === 'no sound arrives') {
    return step(name, 'fail', cause, 'try again; a firewall that lets calls begin may block their sound', figures);
  }
  if (path === 'tcp' || path === 'tcp443') {
    return step(name, 'warn', cause, 'let UDP through the firewall: voice over TCP stutters on a bad line', figures);
  }
  if (path === 'relay') return step(name, 'warn', cause, 'no direct way was found; calls take the relay', figures);
  if (verdict !== 'good') return step(name, 'warn', cause, 'something else may fill the line', figures);
  return step(name, 'pass', cause, '', figures);
}

/** `warn  udp           blocked: no supernode answers by UDP. Try: ...` */
export function stepLine({ name, verdict, cause, remedy }: Step): string {
  const words = `${verdict}  ${name.padEnd(12)}  ${cause}`;
  return remedy === '' ? words : `${words.replace(/\.$/, '')}. Try: ${remedy}`;
}
