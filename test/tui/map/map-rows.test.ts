import { expect, test } from 'vitest';
import { countryCentres } from '../../../src/tui/map/country-centres.ts';
import { countryName } from '../../../src/tui/map/country-name.ts';
import {
  countryCounts,
  mapLayout,
  markersOf,
  type PlacedSupernode,
  panelLines,
  titleOf,
} from '../../../src/tui/map/map-rows.ts';

function at(country: string | null, state: PlacedSupernode['state'] = 'known'): PlacedSupernode {
  return { endpoints: ['udp:192.0.2.1:4000'], nodeId: null, state, lastWorkedAtMs: null, country };
}
const EUROPE = [at('DE', 'active'), at('FR', 'standby'), at('DE'), at(null), at('NL'), at('FR')];

test('counts: most first, then by name, without a country last; the state is that of whoever is in use', () => {
  expect(countryCounts([...EUROPE, at(null), at(null)])).toEqual([
    { country: 'FR', count: 2, state: 'standby' },
    { country: 'DE', count: 2, state: 'active' },
    { country: 'NL', count: 1, state: 'known' },
    { country: null, count: 3, state: 'known' },
  ]);
});

test('markers say state and number without colour, and whoever is in use is drawn last', () => {
  expect(markersOf(countryCounts(EUROPE)).map(({ text }) => text)).toEqual(['o', 'S2', 'A2']);
});

test('no marker reaches over the edge of the map', () => {
  for (const code of ['FJ', 'TV', 'NZ', 'KI']) {
    expect(markersOf([{ country: code, count: 200, state: 'known' }])[0]?.longitude).toBeLessThanOrEqual(168);
  }
});

test('a code that the table does not know is counted, and has no marker', () => {
  expect(markersOf([{ country: 'QX', count: 1, state: 'known' }])).toEqual([]);
});

test('title and panel speak of one and of many', () => {
  expect(titleOf([at('DE')])).toBe('1 supernode known, in 1 country');
  expect(titleOf(EUROPE)).toBe('6 supernodes known, in 3 countries');
  expect(panelLines([at('DE', 'active'), at(null)])).toEqual([
    'A   1  DE Germany',
    'o   1  -- private or unknown',
    '',
    'A DE 192.0.2.1:4000',
    'o -- 192.0.2.1:4000',
  ]);
});

test('a small terminal gets no map', () => {
  expect(mapLayout(40, 12).map).toBeUndefined();
  expect(mapLayout(80, 12).map).toBeUndefined();
  expect(mapLayout(80, 24)).toEqual({ map: { columns: 50, rows: 22 }, panelColumns: 30 });
});

test('every country of the table lies on the globe and has a name', () => {
  const centres = [...countryCentres()];
  expect(centres.length).toBe(250);
  for (const [code, { latitude, longitude }] of centres) {
    expect(Math.abs(latitude), code).toBeLessThanOrEqual(90);
    expect(Math.abs(longitude), code).toBeLessThanOrEqual(180);
    expect(countryName(code), code).not.toBe(code);
  }
});

test('what is no code names itself', () => {
  expect([countryName('QX'), countryName('not a code')]).toEqual(['QX', 'not a code']);
});
