/**
 * The ways of a call as lines: how each stands in a word, what kind of way it is, its round trip, since when. For the dashboard and
 * `wren status`. The port tells no address of the other end, so none is here. Pure.
 */
import type { CallWay, CallWays } from '../../store/port.ts';

const STATES: Readonly<Record<CallWay['state'], string>> = {
  'in-use': 'in use',
  works: 'works',
  trying: 'trying',
  spare: 'spare',
  failed: 'failed',
};
const STATE_COLUMNS = 7;

/** Each with how it stands first, so that the eye, or ear, has what matters; those in use come first. */
export function wayLines(ways: CallWays['ways']): string[] {
  return ways.map((way) => {
    const rtt = way.rttMs === null ? '' : `, ${short(way.rttMs)} ms`;
    return `${(STATES[way.state] ?? way.state).padEnd(STATE_COLUMNS)} ${wayWords(way)}${rtt}, since ${time(way.sinceMs)}`;
  });
}

function wayWords({ kind, ip, via }: CallWay): string {
  const by = via === undefined ? '' : ` by ${printable(via).replace(/^(udp|tcp):/, '')}`;
  switch (kind) {
    case 'lan':
      return `same network, ${ip ?? 'UDP'}`;
    case 'direct':
      return `direct, ${ip ?? 'UDP'}`;
    case 'mapped':
      return `direct, by the port that the router passes on, ${ip ?? 'UDP'}`;
    case 'own-port':
      return `direct, by a port opened for it, ${ip ?? 'UDP'}`;
    case 'ports':
      return 'other ports, opened or looked for';
    case 'relay':
      return `relayed${by}`;
    case 'tcp':
      return `over TCP${by}`;
    case 'tcp443':
      return `over TCP port 443${by}`;
    default:
      return printable(kind);
  }
}

/** Nothing that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '');
}

function short(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
}

/** `21:00:04`, in the reader's time zone. */
export function time(atMs: number): string {
  const date = new Date(atMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
