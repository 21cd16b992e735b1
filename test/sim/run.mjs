/** Starts the simulator of large networks from the command line: bundles `overlay-sim.ts` for this Node. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { bundleSources } from '../../bench/bundle.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
// A file of its own for each run: one beside it may be reading while we write.
const outfile = path.resolve(here, '../../node_modules/.cache/wren-sim', `run-${process.pid}.mjs`);
await bundleSources(esbuild, { entry: path.join(here, 'overlay-sim.ts'), outfile });
const { main } = await import(pathToFileURL(outfile).href);
rmSync(outfile);
process.exit(main(process.argv.slice(2)));
