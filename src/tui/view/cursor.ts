/**
 * Where the terminal's cursor stands. Ink's own way is off while frames are written whole, so a text field looks up
 * its place in Ink's layout after each commit and hands it to whoever writes the frame.
 */
import type { DOMElement } from 'ink';
import { createContext, type RefObject, useContext, useLayoutEffect } from 'react';
import type { CursorPlace } from '../terminal/diff-stdout.ts';

/** Told the place of the cursor after each commit in which a field has it. */
export const CursorSink = createContext<(place: CursorPlace) => void>(() => {});

/** Puts the cursor at `column`, `row` within the element, while `active`. */
export function useCursorIn(
  element: RefObject<DOMElement | null>,
  active: boolean,
  { column, row }: CursorPlace,
): void {
  const tell = useContext(CursorSink);
  useLayoutEffect(() => {
    if (!active || !element.current) return;
    const origin = placeOf(element.current);
    tell({ column: origin.column + column, row: origin.row + row });
  });
}

function placeOf(element: DOMElement): CursorPlace {
  let column = 0;
  let row = 0;
  for (let node: DOMElement | undefined = element; node; node = node.parentNode) {
    column += node.yogaNode?.getComputedLeft() ?? 0;
    row += node.yogaNode?.getComputedTop() ?? 0;
  }
  return { column, row };
}
