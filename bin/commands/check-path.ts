/**
 * The way to one buddy, for `wren check NAME`: asks the agent for a silent test (nothing rings, nothing is shown there)
 * and makes steps of what it found: the relayed way, and the direct one or why there is none.
 */
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { AgentResults } from '../../src/store/port.ts';
import { pathWords } from './call-words.ts';
import { type Advice, type Step, step } from './check-steps.ts';
import { sentence } from './failure.ts';
import { figure, plain, span } from './layout.ts';

type PathReport = AgentResults['check.path'];
type NatTold = PathReport['ours'];

const RELAYED = 'relayed way';
const DIRECT = 'direct way';
const THEIR_NAT = 'their nat';
/** A call bears this much without being heard; beyond, it is worth a word. */
const LOSS_PCT_MAX = 5;

export async function pathSteps(agent: AgentConnection, name: string): Promise<Step[]> {
  try {
    return stepsOf(name, await agent.request({ type: 'check.path', name }));
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'agent-unreachable') throw error;
    return [refusedStep(name, error)];
  }
}

export function stepsOf(name: string, report: PathReport): Step[] {
  return [theirNatStep(name, report), relayedStep(name, report), directStep(name, report)];
}

/** What their program told of their end; ours is in the steps before. A NAT alone is no fault at either end. */
function theirNatStep(name: string, { theirs }: PathReport): Step {
  const figures = { buddy: name, ...theirs };
  const cause = `at ${plain(name)}'s end: ${natOf(theirs)}`;
  if (!theirs.udpBlocked) return step(THEIR_NAT, 'pass', cause, '', figures);
  return step(THEIR_NAT, 'warn', cause, 'ask them to let UDP through their firewall', figures);
}

function relayedStep(name: string, { relay, tookMs }: PathReport): Step {
  const { rttMs, sent, received } = relay;
  const lossPct = lossOf(relay);
  const figures = { buddy: name, rttMs: tenth(rttMs), sent, received, lossPct, tookMs: Math.round(tookMs) };
  if (received === 0) {
    const cause = `none of ${sent} packets came back through the supernode`;
    return step(RELAYED, 'fail', cause, 'try again; a supernode at its limit drops what it relays', figures);
  }
  const cause = `round trip ${figure(rttMs ?? 0)} ms through the supernode, ${received} of ${sent} packets came back`;
  if (lossPct > LOSS_PCT_MAX) return step(RELAYED, 'warn', cause, 'something else may fill the line', figures);
  return step(RELAYED, 'pass', cause, '', figures);
}

function directStep(name: string, report: PathReport): Step {
  const { path, why, direct, directAfterMs, ours, theirs } = report;
  const nats = `here ${natOf(ours)}; there ${natOf(theirs)}`;
  const figures = {
    ...{ buddy: name, path, why, ours, theirs },
    directAfterMs: directAfterMs === null ? null : Math.round(directAfterMs),
    ...{ rttMs: tenth(direct?.rttMs ?? null), sent: direct?.sent ?? 0, received: direct?.received ?? 0 },
    lossPct: direct === null ? null : lossOf(direct),
  };
  if (why !== null || direct === null) {
    const { words, remedy } = WHY[why ?? 'nothing-came-through'] ?? WHY['nothing-came-through'];
    const way = path === 'relay' ? 'calls are relayed' : `calls go ${pathWords(path, undefined)}`;
    return step(DIRECT, 'warn', `none to ${plain(name)}: ${words} (${nats}); ${way}`, remedy, figures);
  }
  const where = path === 'lan' ? 'inside the same house' : 'from address to address';
  const found = `found in ${figure((directAfterMs ?? 0) / 1000)} s`;
  const counts = `${direct.received} of ${direct.sent} packets came back`;
  const cause = `${where}, round trip ${figure(direct.rttMs ?? 0)} ms, ${found}, ${counts} (${nats})`;
  if (lossOf(direct) > LOSS_PCT_MAX) return step(DIRECT, 'warn', cause, 'something else may fill the line', figures);
  return step(DIRECT, 'pass', cause, '', figures);
}

/** Not to know is no failure: a call may well get through. */
function refusedStep(name: string, { code, retryAfterMs }: Refusal): Step {
  const who = plain(name);
  const figures = { buddy: name, path: null, code };
  const why: Readonly<Record<string, Advice>> = {
    'timed-out': {
      words: `${who}'s program did not answer the test: it may be of an older version that does not know it`,
      remedy: `a call to ${who} tells; or ask them to install the newest wren`,
    },
    'not-allowed': { words: `${who} does not want the way tested`, remedy: `a call to ${who} tells` },
    'not-a-buddy': { words: `${who} does not have you in their buddy list`, remedy: `wren buddies add ${who}` },
    busy: {
      words: `the way to ${who} was tested a moment ago`,
      remedy: retryAfterMs > 0 ? `again in ${span(Math.ceil(retryAfterMs / 1000))}` : 'again in a moment',
    },
    'person-offline': { words: `${who} could not be reached for the test`, remedy: 'try again in a moment' },
    'port-version': {
      words: 'the agent that runs here does not know the test',
      remedy: 'wren agent stop; the next command starts a new one',
    },
  };
  const { words, remedy } = why[code] ?? { words: `not tested: ${sentence(code)}`, remedy: 'try again' };
  return step(DIRECT, 'warn', words, remedy, { ...figures, retryAfterMs });
}

function tenth(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}

function lossOf({ sent, received }: PathReport['relay']): number {
  return sent === 0 ? 0 : Math.round((100 * (sent - received)) / sent);
}

/** In the words of RFC 4787. */
function natOf({ mapping, filtering, udpBlocked }: NatTold): string {
  if (udpBlocked) return 'no UDP gets out';
  if (mapping === 'none') return `no NAT, ${filtering} filtering`;
  return `${mapping} mapping, ${filtering} filtering`;
}

const WHY: Readonly<Record<NonNullable<PathReport['why']>, Advice>> = {
  'udp-blocked-here': {
    words: 'no UDP gets out from here',
    remedy: 'let UDP through the firewall here; the port is in wren status',
  },
  'udp-blocked-there': { words: 'no UDP gets out at their end', remedy: 'ask them to let UDP through their firewall' },
  'udp-blocked-both': { words: 'no UDP gets out at either end', remedy: 'let UDP through the firewalls, at both ends' },
  'both-symmetric': {
    words: 'both routers give every destination another port',
    remedy: 'let one of the routers pass a port on (UPnP, NAT-PMP or by hand)',
  },
  'no-address-there': {
    words: 'their program names no address that could be tried',
    remedy: 'ask them for wren status: do they have UDP?',
  },
  unsteady: { words: 'one was found and did not stay', remedy: 'try again; something drops packets on the line' },
  'nothing-came-through': {
    words: 'nothing came through both firewalls',
    remedy: 'a firewall that lets only known addresses in, at one of the ends; allow UDP to the port of wren',
  },
};
