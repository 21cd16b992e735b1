/**
 * The other programs that are built beside this one: `server.cjs`, `screen.cjs`, `lines.cjs`, `agent.cjs`. Each exports
 * `main(argv): Promise<number>` and is loaded only when its command is given, so that a short command stays short.
 * `map.cjs` is a part of ours that is kept apart for the same reason: it exports what `wren map` and `wren monitor` need.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { CountryFile } from '../../src/store/country-file.ts';
import type { MapOptions } from '../../src/tui/map/world-map.ts';
import type { MonitorOptions } from '../../src/tui/monitor/monitor-screen.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';

interface Program {
  main(argv: readonly string[]): Promise<ExitCode>;
}

/**
 * Runs one of them in this process, to its end. It gets its own arguments first and then the global flags as they
 * were meant: `--profile DIR` always, `--json`, `--log-level L` and `--proxy URL` when given. (`--audio` is the caller's to add.)
 */
export function runProgram(
  invocation: Invocation,
  name: 'server' | 'screen' | 'lines' | 'agent',
  argv: readonly string[],
): Promise<ExitCode> {
  const { programDir, profileDir, output, logLevel, proxy } = invocation;
  const load = createRequire(join(programDir, 'wren.cjs'));
  const program = load(`./${name}.cjs`) as Program;
  return program.main([
    ...argv,
    '--profile',
    profileDir,
    ...(output.json ? ['--json'] : []),
    ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
    ...(proxy === undefined ? [] : [`--proxy=${proxy}`]),
  ]);
}

/** What `bin/map.ts` exports. */
export interface MapProgram {
  findCountries(programDir: string): CountryFile | undefined;
  showWorldMap(options: MapOptions): Promise<void>;
  showMonitor(options: MonitorOptions): Promise<void>;
}

export function loadMapProgram({ programDir }: Invocation): MapProgram {
  return createRequire(join(programDir, 'wren.cjs'))('./map.cjs') as MapProgram;
}
