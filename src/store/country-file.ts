/**
 * Which country an address is registered in, by the database of the package `@ip-location-db/geo-whois-asn-country-mmdb`
 * (CC0): what the five registries publish, in the MaxMind DB format. A file on this machine: nobody is asked over the
 * network. `bin/map.ts` hands in addresses of supernodes and hands the answers to the map.
 */
import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { Reader, type Response } from 'mmdb-lib';
import { familyOf, isPrivateHost, isUnicastHost, plainHost } from '../net/protocol/endpoint.ts';

export interface CountryFile {
  /** When the database was put together, wall clock. */
  readonly builtAtMs: number;
  /**
   * Code of ISO 3166. Null for a name, for an address that is reachable from nearby only or was set aside for examples
   * and tests, and for one that nobody has registered. Never throws.
   */
  countryOf(host: string): string | null;
}

/** For documents and measurements (RFC 5737, RFC 2544, RFC 3849): the database gives some of them to countries. */
const SET_ASIDE = new BlockList();
SET_ASIDE.addSubnet('192.0.2.0', 24, 'ipv4');
SET_ASIDE.addSubnet('198.51.100.0', 24, 'ipv4');
SET_ASIDE.addSubnet('203.0.113.0', 24, 'ipv4');
SET_ASIDE.addSubnet('198.18.0.0', 15, 'ipv4');
SET_ASIDE.addSubnet('2001:db8::', 32, 'ipv6');

/** `path`: of the database. Throws when it cannot be read or is none. Holds 8 MB for as long as the result is held. */
export function openCountryFile(path: string): CountryFile {
  const reader = new Reader<Response>(readFileSync(path));
  return {
    builtAtMs: reader.metadata.buildEpoch.getTime(),
    countryOf: (host) => {
      const address = plainHost(host);
      if (!isUnicastHost(address) || isPrivateHost(address)) return null;
      if (SET_ASIDE.check(address, familyOf(address) === 6 ? 'ipv6' : 'ipv4')) return null;
      return codeOf(reader.get(address));
    },
  };
}

/** The library knows the records of its maker; those of this database have one field. */
function codeOf(record: unknown): string | null {
  if (typeof record !== 'object' || record === null || !('country_code' in record)) return null;
  const { country_code: code } = record;
  return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : null;
}
