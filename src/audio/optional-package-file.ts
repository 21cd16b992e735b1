/**
 * Finds packages that may or may not be installed (native Opus, PortAudio, koffi) and loads them or single files of them, so
 * that neither their own index.js nor its helpers run. `opus.ts`, `device-portaudio.ts` and `filter-speex.ts` ask; nothing is
 * cached here.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Bundled as CommonJS there is `__filename`; run from sources (tests) the working directory is the repository. */
const requireHere = createRequire(
  typeof __filename === 'string' ? __filename : path.join(process.cwd(), 'package.json'),
);

/** Folder of an installed package; undefined when it is not there. Never throws. */
export function packageFolder(name: string): string | undefined {
  try {
    return path.dirname(requireHere.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** Loads a package by name or a file by its absolute path. Throws what loading throws. */
export function load(nameOrFile: string): unknown {
  return requireHere(nameOrFile);
}

/**
 * The native file that node-pre-gyp put under `prebuild/`, in a folder such as
 * `node-v115-napi-v3-linux-x64-glibc-2.36`. Node-API is stable, so any Node version's will do; this one's goes first.
 */
export function prebuiltFile(folder: string, file: string): string | undefined {
  const prebuild = path.join(folder, 'prebuild');
  if (!existsSync(prebuild)) return undefined;
  const fits = `-${process.platform}-${process.arch}-`;
  const ours = `node-v${process.versions.modules}-`;
  return readdirSync(prebuild)
    .filter((name) => name.includes(fits))
    .sort((a, b) => Number(b.startsWith(ours)) - Number(a.startsWith(ours)))
    .map((name) => path.join(prebuild, name, file))
    .find((candidate) => existsSync(candidate));
}
