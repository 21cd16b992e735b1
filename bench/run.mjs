/**
 * Starts the measurements: bundles `bench.ts` and what it needs of `src` and `test/support` for this Node, and hands
 * the command line on. The programs that are measured are those of `dist/`, as they were built.
 *
 *   npm run bench -- [SCENE ...] [--only SCENE,SCENE] [--json FILE] [--write] [--list]
 */
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { bundleSources } from './bundle.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const outfile = path.join(root, 'node_modules/.cache/wren-bench/bench.mjs');
await bundleSources(esbuild, { entry: path.join(root, 'bench/bench.ts'), outfile });
const { main } = await import(pathToFileURL(outfile).href);
process.exit(await main(process.argv.slice(2)));
