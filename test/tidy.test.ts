/**
 * What can be checked about the tree itself: layers, banned calls, lengths, headers, names, and that PROTOCOL.md lists
 * every message. Each forbidden edge carries its reason in the table.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(folder, name);
    return statSync(join(root, path)).isDirectory() ? filesUnder(path) : [path];
  });
}

const sources = [...filesUnder('src'), ...filesUnder('bin')].filter(
  (path) => /\.tsx?$/.test(path) && !path.includes('generated'),
);
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const found: Import[] = [];
  for (const match of textOf(path).matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gms)) {
    const target = match[2] ?? '';
    const resolved = target.startsWith('.') ? normalize(join(dirname(path), target)) : target;
    found.push({ target: resolved, typeOnly: match[1] !== undefined });
  }
  return found;
}

/** Room of a file -> what it may import, as prefixes; `type` ones for types only. */
const LAYERS: {
  readonly room: RegExp;
  readonly may: readonly RegExp[];
  readonly types?: readonly RegExp[];
  readonly why: string;
}[] = [
  {
    room: /^src\/net\/protocol\//,
    may: [/^src\/net\/protocol\//, /^node:net$/],
    why: 'everybody imports it, so it imports nobody',
  },
  {
    room: /^src\/net\/wire\//,
    may: [/^src\/net\/(wire|protocol)\//, /^protobufjs\//, /^node:crypto$/],
    why: 'bytes know nothing of sessions',
  },
  {
    room: /^src\/net\/transport\//,
    may: [/^src\/net\/(transport|wire|protocol)\//, /^node:crypto$/],
    why: 'sessions carry services, not the reverse',
  },
  ...['nat', 'overlay', 'login', 'call', 'chat', 'media'].map((room) => ({
    room: new RegExp(`^src/net/${room}/`),
    may: [
      new RegExp(`^src/net/(${room}|wire|protocol)/`),
      /^node:crypto$/,
      ...(room === 'login' ? [/^node-forge$/, /^@scure\/bip39\/wordlists\//] : []),
    ],
    why: 'services never import one another: the node table introduces them',
  })),
  {
    room: /^src\/net\/node\//,
    may: [/^src\/net\/(node|nat|overlay|login|call|chat|media|transport|wire|protocol)\//, /^node:crypto$/],
    why: 'a node does no I/O',
  },
  {
    room: /^src\/net\/io\//,
    may: [/^src\/net\/(io|protocol)\//, /^node:/, /^socks$/],
    why: 'sockets know no messages',
  },
  {
    room: /^src\/net\/(index|servers)\.ts$/,
    may: [/^src\/net\/(node|login|chat|call|media|nat|overlay|protocol)\//],
    why: 'the face',
  },
  {
    room: /^src\/audio\//,
    may: [/^src\/audio\//, /^node:/, /^(opusscript|naudiodon|@discordjs\/opus)/],
    why: 'audio imports nothing else of ours',
  },
  {
    room: /^src\/tui\/(map|monitor)\//,
    may: [
      /^src\/tui\/(map|monitor)\//,
      /^src\/tui\/text\/width\.ts$/,
      /^src\/store\/(port|state)\.ts$/,
      /^blessed(-contrib\/|$)/,
      /^node:/,
    ],
    why: 'map and monitor are drawn by blessed, which must never meet Ink',
  },
  {
    room: /^src\/tui\//,
    may: [
      /^src\/tui\//,
      /^src\/store\/(state|port|agent-client|reduce)\.ts$/,
      /^src\/net\/protocol\/(failures|ids)\.ts$/,
      /^(ink|react|string-width|ansi-escapes)(\/|$)/,
      /^node:/,
    ],
    why: 'the screen draws state and speaks to the agent only',
  },
  { room: /^src\/store\/agent[^/]*\.ts$/, may: [/^src\/(store|net|audio)\//, /^node:/, /./], why: 'joins the halves' },
  {
    room: /^src\/store\//,
    may: [
      /^src\/store\//,
      /^src\/net\/(protocol|login|chat)\//,
      /^node:/,
      /^(libsql|pg|conf|env-paths|valibot|pino|fast-xml-parser|mmdb-lib)$/,
    ],
    types: [/^src\/(net|audio)\//],
    why: 'files and state know no node',
  },
  { room: /^bin\//, may: [/./], why: 'composes everything' },
];

describe('layers', () => {
  it.each(sources)('%s imports only what its room may', (path) => {
    const layer = LAYERS.find(({ room }) => room.test(path));
    expect(layer, `no room for ${path}: name it in test/tidy.test.ts and src/ARCHITECTURE.md`).toBeDefined();
    const wrong = importsOf(path).filter(
      ({ target, typeOnly }) =>
        !layer?.may.some((allowed) => allowed.test(target)) &&
        !(typeOnly && layer?.types?.some((allowed) => allowed.test(target))),
    );
    expect(
      wrong.map(({ target }) => target),
      layer?.why,
    ).toEqual([]);
  });

  it('keeps Ink and React in tui, blessed in tui/map and tui/monitor, PortAudio and Opus in audio', () => {
    const owners: [RegExp, RegExp][] = [
      [/^(ink|react)$/, /^(src\/tui\/|bin\/screen)/],
      [/^blessed/, /^src\/tui\/(map\/(world-map\.ts|blessed-screen\.ts|blessed\.d\.ts)|monitor\/monitor-screen\.ts)$/],
      [/^mmdb-lib$/, /^src\/store\/country-file\.ts$/],
      [/^(naudiodon|@discordjs\/opus|opusscript)/, /^src\/audio\//],
      [/^node-forge$/, /^src\/net\/login\/credential/],
      [/^@scure\/bip39/, /^src\/net\/login\/safety-words\.ts$/],
      [/^@napi-rs\/keyring$/, /^bin\/secret-store\.ts$/],
      [/^(libsql|pg)$/, /-db\.ts$/],
      [/^socks$/, /^src\/net\/io\/proxy-socks\.ts$/],
    ];
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => owners.some(([what, where]) => what.test(target) && !where.test(path)))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

/** Rooms whose files are cores: no clock, chance, timer, promise or output of their own. */
const CORES = /^src\/net\/(protocol|wire|transport|nat|overlay|login|call|chat|media|node)\//;
const OUTSIDE = /-(io|file|db)\.tsx?$|^src\/net\/io\/|^src\/audio\/device/;

describe('cores', () => {
  it('reach for no clock, timer, chance, promise or console', () => {
    const banned =
      /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|console\.|process\.|await |new Promise)/;
    const wrong = sources
      .filter((path) => CORES.test(path) && !OUTSIDE.test(path))
      .flatMap((path) =>
        textOf(path)
          .split('\n')
          .map((line, i) => ({ line, at: `${path}:${i + 1}` }))
          .filter(({ line }) => banned.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
          .map(({ at }) => at),
      );
    expect(wrong).toEqual([]);
  });

  it('leave files and sockets to the modules whose names say so', () => {
    const outside = /^node:(fs|fs\/promises|net|dgram|dns|dns\/promises|child_process|tls|http|https)$/;
    const wrong = sources
      .filter(
        (path) =>
          /^src\/(net|store|audio)\//.test(path) && !OUTSIDE.test(path) && path !== 'src/net/protocol/endpoint.ts',
      )
      .flatMap((path) =>
        importsOf(path)
          .filter(({ target, typeOnly }) => outside.test(target) && !typeOnly)
          .map(({ target }) => `${path} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('style', () => {
  it.each(sources)('%s opens with a paragraph that says what it is', (path) => {
    expect(textOf(path).replace(/^#!.*\n/, '')).toMatch(/^\/\*\*[\s\S]{40,}?\*\//);
  });

  it('keeps files under 400 lines unless their header says why', () => {
    const wrong = sources.filter((path) => {
      const text = textOf(path);
      const header = text.slice(0, text.indexOf('*/'));
      return text.split('\n').length > 400 && !/400/.test(header);
    });
    expect(wrong).toEqual([]);
  });

  it('has no room for leftovers', () => {
    const wrong = sources.filter((path) => /(^|[/-])(utils?|helpers?|common|misc|manager)([/.-]|$)/.test(path));
    expect(wrong).toEqual([]);
  });

  it('marks nothing as unfinished', () => {
    const wrong = sources.filter((path) => /\b(TODO|FIXME|XXX|HACK)\b/.test(textOf(path)));
    expect(wrong).toEqual([]);
  });
});

describe('PROTOCOL.md', () => {
  it('lists every message of the catalogue by its number', () => {
    const proto = textOf('src/net/wire/wren.proto');
    const oneof = proto.slice(proto.indexOf('oneof kind {'), proto.indexOf('\n  }\n}', proto.indexOf('oneof kind {')));
    const numbers = [...oneof.matchAll(/^\s+\w+ (\w+) = (\d+);/gm)].map((match) => ({
      name: match[1],
      number: match[2],
    }));
    expect(numbers.length).toBeGreaterThan(40);
    const page = textOf('src/net/PROTOCOL.md');
    const missing = numbers.filter(
      ({ name, number }) => !new RegExp(`^\\| *${number} *\\| *\`${name}\` *\\|`, 'm').test(page),
    );
    expect(missing).toEqual([]);
  });
});

describe('README and documents', () => {
  it('link only to files that are there', () => {
    const wrong = ['README.md', 'src/ARCHITECTURE.md', 'src/net/PROTOCOL.md', 'bench/README.md'].flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .map((match) => join(dirname(page), match[1] ?? ''))
        .filter((target) => {
          try {
            return !statSync(join(root, target));
          } catch {
            return true;
          }
        })
        .map((target) => `${page} -> ${relative('.', target)}`),
    );
    expect(wrong).toEqual([]);
  });
});
