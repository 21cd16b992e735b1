/** Starts the network lab from the command line: bundles `run.ts` for this Node, and hands the command line on. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { bundleSources } from '../../bench/bundle.mjs';

const NOBODY = 65534;
const here = path.dirname(fileURLToPath(import.meta.url));
// A file of its own for each run: one beside it may be reading while we write.
const outfile = path.resolve(here, '../../node_modules/.cache/wren-lab', `run-${process.pid}.mjs`);
await bundleSources(esbuild, { entry: path.join(here, 'run.ts'), outfile });
const { main } = await import(pathToFileURL(outfile).href);
rmSync(outfile);
const [first, ...others] = process.argv.slice(2);
if (first === '--as-nobody') becomeNobody();
process.exit(await main(first === '--as-nobody' ? others : process.argv.slice(2)));

/** For root, to see that an ordinary user has the lab too; the bundle above is written where others may not write. */
function becomeNobody() {
  process.setgroups([NOBODY]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}
