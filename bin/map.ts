/**
 * The program part `map.cjs`: the country database, and the screens of `wren map` and `wren monitor`. Loaded by these
 * alone, so that the others carry neither; blessed is loaded only when one of them is shown.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type CountryFile, openCountryFile } from '../src/store/country-file.ts';

export { showWorldMap } from '../src/tui/map/world-map.ts';
export { showMonitor } from '../src/tui/monitor/monitor-screen.ts';

/** Of the package, IPv4 and IPv6 in one file. */
const DATABASE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';

/**
 * The database as it was installed with the program, wherever npm has put it: beside us, or beside what we are a
 * dependency of. `programDir`: where this file lies. Undefined when it is not there or is damaged.
 */
export function findCountries(programDir: string): CountryFile | undefined {
  try {
    return openCountryFile(createRequire(join(programDir, 'map.cjs')).resolve(DATABASE));
  } catch {
    return undefined;
  }
}
