/**
 * What one member sees of the others when it judges who shall mix (pure): all who are in, whether they are there and hear the
 * mixer, and, while it has just come, those who are not heard yet. For `conference-reign.ts`.
 */
import type { Millis } from '../protocol/core.ts';
import type { NodeId } from '../protocol/ids.ts';
import { INVITE_TIMEOUT_MS } from '../protocol/params.ts';
import { type ConferenceContacts, NEVER } from './conference-contacts.ts';
import type { MixerFacts, Reign, Statement } from './conference-record.ts';
import type { ReignView, Seen } from './conference-reign.ts';
import type { ConferenceRoster } from './conference-roster.ts';

export interface Outlook {
  readonly own: Statement;
  readonly present: ReadonlyMap<NodeId, Statement>;
  readonly reign: Reign;
  readonly hears: boolean;
  readonly contacts: ConferenceContacts;
  readonly roster: ConferenceRoster;
  /** We have just come, and may not have heard everybody yet. */
  readonly isJoining: boolean;
  readonly grown: readonly NodeId[];
}

export function reignView(now: Millis, outlook: Outlook): ReignView {
  const { own, present, isJoining, grown } = outlook;
  const seen = [...present.values(), own].map((one) => seenOf(now, outlook, one));
  const waits = isJoining ? unheard(now, outlook) : [];
  return {
    me: own.node,
    seen: [...seen, ...waits],
    mixerLeft: waits.length === 0 && hasLeft(now, outlook),
    isFounder: own.by === '' && own.order === 0,
    grown,
  };
}

function seenOf(now: Millis, { own, reign, hears, contacts }: Outlook, { node, facts, held }: Statement): Seen {
  const word = contacts.of(node)?.hears;
  const saysDeaf = word?.on === false && word.reign.term === reign.term && word.reign.mixer === reign.mixer;
  return { node, facts, held, alive: contacts.isAlive(now, node), deaf: node === own.node ? !hears : saysDeaf };
}

/** Those of whom we only know that they are in have not said yet what they hear. */
function unheard(now: Millis, { present, contacts, roster }: Outlook): Seen[] {
  const facts: MixerFacts = { uplinkKbps: 1, idleCenticores: 1, reach: 1, roundTrips: new Map(), deafTo: [] };
  return contacts
    .all()
    .filter(({ heardAt, since, node }) => {
      const isNew = heardAt === NEVER && now < since + INVITE_TIMEOUT_MS / 2;
      return isNew && !present.has(node) && roster.of(node)?.isIn !== false;
    })
    .map(({ node }): Seen => ({ node, facts, held: false, alive: true, deaf: false }));
}

function hasLeft(now: Millis, { own, present, reign: { mixer }, contacts, roster }: Outlook): boolean {
  const mixing = roster.of(mixer);
  if (mixer === own.node || mixing === undefined || present.has(mixer)) return false;
  return !mixing.isIn || roster.whyOut(mixer) !== undefined || !contacts.isAlive(now, mixer);
}
