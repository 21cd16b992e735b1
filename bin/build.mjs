/**
 * Bundles the program with esbuild: one minified CommonJS file a process in dist/, because a bundle starts three
 * times faster than the module tree and needs 30 MiB less (design measurements: 681 -> 209 ms, 115 -> 83 MiB).
 *
 *   node bin/build.mjs                 every entry that exists
 *   node bin/build.mjs ENTRY OUTFILE   one file, built like the screen (tests bundle their fixtures with it)
 *
 * Ink 6.8 is the last Ink for Node 20 and needs patches. Each stands below with its reason, and each fails the
 * build when the text that it replaces is no longer there: a silent miss would ship the fault again.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Long-lived processes keep the young generation of the heap at 1 MiB: 106 -> 76 MiB after 90 s. */
const SMALL_HEAP = ['--semi-space-growth-factor=1'];

/** The screen draws often and needs little: its old generation may grow by 40 % before it is cleaned (89 -> 83 MiB). */
const SCREEN_HEAP = [...SMALL_HEAP, '--heap-growing-percent=40'];

const ENTRIES = [
  { entry: 'bin/launch.ts', out: 'dist/launch.cjs' },
  { entry: 'bin/wren.ts', out: 'dist/wren.cjs', flags: [] },
  { entry: 'bin/agent.ts', out: 'dist/agent.cjs', flags: SMALL_HEAP },
  { entry: 'bin/screen.tsx', out: 'dist/screen.cjs', flags: SCREEN_HEAP },
  { entry: 'bin/lines.ts', out: 'dist/lines.cjs', flags: SMALL_HEAP },
  { entry: 'bin/voice.ts', out: 'dist/voice.cjs' },
  { entry: 'bin/server.ts', out: 'dist/server.cjs' },
  { entry: 'bin/port-mapper.ts', out: 'dist/port-mapper.cjs' },
  { entry: 'bin/secret-store.ts', out: 'dist/secret-store.cjs' },
  { entry: 'bin/map.ts', out: 'dist/map.cjs', flags: [] },
];

/**
 * The programs whose compiled code the launcher keeps, with the flags that it sets before it compiles one: code that was compiled under
 * other flags is of no use. Not the servers, which start once in months and would stand still while their code is put away.
 */
const V8_FLAGS = Object.fromEntries(
  ENTRIES.filter(({ flags }) => flags).map(({ out, flags }) => [path.basename(out, '.cjs'), flags]),
);

/** For a program that is run alone. The first statement; esbuild puts its own "use strict" behind it, where it means nothing. */
function bannerOf(flags) {
  return `"use strict";${flags.map((flag) => `require("node:v8").setFlagsFromString("${flag}");`).join('')}`;
}

/** Native modules, and packages that read files of their own folder or require by computed names. */
const EXTERNAL = [
  '@achingbrain/nat-port-mapper',
  '@napi-rs/keyring',
  'libsql',
  'naudiodon',
  '@discordjs/opus',
  'opusscript',
  'pg',
  'blessed',
  'blessed-contrib',
  'term.js',
  'pty.js',
];

/** Two generations of a map: bounded, and what was asked for lately stays. Put in front of the patched modules. */
const BOUNDED_MAP = `class BoundedMap {
  constructor(limit) { this.limit = limit; this.young = new Map(); this.old = new Map(); }
  get(key) {
    let value = this.young.get(key);
    if (value !== undefined) return value;
    value = this.old.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }
  set(key, value) {
    this.young.set(key, value);
    if (this.young.size >= this.limit) { this.old = this.young; this.young = new Map(); }
  }
}
`;

/** For the libraries that measure text. */
const PLAIN = `import { isPlain, plainSegments } from ${JSON.stringify(path.join(ROOT, 'src/tui/text/plain.ts'))};\n`;

