/** Every picture fits its window, whatever is pressed, said and resized; and every field puts the cursor in itself. */
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { render } from 'ink';
import { expect, test } from 'vitest';
import type { AgentEvent } from '../../src/store/port.ts';
import type { AppState } from '../../src/store/state.ts';
import type { CursorPlace } from '../../src/tui/terminal/diff-stdout.ts';
import { parseCells } from '../../src/tui/terminal/frame-cells.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../src/tui/theme.ts';
import { App } from '../../src/tui/view/app.tsx';
import { CursorSink } from '../../src/tui/view/cursor.ts';
import { call, GOOD, NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';
import { CANDIDATE, SERVES } from '../support/serving-reports.ts';

class FrameKeeper extends EventEmitter {
  columns = 80;
  rows = 24;
  frame = '';
  write(frame: string): boolean {
    this.frame = frame;
    return true;
  }
}

/** Draws a scene the way the screen does; `lines` are rows of plain text. */
class Drawn {
  readonly stdout = new FrameKeeper();
  cursor: CursorPlace | undefined;
  private ink: ReturnType<typeof render> | undefined;

  draw(scene: Scene, glyphs = UNICODE_GLYPHS): string[] {
    this.cursor = undefined;
    const { columns, rows } = scene.ui;
    Object.assign(this.stdout, { columns, rows });
    const tree = (
      <CursorSink.Provider
        value={(place) => {
          this.cursor = place;
        }}
      >
        <App world={scene.world} glyphs={glyphs} />
      </CursorSink.Provider>
    );
    const stdout = this.stdout as unknown as NodeJS.WriteStream;
    if (this.ink) this.ink.rerender(tree);
    else this.ink = render(tree, { stdout, debug: true, patchConsole: false, exitOnCtrlC: false });
    return this.stdout.frame.split('\n').map((line) => parseCells(line, 1_000).glyphs.join(''));
  }

  close(): void {
    this.ink?.unmount();
  }
}

const LONG = 'words that go on and on '.repeat(20);
const PEOPLE: AppState = {
  ...SIGNED_IN,
  buddies: [
    buddy('bobby1', { displayName: `Bob ${LONG}` }),
    buddy('carol-w', { presence: 'away', displayName: '日本\n語 👨‍👩‍👧 🇩🇪 e\u0301', unread: 3 }),
    buddy('d'.repeat(32), { presence: 'do-not-disturb', unread: 12_345 }),
    buddy('erika_m', { relation: 'incoming', message: LONG }),
    buddy('frankie', { relation: 'outgoing', presence: 'offline', message: LONG }),
    buddy('mallory', { relation: 'blocked', presence: 'offline' }),
    ...Array.from({ length: 30 }, (_, index) =>
      buddy(`person${index}`, { presence: 'offline', lastSeenAtMs: NOW_MS - index * 3_600_000 }),
    ),
  ],
};
const FRESH: AppState = { ...SIGNED_IN, network: null, account: null };

const events: AgentEvent[] = [
  { type: 'call.changed', call: call({ phase: 'ringing', direction: 'in', peer: 'carol-w' }) },
  { type: 'call.changed', call: call({ phase: 'ringing' }) },
  {
    type: 'call.changed',
    call: call({ phase: 'running', answeredAtMs: NOW_MS, quality: GOOD, via: LONG, path: 'relay' }),
  },
  { type: 'call.changed', call: call({ phase: 'held', heldBy: 'both', answeredAtMs: NOW_MS, muted: true }) },
  { type: 'call.changed', call: call({ phase: 'ended', reason: 'unreachable' }) },
  { type: 'link.changed', connection: 'connecting', supernode: null, trouble: 'unreachable-network' },
  { type: 'link.changed', connection: 'online', supernode: null, trouble: null },
  { type: 'notice', code: 'audio-no-device', detail: LONG },
  { type: 'chat.message', line: chatLine(LONG, { with: 'bobby1', id: 'x' }) },
  { type: 'chat.message', line: chatLine('日本 👨‍👩‍👧 \n\n\n🇩🇪', { with: 'carol-w', id: 'y' }) },
  { type: 'buddy.removed', name: 'bobby1' },
  { type: 'serving.changed', serving: CANDIDATE },
  { type: 'serving.changed', serving: { ...SERVES, why: LONG } },
];
const keys = fc.constantFrom(
  ...'jkgGcedmoiyxsnpurb?/ahq:,MPL',
  ...[
    '\r',
    '\t',
    '\x1b',
    '\x1b[A',
    '\x1b[B',
    '\x1b[5~',
    '\x1b[6~',
    '\x1bi',
    '\x1ba',
    '\x1bOP',
    '\x03',
    '\x10',
    '\x7f',
    '日',
    '🇩🇪',
    LONG,
  ],
);
const sizes = fc.record({ columns: fc.integer({ min: 8, max: 140 }), rows: fc.integer({ min: 3, max: 50 }) });
type Deed = string | AgentEvent | { readonly columns: number; readonly rows: number };
const deeds = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: keys },
    { weight: 2, arbitrary: fc.constantFrom(...events) },
    sizes,
  ) as fc.Arbitrary<Deed>,
  { maxLength: 25 },
);

