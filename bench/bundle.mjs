/** How the sources of the measurements become one file that plain Node runs; packages stay where npm put them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Rejects with esbuild's report. */
export async function bundleSources(esbuild, { entry, outfile }) {
  await esbuild.build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Some sources look for native packages with `require`, as in the CommonJS bundles of dist/.
    banner: {
      js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);`,
    },
    plugins: [sourceFolders()],
    logLevel: 'warning',
  });
}

/** `import.meta.dirname` goes on naming the folder of the source, not that of the bundle. */
function sourceFolders() {
  return {
    name: 'source-folders',
    setup(build) {
      build.onLoad({ filter: /[\\/](bench|test)[\\/].*\.ts$/ }, ({ path: file }) => ({
        contents: readFileSync(file, 'utf8').replaceAll('import.meta.dirname', JSON.stringify(path.dirname(file))),
        loader: 'ts',
      }));
    },
  };
}