export const PATCHES = [
  {
    file: 'ink/build/measure-text.js',
    why: 'the cache has no bound: about 190 MB a day with a clock and a level meter (ink issue 986)',
    prefix: BOUNDED_MAP,
    edits: [['const cache = new Map();', 'const cache = new BoundedMap(2048);']],
  },
  {
    file: 'ink/build/wrap-text.js',
    why: 'the same leak',
    prefix: BOUNDED_MAP,
    edits: [
      ['const cache = {};', 'const cache = new BoundedMap(2048);'],
      ['const cachedText = cache[cacheKey];', 'const cachedText = cache.get(cacheKey);'],
      ['cache[cacheKey] = wrappedText;', 'cache.set(cacheKey, wrappedText);'],
    ],
  },
  {
    file: 'ink/build/output.js',
    why: 'caches live for one frame and each cell is an object: 2.5 MB of garbage a frame (105 -> 81 MiB, 20 -> 13 % CPU)',
    prefix: BOUNDED_MAP,
    edits: [
      ['widths = new Map();', 'widths = new BoundedMap(4096);'],
      ['blockWidths = new Map();', 'blockWidths = new BoundedMap(2048);'],
      // An entry is a line of cells, up to 10 KiB; a frame of a large window has some 150 different ones.
      ['styledChars = new Map();', 'styledChars = new BoundedMap(160);'],
      ['caches = new OutputCaches();', 'caches = SHARED_CACHES;'],
      [
        'export default class Output {',
        `const SHARED_CACHES = new OutputCaches();
const BLANK = Object.freeze({ type: 'char', value: ' ', fullWidth: false, styles: Object.freeze([]) });
export default class Output {`,
      ],
      [/row\.push\(\{\s*type: 'char',\s*value: ' ',\s*fullWidth: false,\s*styles: \[\],\s*\}\);/, 'row.push(BLANK);'],
    ],
  },
  {
    file: '@alcalzone/ansi-tokenize/build/styledChars.js',
    why: 'compares the styles of every two neighbours with three sets and four arrays: most of the garbage of a frame',
    edits: [
      // Shared, not copied: reduceAnsiCodesIncremental makes a new list for every change and nobody writes into one.
      ['styles: [...codes],', 'styles: codes,'],
      [
        'ret += ansiCodesToString(diffAnsiCodes(chars[i - 1].styles, char.styles));',
        'if (chars[i - 1].styles !== char.styles) ret += ansiCodesToString(diffAnsiCodes(chars[i - 1].styles, char.styles));',
      ],
    ],
  },
  {
    file: 'string-width/index.js',
    why: 'the rules for emoji and for characters take 50 ms to make ready, and a screen without emoji needs neither',
    prefix: PLAIN,
    edits: [
      ['const segmenter = new Intl.Segmenter();', 'let segmenter;'],
      ['of segmenter.segment(string)', 'of (segmenter ??= new Intl.Segmenter()).segment(string)'],
      [
        String.raw`const rgiEmojiRegex = /^\p{RGI_Emoji}$/v;`,
        // Whatever is an emoji holds one of these; a sign that only may be one is followed by U+FE0F.
        String.raw`const emojiSign = /[\p{Emoji_Presentation}\uFE0F\u20E3]/u;
let emoji;
const rgiEmojiRegex = {
  test: (segment) => emojiSign.test(segment) && (emoji ??= new RegExp('^\\p{RGI_Emoji}$', 'v')).test(segment),
};`,
      ],
      [String.raw`if (/^[\u0020-\u007E]*$/.test(string)) {`, 'if (isPlain(string)) {'],
    ],
  },
  {
    file: '@alcalzone/ansi-tokenize/build/tokenize.js',
    why: 'plain text falls into characters by itself',
    prefix: PLAIN,
    edits: [
      ['const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });', 'let segmenter;'],
      [
        'of segmenter.segment(str)',
        'of plainSegments(str) ?? (segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })).segment(str)',
      ],
    ],
  },
  {
    file: 'slice-ansi/tokenize-ansi.js',
    why: 'the same: nothing is made ready that may never be asked for',
    edits: [
      [
        "const GRAPHEME_SEGMENTER = new Intl.Segmenter(undefined, {granularity: 'grapheme'});",
        `let segmenter;
const GRAPHEME_SEGMENTER = {
  segment: (text) => (segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })).segment(text),
};`,
      ],
    ],
  },
  {
    file: 'ink/build/reconciler.js',
    why: 'top-level await cannot stand in CommonJS; both awaits serve the devtools, which are not shipped',
    edits: [
      ["await import('./devtools.js');", ''],
      ['await loadPackageJson()', '{ name: undefined, version: undefined }'],
      [/async function loadPackageJson\(\) \{[\s\S]*?\n\}\n/, ''],
    ],
  },
  {
    file: 'yoga-layout/dist/src/index.js',
    why: 'yoga compiles its WebAssembly asynchronously behind a top-level await; synchronous takes 9 ms',
    edits: [
      [
        'const Yoga = wrapAssembly(await loadYoga());',
        `import wasmBase64 from 'yoga-wasm-bytes';
const yogaModule = {
  instantiateWasm(imports, done) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(wasmBase64, 'base64')), imports);
    done(instance);
    return instance.exports;
  },
};
loadYoga(yogaModule);
const Yoga = wrapAssembly(yogaModule);`,
      ],
    ],
  },
  {
    file: 'yoga-layout/dist/binaries/yoga-wasm-base64-esm.js',
    why: 'its copy of the bytes moves to yoga-wasm-bytes, and import.meta does not exist in CommonJS',
    edits: [
      [/"data:application\/octet-stream;base64,[A-Za-z0-9+/=]+"/, '"data:application/octet-stream;base64,"'],
      ['import.meta.url', '""'],
    ],
  },
];

