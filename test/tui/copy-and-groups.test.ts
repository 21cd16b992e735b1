import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buddiesOf, listRows } from '../../src/tui/rows/buddy-rows.ts';
import { copyable, linksIn } from '../../src/tui/rows/copy-rows.ts';
import { moveRow, promptRows } from '../../src/tui/rows/prompt-rows.ts';
import { COPY_BYTES_MAX, clipboardCode } from '../../src/tui/terminal/clipboard.ts';
import { editorOf } from '../../src/tui/text/editor.ts';
import { draftOf } from '../../src/tui/ui-state.ts';
import { NOW_MS, Scene } from '../support/screen-scenes.ts';
import { buddy, chatLine, SIGNED_IN } from '../support/scripted-agent.ts';

const PEOPLE = {
  ...SIGNED_IN,
  buddies: [buddy('Bobby1'), buddy('carol-w', { presence: 'offline' }), buddy('daniel', { presence: 'away' })],
};

/** What a terminal would put into its clipboard. */
function pasted(code: string): string {
  return Buffer.from(/\x1b\]52;c;([^\x07]*)\x07/.exec(code)?.[1] ?? '', 'base64').toString();
}

test('links end where people end them', () => {
  expect(linksIn('see https://a.example/x?y=1, or (http://b.example/z). mailto:c@d.example!')).toEqual([
    'https://a.example/x?y=1',
    'http://b.example/z',
    'mailto:c@d.example',
  ]);
  expect(linksIn('no:link here, http://')).toEqual([]);
});

test('links and messages are chosen from a list, the newest first, and sent to the terminal', () => {
  const scene = new Scene(PEOPLE, { selected: 'Bobby1', focus: 'chat' });
  scene.reply({ for: 'history', with: 'Bobby1' }, [
    chatLine('old', { id: '1', storedAtMs: NOW_MS - 2 }),
    chatLine('look: https://a.example/b.', { id: '2', storedAtMs: NOW_MS - 1 }),
  ]);
  expect(copyable(scene.ui.conversations.Bobby1?.lines ?? []).map(({ kind, text }) => [kind, text])).toEqual([
    ['link', 'https://a.example/b'],
    ['message', 'look: https://a.example/b.'],
    ['message', 'old'],
  ]);
  scene.type('\x1by\r');
  expect(scene.effects.at(-1)).toEqual({ type: 'copy', text: 'https://a.example/b' });
  expect(scene.ui.notice?.text).toContain('clipboard');
  expect(scene.type('\x1byjj\r').effects.at(-1)).toEqual({ type: 'copy', text: 'old' });
});

test('what is copied is harmless and bounded, and tmux gets it both ways', () => {
  expect(clipboardCode('a\x1b]52;c;xx\x07', {})).toMatch(/^\x1b\]52;c;[A-Za-z0-9+/=]*\x07$/);
  expect(pasted(clipboardCode('wörd 日本', {}))).toBe('wörd 日本');
  const long = pasted(clipboardCode('日'.repeat(40_000), {}));
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(COPY_BYTES_MAX);
  expect(long).toMatch(/^日+$/);
  expect(clipboardCode('x', { TMUX: '/tmp/t' })).toBe('\x1b]52;c;eA==\x07\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\');
});

test('a group of the person stands as a section of its own, who is there first', () => {
  const groups = { bobby1: 'work', 'carol-w': 'Friends', daniel: 'Friends', nobody: 'Gone' };
  const rows = listRows(PEOPLE, '', groups).map((row) => (row.type === 'section' ? `# ${row.title}` : row.buddy.name));
  expect(rows).toEqual(['# Friends', 'daniel', 'carol-w', '# work', 'Bobby1']);
  expect(buddiesOf(listRows(PEOPLE, 'frie', groups)).map(({ name }) => name)).toEqual(['daniel', 'carol-w']);
});

test('a buddy is put into a group by a key, and taken out by an empty one', () => {
  const scene = new Scene(PEOPLE, { selected: 'Bobby1' }).type('Lwork  mates\r');
  expect(scene.effects.at(-1)).toEqual({ type: 'save', change: { groups: { bobby1: 'work mates' } } });
  expect(scene.ui.selected).toBe('Bobby1');
  expect(scene.type('L\x15\r').effects.at(-1)).toEqual({ type: 'save', change: { groups: {} } });
  expect(scene.type('Lxx\x1b').ui.preferences.groups).toEqual({});
});

test('arrows walk the rows of a message that is being written, and what was sent lies beyond them', () => {
  const scene = new Scene(PEOPLE, { selected: 'Bobby1', focus: 'chat' }).type('sent before\r');
  scene.type('first\x0asecond\x1b[A');
  expect(draftOf(scene.ui, 'Bobby1')).toMatchObject({ text: 'first\nsecond', cursor: 5 });
  expect(draftOf(scene.type('\x1b[A').ui, 'Bobby1').text).toBe('sent before');
  expect(draftOf(scene.type('\x1b[B').ui, 'Bobby1').text).toBe('first\nsecond');
});

test('a row up and a row down stay in their column as far as there is one, at graphemes only', () => {
  const texts = fc
    .array(fc.constantFrom('a', 'bc ', '日', '\n', '🇩🇪', 'é'), { maxLength: 30 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 9 }), (text, columns) => {
      const editor = editorOf(text);
      const all = { columns, rowsMax: 1_000 };
      const up = moveRow(editor, columns, -1);
      const from = promptRows(editor, all).cursor;
      if (from.row === 0) expect(up).toBeUndefined();
      if (!up) return;
      const to = promptRows(up, all).cursor;
      expect(to.row).toBe(from.row - 1);
      expect(to.column).toBeLessThanOrEqual(from.column);
      expect(moveRow(up, columns, 1)).toBeDefined();
    }),
  );
});

test('a row up in a long text is one look at it', () => {
  const editor = editorOf('word '.repeat(12_000));
  expect(moveRow(editor, 60, -1)?.cursor).toBe(59_940);
});
