/**
 * Compiled code kept between two starts: V8 needs 20 to 30 ms to read and compile a program of ours, and 3 to take up what it made
 * of it last time. Put before the loading of our own programs by the launcher; every `require` of one is then served from the
 * cache, wherever it stands.
 *
 *   source -> vm.Script (with code of `code-cache-file`, if V8 takes it) -> runs
 *                                          a moment later, once: what has been compiled by then -> `code-cache-file`
 *
 * The name of a file says what it was made of: the source's checksum, and whatever of Node and V8 shapes the code. V8 looks again
 * by itself (version, flags, length of the source) and leaves aside what does not fit.
 */

import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { cachedDataVersionTag, setFlagsFromString } from 'node:v8';
import { constants, Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { codeCacheFolder, readCode, writeCode } from './code-cache-file.ts';

/** Long after the first picture; what it took to draw is compiled then, and nobody waits. */
const STORE_AFTER_MS = 4_000;

interface Kept {
  readonly script: Script;
  readonly name: string;
  /** The state of V8 that it was compiled in. */
  readonly tag: number;
}

type Loader = (module: NodeModule, file: string) => void;

/**
 * From now on `require` of one of these programs, `.cjs` in this folder, uses the cache. `flags`: what each wants of V8, set before it
 * is compiled, since code made under other flags is refused. Set WREN_NO_CODE_CACHE=1 to do without.
 */
export function keepCompiledCode(programDir: string, flags: Readonly<Record<string, readonly string[]>>): void {
  const folder = process.env.WREN_NO_CODE_CACHE === '1' ? undefined : codeCacheFolder();
  if (folder === undefined) return;
  const loaders = (Module as unknown as { _extensions: Record<string, Loader> })._extensions;
  const plain = loaders['.js'] as Loader;
  loaders['.cjs'] = (module, file) => {
    const wanted = dirname(file) === programDir ? flags[basename(file, '.cjs')] : undefined;
    if (wanted === undefined) return plain(module, file);
    for (const flag of wanted) setFlagsFromString(flag);
    run(module, file, folder);
  };
}

function run(module: NodeModule, file: string, folder: string): void {
  const bytes = readFileSync(file);
  const tag = cachedDataVersionTag();
  const name = `${basename(file, '.cjs')}-${hex(crc32(bytes))}-${hex(crc32(kindOfNode(tag)))}`;
  const code = readCode(folder, name);
  const [before, after] = (Module as unknown as { wrapper: readonly [string, string] }).wrapper;
  const script = new Script(before + bytes.toString() + after, {
    filename: file,
    columnOffset: -before.length,
    ...(code === undefined ? {} : { cachedData: code }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (code === undefined || script.cachedDataRejected) storeLater(folder, { script, name, tag });
  script.runInThisContext().call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
}

/** Two builds of one version may differ in what they are made of. */
function kindOfNode(tag: number): string {
  return JSON.stringify([process.versions, process.arch, process.platform, process.execPath, tag]);
}

function storeLater(folder: string, kept: Kept): void {
  let isStored = false;
  const store = (): void => {
    // A program that was loaded by this one has changed V8's flags: what is made now would never be taken.
    if (isStored || cachedDataVersionTag() !== kept.tag) return;
    isStored = true;
    writeCode(folder, kept.name, () => kept.script.createCachedData());
  };
  setTimeout(store, STORE_AFTER_MS).unref();
  process.once('exit', store);
}

function hex(number: number): string {
  return number.toString(16).padStart(8, '0');
}