/** What Ink asks of es-toolkit/compat; the whole of that library costs 14 MiB and 135 ms. */
const THROTTLE = `export function throttle(run, waitMs = 0) {
  let timer = null, args = null;
  const fire = () => { const call = args; args = null; run(...call); };
  const tick = () => { timer = null; if (args) { fire(); timer = setTimeout(tick, waitMs); } };
  const throttled = (...call) => { args = call; if (timer === null) { fire(); timer = setTimeout(tick, waitMs); } };
  throttled.cancel = () => { clearTimeout(timer); timer = null; args = null; };
  throttled.flush = () => { clearTimeout(timer); timer = null; if (args) fire(); };
  return throttled;
}`;

/** The text with every edit made; throws when an edit finds nothing, or two places, to change. */
export function patched(patch, text) {
  let result = text;
  for (const [find, put] of patch.edits) {
    const places = typeof find === 'string' ? result.split(find).length - 1 : find.test(result) ? 1 : 0;
    if (places !== 1) {
      throw new Error(`patch of ${patch.file} (${patch.why}): ${places} places instead of one match ${find}`);
    }
    result = result.replace(find, () => put);
  }
  return (patch.prefix ?? '') + result;
}

/** Replaces a whole module by `contents`. */
function replaceModule(build, name, contents) {
  const filter = new RegExp(`^${name.replaceAll(/[/.]/g, '\\$&')}$`);
  build.onResolve({ filter }, () => ({ path: name, namespace: `replaced-${name}` }));
  build.onLoad({ filter: /.*/, namespace: `replaced-${name}` }, () => ({ contents, loader: 'js' }));
}

function yogaBytes() {
  const file = path.join(ROOT, 'node_modules/yoga-layout/dist/binaries/yoga-wasm-base64-esm.js');
  const found = /"data:application\/octet-stream;base64,([A-Za-z0-9+/=]+)"/.exec(readFileSync(file, 'utf8'));
  if (!found) throw new Error(`${file} holds no WebAssembly bytes where the patch of yoga expects them`);
  return `export default ${JSON.stringify(found[1])};`;
}

