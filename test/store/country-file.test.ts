import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCountryFile } from '../../src/store/country-file.ts';

const path = createRequire(import.meta.url).resolve(
  '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb',
);
const countries = openCountryFile(path);

test.each([
  ['193.0.6.139', 'NL'],
  ['200.160.2.3', 'BR'],
  ['202.12.27.33', 'JP'],
  ['2001:67c:2e8:22::c100:68b', 'NL'],
  ['::ffff:193.0.6.139', 'NL'],
])('the address %s is registered in %s', (host, code) => {
  expect(countries.countryOf(host)).toBe(code);
});

test.each([
  ['private', '10.1.2.3'],
  ['private', '172.16.0.1'],
  ['private', '192.168.1.1'],
  ['shared by a carrier NAT', '100.64.0.1'],
  ['loopback', '127.0.0.1'],
  ['loopback', '::1'],
  ['link-local', '169.254.1.1'],
  ['link-local', 'fe80::1'],
  ['unique local', 'fd00::1'],
  ['private, mapped into IPv6', '::ffff:10.1.2.3'],
  ['for documents', '192.0.2.7'],
  ['for documents', '198.51.100.1'],
  ['for documents', '2001:db8::1'],
  ['multicast', '224.0.0.1'],
  ['multicast', 'ff02::1'],
  ['a name, which nobody looks up', 'supernode.example.org'],
  ['with a zone', 'fe80::1%eth0'],
  ['nothing', ''],
])('what is %s (%s) has no country', (_kind, host) => {
  expect(countries.countryOf(host)).toBeNull();
});

test('whatever it is asked, it answers with a code or null', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (host) => {
      const code = countries.countryOf(host);
      expect(code === null || /^[A-Z]{2}$/.test(code)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('it says how old it is', () => {
  expect(new Date(countries.builtAtMs).getUTCFullYear()).toBeGreaterThanOrEqual(2026);
});

test('a file that is no database, and one that is not there, are refused at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wren-country-'));
  writeFileSync(join(folder, 'broken.mmdb'), 'nothing of the kind');
  expect(() => openCountryFile(join(folder, 'broken.mmdb'))).toThrow();
  expect(() => openCountryFile(join(folder, 'none.mmdb'))).toThrow();
  rmSync(folder, { recursive: true });
});
