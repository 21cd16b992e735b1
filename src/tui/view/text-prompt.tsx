/** A text field: what is typed, and the real cursor in it. Editing itself is `text/editor.ts`, keys are the key table. */
import { Box, type DOMElement } from 'ink';
import { useRef } from 'react';
import { promptRows } from '../rows/prompt-rows.ts';
import type { Editor } from '../text/editor.ts';
import { pad } from '../text/width.ts';
import { useCursorIn } from './cursor.ts';
import { Line } from './line.tsx';

export interface TextPromptProps {
  readonly editor: Editor;
  readonly columns: number;
  readonly rowsMax?: number;
  /** The field has the focus. */
  readonly active: boolean;
  /** Drawn for every character of a password. */
  readonly secret?: string;
  /** Shown dim while nothing is typed. */
  readonly placeholder?: string;
}

export const TextPrompt = ({ editor, columns, rowsMax = 1, active, secret, placeholder = '' }: TextPromptProps) => {
  const element = useRef<DOMElement>(null);
  const { rows, cursor } = promptRows(editor, { columns, rowsMax, secret });
  useCursorIn(element, active, { column: Math.min(cursor.column, columns - 1), row: cursor.row });
  const empty = editor.text === '';
  return (
    <Box ref={element} flexDirection="column" width={columns} flexShrink={0}>
      {rows.map((text, index) => (
        <Line
          // biome-ignore lint/suspicious/noArrayIndexKey: a row of the field is its place.
          key={index}
          row={[{ text: pad(empty ? placeholder : text, columns), tone: empty ? 'muted' : 'plain' }]}
        />
      ))}
    </Box>
  );
};
