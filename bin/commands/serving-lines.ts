/** What `wren status` and `wren serve` say of this machine as a supernode: whether and why, duties, caps, what it costs now. */
import type { ServingReport } from '../../src/store/state.ts';
import { figure, plain } from './layout.ts';

/** None while the agent tells nothing of it. */
export function servingLines(serving: ServingReport | undefined): string[] {
  if (!serving) return [];
  const duties = `duties: ${serving.duties.map((duty) => plain(duty, 200)).join('; ')}`;
  return [headWords(serving), ...(isAtWork(serving) ? [duties, ...limitLines(serving)] : [])];
}

function isAtWork({ role }: ServingReport): boolean {
  return role === 'supernode' || role === 'leaving';
}

function headWords({ role, why, refuse, asks, endpoint }: ServingReport): string {
  if (role === 'ordinary') return `no: ${plain(why, 200)}`;
  if (role === 'candidate') return `not now: ${plain(why, 200)}${asks ? '; wren serve yes, or wren serve no' : ''}`;
  const where = endpoint === null ? '' : ` at ${plain(endpoint).replace(/^udp:/, '')}`;
  const head = role === 'leaving' ? 'ending' : `as a supernode${where}`;
  return `${head}: ${plain(why, 200)}; to end it: ${plain(refuse)}`;
}

function limitLines({ caps, cost }: ServingReport): string[] {
  const words = `caps: ${caps.clients} people, ${caps.relayKbps} kbit/s relayed`;
  return cost ? [words, costWords(cost)] : [words];
}

/** The same with what it means. */
export function servingDetails(serving: ServingReport): string[] {
  const { facts, consent, consentBy } = serving;
  const chosen = consentBy === 'environment' ? `${consent}, by WREN_SUPERNODE` : consent;
  const { dialBack } = facts;
  const measured = [
    facts.uptimeS === null ? '' : `connected for ${facts.uptimeS} s`,
    dialBack ? `reached by ${dialBack.udp} (UDP) and ${dialBack.tcp} (TCP) of ${dialBack.of} supernodes` : '',
    facts.upKbps === null ? '' : `${facts.upKbps} kbit/s up`,
    facts.busyPercent === null ? '' : `${facts.busyPercent} % busy`,
    facts.freeMemoryBytes === null ? '' : `${figure(facts.freeMemoryBytes / 1e6)} MB free`,
  ].filter((words) => words !== '');
  return [
    `Serving: ${headWords(serving)}`,
    ...(isAtWork(serving) ? limitLines(serving).map((words) => `  ${words}`) : []),
    `Chosen: ${chosen}`,
    `Measured: ${measured.length === 0 ? 'nothing yet' : measured.join(', ')}`,
    'A supernode',
    ...serving.duties.map((duty) => `  - ${duty}`),
    'Its address is known to everybody in the network; your name is not told with it.',
  ];
}

function costWords(cost: NonNullable<ServingReport['cost']>): string {
  const people = `${cost.clients === 1 ? 'one person' : `${cost.clients} people`} (${cost.standbys} more in standby)`;
  const relayed = `${figure(cost.relayedBytes / 1e6)} MB relayed`;
  return `now: ${people}, ${relayed}, ${cost.cpuPercent} % of a core, ${Math.round(cost.memoryBytes / 1e6)} MB of memory`;
}
