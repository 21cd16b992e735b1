/** Serving the network on the screen: asked once and never under a half-typed line, shown, and ended at any time. */
import { expect, test } from 'vitest';
import type { SafetyReport } from '../../src/store/port.ts';
import type { AppState, ServingReport } from '../../src/store/state.ts';
import { layoutOf } from '../../src/tui/layout.ts';
import { type Question, questionRows } from '../../src/tui/rows/question-rows.ts';
import { statusRow } from '../../src/tui/rows/status-rows.ts';
import { plainText } from '../../src/tui/text/spans.ts';
import { UNICODE_GLYPHS } from '../../src/tui/theme.ts';
import { NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, SIGNED_IN } from '../support/scripted-agent.ts';
import { CANDIDATE, SERVES } from '../support/serving-reports.ts';

const PEOPLE: AppState = { ...SIGNED_IN, buddies: [buddy('bobby1')] };

/** The question has stood there long enough to be read. */
function read(scene: Scene): Scene {
  scene.world = { ...scene.world, nowMs: NOW_MS + 1_000 };
  return scene;
}

test('a candidate is asked once; yes and no are answers, and kept by the agent', () => {
  for (const [key, yes] of [
    ['y', true],
    ['n', false],
    ['\x1b', false],
  ] as const) {
    const scene = new Scene(PEOPLE);
    scene.event({ type: 'serving.changed', serving: CANDIDATE });
    expect(scene.ui.dialog).toMatchObject({ type: 'confirm', what: 'serve' });
    expect(scene.asked()).toEqual([{ type: 'serving.screen' }]);
    expect(read(scene).type(key).asked()).toContainEqual({ type: 'serving.answer', yes });
    expect(scene.ui.dialog).toBeNull();
  }
});

test('a key that was already on its way does not answer', () => {
  const scene = new Scene(PEOPLE).event({ type: 'serving.changed', serving: CANDIDATE }).type('n');
  expect(scene.asked()).not.toContainEqual({ type: 'serving.answer', yes: false });
  expect(scene.ui.dialog).toMatchObject({ what: 'serve' });
});

test('nobody is asked over a half-typed line, a search or a filter; but as soon as that is done', () => {
  const writing = new Scene(PEOPLE, { selected: 'bobby1', focus: 'chat' }).type('hel');
  writing.event({ type: 'serving.changed', serving: CANDIDATE });
  expect(writing.ui.dialog).toBeNull();
  expect(writing.type('lo').ui.drafts.bobby1?.text).toBe('hello');
  expect(writing.type('\x1b').ui.dialog).toMatchObject({ what: 'serve' });
  const filtering = new Scene(PEOPLE).type('/bo').event({ type: 'serving.changed', serving: CANDIDATE });
  expect(filtering.ui.dialog).toBeNull();
  const searching = new Scene(PEOPLE).type('s').event({ type: 'serving.changed', serving: CANDIDATE });
  expect(searching.ui.dialog).toMatchObject({ type: 'search' });
});

test('whoever serves sees for how many, and ends it from the menu of the person', () => {
  const scene = new Scene(PEOPLE).event({ type: 'serving.changed', serving: SERVES });
  const style = { columns: 120, glyphs: UNICODE_GLYPHS, nowMs: NOW_MS, context: 'browsing' } as const;
  const row = statusRow(scene.world.app, scene.ui, style).map(({ text }) => text);
  expect(row.join('')).toContain('supernode serves 3 people now');
  scene.type('pjjjjjj\r');
  expect(scene.ui.dialog).toMatchObject({ type: 'confirm', what: 'serve-no-more' });
  expect(scene.type('y').asked()).toContainEqual({ type: 'serving.set', consent: 'never' });
});

test('in a low window the question is scrolled, no word of it is lost, and the answers stay in sight', () => {
  const long = { words: ['embarrass', 'actor', 'cause', 'misery', 'library', 'wing'], digits: ['12345'] };
  const safety: SafetyReport = {
    ...{ name: 'bobby1', safety: 'known', sinceMs: 0, key: 'ab'.repeat(32) },
    halves: [
      { name: 'alice1', ...long },
      { name: 'bobby1', ...long },
    ],
  };
  for (const [columns, rows] of [
    [40, 12],
    [30, 8],
    [100, 30],
  ] as const) {
    for (const more of [{ what: 'serve' }, { what: 'verify', safety }] as const) {
      const dialog = { type: 'confirm', name: 'bobby1', ...more } as const;
      const scene = new Scene({ ...PEOPLE, serving: CANDIDATE }, { columns, rows, dialog, askedToServe: true });
      const seen = new Set<string>();
      for (let step = 0; step < 40; step++) {
        const open = scene.ui.dialog as Question;
        const { rows: shown } = questionRows(scene.world.app, scene.ui, open, 'confirming');
        expect(shown.length).toBeLessThanOrEqual(layoutOf(scene.world.app, scene.ui).bodyRows - 2);
        const texts = shown.map(plainText);
        expect(texts.slice(-2).join(' ')).toMatch(/y {2}yes.* n {2}no/);
        for (const word of texts.join(' ').split(/\s+/)) seen.add(word);
        scene.type('j');
      }
      const wanted = more.what === 'verify' ? [...long.words, 'side.'] : ['May', 'known', 'kbit/s.', 'never.'];
      expect([columns, wanted.filter((word) => !seen.has(word))]).toEqual([columns, []]);
      expect(scene.type('k').ui.dialog).not.toBeNull();
    }
  }
});

test('whoever refused may agree later, from the same menu', () => {
  const refused: ServingReport = {
    ...CANDIDATE,
    ...{ role: 'ordinary', reason: 'refused', why: 'switched off', consent: 'never', asks: false },
  };
  const scene = new Scene(PEOPLE).event({ type: 'serving.changed', serving: refused });
  scene.type('pjjjjjj\r').type('y');
  expect(scene.asked()).toEqual([
    { type: 'serving.screen' },
    { type: 'serving.set', consent: 'auto' },
    { type: 'serving.answer', yes: true },
  ]);
});
