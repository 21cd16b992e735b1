/**
 * What `wren map` shows, before anything is drawn: counts by country, the markers on the map, the lines of the panel and
 * of the plain list, and how the terminal is divided. Pure; `world-map.ts` draws it, `bin/commands/map.ts` prints it.
 * States are told by letters, so that nothing depends on colour: A active, S standby, o known.
 */
import type { KnownSupernode } from '../../store/port.ts';
import { countryCentres } from './country-centres.ts';
import { countryName } from './country-name.ts';

export interface PlacedSupernode extends KnownSupernode {
  /** ISO 3166; null for private and unknown addresses. */
  readonly country: string | null;
}

export interface CountryCount {
  readonly country: string | null;
  readonly count: number;
  /** Of the supernode there that matters most to us. */
  readonly state: KnownSupernode['state'];
}

export interface Marker {
  readonly latitude: number;
  readonly longitude: number;
  /** A letter for the state, and how many when there are several. */
  readonly text: string;
  readonly state: KnownSupernode['state'];
}

const STATES = ['active', 'standby', 'known'] as const;
export const STATE_LETTERS = { active: 'A', standby: 'S', known: 'o' } as const;

/** Most first, then by name; those without a country last. */
export function countryCounts(placed: readonly PlacedSupernode[]): CountryCount[] {
  const counts = new Map<string | null, CountryCount>();
  for (const { country, state } of placed) {
    const before = counts.get(country) ?? { country, count: 0, state };
    counts.set(country, { country, count: before.count + 1, state: moreUsed(before.state, state) });
  }
  return [...counts.values()].sort(
    (a, b) =>
      Number(a.country === null) - Number(b.country === null) ||
      b.count - a.count ||
      nameOf(a.country).localeCompare(nameOf(b.country), 'en'),
  );
}

function moreUsed(a: KnownSupernode['state'], b: KnownSupernode['state']): KnownSupernode['state'] {
  return STATES.indexOf(a) <= STATES.indexOf(b) ? a : b;
}

/** East of here a marker of several letters would leave the map. */
const LONGITUDE_MAX = 168;

/** Drawn in this order: whoever is in use comes last, and on top where two countries meet in one cell. */
export function markersOf(counts: readonly CountryCount[]): Marker[] {
  const centres = countryCentres();
  return counts
    .flatMap(({ country, count, state }) => {
      const centre = country === null ? undefined : centres.get(country);
      if (!centre) return [];
      const text = `${STATE_LETTERS[state]}${count > 1 ? count : ''}`;
      return [{ latitude: centre.latitude, longitude: Math.min(LONGITUDE_MAX, centre.longitude), text, state }];
    })
    .sort((a, b) => STATES.indexOf(b.state) - STATES.indexOf(a.state));
}

/** `3 supernodes known, in 2 countries`. */
export function titleOf(placed: readonly PlacedSupernode[]): string {
  const countries = new Set(placed.flatMap(({ country }) => country ?? [])).size;
  const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;
  return `${many(placed.length, 'supernode', 'supernodes')} known, in ${many(countries, 'country', 'countries')}`;
}

/** Countries with counts, then the supernodes themselves; lines are as long as they are, the panel cuts them. */
export function panelLines(placed: readonly PlacedSupernode[]): string[] {
  const counts = countryCounts(placed).map(({ country, count, state }) => {
    return `${STATE_LETTERS[state]} ${String(count).padStart(3)}  ${country ?? '--'} ${nameOf(country)}`;
  });
  return [
    ...counts,
    '',
    ...placed.map((one) => `${STATE_LETTERS[one.state]} ${one.country ?? '--'} ${shownPlace(one)}`),
  ];
}

/** `Germany`, or what is said of an address that no country is known for. */
export function nameOf(country: string | null): string {
  return country === null ? 'private or unknown' : countryName(country);
}

/** Host and port, without the carrier, and without what an address cannot hold and a terminal would obey. */
export function shownPlace({ endpoints }: KnownSupernode): string {
  return (endpoints[0] ?? '').replace(/^(udp|tcp):/, '').replace(/[^\x20-\x7e]/g, '');
}

export interface MapLayout {
  readonly map: { readonly columns: number; readonly rows: number } | undefined;
  readonly panelColumns: number;
}

const MAP_COLUMNS_MIN = 48;
const MAP_ROWS_MIN = 14;
const PANEL_COLUMNS = 30;
/** Title and keys. */
const FRAME_ROWS = 2;

/** A map beside a panel; in a smaller terminal, the panel alone. */
export function mapLayout(columns: number, rows: number): MapLayout {
  const map = { columns: columns - PANEL_COLUMNS, rows: rows - FRAME_ROWS };
  if (map.columns < MAP_COLUMNS_MIN || map.rows < MAP_ROWS_MIN) return { map: undefined, panelColumns: columns };
  return { map, panelColumns: PANEL_COLUMNS };
}
