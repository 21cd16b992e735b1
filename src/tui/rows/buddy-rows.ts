/**
 * The buddy list as rows: who stands in which section and in which order. Sections have names, so that the order is
 * plain without colour; requests come first because somebody waits for an answer.
 */
import { foldName } from '../../net/protocol/ids.ts';
import type { AppState, Buddy } from '../../store/state.ts';
import { conversationsOf, isGroup } from '../people-groups.ts';
import { inReverse, type Row, span, spread } from '../text/spans.ts';
import { truncate, widthOf } from '../text/width.ts';
import type { Glyphs, Tone } from '../theme.ts';
import { buddyWords } from '../wording.ts';

export type ListRow =
  | { readonly type: 'section'; readonly title: string; readonly count: number }
  | { readonly type: 'buddy'; readonly buddy: Buddy };

const SECTIONS: readonly { readonly title: string; readonly holds: (buddy: Buddy) => boolean }[] = [
  { title: 'Requests', holds: (buddy) => buddy.relation === 'incoming' },
  { title: 'Groups', holds: ({ name }) => isGroup(name) },
  { title: 'Here', holds: (buddy) => buddy.relation === 'both' && buddy.presence !== 'offline' },
  {
    title: 'Offline',
    holds: (buddy) => buddy.relation === 'both' && buddy.presence === 'offline' && !isGroup(buddy.name),
  },
  {
    title: 'Asked',
    holds: ({ relation, name }) => (relation === 'outgoing' || relation === 'declined') && !isGroup(name),
  },
  { title: 'Blocked', holds: (buddy) => buddy.relation === 'blocked' },
];

/** Titles of groups by folded name of the buddy. */
export type Groups = Readonly<Record<string, string>>;

/**
 * Rows of everybody who matches `filter` (part of a name, display name or group, any case). A group of the person's own is a
 * section between requests and the rest; who is there stands first in it.
 */
export function listRows(app: AppState, filter: string, groups: Groups = {}): readonly ListRow[] {
  const wanted = filter.trim().toLowerCase();
  const groupOf = ({ name, relation }: Buddy) => (relation === 'both' ? groups[foldName(name)] : undefined);
  const matching = conversationsOf(app).filter((buddy) =>
    [buddy.name, buddy.displayName, groupOf(buddy) ?? ''].some((text) => text.toLowerCase().includes(wanted)),
  );
  const titles = [...new Set(matching.flatMap((buddy) => groupOf(buddy) ?? []))].sort((a, b) =>
    a.localeCompare(b, 'en'),
  );
  const [requests, ...rest] = SECTIONS.map(({ title, holds }) => ({
    title,
    buddies: matching.filter((buddy) => groupOf(buddy) === undefined && holds(buddy)),
  }));
  const own = titles.map((title) => ({
    title,
    buddies: presentFirst(matching.filter((one) => groupOf(one) === title)),
  }));
  return [...(requests ? [requests] : []), ...own, ...rest].flatMap(({ title, buddies }) => {
    if (buddies.length === 0) return [];
    return [
      { type: 'section' as const, title, count: buddies.length },
      ...buddies.map((buddy) => ({ type: 'buddy' as const, buddy })),
    ];
  });
}

function presentFirst(buddies: readonly Buddy[]): readonly Buddy[] {
  const isHere = ({ presence }: Buddy) => presence !== 'offline';
  return [...buddies.filter(isHere), ...buddies.filter((one) => !isHere(one))];
}

export function buddiesOf(rows: readonly ListRow[]): readonly Buddy[] {
  return rows.flatMap((row) => (row.type === 'buddy' ? [row.buddy] : []));
}

export function rowOfBuddy(rows: readonly ListRow[], name: string): number {
  return rows.findIndex((row) => row.type === 'buddy' && row.buddy.name === name);
}

/** First row in sight so that `index` is in sight, moved as little as possible from `top`. */
export function windowTop(top: number, index: number, height: number, total: number): number {
  const last = Math.max(0, total - height);
  if (index < 0) return Math.min(top, last);
  // The section above the first buddy belongs to it.
  const first = index === 1 ? 0 : index;
  return Math.max(0, Math.min(last, first < top ? first : index >= top + height ? index - height + 1 : top));
}

export interface BuddyRowStyle {
  readonly columns: number;
  readonly glyphs: Glyphs;
  readonly nowMs: number;
  readonly chosen: boolean;
  /** The list has the focus. */
  readonly focused: boolean;
}

/** One buddy: mark, sign, name, then presence in the longest words that leave the name whole, then unread. */
export function buddyRow(buddy: Buddy, { columns, glyphs, nowMs, chosen, focused }: BuddyRowStyle): Row {
  const [sign, tone] = signOf(buddy, glyphs);
  const unread = buddy.unread > 0 ? ` ${buddy.unread} new` : '';
  const room = columns - 4 - widthOf(unread);
  const words = buddyWords(buddy, nowMs);
  const word = words.find((one) => widthOf(buddy.name) + 1 + widthOf(one) <= room) ?? words.at(-1) ?? '';
  const name = truncate(buddy.name, Math.max(1, room - (word === '' ? 0 : widthOf(word) + 1)));
  const row = spread(
    [
      span(chosen ? `${glyphs.chosen} ` : '  ', 'accent'),
      span(sign, tone),
      span(' '),
      span(name, buddy.unread > 0 || buddy.relation === 'incoming' ? 'strong' : chosen ? 'strong' : 'plain'),
    ],
    [span(word, 'muted'), span(unread, 'warn')],
    columns,
  );
  return chosen && focused ? inReverse(row, columns) : row;
}

export function signOf(buddy: Buddy, glyphs: Glyphs): readonly [sign: string, tone: Tone] {
  if (isGroup(buddy.name)) return [' ', 'muted'];
  if (buddy.relation === 'incoming') return [glyphs.incoming, 'warn'];
  if (buddy.relation === 'outgoing') return [glyphs.outgoing, 'muted'];
  if (buddy.relation === 'declined') return [glyphs.declined, 'muted'];
  if (buddy.relation === 'blocked') return [glyphs.blocked, 'bad'];
  const tones = {
    online: 'good',
    away: 'warn',
    'do-not-disturb': 'bad',
    invisible: 'muted',
    offline: 'muted',
  } as const;
  return [glyphs.presence[buddy.presence], tones[buddy.presence]];
}