function inkPatches() {
  const done = new Set();
  return {
    name: 'ink-patches',
    setup(build) {
      for (const patch of PATCHES) {
        const filter = new RegExp(
          `node_modules[\\\\/]${patch.file.replaceAll('.', '\\.').replaceAll('/', '[\\\\/]')}$`,
        );
        build.onLoad({ filter }, ({ path: file }) => {
          done.add(patch.file);
          return { contents: patched(patch, readFileSync(file, 'utf8')), loader: 'js', resolveDir: path.dirname(file) };
        });
      }
      replaceModule(build, 'es-toolkit/compat', THROTTLE);
      // conf reaches for these only when it is given a schema, which we do not: valibot checks our settings.
      replaceModule(
        build,
        'ajv/dist/2020.js',
        'export class Ajv2020 { constructor() { throw new Error("conf without schema"); } }',
      );
      replaceModule(build, 'ajv-formats', 'export default {};');
      // Only reached from Ink's devtools.js, which the patch of the reconciler cuts off.
      replaceModule(build, 'react-devtools-core', 'export default {};');
      // One for all: wrap-ansi brings an older one of its own.
      const width = path.join(ROOT, 'node_modules/string-width/index.js');
      build.onResolve({ filter: /^string-width$/ }, () => ({ path: width }));
      build.onResolve({ filter: /^yoga-wasm-bytes$/ }, () => ({ path: 'yoga-wasm-bytes', namespace: 'yoga-bytes' }));
      build.onLoad({ filter: /.*/, namespace: 'yoga-bytes' }, () => ({ contents: yogaBytes(), loader: 'js' }));
      build.onEnd(({ metafile, errors }) => {
        if (errors.length > 0 || !metafile) return undefined;
        const inputs = Object.keys(metafile.inputs);
        const faults = [];
        if (inputs.some((input) => input.includes('node_modules/ink/'))) {
          for (const patch of PATCHES) if (!done.has(patch.file)) faults.push(`patch of ${patch.file} met no file`);
        }
        for (const banned of ['node_modules/es-toolkit/', 'ink/build/devtools.js', 'node_modules/ws/']) {
          if (inputs.some((input) => input.includes(banned))) faults.push(`${banned} slipped into the bundle`);
        }
        return { errors: faults.map((text) => ({ text })) };
      });
    },
  };
}

/** Builds one entry. Rejects with esbuild's report. */
async function bundle({ entry, out, flags = [] }) {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const result = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minify: true,
    jsx: 'automatic',
    // React's development build leaks performance.measure entries (ink issue 869) and is slower.
    define: {
      'process.env.NODE_ENV': '"production"',
      'process.env.DEV': '"false"',
      __WREN_VERSION__: JSON.stringify(version),
      __WREN_V8_FLAGS__: JSON.stringify(V8_FLAGS),
    },
    banner: flags.length === 0 ? {} : { js: bannerOf(flags) },
    external: EXTERNAL,
    plugins: [inkPatches()],
    metafile: true,
    logLevel: 'warning',
  });
  const [output] = Object.values(result.metafile.outputs);
  return output.bytes;
}

async function main(argv) {
  if (argv.length === 2) {
    await bundle({ entry: path.resolve(argv[0]), out: path.resolve(argv[1]), flags: SCREEN_HEAP });
    return;
  }
  const present = ENTRIES.filter(({ entry }) => existsSync(path.join(ROOT, entry)));
  for (const { entry } of ENTRIES.filter((one) => !present.includes(one))) {
    process.stderr.write(`build: SKIPPED ${entry}: there is no such file\n`);
  }
  const results = await Promise.allSettled(
    present.map(async (one) => {
      const bytes = await bundle(one);
      process.stderr.write(`build: ${one.out} ${(bytes / 1024).toFixed(0)} KiB\n`);
    }),
  );
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') {
      process.stderr.write(`build: FAILED ${present[index].entry}: ${result.reason?.message ?? result.reason}\n`);
      process.exitCode = 1;
    }
  }
  if (!process.exitCode) writeReference();
}

/** What the program says of itself, for those who package it: man page and completions, made by the program just built. */
function writeReference() {
  const say = (...argv) => execFileSync(process.execPath, [path.join(ROOT, 'dist/wren.cjs'), ...argv]);
  writeFileSync(path.join(ROOT, 'dist/wren.1'), say('man'));
  for (const [shell, file] of [
    ['bash', 'wren.bash'],
    ['zsh', '_wren'],
    ['fish', 'wren.fish'],
  ]) {
    writeFileSync(path.join(ROOT, 'dist', file), say('completion', shell));
  }
}

// Imported by a test it builds nothing.
if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
