/**
 * `wren map`: the supernodes that are known, by country. On a terminal a map of the world; into a pipe, on a small
 * terminal and with `--list` a line each; with `--json` an object each and the counts. Countries come from a database
 * in the installation, so nobody is asked over the network. Nothing known ends 2, no database ends 1.
 */
import type { Command } from 'commander';
import { parseEndpoint } from '../../src/net/protocol/endpoint.ts';
import { Refusal } from '../../src/net/protocol/failures.ts';
import type { AgentConnection } from '../../src/store/agent-client.ts';
import type { CountryFile } from '../../src/store/country-file.ts';
import type { KnownSupernode } from '../../src/store/port.ts';
import { countryName } from '../../src/tui/map/country-name.ts';
import { countryCounts, mapLayout, nameOf, type PlacedSupernode, shownPlace } from '../../src/tui/map/map-rows.ts';
import { settle } from './buddies.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { sentence } from './failure.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { clock, columns, counted, plain } from './layout.ts';
import { loadMapProgram, type MapProgram } from './programs.ts';
import { hasTerminal } from './screen-kind.ts';
import { examples } from './usage.ts';

const NOBODY = 'no supernode is known yet. Try: wren signin NAME, or wren status';
const NO_DATABASE =
  'Countries are unknown: the package @ip-location-db/geo-whois-asn-country-mmdb is not in this installation. Try: install wren again';

export function addMap(program: Command, act: Act): void {
  program
    .command('map')
    .option('--list', 'a list instead of the map')
    .description('supernodes on a map of the world, with counts by country')
    .addHelpText('after', `${examples('wren map', 'wren map --json')}\nCountries: nro.net (CC BY 4.0).`)
    .action(
      act(async (invocation, options: { list?: boolean }) => {
        return await withAgent(invocation, { start: true }, async (agent) => {
          await settle(agent);
          const known = await agent.request({ type: 'supernode.list' });
          const map = loadMapProgram(invocation);
          const countries = map.findCountries(invocation.programDir);
          const placed = place(known, countries);
          const wanted = options.list !== true && countries !== undefined && placed.length > 0;
          if (!wanted || !fitsMap(invocation)) return tell(invocation, placed, countries);
          await show(invocation, map, agent, placed, countries);
          return EXIT.done;
        });
      }),
    );
}

/** The country of the first address that has one; names are not looked up. */
export function place(known: readonly KnownSupernode[], countries: CountryFile | undefined): PlacedSupernode[] {
  const countryOf = (text: string): string | null => {
    const endpoint = parseEndpoint(text);
    return (endpoint && countries?.countryOf(endpoint.host)) ?? null;
  };
  return known.map((one) => ({
    ...one,
    country: one.endpoints.map(countryOf).find((country) => country !== null) ?? null,
  }));
}

/** A terminal that can draw, and is large enough. */
function fitsMap({ output, env }: Invocation): boolean {
  if (output.json || !hasTerminal() || env.TERM === 'dumb') return false;
  const { columns: width = 0, rows = 0 } = process.stdout;
  return mapLayout(width, rows).map !== undefined;
}

async function show(
  { env }: Invocation,
  map: MapProgram,
  agent: AgentConnection,
  placed: readonly PlacedSupernode[],
  countries: CountryFile | undefined,
): Promise<void> {
  let view = { placed, note: '' };
  const reload = async (): Promise<typeof view> => {
    try {
      view = { placed: place(await agent.request({ type: 'supernode.list' }), countries), note: '' };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      view = { ...view, note: sentence(error.code) };
    }
    return view;
  };
  await map.showWorldMap({ view, reload, colour: (env.NO_COLOR ?? '') === '' });
}

function tell({ output }: Invocation, placed: readonly PlacedSupernode[], countries?: CountryFile): ExitCode {
  for (const one of placed) output.object(supernodeObject(one));
  output.object({ event: 'done', ...countsObject(placed), databaseBuiltAtMs: countries?.builtAtMs ?? null });
  for (const line of mapLines(placed)) output.line(line);
  if (placed.length === 0) {
    output.say(`wren: ${NOBODY}`);
    return EXIT.couldNot;
  }
  if (countries === undefined) output.say(NO_DATABASE);
  else if (!output.json) output.say(countSentence(placed));
  return countries === undefined ? EXIT.degraded : EXIT.done;
}

function supernodeObject({ endpoints, nodeId, country, state, lastWorkedAtMs }: PlacedSupernode): object {
  const name = country === null ? null : countryName(country);
  return { event: 'supernode', endpoints, nodeId, country, countryName: name, state, lastWorkedAtMs };
}

function countsObject(placed: readonly PlacedSupernode[]): object {
  const counts = countryCounts(placed);
  const named = counts.flatMap(({ country, count }) => (country === null ? [] : [[country, count] as const]));
  const unknown = counts.find(({ country }) => country === null)?.count ?? 0;
  return { supernodes: placed.length, countries: Object.fromEntries(named), unknown };
}

/** The list for people: state, place, when it last worked, country. */
export function mapLines(placed: readonly PlacedSupernode[]): string[] {
  return columns(
    placed.map((one) => [
      one.state,
      plain(shownPlace(one)),
      lastWorked(one),
      `${one.country ?? '--'} ${nameOf(one.country)}`,
    ]),
  );
}

function lastWorked({ state, lastWorkedAtMs }: PlacedSupernode): string {
  if (state !== 'known') return 'in use';
  return lastWorkedAtMs === null ? 'never used' : clock(lastWorkedAtMs);
}

/** `3 supernodes known: 2 in Germany, 1 private or unknown.` */
function countSentence(placed: readonly PlacedSupernode[]): string {
  const counts = countryCounts(placed).map(
    ({ country, count }) => `${count} ${country === null ? '' : 'in '}${nameOf(country)}`,
  );
  return `${counted(placed.length, 'supernode', 'supernodes')} known: ${counts.join(', ')}.`;
}