function carryOut(scene: Scene, deed: Deed): void {
  if (typeof deed === 'string') scene.type(deed);
  else if ('type' in deed) scene.event(deed);
  else scene.receive({ type: 'resized', ...deed });
}

test('no sequence of keys, events and sizes makes a picture that does not fit, or a cursor outside of it', () => {
  fc.assert(
    fc.property(fc.constantFrom(PEOPLE, FRESH, { ...FRESH, network: 'n' }, SIGNED_IN), deeds, (app, all) => {
      const scene = new Scene(app);
      const drawn = new Drawn();
      try {
        for (const deed of all) {
          carryOut(scene, deed);
          const { columns, rows } = scene.ui;
          const lines = drawn.draw(scene);
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(parseCells(line, 1_000).glyphs.length, line).toBeLessThanOrEqual(columns);
          if (!drawn.cursor) continue;
          expect(drawn.cursor.row).toBeLessThan(rows);
          expect(drawn.cursor.column).toBeLessThan(columns);
        }
      } finally {
        drawn.close();
      }
    }),
    { numRuns: 60 },
  );
});

/** The scene drawn at a size, with the cursor shown as a bar. */
function picture(scene: Scene, columns: number, rows: number, glyphs = UNICODE_GLYPHS): string {
  scene.receive({ type: 'resized', columns, rows });
  const drawn = new Drawn();
  const lines = drawn.draw(scene, glyphs);
  const { cursor } = drawn;
  drawn.close();
  if (!cursor) return lines.join('\n');
  return lines
    .map((line, row) =>
      row === cursor.row ? `${line.slice(0, cursor.column)}|${line.slice(cursor.column + 1)}` : line,
    )
    .join('\n');
}

const TALK = [
  chatLine('are you there?', { id: '1', storedAtMs: NOW_MS - 90_000_000 }),
  chatLine('yes', { id: '2', direction: 'out', storedAtMs: NOW_MS - 3_600_000 }),
  chatLine('good', { id: '3', storedAtMs: NOW_MS - 1_800_000 }),
];
const FEW: AppState = {
  ...SIGNED_IN,
  buddies: [buddy('bobby1', { displayName: 'Bob' }), buddy('carol-w', { presence: 'away' })],
};

function talking(): Scene {
  const scene = new Scene(FEW, { selected: 'bobby1', focus: 'chat' });
  return scene.reply({ for: 'history', with: 'bobby1' }, TALK);
}

test('a talk with a half-typed line, and the same while it rings', () => {
  const scene = talking().type('meet at');
  expect(picture(scene, 80, 14)).toMatchSnapshot();
  scene.event({ type: 'call.changed', call: call({ phase: 'ringing', direction: 'in', peer: 'carol-w' }) });
  expect(picture(scene, 80, 20)).toMatchSnapshot();
  expect(picture(scene, 40, 12)).toMatchSnapshot();
});

test('a running call with its figures, wide and narrow', () => {
  const scene = talking().event({
    type: 'call.changed',
    call: call({ phase: 'running', answeredAtMs: NOW_MS - 65_000, quality: GOOD, inputDb: -20, outputDb: -30 }),
  });
  expect(picture(scene, 90, 20)).toMatchSnapshot();
  expect(picture(scene, 40, 12)).toMatchSnapshot();
  expect(picture(scene.type('\x1bi'), 90, 22)).toMatchSnapshot();
});

test('the walk, and a dialog over the list', () => {
  expect(picture(new Scene(FRESH).type('wren:abc'), 70, 20)).toMatchSnapshot();
  expect(picture(new Scene({ ...FRESH, network: 'n' }).type('\rbob\r'), 70, 20)).toMatchSnapshot();
  expect(picture(new Scene(FEW).type('nfrankie\rhello'), 80, 16)).toMatchSnapshot();
  const found = new Scene(FEW)
    .type('flunch\r')
    .reply({ for: 'find', words: 'lunch' }, [chatLine('no lunch'), chatLine(`${LONG} lunch?`)]);
  expect(picture(found, 80, 18)).toMatchSnapshot();
  expect(picture(found, 34, 10)).toMatchSnapshot();
  const half = { words: ['embark', 'actor', 'cause', 'misery', 'library', 'wing'], digits: [] };
  const halves = [
    { name: 'alice1', ...half },
    { name: 'bobby1', ...half },
  ];
  const safety = { name: 'bobby1', safety: 'changed' as const, sinceMs: 0, key: '', halves };
  expect(picture(new Scene(FEW).reply({ for: 'safety', name: 'bobby1' }, safety), 80, 18)).toMatchSnapshot();
});

test('trouble stays in sight in words; signs have an ASCII form', () => {
  const scene = talking().event({
    type: 'link.changed',
    connection: 'connecting',
    supernode: null,
    trouble: 'unreachable-network',
  });
  expect(picture(scene, 80, 14, ASCII_GLYPHS)).toMatchSnapshot();
});
