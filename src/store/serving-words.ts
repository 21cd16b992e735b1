/** What a person reads of serving as a supernode: why or why not, what it means, how to end it. */
import type { Judgement, Why } from '../net/index.ts';
import { PROMOTION_FREE_MEMORY_MIN, PROMOTION_UP_BPS_MIN } from '../net/protocol/overlay-params.ts';
import type { ServingReport } from './state.ts';

/** What a supernode does for others. */
export const DUTIES = [
  'keeps people connected and tells their buddies',
  'passes on sealed packets, which it cannot read',
  'answers searches for names',
] as const;

export const REFUSE = 'wren serve never';

const WORDS: Readonly<Record<Why, string>> = {
  refused: 'you said no',
  'not-attached': 'not connected to the network',
  'nat-unknown': 'not known yet what stands between this machine and the internet',
  'nat-closed': 'a NAT or firewall keeps others from reaching this machine',
  'no-udp': 'this network lets no UDP through',
  'private-network': 'this machine has a private address; only who says always serves there',
  uptime: 'connected for too short a time',
  'machine-unknown': 'the machine has not been looked at yet',
  busy: 'the machine has too much to do',
  memory: `less than ${Math.round(PROMOTION_FREE_MEMORY_MIN / 1e6)} MB of memory are free`,
  'to-be-asked': 'fit to serve; you have not been asked yet',
  resting: 'it stopped a short time ago, and tries again later',
  looking: 'asking whether the network needs one more',
  'not-needed': 'the network has supernodes enough',
  measuring: 'supernodes try to reach this machine',
  'not-reachable': 'not all supernodes that tried could reach this machine by UDP and TCP',
  bandwidth: `less than ${Math.round(PROMOTION_UP_BPS_MIN / 1_000)} kbit/s go up`,
  enrolling: 'asking the login server for a certificate',
  'not-certified': 'the login server gave no certificate',
  serves: 'others reach this machine, and you agreed',
  'handing-over': 'its clients are moving to other supernodes',
};

export function whyWords(
  { role, why, code }: Judgement,
  { consent, answer }: Pick<ServingReport, 'consent' | 'answer'>,
): string {
  if (role === 'supernode' && consent === 'always') return 'others reach this machine, and it always serves';
  if (role === 'supernode' && answer === 'server') {
    return 'others reach this machine, and a server without a desktop serves by itself';
  }
  if (why === 'refused' && consent === 'never') return 'switched off';
  return why === 'not-certified' && code !== undefined ? `${WORDS[why]} (${code})` : WORDS[why];
}
